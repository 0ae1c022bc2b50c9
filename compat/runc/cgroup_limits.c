/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the files of limits, by rows. */
#include "compat/runc/cgroup_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compat/runc/cgroup_devices.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

static void number_or_max(int64_t value, char *text, size_t room)
{
	if (value < 0)
		snprintf(text, room, "max");
	else
		snprintf(text, room, "%" PRId64, value);
}

/* None at all could not even begin: runc says 1 for it. */
static void tasks_or_max(int64_t value, char *text, size_t room)
{
	number_or_max(value == 0 ? 1 : value, text, room);
}

/* 10..1000 to 1..10000, as runc does. */
static void weight_of_blkio(int64_t value, char *text, size_t room)
{
	int64_t weight = value < 10 ? 10 : value > 1000 ? 1000 : value;
	snprintf(text, room, "%" PRId64, 1 + (weight - 10) * 9999 / 990);
}

/* 2..262144 to 1..10000, as systemd and runc do. */
static void weight_of_shares(int64_t value, char *text, size_t room)
{
	int64_t shares = value < 2 ? 2 : value > 262144 ? 262144 : value;
	snprintf(text, room, "%" PRId64, 1 + (shares - 2) * 9999 / 262142);
}

/*
 * config-linux.md to the kernel's files.  Zero means "not said", as Go writes it; but to be idle no more, never to swap, to
 * save nothing up, or to have no tasks is a wish.
 */
enum limit_kind { IS_NUMBER, IS_NUMBER_OR_ZERO, IS_FLAG, IS_TEXT };
static const struct limit {
	const char *part, *key; /* of resources */
	enum limit_kind kind;
	const char *controller, *first, *second; /* the file in version 1, and in 2 */
	void (*convert)(int64_t value, char *text, size_t room); /* version 2's text, where it differs */
} limits[] = {
	{ "memory", "limit", IS_NUMBER, "memory", "memory.limit_in_bytes", "memory.max", number_or_max },
	{ "memory", "swap", IS_NUMBER, "memory", "memory.memsw.limit_in_bytes", NULL, NULL }, /* 2: set_swap() */
	{ "memory", "reservation", IS_NUMBER, "memory", "memory.soft_limit_in_bytes", "memory.low", number_or_max },
	{ "memory", "kernelTCP", IS_NUMBER, "memory", "memory.kmem.tcp.limit_in_bytes", NULL, NULL },
	{ "memory", "swappiness", IS_NUMBER_OR_ZERO, "memory", "memory.swappiness", NULL, NULL },
	{ "memory", "disableOOMKiller", IS_FLAG, "memory", "memory.oom_control", NULL, NULL },
	{ "cpu", "shares", IS_NUMBER, "cpu", "cpu.shares", "cpu.weight", weight_of_shares },
	{ "cpu", "period", IS_NUMBER, "cpu", "cpu.cfs_period_us", NULL, NULL },
	{ "cpu", "quota", IS_NUMBER, "cpu", "cpu.cfs_quota_us", NULL, NULL }, /* 2: set_bandwidth() */
	{ "cpu", "burst", IS_NUMBER_OR_ZERO, "cpu", "cpu.cfs_burst_us", "cpu.max.burst", NULL },
	{ "cpu", "idle", IS_NUMBER_OR_ZERO, "cpu", "cpu.idle", "cpu.idle", NULL },
	{ "cpu", "realtimePeriod", IS_NUMBER, "cpu", "cpu.rt_period_us", NULL, NULL },
	{ "cpu", "realtimeRuntime", IS_NUMBER, "cpu", "cpu.rt_runtime_us", NULL, NULL },
	{ "cpu", "cpus", IS_TEXT, "cpuset", "cpuset.cpus", "cpuset.cpus", NULL },
	{ "cpu", "mems", IS_TEXT, "cpuset", "cpuset.mems", "cpuset.mems", NULL },
	{ "pids", "limit", IS_NUMBER_OR_ZERO, "pids", "pids.max", "pids.max", tasks_or_max },
	{ "network", "classID", IS_NUMBER, "net_cls", "net_cls.classid", NULL, NULL },
	{ "blockIO", "weight", IS_NUMBER, "blkio", "blkio.weight", "io.weight", weight_of_blkio },
};
enum { LIMITS = sizeof(limits) / sizeof(*limits) };

/* Where memory has no limit, memory and swap have none, as runc has it. */
static int64_t swap_of(struct json *memory)
{
	return json_get_int(memory, "swap", json_get_int(memory, "limit", 0) == -1 ? -1 : 0);
}

