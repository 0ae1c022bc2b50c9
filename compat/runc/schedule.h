/* SPDX-License-Identifier: Apache-2.0 */
/* When a process runs: `scheduler`, `ioPriority` and `execCPUAffinity` of config.md, "Process". */
#ifndef FAKEBUILD_COMPAT_RUNC_SCHEDULE_H
#define FAKEBUILD_COMPAT_RUNC_SCHEDULE_H

#include <sched.h>

#include "compat/runc/spec_members.h"

/* struct sched_attr of linux/sched/types.h, its first version. */
struct schedule_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct schedule {
	bool has_attributes, has_io;
	struct schedule_attributes attributes;
	int io;                    /* as ioprio_set(2) has it */
	cpu_set_t initial, final;  /* of `exec`: while it gets ready, and of the command; empty: none said */
};

/* Hooks of member rows; to: a struct schedule. */
int schedule_read_scheduler(struct member_reader *r, struct json *value, void *to);
int schedule_read_io(struct member_reader *r, struct json *value, void *to);
int schedule_read_cpus(struct member_reader *r, struct json *value, void *to);

/* A list of CPUs, or of nodes, as cpuset(7) has it ("0-3,7"); false when it is none, or has numbers too large. */
bool schedule_read_list(const char *text, cpu_set_t *ret);
/* Take from another what is not said. */
void schedule_inherit(struct schedule *s, const struct schedule *from);
/* Take them for the calling process.  Fails with a sentence that names what the kernel refused. */
int schedule_take(const struct schedule *s, struct error *err);
/* Run on all CPUs that the host has for us, whatever our caller was bound to. */
void schedule_reset_cpus(void);
/* Run on these CPUs from now on, unless there are none. */
int schedule_take_cpus(const cpu_set_t *cpus, struct error *err);

#endif
