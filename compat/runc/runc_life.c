/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a container: create, start, run, kill, delete, pause, resume. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "compat/runc/command.h"
#include "compat/runc/log.h"
#include "compat/runc/notify.h"
#include "compat/runc/process.h"
#include "tracer/base/signals.h"

struct create_options {
	const char *bundle, *console_socket, *pid_file, *pidfd_socket;
	int preserve_fds;
	bool is_detached, is_kept, has_no_subreaper;
};
#define OPTION(member) offsetof(struct create_options, member)
#define CREATE_ROWS \
	{ "bundle", 'b', "DIR", "The bundle, instead of the working directory", OPTION_TEXT, OPTION(bundle) }, \
	{ "console-socket", 0, "SOCKET", "Send the terminal's master end there", OPTION_TEXT, OPTION(console_socket) }, \
	{ "pid-file", 0, "FILE", "Write the process id there", OPTION_TEXT, OPTION(pid_file) }, \
	{ "pidfd-socket", 0, "SOCKET", "Send a pidfd of the process there", OPTION_TEXT, OPTION(pidfd_socket) }, \
	{ "preserve-fds", 0, "N", "Hand so many descriptors on, from 3 on", OPTION_NUMBER, OPTION(preserve_fds) }, \
	{ "no-pivot", 0, NULL, "Taken, of no effect", OPTION_IGNORED, 0 }, \
	{ "no-new-keyring", 0, NULL, "Taken, of no effect", OPTION_IGNORED, 0 }
#define ROWS_END { NULL, 0, NULL, NULL, OPTION_FLAG, 0 }

static const struct option_row create_rows[] = { CREATE_ROWS, ROWS_END };
static const struct option_row run_rows[] = {
	CREATE_ROWS,
	{ "detach", 'd', NULL, "Do not wait for the container", OPTION_FLAG, OPTION(is_detached) },
	{ "keep", 0, NULL, "Do not delete it once it has ended", OPTION_FLAG, OPTION(is_kept) },
	{ "no-subreaper", 0, NULL, "Leave orphans of the container to others", OPTION_FLAG, OPTION(has_no_subreaper) },
	ROWS_END,
};

int runc_check_terminal(bool has_terminal, bool is_detached, const char *console_socket, struct error *err)
{
	if (is_detached && has_terminal && !console_socket)
		return error_set(err, 0, "cannot allocate tty if runc will detach without setting console socket");
	if ((!is_detached || !has_terminal) && console_socket)
		return error_set(err, 0, "cannot use console socket if runc will not detach or allocate tty");
	return 0;
}

int runc_spec_of(const void *ctx, const struct runc_container *c, struct spec **ret, struct error *err)
{
	if (!c->config)
		return error_set(err, 0, "container '%s' has no config in its state", c->id);
	CLEANUP_TALLOC char *file = mem_printf(NULL, "%s/state.json: config", c->dir);
	return spec_of_document(ctx, c->bundle, file, c->config, ret, err);
}

static struct process_options options_of(const struct create_options *o, bool is_detached)
{
	return (struct process_options){
		.pid_file = o->pid_file,
		.pidfd_socket = o->pidfd_socket,
		.console_socket = o->console_socket,
		.preserve_fds = o->preserve_fds,
		.is_detached = is_detached,
		.has_subreaper = !is_detached && !o->has_no_subreaper,
	};
}

/* All is checked before anything is made. */
static int create(struct runc_call *call, const struct process_options *p, struct runc_container **ret, struct spec **ret_spec,
		  struct error *err)
{
	const struct create_options *o = call->options;
	struct runc_container *c;
	struct spec *spec;
	if (spec_read(NULL, o->bundle ? o->bundle : ".", &spec, err) < 0)
		return -1;
	int r = 0;
	if (!spec->process)
		r = error_set(err, 0, "%s/config.json: process is missing", spec->bundle);
	else
		r = runc_check_terminal(spec->process->has_terminal, p->is_detached, p->console_socket, err);
	if (r == 0)
		r = state_create(spec, call->root, call->words[0], &c, err);
	if (r < 0) {
		talloc_free(spec);
		return -1;
	}
	runc_log_notes(&spec->notes, p->is_detached);
	c->bundle = spec->bundle;
	c->root = spec->root;
	c->oci_version = spec->oci_version;
	c->annotations = spec->annotations;
	c->config = spec->document;
	if (notify_offer(c, spec, err) < 0 || process_create(c, spec, p, err) < 0) {
		state_remove(c, NULL);
		talloc_free(spec);
		return -1;
	}
	*ret = c;
	*ret_spec = spec;
	return 0;
}

