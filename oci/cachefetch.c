/* SPDX-License-Identifier: Apache-2.0 */
/* Owns build caches of elsewhere: their records when they are opened, layers when they are wanted. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/buildcache_private.h"
#include "oci/distribution.h"
#include "oci/layer.h"
#include "oci/transfer.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { CONFIG_MAX_BYTES = 64 << 20, INDEX_MAX = 64 };

struct buildcache {
	struct store *store;
	struct registry *registry; /* NULL: a folder */
	char *folder;
	struct buildcache_pages pages;
};

/* ---- small documents ---- */

struct collecting {
	const void *ctx;
	char *text;
	size_t size, limit;
};

static int collect(void *arg, const void *bytes, size_t size, struct error *err)
{
	struct collecting *c = arg;
	if (c->size + size > c->limit)
		return error_set(err, 0, "it is larger than %zu bytes", c->limit);
	c->text = mem_grow(c->ctx, c->text, char, c->size + size + 1);
	memcpy(c->text + c->size, bytes, size);
	c->size += size;
	c->text[c->size] = '\0';
	return 0;
}

static int collect_again(void *arg, struct error *err)
{
	struct collecting *c = arg;
	(void)err;
	c->size = 0;
	return 0;
}

static void note_retry(void *arg)
{
	(void)arg;
}

/* A blob of JSON, its digest checked. */
static int get_document(const void *ctx, struct buildcache *c, const struct descriptor *blob, struct json **ret,
			struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct blob_folder f = { c->folder, false };
	struct collecting collecting = { scratch, mem_strdup(scratch, ""), 0, CONFIG_MAX_BYTES };
	struct blob_sink sink = { collect, collect_again, note_retry, &collecting };
	char digest[DIGEST_ROOM], *text;
	size_t size;
	if (c->registry) {
		if (registry_get_blob(c->registry, blob, 0, &sink, err) < 0)
			return -1;
		text = collecting.text;
		size = collecting.size;
	} else if (io_read_file(scratch, AT_FDCWD, folder_blob_path(scratch, &f, blob->digest), CONFIG_MAX_BYTES, &text,
				&size, err) < 0) {
		return -1;
	}
	digest_of(text, size, digest);
	if (strcmp(digest, blob->digest) != 0)
		return error_set(err, 0, "digest mismatch: blob %s is %s", blob->digest, digest);
	return json_parse(ctx, text, "the cache", ret, err);
}

static int get_manifest(const void *ctx, struct buildcache *c, const char *tag_or_digest, char **ret_text,
			struct descriptor *ret, struct error *err)
{
	struct blob_folder f = { c->folder, false };
	if (c->registry)
		return registry_get_manifest(ctx, c->registry, tag_or_digest, ret_text, ret, err);
	*ret = (struct descriptor){ .digest = mem_strdup(ctx, tag_or_digest) };
	return folder_read(ctx, &f, tag_or_digest, ret_text, err);
}

/* ---- records ---- */

/* A cache's manifest, or an image's, whose configuration may have a cache in it. */
static int read_manifest(struct buildcache *c, const char *text, const struct descriptor *manifest, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *document;
	struct image *image;
	if (image_parse_manifest(scratch, text, manifest, &image, err) < 0 ||
	    get_document(scratch, c, &image->config, &document, err) < 0)
		return -1;
	if (strcmp(image->config.media_type, MEDIA_CACHE_CONFIG) != 0)
		document = json_get(document, BUILDCACHE_INLINE_MEMBER);
	return document ? buildcache_read(c, &c->pages, document, image->layers, image->layer_count, err) : 0;
}

static int read_all(struct buildcache *c, const char *tag_or_digest, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct descriptor manifest;
	struct manifest_index *index;
	bool is_index;
	char *text;
	if (get_manifest(scratch, c, tag_or_digest, &text, &manifest, err) < 0 ||
	    manifest_is_index(text, manifest.media_type, &is_index, err) < 0)
		return -1;
	if (!is_index)
		return read_manifest(c, text, &manifest, err);
	if (manifest_index_parse(scratch, text, &index, err) < 0)
		return -1;
	for (unsigned i = 0; i < index->count && i < INDEX_MAX; i++) {
		const struct platform *p = &index->manifests[i].platform;
		if (p->os && strcmp(p->os, "unknown") == 0)
			continue;
		if (get_manifest(scratch, c, index->manifests[i].digest, &text, &manifest, err) < 0 ||
		    read_manifest(c, text, &manifest, err) < 0)
			return -1;
	}
	return 0;
}

/* The digest that a layout has under a tag, on ctx; NULL: none. */
static int find_tag(const void *ctx, const char *folder, const char *tag, char **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/index.json", folder), *text;
	struct json *root;
	*ret = NULL;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_file(scratch, AT_FDCWD, path, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0 ||
	    json_parse(scratch, text, path, &root, err) < 0)
		return -1;
	struct json *list = json_get(root, "manifests");
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *entry = json_at(list, i);
		const char *name = json_get_string(json_get(entry, "annotations"), "org.opencontainers.image.ref.name");
		const char *digest = json_get_string(entry, "digest");
		if (name && digest && strcmp(name, tag) == 0)
			*ret = mem_strdup(ctx, digest);
	}
	return 0;
}

