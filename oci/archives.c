/* SPDX-License-Identifier: Apache-2.0 */
/* Owns images in one tar: docker save and load, docker-archive:, oci-archive:. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/archive.h"
#include "oci/convert.h"
#include "oci/derive.h"
#include "oci/json.h"
#include "oci/layer.h"
#include "oci/reference.h"
#include "oci/transfer.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { ENTRIES_MAX = 100000, CHUNK = 1 << 18, PATH_ROOM = 4096 };

/* ---- in: the archive's files, kept aside under numbers ---- */

struct spooled {
	char *path;   /* as in the archive, cleaned */
	char *target; /* of a link, cleaned and joined; NULL: a file */
};

struct spool {
	char *dir;
	struct spooled *entries;
	unsigned count;
};

/* "a/./b//../c" is "a/c"; what climbs out of the archive stays at its top. */
static char *clean(const void *ctx, const char *base, const char *path)
{
	char *out = mem_array(ctx, char, strlen(base) + strlen(path) + 2), *end = out;
	const char *parts[2] = { path[0] == '/' ? "" : base, path };
	for (unsigned i = 0; i < 2; i++) {
		for (const char *p = parts[i]; *p;) {
			size_t n = strcspn(p, "/");
			if (n == 2 && p[0] == '.' && p[1] == '.') {
				while (end > out && *--end != '/')
					;
				*end = '\0';
			} else if (n && !(n == 1 && p[0] == '.')) {
				if (end > out)
					*end++ = '/';
				memcpy(end, p, n);
				end += n;
			}
			p += n + (p[n] == '/');
		}
	}
	*end = '\0';
	return out;
}

static int spool_item(struct spool *s, struct archive_reader *r, const struct archive_item *item, char *buffer,
		      struct error *err)
{
	s->entries = mem_grow(s, s->entries, struct spooled, s->count + 1);
	struct spooled *e = &s->entries[s->count];
	e->path = clean(s, "", item->path);
	e->target = NULL;
	if (item->link_target) {
		/* A symlink is relative to its directory, a hard link to the archive's top. */
		CLEANUP_TALLOC char *dir = mem_strdup(NULL, e->path);
		char *slash = strrchr(dir, '/');
		*(slash ? slash : dir) = '\0';
		e->target = clean(s, item->is_hard_link ? "" : dir, item->link_target);
		s->count++;
		return 0;
	}
	if (!S_ISREG(item->mode))
		return 0;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%u", s->dir, s->count);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "cannot create '%s'", path);
	for (ssize_t n; (n = archive_reader_read(r, buffer, CHUNK, err)) != 0;) {
		if (n < 0)
			return -1;
		int w = io_write_all(fd, buffer, n);
		if (w < 0)
			return error_set(err, -w, "cannot write '%s'", path);
	}
	s->count++;
	return 0;
}

static int spool_archive(const void *ctx, const char *dir, int fd, struct spool **ret, struct error *err)
{
	struct spool *s = mem_new(ctx, struct spool);
	struct archive_reader *r;
	struct archive_item item;
	char *buffer = mem_array(s, char, CHUNK);
	int n;
	s->dir = mem_strdup(s, dir);
	if (archive_reader_open(s, fd, &r, err) < 0)
		return -1;
	while ((n = archive_reader_next(r, &item, err)) == 1) {
		if (s->count == ENTRIES_MAX)
			return error_set(err, 0, "the archive has more than %d entries", ENTRIES_MAX);
		if (spool_item(s, r, &item, buffer, err) < 0)
			return -1;
	}
	*ret = s;
	return n;
}

/* The file kept for a path of the archive, links followed; NULL when it has none. */
static char *spooled_file(const void *ctx, const struct spool *s, const char *name)
{
	CLEANUP_TALLOC char *path = clean(NULL, "", name);
	for (unsigned depth = 0; depth < 16; depth++) {
		const struct spooled *found = NULL;
		for (unsigned i = 0; i < s->count; i++)
			if (strcmp(s->entries[i].path, path) == 0)
				found = &s->entries[i];
		if (!found)
			return NULL;
		if (!found->target)
			return mem_printf(ctx, "%s/%u", s->dir, (unsigned)(found - s->entries));
		talloc_free(path);
		path = mem_strdup(NULL, found->target);
	}
	return NULL;
}

