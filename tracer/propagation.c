/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the kinds of propagation: do_change_type of fs/namespace.c, change_mnt_propagation of fs/pnode.c. */
#include "tracer/propagation.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "tracer/tracee.h"

struct search {
	const struct mount *but;
	unsigned group;
};

static int has_member(struct tracee *t, void *arg)
{
	const struct search *s = arg;
	for (size_t i = 0; t->mounts && i < t->mounts->count; i++)
		if (t->mounts->list[i]->peers == s->group && t->mounts->list[i] != s->but)
			return 1;
	return 0;
}

/* A slave of its peers, when there are any, else of whom it was one before. */
static void leave_group(struct mount *m)
{
	struct search others = { m, m->peers };
	if (m->peers && tracee_each(has_member, &others))
		m->master = m->peers;
	m->peers = 0;
}

static void change(struct mount *m, uint64_t type)
{
	if (type == MS_SHARED) {
		m->peers = m->peers ? m->peers : mounts_new_group();
		m->is_unbindable = false;
		return;
	}
	leave_group(m);
	if (type == MS_SLAVE)
		return;
	m->master = 0;
	m->is_unbindable = type == MS_UNBINDABLE;
}

static bool is_at_or_below(const char *path, const char *top)
{
	size_t length = strlen(top);
	return length == 1 || (strncmp(path, top, length) == 0 && (path[length] == '/' || !path[length]));
}

int propagation_change(struct mounts *m, const char *guest, uint64_t flags)
{
	/* flags_to_propagation_type: one of them, and nothing else. */
	uint64_t type = flags & ~(uint64_t)(MS_REC | MS_SILENT);
	if ((type & ~(uint64_t)(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) || (type & (type - 1)))
		return -EINVAL;
	const struct mount *top = mounts_at(m, guest, strlen(guest));
	if (!top)
		return -EINVAL;
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i] == top ||
		    ((flags & MS_REC) && !m->list[i]->is_covered && is_at_or_below(m->list[i]->guest, guest) &&
		     mounts_is_nameless(m->list[i]->guest) == mounts_is_nameless(guest)))
			change(m->list[i], type);
	return 0;
}

void propagation_clone(struct mount *copy, const struct mount *of)
{
	copy->peers = of->peers ? of->peers : copy->peers;
	copy->master = of->master;
}

bool propagation_is_on_shared(const struct mounts *m, const struct mount *of)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i]->id == of->parent_id)
			return m->list[i]->peers;
	return false;
}

unsigned propagation_master(const struct mount *of)
{
	struct search members = { NULL, of->master };
	return of->master && tracee_each(has_member, &members) ? of->master : 0;
}
