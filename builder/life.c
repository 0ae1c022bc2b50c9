/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands for what runs in a container: stop, kill, wait; and rename.  A container's pid is that of the fakebuild
 * that runs it; its first process is a child of that, and gets the signals itself.
 */
#include "builder/life.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracer/base/io.h"
#include "tracer/base/signals.h"
#include "tracer/base/text.h"

enum { TICKS_A_SECOND = 20, STATUS_BYTES = 1 << 14 };

static void wait_a_tick(void)
{
	static const struct timespec tick = { 0, 1000 * 1000 * 1000 / TICKS_A_SECOND };
	nanosleep(&tick, NULL);
}

/* Is it still running what it ran?  It may be gone altogether. */
static bool is_running(struct invocation *inv, const struct container *c)
{
	struct container *now = NULL;
	struct error ignored = ERROR_INIT;
	bool is = container_find(inv, inv->store, c->id, &now, &ignored) == 0 && now && now->pid == c->pid;
	talloc_free(now);
	return is;
}

/* ---- its first process ---- */

static bool read_parent_and_start(const void *ctx, const char *pid, int *ret_parent, uint64_t *ret_start)
{
	CLEANUP_TALLOC char *path = mem_printf(ctx, "/proc/%s/stat", pid), *text = NULL;
	struct error ignored = ERROR_INIT;
	if (io_read_file(ctx, AT_FDCWD, path, STATUS_BYTES, &text, NULL, &ignored) < 0)
		return false;
	/* pid (name) state ppid, and 18 fields later the start: proc(5). */
	const char *behind = strrchr(text, ')');
	return behind && sscanf(behind + 1,
				" %*c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
				ret_parent, ret_start) == 2;
}

/* The oldest child of the fakebuild that runs it: later ones are orphans that it took in.  0: there is none. */
static pid_t first_process(const struct container *c)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *names = strlist_new(scratch);
	CLEANUP_CLOSE int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t oldest = UINT64_MAX, number;
	pid_t found = 0;
	if (proc < 0 || io_list_names(proc, names) < 0)
		return 0;
	for (size_t i = 0; i < names->count; i++) {
		int parent;
		uint64_t start;
		if (!text_to_number(names->items[i], INT32_MAX, &number) ||
		    !read_parent_and_start(scratch, names->items[i], &parent, &start) || parent != c->pid || start >= oldest)
			continue;
		oldest = start;
		found = (pid_t)number;
	}
	return found;
}

static int send_signal(const struct container *c, int number, struct error *err)
{
	pid_t pid = first_process(c);
	if (pid && kill(pid, number) < 0 && errno != ESRCH)
		return error_set(err, errno, "cannot signal container %.12s", c->id);
	return 0;
}

void life_kill(struct invocation *inv, const struct container *c)
{
	enum { SECONDS = 5 };
	kill(c->pid, SIGKILL);
	for (int i = 0; i < SECONDS * TICKS_A_SECOND && is_running(inv, c); i++)
		wait_a_tick();
}

/* ---- stop ---- */

struct stop_options {
	const char *seconds, *signal;
};

