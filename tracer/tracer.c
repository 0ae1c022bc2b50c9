/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a run from start to end: the first process, the loop of stops, and the end of all that is left.
 * What a call means is in rows.c and the files of hooks.
 */
#include "tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/bind.h"
#include "tracer/behind.h"
#include "tracer/call.h"
#include "tracer/cgroups.h"
#include "tracer/confined.h"
#include "tracer/exec.h"
#include "tracer/fast.h"
#include "tracer/filter.h"
#include "tracer/follow.h"
#include "tracer/foreign.h"
#include "tracer/groups.h"
#include "tracer/guest_ptrace.h"
#include "tracer/inflight.h"
#include "tracer/ipc.h"
#include "tracer/join.h"
#include "tracer/keeper.h"
#include "tracer/mounts.h"
#include "tracer/namespaces.h"
#include "tracer/memory.h"
#include "tracer/modes.h"
#include "tracer/nodes.h"
#include "tracer/path.h"
#include "tracer/stats.h"
#include "tracer/fscontext.h"
#include "tracer/trees.h"
#include "tracer/ports.h"
#include "tracer/through.h"
#include "tracer/watch.h"

struct session session;

/* ---- the first process ---- */

/* execvp(3): what is no program is one for the shell, when we are called as one. */
static int try_one(const struct tracer_config *config, char *path)
{
	static char shell[] = "/bin/sh";
	size_t count = 0;
	execve(path, config->argv, config->env);
	if (errno != ENOEXEC || !(config->flags & TRACER_AS_CALLED))
		return errno;
	while (config->argv[count])
		count++;
	CLEANUP_TALLOC char **words = mem_array(NULL, char *, count + 2);
	words[0] = shell;
	words[1] = path;
	for (size_t i = 1; i < count; i++)
		words[i + 1] = config->argv[i];
	execve(shell, words, config->env);
	return ENOEXEC;
}

/* execvpe over the guest's PATH: each execve below is traced and looks its path up in the guest. */
static int execute(const struct tracer_config *config)
{
	char *name = config->argv[0];
	if (strchr(name, '/') || !*name)
		return try_one(config, name);
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (char *const *e = config->env; *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0)
			path = *e + 5;
	int failure = ENOENT;
	for (const char *part = path; part;) {
		size_t length = strcspn(part, ":");
		char candidate[PATH_MAX];
		if (snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)length, part, length ? "/" : "", name) <
		    (int)sizeof(candidate)) {
			/* Go on, as execvp(3), and as shells do forget folders that may not even be searched. */
			int error = try_one(config, candidate);
			if (error == ENOEXEC || error == ENOMEM || error == E2BIG)
				return error;
			if (error != ENOENT && error != ENOTDIR && (error != EACCES || access(candidate, F_OK) == 0))
				failure = error;
		}
		part = part[length] ? part + length + 1 : NULL;
	}
	return failure;
}

static mode_t first_umask(const struct tracer_config *config)
{
	return config->flags & TRACER_AS_CALLED ? config->umask : 022;
}

static void first_process(const struct tracer_config *config, const struct sock_fprog *filter, int gate)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;
	bool is_as_called = config->flags & TRACER_AS_CALLED;
	for (int signal = 1; signal <= 64 && !is_as_called; signal++)
		sigaction(signal, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What is ours is closed by the execve. */
	if (!is_as_called)
		io_close_others(STDERR_FILENO + 1, &gate, 1);
	/* The tracer writes when it has seized us; should it die before, the read ends. */
	char go;
	if (read(gate, &go, 1) != 1)
		_exit(EXIT_FAKEBUILD);
	close(gate);
	umask(first_umask(config));
	if (filter_install(filter) < 0)
		_exit(254);
	if (chdir(config->cwd) < 0)
		_exit(253);
	_exit(execute(config) & 0x7f);
}

static int explain_ptrace(int number, struct error *err)
{
	char scope = '0';
	CLEANUP_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &scope, 1) == 1 && scope >= '2')
		return error_set(err, 0, "tracing is forbidden on this host: kernel.yama.ptrace_scope is %c, it must be 0 or 1",
				 scope);
	fd = fd >= 0 ? fd : open("/sys/fs/selinux/booleans/deny_ptrace", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &scope, 1) == 1 && scope == '1')
		return error_set(err, 0, "tracing is forbidden on this host: SELinux' boolean deny_ptrace is on");
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER)
		return error_set(err, number,
				 "tracing is forbidden here by a seccomp filter around us; Docker's default profile has it on Linux "
				 "before 4.8, where the container needs --security-opt seccomp=unconfined or --cap-add=SYS_PTRACE");
	return error_set(err, number, "tracing is forbidden here, perhaps by a security module or a debugger that traces us");
}

