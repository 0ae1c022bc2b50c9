/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the loop of stops: what the kernel tells of tracees, until the last is gone.  What a call means is in rows.c and the
 * files of hooks.
 */
#include "tracer/loop.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/call.h"
#include "tracer/cgroups.h"
#include "tracer/confined.h"
#include "tracer/exec.h"
#include "tracer/fast.h"
#include "tracer/fast_states.h"
#include "tracer/follow.h"
#include "tracer/guest_ptrace.h"
#include "tracer/inside.h"
#include "tracer/join.h"
#include "tracer/keeper.h"
#include "tracer/memory.h"
#include "tracer/pids.h"
#include "tracer/session.h"
#include "tracer/stats.h"
#include "tracer/tracer.h"
#include "tracer/watch.h"

/* Nobody may see a thread in our gate, nor in the call that a wait really is in. */
static enum arch_left show_own_state(struct tracee *t, int signal)
{
	guest_wait_mend(t);
	bool has_lost_stub = signal == SIGSEGV && t->slot >= 0 && arch_is_in_stub(t);
	if (t->slot >= 0 && arch_demote(t, t->slot))
		tracee_drop_slots(t);
	enum arch_left left = fast_is_on() && t->has_shim ? arch_leave_shim(t, signal) : ARCH_LEFT;
	return has_lost_stub ? ARCH_FAULTED : left;
}

static void on_end(pid_t pid, int status);

enum meeting { MEETING_COMES, MEETING_NOW, MEETING_NEVER };

/* The first stop of a child that is not known to have made it: is it to be served now, by the loop, or is the child gone? */
static enum meeting meet_child(pid_t tid, bool must_wait)
{
	int status;
	pid_t r;
	do
		r = waitpid(tid, &status, __WALL | (must_wait ? 0 : WNOHANG));
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return MEETING_COMES;
	if (r == tid && WIFSTOPPED(status))
		return MEETING_NOW;
	on_end(tid, r == tid ? status : 0);
	return MEETING_NEVER;
}

/*
 * vfork(2): the parent sleeps until the child has memory of its own.  So it is kept at its event until then, which spares it a
 * wake-up.
 */
static void release_vfork(struct process *child)
{
	struct tracee *parent = child->vforked_by ? tracee_find(child->vforked_by) : NULL;
	child->vforked_by = 0;
	if (!parent || parent->vforks != child->pid)
		return;
	parent->vforks = 0;
	guest_resume(parent, 0);
}

static void on_child(struct tracee *parent, int event)
{
	unsigned long message = 0;
	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &message) < 0)
		return;
	uint64_t flags = arch_clone_flags(parent) | parent->clone_new;
	parent->clone_new = 0;
	struct tracee *child = tracee_add(message);
	tracee_inherit(child, parent, flags);
	/* It has what the shim answers its parent by. */
	if (child->cred.users != parent->cred.users)
		fast_update(child);
	if (parent->clone_into && child->process != parent->process)
		cgroups_move(child->process, parent->clone_into);
	parent->clone_into = NULL;
	if (flags & CLONE_FS) {
		fast_place_shared(parent);
		fast_place_shared(child);
	}
	follow_born(child->tid, parent->tid);
	/* Whom it made may wait for its parent, which is then to go on as the kernel has it. */
	release_vfork(parent->process);
	bool is_kept = guest_traces_child(parent, child, event, flags);
	bool is_vfork = event == PTRACE_EVENT_VFORK && !is_kept && !parent->ptraced;
	/* A child that comes back through the parent's stub must be put right while the slot holds. */
	const bool is_process = child->process != parent->process;
	/* Its children are told of as it is. */
	const bool must_arm = is_process && child->process->pids && !parent->process->pids;
	/* Whose registers are to be put back, too, and into whose memory its number goes. */
	const bool must_wait = parent->slot >= 0 || is_kept || must_arm || parent->is_forking;
	enum meeting meeting = child->is_stopped_early ? MEETING_NOW : MEETING_COMES;
	if ((must_wait || is_vfork) && meeting == MEETING_COMES)
		meeting = meet_child(child->tid, must_wait);
	if (is_vfork && meeting != MEETING_NEVER) {
		parent->vforks = child->tid;
		child->process->vforked_by = parent->tid;
	}
	if (meeting == MEETING_NOW) {
		child->is_stopped_early = false;
		if (parent->slot >= 0)
			arch_demote(child, parent->slot);
		if (must_arm)
			guest_arm_events(child);
		if (parent->restore.is_needed)
			arch_restore(child, parent->restore.abi, parent->restore.argument);
		if (child->process->pids)
			inside_tell_child(parent, child, flags);
		if (is_process && pids_is_stillborn(child))
			kill(child->tid, SIGKILL);
		if (!is_kept)
			guest_resume(child, 0);
	} else if (meeting == MEETING_COMES) {
		child->has_first_stop = true;
	}
	if (parent->ptraced && !(flags & CLONE_UNTRACED)) {
		show_own_state(parent, 0);
		if (guest_stop_at_event(parent, event, message))
			return;
	}
	if (!parent->vforks)
		guest_resume(parent, 0);
}

