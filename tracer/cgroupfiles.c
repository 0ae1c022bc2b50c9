/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the files of control groups, one row each: what they say at first, when they are brought up to date, and the calls
 * that write to them.  The values are in the host's files themselves.
 */
#include "tracer/cgroupfiles.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/pids.h"
#include "tracer/path.h"
#include "tracer/users.h"

enum { WRITE_MAX = 4095 };

const struct controller_name controllers[CONTROLLERS] = {
	{ "cpuset", CONTROL_CPUSET }, { "cpu", CONTROL_CPU }, { "io", CONTROL_IO }, { "memory", CONTROL_MEMORY },
	{ "pids", CONTROL_PIDS },
};

static const struct control rows_of_files[] = {
	{ "cgroup.procs", CORE, 0, 0644, "", show_procs, store_procs, 0, 0 },
	{ "cgroup.threads", CORE, 0, 0644, "", show_threads, store_procs, 0, 0 },
	{ "cgroup.controllers", CORE, 0, 0444, "", show_controllers, NULL, 0, 0 },
	{ "cgroup.subtree_control", CORE, 0, 0644, "", show_below, store_below, 0, 0 },
	{ "cgroup.stat", CORE, 0, 0444, "", show_counts, NULL, 0, 0 },
	{ "cgroup.max.depth", CORE, 0, 0644, "max", NULL, store_limit, 0, 0 },
	{ "cgroup.max.descendants", CORE, 0, 0644, "max", NULL, store_limit, 0, 0 },
	{ "cgroup.type", CORE, NOT_OF_ROOT, 0644, "domain", NULL, store_type, 0, 0 },
	{ "cgroup.events", CORE, NOT_OF_ROOT, 0444, "", show_events, NULL, 0, 0 },
	{ "cgroup.freeze", CORE, NOT_OF_ROOT, 0644, "0", NULL, store_freeze, 0, 1 },
	{ "cgroup.kill", CORE, NOT_OF_ROOT, 0200, "", NULL, store_kill, 1, 1 },
	{ "cpu.stat", CORE, 0, 0444, "", show_cpu, NULL, 0, 0 },
	{ "cpu.weight", CONTROL_CPU, NOT_OF_ROOT, 0644, "100", NULL, store_number, 1, 10000 },
	{ "cpu.weight.nice", CONTROL_CPU, NOT_OF_ROOT, 0644, "0", NULL, store_number, -20, 19 },
	{ "cpu.max", CONTROL_CPU, NOT_OF_ROOT, 0644, "max 100000", NULL, store_bandwidth, 0, 0 },
	{ "cpu.max.burst", CONTROL_CPU, NOT_OF_ROOT, 0644, "0", NULL, store_number, 0, LONG_MAX },
	{ "cpu.idle", CONTROL_CPU, NOT_OF_ROOT, 0644, "0", NULL, store_number, 0, 1 },
	{ "cpuset.cpus", CONTROL_CPUSET, NOT_OF_ROOT, 0644, "", NULL, store_list, 0, 0 },
	{ "cpuset.mems", CONTROL_CPUSET, NOT_OF_ROOT, 0644, "", NULL, store_list, 0, 0 },
	{ "cpuset.cpus.effective", CONTROL_CPUSET, 0, 0444, "", show_cpus, NULL, 0, 0 },
	{ "cpuset.mems.effective", CONTROL_CPUSET, 0, 0444, "0", NULL, NULL, 0, 0 },
	{ "cpuset.cpus.partition", CONTROL_CPUSET, NOT_OF_ROOT, 0644, "member", NULL, store_text, 0, 0 },
	{ "io.max", CONTROL_IO, NOT_OF_ROOT, 0644, "", NULL, store_text, 0, 0 },
	{ "io.weight", CONTROL_IO, NOT_OF_ROOT, 0644, "default 100", NULL, store_text, 0, 0 },
	{ "io.stat", CONTROL_IO, 0, 0444, "", NULL, NULL, 0, 0 },
	{ "memory.current", CONTROL_MEMORY, NOT_OF_ROOT, 0444, "", show_memory, NULL, 0, 0 },
	{ "memory.stat", CONTROL_MEMORY, 0, 0444, "", show_memory_parts, NULL, 0, 0 },
	{ "memory.min", CONTROL_MEMORY, NOT_OF_ROOT | IN_BYTES, 0644, "0", NULL, store_limit, 0, 0 },
	{ "memory.low", CONTROL_MEMORY, NOT_OF_ROOT | IN_BYTES, 0644, "0", NULL, store_limit, 0, 0 },
	{ "memory.high", CONTROL_MEMORY, NOT_OF_ROOT | IN_BYTES, 0644, "max", NULL, store_limit, 0, 0 },
	{ "memory.max", CONTROL_MEMORY, NOT_OF_ROOT | IN_BYTES, 0644, "max", NULL, store_limit, 0, 0 },
	{ "memory.oom.group", CONTROL_MEMORY, NOT_OF_ROOT, 0644, "0", NULL, store_number, 0, 1 },
	{ "memory.events", CONTROL_MEMORY, NOT_OF_ROOT, 0444, "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0",
	  NULL, NULL, 0, 0 },
	{ "memory.swap.current", CONTROL_MEMORY, NOT_OF_ROOT, 0444, "0", NULL, NULL, 0, 0 },
	{ "memory.swap.high", CONTROL_MEMORY, NOT_OF_ROOT | IN_BYTES, 0644, "max", NULL, store_limit, 0, 0 },
	{ "memory.swap.max", CONTROL_MEMORY, NOT_OF_ROOT | IN_BYTES, 0644, "max", NULL, store_limit, 0, 0 },
	{ "memory.swap.events", CONTROL_MEMORY, NOT_OF_ROOT, 0444, "high 0\nmax 0\nfail 0", NULL, NULL, 0, 0 },
	{ "pids.max", CONTROL_PIDS, NOT_OF_ROOT, 0644, "max", NULL, store_tasks, 0, 0 },
	{ "pids.current", CONTROL_PIDS, NOT_OF_ROOT, 0444, "", show_task_count, NULL, 0, 0 },
	{ "pids.events", CONTROL_PIDS, NOT_OF_ROOT, 0444, "max 0", show_task_failures, NULL, 0, 0 },
};
enum { FILES = sizeof(rows_of_files) / sizeof(*rows_of_files) };

