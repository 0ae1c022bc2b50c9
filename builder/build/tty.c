/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the lines on a terminal, which look as BuildKit's: all that is known is drawn anew over what was drawn
 * before.  What does not fit stays out, finished steps first; at the end everything is there.
 */
#include "builder/build/face.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "builder/build/tail.h"
#include "tracer/base/clock.h"
#include "tracer/base/text.h"

enum {
	REDRAW_MSEC = 100,
	TAIL_LINES = 6,
	TAIL_LINES_MAX = 100,
	NAME_COLUMNS_MIN = 12,  /* narrower, and there is no use in a line */
	STATUS_COLUMNS_MIN = 20,
	SHOWN_BYTES = 50, /* what one drawing of a tail counts for, so that tails do not change places */
};

enum style { STYLE_NONE, STYLE_FINISHED, STYLE_CANCELLED, STYLE_FAILED, STYLE_FAINT };
static const char *const colours[] = {
	[STYLE_FINISHED] = "34", [STYLE_CANCELLED] = "33", [STYLE_FAILED] = "31", [STYLE_FAINT] = "2",
};

/* The output of a running step. */
struct output {
	const struct step *step;
	struct tail *tail;
	size_t weight;
	unsigned rows; /* it has in the next drawing */
};

struct row {
	char *text;
	unsigned columns;
	enum style style;
	bool is_running;
};

struct frame {
	struct row *rows;
	unsigned count;
	unsigned columns, lines; /* of the terminal */
};

struct tty {
	struct output *outputs; /* as d->steps */
	unsigned count, tail_lines;
	unsigned *drawn; /* columns of the rows on the screen */
	unsigned drawn_count;
	int64_t drawn_msec;
	bool has_colour;
};

static void add_row(struct frame *f, enum style style, bool is_running, char *text, unsigned columns)
{
	f->rows = mem_grow(f, f->rows, struct row, f->count + 1);
	f->rows[f->count++] = (struct row){ text, columns, style, is_running };
}

/*
 * " => name status     1.2s", which leaves the last column free: a cursor behind it is at another place on some
 * terminals than on others.
 */
static void add_line(struct frame *f, enum style style, bool is_running, const char *name, const char *status,
		     double seconds)
{
	char timer[32];
	int timer_columns = snprintf(timer, sizeof(timer), "%.1fs", seconds < 0.05 ? 0 : seconds);
	int left = (int)f->columns - (int)strlen(" => ") - timer_columns - 3;
	if (left + (int)strlen(status) <= STATUS_COLUMNS_MIN || left - (int)strlen(status) < NAME_COLUMNS_MIN)
		status = "";
	left -= (int)strlen(status);
	if (left < NAME_COLUMNS_MIN)
		return;
	unsigned columns;
	char *cut = tail_cut(f, name, (unsigned)left, &columns);
	char *text = mem_printf(f, " => %s%s%*s  %s", cut, status, left - (int)columns, "", timer);
	add_row(f, style, is_running, text, f->columns - 1);
}

/*
 * Of "[build 2/5] RUN make" the length of "[build " and the 5: so many steps its stage has.  0: it is of no stage.
 */
static unsigned steps_of_stage(const char *name, size_t *ret_length)
{
	const char *slash = *name == '[' ? strchr(name, ']') : NULL;
	unsigned long count = 0;
	while (slash && slash > name && *slash != '/')
		slash--;
	if (!slash || slash == name)
		return 0;
	const char *number = slash;
	while (number > name && number[-1] >= '0' && number[-1] <= '9')
		number--;
	while (number > name && number[-1] == ' ')
		number--;
	*ret_length = (size_t)(number - name);
	char *end;
	count = strtoul(slash + 1, &end, 10);
	return *end == ']' && number < slash && count < UINT_MAX ? (unsigned)count : 0;
}

/* How many steps there will be, as far as the stages that have begun tell. */
static unsigned expected_steps(const struct steps *steps)
{
	unsigned total = 0;
	for (unsigned i = 0; i < steps->count; i++) {
		const char *name = steps->items[i]->name;
		size_t length = 0, other_length;
		unsigned count = steps_of_stage(name, &length), k = 0;
		/* Only the first of a stage counts, and for all of them. */
		while (count && k < i && !(steps_of_stage(steps->items[k]->name, &other_length) == count &&
					   other_length == length && strncmp(steps->items[k]->name, name, length) == 0))
			k++;
		total += !count ? 1 : k == i ? count : 0;
	}
	return total > steps->count ? total : steps->count;
}

