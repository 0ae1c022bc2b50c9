/* SPDX-License-Identifier: Apache-2.0 */
/* Small string work without allocation, and strict number parsing. */
#ifndef FAKEBUILD_BASE_TEXT_H
#define FAKEBUILD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* Is the path this one, of which length bytes count and which ends without a slash, or below it? */
bool text_is_at_or_below(const char *path, const char *top, size_t length);
/* What is behind the last slash; all when there is none. */
const char *text_base_name(const char *path);
/*
 * A decimal number of digits only, 0..max: no sign, no blank, no leading '+'.  False leaves *ret
 * untouched.  Ids of 2^31 and more are numbers here (CVE-2024-40635 is a wrap, not a large id).
 */
bool text_to_number(const char *text, uint64_t max, uint64_t *ret);
/*
 * Docker's sizes: digits, maybe a fraction, maybe a blank, maybe one of kmgtp with "b" or "ib", all powers of 1024.
 * False leaves *ret untouched.
 */
bool text_to_bytes(const char *text, int64_t *ret);
/* "1.5MB" style in decimal units as Docker prints sizes; returns buffer. */
const char *text_size(uint64_t bytes, char *buffer, size_t room);
/*
 * Go's path.Clean, in place: no empty and "." components, no ".." but at the begin of a relative path; "" becomes
 * ".", for which there must be room.
 */
void text_clean_path(char *path);
/* Levenshtein distance, for "did you mean". */
size_t text_distance(const char *a, const char *b);

#endif