/* ---- the loop ---- */

/* Nobody may see a thread in our gate, nor in the call that a wait really is in. */
/* True when `signal` is a fault of the fast path's own, of which nobody is to know. */
static bool show_own_state(struct tracee *t, int signal)
{
	guest_wait_mend(t);
	bool has_lost_stub = signal == SIGSEGV && t->slot >= 0 && arch_is_in_stub(t);
	if (t->slot >= 0 && arch_demote(t, t->slot))
		tracee_drop_slots(t);
	return has_lost_stub || (fast_is_on() && t->has_shim && arch_leave_shim(t, signal));
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
	const bool must_wait = parent->slot >= 0 || is_kept;
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
	if (show_own_state(t, signal)) {
		guest_resume(t, 0);
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
	if (!t->has_shim || memory_read(t, SHIM_ANSWERS, &count, sizeof(count)) < 0 || count <= mm->answers)
		return;
	stats_add_answers(count - mm->answers);
	mm->answers = count;
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
		/* fall through */
	default:
		show_own_state(t, 0);
		if (!guest_stop_at_event(t, event, event_message(t)))
			guest_resume(t, 0);
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
		if (pid == t->process->pid)
			release_vfork(t->process);
	}
	if (pid == session.first_pid) {
		session.first_status = status;
		session.is_over = !(session.config->flags & TRACER_UNTIL_LAST);
		if (session.is_over)
			tracee_each(kill_tracee, NULL);
	}
	if (t)
		tracee_remove(t);
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
	if ((join_is_paused() && !session.is_over) || cgroups_holds(pid, status)) {
		join_hold(pid, status);
		return;
	}
	stats_begin();
	on_stop(pid, status);
	if (session.difference && !session.is_over) {
		session.is_over = true;
		tracee_each(kill_tracee, NULL);
	}
	tell_stats(pid);
	for (struct tracee *held; (held = guest_take_held());)
		call_serve(held);
	if (session.is_over)
		kill(pid, SIGKILL);
}

static void serve(void)
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

/* ---- signals of ours that are the guest's ---- */

static const int passed_on[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 };
enum { PASSED_ON = sizeof(passed_on) / sizeof(*passed_on) };

static void pass_on(int signal, siginfo_t *info, void *context)
{
	(void)context;
	/* What the terminal sends reaches the guest by itself: it is in the same foreground group. */
	if (info->si_code != SI_KERNEL && session.first_pid > 0)
		kill(session.first_pid, signal);
}

/* ---- a run ---- */

static struct tracee *make_first(const struct tracer_config *config, pid_t pid, struct mounts *known, struct error *err)
{
	struct tracee *t = tracee_add(pid);
	t->is_known = true;
	t->process = process_new(pid);
	process_set_mm(t->process, mm_new());
	t->fs = fs_new("/", "/", first_umask(config));
	t->mounts = known ? bind_again(known) : mounts_new();
	t->uts = uts_new(config->hostname, config->kernel.domain);
	cred_init(&t->cred, config->uid, config->gid);
	t->cred.group_count = config->group_count < CRED_GROUPS_MAX ? config->group_count : CRED_GROUPS_MAX;
	CLEANUP_TALLOC uint32_t *groups = mem_array(NULL, uint32_t, t->cred.group_count);
	for (uint32_t i = 0; i < t->cred.group_count; i++)
		groups[i] = config->groups[i];
	t->cred.groups = groups_keep(groups, t->cred.group_count);
	if (!known)
		mounts_add(t->mounts, "/", config->root, config->flags & TRACER_READ_ONLY ? BINDING_READ_ONLY : 0, "rootfs",
			   "rootfs");
	if (!known && bind_config(config, 0, t, err) < 0)
		return NULL;
	cgroups_inherit(t->process, NULL);
	return t;
}

