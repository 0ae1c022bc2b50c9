/* SPDX-License-Identifier: Apache-2.0 */
/* Owns open_tree, open_tree_attr, move_mount and mount_setattr: fs/namespace.c has the order of what they refuse. */
#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/mountattr.h"
#include "tracer/mountcalls.h"
#include "tracer/namespaces.h"
#include "tracer/propagation.h"
#include "tracer/trees.h"

/* linux/mount.h */
enum { TREE_CLONE = 1 };
enum { F_SYMLINKS = 1, F_EMPTY_PATH = 4, T_SYMLINKS = 0x10, T_EMPTY_PATH = 0x40, MOVE_KNOWN = 0x77 };
enum {
	ATTR_READ_ONLY = 1, ATTR_NO_SET_ID = 2, ATTR_NO_DEVICES = 4, ATTR_NO_EXEC = 8, ATTR_TIMES = 0x70,
	ATTR_NO_ACCESS_TIME = 0x10, ATTR_STRICT_ACCESS_TIME = 0x20, ATTR_NO_DIR_ACCESS_TIME = 0x80, ATTR_ID_MAP = 0x100000, ATTR_NO_SYMLINKS = 0x200000,
};
#define TIMES (MOUNT_NO_ACCESS_TIME | MOUNT_STRICT_ACCESS_TIME)

struct attributes {
	uint64_t set, clear, propagation, user_namespace;
};

static const struct {
	uint64_t attribute;
	unsigned flag;
} single[] = {
	{ ATTR_READ_ONLY, BINDING_READ_ONLY },	  { ATTR_NO_SET_ID, MOUNT_NO_SET_ID },
	{ ATTR_NO_DEVICES, MOUNT_NO_DEVICES },	  { ATTR_NO_EXEC, MOUNT_NO_EXEC },
	{ ATTR_NO_DIR_ACCESS_TIME, MOUNT_NO_DIR_ACCESS_TIME }, { ATTR_NO_SYMLINKS, MOUNT_NO_SYMLINKS },
};

static unsigned single_flags(uint64_t attributes)
{
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		flags |= attributes & single[i].attribute ? single[i].flag : 0;
	return flags;
}

static uint64_t known(void)
{
	uint64_t all = ATTR_TIMES;
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		all |= single[i].attribute;
	return all;
}

/* When access times are written: one of three.  0, -EINVAL. */
static int time_flags(uint64_t attributes, unsigned *ret_flags)
{
	uint64_t times = attributes & ATTR_TIMES;
	if (times && times != ATTR_NO_ACCESS_TIME && times != ATTR_STRICT_ACCESS_TIME)
		return -EINVAL;
	*ret_flags |= times == ATTR_NO_ACCESS_TIME ? MOUNT_NO_ACCESS_TIME : times ? MOUNT_STRICT_ACCESS_TIME : 0;
	return 0;
}

int mount_attributes(uint64_t attributes, unsigned *ret_flags)
{
	if (attributes & ~known() & UINT32_MAX)
		return -EINVAL;
	*ret_flags = single_flags(attributes);
	return time_flags(attributes, ret_flags);
}

/* ---- mount_setattr ---- */

/* Read *ret, in whatever size; 1: there is something to do, 0: nothing, -errno. */
static int read_attributes(const struct call *c, unsigned at, unsigned size_at, struct attributes *ret)
{
	uint64_t size = c->argument[size_at];
	char more[256];
	if (size > 4096)
		return -E2BIG;
	if (size < sizeof(*ret))
		return -EINVAL;
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	if (memory_read(c->t, c->argument[at], ret, sizeof(*ret)) < 0)
		return -EFAULT;
	for (uint64_t behind = sizeof(*ret); behind < size; behind += sizeof(more)) {
		size_t part = size - behind < sizeof(more) ? size - behind : sizeof(more);
		if (memory_read(c->t, c->argument[at] + behind, more, part) < 0)
			return -EFAULT;
		for (size_t i = 0; i < part; i++)
			if (more[i])
				return -E2BIG;
	}
	return ret->set || ret->clear || ret->propagation;
}

struct change {
	unsigned set, clear;
	uint64_t propagation;
};

