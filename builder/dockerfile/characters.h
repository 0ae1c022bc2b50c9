/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of UTF-8 text in Go's classes; bytes that are no UTF-8 are characters of their own. */
#ifndef FAKEBUILD_BUILDER_CHARACTERS_H
#define FAKEBUILD_BUILDER_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at `text`, which ends with NUL, and how many bytes it has; a stray byte b is 0xdc00 + b. */
uint32_t character_at(const char *text, size_t *ret_width);
/* The width of the white space (unicode.IsSpace) at `text`, 0 when there is none. */
size_t character_space(const char *text);
/* The width of the letter (unicode.IsLetter) at `text`, 0 when there is none. */
size_t character_letter(const char *text);
/* Blanks between words of most instructions: tab, \v, \f, \r, space. */
bool character_is_blank(char c);
/* The part of `text` without white space around it, in place. */
char *characters_trim(char *text);
const char *characters_trim_start(const char *text);

#endif
