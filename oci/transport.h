/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images coming and going: registries (docker://, the default), oci:DIR[:REF], docker-archive:FILE,
 * oci-archive:FILE, dir:DIR, as skopeo writes them.
 */
#ifndef FAKEBUILD_OCI_TRANSPORT_H
#define FAKEBUILD_OCI_TRANSPORT_H

#include "oci/store.h"

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

/*
 * Progress is told to a callback; text is drawn by the program (builder/progress.c).  Called from
 * worker threads too, one call at a time.
 */
enum progress_stage {
	PROGRESS_EXISTS, PROGRESS_DOWNLOADING, PROGRESS_UNPACKING, PROGRESS_DONE,
	PROGRESS_UPLOADING, PROGRESS_RETRYING,
};
struct progress {
	void (*update)(void *arg, const char *digest, enum progress_stage stage, int64_t done_bytes,
		       int64_t total_bytes);
	/* One line for the person: "Pulling from library/debian", "Digest: sha256:..." */
	void (*line)(void *arg, const char *text);
	void *arg;
};

/*
 * Get an image into the store and tag it.  `source` is a reference or a transport name; `platform` NULL
 * for this machine's.  Layers are downloaded several at a time and unpacked meanwhile.  *ret_name is
 * the name it was tagged with (on ctx).
 */
int transport_pull(const void *ctx, struct store *s, const char *source, enum pull_policy policy,
		   const char *platform, const struct progress *progress, struct image **ret,
		   char **ret_name, struct error *err);
/*
 * Send an image of the store to a registry or into oci:, oci-archive:, docker-archive:, dir:.  One that was chosen
 * of an index goes with all of it; only docker-archive: and dir: have room for this machine's alone.
 */
int transport_push(struct store *s, const struct image *image, const char *destination,
		   const struct progress *progress, struct error *err);

/* docker save / load: several images in one docker-archive (also readable as an OCI layout). */
int transport_save(struct store *s, char *const *names, unsigned count, int fd, bool is_oci,
		   struct error *err);
/* Either archive format, compressed or not, from a descriptor; names loaded are put in *ret_names. */
int transport_load(const void *ctx, struct store *s, int fd, const struct progress *progress,
		   struct strlist **ret_names, struct error *err);

/* Check credentials with the registry and keep them in config.json (mode 0600) or its helper. */
int transport_login(const char *registry, const char *user, const char *password, struct error *err);
/* Forget them; *ret_had false when there were none. */
int transport_logout(const char *registry, bool *ret_had, struct error *err);

#endif