/* build_mount_kattr */
static int plan_change(const struct attributes *a, struct change *ret)
{
	const uint64_t kinds = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
	if ((a->propagation & ~kinds) || (a->propagation & (a->propagation - 1)) ||
	    ((a->set | a->clear) & ~(known() | ATTR_ID_MAP)))
		return -EINVAL;
	*ret = (struct change){ single_flags(a->set), single_flags(a->clear), a->propagation };
	if (a->clear & ATTR_TIMES) {
		ret->clear |= TIMES;
		if ((a->clear & ATTR_TIMES) != ATTR_TIMES || time_flags(a->set, &ret->set) < 0)
			return -EINVAL;
	} else if (a->set & ATTR_TIMES) {
		return -EINVAL;
	}
	return 0;
}

/* build_mount_idmapped: no user namespace but the first is to be had, and that one is EPERM. */
static int check_id_map(struct call *c, const struct attributes *a)
{
	if (!((a->set | a->clear) & ATTR_ID_MAP))
		return 0;
	if ((a->clear & ATTR_ID_MAP) || a->user_namespace > INT_MAX)
		return -EINVAL;
	struct object *o = &c->object[1];
	int r = path_of_fd(c->t, (int)a->user_namespace, o);
	if (r < 0)
		return r;
	return path_is_unopened(o) ? -EBADF : namespaces_is_user(o) ? -EPERM : -EINVAL;
}

static bool is_meant(const struct mount *at, const struct mount *top, const char *guest, bool is_recursive)
{
	return at == top || (is_recursive && !at->is_covered && mounts_is_below(at->guest, guest) &&
			     mounts_is_nameless(at->guest) == mounts_is_nameless(guest));
}

/* do_mount_setattr, at the root of a mount.  0, -EINVAL, -EPERM. */
static int change_mounts(struct mounts *m, const char *guest, const struct change *change, bool is_recursive)
{
	const struct mount *top = mounts_at(m, guest, strlen(guest));
	if (!top)
		return -EINVAL;
	/* mount_setattr_prepare: all, or none. */
	for (size_t i = 0; i < m->count; i++)
		if (is_meant(m->list[i], top, guest, is_recursive) &&
		    !mounts_may_flag(m->list[i], (m->list[i]->flags & ~change->clear) | change->set))
			return -EPERM;
	for (size_t i = 0; i < m->count; i++) {
		struct mount *at = m->list[i];
		if (!is_meant(at, top, guest, is_recursive))
			continue;
		at->flags = (at->flags & ~change->clear) | change->set;
		if (at->flags & MOUNT_FILE_SYSTEM_READ_ONLY)
			at->flags |= BINDING_READ_ONLY;
	}
	mounts_changed(m);
	return change->propagation ? propagation_change(m, guest, change->propagation | (is_recursive ? MS_REC : 0)) : 0;
}

static int look_up(struct call *c, unsigned i, unsigned dir_at, unsigned lookup)
{
	struct object *o = &c->object[i];
	int r = memory_read_string(c->t, c->argument[dir_at + 1], c->text[i], PATH_MAX);
	return r < 0 ? r : path_lookup(c->t, call_int(c, dir_at), c->text[i], lookup, o);
}

