/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the checks of single instructions, as a table of rows; what a stage knows grows with each.  BuildKit's
 * dockerfile2llb/convert.go.
 */
#include "builder/dockerfile/checks.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/ports.h"
#include "builder/dockerfile/words.h"
#include "tracer/base/text.h"

/* One instruction: as written, and expanded, which is NULL when it cannot be. */
struct look {
	struct checker *c;
	struct check_stage *stage;
	const struct instruction *written, *in;
	unsigned line; /* of the FROM when it is a trigger */
};

static void report_unset(const struct look *l, const struct strlist *unset)
{
	if (!l->stage->is_known || !unset->count)
		return;
	CLEANUP_TALLOC struct strlist *names = check_unique(NULL, unset);
	const char **options = variables_names(names, l->stage->environment);
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		/* They are arguments of the builder, and no environment. */
		if (variables_have(l->stage->arguments, name) || strcmp(name, "BUILDKIT_SBOM_SCAN_CONTEXT") == 0 ||
		    strcmp(name, "BUILDKIT_SBOM_SCAN_STAGE") == 0)
			continue;
		const char *meant = words_suggest(names, name, options, true);
		check_report(l->c, RULE_UNDEFINED_VAR, l->written->comments, l->line,
			     "Usage of undefined variable '$%s'%s%s%s", name, meant ? " (did you mean $" : "",
			     meant ? meant : "", meant ? "?)" : "");
	}
}

/* Is one of the words, between underscores, one of these? */
static bool has_word(const char *key, const char *const *words)
{
	while (*key) {
		size_t size = strcspn(key, "_");
		for (const char *const *w = words; *w; w++)
			if (strlen(*w) == size && strncasecmp(*w, key, size) == 0)
				return true;
		key += size + (key[size] == '_');
	}
	return false;
}

static void check_secret(const struct look *l, const char *keyword, const char *key)
{
	static const char *const secret[] = { "apikey", "auth", "credential", "credentials", "key", "password",
					      "pword", "passwd", "secret", "token", NULL };
	static const char *const harmless[] = { "public", "file", "version", NULL };
	if (has_word(key, secret) && !has_word(key, harmless))
		check_report(l->c, RULE_SECRETS_USED_IN_ARG_OR_ENV, l->written->comments, l->line,
			     "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")", keyword, key);
}

static void check_legacy(const struct look *l)
{
	const char *keyword = l->written->keyword;
	for (unsigned i = 0; i < l->written->pair_count; i++)
		if (l->written->pairs[i].is_legacy)
			check_report(l->c, RULE_LEGACY_KEY_VALUE_FORMAT, l->written->comments, l->line,
				     "\"%s key=value\" should be used instead of legacy \"%s key value\" format", keyword,
				     keyword);
}

static void look_at_env(const struct look *l)
{
	check_legacy(l);
	for (unsigned i = 0; l->in && i < l->in->pair_count; i++) {
		check_secret(l, "ENV", l->in->pairs[i].key);
		variables_set(l->stage->environment, l->in->pairs[i].key, l->in->pairs[i].value);
	}
}

/* Build arguments come before defaults, and these before global ARGs; each may use the one before it. */
static void look_at_arg(const struct look *l)
{
	CLEANUP_TALLOC struct strlist *unset = strlist_new(NULL);
	const struct expansion e = check_expansion(l->c, l->stage->environment, unset);
	for (unsigned i = 0; i < l->written->pair_count; i++) {
		const struct pair *pair = &l->written->pairs[i];
		size_t size = strlen(pair->key);
		const char *value = variables_get(l->c->build_args, pair->key, size);
		CLEANUP_TALLOC char *expanded = NULL;
		check_secret(l, "ARG", pair->key);
		if (!value && pair->value) {
			if (expand_word(NULL, &e, pair->value, &expanded, NULL) == 0)
				value = expanded;
		} else if (!value) {
			value = variables_get(l->c->globals, pair->key, size);
		}
		report_unset(l, unset);
		if (value)
			variables_set(l->stage->environment, pair->key, value);
		while (unset->count)
			talloc_free(unset->items[--unset->count]);
		variables_set(l->stage->arguments, pair->key, NULL);
	}
}

