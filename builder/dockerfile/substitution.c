/* SPDX-License-Identifier: Apache-2.0 */
/* Owns matching of the variables' patterns: all ways through a pattern at once, so that none is quadratic. */
#include "builder/dockerfile/substitution.h"

#include <string.h>

#include "builder/dockerfile/characters.h"
#include "builder/dockerfile/lex.h"

enum { ANY = 0x110000, STAR }; /* beyond all characters */

struct characters {
	uint32_t *items;
	size_t *offsets; /* in bytes; one more than there are items */
	size_t count;
};

static struct characters *split(const void *ctx, const char *text)
{
	size_t size = strlen(text);
	struct characters *c = mem_new(ctx, struct characters);
	c->items = mem_array(c, uint32_t, size);
	c->offsets = mem_array(c, size_t, size + 1);
	for (size_t i = 0, width; i < size; i += width) {
		c->offsets[c->count] = i;
		c->items[c->count++] = character_at(text + i, &width);
	}
	c->offsets[c->count] = size;
	return c;
}

static void swap(struct characters *c, size_t a, size_t b)
{
	uint32_t item = c->items[a];
	size_t offset = c->offsets[a];
	c->items[a] = c->items[b];
	c->items[b] = item;
	c->offsets[a] = c->offsets[b];
	c->offsets[b] = offset;
}

static void reverse(struct characters *c)
{
	for (size_t i = 0; i < c->count / 2; i++)
		swap(c, i, c->count - 1 - i);
}

/* Backwards, but an escape stays before what it escapes.  One at the end comes to escape what stood before it. */
static void reverse_pattern(struct characters *c)
{
	for (size_t i = 0; i + 1 < c->count; i++) {
		if (c->items[i] == '\\') {
			swap(c, i, i + 1);
			i++;
		}
	}
	reverse(c);
}

/* Make characters of a pattern ANY and STAR, take escapes away. */
static int compile(struct characters *c, const char *text, struct error *err)
{
	size_t to = 0;
	for (size_t i = 0; i < c->count; i++) {
		uint32_t item = c->items[i];
		if (item == '\\') {
			uint32_t next = i + 1 < c->count ? c->items[i + 1] : 0;
			if (next != '*' && next != '?' && next != '\\' && next != '}' && next != '/') {
				const char *escaped = i + 1 < c->count ? text + c->offsets[i + 1] : "";
				size_t width = 0;
				if (*escaped)
					character_at(escaped, &width);
				return error_set(err, 0, "invalid pattern (%s) in substitution: invalid escape '\\%.*s'", text,
						 (int)width, escaped);
			}
			i++;
			item = next;
		} else if (item == '*') {
			item = STAR;
		} else if (item == '?') {
			item = ANY;
		}
		c->items[to++] = item;
	}
	c->count = to;
	return 0;
}

/* One more than where the match starts that has come to each place of the pattern; 0: none has. */
struct threads {
	size_t *now, *next;
};

/* Be at the place behind a star when at the star. */
static void skip_stars(const struct characters *pattern, size_t *places)
{
	for (size_t j = 0; j < pattern->count; j++)
		if (places[j] && pattern->items[j] == STAR && (!places[j + 1] || places[j] < places[j + 1]))
			places[j + 1] = places[j];
}

/* Returns whether any is left. */
static bool step(const struct characters *pattern, struct threads *t, uint32_t item)
{
	bool is_alive = false;
	memset(t->next, 0, (pattern->count + 1) * sizeof(*t->next));
	for (size_t j = 0; j < pattern->count; j++) {
		uint32_t wanted = pattern->items[j];
		if (!t->now[j] || (wanted >= ANY ? item == '\n' : item != wanted))
			continue;
		size_t to = wanted == STAR ? j : j + 1;
		if (!t->next[to] || t->now[j] < t->next[to])
			t->next[to] = t->now[j];
		is_alive = true;
	}
	size_t *swap = t->now;
	t->now = t->next;
	t->next = swap;
	return is_alive;
}

/* The leftmost match from `from` on, which `is_anchored` must start there; false: none. */
static bool find(const struct characters *pattern, const struct characters *value, size_t from, bool is_anchored,
		 bool is_longest, size_t *ret_start, size_t *ret_end)
{
	CLEANUP_TALLOC size_t *places = mem_array(NULL, size_t, 2 * (pattern->count + 1));
	struct threads t = { places, places + pattern->count + 1 };
	bool found = false;
	for (size_t i = from;; i++) {
		if (!found && (i == from || !is_anchored) && !t.now[0])
			t.now[0] = i + 1;
		skip_stars(pattern, t.now);
		size_t start = t.now[pattern->count];
		if (start && (!found || start - 1 <= *ret_start)) {
			*ret_start = start - 1;
			*ret_end = i;
			found = true;
			if (!is_longest)
				return true;
		}
		for (size_t j = 0; found && j <= pattern->count; j++)
			if (t.now[j] > *ret_start + 1)
				t.now[j] = 0;
		if (i == value->count)
			return found;
		if (!step(pattern, &t, value->items[i]) && (found || is_anchored))
			return found;
	}
}

int substitution_trim(const char *pattern, const char *value, bool is_suffix, bool is_longest, struct buffer *out,
		      struct error *err)
{
	CLEANUP_TALLOC struct characters *v = split(NULL, value);
	struct characters *p = split(v, pattern);
	if (is_suffix)
		reverse_pattern(p);
	if (compile(p, pattern, err) < 0)
		return -1;
	size_t start = 0, end = 0;
	if (is_suffix)
		reverse(v);
	if (!find(p, v, 0, true, is_longest, &start, &end))
		end = 0;
	if (is_suffix) {
		reverse(v);
		buffer_add(out, value, v->offsets[v->count - end]);
	} else {
		buffer_add_text(out, value + v->offsets[end]);
	}
	return 0;
}

int substitution_replace(const char *pattern, const char *replacement, const char *value, bool is_all,
			 struct buffer *out, struct error *err)
{
	CLEANUP_TALLOC struct characters *v = split(NULL, value);
	struct characters *p = split(v, pattern);
	if (compile(p, pattern, err) < 0)
		return -1;
	size_t done = 0, start = 0, end = 0;
	/* As Go's ReplaceAll: an empty match right behind a match is none. */
	for (size_t at = 0; at <= v->count && find(p, v, at, false, true, &start, &end);) {
		buffer_add(out, value + v->offsets[done], v->offsets[start] - v->offsets[done]);
		if (end > done || start == 0)
			buffer_add_text(out, replacement);
		if (out->size > LEX_MAX_BYTES)
			return error_set(err, 0, "expands to more than %d bytes", LEX_MAX_BYTES);
		done = end;
		at = end > at ? end : at + 1;
		if (!is_all)
			break;
	}
	buffer_add_text(out, value + v->offsets[done]);
	return 0;
}