static int read_spooled(const void *ctx, const struct spool *s, const char *name, char **ret, struct error *err)
{
	CLEANUP_TALLOC char *path = spooled_file(NULL, s, name);
	if (!path)
		return error_set(err, 0, "the archive lacks '%s'", name);
	return io_read_file(ctx, AT_FDCWD, path, IMAGE_JSON_MAX_BYTES, ret, NULL, err);
}

/* One entry of a docker-archive's manifest.json. */
static int load_docker_image(const void *ctx, struct store *store, const struct spool *s, struct json *entry,
			     const struct progress *progress, struct strlist *names, struct image **ret,
			     struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *config_name = json_get_string(entry, "Config");
	struct strlist *layer_names = json_get_strings(scratch, entry, "Layers");
	struct strlist *tags = json_get_strings(scratch, entry, "RepoTags");
	struct json *root;
	char *config;
	if (!config_name || !layer_names)
		return error_set(err, 0, "the archive's manifest.json lacks Config or Layers");
	if (read_spooled(scratch, s, config_name, &config, err) < 0 ||
	    json_parse(scratch, config, config_name, &root, err) < 0)
		return -1;
	struct strlist *ids = json_get_strings(scratch, json_get(root, "rootfs"), "diff_ids");
	if (!ids || ids->count != layer_names->count)
		return error_set(err, 0, "the archive names %zu layers, the image configuration %zu", layer_names->count,
				 ids ? ids->count : 0);
	struct descriptor *layers = mem_array(scratch, struct descriptor, ids->count);
	for (size_t i = 0; i < ids->count; i++) {
		char *path = spooled_file(scratch, s, layer_names->items[i]);
		if (!path)
			return error_set(err, 0, "the archive lacks '%s'", layer_names->items[i]);
		if (!digest_is_valid(ids->items[i]))
			return error_set(err, 0, "the image configuration has the malformed diffID '%s'", ids->items[i]);
		if (import_layer_file(scratch, store, path, ids->items[i], &layers[i], err) < 0)
			return -1;
		tell(progress, layers[i].digest, PROGRESS_DONE, layers[i].size_bytes, layers[i].size_bytes);
	}
	struct image *image = NULL;
	for (size_t i = 0; !i || (tags && i < tags->count); i++) {
		struct reference *ref = NULL;
		if (tags && i < tags->count && reference_parse(scratch, tags->items[i], &ref, err) < 0)
			return -1;
		if (store_add_image(ctx, store, config, layers, ids->count, ref ? ref->name : NULL, &image, err) < 0)
			return -1;
		strlist_add(names, ref ? ref->name : image->config.digest);
	}
	*ret = image;
	return 0;
}

static int load_docker(const void *ctx, struct store *store, const struct spool *s, const char *ref,
		       const struct progress *progress, struct strlist *names, struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text;
	struct json *root;
	struct reference *want = NULL;
	if (read_spooled(scratch, s, "manifest.json", &text, err) < 0 ||
	    json_parse(scratch, text, "manifest.json", &root, err) < 0)
		return -1;
	if (!json_length(root))
		return error_set(err, 0, "the archive holds no image");
	if (ref && *ref && reference_parse(scratch, ref, &want, err) < 0)
		return -1;
	bool is_found = false;
	for (unsigned i = 0; i < json_length(root); i++) {
		struct json *entry = json_at(root, i);
		struct strlist *tags = json_get_strings(scratch, entry, "RepoTags");
		bool is_it = !want;
		for (size_t j = 0; want && tags && j < tags->count; j++) {
			struct reference *tag;
			is_it |= reference_parse(scratch, tags->items[j], &tag, NULL) == 0 &&
				 strcmp(tag->name, want->name) == 0;
		}
		if (!is_it)
			continue;
		is_found = true;
		if (load_docker_image(ctx, store, s, entry, progress, names, ret, err) < 0)
			return -1;
	}
	return is_found ? 0 : error_set(err, 0, "the archive holds no image '%s'", ref);
}

