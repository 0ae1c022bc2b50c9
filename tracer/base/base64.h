/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4): bytes as text. */
#ifndef FAKEBUILD_BASE_BASE64_H
#define FAKEBUILD_BASE_BASE64_H

#include <stddef.h>

/* With padding, without line breaks. */
char *base64_encode(const void *ctx, const void *bytes, size_t size);
/* The bytes, and a NUL after them; padding may be missing.  NULL when a character is none of the alphabet. */
char *base64_decode(const void *ctx, const char *text, size_t *ret_size);

#endif