/* Lists of what a limit is of: a device by its numbers, a size of huge pages. */
enum list_kind { OF_DEVICE, OF_PAGE_SIZE };
static const struct list {
	const char *part, *items, *value; /* of resources; part NULL: the list is its own */
	enum list_kind kind;
	const char *controller, *first, *second; /* a %s of the file is the page size; of the second, "FILE KEY=" */
} lists[] = {
	{ "blockIO", "weightDevice", "weight", OF_DEVICE, "blkio", "blkio.weight_device", NULL },
	{ "blockIO", "throttleReadBpsDevice", "rate", OF_DEVICE, "blkio", "blkio.throttle.read_bps_device", "io.max rbps=" },
	{ "blockIO", "throttleWriteBpsDevice", "rate", OF_DEVICE, "blkio", "blkio.throttle.write_bps_device", "io.max wbps=" },
	{ "blockIO", "throttleReadIOPSDevice", "rate", OF_DEVICE, "blkio", "blkio.throttle.read_iops_device", "io.max riops=" },
	{ "blockIO", "throttleWriteIOPSDevice", "rate", OF_DEVICE, "blkio", "blkio.throttle.write_iops_device", "io.max wiops=" },
	{ NULL, "hugepageLimits", "limit", OF_PAGE_SIZE, "hugetlb", "hugetlb.%s.limit_in_bytes", "hugetlb.%s.max" },
};
enum { LISTS = sizeof(lists) / sizeof(*lists) };

/* False: it is not said. */
static bool text_of(const struct limit *l, struct json *resources, bool is_second, char *text, size_t room)
{
	struct json *part = json_get(resources, l->part);
	int64_t value = json_get_int(part, l->key, 0);
	const char *words;
	switch (l->kind) {
	case IS_TEXT:
		words = json_get_string(part, l->key);
		snprintf(text, room, "%s", words ? words : "");
		return *text;
	case IS_FLAG:
		snprintf(text, room, "1");
		return json_get_bool(part, l->key, false);
	case IS_NUMBER:
	case IS_NUMBER_OR_ZERO:
		break;
	}
	value = strcmp(l->key, "swap") == 0 ? swap_of(part) : value;
	if (value == 0 && (l->kind == IS_NUMBER || !json_get(part, l->key)))
		return false;
	/* version 1 of pids has the word, too */
	if (l->convert && (is_second || strcmp(l->controller, "pids") == 0))
		l->convert(value, text, room);
	else
		snprintf(text, room, "%" PRId64, value);
	return true;
}

/* A kernel without it (swap accounting, say) sets none, as runc has it. */
static int check_limit(int r, const char *folder, const char *name, const char *text, struct error *err)
{
	return r < 0 && r != -ENOENT ? error_set(err, -r, "cannot write '%s' to '%s/%s'", text, folder, name) : 0;
}

static int set_limit(const char *folder, const char *name, const char *text, struct error *err)
{
	return check_limit(cgroup_write(folder, name, text), folder, name, text, err);
}

/* cpu.max of version 2 is "QUOTA PERIOD"; what is not said stays. */
static int set_bandwidth(const char *folder, struct json *cpu, struct error *err)
{
	int64_t quota = json_get_int(cpu, "quota", 0), period = json_get_int(cpu, "period", 0);
	char first[32] = "max", text[80];
	if (quota == 0 && period == 0)
		return 0;
	CLEANUP_TALLOC char *old = quota ? NULL : cgroup_read(NULL, folder, "cpu.max");
	if (quota)
		number_or_max(quota, first, sizeof(first));
	else if (old)
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(old, " "), old);
	if (period)
		snprintf(text, sizeof(text), "%s %" PRId64, first, period);
	else
		snprintf(text, sizeof(text), "%s", first);
	return set_limit(folder, "cpu.max", text, err);
}

/* Version 2 limits swap alone, and config-linux.md memory and swap together. */
static int set_swap(const char *folder, struct json *memory, struct error *err)
{
	char text[32];
	int64_t limit = json_get_int(memory, "limit", 0), both = swap_of(memory);
	if (both == 0)
		return 0;
	/* What is not said stays. */
	CLEANUP_TALLOC char *old = limit ? NULL : cgroup_read(NULL, folder, "memory.max");
	uint64_t number;
	if (old && text_to_number(old, INT64_MAX, &number))
		limit = (int64_t)number;
	if (both > 0 && (limit <= 0 || limit > both))
		return error_set(err, 0, "a limit of memory and swap needs one of memory that is no larger");
	number_or_max(both < 0 ? -1 : both - limit, text, sizeof(text));
	return set_limit(folder, "memory.swap.max", text, err);
}

