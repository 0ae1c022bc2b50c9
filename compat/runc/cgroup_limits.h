/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a control group: the resources of config-linux.md, "Control groups", as the kernel's files have them. */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_LIMITS_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_LIMITS_H

#include "compat/runc/cgroup_tree.h"
#include "oci/json.h"
#include "tracer/base/error.h"

/*
 * Set those of the resources that are of this hierarchy to the group in it whose folder this is.  What the kernel has no file
 * for is passed over.  Fails naming the file that refuses what is asked for.
 */
int cgroup_limits_set(const struct hierarchy *h, const char *folder, struct json *resources, struct error *err);

#endif
