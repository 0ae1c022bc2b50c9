/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) for a container that systemd started: whoever is named by NOTIFY_SOCKET is told when the container says
 * that it is ready.  It says so at a socket of ours, which it finds at /run/notify.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_NOTIFY_H
#define FAKEBUILD_COMPAT_RUNC_NOTIFY_H

#include <stdbool.h>

#include "compat/runc/spec.h"
#include "compat/runc/state.h"

struct notify;

/* Before a container is made: add the folder of its socket, and the variable that names it, when NOTIFY_SOCKET is set. */
int notify_offer(const struct runc_container *c, struct spec *spec, struct error *err);
/* Before it is started: listen.  *ret is NULL when nobody is to be told, or nothing was offered.  On ctx. */
int notify_listen(const void *ctx, const struct runc_container *c, struct notify **ret, struct error *err);
/*
 * Once it is started: wait until it is ready or has ended, and pass on READY=1, the process that stands for it (`main`) and a
 * barrier.  In the background: by a child that lives no longer than we do.
 */
void notify_forward(struct notify *n, pid_t first, pid_t main, bool is_in_background);

#endif
