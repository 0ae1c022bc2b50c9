/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a terminal of one line that never wraps: enough for what programs do to their last line.  What moves the
 * cursor to other lines is left out, so that every line stays where it was written.
 */
#include "builder/build/tail.h"

#include <stdint.h>
#include <string.h>

#include "builder/build/width.h"

enum {
	LINE_CELLS_MAX = 16384, /* of a longer line the end is kept */
	TAB_COLUMNS = 8,
	ARGUMENT_MAX = 9999,
};

struct cell {
	uint32_t point; /* 0: the right half of a wide character */
	uint32_t mark;  /* one that combines with it; more are dropped */
};

struct line {
	struct cell *cells;
	unsigned count, room;
};

enum state { TEXT, ESCAPE, ESCAPE_REST, CONTROL, STRING, STRING_ESCAPE };

struct tail {
	struct line *lines; /* a ring */
	unsigned line_count, current;
	unsigned column; /* the cursor's in the current line */
	enum state state;
	unsigned argument; /* first number of a control sequence */
	bool is_in_argument;
	char partial[4]; /* beginning of a character */
	unsigned partial_size;
};

struct tail *tail_new(const void *ctx, unsigned lines)
{
	struct tail *t = mem_new(ctx, struct tail);
	/* And the one that is being written. */
	t->line_count = lines + 1;
	t->lines = mem_array(t, struct line, t->line_count);
	return t;
}

static void blank(struct tail *t, unsigned columns)
{
	struct line *l = &t->lines[t->current];
	if (columns > l->room) {
		l->room = 2 * columns;
		l->cells = mem_grow(t, l->cells, struct cell, l->room);
	}
	for (; l->count < columns; l->count++)
		l->cells[l->count] = (struct cell){ ' ', 0 };
}

static void put(struct tail *t, uint32_t point)
{
	struct line *l = &t->lines[t->current];
	enum width_kind width = width_of(point);
	if (width == WIDTH_COMBINING && t->column > 0 && t->column <= l->count) {
		struct cell *c = &l->cells[t->column - 1];
		if (!c->point && t->column > 1)
			c--;
		c->mark = point;
	}
	if (width <= WIDTH_COMBINING)
		return;
	if (t->column + 2 > LINE_CELLS_MAX) {
		l->count -= l->count < LINE_CELLS_MAX / 2 ? l->count : LINE_CELLS_MAX / 2;
		memmove(l->cells, l->cells + LINE_CELLS_MAX / 2, l->count * sizeof(*l->cells));
		t->column -= LINE_CELLS_MAX / 2;
	}
	blank(t, t->column + (unsigned)width);
	/* Half of a wide character is no character. */
	if (!l->cells[t->column].point && t->column > 0)
		l->cells[t->column - 1].point = ' ';
	l->cells[t->column++] = (struct cell){ point, 0 };
	if (width == WIDTH_TWO)
		l->cells[t->column++] = (struct cell){ 0, 0 };
	if (t->column < l->count && !l->cells[t->column].point)
		l->cells[t->column].point = ' ';
}

static void erase(struct tail *t)
{
	struct line *l = &t->lines[t->current];
	enum { TO_END, TO_CURSOR, ALL };
	if (t->argument == TO_END && t->column < l->count)
		l->count = t->column;
	for (unsigned i = 0; t->argument == TO_CURSOR && i < l->count && i <= t->column; i++)
		l->cells[i] = (struct cell){ ' ', 0 };
	if (t->argument == ALL)
		l->count = 0;
}

static void move_to(struct tail *t, unsigned column)
{
	t->column = column < LINE_CELLS_MAX / 2 ? column : LINE_CELLS_MAX / 2;
}

/* The last byte of a control sequence. */
static void control(struct tail *t, char final)
{
	unsigned n = t->argument ? t->argument : 1;
	if (final == 'K')
		erase(t);
	else if (final == 'G')
		move_to(t, n - 1);
	else if (final == 'C')
		move_to(t, t->column + n);
	else if (final == 'D')
		move_to(t, t->column > n ? t->column - n : 0);
}

static unsigned used(const struct line *l)
{
	unsigned count = l->count;
	while (count > 0 && l->cells[count - 1].point == ' ' && !l->cells[count - 1].mark)
		count--;
	return count;
}

static void control_character(struct tail *t, char c)
{
	if (c == '\n') {
		/* Empty lines are not kept. */
		if (used(&t->lines[t->current]))
			t->current = (t->current + 1) % t->line_count;
		t->lines[t->current].count = 0;
		t->column = 0;
	} else if (c == '\r') {
		t->column = 0;
	} else if (c == '\b') {
		t->column -= t->column > 0;
	} else if (c == '\t') {
		move_to(t, (t->column / TAB_COLUMNS + 1) * TAB_COLUMNS);
	}
}

