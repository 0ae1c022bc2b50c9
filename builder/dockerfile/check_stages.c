/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the checks of the file as a whole: names of stages, cases of keywords, what FROM says; and which stages
 * the target needs.  BuildKit's dockerfile2llb/validations.go.
 */
#include "builder/dockerfile/checks.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/words.h"
#include "tracer/base/text.h"

static bool has_upper(const char *text)
{
	for (; *text; text++)
		if (isupper((unsigned char)*text))
			return true;
	return false;
}

static bool has_lower(const char *text)
{
	for (; *text; text++)
		if (islower((unsigned char)*text))
			return true;
	return false;
}

static void check_names(struct checker *c)
{
	CLEANUP_TALLOC struct variables *seen = variables_new(NULL);
	for (unsigned i = 0; i < c->file->stage_count; i++) {
		const struct stage *stage = &c->file->stages[i];
		if (!stage->name)
			continue;
		if (strcmp(stage->name, "context") == 0 || strcmp(stage->name, "scratch") == 0)
			check_report(c, RULE_RESERVED_STAGE_NAME, NULL, stage->line,
				     "Stage name should not use the same name as reserved stage \"%s\"", stage->name);
		if (variables_have(seen, stage->name))
			check_report(c, RULE_DUPLICATE_STAGE_NAME, NULL, stage->line,
				     "Duplicate stage name \"%s\", stage names should be unique", stage->name);
		variables_set(seen, stage->name, NULL);
		CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
		strlist_add(names, stage->name);
		check_description_comment(c, "FROM", names, stage->comments, stage->line);
	}
}

static void count_case(const char *keyword, unsigned *lower, unsigned *upper)
{
	*lower += !has_upper(keyword);
	*upper += !has_lower(keyword) && has_upper(keyword);
}

static void check_case(struct checker *c, const char *keyword, bool wants_lower, unsigned line)
{
	if (wants_lower ? has_upper(keyword) : has_lower(keyword))
		check_report(c, RULE_CONSISTENT_INSTRUCTION_CASING, NULL, line,
			     "Command '%s' should match the case of the command majority (%s)", keyword,
			     wants_lower ? "lowercase" : "uppercase");
}

static void check_cases(struct checker *c)
{
	unsigned lower = 0, upper = 0;
	for (unsigned i = 0; i < c->file->stage_count; i++) {
		const struct stage *stage = &c->file->stages[i];
		count_case(stage->keyword, &lower, &upper);
		for (unsigned j = 0; j < stage->count; j++)
			count_case(stage->instructions[j]->keyword, &lower, &upper);
	}
	for (unsigned i = 0; i < c->file->stage_count; i++) {
		const struct stage *stage = &c->file->stages[i];
		check_case(c, stage->keyword, lower > upper, stage->line);
		for (unsigned j = 0; j < stage->count; j++)
			check_case(c, stage->instructions[j]->keyword, lower > upper, stage->instructions[j]->line);
	}
}

/* A build argument of that name comes first. */
static void set_default(const struct checker *c, struct variables *v, const char *name, const char *value)
{
	const char *given = variables_get(c->build_args, name, strlen(name));
	variables_set(v, name, given ? given : value);
}

static struct variables *platform_arguments(const struct checker *c)
{
	struct variables *v = variables_new(c);
	CLEANUP_TALLOC struct machine *host = machine_of_host(NULL);
	const struct stage *last = &c->file->stages[c->file->stage_count - 1];
	const char *target = c->options->target ? c->options->target : last->name;
	set_default(c, v, "BUILDPLATFORM", host->text);
	set_default(c, v, "BUILDOS", host->os);
	set_default(c, v, "BUILDOSVERSION", "");
	set_default(c, v, "BUILDARCH", host->architecture);
	set_default(c, v, "BUILDVARIANT", host->variant);
	set_default(c, v, "TARGETPLATFORM", c->target->text);
	set_default(c, v, "TARGETOS", c->target->os);
	set_default(c, v, "TARGETOSVERSION", "");
	set_default(c, v, "TARGETARCH", c->target->architecture);
	set_default(c, v, "TARGETVARIANT", c->target->variant);
	set_default(c, v, "TARGETSTAGE", target ? target : "default");
	return v;
}

/* With the values of global ARGs; -1: one cannot be expanded. */
static int add_global_args(const struct checker *c, struct variables *v, bool uses_build_args)
{
	const struct expansion e = check_expansion(c, v, NULL);
	for (unsigned i = 0; i < c->file->global_arg_count; i++) {
		const struct instruction *arg = c->file->global_args[i];
		for (unsigned j = 0; j < arg->pair_count; j++) {
			const struct pair *pair = &arg->pairs[j];
			const char *given = variables_get(c->build_args, pair->key, strlen(pair->key));
			CLEANUP_TALLOC char *value = NULL;
			if (!uses_build_args)
				given = NULL;
			if (!given && pair->value && expand_word(NULL, &e, pair->value, &value, NULL) < 0)
				return -1;
			if (given || value)
				variables_set(v, pair->key, given ? given : value);
		}
	}
	return 0;
}

