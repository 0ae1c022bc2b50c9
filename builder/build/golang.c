/* SPDX-License-Identifier: Apache-2.0 */
/* Owns Go's forms of strings, lists and durations (strconv/quote.go, time.Duration.String). */
#include "builder/build/golang.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The length of the UTF-8 sequence at p, 0 when it is none. */
static size_t sequence(const unsigned char *p)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The escape of a byte that Go does not print as it is; NULL: it does. */
static const char *escape_of(unsigned char c, char buffer[8])
{
	static const char names[] = "abtnvfr", codes[] = "\a\b\t\n\v\f\r", hex[] = "0123456789abcdef";
	const char *at = c ? strchr(codes, c) : NULL;
	if (at || c == '\\' || c == '"') {
		buffer[0] = '\\';
		buffer[1] = at ? names[at - codes] : (char)c;
		buffer[2] = '\0';
		return buffer;
	}
	if (c >= ' ' && c != 0x7f)
		return NULL;
	memcpy(buffer, "\\x", 2);
	buffer[2] = hex[c >> 4];
	buffer[3] = hex[c & 15];
	buffer[4] = '\0';
	return buffer;
}

char *golang_quoted(const void *ctx, const char *text)
{
	char *out = mem_strdup(ctx, "\""), buffer[8];
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t n = sequence(p);
		const char *escaped = n > 1 ? NULL : escape_of(*p, buffer);
		if (n == 0)
			out = mem_append(out, "\\x%02x", *p);
		else if (escaped)
			out = mem_append(out, "%s", escaped);
		else
			out = mem_append(out, "%.*s", (int)n, (const char *)p);
		p += n ? n : 1;
	}
	return mem_append(out, "\"");
}

char *golang_quoted_list(const void *ctx, const struct strlist *list)
{
	char *out = mem_strdup(ctx, "[");
	for (size_t i = 0; i < list->count; i++) {
		CLEANUP_TALLOC char *quoted = golang_quoted(NULL, list->items[i]);
		out = mem_append(out, "%s%s", i ? " " : "", quoted);
	}
	return mem_append(out, "]");
}

char *golang_list(const void *ctx, const struct strlist *list)
{
	char *out = mem_strdup(ctx, "[");
	for (size_t i = 0; i < list->count; i++)
		out = mem_append(out, "%s%s", i ? " " : "", list->items[i]);
	return mem_append(out, "]");
}

/* A number with its fraction, trailing zeros left out: 1.5s. */
static char *with_fraction(char *out, int64_t value, int64_t unit, const char *name)
{
	out = mem_append(out, "%lld", (long long)(value / unit));
	int64_t rest = value % unit;
	if (rest) {
		out = mem_append(out, ".");
		for (int64_t digit = unit / 10; rest; digit /= 10) {
			out = mem_append(out, "%lld", (long long)(rest / digit));
			rest %= digit;
		}
	}
	return mem_append(out, "%s", name);
}

char *golang_duration(const void *ctx, int64_t nsec)
{
	enum { USEC = 1000, MSEC = 1000000, SEC = 1000000000 };
	char *out = mem_strdup(ctx, "");
	if (nsec == 0)
		return mem_append(out, "0s");
	if (nsec < USEC)
		return mem_append(out, "%lldns", (long long)nsec);
	if (nsec < SEC) {
		bool is_micro = nsec < MSEC;
		return with_fraction(out, nsec, is_micro ? USEC : MSEC, is_micro ? "\xc2\xb5s" : "ms");
	}
	int64_t minutes = nsec / SEC / 60;
	if (minutes >= 60)
		out = mem_append(out, "%lldh", (long long)(minutes / 60));
	if (minutes)
		out = mem_append(out, "%lldm", (long long)(minutes % 60));
	return with_fraction(out, nsec % (60 * (int64_t)SEC), SEC, "s");
}
