/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the kinds of propagation and what they do: do_change_type of fs/namespace.c, fs/pnode.c. */
#include "tracer/propagation.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "tracer/base/mem.h"

/* ---- groups ---- */

/* The master of each group, by its number less 1. */
static unsigned *masters;
static unsigned last_group;

static unsigned new_group(unsigned master)
{
	masters = mem_grow(NULL, masters, unsigned, last_group + 1);
	masters[last_group] = master;
	return ++last_group;
}

/* `but`: the number of a mount that is not asked about, 0: none. */
static bool has_member(unsigned group, int but)
{
	for (struct mounts *m = mounts_next(NULL); m; m = mounts_next(m))
		for (size_t i = 0; i < m->count; i++)
			if (m->list[i]->peers == group && m->list[i]->id != but)
				return true;
	return false;
}

/* The slaves of a group that has ended are those of its master. */
static unsigned still_there(unsigned group)
{
	while (group && !has_member(group, 0))
		group = masters[group - 1];
	return group;
}

unsigned propagation_master(const struct mount *of)
{
	return still_there(of->master);
}

unsigned propagation_from(const struct mounts *m, const struct mount *of, const char *root)
{
	for (unsigned group = propagation_master(of); group; group = still_there(masters[group - 1]))
		for (size_t i = 0; i < m->count; i++)
			if (m->list[i]->peers == group && mounts_is_below(m->list[i]->guest, root) &&
			    mounts_is_nameless(m->list[i]->guest) == mounts_is_nameless(root))
				return group;
	return 0;
}

/* ---- changes of the kind ---- */

/* A slave of its peers, when there are any, else of whom it was one before. */
static void leave_group(struct mount *m)
{
	if (m->peers && has_member(m->peers, m->id))
		m->master = m->peers;
	m->peers = 0;
}

static void share(struct mount *m)
{
	m->peers = m->peers ? m->peers : new_group(m->master);
	m->is_unbindable = false;
}

static void change(struct mount *m, uint64_t type)
{
	if (type == MS_SHARED) {
		share(m);
		return;
	}
	leave_group(m);
	if (type == MS_SLAVE)
		return;
	m->master = 0;
	m->is_unbindable = type == MS_UNBINDABLE;
}

int propagation_change(struct mounts *m, const char *guest, uint64_t flags)
{
	/* flags_to_propagation_type: one of them, and nothing else. */
	uint64_t type = flags & ~(uint64_t)(MS_REC | MS_SILENT);
	if ((type & ~(uint64_t)(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) || (type & (type - 1)))
		return -EINVAL;
	struct mount *top = (struct mount *)(uintptr_t)mounts_at(m, guest, strlen(guest));
	if (!top)
		return -EINVAL;
	struct mount **tree;
	size_t count = mounts_tree(NULL, m, top, &tree);
	for (size_t i = 0; i < (flags & MS_REC ? count : 1); i++)
		change(tree[i], type);
	talloc_free(tree);
	return 0;
}

void propagation_made_less(struct mounts *m, const struct user_namespace *owner)
{
	m->owner = owner;
	for (size_t i = 0; i < m->count; i++) {
		if (m->list[i]->peers)
			leave_group(m->list[i]);
		mounts_lock(m->list[i], m->list[i]->parent_id != 1);
	}
}

void propagation_clone(struct mount *copy, const struct mount *of)
{
	copy->peers = of->peers;
	copy->master = of->master;
}

static struct mount *parent_of(const struct mounts *m, const struct mount *of)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i]->id == of->parent_id)
			return m->list[i];
	return NULL;
}

bool propagation_is_on_shared(const struct mounts *m, const struct mount *of)
{
	const struct mount *parent = parent_of(m, of);
	return parent && parent->peers;
}

bool propagation_has_unbindable(const struct mounts *m, const struct mount *top)
{
	struct mount **tree;
	bool has = false;
	size_t count = mounts_tree(NULL, m, top, &tree);
	for (size_t i = 0; i < count; i++)
		has |= tree[i]->is_unbindable;
	talloc_free(tree);
	return has;
}

/* ---- who gets what happens on a mount ---- */

struct receiver {
	struct mount_place on;
	const unsigned *groups; /* of the copies it gets, one each of the tree; as peers, or as masters */
	bool is_slave;
};

