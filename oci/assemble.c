/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the documents of a build: configuration, manifest, attestation manifest, index, in BuildKit's shapes. */
#include "oci/assemble.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "oci/attest.h"
#include "oci/derive.h"
#include "oci/json.h"

#define MEDIA_IN_TOTO "application/vnd.in-toto+json"
#define CREATED_ANNOTATION "org.opencontainers.image.created"

struct assembler {
	struct store *store;
	const struct build_result *build;
	const struct output *output;
	const struct layer_format *format;
	struct assembled *made;
	struct json *entries; /* of the index */
	void *scratch;
};

struct json *annotations_of(const void *ctx, const struct strlist *first, const struct strlist *second)
{
	const struct strlist *lists[] = { first, second };
	struct json *object = NULL;
	for (unsigned l = 0; l < 2; l++) {
		for (size_t i = 0; lists[l] && i < lists[l]->count; i++) {
			const char *text = lists[l]->items[i];
			size_t length = strcspn(text, "=");
			CLEANUP_TALLOC char *key = mem_strndup(NULL, text, length);
			object = object ? object : json_new_object(ctx);
			json_set_string(object, key, text[length] ? text + length + 1 : "");
		}
	}
	return object;
}

static void set_created(const struct assembler *a, struct json **annotations)
{
	char text[40];
	struct tm tm;
	time_t epoch = a->build->epoch_sec;
	if (!a->build->has_epoch)
		return;
	gmtime_r(&epoch, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	*annotations = *annotations ? *annotations : json_new_object(a->scratch);
	json_set_string(*annotations, CREATED_ANNOTATION, text);
}

/* ---- one image ---- */

static int make_config(struct assembler *a, const struct built_image *b, char *const *diff_ids, char **ret,
		       struct error *err)
{
	struct json *root, *rootfs = json_new_object(a->scratch), *ids = json_new_array(a->scratch);
	if (json_parse(a->scratch, b->config_json, "the image configuration", &root, err) < 0)
		return -1;
	for (unsigned i = 0; i < b->chain->count; i++)
		json_append_string(ids, diff_ids[i]);
	json_set_string(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set(root, "rootfs", rootfs);
	*ret = json_dump(a->scratch, root);
	return 0;
}

static int make_image(struct assembler *a, const struct built_image *b, struct image **ret, struct error *err)
{
	bool is_docker = a->format->is_docker;
	struct descriptor *layers, config, manifest;
	char **diff_ids, *text;
	if (chain_export(a->scratch, a->store, b->chain, a->format, &layers, &diff_ids, err) < 0 ||
	    make_config(a, b, diff_ids, &text, err) < 0 ||
	    store_put_document(a->scratch, a->store, text, is_docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG, &config, err) < 0)
		return -1;
	const char *type = is_docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
	struct json *root = json_new_object(a->scratch), *list = json_new_array(a->scratch);
	json_set_int(root, "schemaVersion", 2);
	json_set_string(root, "mediaType", type);
	json_set(root, "config", descriptor_json(a->scratch, &config));
	for (unsigned i = 0; i < b->chain->count; i++)
		json_append(list, descriptor_json(a->scratch, &layers[i]));
	json_set(root, "layers", list);
	struct json *annotations = annotations_of(a->scratch, b->annotations, a->output->annotations);
	if (annotations)
		json_set(root, "annotations", annotations);
	if (store_put_document(a->scratch, a->store, json_dump(a->scratch, root), type, &manifest, err) < 0)
		return -1;
	return store_load_image(a->made, a->store, &manifest, ret, err);
}

static void add_entry(struct assembler *a, const struct image *image, const struct built_image *b)
{
	struct json *entry = descriptor_json(a->scratch, &image->manifest), *platform = json_new_object(a->scratch);
	const struct platform *p = &image->run.platform;
	struct json *annotations =
		annotations_of(a->scratch, b->descriptor_annotations, a->output->descriptor_annotations);
	set_created(a, &annotations);
	if (annotations)
		json_set(entry, "annotations", annotations);
	json_set_string(platform, "architecture", p->architecture ? p->architecture : "unknown");
	json_set_string(platform, "os", p->os ? p->os : "linux");
	if (p->variant)
		json_set_string(platform, "variant", p->variant);
	json_set(entry, "platform", platform);
	json_append(a->entries, entry);
}

/* ---- attestations ---- */

static struct json *subjects_of(struct assembler *a, const struct image *image)
{
	const struct strlist *names = a->output->names ? a->output->names : a->build->names;
	struct json *list = json_new_array(a->scratch), *digest = json_new_object(a->scratch);
	json_set_string(digest, "sha256", digest_hex(image->manifest.digest));
	for (size_t i = 0; i < (names && names->count ? names->count : 1); i++) {
		char *purl = names && names->count ? provenance_purl(a->scratch, names->items[i], &image->run.platform) : NULL;
		struct json *subject = json_new_object(a->scratch);
		json_set_string(subject, "name", purl ? purl : "_");
		json_set(subject, "digest", digest);
		json_append(list, subject);
	}
	return list;
}

static int make_statement(struct assembler *a, const struct image *image, const struct attestation *t,
			  struct descriptor *ret, struct error *err)
{
	struct json *root = json_new_object(a->scratch), *predicate;
	if (json_parse(a->scratch, t->predicate_json, "the attestation", &predicate, err) < 0)
		return -1;
	json_set_string(root, "_type", "https://in-toto.io/Statement/v1");
	json_set_string(root, "predicateType", t->predicate_type);
	json_set(root, "subject", subjects_of(a, image));
	json_set(root, "predicate", predicate);
	return store_put_document(a->scratch, a->store, json_dump(a->scratch, root), MEDIA_IN_TOTO, ret, err);
}

/* All attestations of an image in one manifest, whose entry in the index says which image that is. */
static int attest(struct assembler *a, const struct built_image *b, const struct image *image, struct error *err)
{
	struct json *layers = json_new_array(a->scratch), *ids = json_new_array(a->scratch);
	for (unsigned i = 0; i < b->attestation_count; i++) {
		struct descriptor statement;
		if (make_statement(a, image, &b->attestations[i], &statement, err) < 0)
			return -1;
		struct json *layer = descriptor_json(a->scratch, &statement), *annotations = json_new_object(a->scratch);
		json_set_string(annotations, "in-toto.io/predicate-type", b->attestations[i].predicate_type);
		json_set(layer, "annotations", annotations);
		json_append(layers, layer);
		json_append_string(ids, statement.digest);
	}
	struct json *config = json_new_object(a->scratch), *rootfs = json_new_object(a->scratch);
	struct descriptor config_blob, manifest;
	json_set_string(config, "architecture", "unknown");
	json_set_string(config, "os", "unknown");
	json_set(config, "config", json_new_object(a->scratch));
	json_set_string(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set(config, "rootfs", rootfs);
	struct json *root = json_new_object(a->scratch);
	if (store_put_document(a->scratch, a->store, json_dump(a->scratch, config), MEDIA_OCI_CONFIG, &config_blob, err) < 0)
		return -1;
	json_set_int(root, "schemaVersion", 2);
	json_set_string(root, "mediaType", MEDIA_OCI_MANIFEST);
	json_set(root, "config", descriptor_json(a->scratch, &config_blob));
	json_set(root, "layers", layers);
	if (store_put_document(a->scratch, a->store, json_dump(a->scratch, root), MEDIA_OCI_MANIFEST, &manifest, err) < 0)
		return -1;
	struct json *entry = descriptor_json(a->scratch, &manifest), *annotations = json_new_object(a->scratch);
	struct json *platform = json_new_object(a->scratch);
	json_set_string(annotations, "vnd.docker.reference.digest", image->manifest.digest);
	json_set_string(annotations, "vnd.docker.reference.type", "attestation-manifest");
	set_created(a, &annotations);
	json_set(entry, "annotations", annotations);
	json_set_string(platform, "architecture", "unknown");
	json_set_string(platform, "os", "unknown");
	json_set(entry, "platform", platform);
	json_append(a->entries, entry);
	return 0;
}

/* ---- all ---- */

static bool needs_index(const struct build_result *build)
{
	bool is_attested = false;
	for (unsigned i = 0; i < build->count; i++)
		is_attested |= build->images[i].attestation_count > 0;
	return build->count > 1 || build->is_index || is_attested;
}

static int make_index(struct assembler *a, struct error *err)
{
	const char *type = a->format->is_docker ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX;
	struct json *root = json_new_object(a->scratch);
	/* Images first, what is attested of them behind, as BuildKit has it. */
	for (unsigned i = 0; i < a->build->count; i++)
		add_entry(a, a->made->images[i], &a->build->images[i]);
	for (unsigned i = 0; i < a->build->count; i++)
		if (a->build->images[i].attestation_count &&
		    attest(a, &a->build->images[i], a->made->images[i], err) < 0)
			return -1;
	json_set_int(root, "schemaVersion", 2);
	json_set_string(root, "mediaType", type);
	json_set(root, "manifests", a->entries);
	struct json *annotations =
		annotations_of(a->scratch, a->build->index_annotations, a->output->index_annotations);
	if (annotations)
		json_set(root, "annotations", annotations);
	a->made->top_json = json_dump(a->made, root);
	return store_put_document(a->made, a->store, a->made->top_json, type, &a->made->top, err);
}

static bool has_any(const struct strlist *list)
{
	return list && list->count;
}

int assemble(const void *ctx, struct store *s, const struct build_result *build, const struct output *output,
	     const struct layer_format *format, struct assembled **ret, struct error *err)
{
	CLEANUP_TALLOC struct assembled *made = mem_new(NULL, struct assembled);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct assembler a = { s, build, output, format, made, json_new_array(scratch), scratch };
	made->images = mem_array(made, struct image *, build->count);
	made->count = build->count;
	made->is_index = needs_index(build);
	if (!made->is_index && (has_any(build->index_annotations) || has_any(output->index_annotations)))
		return error_set(err, 0, "annotations of an index need one: an image of one platform has none");
	for (unsigned i = 0; i < build->count; i++)
		if (make_image(&a, &build->images[i], &made->images[i], err) < 0)
			return -1;
	if (made->is_index) {
		if (make_index(&a, err) < 0)
			return -1;
	} else {
		made->top = made->images[0]->manifest;
		made->top_json = made->images[0]->manifest_json;
	}
	*ret = talloc_steal(ctx, made);
	made = NULL;
	return 0;
}
