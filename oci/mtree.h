/* SPDX-License-Identifier: Apache-2.0 */
/* A list of what a folder holds, in BSD's mtree(5) format with go-mtree's keywords: by it umoci finds what has changed. */
#ifndef FAKEBUILD_OCI_MTREE_H
#define FAKEBUILD_OCI_MTREE_H

#include "tracer/base/error.h"

/* Write the list of all below `root`, and of it, to a new file.  Files that may not be read are opened up for the moment. */
int mtree_write(const char *root, const char *path, struct error *err);

#endif
