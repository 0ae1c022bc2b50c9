/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which way a build is shown; the ways are plain.c, tty.c and rawjson.c, and none for quiet. */
#include "builder/build/display.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/build/face.h"
#include "builder/build/tail.h"

static void stay_quiet(struct display *d, const struct event *e)
{
	(void)d;
	(void)e;
}

static const struct face face_quiet = { .warn = stay_quiet };

static const struct face *const faces[] = {
	[DISPLAY_PLAIN] = &face_plain,
	[DISPLAY_TTY] = &face_tty,
	[DISPLAY_RAWJSON] = &face_rawjson,
	[DISPLAY_QUIET] = &face_quiet,
};

static enum display_mode choose(enum display_mode mode, FILE *out)
{
	const char *term = getenv("TERM");
	/* A terminal that cannot move its cursor is paper. */
	bool is_paper = !term || !*term || strcmp(term, "dumb") == 0;
	if (mode == DISPLAY_AUTO)
		mode = isatty(fileno(out)) ? DISPLAY_TTY : DISPLAY_PLAIN;
	return mode == DISPLAY_TTY && is_paper ? DISPLAY_PLAIN : mode;
}

struct display *display_new(const void *ctx, enum display_mode mode, FILE *out, const char *title)
{
	struct display *d = mem_new(ctx, struct display);
	d->face = faces[choose(mode, out)];
	d->out = out;
	d->title = mem_strdup(d, title ? title : "");
	d->steps = steps_new(d);
	if (d->face->begin)
		d->face->begin(d);
	return d;
}

void display_event(struct display *d, const struct event *e)
{
	struct step *step = steps_take(d->steps, e);
	if (step && d->face->take)
		d->face->take(d, step, e);
	else if (e->kind == EVENT_WARNING && !e->vertex && d->face->warn)
		d->face->warn(d, e);
}

void display_tick(struct display *d)
{
	if (d->face->tick)
		d->face->tick(d);
}

int display_interval_msec(const struct display *d)
{
	return d->face->interval_msec ? d->face->interval_msec(d) : -1;
}

static void print_warnings(struct display *d)
{
	const struct strlist *warnings = d->steps->warnings;
	if (!warnings->count)
		return;
	fprintf(d->out, "\n %zu warning%s found:\n", warnings->count, warnings->count == 1 ? "" : "s");
	for (size_t i = 0; i < warnings->count; i++) {
		CLEANUP_TALLOC char *line = tail_line(NULL, warnings->items[i], strlen(warnings->items[i]));
		fprintf(d->out, " - %s\n", line);
	}
	fflush(d->out);
}

void display_end(struct display *d)
{
	for (unsigned i = 0; i < d->steps->count; i++) {
		const struct step *s = d->steps->items[i];
		struct event cancelled = { .kind = EVENT_DONE, .vertex = s->vertex, .time_nsec = event_now(),
					   .has_failed = true, .layer_bytes = -1 };
		if (!s->completed_nsec)
			display_event(d, &cancelled);
	}
	if (d->face->end)
		d->face->end(d);
	if (!d->face->warn)
		print_warnings(d);
}
