/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers: layers/<hex of diffID>/{fs,meta,meta.xattr,tree} in the store, unpacked once and shared, or links to
 * snapshots/<id> (oci/layerdir.h) of which a tar was made.  Regular
 * files in fs/ have no write bit (owner, mode, devices, xattrs as root made them are in `meta`, see
 * tracer/base/meta.h); devices are empty files, a hard link set is one inode.  `tree` (oci/tree.h)
 * lists the entries, and what the layer removes from those below.
 */
#ifndef FAKEBUILD_OCI_LAYER_H
#define FAKEBUILD_OCI_LAYER_H

#include "oci/store.h"

/* Is this layer unpacked and whole? */
bool layer_exists(const struct store *s, const char *diff_id);

/*
 * A layer that arrives as a stream of compressed bytes: gzip (several members), zstd, xz, bzip2 or
 * plain tar, told apart by content.  A worker thread unpacks while bytes are still coming; the blob is
 * kept in the store as well.  Digest, size and diffID are checked before anything becomes visible.
 */
struct layer_ingest;
/* Either may exist already: *ret_have_bytes as blob_writer_open (they are unpacked from disk). */
int layer_ingest_open(const void *ctx, struct store *s, const struct descriptor *layer,
		      const char *diff_id, struct layer_ingest **ret, int64_t *ret_have_bytes,
		      struct error *err);
int layer_ingest_write(struct layer_ingest *in, const void *bytes, size_t size, struct error *err);
int layer_ingest_restart(struct layer_ingest *in, struct error *err);
int layer_ingest_finish(struct layer_ingest *in, struct error *err);

/* Unpack from the blob that is in the store already, unless layer_exists(). */
int layer_unpack_blob(const void *ctx, struct store *s, const struct descriptor *layer,
		      const char *diff_id, struct error *err);

/*
 * Make a layer of any tar (a root tar for `import`): unpacks it, and keeps it plain as a blob, whose digest is
 * the diffID; compression is for who takes it elsewhere.  Descriptor and diffID on ctx.
 */
int layer_import(const void *ctx, struct store *s, int tar_fd, struct descriptor *ret,
		 char **ret_diff_id, struct error *err);

#endif
