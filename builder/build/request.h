/* SPDX-License-Identifier: Apache-2.0 */
/* What `fakebuild build` is asked for, as its option rows fill it, and the way from there to a struct build. */
#ifndef FAKEBUILD_BUILDER_REQUEST_H
#define FAKEBUILD_BUILDER_REQUEST_H

#include "builder/build/build.h"

enum on_error { ON_ERROR_STOP, ON_ERROR_SHELL };

struct build_options {
	/* Docker's */
	struct strlist *add_hosts, *annotations, *attests, *build_args, *contexts, *cache_from, *cache_to, *labels;
	struct strlist *no_cache_filter, *outputs, *platforms, *secrets, *ssh, *tags;
	const char *call, *file, *iid_file, *metadata_file, *provenance, *sbom, *target, *hostname, *network;
	bool is_check, is_loaded, is_pushed, has_no_cache, is_pulled, is_quiet;
	int progress; /* enum display_mode */
	/* ours */
	const char *report, *jobs;
	int on_error; /* enum on_error */
	bool has_no_fast_path;
	/* kaniko's */
	struct strlist *destinations;
	const char *context, *sub_path, *tar_path, *digest_file, *cache_repo, *layout_path;
	bool is_not_pushed, is_reproducible;
	const char *cache;
	/* buildctl's */
	struct strlist *locals, *opts, *import_caches, *export_caches;
};

/*
 * kaniko's and buildctl's names for what Docker has too become Docker's, in place; *ret_context is the context's
 * word.  `word` is the one on the command line, NULL: none.
 */
int request_unify(const void *ctx, struct build_options *o, const char *word, const char **ret_context,
		  struct error *err);
/* Everything of `b` that the options say and no Dockerfile is needed for. */
int request_read(struct build *b, const struct build_options *o, struct error *err);

#endif
