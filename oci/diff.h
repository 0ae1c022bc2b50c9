/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's tree has that its image had not, and writing it as a layer. */
#ifndef FAKEBUILD_OCI_DIFF_H
#define FAKEBUILD_OCI_DIFF_H

#include "oci/archive.h"
#include "oci/container.h"
#include "oci/nodes.h"
#include "tracer/base/meta.h"

/* A root, and what it was like. */
struct diff_root {
	const char *root;    /* absolute host path */
	struct nodes *base;  /* as it was made; NULL: it was empty, and everything is added */
	struct meta *meta;
	const struct strlist *stubs; /* guest paths, as builder/stubs.h records them; NULL: none */
	bool looks_everywhere;       /* at everything, instead of trusting times: the oracle of tests */
	/* BuildKit's rule: a directory is no change for its times alone.  Without it, as `docker diff` has it. */
	bool ignores_directory_times;
	/* Open what a node's file was, to compare bytes where times cannot tell; NULL: such a file counts as changed. */
	int (*open_old)(void *arg, const struct node *n);
	void *arg;
};
/*
 * The differences, in order of paths.  Looks only into directories whose ctime changed, at the root's own files,
 * and at the table.
 */
int diff_root(const void *ctx, const struct diff_root *r, struct change **ret, unsigned *ret_count,
	      struct error *err);
int diff_container(const void *ctx, const struct container *c, struct meta *meta, struct change **ret,
		   unsigned *ret_count, struct error *err);
int diff_container_fully(const void *ctx, const struct container *c, struct meta *meta, struct change **ret,
			 unsigned *ret_count, struct error *err);
/* Read a record of stubs; NULL when there is none. */
struct strlist *diff_read_stubs(const void *ctx, const char *path);
/* Write the changes as containerd writes a layer; those of kind CHANGE_DELETED as whiteouts. */
int diff_write(const struct container *c, struct meta *meta, const struct change *changes, unsigned count,
	       archive_sink sink, void *arg, struct error *err);
/* Everything below root, as added. */
int diff_everything(const void *ctx, const struct container *c, struct change **ret, unsigned *ret_count,
		    struct error *err);
/* Open the container's table; the device is its root's. */
int container_open_meta(const void *ctx, const struct container *c, struct meta **ret, struct error *err);

#endif
