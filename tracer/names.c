/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that make, link, rename and remove names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/behind.h"
#include "tracer/base/io.h"
#include "tracer/cgroups.h"
#include "tracer/hooks.h"
#include "tracer/keeper.h"
#include "tracer/memory.h"
#include "tracer/moves.h"
#include "tracer/places.h"
#include "tracer/share.h"
#include "tracer/through.h"

/* The argument behind the (last) path of the row. */
static unsigned after_path(const struct call *c)
{
	const struct path_argument *p = c->row->path[1].path ? &c->row->path[1] : &c->row->path[0];
	return p->path;
}

/* May a name be made here?  A trailing slash is a directory's only. */
static int may_create(struct call *c, struct object *o, bool is_directory)
{
	if (o->is_dot)
		return -EEXIST;
	if (path_is_nowhere(o))
		return -ENOENT;
	if (o->exists)
		return -EEXIST;
	if (o->had_trailing_slash && !is_directory)
		return -ENOENT;
	/* kernfs makes folders only. */
	if (!is_directory && cgroups_has(o))
		return -EPERM;
	return path_may_change_parent(c->t, o);
}

static bool is_mount_point(const struct call *c, const struct object *o)
{
	return mounts_at(c->t->mounts, o->guest, o->guest_length) != NULL;
}

int64_t hook_mkdir(struct call *c)
{
	struct object *o = &c->object[0];
	int r = may_create(c, o, true);
	if (r < 0)
		return r;
	/* mkdir(2): the mode's 0777 and the sticky bit count. */
	mode_t mode = c->argument[after_path(c)] & 01777;
	if (mkdir(path_short(o->host), (mode & ~c->t->fs->umask & 0777) | 0700) < 0)
		return -errno;
	r = share_record_new(c->t, o, mode, 0);
	return r == 0 && cgroups_has(o) ? cgroups_made(o) : r;
}

/* may_mknod of fs/namei.c */
int check_mknod(const struct call *c)
{
	mode_t asked = c->argument[after_path(c)];
	if (S_ISDIR(asked))
		return -EPERM;
	return !(asked & S_IFMT) || S_ISREG(asked) || S_ISCHR(asked) || S_ISBLK(asked) || S_ISFIFO(asked) ||
			       S_ISSOCK(asked) ?
		       0 :
		       -EINVAL;
}

int64_t hook_mknod(struct call *c)
{
	struct object *o = &c->object[0];
	unsigned at = after_path(c);
	mode_t asked = c->argument[at], type = asked & S_IFMT;
	int r = may_create(c, o, false);
	/* vfs_create and vfs_mknod of fs/namei.c, for kernfs */
	if (r == -EPERM && (S_ISREG(asked) || !type) && cgroups_has(o))
		return -EACCES;
	if (r < 0)
		return r;
	mode_t mode = asked & 07777, real = share_real_mode(mode & ~c->t->fs->umask & 0777);
	dev_t rdev = 0;
	const char *host = path_short(o->host);
	bool is_device = S_ISCHR(asked) || S_ISBLK(asked);
	if (is_device) {
		uint32_t number = c->argument[at + 1];
		if (!cred_has(&c->t->cred, CAPABILITY_MKNOD) && !(S_ISCHR(asked) && number == 0))
			return -EPERM;
		/* new_decode_dev of the argument is what stat shows. */
		rdev = number;
		mode |= type;
	}
	r = is_device ? through_make_node(host, type, real, rdev) : mknod(host, type | real, 0) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	return share_record_new(c->t, o, mode, rdev);
}

int check_symlink(const struct call *c)
{
	char target[PATH_MAX];
	int r = memory_read_string(c->t, c->argument[0], target, sizeof(target));
	return r < 0 || *target ? r : -ENOENT;
}

int64_t hook_symlink(struct call *c)
{
	struct object *o = &c->object[0];
	char target[PATH_MAX];
	int r = memory_read_string(c->t, c->argument[0], target, sizeof(target));
	if (r < 0)
		return r;
	r = may_create(c, o, false);
	if (r < 0)
		return r;
	if (symlink(target, path_short(o->host)) < 0)
		return -errno;
	return share_record_new(c->t, o, 0777, 0);
}

