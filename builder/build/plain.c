/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the plain format, which is BuildKit's: every line names its step by number, one step has the floor, and when
 * another takes it, "#1 ..." ends what the first had to say for now.
 */
#include "builder/build/face.h"

#include <string.h>

enum { FLOOR_MSEC = 5000, FLOOR_CHECK_MSEC = 1000, FAILURE_LINES = 10 };
/* A transfer is told of again after so long, or when it has got on by so much of the whole. */
enum { PART_MSEC = 5000, PART_PERCENT = 5 };
static const int64_t nsec_per_msec = 1000000;

struct speaker {
	struct step *step;
	unsigned number;   /* in the order in which they came to speak, from 1; 0: not yet */
	char *waiting;     /* what it has not said */
	size_t size, room;
	bool has_news;     /* also with nothing in `waiting`: it has begun */
	int64_t news_nsec; /* since when it waits */
	bool is_in_line;   /* what it said last has no newline */
	bool is_over;
};

/* When a transfer was last told of. */
struct told {
	const struct step_part *part;
	int64_t bytes, time_nsec;
};

struct plain {
	struct speaker *speakers; /* as d->steps */
	unsigned count, numbers;
	struct told *told;
	unsigned told_count;
	int current;        /* who has the floor; -1: nobody */
	int64_t floor_nsec; /* since when */
	bool has_spoken;
};

static struct speaker *speaker_of(const struct display *d, const struct step *step)
{
	struct plain *p = d->own;
	for (unsigned i = p->count; i > 0; i--)
		if (p->speakers[i - 1].step == step)
			return &p->speakers[i - 1];
	return NULL;
}

static void keep(struct display *d, struct speaker *s, const char *bytes, size_t size)
{
	if (!size)
		return;
	if (s->size + size > s->room) {
		s->room = 2 * (s->size + size);
		s->waiting = mem_grow(d, s->waiting, char, s->room);
	}
	memcpy(s->waiting + s->size, bytes, size);
	s->size += size;
}

/* A whole line, also behind half a line of the log. */
static void keep_line(struct display *d, struct speaker *s, const char *text)
{
	bool is_in_line = s->size > 0 ? s->waiting[s->size - 1] != '\n' : s->is_in_line;
	if (is_in_line)
		keep(d, s, "\n", 1);
	keep(d, s, text, strlen(text));
	keep(d, s, "\n", 1);
}

static void print_waiting(struct display *d, struct speaker *s)
{
	/* Before the first word there is no room yet. */
	for (size_t at = 0, length; at < s->size; at += length) {
		const char *line = s->waiting + at, *newline = memchr(line, '\n', s->size - at);
		length = newline ? (size_t)(newline + 1 - line) : s->size - at;
		if (!s->is_in_line)
			fprintf(d->out, "#%u ", s->number);
		fwrite(line, 1, length, d->out);
		s->is_in_line = !newline;
	}
	s->size = 0;
	s->has_news = false;
}

/* Give it the floor, and let it say what waits. */
static void let_speak(struct display *d, unsigned index, int64_t now_nsec)
{
	struct plain *p = d->own;
	struct speaker *s = &p->speakers[index];
	if (!s->number)
		s->number = ++p->numbers;
	if (p->current != (int)index) {
		struct speaker *old = p->current >= 0 ? &p->speakers[p->current] : NULL;
		if (old)
			fprintf(d->out, "%s#%u ...\n", old->is_in_line ? "\n" : "", old->number);
		if (old)
			old->is_in_line = false;
		fprintf(d->out, "%s#%u %s\n", p->has_spoken ? "\n" : "", s->number, s->step->name);
		p->has_spoken = true;
		p->floor_nsec = now_nsec;
	}
	p->current = (int)index;
	print_waiting(d, s);
	if (s->is_over)
		p->current = -1;
}

/* Who waits longest; -1: nobody waits. */
static int longest_waiting(const struct plain *p)
{
	int found = -1;
	for (unsigned i = 0; i < p->count; i++) {
		const struct speaker *s = &p->speakers[i];
		if (s->has_news && (int)i != p->current &&
		    (found < 0 || s->news_nsec < p->speakers[found].news_nsec))
			found = (int)i;
	}
	return found;
}

static int first_open(const struct plain *p)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!p->speakers[i].is_over)
			return (int)i;
	return -1;
}

