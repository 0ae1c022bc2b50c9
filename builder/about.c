/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about fakebuild itself: version, help, and completion, which shells ask. */
#include <string.h>

#include "builder/command.h"
#include "builder/listing.h"
#include "oci/container.h"
#include "oci/image.h"
#include "oci/json.h"
#include "oci/reference.h"

struct version_options {
	int format; /* enum listing_format */
};

static const struct option_row version_rows[] = {
	{ "format", 0, LISTING_FORMATS, "json: one object", OPTION_CHOICE,
	  offsetof(struct version_options, format) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_version(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct version_options *o = inv->options;
	(void)ret_status;
	(void)err;
	if (o->format == LISTING_JSON) {
		CLEANUP_TALLOC struct json *object = json_new_object(NULL);
		json_set_string(object, "Version", FAKEBUILD_VERSION);
		json_set_string(object, "Platform", platform_default());
		listing_print_object(stdout, object);
	} else {
		printf("fakebuild %s\n%s\n", FAKEBUILD_VERSION, platform_default());
	}
	return 0;
}

extern const struct command command_version, command_help, command_completion;

const struct command command_version = {
	.name = "version",
	.usage = "[OPTIONS]",
	.summary = "Show the version and the platform",
	.group = GROUP_OTHER,
	.options = version_rows,
	.options_bytes = sizeof(struct version_options),
	.min_args = 0,
	.max_args = 0,
	.run = run_version,
};

static const struct option_row no_rows[] = {
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_help(struct invocation *inv, int *ret_status, struct error *err)
{
	(void)ret_status;
	if (inv->arg_count == 0) {
		help_print_all(stdout);
		return 0;
	}
	const struct command *command = command_find(inv->args[0]);
	if (!command) {
		error_set(err, 0, "unknown command '%s', see 'fakebuild help'", inv->args[0]);
		return error_status(err, EXIT_USAGE);
	}
	help_print_command(stdout, command);
	return 0;
}

const struct command command_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.summary = "Show what there is, or what a command takes",
	.group = GROUP_OTHER,
	.options = no_rows,
	.min_args = 0,
	.max_args = 1,
	.run = run_help,
};

static const char *const words_names[] = {
	[WORDS_NONE] = "",           [WORDS_IMAGES] = "images", [WORDS_CONTAINERS] = "containers",
	[WORDS_OBJECTS] = "objects", [WORDS_FILES] = "files",
};

static void print_long_options(const struct option_row *rows)
{
	for (; rows && rows->name; rows++)
		if (rows->kind != OPTION_REFUSED)
			printf(" --%s", rows->name);
}

static void print_bash(void)
{
	fputs("# bash completion for fakebuild\n"
	      "_fakebuild() {\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} command=\"\" options=\"\" words=\"\" i\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t--root) i=$((i + 1)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $command in\n",
	      stdout);
	for (const struct command *const *c = commands; *c; c++) {
		printf("\t%s%s%s) words='%s' options='", (*c)->name, (*c)->alias ? "|" : "",
		       (*c)->alias ? (*c)->alias : "", words_names[(*c)->words]);
		print_long_options((*c)->options);
		print_long_options(shared_rows);
		puts("' ;;");
	}
	fputs("\t'') options='", stdout);
	for (const struct command *const *c = commands; *c; c++)
		if ((*c)->group != GROUP_HIDDEN)
			printf("%s ", (*c)->name);
	fputs("--root --help --version' ;;\n"
	      "\tesac\n"
	      "\tif [[ $word == -* || -z $command ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
	      "\telif [[ $words == files || -z $words ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	      "\telse\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(fakebuild completion \"$words\" "
	      "2>/dev/null)\" -- \"$word\")\n"
	      "\tfi\n"
	      "}\n"
	      "complete -o default -F _fakebuild fakebuild\n",
	      stdout);
}

/* In a zsh specification ':', '[' and ']' have meanings, and the whole stands in single quotes. */
static void print_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (strchr(":[]\\", *text))
			putchar('\\');
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
}

static void print_zsh_options(const struct option_row *rows)
{
	for (; rows && rows->name; rows++) {
		if (rows->kind == OPTION_REFUSED)
			continue;
		for (int is_short = 0; is_short <= (rows->letter ? 1 : 0); is_short++) {
			fputs(" \\\n\t\t\t'", stdout);
			if (rows->kind == OPTION_LIST)
				putchar('*');
			if (is_short)
				printf("-%c", rows->letter);
			else
				printf("--%s", rows->name);
			putchar('[');
			print_zsh_text(rows->help);
			putchar(']');
			if (rows->argument) {
				putchar(':');
				print_zsh_text(rows->argument);
				fputs(rows->kind == OPTION_TEXT ? ":_files" : ":", stdout);
			}
			putchar('\'');
		}
	}
}

static void print_zsh(void)
{
	fputs("#compdef fakebuild\n"
	      "_fakebuild_words() { compadd -- ${(f)\"$(fakebuild completion $1 2>/dev/null)\"} }\n"
	      "_fakebuild() {\n"
	      "\tlocal -a list\n"
	      "\tif (( CURRENT == 2 )); then\n"
	      "\t\tlist=(\n",
	      stdout);
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->group == GROUP_HIDDEN)
			continue;
		printf("\t\t\t'%s:", (*c)->name);
		print_zsh_text((*c)->summary);
		puts("'");
	}
	fputs("\t\t)\n"
	      "\t\t_describe command list\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tlocal command=$words[2]\n"
	      "\tshift words; (( CURRENT-- ))\n"
	      "\tcase $command in\n",
	      stdout);
	for (const struct command *const *c = commands; *c; c++) {
		printf("\t%s)\n\t\t_arguments -S", (*c)->name);
		print_zsh_options((*c)->options);
		print_zsh_options(shared_rows);
		if ((*c)->words == WORDS_FILES || (*c)->words == WORDS_NONE)
			puts(" \\\n\t\t\t'*::word:_files' ;;");
		else
			printf(" \\\n\t\t\t'*::word:_fakebuild_words %s' ;;\n",
			       words_names[(*c)->words]);
	}
	fputs("\tesac\n}\n_fakebuild \"$@\"\n", stdout);
}

