/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build contexts: what the word after the options, --build-context and ADD name: a folder, "-" (a tar, or a
 * Dockerfile alone), a git or http(s) URL (a tar, or a Dockerfile), oci-layout://, docker-image://.
 */
#ifndef FAKEBUILD_BUILDER_CONTEXT_H
#define FAKEBUILD_BUILDER_CONTEXT_H

#include "builder/build/source.h"
#include "oci/store.h"

struct context {
	char *folder;     /* host path, unpacked or cloned when it had to be; NULL: an image */
	char *meta_path;  /* of an unpacked tar: owners and modes, for source_of_unpacked; NULL: none */
	bool is_local;    /* it is the person's own folder: .dockerignore counts, -f is relative to where they are */
	bool is_stdin;    /* it came on standard input */
	char *image;      /* of docker-image:// and oci-layout://: what transport_pull takes */
	char *dockerfile; /* text of a lone Dockerfile (then folder is empty, or has it alone); NULL */
	size_t dockerfile_size;
	char *revision;   /* commit of a git URL, for provenance; NULL */
	struct store *store;
};

/*
 * Get it.  `text` is the word; stdin_fd what "-" reads (-1: not allowed).  Unpacked contexts lie in a folder of
 * the store's tmp/ that goes with *ret.  tell: lines of progress, may be NULL.  keeps_git_dir: a repository's .git
 * stays, unless its URL says otherwise (BUILDKIT_CONTEXT_KEEP_GIT_DIR).
 */
int context_open(const void *ctx, struct store *s, const char *text, bool keeps_git_dir, int stdin_fd,
		 void (*tell)(void *arg, const char *line), void *arg, struct context **ret, struct error *err);
/* What COPY copies from, as its owners are; not of an image. */
int context_source(const void *ctx, const struct context *c, struct source **ret, struct error *err);
/*
 * The Dockerfile's bytes: -f FILE ("-": standard input; of a local folder relative to where the person is, as
 * Docker reads it, else inside the context; a URL is fetched), or when it is NULL Dockerfile, or dockerfile in the
 * context; *ret_name is what messages call it.
 */
int context_dockerfile(const void *ctx, const struct context *c, const char *file, int stdin_fd, char **ret_text,
		       size_t *ret_size, char **ret_name, struct error *err);
/*
 * The lines of its ignore file: <Dockerfile>.dockerignore before .dockerignore; never NULL.  dockerfile_path is -f's
 * word, NULL for none, "" for a context that no Dockerfile comes from.  As in BuildKit only local folders have one.
 */
int context_ignore_lines(const void *ctx, const struct context *c, const char *dockerfile_path,
			 struct strlist **ret, struct error *err);

#endif
