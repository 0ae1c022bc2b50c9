/* SPDX-License-Identifier: Apache-2.0 */
/* Owns pid namespaces: their members, and their end. */
#include "tracer/pids.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/fast.h"
#include "tracer/procfs.h"
#include "tracer/session.h"

#ifndef CLONE_NEWPID
#define CLONE_NEWPID 0x20000000
#endif

enum { LEVEL_MAX = 32 /* MAX_PID_NS_LEVEL */ };

/* They are kept until the run ends: descriptors, and mounts of proc, may lead there. */
struct pid_namespace {
	struct pid_namespace *next, *parent;
	unsigned level, number;
	pid_t first;  /* the host's number of its first process; 0: there was none yet */
	bool is_dead; /* that has ended */
	pid_t held;   /* its last thread, at the stop before its end; 0 */
	pid_t last;   /* number that was given */
};

static struct pid_namespace *all;
static unsigned held_count;

static bool is_below(const struct pid_namespace *ns, const struct pid_namespace *in)
{
	while (ns && ns != in)
		ns = ns->parent;
	return ns == in;
}

bool pids_holds(const struct pid_namespace *in, const struct process *p)
{
	return !in || is_below(p->pids, in);
}

/* ---- numbers ---- */

/* What a task is called in a namespace: one row for each that it is in, but for what the run began in. */
struct name {
	struct name *next_of_host, *next_of_number; /* in their buckets */
	struct pid_namespace *in;
	pid_t host, number;
};

enum { NAME_BUCKETS = 1024, NUMBER_MAX = 4194303 /* PID_MAX_LIMIT - 1 */, RESERVED = 300 /* RESERVED_PIDS */, SWEEP_EVERY = 4096 };

static struct name *by_host[NAME_BUCKETS], *by_number[NAME_BUCKETS];
static unsigned name_count, sweep_at = SWEEP_EVERY;

static struct name **bucket_of_host(pid_t host)
{
	return &by_host[(unsigned)host % NAME_BUCKETS];
}

static struct name **bucket_of_number(const struct pid_namespace *in, pid_t number)
{
	return &by_number[((unsigned)number + 61 * in->number) % NAME_BUCKETS];
}

static const struct name *find_name(const struct pid_namespace *in, pid_t number)
{
	const struct name *n = *bucket_of_number(in, number);
	while (n && (n->in != in || n->number != number))
		n = n->next_of_number;
	return n;
}

pid_t pids_host(const struct pid_namespace *in, pid_t number)
{
	const struct name *n = in ? find_name(in, number) : NULL;
	return !in ? number : n ? n->host : PIDS_NOBODY;
}

pid_t pids_shown(const struct pid_namespace *in, pid_t host)
{
	const struct name *n = in ? *bucket_of_host(host) : NULL;
	while (n && (n->in != in || n->host != host))
		n = n->next_of_host;
	return !in ? host : n ? n->number : 0;
}

pid_t pids_last(const struct pid_namespace *in)
{
	return in->last;
}

static void forget_name(struct name *n)
{
	struct name **at = bucket_of_host(n->host);
	while (*at != n)
		at = &(*at)->next_of_host;
	*at = n->next_of_host;
	at = bucket_of_number(n->in, n->number);
	while (*at != n)
		at = &(*at)->next_of_number;
	*at = n->next_of_number;
	talloc_free(n);
	name_count--;
}

/* The kernel gives a number again only when nobody has it any more: neither a task, nor a group or a session. */
static void forget_names_of(pid_t host)
{
	for (struct name *n = name_count ? *bucket_of_host(host) : NULL, *next; n; n = next) {
		next = n->next_of_host;
		if (n->host == host)
			forget_name(n);
	}
}

static int is_group_of(struct tracee *t, void *host)
{
	return getpgid(t->tid) == *(const pid_t *)host || getsid(t->tid) == *(const pid_t *)host;
}

/* Names of who has ended are kept for who is to be told of it, and for groups; once there are many they are looked through. */
static void sweep(void)
{
	for (unsigned i = 0; i < NAME_BUCKETS; i++)
		for (struct name *n = by_host[i], *next; n; n = next) {
			next = n->next_of_host;
			if (!tracee_find(n->host) && kill(n->host, 0) < 0 && errno == ESRCH && !tracee_each(is_group_of, &n->host))
				forget_name(n);
		}
	sweep_at = name_count + SWEEP_EVERY;
}

