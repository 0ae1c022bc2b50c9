/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for other machines than ours, and what starts them: a static qemu-user of the host, which reads
 * program and interpreter by their guest paths, since its calls are traced as any other program's.
 */
#ifndef FAKEBUILD_FOREIGN_H
#define FAKEBUILD_FOREIGN_H

#include <stdbool.h>
#include <sys/stat.h>

#include "tracer/elf.h"

struct emulator {
	const char *machine; /* as uname -m says it there */
	const char *path;    /* canonical host path */
	struct stat real;
};

/*
 * The argument vector of an emulator:
 *	qemu-MACHINE [emulator_options of the run] -L / -0 argv[0] -- program argv[1]...
 * -L keeps it from folders of its own in the guest.
 */
enum { EMULATOR_OPTIONS_MAX = 16 };
unsigned foreign_option_count(void);
enum { EMULATOR_WORDS_BEFORE = 4, EMULATOR_WORDS_BEHIND = 2 }; /* around argv[0]: not the guest's to see */

/* Forget what was found: another run may look in other folders. */
void foreign_reset(void);
/* What starts a program with this head; NULL: nothing can. */
const struct emulator *foreign_emulator(const struct elf *e);
/* The machine that foreign_emulator last failed for, since there is no emulator; NULL: none. */
const char *foreign_missing(void);
/* Is this host path the file of an emulator that was found, or the patched copy of one? */
bool foreign_is_emulator(const char *host_path);

#endif
