/* SPDX-License-Identifier: Apache-2.0 */
/* Under which path an inode of several names was met first: what hard links of a layer point to. */
#ifndef FAKEBUILD_OCI_FIRSTNAMES_H
#define FAKEBUILD_OCI_FIRSTNAMES_H

#include <stdint.h>

struct first_names;
struct first_names *first_names_new(const void *ctx);
/* The path that the inode came with before; NULL: this is the first, which is kept. */
const char *first_names_earlier(struct first_names *n, uint64_t ino, const char *path);

#endif
