/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of registries: Docker's config.json, containers' auth.json, credential helpers. */
#ifndef FAKEBUILD_OCI_CREDENTIALS_H
#define FAKEBUILD_OCI_CREDENTIALS_H

#include <stdbool.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

struct credentials {
	char *user, *password;     /* NULL: anonymous */
	char *identity_token;      /* an OAuth2 refresh token; NULL: none */
};

/*
 * What the user's files say for this registry and repository.  Nothing known is anonymous, not an error;
 * a file or helper that cannot be read is.
 */
int credentials_find(const void *ctx, const char *registry, const char *repository, struct credentials *ret,
	      struct error *err);
/* Keep them for next time: in the helper that config.json names, else in config.json, mode 0600. */
int credentials_store(const char *registry, const struct credentials *c, struct error *err);
int credentials_erase(const char *registry, bool *ret_had, struct error *err);

#endif
