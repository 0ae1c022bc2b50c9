/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what the files of control groups say, as it is counted when they are read.
 */
#include "tracer/cgroupfiles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"

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

void show_procs(const struct cgroup *g, FILE *out)
{
	show_members(g, out, false);
}

void show_threads(const struct cgroup *g, FILE *out)
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

unsigned cgroups_controllers(const struct cgroup *g)
{
	return g->parent ? g->parent->below : CONTROL_ALL;
}

void show_controllers(const struct cgroup *g, FILE *out)
{
	show_names(cgroups_controllers(g), out);
}

void show_below(const struct cgroup *g, FILE *out)
{
	show_names(g->below, out);
}

void show_events(const struct cgroup *g, FILE *out)
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

void show_counts(const struct cgroup *g, FILE *out)
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

void show_task_count(const struct cgroup *g, FILE *out)
{
	fprintf(out, "%llu\n", sum(g, true, one));
}

void show_task_failures(const struct cgroup *g, FILE *out)
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

void show_memory(const struct cgroup *g, FILE *out)
{
	fprintf(out, "%llu\n", sum(g, false, resident_bytes));
}

void show_memory_parts(const struct cgroup *g, FILE *out)
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
void show_cpu(const struct cgroup *g, FILE *out)
{
	unsigned long long usec = sum(g, false, used_usec);
	if (usec > g->cpu_usec)
		((struct cgroup *)(uintptr_t)g)->cpu_usec = usec;
	fprintf(out, "usage_usec %llu\nuser_usec %llu\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
		g->cpu_usec, g->cpu_usec);
}

void show_cpus(const struct cgroup *g, FILE *out)
{
	(void)g;
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	fprintf(out, n > 1 ? "0-%ld\n" : "0\n", n - 1);
}
