/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program wrote, as lines of harmless text: its terminal sequences taken out, "\r" and backspace done (so
 * that of a progress bar its last state is left), bytes that are no UTF-8 replaced.
 */
#ifndef FAKEBUILD_BUILDER_TAIL_H
#define FAKEBUILD_BUILDER_TAIL_H

#include <stddef.h>

#include "tracer/base/mem.h"

/* The last lines of an output that goes on. */
struct tail;
struct tail *tail_new(const void *ctx, unsigned lines);
void tail_feed(struct tail *t, const char *bytes, size_t size);
/* Its last rows on a terminal of so many columns: long lines folded, empty ones left out. */
struct strlist *tail_rows(const void *ctx, const struct tail *t, unsigned rows, unsigned columns);

/* One line, or what is left of it, as text of one line. */
char *tail_line(const void *ctx, const char *bytes, size_t size);
/* Text without terminal sequences cut to so many columns; *ret_columns is how many it takes. */
char *tail_cut(const void *ctx, const char *text, unsigned columns, unsigned *ret_columns);

#endif
