/* SPDX-License-Identifier: Apache-2.0 */
/* When a container's processes are killed for want of memory. */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_MEMORY_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "compat/runc/state.h"

struct memory_watch {
	int fd;             /* becomes readable when something has happened; -1: there is no group to watch */
	const char *folder; /* of version 2's group; NULL: version 1 */
	uint64_t killed;    /* version 2: until now */
};

/* On ctx, with its descriptor. */
struct memory_watch *memory_watch_open(const void *ctx, const struct runc_container *c);
/* To be called once the descriptor is readable: was it that? */
bool memory_watch_read(struct memory_watch *w);

#endif
