/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of the kernel's own that are entered: networks and clocks. */
#ifndef FAKEBUILD_COMPAT_RUNC_KERNEL_NAMESPACE_H
#define FAKEBUILD_COMPAT_RUNC_KERNEL_NAMESPACE_H

#include "tracer/base/error.h"

struct kernel_namespace {
	int clone_flag;
	const char *own;  /* the file that leads to ours, "/proc/self/ns/net" */
	const char *kind; /* for people: "network" */
};

/* Enter the one at this path; nothing when we are in it.  err->number is ENOENT when there is no such file. */
int kernel_namespace_join(const struct kernel_namespace *ns, const char *path, struct error *err);

#endif