static const struct control *find(const char *name)
{
	for (size_t i = 0; i < FILES; i++)
		if (strcmp(rows_of_files[i].name, name) == 0)
			return &rows_of_files[i];
	return NULL;
}

/* ---- the host's files ---- */

static bool is_of(const struct control *row, const struct cgroup *g)
{
	return (!row->controller || (row->controller & cgroups_controllers(g))) && (g->parent || !(row->flags & NOT_OF_ROOT));
}

/* Only a change is written: who waits for one by inotify would wake for nothing, and look again. */
static void put(const struct cgroup *g, const struct control *row, const char *text, size_t length)
{
	char old[4096];
	CLEANUP_TALLOC char *path = cgroups_file(NULL, g, row->name);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && chmod(path, 0600) == 0) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		chmod(path, row->mode);
	}
	if (fd < 0)
		return;
	ssize_t n = read(fd, old, sizeof(old));
	if (n == (ssize_t)length && memcmp(old, text, length) == 0)
		return;
	if (pwrite(fd, text, length, 0) == (ssize_t)length && ftruncate(fd, length) < 0)
		return;
}

static void put_line(const struct cgroup *g, const struct control *row, const char *text)
{
	CLEANUP_TALLOC char *line = mem_printf(NULL, "%s\n", text);
	put(g, row, line, *text ? strlen(line) : 0);
}

static void refresh(const struct cgroup *g, const struct control *row)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = row->show ? open_memstream(&text, &length) : NULL;
	if (!out)
		return;
	row->show(g, out);
	fclose(out);
	put(g, row, text, length);
	free(text);
}

/* With what the table knows of it: inode numbers come again. */
static void remove_file(const char *path)
{
	struct stat st;
	if (lstat(path, &st) == 0 && unlink(path) == 0)
		meta_drop(session.meta, st.st_dev, st.st_ino);
}

int cgroups_make_files(const struct cgroup *g)
{
	for (size_t i = 0; i < FILES; i++) {
		const struct control *row = &rows_of_files[i];
		CLEANUP_TALLOC char *path = cgroups_file(NULL, g, row->name);
		if (!is_of(row, g)) {
			remove_file(path);
			continue;
		}
		if (access(path, F_OK) == 0)
			continue;
		CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		struct stat st;
		if (fd < 0 || fchmod(fd, row->mode) < 0 || fstat(fd, &st) < 0)
			return -errno;
		meta_drop(session.meta, st.st_dev, st.st_ino);
		put_line(g, row, row->initial);
	}
	return 0;
}

void cgroups_remove_files(const struct cgroup *g)
{
	for (size_t i = 0; i < FILES; i++) {
		CLEANUP_TALLOC char *path = cgroups_file(NULL, g, rows_of_files[i].name);
		remove_file(path);
	}
}

void cgroups_changed(const struct cgroup *g)
{
	static const struct control *events;
	if (!events)
		events = find("cgroup.events");
	for (; g->parent; g = g->parent)
		refresh(g, events);
}

void cgroups_task_refused(const struct cgroup *g)
{
	if (g->parent->below & CONTROL_PIDS)
		refresh(g, find("pids.events"));
}

/* ---- calls ---- */

void cgroups_opening(const struct object *o)
{
	const char *name;
	const struct cgroup *g = cgroups_of(o, &name);
	const struct control *row = g ? find(name) : NULL;
	if (row)
		refresh(g, row);
}

