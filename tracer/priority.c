/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the calls that rank a process: nice values, scheduling policies, processor sets, I/O priorities.
 * Who may is decided by virtual credentials; what the kernel then refuses the invoking user is granted in
 * name, and nice values are remembered.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/follow.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/pids.h"
#include "tracer/tracee.h"

enum { NICE_MIN = -20, NICE_MAX = 19 };

/* Whom this argument names, 0 is the caller; the host's number is put there. */
static struct tracee *guest_of(struct call *c, unsigned n)
{
	pid_t pid = call_int(c, n);
	struct tracee *t = pid ? pids_find(c->t->process->pids, pid) : c->t;
	if (t && pid)
		call_set(c, n, t->tid);
	return t;
}

/* The beginning of the kernel's struct sched_attr. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
};
enum { RESET_ON_FORK = 1 }; /* of its flags */

static int64_t show_attributes(struct call *c)
{
	struct attributes a;
	const struct tracee *t = guest_of(c, 0);
	if (c->result < 0 || !t || memory_read(c->t, c->argument[1], &a, sizeof(a)) < 0)
		return c->result;
	a.policy = t->rt_policy & ~SCHED_RESET_ON_FORK;
	a.flags |= t->rt_policy & SCHED_RESET_ON_FORK ? RESET_ON_FORK : 0;
	a.nice = 0;
	a.priority = t->rt_priority;
	return memory_write(c->t, c->argument[1], &a, sizeof(a)) < 0 ? -EFAULT : c->result;
}

/* Also what is asked of process 1 of the host, who is nobody's but may be asked. */
int64_t hook_sched_get(struct call *c)
{
	const struct tracee *t = guest_of(c, 0);
	int priority = t ? t->rt_priority : 0;
	if (!t && c->t->process->pids)
		return -ESRCH;
	if (!t || !t->rt_policy)
		return CALL_PASS;
	if (strcmp(c->row->name, "sched_getscheduler") == 0)
		return t->rt_policy;
	if (strcmp(c->row->name, "sched_getparam") == 0)
		return memory_write(c->t, c->argument[1], &priority, sizeof(priority)) < 0 ? -EFAULT : 0;
	c->t->at_exit = show_attributes;
	return CALL_PASS_EXIT;
}

/* get_rr_interval_rt of kernel/sched/rt.c: RR_TIMESLICE, or as long as it likes. */
int64_t hook_sched_rr_get_interval(struct call *c)
{
	enum { SLICE_NSEC = 100 * 1000 * 1000 };
	const struct tracee *t = guest_of(c, 0);
	if (!t || !t->rt_policy)
		return !t && c->t->process->pids ? -ESRCH : CALL_PASS;
	int32_t nsec = (t->rt_policy & ~SCHED_RESET_ON_FORK) == SCHED_RR ? SLICE_NSEC : 0;
	bool is_narrow = c->abi == ABI_32 && strcmp(c->row->name, "sched_rr_get_interval") == 0;
	int64_t wide[2] = { 0, nsec };
	int32_t narrow[2] = { 0, nsec };
	int r = is_narrow ? memory_write(c->t, c->argument[1], narrow, sizeof(narrow)) :
			    memory_write(c->t, c->argument[1], wide, sizeof(wide));
	return r < 0 ? -EFAULT : 0;
}

int64_t hook_ioprio_get(struct call *c)
{
	enum { WHO_PROCESS = 1, WHO_GROUP = 2 };
	if (call_int(c, 0) == WHO_PROCESS && !guest_of(c, 1) && c->t->process->pids)
		return -ESRCH;
	if (call_int(c, 0) == WHO_GROUP)
		inside_translate(c, 1);
	return CALL_PASS;
}

/* check_same_owner of kernel/sched/syscalls.c, set_one_prio_perm of kernel/sys.c. */
static bool is_owner(const struct cred *who, const struct cred *of)
{
	return who->euid == of->ruid || who->euid == of->euid;
}

static int nice_of(const struct tracee *t)
{
	return t->has_nice ? t->nice : getpriority(PRIO_PROCESS, t->tid);
}

static int may_nice(const struct tracee *who, const struct tracee *t, int nice)
{
	struct rlimit limit;
	if (cred_has(&who->cred, CAPABILITY_SYS_NICE))
		return 0;
	if (!is_owner(&who->cred, &t->cred) && !cred_has_toward(&who->cred, t->cred.users, CAPABILITY_SYS_NICE))
		return -EPERM;
	if (nice >= nice_of(t))
		return 0;
	/* can_nice: the limit is 20 minus the value. */
	return syscall(SYS_prlimit64, t->tid, RLIMIT_NICE, NULL, &limit) == 0 && 20 - nice <= (long)limit.rlim_cur ?
		       0 : -EACCES;
}

