/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that matter to few processes: these rows are the kernel's, without a stop, until a
 * process does what makes them matter.  Then it is sent through seccomp(2), and they stop in it and in all
 * that it forks.  Filters cannot be taken back.
 */
#ifndef FAKEBUILD_WATCH_H
#define FAKEBUILD_WATCH_H

#include <linux/filter.h>
#include <stdbool.h>

#include "tracer/call.h"

enum watch {
	WATCH_CALLS,  /* rows with ACTION_LATER */
	WATCH_WRITES, /* rows with ACTION_WRITE: of who has a file of a control group open */
	WATCH_INSIDE, /* of who is in a pid namespace of the guest's (pids.h): those of WATCH_CALLS, and rows with `is_inside` */
	WATCH_READS,  /* of who has a signalfd there: read(2) */
	WATCHES,
};

/* The programs that filter_make_later made; once a run. */
void watch_open(struct sock_fprog *const programs[WATCHES]);
/* Make of this call one that adds the filter; the guest's own comes again afterwards.  Never 0. */
int64_t watch_begin(struct call *c, enum watch which);
/* So at the entry of a call of a thread of whom watch_is_due says so. */
int64_t watch_begin_due(struct call *c);
/* Another process: its threads are stopped, and add the filter before their next call; not the loader, whose slot it would take. */
void watch_process(struct process *p);
/* Must this thread add a filter, or its process become a parent, before it makes a call? */
bool watch_is_due(const struct tracee *t);

#endif
