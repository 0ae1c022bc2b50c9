/* SPDX-License-Identifier: Apache-2.0 */
/* Owns images that are files: OCI layouts and dir: folders, in both directions. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/derive.h"
#include "oci/json.h"
#include "oci/layer.h"
#include "oci/transfer.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

#define NAME_ANNOTATION "org.opencontainers.image.ref.name"

char *folder_blob_path(const void *ctx, const struct blob_folder *f, const char *digest)
{
	return mem_printf(ctx, f->is_flat ? "%s/%s" : "%s/blobs/sha256/%s", f->dir, digest_hex(digest));
}

int folder_read(const void *ctx, const struct blob_folder *f, const char *digest, char **ret, struct error *err)
{
	char actual[DIGEST_ROOM];
	size_t size;
	if (!digest_is_valid(digest))
		return error_set(err, 0, "'%s' is not a digest", digest);
	CLEANUP_TALLOC char *path = folder_blob_path(NULL, f, digest);
	if (io_read_file(ctx, AT_FDCWD, path, IMAGE_JSON_MAX_BYTES, ret, &size, err) < 0)
		return -1;
	digest_of(*ret, size, actual);
	return strcmp(actual, digest) == 0 ? 0 : error_set(err, 0, "digest mismatch: blob %s is %s", digest, actual);
}

int folder_choose(const void *ctx, const struct blob_folder *f, const char *platform, char **ret_text,
		  struct descriptor *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	bool is_index;
	/* An index may name another one; deeper nesting than this nobody writes. */
	for (unsigned depth = 0; depth < 4; depth++) {
		struct manifest_index *index;
		const struct descriptor *chosen;
		if (folder_read(ctx, f, ret->digest, ret_text, err) < 0 ||
		    manifest_is_index(*ret_text, ret->media_type, &is_index, err) < 0)
			return -1;
		if (!is_index)
			return 0;
		if (manifest_index_parse(scratch, *ret_text, &index, err) < 0 ||
		    manifest_index_choose(index, platform, &chosen, err) < 0)
			return -1;
		ret->digest = mem_strdup(ctx, chosen->digest);
		ret->media_type = mem_strdup(ctx, chosen->media_type);
	}
	return error_set(err, 0, "the index is nested too deeply");
}

int ingest_layer_file(struct store *s, const struct descriptor *layer, const char *diff_id, const char *path,
		       struct error *err)
{
	static const size_t chunk = 1 << 18;
	CLEANUP_TALLOC struct layer_ingest *in = NULL;
	CLEANUP_TALLOC char *buffer = mem_array(NULL, char, chunk);
	int64_t have;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	if (layer_ingest_open(NULL, s, layer, diff_id, &in, &have, err) < 0)
		return -1;
	if (have < layer->size_bytes && have && layer_ingest_restart(in, err) < 0)
		return -1;
	for (ssize_t n = have < layer->size_bytes; n > 0;) {
		n = io_read_all(fd, buffer, chunk);
		if (n < 0)
			return error_set(err, -n, "cannot read '%s'", path);
		if (n && layer_ingest_write(in, buffer, n, err) < 0)
			return -1;
	}
	return layer_ingest_finish(in, err);
}

int import_layer_file(const void *ctx, struct store *s, const char *path, const char *diff_id, struct descriptor *ret,
		      struct error *err)
{
	static const size_t chunk = 1 << 18;
	unsigned char magic[4] = { 0 };
	char digest[DIGEST_ROOM];
	CLEANUP_TALLOC struct digest_state *hash = digest_begin(NULL);
	CLEANUP_TALLOC char *buffer = mem_array(NULL, char, chunk);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t size = 0;
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	for (ssize_t n = 1; n > 0; size += n) {
		n = io_read_all(fd, buffer, chunk);
		if (n < 0)
			return error_set(err, -n, "cannot read '%s'", path);
		if (size == 0 && n >= 4)
			memcpy(magic, buffer, 4);
		digest_update(hash, buffer, n);
	}
	digest_end(hash, digest);
	const char *type = magic[0] == 0x1f && magic[1] == 0x8b ? MEDIA_OCI_LAYER_GZIP :
			   memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ? MEDIA_OCI_LAYER_ZSTD :
								       MEDIA_OCI_LAYER;
	/* What docker save wrote plain is kept, and pushed later, compressed. */
	if (strcmp(type, MEDIA_OCI_LAYER) == 0) {
		char *actual;
		if (strcmp(digest, diff_id) != 0)
			return error_set(err, 0, "digest mismatch: a layer is %s, the image says %s", digest, diff_id);
		if (lseek(fd, 0, SEEK_SET) < 0)
			return error_set(err, errno, "cannot read '%s'", path);
		return layer_import(ctx, s, fd, ret, &actual, err);
	}
	*ret = (struct descriptor){ .media_type = mem_strdup(ctx, type), .digest = mem_strdup(ctx, digest),
				    .size_bytes = size };
	return ingest_layer_file(s, ret, diff_id, path, err);
}

