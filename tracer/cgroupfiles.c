/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the files of control groups, one row each: what they say at first, how they are brought up to date before they
 * are read, and what is done with what is written.  The values are in the host's files themselves.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/cgroups.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/path.h"

enum { WRITE_MAX = 4095, PAGE_BYTES = 4096, NUMBER_ROOM = 64 };
enum { CORE = 0, NOT_OF_ROOT = 1, IN_BYTES = 2 };

struct control {
	const char *name;
	unsigned controller; /* enum controller, CORE: of every group */
	unsigned flags;
	mode_t mode;
	const char *initial;
	void (*show)(const struct cgroup *g, FILE *out); /* NULL: what is in the file holds */
	/* Of a text without blanks around it, which it may change to what is to be read back.  0 or -errno. */
	int (*store)(const struct control *row, struct cgroup *g, struct call *c, char *text);
	long low, high; /* of numbers */
};

static const struct {
	const char *name;
	unsigned bit;
} controllers[] = {
	{ "cpuset", CONTROL_CPUSET }, { "cpu", CONTROL_CPU }, { "io", CONTROL_IO }, { "memory", CONTROL_MEMORY },
	{ "pids", CONTROL_PIDS },
};
enum { CONTROLLERS = sizeof(controllers) / sizeof(*controllers) };

/* ---- what they say ---- */

struct members {
	const struct cgroup *of;
	bool is_subtree, has_threads;
	pid_t *ids;
	size_t count;
};

