/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a hash table of inodes and their first paths: open addressing. */
#include "oci/firstnames.h"

#include <stddef.h>

#include "tracer/base/mem.h"

struct first_name {
	uint64_t ino;
	char *path;
};

struct first_names {
	struct first_name *items;
	size_t count, room; /* room: a power of two, at least twice count */
};

struct first_names *first_names_new(const void *ctx)
{
	return mem_new(ctx, struct first_names);
}

static struct first_name *find(struct first_name *items, size_t room, uint64_t ino)
{
	size_t i = (ino * 0x9e3779b97f4a7c15ull) >> 20 & (room - 1);
	while (items[i].path && items[i].ino != ino)
		i = (i + 1) & (room - 1);
	return &items[i];
}

const char *first_names_earlier(struct first_names *n, uint64_t ino, const char *path)
{
	if (2 * n->count >= n->room) {
		size_t room = n->room ? 2 * n->room : 256;
		struct first_name *grown = mem_array(n, struct first_name, room);
		for (size_t i = 0; i < n->room; i++)
			if (n->items[i].path)
				*find(grown, room, n->items[i].ino) = n->items[i];
		talloc_free(n->items);
		n->items = grown;
		n->room = room;
	}
	struct first_name *name = find(n->items, n->room, ino);
	if (name->path)
		return name->path;
	*name = (struct first_name){ ino, mem_strdup(n, path) };
	n->count++;
	return NULL;
}
