/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a run of the checks: what was given, what comes out in which order.  Rules are in the other check files. */
#include "builder/dockerfile/check.h"

#include <stdlib.h>
#include <string.h>

#include "builder/dockerfile/checks.h"

void check_report(struct checker *c, enum rule rule, const struct strlist *comments, unsigned line,
		  const char *fmt, ...)
{
	if (!rule_is_wanted(rule, &c->choice, comments))
		return;
	if ((c->count & (c->count - 1)) == 0)
		c->warnings = mem_grow(c, c->warnings, struct dockerfile_warning, c->count ? 2 * c->count : 1);
	va_list ap;
	va_start(ap, fmt);
	char *text = mem_must(talloc_vasprintf(c, fmt, ap));
	va_end(ap);
	c->warnings[c->count++] =
		(struct dockerfile_warning){ .rule = rule_rows[rule].name, .text = text, .line = line };
}

static const char *get(void *arg, const char *name, size_t size)
{
	return variables_get(arg, name, size);
}

struct expansion check_expansion(const struct checker *c, const struct variables *v, struct strlist *unset)
{
	return (struct expansion){ .escape = c->file->escape, .get = get, .arg = (void *)v, .unset = unset };
}

struct strlist *check_unique(const void *ctx, const struct strlist *names)
{
	CLEANUP_TALLOC struct variables *seen = variables_new(NULL);
	struct strlist *unique = strlist_new(ctx);
	for (size_t i = 0; i < names->count; i++) {
		if (!variables_have(seen, names->items[i]))
			strlist_add(unique, names->items[i]);
		variables_set(seen, names->items[i], NULL);
	}
	return unique;
}

void check_description_comment(struct checker *c, const char *keyword, const struct strlist *names,
			       const struct strlist *comments, unsigned line)
{
	if (!comments->count || !names->count)
		return;
	const char *last = comments->items[comments->count - 1];
	size_t size = strcspn(last, " ");
	for (size_t i = 0; i < names->count; i++)
		if (strlen(names->items[i]) == size && memcmp(names->items[i], last, size) == 0)
			return;
	check_report(c, RULE_INVALID_DEFINITION_DESCRIPTION, comments, line,
		     "Comment for %s should follow the format: `# %s <description>`", keyword,
		     names->count > 1 ? "<arg_key>" : names->items[0]);
}

/* Exclusions make it too hard to say of a file alone whether it is ignored. */
static void read_ignored(struct checker *c)
{
	const struct strlist *lines = c->options->ignored;
	if (!lines || !lines->count)
		return;
	for (size_t i = 0; i < lines->count; i++) {
		const char *line = lines->items[i];
		if (*line == '!')
			return;
		c->ignores_all |= strcmp(line, "*") == 0 || strcmp(line, "**") == 0 || strcmp(line, "**/*") == 0;
	}
	if (patterns_new(c, lines, &c->ignored, NULL) < 0)
		c->ignored = NULL;
}

static void read_options(struct checker *c)
{
	const struct check_options *o = c->options;
	c->build_args = variables_new(c);
	for (size_t i = 0; o->build_args && i < o->build_args->count; i++)
		variables_set_line(c->build_args, o->build_args->items[i]);
	c->target = o->platform ? machine_parse(c, o->platform) : NULL;
	if (!c->target)
		c->target = machine_of_host(c);
	read_ignored(c);
}

static void add_readers(struct checker *c)
{
	for (unsigned i = 0; i < c->file->warning_count; i++) {
		const struct dockerfile_warning *w = &c->file->warnings[i];
		check_report(c, (enum rule)rule_find(w->rule), w->comments, w->line, "%s", w->text);
	}
}

struct numbered {
	struct dockerfile_warning warning;
	unsigned number;
};

static int compare(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	if (x->warning.line != y->warning.line)
		return x->warning.line < y->warning.line ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* In order of lines, and of one line as they came. */
static struct dockerfile_warning *sorted(const void *ctx, const struct checker *c)
{
	CLEANUP_TALLOC struct numbered *all = mem_array(NULL, struct numbered, c->count);
	struct dockerfile_warning *out = mem_array(ctx, struct dockerfile_warning, c->count);
	for (unsigned i = 0; i < c->count; i++)
		all[i] = (struct numbered){ c->warnings[i], i };
	qsort(all, c->count, sizeof(*all), compare);
	for (unsigned i = 0; i < c->count; i++) {
		out[i] = all[i].warning;
		out[i].text = mem_strdup(out, out[i].text);
	}
	return out;
}

int dockerfile_check(const void *ctx, const struct dockerfile *file, const struct check_options *options,
		     struct dockerfile_warning **ret, unsigned *ret_count, bool *ret_is_error, struct error *err)
{
	CLEANUP_TALLOC struct checker *c = mem_new(NULL, struct checker);
	const char *spec = options->spec ? options->spec : file->check;
	c->file = file;
	c->options = options;
	if (rules_choose(c, spec ? spec : "", &c->choice, err) < 0)
		return -1;
	read_options(c);
	add_readers(c);
	check_stages(c);
	for (unsigned i = 0; i < file->stage_count; i++)
		if (c->stages[i].is_needed || options->all_stages)
			check_instructions(c, &c->stages[i]);
	*ret = sorted(ctx, c);
	*ret_count = c->count;
	*ret_is_error = c->choice.is_error;
	return 0;
}
