/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be attested of an image: how it was made (SLSA provenance, in BuildKit's shapes) and what is in it (SPDX).
 * outputs.h puts these beside the image.
 */
#ifndef FAKEBUILD_OCI_ATTEST_H
#define FAKEBUILD_OCI_ATTEST_H

#include "oci/outputs.h"

/* What was asked for. */
struct attest_wishes {
	bool has_provenance, has_sbom;
	/* of provenance */
	bool is_max, is_v02, is_reproducible;
	const char *builder_id; /* "" unless said */
};
/*
 * Read one --attest, "type=provenance,mode=min,version=v0.2,builder-id=..,reproducible=true" or "type=sbom"; what
 * --provenance and --sbom have is the rest of these, where a lone true or false switches.  disabled=true, too.
 */
int attest_parse(const void *ctx, const char *text, struct attest_wishes *w, struct error *err);

/* ---- how it was made ---- */

struct provenance_material {
	const char *uri;    /* "pkg:docker/...", "https://..." */
	const char *digest; /* "sha256:...", "sha1:..."; NULL: not known */
};
struct provenance {
	const struct attest_wishes *wishes;
	const char *invocation_id;
	const char *started, *finished;        /* RFC 3339 */
	const char *config_uri, *config_digest; /* of a context that was got from elsewhere; NULL: a local one */
	const char *entry_point;               /* "Dockerfile" */
	const struct strlist *args;            /* "target=x", "build-arg:A=b", "label:C=d", as BuildKit's frontend has them */
	const struct strlist *locals;          /* "context", "dockerfile" */
	const struct strlist *secrets, *ssh;   /* ids; only mode=max tells of them */
	const char *builder_platform;
	const char *vcs_source, *vcs_revision; /* NULL: not known */
	bool is_hermetic;                      /* no step had the network */
	const struct provenance_material *materials;
	unsigned material_count;
	bool has_all_materials;
};
/* Build arguments and labels are left out of mode=min.  Texts of the result hang on ctx. */
void provenance_make(const void *ctx, const struct provenance *p, struct attestation *ret);
/* "pkg:docker/app@1?platform=linux%2Famd64"; NULL: not a reference. */
char *provenance_purl(const void *ctx, const char *name, const struct platform *platform);

/* ---- what is in it ---- */

/*
 * An SPDX 2.3 document of the packages that the root's package managers know (dpkg, also without one; apk), or, where
 * there are none, of its files.  `created`: RFC 3339.
 */
int sbom_make(const void *ctx, struct store *s, const struct chain *chain, const char *name, const char *created,
	      struct attestation *ret, struct error *err);

#endif
