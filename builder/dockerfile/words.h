/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in which the line of an instruction falls into parts. */
#ifndef FAKEBUILD_BUILDER_WORDS_H
#define FAKEBUILD_BUILDER_WORDS_H

#include <stdbool.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* The name, the words that begin with "--" (quotes and escapes taken away), what follows; all on ctx. */
void words_of_instruction(const void *ctx, const char *line, char escape, char **ret_name,
			  struct strlist **ret_flags, char **ret_rest);
/* Words with their quotes and escapes: what ENV, LABEL and ARG have. */
struct strlist *words_quoted(const void *ctx, const char *text, char escape);
/* Words between blanks, whatever they hold. */
struct strlist *words_plain(const void *ctx, const char *text);
/* The text from the second word on, NULL when there is none; *ret_first gets the first. */
const char *words_cut_first(const void *ctx, const char *text, char **ret_first);
/*
 * The strings of a JSON array.  *ret is NULL when the text is none and means something else; an array of
 * something else than strings is an error.
 */
int words_json(const void *ctx, const char *text, struct strlist **ret, struct error *err);
/* The fields of one CSV record, which --mount's values are; fails naming what is malformed. */
int words_csv(const void *ctx, const char *text, struct strlist **ret, struct error *err);
/* The one of `options` (ended by NULL) that was likely meant, in the case of `word`; NULL: none. */
const char *words_suggest(const void *ctx, const char *word, const char *const *options, bool is_case_sensitive);

#endif
