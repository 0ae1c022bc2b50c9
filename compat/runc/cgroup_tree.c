/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is known of mounted hierarchies, and the making of folders there. */
#include "compat/runc/cgroup_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { MOUNTINFO_MAX_BYTES = 4 << 20, FILE_MAX_BYTES = 65536 };

static void add_hierarchy(struct hierarchies *h, char *line)
{
	char *save = NULL, *fields[64], *dash = strstr(line, " - ");
	size_t count = 0;
	if (!dash)
		return;
	bool is_first = strncmp(dash, " - cgroup ", 10) == 0, is_second = strncmp(dash, " - cgroup2 ", 11) == 0;
	for (char *field = strtok_r(line, " ", &save); field && count < 64; field = strtok_r(NULL, " ", &save))
		fields[count++] = field;
	if ((!is_first && !is_second) || count < 7 || strcmp(fields[3], "/") != 0)
		return;
	h->items = mem_grow(h, h->items, struct hierarchy, h->count + 1);
	h->items[h->count++] = (struct hierarchy){
		.point = mem_strdup(h, fields[4]),
		.controllers = is_first ? mem_printf(h, ",%s,", fields[count - 1]) : NULL,
	};
}

struct hierarchies *cgroup_hierarchies(const void *ctx)
{
	struct hierarchies *h = mem_new(ctx, struct hierarchies);
	char *text, *save = NULL;
	if (io_read_file(h, AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &text, NULL, NULL) < 0)
		return h;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		add_hierarchy(h, line);
	return h;
}

bool cgroup_has_controller(const struct hierarchy *h, const char *name)
{
	CLEANUP_TALLOC char *wanted = mem_printf(NULL, ",%s,", name);
	return h->controllers && strstr(h->controllers, wanted);
}

/* The path of a line of /proc/self/cgroup, "4:memory:/a" or "0::/a", when it is the hierarchy's; NULL: it is not. */
static const char *path_in(const struct hierarchy *h, char *line)
{
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path)
		return NULL;
	controllers++;
	*path++ = '\0';
	/* Of controllers that are mounted together, one tells. */
	size_t first = strcspn(controllers, ",");
	if (!h->controllers)
		return *controllers ? NULL : path;
	controllers[first] = '\0';
	return *controllers && cgroup_has_controller(h, controllers) ? path : NULL;
}

char *cgroup_own_path(const void *ctx, const struct hierarchy *h)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text, *save = NULL;
	const char *path = NULL;
	if (io_read_file(scratch, AT_FDCWD, "/proc/self/cgroup", FILE_MAX_BYTES, &text, NULL, NULL) < 0)
		return mem_strdup(ctx, "");
	for (char *line = strtok_r(text, "\n", &save); line && !path; line = strtok_r(NULL, "\n", &save))
		path = path_in(h, line);
	/* One outside the mount's root, cgroup_namespaces(7), has no path here. */
	if (!path || text_starts(path, "/..") || strcmp(path, "/") == 0)
		return mem_strdup(ctx, "");
	return mem_strndup(ctx, path, h->controllers ? strlen(path) : (size_t)(strrchr(path, '/') - path));
}

int cgroup_write(const char *folder, const char *name, const char *text)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", folder, name);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

char *cgroup_read(const void *ctx, const char *folder, const char *name)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", folder, name);
	char *text;
	if (io_read_file(ctx, AT_FDCWD, path, FILE_MAX_BYTES, &text, NULL, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* cpusets begin empty, and take no process before they have CPUs and memory. */
static void inherit_cpuset(const char *parent, const char *folder)
{
	static const char *const names[] = { "cpuset.cpus", "cpuset.mems" };
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	for (size_t i = 0; i < 2; i++) {
		const char *own = cgroup_read(scratch, folder, names[i]), *above = cgroup_read(scratch, parent, names[i]);
		if (own && !*own && above)
			cgroup_write(folder, names[i], above);
	}
}

int cgroup_make_folder(const struct hierarchy *h, const char *path)
{
	static const char *const controllers[] = { "+memory", "+cpu", "+cpuset", "+pids", "+io" };
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, h->point);
	for (const char *part = path; *part;) {
		part += strspn(part, "/");
		size_t length = strcspn(part, "/");
		CLEANUP_TALLOC char *folder = mem_printf(NULL, "%s/%.*s", parent, (int)length, part);
		for (size_t i = 0; !h->controllers && i < sizeof(controllers) / sizeof(*controllers); i++)
			cgroup_write(parent, "cgroup.subtree_control", controllers[i]);
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (cgroup_has_controller(h, "cpuset"))
			inherit_cpuset(parent, folder);
		talloc_free(parent);
		parent = mem_strdup(NULL, folder);
		part += length;
	}
	return 0;
}