bool names_link_by_opener(void)
{
	static int rule = -1;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2];
	if (rule >= 0)
		return rule;
	enum { READ_SEARCH = 1u << CAPABILITY_DAC_READ_SEARCH };
	/* Who has the capability cannot tell; nor do tracees that have it, since we are real root. */
	bool is_known = syscall(SYS_capget, &head, all) == 0 && !(all[0].effective & READ_SEARCH);
	CLEANUP_CLOSE int fd = open("/", O_PATH | O_CLOEXEC);
	rule = is_known && linkat(fd, "", AT_FDCWD, "/", AT_EMPTY_PATH) < 0 && errno == EEXIST;
	return rule;
}

static int64_t opener_told(struct call *c)
{
	if (c->result != -EEXIST)
		return -ENOENT;
	c->t->is_opener = true;
	arch_rewind(c->t, c->t->exit_private);
	c->is_again = true;
	return c->result;
}

/*
 * do_linkat and path_init of fs/namei.c: AT_EMPTY_PATH takes CAP_DAC_READ_SEARCH; from 6.10 on, or that the credentials,
 * as an object, are those that the descriptor was opened by.  Only the kernel knows, and it looks before it says
 * that the root is there already.  0: it may go on; else what is to be done.
 */
static int64_t ask_opener(struct call *c)
{
	int fd = call_int(c, 0);
	bool is_told = c->t->is_opener;
	c->t->is_opener = false;
	if (strcmp(c->row->name, "linkat") != 0 || !(call_int(c, 4) & AT_EMPTY_PATH) || is_told ||
	    cred_has(&c->t->cred, CAPABILITY_DAC_READ_SEARCH))
		return 0;
	if (!names_link_by_opener())
		return -ENOENT;
	if (fd == AT_FDCWD || c->text[0][0] == '/')
		return 0;
	char *room = call_room(c, 4);
	if (!room)
		return -ENOMEM;
	memcpy(room, "\0/", 3);
	call_set(c, 1, (uintptr_t)room);
	call_set(c, 2, AT_FDCWD);
	call_set(c, 3, (uintptr_t)room + 1);
	call_set(c, 4, AT_EMPTY_PATH);
	c->t->exit_private = (uint64_t)c->number;
	c->t->at_exit = opener_told;
	return CALL_PASS_EXIT;
}

int64_t hook_link(struct call *c)
{
	struct object *from = &c->object[0], *to = &c->object[1];
	int64_t asked = ask_opener(c);
	if (asked)
		return asked;
	if (to->is_dot)
		return -EEXIST;
	if (path_is_nowhere(to))
		return -ENOENT;
	if (to->exists)
		return -EEXIST;
	if (to->had_trailing_slash)
		return -ENOENT;
	if (!from->is_fd && from->mount != to->mount)
		return -EXDEV;
	if (cgroups_has(to))
		return -EPERM;
	int r = path_may_link(c->t, from);
	if (r == 0)
		r = path_may_change_parent(c->t, to);
	if (r == 0 && path_flags(&from->real))
		r = -EPERM;
	if (r < 0)
		return r;
	if (S_ISDIR(from->real.st_mode))
		return -EPERM;
	/* Sharing relies on a shared file having one name in the container. */
	if (meta_is_shared(session.meta, &from->real)) {
		r = share_make_private(from, true);
		if (r < 0)
			return r;
	}
	if (linkat(AT_FDCWD, path_short(from->host), AT_FDCWD, path_short(to->host),
		   from->is_fd ? AT_SYMLINK_FOLLOW : 0) < 0)
		return -errno;
	to->real = from->real;
	to->birth = from->birth;
	share_named(to);
	return 0;
}

/* The mount that the name itself is on, whatever is mounted over it. */
static const struct mount *mount_of_name(const struct call *c, const struct object *o)
{
	char parent[PATH_ROOM];
	if (o->is_dot || o->guest[0] != '/')
		return o->mount;
	size_t length = strrchr(o->guest, '/') - o->guest;
	memcpy(parent, o->guest, length);
	parent[length] = '\0';
	return mounts_of(c->t->mounts, length ? parent : "/");
}

/* do_rmdir and do_unlinkat of fs/namei.c: whether the mount may be written to is asked before the name is looked for. */
static int must_exist(const struct call *c, const struct object *o)
{
	if (mount_of_name(c, o)->flags & BINDING_READ_ONLY)
		return -EROFS;
	return o->exists ? 0 : -ENOENT;
}

