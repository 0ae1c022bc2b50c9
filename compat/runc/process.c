/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the command's side of a container's processes; begin.c has theirs. */
#include "compat/runc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/runc/begin.h"
#include "compat/runc/cgroup.h"
#include "compat/runc/console.h"
#include "compat/runc/guests.h"
#include "compat/runc/hooks.h"
#include "compat/runc/log.h"
#include "compat/runc/shared.h"
#include "compat/runc/supervisor.h"
#include "compat/runc/sync.h"
#include "tracer/base/io.h"
#include "tracer/base/terminal.h"
#include "tracer/base/text.h"
#include "tracer/tracer.h"

enum { SIGNAL_BASE = 128, NAP_USEC = 2000, FIRST_NAP_USEC = 100, PATIENCE_USEC = 10000000 };

/* A process that is being made, at the command's side. */
struct birth {
	struct terminal *terminal; /* NULL: none */
	bool is_relayed;           /* by us, until its end */
	int sync[2];               /* the command's end, the process' */
	pid_t pid;
	struct supervisor_start supervisor;
	struct seccomp_filter filter;
};

/* The terminal of the process that process_wait relays. */
static struct terminal *relayed;

/* ---- the parts of a birth ---- */

static int open_terminal(struct birth *b, const struct spec_process *p, const struct process_options *o,
			 struct error *err)
{
	if (!p->has_terminal && o->console_socket)
		return error_set(err, 0, "cannot use console socket if runc will not detach or allocate tty");
	if (!p->has_terminal)
		return 0;
	if (o->is_detached && !o->console_socket)
		return error_set(err, 0, "cannot allocate tty if runc will detach without setting console socket");
	if (terminal_open(NULL, &b->terminal, err) < 0)
		return -1;
	if (p->rows && p->columns)
		terminal_resize(b->terminal, p->rows, p->columns);
	b->is_relayed = !o->console_socket;
	/* As runc does, so that what a container prints is the same with and without a terminal. */
	if (b->is_relayed)
		terminal_leave_newlines(b->terminal);
	return o->console_socket ? console_send(b->terminal, o->console_socket, err) : 0;
}

/* What systemd hands on; as the descriptors behind those of the command's caller. */
static int listen_fds(void)
{
	const char *text = getenv("LISTEN_FDS");
	uint64_t count;
	return text && text_to_number(text, 1024, &count) ? (int)count : 0;
}

static struct begin begin_of(const struct runc_container *c, const struct birth *b,
			     const struct process_options *o)
{
	struct begin begin = {
		.container = c,
		.filter = &b->filter,
		.terminal = b->terminal,
		.sync = b->sync[1],
		.fifo = -1,
		.listen_fds = listen_fds(),
		.preserve_fds = o->preserve_fds,
		.is_guest = tracer_is_guest(),
		.signals = { { 0 } },
	};
	sigprocmask(SIG_SETMASK, NULL, &begin.signals);
	return begin;
}

static int write_pid(const char *path, pid_t pid, struct error *err)
{
	char text[32];
	snprintf(text, sizeof(text), "%d", pid);
	return path ? io_write_passing(AT_FDCWD, path, text, strlen(text), 0644, err) : 0;
}

static int tell_pid(pid_t pid, const struct process_options *o, struct error *err)
{
	if (o->pidfd_socket && console_send_pidfd(pid, o->pidfd_socket, err) < 0)
		return -1;
	return write_pid(o->pid_file, pid, err);
}

/* Is the first process there, and the one that we made? */
static bool is_alive(const struct runc_container *c)
{
	unsigned long long now = c->pid > 0 ? state_start_time(c->pid) : 0;
	return now && now == c->pid_start_time;
}

/* A guest's child begins in the container's pid namespace; those that we make later are in ours again. */
static pid_t fork_into(const struct runc_container *c, const struct begin *begin)
{
	if (!begin->is_guest || !state_has_own_pids(c))
		return fork();
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/ns/pid", c->pid);
	CLEANUP_CLOSE int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int other = begin->fifo < 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool is_there = own >= 0 && (begin->fifo >= 0 ? unshare(CLONE_NEWPID) : setns(other, CLONE_NEWPID)) == 0;
	pid_t pid = fork();
	if (is_there && pid != 0)
		setns(own, CLONE_NEWPID);
	return pid;
}

