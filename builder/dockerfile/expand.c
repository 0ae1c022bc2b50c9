/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the ways of expanding that others use; the lexer is lex.c's. */
#include "builder/dockerfile/expand.h"

#include <string.h>

#include "builder/dockerfile/lex.h"

/* A long word would hide what is wrong with it. */
static int name_word(const char *word, struct error *err)
{
	enum { SHOWN = 200 };
	bool is_long = strlen(word) > SHOWN;
	return error_wrap(err, "failed to process \"%.*s%s\"", SHOWN, word, is_long ? "..." : "");
}

int expand_word(const void *ctx, const struct expansion *e, const char *word, char **ret, struct error *err)
{
	if (lex_word(ctx, e, 0, word, ret, err) < 0)
		return name_word(word, err);
	return 0;
}

int expand_words(const void *ctx, const struct expansion *e, const char *text, struct strlist *ret, struct error *err)
{
	(void)ctx; /* the words hang on their list */
	if (lex_words(e, 0, text, ret, err) < 0)
		return name_word(text, err);
	return 0;
}

int expand_raw(const void *ctx, const struct expansion *e, const char *text, char **ret, struct error *err)
{
	/* The escape is a backslash here whatever the directive says, as in BuildKit. */
	struct expansion raw = *e;
	raw.escape = '\\';
	return lex_word(ctx, &raw, LEX_PLAIN_QUOTES, text, ret, err);
}
