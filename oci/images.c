/* SPDX-License-Identifier: Apache-2.0 */
/* Owns images in the store: finding, loading and adding them, and which blobs make one up. */
#include <string.h>

#include "oci/derive.h"
#include "oci/json.h"
#include "oci/store_private.h"
#include "tracer/base/text.h"

enum { DEPTH_MAX = 4 }; /* of indexes in indexes: deeper nesting nobody writes */

/* ---- the blobs of an image ---- */

static int visit_descriptor(struct json *node, enum blob_role role, store_blob_visitor visit, void *arg,
			    struct error *err)
{
	const char *digest = json_get_string(node, "digest"), *type = json_get_string(node, "mediaType");
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (!digest || !digest_is_valid(digest))
		return error_set(err, 0, "the store is damaged: a manifest has the malformed digest '%s'",
				 digest ? digest : "");
	struct descriptor d = { .media_type = mem_strdup(scratch, type ? type : ""),
				.digest = mem_strdup(scratch, digest), .size_bytes = json_get_int(node, "size", 0) };
	return visit(arg, &d, role, err);
}

static int walk(struct store *s, const struct descriptor *top, bool skips_missing, unsigned depth,
		store_blob_visitor visit, void *arg, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text;
	struct json *root;
	if (depth > DEPTH_MAX)
		return error_set(err, 0, "the index is nested too deeply");
	if (store_get_blob(scratch, s, top->digest, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0 ||
	    json_parse(scratch, text, "the manifest", &root, err) < 0)
		return -1;
	struct json *list = json_get(root, "manifests"), *layers = json_get(root, "layers");
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *node = json_at(list, i);
		const char *digest = json_get_string(node, "digest"), *type = json_get_string(node, "mediaType");
		if (!digest || !digest_is_valid(digest))
			return error_set(err, 0, "the index %s has a malformed digest", top->digest);
		struct descriptor child = { .media_type = mem_strdup(scratch, type ? type : MEDIA_OCI_MANIFEST),
					    .digest = mem_strdup(scratch, digest),
					    .size_bytes = json_get_int(node, "size", 0) };
		if (skips_missing && !store_has_blob(s, digest))
			continue;
		if (walk(s, &child, skips_missing, depth + 1, visit, arg, err) < 0)
			return -1;
	}
	for (unsigned i = 0; i < json_length(layers); i++)
		if (visit_descriptor(json_at(layers, i), BLOB_LAYER, visit, arg, err) < 0)
			return -1;
	if (!list && visit_descriptor(json_get(root, "config"), BLOB_CONFIG, visit, arg, err) < 0)
		return -1;
	struct descriptor own = *top;
	own.size_bytes = strlen(text);
	return visit(arg, &own, BLOB_MANIFEST, err);
}

int store_walk_blobs(struct store *s, const struct descriptor *top, bool skips_missing, store_blob_visitor visit,
		     void *arg, struct error *err)
{
	return walk(s, top, skips_missing, 0, visit, arg, err);
}

/* ---- loading ---- */

/* Any image of the index but an attestation. */
static const struct descriptor *first_image(const struct manifest_index *index)
{
	for (unsigned i = 0; i < index->count; i++)
		if (!index->manifests[i].platform.os || strcmp(index->manifests[i].platform.os, "unknown") != 0)
			return &index->manifests[i];
	return NULL;
}

/*
 * Read the manifest that `manifest` is, or that its index has for the platform.  Without a wish any other's will
 * do when there is none for this machine: an image can be looked at everywhere.
 */
static int read_manifest(const void *ctx, struct store *s, const struct descriptor *manifest, const char *platform,
			 struct descriptor *ret, char **ret_text, struct error *err)
{
	*ret = *manifest;
	for (unsigned depth = 0; depth <= DEPTH_MAX; depth++) {
		struct manifest_index *index;
		const struct descriptor *chosen;
		struct error none = ERROR_INIT;
		bool is_index;
		if (store_get_blob(ctx, s, ret->digest, IMAGE_JSON_MAX_BYTES, ret_text, NULL, err) < 0 ||
		    manifest_is_index(*ret_text, ret->media_type, &is_index, err) < 0)
			return -1;
		if (!is_index)
			return 0;
		if (manifest_index_parse(ctx, *ret_text, &index, err) < 0)
			return -1;
		if (manifest_index_choose(index, platform, &chosen, &none) < 0) {
			chosen = platform ? NULL : first_image(index);
			if (!chosen) {
				*err = none;
				return -1;
			}
		}
		*ret = *chosen;
	}
	return error_set(err, 0, "the index is nested too deeply");
}

