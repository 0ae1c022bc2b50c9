/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the names of memory policies. */
#include "compat/runc/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat/runc/schedule.h"

/* linux/mempolicy.h */
static const struct {
	const char *name;
	int mode;
	bool has_nodes;
} modes[] = {
	{ "MPOL_DEFAULT", 0, false },  { "MPOL_PREFERRED", 1, true },      { "MPOL_BIND", 2, true },
	{ "MPOL_INTERLEAVE", 3, true }, { "MPOL_LOCAL", 4, false },         { "MPOL_PREFERRED_MANY", 5, true },
	{ "MPOL_WEIGHTED_INTERLEAVE", 6, true },
};
static const struct {
	const char *name;
	int flag;
} flags[] = {
	{ "MPOL_F_STATIC_NODES", 1 << 15 },
	{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
};
enum { MODES = sizeof(modes) / sizeof(*modes), FLAGS = sizeof(flags) / sizeof(*flags) };

static int read_flags(struct member_reader *r, struct json *list, int *ret)
{
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *item = json_at(list, i);
		const char *name = json_holds_string(item) ? json_text(item) : "";
		size_t n = 0;
		while (n < FLAGS && strcmp(flags[n].name, name) != 0)
			n++;
		if (n == FLAGS)
			return members_fail(r, NULL, "has an invalid memory policy flag '%s'", name);
		*ret |= flags[n].flag;
	}
	return 0;
}

int memory_read_policy(struct member_reader *r, struct json *value, void *to)
{
	struct memory_policy *p = to;
	const char *mode = json_get_string(value, "mode"), *nodes = json_get_string(value, "nodes");
	size_t n = 0;
	while (n < MODES && (!mode || strcmp(modes[n].name, mode) != 0))
		n++;
	if (n == MODES)
		return members_fail(r, NULL, "has an invalid memory policy mode '%s'", mode ? mode : "");
	if (!schedule_read_list(nodes ? nodes : "", &p->nodes))
		return members_fail(r, NULL, "has an invalid memory policy node in '%s'", nodes);
	if (!modes[n].has_nodes && CPU_COUNT(&p->nodes) > 0)
		return members_fail(r, NULL, "%s mode requires 0 nodes but got %d", mode, CPU_COUNT(&p->nodes));
	p->mode = modes[n].mode;
	p->is_said = true;
	return read_flags(r, json_get(value, "flags"), &p->mode);
}

int memory_take_policy(const struct memory_policy *p, struct error *err)
{
	bool has_nodes = CPU_COUNT(&p->nodes) > 0;
	/* The kernel counts one bit less than it is told of. */
	if (!p->is_said || syscall(SYS_set_mempolicy, p->mode, has_nodes ? &p->nodes : NULL, has_nodes ? CPU_SETSIZE + 1 : 0) == 0)
		return 0;
	return error_set(err, errno, "cannot set the memory policy");
}