static int run_create(struct runc_call *call, int *ret_status, struct error *err)
{
	struct process_options p = options_of(call->options, true);
	struct runc_container *c;
	CLEANUP_TALLOC struct spec *spec = NULL;
	(void)ret_status;
	return create(call, &p, &c, &spec, err) < 0 ? error_wrap(err, "runc create failed") : 0;
}

static void destroy(struct runc_container *c, const struct spec *spec)
{
	struct error ignored = ERROR_INIT;
	if (process_destroy(c, spec, &ignored) < 0 || state_remove(c, &ignored) < 0)
		runc_log(LOG_WARNING_LEVEL, "%s", ignored.text);
}

static int run_run(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct create_options *o = call->options;
	struct process_options p = options_of(o, o->is_detached);
	struct runc_container *c;
	CLEANUP_TALLOC struct spec *spec = NULL;
	if (create(call, &p, &c, &spec, err) < 0)
		return error_wrap(err, "runc run failed");
	struct notify *notify;
	int r = notify_listen(spec, c, &notify, err);
	if (r == 0)
		r = process_start(c, spec, err);
	/* Others may ask for it, kill it and run more in it meanwhile. */
	state_unlock(c);
	if (r == 0)
		notify_forward(notify, c->pid, o->is_detached ? c->pid : getpid(), !o->is_detached);
	if (r == 0 && !o->is_detached)
		r = process_wait(c, &p, ret_status, err);
	if (r < 0 || (!o->is_detached && !o->is_kept))
		destroy(c, spec);
	return r < 0 ? error_wrap(err, "runc run failed") : 0;
}

static int start(struct runc_container *c, const struct spec *spec, struct error *err)
{
	struct notify *notify;
	if (notify_listen(c, c, &notify, err) < 0 || process_start(c, spec, err) < 0)
		return -1;
	state_unlock(c);
	notify_forward(notify, c->pid, c->pid, false);
	return 0;
}

static int run_start(struct runc_call *call, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC struct runc_container *c = NULL;
	struct spec *spec;
	(void)ret_status;
	if (state_open(NULL, call->root, call->words[0], &c, err) < 0 || runc_spec_of(c, c, &spec, err) < 0)
		return -1;
	enum container_status status = state_status(c);
	switch (status) {
	case STATUS_CREATED:
		return start(c, spec, err);
	case STATUS_STOPPED:
		return error_set(err, 0, "cannot start a container that has stopped");
	case STATUS_RUNNING:
		return error_set(err, 0, "cannot start an already running container");
	case STATUS_CREATING:
	case STATUS_PAUSED:
		break;
	}
	return error_set(err, 0, "cannot start a container in the %s state", state_status_name(status));
}

struct kill_options {
	bool is_to_all;
};
static const struct option_row kill_rows[] = {
	{ "all", 'a', NULL, "Send it to all processes of the container", OPTION_FLAG, offsetof(struct kill_options, is_to_all) },
	ROWS_END,
};

