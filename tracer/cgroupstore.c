/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what is done with what is written to the files of control groups.
 */
#include "tracer/cgroupfiles.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/pids.h"

/* kstrtoint with base 0: nothing behind the number.  0, -EINVAL. */
static int read_number(const char *text, long *ret)
{
	char *end;
	errno = 0;
	*ret = strtol(text, &end, 0);
	return !*text || isspace((unsigned char)*text) || *end || errno ? -EINVAL : 0;
}

/* cgroup_attach_permissions and cgroup_migrate_vet_dst of kernel/cgroup/cgroup.c */
int store_procs(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	long pid;
	if (read_number(text, &pid) < 0 || pid < 0 || pid > INT_MAX)
		return -EINVAL;
	const struct tracee *t = pid ? pids_find(c->t->process->pids, pid) : c->t;
	if (!t || !t->process->cgroup)
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
int store_below(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	unsigned on, off;
	(void)row;
	(void)c;
	int r = read_controllers(text, &on, &off);
	if (r < 0)
		return r;
	if (on & ~cgroups_controllers(g))
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

int store_type(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	(void)row;
	(void)g;
	(void)c;
	return strcmp(text, "threaded") == 0 ? -EOPNOTSUPP : -EINVAL;
}

int store_number(const struct control *row, struct cgroup *g, struct call *c, char *text)
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

int store_freeze(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	int r = store_number(row, g, c, text);
	if (r == 0)
		cgroups_freeze(g, *text == '1');
	return r;
}

int store_kill(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	int r = store_number(row, g, c, text);
	if (r == 0)
		cgroups_kill(g);
	return r;
}

/* "max" or a number; of bytes as memparse has them, in whole pages. */
int store_limit(const struct control *row, struct cgroup *g, struct call *c, char *text)
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
int store_tasks(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	int r = store_limit(row, g, c, text);
	if (r == 0)
		cgroups_limit_tasks(g, text);
	return r;
}

/* cpu_max_write of kernel/sched/core.c: "MAX [PERIOD]"; the period that was stays. */
int store_bandwidth(const struct control *row, struct cgroup *g, struct call *c, char *text)
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

int store_list(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	(void)row;
	(void)g;
	(void)c;
	return text[strspn(text, "0123456789,-")] ? -EINVAL : 0;
}

/* Taken as it is. */
int store_text(const struct control *row, struct cgroup *g, struct call *c, char *text)
{
	(void)row;
	(void)g;
	(void)c;
	return *text ? 0 : -EINVAL;
}
