/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ptrace(2) for guests.  The kernel knows one tracer of every guest thread, which is us: a guest's tracer
 * is one in name.  A stop of ours that natively were its to see is kept, told to its wait calls, and what
 * it then asks for is done here on its behalf.
 *
 * A kept stop shows the guest's own registers: whoever keeps one has put them right first.
 */
#ifndef FAKEBUILD_GUEST_PTRACE_H
#define FAKEBUILD_GUEST_PTRACE_H

#include <signal.h>
#include <stdbool.h>

#include "tracer/call.h"
#include "tracer/tracee.h"
#include "tracer/stats.h"

/* Where a traced thread stands.  PTRACED_DEAD is known to the wait calls only. */
enum ptraced_stop {
	PTRACED_RUNS,
	PTRACED_SIGNAL,    /* a real signal is about to be delivered */
	PTRACED_TRAP,      /* a SIGTRAP of ours stands for one of the kernel's */
	PTRACED_GROUP,     /* the whole process was stopped */
	PTRACED_EVENT,     /* PTRACE_EVENT_* */
	PTRACED_ENTRY,     /* before a system call */
	PTRACED_EXIT,      /* after one */
	PTRACED_LISTENS,   /* PTRACE_LISTEN */
	PTRACED_DEAD,
};

/* One thread that a guest traces; all of them are in a list. */
struct ptraced {
	struct ptraced *next;
	struct tracee *t; /* NULL when dead */
	pid_t tid, tracer; /* both thread ids */
	bool is_seized;
	uint64_t options; /* PTRACE_O_* as the guest set them */
	long mode;        /* the request that it was resumed by */

	/* Of the present stop. */
	enum ptraced_stop stop;
	int code;         /* what wait(2) tells: the upper bits of its status; of a dead one all of it */
	bool is_news;     /* no wait call has told it yet */
	unsigned long message; /* PTRACE_GETEVENTMSG */

	/* What comes next. */
	bool is_in_call;      /* its entry was shown, its exit was not */
	bool wants_interrupt; /* PTRACE_INTERRUPT is under way */
	bool must_serve;      /* stopped at the seccomp event before the entry (Linux before 4.8) */
	bool is_filter_shown; /* stopped at the call that a filter of the guest's sent */
	bool has_entry_due;   /* its real entry is still to come, then */
	int64_t number;       /* of the call, when we answer it */
	bool is_answered;
	bool has_exec_exit, has_exec_trap; /* stops that are due after an execve */
	int deferred_signal;  /* came while the loader ran */
	int passing_signal;   /* is on its way by the tracer's order: no stop */
	bool needs_arming;    /* events it asked for are off as yet */
};

/* The events that we ask for of every tracee. */
#define TRACE_OPTIONS                                                                             \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | (stats_is_on() ? PTRACE_O_TRACEEXIT : 0L))

/* Resume, with this signal, as its tracer in the guest wants it: PTRACE_CONT when it has none. */
void guest_resume(struct tracee *t, int signal);

/*
 * Keep this stop if a guest is to see it: true then, and the thread stays stopped.
 * The signal must be the one of the stop.
 */
bool guest_stop_at_signal(struct tracee *t, int signal);
bool guest_stop_at_group(struct tracee *t, int signal);
bool guest_stop_at_interrupt(struct tracee *t);
bool guest_stop_at_entry(struct tracee *t);
bool guest_stop_at_exit(struct tracee *t);
bool guest_stop_at_event(struct tracee *t, int event, unsigned long message);
/* Before the seccomp stop of a call is served: on old kernels this comes before the entry. */
bool guest_stop_before_call(struct tracee *t);

/* Shared by guest_ptrace.c and guest_stops.c: this stop is the tracer's, with the code that wait(2) tells. */
void guest_keep(struct ptraced *p, enum ptraced_stop stop, int code);
/* The thread is this tracer's from now on. */
struct ptraced *guest_begin(struct tracee *t, pid_t tracer, bool is_seized, uint64_t options);
/* The stops that an execve makes, in the kernel's order; true when there is one more, which is kept. */
bool guest_next_exec_stop(struct ptraced *p);
/* Does this request show system calls? */
bool guest_is_by_call(long mode);

/* At any stop of it: have the kernel tell of the events that matter in this thread (TRACE_OPTIONS, and what else it needs). */
void guest_arm_events(struct tracee *t);

/* Where the kernel does not tell: is this stop of a call its exit?  By what was shown; -1: nothing was. */
int guest_is_at_exit(struct tracee *t);

/* A child was made, the parent is at this event: does the child stay stopped for the tracer? */
bool guest_traces_child(struct tracee *parent, struct tracee *child, int event, uint64_t clone_flags);
/* The loader of a new program is done; its registers are the program's. */
bool guest_stop_at_exec(struct tracee *t);
/* The thread has ended with this wait status; is_leader: its process has, too. */
void guest_ended(struct tracee *t, int status, bool is_leader);
/* A non-leading thread called execve: it goes on as the leader. */
void guest_exec_from_thread(pid_t old_tid, struct tracee *leader);
/* A seccomp stop that was held back for the tracer is to be served now; NULL: none. */
struct tracee *guest_take_held(void);

/* What is asked of a stopped one (guest_requests.c): NULL when there is no such request. */
typedef int64_t (*guest_request)(struct call *c, struct ptraced *p);
guest_request guest_find_request(int number);

/* __ptrace_may_access of kernel/ptrace.c, with the real ids. */
bool guest_may_access(const struct tracee *who, const struct tracee *of);
/* Is it traced by one without CAP_SYS_PTRACE?  Then its execve gives no more rights. */
bool guest_tracer_is_weak(const struct tracee *t);
/* For TracerPid: 0 when it has none. */
pid_t guest_tracer_of(const struct tracee *t);

/* For the wait calls (guest_wait.c): all that are traced, and taking one out. */
struct ptraced *guest_ptraced(void);
void guest_forget(struct ptraced *p);
/* Tell the tracer's wait calls of this one, and send SIGCHLD. */
void guest_wait_tell(struct ptraced *p);
/* At a stop of a thread that waits: show the wait call, not what it sleeps in. */
void guest_wait_mend(struct tracee *t);
/* SIGCHLD that we sent is the kernel's to the guest, and ids of senders are the guest's. */
void guest_mend_siginfo(struct tracee *t, int signal);

#endif
