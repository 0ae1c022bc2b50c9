/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pid namespaces that the guest makes, pid_namespaces(7): who is in which, for whom a process exists, and what ends with a
 * namespace's first process.  NULL stands for what the run began in, where all processes are.
 */
#ifndef FAKEBUILD_PIDS_H
#define FAKEBUILD_PIDS_H

#include "tracer/tracee.h"

struct pid_namespace;

/*
 * Numbers: each task has one in its namespace and in each above; groups and sessions are named as who has made them.  Those of
 * NULL are the host's.  What is not there has the number 0, and what a number names that nobody has is PIDS_NOBODY on the host.
 */
enum { PIDS_NOBODY = 0x0fffffff /* more than PID_MAX_LIMIT, and less than is told by a clock */ };
pid_t pids_host(const struct pid_namespace *in, pid_t number);
pid_t pids_shown(const struct pid_namespace *in, pid_t host);
/* The last number that was given there. */
pid_t pids_last(const struct pid_namespace *in);
/* From the outermost namespace that the guest has made on, each below the other, as far as the task has a number there. */
const struct pid_namespace *pids_next_level(const struct pid_namespace *in, const struct process *of);

/* Does the process exist for who is in the namespace: is it in there, or below? */
bool pids_holds(const struct pid_namespace *in, const struct process *p);
/* The task of this number there; 1 is its first process.  NULL: there is none. */
struct tracee *pids_find(const struct pid_namespace *in, pid_t number);
/* As in the links of /proc/PID/ns; 0: NULL's. */
unsigned pids_number(const struct pid_namespace *ns);
/* The number of the parent of this one, that of 0 being none; false when who is in `in` does not see it. */
bool pids_parent_number(const struct pid_namespace *in, unsigned number, unsigned *ret);
/* Has it had no process yet?  Then nobody can be shown it. */
bool pids_is_empty(const struct pid_namespace *ns);
/* Is the process the first of a namespace that the guest has made? */
bool pids_is_first(const struct process *p);
/* Whom orphans of the process' are the children of; NULL: nobody's that is known. */
struct tracee *pids_adopter(const struct process *p);

/* May the task make a child by these clone flags, or leave for a new namespace by CLONE_NEWPID?  0, -EINVAL, -ENOSPC, -ENOMEM. */
int pids_may_clone(const struct tracee *t, uint64_t clone_flags);
/* unshare(2): its children will be in a new one, with the next number of namespaces. */
void pids_unshare(struct tracee *t, unsigned number);
/* setns(2), to the one of this number: 0, or -EINVAL when it is not the caller's, nor below. */
int pids_enter(struct tracee *t, unsigned number);
/* By clone's flags; `number` is for a new one. */
void pids_inherit(struct tracee *child, const struct tracee *parent, uint64_t clone_flags, unsigned number);
/* One that comes from outside becomes the first of a new one, before its first stop. */
void pids_begin(struct tracee *first, unsigned number);
/* So into that of another; NULL: into what the run began in. */
void pids_join(struct tracee *t, const struct process *with);
/* Has its first process ended?  Then nobody comes into it. */
bool pids_has_ended(const struct pid_namespace *ns);
/* A child that nobody has seen was made in a namespace that has ended. */
bool pids_is_stillborn(const struct tracee *child);

/*
 * At the stop before the end of a thread: is it the last of a first process?  Then all others in its namespace, and below, are
 * killed; true: it is to stay where it is until pids_take_last gives it back.
 */
bool pids_hold_first(struct tracee *t);
/* A first process of whom that was not known has ended. */
void pids_first_ended(const struct process *p);
/* Some thread has ended: one that was held, and is alone now; NULL. */
struct tracee *pids_take_last(void);
/* The run is over: one that is held; NULL. */
struct tracee *pids_take_any(void);

/* Has the process a handler for this signal? */
bool pids_has_handler(pid_t pid, int signal);
/* The kernel lets this signal, which is about to be delivered, not come to the first process of a namespace. */
bool pids_ignores(const struct tracee *t, int signal);
/* So with SIGKILL and SIGSTOP that come from within. */
bool pids_is_safe(const struct tracee *from, const struct process *to, int signal);

void pids_close(void);

#endif
