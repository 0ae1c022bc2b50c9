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
};

/* All layers must be unpacked.  Descriptors close with the result. */
int merge_image(const void *ctx, const struct store *s, const struct image *image, struct merged **ret,
		struct error *err);

#endif
