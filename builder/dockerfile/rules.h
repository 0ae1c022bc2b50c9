/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of build checks as rows, and who wants which: "skip=A,B;experimental=all;error=true". */
#ifndef FAKEBUILD_BUILDER_RULES_H
#define FAKEBUILD_BUILDER_RULES_H

#include <stdbool.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

enum rule {
	RULE_STAGE_NAME_CASING, RULE_FROM_AS_CASING, RULE_NO_EMPTY_CONTINUATION,
	RULE_CONSISTENT_INSTRUCTION_CASING, RULE_DUPLICATE_STAGE_NAME, RULE_RESERVED_STAGE_NAME,
	RULE_JSON_ARGS_RECOMMENDED, RULE_MAINTAINER_DEPRECATED, RULE_UNDEFINED_ARG_IN_FROM,
	RULE_WORKDIR_RELATIVE_PATH, RULE_UNDEFINED_VAR, RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	RULE_LEGACY_KEY_VALUE_FORMAT, RULE_INVALID_BASE_IMAGE_PLATFORM, RULE_REDUNDANT_TARGET_PLATFORM,
	RULE_SECRETS_USED_IN_ARG_OR_ENV, RULE_INVALID_DEFAULT_ARG_IN_FROM,
	RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED, RULE_COPY_IGNORED_FILE, RULE_INVALID_DEFINITION_DESCRIPTION,
	RULE_EXPOSE_PROTO_CASING, RULE_EXPOSE_INVALID_FORMAT,
	RULE_COUNT
};
struct rule_row {
	const char *name;
	const char *page; /* below docs.docker.com; NULL: there is none */
	bool is_experimental;
};
extern const struct rule_row rule_rows[RULE_COUNT];
/* -1: there is none of this name. */
int rule_find(const char *name);

struct rule_choice {
	bool skips_all, has_all_experimental, is_error;
	struct strlist *skipped, *experimental; /* names; NULL: none */
};
/* Members are on ctx.  Fails naming what it does not know. */
int rules_choose(const void *ctx, const char *spec, struct rule_choice *ret, struct error *err);
/* Is the rule wanted, by the file's choice and that of the comments above an instruction ("check=skip=A")? */
bool rule_is_wanted(enum rule rule, const struct rule_choice *file, const struct strlist *comments);

#endif
