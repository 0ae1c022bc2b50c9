/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer's tar, made of a tree of real inodes and its metadata table, entry by entry as containerd's differ
 * writes it: directories before their content, whiteouts before their siblings, an inode's later names as hard
 * links to its first, whole seconds, no sockets.  The same entries give the same bytes, in whatever order added.
 */
#ifndef FAKEBUILD_OCI_TARBALL_H
#define FAKEBUILD_OCI_TARBALL_H

#include "oci/archive.h"
#include "tracer/base/meta.h"

struct tarball;

/* What the list that an entry comes from says of it, which the inode does not. */
struct tarball_known {
	uint64_t ino; /* an inode of another number has taken the name since: no entry then */
	int64_t mtime_sec;
};

/* The descriptor stays the caller's; `what` names the tree in sentences: "the container". */
struct tarball *tarball_new(const void *ctx, int root_fd, struct meta *meta, const char *what);
/* Earlier and later times become these. */
void tarball_set_times(struct tarball *t, int64_t earliest_sec, int64_t latest_sec);
/* What is before every name, "linux_amd64/"; "" at first. */
void tarball_set_prefix(struct tarball *t, const char *prefix);
/*
 * Paths are relative, "" is the root, which has an entry only when it is not root's with mode 0755.  Of several
 * for one path the last counts.  `known` NULL: the inode says it all, and must be there.
 */
void tarball_add(struct tarball *t, const char *path, const struct tarball_known *known);
void tarball_add_whiteout(struct tarball *t, const char *path);
/* All that is in the directory `path` of the layers below goes. */
void tarball_add_opaque(struct tarball *t, const char *path);
/* A hard link to what only the layers below have. */
void tarball_add_lower_link(struct tarball *t, const char *path, const char *target);
int tarball_write(struct tarball *t, archive_sink sink, void *arg, struct error *err);
/* Into an archive that has other entries, too. */
int tarball_write_into(struct tarball *t, struct archive_writer *archive, struct error *err);

#endif
