/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what was built leaves: the meaning of --output, with the words that buildx and buildctl have for it.  The same
 * inputs give the same bytes, whoever makes them and wherever.
 */
#ifndef FAKEBUILD_OCI_OUTPUTS_H
#define FAKEBUILD_OCI_OUTPUTS_H

#include "oci/chain.h"
#include "oci/transport.h"

/* ---- what was built ---- */

/* What is attested of an image: the predicate of an in-toto statement (oci/attest.h makes some). */
struct attestation {
	const char *predicate_type; /* "https://slsa.dev/provenance/v1" */
	const char *predicate_json;
};

/* One platform's image; what may be NULL is not there. */
struct built_image {
	const char *platform;    /* "linux/arm64": names folders of local and tar outputs */
	const char *config_json; /* complete but for "rootfs", which is set here */
	struct chain *chain;
	const struct strlist *annotations;            /* "key=value" of the manifest; may be NULL */
	const struct strlist *descriptor_annotations; /* of its descriptor; may be NULL */
	const struct attestation *attestations;
	unsigned attestation_count;
};

struct build_result {
	struct built_image *images;
	unsigned count; /* several, or one with attestations, make an index */
	bool is_index;  /* also of one without */
	const struct strlist *index_annotations, *index_descriptor_annotations; /* may be NULL */
	const struct strlist *names; /* normalised references, -t; may be NULL */
	bool has_epoch;              /* SOURCE_DATE_EPOCH: times of tar and local, created of descriptors */
	int64_t epoch_sec;
};

/* ---- where it goes ---- */

enum output_type { OUTPUT_IMAGE, OUTPUT_OCI, OUTPUT_DOCKER, OUTPUT_TAR, OUTPUT_LOCAL, OUTPUT_NONE };

struct output {
	enum output_type type;
	const char *dest; /* a file, a folder, "-" standard output; NULL: of docker the daemon, of oci standard output */
	struct strlist *names; /* normalised; NULL: those of the build */
	struct layer_format format;
	bool has_compression;  /* was asked for: the store, too, keeps that form */
	bool is_folder;        /* oci: tar=false */
	bool has_platform_split, is_platform_split; /* tar, local: a folder a platform; default: when several */
	bool deletes;          /* local: mode=delete removes what was not built */
	bool pushes, pushes_by_digest, is_insecure;
	bool has_media_types; /* format.is_docker was asked for; else it is as the type has it */
	bool stays_out; /* image: store=false */
	const char *dangling_prefix; /* image: name of what has no name, "PREFIX@digest" */
	bool has_canonical_name;     /* image: "NAME@digest", too */
	struct strlist *annotations, *descriptor_annotations, *index_annotations, *index_descriptor_annotations;
};

/*
 * Parse "type=oci,dest=x.tar,name=a:1" (fields as CSV, so that values with commas can be quoted), or a lone path:
 * a folder, or "-" for a tar on standard output.  Unknown keys and values are refused by name; which option it was
 * is for the caller to say.
 */
int output_parse(const void *ctx, const char *text, struct output **ret, struct error *err);

/* What --metadata-file and --iidfile tell. */
struct output_result {
	struct descriptor top;       /* manifest or index; digest NULL: the output has none (tar, local) */
	char *config_digest;         /* of a lone image, which is its id; NULL: an index */
	char *top_json;              /* the text of it */
	struct strlist *names;       /* under which it was kept or sent */
};
/*
 * Write one output.  A file appears whole or not at all.  Layers that stay here (the store, Docker's archives) are
 * plain unless asked otherwise, those that leave gzip; what a lone image, or an index, is by its digest is the same
 * wherever it goes in the same form.
 */
int output_write(const void *ctx, struct store *s, const struct build_result *build, const struct output *output,
		 const struct progress *progress, struct output_result *ret, struct error *err);

#endif
