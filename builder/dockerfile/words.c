/* SPDX-License-Identifier: Apache-2.0 */
/* Owns splitting without expanding: BuildKit's parser/split_command.go and line_parsers.go. */
#include "builder/dockerfile/words.h"

#include <ctype.h>
#include <string.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/characters.h"
#include "oci/json.h"
#include "tracer/base/text.h"

enum phase { IN_SPACES, IN_WORD, IN_QUOTE };

/* One "--word" at `text`, quotes and escapes taken away; returns what follows it. */
static const char *flag_word(const char *text, char escape, struct buffer *word)
{
	char quote = '\0';
	for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
		if (quote ? *text == quote : *text == '\'' || *text == '"') {
			quote = quote ? '\0' : *text;
			continue;
		}
		if (*text == escape && !*++text)
			break;
		buffer_add(word, text, 1);
	}
	return text;
}

/* POSIX Utility Syntax Guideline 10: "--" ends them. */
static const char *flag_words(const char *text, char escape, struct strlist *flags)
{
	CLEANUP_TALLOC struct buffer *word = buffer_new(NULL);
	for (;;) {
		while (isspace((unsigned char)*text))
			text++;
		if (!text_starts(text, "--"))
			return text;
		buffer_cut(word, 0);
		text = flag_word(text, escape, word);
		if (strcmp(word->text, "--") == 0)
			return text;
		strlist_add(flags, word->text);
	}
}

static size_t blanks(const char *text)
{
	size_t n = 0;
	while (character_is_blank(text[n]))
		n++;
	return n;
}

static size_t not_blanks(const char *text)
{
	size_t n = 0;
	while (text[n] && !character_is_blank(text[n]))
		n++;
	return n;
}

const char *words_cut_first(const void *ctx, const char *text, char **ret_first)
{
	size_t size = not_blanks(text);
	*ret_first = mem_strndup(ctx, text, size);
	return text[size] ? text + size + blanks(text + size) : NULL;
}

void words_of_instruction(const void *ctx, const char *line, char escape, char **ret_name,
			  struct strlist **ret_flags, char **ret_rest)
{
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, line);
	struct strlist *flags = strlist_new(ctx);
	const char *rest = words_cut_first(ctx, characters_trim(copy), ret_name);
	CLEANUP_TALLOC char *arguments = mem_strdup(NULL, rest ? flag_words(rest, escape, flags) : "");
	*ret_flags = flags;
	*ret_rest = mem_strdup(ctx, characters_trim(arguments));
}

struct strlist *words_plain(const void *ctx, const char *text)
{
	struct strlist *list = strlist_new(ctx);
	while (*text) {
		size_t size = not_blanks(text);
		strlist_addf(list, "%.*s", (int)size, text);
		text += size;
		text += blanks(text);
	}
	return list;
}

/* One word at `text` with its quotes and escapes; returns what follows it.  *ret_is_word: even if empty. */
static const char *quoted_word(const char *text, char escape, struct buffer *word)
{
	enum phase phase = IN_WORD;
	char quote = '\0';
	while (*text && (phase == IN_QUOTE || !character_space(text))) {
		size_t width;
		if (phase == IN_WORD && (*text == '\'' || *text == '"')) {
			quote = *text;
			phase = IN_QUOTE;
		} else if (phase == IN_QUOTE && *text == quote) {
			phase = IN_WORD;
		} else if (*text == escape && !(phase == IN_QUOTE && quote == '\'')) {
			/* At the end of the line it is dropped. */
			if (!*++text)
				break;
			buffer_add(word, &escape, 1);
		}
		character_at(text, &width);
		buffer_add(word, text, width);
		text += width;
	}
	return text;
}