static int print_images(struct invocation *inv, struct error *err)
{
	struct stored_image *images;
	unsigned count;
	if (store_list_images(inv, inv->store, &images, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		struct reference *reference;
		if (images[i].name && reference_parse(inv, images[i].name, &reference, err) == 0)
			puts(reference->familiar);
	}
	return 0;
}

static int print_containers(struct invocation *inv, struct error *err)
{
	struct container **containers;
	unsigned count;
	if (container_list(inv, inv->store, &containers, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++)
		if (containers[i]->name)
			puts(containers[i]->name);
	return 0;
}

static int run_completion(struct invocation *inv, int *ret_status, struct error *err)
{
	(void)ret_status;
	const char *what = inv->args[0];
	struct store *store;
	bool is_objects = strcmp(what, "objects") == 0;
	if (strcmp(what, "bash") == 0) {
		print_bash();
		return 0;
	}
	if (strcmp(what, "zsh") == 0) {
		print_zsh();
		return 0;
	}
	if (!is_objects && strcmp(what, "images") != 0 && strcmp(what, "containers") != 0) {
		error_set(err, 0, "completion: bash or zsh, not '%s'", what);
		return error_status(err, EXIT_USAGE);
	}
	if (invocation_store(inv, &store, err) < 0 ||
	    (strcmp(what, "containers") != 0 && print_images(inv, err) < 0) ||
	    (strcmp(what, "images") != 0 && print_containers(inv, err) < 0))
		return -1;
	return 0;
}

const struct command command_completion = {
	.name = "completion",
	.usage = "bash|zsh",
	.summary = "Write a completion script for a shell",
	.group = GROUP_HIDDEN,
	.options = no_rows,
	.min_args = 1,
	.max_args = 1,
	.run = run_completion,
};