static unsigned lookup_of(unsigned at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

int64_t hook_mount_setattr(struct call *c)
{
	struct attributes a;
	struct change change;
	unsigned flags = c->argument[2];
	if (flags & ~(unsigned)(AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -EINVAL;
	int r = read_attributes(c, 3, 4, &a);
	if (r <= 0)
		return r;
	r = plan_change(&a, &change);
	if (r == 0)
		r = check_id_map(c, &a);
	if (r == 0)
		r = look_up(c, 0, 0, lookup_of(flags));
	if (r == 0)
		r = path_settle(c->t, &c->object[0]);
	return r < 0 ? r : change_mounts(c->t->mounts, c->object[0].guest, &change, flags & AT_RECURSIVE);
}

/* ---- open_tree ---- */

static int64_t open_clone(struct call *c, bool is_recursive, bool closes_on_exec, const struct change *change)
{
	struct object *o = &c->object[0];
	struct mounts *m = c->t->mounts;
	char point[64];
	int r = path_settle(c->t, o);
	if (r < 0)
		return r;
	if (o->mount->is_unbindable || (!is_recursive && mounts_has_locked(m, o->mount, o->guest)))
		return -EINVAL;
	unsigned tree = trees_new(o->host, point);
	struct mount *top = mount_copy(m, o, point, o->mount->source, is_recursive);
	top->tree = tree;
	for (size_t i = 0; i < m->count; i++)
		m->list[i]->is_clone |= mounts_is_below(m->list[i]->guest, point);
	if (change)
		change_mounts(m, point, change, is_recursive);
	return trees_open(c, tree, S_ISDIR(o->real.st_mode), closes_on_exec);
}

/* A descriptor of O_PATH, as open(2) makes it; at the root of a mount one that tells which. */
static int64_t open_plain(struct call *c, bool closes_on_exec)
{
	struct object *o = &c->object[0];
	const struct mount *at = o->is_fd ? NULL : mounts_at(c->t->mounts, o->guest, o->guest_length);
	struct mount *m = (struct mount *)(uintptr_t)at;
	if (m && o->guest_length > 1)
		return trees_open(c, trees_of_mount(m), S_ISDIR(o->real.st_mode), closes_on_exec);
	arch_set_number(c->t, arch_call_number(c->abi, "openat"));
	call_set(c, 0, (uint32_t)AT_FDCWD);
	int r = call_set_path(c, 1, o->host);
	if (r < 0)
		return r;
	call_set(c, 2, O_PATH | (closes_on_exec ? O_CLOEXEC : 0) | (S_ISLNK(o->real.st_mode) ? O_NOFOLLOW : 0));
	return CALL_PASS_EXIT;
}

int64_t hook_open_tree(struct call *c)
{
	const unsigned flags = c->argument[2];
	const bool has_attributes = strcmp(c->row->name, "open_tree_attr") == 0, closes_on_exec = flags & O_CLOEXEC;
	struct attributes a;
	struct change change;
	int wants = 0;
	if (has_attributes && !c->argument[3] && c->argument[4])
		return -EINVAL;
	const unsigned known_flags = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | TREE_CLONE | O_CLOEXEC;
	if ((flags & ~known_flags) || (flags & (AT_RECURSIVE | TREE_CLONE)) == AT_RECURSIVE)
		return -EINVAL;
	if ((flags & TREE_CLONE) && !namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	int r = look_up(c, 0, 0, lookup_of(flags));
	if (r == 0 && has_attributes && c->argument[3]) {
		wants = read_attributes(c, 3, 4, &a);
		r = wants < 0 ? wants : wants ? plan_change(&a, &change) : 0;
		r = r < 0 || !wants ? r : check_id_map(c, &a);
	}
	if (r < 0)
		return r;
	if (flags & TREE_CLONE)
		return open_clone(c, flags & AT_RECURSIVE, closes_on_exec, wants ? &change : NULL);
	if (wants) {
		r = path_settle(c->t, &c->object[0]);
		if (r == 0)
			r = change_mounts(c->t->mounts, c->object[0].guest, &change, false);
	}
	return r < 0 ? r : open_plain(c, closes_on_exec);
}

/* ---- move_mount ---- */

int64_t hook_move_mount(struct call *c)
{
	struct object *target = &c->object[0], *from = &c->object[1];
	unsigned flags = c->argument[4];
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	/* MOVE_MOUNT_SET_GROUP and _BENEATH are not to be had, as before Linux 5.15 and 6.5. */
	if (flags & ~(unsigned)MOVE_KNOWN)
		return -EINVAL;
	int r = look_up(c, 0, 2, (flags & T_SYMLINKS ? LOOKUP_FOLLOW : 0) | (flags & T_EMPTY_PATH ? LOOKUP_EMPTY : 0));
	if (r == 0)
		r = look_up(c, 1, 0, (flags & F_SYMLINKS ? LOOKUP_FOLLOW : 0) | (flags & F_EMPTY_PATH ? LOOKUP_EMPTY : 0));
	if (r == 0)
		r = path_settle(c->t, target);
	if (r == 0)
		r = path_settle(c->t, from);
	return r < 0 ? r : mount_move(c, target, from);
}
