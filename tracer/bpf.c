/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns bpf(2): programs of control groups are taken, and do nothing, since runtimes go no further without theirs for
 * devices.  What a guest may open of devices is decided elsewhere.  All else is refused.
 */
#include <errno.h>
#include <string.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/cgroups.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

/* linux/bpf.h */
enum { PROGRAM_LOAD = 5, PROGRAM_ATTACH = 8, PROGRAM_DETACH = 9, PROGRAM_QUERY = 16 };
enum { TYPE_CGROUP_SKB = 8, TYPE_CGROUP_DEVICE = 15 };
enum { AT_COUNT = 24 }; /* of prog_cnt in union bpf_attr */

static int64_t load(struct call *c, const uint32_t *words)
{
	static const char name[] = "bpf-prog";
	if (words[0] != TYPE_CGROUP_SKB && words[0] != TYPE_CGROUP_DEVICE)
		return -EPERM;
	/* Any descriptor will do. */
	char *room = call_room(c, sizeof(name));
	if (!room || arch_set_number(c->t, arch_call_number(c->abi, "memfd_create")) < 0)
		return -ENOMEM;
	memcpy(room, name, sizeof(name));
	call_set(c, 0, arena_address(room));
	call_set(c, 1, 1 /* MFD_CLOEXEC */);
	return CALL_PASS;
}

int64_t hook_bpf(struct call *c)
{
	uint32_t words[4] = { 0 }, none = 0;
	const char *file;
	int command = call_int(c, 0);
	if (!cgroups_is_open() || !cred_has(&c->t->cred, CAPABILITY_SYS_ADMIN) ||
	    (command != PROGRAM_LOAD && command != PROGRAM_ATTACH && command != PROGRAM_DETACH && command != PROGRAM_QUERY))
		return -EPERM;
	if (c->argument[2] < sizeof(words) || memory_read(c->t, c->argument[1], words, sizeof(words)) < 0)
		return c->argument[2] < sizeof(words) ? -EINVAL : -EFAULT;
	if (command == PROGRAM_LOAD)
		return load(c, words);
	/* cgroup_get_from_fd of kernel/cgroup/cgroup.c */
	struct object *o = &c->object[0];
	if (path_of_fd(c->t, words[0], o) < 0 || !cgroups_of(o, &file) || *file)
		return -EBADF;
	if (command == PROGRAM_QUERY)
		return memory_write(c->t, c->argument[1] + AT_COUNT, &none, sizeof(none));
	return 0;
}
