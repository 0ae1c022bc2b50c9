/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of build checks: what check.c, check_stages.c and check_instructions.c share. */
#ifndef FAKEBUILD_BUILDER_CHECKS_H
#define FAKEBUILD_BUILDER_CHECKS_H

#include "builder/dockerfile/check.h"
#include "builder/dockerfile/expand.h"
#include "builder/dockerfile/patterns.h"
#include "builder/dockerfile/machines.h"
#include "builder/dockerfile/rules.h"
#include "builder/dockerfile/variables.h"

/* What is known of a stage while its instructions are looked at. */
struct check_stage {
	const struct stage *stage;
	struct check_stage *base; /* NULL: an image or nothing */
	char *image;              /* the name of its base, expanded; NULL: there is none */
	char *platform;           /* expanded; NULL: not given */
	bool is_needed;           /* for the target */
	/* Inherited from the base. */
	struct variables *environment, *arguments; /* what has values; what was declared by ARG */
	bool is_known; /* so that a variable that is not there is undefined */
	bool has_shell, has_workdir;
	/* Of the stage alone: the line of the last of its kind so far, 0: none. */
	unsigned last[INSTRUCTION_COUNT];
};

struct checker {
	const struct dockerfile *file;
	const struct check_options *options;
	struct rule_choice choice;
	struct variables *build_args;
	struct variables *globals; /* platform arguments and global ARGs with values */
	struct variables *declared; /* global ARGs, also those without */
	struct machine *target;
	struct patterns *ignored; /* NULL: nothing is, or it cannot be said of a file alone */
	bool ignores_all;          /* "*", "**" */
	struct check_stage *stages;
	struct dockerfile_warning *warnings; /* on the checker */
	unsigned count;
};

/* Tell of it, unless the file's choice or that of the comments says no; comments may be NULL. */
void check_report(struct checker *c, enum rule rule, const struct strlist *comments, unsigned line,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* An expansion with these values. */
struct expansion check_expansion(const struct checker *c, const struct variables *v, struct strlist *unset);
/* Each name once, in the order of the first. */
struct strlist *check_unique(const void *ctx, const struct strlist *names);
/* What comments above an ARG or a stage should begin with. */
void check_description_comment(struct checker *c, const char *keyword, const struct strlist *names,
			       const struct strlist *comments, unsigned line);

/* Names, cases, global ARGs, FROM; and what the stages are based on. */
void check_stages(struct checker *c);
/* The instructions of a stage, in order, after those of its base. */
void check_instructions(struct checker *c, struct check_stage *stage);

#endif
