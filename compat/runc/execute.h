/* SPDX-License-Identifier: Apache-2.0 */
/* From a process' arguments to a program, with the sentences that callers of an OCI runtime look for. */
#ifndef FAKEBUILD_COMPAT_RUNC_EXECUTE_H
#define FAKEBUILD_COMPAT_RUNC_EXECUTE_H

#include "compat/runc/spec.h"

/*
 * The program that the first argument names, looked up in PATH of the environment, as the user that we are.  Fails as
 * Go's exec.LookPath does ("exec: "x": executable file not found in $PATH"), with err->status 126 or 127.
 */
char *execute_find(const void *ctx, const struct spec_process *p, struct error *err);
/* The environment: the process' own, the last of each name; HOME when it has none or an empty one; and LISTEN_FDS for listen_fds > 0 of them. */
struct strlist *execute_environment(const void *ctx, const struct spec_process *p, int listen_fds);
/* Enter the working directory.  *ret_is_later: it needs the user's own rights, try again as him. */
int execute_enter(const char *cwd, bool *ret_is_later, struct error *err);
/* Returns only when it fails. */
int execute_program(const char *path, const struct spec_process *p, const struct strlist *env, struct error *err);

#endif
