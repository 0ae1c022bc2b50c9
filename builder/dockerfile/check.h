/* SPDX-License-Identifier: Apache-2.0 */
/* BuildKit's build checks (docs.docker.com/reference/build-checks): what is legal and still wrong. */
#ifndef FAKEBUILD_BUILDER_CHECK_H
#define FAKEBUILD_BUILDER_CHECK_H

#include "builder/dockerfile/dockerfile.h"

/* What is known of a base image. */
struct check_image {
	const struct strlist *environment; /* "KEY=VALUE"; NULL: none */
	const char *platform;              /* "linux/amd64"; NULL: not known */
	bool has_shell;                    /* its config names one */
};
struct check_options {
	const struct strlist *build_args; /* "KEY=VALUE"; NULL: none */
	const struct strlist *ignored;    /* patterns of .dockerignore; NULL: none */
	const char *platform;             /* of the target, NULL: this machine's */
	const char *spec;                 /* BUILDKIT_DOCKERFILE_CHECK, "skip=A,B;error=true"; NULL: the directive's */
	const char *target;               /* the stage that is built, NULL: the last one */
	bool all_stages;                  /* also those that the target does not need */
	/*
	 * Fill what is known of the image that a stage is FROM, valid as long as the check runs; false: nothing.
	 * May be NULL.  Of stages on unknown images undefined variables are not told: the image may have them.
	 */
	bool (*image)(void *arg, const char *reference, const char *platform, struct check_image *ret);
	void *arg;
};
/*
 * All warnings, the reader's included, in order of lines; *ret_is_error: the spec makes them errors.  What no
 * build could do, such as a malformed substitution, is the build's to tell and not looked at.  Fails only for a
 * malformed spec.
 */
int dockerfile_check(const void *ctx, const struct dockerfile *file, const struct check_options *options,
		     struct dockerfile_warning **ret, unsigned *ret_count, bool *ret_is_error, struct error *err);
/* Where a rule is explained; NULL: there is no such rule, or no such page. */
const char *check_url(const char *rule);

#endif