static void on_exec(pid_t pid)
{
	unsigned long message = pid;
	struct tracee *t = tracee_find(pid);
	/* Only where there are threads may another than the leader have called it. */
	if (!t || !t->process || t->process->users > 1) {
		ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message);
		t = tracee_exec_from_thread(pid, message);
	}
	if (!t)
		return;
	t->tid_before_exec = message;
	if (message != (unsigned long)pid)
		guest_exec_from_thread(message, t);
	exec_commit(t);
	/* The loader runs unseen. */
	follow_resume(pid);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	release_vfork(t->process);
}

static bool stops_group(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void on_group_stop(struct tracee *t, int signal)
{
	bool is_first = t->has_first_stop;
	t->has_first_stop = false;
	if (is_first && !stops_group(signal)) {
		/* An interrupt that was asked for before may have become one with this stop. */
		if (t->is_interrupted || (t->ptraced && t->ptraced->wants_interrupt))
			ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
		guest_resume(t, 0);
		return;
	}
	show_own_state(t, 0);
	if (!stops_group(signal)) {
		if (!guest_stop_at_interrupt(t))
			guest_resume(t, 0);
		return;
	}
	t->is_interrupted = false;
	if (guest_stop_at_group(t, signal))
		return;
	t->is_listening = true;
	ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
}

/* A signal is about to be delivered. */
static void on_signal(struct tracee *t, int signal)
{
	unsigned row_data;
	if (confined_is_trap(t, signal, &row_data)) {
		call_serve_trapped(t, row_data);
		return;
	}
	enum arch_left left = show_own_state(t, signal);
	if (left != ARCH_LEFT) {
		guest_resume(t, left == ARCH_FAULTED ? 0 : signal);
		return;
	}
	if (t->is_loading) {
		if (signal == SIGTRAP && arch_finish_loader(t)) {
			t->is_loading = false;
			if (!guest_stop_at_exec(t))
				guest_resume(t, 0);
			return;
		}
		if (t->ptraced) {
			t->ptraced->deferred_signal = signal;
			ptrace(PTRACE_CONT, t->tid, NULL, NULL);
			return;
		}
	}
	if (pids_ignores(t, signal)) {
		guest_resume(t, 0);
		return;
	}
	guest_mend_siginfo(t, signal);
	if (!guest_stop_at_signal(t, signal))
		guest_resume(t, signal);
}

static unsigned long event_message(const struct tracee *t)
{
	unsigned long message = 0;
	ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &message);
	return message;
}

/*
 * Only asked for when it is counted: how many calls the process answered itself.  Threads that end together are all
 * stopped here before one of them is gone, so that each tells what is new.
 */
