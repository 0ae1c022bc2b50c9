/* SPDX-License-Identifier: Apache-2.0 */
/* Parser directives, "# escape=`", which stand above everything else. */
#ifndef FAKEBUILD_BUILDER_DIRECTIVES_H
#define FAKEBUILD_BUILDER_DIRECTIVES_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

enum directive { DIRECTIVE_SYNTAX, DIRECTIVE_ESCAPE, DIRECTIVE_CHECK, DIRECTIVE_COUNT };
/* How far a text has been read for them; begin with zeroes and the comment's sign. */
struct directive_reader {
	const char *comment; /* "#" */
	bool is_done;        /* a line was none: there are no more */
	bool seen[DIRECTIVE_COUNT];
};
/* Is this line one?  1: yes, and *ret_value is on ctx; 0: no.  Fails when it was there already. */
int directive_read(const void *ctx, struct directive_reader *r, const char *line, enum directive *ret_which,
		   char **ret_value, struct error *err);
/*
 * The value up to its first blank, on ctx; NULL: none.  Found below "#!" too, and that of `syntax` also in "//"
 * comments and in JSON, as BuildKit does.
 */
char *directive_find(const void *ctx, const char *text, enum directive which);

#endif
