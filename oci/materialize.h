/* SPDX-License-Identifier: Apache-2.0 */
/* Making a container's root directory of a merged tree. */
#ifndef FAKEBUILD_OCI_MATERIALIZE_H
#define FAKEBUILD_OCI_MATERIALIZE_H

#include "oci/merge.h"

/*
 * Make `root` (which does not exist) with directories of its own and hard links into the layers, and
 * record in `meta` what root sees; the tree's nodes get the inodes and times that were made.
 */
int materialize(struct merged *merged, const char *root, struct meta *meta, struct error *err);

#endif
