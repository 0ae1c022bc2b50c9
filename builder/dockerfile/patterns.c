/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the matching of paths: a pattern becomes a list of tokens, which is run as an automaton over the path,
 * so that no pattern takes longer than its length times the path's.
 */
#include "builder/dockerfile/patterns.h"

#include <stdint.h>
#include <string.h>

#include "tracer/base/text.h"

/* What patternmatcher makes of a pattern decides more than speed: "**x" without a wildcard is any suffix. */
enum pattern_type { TYPE_EXACT, TYPE_PREFIX, TYPE_SUFFIX, TYPE_TOKENS };

enum token_kind {
	TOKEN_BYTE,
	TOKEN_ONE,     /* "?": one character, no slash */
	TOKEN_CLASS,   /* "[...]" */
	TOKEN_STAR,    /* "*": [^/]* */
	TOKEN_ALL,     /* "**" at the end: .* */
	TOKEN_FOLDERS, /* "**" elsewhere: (.*\/)?, which is this and ... */
	TOKEN_FOLDERS_REST,
};

struct token {
	uint8_t kind;
	char byte;
	const char *class_text; /* behind the "[" */
};

struct pattern {
	char *text;
	enum pattern_type type;
	struct token *tokens;
	unsigned token_count;
	bool is_exception;   /* began with "!" */
	size_t plain_length; /* bytes of `text` before anything special */
};

struct patterns {
	struct pattern *items;
	unsigned count;
	bool has_exceptions;
};

enum { RUNE_ERROR = 0xfffd, STACK_TOKENS = 256 };

