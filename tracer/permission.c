/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the answers to "may it?": who a file belongs to for the guest, and what its credentials, ACLs, sticky
 * directories, read-only mounts and the fs.protected_* settings then allow.  The walk is in walk.c, the rules that
 * need no file in core/.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"
#include "tracer/core/acl.h"
#include "tracer/path.h"
#include "tracer/plain.h"
#include "tracer/procfs.h"
#include "tracer/through.h"

/* `follows`: the host path is the magic link of a descriptor. */
static int may_access_entry(const struct tracee *t, const char *host, bool follows, const struct meta_entry *entry,
			    unsigned mask)
{
	char acl[ACL_BYTES_MAX];
	ssize_t n = 0;
	/* Capabilities ask no ACL. */
	if ((entry->xattr || session.writes_through) && !cred_has(&t->cred, CAPABILITY_DAC_OVERRIDE))
		n = through_xattr_get(path_short(host), follows, entry, "system.posix_acl_access", acl, sizeof(acl));
	return cred_permission(&t->cred, entry->uid, entry->gid, entry->mode, acl, n > 0 ? n : 0, mask);
}

int path_may_access(const struct tracee *t, const char *host, const struct stat *real, unsigned mask)
{
	struct meta_entry entry;
	/* It asks the kernel, which says so itself in the call. */
	if (session.is_plain)
		return 0;
	meta_get_or_default(session.meta, real, &entry);
	return may_access_entry(t, host, false, &entry, mask);
}

/* The file systems inside the kernel that pipes, sockets and memfds live on. */
static bool is_unnamed(const struct stat *st)
{
	static dev_t devices[3];
	if (!devices[0]) {
		int fds[2], socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int memory = syscall(SYS_memfd_create, "", 1u /* MFD_CLOEXEC */);
		struct stat is;
		if (pipe2(fds, O_CLOEXEC) == 0) {
			devices[0] = fstat(fds[0], &is) == 0 ? is.st_dev : 0;
			close(fds[0]);
			close(fds[1]);
		}
		devices[1] = fstat(socket_fd, &is) == 0 ? is.st_dev : 0;
		devices[2] = fstat(memory, &is) == 0 ? is.st_dev : 0;
		close(socket_fd);
		close(memory);
	}
	return st->st_dev == devices[0] || st->st_dev == devices[1] || st->st_dev == devices[2];
}

/* The host path in /proc that a descriptor was opened by; false when it is of another file system. */
static bool name_in_proc(const struct object *o, char name[PATH_ROOM])
{
	static dev_t device;
	struct stat st;
	if (!device && stat("/proc", &st) == 0)
		device = st.st_dev;
	ssize_t n = o->is_fd && o->real.st_dev == device ? readlink(o->host, name, PATH_ROOM - 1) : -1;
	if (n < 0)
		return false;
	name[n] = '\0';
	return true;
}

bool path_shown(const struct tracee *t, const struct object *o, struct stat *ret)
{
	char name[PATH_ROOM];
	*ret = o->real;
	if (o->mount->flags & BINDING_PROC && !o->is_fd && procfs_owner(o->host, t, ret))
		return true;
	if (name_in_proc(o, name) && procfs_owner(name, t, ret))
		return true;
	/* Guests' own instances of devpts are the host's, as if mounted with ptmxmode=0666. */
	if (S_ISCHR(ret->st_mode) && ret->st_rdev == makedev(5, 2) && !(ret->st_mode & 0777))
		ret->st_mode |= 0666;
	bool has_entry = meta_view(session.meta, ret);
	if (!has_entry && o->is_fd && is_unnamed(&o->real)) {
		ret->st_uid = t->cred.fsuid;
		ret->st_gid = t->cred.fsgid;
	}
	return has_entry;
}

