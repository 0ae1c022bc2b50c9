/* SPDX-License-Identifier: Apache-2.0 */
/* What mount(2) and the mount calls of descriptors (treecalls.c, fscontext.c) have in common. */
#ifndef FAKEBUILD_MOUNTCALLS_H
#define FAKEBUILD_MOUNTCALLS_H

#include <stdbool.h>

#include "tracer/call.h"

/*
 * A new file system of this type: the host directory that shows it, on the tracee's context, and what struct mount has to
 * say of it in any case.  `options` are mount(2)'s data, which is cut up.  -ENODEV: no such type; -EINVAL.
 */
int mount_make(struct call *c, const char *type, char *options, char **ret_host, unsigned *ret_flags);
/* Add at guest path `point` what the object shows, with what is mounted below it when is_recursive.  The mount. */
struct mount *mount_copy(struct mounts *m, const struct object *from, const char *point, const char *source, bool is_recursive);
/* Move the mount at `from` to `target`.  0, -EINVAL, -ELOOP. */
int mount_move(struct call *c, const struct object *target, const struct object *from);

#endif
