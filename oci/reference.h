/* SPDX-License-Identifier: Apache-2.0 */
/* Image references, parsed and normalised as distribution/reference does. */
#ifndef FAKEBUILD_OCI_REFERENCE_H
#define FAKEBUILD_OCI_REFERENCE_H

#include "tracer/base/error.h"

struct reference {
	char *registry;   /* "docker.io", "localhost:5000" */
	char *repository; /* "library/debian" */
	char *tag;        /* NULL when only a digest was given */
	char *digest;     /* NULL when none was given */
	char *name;       /* normalised: registry/repository[:tag][@digest], tag defaulted to latest */
	char *familiar;   /* as Docker prints it: "debian:12" */
};

/* Parse "[host/]path[:tag][@digest]"; fails naming the text and what is wrong with it. */
int reference_parse(const void *ctx, const char *text, struct reference **ret, struct error *err);

#endif