/* Settings of the host's kernel; containers have them mounted read-only, so that their root changes none. */
static bool is_kernel_setting(const struct object *o)
{
	static const char *const folders[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };
	if (!(o->mount->flags & BINDING_PROC) || o->is_fd)
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (text_is_at_or_below(o->host, folders[i], strlen(folders[i])))
			return true;
	return false;
}

unsigned path_flags(const struct stat *real)
{
	struct meta_entry entry;
	if (!(meta_header(session.meta)->flags & META_HAS_FLAGS))
		return 0;
	meta_get_or_default(session.meta, real, &entry);
	return entry.marks & META_MARKS_OF_FLAGS;
}

int path_permission(struct tracee *t, struct object *o, unsigned mask)
{
	struct stat st;
	struct meta_entry entry;
	if (session.is_plain)
		return plain_permission(o, mask);
	if ((o->mount->flags & BINDING_PROC) && !o->is_fd && procfs_refuses(o->host, t, false))
		return -EACCES;
	path_shown(t, o, &st);
	meta_get_or_default(session.meta, &o->real, &entry);
	entry.uid = st.st_uid;
	entry.gid = st.st_gid;
	if (S_ISCHR(entry.mode))
		entry.mode = st.st_mode;
	/* inode_permission of fs/namei.c */
	bool is_writing_fixed = (mask & CRED_WRITE) && (entry.marks & META_MARK_IMMUTABLE);
	int r = is_writing_fixed && !(o->mount->flags & BINDING_READ_ONLY) ?
			-EPERM :
			may_access_entry(t, o->host, o->is_fd, &entry, mask);
	/* path_noexec of fs/exec.c */
	if (r == 0 && (mask & CRED_EXECUTE) && S_ISREG(entry.mode) && (o->mount->flags & MOUNT_NO_EXEC) && !o->is_fd)
		return -EACCES;
	if (r == 0 && (mask & CRED_WRITE) && (o->mount->flags & BINDING_READ_ONLY) && !o->is_fd &&
	    (S_ISREG(o->real.st_mode) || S_ISDIR(o->real.st_mode) || S_ISLNK(o->real.st_mode)))
		return -EROFS;
	if (r == 0 && (mask & CRED_WRITE) && is_kernel_setting(o) && !procfs_is_own_setting(t, o))
		return -EROFS;
	return r;
}

int path_parent_stat(struct object *o, struct stat *ret)
{
	char *slash = strrchr(o->host, '/');
	if (!slash)
		return -ENOENT;
	char saved = slash[1];
	slash[1] = '\0';
	int r = path_lstat(o->host, ret);
	slash[1] = saved;
	return r;
}

const char *path_parent(const struct object *o, char directory[PATH_ROOM])
{
	size_t length = strrchr(o->host, '/') + 1 - o->host;
	memcpy(directory, o->host, length);
	directory[length] = '\0';
	return directory;
}

bool path_is_nowhere(struct object *o)
{
	struct stat st;
	/* Only what was reached through a descriptor or a lost working directory can be. */
	return o->guest[0] != '/' && !o->is_fd && path_parent_stat(o, &st) == 0 && st.st_nlink == 0;
}

int path_may_change_parent(struct tracee *t, struct object *o)
{
	struct stat st;
	bool has_flags = meta_header(session.meta)->flags & META_HAS_FLAGS;
	if (o->mount->flags & BINDING_READ_ONLY)
		return -EROFS;
	if (has_flags && path_parent_stat(o, &st) == 0 && (path_flags(&st) & META_MARK_IMMUTABLE))
		return -EPERM;
	if (cred_has(&t->cred, CAPABILITY_DAC_OVERRIDE))
		return 0;
	char directory[PATH_ROOM];
	int r = path_parent_stat(o, &st);
	return r < 0 ? r : path_may_access(t, path_parent(o, directory), &st, CRED_WRITE | CRED_EXECUTE);
}

