/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the file as a whole: statements become instructions with their heredocs, and these become stages. */
#include "builder/dockerfile/dockerfile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/excerpt.h"
#include "builder/dockerfile/instructions.h"
#include "builder/dockerfile/lines.h"

struct reading {
	struct dockerfile *file;
	struct lines *lines;
	const void *scratch; /* of one statement */
	unsigned *line;      /* of a failure */
	struct error *err;
};

/* Double when it is full; `count` elements are in use. */
#define GROW(ctx, array, type, count) \
	(((count) & ((count) - 1)) == 0 ? mem_grow(ctx, array, type, (count) ? 2 * (size_t)(count) : 1) : (array))

static bool is_end(const struct line *line, const struct raw_heredoc *doc)
{
	const char *text = line->text;
	size_t size = line_content_size(line);
	while (doc->tabs_go && size && *text == '\t')
		text++, size--;
	return strlen(doc->name) == size && memcmp(text, doc->name, size) == 0;
}

/* The bodies of the heredocs that the statement names. */
static int read_heredocs(struct lines *lines, struct draft *d, struct error *err)
{
	if (!instruction_may_have_heredocs(d) || !strstr(d->line, "<<"))
		return 0;
	if (heredocs_of_line(d, d->line, &d->heredocs, &d->heredoc_count, err) < 0)
		return -1;
	for (unsigned i = 0; i < d->heredoc_count; i++) {
		struct raw_heredoc *doc = d->heredocs[i];
		CLEANUP_TALLOC struct buffer *content = buffer_new(NULL);
		const struct line *line;
		while ((line = lines_take(lines)) != NULL && !is_end(line, doc))
			buffer_add(content, line->text, line->size);
		if (!line)
			return error_set(err, 0, "unterminated heredoc: no line is '%s'", doc->name);
		doc->content = mem_strndup(doc, content->text, content->size);
	}
	return 0;
}

/* From a statement to a finished draft; *ret_name names the instruction in a failure. */
static int read_instruction(const void *ctx, const void *scratch, struct lines *lines, const struct statement *s,
			    struct draft **ret, const char **ret_name, struct error *err)
{
	struct draft *d;
	if (instruction_begin(ctx, scratch, s->text, lines->escape, &d, ret_name, err) < 0)
		return -1;
	if (read_heredocs(lines, d, err) < 0)
		return -1;
	d->in->line = s->line;
	d->in->last_line = lines->taken;
	d->in->comments = talloc_steal(d->in, s->comments);
	if (instruction_finish(d, err) < 0)
		return -1;
	*ret = d;
	return 0;
}

static void warn(struct dockerfile *file, const char *rule, unsigned line, const struct strlist *comments, char *text)
{
	file->warnings = GROW(file, file->warnings, struct dockerfile_warning, file->warning_count);
	file->warnings[file->warning_count++] =
		(struct dockerfile_warning){ .rule = rule, .text = text, .line = line, .comments = comments };
}

static bool has_no(const char *text, int (*is_kind)(int))
{
	for (; *text; text++)
		if (is_kind((unsigned char)*text))
			return false;
	return true;
}

/* "FROM x as y": the case of one keyword decides that of the other, when it has one. */
static void check_casing(struct dockerfile *file, const struct instruction *from, const struct strlist *comments)
{
	const char *keyword = from->keyword, *as = from->words->items[1], *name = from->words->items[2];
	if (!has_no(name, isupper))
		warn(file, "StageNameCasing", from->line, comments,
		     mem_printf(file, "Stage name '%s' should be lowercase", name));
	bool is_lower = has_no(keyword, isupper), is_upper = has_no(keyword, islower);
	if ((is_lower && !has_no(as, isupper)) || (is_upper && !has_no(as, islower)))
		warn(file, "FromAsCasing", from->line, comments,
		     mem_printf(file, "'%s' and '%s' keywords' casing do not match", as, keyword));
}

