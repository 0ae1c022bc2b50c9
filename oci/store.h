/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store (DESIGN section 4): an OCI image layout (oci-layout, index.json, blobs/sha256/) with our
 * own folders beside it: layers/ containers/ cache/ tmp/.  Every change is made in tmp/ and renamed in,
 * so a kill at any instant leaves nothing half-made; processes share it by flock.
 */
#ifndef FAKEBUILD_OCI_STORE_H
#define FAKEBUILD_OCI_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/derive.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "tracer/base/error.h"

struct store;

/*
 * Open the store at `root`, making it when missing.  NULL: $FAKEBUILD_ROOT, else
 * $XDG_DATA_HOME/fakebuild, else ~/.local/share/fakebuild.  Directory mode 0700.  Left-overs in tmp/
 * of processes that are gone are removed.  Fails when not writable, naming the path.
 */
int store_open(const void *ctx, const char *root, struct store **ret, struct error *err);
const char *store_root(const struct store *s);
/*
 * Every process that has the store open keeps store_gc away, from store_open on; a long run that needs
 * nothing more from it lets go, and holds again before a commit.
 */
void store_let_go(struct store *s);
int store_hold(struct store *s, struct error *err);
/* A new, empty, private directory in tmp/, this process's while the path is allocated; removed by the caller. */
int store_make_tmp(const void *ctx, struct store *s, char **ret_path, struct error *err);
/*
 * As store_make_tmp, but it may be a folder that was given back, with what was left in it: file systems take long to make
 * and to delete files, and longer the more they have deleted lately.
 */
int store_take_tmp(const void *ctx, struct store *s, char **ret_path, struct error *err);
/* Instead of removing it: the next store_take_tmp may get it; where there are enough it is removed. */
void store_give_back(struct store *s, const char *path);
/*
 * As store_make_tmp, for what must not outlive its use: the folder is removed as well when this process and those it
 * has forked are killed, whatever kills them.
 */
int store_make_guarded_tmp(const void *ctx, struct store *s, char **ret_path, struct error *err);
/*
 * The folder where the metadata table ("meta") of a root directory outside the store is kept, by the root's path.  One
 * that was deleted and made again is another root, whose inode numbers may be the old one's: it begins anew.
 */
int store_folder_table(const void *ctx, struct store *s, const char *root, char **ret_folder, struct error *err);
/*
 * The metadata table of the host's own files, one for all runs on this host, in folder host/ of the store; made when missing,
 * with META_OF_HOST.  It is locked while *ret_path is allocated: store_gc leaves it alone.  Who is alone with it drops
 * what is not for later runs.
 */
int store_host_table(const void *ctx, struct store *s, char **ret_path, struct error *err);

/* Blobs. */
char *store_blob_path(const void *ctx, const struct store *s, const char *digest);
bool store_has_blob(const struct store *s, const char *digest);
/* Add bytes; returns their digest in *ret_digest.  An existing blob is left as it is. */
int store_put_blob(struct store *s, const void *bytes, size_t size, char ret_digest[DIGEST_ROOM],
		   struct error *err);
/* Add a document and describe it, on ctx and without a platform. */
int store_put_document(const void *ctx, struct store *s, const char *text, const char *media_type,
		       struct descriptor *ret, struct error *err);
/* Read a blob of at most max_bytes, checking its digest. */
int store_get_blob(const void *ctx, const struct store *s, const char *digest, size_t max_bytes,
		   char **ret_text, size_t *ret_size, struct error *err);

/* A blob that arrives in pieces.  Kept across a failure, so that a download resumes. */
struct blob_writer;
/*
 * Begin, or take up again what an earlier attempt left: *ret_have_bytes are there already (and have
 * been hashed).  `digest` may be NULL when it is not known before; then nothing is taken up again.
 * Waits when another process is writing the same digest.
 */
int blob_writer_open(const void *ctx, struct store *s, const char *digest, struct blob_writer **ret,
		     int64_t *ret_have_bytes, struct error *err);
