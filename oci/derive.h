/* SPDX-License-Identifier: Apache-2.0 */
/* Image configurations and manifests, made. */
#ifndef FAKEBUILD_OCI_DERIVE_H
#define FAKEBUILD_OCI_DERIVE_H

#include "oci/image.h"
#include "oci/json.h"

/* What a commit changes in the base's configuration; NULL members stay as they are. */
struct image_changes {
	const char *created_by; /* of the history entry */
	const char *comment, *author;
	const char *created;          /* RFC 3339; NULL: now, or SOURCE_DATE_EPOCH */
	const struct strlist *change; /* `docker commit --change` lines: "CMD [...]", "ENV a=b", ... */
	const char *platform; /* of an image without a base; NULL: this machine's */
};
/*
 * New config and manifest text for base (NULL: from scratch) plus one layer (NULL: none), in OCI
 * media types.  Unknown fields of the base's configuration are kept.  Digests are the caller's to make.
 */
int image_derive(const void *ctx, const struct image *base, const struct descriptor *layer,
		 const char *diff_id, const struct image_changes *changes, char **ret_config,
		 struct error *err);
/* A descriptor as documents hold it: its type, digest and size. */
struct json *descriptor_json(const void *ctx, const struct descriptor *d);
char *image_make_manifest(const void *ctx, const struct descriptor *config,
			  const struct descriptor *layers, unsigned layer_count);
/* A manifest's text with its layers replaced by as many others, all else kept; NULL: it is not such a manifest. */
char *image_with_layers(const void *ctx, const char *manifest_json, const struct descriptor *layers,
			unsigned layer_count);

#endif
