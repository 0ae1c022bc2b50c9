/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of a new process' steps; what they do is in the files of their subjects. */
#include "compat/runc/begin.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/runc/clocks.h"
#include "compat/runc/devices.h"
#include "compat/runc/execute.h"
#include "compat/runc/hooks.h"
#include "compat/runc/identity.h"
#include "compat/runc/memory.h"
#include "compat/runc/network.h"
#include "compat/runc/rootfs.h"
#include "compat/runc/shared.h"
#include "compat/runc/sync.h"
#include "tracer/base/io.h"
#include "tracer/tracer.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

typedef int (*step)(struct begin *b, struct error *err);

static bool is_first(const struct begin *b)
{
	return b->fifo >= 0;
}

/* ---- outside ---- */

/* Signals are as for any new program. */
static int step_detach(struct begin *b, struct error *err)
{
	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		signal(signal_number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &b->signals, NULL);
	umask(0);
	/* When it has ended already, its end of the pair is closed, which the wait tells. */
	if (b->dies_with_command)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sync_wait(b->sync, SYNC_GO, err) < 0)
		return -1;
	/* These lines are runc's, for who looks for them. */
	sync_tell(b->sync, "nsexec container setup");
	return 0;
}

/*
 * Descriptors of the caller's that the command is not meant to have: closed now, for whoever waits for their end is not
 * to wait for `start`.
 */
static int step_seal_descriptors(struct begin *b, struct error *err)
{
	int first = STDERR_FILENO + 1 + b->listen_fds + b->preserve_fds;
	for (int fd = STDERR_FILENO + 1; fd < first; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || (flags & FD_CLOEXEC))
			return error_set(err, 0, "descriptor %d is to be preserved, and is not open", fd);
	}
	/* These are closed by the execve. */
	const int own[] = { b->sync, b->fifo, b->terminal ? terminal_master(b->terminal) : -1 };
	io_close_others(first, own, sizeof(own) / sizeof(*own));
	return 0;
}

static int step_take_terminal(struct begin *b, struct error *err)
{
	if (b->terminal)
		return terminal_take(b->terminal, err);
	return setsid() < 0 ? error_set(err, errno, "cannot begin a session") : 0;
}

/* Of the affinity, exec alone is spoken of. */
static int take_first_cpus(const struct begin *b, struct error *err)
{
	const cpu_set_t *cpus = &b->process->schedule.initial;
	if (CPU_COUNT(cpus) == 0)
		return 0;
	if (schedule_take_cpus(cpus, err) < 0)
		return -1;
	uint64_t mask = 0;
	for (unsigned i = 0; i < 64; i++)
		mask |= (uint64_t)!!CPU_ISSET(i, cpus) << i;
	sync_tell(b->sync, "nsexec[%d]: affinity: 0x%llx", getpid(), (unsigned long long)mask);
	return 0;
}

static int step_take_host_settings(struct begin *b, struct error *err)
{
	/* To lower it is for real root; who may not keeps what it is. */
	FILE *file = b->process->has_oom_score_adjustment ? fopen("/proc/self/oom_score_adj", "we") : NULL;
	if (file) {
		fprintf(file, "%d", b->process->oom_score_adjustment);
		fclose(file);
	}
	schedule_reset_cpus();
	if (!is_first(b) && take_first_cpus(b, err) < 0)
		return -1;
	identity_raise_limits(b->process);
	b->groups = cgroup_views(NULL, b->container);
	return 0;
}

static int step_enter_namespaces(struct begin *b, struct error *err)
{
	if (!b->is_guest && (network_enter(b->spec, &b->has_network, err) < 0 || clocks_enter(b->spec, &b->has_clocks, err) < 0))
		return -1;
	sync_say(b->sync, SYNC_NAMESPACES);
	return sync_wait(b->sync, SYNC_GO, err);
}

static int step_follow_namespaces(struct begin *b, struct error *err)
{
	if (b->is_guest)
		return 0;
	return network_join(b->container->pid, err) < 0 ? -1 : clocks_join(b->container->pid, err);
}

/* The first process begins a pid namespace, and is the parent of its orphans; who comes later begins in it. */
static struct session_place place_of(const struct begin *b)
{
	const struct runc_container *c = b->container;
	if (!is_first(b))
		return (struct session_place){ c->pid, c->pid };
	return (struct session_place){ 0, state_has_own_pids(c) ? SESSION_NEW_PIDS : shared_pids_of(c) };
}

static int step_join_session(struct begin *b, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" CONTAINER_SESSION, b->container->dir);
	const struct session_place place = b->is_guest ? (struct session_place){ 0, 0 } : place_of(b);
	if (!b->is_guest && tracer_join(path, &place, err) < 0)
		return error_wrap(err, "cannot join the container's session");
	sync_tell(b->sync, "child process in init()");
	return 0;
}

