/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry wants to see before it answers: Basic, or Bearer tokens of the token server that its
 * challenge names (distribution docs/spec/auth).  Credentials come from keyring.c.
 */
#ifndef FAKEBUILD_OCI_AUTH_H
#define FAKEBUILD_OCI_AUTH_H

#include "oci/keyring.h"
#include "oci/http.h"

/* The state with one registry; threads share it. */
struct auth;
/* `credentials` may be NULL: anonymous. */
struct auth *auth_new(const void *ctx, const char *registry, const struct credentials *credentials);

/* The Authorization value to send for this scope on ctx; NULL when none is known to be wanted. */
char *auth_header(const void *ctx, struct auth *a, const char *scope);

enum auth_answer {
	AUTH_FAILED = -1, /* with a sentence */
	AUTH_DENIED = 0,  /* there is nothing to offer that has not been refused */
	AUTH_RETRY = 1,   /* ask again with what auth_header now gives */
};
/*
 * A reply was 401.  `sent` is the header that it refused (NULL: none), scope what is wanted
 * ("repository:library/debian:pull"; NULL: only to be known).
 */
enum auth_answer auth_answer(struct auth *a, struct http *h, const struct http_reply *reply,
			     const char *sent, const char *scope, struct error *err);

/* One challenge of a WWW-Authenticate header. */
struct challenge {
	char *scheme; /* as written */
	struct {
		char *name, *value;
	} *parameters;
	unsigned parameter_count;
};
/* Take one header value apart; commas within quotes are not between challenges (RFC 7235, 2.1). */
void challenge_parse(const void *ctx, const char *header, struct challenge **ret, unsigned *ret_count);
/* NULL when it is not there. */
const char *challenge_get(const struct challenge *c, const char *name);

#endif
