/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns Docker's rules for what runs in a guest: entrypoint and command, working directory,
 * descriptors. Environment, user and bindings have files of their own.
 */
#include "builder/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "builder/bindings.h"
#include "builder/containers_conf.h"
#include "builder/environment.h"
#include "tracer/base/terminal.h"
#include "builder/user.h"
#include "tracer/base/io.h"
#include "tracer/base/rootless.h"
#include "tracer/base/text.h"

#define INIT_PATH "/sbin/docker-init"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct guest {
	struct tracer_config config;
	const struct guest_options *options;
	char *run_dir; /* NULL once it is gone */
	struct store *store; /* that it is from, NULL: from none */
	struct strlist *argv, *env;
	struct stubs *stubs;
	struct bindings *bindings;
	struct terminal *terminal; /* NULL without -t */
	const char *session_path;  /* the run's own, or that of the run that it joins; NULL */
	int listener;              /* of its own; -1 */
	char *command;
	const char *init_path; /* host path of what is bound at INIT_PATH; NULL: nothing */
};

/* The shim is executed from this folder; a store on a noexec file system is no place for it. */
static int make_run_dir(struct guest *g, struct store *store, struct error *err)
{
	const char *others[] = { getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm" };
	struct statvfs fs;
	if (statvfs(store_root(store), &fs) < 0 || !(fs.f_flag & ST_NOEXEC)) {
		g->store = store;
		return store_take_tmp(g, store, &g->run_dir, err);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (!others[i] || others[i][0] != '/')
			continue;
		char *path = mem_printf(g, "%s/fakebuild-XXXXXX", others[i]);
		if (statvfs(others[i], &fs) == 0 && !(fs.f_flag & ST_NOEXEC) && mkdtemp(path)) {
			g->run_dir = path;
			return 0;
		}
	}
	return error_set(err, 0, "'%s' is mounted noexec, and none of $TMPDIR, /tmp, /var/tmp and /dev/shm can take its place",
			 store_root(store));
}

/* docker run --init: "a single binary, docker-init, found in the system path of the Docker daemon process". */
static int put_init_first(struct guest *g, struct error *err)
{
	static const char *const names[] = { "docker-init", "tini-static", "catatonit" };
	const char *path = getenv("PATH");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !g->init_path; i++)
		for (const char *part = path ? path : DEFAULT_PATH; part && !g->init_path;) {
			size_t length = strcspn(part, ":");
			char *file = mem_printf(g, "%.*s/%s", (int)length, part, names[i]);
			g->init_path = length && access(file, X_OK) == 0 ? file : NULL;
			part = part[length] ? part + length + 1 : NULL;
		}
	if (!g->init_path)
		return error_set(err, 0, "--init: there is no docker-init, tini-static or catatonit in PATH");
	struct strlist *argv = strlist_new(g);
	strlist_add(argv, INIT_PATH);
	strlist_add(argv, "--");
	for (size_t i = 0; i < g->argv->count; i++)
		strlist_add(argv, g->argv->items[i]);
	g->argv = argv;
	return 0;
}

/*
 * "CMD ... If the user specifies arguments to docker run then they will override the default
 * specified in CMD, but still use the default ENTRYPOINT"; --entrypoint also forgets the image's
 * CMD.
 */
static int choose_argv(struct guest *g, const struct guest_request *request, struct error *err)
{
	const struct image_config *image = request->image;
	const char *entrypoint = request->options->entrypoint;
	g->argv = strlist_new(g);
	if (entrypoint && *entrypoint)
		strlist_add(g->argv, entrypoint);
	else if (!entrypoint && image && image->entrypoint)
		for (size_t i = 0; i < image->entrypoint->count; i++)
			strlist_add(g->argv, image->entrypoint->items[i]);
	for (char *const *word = request->words; *word; word++)
		strlist_add(g->argv, *word);
	if (!*request->words && !entrypoint && image && image->cmd)
		for (size_t i = 0; i < image->cmd->count; i++)
			strlist_add(g->argv, image->cmd->items[i]);
	if (g->argv->count == 0)
		return error_set(err, 0, "no command specified");
	g->command = mem_strdup(g, g->argv->items[0]);
	for (size_t i = 1; i < g->argv->count; i++)
		g->command = mem_append(g->command, " %s", g->argv->items[i]);
	/* Where the host's init is process 1, it reaps what is left over. */
	if (request->options->has_init && request->options->pids == PIDS_PRIVATE && put_init_first(g, err) < 0)
		return -1;
	g->config.argv = g->argv->items;
	return 0;
}