/* ---- a guest, on the host's tree ---- */

static int step_make_namespaces(struct begin *b, struct error *err)
{
	/* Always mounts of its own: with pivot_root, nothing of the host's is left in reach. */
	unsigned flags = CLONE_NEWNS;
	for (size_t i = 0; i < b->spec->namespace_count; i++)
		if (!b->spec->namespaces[i].path)
			flags |= b->spec->namespaces[i].clone_flag;
	if (!b->is_guest && shared_join(b->container, &b->joined, err) < 0)
		return -1;
	/* That of processes it was born into. */
	flags &= ~(unsigned)(CLONE_NEWUSER | CLONE_NEWPID) & ~(b->joined & ~(unsigned)CLONE_NEWNS) &
		 ~(b->has_network ? (unsigned)CLONE_NEWNET : 0u) & ~(b->has_clocks ? (unsigned)CLONE_NEWTIME : 0u);
	return unshare(flags) < 0 ? error_set(err, errno, "cannot make the container's namespaces") : 0;
}

static int step_join_namespaces(struct begin *b, struct error *err)
{
	static const char *const names[] = { "uts", "ipc", "net", "cgroup", "mnt" };
	enum { NAMES = sizeof(names) / sizeof(*names) };
	int fds[NAMES], r = 0;
	for (size_t i = 0; i < NAMES; i++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/ns/%s", b->container->pid, names[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
	}
	/* A kind that the kernel does not have is nobody's; the mounts come last, as the paths above are the host's. */
	for (size_t i = 0; i < NAMES; i++) {
		bool is_needed = strcmp(names[i], "mnt") == 0;
		if (r == 0 && (fds[i] < 0 || setns(fds[i], 0) < 0) && is_needed)
			r = error_set(err, errno, "cannot join the %s namespace of process %d", names[i], b->container->pid);
		io_cleanup_close(&fds[i]);
	}
	if (r == 0 && chdir("/") < 0)
		r = error_set(err, errno, "cannot enter the container's root");
	return r;
}

