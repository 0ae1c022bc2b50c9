/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of build caches; for buildcache.c and cachefetch.c only. */
#ifndef FAKEBUILD_OCI_BUILDCACHE_PRIVATE_H
#define FAKEBUILD_OCI_BUILDCACHE_PRIVATE_H

#include "oci/buildcache.h"
#include "oci/json.h"

/* What was read of a document: records, and where their layers are. */
struct cache_layer {
	char *diff_id;
	struct descriptor blob;
};
struct buildcache_pages {
	struct buildcache_record *records;
	unsigned count;
	struct cache_layer *layers;
	unsigned layer_count;
};
/* Add what the object says; `blobs` are the manifest's layers.  An unknown version has nothing. */
int buildcache_read(void *ctx, struct buildcache_pages *pages, struct json *document, const struct descriptor *blobs,
		    unsigned blob_count, struct error *err);

#endif
