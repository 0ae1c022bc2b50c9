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
	unsigned vertex;    /* number of the step in this build, from 1 */
	int64_t time_nsec;  /* CLOCK_REALTIME */
	const char *name;   /* of STARTED; id of STATUS */
	const char *stage;  /* of STARTED: the stage's name or number; NULL for none */
	const char *command; /* of STARTED: the whole instruction */
	unsigned line;      /* of STARTED: in the Dockerfile, 0: none */
	int stream;         /* of LOG: 1 or 2 */
	const char *text;   /* of LOG, WARNING; the error of a failed DONE */
	size_t size;        /* of LOG's text */
	bool is_cached, has_failed;
	int64_t current_bytes, total_bytes; /* of STATUS; total 0: unknown */
	int64_t layer_bytes; /* of DONE: what the step added, -1: no layer */
};

#endif