/* Steps that have ended speak at once; of the others one does, until it has ended or others have waited too long. */
static void settle(struct display *d, int64_t now_nsec)
{
	struct plain *p = d->own;
	if (p->current >= 0 && p->speakers[p->current].has_news)
		let_speak(d, (unsigned)p->current, now_nsec);
	for (unsigned i = 0; i < p->count; i++)
		if (p->speakers[i].has_news && p->speakers[i].is_over)
			let_speak(d, i, now_nsec);
	int next = longest_waiting(p);
	if (p->current < 0 && next < 0)
		next = first_open(p);
	if (next >= 0 && (p->current < 0 || now_nsec - p->floor_nsec >= FLOOR_MSEC * nsec_per_msec))
		let_speak(d, (unsigned)next, now_nsec);
	fflush(d->out);
}

static bool is_worth_telling(struct plain *p, const struct step_part *part, bool is_end)
{
	unsigned i = 0;
	while (i < p->told_count && p->told[i].part != part)
		i++;
	bool is_new = i == p->told_count;
	if (is_new) {
		p->told = mem_grow(p, p->told, struct told, i + 1);
		p->told_count++;
	} else if (!is_end) {
		int64_t bytes = part->current_bytes - p->told[i].bytes;
		bool is_more = part->total_bytes > 0 && bytes * 100 >= part->total_bytes * PART_PERCENT;
		if (!is_more && part->updated_nsec - p->told[i].time_nsec < PART_MSEC * nsec_per_msec)
			return false;
	} else if (p->told[i].bytes >= part->total_bytes) {
		return false;
	}
	p->told[i] = (struct told){ part, part->current_bytes, part->updated_nsec };
	return true;
}

static void tell_part(struct display *d, struct speaker *s, const struct step_part *part)
{
	char bytes[64], seconds[32] = "";
	bool is_end = step_part_is_whole(part);
	double spent = (double)(part->updated_nsec - part->started_nsec) / 1e9;
	if (!is_worth_telling(d->own, part, is_end))
		return;
	if (spent > 0.01)
		snprintf(seconds, sizeof(seconds), " %.1fs", spent);
	CLEANUP_TALLOC char *line = mem_printf(NULL, "%s%s%s%s", part->id,
					       step_part_text(part, bytes, sizeof(bytes)), seconds,
					       is_end ? " done" : "");
	keep_line(d, s, line);
}

static void tell_end(struct display *d, struct speaker *s)
{
	const struct step *step = s->step;
	CLEANUP_TALLOC char *line =
		step->has_failed && step->error ? mem_printf(NULL, "ERROR: %s", step->error) :
		step->has_failed		? mem_strdup(NULL, "CANCELED") :
		step->is_cached			? mem_strdup(NULL, "CACHED") :
						  mem_printf(NULL, "DONE %.1fs", step_seconds(step, 0));
	keep_line(d, s, line);
	s->is_over = true;
}

static void take(struct display *d, struct step *step, const struct event *e)
{
	struct plain *p = d->own;
	if (e->kind == EVENT_STARTED) {
		p->speakers = mem_grow(p, p->speakers, struct speaker, p->count + 1);
		p->speakers[p->count++] = (struct speaker){ .step = step };
	}
	struct speaker *s = speaker_of(d, step);
	if (!s->has_news)
		s->news_nsec = e->time_nsec;
	if (e->kind == EVENT_LOG && step->fresh_size)
		keep(d, s, step->log + step->log_size - step->fresh_size, step->fresh_size);
	else if (e->kind == EVENT_STATUS)
		tell_part(d, s, step->fresh_part);
	else if (e->kind == EVENT_DONE)
		tell_end(d, s);
	else if (e->kind == EVENT_WARNING) {
		CLEANUP_TALLOC char *line = mem_printf(NULL, "WARN: %s", e->text ? e->text : "");
		keep_line(d, s, line);
	}
	s->has_news |= e->kind == EVENT_STARTED || s->size > 0;
	settle(d, e->time_nsec);
}

static void begin(struct display *d)
{
	struct plain *p = mem_new(d, struct plain);
	p->current = -1;
	d->own = p;
}

static void tick(struct display *d)
{
	settle(d, event_now());
}

static int interval_msec(const struct display *d)
{
	(void)d;
	return FLOOR_CHECK_MSEC;
}

/* As BuildKit's, which prints a step's last ten lines although they stand above. */
static void end(struct display *d)
{
	for (unsigned i = 0; i < d->steps->count; i++) {
		const struct step *s = d->steps->items[i];
		if (!s->error)
			continue;
		size_t from = step_log_tail(s, FAILURE_LINES);
		fprintf(d->out, "------\n > %s:\n", s->name);
		if (s->log)
			fwrite(s->log + from, 1, s->log_size - from, d->out);
		fprintf(d->out, "%s------\n", s->is_log_partial ? "\n" : "");
	}
	fflush(d->out);
}

const struct face face_plain = { begin, take, NULL, tick, end, interval_msec };
