/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which stops of ours a guest's tracer is to see, and how they are kept for it. */
#include "tracer/guest_ptrace.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"

bool guest_is_by_call(long mode)
{
	return mode == PTRACE_SYSCALL || mode == PTRACE_SYSEMU || mode == PTRACE_SYSEMU_SINGLESTEP;
}

static bool is_by_step(long mode)
{
	return mode == PTRACE_SINGLESTEP || mode == PTRACE_SINGLEBLOCK;
}

void guest_keep(struct ptraced *p, enum ptraced_stop stop, int code)
{
	p->stop = stop;
	p->code = code;
	p->is_news = true;
	guest_wait_tell(p);
}

bool guest_stop_at_signal(struct tracee *t, int signal)
{
	struct ptraced *p = t->ptraced;
	bool is_passing = p && p->passing_signal == signal;
	if (is_passing)
		p->passing_signal = 0;
	if (!p || is_passing)
		return false;
	guest_keep(p, PTRACED_SIGNAL, signal);
	return true;
}

bool guest_stop_at_group(struct tracee *t, int signal)
{
	struct ptraced *p = t->ptraced;
	if (!p)
		return false;
	p->wants_interrupt = false;
	guest_keep(p, PTRACED_GROUP, p->is_seized ? signal | PTRACE_EVENT_STOP << 8 : signal);
	return true;
}

bool guest_stop_at_interrupt(struct tracee *t)
{
	struct ptraced *p = t->ptraced;
	bool is_ours = t->is_interrupted && p && !p->wants_interrupt;
	t->is_interrupted = false;
	if (p && p->needs_arming)
		guest_arm_events(t);
	if (!p || !p->is_seized || is_ours)
		return false;
	p->wants_interrupt = false;
	guest_keep(p, PTRACED_EVENT, SIGTRAP | PTRACE_EVENT_STOP << 8);
	return true;
}

static int call_code(const struct ptraced *p)
{
	return p->options & PTRACE_O_TRACESYSGOOD ? SIGTRAP | 0x80 : SIGTRAP;
}

bool guest_stop_at_entry(struct tracee *t)
{
	struct ptraced *p = t->ptraced;
	if (!p || !guest_is_by_call(p->mode) || p->is_in_call)
		return false;
	p->is_in_call = true;
	p->is_answered = false;
	guest_keep(p, PTRACED_ENTRY, call_code(p));
	return true;
}

int guest_is_at_exit(struct tracee *t)
{
	struct ptraced *p = t->ptraced;
	if (!p || !guest_is_by_call(p->mode))
		return -1;
	bool is_entry = !p->is_in_call || p->has_entry_due;
	p->has_entry_due = false;
	return !is_entry;
}

bool guest_stop_before_call(struct tracee *t)
{
	if (!guest_stop_at_entry(t))
		return false;
	t->ptraced->must_serve = true;
	return true;
}

bool guest_stop_at_exit(struct tracee *t)
{
	struct ptraced *p = t->ptraced;
	if (!p)
		return false;
	if (p->is_answered)
		arch_set_number(t, p->number);
	p->is_in_call = p->is_answered = false;
	if (guest_is_by_call(p->mode))
		guest_keep(p, PTRACED_EXIT, call_code(p));
	else if (is_by_step(p->mode))
		guest_keep(p, PTRACED_TRAP, SIGTRAP); /* the step ended with the call; we took another way */
	else
		return false;
	return true;
}

/* The option bit of an event: PTRACE_O_TRACEFORK is 1 << PTRACE_EVENT_FORK, and so on. */
static bool wants_event(const struct ptraced *p, int event)
{
	return p->options >> event & 1;
}

bool guest_stop_at_event(struct tracee *t, int event, unsigned long message)
{
	struct ptraced *p = t->ptraced;
	if (!p || !wants_event(p, event))
		return false;
	p->message = message;
	guest_keep(p, PTRACED_EVENT, SIGTRAP | event << 8);
	return true;
}

bool guest_traces_child(struct tracee *parent, struct tracee *child, int event, uint64_t clone_flags)
{
	const struct ptraced *p = parent->ptraced;
	enum { CLONE_PTRACE_BIT = 0x2000, CLONE_UNTRACED_BIT = 0x00800000 };
	if (!p || (clone_flags & CLONE_UNTRACED_BIT) ||
	    (!wants_event(p, event) && !(clone_flags & CLONE_PTRACE_BIT)))
		return false;
	struct ptraced *q = guest_begin(child, p->tracer, p->is_seized, p->options);
	guest_keep(q, q->is_seized ? PTRACED_EVENT : PTRACED_TRAP,
	     q->is_seized ? SIGTRAP | PTRACE_EVENT_STOP << 8 : SIGSTOP);
	return true;
}

bool guest_next_exec_stop(struct ptraced *p)
{
	if (p->has_exec_exit) {
		p->has_exec_exit = false;
		if (guest_is_by_call(p->mode)) {
			guest_keep(p, PTRACED_EXIT, call_code(p));
			return true;
		}
	}
	if (!p->has_exec_trap)
		return false;
	p->has_exec_trap = false;
	guest_keep(p, PTRACED_TRAP, SIGTRAP);
	return true;
}

bool guest_stop_at_exec(struct tracee *t)
{
	struct ptraced *p = t->ptraced;
	if (!p)
		return false;
	p->is_in_call = p->is_answered = false;
	p->has_exec_exit = true;
	/* ptrace_event of include/linux/ptrace.h: who has not asked for the event gets a SIGTRAP. */
	p->has_exec_trap = !wants_event(p, PTRACE_EVENT_EXEC) && !p->is_seized;
	if (p->deferred_signal)
		syscall(SYS_tgkill, t->process->pid, t->tid, p->deferred_signal);
	p->deferred_signal = 0;
	return guest_stop_at_event(t, PTRACE_EVENT_EXEC, t->tid_before_exec) || guest_next_exec_stop(p);
}
