/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces, user_namespaces(7), as far as rules need them: their maps of ids and who they belong to.  Everywhere else
 * ids are those of the run, which are the first namespace's; NULL stands for that.  Freestanding: no libc, no allocation.
 */
#ifndef FAKEBUILD_CORE_IDMAP_H
#define FAKEBUILD_CORE_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

enum id_kind { ID_USER, ID_GROUP, ID_PROJECT, ID_KINDS };

/* No id at all; and what is shown in the place of one that has no name in a namespace (/proc/sys/kernel/overflowuid). */
#define ID_NONE UINT32_MAX
enum { ID_OVERFLOW = 65534 };

struct id_extent {
	uint32_t first; /* in the namespace */
	uint32_t lower; /* of the run */
	uint32_t count;
};

/* Until it is written it has no extents, and maps nothing. */
struct id_map {
	const struct id_extent *extents;
	unsigned count;
};

struct user_namespace {
	const struct user_namespace *parent;
	unsigned level;  /* 1: made in the first one */
	unsigned number; /* of namespaces.h */
	uint32_t owner, group; /* the effective ids of who made it */
	bool denies_groups; /* setgroups(2) */
	bool had_setfcap;   /* who made it had CAP_SETFCAP there */
	struct id_map map[ID_KINDS];
};

/* What the namespace calls `id` in the run; ID_NONE: nobody. */
uint32_t id_of(const struct user_namespace *in, enum id_kind kind, uint32_t id);
/* The reverse. */
uint32_t id_in(const struct user_namespace *in, enum id_kind kind, uint32_t id);
/* So, but ID_OVERFLOW for what has no name there. */
uint32_t id_shown(const struct user_namespace *in, enum id_kind kind, uint32_t id);
/* As id_of, for a range which one extent must hold whole. */
uint32_t id_of_range(const struct user_namespace *in, enum id_kind kind, uint32_t id, uint32_t count);

#endif
