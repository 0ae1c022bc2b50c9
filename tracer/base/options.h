/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as rows.  A command's rows are all there is to say about its options: parsing, --help,
 * the completion scripts and the comparison with the man page are derived from them.
 */
#ifndef FAKEBUILD_BASE_OPTIONS_H
#define FAKEBUILD_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* What an option does with its argument, and the type of the member at `offset`. */
enum option_kind {
	OPTION_FLAG,    /* bool; --x, --x=true, --x=false */
	OPTION_TEXT,    /* const char *; the last one given counts, NULL when none was */
	OPTION_LIST,    /* struct strlist *; each one given is added, never NULL */
	OPTION_NUMBER,  /* int from 0 */
	OPTION_CHOICE,  /* int; which of the words of `argument`, "missing|always|never", 0 by
			   default */
	OPTION_IGNORED, /* no member: taken as Docker takes it, of no effect here */
	OPTION_REFUSED, /* no member: Docker has it, we cannot; `help` is the sentence; not in
			   --help */
};

struct option_row {
	const char *name;     /* without the dashes; NULL ends the rows */
	char letter;          /* 0: none */
	const char *argument; /* as --help shows it; NULL: takes none */
	const char *help;
	enum option_kind kind;
	size_t offset; /* of the member in the command's options struct */
};

enum option_style {
	OPTIONS_ANYWHERE = 0,
	OPTIONS_FIRST = 1, /* the first word that is no option ends them: run, exec */
	OPTIONS_SECOND = 2, /* the second one does: runc exec */
	/* With one of these: as Go's package flag has it, -name is --name, -n is --n, and -abc is no three letters. */
	OPTIONS_GO = 4,
};

/*
 * Parse argv[0..argc) as Docker does: --name=value, --name value, -n value, -nvalue, -abc, "--"
 * ends. `style` is one enum option_style, perhaps with OPTIONS_GO. `rows` fill *options, `shared_rows` fill *shared.  Words that are no options are moved to
 * the front of argv and counted in *ret_words.  Fails with one sentence and status EXIT_USAGE.
 */
int options_parse(const void *ctx, const struct option_row *rows, void *options,
		  const struct option_row *shared_rows, void *shared, unsigned style,
		  int argc, char **argv, int *ret_words, struct error *err);

/* The rest of a line of --help, of which `width` columns are printed: the option's argument (NULL: none), what it does. */
void options_print_rest(FILE *out, int width, const char *argument, const char *help);
/* The lines of --help for these rows. */
void options_print_help(FILE *out, const struct option_row *rows);

#endif
