/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of a container that has no supervisor, as we are somebody's guest ourselves: those in the mount namespace of
 * its first process.  Nobody can stop them unseen; SIGSTOP is what is left.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_GUESTS_H
#define FAKEBUILD_COMPAT_RUNC_GUESTS_H

#include <sys/types.h>

#include "tracer/base/error.h"

/* Pids of all that share the namespace with `first`, on ctx; it alone, when that is ours as well. */
int guests_list(const void *ctx, pid_t first, pid_t **ret, size_t *ret_count, struct error *err);
/* Send all of them a signal. */
int guests_kill(pid_t first, int signal_number, struct error *err);

#endif
