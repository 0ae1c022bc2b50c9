/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings: rows of text that come out as Docker's aligned columns, as one JSON object a line
 * (--format json), or as one column only (-q).
 */
#ifndef FAKEBUILD_BUILDER_LISTING_H
#define FAKEBUILD_BUILDER_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tracer/base/mem.h"

/* The order of the words of LISTING_FORMATS, for an OPTION_CHOICE. */
enum listing_format { LISTING_TABLE, LISTING_JSON };
#define LISTING_FORMATS "table|json"

struct column {
	const char *title; /* NULL: only in JSON */
	const char *key;   /* NULL: only in the table */
};

struct listing;
/* `columns` ends with a column that has neither title nor key. */
struct listing *listing_new(const void *ctx, const struct column *columns);
/* The next cell, left to right; a row is complete when each column has one. */
void listing_cell(struct listing *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void listing_print(const struct listing *l, FILE *out, enum listing_format format);
/* Only this column's cells, a line each, without title. */
void listing_print_column(const struct listing *l, FILE *out, unsigned column);

/* One JSON value on a line of its own. */
struct json;
void listing_print_object(FILE *out, const struct json *object);

/* "About an hour ago", as Docker's HumanDuration says it; "N/A" when the RFC 3339 text is none. */
char *listing_ago(const void *ctx, const char *rfc3339);
/* The image id or container id as people see it: 12 digits, or all with its "sha256:". */
const char *listing_id(const void *ctx, const char *digest, bool is_whole);

#endif
