/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which way a build is shown; the ways are plain.c, tty.c and rawjson.c, and none for quiet. */
#include "builder/build/display.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/build/face.h"

static const struct face face_quiet;

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

void display_total(struct display *d, unsigned steps)
{
	d->total = steps;
}

void display_event(struct display *d, const struct event *e)
{
	struct step *step = steps_take(d->steps, e);
	if (step && d->face->take)
		d->face->take(d, step, e);
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
}
