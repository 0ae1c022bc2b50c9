/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of mounts that open_tree(2) and fsmount(2) make, attached nowhere at first, and the descriptors that stand for
 * them.  Such a descriptor is one of O_PATH of an inode without name that nobody may enter, made for this tree alone: so it
 * is known by its link wherever it is copied to, and no call of the fast path gets anywhere with it.  The mounts of
 * the tree are in the table of the namespace, at a point that no name leads to (MOUNTS_NAMELESS), until they are attached.
 */
#ifndef FAKEBUILD_TREES_H
#define FAKEBUILD_TREES_H

#include <stdbool.h>

#include "tracer/call.h"
#include "tracer/mounts.h"

/* A number for a new tree whose root shows this host path; its point, where its mounts are to be added, into `point`. */
unsigned trees_new(const char *host, char point[64]);
/* The number of a mount that is attached, so that a descriptor can tell it from others that show the same files. */
unsigned trees_of_mount(struct mount *m);
/* Forget all. */
void trees_close(void);
/* Make of this call the opening of a descriptor for the tree: CALL_PASS_EXIT, -errno. */
int64_t trees_open(struct call *c, unsigned tree, bool is_directory, bool closes_on_exec);
/* The tree that a descriptor's link (its text; its name below /proc) tells of; 0: none. */
unsigned trees_of_text(const char *text);
unsigned trees_of_link(const char *link);
/* Was there ever a tree?  Else no descriptor is one's. */
bool trees_are_there(void);
/* The root of the tree in the tracee's namespace, wherever it is by now; NULL when it was unmounted. */
struct mount *trees_mount(struct tracee *t, unsigned tree);
/* The host path that its root shows. */
const char *trees_host(unsigned tree);
/* Is it attached nowhere? */
bool trees_is_detached(const struct mount *m);
/* It is attached at its mount's point now, with what is mounted below. */
void trees_attached(struct mounts *mounts, struct mount *m);
/* Has any process a descriptor for it? */
bool trees_is_held(unsigned tree);

#endif
