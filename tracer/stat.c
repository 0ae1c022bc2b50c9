/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that look at files: stat and its kin, access, readlink, getcwd, statfs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stddef.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/look.h"
#include "tracer/base/text.h"
#include "tracer/cgroups.h"
#include "tracer/core/stat_i386.h"
#include "tracer/fscontext.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/mountlist.h"
#include "tracer/namespaces.h"
#include "tracer/procfs.h"
#include "tracer/users.h"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif
enum { CGROUP2_MAGIC = 0x63677270 /* CGROUP2_SUPER_MAGIC of linux/magic.h, since 4.5 */ };

/* What the guest sees of the object. */
static struct stat shown(const struct call *c)
{
	struct stat st;
	path_shown(c->t, &c->object[0], &st);
	st.st_uid = users_shown(c->t, ID_USER, st.st_uid);
	st.st_gid = users_shown(c->t, ID_GROUP, st.st_gid);
	return st;
}

struct stat_i386 {
	uint32_t dev, ino;
	uint16_t mode, nlink, uid, gid;
	uint32_t rdev, size, blksize, blocks, atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, unused[2];
};

struct stat_oldest {
	uint16_t dev, ino, mode, nlink, uid, gid, rdev;
	uint32_t size, atime, mtime, ctime;
};

static uint16_t short_id(uint32_t id)
{
	return id > 0xffff ? 65534 : id;
}

int64_t hook_stat(struct call *c)
{
	struct stat st = shown(c);
	taddr to = c->argument[call_after_path(c)];
	if (c->abi == ABI_64)
		return memory_write(c->t, to, &st, sizeof(st));
	struct stat_i386 s = {
		.dev = st.st_dev, .ino = st.st_ino, .mode = st.st_mode, .nlink = st.st_nlink,
		.uid = short_id(st.st_uid), .gid = short_id(st.st_gid), .rdev = st.st_rdev, .size = st.st_size,
		.blksize = st.st_blksize, .blocks = st.st_blocks,
		.atime = st.st_atim.tv_sec, .atime_nsec = st.st_atim.tv_nsec,
		.mtime = st.st_mtim.tv_sec, .mtime_nsec = st.st_mtim.tv_nsec,
		.ctime = st.st_ctim.tv_sec, .ctime_nsec = st.st_ctim.tv_nsec,
	};
	/* cp_compat_stat of fs/stat.c */
	if (st.st_size > INT32_MAX || s.ino != st.st_ino || s.nlink != st.st_nlink)
		return -EOVERFLOW;
	return memory_write(c->t, to, &s, sizeof(s));
}

int64_t hook_stat64(struct call *c)
{
	struct stat st = shown(c);
	struct stat64_i386 s = {
		.dev = st.st_dev, .short_ino = st.st_ino, .mode = st.st_mode, .nlink = st.st_nlink,
		.uid = st.st_uid, .gid = st.st_gid, .rdev = st.st_rdev, .size = st.st_size,
		.blksize = st.st_blksize, .blocks = st.st_blocks,
		.atime = st.st_atim.tv_sec, .atime_nsec = st.st_atim.tv_nsec,
		.mtime = st.st_mtim.tv_sec, .mtime_nsec = st.st_mtim.tv_nsec,
		.ctime = st.st_ctim.tv_sec, .ctime_nsec = st.st_ctim.tv_nsec, .ino = st.st_ino,
	};
	return memory_write(c->t, c->argument[call_after_path(c)], &s, sizeof(s));
}

int64_t hook_stat_old(struct call *c)
{
	struct stat st = shown(c);
	struct stat_oldest s = {
		.dev = st.st_dev, .ino = st.st_ino, .mode = st.st_mode, .nlink = st.st_nlink,
		.uid = short_id(st.st_uid), .gid = short_id(st.st_gid), .rdev = st.st_rdev, .size = st.st_size,
		.atime = st.st_atim.tv_sec, .mtime = st.st_mtim.tv_sec, .ctime = st.st_ctim.tv_sec,
	};
	/* cp_old_stat of fs/stat.c */
	if (st.st_size > INT32_MAX || s.ino != st.st_ino || s.nlink != st.st_nlink)
		return -EOVERFLOW;
	return memory_write(c->t, c->argument[call_after_path(c)], &s, sizeof(s));
}

