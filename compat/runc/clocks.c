/* SPDX-License-Identifier: Apache-2.0 */
/* Owns time namespaces. */
#include "compat/runc/clocks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/runc/kernel_namespace.h"
#include "compat/runc/spec_members.h"
#include "tracer/base/io.h"

/* "clock-id offset-secs offset-nanosecs" */
static int write_offset(const char *clock, struct json *offset, void *arg)
{
	struct error *err = arg;
	CLEANUP_TALLOC char *line = mem_printf(NULL, "%s %" PRId64 " %" PRId64 "\n", clock, json_get_int(offset, "secs", 0),
					       json_get_int(offset, "nanosecs", 0));
	CLEANUP_CLOSE int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		return error_set(err, errno, "cannot set linux.timeOffsets.%s", clock);
	return 0;
}

static int join(const char *path, struct error *err)
{
	static const struct kernel_namespace clocks = { CLONE_NEWTIME, "/proc/self/ns/time", "time" };
	int r = kernel_namespace_join(&clocks, path, err);
	/* A kernel without them has no such file. */
	if (r == 0 || err->number != ENOENT)
		return r;
	error_clear(err);
	return 0;
}

int clocks_enter(const struct spec *spec, bool *ret_is_real, struct error *err)
{
	const struct spec_namespace *wanted = NULL;
	*ret_is_real = false;
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].clone_flag == CLONE_NEWTIME)
			wanted = &spec->namespaces[i];
	if (!wanted)
		return 0;
	if (wanted->path) {
		*ret_is_real = true;
		return join(wanted->path, err);
	}
	/* It is for children only, and its offsets can be written until there is a process in it. */
	struct json *offsets = json_get(json_get(spec->document, "linux"), "timeOffsets");
	if (unshare(CLONE_NEWTIME) < 0)
		return errno == EPERM || !members_ask(offsets) ? 0 : error_set(err, errno, "cannot make a time namespace");
	*ret_is_real = true;
	if (json_each(offsets, write_offset, err) != 0)
		return -1;
	return join("/proc/self/ns/time_for_children", err);
}

int clocks_join(pid_t pid, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/ns/time", pid);
	return join(path, err);
}
