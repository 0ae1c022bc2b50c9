/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about system calls to programs of seccomp(2), and the numbers of calls: all that libseccomp is asked for. */
#ifndef FAKEBUILD_BASE_PROFILE_H
#define FAKEBUILD_BASE_PROFILE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/error.h"

/* The number of a call by its name for an AUDIT_ARCH_*; negative: it has none. */
int profile_call_number(uint32_t audit_arch, const char *name);

/* scmp_filter_ctx's comparisons, by libseccomp's names: "SCMP_CMP_EQ". */
struct profile_condition {
	unsigned argument; /* 0 to 5 */
	int comparison;
	uint64_t value, second; /* of SCMP_CMP_MASKED_EQ: mask, value */
};

struct profile;
/* Actions are SECCOMP_RET_* with their data.  Fails when libseccomp or its kernel headers are too old for it. */
int profile_new(const void *ctx, uint32_t default_action, struct profile **ret, struct error *err);
/* Another architecture than the machine's, by libseccomp's name in any form: "SCMP_ARCH_X86".  Fails when there is none. */
int profile_add_arch(struct profile *p, const char *name, struct error *err);
/* The comparison of this name; -1: there is none. */
int profile_comparison(const char *name);
/*
 * What becomes of a call; all conditions must hold.  A call that nobody knows here is left out.  Fails when the rules
 * contradict each other.
 */
int profile_add_rule(struct profile *p, const char *call, uint32_t action, const struct profile_condition *conditions,
		     unsigned count, struct error *err);
/*
 * The program, on ctx.  Calls that are newer than all the rules' get ENOSYS where the default is another error, so that
 * libcs fall back.
 */
int profile_program(const void *ctx, struct profile *p, struct sock_filter **ret, unsigned short *ret_length,
		    struct error *err);

#endif
