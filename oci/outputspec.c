/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the text of --output: which keys there are, for which types, and what they set. */
#include <stddef.h>
#include <string.h>

#include "oci/fields.h"
#include "oci/outputs.h"
#include "oci/reference.h"
#include "tracer/base/text.h"

enum key_kind { KEY_TEXT, KEY_FLAG, KEY_NOT_FLAG, KEY_NUMBER, KEY_HOOK, KEY_IGNORED };

enum { FOR_IMAGE = 1 << OUTPUT_IMAGE, FOR_OCI = 1 << OUTPUT_OCI, FOR_DOCKER = 1 << OUTPUT_DOCKER,
       FOR_TAR = 1 << OUTPUT_TAR, FOR_LOCAL = 1 << OUTPUT_LOCAL,
       FOR_IMAGES = FOR_IMAGE | FOR_OCI | FOR_DOCKER, FOR_FILES = FOR_OCI | FOR_DOCKER | FOR_TAR | FOR_LOCAL,
       FOR_ROOTS = FOR_TAR | FOR_LOCAL, FOR_ALL = ~0 };

struct key_row {
	const char *name;
	enum key_kind kind;
	unsigned types;
	size_t offset; /* of the member */
	int (*hook)(struct output *o, const char *value, struct error *err);
	size_t has_offset; /* of the bool that says that it was given; 0: none */
};

static const struct {
	const char *name;
	enum output_type type;
	bool pushes;
} types[] = {
	{ "image", OUTPUT_IMAGE, false }, { "registry", OUTPUT_IMAGE, true }, { "oci", OUTPUT_OCI, false },
	{ "docker", OUTPUT_DOCKER, false }, { "tar", OUTPUT_TAR, false }, { "local", OUTPUT_LOCAL, false },
	{ "cacheonly", OUTPUT_NONE, false },
};

static int add_names(struct output *o, const char *value, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text = mem_strdup(scratch, value), *save = NULL;
	o->names = o->names ? o->names : strlist_new(o);
	for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		struct reference *r;
		if (reference_parse(scratch, one, &r, err) < 0)
			return -1;
		strlist_add(o->names, r->name);
	}
	return 0;
}

static int set_compression(struct output *o, const char *value, struct error *err)
{
	o->has_compression = true;
	return compression_parse(value, &o->format.compression, err);
}

static int set_mode(struct output *o, const char *value, struct error *err)
{
	o->deletes = strcmp(value, "delete") == 0;
	return o->deletes || strcmp(value, "copy") == 0 ? 0 : error_set(err, 0, "mode=%s: want copy or delete", value);
}

#define MEMBER(member) offsetof(struct output, member)
static const struct key_row keys[] = {
	{ "dest", KEY_TEXT, FOR_FILES, MEMBER(dest), NULL, 0 },
	{ "name", KEY_HOOK, FOR_IMAGES, 0, add_names, 0 },
	{ "tar", KEY_NOT_FLAG, FOR_OCI | FOR_DOCKER, MEMBER(is_folder), NULL, 0 },
	{ "push", KEY_FLAG, FOR_IMAGE, MEMBER(pushes), NULL, 0 },
	{ "push-by-digest", KEY_FLAG, FOR_IMAGE, MEMBER(pushes_by_digest), NULL, 0 },
	{ "registry.insecure", KEY_FLAG, FOR_IMAGE, MEMBER(is_insecure), NULL, 0 },
	{ "store", KEY_NOT_FLAG, FOR_IMAGE, MEMBER(stays_out), NULL, 0 },
	{ "dangling-name-prefix", KEY_TEXT, FOR_IMAGE, MEMBER(dangling_prefix), NULL, 0 },
	{ "name-canonical", KEY_FLAG, FOR_IMAGE, MEMBER(has_canonical_name), NULL, 0 },
	{ "oci-mediatypes", KEY_NOT_FLAG, FOR_IMAGES, MEMBER(format.is_docker), NULL, MEMBER(has_media_types) },
	{ "compression", KEY_HOOK, FOR_IMAGES, 0, set_compression, 0 },
	{ "compression-level", KEY_NUMBER, FOR_IMAGES, MEMBER(format.level), NULL, 0 },
	{ "force-compression", KEY_FLAG, FOR_IMAGES, MEMBER(format.is_forced), NULL, 0 },
	{ "rewrite-timestamp", KEY_FLAG, FOR_IMAGES, MEMBER(format.rewrites_times), NULL, 0 },
	{ "platform-split", KEY_FLAG, FOR_ROOTS, MEMBER(is_platform_split), NULL, MEMBER(has_platform_split) },
	{ "mode", KEY_HOOK, FOR_LOCAL, 0, set_mode, 0 },
	/* What they ask for is so, or has no meaning here. */
	{ "unpack", KEY_IGNORED, FOR_IMAGE, 0, NULL, 0 },
	{ "prefer-nondist-layers", KEY_IGNORED, FOR_IMAGES, 0, NULL, 0 },
	{ "attestation-inline", KEY_IGNORED, FOR_ALL, 0, NULL, 0 },
	{ "oci-artifact", KEY_IGNORED, FOR_IMAGES, 0, NULL, 0 },
};

