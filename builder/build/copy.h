/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY and ADD: what an instruction brings into a stage, as a layer (BuildKit's dockerfile2llb/convert_copy.go
 * and tonistiigi/fsutil say what that is).  Sources are looked up in a source tree, the destination in the
 * stage's own; neither needs a root directory.
 */
#ifndef FAKEBUILD_BUILDER_COPY_H
#define FAKEBUILD_BUILDER_COPY_H

#include "builder/build/source.h"
#include "builder/dockerfile/dockerfile.h"
#include "oci/workspace.h"

struct copy_request {
	const struct instruction *in; /* expanded */
	struct source *source;        /* the context, or what --from names; ADD of URLs and git has its own */
	struct workspace *workspace;  /* of the stage */
	const char *working_dir;      /* absolute guest path */
	const struct patterns *ignored; /* of the main context only; NULL: none */
	struct store *store;
	int64_t epoch_sec;   /* SOURCE_DATE_EPOCH, -1: none */
	void (*tell)(void *arg, const char *line); /* progress of a download; may be NULL */
	void *arg;
};

/*
 * A digest over everything of the sources that can show in the layer: names, types, modes, content, link
 * targets, owners of --from; the same whatever their mtimes are.  Missing sources fail as the copy would.
 */
int copy_digest(const void *ctx, const struct copy_request *r, char ret[DIGEST_ROOM], struct error *err);
/* Make the layer; *ret_id on ctx is its snapshot, not yet pushed on the workspace. */
int copy_make_layer(const void *ctx, const struct copy_request *r, char **ret_id, struct error *err);

#endif
