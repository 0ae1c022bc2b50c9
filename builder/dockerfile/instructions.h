/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a line to an instruction, in two steps: between them its heredocs are read, which only some ways of
 * writing it can have.
 */
#ifndef FAKEBUILD_BUILDER_INSTRUCTIONS_H
#define FAKEBUILD_BUILDER_INSTRUCTIONS_H

#include "builder/dockerfile/dockerfile.h"
#include "builder/dockerfile/flags.h"
#include "builder/dockerfile/heredocs.h"

/* An instruction that is half read; the parent of nothing that stays. */
struct draft {
	const struct instruction_row *row;
	struct instruction *in; /* on the caller's ctx */
	char escape;
	const char *line; /* joined, not trimmed */
	char *rest;       /* behind name and flags */
	struct strlist *flag_words;
	struct flag_values flags; /* since instruction_finish; FROM's platform is there */
	bool is_json;
	struct draft *trigger; /* of ONBUILD; NULL when it is no instruction */
	struct raw_heredoc **heredocs;
	unsigned heredoc_count;
};

/*
 * Name, flags, and the rest in the shape that the instruction has.  Fails with what is wrong and not where;
 * *ret_name is what to say before it, on draft_ctx.
 */
int instruction_begin(const void *ctx, const void *draft_ctx, const char *line, char escape, struct draft **ret,
		      const char **ret_name, struct error *err);
/* Can this one have heredocs? */
bool instruction_may_have_heredocs(const struct draft *d);
/* Check and complete it; of FROM the words stay in in->words. */
int instruction_finish(struct draft *d, struct error *err);

#endif