static void give_names(const struct tracee *t)
{
	forget_names_of(t->tid);
	for (struct pid_namespace *in = t->process->pids; in; in = in->parent) {
		do
			in->last = in->last < NUMBER_MAX ? in->last + 1 : RESERVED;
		while (find_name(in, in->last));
		struct name *n = mem_new(NULL, struct name), **host = bucket_of_host(t->tid), **number = bucket_of_number(in, in->last);
		*n = (struct name){ *host, *number, in, t->tid, in->last };
		*host = *number = n;
		name_count++;
	}
	if (name_count > sweep_at)
		sweep();
}

const struct pid_namespace *pids_next_level(const struct pid_namespace *in, const struct process *of)
{
	const struct pid_namespace *next = of->pids;
	while (next && next->parent != in)
		next = next->parent;
	return next;
}

struct tracee *pids_find(const struct pid_namespace *in, pid_t number)
{
	struct tracee *t = tracee_find(pids_host(in, number));
	if (!t && !in && number == 1)
		t = tracee_find(session.first_pid);
	return t && t->is_known && pids_holds(in, t->process) ? t : NULL;
}

unsigned pids_number(const struct pid_namespace *ns)
{
	return ns ? ns->number : 0;
}

static struct pid_namespace *of_number(unsigned number)
{
	struct pid_namespace *ns = all;
	while (ns && ns->number != number)
		ns = ns->next;
	return ns;
}

bool pids_parent_number(const struct pid_namespace *in, unsigned number, unsigned *ret)
{
	const struct pid_namespace *ns = number ? of_number(number) : NULL;
	/* pidns_get_parent of kernel/pid_namespace.c */
	if (!ns || !is_below(ns->parent, in))
		return false;
	*ret = pids_number(ns->parent);
	return true;
}

bool pids_is_empty(const struct pid_namespace *ns)
{
	return ns && !ns->first;
}

bool pids_is_first(const struct process *p)
{
	return p->pids && p->pids->first == p->pid;
}

struct tracee *pids_adopter(const struct process *p)
{
	struct tracee *t = p->pids ? tracee_find(p->pids->first) : NULL;
	return t && t->is_known ? t : NULL;
}

/* ---- making and entering ---- */

static struct pid_namespace *make(struct pid_namespace *parent, unsigned number)
{
	struct pid_namespace *ns = mem_new(NULL, struct pid_namespace);
	ns->parent = parent;
	ns->level = parent ? parent->level + 1 : 1;
	ns->number = number;
	ns->next = all;
	all = ns;
	fast_note_pids();
	return ns;
}

int pids_may_clone(const struct tracee *t, uint64_t flags)
{
	const struct pid_namespace *now = t->process->pids, *next = t->pids_for_children;
	/* copy_process of kernel/fork.c: threads are in their process' own; a first process has no siblings. */
	if ((flags & CLONE_THREAD) && ((flags & CLONE_NEWPID) || now != next))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && pids_is_first(t->process))
		return -EINVAL;
	/* copy_pid_ns, create_pid_namespace of kernel/pid_namespace.c */
	if ((flags & CLONE_NEWPID) && now != next)
		return -EINVAL;
	if ((flags & CLONE_NEWPID) && now && now->level == LEVEL_MAX)
		return -ENOSPC;
	return next && next->is_dead ? -ENOMEM : 0;
}

void pids_unshare(struct tracee *t, unsigned number)
{
	t->pids_for_children = make(t->process->pids, number);
}

int pids_enter(struct tracee *t, unsigned number)
{
	struct pid_namespace *ns = of_number(number);
	/* pidns_install: "Only allow entering the current active pid namespace or a child of [it]". */
	if ((number && !ns) || !is_below(ns, t->process->pids))
		return -EINVAL;
	t->pids_for_children = ns;
	return 0;
}

void pids_inherit(struct tracee *child, const struct tracee *parent, uint64_t clone_flags, unsigned number)
{
	struct process *p = child->process;
	if (p == parent->process) {
		child->pids_for_children = parent->pids_for_children;
		give_names(child);
		return;
	}
	p->pids = clone_flags & CLONE_NEWPID ? make(parent->process->pids, number) : parent->pids_for_children;
	child->pids_for_children = p->pids;
	give_names(child);
	if (!p->pids || p->pids->first)
		return;
	p->pids->first = p->pid;
	p->must_adopt = true;
}

void pids_begin(struct tracee *first, unsigned number)
{
	struct process *p = first->process;
	p->pids = first->pids_for_children = make(NULL, number);
	p->pids->first = p->pid;
	p->must_adopt = true;
	give_names(first);
}

