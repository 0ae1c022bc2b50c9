/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a container may use: config-linux.md, "Allowed Device list", and the rules of version 1 of control groups. */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_DEVICES_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/json.h"
#include "tracer/base/error.h"

/* BPF_DEVCG_ACC_* of linux/bpf.h */
enum device_access { DEVICE_MAKE = 1, DEVICE_READ = 2, DEVICE_WRITE = 4 };

struct device_rule {
	char kind;            /* 'a' (both, all numbers), 'b', 'c' */
	int64_t major, minor; /* -1: all */
	unsigned access;      /* enum device_access */
	bool is_allowed;
	bool is_usual; /* nobody has asked for it: what is refused of these is left out */
};

/* In their order: the last one that says something of an access decides. */
struct device_rules {
	struct device_rule *items;
	size_t count;
};

/*
 * The rules of config.json, with what runc puts around them: what none of them names is denied, and what every container
 * has is allowed.  None when there are none.  On ctx.  Fails for a number that no device has.
 */
int cgroup_devices_read(const void *ctx, struct json *rules, struct device_rules **ret, struct error *err);
/*
 * What is to be written, in this order, so that a group of version 1 whose devices.list has this text holds these rules;
 * on ctx.  All is denied first only where not all is denied yet: the kernel refuses that to groups with others below.
 */
struct device_rules *cgroup_devices_changes(const void *ctx, const char *list, const struct device_rules *rules);
/*
 * Apply them to the group of version 1 whose folder this is.  Nothing is done when there are none.  Fails when the kernel
 * refuses a rule.
 */
int cgroup_devices_set(const char *folder, struct json *rules, struct error *err);

#endif
