/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the runtime-spec that are made here: config.json of bundles. */
#ifndef FAKEBUILD_OCI_RUNTIMESPEC_H
#define FAKEBUILD_OCI_RUNTIMESPEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci/image.h"
#include "oci/json.h"

/* What `runc spec` writes: a shell on a read-only root, with the mounts that programs expect. */
struct json *runtimespec_example(const void *ctx, bool is_rootless);

/* Whom the image's USER names, by the root's own passwd. */
struct runtimespec_user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t group_count;
	const char *home;
};
/* The document of an image, by the image-spec's conversion.md, with the capabilities that Docker gives. */
struct json *runtimespec_of_image(const void *ctx, const struct image *image, const struct runtimespec_user *user,
				  bool is_rootless);

#endif
