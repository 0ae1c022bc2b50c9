/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of the table of instructions says. */
#ifndef FAKEBUILD_BUILDER_INSTRUCTION_ROWS_H
#define FAKEBUILD_BUILDER_INSTRUCTION_ROWS_H

#include "builder/dockerfile/instructions.h"

/* How the line behind the flags is split. */
enum shape {
	SHAPE_TEXT,          /* one word, blanks and all; none when it is empty */
	SHAPE_WORDS,         /* between blanks */
	SHAPE_JSON_OR_TEXT,
	SHAPE_JSON_OR_WORDS,
	SHAPE_PAIRS,         /* key=value..., or the old "key value" */
	SHAPE_ARGUMENTS,     /* key or key=value... */
	SHAPE_HEALTHCHECK,   /* a word, then JSON or a text */
	SHAPE_TRIGGER,       /* another instruction */
};
/* How many words there must be. */
enum count { COUNT_ANY, COUNT_ONE, COUNT_SOME, COUNT_TWO };
enum traits { HOLDS_HEREDOCS = 1, IGNORES_FLAGS = 2, MUST_BE_JSON = 4 };

struct instruction_row {
	const char *name;
	enum shape shape;
	enum count count;
	unsigned traits;
	const struct flag_row *flags;
	int (*finish)(struct draft *d, struct error *err); /* NULL: nothing more to do */
};
extern const struct instruction_row instruction_rows[INSTRUCTION_COUNT];

#endif
