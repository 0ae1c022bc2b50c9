/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a build as its events have told them so far: what every way of showing a build is made from. */
#ifndef FAKEBUILD_BUILDER_STEPS_H
#define FAKEBUILD_BUILDER_STEPS_H

#include "builder/build/events.h"

/* A blob that is fetched, a context that is sent: of STATUS. */
struct step_part {
	char *id;
	int64_t current_bytes, total_bytes; /* total 0: unknown */
	int64_t started_nsec, updated_nsec;
};

struct step {
	/* of STARTED */
	unsigned vertex, line;
	char *name; /* one line, without control characters */
	char *stage, *command;
	int64_t started_nsec;
	/* while it runs */
	struct step_part **parts;
	unsigned part_count;
	struct step_part *fresh_part; /* what the last STATUS was of */
	struct strlist *warnings;
	/*
	 * What it wrote, each line with the seconds since its start before it: "0.312 line".  Of a long log the end
	 * is kept; log_lines_lost were before it.
	 */
	char *log;
	size_t log_size, log_room;
	unsigned log_lines_lost;
	bool is_log_partial;   /* its last line has no newline yet */
	size_t fresh_size;     /* how much of its end came with the last event */
	int64_t log_nsec;      /* when it wrote last */
	/* of DONE */
	int64_t completed_nsec; /* 0: it runs */
	bool is_cached, has_failed;
	char *error; /* of a failed step; NULL: it was cancelled */
	int64_t layer_bytes; /* -1: no layer */
	char *layer;         /* its folder in the store; NULL: none, or not known */
};

struct steps {
	struct step **items; /* in the order in which they began */
	unsigned count, room;
	struct strlist *warnings; /* of no step */
};

struct steps *steps_new(const void *ctx);
/* Take an event in; the step it is of, NULL when that has not begun or is over. */
struct step *steps_take(struct steps *s, const struct event *e);
/* All bytes have come. */
bool step_part_is_whole(const struct step_part *p);
double step_seconds(const struct step *s, int64_t now_nsec);
/* The beginning of the last max_lines lines of its log (0: all). */
size_t step_log_tail(const struct step *s, unsigned max_lines);

/* " 1.05MB / 3.21MB", " 1.05MB" of unknown total, or "" when nothing came.  Returns buffer. */
const char *step_part_text(const struct step_part *p, char *buffer, size_t room);

#endif