static int open_folder(struct buildcache *c, const struct buildcache_place *place, struct error *err)
{
	char *digest;
	c->folder = mem_strdup(c, place->folder);
	if (find_tag(c, place->folder, place->tag, &digest, err) < 0)
		return -1;
	return digest ? read_all(c, digest, err) : 0;
}

static int open_registry(struct buildcache *c, const struct buildcache_place *place, struct error *err)
{
	struct reference *ref;
	struct error failure = ERROR_INIT;
	if (reference_parse(c, place->ref, &ref, err) < 0)
		return -1;
	if (place->is_insecure)
		web_trust_host(ref->registry);
	if (registry_open(c, ref, "pull", &c->registry, err) < 0)
		return -1;
	if (read_all(c, ref->digest ? ref->digest : ref->tag, &failure) < 0 && failure.number != ENODATA) {
		*err = failure;
		return -1;
	}
	return 0;
}

int buildcache_import(const void *ctx, struct store *s, const struct buildcache_place *place, struct buildcache **ret,
		      struct error *err)
{
	CLEANUP_TALLOC struct buildcache *c = mem_new(NULL, struct buildcache);
	const char *where = place->type == BUILDCACHE_LOCAL ? place->folder : place->ref;
	c->store = s;
	c->pages.records = mem_array(c, struct buildcache_record, 0);
	c->pages.layers = mem_array(c, struct cache_layer, 0);
	if ((place->type == BUILDCACHE_LOCAL ? open_folder(c, place, err) : open_registry(c, place, err)) < 0)
		return error_wrap(err, "cannot import the build cache of '%s'", where);
	*ret = talloc_steal(ctx, c);
	c = NULL;
	return 0;
}

unsigned buildcache_count(const struct buildcache *c)
{
	return c->pages.count;
}

const struct buildcache_record *buildcache_find(const struct buildcache *c, const char *key)
{
	for (unsigned i = 0; i < c->pages.count; i++)
		if (strcmp(c->pages.records[i].key, key) == 0)
			return &c->pages.records[i];
	return NULL;
}

/* ---- layers ---- */

static int write_layer(void *arg, const void *bytes, size_t size, struct error *err)
{
	return layer_ingest_write(arg, bytes, size, err);
}

static int restart_layer(void *arg, struct error *err)
{
	return layer_ingest_restart(arg, err);
}

static int download(struct buildcache *c, const struct cache_layer *l, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct layer_ingest *ingest;
	struct registry *r;
	int64_t have;
	if (registry_clone(scratch, c->registry, &r, err) < 0 ||
	    layer_ingest_open(scratch, c->store, &l->blob, l->diff_id, &ingest, &have, err) < 0)
		return -1;
	struct blob_sink sink = { write_layer, restart_layer, note_retry, ingest };
	if (have < l->blob.size_bytes && registry_get_blob(r, &l->blob, have, &sink, err) < 0)
		return -1;
	return layer_ingest_finish(ingest, err);
}

static int get_layer(struct buildcache *c, const struct cache_layer *l, struct error *err)
{
	struct blob_folder f = { c->folder, false };
	if (layer_exists(c->store, l->diff_id))
		return 0;
	if (c->registry) {
		if (download(c, l, err) < 0)
			return -1;
	} else {
		CLEANUP_TALLOC char *path = folder_blob_path(NULL, &f, l->blob.digest);
		if (ingest_layer_file(c->store, &l->blob, l->diff_id, path, err) < 0)
			return -1;
	}
	return layer_remember_blob(c->store, l->diff_id, &l->blob, err);
}

/* A layer of the store as a snapshot: its own when it was one, else snapshots/<hex of diffID>, a link to it. */
static int make_snapshot(const void *ctx, struct store *s, const char *diff_id, char **ret, struct error *err)
{
	static const char before[] = "../snapshots/";
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *hex = digest_hex(diff_id);
	char *layer = mem_printf(scratch, "%s/layers/%s", store_root(s), hex), target[256];
	ssize_t n = readlink(layer, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	if (text_starts(target, before)) {
		*ret = mem_strdup(ctx, target + strlen(before));
		return 0;
	}
	char *path = mem_printf(scratch, "%s/snapshots/%s", store_root(s), hex);
	char *note = mem_printf(scratch, "%s/diff_id", layer);
	if (io_write_file(AT_FDCWD, note, diff_id, strlen(diff_id), 0600, err) < 0)
		return -1;
	if (symlink(mem_printf(scratch, "../layers/%s", hex), path) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot put snapshot %s into the store", hex);
	*ret = mem_strdup(ctx, hex);
	return 0;
}

int buildcache_fetch(const void *ctx, struct buildcache *c, const struct buildcache_record *record,
		     char **ret_snapshot, struct error *err)
{
	*ret_snapshot = NULL;
	if (!record->diff_id)
		return 0;
	for (unsigned i = 0; i < c->pages.layer_count; i++) {
		const struct cache_layer *l = &c->pages.layers[i];
		if (strcmp(l->diff_id, record->diff_id) == 0)
			return get_layer(c, l, err) < 0 ? -1 :
							  make_snapshot(ctx, c->store, l->diff_id, ret_snapshot, err);
	}
	return error_set(err, 0, "the build cache lacks layer %s", record->diff_id);
}
