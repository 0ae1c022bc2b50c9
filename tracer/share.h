/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes of the guest: what becomes of the metadata of new ones, and of files shared with a layer. */
#ifndef FAKEBUILD_SHARE_H
#define FAKEBUILD_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/path.h"

/* Is the object a program that somebody runs?  Opened for writing or truncated it is ETXTBSY. */
bool share_is_running(const struct object *o);
/*
 * The object is about to be written: when it is a hard link into a layer, put a private copy in its
 * place (empty when !keeps_content) and update object->real; when the invoking user lacks write access
 * to his own file, give it.  0 or -errno (ENOSPC, EDQUOT, EIO ...).
 */
int share_make_private(struct object *o, bool keeps_content);
/* The real permission bits that a file of this shown mode gets: the invoking user can always work on it. */
mode_t share_real_mode(mode_t shown);
/*
 * Store what the object is to the guest, the one place where that is done: in the file itself as far as through.h
 * has it, the rest in the table.  o->real and *entry are then what is so.
 */
void share_store(struct object *o, struct meta_entry *entry);
/*
 * Give the object the mode in *entry: the real file gets it as far as sharing allows, and so a new ctime; the
 * table keeps what that does not show; a stored access ACL follows.  0 or -errno.
 */
int share_set_mode(const struct tracee *t, struct object *o, struct meta_entry *entry);
/*
 * The tracee opens the object for writing, or truncates it: mark the file (enum meta_marks) when what it then
 * writes takes set-id bits or file capabilities.  With CAP_FSETID they are taken now.  0 or -errno.
 */
int share_mark(const struct tracee *t, struct object *o);
/*
 * The tracee has become another than `old`: when a write by it now takes what one by that did not, mark what it has open
 * for writing.
 */
void share_mark_opened(struct tracee *t, const struct cred *old);
/* Only the table has changed: the host's inode gets a new ctime for it, unless it is shared. */
void share_touch(struct object *o);
/*
 * Owner, group and mode of a new inode, whose type and mode as asked for are in *entry, by the object's directory:
 * set-group-ID, default ACL, the umask when there is none.  *ret_parent is the directory's real stat.  0 or -errno.
 */
int share_init_owner(const struct tracee *t, struct object *o, struct meta_entry *entry, struct stat *ret_parent);
/*
 * The object has just been made: look at its inode and record the tracee's ownership and `mode`, as asked for
 * (permission and special bits; the type too for device nodes), by share_init_owner.  `rdev` for device
 * nodes.  0 or -errno.
 */
int share_record_new(struct tracee *t, struct object *o, mode_t mode, dev_t rdev);
/* The object, whose real stat is known, has got this name by a link or rename: notes where device nodes are. */
void share_named(struct object *o);
/*
 * The object, whose real stat is known, is about to lose this name; it has not, after all.  Before it does: its number may be
 * another's at once, made by a process that needs no stop for it.
 */
void share_unname(const struct object *o);
void share_not_unnamed(const struct object *o);

#endif
