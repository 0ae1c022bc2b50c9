/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the supervisor's life; what it does all the while is tracer_serve's. */
#include "compat/runc/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compat/runc/shared.h"
#include "oci/store.h"
#include "tracer/base/io.h"
#include "tracer/base/rootless.h"
#include "tracer/tracer.h"

/* Ends are near mostly: naps begin short. */
enum { PATIENCE_USEC = 10000000, NAP_USEC = 2000, FIRST_NAP_USEC = 100 };

/* ---- what it works with ---- */

/*
 * The shim is executed from this folder, and /run is noexec on many hosts; besides, the container's folder may be gone while
 * others use its session.
 */
static int make_run_dir(const void *ctx, const struct runc_container *c, char **ret, struct error *err)
{
	const char *const folders[] = { "/var/tmp", "/tmp", "/dev/shm", c->dir };
	CLEANUP_TALLOC char *link = mem_printf(NULL, "%s/" SUPERVISOR_RUN, c->dir);
	struct statvfs fs;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/fakebuild-XXXXXX", folders[i]);
		if (statvfs(folders[i], &fs) < 0 || (fs.f_flag & (ST_NOEXEC | ST_RDONLY)) || !mkdtemp(path))
			continue;
		if (symlink(path, link) < 0) {
			rmdir(path);
			return error_set(err, errno, "cannot make '%s'", link);
		}
		*ret = mem_strdup(ctx, path);
		return 0;
	}
	return error_set(err, 0, "/var/tmp, /tmp, /dev/shm and '%s' are all mounted noexec", c->dir);
}

/* Real root's owners are in the files themselves; others' are kept by the root's path, for the next run. */
static char *choose_meta(const void *ctx, const struct runc_container *c, const struct spec *spec,
			 char **ret_code_dir)
{
	struct store *store;
	char *folder;
	*ret_code_dir = NULL;
	if (store_open(ctx, NULL, &store, NULL) == 0) {
		*ret_code_dir = mem_printf(ctx, "%s/cache/code", store_root(store));
		int r = geteuid() == 0 ? -1 : store_folder_table(ctx, store, spec->root, &folder, NULL);
		store_let_go(store);
		if (r == 0)
			return mem_printf(ctx, "%s/meta", folder);
	}
	return mem_printf(ctx, "%s/" CONTAINER_META, c->dir);
}

static int detach(struct error *err)
{
	setsid();
	prctl(PR_SET_NAME, "fakebuild-runc");
	signal(SIGHUP, SIG_IGN);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return error_set(err, errno, "cannot open '/dev/null'");
	close(null);
	return chdir("/") < 0 ? error_set(err, errno, "cannot enter '/'") : 0;
}

static int serve(const struct runc_container *c, const struct spec *spec, const int fds[3], struct error *err)
{
	static const struct binding proc = { "/proc", "/proc", BINDING_PROC, "proc" };
	void *ctx = talloc_new(NULL);
	struct tracer_config config = { .root = "/", .bindings = &proc, .binding_count = 1 };
	struct error report = ERROR_INIT;
	struct stat st;
	char *code_dir, *run_dir = NULL;
	CLEANUP_TALLOC char *lock = mem_printf(NULL, "%s/" SUPERVISOR_LOCK, c->dir);
	int r = io_lock(AT_FDCWD, lock, IO_LOCK_EXCLUSIVE);
	r = r < 0 ? error_set(err, -r, "cannot lock '%s'", lock) : 0;
	if (r == 0)
		r = make_run_dir(ctx, c, &run_dir, err);
	if (r == 0 && stat(spec->root, &st) < 0)
		r = error_set(err, errno, "cannot open '%s'", spec->root);
	const char *meta = r == 0 ? choose_meta(ctx, c, spec, &code_dir) : NULL;
	if (r == 0)
		r = meta_open(ctx, meta, st.st_dev, 0, &config.meta, err);
	if (r == 0 && rootless_is_bundle(spec->bundle))
		r = rootless_import(config.meta, spec->root, err);
	if (r == 0) {
		int status;
		config.run_dir = run_dir;
		config.code_dir = code_dir;
		config.emulator_folders = getenv("PATH");
		config.flags = TRACER_UNTIL_LAST;
		config.flags |= geteuid() == 0 ? TRACER_WRITE_THROUGH | TRACER_HOST_GROUPS :
				rootless_is_bundle(spec->bundle) ? TRACER_ROOTLESS_XATTRS | TRACER_LEAVE_MODES : 0u;
		/* Nothing but an empty report tells that all went well so far. */
		io_write_all(fds[2], &report, sizeof(report));
		r = tracer_serve(&config, fds[0], fds[1], &status, err);
	}
	if (run_dir)
		io_remove_tree(AT_FDCWD, run_dir);
	return r;
}

