/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path lookup: guest path to host path, by path_resolution(7) over the virtual mount table, the guest's
 * roots, its credentials and the metadata table.
 */
#ifndef FAKEBUILD_PATH_H
#define FAKEBUILD_PATH_H

#include <limits.h>
#include <sys/stat.h>

#include "tracer/mounts.h"
#include "tracer/session.h"
#include "tracer/tracee.h"

/* Canonical guest paths and host paths may be longer than what a call accepts. */
enum { PATH_ROOM = 4 * PATH_MAX };

enum lookup_flags {
	LOOKUP_FOLLOW = 1,    /* follow a symlink in the last component */
	LOOKUP_CREATE = 2,    /* the last component may be missing; its parent may not */
	LOOKUP_EMPTY = 4,     /* AT_EMPTY_PATH: "" means the descriptor itself */
	LOOKUP_NO_MAGIC = 8,  /* RESOLVE_NO_MAGICLINKS */
	LOOKUP_NO_SYMLINKS = 16,
	LOOKUP_IN_ROOT = 32,  /* RESOLVE_IN_ROOT: the descriptor is the root */
	LOOKUP_BENEATH = 64,  /* RESOLVE_BENEATH */
	LOOKUP_NAME = 128,    /* the name itself is wanted: a trailing slash follows no symlink; the caller looks */
	LOOKUP_NO_XDEV = 1024, /* RESOLVE_NO_XDEV */
	LOOKUP_NULL = 512,    /* of futimesat, utimensat: a NULL path means the descriptor itself */
	LOOKUP_DESCRIPTOR = 2048, /* of rows: with AT_EMPTY_PATH an empty path is fstat(2), where the kernel has it so */
	LOOKUP_OPENED = 256,  /* of rows with a descriptor alone: one of O_PATH will not do */
};

/* What a lookup found: a place in the guest, or an open descriptor of the guest. */
struct object {
	char guest[PATH_ROOM]; /* canonical guest path; "" when it is a descriptor */
	char host[PATH_ROOM];  /* host path; of a descriptor /proc/PID/fd/N */
	size_t guest_length, host_length;
	const struct mount *mount;
	struct stat real;      /* as the host has it, when exists */
	uint32_t birth;        /* of that inode, as birth_of says; 0: not asked */
	struct stat parent;    /* the directory that it would be in, when has_parent: it does not exist */
	bool exists;
	bool has_parent;
	bool is_fd;            /* host is a magic link: to be followed, never renamed or removed */
	bool is_node;          /* it is a device node of the guest's that a descriptor was opened by (nodes.h) */
	bool is_tree;          /* it is the root behind a descriptor of trees.h, which itself is another file */
	bool is_magic;         /* reached through a /proc magic link */
	bool is_plain;         /* the kernel gets to the same file by the guest's own arguments */
	bool had_trailing_slash;
	int late_error;        /* what looking for the last component will give, once all directories are found */
	bool is_dot;           /* the last component was "." or ".." or the path was "/" */
};

/*
 * Look `path` up relative to the directory descriptor dir_fd (AT_FDCWD: the cwd).  0 or -errno, as the
 * calls with paths give: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, EBADF.
 */
int path_lookup(struct tracee *t, int dir_fd, const char *path, unsigned flags, struct object *ret);
/* The object behind a descriptor of the tracee; -EBADF. */
int path_of_fd(struct tracee *t, int fd, struct object *ret);
/* The directory behind a descriptor, or AT_FDCWD, by its name; nothing is looked up, so nobody asks who may search it. */
int path_of_directory(struct tracee *t, int dir_fd, struct object *ret);
/*
 * Where a directory, or what is open, is in the guest, however it was found: the name into `guest`, and the mount.  NULL when it
 * has no name there: removed, too deep, or out of all mounts.
 */
const struct mount *path_name_of(const struct tracee *t, const struct object *directory, char guest[PATH_ROOM]);
/* An object found by a descriptor becomes one found by its name.  0; -ENOENT when it has none. */
int path_settle(struct tracee *t, struct object *o);
/* Is this object of path_of_fd open by O_PATH only? */
bool path_is_unopened(const struct object *o);
/* Put a chrooted process's view on a canonical guest path: cuts its root off.  False: unreachable. */
bool path_to_view(const struct tracee *t, const char *guest, char *ret, size_t room);

/* ---- permission.c ---- */

/*
 * What the tracee sees of the object; true when the metadata table says so.  What was never named, a pipe,
 * socket or memfd, belongs to who asks: natively to its maker, who nearly always is the one.
 */
bool path_shown(const struct tracee *t, const struct object *o, struct stat *ret);
/* May the tracee do this (CRED_*) to the file at `host`, with this real stat, by what the table says of it?  0, -EACCES. */
int path_may_access(const struct tracee *t, const char *host, const struct stat *real, unsigned mask);
/* May the tracee's credentials do this (CRED_*) to the object? 0, -EACCES, -EROFS for writing. */
int path_permission(struct tracee *t, struct object *o, unsigned mask);
/* Has the object's directory been removed?  Nothing can be made in it. */
bool path_is_nowhere(struct object *o);
/* META_MARK_IMMUTABLE and META_MARK_APPEND of the inode with this real stat. */
unsigned path_flags(const struct stat *real);
/* May it add or remove names in the object's directory?  0, -EACCES, -EROFS, -EPERM. */
int path_may_change_parent(struct tracee *t, struct object *o);
/* May it remove or replace this entry: the sticky rule.  0, -EPERM. */
int path_may_remove(struct tracee *t, struct object *o);
/* May it give the object another name, as fs.protected_hardlinks says?  0, -EPERM. */
int path_may_link(struct tracee *t, struct object *o);
/* May open with O_CREAT take this file, which somebody may have put into a sticky directory?  0, -EACCES. */
int path_may_open_in_sticky(struct tracee *t, struct object *o);
/* May it follow the symlink that the object is, as fs.protected_symlinks says?  0, -EACCES. */
int path_may_follow(struct tracee *t, struct object *o);
/* The real stat of the directory that holds the object. */
int path_parent_stat(struct object *o, struct stat *ret);
/* The host path of that directory, with a slash at its end: `directory`. */
const char *path_parent(const struct object *o, char directory[PATH_ROOM]);
/* Is it the owner, or has it CAP_FOWNER?  0 or -EPERM. */
int path_must_own(struct tracee *t, const struct object *o);

/* ---- prefixes.c ---- */

/*
 * What was at this host path was renamed, removed or replaced: forget what went through, or, for what is neither
 * directory nor symlink, would have gone wrong behind it.
 */
void path_forget(const struct object *o);

/* ---- hostpath.c ---- */

/* Give the invoking user the access that root has by nature, keeping the shown mode in the table; real root has it. */
bool path_repair(const char *host);
/* lstat(2), by path_short and path_repair when needed; 0 or -errno. */
int path_lstat(const char *host, struct stat *ret);
/* The same of an object's host path, into its `real` and `birth`; of a descriptor what it leads to. */
int path_examine(struct object *o);
/* A host path that fits PATH_MAX, by an alias when needed; valid until the next call. */
const char *path_short(const char *host);

#endif
