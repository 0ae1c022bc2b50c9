/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of processes in the calls of who is in a pid namespace of the guest's (pids.h): taken as they are there, given as
 * they are there.  Hooks of rows with `is_inside` see the calls of those processes, and may see others'.
 */
#ifndef FAKEBUILD_INSIDE_H
#define FAKEBUILD_INSIDE_H

#include <signal.h>

#include "tracer/call.h"

/* A number as the task has it, or takes it; both leave what is 0. */
pid_t inside_shown(const struct tracee *t, pid_t host);
pid_t inside_host(const struct tracee *t, pid_t number);
/* Have the call name to the host what argument n names to the caller, when that is above 0. */
void inside_translate(struct call *c, unsigned n);
/* Exit hook: the result is the number of a process. */
int64_t inside_show_result(struct call *c);
/* A call that makes a task goes on; its result is shown. */
int64_t inside_fork(struct call *c);
/* The words that clone(2) was told to write into parent and child, which is stopped. */
void inside_tell_child(const struct tracee *parent, const struct tracee *child, uint64_t clone_flags);
/* ioctl(2): true when it is one of those that take or give a number; its result then is *ret. */
bool inside_ioctl(struct call *c, uint32_t command, int64_t *ret);
/* So, but of every process: when it names who gets the signals of a socket or pipe (process_to_own). */
bool inside_sets_owner(struct call *c, uint32_t command, int64_t *ret);
/* Of a siginfo_t of the caller's ABI at this address. */
void inside_show_siginfo(struct call *c, taddr at);
/* Argument n may point to one that the caller has filled in, which names itself: the kernel gets one with the host's number.  0 or -errno. */
int inside_translate_siginfo(struct call *c, unsigned n);
/* read(2), of who has a signalfd: CALL_PASS when it is not that. */
int64_t inside_read(struct call *c);
/* The ioctls that inside_ioctl knows, for the filter. */
extern const uint32_t inside_ioctls[];
/* Before the thread ends: what it holds of robust futexes is called as the kernel calls it. */
void inside_mend_futexes(const struct tracee *t);

#endif
