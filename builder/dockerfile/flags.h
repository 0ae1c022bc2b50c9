/* SPDX-License-Identifier: Apache-2.0 */
/* The "--flag=value" words of instructions. */
#ifndef FAKEBUILD_BUILDER_FLAGS_H
#define FAKEBUILD_BUILDER_FLAGS_H

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* Values of all flags that there are; NULL, -1 or an empty list: not given. */
struct flag_values {
	char *platform;
	char *from, *chown, *chmod, *checksum;
	int link, parents, keep_git_dir, unpack;
	struct strlist *exclude;
	char *network, *security;
	struct strlist *mount, *device;
	char *interval, *timeout, *start_period, *start_interval, *retries;
};

enum flag_kind { FLAG_BOOL, FLAG_TEXT, FLAG_TEXTS };
/* A row ends with a name of NULL. */
struct flag_row {
	const char *name;
	enum flag_kind kind;
	size_t offset; /* of the member of struct flag_values */
};

/* All values as not given; texts will be on ctx. */
void flags_clear(const void *ctx, struct flag_values *values);
/* Fails naming the flag: unknown (and what was meant), given twice, without a value. */
int flags_read(const void *ctx, const struct flag_row *rows, const struct strlist *words, struct flag_values *values,
	       struct error *err);

#endif