static int load(const void *ctx, struct store *s, const struct descriptor *stored, const char *platform,
		struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct descriptor manifest;
	char *text, *config;
	struct image *image;
	if (read_manifest(scratch, s, stored, platform, &manifest, &text, err) < 0 ||
	    image_parse_manifest(ctx, text, &manifest, &image, err) < 0)
		return error_wrap(err, "image %s", stored->digest);
	if (store_get_blob(scratch, s, image->config.digest, IMAGE_JSON_MAX_BYTES, &config, NULL, err) < 0 ||
	    image_parse_config(image, config, err) < 0) {
		talloc_free(image);
		return error_wrap(err, "image %s", stored->digest);
	}
	if (strcmp(stored->digest, image->manifest.digest) != 0)
		image->stored = (struct descriptor){
			.media_type = mem_strdup(image, stored->media_type ? stored->media_type : MEDIA_OCI_INDEX),
			.digest = mem_strdup(image, stored->digest), .size_bytes = stored->size_bytes,
		};
	*ret = image;
	return 0;
}

int store_load_image(const void *ctx, struct store *s, const struct descriptor *manifest, struct image **ret,
		     struct error *err)
{
	return load(ctx, s, manifest, NULL, ret, err);
}

/* ---- finding ---- */

/* Has the entry an image for the platform?  A lone manifest may: its configuration says, to who asks. */
static bool has_platform(struct store *s, const struct descriptor *stored, const char *platform)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct error ignored = ERROR_INIT;
	struct manifest_index *index;
	const struct descriptor *chosen;
	char *text;
	bool is_index;
	if (store_get_blob(scratch, s, stored->digest, IMAGE_JSON_MAX_BYTES, &text, NULL, &ignored) < 0 ||
	    manifest_is_index(text, NULL, &is_index, &ignored) < 0 || !is_index)
		return true;
	return manifest_index_parse(scratch, text, &index, &ignored) == 0 &&
	       manifest_index_choose(index, platform, &chosen, &ignored) == 0;
}

static bool is_hex_prefix(const char *text)
{
	size_t n = strlen(text);
	return n >= 4 && n <= 64 && strspn(text, "0123456789abcdef") == n;
}

/* 0: no; 1: by prefix; 2: exactly.  `is_chosen`: of several images of an index the one for this machine. */
static int matches(const struct stored_image *entry, const struct image *image, bool is_chosen, const char *wanted)
{
	if (strcmp(image->manifest.digest, wanted) == 0 || strcmp(image->config.digest, wanted) == 0 ||
	    (is_chosen && strcmp(entry->manifest.digest, wanted) == 0))
		return 2;
	/* name@digest of the very manifest */
	size_t n = strlen(wanted), m = strlen(entry->manifest.digest);
	if (is_chosen && n > m && wanted[n - m - 1] == '@' && strcmp(wanted + n - m, entry->manifest.digest) == 0)
		return 2;
	return is_hex_prefix(wanted) && text_starts(digest_hex(image->config.digest), wanted);
}

/* What the entry stands for on this machine, and then all images of its index. */
static struct strlist *manifests_of(const void *ctx, struct store *s, const struct stored_image *entry)
{
	struct strlist *list = strlist_new(ctx);
	struct error ignored = ERROR_INIT;
	struct manifest_index *index;
	char *text;
	bool is_index;
	strlist_add(list, entry->manifest.digest);
	if (store_get_blob(list, s, entry->manifest.digest, IMAGE_JSON_MAX_BYTES, &text, NULL, &ignored) < 0 ||
	    manifest_is_index(text, NULL, &is_index, &ignored) < 0 || !is_index ||
	    manifest_index_parse(list, text, &index, &ignored) < 0)
		return list;
	for (unsigned i = 0; i < index->count; i++)
		strlist_add(list, index->manifests[i].digest);
	return list;
}

