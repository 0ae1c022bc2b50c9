/* SPDX-License-Identifier: Apache-2.0 */
/* Names with values, looked up in constant time, listed in the order in which they came. */
#ifndef FAKEBUILD_BUILDER_VARIABLES_H
#define FAKEBUILD_BUILDER_VARIABLES_H

#include <stdbool.h>

#include "tracer/base/mem.h"

struct variables;
struct variables *variables_new(const void *ctx);
struct variables *variables_copy(const void *ctx, const struct variables *from);
/* Replaces; value may be NULL: the name is there without one. */
void variables_set(struct variables *v, const char *name, const char *value);
/* "KEY=VALUE". */
void variables_set_line(struct variables *v, const char *line);
/* NULL: not there, or without a value. */
const char *variables_get(const struct variables *v, const char *name, size_t size);
bool variables_have(const struct variables *v, const char *name);
/* The first names, as many as are worth suggesting one from; ended by NULL, on ctx. */
const char **variables_names(const void *ctx, const struct variables *v);

#endif
