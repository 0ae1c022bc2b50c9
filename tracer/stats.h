/* SPDX-License-Identifier: Apache-2.0 */
/* What a run's stops were for and what they took: run --stats and --trace. */
#ifndef FAKEBUILD_STATS_H
#define FAKEBUILD_STATS_H

#include <stdbool.h>
#include <sys/types.h>

#include "tracer/base/error.h"
#include "tracer/call.h"

/*
 * Begin to count, and to write a timeline into trace_path (NULL: none) as Chrome's tracing and Perfetto read it.
 * Fails when that cannot be created.  Without this all others do nothing.
 */
int stats_open(bool is_counting, const char *trace_path, struct error *err);
/* Print what was counted to standard error; end the timeline. */
void stats_close(void);

/* Around each stop.  stats_call tells which call it was, if it was one. */
void stats_begin(void);
void stats_call(const struct row *row);
void stats_end(pid_t pid, pid_t tid);
/* A task has begun the program of this guest path. */
void stats_exec(pid_t pid, const char *program);
/* So many calls were answered inside a process that has ended. */
void stats_add_answers(uint64_t count);
bool stats_is_on(void);

#endif
