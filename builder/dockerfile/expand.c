/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the ways of expanding that others use; the lexer is lex.c's. */
#include "builder/dockerfile/expand.h"

#include "builder/dockerfile/lex.h"

int expand_word(const void *ctx, const struct expansion *e, const char *word, char **ret, struct error *err)
{
	if (lex_word(ctx, e, 0, word, ret, err) < 0)
		return error_wrap(err, "failed to process \"%s\"", word);
	return 0;
}

int expand_words(const void *ctx, const struct expansion *e, const char *text, struct strlist *ret, struct error *err)
{
	(void)ctx; /* the words hang on their list */
	if (lex_words(e, 0, text, ret, err) < 0)
		return error_wrap(err, "failed to process \"%s\"", text);
	return 0;
}

int expand_raw(const void *ctx, const struct expansion *e, const char *text, char **ret, struct error *err)
{
	/* The escape is a backslash here whatever the directive says, as in BuildKit. */
	struct expansion raw = *e;
	raw.escape = '\\';
	return lex_word(ctx, &raw, LEX_PLAIN_QUOTES, text, ret, err);
}
