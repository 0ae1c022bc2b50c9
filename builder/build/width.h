/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of UTF-8, and the columns that they take on a terminal. */
#ifndef FAKEBUILD_BUILDER_WIDTH_H
#define FAKEBUILD_BUILDER_WIDTH_H

#include <stdint.h>
#include <stdbool.h>

enum { WIDTH_REPLACEMENT = 0xfffd };
enum width_kind {
	WIDTH_INVISIBLE = -2, /* has no place in a text: a control, a direction, a tag */
	WIDTH_COMBINING = 0,
	WIDTH_ONE = 1,
	WIDTH_TWO = 2,
};
enum width_kind width_of(uint32_t point);
/* Take the character at *text, which is before end; WIDTH_REPLACEMENT for bytes that are none. */
uint32_t width_decode(const char **text, const char *end);
/* Its bytes, NUL-terminated; returns how many. */
unsigned width_encode(uint32_t point, char ret[5]);

#endif
