/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dockerfiles of any bytes: a failure has a sentence and a line, what was read reads the same again, and
 * expanding, checking and drawing of it work.
 */
#include <string.h>

#include "builder/dockerfile/check.h"
#include "builder/dockerfile/expand.h"
#include "tests/fuzz/fuzz.h"

static const char *get(void *arg, const char *name, size_t size)
{
	(void)arg;
	(void)name;
	return size & 1 ? "a value/*.txt" : NULL;
}

static bool is_same(const struct instruction *a, const struct instruction *b)
{
	if (a->kind != b->kind || a->is_exec_form != b->is_exec_form || a->words->count != b->words->count ||
	    a->pair_count != b->pair_count || a->mount_count != b->mount_count)
		return false;
	for (size_t i = 0; i < a->words->count; i++)
		if (strcmp(a->words->items[i], b->words->items[i]) != 0)
			return false;
	for (unsigned i = 0; i < a->pair_count; i++)
		if (strcmp(a->pairs[i].key, b->pairs[i].key) != 0)
			return false;
	return true;
}

static void look_at(const struct dockerfile *file, const struct instruction *in)
{
	enum { LINE_MAX_BYTES = 65535 };
	const struct expansion e = { .escape = file->escape, .get = get };
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct instruction *out, *again;
	struct error err = ERROR_INIT;
	if (instruction_expand(scratch, &e, in, &out, &err) < 0)
		must(err.text[0] != '\0');
	if (strlen(in->original) > LINE_MAX_BYTES)
		return;
	/* The original has no bodies; a trigger keeps the blanks at its end. */
	if (!strstr(in->original, "<<") && in->kind != INSTRUCTION_ONBUILD)
		must(instruction_parse(scratch, in->original, file->escape, &again, NULL) == 0 && is_same(in, again));
	if (in->trigger)
		must(instruction_parse(scratch, in->words->items[0], file->escape, &again, NULL) == 0 &&
		     is_same(in->trigger, again) && in->trigger->heredoc_count == again->heredoc_count);
}

static void check(const struct dockerfile *file, const char *spec)
{
	CLEANUP_TALLOC struct strlist *ignored = strlist_new(NULL);
	struct dockerfile_warning *warnings;
	struct error err = ERROR_INIT;
	unsigned count;
	bool is_error;
	strlist_add(ignored, "a*");
	const struct check_options options = { .ignored = ignored, .platform = "linux/amd64", .spec = spec,
					       .all_stages = file->stage_count & 1 };
	if (dockerfile_check(ignored, file, &options, &warnings, &count, &is_error, &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	for (unsigned i = 0; i < count; i++)
		must(warnings[i].rule && warnings[i].line >= 1 &&
		     warnings[i].line <= file->line_count && (!i || warnings[i - 1].line <= warnings[i].line));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	/* Of exactly that size, so that reading beyond it is seen. */
	const char *text = mem_memdup(scratch, (const char *)bytes, size);
	struct dockerfile *file;
	struct error err = ERROR_INIT;
	unsigned line = 0;
	if (dockerfile_parse(scratch, "Dockerfile", text, size, &file, &line, &err) < 0) {
		must(err.text[0] != '\0');
		dockerfile_excerpt_text(scratch, "Dockerfile", text, size, line);
		return 0;
	}
	must(file->stage_count > 0 && line == 0);
	for (unsigned i = 0; i < file->stage_count; i++) {
		const struct stage *stage = &file->stages[i];
		dockerfile_excerpt(scratch, file, stage->line, stage->last_line);
		for (unsigned j = 0; j < stage->count; j++)
			look_at(file, stage->instructions[j]);
	}
	check(file, NULL);
	check(file, "experimental=all");
	return 0;
}
