/* SPDX-License-Identifier: Apache-2.0 */
/* Another process in a container: exec. */
#include <limits.h>
#include <string.h>

#include "compat/runc/command.h"
#include "compat/runc/process.h"
#include "tracer/base/text.h"

struct exec_options {
	const char *console_socket, *cwd, *user, *process, *pid_file, *pidfd_socket, *label, *apparmor;
	struct strlist *env, *additional_gids, *capabilities, *groups;
	int preserve_fds;
	bool has_terminal, is_detached, has_no_new_privileges, ignores_pause;
};
#define OPTION(member) offsetof(struct exec_options, member)

static const struct option_row rows[] = {
	{ "process", 'p', "FILE", "The process, as JSON, instead of a command", OPTION_TEXT, OPTION(process) },
	{ "cwd", 0, "DIR", "Working directory in the container", OPTION_TEXT, OPTION(cwd) },
	{ "env", 'e', "KEY=VALUE", "Set an environment variable", OPTION_LIST, OPTION(env) },
	{ "tty", 't', NULL, "Give it a terminal", OPTION_FLAG, OPTION(has_terminal) },
	{ "user", 'u', "UID[:GID]", "Run it as this user", OPTION_TEXT, OPTION(user) },
	{ "additional-gids", 'g', "GID", "Add a group", OPTION_LIST, OPTION(additional_gids) },
	{ "detach", 'd', NULL, "Do not wait for the process", OPTION_FLAG, OPTION(is_detached) },
	{ "cap", 'c', "CAPABILITY", "Add a capability", OPTION_LIST, OPTION(capabilities) },
	{ "no-new-privs", 0, NULL, "It gains no privileges by set-id files", OPTION_FLAG, OPTION(has_no_new_privileges) },
	{ "console-socket", 0, "SOCKET", "Send the terminal's master end there", OPTION_TEXT, OPTION(console_socket) },
	{ "pid-file", 0, "FILE", "Write the process id there", OPTION_TEXT, OPTION(pid_file) },
	{ "pidfd-socket", 0, "SOCKET", "Send a pidfd of the process there", OPTION_TEXT, OPTION(pidfd_socket) },
	{ "preserve-fds", 0, "N", "Hand so many descriptors on, from 3 on", OPTION_NUMBER, OPTION(preserve_fds) },
	{ "ignore-paused", 0, NULL, "Also in a paused container", OPTION_FLAG, OPTION(ignores_pause) },
	{ "process-label", 0, "LABEL", "Taken, of no effect", OPTION_TEXT, OPTION(label) },
	{ "apparmor", 0, "PROFILE", "Taken, of no effect", OPTION_TEXT, OPTION(apparmor) },
	{ "cgroup", 0, "[CONTROLLER:]PATH", "Run it in a group below the container's", OPTION_LIST, OPTION(groups) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int read_id(const char *what, const char *text, uid_t *ret, struct error *err)
{
	uint64_t number;
	if (!text_to_number(text, INT_MAX, &number))
		return error_set(err, 0, "%s '%s' is not a number from 0 to %d", what, text, INT_MAX);
	*ret = (uid_t)number;
	return 0;
}

static int read_user(struct spec_process *p, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	CLEANUP_TALLOC char *uid = mem_strndup(NULL, text, colon ? (size_t)(colon - text) : strlen(text));
	if (colon && read_id("the group of --user", colon + 1, &p->user.gid, err) < 0)
		return -1;
	return read_id("the user of --user", uid, &p->user.uid, err);
}

static int add_groups(struct spec_process *p, const struct strlist *gids, struct error *err)
{
	struct spec_user *user = &p->user;
	gid_t *all = mem_array(p, gid_t, user->additional_gid_count + gids->count);
	if (user->additional_gid_count)
		memcpy(all, user->additional_gids, user->additional_gid_count * sizeof(*all));
	for (size_t i = 0; i < gids->count; i++)
		if (read_id("the group of --additional-gids", gids->items[i], &all[user->additional_gid_count + i], err) < 0)
			return -1;
	user->additional_gids = all;
	user->additional_gid_count += gids->count;
	return 0;
}

/* Ambient ones must be inheritable, so that only those are added. */
static int add_capabilities(struct spec_process *p, const struct strlist *names, struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		int bit = spec_capability(names->items[i]);
		if (bit < 0)
			return error_set(err, 0, "unknown capability '%s'", names->items[i]);
		uint64_t mask = UINT64_C(1) << bit;
		p->capabilities.bounding |= mask;
		p->capabilities.effective |= mask;
		p->capabilities.permitted |= mask;
		p->capabilities.ambient |= mask & p->capabilities.inheritable;
	}
	return 0;
}

/* What the document of a process does not say is the container's, as runc has it. */
static void inherit(struct spec_process *p, const struct spec_process *from)
{
	if (!p->has_capabilities) {
		p->has_capabilities = from->has_capabilities;
		p->capabilities = from->capabilities;
	}
	if (p->rlimit_count == 0) {
		p->rlimits = from->rlimits;
		p->rlimit_count = from->rlimit_count;
	}
	if (!p->user.has_umask) {
		p->user.has_umask = from->user.has_umask;
		p->user.umask = from->user.umask;
	}
	if (!p->has_oom_score_adjustment) {
		p->has_oom_score_adjustment = from->has_oom_score_adjustment;
		p->oom_score_adjustment = from->oom_score_adjustment;
	}
	schedule_inherit(&p->schedule, &from->schedule);
}

/* The container's own process, with the command and the options instead of what it has. */
static int process_of_options(const struct runc_call *call, struct spec_process *p, struct error *err)
{
	const struct exec_options *o = call->options;
	if (call->word_count < 2)
		return error_set(err, 0, "exec args cannot be empty");
	p->args = strlist_new(p);
	for (int i = 1; i < call->word_count; i++)
		strlist_add(p->args, call->words[i]);
	for (size_t i = 0; i < o->env->count; i++) {
		const char *equals = strchr(o->env->items[i], '=');
		if (!equals || equals == o->env->items[i])
			return error_set(err, 0, "option '--env' takes NAME=VALUE, not '%s'", o->env->items[i]);
		strlist_add(p->env, o->env->items[i]);
	}
	if (o->cwd && o->cwd[0] != '/')
		return error_set(err, 0, "option '--cwd' takes an absolute path, not '%s'", o->cwd);
	if (o->cwd)
		p->cwd = o->cwd;
	p->has_terminal = o->has_terminal;
	p->has_no_new_privileges = p->has_no_new_privileges || o->has_no_new_privileges;
	if (o->user && read_user(p, o->user, err) < 0)
		return -1;
	if (add_groups(p, o->additional_gids, err) < 0)
		return -1;
	return add_capabilities(p, o->capabilities, err);
}

static int exec_in(struct runc_call *call, struct runc_container *c, int *ret_status, struct error *err)
{
	const struct exec_options *o = call->options;
	struct spec *spec;
	struct spec_notes notes;
	enum container_status status = state_status(c);
	if (status == STATUS_STOPPED)
		return error_set(err, 0, "cannot exec in a stopped container");
	if (status == STATUS_PAUSED && !o->ignores_pause)
		return error_set(err, 0, "cannot exec in a paused container (use --ignore-paused to override)");
	if (runc_spec_of(c, c, &spec, err) < 0)
		return -1;
	struct spec_process *process = spec->process;
	if (!process)
		return error_set(err, 0, "container '%s' has no process to take after", c->id);
	if (o->process) {
		if (spec_read_process(c, o->process, &process, &notes, err) < 0)
			return -1;
		inherit(process, spec->process);
		runc_log_notes(&notes, o->is_detached);
	} else if (process_of_options(call, process, err) < 0) {
		return -1;
	}
	if (runc_check_terminal(process->has_terminal, o->is_detached, o->console_socket, err) < 0)
		return -1;
	struct process_options p = {
		.pid_file = o->pid_file,
		.pidfd_socket = o->pidfd_socket,
		.console_socket = o->console_socket,
		.groups = o->groups,
		.preserve_fds = o->preserve_fds,
		.is_detached = o->is_detached,
	};
	return process_exec(c, spec, process, &p, ret_status, err);
}

static int run_exec(struct runc_call *call, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC struct runc_container *c = NULL;
	if (state_read(NULL, call->root, call->words[0], &c, err) < 0 || exec_in(call, c, ret_status, err) < 0)
		return error_wrap(err, "exec failed");
	return 0;
}

const struct runc_command runc_exec_command = {
	.name = "exec",
	.usage = "CONTAINER COMMAND [ARG...] | -p FILE CONTAINER",
	.summary = "Run another process in a container",
	.options = rows,
	.options_bytes = sizeof(struct exec_options),
	.style = OPTIONS_SECOND,
	.min_words = 1,
	.max_words = RUNC_ANY_WORDS,
	.run = run_exec,
	.failure_status = RUNC_EXEC_FAILED,
};