struct search {
	const char *wanted;
	struct image *found;
	bool is_exact;
};

static int search_entry(const void *ctx, struct store *s, const struct stored_image *entry, struct search *search,
			struct error *err)
{
	CLEANUP_TALLOC struct strlist *digests = manifests_of(NULL, s, entry);
	for (size_t i = 0; i < digests->count; i++) {
		struct descriptor manifest = { .digest = digests->items[i] };
		struct error ignored = ERROR_INIT;
		struct image *image, *found = search->found;
		/* Attestations are none. */
		if (load(ctx, s, &manifest, NULL, &image, &ignored) < 0)
			continue;
		int how = matches(entry, image, i == 0, search->wanted);
		if (!how)
			continue;
		if (found && !search->is_exact && how < 2 && strcmp(found->config.digest, image->config.digest) != 0)
			return error_set(err, 0, "'%s' is the beginning of several image ids", search->wanted);
		image->stored = entry->manifest;
		if (!found || (how == 2 && !search->is_exact))
			search->found = image;
		search->is_exact |= how == 2;
	}
	return 0;
}

int store_find_image_for(const void *ctx, struct store *s, const char *name_or_id, const char *platform,
			 struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct search search = { .wanted = name_or_id };
	struct stored_image *entries;
	unsigned count;
	if (store_list_images(scratch, s, &entries, &count, err) < 0)
		return -1;
	*ret = NULL;
	for (unsigned i = 0; i < count; i++) {
		if (!entries[i].name || strcmp(entries[i].name, name_or_id) != 0)
			continue;
		if (platform && !has_platform(s, &entries[i].manifest, platform))
			return 0;
		return load(ctx, s, &entries[i].manifest, platform, ret, err);
	}
	if (!is_hex_prefix(name_or_id) && !strstr(name_or_id, "sha256:"))
		return 0;
	for (unsigned i = 0; i < count; i++)
		if (search_entry(scratch, s, &entries[i], &search, err) < 0)
			return -1;
	struct image *found = search.found;
	if (found) {
		found->stored.digest = mem_strdup(found, found->stored.digest);
		found->stored.media_type = mem_strdup(found, found->stored.media_type);
	}
	*ret = found ? talloc_steal(ctx, found) : NULL;
	return 0;
}

int store_find_image(const void *ctx, struct store *s, const char *name_or_id, struct image **ret,
		     struct error *err)
{
	return store_find_image_for(ctx, s, name_or_id, NULL, ret, err);
}

int store_add_image(const void *ctx, struct store *s, const char *config_json, const struct descriptor *layers,
		    unsigned layer_count, const char *name, struct image **ret, struct error *err)
{
	char config_digest[DIGEST_ROOM], manifest_digest[DIGEST_ROOM], config_type[] = MEDIA_OCI_CONFIG,
		manifest_type[] = MEDIA_OCI_MANIFEST;
	struct descriptor config = { .media_type = config_type, .digest = config_digest,
				     .size_bytes = strlen(config_json) };
	if (store_put_blob(s, config_json, strlen(config_json), config_digest, err) < 0)
		return -1;
	CLEANUP_TALLOC char *text = image_make_manifest(NULL, &config, layers, layer_count);
	struct descriptor manifest = { .media_type = manifest_type, .digest = manifest_digest,
				       .size_bytes = strlen(text) };
	if (store_put_blob(s, text, strlen(text), manifest_digest, err) < 0 ||
	    store_tag(s, name, &manifest, err) < 0)
		return -1;
	return store_load_image(ctx, s, &manifest, ret, err);
}

int store_add_on_top(const void *ctx, struct store *s, const struct image *base, const struct descriptor *layer,
		     const char *diff_id, const struct image_changes *changes, const char *name, struct image **ret,
		     struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *config;
	if (image_derive(scratch, base, layer, diff_id, changes, &config, err) < 0)
		return -1;
	struct descriptor *layers = mem_array(scratch, struct descriptor, base->layer_count + 1);
	memcpy(layers, base->layers, base->layer_count * sizeof(*layers));
	if (layer)
		layers[base->layer_count] = *layer;
	return store_add_image(ctx, s, config, layers, base->layer_count + (layer != NULL), name, ret, err);
}
