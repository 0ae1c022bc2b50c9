/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the names of policies and classes, lists of CPUs, and the calls that set them. */
#include "compat/runc/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/compat.h"

struct named {
	const char *name;
	uint32_t value;
};

/* linux/sched.h, linux/ioprio.h */
static const struct named policies[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },       { "SCHED_BATCH", 3 },
	{ "SCHED_ISO", 4 },   { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 }, { NULL, 0 },
};
static const struct named flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 1 },      { "SCHED_FLAG_RECLAIM", 2 },
	{ "SCHED_FLAG_DL_OVERRUN", 4 },         { "SCHED_FLAG_KEEP_POLICY", 8 },
	{ "SCHED_FLAG_KEEP_PARAMS", 16 },       { "SCHED_FLAG_UTIL_CLAMP_MIN", 32 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 64 },    { NULL, 0 },
};
static const struct named classes[] = {
	{ "IOPRIO_CLASS_RT", 1 }, { "IOPRIO_CLASS_BE", 2 }, { "IOPRIO_CLASS_IDLE", 3 }, { NULL, 0 },
};
enum { CLASS_SHIFT = 13, WHO_PROCESS = 1, IO_PRIORITIES = 8 };

static int find(struct member_reader *r, const char *member, const struct named *names, const char *name, uint32_t *ret)
{
	for (; name && names->name; names++)
		if (strcmp(names->name, name) == 0) {
			*ret = names->value;
			return 0;
		}
	return members_fail(r, member, "is '%s', which is none", name ? name : "");
}

int schedule_read_scheduler(struct member_reader *r, struct json *value, void *to)
{
	struct schedule *s = to;
	struct schedule_attributes *a = &s->attributes;
	if (!json_holds_object(value))
		return members_fail(r, NULL, "is not an object");
	if (find(r, "policy", policies, json_get_string(value, "policy"), &a->policy) < 0)
		return -1;
	int64_t nice = json_get_int(value, "nice", 0), priority = json_get_int(value, "priority", 0);
	if (nice < -20 || nice > 19)
		return members_fail(r, "nice", "is not a number from -20 to 19");
	if (priority < 0 || priority > 99)
		return members_fail(r, "priority", "is not a number from 0 to 99");
	struct json *list = json_get(value, "flags");
	for (unsigned i = 0; i < json_length(list); i++) {
		uint32_t flag;
		struct json *item = json_at(list, i);
		if (find(r, "flags", flags, json_holds_string(item) ? json_text(item) : NULL, &flag) < 0)
			return -1;
		a->flags |= flag;
	}
	a->size = sizeof(*a);
	a->nice = (int32_t)nice;
	a->priority = (uint32_t)priority;
	a->runtime = (uint64_t)json_get_int(value, "runtime", 0);
	a->deadline = (uint64_t)json_get_int(value, "deadline", 0);
	a->period = (uint64_t)json_get_int(value, "period", 0);
	s->has_attributes = true;
	return 0;
}

int schedule_read_io(struct member_reader *r, struct json *value, void *to)
{
	struct schedule *s = to;
	uint32_t class;
	if (!json_holds_object(value))
		return members_fail(r, NULL, "is not an object");
	int64_t priority = json_get_int(value, "priority", 0);
	if (find(r, "class", classes, json_get_string(value, "class"), &class) < 0)
		return -1;
	if (priority < 0 || priority >= IO_PRIORITIES)
		return members_fail(r, "priority", "is not a number from 0 to %d", IO_PRIORITIES - 1);
	s->io = (int)(class << CLASS_SHIFT) | (int)priority;
	s->has_io = true;
	return 0;
}

bool schedule_read_list(const char *text, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (const char *p = text; *p;) {
		char *end;
		unsigned long first = strtoul(p, &end, 10), last = first;
		bool is_number = end > p && *p >= '0' && *p <= '9';
		if (is_number && *end == '-') {
			p = end + 1;
			last = strtoul(p, &end, 10);
			is_number = end > p && *p >= '0' && *p <= '9';
		}
		if (!is_number || last < first || last >= CPU_SETSIZE || (*end && *end != ','))
			return false;
		for (; first <= last; first++)
			CPU_SET(first, ret);
		p = end + (*end == ',');
	}
	return true;
}

static int read_list(struct member_reader *r, const char *member, const char *text, cpu_set_t *ret)
{
	if (schedule_read_list(text ? text : "", ret))
		return 0;
	return members_fail(r, member, "is '%s', which is no list of CPUs", text);
}

int schedule_read_cpus(struct member_reader *r, struct json *value, void *to)
{
	struct schedule *s = to;
	if (!json_holds_object(value))
		return members_fail(r, NULL, "is not an object");
	return read_list(r, "initial", json_get_string(value, "initial"), &s->initial) < 0 ?
		       -1 :
		       read_list(r, "final", json_get_string(value, "final"), &s->final);
}

void schedule_inherit(struct schedule *s, const struct schedule *from)
{
	if (!s->has_attributes) {
		s->has_attributes = from->has_attributes;
		s->attributes = from->attributes;
	}
	if (!s->has_io) {
		s->has_io = from->has_io;
		s->io = from->io;
	}
	if (CPU_COUNT(&s->initial) == 0 && CPU_COUNT(&s->final) == 0) {
		s->initial = from->initial;
		s->final = from->final;
	}
}

int schedule_take(const struct schedule *s, struct error *err)
{
	if (s->has_attributes && syscall(SYS_sched_setattr, 0, &s->attributes, 0) < 0)
		return error_set(err, errno, "cannot set the scheduler");
	if (s->has_io && syscall(SYS_ioprio_set, WHO_PROCESS, 0, s->io) < 0)
		return error_set(err, errno, "cannot set the priority of input and output");
	return 0;
}

void schedule_reset_cpus(void)
{
	cpu_set_t all;
	/* Of these the kernel takes those of our control group. */
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

int schedule_take_cpus(const cpu_set_t *cpus, struct error *err)
{
	if (CPU_COUNT(cpus) == 0 || sched_setaffinity(0, sizeof(*cpus), cpus) == 0)
		return 0;
	return error_set(err, errno, "cannot run on the CPUs of execCPUAffinity");
}
