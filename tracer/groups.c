/* SPDX-License-Identifier: Apache-2.0 */
/* Owns lists of supplementary groups. */
#include "tracer/groups.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/mem.h"

struct kept {
	struct kept *next;
	uint64_t hash;
	uint32_t count;
	uint32_t groups[];
};

static struct kept *lists;

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

const uint32_t *groups_keep(uint32_t *groups, uint32_t count)
{
	const size_t size = count * sizeof(*groups);
	uint64_t hash = 0xcbf29ce484222325ull;
	if (!count)
		return NULL;
	/* groups_sort of kernel/groups.c */
	qsort(groups, count, sizeof(*groups), compare);
	for (uint32_t i = 0; i < count; i++)
		hash = (hash ^ groups[i]) * 0x100000001b3ull;
	for (const struct kept *k = lists; k; k = k->next)
		if (k->hash == hash && k->count == count && memcmp(k->groups, groups, size) == 0)
			return k->groups;
	struct kept *k = (struct kept *)mem_array(NULL, char, sizeof(*k) + size);
	*k = (struct kept){ .next = lists, .hash = hash, .count = count };
	memcpy(k->groups, groups, size);
	lists = k;
	return k->groups;
}