static void be_supervisor(const struct runc_container *c, const struct spec *spec, const int fds[3])
{
	struct error err = ERROR_INIT;
	/* Nothing of the caller's stays open. */
	io_close_others(STDERR_FILENO + 1, fds, 3);
	if (detach(&err) < 0 || serve(c, spec, fds, &err) < 0)
		io_write_all(fds[2], &err, sizeof(err));
	_exit(0);
}

/* ---- its maker's side ---- */

static int listen_at(const struct runc_container *c, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" CONTAINER_SESSION, c->dir);
	return tracer_listen(path, err);
}

int supervisor_begin(struct runc_container *c, const struct spec *spec, struct supervisor_start *ret,
		     struct error *err)
{
	int keeper[2], report[2];
	CLEANUP_CLOSE int listener = listen_at(c, err);
	if (listener < 0)
		return -1;
	if (pipe2(keeper, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	CLEANUP_CLOSE int keeper_in = keeper[0], keeper_out = keeper[1];
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	CLEANUP_CLOSE int report_in = report[0], report_out = report[1];
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return error_set(err, errno, "cannot start a process");
	if (pid == 0)
		be_supervisor(c, spec, (const int[3]){ listener, keeper_in, report_out });
	c->supervisor = pid;
	close(io_take_fd(&report_out));
	struct error told = ERROR_INIT;
	if (io_read_all(report_in, &told, sizeof(told)) != sizeof(told))
		error_set(&told, 0, "the supervisor ended without a word");
	if (told.text[0]) {
		waitpid(pid, NULL, 0);
		*err = told;
		return -1;
	}
	*ret = (struct supervisor_start){ io_take_fd(&keeper_out), io_take_fd(&report_in) };
	return 0;
}

void supervisor_explain(const struct supervisor_start *s, struct error *err)
{
	struct error told;
	struct pollfd report = { s->report, POLLIN, 0 };
	if (s->report < 0 || poll(&report, 1, 0) <= 0)
		return;
	if (io_read_all(s->report, &told, sizeof(told)) == sizeof(told) && told.text[0])
		*err = told;
}

void supervisor_close(struct supervisor_start *s)
{
	io_cleanup_close(&s->keeper);
	io_cleanup_close(&s->report);
	s->keeper = s->report = -1;
}

/* Its lock is free. */
static bool has_ended(const struct runc_container *c)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" SUPERVISOR_LOCK, c->dir);
	if (access(path, F_OK) < 0)
		return true;
	CLEANUP_CLOSE int fd = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING);
	return fd != -EWOULDBLOCK;
}

/* It goes on for other containers, and there is none of this one's processes. */
static bool is_others(const struct runc_container *c)
{
	CLEANUP_TALLOC char *session = mem_printf(NULL, "%s/" CONTAINER_SESSION, c->dir);
	CLEANUP_TALLOC pid_t *pids = NULL;
	size_t count = 0;
	struct error ignored = ERROR_INIT;
	if (!shared_is_used(c))
		return false;
	return c->pid == 0 || (tracer_session_pids(NULL, session, c->pid, &pids, &count, &ignored) == 0 && count == 0);
}

void supervisor_end(struct runc_container *c)
{
	bool was_killed = false;
	for (unsigned slept = 0, nap = FIRST_NAP_USEC; !has_ended(c) && !is_others(c); slept += nap, nap = nap < NAP_USEC ? nap * 2 : nap) {
		if (slept >= PATIENCE_USEC && !was_killed && !shared_is_used(c)) {
			/* Its guests die with it; it holds the lock, so that the number is still its own. */
			kill(c->supervisor, SIGKILL);
			was_killed = true;
		}
		usleep(nap);
	}
	if (!has_ended(c))
		return;
	waitpid(c->supervisor, NULL, WNOHANG);
	char run_dir[PATH_MAX];
	CLEANUP_TALLOC char *link = mem_printf(NULL, "%s/" SUPERVISOR_RUN, c->dir);
	ssize_t n = readlink(link, run_dir, sizeof(run_dir) - 1);
	run_dir[n < 0 ? 0 : n] = '\0';
	if (n > 0)
		io_remove_tree(AT_FDCWD, run_dir);
	unlink(link);
}
