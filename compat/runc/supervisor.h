/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: the process that traces a container's processes, from `create` until the first of them has ended.
 * It is nobody's guest, holds none of the caller's descriptors, and is gone when its lock is free.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_SUPERVISOR_H
#define FAKEBUILD_COMPAT_RUNC_SUPERVISOR_H

#include "compat/runc/spec.h"
#include "compat/runc/state.h"

/* Files of it in a container's folder. */
#define SUPERVISOR_LOCK "supervisor.lock" /* held as long as it lives */
#define SUPERVISOR_RUN "run"              /* a link to its private folder */

/* What the command keeps of a supervisor until a process has joined it. */
struct supervisor_start {
	int keeper; /* closed, it ends when nobody has joined */
	int report; /* says why it ended, when it could not begin */
};
/*
 * Begin to serve at <dir>/session; sets c->supervisor.  Fails when there is no room for its private folder, or
 * the metadata table cannot be had.
 */
int supervisor_begin(struct runc_container *c, const struct spec *spec, struct supervisor_start *ret, struct error *err);
/* Nobody could join: its own reason into *err, when it has ended for one. */
void supervisor_explain(const struct supervisor_start *s, struct error *err);
void supervisor_close(struct supervisor_start *s);
/* Wait until it has ended, killing it after a while, and remove what it left. */
void supervisor_end(struct runc_container *c);

#endif
