/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the meaning of manifests, indexes and configurations; the store keeps their bytes, derive.c makes others of them. */
#include "oci/image.h"

#include <string.h>

#include "oci/digest.h"
#include "oci/json.h"

enum { LAYERS_MAX = 4096 };

static const char *const layer_types[] = {
	MEDIA_OCI_LAYER, MEDIA_OCI_LAYER_GZIP, MEDIA_OCI_LAYER_ZSTD, MEDIA_DOCKER_LAYER_GZIP,
	MEDIA_DOCKER_LAYER, MEDIA_DOCKER_LAYER_ZSTD,
	/* Base layers that registries may not redistribute: taken when the registry has them all the same. */
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

int manifest_is_index(const char *json, const char *media_type, bool *ret, struct error *err)
{
	struct json *root;
	if (json_parse(NULL, json, "the manifest", &root, err) < 0)
		return -1;
	CLEANUP_TALLOC void *owner = root;
	(void)owner;
	bool has_list = json_holds_array(json_get(root, "manifests"));
	bool has_layers = json_holds_array(json_get(root, "layers"));
	const char *own_type = json_get_string(root, "mediaType");
	if (has_list == has_layers)
		return error_set(err, 0, has_list ? "the manifest has both \"manifests\" and \"layers\"" :
						    "the manifest has neither \"manifests\" nor \"layers\"");
	const char *types[] = { own_type, media_type };
	for (int i = 0; i < 2; i++) {
		if (!types[i])
			continue;
		bool says_list = strcmp(types[i], MEDIA_OCI_INDEX) == 0 || strcmp(types[i], MEDIA_DOCKER_LIST) == 0;
		bool says_image =
			strcmp(types[i], MEDIA_OCI_MANIFEST) == 0 || strcmp(types[i], MEDIA_DOCKER_MANIFEST) == 0;
		if ((says_list && !has_list) || (says_image && has_list) || (i == 0 && !says_list && !says_image))
			return error_set(err, 0, "the manifest's media type '%s' does not fit its content", types[i]);
	}
	*ret = has_list;
	return 0;
}

static void read_platform(const void *ctx, struct json *node, struct platform *ret)
{
	const char *os = json_get_string(node, "os"), *architecture = json_get_string(node, "architecture");
	const char *variant = json_get_string(node, "variant");
	ret->os = os ? mem_strdup(ctx, os) : NULL;
	ret->architecture = architecture ? mem_strdup(ctx, architecture) : NULL;
	ret->variant = variant && *variant ? mem_strdup(ctx, variant) : NULL;
}

static int read_descriptor(const void *ctx, struct json *node, const char *what, struct descriptor *ret,
			   struct error *err)
{
	const char *media_type = json_get_string(node, "mediaType"), *digest = json_get_string(node, "digest");
	int64_t size = json_get_int(node, "size", -1);
	if (!media_type || !digest || size < 0)
		return error_set(err, 0, "the manifest's %s lacks mediaType, digest or size", what);
	if (!digest_is_valid(digest))
		return error_set(err, 0, "the manifest's %s has the malformed digest '%s'", what, digest);
	ret->media_type = mem_strdup(ctx, media_type);
	ret->digest = mem_strdup(ctx, digest);
	ret->size_bytes = size;
	read_platform(ctx, json_get(node, "platform"), &ret->platform);
	return 0;
}

int manifest_index_parse(const void *ctx, const char *json, struct manifest_index **ret, struct error *err)
{
	struct json *root;
	struct manifest_index *index = mem_new(ctx, struct manifest_index);
	if (json_parse(index, json, "the index", &root, err) < 0)
		goto failed;
	struct json *list = json_get(root, "manifests");
	index->count = json_length(list);
	index->manifests = mem_array(index, struct descriptor, index->count);
	for (unsigned i = 0; i < index->count; i++)
		if (read_descriptor(index, json_at(list, i), "entry", &index->manifests[i], err) < 0)
			goto failed;
	*ret = index;
	return 0;
failed:
	talloc_free(index);
	return -1;
}

int manifest_index_choose(const struct manifest_index *index, const char *want, const struct descriptor **ret,
			  struct error *err)
{
	struct platform platform;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (platform_parse(scratch, want ? want : platform_default(), &platform, err) < 0)
		return -1;
	const struct descriptor *best = NULL;
	int best_fit = 0;
	char *have = mem_strdup(scratch, "");
	for (unsigned i = 0; i < index->count; i++) {
		const struct descriptor *d = &index->manifests[i];
		const struct platform *p = &d->platform;
		if (p->os && strcmp(p->os, "unknown") == 0)
			continue;
		int f = p->os ? platform_fit(p, &platform) : index->count == 1;
		if (f > best_fit) {
			best = d;
			best_fit = f;
		}
		have = mem_append(have, "%s%s/%s%s%s", *have ? ", " : "", p->os ? p->os : "?",
				  p->architecture ? p->architecture : "?", p->variant ? "/" : "",
				  p->variant ? p->variant : "");
	}
	if (!best)
		return error_set(err, 0, "no image for platform %s; there is: %s", want ? want : platform_default(), have);
	*ret = best;
	return 0;
}

int image_parse_manifest(const void *ctx, const char *json, const struct descriptor *manifest, struct image **ret,
			 struct error *err)
{
	struct json *root;
	struct image *image = mem_new(ctx, struct image);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	bool is_index;
	if (manifest_is_index(json, manifest->media_type, &is_index, err) < 0 ||
	    json_parse(scratch, json, "the manifest", &root, err) < 0)
		goto failed;
	if (is_index) {
		error_set(err, 0, "the manifest is an index where an image is wanted");
		goto failed;
	}
	const char *own_type = json_get_string(root, "mediaType");
	image->manifest.media_type = mem_strdup(
		image, own_type ? own_type : manifest->media_type ? manifest->media_type : MEDIA_OCI_MANIFEST);
	image->manifest.digest = mem_strdup(image, manifest->digest);
	image->manifest.size_bytes = strlen(json);
	image->stored = image->manifest;
	image->manifest_json = mem_strdup(image, json);
	if (read_descriptor(image, json_get(root, "config"), "config", &image->config, err) < 0)
		goto failed;
	struct json *layers = json_get(root, "layers");
	image->layer_count = json_length(layers);
	if (image->layer_count > LAYERS_MAX) {
		error_set(err, 0, "the manifest has %u layers, more than %d", image->layer_count, LAYERS_MAX);
		goto failed;
	}
	image->layers = mem_array(image, struct descriptor, image->layer_count);
	for (unsigned i = 0; i < image->layer_count; i++) {
		struct descriptor *layer = &image->layers[i];
		if (read_descriptor(image, json_at(layers, i), "layer", layer, err) < 0)
			goto failed;
		bool is_known = false;
		for (size_t j = 0; j < sizeof(layer_types) / sizeof(*layer_types); j++)
			is_known |= strcmp(layer->media_type, layer_types[j]) == 0;
		if (!is_known) {
			error_set(err, 0, "layer %s has the unknown media type '%s'", layer->digest, layer->media_type);
			goto failed;
		}
	}
	*ret = image;
	return 0;
failed:
	talloc_free(image);
	return -1;
}

static int add_label(const char *key, struct json *value, void *arg)
{
	const char *text = json_text(value);
	strlist_addf(arg, "%s=%s", key, text ? text : "");
	return 0;
}

static int add_key(const char *key, struct json *value, void *arg)
{
	(void)value;
	strlist_add(arg, key);
	return 0;
}

static char *text_or_empty(const void *ctx, const char *text)
{
	return mem_strdup(ctx, text ? text : "");
}

int image_parse_config(struct image *image, const char *text, struct error *err)
{
	struct json *root;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (json_parse(scratch, text, "the image configuration", &root, err) < 0)
		return -1;
	struct json *ids = json_get(json_get(root, "rootfs"), "diff_ids");
	if (!json_holds_object(root) || json_length(ids) != image->layer_count)
		return error_set(err, 0, "the image configuration names %u layers, the manifest %u", json_length(ids),
				 image->layer_count);
	image->diff_ids = mem_array(image, char *, image->layer_count);
	for (unsigned i = 0; i < image->layer_count; i++) {
		const char *id = json_text(json_at(ids, i));
		if (!id || !digest_is_valid(id))
			return error_set(err, 0, "the image configuration has the malformed diffID '%s'", id ? id : "");
		image->diff_ids[i] = mem_strdup(image, id);
	}
	struct json *config = json_get(root, "config");
	struct image_config *run = &image->run;
	run->env = json_get_strings(image, config, "Env");
	if (!run->env)
		run->env = strlist_new(image);
	run->entrypoint = json_get_strings(image, config, "Entrypoint");
	run->cmd = json_get_strings(image, config, "Cmd");
	run->shell = json_get_strings(image, config, "Shell");
	run->user = text_or_empty(image, json_get_string(config, "User"));
	run->working_dir = text_or_empty(image, json_get_string(config, "WorkingDir"));
	run->stop_signal = text_or_empty(image, json_get_string(config, "StopSignal"));
	run->labels = strlist_new(image);
	run->exposed_ports = strlist_new(image);
	run->volumes = strlist_new(image);
	json_each(json_get(config, "Labels"), add_label, run->labels);
	json_each(json_get(config, "ExposedPorts"), add_key, run->exposed_ports);
	json_each(json_get(config, "Volumes"), add_key, run->volumes);
	read_platform(image, root, &run->platform);
	run->created = text_or_empty(image, json_get_string(root, "created"));
	run->author = text_or_empty(image, json_get_string(root, "author"));
	image->config_json = mem_strdup(image, text);
	return 0;
}
