/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a Dockerfile, and what continuations, comments and directives make of them. */
#ifndef FAKEBUILD_BUILDER_LINES_H
#define FAKEBUILD_BUILDER_LINES_H

#include "builder/dockerfile/directives.h"
#include "builder/dockerfile/dockerfile.h"

enum { LINE_MAX_BYTES = 65535, TEXT_MAX_BYTES = 16 << 20 };

struct line {
	const char *text; /* in the text given */
	size_t size;      /* with its end */
};
struct lines {
	struct line *items;
	unsigned count;
	unsigned taken; /* so many have been read; the number of the last one */
	char escape;
	struct directive_reader directives;
};
/* The lines of an instruction, continuations joined, comments left out. */
struct statement {
	char *text;
	unsigned line, last_line;
	struct strlist *comments;        /* of the lines above it */
	unsigned empty_continuation;     /* the line after one, 0: there is none */
};

/*
 * Take a text apart; it must live as long.  Fails on NULs, on lines and texts that are too long; *ret_line is
 * then the line, 0: none.
 */
int lines_new(const void *ctx, const char *text, size_t size, char escape, struct lines **ret, unsigned *ret_line,
	      struct error *err);
/* 1 and the next statement, its members on ctx; 0 at the end.  lines->taken is the line of a failure. */
int lines_next(const void *ctx, struct lines *lines, struct statement *ret, struct error *err);
/* The next line as it is, for the body of a heredoc; NULL at the end. */
const struct line *lines_take(struct lines *lines);
/* The size of a line without its end. */
size_t line_content_size(const struct line *line);

#endif
