/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands as rows.  To add one: write builder/<noun>.c with its option rows and a `const struct
 * command`, and name it in builder/commands.c; man/fakebuild-<name>.1 and a .bats file go with it,
 * and tests fail until they are there.
 */
#ifndef FAKEBUILD_BUILDER_COMMAND_H
#define FAKEBUILD_BUILDER_COMMAND_H

#include "tracer/base/options.h"
#include "oci/store.h"

/* What a word of the command line names, for completion. */
enum command_words { WORDS_NONE, WORDS_IMAGES, WORDS_CONTAINERS, WORDS_OBJECTS, WORDS_FILES };

enum command_group { GROUP_RUN, GROUP_IMAGES, GROUP_CONTAINERS, GROUP_OTHER, GROUP_HIDDEN };

enum { ARGS_ANY = 1 << 20 };

struct invocation;

struct command {
	const char *name, *alias; /* alias may be NULL */
	const char *usage;        /* what follows the name; a newline begins another form */
	const char *summary;      /* one sentence without full stop */
	enum command_group group;
	enum command_words words;
	const struct option_row *options;
	size_t options_bytes; /* of the struct that the rows fill */
	enum option_style style;
	int min_args, max_args;
	/* Do it.  *ret_status is 0 already; on failure -1 with the sentence. */
	int (*run)(struct invocation *inv, int *ret_status, struct error *err);
};

/* One command line, parsed. */
struct invocation {
	const struct command *command;
	const void *options; /* the command's own struct */
	char **args;         /* the words; args[arg_count] is NULL */
	int arg_count;
	const struct strlist *words; /* all that was said after the command's name, before it was parsed */
	const char *store_root; /* --root; NULL: the default */
	struct store *store;    /* opened by invocation_store */
};

/* All commands, ended by NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);
/*
 * The command that the first of these words name, alone or as Docker groups them ("image ls"); *ret_taken is how many
 * they are.  NULL: none.
 */
const struct command *command_find_words(int count, char *const *words, int *ret_taken);
/* Is this one of Docker's groups? */
bool command_is_group(const char *word);

/* The options that every command has: --root, --help. */
struct shared_options {
	const char *store_root;
	bool is_help;
	bool is_version;
};
extern const struct option_row shared_rows[];

/* `fakebuild help` and `fakebuild COMMAND --help`. */
void help_print_all(FILE *out);
void help_print_command(FILE *out, const struct command *command);

/* The store of this run, opened at first use. */
int invocation_store(struct invocation *inv, struct store **ret, struct error *err);
/* The image that a person means by `text`: a name in Docker's short form, an id or its prefix.
 * Fails with "no such image" when there is none. */
int invocation_image(struct invocation *inv, const char *text, struct image **ret,
		     struct error *err);
struct container;
/* By name, id or prefix of an id; fails with "no such container" when there is none. */
int invocation_container(struct invocation *inv, const char *text, struct container **ret,
			 struct error *err);

/* Output to a file (NULL or "-": standard output, refused when that is a terminal). */
int command_open_output(const char *file, int *ret_fd, struct error *err);
/* Input from a file (NULL or "-": standard input). */
int command_open_input(const char *file, int *ret_fd, struct error *err);

#endif
