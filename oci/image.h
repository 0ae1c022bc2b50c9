/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests, indexes and image configurations of OCI image-spec 1.1 and Docker schema 2.
 * Everything is copied out of the JSON; strings hang on the struct that holds them.
 */
#ifndef FAKEBUILD_OCI_IMAGE_H
#define FAKEBUILD_OCI_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/platform.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MEDIA_DOCKER_LAYER_ZSTD "application/vnd.docker.image.rootfs.diff.tar.zstd"

/* A manifest or a configuration may be at most this long (distribution-spec asks for 4 MiB). */
#define IMAGE_JSON_MAX_BYTES (4u << 20)

struct descriptor {
	char *media_type; /* never NULL in a checked descriptor */
	char *digest;     /* valid by digest_is_valid */
	int64_t size_bytes;
	struct platform platform; /* members NULL when the descriptor has none */
};

/* The fields of config.config that running needs; the whole text stays in image.config_json. */
struct image_config {
	struct strlist *env, *entrypoint, *cmd; /* cmd and entrypoint may be NULL: not set */
	struct strlist *shell;
	char *user, *working_dir, *stop_signal; /* "" when not set */
	struct strlist *labels;                 /* "key=value" */
	struct strlist *exposed_ports, *volumes;
	struct platform platform;
	char *created, *author;
};

struct image {
	struct descriptor manifest; /* of the image manifest, never of an index */
	struct descriptor stored;   /* of what the store has under the name: that, or the index it was chosen of */
	struct descriptor config;
	struct descriptor *layers; /* bottom first */
	char **diff_ids;           /* same count and order as layers; valid digests */
	unsigned layer_count;
	struct image_config run;
	char *manifest_json, *config_json; /* the very bytes */
};

struct manifest_index {
	struct descriptor *manifests;
	unsigned count;
};

/*
 * Is this text an index (image index or manifest list)?  Documents that have both "manifests" and
 * "layers", or whose mediaType contradicts `media_type` (may be NULL), are refused (CVE-2021-41190).
 */
int manifest_is_index(const char *json, const char *media_type, bool *ret, struct error *err);
int manifest_index_parse(const void *ctx, const char *json, struct manifest_index **ret,
			 struct error *err);
/*
 * The entry for `want` ("linux/amd64", "linux/arm/v7"; NULL: this machine), as containerd's platform
 * matcher chooses, arm variants falling back; entries of platform unknown/unknown are attestations.
 * Fails naming what there is.
 */
int manifest_index_choose(const struct manifest_index *index, const char *want,
			  const struct descriptor **ret, struct error *err);
/*
 * Parse manifest text (digest in `manifest->digest` already checked by the caller) into a new image;
 * the configuration is not there yet.  Foreign or unknown layer media types are refused.
 */
int image_parse_manifest(const void *ctx, const char *json, const struct descriptor *manifest,
			 struct image **ret, struct error *err);
/* Add the configuration's text; the number of diff_ids must be that of the layers. */
int image_parse_config(struct image *image, const char *json, struct error *err);

#endif
