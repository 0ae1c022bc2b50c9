/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the directory of a layer, {fs,meta,meta.xattr,tree} (see oci/layer.h), entry by entry, from anything
 * that is no tar: changes of a container, files that a COPY brings.  It is a layer without a tar: snapshots/<id>.
 */
#ifndef FAKEBUILD_OCI_LAYERDIR_H
#define FAKEBUILD_OCI_LAYERDIR_H

#include "oci/archive.h"
#include "oci/store.h"
#include "tracer/base/meta.h"

/* What root sees of an entry. */
struct layer_attributes {
	mode_t mode; /* with its type */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	int64_t mtime_sec;
	long mtime_nsec;
	const struct archive_xattr *xattrs;
	unsigned xattr_count;
};

/* Of an inode as a table has it; the texts hang on ctx. */
void layer_attributes_of(const void *ctx, struct meta *meta, const struct meta_entry *entry, const struct stat *real,
			 struct layer_attributes *ret);

struct layerdir;

/* A new one in tmp/; talloc_free without layerdir_finish removes it. */
int layerdir_begin(const void *ctx, struct store *s, struct layerdir **ret, struct error *err);
/*
 * Paths are relative, without "." and "..", "" is the root; a parent that no entry made is implied (an entry
 * may come later).  An entry for a path that is there replaces it; of two directories the later gives the
 * attributes.  No symlink is followed.
 */
int layerdir_directory(struct layerdir *d, const char *path, const struct layer_attributes *a, struct error *err);
/* A regular file with the bytes of from_fd from its beginning (reflinked where that works). */
int layerdir_file(struct layerdir *d, const char *path, const struct layer_attributes *a, int from_fd,
		  struct error *err);
/* One whose bytes come from a function: 0 at the end, -1 with the sentence. */
int layerdir_file_stream(struct layerdir *d, const char *path, const struct layer_attributes *a,
			 ssize_t (*read)(void *arg, void *buffer, size_t size, struct error *err), void *arg,
			 struct error *err);
/*
 * The very inode dir_fd/name, which from now on is shared: its write bits go, so it must not have other names
 * that are not.  Where links do not work it is copied.  *ret_is_shared says which.
 */
int layerdir_take(struct layerdir *d, const char *path, const struct layer_attributes *a, int dir_fd,
		  const char *name, bool *ret_is_shared, struct error *err);
int layerdir_symlink(struct layerdir *d, const char *path, const struct layer_attributes *a, const char *target,
		     struct error *err);
/* A fifo or a device; a socket is left out. */
int layerdir_special(struct layerdir *d, const char *path, const struct layer_attributes *a, struct error *err);
/* Another name of an entry that is in this layer already. */
int layerdir_link(struct layerdir *d, const char *path, const char *earlier_path, struct error *err);
/* Remove what the layers below have at the path; of `path` all that is in it. */
int layerdir_whiteout(struct layerdir *d, const char *path, struct error *err);
int layerdir_opaque(struct layerdir *d, const char *path, struct error *err);

/* Make it visible as snapshots/<id>, by one rename; *ret_id (64 hex digits) on ctx. */
int layerdir_finish(const void *ctx, struct layerdir *d, char **ret_id, struct error *err);

#endif