/* One character as Go decodes it: a byte that is no UTF-8 is U+FFFD, one byte wide. */
static unsigned decode(const char *text, size_t left, uint32_t *ret)
{
	const unsigned char *t = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned length = t[0] < 0x80 ? 1 : t[0] < 0xc2 ? 0 : t[0] < 0xe0 ? 2 : t[0] < 0xf0 ? 3 : t[0] < 0xf5 ? 4 : 0;
	*ret = RUNE_ERROR;
	if (length == 0 || length > left)
		return 1;
	uint32_t rune = length == 1 ? t[0] : t[0] & (0xff >> (length + 1));
	for (unsigned i = 1; i < length; i++) {
		if ((t[i] & 0xc0) != 0x80)
			return 1;
		rune = rune << 6 | (t[i] & 0x3f);
	}
	if (rune < least[length] || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		return 1;
	*ret = rune;
	return length;
}

/* One end of a range in a class: NULL when malformed. */
static const char *class_end_of_range(const char *at, uint32_t *ret)
{
	if (!*at || *at == '-' || *at == ']')
		return NULL;
	if (*at == '\\' && !*++at)
		return NULL;
	unsigned length = decode(at, strlen(at), ret);
	if (*ret == RUNE_ERROR && length == 1)
		return NULL;
	at += length;
	return *at ? at : NULL; /* the class must go on */
}

/* Walk the class that begins at `at`, behind its "["; what follows its "]", or NULL when malformed. */
static const char *read_class(const char *at, uint32_t rune, bool *ret_matches)
{
	bool is_negated = *at == '^', is_in = false;
	at += is_negated;
	for (unsigned ranges = 0; ranges == 0 || *at != ']'; ranges++) {
		uint32_t low, high;
		at = class_end_of_range(at, &low);
		if (!at)
			return NULL;
		high = low;
		if (*at == '-') {
			at = class_end_of_range(at + 1, &high);
			if (!at)
				return NULL;
		}
		is_in |= low <= rune && rune <= high;
	}
	*ret_matches = is_in != is_negated;
	return at + 1;
}

/*
 * Tokens of a pattern, at most its length + 1; -1 when filepath.Match would call it malformed.  With `stars`,
 * "**" is what patternmatcher knows, and *ret_type is what it would make of the pattern.
 */
static int tokenize(const char *text, bool stars, struct token *tokens, unsigned *ret_count, enum pattern_type *ret_type)
{
	unsigned n = 0;
	enum pattern_type type = TYPE_EXACT;
	for (const char *at = text; *at;) {
		const char *start = at;
		struct token t = { .kind = TOKEN_BYTE, .byte = *at++ };
		bool unused;
		switch (t.byte) {
		case '*':
			t.kind = TOKEN_STAR;
			if (!stars || *at != '*') {
				type = TYPE_TOKENS;
				break;
			}
			at++;
			at += *at == '/'; /* an "**" with its slash is an "**" */
			t.kind = *at ? TOKEN_FOLDERS : TOKEN_ALL;
			type = !*at && type == TYPE_EXACT ? TYPE_PREFIX : TYPE_TOKENS;
			if (start == text)
				type = TYPE_SUFFIX;
			if (*at) {
				tokens[n++] = t;
				t.kind = TOKEN_FOLDERS_REST;
			}
			break;
		case '?':
			t.kind = TOKEN_ONE;
			type = TYPE_TOKENS;
			break;
		case '[':
			t.kind = TOKEN_CLASS;
			t.class_text = at;
			at = read_class(at, 0, &unused);
			if (!at)
				return -1;
			type = TYPE_TOKENS;
			break;
		case '\\':
			if (!*at)
				return -1;
			t.byte = *at++;
			type = TYPE_TOKENS;
			break;
		}
		tokens[n++] = t;
	}
	*ret_count = n;
	if (ret_type)
		*ret_type = type;
	return 0;
}

/* Add a state, and those that are reached from it without a character. */
static void enter(const struct token *tokens, unsigned count, bool *states, unsigned i)
{
	for (; i <= count && !states[i]; i++) {
		states[i] = true;
		if (i == count)
			return;
		if (tokens[i].kind == TOKEN_FOLDERS) {
			states[i + 1] = true;
			i++; /* and on behind the group */
			continue;
		}
		if (tokens[i].kind != TOKEN_STAR && tokens[i].kind != TOKEN_ALL)
			return;
	}
}

static bool run(const struct token *tokens, unsigned count, const char *path)
{
	bool room[2][STACK_TOKENS + 1];
	CLEANUP_TALLOC bool *large = count > STACK_TOKENS ? mem_array(NULL, bool, 2 * (count + 1)) : NULL;
	bool *now = large ? large : room[0], *next = large ? large + count + 1 : room[1];
	size_t left = strlen(path);
	memset(now, 0, count + 1);
	enter(tokens, count, now, 0);
	while (left) {
		uint32_t rune;
		unsigned length = decode(path, left, &rune);
		bool is_alive = false, is_in;
		memset(next, 0, count + 1);
		/* A byte token takes one byte of a character: only whole characters are skipped by the others. */
		for (unsigned i = 0; i < count; i++) {
			if (!now[i])
				continue;
			is_alive = true;
			switch (tokens[i].kind) {
			case TOKEN_ONE:
				if (rune != '/')
					enter(tokens, count, next, i + 1);
				break;
			case TOKEN_CLASS:
				if (read_class(tokens[i].class_text, rune, &is_in) && is_in)
					enter(tokens, count, next, i + 1);
				break;
			case TOKEN_STAR:
				if (rune != '/')
					enter(tokens, count, next, i);
				break;
			case TOKEN_ALL:
				if (rune != '\n')
					enter(tokens, count, next, i);
				break;
			case TOKEN_FOLDERS_REST:
				if (rune != '\n')
					next[i] = true;
				if (rune == '/')
					enter(tokens, count, next, i + 1);
				break;
			case TOKEN_BYTE: {
				unsigned k = 0;
				while (k < length && i + k < count && tokens[i + k].kind == TOKEN_BYTE &&
				       tokens[i + k].byte == path[k])
					k++;
				if (k == length)
					enter(tokens, count, next, i + k);
				break;
			}
			default:
				break;
			}
		}
		if (!is_alive)
			return false;
		bool *swap = now;
		now = next;
		next = swap;
		path += length;
		left -= length;
	}
	return now[count];
}

int pattern_match_name(const char *pattern, const char *path)
{
	struct token room[STACK_TOKENS];
	unsigned count;
	size_t length = strlen(pattern);
	CLEANUP_TALLOC struct token *large = length >= STACK_TOKENS ? mem_array(NULL, struct token, length + 1) : NULL;
	struct token *tokens = large ? large : room;
	if (tokenize(pattern, false, tokens, &count, NULL) < 0)
		return -1;
	return run(tokens, count, path);
}

bool pattern_has_wildcards(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (strchr("*?[", *pattern))
			return true;
		if (*pattern == '\\' && !*++pattern)
			break;
	}
	return false;
}

/* ---- lists ---- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *length)
{
	while (*length && is_blank(**text))
		(*text)++, (*length)--;
	while (*length && is_blank((*text)[*length - 1]))
		(*length)--;
}

struct strlist *patterns_read(const void *ctx, const char *text, size_t size)
{
	struct strlist *list = strlist_new(ctx);
	const char *end = text + size;
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		const char *line = text;
		size_t length = (newline ? newline : end) - text;
		text += length + (newline != NULL);
		bool is_comment = length && *line == '#';
		trim(&line, &length);
		if (is_comment || !length)
			continue;
		bool is_exception = *line == '!';
		if (is_exception) {
			line++, length--;
			trim(&line, &length);
		}
		/* text_clean_path() may make one byte of none. */
		CLEANUP_TALLOC char *pattern = mem_printf(NULL, "%.*s ", (int)length, line);
		pattern[strlen(pattern) - 1] = '\0';
		if (*pattern)
			text_clean_path(pattern);
		strlist_addf(list, "%s%s", is_exception ? "!" : "", pattern + (*pattern == '/' && pattern[1]));
	}
	return list;
}