static void look_at_arg_comment(const struct look *l)
{
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	for (unsigned i = 0; i < l->written->pair_count; i++)
		strlist_add(names, l->written->pairs[i].key);
	check_description_comment(l->c, "ARG", names, l->written->comments, l->line);
	look_at_arg(l);
}

static void look_at_label(const struct look *l)
{
	check_legacy(l);
}

/* The one before is told of, for it is the one that does nothing. */
static void look_at_single(const struct look *l)
{
	unsigned before = l->stage->last[l->written->kind];
	if (before)
		check_report(l->c, RULE_MULTIPLE_INSTRUCTIONS_DISALLOWED, l->written->comments, before,
			     "Multiple %s instructions should not be used in the same stage because only the last one "
			     "will be used",
			     l->written->keyword);
	l->stage->last[l->written->kind] = l->line;
}

static void look_at_command(const struct look *l)
{
	look_at_single(l);
	if (!l->written->is_exec_form && !l->stage->has_shell)
		check_report(l->c, RULE_JSON_ARGS_RECOMMENDED, l->written->comments, l->line,
			     "JSON arguments recommended for %s to prevent unintended behavior related to OS signals",
			     l->written->keyword);
}

static void look_at_shell(const struct look *l)
{
	l->stage->has_shell = true;
}

static void look_at_workdir(const struct look *l)
{
	if (l->in && !l->stage->has_workdir && l->in->words->items[0][0] != '/')
		check_report(l->c, RULE_WORKDIR_RELATIVE_PATH, l->written->comments, l->line,
			     "Relative workdir \"%s\" can have unexpected results if the base image changes",
			     l->in->words->items[0]);
	l->stage->has_workdir = true;
}

static void look_at_expose(const struct look *l)
{
	CLEANUP_TALLOC struct strlist *words = strlist_new(NULL);
	const struct expansion e = check_expansion(l->c, l->stage->environment, NULL);
	for (size_t i = 0; i < l->written->words->count; i++)
		if (expand_words(NULL, &e, l->written->words->items[i], words, NULL) < 0)
			return;
	for (size_t i = 0; i < words->count; i++) {
		struct ports ports;
		if (ports_parse(words->items[i], &ports, NULL) < 0)
			return;
		if (ports.has_upper_case)
			check_report(l->c, RULE_EXPOSE_PROTO_CASING, l->written->comments, l->line,
				     "Defined protocol '%s' in EXPOSE instruction should be lowercase", words->items[i]);
		if (ports.has_host)
			check_report(l->c, RULE_EXPOSE_INVALID_FORMAT, l->written->comments, l->line,
				     "EXPOSE instruction should not define an IP address or host-port mapping, found '%s'",
				     words->items[i]);
	}
}

static char *clean(const void *ctx, const char *path)
{
	char *out = mem_printf(ctx, "%s ", path); /* room for "." */
	out[strlen(path)] = '\0';
	text_clean_path(out);
	return out;
}

static void check_ignored(const struct look *l, const char *source)
{
	/* Neither URLs nor repositories are of the context. */
	if (strstr(source, "://") || text_starts(source, "git@"))
		return;
	CLEANUP_TALLOC char *path = clean(NULL, source);
	bool is_root = strcmp(path, ".") == 0 || strcmp(path, "/") == 0;
	if (is_root ? !l->c->ignores_all : *path == '/' || !patterns_match(l->c->ignored, path))
		return;
	check_report(l->c, RULE_COPY_IGNORED_FILE, l->written->comments, l->line,
		     "Attempting to %s file \"%s\" that is excluded by .dockerignore",
		     l->written->kind == INSTRUCTION_ADD ? "Add" : "Copy", path);
}

