/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI distribution API of one registry: who we are there, manifests, blobs.  One object a thread. */
#ifndef FAKEBUILD_OCI_DISTRIBUTION_H
#define FAKEBUILD_OCI_DISTRIBUTION_H

#include "oci/digest.h"
#include "oci/image.h"
#include "oci/reference.h"
#include "oci/web.h"

struct registry;

/* Reach the registry of a reference: finds scheme and credentials; asks for `actions` ("pull", "pull,push"). */
int registry_open(const void *ctx, const struct reference *ref, const char *actions, struct registry **ret,
		  struct error *err);
/* The same for another thread: its own connection, the same knowledge. */
int registry_clone(const void *ctx, const struct registry *r, struct registry **ret, struct error *err);

/*
 * The manifest behind a tag or digest: text, media type and digest (checked) on ctx.  Where there is none,
 * err->number is ENODATA.
 */
int registry_get_manifest(const void *ctx, struct registry *r, const char *tag_or_digest, char **ret_text,
			  struct descriptor *ret, struct error *err);
/* Only its digest, as the registry tells it; -1, without a sentence, when it does not. */
int registry_head_manifest(struct registry *r, const char *tag_or_digest, char ret_digest[DIGEST_ROOM]);
int registry_put_manifest(struct registry *r, const char *tag_or_digest, const char *media_type, const char *text,
			  struct error *err);
bool registry_has_blob(struct registry *r, const char *digest);
/* What a download is written to; restart is called when the registry begins again from the start. */
struct blob_sink {
	int (*write)(void *arg, const void *bytes, size_t size, struct error *err);
	int (*restart)(void *arg, struct error *err);
	void (*retrying)(void *arg);
	void *arg;
};
/* Download from byte `have_bytes` on, resuming what breaks. */
int registry_get_blob(struct registry *r, const struct descriptor *blob, int64_t have_bytes,
		      const struct blob_sink *sink, struct error *err);
int registry_put_blob(struct registry *r, const struct descriptor *blob, int fd, struct error *err);
/* Does the registry take these credentials? */
int registry_check(const char *host, const char *user, const char *password, struct error *err);

#endif
