/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of JSON objects by rows: kinds, limits, and the sentences about what is none of them. */
#include "compat/runc/spec_members.h"

#include <limits.h>
#include <string.h>
#include <sys/types.h>

#include "tracer/base/text.h"

static const char *const kind_names[] = {
	[JSON_KIND_NULL] = "null",     [JSON_KIND_OBJECT] = "an object",   [JSON_KIND_ARRAY] = "an array",
	[JSON_KIND_STRING] = "a string", [JSON_KIND_INTEGER] = "a number", [JSON_KIND_REAL] = "a number",
	[JSON_KIND_BOOLEAN] = "true or false",
};

/* Ids of 2^31 and more are wrapped by some callers and by old programs, as in CVE-2024-40635. */
static const struct {
	int64_t min, max;
	size_t bytes;
} numbers[] = {
	[MEMBER_ID] = { 0, INT_MAX, sizeof(uid_t) },
	[MEMBER_MODE] = { 0, 07777, sizeof(mode_t) },
	[MEMBER_COLUMNS] = { 0, USHRT_MAX, sizeof(unsigned short) },
	[MEMBER_SECONDS] = { 1, INT_MAX, sizeof(int) },
	[MEMBER_DEVICE_NUMBER] = { 0, (1 << 20) - 1, sizeof(unsigned) },
};

static void __attribute__((format(printf, 3, 0)))
vsay(struct member_reader *r, const char *member, const char *fmt, va_list arguments, char **ret)
{
	CLEANUP_TALLOC char *text = mem_must(talloc_vasprintf(NULL, fmt, arguments));
	*ret = mem_printf(NULL, "%s: %s%s%s%s%s", r->file, r->where, r->where[0] && member ? "." : "",
			  member ? member : "", r->where[0] || member ? " " : "", text);
}

int members_fail(struct member_reader *r, const char *member, const char *fmt, ...)
{
	CLEANUP_TALLOC char *sentence = NULL;
	va_list arguments;
	va_start(arguments, fmt);
	vsay(r, member, fmt, arguments, &sentence);
	va_end(arguments);
	return error_set(r->err, 0, "%s", sentence);
}

void members_warn(struct member_reader *r, const char *fmt, ...)
{
	CLEANUP_TALLOC char *sentence = NULL;
	va_list arguments;
	va_start(arguments, fmt);
	vsay(r, NULL, fmt, arguments, &sentence);
	va_end(arguments);
	strlist_add(r->warnings, sentence);
}

/* Append to r->where; gives the length to go back to.  A name too long is cut. */
static size_t enter_member(struct member_reader *r, const char *name)
{
	size_t length = strlen(r->where);
	snprintf(r->where + length, sizeof(r->where) - length, "%s%s", length ? "." : "", name);
	return length;
}

static size_t enter_item(struct member_reader *r, unsigned index)
{
	size_t length = strlen(r->where);
	snprintf(r->where + length, sizeof(r->where) - length, "[%u]", index);
	return length;
}

static int fail_kind(struct member_reader *r, struct json *value, const char *wanted)
{
	return members_fail(r, NULL, "is %s, not %s", kind_names[json_kind(value)], wanted);
}

static int asks(const char *key, struct json *value, void *arg)
{
	(void)key;
	(void)arg;
	return members_ask(value);
}

bool members_ask(struct json *value)
{
	switch (json_kind(value)) {
	case JSON_KIND_OBJECT:
		return json_each(value, asks, NULL) != 0;
	case JSON_KIND_ARRAY:
		return json_length(value) > 0;
	case JSON_KIND_STRING:
		return json_text(value)[0] != '\0';
	case JSON_KIND_INTEGER:
		return json_as_int(value) != 0;
	case JSON_KIND_REAL:
		return json_as_real(value) != 0;
	case JSON_KIND_BOOLEAN:
		return json_as_bool(value);
	case JSON_KIND_NULL:
		return false;
	}
	return false;
}

static int read_number(struct member_reader *r, enum member_kind kind, struct json *value, void *to)
{
	long long min = numbers[kind].min, max = numbers[kind].max;
	if (json_kind(value) == JSON_KIND_REAL)
		return members_fail(r, NULL, "is %.17g, not a whole number from %lld to %lld", json_as_real(value), min, max);
	if (json_kind(value) != JSON_KIND_INTEGER)
		return fail_kind(r, value, "a number");
	long long number = json_as_int(value);
	if (number < min || number > max)
		return members_fail(r, NULL, "is %lld, not a number from %lld to %lld", number, min, max);
	if (numbers[kind].bytes == sizeof(unsigned short))
		*(unsigned short *)to = (unsigned short)number;
	else
		*(unsigned *)to = (unsigned)number;
	return 0;
}

