/* SPDX-License-Identifier: Apache-2.0 */
/* New limits for a container: update.  All are of control groups, where there are any. */
#include <fcntl.h>
#include <string.h>

#include "compat/runc/cgroup.h"
#include "compat/runc/command.h"
#include "compat/runc/log.h"
#include "compat/runc/spec_members.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

/* What config-linux.md has for them; no part: what no group here has. */
enum limit { BLKIO_WEIGHT, CPU_PERIOD, CPU_QUOTA, CPU_BURST, CPU_SHARE, CPU_RT_PERIOD, CPU_RT_RUNTIME, CPUSET_CPUS,
	     CPUSET_MEMS, CPU_IDLE, MEMORY, MEMORY_RESERVATION, MEMORY_SWAP, KERNEL_MEMORY, KERNEL_MEMORY_TCP, PIDS_LIMIT,
	     L3_CACHE_SCHEMA, MEM_BW_SCHEMA, LIMITS };
static const struct {
	const char *part, *key;
	enum { IS_NUMBER, IS_BYTES, IS_TEXT } kind;
} limits[LIMITS] = {
	[BLKIO_WEIGHT] = { "blockIO", "weight", IS_NUMBER },
	[CPU_PERIOD] = { "cpu", "period", IS_NUMBER },
	[CPU_QUOTA] = { "cpu", "quota", IS_NUMBER },
	[CPU_BURST] = { "cpu", "burst", IS_NUMBER },
	[CPU_SHARE] = { "cpu", "shares", IS_NUMBER },
	[CPU_RT_PERIOD] = { "cpu", "realtimePeriod", IS_NUMBER },
	[CPU_RT_RUNTIME] = { "cpu", "realtimeRuntime", IS_NUMBER },
	[CPUSET_CPUS] = { "cpu", "cpus", IS_TEXT },
	[CPUSET_MEMS] = { "cpu", "mems", IS_TEXT },
	[CPU_IDLE] = { "cpu", "idle", IS_NUMBER },
	[MEMORY] = { "memory", "limit", IS_BYTES },
	[MEMORY_RESERVATION] = { "memory", "reservation", IS_BYTES },
	[MEMORY_SWAP] = { "memory", "swap", IS_BYTES },
	[KERNEL_MEMORY] = { NULL, NULL, IS_BYTES },
	[KERNEL_MEMORY_TCP] = { NULL, NULL, IS_BYTES },
	[PIDS_LIMIT] = { "pids", "limit", IS_NUMBER },
	[L3_CACHE_SCHEMA] = { NULL, NULL, IS_TEXT },
	[MEM_BW_SCHEMA] = { NULL, NULL, IS_TEXT },
};

struct update_options {
	const char *resources, *values[LIMITS];
};
#define ROW(limit, name, argument, help) \
	{ name, 0, argument, help, OPTION_TEXT, offsetof(struct update_options, values) + (limit) * sizeof(const char *) }
