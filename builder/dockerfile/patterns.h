/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of .dockerignore and --exclude, as moby/patternmatcher reads them: Go's filepath.Match plus "**",
 * "!" negates, the last match wins, a pattern that matches a parent matches what is in it.
 */
#ifndef FAKEBUILD_BUILDER_PATTERNS_H
#define FAKEBUILD_BUILDER_PATTERNS_H

#include <stdbool.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

struct patterns;
/* The lines of an ignore file: comments, blanks, BOM, leading slashes; NULL-terminated list on ctx. */
struct strlist *patterns_read(const void *ctx, const char *text, size_t size);
/* Fails naming the malformed pattern. */
int patterns_new(const void *ctx, const struct strlist *lines, struct patterns **ret, struct error *err);
/* Is this path (relative, no leading slash) excluded? */
bool patterns_match(const struct patterns *p, const char *path);
/* Could anything below this excluded directory be included again? */
bool patterns_may_include_below(const struct patterns *p, const char *path);
/* Go's filepath.Match of one pattern without "**"; -1: malformed. */
int pattern_match_name(const char *pattern, const char *path);

#endif
