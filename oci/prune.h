/* SPDX-License-Identifier: Apache-2.0 */
/* What takes room in the store, and letting go of what builds keep for later builds. */
#ifndef FAKEBUILD_OCI_PRUNE_H
#define FAKEBUILD_OCI_PRUNE_H

#include "oci/store.h"

/* What of the build cache may stay. */
struct prune_limits {
	int64_t unused_sec;  /* what was not used for so long goes; -1: whatever its age */
	int64_t keep_bytes;  /* least recently used first, until no more than this is left; -1: no limit */
	bool removes_all;
};
struct prune_result {
	unsigned steps, mounts;
	uint64_t bytes; /* of snapshots that no image needs, these are freed by store_gc */
};
/* Records of finished steps, and cache mounts.  Fails when another fakebuild uses the store. */
int store_prune_cache(struct store *s, const struct prune_limits *limits, bool is_dry_run, struct prune_result *ret,
		      struct error *err);

/* One line of `df`. */
struct usage {
	unsigned total, active;
	uint64_t bytes, reclaimable_bytes;
};
struct store_usage {
	struct usage images, containers, volumes, build_cache;
};
int store_usage(struct store *s, struct store_usage *ret, struct error *err);

#endif
