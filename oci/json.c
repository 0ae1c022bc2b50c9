/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the binding to jansson; what documents mean is for image.c and the others. */
#include "oci/json.h"

#include <jansson.h>
#include <string.h>

struct json {
	json_t *value; /* counted */
};

static int release(struct json *node)
{
	json_decref(node->value);
	return 0;
}

/* Takes over the count. */
static struct json *wrap(const void *ctx, json_t *value)
{
	struct json *node = mem_new(ctx, struct json);
	node->value = mem_must(value);
	talloc_set_destructor(node, release);
	return node;
}

static struct json *borrow(struct json *parent, json_t *value)
{
	return value ? wrap(parent, json_incref(value)) : NULL;
}

int json_parse(const void *ctx, const char *text, const char *what, struct json **ret, struct error *err)
{
	json_error_t where;
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	if (!value)
		return error_set(err, 0, "%s is not valid JSON: line %d: %s", what, where.line, where.text);
	*ret = wrap(ctx, value);
	return 0;
}

/* Give the integers that jansson has no room for an exponent, which makes them reals. */
static char *widen_integers(const void *ctx, const char *text)
{
	enum { MOST_DIGITS = 18 }; /* that surely fit */
	char *wide = mem_array(ctx, char, strlen(text) + strlen(text) / MOST_DIGITS * 2 + 1), *to = wide;
	for (const char *from = text; *from;) {
		size_t length = 1;
		if (*from == '"') {
			while (from[length] && from[length] != '"')
				length += from[length] == '\\' && from[length + 1] ? 2 : 1;
			length += from[length] == '"';
		} else if (*from == '-' || (*from >= '0' && *from <= '9')) {
			length += strspn(from + 1, "0123456789+-.eE");
		}
		memcpy(to, from, length);
		to += length;
		if (*from >= '0' && *from <= '9' && length > MOST_DIGITS && strcspn(from, ".eE") >= length) {
			memcpy(to, "e0", 2);
			to += 2;
		}
		from += length;
	}
	*to = '\0';
	return wide;
}

int json_parse_unsigned(const void *ctx, const char *text, const char *what, struct json **ret, struct error *err)
{
	struct error narrow = ERROR_INIT;
	if (json_parse(ctx, text, what, ret, &narrow) == 0)
		return 0;
	if (!strstr(narrow.text, "too big integer"))
		return error_set(err, 0, "%s", narrow.text);
	CLEANUP_TALLOC char *wide = widen_integers(NULL, text);
	return json_parse(ctx, wide, what, ret, err);
}

struct json *json_new_object(const void *ctx)
{
	return wrap(ctx, json_object());
}

struct json *json_new_array(const void *ctx)
{
	return wrap(ctx, json_array());
}

struct json *json_clone(const void *ctx, const struct json *node)
{
	return wrap(ctx, json_deep_copy(node->value));
}

enum json_kind json_kind(const struct json *node)
{
	static const enum json_kind kinds[] = {
		[JSON_OBJECT] = JSON_KIND_OBJECT,   [JSON_ARRAY] = JSON_KIND_ARRAY,
		[JSON_STRING] = JSON_KIND_STRING,   [JSON_INTEGER] = JSON_KIND_INTEGER,
		[JSON_REAL] = JSON_KIND_REAL,       [JSON_TRUE] = JSON_KIND_BOOLEAN,
		[JSON_FALSE] = JSON_KIND_BOOLEAN,   [JSON_NULL] = JSON_KIND_NULL,
	};
	return node ? kinds[json_typeof(node->value)] : JSON_KIND_NULL;
}

int64_t json_as_int(const struct json *node)
{
	return node ? (int64_t)json_integer_value(node->value) : 0;
}

bool json_as_bool(const struct json *node)
{
	return node && json_typeof(node->value) == JSON_TRUE;
}

double json_as_real(const struct json *node)
{
	return node ? json_real_value(node->value) : 0;
}

bool json_holds_object(const struct json *node)
{
	return node && json_typeof(node->value) == JSON_OBJECT;
}

bool json_holds_array(const struct json *node)
{
	return node && json_typeof(node->value) == JSON_ARRAY;
}

bool json_holds_string(const struct json *node)
{
	return node && json_typeof(node->value) == JSON_STRING;
}