/* Docker's order: its own defaults, then the image, then files, then -e; HOME comes last, of
 * passwd. */
static int choose_env(struct guest *g, const struct guest_request *request, const char *home,
		      struct error *err)
{
	extern char **environ;
	const struct guest_options *o = request->options;
	g->env = strlist_new(g);
	if (request->place == GUEST_OF_HOST) {
		for (char **entry = environ; *entry; entry++)
			strlist_add(g->env, *entry);
		if (containers_conf_environment(g->env, g->run_dir, err) < 0)
			return -1;
	} else if (!request->is_build) {
		char own[256] = "localhost";
		gethostname(own, sizeof(own) - 1);
		environment_default(g->env, "PATH", DEFAULT_PATH);
		environment_default(g->env, "HOSTNAME", o->hostname ? o->hostname : own);
		if (o->is_tty)
			environment_default(g->env, "TERM", "xterm");
	}
	if (request->image)
		environment_set_all(g->env, request->image->env);
	if (request->place != GUEST_OF_HOST && !request->is_build)
		environment_proxies(g->env);
	for (size_t i = 0; i < o->env_files->count; i++)
		if (environment_file(g->env, o->env_files->items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < o->env->count; i++)
		if (environment_option(g->env, o->env->items[i], err) < 0)
			return -1;
	environment_default(g->env, "HOME", home);
	g->config.env = g->env->items;
	return 0;
}

static int choose_user(struct guest *g, const struct guest_request *request, struct error *err)
{
	const char *spec = request->options->user;
	struct user *user;
	if (!spec && request->image)
		spec = request->image->user;
	if (user_lookup(g, &g->config, spec ? spec : "", &user, err) < 0)
		return -1;
	g->config.uid = user->uid;
	g->config.gid = user->gid;
	g->config.groups = user->groups;
	g->config.group_count = user->group_count;
	return choose_env(g, request, user->home, err);
}

/* mkdir -p inside the guest; what is there stays as it is. */
static int make_workdir(struct guest *g, const char *guest_path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *prefix = mem_strdup(scratch, guest_path);
	char *host_path = tracer_lookup(scratch, &g->config, "/");
	for (char *slash = prefix; host_path && *slash;) {
		slash += strspn(slash, "/");
		const char *name = slash;
		slash += strcspn(slash, "/");
		char kept = *slash;
		*slash = '\0';
		char *found = tracer_lookup(scratch, &g->config, prefix);
		if (!found && *name) {
			CLEANUP_CLOSE int parent =
				open(host_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (parent < 0 || mkdirat(parent, name, 0755) < 0) {
				error_set(err, errno, "cannot make the working directory '%s'",
					  guest_path);
				return error_status(err, EXIT_CANNOT_EXECUTE);
			}
			found = tracer_lookup(scratch, &g->config, prefix);
		}
		*slash = kept;
		host_path = found;
	}
	struct stat st;
	if (!host_path || stat(host_path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		error_set(err, ENOTDIR, "cannot use '%s' as the working directory", guest_path);
		return error_status(err, EXIT_CANNOT_EXECUTE);
	}
	return 0;
}

static int choose_workdir(struct guest *g, const struct guest_request *request, struct error *err)
{
	const char *asked = request->options->workdir;
	if (!asked && request->place == GUEST_OF_HOST) {
		CLEANUP_FREE char *cwd = getcwd(NULL, 0);
		if (!cwd)
			return error_set(err, errno, "cannot find the current folder");
		g->config.cwd = mem_strdup(g, cwd);
		return 0;
	}
	if (asked && *asked != '/')
		return error_set(
			err, 0,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			asked);
	if (!asked && request->image)
		asked = request->image->working_dir;
	/* An image may say "app"; Docker takes it from the root. */
	g->config.cwd =
		mem_printf(g, "%s%s", asked && *asked == '/' ? "" : "/", asked ? asked : "");
	return make_workdir(g, g->config.cwd, err);
}

static int choose_bindings(struct guest *g, const struct guest_request *request, struct error *err)
{
	const struct guest_options *o = request->options;
	struct volume_list *volumes;
	char *volumes_dir = mem_printf(g, "%s/volumes", store_root(request->store));
	if (request->stubs_path)
		g->stubs = stubs_new(g, request->stubs_path);
	g->bindings = mem_new(g, struct bindings);
	g->bindings->config = &g->config;
	g->bindings->stubs = g->stubs;
	if (volumes_parse(g, o->volumes, o->mounts, o->tmpfs, volumes_dir, g->run_dir, &volumes,
			  err) < 0)
		return -1;
	for (size_t i = 0; i < request->bind_count; i++) {
		volumes->items = mem_grow(volumes, volumes->items, struct volume, volumes->count + 1);
		volumes->items[volumes->count++] = request->binds[i];
	}
	if (request->place == GUEST_OF_HOST) {
		bindings_add(g->bindings, "/proc", "/proc", BINDING_PROC, "proc");
		/* Runtimes look for groups of their own to put containers in; those of the host nobody may change. */
		char *groups = mem_printf(g, "%s/cgroup", g->run_dir);
		if (mkdir(groups, 0755) < 0)
			return error_set(err, errno, "cannot create '%s'", groups);
		bindings_add(g->bindings, groups, "/sys/fs/cgroup", BINDING_CGROUP, "cgroup2");
	} else {
		const char *console = g->terminal ? terminal_path(g->terminal) : NULL;
		if (bindings_add_system(g->bindings, volumes, console, err) < 0 ||
		    bindings_add_network(g->bindings, volumes, o->hostname, o->add_hosts,
					 request->is_build, err) < 0)
			return -1;
	}
	bindings_add_volumes(g->bindings, volumes);
	if (g->init_path)
		bindings_add(g->bindings, g->init_path, INIT_PATH, BINDING_READ_ONLY, NULL);
	/* Who asks what is mounted still looks here; Docker's containers have it too. */
	if (g->stubs && !request->is_build)
		stubs_make_link(g->stubs, &g->config, "/etc/mtab", "/proc/mounts");
	return 0;
}

static int open_meta(struct guest *g, const struct guest_request *request, struct error *err)
{
	struct stat st;
	if (stat(request->root, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", request->root);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "cannot open '%s'", request->root);
	struct statvfs fs;
	if (request->place != GUEST_OF_HOST && statvfs(request->root, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
		return error_set(err, 0, "'%s' is mounted noexec: no program in it can be executed", request->root);
	char *own = mem_printf(g, "%s/meta", g->run_dir);
	if (meta_open(g, request->meta_path ? request->meta_path : own, st.st_dev, request->meta_flags, &g->config.meta, err) < 0)
		return -1;
	return request->tracer_flags & TRACER_ROOTLESS_XATTRS ? rootless_import(g->config.meta, request->root, err) : 0;
}

/* Patched copies are executed too; where the store may not be, they last as long as the run. */
static void choose_code_dir(struct guest *g, struct store *store)
{
	CLEANUP_TALLOC char *root = mem_printf(NULL, "%s/", store_root(store));
	if (text_starts(g->run_dir, root))
		g->config.code_dir = mem_printf(g, "%scache/code", root);
}

/* Where a qemu for foreign programs is looked for. */
static void choose_emulators(struct guest *g)
{
	const char *own = getenv("FAKEBUILD_QEMU"), *path = getenv("PATH");
	bool has_both = own && *own && path;
	g->config.emulator_folders = mem_printf(g, "%s%s%s", own ? own : "", has_both ? ":" : "", path ? path : "");
}

/* What a killed run left there is gone: only one runs in a container by this way. */
static int listen_at(struct guest *g, const char *session_path, struct error *err)
{
	unlink(session_path);
	g->listener = tracer_listen(session_path, err);
	g->session_path = session_path;
	g->config.listener = &g->listener;
	return g->listener < 0 ? -1 : 0;
}

static int fill(struct guest *g, const struct guest_request *request, struct error *err)
{
	const struct guest_options *o = request->options;
	if (o->is_tty && o->is_interactive && !isatty(STDIN_FILENO))
		return error_set(err, 0, "the input device is not a TTY");
	if (make_run_dir(g, request->store, err) < 0 || open_meta(g, request, err) < 0 ||
	    (o->is_tty && terminal_open(g, &g->terminal, err) < 0))
		return -1;
	g->config.root = mem_strdup(g, request->root);
	g->config.run_dir = g->run_dir;
	g->config.scratch = request->scratch;
	g->config.hostname = o->hostname;
	g->config.flags = (o->network == NETWORK_NONE ? TRACER_NO_NETWORK : 0u) |
			  (o->is_read_only ? TRACER_READ_ONLY : 0u) | request->tracer_flags |
			  (o->pids == PIDS_PRIVATE ? TRACER_OWN_PIDS : 0u) |
			  (o->has_no_fast_path ? TRACER_NO_FAST_PATH : 0u) | (o->is_counting ? TRACER_STATS : 0u);
	g->config.pid_path = request->pid_path;
	g->config.trace_path = o->trace;
	choose_code_dir(g, request->store);
	if (request->session_path && listen_at(g, request->session_path, err) < 0)
		return -1;
	tracer_set_test_modes(&g->config);
	choose_emulators(g);
	if (choose_argv(g, request, err) < 0 || choose_bindings(g, request, err) < 0 ||
	    choose_user(g, request, err) < 0 || choose_workdir(g, request, err) < 0)
		return -1;
	return 0;
}

int guest_open(const void *ctx, const struct guest_request *request, struct guest **ret,
	       struct error *err)
{
	struct guest *g = mem_new(ctx, struct guest);
	g->options = request->options;
	g->listener = -1;
	if (fill(g, request, err) < 0) {
		guest_close(g);
		talloc_free(g);
		return -1;
	}
	*ret = g;
	return 0;
}

const char *guest_command(const struct guest *g)
{
	return g->command;
}

static int run_traced(void *arg, int *ret_status, struct error *err)
{
	const struct guest *g = arg;
	return g->listener < 0 && g->session_path ? tracer_run_in(g->session_path, &g->config, ret_status, err) :
						   tracer_run(&g->config, ret_status, err);
}

int guest_run(struct guest *g, int *ret_status, struct error *err)
{
	/* What main ignores for the sake of the network would be ignored in the guest too. */
	void (*old)(int) = signal(SIGPIPE, SIG_DFL);
	int r = g->terminal ? terminal_run(g->terminal, g->options->is_interactive, run_traced, g, ret_status, err) :
			      run_traced(g, ret_status, err);
	signal(SIGPIPE, old);
	return r;
}

int guest_run_in(struct guest *g, const char *session_path, int *ret_status, struct error *err)
{
	g->session_path = session_path;
	return guest_run(g, ret_status, err);
}

/* What the next run may use stays in it.  Files have what real root or user.rootlesscontainers gave them. */
static void give_run_dir_back(struct guest *g)
{
	CLEANUP_CLOSE int dir_fd = open(g->run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	bool keeps_owners = getuid() != 0 && !(g->config.flags & TRACER_ROOTLESS_XATTRS);
	bool keeps_dev = keeps_owners && g->config.meta && bindings_clean_dev(g->run_dir, g->config.meta);
	if (dir_fd < 0 || io_list_names(dir_fd, names) < 0)
		return;
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		bool is_kept = tracer_leaves(name) || (strcmp(name, "dev") == 0 ? keeps_dev : bindings_leave(name));
		if (!is_kept && io_remove_tree(dir_fd, name) < 0) {
			io_remove_tree(AT_FDCWD, g->run_dir);
			return;
		}
	}
	store_give_back(g->store, g->run_dir);
}

void guest_close(struct guest *g)
{
	tracer_lookup_end();
	if (g->listener >= 0) {
		unlink(g->session_path);
		close(io_take_fd(&g->listener));
	}
	if (g->stubs)
		stubs_remove(g->stubs);
	if (g->run_dir && g->store)
		give_run_dir_back(g);
	else if (g->run_dir)
		io_remove_tree(AT_FDCWD, g->run_dir);
	g->run_dir = NULL;
	TALLOC_FREE(g->stubs);
}