static int step_prepare_root(struct begin *b, struct error *err)
{
	CLEANUP_TALLOC char *scratch = mem_printf(NULL, "%s/mount", b->container->dir);
	const struct rootfs_given given = {
		.scratch = scratch,
		.console = b->terminal ? terminal_path(b->terminal) : NULL,
		.groups = b->groups,
	};
	if (mkdir(scratch, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot create '%s'", scratch);
	return rootfs_prepare(b->spec, &given, err);
}

static int step_run_create_hooks(struct begin *b, struct error *err)
{
	CLEANUP_TALLOC char *state = hooks_state(NULL, b->container, STATUS_CREATING);
	/* As runc has it: the mounts are there, and "." is the root to be. */
	if (chdir(b->spec->root) < 0)
		return error_set(err, errno, "cannot enter '%s'", b->spec->root);
	return hooks_run(b->spec, HOOK_CREATE_CONTAINER, state, err);
}

static int step_enter_root(struct begin *b, struct error *err)
{
	return rootfs_enter(b->spec, err);
}

/* ---- in the container ---- */

static int step_make_directory(struct begin *b, struct error *err)
{
	int r = io_mkdir_p(AT_FDCWD, b->process->cwd, 0755);
	return r < 0 && r != -EEXIST ? error_set(err, -r, "mkdir %s", b->process->cwd) : 0;
}

static int step_finish_root(struct begin *b, struct error *err)
{
	return rootfs_finish(b->spec, err);
}

static int step_take_names(struct begin *b, struct error *err)
{
	const char *host = b->spec->hostname, *domain = b->spec->domainname;
	if (host && sethostname(host, strlen(host)) < 0)
		return error_set(err, errno, "cannot set the host name '%s'", host);
	if (domain && setdomainname(domain, strlen(domain)) < 0)
		return error_set(err, errno, "cannot set the domain name '%s'", domain);
	return 0;
}

static int step_enter_directory(struct begin *b, struct error *err)
{
	struct error first = ERROR_INIT;
	if (execute_enter(b->process->cwd, &b->enters_later, &first) == 0 || b->enters_later)
		return 0;
	*err = first;
	return -1;
}

static int step_take_schedule(struct begin *b, struct error *err)
{
	const struct schedule *s = &b->process->schedule;
	if (!is_first(b) && schedule_take_cpus(&s->final, err) < 0)
		return -1;
	if (b->spec->personality && personality(b->spec->personality) < 0)
		return error_set(err, errno, "cannot set the personality");
	if (memory_take_policy(&b->spec->memory_policy, err) < 0)
		return -1;
	return schedule_take(s, err);
}

static int step_own_terminal(struct begin *b, struct error *err)
{
	return b->terminal ? devices_own_terminal(b->container->config, STDIN_FILENO, err) : 0;
}

/* Who may gain privileges needs a privilege to take the filter: while there is one. */
static int step_filter_early(struct begin *b, struct error *err)
{
	return b->process->has_no_new_privileges ? 0 : seccomp_take(b->filter, err);
}

/* All others take it last, so that it need not allow what comes before. */
static int step_filter_late(struct begin *b, struct error *err)
{
	return b->process->has_no_new_privileges ? seccomp_take(b->filter, err) : 0;
}

static int step_take_identity(struct begin *b, struct error *err)
{
	bool again;
	if (identity_take(b->process, err) < 0)
		return -1;
	return b->enters_later ? execute_enter(b->process->cwd, &again, err) : 0;
}

static int step_find_program(struct begin *b, struct error *err)
{
	umask(b->process->user.has_umask ? b->process->user.umask : 022);
	b->env = execute_environment(NULL, b->process, b->listen_fds);
	b->program = execute_find(NULL, b->process, err);
	return b->program ? 0 : -1;
}

static int step_tell_ready(struct begin *b, struct error *err)
{
	if (is_first(b))
		sync_tell(b->sync, "init: closing the pipe to signal completion");
	sync_say(b->sync, SYNC_READY);
	return sync_wait(b->sync, SYNC_KEPT, err);
}

/* ---- started ---- */

static int step_wait_for_start(struct begin *b, struct error *err)
{
	char byte;
	ssize_t n;
	do
		n = read(b->fifo, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return error_set(err, n < 0 ? errno : 0, "cannot wait for the start");
	/* Nobody starts what waits when `run` is killed; what runs goes on without it, as runc's does. */
	if (b->dies_with_command)
		prctl(PR_SET_PDEATHSIG, 0);
	return 0;
}

static int step_run_start_hooks(struct begin *b, struct error *err)
{
	CLEANUP_TALLOC char *state = hooks_state(NULL, b->container, STATUS_CREATED);
	const struct spec_hooks *hooks = &b->spec->hooks[HOOK_START_CONTAINER];
	/* Those that say nothing of it have the container's environment, as runc has it. */
	for (size_t i = 0; i < hooks->count; i++)
		if (!hooks->items[i].env)
			hooks->items[i].env = b->env;
	return hooks_run(b->spec, HOOK_START_CONTAINER, state, err);
}

static int step_execute(struct begin *b, struct error *err)
{
	if (!is_first(b))
		sync_tell(b->sync, "setns_init: about to exec");
	return execute_program(b->program, b->process, b->env, err);
}

static const step first_steps[] = {
	step_detach, step_seal_descriptors, step_take_terminal, step_take_host_settings, step_enter_namespaces,
	step_join_session, step_make_namespaces, step_prepare_root, step_run_create_hooks, step_enter_root,
	step_make_directory, step_finish_root, step_take_names, step_enter_directory, step_take_schedule,
	step_own_terminal, step_filter_early, step_take_identity, step_find_program, step_filter_late, step_tell_ready, NULL,
};
static const step start_steps[] = { step_wait_for_start, step_run_start_hooks, step_execute, NULL };
static const step other_steps[] = {
	step_detach, step_seal_descriptors, step_take_terminal, step_take_host_settings, step_follow_namespaces,
	step_join_session, step_join_namespaces, step_make_directory, step_enter_directory, step_take_schedule,
	step_own_terminal, step_filter_early, step_take_identity, step_find_program, step_filter_late, step_tell_ready,
	step_execute, NULL,
};

static int take(struct begin *b, const step *steps, struct error *err)
{
	for (; *steps; steps++)
		if ((*steps)(b, err) < 0)
			return -1;
	return 0;
}

void begin_first(struct begin *b)
{
	struct error err = ERROR_INIT;
	if (take(b, first_steps, &err) < 0) {
		sync_fail(b->sync, &err);
		_exit(EXIT_FAKEBUILD);
	}
	/* Who made us may be long gone: the container's own output is where this is looked for. */
	take(b, start_steps, &err);
	dprintf(STDERR_FILENO, "%s\n", err.text);
	_exit(err.status ? err.status : 1);
}

void begin_other(struct begin *b)
{
	struct error err = ERROR_INIT;
	take(b, other_steps, &err);
	sync_fail(b->sync, &err);
	_exit(err.status ? err.status : EXIT_FAKEBUILD);
}
