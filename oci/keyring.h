/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User names and passwords of registries as Docker and podman keep them: config.json, auth.json,
 * docker-credential-* programs.  What is done with them on the wire is for auth.c.
 */
#ifndef FAKEBUILD_OCI_KEYRING_H
#define FAKEBUILD_OCI_KEYRING_H

#include <stdbool.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* Members that are not there are NULL; all NULL: anonymous. */
struct credentials {
	char *user, *password;
	char *identity_token; /* an OAuth2 refresh token, instead of a password */
	char *registry_token; /* sent as it is */
};

/*
 * Find what is known of a registry ("docker.io", "localhost:5000").  `repository` (may be NULL) chooses
 * between keys of auth.json that have a path; the longest wins.  Looked for in $REGISTRY_AUTH_FILE,
 * then $DOCKER_CONFIG/config.json (~/.docker), $XDG_RUNTIME_DIR/containers/auth.json,
 * ~/.config/containers/auth.json.  Not finding any is no failure; a malformed file or a helper that
 * cannot be run is.
 */
int keyring_find(const void *ctx, const char *registry, const char *repository,
		 struct credentials **ret, struct error *err);
/* Keep them in config.json (mode 0600, other fields stay), or in the helper that it names. */
int keyring_store(const char *registry, const char *user, const char *password, struct error *err);
/* Forget them there; *ret_had false when there were none. */
int keyring_erase(const char *registry, bool *ret_had, struct error *err);

/* Base64 with padding, as Basic wants it. */
char *keyring_base64(const void *ctx, const char *text);

#endif
