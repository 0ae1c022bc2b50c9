/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a run, with which it begins and, but for TRACER_UNTIL_LAST, ends.
 */
#ifndef FAKEBUILD_FIRST_H
#define FAKEBUILD_FIRST_H

#include <linux/filter.h>

#include "tracer/mounts.h"
#include "tracer/tracee.h"
#include "tracer/tracer.h"

/* The tracee that all others inherit from, with the config's identity and mounts: `known`, which it takes, or else made anew. */
struct tracee *first_make(const struct tracer_config *config, pid_t pid, struct mounts *known, struct error *err);
/* Fork and seize it, and let it go on to its execve, behind this filter; session.first_pid is it. */
int first_start(const struct tracer_config *config, const struct sock_fprog *filter, struct mounts *known, struct error *err);
/*
 * In a child, which it never returns from: join the session at `socket_path` and become the command.  Before that an error
 * is written to `report`, which the execve closes.
 */
void first_enter(const char *socket_path, const struct tracer_config *config, int report) __attribute__((noreturn));
/* It never became the command, but ended with this status: say why.  -1. */
int first_explain(const struct tracer_config *config, int status, struct error *err);

#endif