/* An OCI layout in a tar: link its files into place and read it as a folder. */
static int load_layout(const void *ctx, struct store *store, const struct spool *s, const char *ref,
		       const char *platform, const struct progress *progress, struct strlist *names,
		       struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *dir = mem_printf(scratch, "%s/layout", s->dir), *text;
	struct blob_folder f = { dir, false };
	struct json *root;
	if (io_mkdir_p(AT_FDCWD, mem_printf(scratch, "%s/blobs/sha256", dir), 0700) < 0)
		return error_set(err, errno, "cannot make '%s'", dir);
	for (unsigned i = 0; i < s->count; i++) {
		const char *path = s->entries[i].path, *hex = path + 13;
		if (!text_starts(path, "blobs/sha256/") || strlen(hex) != 64 || strchr(hex, '/'))
			continue;
		CLEANUP_TALLOC char *from = spooled_file(NULL, s, path);
		CLEANUP_TALLOC char *to = mem_printf(NULL, "%s/%s", dir, path);
		if (from && link(from, to) < 0 && errno != EEXIST && rename(from, to) < 0)
			return error_set(err, errno, "cannot unpack '%s'", path);
	}
	if (read_spooled(scratch, s, "index.json", &text, err) < 0 ||
	    json_parse(scratch, text, "index.json", &root, err) < 0)
		return -1;
	struct json *list = json_get(root, "manifests");
	bool is_found = false;
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *entry = json_at(list, i), *annotations = json_get(entry, "annotations");
		const char *name = json_get_string(annotations, "io.containerd.image.name");
		const char *digest = json_get_string(entry, "digest");
		name = name ? name : json_get_string(annotations, "org.opencontainers.image.ref.name");
		if ((ref && *ref && (!name || strcmp(name, ref) != 0)) || !digest || !digest_is_valid(digest))
			continue;
		struct descriptor manifest = { .digest = mem_strdup(scratch, digest) };
		struct reference *parsed = NULL;
		/* A bare tag, as skopeo writes it, says nothing of the repository. */
		if (name && (strchr(name, ':') || strchr(name, '/')) && reference_parse(scratch, name, &parsed, NULL) < 0)
			parsed = NULL;
		is_found = true;
		if (folder_choose(scratch, &f, platform, &text, &manifest, err) < 0 ||
		    folder_import(ctx, store, &f, text, &manifest, parsed ? parsed->name : NULL, progress, ret, err) < 0)
			return -1;
		strlist_add(names, parsed ? parsed->name : (*ret)->config.digest);
	}
	return is_found ? 0 : error_set(err, 0, "the archive holds no image%s%s", ref ? " " : "", ref ? ref : "");
}

int archive_pull(const void *ctx, struct store *store, int fd, const char *ref, const char *platform,
		 const struct progress *progress, struct strlist *names, struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct spool *s = NULL;
	char *dir;
	if (store_make_tmp(scratch, store, &dir, err) < 0)
		return -1;
	int r = spool_archive(scratch, dir, fd, &s, err);
	if (r == 0) {
		/* An archive that is both says the tags in manifest.json. */
		CLEANUP_TALLOC char *docker = spooled_file(NULL, s, "manifest.json");
		CLEANUP_TALLOC char *layout = spooled_file(NULL, s, "index.json");
		if (docker)
			r = load_docker(ctx, store, s, ref, progress, names, ret, err);
		else if (layout)
			r = load_layout(ctx, store, s, ref, platform, progress, names, ret, err);
		else
			r = error_set(err, 0, "it is neither a docker archive nor an OCI layout");
	}
	io_remove_tree(AT_FDCWD, dir);
	return r;
}

