/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks of config.md, "POSIX-platform Hooks": programs that get the container's state on standard input. */
#ifndef FAKEBUILD_COMPAT_RUNC_HOOKS_H
#define FAKEBUILD_COMPAT_RUNC_HOOKS_H

#include "compat/runc/spec.h"
#include "compat/runc/state.h"

/* The state as hooks of this moment get it. */
char *hooks_state(const void *ctx, const struct runc_container *c, enum container_status status);
/* Run all of a kind, in order, until one fails: by its exit status, its time, or as it cannot be executed. */
int hooks_run(const struct spec *spec, enum hook_kind kind, const char *state, struct error *err);

#endif
