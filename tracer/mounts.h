/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual mount table: which host path shows at which guest path, one table a mount namespace. */
#ifndef FAKEBUILD_MOUNTS_H
#define FAKEBUILD_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What mount(2) was told, beside enum binding_flags. */
enum mount_flags {
	MOUNT_NO_SET_ID = 0x100,
	MOUNT_NO_DEVICES = 0x200,
	MOUNT_NO_EXEC = 0x400,
	MOUNT_NO_ACCESS_TIME = 0x800,
	MOUNT_NO_DIR_ACCESS_TIME = 0x1000,
	MOUNT_STRICT_ACCESS_TIME = 0x2000,
	MOUNT_NO_SYMLINKS = 0x4000,
	MOUNT_OPTIONS = 0x7f00,
	MOUNT_FILE_SYSTEM_READ_ONLY = 0x8000, /* beside BINDING_READ_ONLY: not the mount alone */
};

struct pid_namespace;
struct user_namespace;

/* What of a mount's flags only who has made it may take away: lock_mnt_tree of fs/namespace.c */
enum { MOUNT_LOCKABLE = 0x701 /* BINDING_READ_ONLY, MOUNT_NO_SET_ID, MOUNT_NO_DEVICES, MOUNT_NO_EXEC */ };

struct mount {
	char *guest; /* canonical guest path; "/" for the root */
	char *host;  /* canonical host path; "" for the host's "/" */
	size_t guest_length, host_length;
	size_t root_at; /* where in `host` the path in its file system begins: a bind's is not its root; or MOUNT_ROOT_OF_HOST */
	unsigned flags; /* enum binding_flags and mount_flags */
	char *fs_type, *source;
	char *shown; /* the file system's own options, as in /proc/PID/mounts: ",mode=755"; NULL: none */
	const struct pid_namespace *pids; /* whose processes a mount of proc shows (pids.h) */
	int id, parent_id; /* parent_id is 1 when there is none */
	unsigned peers, master; /* mount_namespaces(7): the group it is of, and that it is a slave of; 0: none */
	unsigned tree; /* its root: the number of trees.h, 0: none */
	bool is_clone; /* in a tree that is attached nowhere: where else its files show has the names of them */
	bool is_unbindable;
	const struct user_namespace *maker; /* whose its file system is, who may change that (users.h) */
	unsigned locked;    /* of MOUNT_LOCKABLE: these flags stay, in a namespace of less rights than it comes from */
	bool has_locked_times; /* so do those of access times */
	bool is_locked;     /* it is not to be taken off or away, so that nobody sees what is below */
	bool is_covered; /* by a later one, at its point or above: no path leads to it */
};

/* root_at of what the host's user has bound: the host's own mounts tell. */
#define MOUNT_ROOT_OF_HOST SIZE_MAX

struct mounts {
	unsigned users;
	struct mount **list; /* later ones cover earlier ones */
	size_t count;
	unsigned serial; /* tells tables apart in the path cache; changes with each change */
	const struct user_namespace *owner; /* who may change it; NULL: the run's first */
	struct mounts *next; /* of all tables */
};

struct mounts *mounts_new(void);
struct mounts *mounts_get(struct mounts *m);
struct mounts *mounts_copy(const struct mounts *m);
void mounts_put(struct mounts *m);
/* All tables that somebody has, in any order: NULL begins, and ends. */
struct mounts *mounts_next(const struct mounts *after);
/* Cover `guest`, and all mounts below it, by `host`. */
struct mount *mounts_add(struct mounts *m, const char *guest, const char *host, unsigned flags,
			 const char *fs_type, const char *source);
/*
 * Mount at `guest`, on the mount `on`, what `of` shows, as private one: below what covers that place of `on` already.  What
 * is mounted right there is on the new one then.
 */
struct mount *mounts_add_on(struct mounts *m, const struct mount *on, const char *guest, const struct mount *of);
/* On top at `guest`, what `of` shows; private. */
struct mount *mounts_add_like(struct mounts *m, const char *guest, const struct mount *of);
/* The file system's own options, which it shows. */
void mounts_tell_options(struct mount *m, const char *shown);
/* It is of the same file system as this one. */
void mounts_like(struct mount *m, const struct mount *of);
/* Is anything mounted on the topmost mount at `guest`? */
bool mounts_has_children(const struct mounts *m, const char *guest);
/* Uncover the topmost mount at `guest`, with all that is mounted on it; false when there is none. */
bool mounts_remove(struct mounts *m, const char *guest);
/* Take this one out; what is mounted on it is on its parent then. */
void mounts_take(struct mounts *m, struct mount *at);
/* The tree that begins with a mount, on ctx: it, and what is mounted on it, parents first. */
size_t mounts_tree(const void *ctx, const struct mounts *m, const struct mount *top, struct mount ***ret);
/* The mount whose point is exactly this guest path, or NULL. */
const struct mount *mounts_at(const struct mounts *m, const char *guest, size_t length);
/* The mount that a guest path lies on. */
const struct mount *mounts_of(const struct mounts *m, const char *guest);
/* A pivot_root(2), in canonical guest paths: what was at `new_root` is at `root` now, what was at `root` at `put_old`. */
struct pivot {
	const char *root, *new_root, *put_old;
};
/* Is this path `prefix`, or below it?  "" is the host's root. */
bool mounts_is_below(const char *path, const char *prefix);
/* Begins the point of a mount that no name leads to, only descriptors. */
#define MOUNTS_NAMELESS "/\001"
/* Is it the point of such a mount, or below one? */
bool mounts_is_nameless(const char *guest);
/* What it shows comes from a namespace of more rights: it is locked, and with `with_place` where it is. */
void mounts_lock(struct mount *m, bool with_place);
/* May the flags of a mount become these? */
bool mounts_may_flag(const struct mount *m, unsigned flags);
/* Is a locked mount on this one, at or below `guest`? */
bool mounts_has_locked(const struct mounts *m, const struct mount *on, const char *guest);
/* Flags of its mounts have been changed. */
void mounts_changed(struct mounts *m);
/* Where a guest path of before the pivot is now, on ctx. */
char *mounts_pivot_path(const void *ctx, const struct pivot *p, const char *guest);
/* Move the mounts.  MS_MOVE is a pivot, too: of the point it moves to, which stays where it is below. */
void mounts_pivot(struct mounts *m, const struct pivot *p);
/* After mounts were added in any order: parents before what is mounted on them. */
void mounts_sort(struct mounts *m);
/*
 * Detranslate: the guest path where this host path shows, into `guest` (room bytes), and the mount that it shows on, which there
 * another may cover; NULL when it shows nowhere.
 */
const struct mount *mounts_to_guest(const struct mounts *m, const char *host, char *guest, size_t room);

#endif
