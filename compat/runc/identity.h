/* SPDX-License-Identifier: Apache-2.0 */
/* What a process is allowed to: user, capabilities, limits; config.md, "Process", in the order that the kernel needs. */
#ifndef FAKEBUILD_COMPAT_RUNC_IDENTITY_H
#define FAKEBUILD_COMPAT_RUNC_IDENTITY_H

#include "compat/runc/spec.h"

/* Raise the hard limits that real root may raise, before a session answers for it; what is refused stays. */
void identity_raise_limits(const struct spec_process *p);
/*
 * Become the user, with the limits and capabilities of the process.  Fails with a sentence that names what the kernel
 * refused.
 */
int identity_take(const struct spec_process *p, struct error *err);
/* The home of this user id in the root's /etc/passwd; "/" when it has none there.  On ctx. */
char *identity_home(const void *ctx, uid_t uid);

#endif