/* Something on a mount that its peers and slaves are to get; all of it hangs on `receivers`. */
struct event {
	const char *host;    /* the place, by what the mount shows */
	const struct user_namespace *owner; /* of the table that it comes from */
	size_t tree_count;   /* mounts that come up there; 0: they go, and nobody needs groups */
	struct mount **tree; /* these get nothing themselves */
	struct receiver *receivers;
	size_t count;
	unsigned *seen; /* groups */
	size_t seen_count;
};

/* Does the mount show the place?  is_subdir of fs/pnode.c's propagate_one. */
static bool shows(const struct event *e, const struct mount *m)
{
	return mounts_is_below(e->host, m->host);
}

static bool is_of_tree(const struct event *e, const struct mount *m)
{
	for (size_t i = 0; i < e->tree_count; i++)
		if (e->tree[i] == m)
			return true;
	return false;
}

static void add_receiver(struct event *e, struct mounts *mounts, struct mount *m, const unsigned *groups, bool is_slave)
{
	e->receivers = mem_grow(NULL, e->receivers, struct receiver, e->count + 1);
	e->receivers[e->count++] = (struct receiver){ { mounts, m }, groups, is_slave };
}

/* Once each. */
static bool note_group(struct event *e, unsigned group)
{
	for (size_t i = 0; i < e->seen_count; i++)
		if (e->seen[i] == group)
			return false;
	e->seen = mem_grow(NULL, e->seen, unsigned, e->seen_count + 1);
	e->seen[e->seen_count++] = group;
	return true;
}

/* Groups of copies in a group that is a slave of where the others are. */
static unsigned *groups_below(const void *ctx, const struct event *e, const unsigned *above)
{
	unsigned *groups = mem_array(ctx, unsigned, e->tree_count);
	for (size_t i = 0; i < e->tree_count; i++)
		groups[i] = new_group(above[i]);
	return groups;
}

/*
 * The peers, but for the mount `but` itself, then the slaves, which get slaves of what these got.  A group of slaves none of
 * which shows the place passes on what it would have been a slave of.
 */
static void find_receivers(const void *ctx, struct event *e, unsigned group, int but, const unsigned *groups)
{
	struct mounts *m;
	note_group(e, group);
	for (m = mounts_next(NULL); m; m = mounts_next(m))
		for (size_t i = 0; i < m->count; i++) {
			struct mount *at = m->list[i];
			if (at->peers == group && at->id != but && shows(e, at) && !is_of_tree(e, at))
				add_receiver(e, m, at, groups, false);
		}
	for (m = mounts_next(NULL); m; m = mounts_next(m))
		for (size_t i = 0; i < m->count; i++) {
			struct mount *at = m->list[i];
			if (!at->master || is_of_tree(e, at) || propagation_master(at) != group)
				continue;
			if (!at->peers && shows(e, at))
				add_receiver(e, m, at, groups, true);
			if (!at->peers || !note_group(e, at->peers))
				continue;
			bool is_shown = false;
			for (struct mounts *n = mounts_next(NULL); n; n = mounts_next(n))
				for (size_t j = 0; j < n->count; j++)
					is_shown |= n->list[j]->peers == at->peers && shows(e, n->list[j]) &&
						    !is_of_tree(e, n->list[j]);
			find_receivers(ctx, e, at->peers, 0, is_shown ? groups_below(ctx, e, groups) : groups);
		}
}

static void end_event(struct event *e)
{
	talloc_free(e->receivers);
	talloc_free(e->seen);
}

/* What `path` is below `from`, below `to`: guest paths, or host paths, whose root is "". */
static char *path_at(const void *ctx, const char *path, const char *from, const char *to)
{
	const char *tail = path + (strcmp(from, "/") == 0 ? 0 : strlen(from));
	bool is_same = !*tail || strcmp(tail, "/") == 0;
	return mem_printf(ctx, "%s%s", strcmp(to, "/") == 0 && !is_same ? "" : to, is_same ? "" : tail);
}

/* The place of a mount, by what its parent shows. */
static char *place_of(const void *ctx, const struct mount *parent, const struct mount *of)
{
	return path_at(ctx, of->guest, parent->guest, parent->host);
}

/* ---- mount ---- */

