/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer of words: quotes, escapes, variables, blanks.  expand.h is what others use of it; heredocs and
 * checks need its other ways.
 */
#ifndef FAKEBUILD_BUILDER_LEX_H
#define FAKEBUILD_BUILDER_LEX_H

#include "builder/dockerfile/expand.h"

enum lex_flags {
	LEX_KEEPS_QUOTES = 1,  /* quotes stay in the result */
	LEX_KEEPS_ESCAPES = 2, /* escapes stay in the result */
	LEX_PLAIN_QUOTES = 4,  /* quotes are characters like others */
	LEX_KEEPS_UNSET = 8,   /* "$x" stays as it is when x is not set */
};
enum { LEX_MAX_BYTES = 16 << 20, LEX_MAX_DEPTH = 100 };

/* e->get may be NULL: nothing is set.  Both fail with the sentence alone, without the word. */
int lex_word(const void *ctx, const struct expansion *e, unsigned flags, const char *word, char **ret,
	     struct error *err);
/* Words are added to `ret`, as many as there were before the failure. */
int lex_words(const struct expansion *e, unsigned flags, const char *text, struct strlist *ret,
	      struct error *err);

#endif
