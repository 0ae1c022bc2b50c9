/* SPDX-License-Identifier: Apache-2.0 */
/* A text that grows at its end, in amortised constant time; always NUL-terminated. */
#ifndef FAKEBUILD_BUILDER_BUFFER_H
#define FAKEBUILD_BUILDER_BUFFER_H

#include <stddef.h>

#include "tracer/base/mem.h"

struct buffer {
	char *text; /* on the buffer */
	size_t size, room;
};
struct buffer *buffer_new(const void *ctx);
void buffer_add(struct buffer *b, const char *bytes, size_t size);
void buffer_add_text(struct buffer *b, const char *text);
/* Make it shorter. */
void buffer_cut(struct buffer *b, size_t size);

#endif
