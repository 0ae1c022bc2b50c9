/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for devices as a program of the kernel's, on a group of version 2: BPF_PROG_TYPE_CGROUP_DEVICE, since Linux 4.15. */
#ifndef FAKEBUILD_COMPAT_RUNC_DEVICE_PROGRAM_H
#define FAKEBUILD_COMPAT_RUNC_DEVICE_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "compat/runc/cgroup_devices.h"
#include "tracer/base/error.h"

/* struct bpf_insn of linux/bpf.h */
struct device_instruction {
	uint8_t code, registers; /* the destination's number in the low four bits, the source's above */
	int16_t offset;
	int32_t value;
};
struct device_program {
	struct device_instruction *items;
	size_t count;
};

/* What decides by these rules, on ctx: for each access of one call the last rule that names it; by none it is denied. */
struct device_program *device_program_make(const void *ctx, const struct device_rules *rules);
/* Put it on the group whose folder this is, in the place of those that are there.  Fails when the kernel refuses that. */
int device_program_put(const char *folder, const struct device_rules *rules, struct error *err);

#endif