static void add_head(struct frame *f, const struct display *d, int64_t now_nsec, bool is_last)
{
	unsigned done = 0, failed = 0, total = expected_steps(d->steps), columns, title_columns;
	int64_t start_nsec = d->steps->count ? d->steps->items[0]->started_nsec : now_nsec;
	for (unsigned i = 0; i < d->steps->count; i++) {
		done += d->steps->items[i]->completed_nsec != 0;
		failed += d->steps->items[i]->has_failed;
	}
	/* A stage may have done with less. */
	if (is_last && !failed)
		total = done;
	CLEANUP_TALLOC char *words = mem_printf(NULL, "[+] Building %.1fs (%u/%u)%s",
						(double)(now_nsec - start_nsec) / 1e9, done, total,
						is_last && done > 0 && done == total ? " FINISHED" : "");
	char *text = tail_cut(f, words, f->columns - 1, &columns);
	char *title = tail_cut(f, d->title, f->columns, &title_columns);
	if (title_columns && columns + 1 + title_columns < f->columns) {
		text = mem_printf(f, "%s%*s%s", text, (int)(f->columns - 1 - columns - title_columns), "", title);
		columns = f->columns - 1;
	}
	add_row(f, STYLE_NONE, true, text, columns);
}

static const char tail_lead[] = " => => # ";

static unsigned tail_columns(const struct frame *f)
{
	return f->columns > sizeof(tail_lead) ? f->columns - (unsigned)sizeof(tail_lead) : 0;
}

static void add_tail(struct frame *f, const struct output *o)
{
	struct strlist *rows = tail_rows(f, o->tail, o->rows, tail_columns(f));
	for (size_t i = 0; i < rows->count; i++) {
		unsigned columns;
		tail_cut(f, rows->items[i], tail_columns(f), &columns);
		add_row(f, STYLE_FAINT, true, mem_printf(f, "%s%s", tail_lead, rows->items[i]),
			columns + (unsigned)sizeof(tail_lead) - 1);
	}
}

static void add_step(struct frame *f, const struct step *s, const struct output *o, int64_t now_nsec)
{
	bool is_running = !s->completed_nsec;
	enum style style = is_running	 ? STYLE_NONE :
			   !s->has_failed ? STYLE_FINISHED :
			   s->error	 ? STYLE_FAILED :
					   STYLE_CANCELLED;
	const char *mark = s->has_failed ? (s->error ? "ERROR " : "CANCELED ") : s->is_cached ? "CACHED " : "";
	add_line(f, style, is_running, mem_printf(f, "%s%s", mark, s->name), "", step_seconds(s, now_nsec));
	if (o->rows)
		add_tail(f, o);
	for (unsigned i = 0; i < s->part_count; i++) {
		const struct step_part *p = s->parts[i];
		bool is_part_running = is_running && !step_part_is_whole(p);
		int64_t end_nsec = is_part_running ? now_nsec : p->updated_nsec;
		char bytes[64];
		add_line(f, is_part_running ? STYLE_NONE : STYLE_FINISHED, is_part_running,
			 mem_printf(f, "=> %s", p->id), step_part_text(p, bytes, sizeof(bytes)),
			 (double)(end_nsec - p->started_nsec) / 1e9);
	}
	for (size_t i = 0; i < s->warnings->count; i++)
		add_line(f, STYLE_CANCELLED, is_running, mem_printf(f, "WARN: %s", s->warnings->items[i]), "",
			 step_seconds(s, now_nsec));
}

static int by_weight(const void *a, const void *b)
{
	const struct output *const *x = a, *const *y = b;
	return (*x)->weight < (*y)->weight ? 1 : (*x)->weight > (*y)->weight ? -1 : 0;
}

/* Give rows to the outputs that say most, as long as there is room beside the lines of what runs. */
static void choose_tails(struct tty *t, const struct display *d, const struct frame *f)
{
	CLEANUP_TALLOC struct output **loudest = mem_array(NULL, struct output *, t->count);
	/* The head, and the line where the cursor waits. */
	int room = (int)f->lines - 2;
	unsigned candidates = 0;
	for (unsigned i = 0; i < t->count; i++) {
		const struct step *s = d->steps->items[i];
		t->outputs[i].rows = 0;
		room -= !s->completed_nsec;
		for (unsigned k = 0; k < s->part_count; k++)
			room -= !s->completed_nsec && !step_part_is_whole(s->parts[k]);
		if (!s->completed_nsec && s->log_size > 0)
			loudest[candidates++] = &t->outputs[i];
	}
	qsort(loudest, candidates, sizeof(*loudest), by_weight);
	for (unsigned i = 0; i < candidates && room > 0; i++) {
		unsigned rows = t->tail_lines < (unsigned)room ? t->tail_lines : (unsigned)room;
		CLEANUP_TALLOC struct strlist *texts = tail_rows(NULL, loudest[i]->tail, rows, tail_columns(f));
		loudest[i]->rows = (unsigned)texts->count;
		loudest[i]->weight += SHOWN_BYTES;
		room -= (int)texts->count;
	}
}

/* Take out finished rows, the oldest first, then others, until it fits; the head stays. */
static void fit(struct frame *f)
{
	unsigned room = f->lines > 2 ? f->lines - 1 : 1;
	for (int also_running = 0; also_running < 2 && f->count > room; also_running++) {
		unsigned over = f->count - room, kept = 1;
		for (unsigned i = 1; i < f->count; i++) {
			if (over > 0 && (also_running || !f->rows[i].is_running))
				over--;
			else
				f->rows[kept++] = f->rows[i];
		}
		f->count = kept;
	}
}

