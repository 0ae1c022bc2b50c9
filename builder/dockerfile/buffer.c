/* SPDX-License-Identifier: Apache-2.0 */
/* Owns text that grows; mem_append would look for the end each time. */
#include "builder/dockerfile/buffer.h"

#include <string.h>

struct buffer *buffer_new(const void *ctx)
{
	struct buffer *b = mem_new(ctx, struct buffer);
	b->room = 64;
	b->text = mem_array(b, char, b->room);
	return b;
}

void buffer_add(struct buffer *b, const char *bytes, size_t size)
{
	if (b->size + size + 1 > b->room) {
		while (b->size + size + 1 > b->room)
			b->room *= 2;
		b->text = mem_grow(b, b->text, char, b->room);
	}
	memcpy(b->text + b->size, bytes, size);
	b->size += size;
	b->text[b->size] = '\0';
}

void buffer_add_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text));
}

void buffer_cut(struct buffer *b, size_t size)
{
	b->size = size;
	b->text[size] = '\0';
}
