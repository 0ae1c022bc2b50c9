/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of build caches and their way out; cachefetch.c the way in. */
#include "oci/buildcache_private.h"
#include "oci/derive.h"

#include <string.h>

#include "oci/fields.h"
#include "oci/transfer.h"
#include "oci/web.h"
#include "tracer/base/text.h"

enum { VERSION = 1 };

/* ---- places ---- */

static int set_type(struct buildcache_place *p, const char *value, bool is_export, struct error *err)
{
	static const char *const names[] = { [BUILDCACHE_REGISTRY] = "registry", [BUILDCACHE_LOCAL] = "local",
					     [BUILDCACHE_INLINE] = "inline" };
	for (unsigned i = 0; i <= (is_export ? BUILDCACHE_INLINE : BUILDCACHE_LOCAL); i++) {
		if (strcmp(names[i], value) == 0) {
			p->type = i;
			return 0;
		}
	}
	return error_set(err, 0, "'%s' is no type of cache: want registry%s", value,
			 is_export ? ", local or inline" : " or local");
}

static int set_level(struct buildcache_place *p, const char *value, struct error *err)
{
	uint64_t level;
	if (!text_to_number(value, 100, &level))
		return error_set(err, 0, "compression-level=%s: want a number", value);
	p->format.level = (int)level;
	return 0;
}

