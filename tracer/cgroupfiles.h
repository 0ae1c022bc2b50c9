/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of cgroupfiles.c, for it and for what they point to: cgroupshow.c and cgroupstore.c.
 */
#ifndef FAKEBUILD_CGROUPFILES_H
#define FAKEBUILD_CGROUPFILES_H

#include <stdio.h>

#include "tracer/cgroups.h"

/* NUMBER_ROOM: what there is behind a text that is stored, at least. */
enum { PAGE_BYTES = 4096, NUMBER_ROOM = 64 };
/* Of a row: its controller, when it has none; its flags. */
enum { CORE = 0, NOT_OF_ROOT = 1, IN_BYTES = 2 };

/* A file. */
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

enum { CONTROLLERS = 5 };
extern const struct controller_name {
	const char *name;
	unsigned bit; /* enum controller */
} controllers[CONTROLLERS];

/* ---- cgroupshow.c ---- */

/* enum controller: what the group has of its parent. */
unsigned cgroups_controllers(const struct cgroup *g);
void show_procs(const struct cgroup *g, FILE *out);
void show_threads(const struct cgroup *g, FILE *out);
void show_controllers(const struct cgroup *g, FILE *out);
void show_below(const struct cgroup *g, FILE *out);
void show_events(const struct cgroup *g, FILE *out);
void show_counts(const struct cgroup *g, FILE *out);
void show_task_count(const struct cgroup *g, FILE *out);
void show_task_failures(const struct cgroup *g, FILE *out);
void show_memory(const struct cgroup *g, FILE *out);
void show_memory_parts(const struct cgroup *g, FILE *out);
void show_cpu(const struct cgroup *g, FILE *out);
void show_cpus(const struct cgroup *g, FILE *out);

/* ---- cgroupstore.c ---- */

int store_procs(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_below(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_freeze(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_kill(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_type(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_number(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_limit(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_tasks(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_bandwidth(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_list(const struct control *row, struct cgroup *g, struct call *c, char *text);
int store_text(const struct control *row, struct cgroup *g, struct call *c, char *text);

#endif