static int run_kill(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct kill_options *o = call->options;
	const char *name = call->word_count > 1 ? call->words[1] : "TERM";
	int number = signal_number(name);
	CLEANUP_TALLOC struct runc_container *c = NULL;
	(void)ret_status;
	if (state_read(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	if (number < 0)
		return error_set(err, 0, "unknown signal \"%s\"", name);
	bool has_stopped = state_status(c) == STATUS_STOPPED, is_all = o->is_to_all || number == SIGKILL;
	if (!has_stopped || (is_all && !state_has_own_pids(c) && process_kill(c, number, true, NULL) == 0))
		return has_stopped ? 0 : process_kill(c, number, o->is_to_all, err);
	/* As runc has it: all of none is nothing to complain about. */
	return o->is_to_all ? 0 : error_set(err, 0, "container not running");
}

struct delete_options {
	bool is_forced;
};
static const struct option_row delete_rows[] = {
	{ "force", 'f', NULL, "Kill it first when it runs; it need not exist", OPTION_FLAG,
	  offsetof(struct delete_options, is_forced) },
	ROWS_END,
};

static int run_delete(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct delete_options *o = call->options;
	CLEANUP_TALLOC struct runc_container *c = NULL;
	struct spec *spec;
	(void)ret_status;
	if (state_open(NULL, call->root, call->words[0], &c, err) < 0) {
		if (!err || err->number != ENOENT)
			return -1;
		state_remove_remains(call->root, call->words[0]);
		return o->is_forced ? 0 : -1;
	}
	enum container_status status = state_status(c);
	if (!o->is_forced && status != STATUS_STOPPED && status != STATUS_CREATED)
		return error_set(err, 0, "cannot delete container %s that is not stopped: %s", c->id,
				 state_status_name(status));
	if (runc_spec_of(c, c, &spec, err) < 0 || process_destroy(c, spec, err) < 0)
		return -1;
	return state_remove(c, err);
}

static int set_paused(struct runc_call *call, bool is_paused, struct error *err)
{
	CLEANUP_TALLOC struct runc_container *c = NULL;
	if (state_open(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	enum container_status status = state_status(c);
	if (is_paused && status != STATUS_RUNNING && status != STATUS_CREATED)
		return error_set(err, 0, status == STATUS_PAUSED ? "container is paused already" : "container not running");
	if (!is_paused && status != STATUS_PAUSED)
		return error_set(err, 0, "container not paused");
	return process_pause(c, is_paused, err);
}

static int run_pause(struct runc_call *call, int *ret_status, struct error *err)
{
	(void)ret_status;
	return set_paused(call, true, err);
}

static int run_resume(struct runc_call *call, int *ret_status, struct error *err)
{
	(void)ret_status;
	return set_paused(call, false, err);
}

const struct runc_command runc_create_command = {
	.name = "create",
	.usage = "CONTAINER",
	.summary = "Make a container from a bundle; its command waits for 'start'",
	.options = create_rows,
	.options_bytes = sizeof(struct create_options),
	.min_words = 1,
	.max_words = 1,
	.run = run_create,
};
const struct runc_command runc_start_command = {
	.name = "start",
	.usage = "CONTAINER",
	.summary = "Let the command of a made container run",
	.min_words = 1,
	.max_words = 1,
	.run = run_start,
};
const struct runc_command runc_run_command = {
	.name = "run",
	.usage = "CONTAINER",
	.summary = "Make a container, start it, and delete it once it has ended",
	.options = run_rows,
	.options_bytes = sizeof(struct create_options),
	.min_words = 1,
	.max_words = 1,
	.run = run_run,
};
const struct runc_command runc_kill_command = {
	.name = "kill",
	.usage = "CONTAINER [SIGNAL]",
	.summary = "Send a signal, TERM by default, to a container's first process",
	.options = kill_rows,
	.options_bytes = sizeof(struct kill_options),
	.min_words = 1,
	.max_words = 2,
	.run = run_kill,
};
const struct runc_command runc_delete_command = {
	.name = "delete",
	.usage = "CONTAINER",
	.summary = "Remove a container that has stopped or was never started",
	.options = delete_rows,
	.options_bytes = sizeof(struct delete_options),
	.min_words = 1,
	.max_words = 1,
	.run = run_delete,
};
const struct runc_command runc_pause_command = {
	.name = "pause",
	.usage = "CONTAINER",
	.summary = "Stop all processes of a container for a while",
	.min_words = 1,
	.max_words = 1,
	.run = run_pause,
};
const struct runc_command runc_resume_command = {
	.name = "resume",
	.usage = "CONTAINER",
	.summary = "Let all processes of a paused container go on",
	.min_words = 1,
	.max_words = 1,
	.run = run_resume,
};