int transport_load(const void *ctx, struct store *s, int fd, const struct progress *progress,
		   struct strlist **ret_names, struct error *err)
{
	struct strlist *names = strlist_new(ctx);
	struct image *image;
	if (archive_pull(ctx, s, fd, NULL, NULL, progress, names, &image, err) < 0) {
		talloc_free(names);
		return error_wrap(err, "cannot load the archive");
	}
	*ret_names = names;
	return 0;
}

/* ---- out ---- */

static int add_bytes(struct archive_writer *w, const char *path, const char *bytes, size_t size, struct error *err)
{
	struct archive_item item = { .path = mem_strdup(NULL, path), .mode = S_IFREG | 0644, .size_bytes = size };
	int r = archive_writer_add(w, &item, err);
	talloc_free(item.path);
	return r < 0 ? r : archive_writer_write(w, bytes, size, err);
}

static int add_folder(struct archive_writer *w, const char *path, struct error *err)
{
	CLEANUP_TALLOC char *name = mem_strdup(NULL, path);
	struct archive_item item = { .path = name, .mode = S_IFDIR | 0755 };
	return archive_writer_add(w, &item, err);
}

static int add_blob(struct store *s, struct archive_writer *w, struct strlist *done, const char *digest,
		    struct error *err)
{
	CLEANUP_TALLOC char *path = store_blob_path(NULL, s, digest), *buffer = mem_array(NULL, char, CHUNK);
	CLEANUP_TALLOC char *name = mem_printf(NULL, "blobs/sha256/%s", digest_hex(digest));
	struct stat st;
	for (size_t i = 0; i < done->count; i++)
		if (strcmp(done->items[i], digest) == 0)
			return 0;
	strlist_add(done, digest);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	struct archive_item item = { .path = name, .mode = S_IFREG | 0644, .size_bytes = st.st_size };
	if (archive_writer_add(w, &item, err) < 0)
		return -1;
	for (int64_t left = st.st_size; left > 0;) {
		ssize_t n = io_read_all(fd, buffer, left < CHUNK ? left : CHUNK);
		if (n <= 0)
			return error_set(err, -n, "cannot read '%s'", path);
		if (archive_writer_write(w, buffer, n, err) < 0)
			return -1;
		left -= n;
	}
	return 0;
}

struct saving {
	struct store *store;
	struct archive_writer *archive;
	struct strlist *done;
	struct json *manifest, *index;
	bool is_oci;
};

static int add_part(void *arg, const struct descriptor *blob, enum blob_role role, struct error *err)
{
	struct saving *v = arg;
	(void)role;
	return add_blob(v->store, v->archive, v->done, blob->digest, err);
}

/* The entry of a docker-archive's manifest.json. */
static void add_docker_entry(struct saving *v, const struct image *image, struct reference *const *refs, unsigned count)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *entry = json_new_object(scratch), *tags = json_new_array(scratch), *layers = json_new_array(scratch);
	json_set_string(entry, "Config", mem_printf(scratch, "blobs/sha256/%s", digest_hex(image->config.digest)));
	for (unsigned i = 0; i < count; i++)
		if (refs[i]->tag)
			json_append_string(tags, refs[i]->familiar);
	json_set(entry, "RepoTags", tags);
	for (unsigned i = 0; i < image->layer_count; i++)
		json_append_string(layers, mem_printf(scratch, "blobs/sha256/%s", digest_hex(image->layers[i].digest)));
	json_set(entry, "Layers", layers);
	json_append(v->manifest, entry);
}

/* An entry of the index for each name, or one without. */
static void add_index_entries(struct saving *v, const struct descriptor *top, struct reference *const *refs,
			      unsigned count, const struct json *annotations)
{
	for (unsigned i = 0; !i || i < count; i++) {
		CLEANUP_TALLOC struct json *entry = descriptor_json(NULL, top);
		struct json *all = annotations ? json_clone(entry, annotations) : json_new_object(entry);
		if (count) {
			json_set_string(all, "io.containerd.image.name", refs[i]->name);
			json_set_string(all, "org.opencontainers.image.ref.name",
					refs[i]->tag ? refs[i]->tag : refs[i]->name);
		}
		if (count || annotations)
			json_set(entry, "annotations", all);
		json_append(v->index, entry);
	}
}

