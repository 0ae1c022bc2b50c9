/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of .dockerignore and --exclude, as moby/patternmatcher reads them: Go's filepath.Match plus "**",
 * "!" negates, the last match wins, a pattern that matches a parent matches what is in it.  What it makes of
 * "[...]" is filepath.Match's meaning; Go's regular expressions, of which it makes its own, know "[[:digit:]]".
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
/*
 * Is this path (relative, no leading slash, "." and "" are never) excluded?  As a walk from the root would find
 * it, parent by parent; that is what BuildKit does.
 */
bool patterns_match(const struct patterns *p, const char *path);

/*
 * The same for walks: *ret_own gets what each pattern said of this path, patterns_count of them, and is
 * `parents` of what is in it.  parents NULL: the path has one component.
 */
unsigned patterns_count(const struct patterns *p);
bool patterns_match_in(const struct patterns *p, const char *path, const bool *parents, bool *ret_own);
/* Could anything below this excluded directory be included again?  Never false by mistake. */
bool patterns_may_include_below(const struct patterns *p, const char *path);
/* The same of patterns that name what is wanted: could one of them match anything below? */
bool patterns_may_match_below(const struct patterns *p, const char *path);

/* Go's filepath.Match of one pattern without "**"; -1: malformed. */
int pattern_match_name(const char *pattern, const char *path);
/* Has it "*", "?" or "[" that no backslash protects? */
bool pattern_has_wildcards(const char *pattern);

#endif
