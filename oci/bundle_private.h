/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing a bundle's root with its image; for bundle.c only. */
#ifndef FAKEBUILD_OCI_BUNDLE_PRIVATE_H
#define FAKEBUILD_OCI_BUNDLE_PRIVATE_H

#include "oci/diff.h"

/*
 * The changes from the root `base` to the root `now`, in order of paths, on ctx.  What files of `now` have that its table
 * does not say (attributes; devices, for which an empty file stands) is put into that table.
 */
int bundle_changes(const void *ctx, const struct diff_root *base, const struct diff_root *now, struct change **ret,
		   unsigned *ret_count, struct error *err);

#endif