static json_t *member(const struct json *node, const char *key)
{
	json_t *value = node ? json_object_get(node->value, key) : NULL;
	return value && json_typeof(value) != JSON_NULL ? value : NULL;
}

struct json *json_get(struct json *node, const char *key)
{
	return borrow(node, member(node, key));
}

const char *json_get_string(struct json *node, const char *key)
{
	return json_string_value(member(node, key));
}

int64_t json_get_int(struct json *node, const char *key, int64_t otherwise)
{
	json_t *value = member(node, key);
	return value && json_typeof(value) == JSON_INTEGER ? (int64_t)json_integer_value(value) : otherwise;
}

bool json_get_bool(struct json *node, const char *key, bool otherwise)
{
	json_t *value = member(node, key);
	if (!value || (json_typeof(value) != JSON_TRUE && json_typeof(value) != JSON_FALSE))
		return otherwise;
	return json_typeof(value) == JSON_TRUE;
}

const char *json_text(const struct json *node)
{
	return node ? json_string_value(node->value) : NULL;
}

unsigned json_length(const struct json *array)
{
	return array ? json_array_size(array->value) : 0;
}

struct json *json_at(struct json *array, unsigned index)
{
	return borrow(array, array ? json_array_get(array->value, index) : NULL);
}

int json_each(struct json *object, int (*visit)(const char *key, struct json *value, void *arg), void *arg)
{
	if (!json_holds_object(object))
		return 0;
	for (void *at = json_object_iter(object->value); at; at = json_object_iter_next(object->value, at)) {
		int r = visit(json_object_iter_key(at), borrow(object, json_object_iter_value(at)), arg);
		if (r)
			return r;
	}
	return 0;
}

struct strlist *json_get_strings(const void *ctx, struct json *node, const char *key)
{
	json_t *array = member(node, key);
	if (!array || json_typeof(array) != JSON_ARRAY)
		return NULL;
	struct strlist *list = strlist_new(ctx);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		if (text)
			strlist_add(list, text);
	}
	return list;
}

void json_set(struct json *object, const char *key, const struct json *value)
{
	json_object_set_new(object->value, key, json_deep_copy(value->value));
}

struct json *json_need_object(struct json *object, const char *key)
{
	if (!json_is_object(member(object, key)))
		json_object_set_new(object->value, key, json_object());
	return json_get(object, key);
}

/* Text that is not UTF-8 cannot stand in JSON: its bytes are taken for Latin-1. */
static json_t *string_of(const char *text)
{
	json_t *value = json_string(text);
	if (value)
		return value;
	CLEANUP_TALLOC char *fixed = mem_array(NULL, char, 2 * strlen(text) + 1);
	char *to = fixed;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x80) {
			*to++ = *p;
		} else {
			*to++ = 0xc0 | *p >> 6;
			*to++ = 0x80 | (*p & 0x3f);
		}
	}
	return json_string(fixed);
}

void json_set_string(struct json *object, const char *key, const char *text)
{
	json_object_set_new(object->value, key, string_of(text));
}

void json_set_optional(struct json *object, const char *key, const char *text)
{
	if (text)
		json_set_string(object, key, text);
}

void json_set_int(struct json *object, const char *key, int64_t number)
{
	json_object_set_new(object->value, key, json_integer(number));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
	json_object_set_new(object->value, key, value ? json_true() : json_false());
}

void json_set_strings(struct json *object, const char *key, const struct strlist *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, string_of(list->items[i]));
	json_object_set_new(object->value, key, array);
}

void json_remove(struct json *object, const char *key)
{
	json_object_del(object->value, key);
}

void json_append(struct json *array, const struct json *value)
{
	json_array_append_new(array->value, json_deep_copy(value->value));
}

void json_append_string(struct json *array, const char *text)
{
	json_array_append_new(array->value, string_of(text));
}

static char *dump(const void *ctx, const struct json *node, size_t flags)
{
	char *text = mem_must(json_dumps(node->value, flags | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY));
	char *copy = mem_strdup(ctx, text);
	free(text);
	return copy;
}

char *json_dump(const void *ctx, const struct json *node)
{
	return dump(ctx, node, JSON_COMPACT);
}

char *json_dump_indented(const void *ctx, const struct json *node)
{
	return dump(ctx, node, JSON_INDENT(4));
}