int blob_writer_write(struct blob_writer *w, const void *bytes, size_t size, struct error *err);
/* Begin again from nothing (the server did not resume). */
int blob_writer_restart(struct blob_writer *w, struct error *err);
/*
 * Check digest and size (-1: any) and rename the blob in.  A mismatch removes what was written and says
 * "digest mismatch" with both digests.  talloc_free without commit keeps the partial file.
 */
int blob_writer_commit(struct blob_writer *w, int64_t size_bytes, char ret_digest[DIGEST_ROOM],
		       struct error *err);

/*
 * References.  A name is a normalised reference ("docker.io/library/debian:12", see oci/reference.h),
 * kept in index.json as annotation org.opencontainers.image.ref.name.
 */
int store_tag(struct store *s, const char *name, const struct descriptor *manifest, struct error *err);
/* Remove the name; false in *ret_existed when there was none. */
int store_untag(struct store *s, const char *name, bool *ret_existed, struct error *err);
/*
 * A name may be that of an index, with images for several platforms and attestations of these.
 *
 * Find an image by normalised name, by manifest or config digest ("sha256:..."), or by a prefix of at
 * least 4 hex digits of the config digest (the image id).  *ret is NULL when there is none; an
 * ambiguous prefix is an error.  Manifest and config are loaded and checked.  Of an index it is this machine's
 * image, or else any.
 */
int store_find_image(const void *ctx, struct store *s, const char *name_or_id, struct image **ret,
		     struct error *err);
/* The same; of an index only the image for this platform (NULL: as above), and *ret NULL when it has none. */
int store_find_image_for(const void *ctx, struct store *s, const char *name_or_id, const char *platform,
			 struct image **ret, struct error *err);
/* Load the image of a manifest, or of an index as above, that is in the store. */
int store_load_image(const void *ctx, struct store *s, const struct descriptor *manifest, struct image **ret,
		     struct error *err);
/*
 * Call visit for every blob of what is stored, an image or an index: layers, configuration, manifest, and last the
 * index.  `skips_missing`: manifests that an index names and the store lacks are none of it; else an error.
 */
enum blob_role { BLOB_LAYER, BLOB_CONFIG, BLOB_MANIFEST };
typedef int (*store_blob_visitor)(void *arg, const struct descriptor *blob, enum blob_role role, struct error *err);
int store_walk_blobs(struct store *s, const struct descriptor *top, bool skips_missing, store_blob_visitor visit,
		     void *arg, struct error *err);
/* All entries of index.json: name (may be NULL for untagged) and manifest; sorted by name. */
struct stored_image {
	char *name;
	struct descriptor manifest;
};
int store_list_images(const void *ctx, struct store *s, struct stored_image **ret, unsigned *ret_count,
		      struct error *err);
/* Put config and manifest blobs of a new image in, and tag it when name is not NULL. */
int store_add_image(const void *ctx, struct store *s, const char *config_json,
		    const struct descriptor *layers, unsigned layer_count, const char *name,
		    struct image **ret, struct error *err);
/* An image of `base`, one layer (NULL: none) on top, and what `changes` says of its configuration. */
int store_add_on_top(const void *ctx, struct store *s, const struct image *base, const struct descriptor *layer,
		     const char *diff_id, const struct image_changes *changes, const char *name, struct image **ret,
		     struct error *err);
/*
 * Remove blobs, layers and snapshots that no tag, no container and no step of a build (a file of cache/steps/ whose member
 * "snapshot" names one) needs, stale partial downloads and tmp; entries of store_host_table that were not met for 90 days,
 * and the table when it was not used for that long.
 */
struct gc_result {
	unsigned blobs, layers;
	uint64_t host_files; /* entries */
	uint64_t bytes;
};
int store_gc(struct store *s, bool is_dry_run, struct gc_result *ret, struct error *err);

#endif