static void on_exiting(struct tracee *t)
{
	struct mm *mm = t->process->mm;
	uint64_t count;
	if (!stats_is_on() || !t->has_shim || memory_read(t, SHIM_ANSWERS, &count, sizeof(count)) < 0 || count <= mm->answers)
		return;
	stats_add_answers(count - mm->answers);
	mm->answers = count;
}

static void on_event(struct tracee *t, int event)
{
	show_own_state(t, 0);
	if (!guest_stop_at_event(t, event, event_message(t)))
		guest_resume(t, 0);
}

/* First processes of pid namespaces that were held at their end; all of them when the run is over. */
static void release_first_processes(void)
{
	for (struct tracee *t; (t = session.is_over ? pids_take_any() : pids_take_last());)
		on_event(t, PTRACE_EVENT_EXIT);
}

static void on_stop(pid_t pid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	struct tracee *t = tracee_find(pid);
	if (event == PTRACE_EVENT_EXEC) {
		on_exec(pid);
		return;
	}
	if (!t || !t->is_known) {
		/* A child whose parent's event comes later. */
		t = tracee_add(pid);
		t->is_stopped_early = true;
		return;
	}
	t->is_listening = false;
	t->vforks = 0;
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		call_serve(t);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_child(t, event);
		return;
	case PTRACE_EVENT_STOP:
		on_group_stop(t, signal);
		return;
	case 0:
		break;
	case PTRACE_EVENT_EXIT:
		on_exiting(t);
		inside_mend_futexes(t);
		if (pids_hold_first(t))
			return;
		/* fall through */
	default:
		on_event(t, event);
		return;
	}
	if (signal == (SIGTRAP | 0x80)) {
		/* Its calls are nobody's to see or to take the place of; the first one behind them will be. */
		if (t->loader_slot >= 0 && arch_is_in_loader(t))
			ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		else if (arch_is_exit(t))
			call_serve_exit(t);
		else if (watch_is_due(t) && !t->is_injecting)
			call_watch(t);
		else if (!guest_stop_at_entry(t))
			ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		return;
	}
	on_signal(t, signal);
}

static int kill_tracee(struct tracee *t, void *arg)
{
	(void)arg;
	kill(t->tid, SIGKILL);
	return 0;
}

static void on_end(pid_t pid, int status)
{
	struct tracee *t = tracee_find(pid);
	join_forget(pid);
	if (t && t->is_known) {
		guest_ended(t, status, pid == t->process->pid);
		if (pid == t->process->pid) {
			release_vfork(t->process);
			pids_first_ended(t->process);
		}
	}
	if (pid == session.first_pid) {
		session.first_status = status;
		session.is_over = !(session.config->flags & TRACER_UNTIL_LAST);
		if (session.is_over)
			tracee_each(kill_tracee, NULL);
	}
	if (t)
		tracee_remove(t);
	release_first_processes();
	if (session.is_over || tracee_count() == 0)
		keeper_close();
}

static void tell_stats(pid_t tid)
{
	if (!stats_is_on())
		return;
	const struct tracee *t = tracee_find(tid);
	stats_end(t && t->process ? t->process->pid : tid, tid);
}

static void serve_stop(pid_t pid, int status)
{
	if ((join_is_paused(pid) && !session.is_over) || cgroups_holds(pid, status)) {
		join_hold(pid, status);
		return;
	}
	stats_begin();
	on_stop(pid, status);
	if (session.difference && !session.is_over) {
		session.is_over = true;
		tracee_each(kill_tracee, NULL);
		release_first_processes();
	}
	tell_stats(pid);
	for (struct tracee *held; (held = guest_take_held());)
		call_serve(held);
	if (session.is_over)
		kill(pid, SIGKILL);
}

void loop_serve(void)
{
	for (;;) {
		int status;
		pid_t pid;
		join_answer_all();
		while (join_take_held(&pid, &status))
			serve_stop(pid, status);
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		if (WIFSTOPPED(status))
			serve_stop(pid, status);
		else
			on_end(pid, status);
	}
}
