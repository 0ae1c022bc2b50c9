/* SPDX-License-Identifier: Apache-2.0 */
/* A registry that is being spoken to; for distribution.c and authentication.c only. */
#ifndef FAKEBUILD_OCI_DISTRIBUTION_PRIVATE_H
#define FAKEBUILD_OCI_DISTRIBUTION_PRIVATE_H

#include "oci/credentials.h"
#include "oci/distribution.h"

struct registry {
	struct web *web;
	char *host;       /* as in the reference, for people and credentials */
	char *base;       /* "https://host" */
	char *repository; /* NULL: none */
	char *actions;
	struct credentials credentials;
	char *authorization; /* NULL: nothing yet */
};

/*
 * Answer a 401 with these challenges: r->authorization is what the next try is to send.  `tried`: how many were answered
 * before; the second one in a row is final, the third when it wants another scope.
 */
int registry_authenticate(struct registry *r, const char *challenges, unsigned tried, struct error *err);

#endif
