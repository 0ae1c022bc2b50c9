/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container that joins namespaces of another one, as members of a pod do.  It is made in that one's session, which knows
 * them: processes, mounts, host names, IPC.  The session lasts until its last process has ended, whoever that is of.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_SHARED_H
#define FAKEBUILD_COMPAT_RUNC_SHARED_H

#include "compat/runc/spec.h"
#include "compat/runc/state.h"

/*
 * c, which is about to be made, gets the session of the container beside it whose namespaces its config.json names.
 * *ret_is_shared is false when it names none, so that c needs a session of its own.
 */
int shared_begin(struct runc_container *c, const struct spec *spec, bool *ret_is_shared, struct error *err);
/* The process in whose pid namespace c's first begins; 0: it names none. */
pid_t shared_pids_of(const struct runc_container *c);
/* Join all others that c's config.json names by paths, as a guest of the session.  *ret_joined are their CLONE_NEW* flags. */
int shared_join(const struct runc_container *c, unsigned *ret_joined, struct error *err);
/* Do other containers use c's session, too? */
bool shared_is_used(const struct runc_container *c);

#endif
