/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps tracer and tracee on one processor while nothing else runs: a stop then costs two switches, not two wake-ups of
 * a processor that has gone to sleep, which on virtual machines cost five times as much.  With more to run,
 * the kernel places all as it likes.
 */
#ifndef FAKEBUILD_FOLLOW_H
#define FAKEBUILD_FOLLOW_H

#include <stdbool.h>
#include <sys/types.h>

/* Off where there is one processor, or where the kernel does not tell how many tasks run. */
void follow_open(void);
void follow_close(void);
/* In a new process: it may run wherever we might. */
void follow_leave(void);
/*
 * Around the call that lets the stopped task `tid` go on: see that it wakes up here.  `is_likely_elsewhere`: it comes from an
 * event that wakes a task up, not from a call that it made; of those one in several is looked at.
 */
void follow_before(pid_t tid, bool is_likely_elsewhere);
void follow_behind(pid_t tid);

#endif
