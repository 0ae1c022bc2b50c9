/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking one layer's tar into a new directory; nothing in it can reach outside. */
#ifndef FAKEBUILD_OCI_UNPACK_H
#define FAKEBUILD_OCI_UNPACK_H

#include "oci/digest.h"
#include "tracer/base/error.h"

/*
 * Read a (compressed) tar from fd to its end and make dir/{fs,meta,meta.xattr,tree}.  `dir` exists and
 * is empty.  Returns the digest of the decompressed stream.
 */
int unpack_layer(int fd, const char *dir, char ret_diff_id[DIGEST_ROOM], struct error *err);

#endif
