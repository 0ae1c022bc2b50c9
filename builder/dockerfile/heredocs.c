/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words that announce heredocs: ^(\d*)<<(-?)\s*([^<]*)$, the last a single word. */
#include "builder/dockerfile/heredocs.h"

#include <limits.h>
#include <string.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/lex.h"
#include "tracer/base/text.h"

/* The escape is a backslash here whatever the directive says, as in BuildKit. */
static const struct expansion nothing = { .escape = '\\' };

static size_t count_quotes(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += *text == '\'' || *text == '"';
	return count;
}

static unsigned descriptor(const char *digits, size_t size)
{
	uint64_t number = 0;
	CLEANUP_TALLOC char *text = mem_strndup(NULL, digits, size);
	if (size && !text_to_number(text, UINT_MAX, &number))
		return UINT_MAX;
	return (unsigned)number;
}

int heredoc_of_word(const void *ctx, const char *word, struct raw_heredoc **ret, struct error *err)
{
	size_t digits = strspn(word, "0123456789");
	const char *rest = word + digits;
	*ret = NULL;
	if (!text_starts(rest, "<<"))
		return 0;
	rest += 2;
	bool tabs_go = *rest == '-';
	rest += tabs_go;
	rest += strspn(rest, " \t\n\f\r");
	if (!*rest || strchr(rest, '<'))
		return 0;
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	CLEANUP_TALLOC struct strlist *quoted = strlist_new(NULL);
	if (lex_words(&nothing, LEX_KEEPS_UNSET, rest, names, err) < 0)
		return -1;
	if (names->count != 1)
		return 0;
	if (lex_words(&nothing, LEX_KEEPS_UNSET | LEX_KEEPS_QUOTES, rest, quoted, err) < 0)
		return -1;
	struct raw_heredoc *doc = mem_new(ctx, struct raw_heredoc);
	doc->name = mem_strdup(doc, names->items[0]);
	doc->fd = descriptor(word, digits);
	doc->tabs_go = tabs_go;
	/* A quote anywhere in the delimiter, and the body is literal. */
	doc->expands = quoted->count == 1 && count_quotes(quoted->items[0]) == count_quotes(doc->name);
	*ret = doc;
	return 0;
}

int heredocs_of_line(const void *ctx, const char *line, struct raw_heredoc ***ret, unsigned *ret_count,
		     struct error *err)
{
	CLEANUP_TALLOC struct strlist *words = strlist_new(NULL);
	*ret_count = 0;
	*ret = NULL;
	if (lex_words(&nothing, LEX_KEEPS_QUOTES | LEX_KEEPS_ESCAPES | LEX_KEEPS_UNSET, line, words, NULL) < 0)
		return 0;
	struct raw_heredoc **docs = mem_array(ctx, struct raw_heredoc *, HEREDOCS_MAX);
	unsigned count = 0;
	for (size_t i = 0; i < words->count; i++) {
		struct raw_heredoc *doc;
		if (heredoc_of_word(docs, words->items[i], &doc, err) < 0)
			return -1;
		if (doc && count == HEREDOCS_MAX)
			return error_set(err, 0, "has more than %d heredocs", HEREDOCS_MAX);
		if (doc)
			docs[count++] = doc;
	}
	*ret = docs;
	*ret_count = count;
	return 0;
}

char *heredoc_strip_tabs(const void *ctx, const char *content)
{
	CLEANUP_TALLOC struct buffer *out = buffer_new(NULL);
	while (*content) {
		content += strspn(content, "\t");
		size_t size = strcspn(content, "\n");
		size += content[size] == '\n';
		buffer_add(out, content, size);
		content += size;
	}
	return mem_strndup(ctx, out->text, out->size);
}