static void begin_stage(struct dockerfile *file, const struct draft *d)
{
	struct instruction *from = d->in;
	file->stages = GROW(file, file->stages, struct stage, file->stage_count);
	struct stage *stage = &file->stages[file->stage_count];
	*stage = (struct stage){ .index = file->stage_count++, .line = from->line, .last_line = from->last_line };
	stage->base = mem_strdup(file, from->words->items[0]);
	stage->platform = d->flags.platform && *d->flags.platform ? mem_strdup(file, d->flags.platform) : NULL;
	stage->original = talloc_steal(file, from->original);
	stage->keyword = talloc_steal(file, from->keyword);
	stage->comments = talloc_steal(file, from->comments);
	if (from->words->count == 3) {
		stage->name = mem_strdup(file, from->words->items[2]);
		for (char *p = stage->name; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		check_casing(file, from, stage->comments);
	}
}

static int add(struct reading *r, struct draft *d)
{
	struct dockerfile *file = r->file;
	struct instruction *in = d->in;
	if (in->kind == INSTRUCTION_FROM) {
		begin_stage(file, d);
		return 0;
	}
	if (in->kind == INSTRUCTION_MAINTAINER)
		warn(file, "MaintainerDeprecated", in->line, in->comments,
		     mem_strdup(file, "Maintainer instruction is deprecated in favor of using label"));
	if (file->stage_count) {
		struct stage *stage = &file->stages[file->stage_count - 1];
		stage->instructions = GROW(file, stage->instructions, struct instruction *, stage->count);
		stage->instructions[stage->count++] = talloc_steal(file, in);
	} else if (in->kind == INSTRUCTION_ARG) {
		file->global_args = GROW(file, file->global_args, struct instruction *, file->global_arg_count);
		file->global_args[file->global_arg_count++] = talloc_steal(file, in);
	} else {
		return error_set(r->err, 0, "no build stage in current context: only ARG may stand before the first FROM");
	}
	return 0;
}

/* One statement; 0 at the end. */
static int read_next(struct reading *r)
{
	struct statement s;
	const char *name;
	struct draft *d;
	int found = lines_next(r->scratch, r->lines, &s, r->err);
	*r->line = r->lines->taken;
	if (found <= 0)
		return found;
	*r->line = s.line;
	if (s.empty_continuation)
		warn(r->file, "NoEmptyContinuation", s.empty_continuation, NULL,
		     mem_strdup(r->file, "Empty continuation line"));
	if (read_instruction(r->scratch, r->scratch, r->lines, &s, &d, &name, r->err) < 0 || add(r, d) < 0)
		return error_wrap(r->err, "%s", name);
	return 1;
}

static int read_all(struct reading *r, const char *text, size_t size)
{
	struct dockerfile *file = r->file;
	*r->line = 0;
	if (!size)
		return error_set(r->err, 0, "the Dockerfile cannot be empty");
	if (lines_new(file, text, size, '\\', &r->lines, r->line, r->err) < 0)
		return -1;
	file->lines = excerpt_lines(file, text, size, &file->line_count);
	for (int found = 1; found;) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		r->scratch = scratch;
		found = read_next(r);
		if (found < 0)
			return -1;
	}
	*r->line = 0;
	file->escape = r->lines->escape;
	if (!file->stage_count)
		return error_set(r->err, 0, file->global_arg_count ? "dockerfile contains no stages to build"
								   : "file with no instructions");
	return 0;
}

int dockerfile_parse(const void *ctx, const char *name, const char *text, size_t size, struct dockerfile **ret,
		     unsigned *ret_line, struct error *err)
{
	unsigned line = 0;
	struct dockerfile *file = mem_new(ctx, struct dockerfile);
	CLEANUP_TALLOC char *whole = mem_strndup(NULL, text, size);
	struct reading r = { .file = file, .line = ret_line ? ret_line : &line, .err = err };
	file->name = mem_strdup(file, name);
	if (read_all(&r, text, size) < 0) {
		talloc_free(file);
		return *r.line ? error_wrap(err, "%s:%u", name, *r.line) : error_wrap(err, "%s", name);
	}
	if (strncmp(whole, "\xef\xbb\xbf", 3) == 0)
		memmove(whole, whole + 3, strlen(whole + 3) + 1);
	file->syntax = directive_find(file, whole, DIRECTIVE_SYNTAX);
	file->check = directive_find(file, whole, DIRECTIVE_CHECK);
	talloc_free(r.lines);
	*ret = file;
	return 0;
}

int instruction_parse(const void *ctx, const char *text, char escape, struct instruction **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct lines *lines;
	struct statement s, more;
	struct draft *d;
	const char *name;
	unsigned line;
	if (lines_new(scratch, text, strlen(text), escape, &lines, &line, err) < 0)
		return -1;
	int found = lines_next(scratch, lines, &s, err);
	if (found < 0)
		return -1;
	if (!found)
		return error_set(err, 0, "there is no instruction in '%s'", text);
	if (read_instruction(scratch, scratch, lines, &s, &d, &name, err) < 0)
		return error_wrap(err, "%s", name);
	if (d->in->kind == INSTRUCTION_FROM)
		return error_set(err, 0, "FROM: begins a stage and cannot stand alone");
	found = lines_next(scratch, lines, &more, err);
	if (found)
		return found < 0 ? -1 : error_set(err, 0, "%s: more than one instruction: '%s'", name, more.text);
	d->in->line = d->in->last_line = 0;
	*ret = talloc_steal(ctx, d->in);
	return 0;
}
