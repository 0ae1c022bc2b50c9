/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a container may use, where the kernel has control groups of version 1 for it: config-linux.md, "Allowed Device list". */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_DEVICES_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_DEVICES_H

#include "oci/json.h"
#include "tracer/base/error.h"

/*
 * Apply these rules, in their order, to the group whose folder this is, and then let it have what every container has.
 * Nothing is done when there are none.  Fails when the kernel refuses a rule.
 */
int cgroup_devices_set(const char *folder, struct json *rules, struct error *err);

#endif
