/* SPDX-License-Identifier: Apache-2.0 */
/* BuildKit's build checks (docs.docker.com/reference/build-checks): what is legal and still wrong. */
#ifndef FAKEBUILD_BUILDER_CHECK_H
#define FAKEBUILD_BUILDER_CHECK_H

#include "builder/dockerfile/dockerfile.h"

struct check_options {
	const struct strlist *build_args; /* "KEY=VALUE" */
	const struct strlist *ignored;    /* patterns of .dockerignore; NULL: none */
	const char *platform;             /* of the target, NULL: this machine's */
	const char *spec;                 /* "skip=A,B;error=true": BUILDKIT_DOCKERFILE_CHECK; NULL: the directive's */
};
/* All warnings, the reader's included, in order of lines; *ret_is_error: the spec makes them errors. */
int dockerfile_check(const void *ctx, const struct dockerfile *file, const struct check_options *options,
		     struct dockerfile_warning **ret, unsigned *ret_count, bool *ret_is_error, struct error *err);
/* The sentence of a rule, and where it is explained. */
const char *check_description(const char *rule);
const char *check_url(const char *rule);

#endif
