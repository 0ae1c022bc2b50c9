/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control groups of a run, cgroups(7) version 2: a tree of its own, whose folders and files are a host folder's,
 * mounted with BINDING_CGROUP.  Who is in which group, freezing, killing and the number of tasks are real; other limits are taken, and not held to.
 */
#ifndef FAKEBUILD_CGROUPS_H
#define FAKEBUILD_CGROUPS_H

#include <stdbool.h>
#include <stdio.h>

#include "tracer/call.h"

enum controller { CONTROL_CPUSET = 1, CONTROL_CPU = 2, CONTROL_IO = 4, CONTROL_MEMORY = 8, CONTROL_PIDS = 16, CONTROL_ALL = 31 };

struct cgroup {
	struct cgroup *next, *parent;
	char *path;       /* "" of the root, else "/a/b" */
	unsigned below;   /* enum controller: what its children have */
	unsigned members; /* processes */
	bool is_freezing; /* as written to cgroup.freeze */
	bool has_task_limit;
	unsigned long long task_limit, task_failures; /* of pids.max */
	unsigned long long cpu_usec; /* what has been told last */
};

/* ---- cgroups.c ---- */

/* The tree of this run, in this empty host folder; once a run. */
void cgroups_open(const char *host);
void cgroups_close(void);
bool cgroups_is_open(void);
/* Does the object lie in the tree? */
bool cgroups_has(const struct object *o);
/* A new folder: 0 or -errno. */
int cgroups_made(const struct object *o);
/* A folder is about to be removed: its files go.  0; -EBUSY for one that has members or groups below. */
int cgroups_remove(const struct object *o);
/* The group whose folder, or file, the object is, and the file's name, "" for the folder; NULL: none. */
struct cgroup *cgroups_of(const struct object *o, const char **ret_name);
/* The groups directly below. */
struct cgroup *cgroups_next_child(const struct cgroup *of, struct cgroup *last);
/* The host path of a file of a group, on ctx. */
char *cgroups_file(const void *ctx, const struct cgroup *g, const char *name);
/* Is it that group, or one below? */
bool cgroups_is_below(const struct cgroup *g, const struct cgroup *top);
bool cgroups_is_populated(const struct cgroup *g);
/* Do its processes stand still, for its own sake or for a parent's? */
bool cgroups_is_frozen(const struct cgroup *g);

/* A process begins in its parent's group, and moves, and has ended. */
void cgroups_inherit(struct process *child, const struct process *parent);
void cgroups_move(struct process *p, struct cgroup *to);
void cgroups_left(struct process *p);
void cgroups_freeze(struct cgroup *g, bool is_freezing);
void cgroups_kill(const struct cgroup *g);
/* Is this stop to wait until its group is thawed? */
bool cgroups_holds(pid_t pid, int status);
/* The cgroup namespace that t is in is a new one: its root is the group it is in. */
void cgroups_new_namespace(const struct tracee *t);
/* The host folder that a mount of type cgroup2 shows to t, on ctx. */
char *cgroups_mounted(const void *ctx, const struct tracee *t);
/* The text of /proc/PID/cgroup. */
void cgroups_tell(FILE *out, const struct tracee *viewer, const struct tracee *of);

/* ---- cgrouplimits.c ---- */

/* pids.max has been written: "max" or a number. */
void cgroups_limit_tasks(struct cgroup *g, const char *text);
/* A process has come into another group: its forks are seen from now on when there is a limit. */
void cgroups_watch(struct process *p);
/* May the thread have one more task, in t->clone_into or its own group?  0 or -EAGAIN. */
int cgroups_may_fork(const struct tracee *t);
/* CLONE_INTO_CGROUP: set t->clone_into to the group of this descriptor.  0 or -errno. */
int cgroups_clone_into(struct call *c, uint64_t descriptor);
/* The group goes: nobody is to be born in it. */
void cgroups_forget(struct cgroup *g);

/* ---- cgroupfiles.c ---- */

/* Make the files that the group has for its parent's controllers, remove those that it has no more. */
int cgroups_make_files(const struct cgroup *g);
void cgroups_remove_files(const struct cgroup *g);
/* Its cgroup.events, whose readers may wait for a change, and its parents'. */
void cgroups_changed(const struct cgroup *g);
/* Bring its pids.events up to date. */
void cgroups_task_refused(const struct cgroup *g);
/* A file is about to be opened: bring it up to date. */
void cgroups_opening(const struct object *o);
/* Is it such a list of the host's control groups, and in other numbers than the task's? */
bool cgroups_is_hosts_list(const struct tracee *t, const struct object *o);
/* To who is in a pid namespace a list of processes is another: the host path of a generated file, on t; NULL: it is the same. */
char *cgroups_members_inside(struct tracee *t, const struct object *o);

#endif