static const struct {
	const char *prefix;
	size_t offset;
} annotation_keys[] = {
	{ "annotation.", MEMBER(annotations) },
	{ "annotation-manifest.", MEMBER(annotations) },
	{ "annotation-manifest-descriptor.", MEMBER(descriptor_annotations) },
	{ "annotation-index.", MEMBER(index_annotations) },
	{ "annotation-index-descriptor.", MEMBER(index_descriptor_annotations) },
};

static int set_key(struct output *o, const struct key_row *row, const char *value, struct error *err)
{
	char *member = (char *)o + row->offset;
	uint64_t number;
	if (row->has_offset)
		*(bool *)((char *)o + row->has_offset) = true;
	switch (row->kind) {
	case KEY_TEXT:
		*(const char **)member = mem_strdup(o, value);
		return 0;
	case KEY_FLAG:
	case KEY_NOT_FLAG:
		if (fields_flag(row->name, value, (bool *)member, err) < 0)
			return -1;
		*(bool *)member ^= row->kind == KEY_NOT_FLAG;
		return 0;
	case KEY_NUMBER:
		if (!text_to_number(value, 100, &number))
			return error_set(err, 0, "%s=%s: want a number", row->name, value);
		*(int *)member = (int)number;
		return 0;
	case KEY_HOOK:
		return row->hook(o, value, err);
	case KEY_IGNORED:
		return 0;
	}
	return 0;
}

/* 1: it was one; 0: it is another key. */
static int set_annotation(struct output *o, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(annotation_keys) / sizeof(*annotation_keys); i++) {
		const char *prefix = annotation_keys[i].prefix;
		struct strlist **list = (struct strlist **)((char *)o + annotation_keys[i].offset);
		if (!text_starts(key, prefix))
			continue;
		*list = *list ? *list : strlist_new(o);
		strlist_addf(*list, "%s=%s", key + strlen(prefix), value);
		return 1;
	}
	return 0;
}

static int find_type(struct output *o, const struct strlist *fields, const char **ret_name, struct error *err)
{
	const char *name = NULL;
	for (size_t i = 0; i < fields->count; i++)
		if (text_starts(fields->items[i], "type="))
			name = fields->items[i] + strlen("type=");
	if (!name)
		return error_set(err, 0, "type is required");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcmp(types[i].name, name) == 0) {
			o->type = types[i].type;
			o->pushes = types[i].pushes;
			*ret_name = types[i].name;
			return 0;
		}
	}
	return error_set(err, 0, "'%s' is no type of output: want image, registry, oci, docker, tar, local or cacheonly", name);
}

static int set_field(struct output *o, const char *type, const char *field, struct error *err)
{
	size_t length = strcspn(field, "=");
	CLEANUP_TALLOC char *key = mem_strndup(NULL, field, length);
	if (!field[length])
		return error_set(err, 0, "'%s' is no KEY=VALUE", field);
	const char *value = field + length + 1;
	if (strcmp(key, "type") == 0 || set_annotation(o, key, value))
		return 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i].name, key) == 0 && (keys[i].types & 1u << o->type))
			return set_key(o, &keys[i], value, err);
	return error_set(err, 0, "type=%s has no key '%s'", type, key);
}

static int parse(struct output *o, const char *text, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *fields;
	const char *type = "";
	if (fields_split(scratch, text, &fields, err) < 0)
		return -1;
	/* A lone path is a folder, or "-". */
	if (fields->count == 1 && !strchr(fields->items[0], '=')) {
		o->type = strcmp(text, "-") == 0 ? OUTPUT_TAR : OUTPUT_LOCAL;
		o->dest = mem_strdup(o, fields->items[0]);
		return 0;
	}
	if (find_type(o, fields, &type, err) < 0)
		return -1;
	for (size_t i = 0; i < fields->count; i++)
		if (set_field(o, type, fields->items[i], err) < 0)
			return -1;
	if (o->type == OUTPUT_LOCAL && (!o->dest || strcmp(o->dest, "-") == 0))
		return error_set(err, 0, "type=local needs dest=FOLDER");
	if (o->is_folder && (!o->dest || strcmp(o->dest, "-") == 0))
		return error_set(err, 0, "tar=false needs dest=FOLDER");
	o->pushes |= o->pushes_by_digest;
	return compression_check_level(o->format.compression, o->format.level, err);
}

int output_parse(const void *ctx, const char *text, struct output **ret, struct error *err)
{
	CLEANUP_TALLOC struct output *o = mem_new(NULL, struct output);
	if (parse(o, text, err) < 0)
		return -1;
	*ret = talloc_steal(ctx, o);
	o = NULL;
	return 0;
}
