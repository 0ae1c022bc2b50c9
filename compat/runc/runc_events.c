/* SPDX-License-Identifier: Apache-2.0 */
/* What a container uses: events.  The sums are over its processes in /proc, in the document's form of runc. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compat/runc/cgroup_memory.h"
#include "compat/runc/command.h"
#include "compat/runc/process.h"
#include "tracer/base/io.h"

enum { LONGEST_NAP = 1000 }; /* seconds */

struct events_options {
	const char *interval;
	bool is_once;
};
#define OPTION(member) offsetof(struct events_options, member)
static const struct option_row rows[] = {
	{ "interval", 0, "DURATION", "Time between two lines (default 5s)", OPTION_TEXT, OPTION(interval) },
	{ "stats", 0, NULL, "Show one line, then end", OPTION_FLAG, OPTION(is_once) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* Go's durations: "1m30s", "100ms", "0.5s". */
static int read_duration(const char *text, double *ret_seconds, struct error *err)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "ns", 1e-9 }, { "us", 1e-6 }, { "ms", 1e-3 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	enum { UNITS = sizeof(units) / sizeof(*units) };
	double sum = 0;
	const char *at = text;
	do {
		size_t digits = strspn(at, "0123456789."), letters = strcspn(at + digits, "0123456789."), i = 0;
		while (i < UNITS && !(strlen(units[i].unit) == letters && memcmp(units[i].unit, at + digits, letters) == 0))
			i++;
		if (digits == 0 || i == UNITS)
			return error_set(err, 0, "option '--interval' takes a duration such as 5s, not '%s'", text);
		sum += strtod(at, NULL) * units[i].seconds;
		at += digits + letters;
	} while (*at);
	if (sum <= 0 || sum > 1e9)
		return error_set(err, 0, "duration interval must be greater than 0");
	*ret_seconds = sum;
	return 0;
}

struct usage {
	uint64_t user_nsec, kernel_nsec, resident_bytes, processes;
};

/* Fields of /proc/PID/stat, proc(5): 14 and 15 are utime and stime, 16 and 17 the same of dead children, 24 is rss. */
static void add_usage(struct usage *usage, pid_t pid)
{
	enum { MAX_BYTES = 4096, FIRST_AFTER_NAME = 3, UTIME = 14, STIME = 15, CUTIME = 16, CSTIME = 17, RSS = 24 };
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/stat", (int)pid);
	CLEANUP_TALLOC char *text = NULL;
	uint64_t fields[RSS + 1] = { 0 };
	if (io_read_file(NULL, AT_FDCWD, path, MAX_BYTES, &text, NULL, NULL) < 0)
		return;
	const char *at = strrchr(text, ')');
	at = at ? strchr(at, ' ') : NULL;
	for (int field = FIRST_AFTER_NAME; at && field <= RSS; field++, at = strchr(at + 1, ' '))
		fields[field] = strtoull(at + 1, NULL, 10);
	uint64_t nsec_per_tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	usage->user_nsec += (fields[UTIME] + fields[CUTIME]) * nsec_per_tick;
	usage->kernel_nsec += (fields[STIME] + fields[CSTIME]) * nsec_per_tick;
	usage->resident_bytes += fields[RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
	usage->processes++;
}

static struct json *set_object(struct json *parent, const char *key)
{
	CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
	json_set(parent, key, empty);
	return json_get(parent, key);
}

static void set_memory(struct json *memory, const char *key, uint64_t usage_bytes)
{
	struct json *entry = set_object(memory, key);
	json_set_int(entry, "limit", 0);
	if (usage_bytes)
		json_set_int(entry, "usage", (int64_t)usage_bytes);
	json_set_int(entry, "failcnt", 0);
}

static struct json *event_of(const void *ctx, const char *id, const struct usage *usage)
{
	static const char *const cpuset[] = { "cpu_exclusive",    "mem_hardwall",       "mem_exclusive",
					      "memory_migrate",   "memory_spread_page", "memory_spread_slab",
					      "memory_pressure",  "sched_load_balance", "sched_relax_domain_level" };
	struct json *event = json_new_object(ctx), *none = json_new_array(event);
	json_set_string(event, "type", "stats");
	json_set_string(event, "id", id);
	struct json *all = set_object(event, "data");
	struct json *cpu = set_object(all, "cpu"), *cpu_usage = set_object(cpu, "usage");
	json_set_int(cpu_usage, "total", (int64_t)(usage->user_nsec + usage->kernel_nsec));
	json_set_int(cpu_usage, "kernel", (int64_t)usage->kernel_nsec);
	json_set_int(cpu_usage, "user", (int64_t)usage->user_nsec);
	set_object(cpu, "throttling");
	struct json *set = set_object(all, "cpuset");
	for (size_t i = 0; i < sizeof(cpuset) / sizeof(*cpuset); i++)
		json_set_int(set, cpuset[i], 0);
	struct json *memory = set_object(all, "memory");
	set_memory(memory, "usage", usage->resident_bytes);
	set_memory(memory, "swap", 0);
	set_memory(memory, "kernel", 0);
	set_memory(memory, "kernelTCP", 0);
	json_set_int(set_object(memory, "raw"), "rss", (int64_t)usage->resident_bytes);
	json_set_int(set_object(all, "pids"), "current", (int64_t)usage->processes);
	set_object(all, "blkio");
	set_object(all, "hugetlb");
	set_object(all, "intel_rdt");
	json_set(all, "network_interfaces", none);
	return event;
}

static int print_event(struct runc_container *c, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct usage usage = { 0, 0, 0, 0 };
	pid_t *pids;
	size_t count;
	if (process_list(scratch, c, &pids, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		add_usage(&usage, pids[i]);
	puts(json_dump(scratch, event_of(scratch, c->id, &usage)));
	fflush(stdout);
	return 0;
}

static void print_lack_of_memory(const struct runc_container *c)
{
	CLEANUP_TALLOC struct json *event = json_new_object(NULL);
	json_set_string(event, "type", "oom");
	json_set_string(event, "id", c->id);
	puts(json_dump(event, event));
	fflush(stdout);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Until the next line of usage is due; what happens meanwhile is told at once. */
static void wait_for(const struct runc_container *c, struct memory_watch *watch, double seconds)
{
	struct pollfd event = { watch->fd, POLLIN, 0 };
	double end = now() + seconds;
	for (double left = seconds; left > 0; left = end - now())
		if (poll(&event, 1, left < LONGEST_NAP ? (int)(left * 1000) + 1 : LONGEST_NAP * 1000) > 0 && memory_watch_read(watch) &&
		    state_status(c) != STATUS_STOPPED)
			print_lack_of_memory(c);
}

static int run_events(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct events_options *o = call->options;
	CLEANUP_TALLOC struct runc_container *c = NULL;
	double seconds = 0;
	(void)ret_status;
	if (read_duration(o->interval ? o->interval : "5s", &seconds, err) < 0 ||
	    state_read(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	if (state_status(c) == STATUS_STOPPED)
		return error_set(err, 0, "container with id %s is not running", c->id);
	if (o->is_once)
		return print_event(c, err);
	struct memory_watch *watch = memory_watch_open(c, c);
	for (;;) {
		wait_for(c, watch, seconds);
		if (state_status(c) == STATUS_STOPPED)
			return 0;
		if (print_event(c, err) < 0)
			return state_status(c) == STATUS_STOPPED ? 0 : -1;
		if (ferror(stdout))
			return 0;
	}
}

const struct runc_command runc_events_command = {
	.name = "events",
	.usage = "CONTAINER",
	.summary = "Show what a container uses, now and then, until it ends",
	.options = rows,
	.options_bytes = sizeof(struct events_options),
	.min_words = 1,
	.max_words = 1,
	.run = run_events,
};
