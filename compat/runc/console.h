/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for who asked for them: sent over a Unix socket, as runc's callers expect. */
#ifndef FAKEBUILD_COMPAT_RUNC_CONSOLE_H
#define FAKEBUILD_COMPAT_RUNC_CONSOLE_H

#include <sys/types.h>

#include "tracer/base/error.h"
#include "tracer/base/terminal.h"

/* Send the terminal's master to who listens at socket_path. */
int console_send(const struct terminal *t, const char *socket_path, struct error *err);
/* Send a descriptor and a text over a connected socket. */
int console_send_over(int to, int fd, const char *text, struct error *err);
/* Send a descriptor of the process. */
int console_send_pidfd(pid_t pid, const char *socket_path, struct error *err);

#endif
