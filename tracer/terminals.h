/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pseudo-terminals are the guest's.  Its instances of devpts are the host's one, which has everybody's: they list those
 * that a process of the guest has an end of, or has as its controlling terminal.
 */
#ifndef FAKEBUILD_TERMINALS_H
#define FAKEBUILD_TERMINALS_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/mounts.h"

/* Is this host directory, which the mount shows, an instance of devpts in the guest? */
bool terminals_are_in(const struct mount *m, const char *host);
struct terminals {
	unsigned *numbers;
	size_t count;
	bool are_told; /* the kernel tells whose masters are whose: Linux 4.16; else all are to be shown */
};
/* Those of the guest by now, on ctx. */
struct terminals terminals_of_guest(const void *ctx);
/* Is a name of such a directory one of them, or none of a terminal? */
bool terminals_have(const struct terminals *t, const char *name);

#endif
