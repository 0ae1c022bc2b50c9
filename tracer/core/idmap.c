/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the arithmetic of maps of ids; how they are written is users.c's matter. */
#include "tracer/core/idmap.h"

uint32_t id_of_range(const struct user_namespace *in, enum id_kind kind, uint32_t id, uint32_t count)
{
	if (!in)
		return id;
	const struct id_map *map = &in->map[kind];
	for (unsigned i = 0; i < map->count; i++) {
		const struct id_extent *e = &map->extents[i];
		if (id >= e->first && id - e->first < e->count && count <= e->count - (id - e->first))
			return e->lower + (id - e->first);
	}
	return ID_NONE;
}

uint32_t id_of(const struct user_namespace *in, enum id_kind kind, uint32_t id)
{
	return id_of_range(in, kind, id, 1);
}

uint32_t id_in(const struct user_namespace *in, enum id_kind kind, uint32_t id)
{
	if (!in)
		return id;
	const struct id_map *map = &in->map[kind];
	for (unsigned i = 0; i < map->count; i++) {
		const struct id_extent *e = &map->extents[i];
		if (id >= e->lower && id - e->lower < e->count)
			return e->first + (id - e->lower);
	}
	return ID_NONE;
}

uint32_t id_shown(const struct user_namespace *in, enum id_kind kind, uint32_t id)
{
	uint32_t is = id_in(in, kind, id);
	return is == ID_NONE ? (uint32_t)ID_OVERFLOW : is;
}
