/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: an image unpacked for an OCI runtime (config.json, rootfs/), with what umoci keeps beside them (umoci.json,
 * sha256_*.mtree), so that either tool takes back what the other unpacked.  Without root, owners are in
 * user.rootlesscontainers, as of `umoci unpack --rootless`.
 */
#ifndef FAKEBUILD_OCI_BUNDLE_H
#define FAKEBUILD_OCI_BUNDLE_H

#include "oci/derive.h"
#include "oci/store.h"

struct bundle;

/*
 * Unpack into a folder beside `dir`, which must not be there, or be empty; what is begun and not finished goes when *ret
 * is freed.  Fails naming the path.
 */
int bundle_begin(const void *ctx, struct store *s, const struct image *image, const char *dir, struct bundle **ret,
		 struct error *err);
/* Host path of its root, until it is finished. */
const char *bundle_root(const struct bundle *b);
/* Do we make it without being root? */
bool bundle_is_rootless(const struct bundle *b);
/* Write the rest and put it in place by a rename; `config` is config.json's text. */
int bundle_finish(struct bundle *b, const char *config, struct error *err);

/*
 * What has changed in a bundle's root since the image was unpacked, as a layer on it, named `name` (NULL: untagged).  Every
 * file is read.  Fails when umoci.json is missing or no such document, or the store does not have the image.
 */
int bundle_commit(const void *ctx, struct store *s, const char *dir, const char *name, const struct image_changes *changes,
		  struct image **ret, struct error *err);

#endif
