/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rule of which containers nobody needs. */
#include "builder/leftovers.h"

#include <fcntl.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

static int lock(const struct container *c, enum io_lock how)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/lock", c->dir);
	return io_lock(AT_FDCWD, path, how);
}

int leftovers_hold(const struct container *c)
{
	return lock(c, IO_LOCK_SHARED);
}

int leftovers_remove(struct store *s, bool is_dry_run, unsigned *ret_count, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct container **containers;
	unsigned count, removed = 0;
	if (container_list(scratch, s, &containers, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (containers[i]->name || containers[i]->pid)
			continue;
		CLEANUP_CLOSE int fd = lock(containers[i], IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING);
		if (fd < 0)
			continue;
		removed++;
		if (!is_dry_run && container_remove(s, containers[i], err) < 0)
			return -1;
	}
	*ret_count = removed;
	return 0;
}
