/* SPDX-License-Identifier: Apache-2.0 */
/* What excerpts are made of; dockerfile.h has what they are for. */
#ifndef FAKEBUILD_BUILDER_EXCERPT_H
#define FAKEBUILD_BUILDER_EXCERPT_H

#include <stddef.h>

/* The text between newlines, on ctx; at least one line. */
char **excerpt_lines(const void *ctx, const char *text, size_t size, unsigned *ret_count);

#endif
