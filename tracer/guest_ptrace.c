/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns ptrace(2) between guests: who traces whom, who goes on.  Which stops are kept is in guest_stops.c,
 * how a tracer learns of them in guest_wait.c, what it may ask of them in guest_requests.c.
 */
#include "tracer/guest_ptrace.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/base/mem.h"
#include "tracer/fast_states.h"
#include "tracer/follow.h"
#include "tracer/hooks.h"
#include "tracer/pids.h"
#include "tracer/stats.h"
#include "tracer/watch.h"

static struct ptraced *all;
static struct tracee *held;

struct ptraced *guest_ptraced(void)
{
	return all;
}

void guest_forget(struct ptraced *p)
{
	for (struct ptraced **at = &all; *at; at = &(*at)->next) {
		if (*at != p)
			continue;
		*at = p->next;
		break;
	}
	if (p->t)
		p->t->ptraced = NULL;
	talloc_free(p);
}

struct ptraced *guest_begin(struct tracee *t, pid_t tracer, bool is_seized, uint64_t options)
{
	struct ptraced *p = mem_new(NULL, struct ptraced);
	p->t = t;
	p->tid = t->tid;
	p->tracer = tracer;
	p->is_seized = is_seized;
	p->options = options;
	p->mode = PTRACE_CONT;
	p->next = all;
	all = p;
	t->ptraced = p;
	/* Its system calls are stops of its tracer's. */
	fast_disable(t);
	return p;
}

pid_t guest_tracer_of(const struct tracee *t)
{
	return t->ptraced ? t->ptraced->tracer : 0;
}

bool guest_tracer_is_weak(const struct tracee *t)
{
	const struct tracee *tracer = tracee_find(guest_tracer_of(t));
	return tracer && !cred_has_toward(&tracer->cred, t->cred.users, CAPABILITY_SYS_PTRACE);
}

void guest_resume(struct tracee *t, int signal)
{
	long mode = t->ptraced ? t->ptraced->mode : PTRACE_CONT;
	if ((watch_is_due(t) || t->is_forking) && !guest_is_by_call(mode))
		mode = PTRACE_SYSCALL;
	follow_resume(t->tid);
	ptrace(mode, t->tid, NULL, (void *)(long)signal);
}

/* Events that cost a stop each are on for those only who asked. */
void guest_arm_events(struct tracee *t)
{
	uint64_t more = t->ptraced ? t->ptraced->options & (PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT) : 0;
	if (t->ptraced)
		t->ptraced->needs_arming = false;
	/* What is to be done before who is in a pid namespace ends is in pids.h and inside.h. */
	more |= t->process->pids ? PTRACE_O_TRACEEXIT : 0;
	ptrace(PTRACE_SETOPTIONS, t->tid, NULL, (void *)(TRACE_OPTIONS | more));
}

void guest_exec_from_thread(pid_t old_tid, struct tracee *leader)
{
	struct ptraced *p, *next;
	for (p = all; p; p = next) {
		next = p->next;
		if (p->tracer == old_tid)
			p->tracer = leader->tid;
		if (p == leader->ptraced) {
			p->t = leader;
			p->tid = leader->tid;
		} else if (p->tid == leader->tid && p->stop != PTRACED_DEAD) {
			/* The leader that was has vanished, and its end is told to nobody (ptrace(2), execve). */
			p->t = NULL;
			guest_forget(p);
		}
	}
}

/* ---- the end of one side ---- */

/* What is stopped for a tracer goes on without it. */
static void release(struct ptraced *p, int signal)
{
	struct tracee *t = p->t;
	enum ptraced_stop stop = p->stop;
	bool must_serve = p->must_serve;
	if (p->is_answered)
		arch_set_number(t, p->number);
	guest_forget(p);
	if (stop == PTRACED_RUNS || stop == PTRACED_LISTENS)
		return;
	if (must_serve)
		held = t;
	else if (stop == PTRACED_GROUP && !signal)
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
	else
		ptrace(t->is_forking ? PTRACE_SYSCALL : PTRACE_CONT, t->tid, NULL, (void *)(long)signal);
}