static void look_at_copy(const struct look *l)
{
	if (!l->in || !l->c->ignored || l->in->copy.from)
		return;
	for (size_t i = 0; i + 1 < l->in->words->count; i++)
		check_ignored(l, l->in->words->items[i]);
}

static void (*const looks[INSTRUCTION_COUNT])(const struct look *l) = {
	[INSTRUCTION_ADD] = look_at_copy,
	[INSTRUCTION_ARG] = look_at_arg_comment,
	[INSTRUCTION_CMD] = look_at_command,
	[INSTRUCTION_COPY] = look_at_copy,
	[INSTRUCTION_ENTRYPOINT] = look_at_command,
	[INSTRUCTION_ENV] = look_at_env,
	[INSTRUCTION_EXPOSE] = look_at_expose,
	[INSTRUCTION_HEALTHCHECK] = look_at_single,
	[INSTRUCTION_LABEL] = look_at_label,
	[INSTRUCTION_SHELL] = look_at_shell,
	[INSTRUCTION_WORKDIR] = look_at_workdir,
};

static void look_at(struct checker *c, struct check_stage *s, const struct instruction *written, unsigned line)
{
	CLEANUP_TALLOC struct strlist *unset = strlist_new(NULL);
	const struct expansion e = check_expansion(c, s->environment, unset);
	struct instruction *expanded = NULL;
	struct look look = { .c = c, .stage = s, .written = written, .line = line };
	if (instruction_expand(unset, &e, written, &expanded, NULL) == 0)
		look.in = expanded;
	report_unset(&look, unset);
	if (looks[written->kind])
		looks[written->kind](&look);
}

/* The base is an image: what is it? */
static void begin_on_image(struct checker *c, struct check_stage *s)
{
	static const char path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	struct check_image image = { 0 };
	const char *platform = s->platform ? s->platform : c->target->text;
	s->environment = variables_new(c);
	s->arguments = variables_new(c);
	variables_set(s->environment, "PATH", path);
	if (!s->image || strcmp(s->image, "scratch") == 0) {
		s->is_known = s->image != NULL;
		return;
	}
	if (!c->options->image || !c->options->image(c->options->arg, s->image, platform, &image))
		return;
	s->is_known = true;
	s->has_shell = image.has_shell;
	for (size_t i = 0; image.environment && i < image.environment->count; i++)
		variables_set_line(s->environment, image.environment->items[i]);
	CLEANUP_TALLOC struct machine *wanted = machine_parse(NULL, platform);
	CLEANUP_TALLOC struct machine *actual = image.platform ? machine_parse(NULL, image.platform) : NULL;
	if (wanted && actual &&
	    (strcmp(wanted->os, actual->os) != 0 || strcmp(wanted->architecture, actual->architecture) != 0))
		check_report(c, RULE_INVALID_BASE_IMAGE_PLATFORM, NULL, s->stage->line,
			     "Base image %s was pulled with platform \"%s\", expected \"%s\" for current build", s->image,
			     actual->text, wanted->text);
}

void check_instructions(struct checker *c, struct check_stage *s)
{
	const struct check_stage *base = s->base;
	if (base) {
		s->environment = variables_copy(c, base->environment);
		s->arguments = variables_copy(c, base->arguments);
		s->is_known = base->is_known;
		s->has_shell = base->has_shell;
		s->has_workdir = base->has_workdir;
	} else {
		begin_on_image(c, s);
	}
	/* BuildKit lets triggers fire only in what the target needs. */
	for (unsigned i = 0; base && s->is_needed && i < base->stage->count; i++)
		if (base->stage->instructions[i]->trigger)
			look_at(c, s, base->stage->instructions[i]->trigger, s->stage->line);
	for (unsigned i = 0; i < s->stage->count; i++)
		look_at(c, s, s->stage->instructions[i], s->stage->instructions[i]->line);
}
