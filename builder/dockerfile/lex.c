/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns how a word is read.  The rules are those of BuildKit's shell/lex.go, also where a shell's differ: every
 * name in a word is looked up, a backslash in "${x#pattern}" stays, "$$" is a variable without a value.
 * substitution.h has what patterns do.
 */
#include "builder/dockerfile/lex.h"

#include <string.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/characters.h"
#include "builder/dockerfile/substitution.h"

/* The words of a text as they grow; NULL where nobody asks for them. */
struct words {
	struct strlist *list;
	struct buffer *word;
	bool is_inside;
};

struct scan {
	const struct expansion *e;
	unsigned flags;
	bool keeps_escapes;
	unsigned depth;
	const char *at;
	struct words *words; /* NULL: of one word */
	struct error *err;
};

static void words_end(struct words *w)
{
	if (w->word->size == 0)
		return;
	strlist_add(w->list, w->word->text);
	buffer_cut(w->word, 0);
	w->is_inside = false;
}

static void words_add(struct words *w, const char *bytes, size_t size)
{
	if (!w)
		return;
	buffer_add(w->word, bytes, size);
	w->is_inside = true;
}

/* White space ends a word; `bytes` may hold any number of characters. */
static void words_add_split(struct words *w, const char *bytes, size_t size)
{
	for (size_t i = 0, width; w && i < size; i += width) {
		width = character_space(bytes + i);
		if (width && w->is_inside) {
			words_end(w);
		} else if (!width) {
			width = 1;
			words_add(w, bytes + i, 1);
		}
	}
}

static int until(struct scan *s, char stop, bool keeps_escapes, struct buffer *out, struct words *words);