int folder_import(const void *ctx, struct store *s, const struct blob_folder *f, const char *text,
		  const struct descriptor *manifest, const char *name, const struct progress *progress,
		  struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct image *image;
	char *config, digest[DIGEST_ROOM];
	if (image_parse_manifest(scratch, text, manifest, &image, err) < 0 ||
	    folder_read(scratch, f, image->config.digest, &config, err) < 0 ||
	    image_parse_config(image, config, err) < 0)
		return -1;
	for (unsigned i = 0; i < image->layer_count; i++) {
		const struct descriptor *layer = &image->layers[i];
		if (layer_exists(s, image->diff_ids[i]) && store_has_blob(s, layer->digest)) {
			tell(progress, layer->digest, PROGRESS_EXISTS, layer->size_bytes, layer->size_bytes);
			continue;
		}
		CLEANUP_TALLOC char *path = folder_blob_path(NULL, f, layer->digest);
		if (ingest_layer_file(s, layer, image->diff_ids[i], path, err) < 0)
			return -1;
		tell(progress, layer->digest, PROGRESS_DONE, layer->size_bytes, layer->size_bytes);
	}
	if (store_put_blob(s, config, strlen(config), digest, err) < 0 ||
	    store_put_blob(s, text, strlen(text), digest, err) < 0 || store_tag(s, name, &image->manifest, err) < 0)
		return -1;
	*ret = talloc_steal(ctx, image);
	return 0;
}

/* The descriptor in a layout's index.json that `ref` names; NULL when there is just one. */
static int find_in_index(const void *ctx, const char *dir, const char *ref, struct descriptor *ret,
			 struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/index.json", dir), *text;
	struct json *root, *found = NULL;
	if (io_read_file(scratch, AT_FDCWD, path, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0 ||
	    json_parse(scratch, text, path, &root, err) < 0)
		return -1;
	struct json *list = json_get(root, "manifests");
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *entry = json_at(list, i);
		const char *name = json_get_string(json_get(entry, "annotations"), NAME_ANNOTATION);
		const char *digest = json_get_string(entry, "digest");
		if (!ref || (name && strcmp(name, ref) == 0) || (digest && strcmp(digest, ref) == 0)) {
			if (found)
				return error_set(err, 0, "the layout holds several images: name one, oci:%s:NAME", dir);
			found = entry;
		}
	}
	const char *digest = json_get_string(found, "digest"), *type = json_get_string(found, "mediaType");
	if (!found)
		return error_set(err, 0, ref ? "the layout holds no image '%s'" : "the layout holds no image%s",
				 ref ? ref : "");
	if (!digest || !digest_is_valid(digest))
		return error_set(err, 0, "the layout's index has a malformed digest");
	*ret = (struct descriptor){ .digest = mem_strdup(ctx, digest), .media_type = type ? mem_strdup(ctx, type) : NULL };
	return 0;
}