/* Numbers from 2^63 on come as reals; what matters of those is RLIM_INFINITY, 2^64-1, which as a real is 2^64. */
static int read_limit(struct member_reader *r, struct json *value, uint64_t *ret)
{
	const double half = 9223372036854775808.0;
	double real = json_as_real(value);
	if (json_kind(value) == JSON_KIND_INTEGER && json_as_int(value) >= 0)
		*ret = (uint64_t)json_as_int(value);
	else if (json_kind(value) == JSON_KIND_REAL && real >= half && real < 2 * half)
		*ret = (uint64_t)(real - half) + (UINT64_C(1) << 63);
	else if (json_kind(value) == JSON_KIND_REAL && real >= half && real <= 2 * half)
		*ret = UINT64_MAX;
	else if (json_kind(value) == JSON_KIND_INTEGER || json_kind(value) == JSON_KIND_REAL)
		return members_fail(r, NULL, "is not a whole number from 0 to 18446744073709551615");
	else
		return fail_kind(r, value, "a number");
	return 0;
}

static int read_texts(struct member_reader *r, struct json *value, struct strlist **ret)
{
	if (!json_holds_array(value))
		return fail_kind(r, value, "an array of strings");
	struct strlist *list = strlist_new(r->ctx);
	for (unsigned i = 0; i < json_length(value); i++) {
		CLEANUP_TALLOC struct json *item = json_at(value, i);
		size_t back = enter_item(r, i);
		if (!json_holds_string(item))
			return fail_kind(r, item, "a string");
		strlist_add(list, json_text(item));
		r->where[back] = '\0';
	}
	*ret = list;
	return 0;
}

static int read_items(struct member_reader *r, const struct member_row *row, struct json *value, char *container)
{
	if (!json_holds_array(value))
		return fail_kind(r, value, "an array");
	unsigned count = json_length(value);
	size_t size = row->kind == MEMBER_IDS ? sizeof(uid_t) : row->shape->size;
	char *items = mem_must(talloc_zero_size(r->ctx, size * mem_count(count)));
	for (unsigned i = 0; i < count; i++) {
		struct json *item = json_at(value, i);
		size_t back = enter_item(r, i);
		int result = row->kind == MEMBER_IDS ? read_number(r, MEMBER_ID, item, items + i * size) :
						       members_read(r, row->shape, item, items + i * size);
		if (result < 0)
			return -1;
		r->where[back] = '\0';
	}
	*(void **)(container + row->offset) = items;
	*(size_t *)(container + row->count_offset) = count;
	return 0;
}

static int check_string(const char *key, struct json *value, void *arg)
{
	struct member_reader *r = arg;
	if (json_holds_string(value))
		return 0;
	enter_member(r, key);
	return fail_kind(r, value, "a string");
}

static int read_text(struct member_reader *r, const struct member_row *row, struct json *value, const char **ret)
{
	if (!json_holds_string(value))
		return fail_kind(r, value, "a string");
	const char *text = json_text(value);
	if (row->kind == MEMBER_ABSOLUTE && text[0] != '/')
		return members_fail(r, NULL, "is '%s', not an absolute path", text);
	*ret = mem_strdup(r->ctx, text);
	return 0;
}

int members_read_value(struct member_reader *r, const struct member_row *row, struct json *value, void *container)
{
	char *to = (char *)container + row->offset;
	switch (row->kind) {
	case MEMBER_BOOL:
		if (json_kind(value) != JSON_KIND_BOOLEAN)
			return fail_kind(r, value, "true or false");
		*(bool *)to = json_as_bool(value);
		return 0;
	case MEMBER_TEXT:
	case MEMBER_ABSOLUTE:
		return read_text(r, row, value, (const char **)to);
	case MEMBER_TEXTS:
		return read_texts(r, value, (struct strlist **)to);
	case MEMBER_ID:
	case MEMBER_MODE:
	case MEMBER_COLUMNS:
	case MEMBER_SECONDS:
	case MEMBER_DEVICE_NUMBER:
		return read_number(r, row->kind, value, to);
	case MEMBER_LIMIT:
		return read_limit(r, value, (uint64_t *)to);
	case MEMBER_NEW:
		to = *(char **)to = mem_must(talloc_zero_size(r->ctx, row->shape->size));
		return members_read(r, row->shape, value, to);
	case MEMBER_OBJECT:
		return members_read(r, row->shape, value, to);
	case MEMBER_ITEMS:
	case MEMBER_IDS:
		return read_items(r, row, value, container);
	case MEMBER_STRINGS:
		return json_holds_object(value) ? json_each(value, check_string, r) : fail_kind(r, value, "an object");
	case MEMBER_HOOK:
		return row->hook(r, value, to);
	case MEMBER_TAKEN:
	case MEMBER_HARMLESS:
		if (members_ask(value))
			strlist_add(row->kind == MEMBER_TAKEN ? r->unsupported : r->harmless, r->where);
		return 0;
	case MEMBER_REFUSED:
		return members_ask(value) ? members_fail(r, NULL, "cannot be had: %s", row->why) : 0;
	}
	return 0;
}

int members_read(struct member_reader *r, const struct member_shape *shape, struct json *object, void *container)
{
	if (!json_holds_object(object))
		return fail_kind(r, object, "an object");
	for (const struct member_row *row = shape->rows; row->name; row++) {
		struct json *value = json_get(object, row->name);
		if (!value && row->is_required)
			return members_fail(r, row->name, "is missing");
		if (!value)
			continue;
		size_t back = enter_member(r, row->name);
		if (members_read_value(r, row, value, container) < 0)
			return -1;
		r->where[back] = '\0';
	}
	return shape->check ? shape->check(r, object, container) : 0;
}
