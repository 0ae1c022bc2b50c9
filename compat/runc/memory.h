/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a container's memory comes from: `memoryPolicy` of config-linux.md. */
#ifndef FAKEBUILD_COMPAT_RUNC_MEMORY_H
#define FAKEBUILD_COMPAT_RUNC_MEMORY_H

#include <sched.h>

#include "compat/runc/spec_members.h"

struct memory_policy {
	bool is_said;
	int mode;        /* MPOL_* with MPOL_F_* of linux/mempolicy.h */
	cpu_set_t nodes;
};

/* Hook of a member row; to: a struct memory_policy.  Its sentences have runc's words. */
int memory_read_policy(struct member_reader *r, struct json *value, void *to);
/* Take it for the calling process.  Fails with a sentence that names what the kernel refused. */
int memory_take_policy(const struct memory_policy *p, struct error *err);

#endif
