/* SPDX-License-Identifier: Apache-2.0 */
/* The manifests and the index of what was built, as blobs of the store. */
#ifndef FAKEBUILD_OCI_ASSEMBLE_H
#define FAKEBUILD_OCI_ASSEMBLE_H

#include "oci/json.h"
#include "oci/outputs.h"

struct assembled {
	struct descriptor top; /* the manifest of a lone image, else the index */
	char *top_json;
	struct image **images; /* of build->images, in order */
	unsigned count;
	bool is_index;
};
/*
 * Layers in the form of `format`, configurations with their diffIDs, manifests, attestations and the index.  Lists of
 * `output` are added to those of the build.
 */
int assemble(const void *ctx, struct store *s, const struct build_result *build, const struct output *output,
	     const struct layer_format *format, struct assembled **ret, struct error *err);
/* An object of "key=value" lists, of which the second's values win; NULL: of none.  Either may be NULL. */
struct json *annotations_of(const void *ctx, const struct strlist *first, const struct strlist *second);

#endif
