/* SPDX-License-Identifier: Apache-2.0 */
/* Owns Go's time.ParseDuration: [-+]?([0-9]*(\.[0-9]*)?[a-z]+)+, or 0. */
#include "builder/dockerfile/durations.h"

#include <stddef.h>
#include <string.h>

static const struct unit {
	const char *name;
	uint64_t nanoseconds;
} units[] = {
	/* with both micro signs that Unicode has */
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 },
	{ "\xce\xbcs", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60000000000 },
	{ "h", 3600000000000 },
};

static const struct unit *find_unit(const char *text)
{
	size_t size = strcspn(text, ".0123456789");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == size && memcmp(units[i].name, text, size) == 0)
			return &units[i];
	return NULL;
}

/* One number with its unit; what follows it, NULL when it is wrong. */
static const char *read_part(const char *p, uint64_t *total)
{
	const uint64_t max = (uint64_t)1 << 63;
	uint64_t whole = 0, fraction = 0;
	double scale = 1;
	size_t digits = 0;
	for (; *p >= '0' && *p <= '9'; p++, digits++) {
		if (whole > max / 10)
			return NULL;
		whole = whole * 10 + (*p - '0');
	}
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, digits++) {
			/* Digits beyond what fits do not count. */
			if (fraction > (max - 10) / 10)
				continue;
			fraction = fraction * 10 + (*p - '0');
			scale *= 10;
		}
	}
	const struct unit *unit = digits ? find_unit(p) : NULL;
	if (!unit || whole > max / unit->nanoseconds)
		return NULL;
	uint64_t value = whole * unit->nanoseconds + (uint64_t)(fraction * (unit->nanoseconds / scale));
	if (value > max || *total > max - value)
		return NULL;
	*total += value;
	return p + strlen(unit->name);
}

bool duration_parse(const char *text, int64_t *ret_nanoseconds)
{
	bool is_negative = *text == '-';
	uint64_t total = 0;
	text += *text == '-' || *text == '+';
	if (strcmp(text, "0") == 0) {
		*ret_nanoseconds = 0;
		return true;
	}
	if (!*text)
		return false;
	while (*text) {
		text = read_part(text, &total);
		if (!text)
			return false;
	}
	if (total > (uint64_t)INT64_MAX)
		return false;
	*ret_nanoseconds = is_negative ? -(int64_t)total : (int64_t)total;
	return true;
}
