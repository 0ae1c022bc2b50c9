/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the picture of a place in a Dockerfile, in the form that docker build prints. */
#include "builder/dockerfile/excerpt.h"

#include <string.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/dockerfile.h"

char **excerpt_lines(const void *ctx, const char *text, size_t size, unsigned *ret_count)
{
	unsigned count = 1, at = 0;
	for (size_t i = 0; i < size; i++)
		count += text[i] == '\n';
	char **lines = mem_array(ctx, char *, count);
	for (const char *end = text + size; at < count; at++) {
		const char *newline = memchr(text, '\n', end - text);
		const char *stop = newline ? newline : end;
		lines[at] = mem_strndup(lines, text, stop - text);
		text = newline ? newline + 1 : end;
	}
	*ret_count = count;
	return lines;
}

/* A line for a terminal: nothing in it may move the cursor. */
static void add_line(struct buffer *out, unsigned number, bool is_marked, const char *line)
{
	CLEANUP_TALLOC char *head = mem_printf(NULL, " %3u | %s ", number, is_marked ? ">>>" : "   ");
	CLEANUP_TALLOC char *shown = mem_strdup(NULL, line);
	size_t size = strlen(shown);
	if (size && shown[size - 1] == '\r')
		shown[size - 1] = '\0';
	for (char *p = shown; *p; p++)
		if ((*p > 0 && *p < ' ' && *p != '\t') || *p == 0x7f)
			*p = '?';
	buffer_add_text(out, head);
	buffer_add_text(out, shown);
	buffer_add_text(out, "\n");
}

static char *draw(const void *ctx, const char *name, char *const *lines, unsigned count, unsigned line, unsigned last)
{
	if (line < 1 || line > count)
		return mem_strdup(ctx, "");
	if (last < line)
		last = line;
	if (last > count)
		last = count;
	unsigned first_shown = line, last_shown = last;
	/* Two lines around, or four when only one is at fault, counted as BuildKit does. */
	for (unsigned shown = 0, wanted = last == line ? 4 : 2; shown < wanted; shown++) {
		if (first_shown > 1) {
			first_shown--;
			shown++;
		}
		if (last_shown < count) {
			last_shown++;
			shown++;
		}
	}
	CLEANUP_TALLOC struct buffer *out = buffer_new(NULL);
	CLEANUP_TALLOC char *head = mem_printf(NULL, "%s:%u\n--------------------\n", name, line);
	buffer_add_text(out, head);
	for (unsigned i = first_shown; i <= last_shown; i++)
		add_line(out, i, i >= line && i <= last, lines[i - 1]);
	buffer_add_text(out, "--------------------\n");
	return mem_strndup(ctx, out->text, out->size);
}

char *dockerfile_excerpt(const void *ctx, const struct dockerfile *file, unsigned line, unsigned last_line)
{
	return draw(ctx, file->name, file->lines, file->line_count, line, last_line);
}

char *dockerfile_excerpt_text(const void *ctx, const char *name, const char *text, size_t size, unsigned line)
{
	unsigned count;
	CLEANUP_TALLOC char **lines = excerpt_lines(NULL, text, size, &count);
	return draw(ctx, name, lines, count, line, line);
}