/* What is mounted there read-only does not say of the directory that has the name: that one's mount was asked before. */
static int may_change_parent(const struct call *c, struct object *o)
{
	int r = path_may_change_parent(c->t, o);
	return r == -EROFS && is_mount_point(c, o) ? 0 : r;
}

/* may_delete of fs/namei.c, and nothing is removed where something is mounted. */
static int may_delete(struct call *c, struct object *o, bool wants_directory)
{
	int r = may_change_parent(c, o);
	if (r == 0)
		r = path_may_remove(c->t, o);
	if (r < 0)
		return r;
	if (S_ISDIR(o->real.st_mode) != wants_directory)
		return wants_directory ? -ENOTDIR : -EISDIR;
	return is_mount_point(c, o) ? -EBUSY : 0;
}

/* Take the name away by `remove`, unlink() or rmdir(). */
static int unname(struct object *o, int (*remove)(const char *path))
{
	const bool is_move = S_ISDIR(o->real.st_mode);
	share_unname(o);
	if (is_move)
		moves_begin();
	int r = remove(path_short(o->host)) < 0 ? -errno : 0;
	if (r == 0)
		path_forget(o);
	if (is_move)
		moves_end();
	if (r < 0)
		share_not_unnamed(o);
	return r;
}

static int64_t remove_directory(struct call *c)
{
	struct object *o = &c->object[0];
	if (o->is_dot) {
		/* do_rmdir of fs/namei.c, by the last component, whatever slashes follow it */
		const char *text = c->text[0], *end = text + strlen(text);
		while (end > text && end[-1] == '/')
			end--;
		size_t dots = 0;
		while (end > text + dots && end[-1 - (ptrdiff_t)dots] == '.')
			dots++;
		return dots == 1 ? -EINVAL : dots == 2 ? -ENOTEMPTY : -EBUSY;
	}
	int r = must_exist(c, o);
	if (r == 0)
		r = may_delete(c, o, true);
	if (r == 0 && cgroups_has(o))
		r = cgroups_remove(o);
	if (r < 0)
		return r;
	struct kept *kept = places_keep(o);
	r = unname(o, rmdir);
	if (r == 0)
		places_lose(o, kept);
	keeper_put(kept);
	return r;
}

int64_t hook_rmdir(struct call *c)
{
	return remove_directory(c);
}

int check_unlinkat(const struct call *c)
{
	return c->argument[2] & ~(uint64_t)AT_REMOVEDIR & UINT32_MAX ? -EINVAL : 0;
}

int64_t hook_unlink(struct call *c)
{
	struct object *o = &c->object[0];
	if (c->row->path[0].dir_fd) {
		if (c->argument[2] & AT_REMOVEDIR)
			return remove_directory(c);
	}
	/* do_unlinkat of fs/namei.c */
	if (o->is_dot)
		return -EISDIR;
	int r = must_exist(c, o);
	if (r == 0 && o->had_trailing_slash)
		r = S_ISDIR(o->real.st_mode) ? -EISDIR : -ENOTDIR;
	if (r == 0)
		r = may_delete(c, o, false);
	if (r == 0 && cgroups_has(o))
		r = -EPERM;
	if (r < 0)
		return r;
	return unname(o, unlink);
}

int check_renameat2(const struct call *c)
{
	unsigned flags = c->argument[4];
	bool is_known = !(flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT));
	return is_known && !((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE)) ? 0 : -EINVAL;
}

static bool is_below(const struct object *o, const struct object *top)
{
	return strncmp(o->guest, top->guest, top->guest_length) == 0 && o->guest[top->guest_length] == '/';
}

static bool have_one_parent(const struct object *a, const struct object *b)
{
	size_t length = strrchr(a->guest, '/') - a->guest;
	return strncmp(a->guest, b->guest, length + 1) == 0 && strrchr(b->guest, '/') == b->guest + length;
}

