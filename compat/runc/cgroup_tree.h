/* SPDX-License-Identifier: Apache-2.0 */
/* Where control groups are: the hierarchies that are mounted here, and the files of a folder in them. */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_TREE_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_TREE_H

#include <stdbool.h>
#include <stddef.h>

/* A hierarchy that is mounted. */
struct hierarchy {
	const char *point;       /* where */
	const char *controllers; /* version 1: its super options, ",rw,memory,"; NULL: version 2 */
};

struct hierarchies {
	struct hierarchy *items;
	size_t count;
};

/* All that are mounted whole, on ctx; none when that cannot be told. */
struct hierarchies *cgroup_hierarchies(const void *ctx);
/* Is it one of version 1 with this controller? */
bool cgroup_has_controller(const struct hierarchy *h, const char *name);
/*
 * The path below the hierarchy's mount of the group that we are in; of version 2 the one above it, for a group with
 * processes has no controllers for groups below.  "" for the top.  On ctx.
 */
char *cgroup_own_path(const void *ctx, const struct hierarchy *h);
/* Make the folder of this path below it, with all above, as groups that processes can be put into.  0 or -errno. */
int cgroup_make_folder(const struct hierarchy *h, const char *path);
/* 0 or -errno. */
int cgroup_write(const char *folder, const char *name, const char *text);
/* The file's first line, on ctx; NULL: it cannot be read. */
char *cgroup_read(const void *ctx, const char *folder, const char *name);

#endif
