/* SPDX-License-Identifier: Apache-2.0 */
/* The argument and environment vectors that a program starts with when a script or an emulator is behind it. */
#ifndef FAKEBUILD_VECTORS_H
#define FAKEBUILD_VECTORS_H

#include "tracer/call.h"
#include "tracer/foreign.h"

enum { SCRIPT_DEPTH = 5 }; /* exec_binprm of fs/exec.c */

/* New leading arguments of a script, outermost interpreter first; NULL: what argv[0] was. */
struct leading {
	const char *text[2 * SCRIPT_DEPTH + 2 + EMULATOR_WORDS_BEFORE + EMULATOR_WORDS_BEHIND + EMULATOR_OPTIONS_MAX];
	unsigned count;
};

/* Replace the first element of the vector in argument n by the leading ones.  0 or -errno. */
int64_t vectors_lead(struct call *c, unsigned n, const struct leading *lead);
/*
 * Turn the environment in argument n round: emulators hand theirs on from its end, and of a name that is there
 * twice the last, not the first.  0 or -errno.
 */
int64_t vectors_turn(struct call *c, unsigned n);

#endif