int check_statx(const struct call *c)
{
	/* do_statx of fs/stat.c: STATX__RESERVED, and two ways of synchronising at once. */
	return (c->argument[3] & 0x80000000u) || (c->argument[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ? -EINVAL : 0;
}

/* On which of its mounts the guest finds it: by either number, and whether it is its root. */
static void show_mount(const struct call *c, struct look_statx *x)
{
	enum { UNIQUE = 0x4000 /* STATX_MNT_ID_UNIQUE */, IS_ROOT = 0x2000 /* STATX_ATTR_MOUNT_ROOT */ };
	const struct object *o = &c->object[0];
	char guest[PATH_ROOM];
	const struct mount *named = path_name_of(c->t, o, guest), *m = named ? named : o->mount;
	/* Who has not asked for it is not told, though the kernel does: the fast path has only the host's. */
	const bool asks = c->argument[3] & (LOOK_MOUNT | UNIQUE);
	if (asks && (x->mask & (LOOK_MOUNT | UNIQUE))) {
		x->mount = x->mask & UNIQUE ? mountlist_id(m) : (uint64_t)m->id;
	} else {
		x->mask &= ~(uint32_t)(LOOK_MOUNT | UNIQUE);
		x->mount = 0;
	}
	bool is_root = named && strcmp(guest, m->guest) == 0;
	if (named && (x->attributes_mask & IS_ROOT))
		x->attributes = (x->attributes & ~(uint64_t)IS_ROOT) | (is_root ? IS_ROOT : 0);
}

int64_t hook_statx(struct call *c)
{
	const struct object *o = &c->object[0];
	struct look_statx x;
	unsigned flags = (c->at_flags & AT_STATX_SYNC_TYPE) | (o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW);
	if (syscall(SYS_statx, AT_FDCWD, path_short(o->host), flags, (unsigned)c->argument[3], &x) < 0)
		return -errno;
	struct stat st = shown(c);
	x.uid = st.st_uid;
	x.gid = st.st_gid;
	x.mode = st.st_mode;
	x.nlink = st.st_nlink;
	x.ino = st.st_ino;
	x.rdev_major = major(st.st_rdev);
	x.rdev_minor = minor(st.st_rdev);
	show_mount(c, &x);
	return memory_write(c->t, c->argument[4], &x, sizeof(x));
}

struct statfs_i386 {
	uint32_t type, bsize, blocks, bfree, bavail, files, ffree, fsid[2], namelen, frsize, flags, spare[4];
};
struct statfs64_i386 {
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t fsid[2], namelen, frsize, flags, spare[4];
} __attribute__((packed));

static int statfs_of(const struct call *c, struct statfs *ret)
{
	if (statfs(path_short(c->object[0].host), ret) < 0)
		return -errno;
	/* nosuid and nodev are the host's policy for its users; in the guest set-id files and devices work. */
	ret->f_flags &= ~(unsigned long)(ST_NOSUID | ST_NODEV);
	char guest[PATH_ROOM];
	const struct mount *named = c->object[0].is_fd ? path_name_of(c->t, &c->object[0], guest) : NULL;
	const struct mount *m = named ? named : c->object[0].mount;
	/* Of the places where a file shows a descriptor does not tell; a runtime that runs from a tree of its own asks so. */
	const struct process *p = c->t->process;
	bool is_program = c->object[0].is_fd && c->object[0].real.st_ino == p->exe_ino && c->object[0].real.st_dev == p->exe_dev;
	if (is_program && mounts_is_nameless(p->exe))
		m = mounts_of(c->t->mounts, p->exe);
	bool is_read_only = (m->flags & BINDING_READ_ONLY) || (is_program && p->is_exe_read_only);
	ret->f_flags |= (is_read_only ? ST_RDONLY : 0) | (m->flags & MOUNT_NO_SET_ID ? ST_NOSUID : 0) |
			(m->flags & MOUNT_NO_DEVICES ? ST_NODEV : 0) | (m->flags & MOUNT_NO_EXEC ? ST_NOEXEC : 0);
	/* A folder of the host's stands for it. */
	if (strcmp(m->fs_type, "tmpfs") == 0 || strcmp(m->fs_type, "devtmpfs") == 0)
		ret->f_type = TMPFS_MAGIC;
	if (cgroups_has(&c->object[0]))
		ret->f_type = CGROUP2_MAGIC;
	if (strcmp(m->fs_type, "nsfs") == 0 || namespaces_is_file(&c->object[0]))
		ret->f_type = NSFS_MAGIC;
	return 0;
}

int64_t hook_statfs(struct call *c)
{
	struct statfs s;
	int r = statfs_of(c, &s);
	if (r < 0)
		return r;
	if (c->abi == ABI_64)
		return memory_write(c->t, c->argument[1], &s, sizeof(s));
	struct statfs_i386 small = { .type = s.f_type, .bsize = s.f_bsize, .blocks = s.f_blocks,
		.bfree = s.f_bfree, .bavail = s.f_bavail, .files = s.f_files, .ffree = s.f_ffree,
		.namelen = s.f_namelen, .frsize = s.f_frsize, .flags = s.f_flags };
	return memory_write(c->t, c->argument[1], &small, sizeof(small));
}

int64_t hook_statfs64(struct call *c)
{
	struct statfs s;
	if (c->argument[1] != sizeof(struct statfs64_i386))
		return -EINVAL;
	int r = statfs_of(c, &s);
	if (r < 0)
		return r;
	struct statfs64_i386 big = { .type = s.f_type, .bsize = s.f_bsize, .blocks = s.f_blocks,
		.bfree = s.f_bfree, .bavail = s.f_bavail, .files = s.f_files, .ffree = s.f_ffree,
		.namelen = s.f_namelen, .frsize = s.f_frsize, .flags = s.f_flags };
	return memory_write(c->t, c->argument[2], &big, sizeof(big));
}

int check_access(const struct call *c)
{
	return call_int(c, call_after_path(c)) & ~7 ? -EINVAL : 0;
}

int64_t hook_access(struct call *c)
{
	unsigned mask = call_int(c, call_after_path(c));
	return mask ? path_permission(c->t, &c->object[0], mask) : 0;
}

int check_readlink(const struct call *c)
{
	return call_int(c, call_after_path(c) + 1) <= 0 ? -EINVAL : 0;
}

int64_t hook_readlink(struct call *c)
{
	const struct object *o = &c->object[0];
	unsigned out = call_after_path(c);
	int size = call_int(c, out + 1);
	char target[PATH_ROOM], guest[PATH_ROOM], view[PATH_ROOM];
	enum procfs_link kind = PROCFS_PLAIN;
	ssize_t n;
	if (o->is_fd) { /* readlinkat(fd, ""): the link that an O_PATH descriptor is open on */
		n = readlink(o->host, guest, sizeof(guest) - 1);
		if (n < 0 || !S_ISLNK(o->real.st_mode))
			return -ENOENT;
		guest[n] = '\0';
		n = readlink(path_short(guest), target, PATH_MAX);
	} else if (o->mount->flags & BINDING_PROC) {
		n = procfs_readlink(c->t, o, target, PATH_MAX, &kind);
	} else {
		n = readlink(path_short(o->host), target, PATH_MAX);
	}
	/* do_readlinkat of fs/stat.c: "" names something that is no link. */
	if (n < 0)
		return c->text[0][0] ? -errno : -ENOENT;
	target[n] = '\0';
	const char *text = target;
	if (kind == PROCFS_DESCRIPTOR && context_is_text(target))
		text = "anon_inode:[fscontext]";
	else if (kind == PROCFS_DESCRIPTOR && target[0] == '/' &&
	    mounts_to_guest(c->t->mounts, target, guest, sizeof(guest)))
		text = guest;
	if (text == guest || kind == PROCFS_GUEST) {
		path_to_view(c->t, text, view, sizeof(view));
		/* d_path of fs/d_path.c does not say so. */
		text = view + (text_starts(view, "(unreachable)") ? strlen("(unreachable)") : 0);
	}
	size_t length = strlen(text);
	if (length > (size_t)size)
		length = size;
	int r = memory_write(c->t, c->argument[out], text, length);
	return r < 0 ? r : (int64_t)length;
}

int64_t hook_getcwd(struct call *c)
{
	char view[PATH_ROOM];
	struct object *o = &c->object[0];
	int r = path_lookup(c->t, AT_FDCWD, ".", LOOKUP_FOLLOW, o);
	if (r == -ENOENT || c->t->fs->has_lost_cwd)
		return -ENOENT;
	path_to_view(c->t, c->t->fs->cwd, view, sizeof(view));
	size_t size = strlen(view) + 1;
	if (size > PATH_MAX)
		return -ENAMETOOLONG;
	if (size > c->argument[1])
		return -ERANGE;
	r = memory_write(c->t, c->argument[0], view, size);
	return r < 0 ? r : (int64_t)size;
}

int64_t hook_inotify_add_watch(struct call *c)
{
	struct object *o = &c->object[0];
	bool follows = !(c->argument[2] & IN_DONT_FOLLOW);
	int r = memory_read_string(c->t, c->argument[1], c->text[0], PATH_MAX);
	if (r == 0)
		r = path_lookup(c->t, AT_FDCWD, c->text[0], follows ? LOOKUP_FOLLOW : 0, o);
	/* inotify_add_watch(2): read access is needed. */
	if (r == 0)
		r = path_permission(c->t, o, CRED_READ);
	if (r == 0 && !o->is_plain)
		r = call_set_path(c, 1, o->host);
	return r < 0 ? r : CALL_PASS;
}
