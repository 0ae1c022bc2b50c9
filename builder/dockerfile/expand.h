/* SPDX-License-Identifier: Apache-2.0 */
/* Variables in words and instructions, by the rules of BuildKit's shell/lex.go. */
#ifndef FAKEBUILD_BUILDER_EXPAND_H
#define FAKEBUILD_BUILDER_EXPAND_H

#include "builder/dockerfile/dockerfile.h"

/* Where values come from; NULL from `get`: not set. */
struct expansion {
	char escape;
	const char *(*get)(void *arg, const char *name, size_t length);
	void *arg;
	struct strlist *unset; /* names that had no value are added; may be NULL */
};

/* One word: quotes and escapes are taken away.  Fails naming what is wrong ("unsupported modifier (:=)"). */
int expand_word(const void *ctx, const struct expansion *e, const char *word, char **ret, struct error *err);
/* Split into words at blanks that no quote protects, each expanded (EXPOSE). */
int expand_words(const void *ctx, const struct expansion *e, const char *text, struct strlist *ret, struct error *err);
/* Bodies of heredocs: quotes stay, backslashes go, whatever the escape is. */
int expand_raw(const void *ctx, const struct expansion *e, const char *text, char **ret, struct error *err);
/*
 * A copy with everything expanded that BuildKit expands for this instruction, all names with the values from
 * before it, and checked as far as it can only be checked then: mounts are read whole, EXPOSE has words like
 * "80/tcp" without ranges, STOPSIGNAL is a signal, no VOLUME is empty.  Names that EXPOSE lacks are not added to
 * `unset`.  ARG stays as it is: its values are the caller's to expand, one after the other with expand_word, for
 * a value may use the name before it, and is not looked at when a build argument replaces it.
 * Fails with the sentence alone.
 */
int instruction_expand(const void *ctx, const struct expansion *e, const struct instruction *in,
		       struct instruction **ret, struct error *err);

#endif
