/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build tells while it goes on: vertexes (steps) that start, log, and end.  Stages run in processes of
 * their own, which send these as lines of JSON; the program's own process shows them (display.h).
 */
#ifndef FAKEBUILD_BUILDER_EVENTS_H
#define FAKEBUILD_BUILDER_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

enum event_kind {
	EVENT_STARTED, /* vertex with its name: "[build 2/5] RUN make" */
	EVENT_LOG,     /* bytes that its command wrote */
	EVENT_STATUS,  /* progress of a part: id "sha256:...", current and total bytes */
	EVENT_WARNING, /* a line for the person */
	EVENT_DONE,    /* it ended; is_cached; layer_bytes; error text when it failed */
};

struct event {
	enum event_kind kind;
	unsigned vertex;    /* number of the step in this build, from 1; 0: of a WARNING about the whole build */
	int64_t time_nsec;  /* CLOCK_REALTIME */
	const char *name;   /* of STARTED; id of STATUS */
	const char *stage;  /* of STARTED: the stage's name or number; NULL for none */
	const char *command; /* of STARTED: the whole instruction */
	unsigned line;      /* of STARTED: in the Dockerfile, 0: none */
	int stream;         /* of LOG: 1 or 2 */
	const char *text;   /* of LOG, WARNING; the error of a failed DONE, NULL: it was cancelled */
	size_t size;        /* of LOG's text, which may hold any bytes */
	bool is_cached, has_failed;
	int64_t current_bytes, total_bytes; /* of STATUS; total 0: unknown */
	int64_t layer_bytes; /* of DONE: what the step added, -1: no layer */
	const char *layer;   /* of DONE: the layer's folder in the store; NULL: none, or not known */
};

/* What time_nsec wants. */
int64_t event_now(void);

/*
 * As one line of JSON, with its newline.  Text is in base64, so that bytes that are not UTF-8, or NUL, come out as
 * they went in.  NULL and what a kind of event has not are left out.
 */
char *event_line(const void *ctx, const struct event *e);
/* Write that line in one write(2) where the descriptor takes it whole; 0 or -errno.  One writer a pipe. */
int event_write(int fd, const struct event *e);
/* Read a line, with or without its newline; the event's strings hang on it.  Fails on what event_line never makes. */
int event_parse(const void *ctx, const char *line, struct event **ret, struct error *err);

#endif
