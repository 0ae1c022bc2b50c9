/* SPDX-License-Identifier: Apache-2.0 */
/* Owns names, sentences and pages of the rules, and how they are chosen: BuildKit's frontend/dockerfile/linter. */
#include "builder/dockerfile/rules.h"

#include <string.h>

#include "builder/dockerfile/characters.h"
#include "builder/dockerfile/check.h"
#include "builder/dockerfile/directives.h"
#include "tracer/base/text.h"

#define PAGE(name) "https://docs.docker.com/go/dockerfile/rule/" name "/"

const struct rule_row rule_rows[RULE_COUNT] = {
	[RULE_STAGE_NAME_CASING] = { "StageNameCasing", PAGE("stage-name-casing"), false },
	[RULE_FROM_AS_CASING] = { "FromAsCasing", PAGE("from-as-casing"), false },
	[RULE_NO_EMPTY_CONTINUATION] = { "NoEmptyContinuation", PAGE("no-empty-continuation"), false },
	[RULE_CONSISTENT_INSTRUCTION_CASING] = { "ConsistentInstructionCasing", PAGE("consistent-instruction-casing"), false },
	[RULE_DUPLICATE_STAGE_NAME] = { "DuplicateStageName", PAGE("duplicate-stage-name"), false },
	[RULE_RESERVED_STAGE_NAME] = { "ReservedStageName", PAGE("reserved-stage-name"), false },
	[RULE_JSON_ARGS_RECOMMENDED] = { "JSONArgsRecommended", PAGE("json-args-recommended"), false },
	[RULE_MAINTAINER_DEPRECATED] = { "MaintainerDeprecated", PAGE("maintainer-deprecated"), false },
	[RULE_UNDEFINED_ARG_IN_FROM] = { "UndefinedArgInFrom", PAGE("undefined-arg-in-from"), false },
	[RULE_WORKDIR_RELATIVE_PATH] = { "WorkdirRelativePath", PAGE("workdir-relative-path"), false },
	[RULE_UNDEFINED_VAR] = { "UndefinedVar", PAGE("undefined-var"), false },
	[RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED] = { "MultipleInstructionsDisallowed", PAGE("multiple-instructions-disallowed"), false },
	[RULE_LEGACY_KEY_VALUE_FORMAT] = { "LegacyKeyValueFormat", PAGE("legacy-key-value-format"), false },
	[RULE_INVALID_BASE_IMAGE_PLATFORM] = { "InvalidBaseImagePlatform", NULL, false },
	[RULE_REDUNDANT_TARGET_PLATFORM] = { "RedundantTargetPlatform", PAGE("redundant-target-platform"), false },
	[RULE_SECRETS_USED_IN_ARG_OR_ENV] = { "SecretsUsedInArgOrEnv", PAGE("secrets-used-in-arg-or-env"), false },
	[RULE_INVALID_DEFAULT_ARG_IN_FROM] = { "InvalidDefaultArgInFrom", PAGE("invalid-default-arg-in-from"), false },
	[RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = { "FromPlatformFlagConstDisallowed", PAGE("from-platform-flag-const-disallowed"), false },
	[RULE_COPY_IGNORED_FILE] = { "CopyIgnoredFile", PAGE("copy-ignored-file"), false },
	[RULE_INVALID_DEFINITION_DESCRIPTION] = { "InvalidDefinitionDescription", PAGE("invalid-definition-description"), true },
	[RULE_EXPOSE_PROTO_CASING] = { "ExposeProtoCasing", PAGE("expose-proto-casing"), false },
	[RULE_EXPOSE_INVALID_FORMAT] = { "ExposeInvalidFormat", PAGE("expose-invalid-format"), false },
};

int rule_find(const char *name)
{
	for (int i = 0; i < RULE_COUNT; i++)
		if (strcmp(rule_rows[i].name, name) == 0)
			return i;
	return -1;
}

const char *check_url(const char *rule)
{
	int i = rule_find(rule);
	return i < 0 ? NULL : rule_rows[i].page;
}

/* "A, B" or "all". */
static void read_names(const void *ctx, char *value, bool *ret_all, struct strlist **ret)
{
	value = characters_trim(value);
	*ret_all = strcmp(value, "all") == 0;
	*ret = *ret_all ? NULL : strlist_new(ctx);
	for (char *name = value; name && !*ret_all;) {
		char *comma = strchr(name, ',');
		if (comma)
			*comma++ = '\0';
		strlist_add(*ret, characters_trim(name));
		name = comma;
	}
}

static int read_bool(const char *value, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
			*ret = strcmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return -1;
}

static int read_part(const void *ctx, char *part, struct rule_choice *choice, struct error *err)
{
	char *value = strchr(part, '=');
	if (!value)
		return error_set(err, 0, "failed to parse check options: invalid check option \"%s\"", part);
	*value++ = '\0';
	const char *key = characters_trim(part);
	if (strcmp(key, "skip") == 0)
		read_names(ctx, value, &choice->skips_all, &choice->skipped);
	else if (strcmp(key, "experimental") == 0)
		read_names(ctx, value, &choice->has_all_experimental, &choice->experimental);
	else if (strcmp(key, "error") != 0)
		return error_set(err, 0, "failed to parse check options: invalid check option \"%s\"", key);
	else if (read_bool(characters_trim(value), &choice->is_error) < 0)
		return error_set(err, 0, "failed to parse check options: error=%s is neither true nor false", value);
	return 0;
}

int rules_choose(const void *ctx, const char *spec, struct rule_choice *ret, struct error *err)
{
	enum { PARTS_MAX = 3 }; /* what follows is of the last one */
	struct rule_choice choice = { 0 };
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, spec);
	char *part = characters_trim(copy);
	for (int i = 1; part && *part; i++) {
		char *next = i < PARTS_MAX ? strchr(part, ';') : NULL;
		if (next)
			*next++ = '\0';
		if (read_part(ctx, part, &choice, err) < 0)
			return -1;
		part = next;
		if (part && !*part)
			return error_set(err, 0, "failed to parse check options: invalid check option \"\"");
	}
	*ret = choice;
	return 0;
}

static bool holds(const struct strlist *names, const char *name)
{
	for (size_t i = 0; names && i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static bool is_chosen(enum rule rule, const struct rule_choice *choice)
{
	const struct rule_row *row = &rule_rows[rule];
	if (row->is_experimental)
		return choice->has_all_experimental || holds(choice->experimental, row->name);
	return !choice->skips_all && !holds(choice->skipped, row->name);
}

/* The first comment that is a `check` directive decides. */
static void choose_by_comments(const void *ctx, const struct strlist *comments, struct rule_choice *ret)
{
	for (size_t i = 0; i < comments->count; i++) {
		struct directive_reader reader = { .comment = "" };
		enum directive which;
		char *value;
		if (directive_read(ctx, &reader, comments->items[i], &which, &value, NULL) <= 0 ||
		    which != DIRECTIVE_CHECK)
			continue;
		value[strcspn(value, " ")] = '\0';
		rules_choose(ctx, value, ret, NULL);
		return;
	}
}

bool rule_is_wanted(enum rule rule, const struct rule_choice *file, const struct strlist *comments)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct rule_choice local = { 0 };
	if (comments)
		choose_by_comments(scratch, comments, &local);
	if (rule_rows[rule].is_experimental)
		return is_chosen(rule, file) || is_chosen(rule, &local);
	return is_chosen(rule, file) && is_chosen(rule, &local);
}
