/* SPDX-License-Identifier: Apache-2.0 */
/* Owns string predicates and number parsing that several rooms need. */
#include "tracer/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool text_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);
	return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

bool text_is_at_or_below(const char *path, const char *top, size_t length)
{
	return strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

const char *text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool text_to_number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	if (!*text)
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		unsigned digit = *p - '0';
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

bool text_to_bytes(const char *text, int64_t *ret)
{
	static const char units[] = "kmgtp";
	const char *p = text;
	double size = 0, scale = 1;
	for (; isdigit((unsigned char)*p); p++)
		size = size * 10 + (*p - '0');
	size_t digits = p - text;
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++, digits++)
			size += (*p - '0') * (scale /= 10);
	if (!digits)
		return false;
	p += *p == ' ';
	const char *unit = *p ? strchr(units, tolower((unsigned char)*p)) : NULL;
	if (unit) {
		for (int i = 0; i <= unit - units; i++)
			size *= 1024;
		p++;
		if (tolower((unsigned char)*p) == 'i' && tolower((unsigned char)p[1]) == 'b')
			p += 2;
		else
			p += tolower((unsigned char)*p) == 'b';
	} else {
		p += tolower((unsigned char)*p) == 'b';
	}
	if (*p || size >= 9.2e18)
		return false;
	*ret = (int64_t)size;
	return true;
}

const char *text_size(uint64_t bytes, char *buffer, size_t room)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = bytes;
	size_t i = 0;
	while (value >= 1000 && i + 1 < sizeof(unit) / sizeof(*unit)) {
		value /= 1000;
		i++;
	}
	snprintf(buffer, room, i && value < 100 ? "%.3g%s" : "%.0f%s", value, unit[i]);
	return buffer;
}

size_t text_distance(const char *a, const char *b)
{
	enum { LIMIT = 64 };
	size_t n = strlen(a), m = strlen(b), row[LIMIT + 1];
	if (n > LIMIT || m > LIMIT)
		return LIMIT;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

void text_clean_path(char *path)
{
	bool is_absolute = *path == '/';
	char *out = path + is_absolute, *floor = out;
	const char *at = out;
	while (*at) {
		size_t length = strcspn(at, "/");
		bool is_up = length == 2 && at[0] == '.' && at[1] == '.';
		if (is_up && out > floor) {
			while (out > floor && *--out != '/')
				;
		} else if (length && !(length == 1 && *at == '.') && !(is_up && is_absolute)) {
			if (out > path + is_absolute)
				*out++ = '/';
			memmove(out, at, length);
			out += length;
			if (is_up)
				floor = out;
		}
		at += length;
		at += strspn(at, "/");
	}
	*out = '\0';
	if (out == path)
		memcpy(path, ".", 2);
}