static void text_byte(struct tail *t, char c)
{
	t->partial[t->partial_size++] = c;
	unsigned char lead = (unsigned char)t->partial[0];
	unsigned whole = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (t->partial_size < whole && (t->partial_size == 1 || ((unsigned char)c & 0xc0) == 0x80))
		return;
	const char *p = t->partial, *end = t->partial + t->partial_size;
	uint32_t point = width_decode(&p, end);
	t->partial_size = 0;
	put(t, point);
	/* It was cut off by a byte that begins another. */
	while (p < end)
		text_byte(t, *p++);
}

static void sequence_byte(struct tail *t, char c)
{
	switch (t->state) {
	case ESCAPE:
		t->argument = 0;
		t->is_in_argument = true;
		t->state = c == '['                  ? CONTROL :
			   c && strchr("]PX^_", c)   ? STRING :
			   c >= ' ' && c <= '/'      ? ESCAPE_REST :
						       TEXT;
		break;
	case ESCAPE_REST:
		t->state = c >= ' ' && c <= '/' ? ESCAPE_REST : TEXT;
		break;
	case CONTROL:
		if (c >= '0' && c <= '9' && t->is_in_argument && t->argument < ARGUMENT_MAX)
			t->argument = t->argument * 10 + (unsigned)(c - '0');
		else if (c >= ' ' && c <= '?')
			t->is_in_argument = false;
		else
			t->state = TEXT;
		if (t->state == TEXT)
			control(t, c);
		break;
	case STRING:
		t->state = c == '\a' ? TEXT : c == '\033' ? STRING_ESCAPE : STRING;
		break;
	case STRING_ESCAPE:
		t->state = c == '\\' ? TEXT : STRING;
		break;
	case TEXT:
		break;
	}
}

void tail_feed(struct tail *t, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = bytes[i];
		/* A newline ends also a sequence that was never finished. */
		if (c == '\n')
			t->state = TEXT;
		if (t->state != TEXT) {
			sequence_byte(t, c);
			continue;
		}
		if ((unsigned char)c >= ' ' && c != 0x7f) {
			text_byte(t, c);
			continue;
		}
		if (t->partial_size) {
			t->partial_size = 0;
			put(t, WIDTH_REPLACEMENT);
		}
		if (c == '\033')
			t->state = ESCAPE;
		else
			control_character(t, c);
	}
}

static char *text_of(const void *ctx, const struct cell *cells, unsigned count)
{
	char *text = mem_array(ctx, char, 8 * (size_t)count + 1), *to = text;
	for (unsigned i = 0; i < count; i++) {
		char bytes[5];
		const uint32_t points[] = { cells[i].point, cells[i].mark };
		for (unsigned k = 0; k < 2; k++)
			if (points[k]) {
				unsigned n = width_encode(points[k], bytes);
				memcpy(to, bytes, n);
				to += n;
			}
	}
	return text;
}

/* The end of the row that begins at `from`: a wide character does not stand in two rows. */
static unsigned row_end(const struct line *l, unsigned from, unsigned count, unsigned columns)
{
	unsigned end = count - from > columns ? from + columns : count;
	return end < count && !l->cells[end].point && end - from > 1 ? end - 1 : end;
}

struct strlist *tail_rows(const void *ctx, const struct tail *t, unsigned rows, unsigned columns)
{
	CLEANUP_TALLOC struct strlist *all = strlist_new(NULL);
	struct strlist *last = strlist_new(ctx);
	for (unsigned i = 1; columns > 0 && i <= t->line_count; i++) {
		const struct line *l = &t->lines[(t->current + i) % t->line_count];
		unsigned count = used(l);
		for (unsigned from = 0, end; from < count; from = end) {
			end = row_end(l, from, count, columns);
			CLEANUP_TALLOC char *text = text_of(NULL, l->cells + from, end - from);
			strlist_add(all, text);
		}
	}
	for (size_t i = all->count > rows ? all->count - rows : 0; i < all->count; i++)
		strlist_add(last, all->items[i]);
	return last;
}

char *tail_line(const void *ctx, const char *bytes, size_t size)
{
	CLEANUP_TALLOC struct tail *t = tail_new(NULL, 0);
	const char *newline = memchr(bytes, '\n', size);
	tail_feed(t, bytes, newline ? (size_t)(newline - bytes) : size);
	return text_of(ctx, t->lines->cells, used(t->lines));
}

char *tail_cut(const void *ctx, const char *text, unsigned columns, unsigned *ret_columns)
{
	CLEANUP_TALLOC struct tail *t = tail_new(NULL, 0);
	size_t size = strlen(text);
	tail_feed(t, text, size < LINE_CELLS_MAX ? size : LINE_CELLS_MAX);
	*ret_columns = t->lines->count ? row_end(t->lines, 0, t->lines->count, columns) : 0;
	return text_of(ctx, t->lines->cells, *ret_columns);
}
