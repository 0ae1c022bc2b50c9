/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata table: owner, mode, device number and refused xattrs of inodes, as root would see them
 * (DESIGN 3.4).  One file, mapped shared, keyed by (device, inode); several processes may have it open.
 * An inode without an entry shows the default: owned by root when the invoking user owns it, with the
 * mode that its real mode shows.  Extended attributes live beside it in "<path>.xattr".
 */
#ifndef FAKEBUILD_BASE_META_H
#define FAKEBUILD_BASE_META_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tracer/base/error.h"
#include "tracer/base/meta_format.h"

struct meta;

/*
 * Open the table at `path`, making an empty one when it is missing.  `root_dev` is st_dev of the
 * directory tree it describes: entries there are kept under device 0, so that a table survives a
 * remount under another device number.  `flags` (enum meta_flags) count when the table is made.
 * Fails when the file cannot be made or is no metadata table.
 */
int meta_open(const void *ctx, const char *path, dev_t root_dev, uint32_t flags, struct meta **ret,
	      struct error *err);
/* A table that no file backs; for tests and throw-away roots. */
struct meta *meta_new(const void *ctx, dev_t root_dev, uint32_t flags);

/* In a META_PLAIN table, where nothing can be put: the ids that the invoking user's show as, until then his own. */
void meta_show_own_as(struct meta *m, uid_t uid, gid_t gid);
/* is_root_dev is not set. */
void meta_owner_of(const struct meta *m, struct meta_owner *ret);

const struct meta_header *meta_header(const struct meta *m);
/* The table's file; NULL when no file backs it. */
const char *meta_path(const struct meta *m);
bool meta_has_shared_layers(const struct meta *m);

/*
 * Have an inbox (meta_format.h), in which others may leave what belongs into the table; what is read from the table here
 * is what they said.  It is there until the last who has the table open closes it.  False: it cannot be.
 */
bool meta_make_inbox(struct meta *m);
/* The mode of a file that may have no entry was changed on the host, and is about to be stored: who leaves something of it looks again. */
void meta_count_mode(struct meta *m);

/*
 * A run begins, whose guests may find files removed and made anew since the last one.  Nothing for a table of
 * META_SHARED_LAYERS or META_PLAIN.  Until then, and for who looks at the table without a run, what is there holds.
 */
void meta_begin_run(struct meta *m);
/*
 * The inode at this host path, whose stat is `real`, has come to light: when its entry was not met in this run, see
 * that it is of this inode and not of an earlier one of the number, or drop it.  `birth` is the inode's; 0: it is asked for.
 */
void meta_meet(struct meta *m, const char *host, bool follows, const struct stat *real, uint32_t birth);
/* The birth of the inode at this host path, as entries of this table have it: birth_of. */
uint32_t meta_birth_of(const struct meta *m, const char *host, bool follows, dev_t dev);
/* No run has this META_OF_HOST table open: drop what is not for the next one. */
void meta_drop_passing(struct meta *m);
/* Drop what no run from this one on has met, or with is_dry_run only count it; returns how many entries that is. */
uint64_t meta_drop_unmet(struct meta *m, uint32_t first_run, bool is_dry_run);

/* Copy the entry of this inode to *ret; false when there is none.  ret->dev is the real device. */
bool meta_get(struct meta *m, dev_t dev, ino_t ino, struct meta_entry *ret);
/* Add or replace the entry of (entry->dev, entry->ino); dev is the real device, state is ignored. */
void meta_put(struct meta *m, const struct meta_entry *entry);
/* Forget the inode; nothing happens when it has no entry. */
void meta_drop(struct meta *m, dev_t dev, ino_t ino);
/* Call visit(entry, arg) for each live entry, until it returns non-zero; returns that or 0. */
int meta_each(struct meta *m, int (*visit)(const struct meta_entry *entry, void *arg), void *arg);

/*
 * Change a real stat into what root sees: owner, mode, rdev, ino, nlink.  True when an entry says so.  Here and
 * in meta_get_or_default a file that has been written since it was marked (enum meta_marks) loses what that takes.
 */
bool meta_view(struct meta *m, struct stat *st);
/* What meta_view would show without an entry; *ret is complete and has the real dev and ino. */
void meta_default(const struct meta *m, const struct stat *real, struct meta_entry *ret);
/* The entry of this inode, or its default. */
void meta_get_or_default(struct meta *m, const struct stat *real, struct meta_entry *ret);
/* The inode has just been made: what was read of an earlier one of its number counts no more, nor what is in the inbox of that. */
void meta_begin_inode(struct meta *m, const struct stat *real);
/*
 * Store `entry`, as meta_get_or_default had it but for what is to change, for the inode `real`, or drop its entry when
 * the default says the same.  What has been left in the inbox meanwhile and does not contradict stays so.
 */
void meta_set(struct meta *m, const struct stat *real, const struct meta_entry *entry);
/* The inode, whose stat was this, has lost its last name, or as a temporary file has none yet: META_MARK_UNNAMED. */
void meta_unname(struct meta *m, const struct stat *real);
/* It has got a name, which only a temporary file can. */
void meta_name(struct meta *m, const struct stat *real);
/* A device node is now in this directory: see META_MARK_NODES.  True for the first. */
bool meta_mark_nodes(struct meta *m, const struct stat *directory);
/* Is this real stat a hard link into a shared layer, which must be copied before it is written? */
bool meta_is_shared(const struct meta *m, const struct stat *real);

/*
 * Extended attributes kept in the table.  Sizes and errnos are getxattr(2)'s: size 0 asks for the
 * length, -ERANGE when the buffer is too small, -ENODATA when there is none.
 */
ssize_t meta_xattr_get(struct meta *m, const struct meta_entry *entry, const char *name, void *value,
		       size_t size);
/* All names, each NUL-terminated, as listxattr(2) gives them. */
ssize_t meta_xattr_list(struct meta *m, const struct meta_entry *entry, char *names, size_t size);
/*
 * Set (value != NULL) or remove one attribute in *entry; the caller then stores the entry by meta_put
 * or meta_set.  flags: XATTR_CREATE, XATTR_REPLACE.  0, -EEXIST, -ENODATA, -ENOSPC.
 */
int meta_xattr_set(struct meta *m, struct meta_entry *entry, const char *name, const void *value,
		   size_t size, int flags);
/* Copy all attributes of `entry`, an entry of table `from`, into *to, for table m (may be the same). */
void meta_xattr_copy(struct meta *m, struct meta_entry *to, struct meta *from,
		     const struct meta_entry *entry);

/* The generation of translated paths, shared by all who have the table open. */
uint64_t meta_generation(const struct meta *m);
void meta_bump_generation(struct meta *m);
/* Which group, ACL or sticky bit a directory has was changed: what processes remember of directories is void. */
void meta_count_directory(struct meta *m);

#endif