int layout_pull(const void *ctx, struct store *s, const char *dir, const char *ref, bool is_flat,
		const char *platform, const char *name, const struct progress *progress, struct image **ret,
		struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct blob_folder f = { dir, is_flat };
	struct descriptor manifest;
	char *text, digest[DIGEST_ROOM];
	if (is_flat) {
		char *path = mem_printf(scratch, "%s/manifest.json", dir);
		if (io_read_file(scratch, AT_FDCWD, path, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0)
			return -1;
		digest_of(text, strlen(text), digest);
		manifest = (struct descriptor){ .digest = digest, .size_bytes = strlen(text) };
	} else if (find_in_index(scratch, dir, ref, &manifest, err) < 0 ||
		   folder_choose(scratch, &f, platform, &text, &manifest, err) < 0) {
		return -1;
	}
	return folder_import(ctx, s, &f, text, &manifest, name, progress, ret, err);
}

/* ---- out ---- */

/* Copy the store's file of a blob to a path. */
static int copy_blob(struct store *s, const char *digest, const char *path, struct error *err)
{
	CLEANUP_TALLOC char *from_path = store_blob_path(NULL, s, digest);
	CLEANUP_TALLOC char *part = mem_printf(NULL, "%s.part", path);
	if (access(path, F_OK) == 0)
		return 0;
	CLEANUP_CLOSE int from = open(from_path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return error_set(err, errno, "cannot open '%s'", from_path);
	CLEANUP_CLOSE int to = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (to < 0)
		return error_set(err, errno, "cannot create '%s'", part);
	int r = io_copy_bytes(from, to);
	if (r == 0 && rename(part, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(part);
		return error_set(err, -r, "cannot write '%s'", path);
	}
	return 0;
}

static int add_to_index(const char *dir, const struct descriptor *top, const char *ref,
			const struct json *annotations, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/index.json", dir), *text;
	struct json *root = NULL, *kept = json_new_array(scratch), *entry = descriptor_json(scratch, top);
	if (access(path, F_OK) == 0) {
		if (io_read_file(scratch, AT_FDCWD, path, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0 ||
		    json_parse(scratch, text, path, &root, err) < 0)
			return -1;
	} else {
		root = json_new_object(scratch);
		json_set_int(root, "schemaVersion", 2);
	}
	struct json *list = json_get(root, "manifests");
	for (unsigned i = 0; i < json_length(list); i++) {
		const char *name = json_get_string(json_get(json_at(list, i), "annotations"), NAME_ANNOTATION);
		const char *digest = json_get_string(json_at(list, i), "digest");
		bool is_replaced = ref ? name && strcmp(name, ref) == 0 :
					 !name && digest && strcmp(digest, top->digest) == 0;
		if (!is_replaced)
			json_append(kept, json_at(list, i));
	}
	struct json *all = annotations ? json_clone(scratch, annotations) : json_new_object(scratch);
	if (ref)
		json_set_string(all, NAME_ANNOTATION, ref);
	if (ref || annotations)
		json_set(entry, "annotations", all);
	json_append(kept, entry);
	json_set(root, "manifests", kept);
	text = json_dump(scratch, root);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0644, err);
}

struct copying {
	struct store *store;
	struct blob_folder folder;
};

static int copy_part(void *arg, const struct descriptor *blob, enum blob_role role, struct error *err)
{
	const struct copying *c = arg;
	CLEANUP_TALLOC char *path = folder_blob_path(NULL, &c->folder, blob->digest);
	/* dir: has its one manifest under a name. */
	return role == BLOB_MANIFEST && c->folder.is_flat ? 0 : copy_blob(c->store, blob->digest, path, err);
}

static int write_text(const char *dir, const char *name, const char *text, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", dir, name);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0644, err);
}

int layout_add(struct store *s, const struct descriptor *top, const char *dir, const char *ref,
	       const struct json *annotations, struct error *err)
{
	struct copying c = { s, { dir, false } };
	CLEANUP_TALLOC char *blobs = mem_printf(NULL, "%s/blobs/sha256", dir);
	int r = io_mkdir_p(AT_FDCWD, blobs, 0755);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", blobs);
	if (store_walk_blobs(s, top, false, copy_part, &c, err) < 0 ||
	    write_text(dir, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err) < 0)
		return -1;
	return add_to_index(dir, top, ref, annotations, err);
}

int layout_push(struct store *s, const struct descriptor *top, const char *dir, const char *ref, bool is_flat,
		struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct copying c = { s, { dir, true } };
	struct image *image;
	if (!is_flat)
		return layout_add(s, top, dir, ref, NULL, err);
	int r = io_mkdir_p(AT_FDCWD, dir, 0755);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", dir);
	if (store_load_image(scratch, s, top, &image, err) < 0 ||
	    store_walk_blobs(s, &image->manifest, false, copy_part, &c, err) < 0)
		return -1;
	return write_text(dir, "version", "Directory Transport Version: 1.1\n", err) < 0 ?
		       -1 :
		       write_text(dir, "manifest.json", image->manifest_json, err);
}
