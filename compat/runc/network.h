/* SPDX-License-Identifier: Apache-2.0 */
/* The one namespace that is real where the kernel grants it: docker's and podman's networks are made of them. */
#ifndef FAKEBUILD_COMPAT_RUNC_NETWORK_H
#define FAKEBUILD_COMPAT_RUNC_NETWORK_H

#include "compat/runc/spec.h"

/*
 * Enter the network namespace that the spec asks for: a new one with its loopback up and the spec's net.* sysctls, or
 * the one at its path.  *ret_is_real is false when it asks for none, or a new one is refused to this user: the host's
 * stays.  Fails when one with a path is not to be had and is not the one we are in.
 */
int network_enter(const struct spec *spec, bool *ret_is_real, struct error *err);
/* Enter the one that a process is in; nothing when we are in it. */
int network_join(pid_t pid, struct error *err);

#endif
