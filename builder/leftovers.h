/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unnamed containers last as long as their run.  A run holds a lock in its container, which a kill
 * -9 lets go of; so what is nobody's is known also where processes of others cannot be seen.
 */
#ifndef FAKEBUILD_BUILDER_LEFTOVERS_H
#define FAKEBUILD_BUILDER_LEFTOVERS_H

#include <stdbool.h>

#include "oci/container.h"

/* Say that this process uses the container, until the descriptor is closed.  -errno on failure. */
int leftovers_hold(const struct container *c);
/* Remove the unnamed containers that nobody uses, or only count them. */
int leftovers_remove(struct store *s, bool is_dry_run, unsigned *ret_count, struct error *err);

#endif
