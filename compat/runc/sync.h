/* SPDX-License-Identifier: Apache-2.0 */
/* Words between a command and the process that it makes: who waits for whom, and why one gave up. */
#ifndef FAKEBUILD_COMPAT_RUNC_SYNC_H
#define FAKEBUILD_COMPAT_RUNC_SYNC_H

#include "tracer/base/error.h"

enum sync_word {
	SYNC_NAMESPACES = 1, /* of the process: its namespaces are there, the runtime's hooks may run */
	SYNC_GO,             /* of the command: they have run */
	SYNC_READY,          /* of the process: nothing is left but the command's word and the execve */
	SYNC_KEPT,           /* of the command: what has to be known of the process is written down */
	SYNC_FAILED,         /* of the process: with a sentence */
	SYNC_TOLD,           /* of the process: with one for the log, which is out of its reach; nobody waits for it */
};

/* Both ends, closed by execve.  Fails when the host gives no sockets. */
int sync_open(int ret_ends[2], struct error *err);
void sync_say(int end, enum sync_word word);
/* A line of debugging; nothing when these are left out. */
void sync_tell(int end, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sync_fail(int end, const struct error *err);
/*
 * Wait for a word.  Fails with the peer's own sentence, and when it ends without a word; for SYNC_KEPT at the command's
 * end, too, so that no process is left that nobody knows.
 */
int sync_wait(int end, enum sync_word wanted, struct error *err);
/* Wait until the peer's end is closed, as execve does.  Fails with its sentence. */
int sync_wait_end(int end, struct error *err);

#endif
