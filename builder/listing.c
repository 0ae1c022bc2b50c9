/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how listings look. */
#include "builder/listing.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "oci/json.h"
#include "tracer/base/text.h"

struct listing {
	const struct column *columns;
	unsigned column_count;
	struct strlist *cells; /* row by row */
};

struct listing *listing_new(const void *ctx, const struct column *columns)
{
	struct listing *l = mem_new(ctx, struct listing);
	l->columns = columns;
	while (columns[l->column_count].title || columns[l->column_count].key)
		l->column_count++;
	l->cells = strlist_new(l);
	return l;
}

void listing_cell(struct listing *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = mem_must(talloc_vasprintf(l, fmt, ap));
	va_end(ap);
	strlist_add(l->cells, text);
	talloc_free(text);
}

/* Width on the screen, near enough: UTF-8 continuation bytes take no room. */
static size_t text_width(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void print_table_row(const struct listing *l, FILE *out, const size_t *widths,
			    char *const *cells)
{
	size_t pending = 0;
	for (unsigned c = 0; c < l->column_count; c++) {
		if (!l->columns[c].title)
			continue;
		const char *text = cells ? cells[c] : l->columns[c].title;
		/* Docker ends lines without blanks after the last cell. */
		if (*text)
			fprintf(out, "%*s%s", (int)pending, "", text);
		size_t width = text_width(text);
		pending = (*text ? 0 : pending) + widths[c] - width + 3;
	}
	fputc('\n', out);
}

static void print_table(const struct listing *l, FILE *out)
{
	CLEANUP_TALLOC size_t *widths = mem_array(NULL, size_t, l->column_count);
	for (unsigned c = 0; c < l->column_count; c++)
		widths[c] = l->columns[c].title ? text_width(l->columns[c].title) : 0;
	for (size_t i = 0; i < l->cells->count; i++) {
		size_t width = text_width(l->cells->items[i]);
		size_t *widest = &widths[i % l->column_count];
		if (width > *widest)
			*widest = width;
	}
	print_table_row(l, out, widths, NULL);
	for (size_t i = 0; i + l->column_count <= l->cells->count; i += l->column_count)
		print_table_row(l, out, widths, l->cells->items + i);
}

void listing_print_object(FILE *out, const struct json *object)
{
	CLEANUP_TALLOC char *text = json_dump(NULL, object);
	fprintf(out, "%s\n", text);
}

static void print_json(const struct listing *l, FILE *out)
{
	for (size_t i = 0; i + l->column_count <= l->cells->count; i += l->column_count) {
		CLEANUP_TALLOC struct json *object = json_new_object(NULL);
		for (unsigned c = 0; c < l->column_count; c++)
			if (l->columns[c].key)
				json_set_string(object, l->columns[c].key, l->cells->items[i + c]);
		listing_print_object(out, object);
	}
}

void listing_print(const struct listing *l, FILE *out, enum listing_format format)
{
	if (format == LISTING_JSON)
		print_json(l, out);
	else
		print_table(l, out);
}

void listing_print_column(const struct listing *l, FILE *out, unsigned column)
{
	for (size_t i = 0; i + l->column_count <= l->cells->count; i += l->column_count)
		fprintf(out, "%s\n", l->cells->items[i + column]);
}

static bool parse_time(const char *text, time_t *ret)
{
	struct tm tm = { .tm_isdst = 0 };
	int zone_hours = 0, zone_minutes = 0;
	char sign = '+';
	if (!text || strlen(text) < 19 ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	const char *zone = strpbrk(text + 19, "+-Zz");
	if (zone && (*zone == '+' || *zone == '-') &&
	    sscanf(zone, "%c%2d:%2d", &sign, &zone_hours, &zone_minutes) != 3)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	time_t offset = zone_hours * 3600 + zone_minutes * 60;
	*ret = timegm(&tm) - (sign == '-' ? -offset : offset);
	return true;
}

char *listing_ago(const void *ctx, const char *rfc3339)
{
	enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
	static const struct {
		long long below; /* seconds */
		long long unit;  /* 0: the words alone */
		const char *words;
	} scales[] = {
		{ 1, 0, "Less than a second" },    { 2, 0, "1 second" },
		{ MINUTE, 1, "seconds" },          { 2 * MINUTE, 0, "About a minute" },
		{ HOUR, MINUTE, "minutes" },       { 2 * HOUR, 0, "About an hour" },
		{ 2 * DAY, HOUR, "hours" },        { 14 * DAY, DAY, "days" },
		{ 60 * DAY, 7 * DAY, "weeks" },    { 730LL * DAY, 30 * DAY, "months" },
		{ INT64_MAX, 365 * DAY, "years" },
	};
	time_t then;
	if (!parse_time(rfc3339, &then))
		return mem_strdup(ctx, "N/A");
	long long age = time(NULL) - then;
	size_t i = 0;
	while (age >= scales[i].below && i + 1 < sizeof(scales) / sizeof(*scales))
		i++;
	if (!scales[i].unit)
		return mem_printf(ctx, "%s ago", scales[i].words);
	return mem_printf(ctx, "%lld %s ago", age / scales[i].unit, scales[i].words);
}

const char *listing_id(const void *ctx, const char *digest, bool is_whole)
{
	enum { SHORT_ID_DIGITS = 12 };
	if (is_whole)
		return digest;
	const char *colon = strchr(digest, ':');
	return mem_strndup(ctx, colon ? colon + 1 : digest, SHORT_ID_DIGITS);
}