static int set_item(const struct list *l, const char *folder, bool is_second, struct json *item, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *name = is_second ? l->second : l->first, *page = json_get_string(item, "pageSize");
	int64_t value = json_get_int(item, l->value, 0);
	if (l->kind == OF_PAGE_SIZE) {
		const char *at = strstr(name, "%s");
		if (!page || strchr(page, '/'))
			return error_set(err, 0, "linux.resources.%s: '%s' is no size of pages", l->items, page ? page : "");
		name = mem_printf(scratch, "%.*s%s%s", (int)(at - name), name, page, at + 2);
		return set_limit(folder, name, mem_printf(scratch, "%" PRId64, value), err);
	}
	const char *key = is_second ? strchr(name, ' ') : NULL;
	if (!value)
		return 0;
	return set_limit(folder, key ? mem_strndup(scratch, name, key - name) : name,
			 mem_printf(scratch, "%" PRId64 ":%" PRId64 " %s%" PRId64, json_get_int(item, "major", 0),
				    json_get_int(item, "minor", 0), key ? key + 1 : "", value),
			 err);
}

static int set_lists(const struct hierarchy *h, const char *folder, struct json *resources, struct error *err)
{
	for (size_t i = 0; i < LISTS; i++) {
		const struct list *l = &lists[i];
		struct json *items = json_get(l->part ? json_get(resources, l->part) : resources, l->items);
		if (h->controllers ? !cgroup_has_controller(h, l->controller) : !l->second)
			continue;
		for (unsigned n = 0; n < json_length(items); n++)
			if (set_item(l, folder, !h->controllers, json_at(items, n), err) < 0)
				return -1;
	}
	return 0;
}

struct unified {
	const char *folder;
	struct error *err;
};

/* Files of version 2 and what is to be written to them. */
static int set_unified(const char *name, struct json *value, void *arg)
{
	const struct unified *u = arg;
	if (strchr(name, '/') || !json_holds_string(value))
		return error_set(u->err, 0, "linux.resources.unified: '%s' is no file of a control group with a text", name);
	int r = cgroup_write(u->folder, name, json_text(value));
	return r < 0 ? error_set(u->err, -r, "cannot write '%s' to '%s/%s'", json_text(value), u->folder, name) : 0;
}

/* Set these of the rows, by their bits.  With ret_refused, what the kernel has no place for yet is left to be tried again. */
static int set_rows(const struct hierarchy *h, const char *folder, struct json *resources, uint32_t rows,
		    uint32_t *ret_refused, struct error *err)
{
	char text[4096];
	for (size_t i = 0; i < LIMITS; i++) {
		const struct limit *l = &limits[i];
		const char *name = h->controllers ? l->first : l->second;
		if (!(rows & UINT32_C(1) << i) || !name || (h->controllers && !cgroup_has_controller(h, l->controller)) ||
		    !text_of(l, resources, !h->controllers, text, sizeof(text)))
			continue;
		int r = cgroup_write(folder, name, text);
		if (r == -EINVAL && ret_refused)
			*ret_refused |= UINT32_C(1) << i;
		else if (check_limit(r, folder, name, text, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * Some limits bound each other, and the group's own by those above it: a shorter period by the quota, memory by memory
 * with swap.  Which of two comes first depends on what they were.
 */
int cgroup_limits_set(const struct hierarchy *h, const char *folder, struct json *resources, struct error *err)
{
	uint32_t refused = 0;
	struct unified unified = { folder, err };
	if (set_rows(h, folder, resources, UINT32_MAX, &refused, err) < 0)
		return -1;
	if (cgroup_has_controller(h, "devices") && cgroup_devices_set(folder, json_get(resources, "devices"), err) < 0)
		return -1;
	if (!h->controllers && (json_each(json_get(resources, "unified"), set_unified, &unified) != 0 ||
				set_bandwidth(folder, json_get(resources, "cpu"), err) < 0 ||
				set_swap(folder, json_get(resources, "memory"), err) < 0))
		return -1;
	return set_rows(h, folder, resources, refused, NULL, err) < 0 ? -1 : set_lists(h, folder, resources, err);
}
