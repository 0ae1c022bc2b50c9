/* SPDX-License-Identifier: Apache-2.0 */
/* Folders in the store's tmp/ that go with what they are made for. */
#ifndef FAKEBUILD_BUILDER_SCRATCH_FOLDER_H
#define FAKEBUILD_BUILDER_SCRATCH_FOLDER_H

#include "oci/store.h"

/* A new one, empty; it is removed with ctx.  *ret_path need not be freed. */
int scratch_folder_make(const void *ctx, struct store *s, char **ret_path, struct error *err);

#endif
