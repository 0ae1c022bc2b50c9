/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git repositories as contexts and sources of ADD, by BuildKit's URLs (frontend/dockerfile/dfgitutil).  The work
 * is done by the program `git`, with the person's own configuration and credentials, and without prompts.
 */
#ifndef FAKEBUILD_BUILDER_GIT_H
#define FAKEBUILD_BUILDER_GIT_H

#include "oci/store.h"

struct git_url {
	char *remote;   /* what git fetches from; never begins with "-" */
	char *ref;      /* branch, tag or commit; NULL: the remote's HEAD */
	char *subdir;   /* relative, clean; "" is all of it */
	char *checksum; /* commit or beginning of one; NULL: none */
	int keeps_git_dir;  /* 1, 0, -1: not said */
	bool has_submodules; /* they are fetched too */
};

/*
 * http(s)://HOST/PATH.git, ssh://, git://, USER@HOST:PATH, each with #REF:SUBDIR or ?ref=&subdir=&tag=&branch=
 * &checksum=&keep-git-dir=&submodules=; and, when is_context, github.com/PATH.  *ret NULL: it is no git URL.
 */
int git_url_parse(const void *ctx, const char *text, bool is_context, struct git_url **ret, struct error *err);
/* The commit that it names now, 40 or 64 hex digits, on ctx; the checksum is compared. */
int git_resolve(const void *ctx, const struct git_url *url, char **ret_commit, struct error *err);
/*
 * Fetch that commit alone and put its files into `folder`, an empty directory of the host, symlinks and all.
 * *ret_folder, on ctx, is that or its subdirectory, which is resolved inside.
 */
int git_checkout(const void *ctx, const struct git_url *url, const char *commit, bool keeps_git_dir,
		 const char *folder, char **ret_folder, struct error *err);

#endif