/* [registry/]name[:tag][@digest], as far as defaults of ARGs go wrong. */
static bool is_reference(const char *text)
{
	static const char name_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	static const char tag_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, text);
	char *digest = strchr(copy, '@');
	if (digest)
		*digest++ = '\0';
	char *slash = strrchr(copy, '/'), *tag = strchr(slash ? slash : copy, ':');
	if (tag)
		*tag++ = '\0';
	if ((digest && !strchr(digest, ':')) || (tag && (!*tag || strchr(".-", *tag) || tag[strspn(tag, tag_letters)])))
		return false;
	const char *path = copy;
	size_t host = strcspn(copy, "/");
	/* The registry is what has a dot, a port or an upper case letter, or is localhost. */
	if (copy[host] == '/') {
		copy[host] = '\0';
		if (host && (strpbrk(copy, ".:[") || has_upper(copy) || strcmp(copy, "localhost") == 0))
			path = copy + host + 1;
		else
			copy[host] = '/';
	}
	for (;; path++) {
		size_t size = strspn(path, name_letters);
		if (!size || !isalnum((unsigned char)path[0]) || !isalnum((unsigned char)path[size - 1]))
			return false;
		path += size;
		if (*path != '/')
			return !*path;
	}
}

/* A Dockerfile should build without any build argument. */
static void check_defaults(struct checker *c)
{
	struct variables *v = platform_arguments(c);
	const struct expansion e = check_expansion(c, v, NULL);
	if (add_global_args(c, v, false) < 0)
		return;
	for (unsigned i = 0; i < c->file->stage_count; i++) {
		const struct stage *stage = &c->file->stages[i];
		CLEANUP_TALLOC char *base = NULL;
		if (expand_word(NULL, &e, stage->base, &base, NULL) < 0)
			return;
		if (!is_reference(base))
			check_report(c, RULE_INVALID_DEFAULT_ARG_IN_FROM, NULL, stage->line,
				     "Default value for ARG %s results in empty or invalid base image name", stage->base);
	}
}

static void check_unset(struct checker *c, const struct stage *stage, const struct strlist *unset)
{
	CLEANUP_TALLOC struct strlist *names = check_unique(NULL, unset);
	const char **options = variables_names(names, c->declared);
	for (size_t i = 0; i < names->count; i++) {
		if (variables_have(c->declared, names->items[i]))
			continue;
		const char *meant = words_suggest(names, names->items[i], options, true);
		check_report(c, RULE_UNDEFINED_ARG_IN_FROM, stage->comments, stage->line,
			     "FROM argument '%s' is not declared%s%s%s", names->items[i], meant ? " (did you mean " : "",
			     meant ? meant : "", meant ? "?)" : "");
	}
}

/* Which names a word has looked up. */
struct lookup {
	const struct variables *variables;
	struct strlist *found;
};

static const char *look_up(void *arg, const char *name, size_t size)
{
	struct lookup *lookup = arg;
	const char *value = variables_get(lookup->variables, name, size);
	if (value)
		strlist_addf(lookup->found, "%.*s", (int)size, name);
	return value;
}

static void check_platform(struct checker *c, struct check_stage *s)
{
	const struct stage *stage = s->stage;
	CLEANUP_TALLOC struct strlist *found = strlist_new(NULL);
	struct strlist *unset = strlist_new(found);
	struct lookup lookup = { c->globals, found };
	const struct expansion e = { .escape = c->file->escape, .get = look_up, .arg = &lookup, .unset = unset };
	int failed = expand_word(c, &e, stage->platform, &s->platform, NULL);
	check_unset(c, stage, unset);
	if (failed < 0)
		return;
	struct strlist *matched = check_unique(found, found);
	const char *target = variables_get(c->globals, "TARGETPLATFORM", strlen("TARGETPLATFORM"));
	if (matched->count == 1 && !unset->count && strcmp(matched->items[0], "TARGETPLATFORM") == 0 &&
	    strcmp(s->platform, target) == 0)
		check_report(c, RULE_REDUNDANT_TARGET_PLATFORM, stage->comments, stage->line,
			     "Setting platform to predefined %s in FROM is redundant as this is the default behavior",
			     stage->platform);
	CLEANUP_TALLOC struct machine *platform = machine_parse(NULL, s->platform);
	const char *name = stage->name ? stage->name : "";
	/* A stage that is named after its platform means it. */
	if (matched->count || unset->count || !platform || strstr(name, platform->os) ||
	    strstr(name, platform->architecture))
		return;
	check_report(c, RULE_FROM_PLATFORM_FLAG_CONST_DISALLOWED, stage->comments, stage->line,
		     "FROM --platform flag should not use constant value \"%s\"", s->platform);
}