static int set_field(struct buildcache_place *p, const char *field, bool is_export, struct error *err)
{
	size_t length = strcspn(field, "=");
	CLEANUP_TALLOC char *key = mem_strndup(NULL, field, length);
	const char *value = field[length] ? field + length + 1 : NULL;
	const struct {
		const char *name;
		const char **place;
		bool is_wanted;
	} texts[] = {
		{ "ref", &p->ref, true }, { "tag", &p->tag, true }, { "dest", &p->folder, is_export },
		{ "src", &p->folder, !is_export },
	};
	const struct {
		const char *name;
		bool *place;
	} flags[] = {
		{ "ignore-error", &p->ignores_errors }, { "registry.insecure", &p->is_insecure },
		{ "force-compression", &p->format.is_forced },
	};
	/* What they choose of several forms, or of a document's details, is so or has no meaning here. */
	static const char *const ignored[] = { "oci-mediatypes", "image-manifest", "digest", "stargz" };
	if (!value)
		return error_set(err, 0, "'%s' is no KEY=VALUE", field);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (texts[i].is_wanted && strcmp(texts[i].name, key) == 0) {
			*texts[i].place = mem_strdup(p, value);
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (strcmp(flags[i].name, key) == 0)
			return fields_flag(key, value, flags[i].place, err);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (strcmp(ignored[i], key) == 0)
			return 0;
	if (strcmp(key, "type") == 0)
		return set_type(p, value, is_export, err);
	if (strcmp(key, "compression") == 0)
		return compression_parse(value, &p->format.compression, err);
	if (strcmp(key, "compression-level") == 0)
		return set_level(p, value, err);
	if (strcmp(key, "mode") != 0)
		return error_set(err, 0, "there is no key '%s'", key);
	p->is_max = strcmp(value, "max") == 0;
	return p->is_max || strcmp(value, "min") == 0 ? 0 : error_set(err, 0, "mode=%s: want min or max", value);
}

static int parse(struct buildcache_place *p, const char *text, bool is_export, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *fields;
	struct reference *ref;
	p->tag = "latest";
	if (fields_split(scratch, text, &fields, err) < 0)
		return -1;
	if (fields->count == 1 && !strchr(text, '='))
		p->ref = mem_strdup(p, text);
	for (size_t i = 0; i < fields->count && strchr(text, '='); i++)
		if (set_field(p, fields->items[i], is_export, err) < 0)
			return -1;
	if (p->type == BUILDCACHE_LOCAL && !p->folder)
		return error_set(err, 0, "type=local needs %s=FOLDER", is_export ? "dest" : "src");
	if (p->type == BUILDCACHE_REGISTRY && !p->ref)
		return error_set(err, 0, "type=registry needs ref=NAME");
	if (p->type == BUILDCACHE_REGISTRY && reference_parse(scratch, p->ref, &ref, err) < 0)
		return -1;
	return compression_check_level(p->format.compression, p->format.level, err);
}

int buildcache_parse(const void *ctx, const char *text, bool is_export, struct buildcache_place **ret,
		     struct error *err)
{
	CLEANUP_TALLOC struct buildcache_place *p = mem_new(NULL, struct buildcache_place);
	if (parse(p, text, is_export, err) < 0)
		return -1;
	*ret = talloc_steal(ctx, p);
	p = NULL;
	return 0;
}

/* ---- the document ---- */

static struct json *buildcache_document(const void *ctx, char *const *diff_ids, unsigned layer_count,
					const struct buildcache_record *records, const int *layer_of, unsigned count)
{
	struct json *root = json_new_object(ctx);
	struct json *layers = json_new_array(root), *list = json_new_array(root);
	json_set_int(root, "version", VERSION);
	for (unsigned i = 0; i < layer_count; i++)
		json_append_string(layers, diff_ids[i]);
	for (unsigned i = 0; i < count; i++) {
		const struct buildcache_record *r = &records[i];
		CLEANUP_TALLOC struct json *entry = json_new_object(NULL);
		struct json *config;
		json_set_string(entry, "key", r->key);
		if (r->parent)
			json_set_string(entry, "parent", r->parent);
		if (layer_of[i] >= 0)
			json_set_int(entry, "layer", layer_of[i]);
		if (r->created)
			json_set_string(entry, "created", r->created);
		if (r->description)
			json_set_string(entry, "description", r->description);
		json_set_int(entry, "bytes", r->bytes);
		if (r->config_json && json_parse(entry, r->config_json, "a record", &config, NULL) == 0)
			json_set(entry, "config", config);
		json_append(list, entry);
	}
	json_set(root, "layers", layers);
	json_set(root, "records", list);
	return root;
}

static const char *copy(void *ctx, const char *text)
{
	return text ? mem_strdup(ctx, text) : NULL;
}

int buildcache_read(void *ctx, struct buildcache_pages *pages, struct json *document, const struct descriptor *blobs,
		    unsigned blob_count, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (json_get_int(document, "version", 0) != VERSION)
		return 0;
	struct strlist *ids = json_get_strings(scratch, document, "layers");
	struct json *list = json_get(document, "records");
	unsigned layer_count = ids ? ids->count : 0;
	if (layer_count > blob_count)
		return error_set(err, 0, "the cache tells of %u layers, its manifest has %u", layer_count, blob_count);
	pages->layers = mem_grow(ctx, pages->layers, struct cache_layer, pages->layer_count + layer_count);
	for (unsigned i = 0; i < layer_count; i++) {
		if (!digest_is_valid(ids->items[i]))
			return error_set(err, 0, "the cache has the malformed diffID '%s'", ids->items[i]);
		pages->layers[pages->layer_count++] = (struct cache_layer){
			.diff_id = mem_strdup(ctx, ids->items[i]),
			.blob = { .media_type = mem_strdup(ctx, blobs[i].media_type),
				  .digest = mem_strdup(ctx, blobs[i].digest), .size_bytes = blobs[i].size_bytes },
		};
	}
	pages->records = mem_grow(ctx, pages->records, struct buildcache_record, pages->count + json_length(list));
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *entry = json_at(list, i), *config = json_get(entry, "config");
		int64_t layer = json_get_int(entry, "layer", -1);
		const char *key = json_get_string(entry, "key");
		if (!key || layer >= (int64_t)layer_count)
			return error_set(err, 0, "record %u of the cache is damaged", i);
		pages->records[pages->count++] = (struct buildcache_record){
			.key = copy(ctx, key), .parent = copy(ctx, json_get_string(entry, "parent")),
			.diff_id = layer >= 0 ? copy(ctx, ids->items[layer]) : NULL,
			.created = copy(ctx, json_get_string(entry, "created")),
			.description = copy(ctx, json_get_string(entry, "description")),
			.config_json = config ? json_dump(ctx, config) : NULL,
			.bytes = json_get_int(entry, "bytes", 0),
		};
	}
	return 0;
}

/* ---- out ---- */

