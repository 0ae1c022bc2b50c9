/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is a word, the second a pattern, the third a value, the fourth a replacement, the others are
 * variables: expanding ends, and patterns match what a slow and simple matcher says.
 */
#include <string.h>

#include "builder/dockerfile/characters.h"
#include "builder/dockerfile/lex.h"
#include "builder/dockerfile/substitution.h"
#include "tests/fuzz/fuzz.h"

enum { NAMED = 4, SLOW_BYTES = 24 };

static const char *get(void *arg, const char *name, size_t size)
{
	const struct strlist *lines = arg;
	for (size_t i = NAMED; i < lines->count; i++)
		if (strncmp(lines->items[i], name, size) == 0 && lines->items[i][size] == '=')
			return lines->items[i] + size + 1;
	return NULL;
}

/* Does the pattern match the whole text up to `end`? */
static bool matches(const char *pattern, const char *text, const char *end)
{
	size_t width;
	if (!*pattern)
		return text == end;
	if (*pattern == '*')
		return matches(pattern + 1, text, end) ||
		       (text < end && *text != '\n' && (character_at(text, &width), matches(pattern, text + width, end)));
	if (text >= end)
		return false;
	character_at(text, &width);
	if (*pattern == '?')
		return *text != '\n' && matches(pattern + 1, text + width, end);
	if (*pattern == '\\')
		pattern++;
	size_t wanted;
	character_at(pattern, &wanted);
	return wanted == width && memcmp(pattern, text, width) == 0 && matches(pattern + width, text + width, end);
}

static void check_trim(const char *pattern, const char *value)
{
	size_t size = strlen(value), shortest = SIZE_MAX, longest = SIZE_MAX, width;
	CLEANUP_TALLOC struct buffer *out = buffer_new(NULL);
	if (substitution_trim(pattern, value, false, false, out, NULL) < 0 || strlen(pattern) > SLOW_BYTES ||
	    size > SLOW_BYTES)
		return;
	for (size_t end = 0; end <= size; end += width) {
		width = 1;
		if (end < size)
			character_at(value + end, &width);
		if (!matches(pattern, value, value + end))
			continue;
		if (shortest == SIZE_MAX)
			shortest = end;
		longest = end;
	}
	must(strcmp(out->text, value + (shortest == SIZE_MAX ? 0 : shortest)) == 0);
	buffer_cut(out, 0);
	must(substitution_trim(pattern, value, false, true, out, NULL) == 0);
	must(strcmp(out->text, value + (longest == SIZE_MAX ? 0 : longest)) == 0);
}

/* One that escapes nothing comes before the others when the pattern is read backwards. */
static bool ends_with_escape(const char *pattern)
{
	size_t count = 0;
	for (size_t i = strlen(pattern); i-- > 0 && pattern[i] == '\\';)
		count++;
	return count & 1;
}

static void check_trim_end(const char *pattern, const char *value)
{
	size_t size = strlen(value), shortest = size, longest = size, width;
	CLEANUP_TALLOC struct buffer *out = buffer_new(NULL);
	if (substitution_trim(pattern, value, true, false, out, NULL) < 0 || strlen(pattern) > SLOW_BYTES ||
	    size > SLOW_BYTES || ends_with_escape(pattern))
		return;
	for (size_t start = 0; start <= size; start += width) {
		width = 1;
		if (start < size)
			character_at(value + start, &width);
		if (!matches(pattern, value + start, value + size))
			continue;
		if (longest == size)
			longest = start;
		shortest = start;
	}
	must(out->size == shortest && memcmp(out->text, value, shortest) == 0);
	buffer_cut(out, 0);
	must(substitution_trim(pattern, value, true, true, out, NULL) == 0);
	must(out->size == longest && memcmp(out->text, value, longest) == 0);
}

static void check_replace(const char *pattern, const char *value, const char *replacement)
{
	CLEANUP_TALLOC struct buffer *once = buffer_new(NULL);
	CLEANUP_TALLOC struct buffer *all = buffer_new(NULL);
	if (substitution_replace(pattern, replacement, value, false, once, NULL) < 0)
		return;
	if (substitution_replace(pattern, replacement, value, true, all, NULL) < 0)
		return;
	/* What does not match is not touched, by either. */
	must((strcmp(once->text, value) == 0) <= (strcmp(all->text, value) == 0) || *replacement);
}

static void check_word(const struct expansion *e, const char *word)
{
	CLEANUP_TALLOC struct strlist *words = strlist_new(NULL);
	struct error err = ERROR_INIT;
	char *value;
	for (unsigned flags = 0; flags < 16; flags++) {
		if (lex_word(words, e, flags, word, &value, &err) < 0)
			must(err.text[0] != '\0');
		else if (!strpbrk(word, "$'\"") && !strchr(word, e->escape))
			must(strcmp(value, word) == 0);
	}
	if (expand_words(words, e, word, words, &err) == 0)
		for (size_t i = 0; i < words->count; i++)
			must(words->items[i][0] != '\0');
	if (expand_raw(words, e, word, &value, &err) < 0)
		must(err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC struct strlist *lines = strlist_new(NULL);
	CLEANUP_TALLOC struct strlist *unset = strlist_new(NULL);
	CLEANUP_TALLOC char *text = mem_strndup(NULL, (const char *)bytes, size);
	for (char *p = text, *end; p; p = end) {
		end = strchr(p, '\n');
		if (end)
			*end++ = '\0';
		strlist_add(lines, p);
	}
	while (lines->count < NAMED)
		strlist_add(lines, "");
	const struct expansion e = { .escape = size & 1 ? '`' : '\\', .get = get, .arg = lines, .unset = unset };
	check_word(&e, lines->items[0]);
	check_trim(lines->items[1], lines->items[2]);
	check_trim_end(lines->items[1], lines->items[2]);
	check_replace(lines->items[1], lines->items[2], lines->items[3]);
	return 0;
}