/* An OCI archive has all that is stored, compressed; Docker's this machine's image, its tars as plain as they are. */
static int save_one(struct saving *v, const struct descriptor *stored, struct reference *ref, struct error *err)
{
	static const struct layer_format gzip = { .compression = COMPRESSION_GZIP };
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct descriptor top;
	struct image *image;
	if (v->is_oci) {
		if (stored_convert(scratch, v->store, stored, &gzip, &top, err) < 0)
			return -1;
	} else {
		if (store_load_image(scratch, v->store, stored, &image, err) < 0)
			return -1;
		top = image->manifest;
		add_docker_entry(v, image, &ref, ref != NULL);
	}
	add_index_entries(v, &top, &ref, ref != NULL, NULL);
	return store_walk_blobs(v->store, &top, false, add_part, v, err);
}

static int save_named(struct saving *v, const char *name, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct image *image;
	struct reference *ref = NULL;
	if (store_find_image(scratch, v->store, name, &image, err) < 0)
		return -1;
	if (!image)
		return error_set(err, 0, "no such image: %s", name);
	if (digest_is_valid(name) || (!strchr(name, '/') && !strchr(name, ':')) ||
	    reference_parse(scratch, name, &ref, NULL) < 0)
		ref = NULL;
	return save_one(v, &image->stored, ref, err);
}

/* The folders come first: readers that unpack as they go do not all make them up. */
static int begin_saving(const void *ctx, struct saving *v, struct store *s, int fd, bool is_oci, struct error *err)
{
	*v = (struct saving){ s, NULL, strlist_new(ctx), json_new_array(ctx), json_new_array(ctx), is_oci };
	return archive_writer_open(ctx, fd, &v->archive, err) < 0 || add_folder(v->archive, "blobs/", err) < 0 ||
			       add_folder(v->archive, "blobs/sha256/", err) < 0 ?
		       -1 :
		       0;
}

static int end_saving(const void *scratch, struct saving *v, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct json *index = json_new_object(scratch);
	json_set_int(index, "schemaVersion", 2);
	json_set(index, "manifests", v->index);
	char *index_text = json_dump(scratch, index), *manifest_text = json_dump(scratch, v->manifest);
	if (add_bytes(v->archive, "index.json", index_text, strlen(index_text), err) < 0 ||
	    add_bytes(v->archive, "oci-layout", layout, strlen(layout), err) < 0 ||
	    (!v->is_oci && add_bytes(v->archive, "manifest.json", manifest_text, strlen(manifest_text), err) < 0))
		return -1;
	return archive_writer_close(v->archive, err);
}

int transport_save(struct store *s, char *const *names, unsigned count, int fd, bool is_oci, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct saving v;
	if (begin_saving(scratch, &v, s, fd, is_oci, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++)
		if (save_named(&v, names[i], err) < 0)
			return -1;
	return end_saving(scratch, &v, err);
}

int archive_push(struct store *s, const struct descriptor *stored, struct reference *ref, int fd, bool is_oci,
		 struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct saving v;
	if (begin_saving(scratch, &v, s, fd, is_oci, err) < 0 || save_one(&v, stored, ref, err) < 0)
		return -1;
	return end_saving(scratch, &v, err);
}

int archive_write_built(struct store *s, const struct descriptor *top, const struct image *docker_image,
			const struct strlist *names, const struct json *annotations, int fd, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	unsigned count = names ? names->count : 0;
	struct reference **refs = mem_array(scratch, struct reference *, count);
	struct saving v;
	for (unsigned i = 0; i < count; i++)
		if (reference_parse(scratch, names->items[i], &refs[i], err) < 0)
			return -1;
	if (begin_saving(scratch, &v, s, fd, !docker_image, err) < 0)
		return -1;
	if (docker_image)
		add_docker_entry(&v, docker_image, refs, count);
	add_index_entries(&v, top, refs, count, annotations);
	if (store_walk_blobs(s, top, false, add_part, &v, err) < 0)
		return -1;
	return end_saving(scratch, &v, err);
}