static void check_from(struct checker *c, struct check_stage *s, const struct variables *by_name)
{
	const struct stage *stage = s->stage;
	CLEANUP_TALLOC struct strlist *unset = strlist_new(NULL);
	const struct expansion e = check_expansion(c, c->globals, unset);
	int failed = expand_word(c, &e, stage->base, &s->image, NULL);
	check_unset(c, stage, unset);
	if (stage->platform)
		check_platform(c, s);
	const char *index = failed < 0 ? NULL : variables_get(by_name, s->image, strlen(s->image));
	uint64_t number;
	if (index && text_to_number(index, UINT_MAX, &number))
		s->base = &c->stages[number];
}

/* The stage that COPY --from= or a mount names; NULL: it is none of the file's. */
static struct check_stage *find_stage(struct checker *c, const struct variables *by_name, const char *from,
				      bool may_be_number)
{
	uint64_t number;
	CLEANUP_TALLOC char *name = mem_strdup(NULL, from);
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	const char *index = variables_get(by_name, name, strlen(name));
	if (may_be_number && text_to_number(from, c->file->stage_count - 1, &number))
		return &c->stages[number];
	return index && text_to_number(index, UINT_MAX, &number) ? &c->stages[number] : NULL;
}

/* Push the stages that an instruction takes from. */
static unsigned push_sources(struct checker *c, const struct variables *by_name, const struct instruction *in,
			     struct check_stage **stack, unsigned count)
{
	if (in->kind == INSTRUCTION_ONBUILD)
		in = in->trigger;
	if (!in)
		return count;
	for (unsigned i = 0; i <= in->mount_count; i++) {
		const char *from = i == in->mount_count ? in->copy.from : in->mounts[i].from;
		struct check_stage *source = from ? find_stage(c, by_name, from, i == in->mount_count) : NULL;
		if (!source || source->is_needed)
			continue;
		source->is_needed = true;
		stack[count++] = source;
	}
	return count;
}

/* All that the target needs, also through triggers of its bases, which is more than fire. */
static void mark_needed(struct checker *c, const struct variables *by_name)
{
	CLEANUP_TALLOC struct check_stage **stack = mem_array(NULL, struct check_stage *, c->file->stage_count);
	const char *target = c->options->target;
	struct check_stage *first = target ? find_stage(c, by_name, target, true) : NULL;
	unsigned count = 0;
	if (!first)
		first = &c->stages[c->file->stage_count - 1];
	first->is_needed = true;
	stack[count++] = first;
	while (count) {
		struct check_stage *s = stack[--count];
		if (s->base && !s->base->is_needed) {
			s->base->is_needed = true;
			stack[count++] = s->base;
		}
		for (unsigned i = 0; i < s->stage->count; i++)
			count = push_sources(c, by_name, s->stage->instructions[i], stack, count);
	}
}

static void check_global_args(struct checker *c)
{
	c->declared = variables_copy(c, c->globals);
	for (unsigned i = 0; i < c->file->global_arg_count; i++) {
		const struct instruction *arg = c->file->global_args[i];
		CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
		for (unsigned j = 0; j < arg->pair_count; j++) {
			variables_set(c->declared, arg->pairs[j].key, NULL);
			strlist_add(names, arg->pairs[j].key);
		}
		check_description_comment(c, "ARG", names, arg->comments, arg->line);
	}
}

void check_stages(struct checker *c)
{
	CLEANUP_TALLOC struct variables *by_name = variables_new(NULL);
	check_names(c);
	check_cases(c);
	check_defaults(c);
	c->globals = platform_arguments(c);
	if (add_global_args(c, c->globals, true) < 0)
		c->globals = platform_arguments(c);
	check_global_args(c);
	c->stages = mem_array(c, struct check_stage, c->file->stage_count);
	for (unsigned i = 0; i < c->file->stage_count; i++) {
		struct check_stage *s = &c->stages[i];
		s->stage = &c->file->stages[i];
		check_from(c, s, by_name);
		CLEANUP_TALLOC char *index = mem_printf(NULL, "%u", i);
		if (s->stage->name)
			variables_set(by_name, s->stage->name, index);
	}
	mark_needed(c, by_name);
}
