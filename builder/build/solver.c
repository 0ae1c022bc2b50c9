/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the graph: which stages are worked on, when, and who waits for whom.  A stage's process asks for another
 * stage when an instruction needs it, so that all before that instruction goes on meanwhile; one that waits does
 * not count among the jobs.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/build/link.h"
#include "builder/dockerfile/expand.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum task_status { TASK_UNWANTED, TASK_READY, TASK_WORKING, TASK_WAITING, TASK_DONE };

/* A stage for a platform. */
struct task {
	unsigned stage, platform;
	enum task_status status;
	pid_t pid;
	int fd; /* to its process, -1: none */
	struct wire *wire;
	char *result; /* the JSON of its stage_result */
	struct task *wanted; /* of a task that waits */
};

struct solver {
	struct build *b;
	const struct solve_watcher *watcher;
	struct task *tasks;
	unsigned count;
	struct solve_result *result;
	struct error *err;
	bool has_failed;
	struct task *shell; /* has the terminal */
};

static struct task *task_of(struct solver *s, unsigned platform, unsigned stage)
{
	return &s->tasks[platform * s->b->file->stage_count + stage];
}

/* ---- what is needed ---- */

static void want(struct solver *s, unsigned platform, unsigned stage);

static void want_name(struct solver *s, unsigned platform, const char *name, unsigned before)
{
	int stage = name && !build_find_context(s->b, name) ? build_find_stage(s->b, name, before) : -1;
	if (stage >= 0)
		want(s, platform, stage);
}

/* All that it names, so that work on it begins at once; what only a trigger names is found out later. */
static void want(struct solver *s, unsigned platform, unsigned index)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct task *t = task_of(s, platform, index);
	const struct stage *stage = &s->b->file->stages[index];
	struct strlist *globals;
	struct error ignored = ERROR_INIT;
	char *base;
	if (t->status != TASK_UNWANTED)
		return;
	t->status = TASK_READY;
	if (build_global_args(scratch, s->b, &s->b->platforms[platform], &globals, &ignored) == 0) {
		struct expansion e = { .escape = s->b->file->escape, .get = build_list_value, .arg = globals };
		if (expand_word(scratch, &e, stage->base, &base, &ignored) == 0)
			want_name(s, platform, base, index);
	}
	for (unsigned i = 0; i < stage->count; i++) {
		const struct instruction *in = stage->instructions[i];
		want_name(s, platform, in->copy.from, index);
		for (unsigned j = 0; j < in->mount_count; j++)
			want_name(s, platform, in->mounts[j].from, index);
	}
}

/* ---- processes ---- */

/* Runs in the child: never returns. */
static void work(struct solver *s, const struct task *t, int fd)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct link *l = link_new(ctx, fd);
	struct stage_result *result;
	struct error err = ERROR_INIT;
	unsigned line = 0, last_line = 0;
	int exit_status = 0;
	if (stage_run(ctx, s->b, t->stage, &s->b->platforms[t->platform], l, &result, &line, &last_line, &exit_status,
		      &err) < 0)
		link_failed(l, &err, line, last_line, exit_status);
	else
		link_done(l, result);
	TALLOC_FREE(ctx);
	_exit(0);
}

static int start(struct solver *s, struct task *t)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(s->err, errno, "cannot make a socket pair");
	pid_t parent = getpid();
	fflush(NULL);
	t->pid = fork();
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_FAKEBUILD);
		for (unsigned i = 0; i < s->count; i++)
			if (s->tasks[i].fd >= 0)
				close(s->tasks[i].fd);
		close(pair[0]);
		work(s, t, pair[1]);
	}
	int number = errno;
	close(pair[1]);
	if (t->pid < 0) {
		close(pair[0]);
		return error_set(s->err, number, "cannot start a process");
	}
	t->fd = pair[0];
	t->wire = wire_new(s->tasks, t->fd);
	t->status = TASK_WORKING;
	return 0;
}

static void end_process(struct task *t)
{
	close(t->fd);
	t->fd = -1;
	waitpid(t->pid, NULL, 0);
	TALLOC_FREE(t->wire);
}

static unsigned count_working(const struct solver *s)
{
	unsigned count = 0;
	for (unsigned i = 0; i < s->count; i++)
		count += s->tasks[i].status == TASK_WORKING;
	return count;
}

/* Those that wait for what is there now go on; then new ones start. */
static int schedule(struct solver *s)
{
	unsigned working = count_working(s);
	for (unsigned i = 0; i < s->count && working < s->b->jobs; i++) {
		struct task *t = &s->tasks[i];
		if (t->status != TASK_WAITING || t->wanted->status != TASK_DONE)
			continue;
		/* One that was killed meanwhile is found out by its end. */
		link_send(t->fd, t->wanted->result);
		link_send(t->fd, "\n");
		t->status = TASK_WORKING;
		working++;
	}
	for (unsigned i = 0; i < s->count && working < s->b->jobs; i++) {
		if (s->tasks[i].status != TASK_READY)
			continue;
		if (start(s, &s->tasks[i]) < 0)
			return -1;
		working++;
	}
	return 0;
}

/* ---- what they say ---- */

static void take_failure(struct solver *s, const char *text)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	struct error ignored = ERROR_INIT;
	if (s->has_failed)
		return;
	s->has_failed = true;
	if (json_parse(scratch, text, "a stage's failure", &root, &ignored) < 0) {
		error_set(s->err, 0, "a stage failed");
		return;
	}
	const char *sentence = json_get_string(root, "text");
	error_set(s->err, 0, "%s", sentence ? sentence : "a stage failed");
	s->err->status = json_get_int(root, "status", 0);
	s->result->failed_line = json_get_int(root, "line", 0);
	s->result->failed_last_line = json_get_int(root, "lastLine", 0);
	s->result->failed_status = json_get_int(root, "exitStatus", 0);
}

