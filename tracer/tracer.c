/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a run from start to end, and lookups before it.  The first process is in first.c, the loop of stops in loop.c.
 */
#include "tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/behind.h"
#include "tracer/bind.h"
#include "tracer/cgroups.h"
#include "tracer/fast.h"
#include "tracer/filter.h"
#include "tracer/first.h"
#include "tracer/follow.h"
#include "tracer/foreign.h"
#include "tracer/fscontext.h"
#include "tracer/inflight.h"
#include "tracer/ipc.h"
#include "tracer/join.h"
#include "tracer/loop.h"
#include "tracer/modes.h"
#include "tracer/namespaces.h"
#include "tracer/nodes.h"
#include "tracer/path.h"
#include "tracer/pids.h"
#include "tracer/ports.h"
#include "tracer/stats.h"
#include "tracer/through.h"
#include "tracer/trees.h"
#include "tracer/users.h"
#include "tracer/watch.h"

struct session session;

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

static void pass_signals_on(const struct tracer_config *config, struct sigaction ret_old[PASSED_ON])
{
	struct sigaction pass = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART };
	for (unsigned i = 0; i < PASSED_ON; i++) {
		sigaction(passed_on[i], &pass, &ret_old[i]);
		if ((config->flags & TRACER_AS_CALLED) && ret_old[i].sa_handler == SIG_IGN)
			sigaction(passed_on[i], &ret_old[i], NULL);
	}
}

static void keep_signals(const struct sigaction old[PASSED_ON])
{
	session.first_pid = 0;
	for (unsigned i = 0; i < PASSED_ON; i++)
		sigaction(passed_on[i], &old[i], NULL);
}

/* ---- a run ---- */

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
	pids_close();
	users_close();
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

/* A process of another's that joins is in what this one, which never runs, is in. */
static int start_session(const struct tracer_config *config, int keeper, struct mounts *known, struct error *err)
{
	struct tracee *template = first_make(config, getpid(), known ? mounts_get(known) : NULL, err);
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
		viewer.t = first_make(config, getpid(), NULL, NULL);
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

/* Run argv or, when it is served, who joins. */
static int run(const struct tracer_config *config, bool is_served, int listener, int keeper, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC struct sock_fprog *filter = filter_make(NULL, err);
	if (!filter)
		return -1;
	struct mounts *known = mounts_of_viewer(config);
	tracer_lookup_end();
	CLEANUP_TALLOC void *filters = talloc_new(NULL);
	struct sock_fprog *later[WATCHES];
	for (enum watch watch = 0; watch < WATCHES; watch++)
		later[watch] = filter_make_later(filters, watch);
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
	struct sigaction old[PASSED_ON];
	pass_signals_on(config, old);
	follow_open();
	/* Orphans of the guest become ours, not init's. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	int r = is_served ? start_session(config, keeper, known, err) : first_start(config, filter, known, err);
	if (r == 0) {
		/* Guests share our user id; they must not look into us. */
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		loop_serve();
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		int status = session.first_status;
		if (session.difference)
			r = error_set(err, 0, "%s", session.difference);
		else if (!session.has_started && !is_served)
			r = first_explain(config, status, err);
		else
			*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	keep_signals(old);
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
	return run(config, false, config->listener ? *config->listener : -1, -1, ret_status, err);
}

int tracer_serve(const struct tracer_config *config, int listener, int keeper, int *ret_status, struct error *err)
{
	return run(config, true, listener, keeper, ret_status, err);
}

int tracer_run_in(const char *socket_path, const struct tracer_config *config, int *ret_status, struct error *err)
{
	struct sigaction old[PASSED_ON];
	struct error failure;
	int report[2], status = 0;
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pass_signals_on(config, old);
	fflush(NULL);
	pid_t pid = session.first_pid = fork();
	if (pid == 0)
		first_enter(socket_path, config, report[1]);
	close(report[1]);
	CLEANUP_CLOSE int report_in = report[0];
	if (pid < 0) {
		keep_signals(old);
		return error_set(err, errno, "cannot fork");
	}
	bool has_failed = io_read_all(report_in, &failure, sizeof(failure)) == sizeof(failure);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	keep_signals(old);
	if (has_failed) {
		*err = failure;
		return -1;
	}
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
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