void pids_join(struct tracee *t, const struct process *with)
{
	t->process->pids = t->pids_for_children = with ? with->pids : NULL;
	procfs_real_parent(t->tid, &t->process->joined_by);
	give_names(t);
}

bool pids_has_ended(const struct pid_namespace *ns)
{
	return ns && ns->is_dead;
}

bool pids_is_stillborn(const struct tracee *child)
{
	return child->process->pids && child->process->pids->is_dead;
}

/* ---- the end ---- */

static int kill_member(struct tracee *t, void *arg)
{
	const struct pid_namespace *ns = arg;
	if (t->is_known && t->process->pid != ns->first && is_below(t->process->pids, ns))
		kill(t->process->pid, SIGKILL);
	return 0;
}

static void end(struct pid_namespace *ns)
{
	ns->is_dead = true;
	tracee_each(kill_member, ns);
}

/* One whose maker was killed before it could tell of it is nobody's: in whose namespace it was made, its parent tells. */
static bool is_unknown_member(const struct tracee *t, const struct pid_namespace *ns)
{
	pid_t parent;
	const struct tracee *maker = t->is_stopped_early && procfs_real_parent(t->tid, &parent) ? tracee_find(parent) : NULL;
	return maker && maker->is_known && is_below(maker->process->pids, ns);
}

static int is_other(struct tracee *t, void *arg)
{
	const struct pid_namespace *ns = arg;
	if (t->is_known)
		return t->process->pid != ns->first && is_below(t->process->pids, ns);
	if (is_unknown_member(t, ns))
		kill(t->tid, SIGKILL);
	return 0;
}

static int is_going_on(struct tracee *t, void *process)
{
	return t->process == process && !t->is_exiting;
}

bool pids_hold_first(struct tracee *t)
{
	struct pid_namespace *ns = t->process->pids;
	if (!pids_is_first(t->process) || session.is_over)
		return false;
	t->is_exiting = true;
	if (ns->is_dead || tracee_each(is_going_on, t->process))
		return false;
	/* zap_pid_ns_processes of kernel/pid_namespace.c: it waits until all others are gone. */
	end(ns);
	if (!tracee_each(is_other, ns))
		return false;
	ns->held = t->tid;
	held_count++;
	return true;
}

void pids_first_ended(const struct process *p)
{
	struct pid_namespace *ns = p->pids;
	if (!pids_is_first(p))
		return;
	held_count -= ns->held != 0;
	ns->held = 0;
	if (!ns->is_dead)
		end(ns);
}

static struct tracee *take(bool must_be_alone)
{
	for (struct pid_namespace *ns = held_count ? all : NULL; ns; ns = ns->next) {
		if (!ns->held || (must_be_alone && tracee_each(is_other, ns)))
			continue;
		struct tracee *t = tracee_find(ns->held);
		ns->held = 0;
		held_count--;
		return t;
	}
	return NULL;
}

struct tracee *pids_take_last(void)
{
	return take(true);
}

struct tracee *pids_take_any(void)
{
	return take(false);
}

/* ---- signals ---- */

bool pids_has_handler(pid_t pid, int signal)
{
	char name[64], line[256];
	unsigned long long caught = 0;
	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	FILE *file = fopen(name, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SigCgt: %llx", &caught) == 1)
			break;
	if (file)
		fclose(file);
	return signal > 0 && signal <= 64 && caught >> (signal - 1) & 1;
}

bool pids_ignores(const struct tracee *t, int signal)
{
	siginfo_t info;
	if (!pids_is_first(t->process) || signal == SIGSTOP)
		return false;
	/* force_sig_info_to_task of kernel/signal.c: its own faults end it. */
	bool is_fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP || signal == SIGSYS;
	if (is_fault && ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) == 0 && info.si_code > 0)
		return false;
	/* get_signal: what it has no handler for "won't get caught by init". */
	return !pids_has_handler(t->tid, signal);
}

bool pids_is_safe(const struct tracee *from, const struct process *to, int signal)
{
	return (signal == SIGKILL || signal == SIGSTOP) && pids_is_first(to) && pids_holds(to->pids, from->process);
}

void pids_close(void)
{
	for (unsigned i = 0; i < NAME_BUCKETS; i++)
		while (by_host[i])
			forget_name(by_host[i]);
	sweep_at = SWEEP_EVERY;
	for (struct pid_namespace *ns; (ns = all);) {
		all = ns->next;
		talloc_free(ns);
	}
	held_count = 0;
}
