/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what becomes of manifests and indexes when their layers change form; the layers are export.c's. */
#include "oci/convert.h"

#include <string.h>

#include "oci/derive.h"
#include "oci/json.h"

#define REFERENCE_ANNOTATION "vnd.docker.reference.digest"

static struct chain *chain_of_blobs(const void *ctx, const struct image *image)
{
	struct chain *chain = mem_new(ctx, struct chain);
	chain->count = image->layer_count;
	chain->layers = mem_array(chain, struct chain_layer, chain->count);
	for (unsigned i = 0; i < chain->count; i++)
		chain->layers[i] = (struct chain_layer){
			.folder = mem_printf(chain, "layers/%s", digest_hex(image->diff_ids[i])),
			.diff_id = image->diff_ids[i], .blob = image->layers[i],
		};
	return chain;
}

int image_convert(const void *ctx, struct store *s, const struct image *image, const struct layer_format *format,
		 struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct layer_format f = *format;
	struct descriptor *layers, manifest = image->manifest;
	char **diff_ids, digest[DIGEST_ROOM];
	struct image *made;
	f.is_docker = strcmp(image->manifest.media_type, MEDIA_DOCKER_MANIFEST) == 0;
	if (chain_export(scratch, s, chain_of_blobs(scratch, image), &f, &layers, &diff_ids, err) < 0)
		return -1;
	bool is_changed = false;
	for (unsigned i = 0; i < image->layer_count; i++)
		is_changed |= strcmp(layers[i].digest, image->layers[i].digest) != 0;
	const char *text = is_changed ? image_with_layers(scratch, image->manifest_json, layers, image->layer_count) :
					image->manifest_json;
	if (!text)
		return error_set(err, 0, "the manifest %s is damaged", image->manifest.digest);
	if (store_put_blob(s, text, strlen(text), digest, err) < 0)
		return -1;
	manifest.digest = digest;
	if (image_parse_manifest(ctx, text, &manifest, &made, err) < 0)
		return -1;
	if (image_parse_config(made, image->config_json, err) < 0) {
		talloc_free(made);
		return -1;
	}
	*ret = made;
	return 0;
}

/* ---- indexes ---- */

/* Attestations and other artifacts have layers that are none of a root. */
static bool is_image(const char *text)
{
	struct json *root;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (json_parse(scratch, text, "the manifest", &root, NULL) < 0)
		return false;
	struct json *layers = json_get(root, "layers");
	for (unsigned i = 0; i < json_length(layers); i++) {
		const char *type = json_get_string(json_at(layers, i), "mediaType");
		if (!type || !strstr(type, ".tar"))
			return false;
	}
	return true;
}

static int convert_entry(void *scratch, struct store *s, struct json *entry, const struct layer_format *format,
			 struct error *err)
{
	const char *digest = json_get_string(entry, "digest"), *type = json_get_string(entry, "mediaType");
	struct descriptor manifest = { .media_type = mem_strdup(scratch, type ? type : MEDIA_OCI_MANIFEST),
				       .digest = mem_strdup(scratch, digest ? digest : "") };
	struct image *image, *made;
	char *text;
	if (store_get_blob(scratch, s, manifest.digest, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0)
		return -1;
	if (!is_image(text))
		return 0;
	if (store_load_image(scratch, s, &manifest, &image, err) < 0 ||
	    image_convert(scratch, s, image, format, &made, err) < 0)
		return -1;
	json_set_string(entry, "digest", made->manifest.digest);
	json_set_int(entry, "size", made->manifest.size_bytes);
	return 0;
}

/* Attestations tell by annotation which entry they are of. */
static void follow_images(struct json *list, struct json *before)
{
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *annotations = json_get(json_at(list, i), "annotations");
		const char *subject = json_get_string(annotations, REFERENCE_ANNOTATION);
		for (unsigned j = 0; subject && j < json_length(before); j++) {
			if (strcmp(json_get_string(json_at(before, j), "digest"), subject) != 0)
				continue;
			json_set_string(annotations, REFERENCE_ANNOTATION, json_get_string(json_at(list, j), "digest"));
			break;
		}
	}
}

static int convert_index(const void *ctx, struct store *s, const struct descriptor *stored, const char *text,
			 const struct layer_format *format, struct descriptor *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	if (json_parse(scratch, text, "the index", &root, err) < 0)
		return -1;
	struct json *list = json_get(root, "manifests"), *before = json_clone(scratch, list);
	for (unsigned i = 0; i < json_length(list); i++)
		if (convert_entry(scratch, s, json_at(list, i), format, err) < 0)
			return -1;
	bool is_changed = false;
	for (unsigned i = 0; i < json_length(list); i++)
		is_changed |= strcmp(json_get_string(json_at(list, i), "digest"),
				     json_get_string(json_at(before, i), "digest")) != 0;
	follow_images(list, before);
	/* What is not changed keeps its very bytes, and its digest. */
	return store_put_document(ctx, s, is_changed ? json_dump(scratch, root) : text, stored->media_type, ret,
				  err);
}

int stored_convert(const void *ctx, struct store *s, const struct descriptor *stored, const struct layer_format *format,
		   struct descriptor *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct image *image, *made;
	char *text;
	bool is_index;
	if (store_get_blob(scratch, s, stored->digest, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0 ||
	    manifest_is_index(text, stored->media_type, &is_index, err) < 0)
		return -1;
	if (is_index)
		return convert_index(ctx, s, stored, text, format, ret, err);
	if (store_load_image(scratch, s, stored, &image, err) < 0 ||
	    image_convert(scratch, s, image, format, &made, err) < 0)
		return -1;
	*ret = (struct descriptor){ .media_type = mem_strdup(ctx, made->manifest.media_type),
				    .digest = mem_strdup(ctx, made->manifest.digest),
				    .size_bytes = made->manifest.size_bytes };
	return 0;
}
