/* SPDX-License-Identifier: Apache-2.0 */
/* The server's half of a session (tracer_serve): who asks to be traced, and what else may be asked. */
#ifndef FAKEBUILD_JOIN_H
#define FAKEBUILD_JOIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/base/error.h"
#include "tracer/tracer.h"

/* prctl(2)'s option that only guests of ours know; the kernel has EINVAL for it. */
enum { PR_IS_GUEST = 0x66626764, IS_GUEST = 1 };

/* One message each way, over SOCK_SEQPACKET. */
enum join_verb { JOIN_TRACE = 1, JOIN_PIDS, JOIN_PAUSE, JOIN_RESUME, JOIN_KILL };
struct join_request {
	uint32_t verb;
	uint32_t value; /* JOIN_TRACE: the umask; JOIN_KILL: the signal */
	struct session_place place; /* of the others, only the container; 0 is all of them */
};
struct join_answer {
	int32_t error; /* 0 or an errno */
	uint32_t count; /* of pid_t that follow */
};

/* tracer_join, in the pid namespace of the session's first process. */
int join_inside(const char *socket_path, struct error *err);

/* Answer requests at this listener from now on; -1: no session. */
int join_open(int listener, struct error *err);
void join_close(void);
/* Wait for the first who joins; false when `keeper` (-1: none) came to its end before. */
bool join_wait_first(int keeper);
/* Has somebody rung?  Then answer all who wait.  A wait for tracees is interrupted by a ring. */
void join_answer_all(void);
/* Is the container of this task paused?  Then no stop of it is served. */
bool join_is_paused(pid_t tid);
/* Keep a stop for later; it is handed to `serve` when the session goes on. */
void join_hold(pid_t pid, int status);
/* The next stop that was held, for a pause or a frozen control group, and is due; false: none. */
bool join_take_held(pid_t *ret_pid, int *ret_status);
/* The process has ended with its stops unserved. */
void join_forget(pid_t pid);

#endif
