/* SPDX-License-Identifier: Apache-2.0 */
/* Merging the layers of an image into one tree, by the rules of image-spec layer.md. */
#ifndef FAKEBUILD_OCI_MERGE_H
#define FAKEBUILD_OCI_MERGE_H

#include "oci/nodes.h"
#include "oci/store.h"
#include "tracer/base/meta.h"

struct merged_layer {
	int fs_fd;
	dev_t dev;
	struct meta *meta;
};

struct merged {
	struct nodes *tree;
	struct merged_layer *layers;
	unsigned layer_count;
	/* Told before a node, and all below it, is taken out of the tree; may be NULL. */
	void (*removing)(void *arg, const struct node *n);
	void *arg;
	bool has_lower_links; /* the layer merged last links to files of those below */
};

/* An empty tree.  Descriptors close with it. */
struct merged *merge_begin(const void *ctx);
/* Put an unpacked layer on top: its folder, {fs,meta,meta.xattr,tree}, relative to the store's root. */
int merge_add(struct merged *merged, const struct store *s, const char *folder, struct error *err);
/* The same without changing the tree: what is in it already gets this layer as its source. */
int merge_add_source(struct merged *merged, const struct store *s, const char *folder, struct error *err);
/* All layers of an image, which must be unpacked. */
int merge_image(const void *ctx, const struct store *s, const struct image *image, struct merged **ret,
		struct error *err);

#endif
