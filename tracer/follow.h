/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps tracer and tracees on one processor while one task at a time runs: a stop then costs two switches, not two
 * wake-ups of a processor that has gone to sleep.  With more to run, the kernel places all as it likes.
 *
 * Such a tracee is pinned: its affinity names the tracer's processor alone, and so does that of whom it makes, until it has
 * not stopped for some milliseconds or others run.  Nobody sees that: who asks for an affinity, or sets one, comes to us.
 */
#ifndef FAKEBUILD_FOLLOW_H
#define FAKEBUILD_FOLLOW_H

#include <sys/types.h>

/* Off where there is one processor, or where the kernel does not tell how many tasks run. */
void follow_open(void);
void follow_close(void);
/* In a new process: it may run wherever we might. */
void follow_leave(void);
/* The stopped task `tid` is about to be let go on. */
void follow_resume(pid_t tid);
/* `child`, which has not run yet, was made by `parent`. */
void follow_born(pid_t child, pid_t parent);
/* execve(2) by another thread than the leader: it goes on under the leader's id. */
void follow_renamed(pid_t old_tid, pid_t tid);
void follow_forget(pid_t tid);
/* From here to its next stop its affinity is what the guest takes it for. */
void follow_show(pid_t tid);

#endif