int path_may_remove(struct tracee *t, struct object *o)
{
	struct stat parent, st = o->real;
	/* may_delete of fs/namei.c */
	bool has_flags = meta_header(session.meta)->flags & META_HAS_FLAGS;
	if (has_flags && (path_flags(&o->real) || (path_parent_stat(o, &parent) == 0 && path_flags(&parent))))
		return -EPERM;
	if (cred_has(&t->cred, CAPABILITY_FOWNER))
		return 0;
	int r = path_parent_stat(o, &parent);
	if (r < 0)
		return r;
	meta_view(session.meta, &parent);
	meta_view(session.meta, &st);
	if ((parent.st_mode & S_ISVTX) && t->cred.fsuid != st.st_uid && t->cred.fsuid != parent.st_uid &&
	    !cred_has_over(&t->cred, st.st_uid, st.st_gid, CAPABILITY_FOWNER))
		return -EPERM;
	return 0;
}

int path_must_own(struct tracee *t, const struct object *o)
{
	struct stat st;
	path_shown(t, o, &st);
	return cred_owns(&t->cred, st.st_uid) ? 0 : -EPERM;
}

/* The host's fs.protected_*, proc(5), which the guest reads in /proc too. */
enum protection { PROTECT_HARDLINKS, PROTECT_SYMLINKS, PROTECT_FIFOS, PROTECT_REGULAR, PROTECTIONS };

static int level_of(enum protection which)
{
	static const char *const name[] = { "hardlinks", "symlinks", "fifos", "regular" };
	static int level[PROTECTIONS];
	static bool is_known;
	for (int i = 0; i < PROTECTIONS && !is_known; i++) {
		char path[64], value = '0';
		snprintf(path, sizeof(path), "/proc/sys/fs/protected_%s", name[i]);
		CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, &value, 1) == 1)
			level[i] = value - '0';
	}
	is_known = true;
	return level[which];
}

int path_may_link(struct tracee *t, struct object *o)
{
	if (!level_of(PROTECT_HARDLINKS) || path_must_own(t, o) == 0)
		return 0;
	/* safe_hardlink_source of fs/namei.c */
	struct stat st;
	path_shown(t, o, &st);
	bool is_safe = S_ISREG(st.st_mode) && !(st.st_mode & S_ISUID) &&
		       (st.st_mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP);
	return is_safe && path_permission(t, o, CRED_READ | CRED_WRITE) == 0 ? 0 : -EPERM;
}

/* The object and its directory, as shown; false when the directory cannot be had. */
static bool stat_both(struct object *o, struct stat *ret_parent, struct stat *ret)
{
	if (path_parent_stat(o, ret_parent) < 0)
		return false;
	meta_view(session.meta, ret_parent);
	*ret = o->real;
	meta_view(session.meta, ret);
	return true;
}

int path_may_open_in_sticky(struct tracee *t, struct object *o)
{
	/* may_create_in_sticky of fs/namei.c */
	struct stat parent, st;
	if (o->is_fd || !stat_both(o, &parent, &st) || !(parent.st_mode & S_ISVTX))
		return 0;
	int level = S_ISREG(st.st_mode)	 ? level_of(PROTECT_REGULAR) :
		    S_ISFIFO(st.st_mode) ? level_of(PROTECT_FIFOS) :
					   1;
	if (!level || st.st_uid == parent.st_uid || st.st_uid == t->cred.fsuid)
		return 0;
	bool is_strict = level >= 2 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode));
	return (parent.st_mode & S_IWOTH) || ((parent.st_mode & S_IWGRP) && is_strict) ? -EACCES : 0;
}

int path_may_follow(struct tracee *t, struct object *o)
{
	/* may_follow_link of fs/namei.c */
	struct stat parent, st;
	if (!level_of(PROTECT_SYMLINKS) || !stat_both(o, &parent, &st))
		return 0;
	bool is_open_to_all = (parent.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH);
	return !is_open_to_all || st.st_uid == t->cred.fsuid || st.st_uid == parent.st_uid ? 0 : -EACCES;
}
