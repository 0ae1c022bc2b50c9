/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workspace: the root of a build stage, on top of a chain.  Its tree is in memory; a root directory is made
 * only when something runs in it, and from then on kept from step to step, so that a step costs what it changes.
 */
#ifndef FAKEBUILD_OCI_WORKSPACE_H
#define FAKEBUILD_OCI_WORKSPACE_H

#include "oci/chain.h"
#include "oci/layerdir.h"
#include "oci/nodes.h"
#include "tracer/base/meta.h"

struct workspace;

/* The chain is copied.  Freeing a workspace removes its root, in the background when that takes long. */
int workspace_open(const void *ctx, struct store *s, const struct chain *chain, struct workspace **ret,
		   struct error *err);
/* Put one more layer on top: merged into the tree, and into the root when that is there. */
int workspace_push(struct workspace *w, const char *snapshot_id, struct error *err);
const struct chain *workspace_chain(const struct workspace *w);

/* ---- looking, without a root ---- */
/* The merged tree, made at the first look; NULL with the sentence. */
struct nodes *workspace_tree(struct workspace *w, struct error *err);
/*
 * The node at a guest path, symlinks followed inside the root (the last one when follows_last); NULL: none,
 * *ret_number (may be NULL) says ENOENT, ENOTDIR or ELOOP, or EIO when there is no tree to look at: call
 * workspace_tree first for the sentence.
 */
struct node *workspace_find(struct workspace *w, const char *guest_path, bool follows_last, int *ret_number);
/*
 * The guest path without symlinks, relative and without leading slash, on ctx; components that are not there
 * stay as they are.  NULL: ELOOP, or no tree.
 */
char *workspace_resolve(const void *ctx, struct workspace *w, const char *guest_path, bool follows_last);
/* What root sees of it; attribute texts hang on ctx. */
int workspace_attributes(const void *ctx, struct workspace *w, const struct node *n, struct layer_attributes *ret,
			 struct error *err);
/* Open a regular file of the tree for reading; -1 with the sentence. */
int workspace_open_file(struct workspace *w, const struct node *n, struct error *err);
/* Do two nodes stand for one inode? */
bool workspace_is_same_inode(const struct node *a, const struct node *b);

/* ---- running ---- */
struct workspace_root {
	const char *root, *meta_path, *scratch, *stubs_path; /* absolute host paths */
};
/* Make the root unless it is there. */
int workspace_make_root(struct workspace *w, struct workspace_root *ret, struct error *err);
/* The root's metadata table, while there is a root. */
struct meta *workspace_meta(struct workspace *w);
/*
 * What changed in the root since it was made or last taken: a snapshot, put on top of the chain; an empty one when
 * nothing did.  Nothing may run in the root.
 */
int workspace_take(const void *ctx, struct workspace *w, char **ret_id, struct error *err);

#endif