static int list_member(struct tracee *t, void *arg)
{
	struct members *m = arg;
	if (!t->is_known || !t->process->cgroup || (!m->has_threads && t->tid != t->process->pid) ||
	    (m->is_subtree ? !cgroups_is_below(t->process->cgroup, m->of) : t->process->cgroup != m->of))
		return 0;
	m->ids = mem_grow(NULL, m->ids, pid_t, m->count + 1);
	m->ids[m->count++] = t->tid;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

static void show_members(const struct cgroup *g, FILE *out, bool has_threads)
{
	struct members m = { .of = g, .has_threads = has_threads };
	tracee_each(list_member, &m);
	if (m.count)
		qsort(m.ids, m.count, sizeof(*m.ids), by_number);
	for (size_t i = 0; i < m.count; i++)
		fprintf(out, "%d\n", m.ids[i]);
	talloc_free(m.ids);
}

static void show_procs(const struct cgroup *g, FILE *out)
{
	show_members(g, out, false);
}

static void show_threads(const struct cgroup *g, FILE *out)
{
	show_members(g, out, true);
}

static void show_names(unsigned bits, FILE *out)
{
	const char *between = "";
	for (size_t i = 0; i < CONTROLLERS; i++)
		if (bits & controllers[i].bit) {
			fprintf(out, "%s%s", between, controllers[i].name);
			between = " ";
		}
	fputc('\n', out);
}

static unsigned own_controllers(const struct cgroup *g)
{
	return g->parent ? g->parent->below : CONTROL_ALL;
}

static void show_controllers(const struct cgroup *g, FILE *out)
{
	show_names(own_controllers(g), out);
}

static void show_below(const struct cgroup *g, FILE *out)
{
	show_names(g->below, out);
}

static void show_events(const struct cgroup *g, FILE *out)
{
	fprintf(out, "populated %d\nfrozen %d\n", cgroups_is_populated(g), cgroups_is_frozen(g));
}

static unsigned count_below(const struct cgroup *g)
{
	unsigned n = 0;
	for (struct cgroup *child = NULL; (child = cgroups_next_child(g, child));)
		n += 1 + count_below(child);
	return n;
}

static void show_counts(const struct cgroup *g, FILE *out)
{
	fprintf(out, "nr_descendants %u\nnr_dying_descendants 0\n", count_below(g));
}

/* The sum of a number in a file of /proc/PID of all members, and of those below. */
static unsigned long long sum(const struct cgroup *g, bool has_threads, unsigned long long (*of)(pid_t))
{
	struct members m = { .of = g, .is_subtree = true, .has_threads = has_threads };
	unsigned long long total = 0;
	tracee_each(list_member, &m);
	for (size_t i = 0; i < m.count; i++)
		total += of(m.ids[i]);
	talloc_free(m.ids);
	return total;
}

static unsigned long long one(pid_t pid)
{
	(void)pid;
	return 1;
}

static void show_task_count(const struct cgroup *g, FILE *out)
{
	fprintf(out, "%llu\n", sum(g, true, one));
}

static void show_task_failures(const struct cgroup *g, FILE *out)
{
	fprintf(out, "max %llu\n", g->task_failures);
}

/* proc(5), /proc/PID/statm: total and resident pages. */
static unsigned long long resident_bytes(pid_t pid)
{
	char name[64];
	unsigned long long total, resident = 0;
	snprintf(name, sizeof(name), "/proc/%d/statm", pid);
	FILE *file = fopen(name, "re");
	if (file && fscanf(file, "%llu %llu", &total, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident * PAGE_BYTES;
}

static void show_memory(const struct cgroup *g, FILE *out)
{
	fprintf(out, "%llu\n", sum(g, false, resident_bytes));
}

static void show_memory_parts(const struct cgroup *g, FILE *out)
{
	static const char *const others[] = { "file", "kernel_stack", "slab", "sock", "shmem", "file_mapped", "inactive_anon",
					      "active_anon", "inactive_file", "active_file", "pgfault", "pgmajfault" };
	fprintf(out, "anon %llu\n", sum(g, false, resident_bytes));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		fprintf(out, "%s 0\n", others[i]);
}

/* The 14th and 15th of /proc/PID/stat, in ticks. */
static unsigned long long used_usec(pid_t pid)
{
	char name[64], text[1024];
	unsigned long long user = 0, system = 0;
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	FILE *file = fopen(name, "re");
	const char *at = file && fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	if (at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
		user = system = 0;
	if (file)
		fclose(file);
	return (user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

/* What those who have ended had used is not known: it is never less than before. */
static void show_cpu(const struct cgroup *g, FILE *out)
{
	unsigned long long usec = sum(g, false, used_usec);
	if (usec > g->cpu_usec)
		((struct cgroup *)(uintptr_t)g)->cpu_usec = usec;
	fprintf(out, "usage_usec %llu\nuser_usec %llu\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
		g->cpu_usec, g->cpu_usec);
}

static void show_cpus(const struct cgroup *g, FILE *out)
{
	(void)g;
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	fprintf(out, n > 1 ? "0-%ld\n" : "0\n", n - 1);
}

/* ---- what is written ---- */

/* kstrtoint with base 0: nothing behind the number.  0, -EINVAL. */
static int read_number(const char *text, long *ret)
{
	char *end;
	errno = 0;
	*ret = strtol(text, &end, 0);
	return !*text || isspace((unsigned char)*text) || *end || errno ? -EINVAL : 0;
}

/* cgroup_attach_permissions and cgroup_migrate_vet_dst of kernel/cgroup/cgroup.c */
static int store_procs(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	long pid;
	if (read_number(text, &pid) < 0 || pid < 0 || pid > INT_MAX)
		return -EINVAL;
	const struct tracee *t = pid ? tracee_find(pid) : c->t;
	if (!t || !t->is_known || !t->process->cgroup)
		return -ESRCH;
	if (strcmp(row->name, "cgroup.threads") == 0)
		return t->process->cgroup == g ? 0 : -EOPNOTSUPP;
	if (g->parent && g->below)
		return -EBUSY;
	if (t->process->cgroup != g)
		cgroups_move(t->process, g);
	return 0;
}

static int read_controllers(char *text, unsigned *ret_on, unsigned *ret_off)
{
	*ret_on = *ret_off = 0;
	for (char *save = NULL, *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		size_t i = 0;
		while (i < CONTROLLERS && strcmp(controllers[i].name, word + 1) != 0)
			i++;
		if ((*word != '+' && *word != '-') || i == CONTROLLERS)
			return -EINVAL;
		unsigned bit = controllers[i].bit;
		*ret_on = *word == '+' ? *ret_on | bit : *ret_on & ~bit;
		*ret_off = *word == '-' ? *ret_off | bit : *ret_off & ~bit;
	}
	return 0;
}

/* cgroup_subtree_control_write */
static int store_below(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	unsigned on, off;
	(void)row;
	(void)c;
	int r = read_controllers(text, &on, &off);
	if (r < 0)
		return r;
	if (on & ~own_controllers(g))
		return -ENOENT;
	for (struct cgroup *child = NULL; (child = cgroups_next_child(g, child));)
		if (child->below & off)
			return -EBUSY;
	/* "no internal process": only the root has both. */
	if (g->parent && g->members && (on & ~g->below))
		return -EBUSY;
	g->below = (g->below | on) & ~off;
	for (struct cgroup *child = NULL; r == 0 && (child = cgroups_next_child(g, child));)
		r = cgroups_make_files(child);
	return r;
}

static int store_freeze(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	long value;
	(void)row;
	(void)c;
	if (read_number(text, &value) < 0)
		return -EINVAL;
	if (value != 0 && value != 1)
		return -ERANGE;
	cgroups_freeze(g, value);
	return 0;
}

static int store_kill(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	long value;
	(void)row;
	(void)c;
	if (read_number(text, &value) < 0)
		return -EINVAL;
	if (value != 1)
		return -ERANGE;
	cgroups_kill(g);
	return 0;
}

static int store_type(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	(void)row;
	(void)g;
	(void)c;
	return strcmp(text, "threaded") == 0 ? -EOPNOTSUPP : -EINVAL;
}

static int store_number(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	long value;
	(void)g;
	(void)c;
	if (read_number(text, &value) < 0)
		return -EINVAL;
	if (value < row->low || value > row->high)
		return -ERANGE;
	snprintf(text, NUMBER_ROOM, "%ld", value);
	return 0;
}

/* "max" or a number; of bytes as memparse has them, in whole pages. */
static int store_limit(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	static const char units[] = "kmgtpe";
	char *end;
	(void)g;
	(void)c;
	if (strcmp(text, "max") == 0)
		return 0;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	unsigned long long value = strtoull(text, &end, 0);
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit && (row->flags & IN_BYTES)) {
		value <<= 10 * (unit - units + 1);
		end++;
	}
	if (*end)
		return -EINVAL;
	if (row->flags & IN_BYTES)
		value = value / PAGE_BYTES * PAGE_BYTES;
	snprintf(text, NUMBER_ROOM, "%llu", value);
	return 0;
}

/* What is held to: see cgrouplimits.c. */
static int store_tasks(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	int r = store_limit(row, g, c, text);
	if (r == 0)
		cgroups_limit_tasks(g, text);
	return r;
}

/* cpu_max_write of kernel/sched/core.c: "MAX [PERIOD]"; the period that was stays. */
static int store_bandwidth(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	enum { PERIOD_MIN = 1000, PERIOD_MAX = 1000000, QUOTA_MIN = 1000 };
	char quota[24] = "", old[64] = "";
	unsigned long period = 0, value = 0;
	(void)c;
	int n = sscanf(text, "%20s %lu", quota, &period);
	CLEANUP_TALLOC char *path = cgroups_file(NULL, g, row->name);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, old, sizeof(old) - 1);
	old[got < 0 ? 0 : got] = '\0';
	if (n < 1 || (n == 1 && sscanf(old, "%*s %lu", &period) != 1))
		return -EINVAL;
	bool is_max = strcmp(quota, "max") == 0;
	if (!is_max && (sscanf(quota, "%lu", &value) != 1 || value < QUOTA_MIN))
		return -EINVAL;
	if (period < PERIOD_MIN || period > PERIOD_MAX)
		return -EINVAL;
	snprintf(text, NUMBER_ROOM, "%s %lu", is_max ? "max" : quota, period);
	return 0;
}

static int store_list(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	(void)row;
	(void)g;
	(void)c;
	return text[strspn(text, "0123456789,-")] ? -EINVAL : 0;
}

/* Taken as it is. */
static int store_text(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	(void)row;
	(void)g;
	(void)c;
	return *text ? 0 : -EINVAL;
}

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
	{ "cgroup.freeze", CORE, NOT_OF_ROOT, 0644, "0", NULL, store_freeze, 0, 0 },
	{ "cgroup.kill", CORE, NOT_OF_ROOT, 0200, "", NULL, store_kill, 0, 0 },
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
	return (!row->controller || (row->controller & own_controllers(g))) && (g->parent || !(row->flags & NOT_OF_ROOT));
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

int64_t hook_write(struct call *c)
{
	const char *name;
	char text[WRITE_MAX + NUMBER_ROOM];
	struct object *o = &c->object[0];
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
	return is_ours ? -EINVAL : CALL_PASS;
}
