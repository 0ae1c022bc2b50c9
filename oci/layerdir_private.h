/* SPDX-License-Identifier: Apache-2.0 */
/* What unpacking a tar needs of layerdir.h beyond it; for unpack.c only. */
#ifndef FAKEBUILD_OCI_LAYERDIR_PRIVATE_H
#define FAKEBUILD_OCI_LAYERDIR_PRIVATE_H

#include "oci/layerdir.h"

/* In `dir`, which exists, is empty, and stays the caller's. */
int layerdir_begin_in(const void *ctx, const char *dir, struct layerdir **ret, struct error *err);
int layerdir_close(struct layerdir *d, struct error *err);
/* The directory fs/, to look at what is there. */
int layerdir_root_fd(const struct layerdir *d);
/* Has an earlier entry made this path?  -1 on failure. */
int layerdir_has(struct layerdir *d, const char *path, struct error *err);
/* A hard link whose target is in a layer below. */
int layerdir_lower_link(struct layerdir *d, const char *path, const char *target, struct error *err);

#endif
