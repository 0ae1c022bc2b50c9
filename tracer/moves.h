/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and symlinks that lose their names, while walks go over them (struct shim_moves): the tracer's moves, and what
 * it may remember of a walk.  Who takes a name away, here or in the shim, says that he begins before he looks whether
 * a walk has been there; and a walk leaves its trace (fast_walked) before it looks whether somebody has begun.  So
 * one of the two sees the other.
 */
#ifndef FAKEBUILD_MOVES_H
#define FAKEBUILD_MOVES_H

#include <stdbool.h>
#include <stdint.h>

/* A directory is about to lose its name; it has lost it, or not: what processes have looked at themselves is void. */
void moves_begin(void);
void moves_end(void);

/* At the start of a walk. */
struct moves_since {
	uint64_t begun;
	bool is_quiet; /* nobody was at it */
};
struct moves_since moves_since(void);
/* Behind it, when it has left its trace: may be remembered where it has led? */
bool moves_allow(const struct moves_since *since);

#endif
