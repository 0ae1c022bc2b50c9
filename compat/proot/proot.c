/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PRoot's face: its command line to a run of the tracer.  Without -0 the guest is the invoking user and the files
 * are what they are; with it, owners and modes are kept as `fakebuild run --rootfs` keeps them, in the same table.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "compat/program.h"
#include "compat/proot/bindings.h"
#include "compat/proot/options.h"
#include "oci/store.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"
#include "tracer/tracer.h"

enum { STATUS_OF_PROOT = 1 };

struct proot {
	const struct proot_options *options;
	struct tracer_config config;
	struct store *store; /* NULL: it cannot be had, and nothing is kept */
	char *run_dir;
	struct strlist *emulator_options;
	gid_t *groups;
};

/* ---- the private folder ---- */

static bool may_hold_programs(const char *path)
{
	struct statvfs fs;
	return statvfs(path, &fs) == 0 && !(fs.f_flag & ST_NOEXEC) && access(path, W_OK | X_OK) == 0;
}

static int make_run_dir(struct proot *p, struct error *err)
{
	static const char *const others[] = { "/tmp", "/var/tmp", "/dev/shm" };
	const char *asked = getenv("PROOT_TMP_DIR");
	if (!asked && p->store && may_hold_programs(store_root(p->store)))
		return store_make_tmp(p, p->store, &p->run_dir, err);
	for (size_t i = 0; i < (asked ? 1 : sizeof(others) / sizeof(*others)); i++) {
		const char *folder = asked ? asked : others[i];
		CLEANUP_FREE char *real = may_hold_programs(folder) ? realpath(folder, NULL) : NULL;
		char *path = real ? mem_printf(p, "%s/proot-XXXXXX", real) : NULL;
		if (path && mkdtemp(path)) {
			p->run_dir = path;
			return 0;
		}
	}
	if (asked)
		return error_set(err, 0, "no program can be put into '%s', which PROOT_TMP_DIR names", asked);
	return error_set(err, 0, "no program can be put into /tmp, /var/tmp or /dev/shm: set PROOT_TMP_DIR");
}

/* ---- what files show ---- */

/* Is the guest root, by -0 or because its caller is? */
static bool is_guest_root(const struct proot_options *o)
{
	return (o->has_ids ? o->uid : getuid()) == 0;
}

