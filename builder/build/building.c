/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a build tells besides its steps, and when it is shown no more. */
#include "builder/build/building.h"

#include <stdio.h>
#include <string.h>

#include "tracer/base/mem.h"

void building_show(void *arg, const struct event *e)
{
	struct building *g = arg;
	if (!g->is_display_over)
		display_event(g->display, e);
	if (g->report)
		report_event(g->report, e);
}

void building_tick(void *arg)
{
	const struct building *g = arg;
	display_tick(g->display);
}

void building_end_display(void *arg)
{
	struct building *g = arg;
	if (!g->is_display_over)
		display_end(g->display);
	g->is_display_over = true;
}

void building_leave_terminal(void *arg)
{
	building_end_display(arg);
	fputs("A shell where the step failed, with what it left; the build ends when it does.\n", stderr);
}

unsigned building_begin(struct building *g, const char *name)
{
	struct event e = { .kind = EVENT_STARTED, .time_nsec = event_now(), .name = name, .command = name };
	e.vertex = __atomic_add_fetch(g->b->vertex_count, 1, __ATOMIC_RELAXED);
	building_show(g, &e);
	return e.vertex;
}

int building_finish(struct building *g, unsigned vertex, int r, const struct error *err)
{
	struct event e = { .kind = EVENT_DONE, .vertex = vertex, .time_nsec = event_now(), .layer_bytes = -1,
			   .has_failed = r < 0, .text = r < 0 ? err->text : NULL };
	building_show(g, &e);
	return r;
}

void building_tell(void *arg, const char *line)
{
	struct telling *t = arg;
	CLEANUP_TALLOC char *text = mem_printf(NULL, "%s\n", line);
	struct event e = { .kind = EVENT_LOG, .vertex = t->vertex, .time_nsec = event_now(), .stream = 2, .text = text,
			   .size = strlen(text), .layer_bytes = -1 };
	building_show(t->g, &e);
}

void building_warn(struct building *g, const char *text)
{
	struct event e = { .kind = EVENT_WARNING, .time_nsec = event_now(), .text = text, .layer_bytes = -1 };
	building_show(g, &e);
}

/* A text that cannot be read is shown where it is wrong. */
void building_show_excerpt(struct building *g, const char *excerpt)
{
	building_end_display(g);
	if (g->o.progress != DISPLAY_QUIET && g->o.progress != DISPLAY_RAWJSON)
		fputs(excerpt, stderr);
}
