/* SPDX-License-Identifier: Apache-2.0 */
/* Making a container's root directory of a merged tree. */
#ifndef FAKEBUILD_OCI_MATERIALIZE_H
#define FAKEBUILD_OCI_MATERIALIZE_H

#include <time.h>

#include "oci/merge.h"

/*
 * Make in `root`, an existing directory, what the tree has and the root has not: directories of its own, hard
 * links into the layers.  What root sees is recorded in `meta`; nodes get the inodes and times that were made,
 * and are known.  Nodes that are known already are left alone, so that a tree with one more layer costs what
 * that layer has.
 */
int materialize(struct merged *merged, const char *root, struct meta *meta, struct error *err);
/*
 * Inode times have the granularity of a clock tick before Linux 6.13: a change within the tick in which a tree was
 * looked at would not show.  So wait for the next one.
 */
void materialize_wait_for_tick(const struct timespec *looked_at);
/* Take a node, and all below it, out of a root that was made. */
void materialize_removal(int root_fd, const struct node *n, struct meta *meta);

#endif