void guest_ended(struct tracee *t, int status, bool is_leader)
{
	struct ptraced *p = t->ptraced, *next;
	if (p) {
		const struct tracee *tracer = tracee_find(p->tracer);
		bool is_child = is_leader && tracer && t->process && t->process->parent == tracer->process->pid;
		p->t = NULL;
		t->ptraced = NULL;
		if (is_child || !tracer)
			guest_forget(p); /* the kernel tells its parent */
		else
			guest_keep(p, PTRACED_DEAD, status);
	}
	for (p = all; p; p = next) {
		next = p->next;
		if (p->tracer != t->tid)
			continue;
		if (p->stop == PTRACED_DEAD) {
			guest_forget(p);
			continue;
		}
		if (p->options & PTRACE_O_EXITKILL)
			kill(p->t->process->pid, SIGKILL);
		release(p, 0);
	}
}

struct tracee *guest_take_held(void)
{
	struct tracee *t = held;
	held = NULL;
	return t;
}

/* ---- becoming a tracer ---- */

bool guest_may_access(const struct tracee *who, const struct tracee *of)
{
	const struct cred *a = &who->cred, *b = &of->cred;
	if (who->process == of->process)
		return true;
	bool is_same = a->ruid == b->euid && a->ruid == b->suid && a->ruid == b->ruid && a->rgid == b->egid &&
		       a->rgid == b->sgid && a->rgid == b->rgid;
	if (cred_has_toward(a, b->users, CAPABILITY_SYS_PTRACE))
		return true;
	/* cap_ptrace_access_check of security/commoncap.c: not who may do more than the tracer. */
	return is_same && of->process->is_dumpable && a->users == b->users && !(b->permitted & ~a->permitted);
}

static int set_options(struct ptraced *p, uint64_t options)
{
	if (options & ~(uint64_t)(PTRACE_O_MASK | PTRACE_O_EXITKILL))
		return -EINVAL;
	/* check_ptrace_options of kernel/ptrace.c: only for who checkpoints, and not under a filter. */
	if (options & PTRACE_O_SUSPEND_SECCOMP)
		return -EPERM;
	p->options = options;
	return 0;
}

static int64_t trace_me(struct call *c)
{
	const struct tracee *parent = tracee_find(c->t->process->parent_tid);
	if (!parent)
		parent = tracee_find(c->t->process->parent);
	/* ptrace_traceme: not twice. */
	if (c->t->ptraced)
		return -EPERM;
	/* A parent outside the guest never asks: for who wants to know whether he is traced, that is all. */
	if (!parent || !parent->is_known)
		return 0;
	guest_begin(c->t, parent->tid, false, 0);
	watch_process(parent->process);
	return 0;
}

