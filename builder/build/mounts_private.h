/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of RUN --mount share; for mounts.c and mountcache.c only. */
#ifndef FAKEBUILD_BUILDER_MOUNTS_PRIVATE_H
#define FAKEBUILD_BUILDER_MOUNTS_PRIVATE_H

#include "builder/bindings.h"
#include "builder/build/stage_private.h"
#include "tracer/base/meta.h"

struct imported {
	dev_t dev;
	ino_t ino;
};

/* One that is open. */
struct open_mount {
	char *folder;                /* of ours, removed at the end; NULL: none */
	char *cache;                 /* cache/mounts/<...>: its table is written back; NULL: no cache */
	int lock;                    /* of a cache, else -1 */
	struct meta *known;          /* what the cache's table had when it was opened */
	struct workspace *workspace; /* whose root is bound, of this mount alone; NULL: none */
	struct agent *agent;
};

struct run_mounts {
	struct work *w;
	struct volume *binds;
	size_t bind_count;
	struct strlist *env;
	struct open_mount *open;
	unsigned open_count, ssh_count;
	struct imported *imported; /* entries that were not in the stage's table before */
	size_t imported_count, imported_room;
	struct meta *others; /* while a cache is closed: what builds that share it have added to its table meanwhile */
	ino_t *before; /* inodes that had an entry before anything was bound, in order */
	size_t before_count, before_room;
};

struct open_mount *mounts_new_open(struct run_mounts *m);
/* Bind a host path at the mount's target. */
void mounts_bind_path(struct run_mounts *m, const char *host_path, const struct run_mount *in, bool is_read_only);
/* Entries of another table into the stage's, for as long as the mounts are open. */
void mounts_import_table(struct run_mounts *m, struct meta *from);
/* An entry with its attributes into another table. */
void mounts_put_copy(struct meta *to, struct meta *from, const struct meta_entry *entry);
/* Show a file of ours with the owner and mode that the mount asks for. */
int mounts_show_as(struct run_mounts *m, const char *path, const struct run_mount *in, mode_t mode, struct error *err);
/* Take what is below out of the stage's table, and put it into `to` (may be NULL). */
void mounts_forget_tree(struct run_mounts *m, int dir_fd, const char *name, struct meta *to);
/* A root of its own with a copy of the source as /m. */
int mounts_copy_source(const void *ctx, struct work *w, const struct other *from, const char *source,
		       struct workspace **ret, struct error *err);

/* type=cache: mountcache.c */
int mounts_open_cache(struct run_mounts *m, const struct run_mount *in, struct error *err);
/* Keep its owners for the next build. */
void mounts_close_cache(struct run_mounts *m, struct open_mount *o);

#endif
