/* SPDX-License-Identifier: Apache-2.0 */
/* The whole root of a chain as one tar, or as files of the invoking user. */
#ifndef FAKEBUILD_OCI_FLATTEN_H
#define FAKEBUILD_OCI_FLATTEN_H

#include "oci/chain.h"
#include "oci/diff.h"

struct flatten_times {
	bool is_set;
	int64_t sec; /* of all entries */
};

/* A root directory of the chain and its table, as long as ctx. */
int flatten_make_root(const void *ctx, struct store *s, const struct chain *chain, struct diff_root *ret, struct error *err);

/* Into an archive, below `prefix` ("" or "linux_amd64/"), with root's owners and modes. */
int flatten_to_archive(struct store *s, const struct chain *chain, const char *prefix,
		       const struct flatten_times *times, struct archive_writer *archive, struct error *err);
/*
 * Into a folder, made when missing: permissions and times are kept, owners are the user's, set-id bits go, devices
 * are left out.  What is there of the same name is replaced, no symlink is followed.  `deletes`: what else is there
 * is removed.
 */
int flatten_to_folder(struct store *s, const struct chain *chain, const char *folder,
		      const struct flatten_times *times, bool deletes, struct error *err);
/*
 * Into a new folder as the root that it is: all modes and attributes, owners and devices too where we are real root.
 * For others owners are kept in user.rootlesscontainers (tracer/base/rootless.h), and an empty file stands for a device,
 * as umoci has it; attributes that only root may set are left out.
 */
int flatten_to_root(struct store *s, const struct chain *chain, const char *folder, struct error *err);

#endif
