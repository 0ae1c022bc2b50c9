/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing a build on standard error: BuildKit's looks on a terminal, plain lines, JSON lines, or nothing; and
 * the same events as one HTML page (--report).
 */
#ifndef FAKEBUILD_BUILDER_DISPLAY_H
#define FAKEBUILD_BUILDER_DISPLAY_H

#include "builder/build/events.h"
#include "tracer/base/error.h"

/* The words of --progress, in order. */
enum display_mode { DISPLAY_AUTO, DISPLAY_PLAIN, DISPLAY_TTY, DISPLAY_RAWJSON, DISPLAY_QUIET };
#define DISPLAY_MODES "auto|plain|tty|rawjson|quiet"

struct display;
/* `title` is the Dockerfile's name for the head line.  AUTO is TTY when `out` is a terminal. */
struct display *display_new(const void *ctx, enum display_mode mode, FILE *out, const char *title);
void display_event(struct display *d, const struct event *e);
/* Draw again (timers); call when nothing came for `display_interval_msec`. */
void display_tick(struct display *d);
int display_interval_msec(const struct display *d); /* always the same; -1: never */
/*
 * The last state stays; what has begun and not ended counts as cancelled; of a failed build the end of the failed
 * step's log comes after it.
 */
void display_end(struct display *d);

struct report;
struct report *report_new(const void *ctx, const char *title);
void report_event(struct report *r, const struct event *e);
/* The largest files of the result: path in the image, bytes, and which layer it is in (as DONE told of it). */
void report_file(struct report *r, const char *guest_path, int64_t bytes, const char *layer);
/* One self-contained page; written through a temporary. */
int report_write(struct report *r, const char *host_path, struct error *err);

#endif
