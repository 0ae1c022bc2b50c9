/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished steps of builds, taken elsewhere and back: --cache-to and --cache-from.
 *
 * The form: an OCI image manifest, in a registry under a reference (type=registry) or in an OCI layout's index.json
 * under a tag (type=local).  Its layers are the steps' layers, so that registries keep them; its configuration is of
 * type application/vnd.fakebuild.cache.config.v1+json:
 *
 *   { "version": 1,
 *     "layers": ["sha256:<diffID>", ...],              of the manifest's layers, in their order
 *     "records": [ { "key": "<hex>",                    what the step was made of
 *                    "parent": "<hex>",                 key of the step that it goes on top of; none: no member
 *                    "layer": 0,                        index into layers; none: the step changed no file
 *                    "created": "2026-01-02T03:04:05Z", "description": "RUN make", "bytes": 123,
 *                    "config": { ... } }, ... ] }       whatever the builder wants back; none: no member
 *
 * type=inline: the same object as the member "fakebuild.cache.v0" of an image's configuration, beside "rootfs", whose
 * diff_ids "layers" repeats; it is imported as type=registry with the image's reference.
 * Who reads a version that it does not know has no record.
 */
#ifndef FAKEBUILD_OCI_BUILDCACHE_H
#define FAKEBUILD_OCI_BUILDCACHE_H

#include "oci/chain.h"
#include "oci/transport.h"

#define MEDIA_CACHE_CONFIG "application/vnd.fakebuild.cache.config.v1+json"
#define BUILDCACHE_INLINE_MEMBER "fakebuild.cache.v0"

struct buildcache_record {
	const char *key, *parent;   /* hex digits or any text; parent NULL: none */
	const char *snapshot;       /* to export: its id; NULL: no file changed */
	const char *diff_id;        /* of an imported one: its layer's; NULL: no file changed */
	const char *created, *description, *config_json; /* may be NULL */
	int64_t bytes;
	bool is_of_result;          /* to export: mode=min takes only these */
};

enum buildcache_type { BUILDCACHE_REGISTRY, BUILDCACHE_LOCAL, BUILDCACHE_INLINE };
struct buildcache_place {
	enum buildcache_type type;
	const char *ref;    /* registry: a reference */
	const char *folder; /* local: src or dest */
	const char *tag;    /* local: "latest" unless said */
	bool is_max;        /* mode=max: steps of other stages, too */
	bool ignores_errors; /* for the caller: a failure is a warning */
	bool is_insecure;
	struct layer_format format;
};
/* "type=registry,ref=...,mode=max", as --cache-to (is_export) or --cache-from has it; a lone text is a reference. */
int buildcache_parse(const void *ctx, const char *text, bool is_export, struct buildcache_place **ret,
		     struct error *err);

/* To a registry or a folder; not of type inline. */
int buildcache_export(struct store *s, const struct buildcache_place *place, const struct buildcache_record *records,
		      unsigned count, const struct progress *progress, struct error *err);
/*
 * The configuration with the records that are of layers of `chain`, or of none, in it, for type=inline.  `chain` is
 * the image's, whose diffIDs are made meanwhile.
 */
int buildcache_inline(const void *ctx, struct store *s, const char *config_json, struct chain *chain,
		      const struct layer_format *format, const struct buildcache_record *records, unsigned count,
		      char **ret_config, struct error *err);

/* Records of elsewhere.  Layers come when a record is wanted. */
struct buildcache;
/* A place where there is nothing yet is an empty one. */
int buildcache_import(const void *ctx, struct store *s, const struct buildcache_place *place, struct buildcache **ret,
		      struct error *err);
unsigned buildcache_count(const struct buildcache *c);
/* The record of a key; NULL: none. */
const struct buildcache_record *buildcache_find(const struct buildcache *c, const char *key);
/*
 * Have the record's layer in the store, as a snapshot (*ret_snapshot on ctx; NULL: it changed no file).  Several
 * threads may ask at a time.  The blob is kept, so that an export sends the same bytes.
 */
int buildcache_fetch(const void *ctx, struct buildcache *c, const struct buildcache_record *record,
		     char **ret_snapshot, struct error *err);

#endif
