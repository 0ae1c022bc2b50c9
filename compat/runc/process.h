/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of a container.  Each is made by the command that asked for it, so that a subreaper above can wait for
 * it: a fork that joins the container's session (tracer_join), and then does as any runtime does, by mount,
 * pivot_root, setuid, capset: the session answers these.  The session is a process of its own, the supervisor,
 * which ends with the container.  Who is already a guest of fakebuild needs none: its calls are answered as they are.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_PROCESS_H
#define FAKEBUILD_COMPAT_RUNC_PROCESS_H

#include "compat/runc/spec.h"
#include "compat/runc/state.h"

struct process_options {
	const char *pid_file;       /* NULL: none; written before the call returns, by rename */
	const char *pidfd_socket;   /* NULL: none */
	const char *console_socket; /* NULL: none; gets the terminal's master by SCM_RIGHTS */
	const struct strlist *groups; /* cgroup_join()'s `below`; NULL: none */
	int preserve_fds;           /* descriptors 3..3+n-1 are the process', after LISTEN_FDS of them */
	bool is_detached;           /* false: stdio and terminal are relayed, signals passed on, until it ends */
	bool has_subreaper;         /* we become one, as runc run does without --no-subreaper */
};

/*
 * Make the container's first process, which has its root, its mounts and waits at the fifo; c->pid and the state
 * are saved.  Hooks of creation have run.  Leaves nothing behind when it fails.
 */
int process_create(struct runc_container *c, const struct spec *spec, const struct process_options *o, struct error *err);
/* Let it go on to its command, then run the poststart hooks.  Fails unless it waits ("cannot start a container that has stopped"). */
int process_start(struct runc_container *c, const struct spec *spec, struct error *err);
/* For `run` without --detach: relay and wait for its end; *ret_status is its exit status or 128 + signal. */
int process_wait(struct runc_container *c, const struct process_options *o, int *ret_status, struct error *err);
/*
 * Run another process in the container; when detached, returns once it has been executed, else at its end.
 * Fails for a container that does not run ("cannot exec in a stopped container").
 */
int process_exec(struct runc_container *c, const struct spec *spec, const struct spec_process *process,
		 const struct process_options *o, int *ret_status, struct error *err);
/* Send a signal to the first process, or to all. Fails with "container not running". */
int process_kill(struct runc_container *c, int signal, bool is_to_all, struct error *err);
/* Host pids of all its processes. */
int process_list(const void *ctx, struct runc_container *c, pid_t **ret, size_t *ret_count, struct error *err);
int process_pause(struct runc_container *c, bool is_paused, struct error *err);
/* What delete does to a container that has ended or is to: kill all, wait for the supervisor, run the poststop hooks. */
int process_destroy(struct runc_container *c, const struct spec *spec, struct error *err);

#endif
