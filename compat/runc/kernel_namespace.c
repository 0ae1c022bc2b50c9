/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way into a namespace of the kernel's. */
#include "compat/runc/kernel_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "tracer/base/io.h"

static bool is_ours(const struct kernel_namespace *ns, int fd)
{
	struct stat wanted, own;
	return fstat(fd, &wanted) == 0 && stat(ns->own, &own) == 0 && wanted.st_ino == own.st_ino && wanted.st_dev == own.st_dev;
}

int kernel_namespace_join(const struct kernel_namespace *ns, const char *path, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open the %s namespace '%s'", ns->kind, path);
	if (!is_ours(ns, fd) && setns(fd, ns->clone_flag) < 0)
		return error_set(err, errno, "cannot join the %s namespace '%s'", ns->kind, path);
	return 0;
}
