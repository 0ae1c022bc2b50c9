/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that ADD unpacks, as moby/go-archive does it in a chroot: the destination is their root. */
#ifndef FAKEBUILD_BUILDER_COPY_ARCHIVE_H
#define FAKEBUILD_BUILDER_COPY_ARCHIVE_H

#include "builder/build/destination.h"
#include "builder/build/owner.h"

/* Is it a tar, compressed or not, by what is in it?  The descriptor is at its beginning again. */
bool copy_archive_is_one(int fd);
/*
 * Lay it out below `folder`, a directory of the tree that is there.  owner: of everything, NULL: what the archive
 * says.  The entry of the archive's own root is left out: it is the folder's to say what it is like.
 */
int copy_archive_lay(struct destination *d, const char *folder, int fd, const struct owner *owner, struct error *err);

#endif
