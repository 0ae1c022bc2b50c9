/* SPDX-License-Identifier: Apache-2.0 */
/* Heredocs: which words name them.  Their bodies are read by dockerfile.c. */
#ifndef FAKEBUILD_BUILDER_HEREDOCS_H
#define FAKEBUILD_BUILDER_HEREDOCS_H

#include "builder/dockerfile/dockerfile.h"

enum { HEREDOCS_MAX = 1000 };

/* A heredoc as it was read: `tabs_go` is "<<-", and the content still has them. */
struct raw_heredoc {
	char *name, *content;
	bool expands, tabs_go;
	unsigned fd;
};
/* Is this word "<<NAME"?  *ret is on ctx, its content NULL; NULL when it is none. */
int heredoc_of_word(const void *ctx, const char *word, struct raw_heredoc **ret, struct error *err);
/* All that a line names, in order, on ctx; what cannot be lexed names none. */
int heredocs_of_line(const void *ctx, const char *line, struct raw_heredoc ***ret, unsigned *ret_count,
		     struct error *err);
/* The content without the tabs that lines begin with. */
char *heredoc_strip_tabs(const void *ctx, const char *content);

#endif