/* do_renameat2 of fs/namei.c, down to where the permissions are asked for. */
static int check_rename_names(struct call *c, unsigned flags)
{
	struct object *from = &c->object[0], *to = &c->object[1];
	if (mount_of_name(c, from) != mount_of_name(c, to))
		return -EXDEV;
	if (from->is_dot || to->is_dot)
		return !from->is_dot && (flags & RENAME_NOREPLACE) ? -EEXIST : -EBUSY;
	if (mount_of_name(c, from)->flags & BINDING_READ_ONLY)
		return -EROFS;
	if (from->late_error)
		return from->late_error;
	if (!from->exists || path_is_nowhere(to))
		return -ENOENT;
	if (to->late_error)
		return to->late_error;
	if ((flags & RENAME_NOREPLACE) && to->exists)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE) {
		if (!to->exists)
			return -ENOENT;
		if (to->had_trailing_slash && !S_ISDIR(to->real.st_mode))
			return -ENOTDIR;
	}
	if (!S_ISDIR(from->real.st_mode) &&
	    (from->had_trailing_slash || (to->had_trailing_slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (is_below(to, from))
		return -EINVAL;
	if (is_below(from, to))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* vfs_rename of the same. */
static int may_rename(struct call *c, unsigned flags)
{
	struct object *from = &c->object[0], *to = &c->object[1];
	bool is_directory = S_ISDIR(from->real.st_mode), to_directory = to->exists && S_ISDIR(to->real.st_mode);
	int r = may_change_parent(c, from);
	if (r == 0)
		r = path_may_remove(c->t, from);
	if (r == 0)
		r = may_change_parent(c, to);
	if (r == 0 && to->exists)
		r = path_may_remove(c->t, to);
	if (r == 0 && to->exists && !(flags & RENAME_EXCHANGE) && is_directory != to_directory)
		r = is_directory ? -ENOTDIR : -EISDIR;
	/* A directory that gets another parent has its ".." changed. */
	if (r == 0 && is_directory && !have_one_parent(from, to))
		r = path_permission(c->t, from, CRED_WRITE);
	if (r == 0 && (flags & RENAME_EXCHANGE) && to_directory && !have_one_parent(from, to))
		r = path_permission(c->t, to, CRED_WRITE);
	if (r == 0 && (is_mount_point(c, from) || is_mount_point(c, to)))
		r = -EBUSY;
	return r;
}

int64_t hook_rename(struct call *c)
{
	struct object *from = &c->object[0], *to = &c->object[1];
	unsigned flags = strcmp(c->row->name, "renameat2") == 0 ? (unsigned)c->argument[4] : 0;
	bool is_directory = S_ISDIR(from->real.st_mode);
	int r = check_rename_names(c, flags);
	if (r < 0)
		return r;
	if (to->exists && from->real.st_dev == to->real.st_dev && from->real.st_ino == to->real.st_ino)
		return 0;
	r = may_rename(c, flags);
	if (r == 0 && cgroups_has(from))
		r = -EPERM;
	if (r < 0)
		return r;
	const char *a = path_short(from->host), *b = path_short(to->host);
	unsigned kernel_flags = flags & ~(unsigned)RENAME_WHITEOUT;
	bool is_replaced = to->exists && !(flags & (RENAME_EXCHANGE | RENAME_NOREPLACE));
	const bool is_lost = to->exists && S_ISDIR(to->real.st_mode) && !(flags & RENAME_EXCHANGE);
	struct kept *kept = is_lost ? places_keep(to) : NULL;
	if (is_replaced)
		share_unname(to);
	const bool is_move = is_directory || kernel_flags || (to->exists && S_ISDIR(to->real.st_mode));
	if (is_move)
		moves_begin();
	if (kernel_flags)
		r = syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, kernel_flags);
	else
		r = rename(a, b);
	r = r < 0 ? -errno : 0;
	if (r == 0)
		path_forget(from);
	if (r == 0 && to->exists)
		path_forget(to);
	if (is_move)
		moves_end();
	if (r < 0) {
		if (is_replaced)
			share_not_unnamed(to);
		keeper_put(kept);
		return r;
	}
	if (is_lost)
		places_lose(to, kept);
	keeper_put(kept);
	const bool is_exchange = flags & RENAME_EXCHANGE;
	if (is_directory || (is_exchange && S_ISDIR(to->real.st_mode))) {
		behind_forget_all();
		places_move(from, to, is_exchange);
	}
	const struct stat replaced = to->real;
	to->real = from->real;
	to->birth = from->birth = 0;
	share_named(to);
	if (is_exchange) {
		from->real = replaced;
		share_named(from);
	}
	if (flags & RENAME_WHITEOUT) {
		if (through_make_node(a, S_IFCHR, 0600, 0) == 0)
			share_record_new(c->t, from, S_IFCHR, 0);
	}
	return 0;
}
