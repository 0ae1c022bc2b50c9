/* SPDX-License-Identifier: Apache-2.0 */
/* What a container may not call: `seccomp` of config-linux.md, as filters that the session puts behind its own. */
#ifndef FAKEBUILD_COMPAT_RUNC_SECCOMP_H
#define FAKEBUILD_COMPAT_RUNC_SECCOMP_H

#include <linux/filter.h>

#include "oci/json.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

struct seccomp_filter {
	struct sock_filter *program;
	unsigned short length; /* 0: nothing is forbidden */
	unsigned flags;        /* SECCOMP_FILTER_FLAG_* */
	bool has_default_flags; /* those that the kernel does not know are left out */
};

/*
 * Make the filter of this member (NULL: none), on ctx.  Fails for names that are none, and for SCMP_ACT_NOTIFY: whom the
 * agent lets go on, the kernel would not show to the session any more.
 */
int seccomp_make(const void *ctx, struct json *seccomp, struct seccomp_filter *ret, struct error *err);
/* Take it for the calling process: a guest with CAP_SYS_ADMIN, or that gains no new privileges. */
int seccomp_take(const struct seccomp_filter *f, struct error *err);
/* For `features`. */
void seccomp_tell_features(struct json *of_seccomp);

#endif