static int set_nice(const struct tracee *who, struct tracee *t, int nice)
{
	int r = may_nice(who, t, nice);
	if (r < 0)
		return r;
	t->has_nice = setpriority(PRIO_PROCESS, t->tid, nice) < 0;
	t->nice = nice;
	return 0;
}

/* The tasks that setpriority and getpriority mean. */
struct ranked {
	const struct tracee *who;
	int which;
	unsigned id;
	bool is_set;
	int nice;   /* to set; or the highest priority found */
	int result; /* -ESRCH while none was found */
};

static int rank(struct tracee *t, void *arg)
{
	struct ranked *r = arg;
	bool is_meant = r->which == PRIO_PROCESS ? t->tid == (pid_t)r->id :
			r->which == PRIO_PGRP	 ? getpgid(t->tid) == (pid_t)r->id : t->cred.ruid == r->id;
	if (!t->is_known || !is_meant || !pids_holds(r->who->process->pids, t->process))
		return 0;
	if (!r->is_set) {
		int nice = nice_of(t);
		r->nice = r->result == -ESRCH || nice < r->nice ? nice : r->nice;
		r->result = 0;
		return 0;
	}
	int result = set_nice(r->who, t, r->nice);
	/* One failure is told even if others worked. */
	if (result < 0 || r->result == -ESRCH)
		r->result = result;
	return 0;
}

static int rank_all(struct call *c, struct ranked *r)
{
	r->who = c->t;
	r->which = call_int(c, 0);
	r->id = call_int(c, 1);
	r->result = -ESRCH;
	if (r->which < PRIO_PROCESS || r->which > PRIO_USER)
		return -EINVAL;
	if (!r->id)
		r->id = r->which == PRIO_PROCESS ? (unsigned)c->t->tid :
			r->which == PRIO_PGRP	 ? (unsigned)getpgid(c->t->tid) : c->t->cred.ruid;
	else if (r->which != PRIO_USER)
		r->id = inside_host(c->t, r->id);
	tracee_each(rank, r);
	return r->result;
}

static int clamp(int nice)
{
	return nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
}

int64_t hook_setpriority(struct call *c)
{
	struct ranked r = { .is_set = true, .nice = clamp(call_int(c, 2)) };
	return rank_all(c, &r);
}

int64_t hook_getpriority(struct call *c)
{
	struct ranked r = { .is_set = false };
	int result = rank_all(c, &r);
	return result < 0 ? result : 20 - r.nice;
}

int64_t hook_nice(struct call *c)
{
	int step = call_int(c, 0);
	step = step < -40 ? -40 : step > 40 ? 40 : step;
	int r = set_nice(c->t, c->t, clamp(nice_of(c->t) + step));
	return r == -EACCES ? -EPERM : r;
}

static int64_t forgive(struct call *c)
{
	return c->result == -EPERM || c->result == -EACCES ? 0 : c->result;
}

/* Which real-time policy and priority a sched_set* asks for; false: none, or none that there could be. */
static bool wants_real_time(const struct call *c, const struct tracee *t, int *ret_policy, int *ret_priority)
{
	struct attributes a = { .size = 0 };
	if (strcmp(c->row->name, "sched_setattr") == 0) {
		if (memory_read(c->t, c->argument[1], &a, sizeof(a)) < 0)
			return false;
		*ret_policy = (int)a.policy | (a.flags & RESET_ON_FORK ? SCHED_RESET_ON_FORK : 0);
		*ret_priority = (int)a.priority;
	} else {
		bool is_param = strcmp(c->row->name, "sched_setparam") == 0;
		*ret_policy = is_param ? t->rt_policy : call_int(c, 1);
		if (memory_read(c->t, c->argument[is_param ? 1 : 2], ret_priority, sizeof(*ret_priority)) < 0)
			return false;
	}
	int policy = *ret_policy & ~SCHED_RESET_ON_FORK;
	return (policy == SCHED_FIFO || policy == SCHED_RR) && *ret_priority >= sched_get_priority_min(policy) &&
	       *ret_priority <= sched_get_priority_max(policy);
}

/* The exit of sched_set*: what the kernel refuses us is remembered, and what it grants stands. */
static int64_t ranked(struct call *c)
{
	struct tracee *t = tracee_find((pid_t)(c->t->exit_private >> 32));
	int policy, priority;
	bool is_refused = c->result == -EPERM || c->result == -EACCES;
	bool is_real_time = t && wants_real_time(c, t, &policy, &priority);
	if (t && (c->result == 0 || is_refused)) {
		t->rt_policy = is_refused && is_real_time ? policy : 0;
		t->rt_priority = is_refused && is_real_time ? priority : 0;
	}
	return is_refused ? 0 : c->result;
}

