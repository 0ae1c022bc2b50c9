/* SPDX-License-Identifier: Apache-2.0 */
/* Files by URL, for ADD and contexts: kept in the store (cache/web/) and asked for again by their ETag. */
#ifndef FAKEBUILD_BUILDER_DOWNLOAD_H
#define FAKEBUILD_BUILDER_DOWNLOAD_H

#include "oci/store.h"

struct download {
	char *folder; /* host path of a folder of its own, that goes with the download */
	char *name;   /* of the file in it, mode 0600 */
	char digest[DIGEST_ROOM];
	int64_t mtime_sec; /* Last-Modified, 0 when the server does not say; the file has it too */
};

/*
 * Get it.  The name is the last component of the URL's path, else what Content-Disposition says, else
 * "__unnamed__".  checksum, "sha256:..." or NULL, is compared.  tell may be NULL.
 */
int download_get(const void *ctx, struct store *s, const char *url, const char *checksum,
		 void (*tell)(void *arg, const char *line), void *arg, struct download **ret, struct error *err);
/* http:// or https://? */
bool download_is_url(const char *text);

#endif