static void open_session(const struct tracer_config *config)
{
	struct stat root;
	memset(&session, 0, sizeof(session));
	session.config = config;
	session.meta = config->meta;
	session.run_dir = config->run_dir;
	session.scratch = config->scratch ? config->scratch : config->run_dir;
	session.uid = getuid();
	session.gid = getgid();
	session.is_plain = meta_header(config->meta)->flags & META_PLAIN;
	session.root_dev = stat(config->root, &root) == 0 ? root.st_dev : 0;
	through_open(config);
	bind_reset();
	ports_reset();
	foreign_reset();
	meta_bump_generation(config->meta);
}

static int forget_tracee(struct tracee *t, void *arg)
{
	(void)arg;
	tracee_remove(t);
	return 0;
}

static int forget_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)path;
	(void)type;
	(void)where;
	meta_drop(session.meta, st->st_dev, st->st_ino);
	return 0;
}

static void close_session(void)
{
	/* They are removed with the run's folder, and a table that is kept must not find their numbers again in others. */
	if (session.has_guest_files)
		nftw(session.run_dir, forget_file, 16, FTW_PHYS);
	modes_pay();
	follow_close();
	behind_close();
	tracee_each(forget_tracee, NULL);
	cgroups_close();
	namespaces_close();
	ipc_close();
	contexts_close();
	trees_close();
	nodes_close();
	inflight_close();
	if (session.short_dir && strcmp(session.short_dir, session.run_dir) != 0)
		io_remove_tree(AT_FDCWD, session.short_dir);
	TALLOC_FREE(session.short_dir);
	TALLOC_FREE(session.difference);
	fast_close();
	arena_close();
}

/* The first process never became the command: say why. */
static int explain_exec(const struct tracer_config *config, int status, struct error *err)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	if (code == 254)
		return error_set(err, 0, "the kernel refuses our seccomp filter (CONFIG_SECCOMP_FILTER)");
	if (code == 253)
		return error_status(err, (error_set(err, 0, "working directory '%s' does not exist in the guest",
						    config->cwd), EXIT_NOT_FOUND));
	if (!WIFEXITED(status))
		return error_set(err, 0, "the first process was killed by signal %d before it started",
				 WTERMSIG(status));
	if (code == ENOEXEC && foreign_missing())
		return error_status(err, (error_set(err, 0, "cannot execute '%s': it is a program for %s, and there is no static "
						    "qemu-%s-static or qemu-%s in '%s'", config->argv[0], foreign_missing(),
						    foreign_missing(), foreign_missing(),
						    config->emulator_folders ? config->emulator_folders : ""),
					  EXIT_CANNOT_EXECUTE));
	error_set(err, code, "cannot execute '%s'", config->argv[0]);
	return error_status(err, code == ENOENT || code == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
}

static int tell_pid(const char *path, pid_t pid, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	return path ? io_write_file(AT_FDCWD, path, text, n, 0444, err) : 0;
}

static int start(const struct tracer_config *config, const struct sock_fprog *filter, struct mounts *known, struct error *err)
{
	int gate[2];
	if (pipe2(gate, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		follow_leave();
		close(gate[1]);
		first_process(config, filter, gate[0]);
	}
	close(gate[0]);
	CLEANUP_CLOSE int release = gate[1];
	if (pid < 0)
		return error_set(err, errno, "cannot fork");
	session.first_pid = pid;
	struct tracee *first = NULL;
	int r = 0;
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)TRACE_OPTIONS) < 0)
		r = explain_ptrace(errno, err);
	else if (!(first = make_first(config, pid, known ? mounts_get(known) : NULL, err)))
		r = -1;
	else
		fast_open(first);
	if (r == 0)
		namespaces_open(first);
	if (r == 0)
		r = tell_pid(config->pid_path, pid, err);
	if (r == 0 && write(release, "", 1) != 1)
		r = error_set(err, errno, "cannot release the first process");
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return r;
}

/* A process of another's that joins is in what this one, which never runs, is in. */
static int start_session(const struct tracer_config *config, int keeper, struct mounts *known, struct error *err)
{
	struct tracee *template = make_first(config, getpid(), known ? mounts_get(known) : NULL, err);
	if (!template)
		return -1;
	fast_open(template);
	namespaces_open(template);
	tracee_remove(template);
	return join_wait_first(keeper) ? 0 : error_set(err, 0, "nobody joined the session");
}