/* copy_tree, with what CL_SLAVE and CL_MAKE_SHARED make of the copies */
static void put_copies(const struct event *e, const struct receiver *r)
{
	CLEANUP_TALLOC struct mount **copies = mem_array(NULL, struct mount *, e->tree_count);
	char *point = path_at(copies, e->host, r->on.mount->host, r->on.mount->guest);
	for (size_t i = 0; i < e->tree_count; i++) {
		const struct mount *of = e->tree[i], *on = r->on.mount;
		for (size_t j = 0; j < i; j++)
			on = e->tree[j]->id == of->parent_id ? copies[j] : on;
		char *guest = path_at(copies, of->guest, e->tree[0]->guest, point);
		copies[i] = mounts_add_on(r->on.mounts, on, guest, of);
		copies[i]->is_clone = r->on.mount->is_clone;
		copies[i]->peers = r->is_slave ? 0 : r->groups[i];
		copies[i]->master = r->is_slave ? r->groups[i] : masters[r->groups[i] - 1];
		if (r->on.mounts->owner != e->owner)
			mounts_lock(copies[i], i > 0);
	}
}

void propagation_attached(struct mounts *m, struct mount *top)
{
	const struct mount *parent = parent_of(m, top);
	if (!parent || !parent->peers)
		return;
	CLEANUP_TALLOC void *ctx = mem_must(talloc_new(NULL));
	struct event e = { .host = place_of(ctx, parent, top), .owner = m->owner };
	e.tree_count = mounts_tree(ctx, m, top, &e.tree);
	unsigned *groups = mem_array(ctx, unsigned, e.tree_count);
	for (size_t i = 0; i < e.tree_count; i++) {
		share(e.tree[i]);
		groups[i] = e.tree[i]->peers;
	}
	find_receivers(ctx, &e, parent->peers, parent->id, groups);
	for (size_t i = 0; i < e.count; i++)
		put_copies(&e, &e.receivers[i]);
	end_event(&e);
}

/* ---- umount ---- */

struct leaving {
	const void *ctx;
	struct mount_place *list;
	size_t count;
};

static bool is_leaving(const struct leaving *l, const struct mount *m)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].mount == m)
			return true;
	return false;
}

/* What is mounted at the same place in the peers and slaves of what this one is mounted on. */
static void add_copies(struct leaving *l, const struct mounts *m, const struct mount *of)
{
	const struct mount *parent = parent_of(m, of);
	if (!parent || !parent->peers)
		return;
	CLEANUP_TALLOC void *ctx = mem_must(talloc_new(NULL));
	struct event e = { .host = place_of(ctx, parent, of) };
	find_receivers(ctx, &e, parent->peers, parent->id, NULL);
	for (size_t i = 0; i < e.count; i++) {
		const struct mount_place *on = &e.receivers[i].on;
		const char *guest = path_at(ctx, e.host, on->mount->host, on->mount->guest);
		for (size_t j = 0; j < on->mounts->count; j++) {
			struct mount *at = on->mounts->list[j];
			if (at->parent_id != on->mount->id || strcmp(at->guest, guest) != 0 || is_leaving(l, at))
				continue;
			l->list = mem_grow(l->ctx, l->list, struct mount_place, l->count + 1);
			l->list[l->count++] = (struct mount_place){ on->mounts, at };
		}
	}
	end_event(&e);
}

/* Is anything mounted on it that stays?  What covers the whole of it falls on its parent (find_topper of fs/pnode.c). */
static bool must_stay(const struct leaving *l, const struct mount_place *p)
{
	for (size_t i = 0; i < p->mounts->count; i++) {
		const struct mount *at = p->mounts->list[i];
		if (at->parent_id == p->mount->id && !is_leaving(l, at) && strcmp(at->guest, p->mount->guest) != 0)
			return true;
	}
	return false;
}

size_t propagation_of_umount(const void *ctx, struct mounts *m, const struct mount *top, bool is_alone, struct mount_place **ret)
{
	struct leaving l = { .ctx = ctx };
	struct mount **tree;
	size_t own = is_alone ? 1 : mounts_tree(ctx, m, top, &tree);
	for (size_t i = 0; i < own; i++) {
		l.list = mem_grow(ctx, l.list, struct mount_place, l.count + 1);
		l.list[l.count++] = (struct mount_place){ m, is_alone ? (struct mount *)(uintptr_t)top : tree[i] };
	}
	for (size_t i = 0; i < own; i++)
		add_copies(&l, m, l.list[i].mount);
	for (size_t i = own; i < l.count; i++) {
		if (!must_stay(&l, &l.list[i]))
			continue;
		l.list[i] = l.list[--l.count];
		i = own - 1;
	}
	memmove(l.list, l.list + own, (l.count - own) * sizeof(*l.list));
	*ret = l.list;
	return l.count - own;
}
