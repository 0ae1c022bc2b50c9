/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `base` of a container: its tree as it was made, so that a diff looks only where something can
 * have changed.
 */
#ifndef FAKEBUILD_OCI_BASE_H
#define FAKEBUILD_OCI_BASE_H

#include "oci/nodes.h"
#include "tracer/base/meta.h"

int base_write(const char *path, struct nodes *tree, struct error *err);
int base_read(const void *ctx, const char *path, struct nodes **ret, struct error *err);
/* A hash over the names and values of the entry's attributes, the same in any table; 0: none. */
uint64_t base_xattr_hash(struct meta *m, const struct meta_entry *entry);
/* Fill a node's shown mode, owner, device and attributes from an inode's entry or default. */
void base_note(struct node *n, struct meta *m, const struct meta_entry *entry);

#endif