/* Fork the process that `begin` tells of, which takes the steps of `body`. */
static int bear(struct runc_container *c, const struct process_options *o, struct birth *b, struct begin *begin,
		void (*body)(struct begin *b), struct error *err)
{
	/* What comes for a process in the foreground before it is waited for is its own. */
	if (!o->is_detached)
		terminal_hold_signals(&begin->signals);
	fflush(NULL);
	b->pid = fork_into(c, begin);
	if (b->pid < 0)
		return error_set(err, errno, "cannot start a process");
	if (b->pid == 0) {
		close(b->sync[0]);
		supervisor_close(&b->supervisor);
		/* Hooks that the first process runs get it, too. */
		if (begin->fifo >= 0)
			c->pid = getpid();
		body(begin);
	}
	close(io_take_fd(&b->sync[1]));
	return 0;
}

static void end_birth(struct birth *b)
{
	if (b->sync[0] >= 0)
		close(b->sync[0]);
	if (b->sync[1] >= 0)
		close(b->sync[1]);
	if (!relayed)
		talloc_free(b->terminal);
	supervisor_close(&b->supervisor);
}

static void kill_newborn(struct birth *b)
{
	if (b->pid <= 0)
		return;
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
}

/* ---- create ---- */

static int make_fifo(const struct runc_container *c, int *ret_fd, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" CONTAINER_FIFO, c->dir);
	if (mkfifo(path, 0600) < 0)
		return error_set(err, errno, "cannot make '%s'", path);
	/* For both, so that neither end has to be there first. */
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? error_set(err, errno, "cannot open '%s'", path) : 0;
}

/* The container's process is there, and its namespaces. */
static int run_runtime_hooks(struct runc_container *c, const struct spec *spec, struct error *err)
{
	CLEANUP_TALLOC char *state = hooks_state(NULL, c, STATUS_CREATING);
	if (hooks_run(spec, HOOK_PRESTART, state, err) < 0)
		return -1;
	return hooks_run(spec, HOOK_CREATE_RUNTIME, state, err);
}

static int make_first(struct runc_container *c, const struct spec *spec, const struct process_options *o,
		      struct birth *b, int fifo, struct error *err)
{
	struct begin begin = begin_of(c, b, o);
	begin.spec = spec;
	begin.process = spec->process;
	begin.fifo = fifo;
	begin.dies_with_command = !o->is_detached;
	if (bear(c, o, b, &begin, begin_first, err) < 0)
		return -1;
	c->pid = b->pid;
	c->pid_start_time = state_start_time(b->pid);
	if (cgroup_enter(c, b->pid, err) < 0)
		return -1;
	sync_say(b->sync[0], SYNC_GO);
	if (sync_wait(b->sync[0], SYNC_NAMESPACES, err) < 0 || run_runtime_hooks(c, spec, err) < 0)
		return -1;
	sync_say(b->sync[0], SYNC_GO);
	return sync_wait(b->sync[0], SYNC_READY, err);
}

static int keep_first(struct runc_container *c, const struct process_options *o, const struct birth *b,
		      struct error *err)
{
	if (state_save(c, err) < 0 || tell_pid(c->pid, o, err) < 0)
		return -1;
	sync_say(b->sync[0], SYNC_KEPT);
	return 0;
}

