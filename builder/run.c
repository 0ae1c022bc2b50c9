/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that run something: run, exec, root. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/bindings.h"
#include "builder/command.h"
#include "builder/copyup.h"
#include "builder/guest.h"
#include "builder/hoststate.h"
#include "builder/progress.h"
#include "oci/container.h"
#include "oci/derive.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "oci/transport.h"
#include "tracer/base/io.h"
#include "tracer/base/rootless.h"
#include "tracer/base/text.h"
#include "tracer/tracer.h"

struct run_options {
	struct guest_options guest;
	const char *name, *id_file, *commit, *rootfs, *platform, *message;
	struct strlist *change;
	int pull; /* enum pull_policy */
	bool is_quiet, is_removed;
};
_Static_assert(offsetof(struct run_options, guest) == 0, "GUEST_MEMBER counts from the start");

#define RUN_MEMBER(member) offsetof(struct run_options, member)
#define TAKEN(name, letter, argument) { name, letter, argument, "Taken for Docker's sake", OPTION_IGNORED, 0 }
static const struct option_row run_rows[] = {
	GUEST_ROWS_PROCESS,
	{ "entrypoint", 0, "PROGRAM", "Run PROGRAM instead of the image's entrypoint", OPTION_TEXT,
	  RUN_MEMBER(guest.entrypoint) },
	GUEST_ROWS_TERMINAL,
	GUEST_ROWS_SPEED,
	GUEST_ROWS_MOUNTS,
	GUEST_ROWS_NETWORK,
	{ "pid", 0, "host|private", "private: the command is process 1, and sees its own processes only", OPTION_CHOICE,
	  RUN_MEMBER(guest.pids) },
	{ "init", 0, NULL, "With --pid private: a docker-init, tini-static or catatonit of the host's is process 1", OPTION_FLAG,
	  RUN_MEMBER(guest.has_init) },
	{ "read-only", 0, NULL, "Make the root read-only", OPTION_FLAG,
	  RUN_MEMBER(guest.is_read_only) },
	{ "name", 0, "NAME", "Keep the container under this name", OPTION_TEXT, RUN_MEMBER(name) },
	{ "cidfile", 0, "FILE", "Write the container's id into FILE, which must not be there", OPTION_TEXT, RUN_MEMBER(id_file) },
	{ "commit", 0, "REF", "Make an image of the result when the command succeeds", OPTION_TEXT,
	  RUN_MEMBER(commit) },
	{ "change", 'c', "INSTRUCTION",
	  "With --commit: apply a Dockerfile instruction (CMD, ENV, ...)", OPTION_LIST,
	  RUN_MEMBER(change) },
	{ "message", 'm', "TEXT", "With --commit: the comment in the history", OPTION_TEXT,
	  RUN_MEMBER(message) },
	{ "rootfs", 0, "DIR", "Run in this folder instead of an image; changes stay in it",
	  OPTION_TEXT, RUN_MEMBER(rootfs) },
	{ "platform", 0, "OS/ARCH", "Platform of the image to pull", OPTION_TEXT,
	  RUN_MEMBER(platform) },
	{ "pull", 0, "missing|always|never", "When to pull the image", OPTION_CHOICE,
	  RUN_MEMBER(pull) },
	{ "quiet", 'q', NULL, "Show no progress of a pull", OPTION_FLAG, RUN_MEMBER(is_quiet) },
	{ "rm", 0, NULL, "Remove the container at its end, as is done with all that have no name", OPTION_FLAG,
	  RUN_MEMBER(is_removed) },
	TAKEN("privileged", 0, NULL), TAKEN("cap-add", 0, "CAPABILITY"), TAKEN("cap-drop", 0, "CAPABILITY"),
	TAKEN("cgroupns", 0, "NAME"), TAKEN("cpu-shares", 0, "NUMBER"), TAKEN("dns", 0, "ADDRESS"),
	TAKEN("dns-option", 0, "OPTION"), TAKEN("dns-search", 0, "NAME"), TAKEN("expose", 0, "PORT"),
	TAKEN("ipc", 0, "NAME"), TAKEN("label", 'l', "KEY=VALUE"), TAKEN("log-driver", 0, "NAME"),
	TAKEN("log-opt", 0, "OPTION"), TAKEN("no-healthcheck", 0, NULL), TAKEN("oom-score-adj", 0, "NUMBER"),
	TAKEN("pids-limit", 0, "NUMBER"), TAKEN("security-opt", 0, "OPTION"), TAKEN("shm-size", 0, "BYTES"),
	TAKEN("sig-proxy", 0, NULL), TAKEN("stop-timeout", 0, "SECONDS"), TAKEN("ulimit", 0, "LIMIT"),
	TAKEN("userns", 0, "NAME"), TAKEN("uts", 0, "NAME"),
	{ "detach", 'd', NULL, "there is no daemon to keep a command running, start it with '&'",
	  OPTION_REFUSED, 0 },
	{ "publish", 'p', "PORTS", "the command shares the host's network and listens there itself",
	  OPTION_REFUSED, 0 },
	{ "publish-all", 'P', NULL,
	  "the command shares the host's network and listens there itself", OPTION_REFUSED, 0 },
	{ "memory", 0, "BYTES", "limits need cgroups, which need root", OPTION_REFUSED, 0 },
	{ "cpus", 0, "NUMBER", "limits need cgroups, which need root", OPTION_REFUSED, 0 },
	{ "restart", 0, "POLICY", "there is no daemon that could start it again", OPTION_REFUSED, 0 },
	{ "device", 0, "DEVICE", "bind it: -v /dev/NAME:/dev/NAME", OPTION_REFUSED, 0 },
	{ "gpus", 0, "LIST", "bind what it takes: -v /dev/NAME:/dev/NAME, and the driver's libraries", OPTION_REFUSED, 0 },
	{ "sysctl", 0, "KEY=VALUE", "the kernel's settings are the host's", OPTION_REFUSED, 0 },
	{ "link", 0, "CONTAINER", "the command shares the host's network: what listens there is on localhost", OPTION_REFUSED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* Docker reads nothing from a terminal without -i; a pipe is handed on as people expect of
 * commands. */
static int close_terminal_input(const struct guest_options *o, struct error *err)
{
	if (o->is_interactive || o->is_tty || !isatty(STDIN_FILENO))
		return 0;
	CLEANUP_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return error_set(err, errno, "cannot open '/dev/null'");
	return 0;
}

static bool is_transport(const char *source)
{
	static const char *const transports[] = { "docker://", "oci:", "oci-archive:",
						  "docker-archive:", "dir:" };
	for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++)
		if (text_starts(source, transports[i]))
			return true;
	return false;
}

/* Is this the beginning of the image's id, rather than a name? */
static bool is_id_of(const char *text, const struct image *image)
{
	const char *hex = text_starts(text, "sha256:") ? text + strlen("sha256:") : text;
	return text_starts(digest_hex(image->config.digest), hex) ||
	       text_starts(digest_hex(image->manifest.digest), hex);
}

/* The image, pulled when the policy says so; *ret_name is how people know it, NULL when by its id.
 */
static int get_image(struct invocation *inv, const struct run_options *o, const char *source,
		     struct image **ret, char **ret_name, struct error *err)
{
	struct image *image = NULL;
	bool may_be_here = !is_transport(source) && o->pull != PULL_ALWAYS && !o->platform;
	struct error missing = ERROR_INIT;
	if (may_be_here && invocation_image(inv, source, &image, &missing) == 0) {
		*ret = image;
		*ret_name = is_id_of(source, image) ? NULL : mem_strdup(inv, source);
		return 0;
	}
	if (o->pull == PULL_NEVER && may_be_here) {
		*err = missing;
		return -1;
	}
	const struct progress *progress = progress_begin(inv, o->is_quiet);
	int r = transport_pull(inv, inv->store, source, o->pull, o->platform, progress, ret,
			       ret_name, err);
	progress_end(progress);
	return r;
}

static int commit_result(struct invocation *inv, const struct run_options *o,
			 const struct container *c, const char *command, struct error *err)
{
	struct reference *reference;
	struct image *image;
	struct image_changes changes = {
		.created_by = command,
		.comment = o->message,
		.change = o->change,
	};
	if (reference_parse(inv, o->commit, &reference, err) < 0 ||
	    container_commit(inv, inv->store, c, reference->name, &changes, &image, err) < 0)
		return error_wrap(err, "cannot commit");
	return 0;
}

/* image may be NULL: an image that was removed meanwhile. */
static struct guest_request container_request(struct invocation *inv, const struct container *c,
					      const struct guest_options *options,
					      const struct image *image, char *const *words)
{
	return (struct guest_request){
		.place = GUEST_OF_IMAGE,
		.options = options,
		.image = image ? &image->run : NULL,
		.store = inv->store,
		.root = c->root,
		.meta_path = c->meta_path,
		.meta_flags = META_SHARED_LAYERS,
		.scratch = c->scratch,
		.stubs_path = mem_printf(inv, "%s/stubs", c->dir),
		.words = *words && strcmp(*words, "--") == 0 ? words + 1 : words,
	};
}

/* Open, run, close; as a process of a run that goes on when its session_path is given. */
static int run_guest_in(struct invocation *inv, const struct guest_request *request, const char *path, int *ret_status,
			struct error *err)
{
	struct guest *guest;
	if (guest_open(inv, request, &guest, err) < 0)
		return -1;
	store_let_go(inv->store);
	int r = path ? guest_run_in(guest, path, ret_status, err) : guest_run(guest, ret_status, err);
	guest_close(guest);
	return r;
}

static int run_guest(struct invocation *inv, const struct guest_request *request, int *ret_status, struct error *err)
{
	return run_guest_in(inv, request, NULL, ret_status, err);
}

static char *session_path(const void *ctx, const struct container *c)
{
	return mem_printf(ctx, "%s/session", c->dir);
}

static int run_in_container(struct invocation *inv, const struct run_options *o,
			    struct container *c, const struct image *image, int *ret_status,
			    struct error *err)
{
	struct guest_request request = container_request(inv, c, &o->guest, image, inv->args + 1);
	struct guest *guest;
	request.session_path = o->guest.pids == PIDS_PRIVATE ? session_path(inv, c) : NULL;
	if (guest_open(inv, &request, &guest, err) < 0)
		return -1;
	int r = container_set_running(inv->store, c, guest_command(guest), err);
	if (r == 0) {
		store_let_go(inv->store);
		r = guest_run(guest, ret_status, err);
		struct error ignored = ERROR_INIT;
		int status = r == 0 ? *ret_status : err->status ? err->status : EXIT_FAKEBUILD;
		container_set_exited(inv->store, c, status, &ignored);
	}
	guest_close(guest);
	if (r == 0 && o->commit && *ret_status == 0)
		r = commit_result(inv, o, c, guest_command(guest), err);
	return r;
}

/* Docker's --cidfile: scripts wait for it, or find by it what to remove. */
static int write_id(const char *path, const char *id, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set(err, errno, "cannot create '%s'", path);
	int r = io_write_all(fd, id, strlen(id));
	return r < 0 ? error_set(err, -r, "cannot write '%s'", path) : 0;
}

/* A container of the image that the first word names, which remembers the command line. */
static int make_container(struct invocation *inv, const struct run_options *o, struct container **ret,
			  struct image **ret_image, struct error *err)
{
	struct store *store;
	char *image_name;
	struct reference *reference;
	/* Said before an hour of work, not after it. */
	if (o->commit && reference_parse(inv, o->commit, &reference, err) < 0)
		return -1;
	CLEANUP_FREE char *working_dir = getcwd(NULL, 0);
	if (invocation_store(inv, &store, err) < 0 ||
	    get_image(inv, o, inv->args[0], ret_image, &image_name, err) < 0 ||
	    container_create(inv, store, *ret_image, image_name, o->name, ret, err) < 0)
		return -1;
	struct error ignored = ERROR_INIT;
	if (o->id_file && write_id(o->id_file, (*ret)->id, err) < 0) {
		container_remove(store, *ret, &ignored);
		return -1;
	}
	(*ret)->words = inv->words;
	(*ret)->working_dir = working_dir ? mem_strdup(*ret, working_dir) : NULL;
	return 0;
}

static int run_image(struct invocation *inv, const struct run_options *o, int *ret_status,
		     struct error *err)
{
	struct image *image;
	struct container *container;
	if (close_terminal_input(&o->guest, err) < 0 || make_container(inv, o, &container, &image, err) < 0)
		return -1;
	struct error ignored = ERROR_INIT;
	unsigned left_overs;
	container_remove_left_overs(inv->store, false, &left_overs, &ignored);
	int r = run_in_container(inv, o, container, image, ret_status, err);
	bool has_run = container->exit_code >= 0;
	if (!o->name || o->is_removed || (r < 0 && !has_run))
		container_remove(inv->store, container, &ignored);
	return r;
}

static int run_folder(struct invocation *inv, const struct run_options *o, int *ret_status,
		      struct error *err)
{
	struct store *store;
	char *folder = NULL;
	CLEANUP_FREE char *root = realpath(o->rootfs, NULL);
	if (!root)
		return error_set(err, errno, "cannot open '%s'", o->rootfs);
	if (o->commit || o->name)
		return error_set(err, 0,
				 "--%s needs an image, a --rootfs keeps its changes in place",
				 o->commit ? "commit" : "name");
	if (invocation_store(inv, &store, err) < 0 ||
	    store_folder_table(inv, store, root, &folder, err) < 0)
		return -1;
	struct guest_request request = {
		.place = GUEST_OF_FOLDER,
		.options = &o->guest,
		.store = store,
		.root = root,
		.meta_path = mem_printf(inv, "%s/meta", folder),
		.tracer_flags = rootless_is_bundle(mem_printf(inv, "%s/..", root)) ? TRACER_ROOTLESS_XATTRS | TRACER_LEAVE_MODES : TRACER_WRITE_THROUGH,
		.stubs_path = mem_printf(inv, "%s/stubs", folder),
		.words = inv->args,
	};
	return run_guest(inv, &request, ret_status, err);
}

static int run_run(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct run_options *o = inv->options;
	if (o->rootfs)
		return run_folder(inv, o, ret_status, err);
	if (inv->arg_count == 0) {
		error_set(err, 0, "run: an image, or --rootfs DIR, is needed");
		return error_status(err, EXIT_USAGE);
	}
	return run_image(inv, o, ret_status, err);
}

static int run_create(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct run_options *o = inv->options;
	struct image *image;
	struct container *c;
	(void)ret_status;
	if (o->rootfs) {
		error_set(err, 0, "create: --rootfs makes no container, an image is needed");
		return error_status(err, EXIT_USAGE);
	}
	if (make_container(inv, o, &c, &image, err) < 0)
		return -1;
	char *command = mem_strdup(inv, "");
	for (int i = 1; i < inv->arg_count; i++)
		command = mem_printf(inv, "%s%s%s", command, i > 1 ? " " : "", inv->args[i]);
	if (container_set_created(c, command, err) < 0) {
		struct error ignored = ERROR_INIT;
		container_remove(inv->store, c, &ignored);
		return -1;
	}
	puts(c->id);
	return 0;
}

struct start_options {
	bool is_interactive;
};

static const struct option_row start_rows[] = {
	{ "attach", 'a', NULL, "Taken for Docker's sake: there is no daemon that could run it otherwise", OPTION_IGNORED, 0 },
	{ "interactive", 'i', NULL, "Pass standard input on even when it is a terminal", OPTION_FLAG,
	  offsetof(struct start_options, is_interactive) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* The options and words of the command line that made it, as if they were said now, where they were said then. */
static int parse_again(struct invocation *inv, const struct container *c, struct run_options *o, struct error *err)
{
	struct shared_options ignored = { NULL, false, false };
	if (!c->words)
		return error_set(err, 0, "container %s does not know the command line that made it", inv->args[0]);
	if (c->working_dir && chdir(c->working_dir) < 0)
		return error_set(err, errno, "cannot enter '%s', where container %s was made", c->working_dir, inv->args[0]);
	int count = c->words->count;
	char **words = mem_array(inv, char *, count + 1);
	for (int i = 0; i < count; i++)
		words[i] = mem_strdup(words, c->words->items[i]);
	if (options_parse(inv, run_rows, o, shared_rows, &ignored, OPTIONS_FIRST, count, words, &inv->arg_count, err) < 0)
		return error_wrap(err, "container %s", inv->args[0]);
	words[inv->arg_count] = NULL;
	inv->args = words;
	return 0;
}

static int run_start(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct start_options *start = inv->options;
	struct run_options *o = talloc_zero(inv, struct run_options);
	struct container *c;
	struct image *image = NULL;
	mem_must(o);
	if (invocation_container(inv, inv->args[0], &c, err) < 0)
		return -1;
	if (c->pid)
		return error_set(err, 0, "container %s is running already", inv->args[0]);
	if (parse_again(inv, c, o, err) < 0)
		return -1;
	o->guest.is_interactive |= start->is_interactive;
	if (close_terminal_input(&o->guest, err) < 0 ||
	    store_find_image(inv, inv->store, c->image_digest, &image, err) < 0)
		return -1;
	int r = run_in_container(inv, o, c, image, ret_status, err);
	struct error ignored = ERROR_INIT;
	if (o->is_removed && r == 0)
		container_remove(inv->store, c, &ignored);
	return r;
}

extern const struct command command_run, command_create, command_start, command_exec, command_root;

const struct command command_run = {
	.name = "run",
	.usage = "[OPTIONS] IMAGE [--] [COMMAND [ARG...]]\n[OPTIONS] --rootfs DIR [--] COMMAND "
		 "[ARG...]",
	.summary = "Run a command as root of an image",
	.group = GROUP_RUN,
	.words = WORDS_IMAGES,
	.options = run_rows,
	.options_bytes = sizeof(struct run_options),
	.style = OPTIONS_FIRST,
	.min_args = 0,
	.max_args = ARGS_ANY,
	.run = run_run,
};

const struct command command_create = {
	.name = "create",
	.usage = "[OPTIONS] IMAGE [--] [COMMAND [ARG...]]",
	.summary = "Make a container that start runs",
	.group = GROUP_RUN,
	.words = WORDS_IMAGES,
	.options = run_rows,
	.options_bytes = sizeof(struct run_options),
	.style = OPTIONS_FIRST,
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_create,
};

const struct command command_start = {
	.name = "start",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Run the command of a container, again",
	.group = GROUP_RUN,
	.words = WORDS_CONTAINERS,
	.options = start_rows,
	.options_bytes = sizeof(struct start_options),
	.min_args = 1,
	.max_args = 1,
	.run = run_start,
};

struct exec_options {
	struct guest_options guest;
};

static const struct option_row exec_rows[] = {
	GUEST_ROWS_PROCESS,
	GUEST_ROWS_TERMINAL,
	GUEST_ROWS_SPEED,
	{ "privileged", 0, NULL, "Taken for Docker's sake", OPTION_IGNORED, 0 },
	{ "detach", 'd', NULL, "there is no daemon to keep a command running, start it with '&'",
	  OPTION_REFUSED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_exec(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct exec_options *o = inv->options;
	struct container *c;
	struct image *image = NULL;
	if (close_terminal_input(&o->guest, err) < 0 ||
	    invocation_container(inv, inv->args[0], &c, err) < 0 ||
	    store_find_image(inv, inv->store, c->image_digest, &image, err) < 0)
		return -1;
	struct guest_options options = o->guest;
	options.entrypoint = "";
	struct guest_request request = container_request(inv, c, &options, image, inv->args + 1);
	char *path = session_path(inv, c);
	/* Without a namespace of its own a command is a run of its own in the same root. */
	if (!c->pid || access(path, F_OK) < 0)
		return run_guest(inv, &request, ret_status, err);
	if (o->guest.is_counting || o->guest.trace || o->guest.has_no_fast_path)
		return error_set(err, 0, "--stats, --trace and --no-fast-path are for the run that '%s', with --pid private, is in",
				 inv->args[0]);
	return run_guest_in(inv, &request, path, ret_status, err);
}

const struct command command_exec = {
	.name = "exec",
	.usage = "[OPTIONS] CONTAINER [--] COMMAND [ARG...]",
	.summary = "Run another command in a container, running or not",
	.group = GROUP_RUN,
	.words = WORDS_CONTAINERS,
	.options = exec_rows,
	.options_bytes = sizeof(struct exec_options),
	.style = OPTIONS_FIRST,
	.min_args = 2,
	.max_args = ARGS_ANY,
	.run = run_exec,
};

struct root_options {
	struct guest_options guest;
	const char *state, *state_dir;
	bool forgets;
	struct strlist *copy_up;
};

static const struct option_row root_rows[] = {
	GUEST_ROWS_PROCESS,
	GUEST_ROWS_SPEED,
	GUEST_ROWS_MOUNTS,
	{ "network", 0, "host|none", "none: no network but Unix sockets", OPTION_CHOICE,
	  GUEST_MEMBER(network) },
	{ "copy-up", 0, "DIR", "Let the command change a private copy of DIR", OPTION_LIST,
	  offsetof(struct root_options, copy_up) },
	{ "forget", 0, NULL, "Keep owners and modes for this command only", OPTION_FLAG,
	  offsetof(struct root_options, forgets) },
	{ "state", 0, "FILE", "Keep owners and modes in FILE, not in the store", OPTION_TEXT,
	  offsetof(struct root_options, state) },
	{ "state-dir", 0, "DIR", "Keep owners, modes and the copies of --copy-up in DIR", OPTION_TEXT,
	  offsetof(struct root_options, state_dir) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_root(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct root_options *o = inv->options;
	struct store *store;
	struct volume_list *copies;
	struct host_state *state;
	char *passing = NULL;
	if (invocation_store(inv, &store, err) < 0 ||
	    host_state_open(inv, store, o->state, o->state_dir, o->forgets, &state, err) < 0)
		return -1;
	const char *copies_dir = state->copies_dir;
	if (!copies_dir && o->copy_up->count) {
		if (store_make_tmp(inv, store, &passing, err) < 0)
			return -1;
		copies_dir = passing;
	}
	int r = copyup_prepare(inv, o->copy_up, copies_dir, &copies, err);
	if (r == 0) {
		struct guest_request request = {
			.place = GUEST_OF_HOST,
			.options = &o->guest,
			.store = store,
			.root = "/",
			.meta_path = state->meta_path,
			.meta_flags = state->meta_flags,
			.tracer_flags = state->tracer_flags,
			.pid_path = state->pid_path,
			.words = inv->args,
			.binds = copies->items,
			.bind_count = copies->count,
		};
		r = run_guest(inv, &request, ret_status, err);
	}
	host_state_close(state);
	if (passing)
		io_remove_tree(AT_FDCWD, passing);
	return r;
}

const struct command command_root = {
	.name = "root",
	.usage = "[OPTIONS] [--] COMMAND [ARG...]",
	.summary = "Run a command as root of the host's own files, as it sees them",
	.group = GROUP_RUN,
	.words = WORDS_FILES,
	.options = root_rows,
	.options_bytes = sizeof(struct root_options),
	.style = OPTIONS_FIRST,
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_root,
};
