/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a namespace as a process in it, and in its root, is told of them. */
#ifndef FAKEBUILD_MOUNTLIST_H
#define FAKEBUILD_MOUNTLIST_H

#include <stdint.h>
#include <stdio.h>

#include "tracer/mounts.h"
#include "tracer/tracee.h"

/* /proc/PID/mounts, mountinfo and mountstats of the process. */
void mountlist_write_mounts(const struct tracee *of, FILE *out);
void mountlist_write_mountinfo(const struct tracee *of, FILE *out);
void mountlist_write_mountstats(const struct tracee *of, FILE *out);
/* The number of a mount that no other has ever had (STATX_MNT_ID_UNIQUE); mountinfo's is m->id. */
uint64_t mountlist_id(const struct mount *m);

#endif
