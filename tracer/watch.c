/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the second filter of processes for whom more calls matter. */
#include "tracer/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/compat.h"

/* The ways to add a filter, best first; which of their flags the kernel knows is learned by trying. */
enum way { ALL_THREADS, ALL_THREADS_OLD, ONE_THREAD, WAYS };
enum { MODE_FILTER = 2, FLAG_TSYNC = 1 };

static const struct sock_fprog *programs[WATCHES];
static enum way best;

void watch_open(struct sock_fprog *const made[WATCHES])
{
	for (unsigned i = 0; i < WATCHES; i++)
		programs[i] = made[i];
	/* Where seccomp(2) is missing its exit could not be told from its entry, in which the result is ENOSYS, too. */
	bool is_missing = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == ENOSYS;
	best = is_missing ? ONE_THREAD : ALL_THREADS;
}

bool watch_is_due(const struct tracee *t)
{
	const struct process *p = t->process;
	return p && ((p->pids && !t->is_inside) || p->must_adopt || (p->must_watch && !t->is_watched));
}

static void mark(struct tracee *t, enum watch which)
{
	t->has_control |= which == WATCH_WRITES;
	t->is_inside |= which == WATCH_INSIDE;
	t->is_watched |= which == WATCH_CALLS || which == WATCH_INSIDE;
	t->has_signals |= which == WATCH_READS;
}

struct marking {
	const struct process *process;
	enum watch which;
};

static int mark_thread(struct tracee *t, void *arg)
{
	const struct marking *m = arg;
	if (t->process == m->process)
		mark(t, m->which);
	return 0;
}

static int64_t watch_exit(struct call *c)
{
	struct tracee *t = c->t;
	/* exit_private: the number of the guest's call, and which filter it waits for. */
	const enum watch which = t->exit_private & 3;
	struct marking all = { t->process, which };
	bool is_unknown = c->result == -EINVAL || c->result == -ENOSYS;
	t->is_injecting = false;
	if (is_unknown && best + 1 < WAYS)
		best++;
	else if (best == ONE_THREAD || c->result != 0)
		mark(t, which); /* or it cannot be: not again and again */
	else
		tracee_each(mark_thread, &all);
	arch_rewind(t, t->exit_private >> 2);
	c->is_again = true;
	return c->result;
}

int64_t watch_begin(struct call *c, enum watch which)
{
	const struct sock_fprog *program = programs[which];
	size_t size = program->len * sizeof(*program->filter);
	char *filter = call_room(c, size), *head = call_room(c, sizeof(struct sock_fprog));
	if (!filter || !head)
		return -ENOMEM;
	memcpy(filter, program->filter, size);
	/* struct sock_fprog: a length, and a pointer as wide as the caller's. */
	uint64_t address = arena_address(filter);
	size_t width = c->abi == ABI_32 ? 4 : 8;
	memset(head, 0, sizeof(struct sock_fprog));
	memcpy(head, &program->len, sizeof(program->len));
	memcpy(head + width, &address, width);
	bool is_prctl = best == ONE_THREAD;
	arch_set_number(c->t, is_prctl ? arch_prctl_number[c->abi] : arch_seccomp_number[c->abi]);
	call_set(c, 0, is_prctl ? PR_SET_SECCOMP : SECCOMP_SET_MODE_FILTER);
	call_set(c, 1, is_prctl ? MODE_FILTER : best == ALL_THREADS ? FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW :
								      FLAG_TSYNC);
	call_set(c, 2, arena_address(head));
	c->t->exit_private = (uint64_t)c->number << 2 | which;
	c->t->at_exit = watch_exit;
	return CALL_PASS_EXIT;
}

static int64_t adopts(struct call *c)
{
	c->t->is_injecting = c->t->process->must_adopt = false;
	arch_rewind(c->t, c->t->exit_private);
	c->is_again = true;
	return c->result;
}

static int64_t begin_adopting(struct call *c)
{
	arch_set_number(c->t, arch_prctl_number[c->abi]);
	call_set(c, 0, 36 /* PR_SET_CHILD_SUBREAPER, 3.4 */);
	call_set(c, 1, 1);
	c->t->exit_private = c->number;
	c->t->at_exit = adopts;
	return CALL_PASS_EXIT;
}

int64_t watch_begin_due(struct call *c)
{
	struct tracee *t = c->t;
	const enum watch which = t->process->pids ? WATCH_INSIDE : WATCH_CALLS;
	if ((which == WATCH_INSIDE ? t->is_inside : t->is_watched))
		return begin_adopting(c);
	int64_t r = watch_begin(c, which);
	if (r != CALL_PASS_EXIT)
		mark(t, which);
	return r;
}

static int stop_thread(struct tracee *t, void *process)
{
	if (t->process == process && t->is_known && !t->is_watched) {
		t->is_interrupted = true;
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	}
	return 0;
}

void watch_process(struct process *p)
{
	p->must_watch = true;
	tracee_each(stop_thread, p);
}
