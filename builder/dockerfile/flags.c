/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how flags are read; which ones an instruction has is in instructions.c. */
#include "builder/dockerfile/flags.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/words.h"

enum { FLAGS_MAX = 16 };

void flags_clear(const void *ctx, struct flag_values *values)
{
	*values = (struct flag_values){ .link = -1, .parents = -1, .keep_git_dir = -1, .unpack = -1 };
	values->exclude = strlist_new(ctx);
	values->mount = strlist_new(ctx);
	values->device = strlist_new(ctx);
}

static const struct flag_row *find(const struct flag_row *rows, const char *name, size_t size)
{
	for (; rows->name; rows++)
		if (strlen(rows->name) == size && memcmp(rows->name, name, size) == 0)
			return rows;
	return NULL;
}

static int unknown(const struct flag_row *rows, const char *name, size_t size, struct error *err)
{
	const char *names[FLAGS_MAX + 1] = { NULL };
	for (size_t i = 0; i < FLAGS_MAX && rows[i].name; i++)
		names[i] = rows[i].name;
	CLEANUP_TALLOC char *wanted = mem_strndup(NULL, name, size);
	const char *meant = words_suggest(wanted, wanted, names, true);
	if (meant)
		return error_set(err, 0, "unknown flag: --%s (did you mean %s?)", wanted, meant);
	return error_set(err, 0, "unknown flag: --%s", wanted);
}

static int store(const void *ctx, const struct flag_row *row, const char *value, struct flag_values *values,
		 struct error *err)
{
	void *at = (char *)values + row->offset;
	if (row->kind == FLAG_BOOL) {
		if (value && strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
			return *value ? error_set(err, 0, "expecting boolean value for flag --%s, not: %s",
						  row->name, value)
				      : error_set(err, 0, "missing a value on flag: --%s", row->name);
		*(int *)at = !value || strcasecmp(value, "true") == 0;
		return 0;
	}
	if (!value)
		return error_set(err, 0, "missing a value on flag: --%s", row->name);
	if (row->kind == FLAG_TEXTS)
		strlist_add(*(struct strlist **)at, value);
	else
		*(char **)at = mem_strdup(ctx, value);
	return 0;
}

int flags_read(const void *ctx, const struct flag_row *rows, const struct strlist *words, struct flag_values *values,
	       struct error *err)
{
	bool seen[FLAGS_MAX] = { false };
	for (size_t i = 0; i < words->count; i++) {
		const char *name = words->items[i] + strlen("--");
		const char *equals = strchr(name, '=');
		size_t size = equals ? (size_t)(equals - name) : strlen(name);
		const struct flag_row *row = find(rows, name, size);
		if (!row)
			return unknown(rows, name, size, err);
		if (seen[row - rows] && row->kind != FLAG_TEXTS)
			return error_set(err, 0, "duplicate flag specified: --%s", row->name);
		seen[row - rows] = true;
		if (store(ctx, row, equals ? equals + 1 : NULL, values, err) < 0)
			return -1;
	}
	return 0;
}
