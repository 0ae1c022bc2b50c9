/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: the changes of a root as a layer's directory, snapshots/<id>, made by links as far as that goes. */
#ifndef FAKEBUILD_OCI_SNAPSHOT_H
#define FAKEBUILD_OCI_SNAPSHOT_H

#include "oci/diff.h"
#include "oci/layerdir.h"

enum snapshot_how {
	SNAPSHOT_COPIES, /* something may still be running in the root, and have files of it open */
	SNAPSHOT_TAKES,  /* files of one name become the layer's own, shared with the root from now on */
};

/*
 * Make a layer of `changes` of the root, the directories above them included, as containerd's differ does.
 * No change makes an empty layer.  *ret_id on ctx.
 */
int snapshot_make(const void *ctx, struct store *s, const struct diff_root *root, const struct change *changes,
		  unsigned count, enum snapshot_how how, char **ret_id, struct error *err);

/* The bytes of the files of a layer's folder (relative to the store's root); 0 when it cannot be read. */
int64_t snapshot_bytes(const struct store *s, const char *folder);

#endif
