/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes of the guest: what becomes of the metadata of new ones, and of files shared with a layer. */
#ifndef FAKEBUILD_SHARE_H
#define FAKEBUILD_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/path.h"

/*
 * The object is about to be written: when it is a hard link into a layer, put a private copy in its
 * place (empty when !keeps_content) and update object->real; when the invoking user lacks write access
 * to his own file, give it.  0 or -errno (ENOSPC, EDQUOT, EIO ...).
 */
int share_make_private(struct object *o, bool keeps_content);
/* The real permission bits that a file of this shown mode gets: the invoking user can always work on it. */
mode_t share_real_mode(mode_t shown);
/*
 * Give the object the mode in *entry: the real file gets it as far as sharing allows, the table keeps
 * what that does not show; a stored access ACL follows.  0 or -errno.
 */
int share_set_mode(struct object *o, struct meta_entry *entry);
/*
 * The tracee opens the object for writing or truncates it (`is_now`): set-id bits go unless CAP_FSETID keeps
 * them, file capabilities when something is written now.  The kernel does so at the first write, which is
 * not seen here.  0 or -errno.
 */
int share_drop_privileges(const struct tracee *t, struct object *o, bool is_now);
/*
 * An access ACL (the attribute's bytes, include/uapi/linux/posix_acl_xattr.h) and the mode it means.
 * acl_to_mode changes the permission bits of *mode, says in *ret_is_minimal whether the mode says it all,
 * and gives -EINVAL for what is no ACL; mode_to_acl writes the mode's bits into the ACL.
 */
int share_acl_to_mode(const void *acl, size_t size, uint32_t *mode, bool *ret_is_minimal);
void share_mode_to_acl(void *acl, size_t size, uint32_t mode);
/*
 * Owner, group and mode of a new inode, whose type and mode as asked for are in *entry, by its directory:
 * set-group-ID, default ACL, the umask when there is none.
 */
void share_init_owner(const struct tracee *t, const struct stat *parent, struct meta_entry *entry);
/*
 * The object has just been made: look at its inode and record the tracee's ownership and `mode`, as asked for
 * (permission and special bits; the type too for device nodes), by share_init_owner.  `rdev` for device
 * nodes.  0 or -errno.
 */
int share_record_new(struct tracee *t, struct object *o, mode_t mode, dev_t rdev);

#endif
