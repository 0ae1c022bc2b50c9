/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain: the layers that make up the state of a root, bottom first.  Those of images are layers/<diffID>,
 * those that a build step made are snapshots/<id> and get a diffID when they are first exported.
 */
#ifndef FAKEBUILD_OCI_CHAIN_H
#define FAKEBUILD_OCI_CHAIN_H

#include "oci/archive.h"
#include "oci/compress.h"
#include "oci/store.h"

struct chain_layer {
	char *folder;  /* relative to the store's root: "layers/<hex>" or "snapshots/<id>" */
	char *diff_id; /* NULL: no tar of it was made yet */
	struct descriptor blob; /* as the base image's manifest has it; digest NULL: none */
};

struct chain {
	struct chain_layer *layers; /* strings hang on the chain */
	unsigned count;
};

/* That of an image, every layer unpacked.  NULL: an empty one (FROM scratch). */
int chain_of_image(const void *ctx, struct store *s, const struct image *image, struct chain **ret,
		   struct error *err);
struct chain *chain_copy(const void *ctx, const struct chain *chain);
/* Add a snapshot on top. */
void chain_push(struct chain *chain, const char *snapshot_id);

/* How layers leave the store. */
struct layer_format {
	enum compression compression;
	int level;           /* 0: the format's default */
	bool is_forced;      /* layers of the base, too, are compressed anew */
	bool is_docker;      /* Docker's media types instead of OCI's */
	bool rewrites_times; /* mtimes later than epoch become epoch; layers of the base stay */
	int64_t epoch_sec;
};
/*
 * Tars and blobs of all layers, made where the store has none, several at a time: descriptors and diffIDs,
 * chain->count of each, on ctx.  What was compressed once is remembered (cache/compressed) and never again.
 */
int chain_export(const void *ctx, struct store *s, struct chain *chain, const struct layer_format *format,
		 struct descriptor **ret_layers, char ***ret_diff_ids, struct error *err);
/* One snapshot alone, as a plain tar in the store. */
int chain_export_snapshot(const void *ctx, struct store *s, const char *snapshot_id, struct descriptor *ret,
			  char **ret_diff_id, struct error *err);
/* Note that this blob, which the store has, is what the layer's tar is when compressed. */
int layer_remember_blob(struct store *s, const char *diff_id, const struct descriptor *blob, struct error *err);
/* The tar of one layer's folder, as containerd would write it, to a sink. */
int layer_write_tar(struct store *s, const char *folder, const struct layer_format *format, archive_sink sink,
		    void *arg, struct error *err);

#endif