static int missing_brace(struct scan *s)
{
	return error_set(s->err, 0, "syntax error: missing '}'");
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* [A-Za-z_][A-Za-z0-9_]*, digits, or one special parameter of the shell; possibly nothing. */
static const char *read_name(struct scan *s, size_t *ret_size)
{
	const char *start = s->at;
	if (is_digit(*s->at)) {
		while (is_digit(*s->at))
			s->at++;
	} else if (*s->at && strchr("@*#?-$!", *s->at)) {
		s->at++;
	} else {
		for (size_t width = 1; width;) {
			width = *s->at == '_' || is_digit(*s->at) ? 1 : character_letter(s->at);
			s->at += width;
		}
	}
	*ret_size = s->at - start;
	return start;
}

static const char *value_of(struct scan *s, const char *name, size_t size)
{
	const char *value = s->e->get ? s->e->get(s->e->arg, name, size) : NULL;
	if (!value && s->e->unset)
		strlist_addf(s->e->unset, "%.*s", (int)size, name);
	return value;
}

/* What stands in the braces, to be written again when the variable is not set and that is wished. */
struct braces {
	const char *name;
	size_t name_size;
	bool null_is_unset;
	const char *modifier; /* the character, in the text */
};

static int unsupported(struct scan *s, const struct braces *b)
{
	size_t width = 0;
	if (*b->modifier)
		character_at(b->modifier, &width);
	return error_set(s->err, 0, "unsupported modifier (%s%.*s) in substitution", b->null_is_unset ? ":" : "",
			 (int)width, b->modifier);
}

/* As `until`, for the words of a modifier.  What stood before the "$" in its word is lost, as in BuildKit. */
static int part(struct scan *s, char stop, bool keeps_escapes, struct buffer *out)
{
	if (s->words)
		buffer_cut(s->words->word, 0);
	if (until(s, stop, keeps_escapes, out, NULL) == 0)
		return 0;
	if (*s->at)
		return -1;
	return stop == '/' ? error_set(s->err, 0, "syntax error: missing '/' in ${}") : missing_brace(s);
}

static int conditional(struct scan *s, const struct braces *b, const char *word, const char *value,
		       struct buffer *out)
{
	bool is_missing = !value || (b->null_is_unset && !*value);
	switch (*b->modifier) {
	case '-':
		buffer_add_text(out, is_missing ? word : value);
		return 0;
	case '+':
		buffer_add_text(out, is_missing ? "" : word);
		return 0;
	case '?':
		if (is_missing)
			return error_set(s->err, 0, "%.*s: %s", (int)b->name_size, b->name,
					 *word    ? word
					 : !value ? "is not allowed to be unset"
						  : "is not allowed to be empty");
		buffer_add_text(out, value);
		return 0;
	}
	return unsupported(s, b);
}

/* "${name" "[:]modifier" is read: the word and the closing brace follow. */
static int modified(struct scan *s, const struct braces *b, struct buffer *out)
{
	char modifier = *b->modifier;
	bool is_trim = modifier == '#' || modifier == '%';
	if (b->null_is_unset && is_trim)
		return unsupported(s, b);
	CLEANUP_TALLOC struct buffer *word = buffer_new(NULL);
	if (part(s, '}', is_trim, word) < 0)
		return -1;
	const char *value = value_of(s, b->name, b->name_size);
	if (!value && (s->flags & LEX_KEEPS_UNSET)) {
		buffer_add(out, "${", 2);
		buffer_add(out, b->name, b->modifier - b->name);
		size_t width = 0;
		if (modifier)
			character_at(b->modifier, &width);
		buffer_add(out, b->modifier, width);
		buffer_add_text(out, word->text);
		buffer_add(out, "}", 1);
		return 0;
	}
	if (!is_trim)
		return conditional(s, b, word->text, value, out);
	bool is_longest = word->text[0] == modifier;
	return substitution_trim(word->text + is_longest, value ? value : "", modifier == '%', is_longest, out,
				 s->err);
}

/* "${name/" is read. */
static int replaced(struct scan *s, const struct braces *b, struct buffer *out)
{
	bool is_all = *s->at == '/';
	s->at += is_all;
	CLEANUP_TALLOC struct buffer *pattern = buffer_new(NULL);
	CLEANUP_TALLOC struct buffer *replacement = buffer_new(NULL);
	if (part(s, '/', true, pattern) < 0 || part(s, '}', true, replacement) < 0)
		return -1;
	const char *value = value_of(s, b->name, b->name_size);
	if (!value && (s->flags & LEX_KEEPS_UNSET)) {
		buffer_add(out, "${", 2);
		buffer_add(out, b->name, b->name_size);
		buffer_add(out, "/", 1);
		buffer_add_text(out, pattern->text);
		buffer_add(out, "/", 1);
		buffer_add_text(out, replacement->text);
		buffer_add(out, "}", 1);
		return 0;
	}
	return substitution_replace(pattern->text, replacement->text, value ? value : "", is_all, out, s->err);
}

/* "${" is read. */
static int braced(struct scan *s, struct buffer *out)
{
	if (!*s->at)
		return missing_brace(s);
	if (strchr("{}:", *s->at))
		return error_set(s->err, 0, "syntax error: bad substitution");
	struct braces b = { 0 };
	b.name = read_name(s, &b.name_size);
	b.modifier = s->at;
	size_t width;
	character_at(s->at, &width);
	switch (*s->at) {
	case '\0':
		return missing_brace(s);
	case '}': {
		s->at++;
		const char *value = value_of(s, b.name, b.name_size);
		if (value)
			buffer_add_text(out, value);
		else if (s->flags & LEX_KEEPS_UNSET)
			buffer_add(out, b.name - 2, b.name_size + 3);
		return 0;
	}
	case ':':
		b.null_is_unset = true;
		b.modifier = ++s->at;
		if (*s->at) {
			character_at(s->at, &width);
			s->at += width;
		}
		return modified(s, &b, out);
	case '+':
	case '-':
	case '?':
	case '#':
	case '%':
		s->at++;
		return modified(s, &b, out);
	case '/':
		s->at++;
		return replaced(s, &b, out);
	}
	return unsupported(s, &b);
}

static int dollar(struct scan *s, struct buffer *out)
{
	const char *start = s->at++;
	if (*s->at == '{') {
		s->at++;
		if (++s->depth > LEX_MAX_DEPTH)
			return error_set(s->err, 0, "more than %d variables are nested", LEX_MAX_DEPTH);
		int r = braced(s, out);
		s->depth--;
		return r;
	}
	size_t size;
	const char *name = read_name(s, &size);
	const char *value = size ? value_of(s, name, size) : NULL;
	if (value)
		buffer_add_text(out, value);
	else if (!size || (s->flags & LEX_KEEPS_UNSET))
		buffer_add(out, start, size + 1);
	return 0;
}

static int single_quoted(struct scan *s, struct buffer *out)
{
	const char *end = strchr(s->at + 1, '\'');
	if (!end)
		return error_set(s->err, 0, "unexpected end of statement while looking for matching single-quote");
	bool keeps = s->flags & LEX_KEEPS_QUOTES;
	buffer_add(out, s->at + !keeps, end - s->at + (keeps ? 1 : -1));
	s->at = end + 1;
	return 0;
}

static int double_quoted(struct scan *s, struct buffer *out)
{
	if (s->flags & LEX_KEEPS_QUOTES)
		buffer_add(out, "\"", 1);
	for (s->at++; *s->at && *s->at != '"';) {
		char c = *s->at;
		if (c == '$') {
			if (dollar(s, out) < 0)
				return -1;
			continue;
		}
		s->at++;
		if (c == s->e->escape) {
			if (s->keeps_escapes)
				buffer_add(out, &c, 1);
			if (!*s->at)
				break;
			/* Nothing else can be escaped: the escape is then a character. */
			if (*s->at == '"' || *s->at == '$' || *s->at == s->e->escape)
				c = *s->at++;
		}
		buffer_add(out, &c, 1);
	}
	if (!*s->at)
		return error_set(s->err, 0, "unexpected end of statement while looking for matching double-quote");
	s->at++;
	if (s->flags & LEX_KEEPS_QUOTES)
		buffer_add(out, "\"", 1);
	return 0;
}

/* Blanks between "<<" and the delimiter do not end a word. */
static void possible_heredoc(struct scan *s, struct buffer *out)
{
	const char *start = s->at++;
	if (*s->at == '<')
		for (s->at++; *s->at == ' ' || *s->at == '\t' || *s->at == '\r';)
			s->at++;
	buffer_add(out, start, s->at - start);
}

static void plain(struct scan *s, struct buffer *out, struct words *words)
{
	const char *start = s->at++;
	if (*start != s->e->escape) {
		size_t width;
		character_at(start, &width);
		s->at = start + width;
		buffer_add(out, start, width);
		words_add_split(words, start, width);
		return;
	}
	if (!s->keeps_escapes)
		start++;
	if (*s->at) {
		size_t width;
		character_at(s->at, &width);
		s->at += width;
	}
	buffer_add(out, start, s->at - start);
	if (s->at > start)
		words_add(words, start, s->at - start);
}

/* Read up to `stop`, which is taken, or to the end of the text when it is NUL. */
static int until(struct scan *s, char stop, bool keeps_escapes, struct buffer *out, struct words *words)
{
	bool before = s->keeps_escapes;
	bool has_quotes = !(s->flags & LEX_PLAIN_QUOTES);
	int r = 0;
	s->keeps_escapes = keeps_escapes;
	while (r == 0 && *s->at && !(stop && *s->at == stop)) {
		size_t from = out->size;
		char c = *s->at;
		if (c == '$')
			r = dollar(s, out);
		else if (has_quotes && c == '\'')
			r = single_quoted(s, out);
		else if (has_quotes && c == '"')
			r = double_quoted(s, out);
		else if (c == '<')
			possible_heredoc(s, out);
		else {
			plain(s, out, words);
			continue;
		}
		if (r == 0 && out->size > LEX_MAX_BYTES)
			r = error_set(s->err, 0, "expands to more than %d bytes", LEX_MAX_BYTES);
		if (c == '$')
			words_add_split(words, out->text + from, out->size - from);
		else
			words_add(words, out->text + from, out->size - from);
	}
	s->keeps_escapes = before;
	if (r < 0 || !stop)
		return r;
	if (!*s->at)
		return error_set(s->err, 0, "unexpected end of statement while looking for matching %c", stop);
	s->at++;
	return 0;
}

int lex_word(const void *ctx, const struct expansion *e, unsigned flags, const char *word, char **ret,
	     struct error *err)
{
	CLEANUP_TALLOC struct buffer *out = buffer_new(NULL);
	struct scan s = { .e = e, .flags = flags, .at = word, .err = err };
	if (until(&s, '\0', flags & LEX_KEEPS_ESCAPES, out, NULL) < 0)
		return -1;
	*ret = mem_strndup(ctx, out->text, out->size);
	return 0;
}

int lex_words(const struct expansion *e, unsigned flags, const char *text, struct strlist *ret,
	      struct error *err)
{
	CLEANUP_TALLOC struct buffer *out = buffer_new(NULL);
	CLEANUP_TALLOC struct buffer *word = buffer_new(NULL);
	struct words words = { .list = ret, .word = word };
	struct scan s = { .e = e, .flags = flags, .at = text, .words = &words, .err = err };
	if (until(&s, '\0', flags & LEX_KEEPS_ESCAPES, out, &words) < 0)
		return -1;
	words_end(&words);
	return 0;
}
