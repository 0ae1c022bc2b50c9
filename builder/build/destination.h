/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a COPY puts things: the layer that is being made, on top of a stage's tree.  What is there is what the
 * layer has so far, else what is below it.  Nothing needs a root directory.
 */
#ifndef FAKEBUILD_BUILDER_DESTINATION_H
#define FAKEBUILD_BUILDER_DESTINATION_H

#include "oci/workspace.h"

struct destination;

/*
 * below NULL: on an empty tree (--link).  New names change the time of their directory to epoch_sec, -1: to now.
 * talloc_free without destination_finish leaves nothing behind.
 */
int destination_open(const void *ctx, struct store *s, struct workspace *below, int64_t epoch_sec,
		     struct destination **ret, struct error *err);
int destination_finish(const void *ctx, struct destination *d, char **ret_id, struct error *err);
/* To put files in; then call destination_note. */
struct layerdir *destination_layer(struct destination *d);
void destination_now(const struct destination *d, int64_t *ret_sec, long *ret_nsec);

/* What has a path; of a directory both may be there. */
struct place {
	struct node *made;        /* in the layer */
	const struct node *below; /* NULL also when what the layer has hides it */
};
bool place_is_directory(const struct place *p);
/* What has this name in a directory; false: nothing. */
bool destination_child(struct destination *d, const struct place *directory, const char *name, size_t length,
		       struct place *ret);
/* The same of a whole path, relative, whose symlinks are not followed. */
bool destination_find(struct destination *d, const char *path, struct place *ret);
/* What root sees of a directory that is there; attribute texts hang on ctx, or live as long as the destination. */
int destination_attributes(const void *ctx, struct destination *d, const struct place *directory,
			   struct layer_attributes *ret, struct error *err);
/*
 * The path of the tree, relative, with all symlinks followed inside `root` (relative, without symlinks itself, ""
 * for all of it); what is not there stays as it is.
 */
int destination_resolve(const void *ctx, struct destination *d, const char *root, const char *path, bool follows_last,
			char **ret, struct error *err);

/*
 * Make the directory at a path whose parents are there, or give the one that is there other attributes; NULL: it
 * is there and keeps its own.  The destination knows it from now on, and those above it.  Like BuildKit's differ,
 * the layer has only directories that are new, have other attributes than below, times apart, or hold something
 * that the layer has.
 */
int destination_directory(struct destination *d, const char *path, const struct layer_attributes *a,
			  struct place *ret, struct error *err);
/* Something will be put into the directory, which destination_directory knows: let the layer have it. */
int destination_reach(struct destination *d, const struct place *directory, struct error *err);
/*
 * mkdir -p: what is missing is made with these attributes.  is_owned: they have the owner that was asked for, else in
 * a set-group-ID directory it is of its group.
 */
int destination_make_parents(struct destination *d, const char *path, const struct layer_attributes *a, bool is_owned,
			     struct error *err);
/* The directory, which destination_directory knows, has got a new name now, or has this time. */
void destination_touch(struct destination *d, const struct place *directory);
void destination_set_time(struct destination *d, const struct place *directory, int64_t sec, long nsec);
/*
 * The layer now has a file, or with a target a symlink, at a name of a directory that destination_directory
 * knows; what was there is gone.
 */
void destination_note(struct destination *d, const struct place *directory, const char *name, const char *target);

#endif
