/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a guest's tracer learns of stops: its wait calls and SIGCHLD.  Its children are the kernel's
 * to report, so a wait call goes on to the kernel when nothing of ours is there to tell; when something
 * comes, the waiting thread is interrupted, the kernel restarts its call, and it is answered here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/users.h"

#ifndef __WNOTHREAD
#define __WNOTHREAD 0x20000000
#endif

enum { TYPE_PIDFD = 3, CODE_OURS = -77 /* of a SIGCHLD that stands for the kernel's */ };

static bool is_of(const struct ptraced *p, const struct process *tracer)
{
	const struct tracee *t = tracee_find(p->tracer);
	return t && t->process == tracer;
}

/* eligible_child of kernel/exit.c; the traced are in whatever the options say of clones. */
static bool is_wanted(const struct guest_wait *w, const struct tracee *waiter, const struct ptraced *p)
{
	if (w->options & __WNOTHREAD ? p->tracer != waiter->tid : !is_of(p, waiter->process))
		return false;
	return w->type == P_ALL || (w->type == P_PID ? p->tid == w->id : getpgid(p->tid) == w->id);
}

/* The traced one whose news the call tells; NULL.  *ret_any: there is one to wait for. */
static struct ptraced *find_news(const struct tracee *waiter, const struct guest_wait *w, bool *ret_any)
{
	struct ptraced *found = NULL;
	*ret_any = false;
	for (struct ptraced *p = guest_ptraced(); p; p = p->next) {
		if (!is_wanted(w, waiter, p))
			continue;
		*ret_any = true;
		/* New ones are put in front: the oldest is told first, so that none starves. */
		if (p->is_news && (p->stop != PTRACED_DEAD || (w->options & WEXITED)))
			found = p;
	}
	return found;
}

/* ---- telling ---- */

static void send_sigchld(const struct process *tracer, const struct ptraced *p)
{
	siginfo_t info;
	memset(&info, 0, sizeof(info));
	info.si_signo = SIGCHLD;
	info.si_code = CODE_OURS;
	info.si_pid = p->tid;
	info.si_status = p->code;
	syscall(SYS_rt_sigqueueinfo, tracer->pid, SIGCHLD, &info);
}

struct search {
	const struct process *process;
	const struct ptraced *p;
	struct tracee *found;
};

static int is_waiting(struct tracee *t, void *arg)
{
	struct search *s = arg;
	if (t->process != s->process || !t->wait.is_on || !is_wanted(&t->wait, t, s->p))
		return 0;
	s->found = t;
	return 1;
}

static void interrupt(struct tracee *t)
{
	t->wait.is_on = false;
	t->is_interrupted = true;
	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
}

void guest_wait_tell(struct ptraced *p)
{
	const struct tracee *tracer = tracee_find(p->tracer);
	if (!tracer)
		return;
	struct search s = { tracer->process, p, NULL };
	tracee_each(is_waiting, &s);
	if (!s.found) {
		send_sigchld(tracer->process, p);
		return;
	}
	/* wait(2) looks for children before it looks for signals: the signal comes after its answer. */
	s.found->wait.owes_signal = true;
	interrupt(s.found);
}

/* ---- the calls ---- */

static void read_usage(pid_t tid, struct rusage *ret)
{
	char name[64], text[1024];
	memset(ret, 0, sizeof(*ret));
	snprintf(name, sizeof(name), "/proc/%d/stat", tid);
	FILE *file = fopen(name, "re");
	if (!file)
		return;
	const char *at = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	unsigned long user, system;
	if (at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2) {
		long hz = sysconf(_SC_CLK_TCK);
		ret->ru_utime = (struct timeval){ user / hz, user % hz * (1000000 / hz) };
		ret->ru_stime = (struct timeval){ system / hz, system % hz * (1000000 / hz) };
	}
	fclose(file);
}

static int put_usage(struct call *c, unsigned n, const struct ptraced *p)
{
	struct rusage usage;
	if (!c->argument[n])
		return 0;
	read_usage(p->tid, &usage);
	if (c->abi == ABI_64)
		return memory_write(c->t, c->argument[n], &usage, sizeof(usage));
	uint32_t narrow[18];
	for (unsigned i = 0; i < 18; i++)
		narrow[i] = ((const long *)&usage)[i];
	return memory_write(c->t, c->argument[n], narrow, sizeof(narrow));
}

static int put_siginfo(struct call *c, const struct ptraced *p)
{
	siginfo_t info;
	memset(&info, 0, sizeof(info));
	bool is_dead = p->stop == PTRACED_DEAD;
	info.si_signo = SIGCHLD;
	info.si_code = !is_dead ? CLD_TRAPPED : WIFEXITED(p->code) ? CLD_EXITED :
		       WCOREDUMP(p->code) ? CLD_DUMPED : CLD_KILLED;
	info.si_pid = inside_shown(c->t, p->tid);
	info.si_uid = users_shown(c->t, ID_USER, p->t ? p->t->cred.ruid : 0);
	info.si_status = !is_dead ? p->code : WIFEXITED(p->code) ? WEXITSTATUS(p->code) : WTERMSIG(p->code);
	if (!c->argument[2])
		return 0;
	if (c->abi == ABI_64)
		return memory_write(c->t, c->argument[2], &info, sizeof(info));
	int32_t narrow[32] = { info.si_signo, 0, info.si_code, info.si_pid, info.si_uid, info.si_status };
	return memory_write(c->t, c->argument[2], narrow, sizeof(narrow));
}