static void take_need(struct solver *s, struct task *t, const char *text)
{
	uint64_t stage;
	if (!text_to_number(text, s->b->file->stage_count - 1, &stage))
		return;
	t->status = TASK_WAITING;
	t->wanted = task_of(s, t->platform, stage);
	want(s, t->platform, stage);
}

static void take_event(struct solver *s, const char *line)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct event *e;
	struct error ignored = ERROR_INIT;
	if (!s->shell && event_parse(scratch, line, &e, &ignored) == 0)
		s->watcher->show(s->watcher->arg, e);
}

static void take_line(struct solver *s, struct task *t, char *line)
{
	if (line[0] != '!') {
		take_event(s, line);
	} else if (text_starts(line, "!need ")) {
		take_need(s, t, line + strlen("!need "));
	} else if (text_starts(line, "!failed ")) {
		take_failure(s, line + strlen("!failed "));
	} else if (text_starts(line, "!done ")) {
		t->result = mem_strdup(s->tasks, line + strlen("!done "));
	} else if (strcmp(line, "!shell") == 0) {
		s->watcher->leave_terminal(s->watcher->arg);
		s->shell = t;
		link_send(t->fd, "go\n");
	}
}

static void take(struct solver *s, struct task *t)
{
	char *line;
	int r = wire_read(t->wire);
	while ((line = wire_next(t->wire)))
		take_line(s, t, line);
	if (r != 0)
		return;
	end_process(t);
	t->status = TASK_DONE;
	if (!t->result && !s->has_failed) {
		s->has_failed = true;
		error_set(s->err, 0, "the process that works on stage %u was killed", t->stage);
	}
}

static bool is_finished(const struct solver *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->tasks[i].status != TASK_UNWANTED && s->tasks[i].status != TASK_DONE)
			return false;
	return true;
}

static int wait_for_some(struct solver *s)
{
	struct pollfd *fds = mem_array(NULL, struct pollfd, s->count);
	struct task **owners = mem_array(fds, struct task *, s->count);
	nfds_t count = 0;
	for (unsigned i = 0; i < s->count; i++) {
		if (s->tasks[i].fd < 0)
			continue;
		fds[count].fd = s->tasks[i].fd;
		fds[count].events = POLLIN;
		owners[count++] = &s->tasks[i];
	}
	poll(fds, count, s->shell ? -1 : s->watcher->interval_msec);
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].revents)
			take(s, owners[i]);
	talloc_free(fds);
	if (!s->shell)
		s->watcher->tick(s->watcher->arg);
	return 0;
}

static void kill_all(struct solver *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->tasks[i].fd < 0)
			continue;
		kill(s->tasks[i].pid, SIGKILL);
		end_process(&s->tasks[i]);
	}
}

static int collect_lists(struct solver *s, const struct task *t)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *dump;
	if (!t->result)
		return 0;
	if (json_parse(scratch, t->result, "a stage's result", &dump, s->err) < 0)
		return -1;
	const struct strlist *steps = json_get_strings(scratch, json_get(dump, "state"), "steps");
	const struct strlist *materials = json_get_strings(scratch, json_get(dump, "state"), "materials");
	for (size_t i = 0; materials && i < materials->count; i++)
		strlist_add(s->result->materials, materials->items[i]);
	for (size_t i = 0; steps && i < steps->count; i++)
		strlist_add(s->result->steps, steps->items[i]);
	return 0;
}

static int collect(const void *ctx, struct solver *s)
{
	struct build *b = s->b;
	s->result->steps = strlist_new(ctx);
	s->result->materials = strlist_new(ctx);
	for (unsigned i = 0; i < s->count; i++)
		if (collect_lists(s, &s->tasks[i]) < 0)
			return -1;
	s->result->results = mem_array(ctx, struct stage_result *, b->platform_count);
	for (unsigned i = 0; i < b->platform_count; i++) {
		CLEANUP_TALLOC void *scratch = talloc_new(NULL);
		struct json *dump;
		if (json_parse(scratch, task_of(s, i, b->target)->result, "a stage's result", &dump, s->err) < 0 ||
		    result_load(s->result->results, dump, &s->result->results[i], s->err) < 0)
			return -1;
	}
	return 0;
}

int solve(const void *ctx, struct build *b, const struct solve_watcher *watcher, struct solve_result *ret,
	  struct error *err)
{
	CLEANUP_TALLOC struct solver *s = mem_new(NULL, struct solver);
	int r = 0;
	*ret = (struct solve_result){ .results = NULL };
	s->b = b;
	s->watcher = watcher;
	s->result = ret;
	s->err = err;
	s->count = b->platform_count * b->file->stage_count;
	s->tasks = mem_array(s, struct task, s->count);
	for (unsigned i = 0; i < s->count; i++)
		s->tasks[i] = (struct task){ .platform = i / b->file->stage_count, .stage = i % b->file->stage_count,
					     .fd = -1 };
	for (unsigned i = 0; i < b->platform_count; i++)
		want(s, i, b->target);
	while (r == 0 && !s->has_failed && !is_finished(s)) {
		r = schedule(s);
		if (r == 0)
			wait_for_some(s);
	}
	/* One that offers a shell ends by itself. */
	while (s->shell && s->shell->fd >= 0)
		take(s, s->shell);
	kill_all(s);
	if (r < 0 || s->has_failed)
		return -1;
	return collect(ctx, s);
}
