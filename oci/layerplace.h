/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a layer that is being made, and the places in it; for layerdir.c and layerplace.c only. */
#ifndef FAKEBUILD_OCI_LAYERPLACE_H
#define FAKEBUILD_OCI_LAYERPLACE_H

#include <stdio.h>

#include "oci/layerdir.h"
#include "oci/tree.h"

enum { PATH_ROOM = 65536 };

struct layerdir {
	struct store *store; /* NULL: the folder is the caller's */
	char *dir;
	bool is_finished;
	struct meta *meta;
	FILE *tree;
	int root_fd;
	char *buffer; /* of a stream that is read; made when needed */
	/* The directory of the last entry: most entries are in the same one. */
	int parent_fd;
	size_t parent_length;
	char parent_path[PATH_ROOM];
};

/* "cannot WHAT '/PATH' in a layer", and the error's own words when `number` is not 0; -1. */
int layerdir_fail(int number, const char *what, const char *path, struct error *err);
/* Write the line of an entry; `target`, `st` and `a` are NULL for kinds that have none. */
int layerdir_record(struct layerdir *d, enum tree_kind kind, const char *path, const char *target, const struct stat *st,
		    bool has_entry, const struct layer_attributes *a, struct error *err);

/* Leave the directory that holds `path` in parent_fd; the last component, "" of the root, or NULL on failure. */
const char *layerdir_open_parent(struct layerdir *d, const char *path, struct error *err);
/* The same for what is not a directory, so that the root fails. */
const char *layerdir_open_parent_of_leaf(struct layerdir *d, const char *path, struct error *err);
/* The same, with nothing of that name there. */
const char *layerdir_make_way_to(struct layerdir *d, const char *path, struct error *err);
/* Whatever has the name in parent_fd goes: the later entry wins.  `path` is for the sentence. */
int layerdir_make_way(struct layerdir *d, const char *name, const char *path, struct error *err);
void layerdir_forget_parent(struct layerdir *d);

#endif
