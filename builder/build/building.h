/* SPDX-License-Identifier: Apache-2.0 */
/* What the files share that lead a build from its command line to its result: build.c, building.c, reading.c, calls.c. */
#ifndef FAKEBUILD_BUILDER_BUILDING_H
#define FAKEBUILD_BUILDER_BUILDING_H

#include "builder/build/display.h"
#include "builder/build/request.h"
#include "builder/command.h"

struct building {
	struct invocation *inv;
	struct build_options o;
	struct build *b;
	struct display *display;
	struct report *report; /* NULL: none is wanted */
	bool is_display_over;
};

/* ---- building.c ---- */

/* What solve() tells; arg is the building. */
void building_show(void *arg, const struct event *e);
void building_tick(void *arg);
void building_leave_terminal(void *arg);
/* From now on standard error and output are the caller's. */
void building_end_display(void *arg);
/* A vertex that is no step of the Dockerfile begins, its number; it has ended, with r, which is given back. */
unsigned building_begin(struct building *g, const char *name);
int building_finish(struct building *g, unsigned vertex, int r, const struct error *err);
/* Its lines: building_tell's arg. */
struct telling {
	struct building *g;
	unsigned vertex;
};

void building_tell(void *arg, const char *line);
void building_warn(struct building *g, const char *text);
/* A text that cannot be read is shown where it is wrong. */
void building_show_excerpt(struct building *g, const char *excerpt);

/* ---- reading.c ---- */

/* 0, or -1 with a sentence.  The context of the command line, those of --build-context, the Dockerfile, --target. */
int building_read_context(struct building *g, const char *word, struct error *err);
int building_read_named_contexts(struct building *g, struct error *err);
int building_read_dockerfile(struct building *g, struct strlist **ret_ignored, struct error *err);
int building_find_target(struct building *g, struct error *err);

/* ---- calls.c ---- */

/* Answer --call and --check; *ret_is_over: there is nothing to build. */
int building_answer_call(struct building *g, const struct strlist *ignored, bool *ret_is_over, int *ret_status,
			 struct error *err);
/* What is legal and still wrong is told, and with `# check=error=true` stops the build. */
int building_warn_of_checks(struct building *g, const struct strlist *ignored, struct error *err);
/* Build arguments that no ARG declares. */
void building_warn_of_unused(struct building *g);

#endif