static const struct option_row stop_rows[] = {
	{ "signal", 's', "SIGNAL", "Signal to send first (default the image's STOPSIGNAL, else SIGTERM)", OPTION_TEXT,
	  offsetof(struct stop_options, signal) },
	{ "time", 't', "SECONDS", "Seconds to wait before killing it (default 10)", OPTION_TEXT,
	  offsetof(struct stop_options, seconds) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int read_signal(const char *text, int *ret, struct error *err)
{
	*ret = signal_number(text);
	if (*ret > 0)
		return 0;
	error_set(err, 0, "'%s' is no signal", text);
	return error_status(err, EXIT_USAGE);
}

static int stop_signal(struct invocation *inv, const struct container *c, int *ret, struct error *err)
{
	struct image *image = NULL;
	if (store_find_image(inv, inv->store, c->image_digest, &image, err) < 0)
		return -1;
	int number = image && *image->run.stop_signal ? signal_number(image->run.stop_signal) : -1;
	*ret = number > 0 ? number : SIGTERM;
	return 0;
}

static int stop(struct invocation *inv, const struct container *c, int number, uint64_t seconds, struct error *err)
{
	if ((number == 0 && stop_signal(inv, c, &number, err) < 0) || send_signal(c, number, err) < 0)
		return -1;
	for (uint64_t i = 0; i < seconds * TICKS_A_SECOND && is_running(inv, c); i++)
		wait_a_tick();
	if (!is_running(inv, c))
		return 0;
	if (send_signal(c, SIGKILL, err) < 0)
		return -1;
	for (int i = 0; i < TICKS_A_SECOND && is_running(inv, c); i++)
		wait_a_tick();
	if (is_running(inv, c))
		life_kill(inv, c);
	return is_running(inv, c) ? error_set(err, 0, "container %.12s does not end", c->id) : 0;
}

static int run_stop(struct invocation *inv, int *ret_status, struct error *err)
{
	enum { SECONDS = 10, SECONDS_MAX = 1 << 30 };
	const struct stop_options *o = inv->options;
	uint64_t seconds = SECONDS;
	int number = 0;
	(void)ret_status;
	if (o->seconds && !text_to_number(o->seconds, SECONDS_MAX, &seconds)) {
		error_set(err, 0, "--time %s: want a number of seconds", o->seconds);
		return error_status(err, EXIT_USAGE);
	}
	if (o->signal && read_signal(o->signal, &number, err) < 0)
		return -1;
	for (int i = 0; i < inv->arg_count; i++) {
		struct container *c;
		if (invocation_container(inv, inv->args[i], &c, err) < 0 || (c->pid && stop(inv, c, number, seconds, err) < 0))
			return -1;
		puts(inv->args[i]);
	}
	return 0;
}

extern const struct command command_stop, command_kill, command_wait, command_rename;

const struct command command_stop = {
	.name = "stop",
	.usage = "[OPTIONS] CONTAINER...",
	.summary = "Ask what runs in containers to end, then kill it",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = stop_rows,
	.options_bytes = sizeof(struct stop_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_stop,
};

/* ---- kill ---- */

struct kill_options {
	const char *signal;
};

static const struct option_row kill_rows[] = {
	{ "signal", 's', "SIGNAL", "Signal to send (default SIGKILL)", OPTION_TEXT, offsetof(struct kill_options, signal) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_kill(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct kill_options *o = inv->options;
	int number = SIGKILL;
	(void)ret_status;
	if (o->signal && read_signal(o->signal, &number, err) < 0)
		return -1;
	for (int i = 0; i < inv->arg_count; i++) {
		struct container *c;
		if (invocation_container(inv, inv->args[i], &c, err) < 0)
			return -1;
		if (!c->pid)
			return error_set(err, 0, "container %s is not running", inv->args[i]);
		if (send_signal(c, number, err) < 0)
			return -1;
		puts(inv->args[i]);
	}
	return 0;
}

const struct command command_kill = {
	.name = "kill",
	.usage = "[OPTIONS] CONTAINER...",
	.summary = "Send a signal to what runs in containers",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = kill_rows,
	.options_bytes = sizeof(struct kill_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_kill,
};

/* ---- wait, rename ---- */

static const struct option_row no_rows[] = {
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_wait(struct invocation *inv, int *ret_status, struct error *err)
{
	(void)ret_status;
	for (int i = 0; i < inv->arg_count; i++) {
		struct container *c, *now = NULL;
		if (invocation_container(inv, inv->args[i], &c, err) < 0)
			return -1;
		while (c->pid && is_running(inv, c))
			wait_a_tick();
		if (container_find(inv, inv->store, c->id, &now, err) < 0)
			return -1;
		if (!now)
			return error_set(err, 0, "container %s was removed, and its exit status with it", inv->args[i]);
		printf("%d\n", now->exit_code < 0 ? 0 : now->exit_code);
	}
	return 0;
}

const struct command command_wait = {
	.name = "wait",
	.usage = "CONTAINER...",
	.summary = "Wait until nothing runs in containers, and print exit statuses",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = no_rows,
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_wait,
};

static int run_rename(struct invocation *inv, int *ret_status, struct error *err)
{
	struct container *c;
	(void)ret_status;
	if (invocation_container(inv, inv->args[0], &c, err) < 0)
		return -1;
	/* Docker keeps it; here who has none is removed when it ends. */
	if (!c->name)
		return error_set(err, 0, "container %s has no name, and is removed when it ends: use run --name", inv->args[0]);
	return container_rename(inv->store, c, inv->args[1], err);
}

const struct command command_rename = {
	.name = "rename",
	.usage = "CONTAINER NAME",
	.summary = "Give a container another name",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = no_rows,
	.min_args = 2,
	.max_args = 2,
	.run = run_rename,
};
