/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the two ways to be told of it: of version 1 an eventfd (admin-guide/cgroup-v1/memory.rst, "OOM Control"), of
 * version 2 the changes of memory.events.
 */
#include "compat/runc/cgroup_memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "compat/runc/cgroup.h"
#include "compat/runc/cgroup_tree.h"
#include "tracer/base/io.h"

enum { EVENTS_MAX_BYTES = 4096 };

static int close_watch(struct memory_watch *w)
{
	io_cleanup_close(&w->fd);
	return 0;
}

/* "<event_fd> <fd of memory.oom_control>" to cgroup.event_control */
static int watch_first(const char *folder)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/memory.oom_control", folder);
	CLEANUP_CLOSE int control = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || event < 0)
		return -1;
	CLEANUP_TALLOC char *line = mem_printf(NULL, "%d %d", event, control);
	return cgroup_write(folder, "cgroup.event_control", line) < 0 ? -1 : io_take_fd(&event);
}

static int watch_second(const char *folder)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/memory.events", folder);
	CLEANUP_CLOSE int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0 ? -1 : io_take_fd(&fd);
}

/* The line "oom_kill N". */
static uint64_t killed_so_far(const char *folder)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/memory.events", folder);
	CLEANUP_TALLOC char *text = NULL;
	if (io_read_file(NULL, AT_FDCWD, path, EVENTS_MAX_BYTES, &text, NULL, NULL) < 0)
		return 0;
	const char *at = strstr(text, "oom_kill ");
	return at ? strtoull(at + strlen("oom_kill "), NULL, 10) : 0;
}

struct memory_watch *memory_watch_open(const void *ctx, const struct runc_container *c)
{
	struct memory_watch *w = mem_new(ctx, struct memory_watch);
	const struct cgroup_views *views = cgroup_views(w, c);
	w->fd = -1;
	talloc_set_destructor(w, close_watch);
	for (size_t i = 0; i < views->count && w->fd < 0; i++) {
		const char *folder = views->items[i].folder;
		bool is_second = !*views->items[i].name;
		w->fd = is_second ? watch_second(folder) : watch_first(folder);
		w->folder = is_second ? folder : NULL;
	}
	w->killed = w->folder ? killed_so_far(w->folder) : 0;
	return w;
}

bool memory_watch_read(struct memory_watch *w)
{
	char buffer[4096];
	if (read(w->fd, buffer, sizeof(buffer)) <= 0)
		return false;
	if (!w->folder)
		return true;
	uint64_t before = w->killed;
	w->killed = killed_so_far(w->folder);
	return w->killed > before;
}
