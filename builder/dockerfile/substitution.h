/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of "${x#p}", "${x%p}", "${x/p/r}": "*" and "?" are wild, "\*", "\?", "\\", "\}", "\/" are not, and
 * there are no brackets.  Wild characters match no newline.
 */
#ifndef FAKEBUILD_BUILDER_SUBSTITUTION_H
#define FAKEBUILD_BUILDER_SUBSTITUTION_H

#include <stdbool.h>

#include "builder/dockerfile/buffer.h"
#include "tracer/base/error.h"

/* Append to `out` the value without the shortest or longest prefix or suffix that matches. */
int substitution_trim(const char *pattern, const char *value, bool is_suffix, bool is_longest, struct buffer *out,
		      struct error *err);
/* Append the value with the first or all of the longest matches replaced; the replacement is plain text. */
int substitution_replace(const char *pattern, const char *replacement, const char *value, bool is_all,
			 struct buffer *out, struct error *err);

#endif
