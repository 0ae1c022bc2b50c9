/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stubs: the empty files and folders that are put where something is bound and the root has
 * nothing, so that a guest that lists the folder sees it.  They are taken away after the run and
 * recorded meanwhile, so that no layer ever has one.
 */
#ifndef FAKEBUILD_BUILDER_STUBS_H
#define FAKEBUILD_BUILDER_STUBS_H

#include "tracer/tracer.h"

struct stubs;

/*
 * `record_path` lists the stubs, guest paths that end in NUL; before that of a symlink goes ">TARGET".
 * Those of a run that was killed are taken over.
 */
struct stubs *stubs_new(const void *ctx, const char *record_path);
/*
 * Put a stub, and its parents, at guest_path when nothing is there; true when it is there now.
 * Where none can be put (a read-only folder, a dangling symlink) there is none: a binding needs
 * none.
 */
bool stubs_make(struct stubs *s, const struct tracer_config *guest, const char *guest_path,
		bool is_directory);
/* The same with a symlink, in a folder that is there. */
void stubs_make_link(struct stubs *s, const struct tracer_config *guest, const char *guest_path,
		     const char *target);
/* Take them away again, unless they are stubs no more, or another run needs them. */
void stubs_remove(struct stubs *s);

#endif
