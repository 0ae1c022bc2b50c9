/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a table of names by open addressing; nothing is ever taken out. */
#include "builder/dockerfile/variables.h"

#include <stdint.h>
#include <string.h>

struct entry {
	char *name, *value;
};
struct variables {
	struct entry *entries; /* in order */
	size_t count;
	uint32_t *slots; /* one more than the index of the entry; 0: free */
	size_t slot_count;
};

struct variables *variables_new(const void *ctx)
{
	struct variables *v = mem_new(ctx, struct variables);
	v->slot_count = 32;
	v->slots = mem_array(v, uint32_t, v->slot_count);
	v->entries = mem_array(v, struct entry, v->slot_count / 2);
	return v;
}

/* The slot of the name, or the free one where it would be.  FNV-1a. */
static uint32_t *slot_of(const struct variables *v, const char *name, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
	for (size_t i = hash % v->slot_count;; i = (i + 1) % v->slot_count) {
		uint32_t index = v->slots[i];
		if (!index)
			return &v->slots[i];
		const char *there = v->entries[index - 1].name;
		if (strncmp(there, name, size) == 0 && there[size] == '\0')
			return &v->slots[i];
	}
}

/* Half of the slots stay free. */
static void grow(struct variables *v)
{
	if (v->count < v->slot_count / 2)
		return;
	v->slot_count *= 2;
	talloc_free(v->slots);
	v->slots = mem_array(v, uint32_t, v->slot_count);
	v->entries = mem_grow(v, v->entries, struct entry, v->slot_count / 2);
	for (size_t i = 0; i < v->count; i++)
		*slot_of(v, v->entries[i].name, strlen(v->entries[i].name)) = (uint32_t)i + 1;
}

static void set(struct variables *v, const char *name, size_t size, const char *value)
{
	grow(v);
	uint32_t *slot = slot_of(v, name, size);
	if (!*slot) {
		v->entries[v->count].name = mem_strndup(v, name, size);
		v->entries[v->count].value = NULL;
		*slot = (uint32_t)++v->count;
	}
	struct entry *entry = &v->entries[*slot - 1];
	talloc_free(entry->value);
	entry->value = value ? mem_strdup(v, value) : NULL;
}

void variables_set(struct variables *v, const char *name, const char *value)
{
	set(v, name, strlen(name), value);
}

void variables_set_line(struct variables *v, const char *line)
{
	const char *equals = strchr(line, '=');
	set(v, line, equals ? (size_t)(equals - line) : strlen(line), equals ? equals + 1 : "");
}

const char *variables_get(const struct variables *v, const char *name, size_t size)
{
	uint32_t index = *slot_of(v, name, size);
	return index ? v->entries[index - 1].value : NULL;
}

bool variables_have(const struct variables *v, const char *name)
{
	return *slot_of(v, name, strlen(name)) != 0;
}

const char **variables_names(const void *ctx, const struct variables *v)
{
	enum { NAMES_MAX = 200 };
	size_t count = v->count < NAMES_MAX ? v->count : NAMES_MAX;
	const char **names = mem_array(ctx, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		names[i] = v->entries[i].name;
	return names;
}

struct variables *variables_copy(const void *ctx, const struct variables *from)
{
	struct variables *v = variables_new(ctx);
	for (size_t i = 0; i < from->count; i++)
		variables_set(v, from->entries[i].name, from->entries[i].value);
	return v;
}
