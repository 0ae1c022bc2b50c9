/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/base/base64.h"

#include <string.h>

#include "tracer/base/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *ctx, const void *bytes, size_t size)
{
	const unsigned char *from = bytes;
	char *text = mem_array(ctx, char, (size + 2) / 3 * 4 + 1), *to = text;
	for (size_t i = 0; i < size; i += 3) {
		unsigned group = (unsigned)from[i] << 16;
		group |= i + 1 < size ? (unsigned)from[i + 1] << 8 : 0;
		group |= i + 2 < size ? (unsigned)from[i + 2] : 0;
		*to++ = alphabet[group >> 18];
		*to++ = alphabet[group >> 12 & 63];
		*to++ = i + 1 < size ? alphabet[group >> 6 & 63] : '=';
		*to++ = i + 2 < size ? alphabet[group & 63] : '=';
	}
	return text;
}

static int value_of(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' :
	       c >= 'a' && c <= 'z' ? c - 'a' + 26 :
	       c >= '0' && c <= '9' ? c - '0' + 52 :
	       c == '+'             ? 62 :
	       c == '/'             ? 63 :
				      -1;
}

char *base64_decode(const void *ctx, const char *text, size_t *ret_size)
{
	size_t length = strcspn(text, "=");
	char *bytes = mem_array(ctx, char, length / 4 * 3 + 4), *to = bytes;
	unsigned group = 0, bits = 0;
	for (size_t i = 0; i < length; i++) {
		int value = value_of(text[i]);
		if (value < 0) {
			talloc_free(bytes);
			return NULL;
		}
		group = group << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*to++ = (char)(group >> bits & 0xff);
		}
	}
	*ret_size = (size_t)(to - bytes);
	return bytes;
}