/* How many lines up the drawing begins, also when a terminal that got narrower has folded its rows. */
static unsigned lines_above(const struct tty *t, const struct frame *f)
{
	unsigned lines = 0;
	for (unsigned i = 0; i < t->drawn_count; i++)
		lines += t->drawn[i] > f->columns ? (t->drawn[i] + f->columns - 1) / f->columns : 1;
	return lines < f->lines ? lines : f->lines - 1;
}

/* One write, so that nobody sees half a drawing. */
static void put_frame(struct display *d, const struct frame *f)
{
	struct tty *t = d->own;
	unsigned above = lines_above(t, f);
	char *text = mem_strdup(NULL, "\033[?25l\r");
	if (above)
		text = mem_append(text, "\033[%uA", above);
	t->drawn = mem_grow(t, t->drawn, unsigned, f->count);
	for (unsigned i = 0; i < f->count; i++) {
		const struct row *r = &f->rows[i];
		const char *colour = t->has_colour ? colours[r->style] : NULL;
		text = colour ? mem_append(text, "\033[%sm%s\033[0m\033[K\n", colour, r->text) :
				mem_append(text, "%s\033[K\n", r->text);
		t->drawn[i] = r->columns;
	}
	t->drawn_count = f->count;
	text = mem_append(text, "\033[J\033[?25h");
	fwrite(text, 1, strlen(text), d->out);
	fflush(d->out);
	talloc_free(text);
}

static void draw(struct display *d, bool is_last)
{
	struct tty *t = d->own;
	struct winsize size;
	CLEANUP_TALLOC struct frame *f = mem_new(NULL, struct frame);
	int64_t now_nsec = event_now();
	/* Asked each time, so that SIGWINCH need not be heard. */
	bool has_size = ioctl(fileno(d->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
	f->columns = has_size ? size.ws_col : 80;
	f->lines = has_size ? size.ws_row : 24;
	choose_tails(t, d, f);
	add_head(f, d, now_nsec, is_last);
	for (unsigned i = 0; i < t->count; i++)
		add_step(f, d->steps->items[i], &t->outputs[i], now_nsec);
	if (!is_last)
		fit(f);
	put_frame(d, f);
	t->drawn_msec = clock_msec();
}

static void begin(struct display *d)
{
	struct tty *t = mem_new(d, struct tty);
	const char *no_colour = getenv("NO_COLOR"), *lines = getenv("BUILDKIT_TTY_LOG_LINES");
	uint64_t number = TAIL_LINES;
	t->has_colour = !(no_colour && *no_colour);
	if (lines && (!text_to_number(lines, TAIL_LINES_MAX, &number) || number == 0))
		number = TAIL_LINES;
	t->tail_lines = (unsigned)number;
	t->drawn_msec = clock_msec() - REDRAW_MSEC;
	d->own = t;
}

static void take(struct display *d, struct step *step, const struct event *e)
{
	struct tty *t = d->own;
	if (e->kind == EVENT_STARTED) {
		t->outputs = mem_grow(t, t->outputs, struct output, t->count + 1);
		t->outputs[t->count++] = (struct output){ .step = step };
	}
	struct output *o = &t->outputs[t->count - 1];
	while (o->step != step)
		o--;
	if (e->kind == EVENT_LOG) {
		if (!o->tail)
			o->tail = tail_new(t, t->tail_lines);
		tail_feed(o->tail, e->text, e->size);
		o->weight += e->size;
	}
	if (e->kind == EVENT_DONE) {
		talloc_free(o->tail);
		o->tail = NULL;
	}
	if (clock_msec() - t->drawn_msec >= REDRAW_MSEC)
		draw(d, false);
}

static void tick(struct display *d)
{
	struct tty *t = d->own;
	if (clock_msec() - t->drawn_msec >= REDRAW_MSEC)
		draw(d, false);
}

static int interval_msec(const struct display *d)
{
	(void)d;
	return REDRAW_MSEC;
}

/* All that is left of the log, as it was hidden until now. */
static void print_log(FILE *out, const struct step *s)
{
	if (s->log_lines_lost)
		fprintf(out, "[%u lines before these are not kept]\n", s->log_lines_lost);
	for (const char *p = s->log, *end = p + s->log_size; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
		/* "0.312 " is ours, and "\r" does not go back over it. */
		const char *stamp_end = memchr(p, ' ', (size_t)(next - p));
		const char *text = stamp_end ? stamp_end + 1 : p;
		CLEANUP_TALLOC char *line = tail_line(NULL, text, (size_t)(next - text));
		fprintf(out, "%.*s%s\n", (int)(text - p), p, line);
		p = next;
	}
}

static void end(struct display *d)
{
	if (d->steps->count)
		draw(d, true);
	for (unsigned i = 0; i < d->steps->count; i++) {
		const struct step *s = d->steps->items[i];
		if (!s->error)
			continue;
		CLEANUP_TALLOC char *name = tail_line(NULL, s->name, strlen(s->name));
		fprintf(d->out, "------\n > %s:\n", name);
		if (s->log)
			print_log(d->out, s);
		fprintf(d->out, "------\n");
	}
	fflush(d->out);
}

const struct face face_tty = { begin, take, NULL, tick, end, interval_msec };