/* Who may no more makes himself an ordinary process. */
static int64_t unranked(struct call *c)
{
	struct tracee *t = tracee_find((pid_t)(c->t->exit_private >> 32));
	if (t && c->result == 0)
		t->rt_policy = 0;
	return c->result;
}

/* user_check_sched_setscheduler of kernel/sched/syscalls.c, which asks real root's tracee for nothing. */
static bool is_beyond_limit(const struct call *c)
{
	struct rlimit limit;
	int policy = call_int(c, 1) & ~SCHED_RESET_ON_FORK;
	return strcmp(c->row->name, "sched_setscheduler") == 0 && (policy == SCHED_FIFO || policy == SCHED_RR) &&
	       prlimit(c->t->tid, RLIMIT_RTPRIO, NULL, &limit) == 0 && limit.rlim_cur == 0;
}

/*
 * What the tracer does to affinities for its own ends (follow.h) is not seen: they are told and set by us, who know it.  Longer
 * sets than the kernel's end like its own.
 */
enum { CPU_BYTES = 1024 };

int64_t hook_sched_getaffinity(struct call *c)
{
	uint64_t cpus[CPU_BYTES / 8];
	const struct tracee *t = guest_of(c, 0);
	unsigned size = (unsigned)c->argument[1];
	if (!t)
		return c->t->process->pids ? -ESRCH : CALL_PASS;
	follow_show(t->tid);
	/* An odd number of 32-bit words, which our own call does not take. */
	if (c->abi == ABI_32 && size % 8 == 4 && t == c->t)
		return CALL_PASS;
	long n = syscall(SYS_sched_getaffinity, t->tid, size < CPU_BYTES ? size : CPU_BYTES, cpus);
	if (n < 0)
		return -errno;
	return memory_write(c->t, c->argument[2], cpus, n) < 0 ? -EFAULT : n;
}

static int64_t set_affinity(struct call *c, const struct tracee *t)
{
	uint64_t cpus[CPU_BYTES / 8];
	unsigned size = (unsigned)c->argument[1] < CPU_BYTES ? (unsigned)c->argument[1] : CPU_BYTES;
	if (memory_read(c->t, c->argument[2], cpus, size) < 0)
		return -EFAULT;
	follow_show(t->tid);
	return syscall(SYS_sched_setaffinity, t->tid, size, cpus) < 0 ? -errno : 0;
}

/* sched_set*: a task of the guest's, by its owner or CAP_SYS_NICE. */
int64_t hook_sched_set(struct call *c)
{
	struct tracee *t = guest_of(c, 0);
	int policy, priority;
	bool is_capable = cred_has(&c->t->cred, CAPABILITY_SYS_NICE);
	if (call_int(c, 0) < 0)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	const bool is_affinity = strcmp(c->row->name, "sched_setaffinity") == 0;
	bool is_owned = is_owner(&c->t->cred, &t->cred) ||
			(is_affinity && cred_has_toward(&c->t->cred, t->cred.users, CAPABILITY_SYS_NICE));
	if (!is_capable && (!is_owned || is_beyond_limit(c)))
		return -EPERM;
	if (is_affinity)
		return set_affinity(c, t);
	if (t->rt_policy && strcmp(c->row->name, "sched_setparam") == 0) {
		if (!wants_real_time(c, t, &policy, &priority))
			return -EINVAL;
		t->rt_priority = priority;
		return 0;
	}
	if (!is_capable && !t->rt_policy)
		return CALL_PASS;
	c->t->exit_private = (uint64_t)t->tid << 32;
	c->t->at_exit = is_capable ? ranked : unranked;
	return CALL_PASS_EXIT;
}

/* block/ioprio.c */
int64_t hook_ioprio_set(struct call *c)
{
	enum { WHO_PROCESS = 1, WHO_GROUP = 2, CLASS_REALTIME = 1, CLASS_SHIFT = 13 };
	bool is_capable = cred_has(&c->t->cred, CAPABILITY_SYS_NICE) || cred_has(&c->t->cred, CAPABILITY_SYS_ADMIN);
	if (call_int(c, 2) >> CLASS_SHIFT == CLASS_REALTIME && !is_capable)
		return -EPERM;
	if (call_int(c, 0) == WHO_PROCESS) {
		const struct tracee *t = guest_of(c, 1);
		if (!t)
			return -ESRCH;
		bool is_own = t->cred.ruid == c->t->cred.euid || t->cred.ruid == c->t->cred.ruid;
		if (!is_own && !cred_has(&c->t->cred, CAPABILITY_SYS_NICE))
			return -EPERM;
	}
	if (call_int(c, 0) == WHO_GROUP)
		inside_translate(c, 1);
	if (!is_capable)
		return CALL_PASS;
	c->t->at_exit = forgive;
	return CALL_PASS_EXIT;
}