struct strlist *words_quoted(const void *ctx, const char *text, char escape)
{
	CLEANUP_TALLOC struct buffer *word = buffer_new(NULL);
	struct strlist *list = strlist_new(ctx);
	for (;;) {
		text = characters_trim_start(text);
		if (!*text)
			return list;
		buffer_cut(word, 0);
		text = quoted_word(text, escape, word);
		if (word->size)
			strlist_add(list, word->text);
	}
}

int words_json(const void *ctx, const char *text, struct strlist **ret, struct error *err)
{
	*ret = NULL;
	text = characters_trim_start(text);
	if (*text != '[')
		return 0;
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct json *array;
	if (json_parse(scratch, text, "", &array, NULL) < 0 || !json_holds_array(array))
		return 0;
	struct strlist *list = strlist_new(ctx);
	for (unsigned i = 0; i < json_length(array); i++) {
		struct json *item = json_at(array, i);
		if (!json_holds_string(item)) {
			talloc_free(list);
			return error_set(err, 0, "a JSON array here must hold strings only");
		}
		strlist_add(list, json_text(item));
	}
	*ret = list;
	return 0;
}

/* A field in quotes; `text` is behind the first. */
static int csv_quoted(const char *text, struct buffer *field, const char **ret_end, struct error *err)
{
	for (;; text++) {
		if (!*text)
			return error_set(err, 0, "a quote is not closed in '%s'", field->text);
		if (*text == '"' && *++text != '"')
			break;
		buffer_add(field, text, 1);
	}
	if (*text && *text != ',')
		return error_set(err, 0, "'%s' follows a closing quote", text);
	*ret_end = text;
	return 0;
}

int words_csv(const void *ctx, const char *text, struct strlist **ret, struct error *err)
{
	if (!*text)
		return error_set(err, 0, "it is empty");
	struct strlist *list = strlist_new(ctx);
	CLEANUP_TALLOC struct buffer *field = buffer_new(NULL);
	for (;; text++) {
		buffer_cut(field, 0);
		if (*text == '"') {
			if (csv_quoted(text + 1, field, &text, err) < 0)
				return -1;
		} else {
			size_t size = strcspn(text, ",");
			buffer_add(field, text, size);
			if (strchr(field->text, '"'))
				return error_set(err, 0, "a quote stands inside '%s'", field->text);
			text += size;
		}
		strlist_add(list, field->text);
		if (!*text)
			break;
	}
	*ret = list;
	return 0;
}

static void change_case(char *text, int change(int))
{
	for (; *text; text++)
		*text = (char)change((unsigned char)*text);
}

static bool is_case(const char *text, int change(int))
{
	for (; *text; text++)
		if (change((unsigned char)*text) != (unsigned char)*text)
			return false;
	return true;
}

const char *words_suggest(const void *ctx, const char *word, const char *const *options, bool is_case_sensitive)
{
	enum { TOO_FAR = 3 };
	CLEANUP_TALLOC char *wanted = mem_strdup(NULL, word);
	CLEANUP_TALLOC char *match = NULL;
	size_t least = TOO_FAR;
	if (!is_case_sensitive)
		change_case(wanted, tolower);
	for (size_t size = strlen(word), length; *options; options++) {
		length = strlen(*options);
		if (length >= size + TOO_FAR || size >= length + TOO_FAR)
			continue;
		char *option = mem_strdup(NULL, *options);
		if (!is_case_sensitive)
			change_case(option, tolower);
		size_t distance = text_distance(wanted, option);
		if (distance == 0) {
			talloc_free(option);
			return NULL;
		}
		/* Of two that are as near, the one that begins alike: RNU is RUN and not ENV. */
		bool begins_alike = match && *match != *wanted && *option == *wanted;
		if (distance < least || (distance == least && begins_alike)) {
			talloc_free(match);
			match = option;
			least = distance;
		} else {
			talloc_free(option);
		}
	}
	if (!match)
		return NULL;
	if (!is_case_sensitive && is_case(word, toupper) && !is_case(word, tolower))
		change_case(match, toupper);
	return mem_strdup(ctx, match);
}
