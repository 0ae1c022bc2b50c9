/* SPDX-License-Identifier: Apache-2.0 */
/* Where processes are and which roots they have, by the names of these directories, and what becomes of that when names change. */
#ifndef FAKEBUILD_PLACES_H
#define FAKEBUILD_PLACES_H

#include <stdbool.h>

#include "tracer/path.h"

/*
 * Before the directory loses its name: keep it when it is somebody's root; the caller is its user.  NULL when it is nobody's,
 * or cannot be kept: then it is a root where nothing is found, not even itself.
 */
struct kept *places_keep(const struct object *directory);
/* It has lost its name: who is in it is nowhere; whose root it was has what was kept for that. */
void places_lose(const struct object *directory, struct kept *kept);
/* It has another name: processes in it, or below, are where it now is; or, `is_exchange`, both have each other's. */
void places_move(const struct object *from, const struct object *to, bool is_exchange);

#endif
