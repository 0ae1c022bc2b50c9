/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the texts of `fakebuild help` and `fakebuild COMMAND --help`, made of the commands' rows. */
#include <string.h>

#include "builder/command.h"

static const char *const group_titles[] = {
	[GROUP_RUN] = "Run",
	[GROUP_IMAGES] = "Images",
	[GROUP_CONTAINERS] = "Containers",
	[GROUP_OTHER] = "Other",
};

void help_print_all(FILE *out)
{
	fputs("Usage: fakebuild [--root DIR] COMMAND ...\n\n"
	      "Build and run container images with no root, no daemon and no user namespaces.\n",
	      out);
	for (int group = GROUP_RUN; group < GROUP_HIDDEN; group++) {
		fprintf(out, "\n%s:\n", group_titles[group]);
		for (const struct command *const *c = commands; *c; c++)
			if ((int)(*c)->group == group)
				fprintf(out, "  %-10s  %s\n", (*c)->name, (*c)->summary);
	}
	fputs("\nOptions:\n", out);
	options_print_help(out, shared_rows);
	fputs("      --version                     Show the version\n"
	      "\n'fakebuild COMMAND --help' tells more of a command; 'image ls', 'container rm', 'system prune' and their\n"
	      "like are understood.  'fakebuild runc' and 'fakebuild proot' have the command lines of these programs;\n"
	      "'fakebuild completion bash' and 'zsh' print what their shells read.\n",
	      out);
}

void help_print_command(FILE *out, const struct command *command)
{
	const char *lead = "Usage:";
	for (const char *form = command->usage; form;) {
		const char *end = strchr(form, '\n');
		int length = end ? (int)(end - form) : (int)strlen(form);
		fprintf(out, "%-6s fakebuild %s%s%.*s\n", lead, command->name, length ? " " : "",
			length, form);
		form = end ? end + 1 : NULL;
		lead = "";
	}
	fprintf(out, "\n%s\n", command->summary);
	if (command->alias)
		fprintf(out, "\nAlso known as: fakebuild %s\n", command->alias);
	fputs("\nOptions:\n", out);
	options_print_help(out, command->options);
	options_print_help(out, shared_rows);
}
