/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `fakebuild` program: finds the command, reads its options, runs it, prints the one sentence
 * of a failure.  What each command does is in the file of its noun; see README.md in this folder.
 */
#include "builder/program.h"

#include <errno.h>
#include <string.h>

#include "builder/command.h"
#include "tracer/base/text.h"

const struct option_row shared_rows[] = {
	{ "root", 0, "DIR", "Folder of images and containers (default $FAKEBUILD_ROOT)",
	  OPTION_TEXT, offsetof(struct shared_options, store_root) },
	{ "help", 0, NULL, "Show this help", OPTION_FLAG,
	  offsetof(struct shared_options, is_help) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* Before the command there are also -h, -v and --version. */
static const struct option_row first_rows[] = {
	{ "help", 'h', NULL, "", OPTION_FLAG, offsetof(struct shared_options, is_help) },
	{ "version", 'v', NULL, "", OPTION_FLAG, offsetof(struct shared_options, is_version) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int fail_unknown_command(const char *name, const char *verb, struct error *err)
{
	const char *nearest = NULL;
	if (verb) {
		error_set(err, 0, "unknown command '%s %s', see 'fakebuild help'", name, verb);
		return error_status(err, EXIT_USAGE);
	}
	size_t distance = 3;
	for (const struct command *const *c = commands; *c; c++) {
		size_t d = text_distance((*c)->name, name);
		if ((*c)->group != GROUP_HIDDEN && d < distance) {
			distance = d;
			nearest = (*c)->name;
		}
	}
	if (nearest)
		error_set(err, 0, "unknown command '%s', did you mean '%s'?", name, nearest);
	else
		error_set(err, 0, "unknown command '%s', see 'fakebuild help'", name);
	return error_status(err, EXIT_USAGE);
}

static int check_word_count(const struct command *command, int count, struct error *err)
{
	if (count >= command->min_args && count <= command->max_args)
		return 0;
	const char *first_form_end = strchr(command->usage, '\n');
	int length = first_form_end ? (int)(first_form_end - command->usage) :
				      (int)strlen(command->usage);
	error_set(err, 0, "%s: too %s words, usage: fakebuild %s %.*s", command->name,
		  count < command->min_args ? "few" : "many", command->name, length,
		  command->usage);
	return error_status(err, EXIT_USAGE);
}

static int run_command(int argc, char **argv, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct shared_options shared = { NULL, false, false };
	int words = 0;
	/* The words before the command are parsed alone: the first word that is no option ends
	 * them. */
	if (options_parse(ctx, first_rows, &shared, shared_rows, &shared, OPTIONS_FIRST, argc - 1,
			  argv + 1, &words, err) < 0)
		return -1;
	if (shared.is_version) {
		puts("fakebuild " FAKEBUILD_VERSION);
		return 0;
	}
	if (words == 0) {
		help_print_all(stdout);
		return 0;
	}
	int taken;
	const struct command *command = command_find_words(words, argv + 1, &taken);
	if (!command)
		return fail_unknown_command(argv[1], command_is_group(argv[1]) && taken > 1 ? argv[2] : NULL, err);
	char **rest = argv + 1 + taken;
	struct strlist *said = strlist_new(ctx);
	for (int i = 0; i < words - taken; i++)
		strlist_add(said, rest[i]);
	struct invocation *inv = mem_new(ctx, struct invocation);
	void *options = talloc_zero_size(ctx, command->options_bytes + 1);
	mem_must(options);
	int count = 0;
	if (options_parse(ctx, command->options, options, shared_rows, &shared, command->style,
			  words - taken, rest, &count, err) < 0)
		return error_wrap(err, "%s", command->name);
	if (shared.is_help) {
		help_print_command(stdout, command);
		return 0;
	}
	if (check_word_count(command, count, err) < 0)
		return -1;
	rest[count] = NULL;
	*inv = (struct invocation){
		.command = command,
		.options = options,
		.args = rest,
		.arg_count = count,
		.words = said,
		.store_root = shared.store_root,
	};
	return command->run(inv, ret_status, err);
}

/* Text that could not be written (a full disk, say) is a failure like any other. */
static int flush_output(struct error *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return errno == EPIPE ? -1 : error_set(err, errno, "cannot write to standard output");
}

int builder_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int status = 0;
	mem_end_at_lost_page();
	int r = run_command(argc, argv, &status, &err);
	if (flush_output(&err) < 0)
		r = -1;
	if (r < 0) {
		if (err.text[0])
			fprintf(stderr, "fakebuild: %s\n", err.text);
		return err.status ? err.status : EXIT_FAKEBUILD;
	}
	return status;
}
