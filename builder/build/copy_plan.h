/* SPDX-License-Identifier: Apache-2.0 */
/* What a COPY or ADD is about to do, before it does it: for copy.c and copy_layer.c only. */
#ifndef FAKEBUILD_BUILDER_COPY_PLAN_H
#define FAKEBUILD_BUILDER_COPY_PLAN_H

#include "builder/build/copy.h"
#include "builder/build/download.h"
#include "builder/build/git.h"
#include "builder/build/mode_change.h"
#include "builder/build/selection.h"

/* One thing to be copied: each match of a wildcard is one. */
struct copy_part {
	struct selection *selection; /* NULL of a heredoc, and of a git repository until it is fetched */
	const char *name;            /* last component of the source as it was named */
	bool copies_contents;        /* of a directory, not itself */
	bool unpacks;                /* an archive is unpacked instead */
	char *text;                  /* of a heredoc; NULL: none */
	struct git_url *git;         /* NULL: none */
	char *git_commit;
	bool keeps_git_dir;
};

struct copy_plan {
	struct copy_part *parts;
	unsigned count;
	struct mode_change *chmod; /* NULL: none */
	bool is_hashed;
	char *identity; /* of the request it is for */
};

/* The plan of a request, made once: it is kept with the source (source_keep) until that has another one. */
int copy_plan_make(const struct copy_request *r, struct copy_plan **ret, struct error *err);
/* Fetch and select what is not there yet. */
int copy_plan_complete(const struct copy_request *r, struct copy_plan *plan, struct error *err);
/* Lay all parts out in a layer. */
int copy_plan_lay(const void *ctx, const struct copy_request *r, struct copy_plan *plan, char **ret_id,
		  struct error *err);

/* The destination as BuildKit reads it: absolute, clean, with "/" or "/." at its end as it was written. */
char *copy_destination(const void *ctx, const struct copy_request *r);

#endif
