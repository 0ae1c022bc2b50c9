/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns RUN: what is run, its key, and the process that runs it.  That process is a child of the stage's, so that its
 * tracer has a program of its own; it dies with the stage.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/bindings.h"
#include "builder/build/stage_private.h"
#include "builder/environment.h"
#include "builder/guest.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { CHUNK = 1 << 16 };

struct running {
	const struct instruction *in;
	struct strlist *argv;
	char *script; /* of a heredoc that begins with "#!": the content of the file that is run; NULL: none */
	const char *script_name;
	char *script_folder;
	struct run_mounts *mounts;
	bool is_without_network, has_terminal;
};

/* ---- what is run ---- */

/* Docker's proxies: told to RUN without being declared, and no part of its result. */
static bool is_proxy(const char *entry)
{
	static const char *const names[] = { "http_proxy=", "https_proxy=", "ftp_proxy=", "no_proxy=", "all_proxy=" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncasecmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* BuildKit's dispatchRun: a lone heredoc is the script itself; others are put back for the shell to read. */
static void choose_argv(const void *ctx, struct work *w, struct running *r)
{
	const struct instruction *in = r->in;
	if (in->is_exec_form) {
		r->argv = in->words;
		return;
	}
	const char *text = in->words->count ? in->words->items[0] : "";
	if (in->is_script && strncmp(in->heredocs[0].content, "#!", 2) == 0) {
		r->script = in->heredocs[0].content;
		r->script_name = in->heredocs[0].name;
		r->argv = state_shell(ctx, w->state, mem_printf(ctx, "/dev/pipes/%s", r->script_name));
		return;
	}
	if (in->is_script) {
		r->argv = state_shell(ctx, w->state, in->heredocs[0].content);
		return;
	}
	char *whole = mem_strdup(ctx, text);
	for (unsigned i = 0; i < in->heredoc_count; i++)
		whole = mem_append(whole, "\n%s%s", in->heredocs[i].content, in->heredocs[i].name);
	r->argv = state_shell(ctx, w->state, whole);
}

static void add_env(const struct work *w, struct cache_key *k)
{
	for (size_t i = 0; i < w->state->run_env->count; i++)
		if (!is_proxy(w->state->run_env->items[i]))
			cache_key_text(k, w->state->run_env->items[i]);
	cache_key_text(k, NULL);
}

static int make_key(struct work *w, const struct running *r, char ret[DIGEST_ROOM], struct error *err)
{
	struct cache_key *k = cache_key_begin(NULL, "run/1");
	cache_key_text(k, w->state->fs_key);
	cache_key_text(k, w->platform.architecture);
	cache_key_text(k, w->platform.variant);
	cache_key_list(k, r->argv);
	cache_key_text(k, r->script);
	add_env(w, k);
	cache_key_text(k, state_text(w->state, "User"));
	cache_key_text(k, state_text(w->state, "WorkingDir"));
	cache_key_text(k, w->b->hostname);
	cache_key_list(k, w->b->add_hosts);
	cache_key_number(k, r->is_without_network);
	cache_key_number(k, w->b->epoch_sec);
	if (mounts_add_to_key(w, r->in, k, err) < 0) {
		talloc_free(k);
		return -1;
	}
	cache_key_end(k, ret);
	return 0;
}

/* ---- the process ---- */

static struct strlist *guest_env(const void *ctx, const struct work *w, const struct running *r)
{
	struct strlist *env = strlist_new(ctx);
	/* Proxies of build-args first: ENV and ARG of the Dockerfile are nearer. */
	for (size_t i = 0; i < w->b->build_args->count; i++)
		if (is_proxy(w->b->build_args->items[i]))
			environment_set(env, w->b->build_args->items[i]);
	environment_proxies(env);
	for (size_t i = 0; i < w->state->run_env->count; i++)
		environment_set(env, w->state->run_env->items[i]);
	environment_set_all(env, mounts_env(r->mounts));
	return env;
}

/* The file of a script heredoc, in a folder that is bound where BuildKit has it. */
static int write_script(struct work *w, struct running *r, struct error *err)
{
	if (!r->script)
		return 0;
	if (store_make_tmp(w, w->b->store, &r->script_folder, err) < 0)
		return -1;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", r->script_folder, r->script_name);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	int n = fd < 0 ? -errno : io_write_all(fd, r->script, strlen(r->script));
	if (n == 0 && fchmod(fd, 0755) < 0)
		n = -errno;
	return n < 0 ? error_set(err, -n, "cannot write '%s'", path) : 0;
}

/* Runs in the child: never returns. */
static void run_guest(struct work *w, const struct running *r, const struct workspace_root *root, int report)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	struct strlist *none = strlist_new(ctx);
	char user[] = "", shell[] = "/bin/sh";
	char *const shell_argv[] = { shell, NULL };
	size_t count, status_size = sizeof(int);
	int status = 0;
	const struct volume *binds = mounts_binds(r->mounts, &count);
	struct volume *all = mem_array(ctx, struct volume, count + 1);
	struct guest_options options = {
		.env = none, .env_files = none, .volumes = none, .mounts = none, .tmpfs = none,
		.add_hosts = w->b->add_hosts, .hostname = w->b->hostname, .entrypoint = "",
		.network = r->is_without_network ? NETWORK_NONE : NETWORK_HOST,
		.is_interactive = r->has_terminal, .has_no_fast_path = w->b->has_no_fast_path,
	};
	struct image_config image = { .env = guest_env(ctx, w, r), .user = user, .working_dir = user };
	struct guest_request request = {
		.place = GUEST_OF_IMAGE, .options = &options, .image = &image, .store = w->b->store,
		.root = root->root, .meta_path = root->meta_path, .meta_flags = META_SHARED_LAYERS,
		.scratch = root->scratch, .stubs_path = root->stubs_path,
		.words = r->has_terminal ? shell_argv : r->argv->items, .binds = all, .is_build = true,
	};
	struct guest *guest = NULL;
	const char *working_dir = state_text(w->state, "WorkingDir");
	image.user = mem_strdup(ctx, state_text(w->state, "User"));
	image.working_dir = mem_strdup(ctx, *working_dir ? working_dir : "/");
	if (count)
		memcpy(all, binds, count * sizeof(*binds));
	char script_path[] = "/dev/pipes";
	if (r->script)
		all[count++] = (struct volume){ r->script_folder, script_path, BINDING_READ_ONLY, false };
	request.bind_count = count;
	if (guest_open(ctx, &request, &guest, &err) < 0)
		goto failed;
	int n = guest_run(guest, &status, &err);
	guest_close(guest);
	if (n < 0)
		goto failed;
	io_write_all(report, &status, status_size);
	_exit(0);
failed:
	status = -1;
	io_write_all(report, &status, status_size);
	io_write_all(report, &err, sizeof(err));
	_exit(0);
}

struct pipes {
	int out[2], err[2], report[2];
};

static void close_pipes(struct pipes *p)
{
	int *const ends[] = { p->out, p->err, p->report };
	for (size_t i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			io_cleanup_close(&ends[i][j]);
}

static void become_guest(struct work *w, const struct running *r, const struct workspace_root *root, struct pipes *p,
			 pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAKEBUILD);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!r->has_terminal && (dup2(null, STDIN_FILENO) < 0 || dup2(p->out[1], STDOUT_FILENO) < 0 ||
				 dup2(p->err[1], STDERR_FILENO) < 0))
		_exit(EXIT_FAKEBUILD);
	run_guest(w, r, root, io_take_fd(&p->report[1]));
}

