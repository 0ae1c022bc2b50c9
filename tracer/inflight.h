/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose the messages are that a process has sent and nobody has received yet, when it becomes another: the kernel keeps
 * only the invoking user's ids with them, and sends are not seen.  So what waits in the sockets that credentials are asked of
 * (SO_PASSCRED) is counted whenever the ids that a sender's messages show change.
 */
#ifndef FAKEBUILD_INFLIGHT_H
#define FAKEBUILD_INFLIGHT_H

#include "tracer/tracee.h"

/* The process asks a socket for credentials: there is something to count from now on. */
void inflight_begin(struct process *receiver);
/* What the process has sent so far shows these ids. */
void inflight_settle(const struct process *p, const struct ucred *ids);
/*
 * The tracee has received `size` bytes, with these flags, by its descriptor, and the kernel says that they are of
 * ids->pid: what they show, when they were sent before it changed.
 */
bool inflight_take(const struct tracee *t, int fd, uint64_t size, int flags, struct ucred *ids);
/* The run ends. */
void inflight_close(void);

#endif
