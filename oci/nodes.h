/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree in memory: of merged layers, and of what a container was made from. */
#ifndef FAKEBUILD_OCI_NODES_H
#define FAKEBUILD_OCI_NODES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "oci/tree.h"

struct node {
	const char *name; /* "" the root */
	struct node *parent, *children, *next; /* children in no order */
	struct node *hash_next;
	enum tree_kind kind; /* DIRECTORY, IMPLIED, FILE, SYMLINK or FIFO */
	bool has_entry;      /* a metadata table knows the inode */
	bool is_private;     /* a file of the container's own, not a link into a layer */
	bool is_seen;        /* by a walk */
	bool is_made;        /* the root directory has the name */
	bool is_known;       /* and it is complete there: what follows is what the root has, as root sees it */
	unsigned layer;      /* which layer it comes from */
	const char *source;  /* its path in that layer */
	const char *target;  /* of a symlink */
	uint64_t ino;
	int64_t size_bytes, mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec;
	uint32_t mode, uid, gid; /* shown; of merged layers only the real permission bits of `mode` */
	uint64_t rdev, xattr_hash;
};

struct nodes;
struct nodes *nodes_new(const void *ctx);
struct node *nodes_root(struct nodes *tree);
struct node *nodes_child(struct nodes *tree, const struct node *parent, const char *name, size_t length);
/* A new child; the name is copied.  There must be none of that name. */
struct node *nodes_add(struct nodes *tree, struct node *parent, const char *name, size_t length);
/* Take a node and all below it out of the tree. */
void nodes_remove(struct nodes *tree, struct node *node);
void nodes_remove_children(struct nodes *tree, struct node *node);
/* The path from the root without a leading slash, into `path`; false when it does not fit. */
bool nodes_path(const struct node *node, char *path, size_t room);
const char *nodes_strdup(struct nodes *tree, const char *text);

#endif
