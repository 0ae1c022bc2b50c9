/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's ports that are others on the host: those that config pairs, and privileged ones.  One of these that it
 * binds is a free high port for the rest of the run; the guest sees the one it asked for, and reaches it by that.
 */
#ifndef FAKEBUILD_PORTS_H
#define FAKEBUILD_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "tracer/call.h"

/* An address to bind to, changed in place.  1 when it was, 0 when it stays, -EACCES. */
int ports_to_bind(const struct tracee *t, struct sockaddr_storage *a, size_t size);
/* An address to connect or send to: a port of the guest's own on this machine.  True when changed. */
bool ports_to_reach(struct sockaddr_storage *a, size_t size);
/* An address that the kernel told.  True when changed. */
bool ports_to_show(struct sockaddr_storage *a, size_t size);
/* A new run has none. */
void ports_reset(void);

#endif
