/* SPDX-License-Identifier: Apache-2.0 */
/* The largest files of what layers make together, and which layer each is from. */
#ifndef FAKEBUILD_OCI_LARGEST_H
#define FAKEBUILD_OCI_LARGEST_H

#include "oci/chain.h"

struct large_file {
	char *guest_path;
	int64_t bytes;
	unsigned layer; /* index in the chain */
};

/* At most `max` regular files that are not empty, the largest first; of a file's names one counts. */
int largest_files(const void *ctx, struct store *s, const struct chain *chain, unsigned max,
		  struct large_file **ret, unsigned *ret_count, struct error *err);

#endif