static int64_t attach(struct call *c, bool is_seized)
{
	struct tracee *t = pids_find(c->t->process->pids, call_int(c, 1));
	uint64_t options = is_seized ? c->argument[3] : 0;
	if (is_seized && c->argument[2])
		return -EIO;
	if (!t)
		return -ESRCH;
	if (t->process == c->t->process || t->ptraced || !guest_may_access(c->t, t))
		return -EPERM;
	if (!c->t->is_watched)
		return watch_begin(c, WATCH_CALLS);
	struct ptraced *p = guest_begin(t, c->t->tid, is_seized, 0);
	int r = set_options(p, options);
	if (r < 0) {
		guest_forget(p);
		return r == -EINVAL ? -EIO : r;
	}
	p->needs_arming = p->options & (PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
	if (!is_seized)
		syscall(SYS_tgkill, t->process->pid, t->tid, SIGSTOP);
	/* What the whole process was stopped by is shown at once; so is it when events are to be armed. */
	if (t->is_listening || p->needs_arming) {
		t->is_interrupted = true;
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	}
	return 0;
}

/* ---- requests that let a stopped one go on ---- */

static long raw(int request, const struct ptraced *p, uint64_t address, void *to)
{
	return ptrace(request, p->tid, (void *)address, to) < 0 ? -errno : 0;
}

static int64_t set_options_of(struct call *c, struct ptraced *p)
{
	int r = set_options(p, c->argument[3]);
	if (r == 0)
		guest_arm_events(p->t);
	return r;
}

static int64_t listen_to(struct call *c, struct ptraced *p)
{
	(void)c;
	if (!p->is_seized || p->code >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	int r = raw(PTRACE_LISTEN, p, 0, NULL);
	if (r == 0)
		p->stop = PTRACED_LISTENS;
	return r;
}

static int64_t detach(struct call *c, struct ptraced *p)
{
	if (c->argument[3] > 64)
		return -EIO;
	release(p, c->argument[3]);
	return 0;
}

static int64_t resume(struct call *c, struct ptraced *p)
{
	if (c->argument[3] > 64)
		return -EIO;
	int signal = c->argument[3];
	enum ptraced_stop stop = p->stop;
	p->mode = call_int(c, 0);
	p->is_news = false;
	if (stop == PTRACED_EVENT || stop == PTRACED_EXIT || stop == PTRACED_TRAP) {
		/* The kernel takes a signal at a signal's stop and at a call's; at others it is dropped. */
		if (stop == PTRACED_EVENT)
			signal = 0;
		if (guest_next_exec_stop(p))
			return 0;
	}
	if (!guest_is_by_call(p->mode) && stop == PTRACED_ENTRY)
		p->is_in_call = false;
	if (stop == PTRACED_TRAP && signal) {
		/* There is no signal to let through: a new one goes the same way. */
		p->passing_signal = signal;
		syscall(SYS_tgkill, p->t->process->pid, p->tid, signal);
		signal = 0;
	}
	p->stop = PTRACED_RUNS;
	if (p->must_serve) {
		p->must_serve = false;
		if (p->is_filter_shown)
			p->is_in_call = guest_is_by_call(p->mode); /* the next stop is the exit */
		else
			p->has_entry_due = true;
		held = p->t;
		return 0;
	}
	return raw(p->t->is_forking && !guest_is_by_call(p->mode) ? PTRACE_SYSCALL : p->mode, p, 0, (void *)(long)signal);
}

static const struct {
	int number;
	guest_request serve;
} requests[] = {
	{ PTRACE_CONT, resume },
	{ PTRACE_SYSCALL, resume },
	{ PTRACE_SINGLESTEP, resume },
	{ PTRACE_SINGLEBLOCK, resume },
	{ PTRACE_SYSEMU, resume },
	{ PTRACE_SYSEMU_SINGLESTEP, resume },
	{ PTRACE_DETACH, detach },
	{ PTRACE_LISTEN, listen_to },
	{ PTRACE_SETOPTIONS, set_options_of },
	{ PTRACE_OLDSETOPTIONS, set_options_of },
};

int64_t hook_ptrace(struct call *c)
{
	int request = call_int(c, 0);
	if (request == PTRACE_TRACEME)
		return trace_me(c);
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return attach(c, request == PTRACE_SEIZE);
	const struct tracee *t = pids_find(c->t->process->pids, call_int(c, 1));
	struct ptraced *p = t ? t->ptraced : NULL;
	/* ptrace_check_attach: the tracing thread itself, and a stopped one. */
	if (!p || p->tracer != c->t->tid)
		return -ESRCH;
	if (request == PTRACE_KILL)
		return kill(p->t->process->pid, SIGKILL) < 0 ? -errno : 0;
	if (request == PTRACE_INTERRUPT) {
		if (!p->is_seized)
			return -EIO;
		p->wants_interrupt = true;
		return raw(PTRACE_INTERRUPT, p, 0, NULL);
	}
	if (p->stop == PTRACED_RUNS || p->stop == PTRACED_LISTENS)
		return -ESRCH;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (requests[i].number == request)
			return requests[i].serve(c, p);
	guest_request serve = guest_find_request(request);
	return serve ? serve(c, p) : -EIO;
}
