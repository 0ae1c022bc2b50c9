/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that work on a stage share: stage.c, steps of one kind each (runstep.c, copystep.c), mounts.c. */
#ifndef FAKEBUILD_BUILDER_STAGE_PRIVATE_H
#define FAKEBUILD_BUILDER_STAGE_PRIVATE_H

#include "builder/build/build.h"
#include "builder/build/cache.h"
#include "builder/build/source.h"
#include "oci/workspace.h"

/* What --from and `from=` name, looked up once a stage. */
struct other {
	char *name; /* lower case; "" is the main context */
	struct source *source;
	struct workspace *workspace;    /* of a stage or an image, else NULL */
	const char *folder;             /* of a context: host path, else NULL */
	const struct patterns *ignored; /* of a context; NULL: none */
	char fs_key[DIGEST_ROOM];       /* of a stage or an image */
};

struct work {
	const struct build *b;
	const struct stage *stage;
	unsigned index;
	struct platform target, platform; /* what the build is for; what this stage is of */
	struct link *l;
	struct strlist *global_args;
	struct state *state;
	struct workspace *workspace;
	struct other **others;
	unsigned other_count;
	unsigned step, step_count; /* for "[build 2/5]" */
	unsigned line, last_line;  /* of the instruction that is worked on */
	unsigned vertex;           /* the step that logs now */
	int exit_status;           /* of the command of a failed RUN */
};

/* "[build 2/5] RUN make": one line. */
char *work_step_name(const void *ctx, struct work *w, const char *text);
void work_begin_vertex(struct work *w, const char *name, const char *command);
/* record: what it made; NULL: no layer. */
void work_end_vertex(struct work *w, bool is_cached, const struct cache_record *record, const struct error *err);
void work_log(struct work *w, int stream, const char *bytes, size_t size);

/* Look up a source: a stage's name or number, a named context, an image; "" or NULL: the main context. */
int work_other(struct work *w, const char *name, struct other **ret, struct error *err);
struct image;
/* Get an image into the store, progress told as the vertex's. */
int work_pull(const void *ctx, struct work *w, const char *name, const struct platform *platform, struct image **ret,
	      struct error *err);

/* The key of an image's files. */
void work_image_key(const struct image *image, char ret[DIGEST_ROOM]);
/* It went into the stage: for its provenance. */
void work_note_material(struct work *w, const char *name, const struct image *image);

/*
 * A step that changes files: when the cache has no layer for the key, `make` makes it; *ret_is_pushed says that it
 * is on the workspace already.  The state gets the key and the history.
 */
struct file_step {
	const char *key, *name, *command, *created_by;
	int (*make)(struct work *w, void *arg, char **ret_snapshot, bool *ret_is_pushed, struct error *err);
	void *arg;
};
int work_file_step(struct work *w, const struct file_step *step, struct error *err);
/* `path` as seen from the absolute `base`, by the text alone. */
char *work_join_path(const void *ctx, const char *base, const char *path);
/* What a key stands for; false: not known. */
bool work_find_alias(struct work *w, const char *key, char ret[DIGEST_ROOM]);
bool work_uses_cache(const struct work *w);

/* One instruction each; `in` is expanded. */
int run_step(struct work *w, const struct instruction *in, struct error *err);
int copy_step(struct work *w, const struct instruction *in, struct error *err);
int workdir_step(struct work *w, const struct instruction *in, struct error *err);

/* ---- RUN --mount: mounts.c ---- */
struct run_mounts;
struct volume;
/* What of them decides the step's result goes into the key; fetches the stages and images they are from. */
int mounts_add_to_key(struct work *w, const struct instruction *in, struct cache_key *k, struct error *err);
/* Make what is to be bound.  Whoever opens mounts closes them, also after a failure of the run. */
int mounts_open(const void *ctx, struct work *w, const struct instruction *in, struct run_mounts **ret,
		struct error *err);
const struct volume *mounts_binds(const struct run_mounts *m, size_t *ret_count);
/* Variables that they set: secrets with env=, SSH_AUTH_SOCK. */
const struct strlist *mounts_env(const struct run_mounts *m);
void mounts_close(struct run_mounts *m);

#endif