static int64_t tell(struct call *c, struct ptraced *p)
{
	bool is_id = strcmp(c->row->name, "waitid") == 0;
	int status = p->stop == PTRACED_DEAD ? p->code : p->code << 8 | 0x7f, r = 0;
	pid_t tid = p->tid;
	if (is_id)
		r = put_siginfo(c, p);
	else if (c->argument[1])
		r = memory_write(c->t, c->argument[1], &status, sizeof(status));
	if (r == 0 && (is_id || strcmp(c->row->name, "wait4") == 0))
		r = put_usage(c, is_id ? 4 : 3, p);
	if (!is_id || !(c->argument[3] & WNOWAIT)) {
		p->is_news = false;
		if (c->t->wait.owes_signal)
			send_sigchld(c->t->process, p);
		if (p->stop == PTRACED_DEAD)
			guest_forget(p);
	}
	c->t->wait.owes_signal = false;
	return r < 0 ? r : is_id ? 0 : inside_shown(c->t, tid);
}

static void decode(const struct call *c, struct guest_wait *w)
{
	w->number = c->number;
	if (strcmp(c->row->name, "waitid") == 0) {
		w->type = call_int(c, 0);
		w->id = call_int(c, 1);
		w->options = c->argument[3];
		if (w->type == TYPE_PIDFD) {
			w->type = P_PID;
			w->id = process_behind_pidfd(c->t, w->id);
		}
		if (w->type == P_PGID && w->id == 0)
			w->id = getpgid(c->t->tid);
		return;
	}
	pid_t pid = call_int(c, 0);
	w->options = c->argument[2] | WEXITED;
	w->type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID;
	w->id = pid == 0 ? getpgid(c->t->tid) : pid > 0 ? pid : -pid;
}

/* A pid namespace has numbers of its own. */
static int64_t show_child(struct call *c)
{
	bool is_id = strcmp(c->row->name, "waitid") == 0;
	if (c->t->process->pids && is_id && c->result == 0 && c->argument[2])
		inside_show_siginfo(c, c->argument[2]);
	return is_id ? c->result : inside_show_result(c);
}

static void name_as_host(struct call *c)
{
	int n = strcmp(c->row->name, "waitid") == 0, type = call_int(c, 0);
	if (!c->t->process->pids || (n == 1 && type != P_PID && type != P_PGID))
		return;
	int id = call_int(c, n);
	if (id > 0)
		call_set(c, n, inside_host(c->t, id));
	else if (n == 0 && id < -1 && id != INT32_MIN)
		call_set(c, n, (uint64_t)-(int64_t)inside_host(c->t, -id));
}

/* The kernel knows no child to wait for, but there is one that is traced. */
static int64_t wait_exit(struct call *c)
{
	struct guest_wait *w = &c->t->wait;
	bool has_any;
	w->is_on = false;
	if (c->result != -ECHILD)
		return show_child(c);
	find_news(c->t, w, &has_any);
	if (!has_any)
		return c->result;
	if (w->options & WNOHANG)
		return 0;
	w->is_lonely = true;
	arch_rewind(c->t, w->number);
	c->is_again = true;
	return c->result;
}

int64_t hook_wait(struct call *c)
{
	struct guest_wait *w = &c->t->wait;
	bool has_any = false, was_lonely = w->is_lonely;
	w->is_lonely = false;
	name_as_host(c);
	decode(c, w);
	struct ptraced *p = find_news(c->t, w, &has_any);
	if (p)
		return tell(c, p);
	w->owes_signal = false;
	w->is_on = !(w->options & WNOHANG);
	if (was_lonely && has_any) {
		w->is_lonely = true;
		c->changed = 0;
		arch_set_number(c->t, arch_pause_number[c->abi]);
		return CALL_PASS;
	}
	c->t->at_exit = wait_exit;
	return CALL_PASS_EXIT;
}

void guest_wait_mend(struct tracee *t)
{
	if (!t->wait.is_lonely)
		return;
	t->wait.is_lonely = t->wait.is_on = false;
	arch_swap_restart(t, arch_pause_number[t->process->abi], t->wait.number);
}

static void mend_sender(siginfo_t *info)
{
	/* From outside, through us or not, is from nobody that the guest could name. */
	if (info->si_pid == getpid())
		info->si_pid = 0;
	const struct tracee *sender = tracee_find(info->si_pid);
	info->si_uid = sender && sender->is_known ? sender->cred.ruid : 0;
}

void guest_mend_siginfo(struct tracee *t, int signal)
{
	siginfo_t info;
	if (ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) < 0 || info.si_signo != signal)
		return;
	const siginfo_t was = info;
	bool is_child = signal == SIGCHLD && info.si_code == CODE_OURS;
	if (is_child)
		info.si_code = CLD_TRAPPED;
	/* kill, tgkill and sigqueue name the sender; SIGCHLD the child. */
	bool has_sender = info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE ||
			  info.si_code == SI_MESGQ || (signal == SIGCHLD && info.si_code > 0);
	if (!has_sender)
		return;
	if (info.si_uid == session.uid || is_child)
		mend_sender(&info);
	info.si_pid = inside_shown(t, info.si_pid);
	info.si_uid = users_shown(t, ID_USER, info.si_uid);
	if (info.si_pid == was.si_pid && info.si_uid == was.si_uid && !is_child)
		return;
	ptrace(PTRACE_SETSIGINFO, t->tid, NULL, &info);
}
