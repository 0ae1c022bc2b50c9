/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage is so far: the configuration of the image it would be, its history, the variables that its next
 * instruction sees, and the key of its files.  The texts of the history are BuildKit's.
 */
#ifndef FAKEBUILD_BUILDER_STATE_H
#define FAKEBUILD_BUILDER_STATE_H

#include "builder/dockerfile/dockerfile.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "oci/json.h"

struct state {
	struct json *doc;         /* the image configuration; members that are not ours are kept */
	struct strlist *run_env;  /* config.Env with ARG among it: what RUN has, and what words are expanded with */
	struct strlist *arg_keys; /* ARG of this stage and those it is FROM, in order; for RUN's history */
	struct strlist *steps;    /* keys of the cache that it was made by, as state_add_step has them */
	struct strlist *materials; /* images that went into it: "URI DIGEST" */
	bool is_cmd_set;          /* by this stage: ENTRYPOINT does not clear it */
	const char *epoch_text;   /* the time of every new history entry; NULL: that of its layer */
	char fs_key[DIGEST_ROOM]; /* of all that was done to the files */
};

/* FROM scratch for this platform. */
struct state *state_of_scratch(const void *ctx, const struct platform *platform);
/* FROM an image.  One without PATH gets that of scratch. */
int state_of_image(const void *ctx, const struct image *image, struct state **ret, struct error *err);
/* A deep copy, for a stage that is FROM another: its CMD counts as inherited. */
struct state *state_derive(const void *ctx, const struct state *state);
/* To a JSON object and back. */
struct json *state_dump(const void *ctx, const struct state *state);
int state_load(const void *ctx, struct json *dump, struct state **ret, struct error *err);

/* Texts of config, "" when they are not there; lists NULL. */
const char *state_text(const struct state *s, const char *key);
struct strlist *state_list(const void *ctx, const struct state *s, const char *key);
const char *state_env(const struct state *s, const char *name, size_t length);
/* SHELL, else the default, and the text behind it. */
struct strlist *state_shell(const void *ctx, const struct state *s, const char *text);

/* ARG: value NULL only declares it. */
void state_add_arg(struct state *s, const char *key, const char *value, bool is_env);
void state_set_working_dir(struct state *s, const char *guest_path);
void state_clear_onbuild(struct state *s);
/* A record of the cache, or with `other` a key that stands for that one; both digests. */
void state_add_step(struct state *s, const char *key, const char *other);
void state_add_material(struct state *s, const char *uri, const char *digest);
/* created NULL: filled by state_config from the layers beside it. */
void state_add_history(struct state *s, const char *created_by, const char *created, bool is_empty_layer);

/*
 * An expanded instruction that changes the configuration only: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL,
 * MAINTAINER, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME.  Adds its history.
 */
void state_apply(struct state *s, const struct instruction *in);
/* As RUN's history tells it: "|1 a=b /bin/sh -c make". */
char *state_command_text(const void *ctx, const struct state *s, const struct strlist *argv);

/*
 * The whole text of the configuration, with these diffIDs; times that history lacks are filled in as BuildKit
 * does.  epoch_sec -1: none, else every time of this build's is that.
 */
char *state_config(const void *ctx, const struct state *s, char *const *diff_ids, unsigned count, int64_t epoch_sec);
/* RFC 3339 of now, or of the epoch. */
char *state_time(const void *ctx, int64_t epoch_sec);

#endif