/* The records that go, and the chain of their layers, each once. */
struct selection {
	struct buildcache_record *records;
	int *layer_of;
	unsigned count;
	struct chain *chain;
};

static int layer_index(struct chain *chain, const char *snapshot, bool adds)
{
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "snapshots/%s", snapshot);
	for (unsigned i = 0; i < chain->count; i++)
		if (strcmp(chain->layers[i].folder, folder) == 0)
			return (int)i;
	if (!adds)
		return -1;
	chain_push(chain, snapshot);
	return (int)chain->count - 1;
}

static void choose(void *scratch, struct selection *sel, bool is_max, const struct buildcache_record *records,
		   unsigned count)
{
	sel->records = mem_array(scratch, struct buildcache_record, count);
	sel->layer_of = mem_array(scratch, int, count);
	for (unsigned i = 0; i < count; i++) {
		if (!is_max && !records[i].is_of_result)
			continue;
		sel->layer_of[sel->count] = records[i].snapshot ? layer_index(sel->chain, records[i].snapshot, true) : -1;
		sel->records[sel->count++] = records[i];
	}
}

static int make_manifest(void *scratch, struct store *s, const struct selection *sel,
			 const struct layer_format *format, struct descriptor *ret, struct error *err)
{
	struct descriptor *layers, config;
	char **diff_ids;
	if (chain_export(scratch, s, sel->chain, format, &layers, &diff_ids, err) < 0)
		return -1;
	struct json *document = buildcache_document(scratch, diff_ids, sel->chain->count, sel->records, sel->layer_of,
						    sel->count);
	if (store_put_document(scratch, s, json_dump(scratch, document), MEDIA_CACHE_CONFIG, &config, err) < 0)
		return -1;
	const char *text = image_make_manifest(scratch, &config, layers, sel->chain->count);
	return store_put_document(scratch, s, text, MEDIA_OCI_MANIFEST, ret, err);
}

int buildcache_export(struct store *s, const struct buildcache_place *place, const struct buildcache_record *records,
		      unsigned count, const struct progress *progress, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct selection sel = { .chain = mem_new(scratch, struct chain) };
	struct descriptor top;
	struct reference *ref;
	choose(scratch, &sel, place->is_max, records, count);
	if (make_manifest(scratch, s, &sel, &place->format, &top, err) < 0)
		return error_wrap(err, "cannot export the build cache");
	if (place->type == BUILDCACHE_LOCAL)
		return layout_add(s, &top, place->folder, place->tag, NULL, err) < 0 ?
			       error_wrap(err, "cannot export the build cache to '%s'", place->folder) :
			       0;
	if (reference_parse(scratch, place->ref, &ref, err) < 0)
		return -1;
	if (place->is_insecure)
		web_trust_host(ref->registry);
	return push_registry(s, &top, ref, progress, err) < 0 ?
		       error_wrap(err, "cannot export the build cache to '%s'", ref->familiar) :
		       0;
}

int buildcache_inline(const void *ctx, struct store *s, const char *config_json, struct chain *chain,
		      const struct layer_format *format, const struct buildcache_record *records, unsigned count,
		      char **ret_config, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct selection sel = { .chain = chain };
	struct descriptor *layers;
	struct json *root;
	char **diff_ids;
	sel.records = mem_array(scratch, struct buildcache_record, count);
	sel.layer_of = mem_array(scratch, int, count);
	for (unsigned i = 0; i < count; i++) {
		int layer = records[i].snapshot ? layer_index(chain, records[i].snapshot, false) : -1;
		if (records[i].snapshot && layer < 0)
			continue;
		sel.layer_of[sel.count] = layer;
		sel.records[sel.count++] = records[i];
	}
	if (chain_export(scratch, s, chain, format, &layers, &diff_ids, err) < 0 ||
	    json_parse(scratch, config_json, "the image configuration", &root, err) < 0)
		return -1;
	json_set(root, BUILDCACHE_INLINE_MEMBER,
		 buildcache_document(scratch, diff_ids, chain->count, sel.records, sel.layer_of, sel.count));
	*ret_config = json_dump(ctx, root);
	return 0;
}
