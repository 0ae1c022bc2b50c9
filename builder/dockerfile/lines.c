/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a line is, and which go together: BuildKit's parser/parser.go. */
#include "builder/dockerfile/lines.h"

#include <string.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/characters.h"

static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";

size_t line_content_size(const struct line *line)
{
	size_t size = line->size;
	while (size > 0 && (line->text[size - 1] == '\n' || line->text[size - 1] == '\r'))
		size--;
	return size;
}

static int check_line(const struct line *line, struct error *err)
{
	bool has_end = line->size && line->text[line->size - 1] == '\n';
	if (memchr(line->text, '\0', line->size))
		return error_set(err, 0, "holds a NUL byte: a Dockerfile is text in UTF-8");
	if (line->size - has_end > LINE_MAX_BYTES)
		return error_set(err, 0, "dockerfile line greater than max allowed size of %d", LINE_MAX_BYTES);
	return 0;
}

int lines_new(const void *ctx, const char *text, size_t size, char escape, struct lines **ret, unsigned *ret_line,
	      struct error *err)
{
	*ret_line = 0;
	if (size > TEXT_MAX_BYTES)
		return error_set(err, 0, "is larger than %d bytes", TEXT_MAX_BYTES);
	struct lines *lines = mem_new(ctx, struct lines);
	unsigned count = 0;
	for (const char *p = text, *end; p < text + size; p = end, count++) {
		end = memchr(p, '\n', text + size - p);
		end = end ? end + 1 : text + size;
	}
	lines->items = mem_array(lines, struct line, count);
	for (const char *p = text, *end; p < text + size; p = end) {
		end = memchr(p, '\n', text + size - p);
		end = end ? end + 1 : text + size;
		struct line *line = &lines->items[lines->count++];
		*line = (struct line){ p, end - p };
		*ret_line = lines->count;
		if (check_line(line, err) < 0)
			return -1;
	}
	size_t mark = strlen(BYTE_ORDER_MARK);
	if (lines->count && lines->items[0].size >= mark && memcmp(text, BYTE_ORDER_MARK, mark) == 0) {
		lines->items[0].text += mark;
		lines->items[0].size -= mark;
	}
	lines->escape = escape;
	lines->directives.comment = "#";
	*ret_line = 0;
	*ret = lines;
	return 0;
}

const struct line *lines_take(struct lines *lines)
{
	return lines->taken < lines->count ? &lines->items[lines->taken++] : NULL;
}

/* The content of a line on ctx. */
static char *content_of(const void *ctx, const struct line *line)
{
	return mem_strndup(ctx, line->text, line_content_size(line));
}

static bool is_comment(const char *text)
{
	return *characters_trim_start(text) == '#';
}

/* As BuildKit has it, the first byte is taken for the sign, even when it is a blank. */
static void keep_comment(struct strlist **comments, const void *ctx, const char *text)
{
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, text + 1);
	const char *comment = characters_trim(copy);
	if (*comment) {
		strlist_add(*comments, comment);
		return;
	}
	talloc_free(*comments);
	*comments = strlist_new(ctx);
}

/*
 * The escape, blanks, the end; but not two escapes: ([^\\])\\[ \t]*$|^\\[ \t]*$.  Takes them away.
 */
static bool is_continued(char *text, char escape)
{
	size_t size = strlen(text);
	while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
		size--;
	if (size == 0 || text[size - 1] != escape || (size > 1 && text[size - 2] == escape))
		return false;
	text[size - 1] = '\0';
	return true;
}

/* Is the line a directive?  Only `escape` matters here. */
static int read_directive(struct lines *lines, const char *text, struct error *err)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	enum directive which;
	char *value;
	int found = directive_read(scratch, &lines->directives, text, &which, &value, err);
	if (found <= 0 || which != DIRECTIVE_ESCAPE)
		return found;
	if (strcmp(value, "`") != 0 && strcmp(value, "\\") != 0)
		return error_set(err, 0, "invalid escape token '%s' does not match ` or \\", value);
	lines->escape = *value;
	return 1;
}

/* Lines after the first; comments and empty lines between are passed over. */
static void join(struct lines *lines, struct buffer *text, bool *ret_has_empty)
{
	for (bool goes_on = true; goes_on;) {
		const struct line *line = lines_take(lines);
		if (!line)
			return;
		CLEANUP_TALLOC char *content = content_of(NULL, line);
		if (is_comment(content))
			continue;
		if (!*characters_trim_start(content)) {
			*ret_has_empty = true;
			continue;
		}
		goes_on = is_continued(content, lines->escape);
		buffer_add_text(text, content);
	}
}

int lines_next(const void *ctx, struct lines *lines, struct statement *ret, struct error *err)
{
	struct strlist *comments = strlist_new(ctx);
	const struct line *line;
	while ((line = lines_take(lines)) != NULL) {
		CLEANUP_TALLOC char *whole = content_of(NULL, line);
		char *content = whole + (characters_trim_start(whole) - whole);
		int is_directive = read_directive(lines, content, err);
		if (is_directive < 0)
			return -1;
		if (*content == '#') {
			if (!is_directive)
				keep_comment(&comments, ctx, whole);
			continue;
		}
		unsigned first = lines->taken;
		bool goes_on = is_continued(content, lines->escape), has_empty = false;
		if (!goes_on && !*content)
			continue;
		CLEANUP_TALLOC struct buffer *text = buffer_new(NULL);
		buffer_add_text(text, content);
		if (goes_on)
			join(lines, text, &has_empty);
		*ret = (struct statement){ .line = first, .last_line = lines->taken, .comments = comments };
		ret->text = mem_strndup(ctx, text->text, text->size);
		ret->empty_continuation = has_empty ? lines->taken : 0;
		return 1;
	}
	talloc_free(comments);
	return 0;
}