/* What lookups before the run go by; each new binding is added when the next lookup comes. */
static struct {
	const struct tracer_config *config;
	unsigned flags; /* of it, when it was looked at first */
	struct tracee *t;
	size_t binding_count;
} viewer;

static struct tracee *viewer_of(const struct tracer_config *config)
{
	if (viewer.config == config && config->binding_count >= viewer.binding_count) {
		if (bind_config(config, viewer.binding_count, viewer.t, NULL) < 0)
			return NULL;
	} else {
		tracer_lookup_end();
		open_session(config);
		viewer.config = config;
		viewer.flags = config->flags;
		viewer.t = make_first(config, getpid(), NULL, NULL);
	}
	viewer.binding_count = config->binding_count;
	return viewer.t;
}

/* What it knows of where these bindings are, for a run that follows; NULL: nothing. */
static struct mounts *mounts_of_viewer(const struct tracer_config *config)
{
	bool is_same = viewer.config == config && !((viewer.flags ^ config->flags) & TRACER_READ_ONLY);
	struct tracee *t = is_same ? viewer_of(config) : NULL;
	return t ? mounts_get(t->mounts) : NULL;
}

enum { NO_LISTENER = -1 };

/* Run argv or, with a listener, who joins. */
static int run(const struct tracer_config *config, int listener, int keeper, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC struct sock_fprog *filter = filter_make(NULL, err);
	if (!filter)
		return -1;
	struct mounts *known = mounts_of_viewer(config);
	tracer_lookup_end();
	CLEANUP_TALLOC void *filters = talloc_new(NULL);
	struct sock_fprog *const later[WATCHES] = { filter_make_later(filters, ACTION_LATER),
						    filter_make_later(filters, ACTION_WRITE) };
	watch_open(later);
	open_session(config);
	meta_begin_run(config->meta);
	if (stats_open(config->flags & TRACER_STATS, config->trace_path, err) < 0 || arena_open(config->run_dir, err) < 0 ||
	    (listener >= 0 && join_open(listener, err) < 0)) {
		stats_close();
		close_session();
		mounts_put(known);
		return -1;
	}
	struct sigaction pass = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART }, old[PASSED_ON];
	for (unsigned i = 0; i < PASSED_ON; i++) {
		sigaction(passed_on[i], &pass, &old[i]);
		if ((config->flags & TRACER_AS_CALLED) && old[i].sa_handler == SIG_IGN)
			sigaction(passed_on[i], &old[i], NULL);
	}
	follow_open();
	/* Orphans of the guest become ours, not init's. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	int r = listener >= 0 ? start_session(config, keeper, known, err) : start(config, filter, known, err);
	if (r == 0) {
		/* Guests share our user id; they must not look into us. */
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		serve();
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		int status = session.first_status;
		if (session.difference)
			r = error_set(err, 0, "%s", session.difference);
		else if (!session.has_started && listener < 0)
			r = explain_exec(config, status, err);
		else
			*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	session.first_pid = 0;
	for (unsigned i = 0; i < PASSED_ON; i++)
		sigaction(passed_on[i], &old[i], NULL);
	join_close();
	stats_close();
	close_session();
	mounts_put(known);
	return r;
}

void tracer_set_test_modes(struct tracer_config *config)
{
	const char *every = getenv("FAKEBUILD_TEST_FALL_THROUGH"), *verifies = getenv("FAKEBUILD_TEST_VERIFY");
	uint64_t number = 0;
	if (every && text_to_number(every, 1000000, &number))
		config->fall_through = number;
	config->verifies = verifies && *verifies;
}

int tracer_run(const struct tracer_config *config, int *ret_status, struct error *err)
{
	return run(config, NO_LISTENER, -1, ret_status, err);
}

int tracer_serve(const struct tracer_config *config, int listener, int keeper, int *ret_status, struct error *err)
{
	return run(config, listener, keeper, ret_status, err);
}

char *tracer_lookup(const void *ctx, const struct tracer_config *config, const char *guest_path)
{
	static struct object o;
	struct tracee *t = viewer_of(config);
	if (!t)
		tracer_lookup_end();
	return t && path_lookup(t, AT_FDCWD, guest_path, LOOKUP_FOLLOW, &o) == 0 ? mem_strdup(ctx, o.host) : NULL;
}

void tracer_lookup_end(void)
{
	if (viewer.config)
		close_session();
	viewer.config = NULL;
}
