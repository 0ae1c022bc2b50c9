/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests that are the invoking user, whatever number that shows as (META_PLAIN): the tracer translates paths, and
 * files and permissions are the kernel's alone.  Rows name what they do then in their column `plain`.
 */
#ifndef FAKEBUILD_PLAIN_H
#define FAKEBUILD_PLAIN_H

#include "tracer/call.h"

/* A call that changes what is there: made by the tracee at the translated path. */
int64_t plain_change(struct call *c);
/* A call that makes a name. */
int64_t plain_make(struct call *c);
/* One of the chown family: ids as the guest has them become the kernel's. */
int64_t plain_chown(struct call *c);
int64_t plain_truncate(struct call *c);

/* May the object be opened, as far as the kernel cannot know?  0, -EROFS, -ETXTBSY. */
int plain_may_open(const struct object *o, bool is_for_writing);
/* May the guest do this (CRED_*) to the object, as the kernel has it?  0, -EACCES, -EROFS ... */
int plain_permission(const struct object *o, unsigned mask);

#endif
