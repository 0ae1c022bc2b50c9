/* SPDX-License-Identifier: Apache-2.0 */
/* Images of the store in the form in which they leave it: other compressions, and so other manifests. */
#ifndef FAKEBUILD_OCI_CONVERT_H
#define FAKEBUILD_OCI_CONVERT_H

#include "oci/chain.h"

/*
 * The image with its layers in this format: those that the store has plain are compressed, and the manifest names
 * them so.  The same image when nothing had to be; its manifest is in the store in either case.
 */
int image_convert(const void *ctx, struct store *s, const struct image *image, const struct layer_format *format,
		  struct image **ret, struct error *err);
/*
 * The same for all that `stored` is: of an index every image, and the index then names these; attestations follow
 * the images that they are of.  All is in the store; *ret is what to send, on ctx.
 */
int stored_convert(const void *ctx, struct store *s, const struct descriptor *stored, const struct layer_format *format,
		   struct descriptor *ret, struct error *err);

#endif
