/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of the host that a command is to change without changing the host: RootlessKit's --copy-up.  What it finds
 * there is a private folder: small files are copies, all else are symlinks to the host's, which is shown at
 * FOLDER/.host.
 */
#ifndef FAKEBUILD_BUILDER_COPYUP_H
#define FAKEBUILD_BUILDER_COPYUP_H

#include "builder/bindings.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/*
 * The binds for `folders`, absolute paths; the private folders are in `dir`, which exists.  One that is there already
 * stays as it is.  Fails with a sentence when a folder is none, or cannot be read.
 */
int copyup_prepare(const void *ctx, const struct strlist *folders, const char *dir, struct volume_list **ret,
		   struct error *err);

#endif