/* The bytes of write, pwrite64 and writev; their count or -errno. */
static ssize_t read_text(struct call *c, char text[WRITE_MAX + 1])
{
	size_t length = 0, width = c->abi == ABI_32 ? 4 : 8;
	bool is_vector = strcmp(c->row->name, "writev") == 0;
	uint64_t count = is_vector ? c->argument[2] & 0xffff : 1;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t part[2] = { c->argument[1], c->argument[2] };
		for (unsigned k = 0; is_vector && k < 2; k++) {
			part[k] = 0;
			if (memory_read(c->t, c->argument[1] + (2 * i + k) * width, &part[k], width) < 0)
				return -EFAULT;
		}
		/* kernfs_fop_write_iter takes what fits. */
		if (part[1] > WRITE_MAX - length)
			return -E2BIG;
		if (part[1] && memory_read(c->t, part[0], text + length, part[1]) < 0)
			return -EFAULT;
		length += part[1];
	}
	text[length] = '\0';
	return length;
}

static bool lists_members(const char *name)
{
	return strcmp(name, "cgroup.procs") == 0 || strcmp(name, "cgroup.threads") == 0 || strcmp(name, "tasks") == 0;
}

bool cgroups_is_hosts_list(const struct tracee *t, const struct object *o)
{
	enum { CGROUP_MAGIC = 0x27e0eb, CGROUP2_MAGIC = 0x63677270 }; /* of linux/magic.h */
	char target[PATH_MAX];
	struct statfs fs;
	if (!t->process->pids)
		return false;
	ssize_t n = o->is_fd ? readlink(o->host, target, sizeof(target) - 1) : snprintf(target, sizeof(target), "%s", o->host);
	target[n < 0 || n >= (ssize_t)sizeof(target) ? 0 : n] = '\0';
	const char *slash = strrchr(target, '/');
	return slash && lists_members(slash + 1) && statfs(path_short(o->host), &fs) == 0 &&
	       (fs.f_type == CGROUP_MAGIC || fs.f_type == CGROUP2_MAGIC);
}

/* The number that is written is that of the caller's namespace; the kernel is to get its own. */
static int64_t write_member(struct call *c, const struct object *o)
{
	char text[WRITE_MAX + NUMBER_ROOM], *end;
	ssize_t length = read_text(c, text);
	if (length <= 0)
		return length;
	long number = strtol(text, &end, 10);
	if (end == text || end[strspn(end, " \t\n")] || number < 0 || number > INT_MAX)
		return -EINVAL;
	const struct tracee *t = number ? pids_find(c->t->process->pids, number) : c->t;
	CLEANUP_CLOSE int fd = t ? open(path_short(o->host), O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return t ? -errno : -ESRCH;
	return dprintf(fd, "%d\n", number ? t->tid : t->process->pid) < 0 ? -errno : length;
}

int64_t hook_write(struct call *c)
{
	const char *name;
	char text[WRITE_MAX + NUMBER_ROOM];
	struct object *o = &c->object[0];
	if (users_is_file(c->t, call_int(c, 0))) {
		ssize_t size = read_text(c, text);
		return size < 0 ? (size == -E2BIG ? -EINVAL : size) : users_write(c, text, size);
	}
	if (c->t->process->pids && path_of_fd(c->t, call_int(c, 0), o) == 0 && cgroups_is_hosts_list(c->t, o))
		return write_member(c, o);
	if (!cgroups_is_open() || path_of_fd(c->t, call_int(c, 0), o) < 0)
		return CALL_PASS;
	struct cgroup *g = cgroups_of(o, &name);
	const struct control *row = g ? find(name) : NULL;
	if (!row)
		return CALL_PASS;
	if (!row->store)
		return -EINVAL;
	ssize_t length = read_text(c, text);
	if (length <= 0)
		return length;
	char *begin = text + strspn(text, " \t\n"), *end = text + strlen(text);
	while (end > begin && isspace((unsigned char)end[-1]))
		*--end = '\0';
	int r = row->store(row, g, c, begin);
	if (r < 0)
		return r;
	if (row->show)
		refresh(g, row);
	else if (row->mode & 0444)
		put_line(g, row, begin);
	return length;
}

/* Their callers fall back on writing. */
int64_t hook_copy_range(struct call *c)
{
	const char *name;
	unsigned to = strcmp(c->row->name, "copy_file_range") == 0 || strcmp(c->row->name, "splice") == 0 ? 2 : 0;
	struct object *o = &c->object[0];
	bool is_ours = cgroups_is_open() && path_of_fd(c->t, call_int(c, to), o) == 0 && cgroups_of(o, &name);
	return is_ours || users_is_file(c->t, call_int(c, to)) ? -EINVAL : CALL_PASS;
}

char *cgroups_members_inside(struct tracee *t, const struct object *o)
{
	static unsigned counter;
	const char *name = strrchr(o->host, '/') + 1;
	if (!t->process->pids || !lists_members(name))
		return NULL;
	char *path = mem_printf(t, "%s/members-%u", session.run_dir, counter++);
	FILE *in = fopen(path_short(o->host), "re"), *out = in ? fopen(path, "we") : NULL;
	for (int host; out && fscanf(in, "%d", &host) == 1;)
		fprintf(out, "%d\n", pids_shown(t->process->pids, host));
	if (in)
		fclose(in);
	if (out)
		fclose(out);
	else
		TALLOC_FREE(path);
	return path;
}