static const struct option_row update_rows[] = {
	{ "resources", 'r', "FILE", "All limits as JSON; - is standard input", OPTION_TEXT,
	  offsetof(struct update_options, resources) },
	ROW(BLKIO_WEIGHT, "blkio-weight", "N", "Weight of its input and output"),
	ROW(CPU_PERIOD, "cpu-period", "USEC", "Period of the CPU limit"),
	ROW(CPU_QUOTA, "cpu-quota", "USEC", "CPU time in a period"),
	ROW(CPU_BURST, "cpu-burst", "USEC", "CPU time that can be saved up"),
	ROW(CPU_SHARE, "cpu-share", "N", "Weight of its CPU time"),
	ROW(CPU_RT_PERIOD, "cpu-rt-period", "USEC", "Period of the real-time limit"),
	ROW(CPU_RT_RUNTIME, "cpu-rt-runtime", "USEC", "Real-time CPU time in a period"),
	ROW(CPUSET_CPUS, "cpuset-cpus", "LIST", "CPUs to run on"),
	ROW(CPUSET_MEMS, "cpuset-mems", "LIST", "Memory nodes to use"),
	ROW(CPU_IDLE, "cpu-idle", "0|1", "Run only when nothing else does"),
	ROW(MEMORY, "memory", "BYTES", "Limit of memory"),
	ROW(MEMORY_RESERVATION, "memory-reservation", "BYTES", "Soft limit of memory"),
	ROW(MEMORY_SWAP, "memory-swap", "BYTES", "Limit of memory and swap"),
	ROW(KERNEL_MEMORY, "kernel-memory", "BYTES", "Taken, of no effect"),
	ROW(KERNEL_MEMORY_TCP, "kernel-memory-tcp", "BYTES", "Taken, of no effect"),
	ROW(PIDS_LIMIT, "pids-limit", "N", "Limit of processes"),
	ROW(L3_CACHE_SCHEMA, "l3-cache-schema", "TEXT", "Part of the cache"),
	ROW(MEM_BW_SCHEMA, "mem-bw-schema", "TEXT", "Part of the memory's bandwidth"),
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static const char *name_of(enum limit limit)
{
	return update_rows[1 + limit].name;
}

/* -1 lifts a limit. */
static bool read_number(const char *text, bool is_bytes, int64_t *ret)
{
	uint64_t number;
	if (strcmp(text, "-1") == 0) {
		*ret = -1;
		return true;
	}
	if (is_bytes)
		return text_to_bytes(text, ret);
	if (!text_to_number(text, INT64_MAX, &number))
		return false;
	*ret = (int64_t)number;
	return true;
}

/* The options as resources of config-linux.md, on ctx. */
static int resources_of_options(const void *ctx, const struct update_options *o, struct json **ret, struct error *err)
{
	*ret = json_new_object(ctx);
	for (enum limit l = 0; l < LIMITS; l++) {
		int64_t number;
		if (!o->values[l])
			continue;
		bool is_text = limits[l].kind == IS_TEXT, is_bytes = limits[l].kind == IS_BYTES;
		if (!is_text && !read_number(o->values[l], is_bytes, &number))
			return error_set(err, 0, "option '--%s' takes %s, not '%s'", name_of(l),
					 is_bytes ? "a size in bytes, as 512m, or -1" : "a number", o->values[l]);
		struct json *part = limits[l].part ? json_need_object(*ret, limits[l].part) : NULL;
		if (part && is_text)
			json_set_string(part, limits[l].key, o->values[l]);
		else if (part)
			json_set_int(part, limits[l].key, number);
	}
	return 0;
}

static int resources_of_file(const void *ctx, const char *path, struct json **ret, struct error *err)
{
	enum { MAX_BYTES = 1 << 20 };
	char *text;
	if (strcmp(path, "-") == 0)
		path = "/dev/stdin";
	if (io_read_file(ctx, AT_FDCWD, path, MAX_BYTES, &text, NULL, err) < 0 ||
	    json_parse_unsigned(ctx, text, path, ret, err) < 0)
		return -1;
	return json_holds_object(*ret) ? 0 : error_set(err, 0, "%s is no JSON object", path);
}

/* Where there are no groups, limits are read all the same, so that what is none is an error, and logged. */
static int run_update(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct update_options *o = call->options;
	CLEANUP_TALLOC struct runc_container *c = NULL;
	struct json *resources;
	(void)ret_status;
	if (state_read(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	if (state_status(c) == STATUS_STOPPED)
		return error_set(err, 0, "container not running");
	if ((o->resources ? resources_of_file(c, o->resources, &resources, err) :
			    resources_of_options(c, o, &resources, err)) < 0)
		return -1;
	bool has_groups = cgroup_exists(c);
	for (enum limit l = 0; !o->resources && l < LIMITS; l++)
		if (o->values[l] && (!has_groups || !limits[l].part))
			runc_log(LOG_WARNING_LEVEL, "--%s is taken, but not held to%s", name_of(l),
				 has_groups ? "" : ": limits need cgroups");
	if (has_groups)
		return cgroup_update(c, resources, err);
	if (o->resources && members_ask(resources))
		runc_log(LOG_WARNING_LEVEL, "resources are taken, but not held to: limits need cgroups");
	return 0;
}

const struct runc_command runc_update_command = {
	.name = "update",
	.usage = "CONTAINER",
	.summary = "Take new limits, which are those of its control groups",
	.options = update_rows,
	.options_bytes = sizeof(struct update_options),
	.min_words = 1,
	.max_words = 1,
	.run = run_update,
};
