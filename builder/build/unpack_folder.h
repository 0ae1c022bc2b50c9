/* SPDX-License-Identifier: Apache-2.0 */
/* A context that came as a tar, unpacked into a folder of the host.  Nothing of it can get outside. */
#ifndef FAKEBUILD_BUILDER_UNPACK_FOLDER_H
#define FAKEBUILD_BUILDER_UNPACK_FOLDER_H

#include "tracer/base/error.h"

/*
 * Read a tar, compressed or not, from fd into `folder`, which is empty and nobody else's.  Names go where they
 * would go in a chroot: symlinks of the archive's own are followed inside the folder, and ".." stays in it.
 * Owners, set-id bits, devices and attributes go into a new metadata table at meta_path.
 */
int unpack_folder(int fd, const char *folder, const char *meta_path, struct error *err);

#endif
