/* SPDX-License-Identifier: Apache-2.0 */
/* Where code has bytes between two functions that nobody ever executes: there stubs find room (patch.h). */
#ifndef FAKEBUILD_PADDING_H
#define FAKEBUILD_PADDING_H

#include <stddef.h>
#include <stdint.h>

struct padding {
	size_t at, size; /* in the code, in bytes */
};

/*
 * The padding of at least `least` bytes in code[0..size), whose functions begin at starts[0..count), ascending: from one
 * that is decoded to its end, behind an instruction that always goes elsewhere, nothing but filler up to the next start, and
 * no branch that has been decoded leads there.  Returns an array on ctx, of *ret_count; NULL when there is none.
 */
struct padding *padding_find(const void *ctx, const uint8_t *code, size_t size, const uint64_t *starts, size_t count,
			     size_t least, size_t *ret_count);

#endif
