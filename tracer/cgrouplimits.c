/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what limits of control groups hold: the number of tasks, pids.max.  fork(2) and vfork(2) come to no stop, but in
 * processes that are, or come to be, in a group with a limit (watch.h).  And the group that clone3(2) names by a descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/cgroups.h"
#include "tracer/hooks.h"
#include "tracer/path.h"
#include "tracer/watch.h"

static bool is_limited(const struct cgroup *g)
{
	for (; g && g->parent; g = g->parent)
		if (g->has_task_limit && (g->parent->below & CONTROL_PIDS))
			return true;
	return false;
}

void cgroups_watch(struct process *p)
{
	if (is_limited(p->cgroup) && !p->must_watch)
		watch_process(p);
}

static int watch_member(struct tracee *t, void *arg)
{
	if (t->is_known && t->tid == t->process->pid && cgroups_is_below(t->process->cgroup, arg))
		cgroups_watch(t->process);
	return 0;
}

void cgroups_limit_tasks(struct cgroup *g, const char *text)
{
	g->has_task_limit = strcmp(text, "max") != 0;
	g->task_limit = g->has_task_limit ? strtoull(text, NULL, 10) : 0;
	tracee_each(watch_member, g);
}

struct count {
	const struct cgroup *top;
	unsigned long long tasks;
};

static int count_task(struct tracee *t, void *arg)
{
	struct count *n = arg;
	n->tasks += t->is_known && cgroups_is_below(t->process->cgroup, n->top);
	return 0;
}

/* pids_can_fork of kernel/cgroup/pids.c: the group and all above it; it is counted where the limit is, and above. */
int cgroups_may_fork(const struct tracee *t)
{
	struct cgroup *g = t->clone_into ? t->clone_into : t->process->cgroup;
	for (; cgroups_is_open() && g && g->parent; g = g->parent) {
		struct count n = { g, 0 };
		if (!g->has_task_limit || !(g->parent->below & CONTROL_PIDS))
			continue;
		tracee_each(count_task, &n);
		if (n.tasks < g->task_limit)
			continue;
		for (; g->parent; g = g->parent) {
			g->task_failures++;
			cgroups_task_refused(g);
		}
		return -EAGAIN;
	}
	return 0;
}

/* cgroup_css_set_fork of kernel/cgroup/cgroup.c */
int cgroups_clone_into(struct call *c, uint64_t descriptor)
{
	const char *name;
	struct object *o = &c->object[0];
	if (descriptor > INT32_MAX)
		return -EINVAL;
	if (path_of_fd(c->t, (int)descriptor, o) < 0)
		return -EBADF;
	struct cgroup *g = cgroups_of(o, &name);
	if (!g || *name)
		return -EBADF;
	if (g->parent && g->below)
		return -EBUSY;
	c->t->clone_into = g;
	return 0;
}

static int forget_group(struct tracee *t, void *g)
{
	if (t->clone_into == g)
		t->clone_into = NULL;
	return 0;
}

void cgroups_forget(struct cgroup *g)
{
	tracee_each(forget_group, g);
}