static int open_table(struct proot *p, struct error *err)
{
	struct stat st;
	char *folder = NULL, *path = mem_printf(p, "%s/meta", p->run_dir);
	const struct proot_options *o = p->options;
	bool is_host = strcmp(p->config.root, "/") == 0, is_root = is_guest_root(o);
	if (stat(p->config.root, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", p->config.root);
	/* Of the host's own tree nothing is kept, as `fakebuild root` does. */
	if (is_root && !is_host && p->store && store_folder_table(p, p->store, p->config.root, &folder, NULL) == 0)
		path = mem_printf(p, "%s/meta", folder);
	else
		p->config.flags |= TRACER_LEAVE_MODES;
	return meta_open(p, path, st.st_dev, is_root ? 0 : META_PLAIN, &p->config.meta, err);
}

static int choose_ids(struct proot *p, struct error *err)
{
	const struct proot_options *o = p->options;
	p->config.uid = o->has_ids ? o->uid : getuid();
	p->config.gid = o->has_ids ? o->gid : getgid();
	/* What real root is, and gives to files, is so. */
	if (getuid() == 0 && is_guest_root(o))
		p->config.flags |= TRACER_WRITE_THROUGH;
	if (o->has_ids && is_guest_root(o))
		return 0;
	meta_show_own_as(p->config.meta, p->config.uid, p->config.gid);
	int count = getgroups(0, NULL);
	p->groups = mem_array(p, gid_t, count < 0 ? 0 : count);
	count = getgroups(count < 0 ? 0 : count, p->groups);
	if (count < 0)
		return error_set(err, errno, "cannot read the groups");
	for (int i = 0; i < count; i++)
		p->groups[i] = p->groups[i] == getgid() ? p->config.gid : p->groups[i];
	p->config.groups = p->groups;
	p->config.group_count = count;
	return 0;
}

/* ---- the command ---- */

static char *find_host_program(const void *ctx, const char *name)
{
	const char *path = strchr(name, '/') ? "" : getenv("PATH");
	for (const char *part = path; part;) {
		size_t length = strcspn(part, ":");
		CLEANUP_TALLOC char *candidate =
			mem_printf(NULL, "%.*s%s%s", (int)length, part, length ? "/" : "", name);
		CLEANUP_FREE char *real = realpath(candidate, NULL);
		if (real && tracer_is_emulator(real))
			return mem_strdup(ctx, real);
		part = part[length] ? part + length + 1 : NULL;
	}
	return NULL;
}

/* "PROGRAM OPTION..."; where the program needs libraries, as Debian's qemu-MACHINE, there may be a qemu-MACHINE-static. */
static int choose_emulator(struct proot *p, struct error *err)
{
	const char *own = getenv("FAKEBUILD_QEMU"), *path = getenv("PATH");
	p->config.emulator_folders = mem_printf(p, "%s%s%s", own ? own : "", own && path ? ":" : "", path ? path : "");
	if (!p->options->qemu)
		return 0;
	p->emulator_options = strlist_new(p);
	char *words = mem_strdup(p, p->options->qemu), *save = NULL;
	char *program = strtok_r(words, " ", &save);
	for (char *word; program && (word = strtok_r(NULL, " ", &save));)
		strlist_add(p->emulator_options, word);
	char *with_static = mem_printf(p, "%s-static", program ? program : "");
	char *found = program ? find_host_program(p, program) : NULL;
	if (!found)
		found = find_host_program(p, with_static);
	if (!found)
		return error_set(err, 0, "there is no static program '%s', and no '%s', to run programs for other machines",
				 program ? program : "", with_static);
	p->config.emulator = found;
	p->config.emulator_options = p->emulator_options->items;
	return 0;
}

static bool is_directory(struct proot *p, const char *guest_path)
{
	struct stat st;
	CLEANUP_TALLOC char *host = tracer_lookup(NULL, &p->config, guest_path);
	return host && stat(host, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A name for $PWD: no dots, no slashes more than needed. */
static char *without_dots(const void *ctx, const char *path)
{
	char *clean = mem_strdup(ctx, path), *to = clean;
	for (const char *at = path; *at;) {
		at += strspn(at, "/");
		size_t length = strcspn(at, "/");
		if (length == 2 && at[0] == '.' && at[1] == '.') {
			while (to > clean && *--to != '/')
				;
		} else if (length && !(length == 1 && at[0] == '.')) {
			*to++ = '/';
			memmove(to, at, length);
			to += length;
		}
		at += length;
	}
	if (to == clean)
		*to++ = '/';
	*to = '\0';
	return clean;
}

static void choose_cwd(struct proot *p)
{
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	const char *asked = p->options->cwd ? p->options->cwd : here ? here : "/";
	char *path = *asked == '/' ? mem_strdup(p, asked) : mem_printf(p, "%s/%s", here ? here : "", asked);
	if (is_directory(p, path)) {
		p->config.cwd = path;
	} else {
		if (p->options->verbosity >= 0)
			fprintf(stderr, "proot: warning: there is no folder '%s' in the guest, it starts in '/'\n", path);
		p->config.cwd = "/";
	}
	setenv("PWD", without_dots(p, p->config.cwd), 1);
}

static int choose_command(struct proot *p, char **words, struct error *err)
{
	extern char **environ;
	static char sh[] = "/bin/sh", login[] = "-l", *shell[] = { sh, login, NULL };
	const char *path = getenv("PATH");
	p->config.argv = *words ? words : shell;
	p->config.env = environ;
	if (!strchr(p->config.argv[0], '/') && (!path || !*path))
		return error_set(err, 0, "cannot find '%s': there is no PATH", p->config.argv[0]);
	return 0;
}

static void tell(const struct proot *p)
{
	fprintf(stderr, "proot: root = %s\n", p->config.root);
	for (size_t i = 0; i < p->config.binding_count; i++)
		fprintf(stderr, "proot: binding = %s:%s\n", p->config.bindings[i].host_path, p->config.bindings[i].guest_path);
	fprintf(stderr, "proot: ids = %u:%u\nproot: cwd = %s\nproot: command =", p->config.uid, p->config.gid, p->config.cwd);
	for (char *const *word = p->config.argv; *word; word++)
		fprintf(stderr, " %s", *word);
	fputc('\n', stderr);
}

static int prepare(struct proot *p, char **words, struct error *err)
{
	const struct proot_options *o = p->options;
	CLEANUP_FREE char *root = realpath(o->rootfs ? o->rootfs : "/", NULL);
	if (!root)
		return error_set(err, errno, "cannot open '%s'", o->rootfs);
	if (store_open(p, NULL, &p->store, NULL) < 0)
		p->store = NULL;
	p->config.root = mem_strdup(p, root);
	if (make_run_dir(p, err) < 0)
		return -1;
	p->config.run_dir = p->run_dir;
	if (p->store && may_hold_programs(store_root(p->store)))
		p->config.code_dir = mem_printf(p, "%s/cache/code", store_root(p->store));
	tracer_set_test_modes(&p->config);
	p->config.hostname = o->hostname;
	p->config.kernel = o->kernel;
	p->config.ports = o->ports;
	p->config.port_count = o->port_count;
	p->config.flags = TRACER_AS_CALLED | (o->is_any_port ? TRACER_ANY_PORT : 0u) |
			  (o->is_kill_on_exit ? 0u : TRACER_UNTIL_LAST);
	if (open_table(p, err) < 0 || choose_ids(p, err) < 0 || choose_emulator(p, err) < 0)
		return -1;
	proot_bindings_make(p, o, &p->config);
	choose_cwd(p);
	return choose_command(p, words, err);
}

static int run(const struct proot_options *o, char **words, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC struct proot *p = mem_new(NULL, struct proot);
	p->options = o;
	/* Ours must not be in the way of the guest's. */
	p->config.umask = umask(0);
	int r = prepare(p, words, err);
	if (r < 0)
		error_status(err, STATUS_OF_PROOT);
	if (r == 0 && o->verbosity > 0)
		tell(p);
	if (r == 0 && p->store)
		store_let_go(p->store);
	/* What main ignores would be ignored in the guest too. */
	signal(SIGPIPE, SIG_DFL);
	if (r == 0)
		r = tracer_run(&p->config, ret_status, err);
	tracer_lookup_end();
	if (p->run_dir)
		io_remove_tree(AT_FDCWD, p->run_dir);
	return r;
}

static void help(FILE *out)
{
	fputs("Usage: proot [OPTIONS] [COMMAND [ARG...]]\n\n"
	      "Run a command, by default a login shell, in a folder as its root.\n\nOptions:\n", out);
	proot_options_print_help(out);
}

int proot_main(int argc, char **argv)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct proot_options *o;
	struct error err = ERROR_INIT;
	int command, status = 0, r;
	mem_end_at_lost_page();
	if (argc == 1) {
		help(stderr);
		return STATUS_OF_PROOT;
	}
	r = proot_options_parse(ctx, argc, argv, &o, &command, &err);
	if (r == 0 && o->asked == PROOT_HELP) {
		help(stdout);
	} else if (r == 0 && o->asked == PROOT_VERSION) {
		puts("proot of fakebuild " FAKEBUILD_VERSION);
	} else if (r == 0) {
		r = run(o, argv + command, &status, &err);
	}
	if (r < 0) {
		fprintf(stderr, "proot: %s\n", err.text);
		return err.status ? err.status : EXIT_FAKEBUILD;
	}
	return status;
}