/* Hand on what the command writes, until both ends are closed. */
static void forward(struct work *w, struct pipes *p)
{
	char *buffer = mem_array(NULL, char, CHUNK);
	struct pollfd fds[2] = { { .fd = p->out[0], .events = POLLIN }, { .fd = p->err[0], .events = POLLIN } };
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++) {
			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			ssize_t n = read(fds[i].fd, buffer, CHUNK);
			if (n > 0)
				work_log(w, i + 1, buffer, n);
			else if (n == 0 || (errno != EINTR && errno != EAGAIN))
				fds[i].fd = -1;
		}
	}
	talloc_free(buffer);
}

/* 0 and the command's status; -1: it could not be run. */
static int run_in_child(struct work *w, const struct running *r, const struct workspace_root *root, int *ret_status,
			struct error *err)
{
	struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct error theirs;
	int status = -1;
	if (pipe2(p.out, O_CLOEXEC) < 0 || pipe2(p.err, O_CLOEXEC) < 0 || pipe2(p.report, O_CLOEXEC) < 0) {
		close_pipes(&p);
		return error_set(err, errno, "cannot make a pipe");
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		become_guest(w, r, root, &p, parent);
	int number = errno;
	io_cleanup_close(&p.out[1]);
	io_cleanup_close(&p.err[1]);
	io_cleanup_close(&p.report[1]);
	if (pid < 0) {
		close_pipes(&p);
		return error_set(err, number, "cannot start a process");
	}
	forward(w, &p);
	ssize_t n = io_read_all(p.report[0], &status, sizeof(status));
	bool has_error = n == sizeof(status) && status < 0 &&
			 io_read_all(p.report[0], &theirs, sizeof(theirs)) == sizeof(theirs);
	close_pipes(&p);
	waitpid(pid, NULL, 0);
	if (has_error) {
		*err = theirs;
		/* 126 and 127 are what `run` ends with: a build has failed. */
		err->status = 0;
		return -1;
	}
	if (n != sizeof(status) || status < 0)
		return error_set(err, 0, "the process that runs the command was killed");
	*ret_status = status;
	return 0;
}

/* A shell where the command failed, with what it left. */
static void offer_shell(struct work *w, struct running *r, const struct workspace_root *root)
{
	struct error ignored = ERROR_INIT;
	int status;
	if (link_take_terminal(w->l, &ignored) < 0)
		return;
	r->has_terminal = true;
	run_in_child(w, r, root, &status, &ignored);
	r->has_terminal = false;
}

static int run_command(struct work *w, struct running *r, const struct workspace_root *root, struct error *err)
{
	int status;
	if (run_in_child(w, r, root, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	CLEANUP_TALLOC char *text = mem_strdup(NULL, "");
	for (size_t i = 0; i < r->argv->count; i++)
		text = mem_append(text, "%s%s", i ? " " : "", r->argv->items[i]);
	w->exit_status = status;
	error_set(err, 0, "the command \"%.1500s\" did not complete successfully: exit code: %d", text, status);
	if (w->b->has_shell_on_error) {
		/* Shown as failed, with its log, before the shell has the terminal. */
		work_end_vertex(w, false, NULL, err);
		offer_shell(w, r, root);
	}
	return -1;
}

/* runc leaves these in the layer of the first RUN. */
static int make_mount_points(const struct workspace_root *root, struct error *err)
{
	static const char *const names[] = { "dev", "proc", "sys" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", root->root, names[i]);
		if (mkdir(path, 0755) == 0)
			chmod(path, 0755);
		else if (errno != EEXIST)
			return error_set(err, errno, "cannot make '%s'", path);
	}
	return 0;
}

static int make_run(struct work *w, void *arg, char **ret_snapshot, bool *ret_is_pushed, struct error *err)
{
	struct running *r = arg;
	struct workspace_root root;
	if (workspace_make_root(w->workspace, &root, err) < 0 || make_mount_points(&root, err) < 0)
		return -1;
	int n = write_script(w, r, err);
	if (n == 0)
		n = mounts_open(w, w, r->in, &r->mounts, err);
	if (n == 0) {
		n = run_command(w, r, &root, err);
		mounts_close(r->mounts);
	}
	if (r->script_folder)
		io_remove_tree(AT_FDCWD, r->script_folder);
	if (n < 0)
		return -1;
	*ret_is_pushed = true;
	return workspace_take(w, w->workspace, ret_snapshot, err);
}

int run_step(struct work *w, const struct instruction *in, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct running r = { .in = in };
	char key[DIGEST_ROOM];
	const char *network = in->network ? in->network : w->b->network;
	char *name = work_step_name(scratch, w, in->original);
	choose_argv(scratch, w, &r);
	r.is_without_network = strcmp(network, "none") == 0;
	if (make_key(w, &r, key, err) < 0)
		return -1;
	char *created_by = mem_printf(scratch, "RUN %s # buildkit", state_command_text(scratch, w->state, r.argv));
	struct file_step step = { .key = key, .name = name, .command = in->original, .created_by = created_by,
				  .make = make_run, .arg = &r };
	return work_file_step(w, &step, err);
}
