/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount=: keys as a table of rows. */
#ifndef FAKEBUILD_BUILDER_MOUNTS_H
#define FAKEBUILD_BUILDER_MOUNTS_H

#include "builder/dockerfile/expand.h"

/*
 * Read what follows "--mount=" into `ret`, texts on ctx.  With `is_early` values that have variables are left
 * alone (but refused in `from`), and what depends on several keys is looked at only when there are none.
 */
int mount_read(const void *ctx, const char *text, const struct expansion *e, bool is_early, struct run_mount *ret,
	       struct error *err);

#endif
