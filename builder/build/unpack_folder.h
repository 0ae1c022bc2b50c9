/* SPDX-License-Identifier: Apache-2.0 */
/* A tar unpacked into a folder of the host: a context, or what `cp` copies.  Nothing of it can get outside. */
#ifndef FAKEBUILD_BUILDER_UNPACK_FOLDER_H
#define FAKEBUILD_BUILDER_UNPACK_FOLDER_H

#include "tracer/base/meta.h"

/*
 * Read a tar, compressed or not, from fd into `folder`, which is empty and nobody else's.  Names go where they
 * would go in a chroot: symlinks of the archive's own are followed inside the folder, and ".." stays in it.
 * Owners, set-id bits, devices and attributes go into a new metadata table at meta_path.
 */
int unpack_folder(int fd, const char *folder, const char *meta_path, struct error *err);

/* Where the entries of a tar go that is copied. */
struct unpack_request {
	const char *folder;   /* absolute host path of the root that nothing gets out of */
	struct meta *meta;    /* its table; NULL: files are to have their modes themselves */
	const char *prefix;   /* relative to the folder, without symlinks: before every name; "" for none */
	unsigned strip;       /* so many first components of names are left out */
	bool keeps_top;       /* nothing changes of the directory at prefix itself */
	bool has_root_owners; /* all is root's (with a table) or the caller's, whatever the tar says */
};
/*
 * The same into a folder with content, of which files are replaced by files and directories are kept.  A file does not
 * take a directory's place, nor the other way round.
 */
int unpack_copy(int fd, const struct unpack_request *request, struct error *err);

#endif
