/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of POSIX access control lists, acl(5) and fs/posix_acl.c, over the bytes of the attributes
 * system.posix_acl_access and system.posix_acl_default (include/uapi/linux/posix_acl_xattr.h).
 * Freestanding: no libc, no allocation.
 */
#ifndef FAKEBUILD_CORE_ACL_H
#define FAKEBUILD_CORE_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/core/cred.h"

enum { ACL_BYTES_MAX = 4096 };

/*
 * Are these a list's bytes?  0, -EINVAL for what are none, -EOPNOTSUPP for another version.  A list of no entries
 * is one: it means that there is to be none (posix_acl_from_xattr).
 */
int acl_parse(const void *acl, size_t size, bool *ret_is_empty);
/* Of a parsed list: one owner, users, one group, groups, a mask when there are such, others (posix_acl_valid). */
bool acl_is_valid(const void *acl, size_t size);
/*
 * The mode that an access list means: changes the permission bits of *mode.  True when the mode says all that
 * the list says (posix_acl_equiv_mode).
 */
bool acl_to_mode(const void *acl, size_t size, uint32_t *mode);
/* chmod of a file with an access list: writes the mode's bits into it (posix_acl_chmod). */
void acl_from_mode(void *acl, size_t size, uint32_t mode);
/*
 * A new file in a directory with a default list: `acl`, a copy of that list, and the mode asked for limit each
 * other (posix_acl_create_masq).  True when the mode then says it all.
 */
bool acl_inherit(void *acl, size_t size, uint32_t *mode);
/*
 * Of a parsed list: make ids as they are called in `users` those of the run; false when one is nobody's.  Or back, where ID_NONE
 * stands for who has no name there.
 */
bool acl_named(void *acl, size_t size, const struct user_namespace *users);
void acl_shown(void *acl, size_t size, const struct user_namespace *users);
/*
 * May somebody who is not the owner access the file?  `mask` of CRED_*.  0, -EACCES, or -EIO for a list
 * without an entry for others (posix_acl_permission).
 */
int acl_permission(const void *acl, size_t size, const struct cred *c, uint32_t gid, unsigned mask);

#endif
