/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runc's command line: the options before the command, the table of commands, and how a failure is told.  What each
 * command does is in the files runc_*.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/program.h"
#include "compat/runc/command.h"
#include "compat/runc/log.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"
#include "tracer/tracer.h"

const struct runc_command *const runc_commands[] = {
	&runc_create_command,     &runc_start_command,   &runc_run_command,    &runc_state_command,
	&runc_kill_command,       &runc_delete_command,  &runc_exec_command,   &runc_list_command,
	&runc_ps_command,         &runc_events_command,  &runc_pause_command,  &runc_resume_command,
	&runc_update_command,     &runc_spec_command,    &runc_features_command, &runc_checkpoint_command,
	&runc_restore_command,    NULL,
};

struct first_options {
	const char *root, *log, *rootless;
	int log_format;
	bool has_debug, is_help, is_version;
};
#define OPTION(member) offsetof(struct first_options, member)

const struct option_row runc_first_rows[] = {
	{ "root", 0, "DIR", "Folder of the containers' states", OPTION_TEXT, OPTION(root) },
	{ "log", 0, "FILE", "Append the log to this file, not to standard error", OPTION_TEXT, OPTION(log) },
	{ "log-format", 0, "text|json", "Form of the log's lines", OPTION_CHOICE, OPTION(log_format) },
	{ "debug", 0, NULL, "Log more", OPTION_FLAG, OPTION(has_debug) },
	{ "systemd-cgroup", 0, NULL, "Taken, of no effect", OPTION_IGNORED, 0 },
	{ "rootless", 0, "true|false|auto", "Taken, of no effect", OPTION_TEXT, OPTION(rootless) },
	{ "criu", 0, "FILE", "Taken, of no effect", OPTION_IGNORED, 0 },
	{ "help", 'h', NULL, "Show this help", OPTION_FLAG, OPTION(is_help) },
	{ "version", 'v', NULL, "Show the version", OPTION_FLAG, OPTION(is_version) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* What each command has. */
struct shared_options {
	bool is_help;
};
static const struct option_row shared_rows[] = {
	{ "help", 'h', NULL, "Show this help", OPTION_FLAG, offsetof(struct shared_options, is_help) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static void runc_print_help(void)
{
	puts("NAME:\n   fakebuild-runc - Open Container Initiative runtime with runc's command line, without root\n\n"
	     "USAGE:\n   fakebuild-runc [OPTIONS] COMMAND ...\n\nCOMMANDS:");
	for (const struct runc_command *const *c = runc_commands; *c; c++)
		printf("  %-10s  %s\n", (*c)->name, (*c)->summary);
	puts("\nOPTIONS:");
	options_print_help(stdout, runc_first_rows);
	puts("\n'fakebuild-runc COMMAND --help' tells more of a command.");
}

static void runc_print_command_help(const struct runc_command *command)
{
	printf("NAME:\n   fakebuild-runc %s - %s\n\nUSAGE:\n   fakebuild-runc %s [OPTIONS]%s%s\n\nOPTIONS:\n", command->name,
	       command->summary, command->name, command->usage[0] ? " " : "", command->usage);
	options_print_help(stdout, command->options);
	options_print_help(stdout, shared_rows);
}

static const struct runc_command *find_command(const char *name)
{
	for (const struct runc_command *const *c = runc_commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

/*
 * A default folder may be in one that others can write to: it must be ours.  One in $XDG_RUNTIME_DIR has the sticky
 * bit, so that it is not removed as unused.
 */
static int make_default_root(const char *root, struct error *err)
{
	struct stat st;
	int r = io_mkdir_p(AT_FDCWD, root, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot make the folder of containers '%s', see --root", root);
	if (lstat(root, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
		return error_set(err, 0, "the folder of containers '%s' is not ours alone, see --root", root);
	if (geteuid() != 0 && getenv("XDG_RUNTIME_DIR"))
		chmod(root, 01700);
	return 0;
}

static int find_root(const void *ctx, const char *given, const char **ret, struct error *err)
{
	if (!given) {
		*ret = state_default_root(ctx);
		return make_default_root(*ret, err);
	}
	char cwd[PATH_MAX];
	if (given[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return error_set(err, errno, "cannot find the working directory");
	char *root = given[0] == '/' ? mem_strdup(ctx, given) : mem_printf(ctx, "%s/%s", cwd, given);
	text_clean_path(root);
	if (strcmp(root, "/") == 0)
		return error_set(err, 0, "option '--root' cannot be '/'");
	*ret = root;
	return 0;
}

static int check_first_options(const struct first_options *first, struct error *err)
{
	static const char *const words[] = { "true", "false", "auto", "1", "0", "t", "f", "" };
	for (size_t i = 0; first->rootless && i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(words[i], first->rootless) == 0)
			return 0;
	return first->rootless ? error_set(err, 0, "option '--rootless' is true, false or auto, not '%s'", first->rootless) : 0;
}

static int check_word_count(const struct runc_command *command, int count, struct error *err)
{
	if (count >= command->min_words && count <= command->max_words)
		return 0;
	return error_set(err, 0, "\"%s\" has too %s words, usage: fakebuild-runc %s [OPTIONS] %s", command->name,
			 count < command->min_words ? "few" : "many", command->name, command->usage);
}

static int run_command(const void *ctx, const struct first_options *first, const struct runc_command *command, int argc,
		       char **argv, int *ret_status, struct error *err)
{
	struct shared_options shared = { false };
	struct runc_call call = { .command = command, .words = argv };
	void *options = mem_must(talloc_zero_size(ctx, command->options_bytes + 1));
	call.options = options;
	if (options_parse(ctx, command->options, options, shared_rows, &shared, command->style | OPTIONS_GO, argc, argv,
			  &call.word_count, err) < 0)
		return error_wrap(err, "%s", command->name);
	argv[call.word_count] = NULL;
	if (shared.is_help) {
		runc_print_command_help(command);
		return 0;
	}
	if (check_word_count(command, call.word_count, err) < 0 || find_root(ctx, first->root, &call.root, err) < 0)
		return -1;
	for (int i = 0; i < call.word_count; i++)
		runc_log(LOG_DEBUG_LEVEL, "%s: word %d is '%s'", command->name, i + 1, call.words[i]);
	if (command->run(&call, ret_status, err) == 0)
		return 0;
	return error_status(err, command->failure_status ? command->failure_status : RUNC_FAILED);
}

static int run_line(const void *ctx, int argc, char **argv, int *ret_status, struct error *err)
{
	struct first_options first;
	int words = 0;
	memset(&first, 0, sizeof(first));
	if (options_parse(ctx, NULL, NULL, runc_first_rows, &first, OPTIONS_FIRST | OPTIONS_GO, argc - 1, argv + 1, &words,
			  err) < 0 ||
	    runc_log_open(first.log, first.log_format == 1, first.has_debug, err) < 0 ||
	    check_first_options(&first, err) < 0)
		return -1;
	if (first.is_version) {
		puts("runc version " RUNC_VERSION "\ncommit: fakebuild-" FAKEBUILD_VERSION "\nspec: " RUNC_SPEC_VERSION);
		return 0;
	}
	bool asks_for_help = words > 0 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "h") == 0);
	if (first.is_help || words == 0 || (asks_for_help && words == 1)) {
		runc_print_help();
		return 0;
	}
	const char *name = argv[asks_for_help ? 2 : 1];
	const struct runc_command *command = find_command(name);
	if (!command)
		return error_set(err, 0, "No help topic for '%s': it is no command, see 'fakebuild-runc --help'", name);
	if (asks_for_help) {
		runc_print_command_help(command);
		return 0;
	}
	return run_command(ctx, &first, command, words - 1, argv + 2, ret_status, err);
}

/* What real root has: see cgroup.h, network.h and clocks.h. */
static bool is_had_by_root(const char *member)
{
	static const char *const had[] = { "linux.sysctl", "linux.resources.memory", "linux.resources.cpu",
					   "linux.resources.pids", "linux.timeOffsets" };
	for (size_t i = 0; i < sizeof(had) / sizeof(*had); i++)
		if (text_starts(member, had[i]))
			return geteuid() == 0 && !tracer_is_guest();
	return false;
}

void runc_log_notes(const struct spec_notes *notes, bool is_detached)
{
	enum log_level level = is_detached && runc_log_is_shown() ? LOG_DEBUG_LEVEL : LOG_WARNING_LEVEL;
	for (size_t i = 0; i < notes->warnings->count; i++)
		runc_log(level, "%s", notes->warnings->items[i]);
	for (size_t i = 0; i < notes->unsupported->count; i++)
		if (!is_had_by_root(notes->unsupported->items[i]))
			runc_log(level, "%s is taken, but not held to", notes->unsupported->items[i]);
	for (size_t i = 0; i < notes->harmless->count; i++)
		runc_log(LOG_DEBUG_LEVEL, "%s has no meaning here", notes->harmless->items[i]);
}

int runc_main(int argc, char **argv)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	int status = 0;
	mem_end_at_lost_page();
	int r = run_line(ctx, argc, argv, &status, &err);
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == 0)
		r = error_set(&err, errno, "cannot write to standard output");
	if (r == 0)
		return status;
	runc_log_failure(err.text);
	return err.status == RUNC_EXEC_FAILED ? RUNC_EXEC_FAILED : RUNC_FAILED;
}
