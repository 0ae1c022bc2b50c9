/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF program that an execve starts: behind scripts, with its interpreter, its set-id bits and capabilities. */
#ifndef FAKEBUILD_PROGRAM_H
#define FAKEBUILD_PROGRAM_H

#include "tracer/call.h"
#include "tracer/foreign.h"
#include "tracer/vectors.h"

struct patched {
	const char *path; /* of the copy, NULL: there is none */
	uint32_t front_at; /* struct patch_counts */
};

struct program {
	char host[PATH_ROOM], guest[PATH_ROOM];
	char interpreter[PATH_ROOM]; /* host path, "" when it has none */
	struct patched text, interpreter_text;
	enum abi abi;
	const struct emulator *emulator; /* that starts it, NULL: it is one of ours */
	struct exec_file file;
	struct stat real;
	bool is_readable;
	bool is_by_descriptor; /* no name leads to it, or none that will after the execve */
};

/*
 * Follow scripts from c->object[0] down to the program, which is left there, as `lead` is what comes in front of the
 * arguments.  `given` is the path as the guest gave it, which the innermost script's interpreter gets as its argument;
 * is_lost: it leads there no more when the program has started.  What execve(2) says when there is none; c->t->exec
 * is to be there, and keeps what has no name (keeper.h).
 */
int program_find(struct call *c, const char *given, bool is_lost, struct leading *lead, struct program *ret);

#endif
