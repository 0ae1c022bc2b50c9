/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build/steps.h"

#include <stdio.h>
#include <string.h>

/* BuildKit clips a log at 2 MiB; so much of the end of ours is kept at least. */
enum { LOG_KEPT_BYTES = 2 << 20 };
static const double nsec_per_sec = 1e9;

struct steps *steps_new(const void *ctx)
{
	struct steps *s = mem_new(ctx, struct steps);
	s->warnings = strlist_new(s);
	return s;
}

static struct step *find(const struct steps *s, unsigned vertex)
{
	for (unsigned i = s->count; i > 0; i--)
		if (s->items[i - 1]->vertex == vertex)
			return s->items[i - 1];
	return NULL;
}

/* Names hold what a Dockerfile holds; on a terminal and in a line none of it may have a meaning. */
static char *one_line(const void *ctx, const char *text)
{
	char *line = mem_strdup(ctx, text ? text : "");
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return line;
}

static struct step *begin(struct steps *s, const struct event *e)
{
	struct step *step = mem_new(s, struct step);
	step->vertex = e->vertex;
	step->line = e->line;
	step->name = one_line(step, e->name);
	step->stage = e->stage ? one_line(step, e->stage) : NULL;
	step->command = e->command ? mem_strdup(step, e->command) : NULL;
	step->started_nsec = e->time_nsec;
	step->warnings = strlist_new(step);
	step->layer_bytes = -1;
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 32;
		s->items = mem_grow(s, s->items, struct step *, s->room);
	}
	s->items[s->count++] = step;
	return step;
}

static void forget_beginning(struct step *s)
{
	size_t cut = s->log_size - LOG_KEPT_BYTES;
	const char *newline = memchr(s->log + cut, '\n', LOG_KEPT_BYTES);
	if (newline)
		cut = (size_t)(newline + 1 - s->log);
	for (const char *p = s->log; (p = memchr(p, '\n', (size_t)(s->log + cut - p))); p++)
		s->log_lines_lost++;
	s->log_size -= cut;
	memmove(s->log, s->log + cut, s->log_size);
}

static void append_log(struct step *s, const char *bytes, size_t size)
{
	if (s->log_size + size > s->log_room) {
		s->log_room = 2 * (s->log_size + size);
		s->log = mem_grow(s, s->log, char, s->log_room);
	}
	memcpy(s->log + s->log_size, bytes, size);
	s->log_size += size;
	s->fresh_size += size;
}

static void take_log(struct step *s, const struct event *e)
{
	double seconds = (double)(e->time_nsec - s->started_nsec) / nsec_per_sec;
	char stamp[32];
	if (!e->size)
		return;
	snprintf(stamp, sizeof(stamp), "%.*f ", seconds < 10 ? 3 : seconds < 100 ? 2 : 1, seconds);
	if (s->log_size > 2 * LOG_KEPT_BYTES)
		forget_beginning(s);
	for (const char *p = e->text, *end = e->text + e->size; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
		if (!s->is_log_partial)
			append_log(s, stamp, strlen(stamp));
		append_log(s, p, (size_t)(next - p));
		s->is_log_partial = !newline;
		p = next;
	}
	s->log_nsec = e->time_nsec;
}

static struct step_part *part_of(const struct step *s, const char *id)
{
	for (unsigned i = 0; i < s->part_count; i++)
		if (strcmp(s->parts[i]->id, id) == 0)
			return s->parts[i];
	return NULL;
}

static void take_status(struct step *s, const struct event *e)
{
	CLEANUP_TALLOC char *id = one_line(NULL, e->name);
	struct step_part *p = part_of(s, id);
	if (!p) {
		p = mem_new(s, struct step_part);
		p->id = mem_strdup(p, id);
		p->started_nsec = e->time_nsec;
		s->parts = mem_grow(s, s->parts, struct step_part *, s->part_count + 1);
		s->parts[s->part_count++] = p;
	}
	p->current_bytes = e->current_bytes;
	p->total_bytes = e->total_bytes;
	p->updated_nsec = e->time_nsec;
	s->fresh_part = p;
}

bool step_part_is_whole(const struct step_part *p)
{
	return p->total_bytes > 0 && p->current_bytes >= p->total_bytes;
}

static void take_end(struct step *s, const struct event *e)
{
	s->completed_nsec = e->time_nsec > s->started_nsec ? e->time_nsec : s->started_nsec;
	s->is_cached = e->is_cached;
	s->has_failed = e->has_failed;
	s->error = e->has_failed && e->text ? mem_strdup(s, e->text) : NULL;
	s->layer_bytes = e->layer_bytes;
	s->layer = e->layer ? mem_strdup(s, e->layer) : NULL;
}

struct step *steps_take(struct steps *s, const struct event *e)
{
	struct step *step = find(s, e->vertex);
	if (e->kind == EVENT_WARNING && !e->vertex)
		strlist_add(s->warnings, e->text ? e->text : "");
	if (e->kind == EVENT_STARTED)
		return step ? NULL : begin(s, e);
	if (!step || step->completed_nsec)
		return NULL;
	step->fresh_size = 0;
	switch (e->kind) {
	case EVENT_LOG:
		take_log(step, e);
		break;
	case EVENT_STATUS:
		take_status(step, e);
		break;
	case EVENT_WARNING:
		strlist_add(step->warnings, e->text ? e->text : "");
		break;
	case EVENT_DONE:
		take_end(step, e);
		break;
	case EVENT_STARTED:
		break;
	}
	return step;
}

double step_seconds(const struct step *s, int64_t now_nsec)
{
	int64_t end_nsec = s->completed_nsec ? s->completed_nsec : now_nsec;
	return end_nsec > s->started_nsec ? (double)(end_nsec - s->started_nsec) / nsec_per_sec : 0;
}

size_t step_log_tail(const struct step *s, unsigned max_lines)
{
	size_t at = s->log_size;
	if (!max_lines)
		return 0;
	if (at > 0 && s->log[at - 1] == '\n')
		at--;
	for (; at > 0; at--)
		if (s->log[at - 1] == '\n' && --max_lines == 0)
			break;
	return at;
}

/* "3.21MB" as BuildKit writes a transfer: two decimals, none for bytes.  Returns buffer. */
static const char *step_bytes_text(int64_t bytes, char *buffer, size_t room)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	unsigned unit = 0;
	double value = (double)bytes;
	/* What would be rounded to 1000.00 is one of the next unit. */
	while (value >= 999.995 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1000;
		unit++;
	}
	snprintf(buffer, room, "%.*f%s", unit ? 2 : 0, value, units[unit]);
	return buffer;
}

const char *step_part_text(const struct step_part *p, char *buffer, size_t room)
{
	char current[32], total[32];
	buffer[0] = '\0';
	step_bytes_text(p->current_bytes, current, sizeof(current));
	if (p->total_bytes > 0)
		snprintf(buffer, room, " %s / %s", current, step_bytes_text(p->total_bytes, total, sizeof(total)));
	else if (p->current_bytes > 0)
		snprintf(buffer, room, " %s", current);
	return buffer;
}
