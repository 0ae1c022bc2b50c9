/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's root, made by the calls that any runtime makes, in a process whose mounts are its own: that of a guest.
 * Paths of the container are looked up inside it, whatever its symlinks say.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_ROOTFS_H
#define FAKEBUILD_COMPAT_RUNC_ROOTFS_H

#include "compat/runc/cgroup.h"
#include "compat/runc/spec.h"

/*
 * Where a path of the container is, as seen from outside: below root, without symlinks; what is missing stays as it was
 * named.  Fails when a symlink climbs out of the root, or there is no end of them.  On ctx.
 */
char *rootfs_resolve(const void *ctx, const char *root, const char *path, struct error *err);
/* What a container gets that its spec does not name. */
struct rootfs_given {
	const char *scratch;               /* an empty folder outside the root */
	const char *console;               /* host path of the container's terminal, or NULL */
	const struct cgroup_views *groups; /* shown where a "cgroup" is to be mounted */
};
/* Mount what the spec says, and make /dev. */
int rootfs_prepare(const struct spec *spec, const struct rootfs_given *given, struct error *err);
/* Make it the root directory; nothing of the host's is in reach then. */
int rootfs_enter(const struct spec *spec, struct error *err);
/* What can be done only inside: read-only root and paths, masked paths. */
int rootfs_finish(const struct spec *spec, struct error *err);

#endif