static int add(struct patterns *p, const char *line, struct error *err)
{
	size_t length = strlen(line);
	trim(&line, &length);
	if (!length)
		return 0;
	struct pattern *item = &p->items[p->count];
	item->text = mem_strndup(p, line, length);
	text_clean_path(item->text);
	if (*item->text == '!') {
		if (!item->text[1])
			return error_set(err, 0, "malformed pattern '!': it excepts nothing");
		item->is_exception = p->has_exceptions = true;
		item->text++;
	}
	length = strlen(item->text);
	item->tokens = mem_array(p, struct token, length + 1);
	if (tokenize(item->text, true, item->tokens, &item->token_count, &item->type) < 0)
		return error_set(err, 0, "malformed pattern '%s'", item->text);
	item->plain_length = strcspn(item->text, "*?[\\");
	p->count++;
	return 0;
}

int patterns_new(const void *ctx, const struct strlist *lines, struct patterns **ret, struct error *err)
{
	struct patterns *p = mem_new(ctx, struct patterns);
	p->items = mem_array(p, struct pattern, lines->count);
	for (size_t i = 0; i < lines->count; i++) {
		if (add(p, lines->items[i], err) < 0) {
			talloc_free(p);
			return -1;
		}
	}
	*ret = p;
	return 0;
}

unsigned patterns_count(const struct patterns *p)
{
	return p->count;
}

static bool matches(const struct pattern *item, const char *path)
{
	size_t length = strlen(path), own = strlen(item->text);
	switch (item->type) {
	case TYPE_EXACT:
		return strcmp(path, item->text) == 0;
	case TYPE_PREFIX:
		/* Of "a**" too: everything that begins with an "a". */
		return strncmp(path, item->text, own - 2) == 0;
	case TYPE_SUFFIX:
		if (length >= own - 2 && strcmp(path + length - (own - 2), item->text + 2) == 0)
			return true;
		return item->text[2] == '/' && strcmp(path, item->text + 3) == 0;
	case TYPE_TOKENS:
		return strncmp(path, item->text, item->plain_length) == 0 &&
		       run(item->tokens, item->token_count, path);
	}
	return false;
}

bool patterns_match_in(const struct patterns *p, const char *path, const bool *parents, bool *ret_own)
{
	bool is_excluded = false;
	for (unsigned i = 0; i < p->count; i++) {
		const struct pattern *item = &p->items[i];
		bool is_match = parents && parents[i];
		/* Only what can change the result is looked at: what is not is no match for those below, too. */
		if (!is_match && item->is_exception == is_excluded)
			is_match = matches(item, path);
		ret_own[i] = is_match;
		if (is_match)
			is_excluded = !item->is_exception;
	}
	return is_excluded;
}

bool patterns_match(const struct patterns *p, const char *path)
{
	CLEANUP_TALLOC bool *states = mem_array(NULL, bool, 2 * p->count);
	CLEANUP_TALLOC char *part = mem_strdup(NULL, path);
	bool *own = states, *parents = NULL, is_excluded = false;
	if (strcmp(path, ".") == 0)
		return false;
	for (char *at = part; *at;) {
		at += strcspn(at, "/");
		char kept = *at;
		*at = '\0';
		is_excluded = patterns_match_in(p, part, parents, own);
		*at = kept;
		at += strspn(at, "/");
		parents = own;
		own = own == states ? states + p->count : states;
	}
	return is_excluded;
}

static bool may_match_below(const struct pattern *item, const char *path)
{
	size_t length = strlen(path), plain = item->plain_length;
	size_t shared = plain < length ? plain : length;
	if (strncmp(item->text, path, shared) != 0)
		return false;
	return plain <= length || item->text[length] == '/' || length == 0;
}

bool patterns_may_include_below(const struct patterns *p, const char *path)
{
	for (unsigned i = 0; p->has_exceptions && i < p->count; i++)
		if (p->items[i].is_exception && may_match_below(&p->items[i], path))
			return true;
	return false;
}

bool patterns_may_match_below(const struct patterns *p, const char *path)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!p->items[i].is_exception && may_match_below(&p->items[i], path))
			return true;
	return false;
}