static int create(struct runc_container *c, const struct spec *spec, const struct process_options *o,
		  struct birth *b, struct error *err)
{
	CLEANUP_CLOSE int fifo = -1;
	if (!spec->process)
		return error_set(err, 0, "config.json has no process");
	if (o->has_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (seccomp_make(spec, spec->seccomp, &b->filter, err) < 0)
		return -1;
	if (make_fifo(c, &fifo, err) < 0 || open_terminal(b, spec->process, o, err) < 0 || sync_open(b->sync, err) < 0)
		return -1;
	bool is_shared = false;
	if (!tracer_is_guest() && shared_begin(c, spec, &is_shared, err) < 0)
		return -1;
	if (!tracer_is_guest() && !is_shared && supervisor_begin(c, spec, &b->supervisor, err) < 0)
		return -1;
	if (make_first(c, spec, o, b, fifo, err) < 0) {
		supervisor_explain(&b->supervisor, err);
		return -1;
	}
	return keep_first(c, o, b, err);
}

int process_create(struct runc_container *c, const struct spec *spec, const struct process_options *o,
		   struct error *err)
{
	struct birth b = { .sync = { -1, -1 }, .supervisor = { -1, -1 } };
	if (cgroup_choose(c, err) < 0)
		return error_wrap(err, "unable to start container process");
	int r = create(c, spec, o, &b, err);
	if (r == 0) {
		relayed = b.is_relayed ? b.terminal : NULL;
		end_birth(&b);
		return 0;
	}
	kill_newborn(&b);
	end_birth(&b);
	struct error ignored = ERROR_INIT;
	process_destroy(c, spec, &ignored);
	error_wrap(err, "unable to start container process");
	return -1;
}

/* ---- start, wait ---- */

/* Its parent may be slow to take notice: a zombie has ended. */
static void wait_for_end(const struct runc_container *c)
{
	for (unsigned slept = 0, nap = FIRST_NAP_USEC; is_alive(c) && slept < PATIENCE_USEC; slept += nap, nap = nap < NAP_USEC ? nap * 2 : nap)
		usleep(nap);
	waitpid(c->pid, NULL, WNOHANG);
}

int process_start(struct runc_container *c, const struct spec *spec, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" CONTAINER_FIFO, c->dir);
	if (!is_alive(c))
		return error_set(err, 0, "cannot start a container that has stopped");
	CLEANUP_CLOSE int fifo = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fifo < 0 && errno == ENOENT)
		return error_set(err, 0, "cannot start an already running container");
	if (fifo < 0)
		return error_set(err, errno == ENXIO ? 0 : errno, "cannot start a container that has stopped");
	if (unlink(path) < 0 || write(fifo, "", 1) != 1)
		return error_set(err, errno, "cannot let the container's process go on");
	/* "If any poststart hook fails, the runtime MUST generate an error, stop the container" */
	CLEANUP_TALLOC char *state = hooks_state(NULL, c, STATUS_RUNNING);
	if (hooks_run(spec, HOOK_POSTSTART, state, err) == 0)
		return 0;
	kill(c->pid, SIGKILL);
	wait_for_end(c);
	return -1;
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_wait(struct runc_container *c, const struct process_options *o, int *ret_status, struct error *err)
{
	(void)o;
	int status;
	/* Others may want it meanwhile. */
	state_unlock(c);
	int r = terminal_relay(relayed, c->pid, &status, err);
	TALLOC_FREE(relayed);
	if (r == 0)
		*ret_status = exit_status(status);
	return r;
}

/* ---- exec ---- */

static int make_other(struct runc_container *c, const struct spec *spec, const struct spec_process *process,
		      const struct process_options *o, struct birth *b, struct error *err)
{
	struct begin begin = begin_of(c, b, o);
	begin.spec = spec;
	begin.process = process;
	if (bear(c, o, b, &begin, begin_other, err) < 0 || cgroup_join(c, o->groups, b->pid, err) < 0)
		return -1;
	sync_say(b->sync[0], SYNC_GO);
	if (sync_wait(b->sync[0], SYNC_READY, err) < 0 || tell_pid(b->pid, o, err) < 0)
		return -1;
	sync_say(b->sync[0], SYNC_KEPT);
	return sync_wait_end(b->sync[0], err);
}

int process_exec(struct runc_container *c, const struct spec *spec, const struct spec_process *process,
		 const struct process_options *o, int *ret_status, struct error *err)
{
	struct birth b = { .sync = { -1, -1 }, .supervisor = { -1, -1 } };
	if (!is_alive(c))
		return error_set(err, 0, "cannot exec in a stopped container");
	if (o->has_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	int r = seccomp_make(spec, spec->seccomp, &b.filter, err);
	if (r == 0)
		r = open_terminal(&b, process, o, err);
	if (r == 0)
		r = sync_open(b.sync, err);
	if (r == 0)
		r = make_other(c, spec, process, o, &b, err);
	if (r < 0) {
		kill_newborn(&b);
		end_birth(&b);
		error_wrap(err, "unable to start container process");
		return -1;
	}
	*ret_status = 0;
	if (!o->is_detached) {
		/* Others may want the container's lock while this one runs. */
		int status;
		state_unlock(c);
		r = terminal_relay(b.is_relayed ? b.terminal : NULL, b.pid, &status, err);
		*ret_status = r == 0 ? exit_status(status) : 0;
	}
	end_birth(&b);
	return r;
}

/* ---- all of them ---- */

static char *session_path(const void *ctx, const struct runc_container *c)
{
	return mem_printf(ctx, "%s/" CONTAINER_SESSION, c->dir);
}

/* Is there any process of it?  Without a pid namespace some may live on when the first has ended. */
static bool has_some(const struct runc_container *c)
{
	CLEANUP_TALLOC char *path = session_path(NULL, c);
	CLEANUP_TALLOC pid_t *pids = NULL;
	size_t count = 0;
	struct error ignored = ERROR_INIT;
	return c->supervisor && c->pid > 0 && tracer_session_pids(NULL, path, c->pid, &pids, &count, &ignored) == 0 && count > 0;
}

int process_kill(struct runc_container *c, int signal_number, bool is_to_all, struct error *err)
{
	CLEANUP_TALLOC char *path = session_path(NULL, c);
	/* As runc does, for who goes away with nobody. */
	is_to_all |= signal_number == SIGKILL && !state_has_own_pids(c);
	if (!is_alive(c) && !(is_to_all && has_some(c)))
		return error_set(err, 0, "container not running");
	if (is_to_all)
		return c->supervisor ? tracer_session_kill(path, c->pid, signal_number, err) :
				       guests_kill(c->pid, signal_number, err);
	if (kill(c->pid, signal_number) < 0)
		return errno == ESRCH ? error_set(err, 0, "container not running") :
					error_set(err, errno, "cannot send signal %d to process %d", signal_number, c->pid);
	return 0;
}

int process_list(const void *ctx, struct runc_container *c, pid_t **ret, size_t *ret_count, struct error *err)
{
	CLEANUP_TALLOC char *path = session_path(NULL, c);
	if (!is_alive(c))
		return error_set(err, 0, "container not running");
	return c->supervisor ? tracer_session_pids(ctx, path, c->pid, ret, ret_count, err) :
			       guests_list(ctx, c->pid, ret, ret_count, err);
}

int process_pause(struct runc_container *c, bool is_paused, struct error *err)
{
	CLEANUP_TALLOC char *path = session_path(NULL, c);
	if (!is_alive(c))
		return error_set(err, 0, "container not running");
	int r = c->supervisor ? tracer_session_pause(path, c->pid, is_paused, err) :
				guests_kill(c->pid, is_paused ? SIGSTOP : SIGCONT, err);
	if (r < 0)
		return -1;
	c->is_paused = is_paused;
	return state_save(c, err);
}

/* Those that live on without the first; some may be made meanwhile. */
static void kill_others(const struct runc_container *c)
{
	CLEANUP_TALLOC char *path = session_path(NULL, c);
	struct error ignored = ERROR_INIT;
	for (unsigned slept = 0; slept < PATIENCE_USEC && has_some(c); slept += NAP_USEC) {
		tracer_session_kill(path, c->pid, SIGKILL, &ignored);
		usleep(NAP_USEC);
	}
}

int process_destroy(struct runc_container *c, const struct spec *spec, struct error *err)
{
	(void)err;
	struct error ignored = ERROR_INIT;
	if (c->pid > 0 && !c->supervisor)
		guests_kill(c->pid, SIGKILL, &ignored);
	if (is_alive(c)) {
		kill(c->pid, SIGKILL);
		wait_for_end(c);
	}
	if (c->supervisor && !state_has_own_pids(c))
		kill_others(c);
	if (c->supervisor)
		supervisor_end(c);
	cgroup_remove(c);
	CLEANUP_TALLOC char *state = spec ? hooks_state(NULL, c, STATUS_STOPPED) : NULL;
	if (spec && hooks_run(spec, HOOK_POSTSTOP, state, &ignored) < 0)
		runc_log(LOG_WARNING_LEVEL, "%s", ignored.text);
	return 0;
}
