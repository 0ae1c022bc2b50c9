/* SPDX-License-Identifier: Apache-2.0 */
/* Time namespaces, time_namespaces(7): real where the kernel grants them, since Linux 5.6 and for real root. */
#ifndef FAKEBUILD_COMPAT_RUNC_CLOCKS_H
#define FAKEBUILD_COMPAT_RUNC_CLOCKS_H

#include "compat/runc/spec.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/*
 * Enter the time namespace that the spec asks for, a new one with its timeOffsets.  *ret_is_real is false when it asks for none,
 * or one is refused to this user: the host's clocks stay.  Fails when the kernel refuses the offsets.
 */
int clocks_enter(const struct spec *spec, bool *ret_is_real, struct error *err);
/* Enter the one that a process is in; nothing when we are in it. */
int clocks_join(pid_t pid, struct error *err);

#endif
