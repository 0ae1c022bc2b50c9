/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.rootlesscontainers: how tools without root (umoci, and others) keep the owner of a file in the file.  The
 * value is a protobuf message { uint32 uid = 1; uint32 gid = 2; } of rootlesscontainers.proto; 0 or absent is 0,
 * 0xffffffff the owner that shows without it.  Symlinks, devices and some file systems cannot have it: for us the
 * metadata table is the store, and this the border to others.
 */
#ifndef FAKEBUILD_BASE_ROOTLESS_H
#define FAKEBUILD_BASE_ROOTLESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/error.h"
#include "tracer/base/meta.h"

#define ROOTLESS_XATTR "user.rootlesscontainers"
enum { ROOTLESS_BYTES = 12 }; /* of the largest value */
#define ROOTLESS_UNCHANGED UINT32_C(0xffffffff)

struct rootless_owner {
	uint32_t uid, gid;
};

/* Fields may come in any order, unknown ones are passed over, the last of its kind counts.  0, -EINVAL. */
int rootless_decode(const void *bytes, size_t size, struct rootless_owner *ret);
/* As proto3 writes it, without fields that are 0.  The number of bytes. */
size_t rootless_encode(const struct rootless_owner *owner, unsigned char ret[ROOTLESS_BYTES]);

/*
 * The owner that the file or directory `path`, no symlink, has by its attribute; 0:0 without one and where nobody
 * can have one, and for ROOTLESS_UNCHANGED.  Files that may not be read are opened up for the moment.  0, -EINVAL
 * for a value that is no such message, or another -errno.
 */
int rootless_get(const char *path, struct rootless_owner *ret);
/*
 * Give it that attribute, or take it away for 0:0; `follows` for the magic link of a descriptor.  0 or -errno:
 * -EOPNOTSUPP, -EPERM ...
 */
int rootless_set(const char *path, bool follows, uint32_t uid, uint32_t gid);

/*
 * Read the attributes of all that is below `root`, and of it, into the table, where what has none keeps what the
 * table says.  Symlinks are not followed, other file systems not entered.  Fails, naming the file, for a value that
 * is no owner, and when a directory cannot be read.
 */
int rootless_import(struct meta *m, const char *root, struct error *err);

/* For who is not root: was this bundle unpacked by umoci's rules, so that owners are in attributes of its files? */
bool rootless_is_bundle(const char *bundle);

#endif
