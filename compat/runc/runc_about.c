/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that run nothing: spec, features; and those that cannot be held to: update, checkpoint, restore. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/runc/cgroup.h"
#include "compat/runc/command.h"
#include "compat/runc/log.h"
#include "compat/runc/spec_members.h"
#include "oci/runtimespec.h"
#include "tracer/base/io.h"

#define ROWS_END { NULL, 0, NULL, NULL, OPTION_FLAG, 0 }

struct spec_options {
	const char *bundle;
	bool is_rootless;
};
static const struct option_row spec_rows[] = {
	{ "bundle", 'b', "DIR", "Folder of the bundle, instead of the working directory", OPTION_TEXT,
	  offsetof(struct spec_options, bundle) },
	{ "rootless", 0, NULL, "One for a runtime that has no root", OPTION_FLAG, offsetof(struct spec_options, is_rootless) },
	ROWS_END,
};

static int run_spec(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct spec_options *o = call->options;
	CLEANUP_TALLOC struct json *document = runtimespec_example(NULL, o->is_rootless);
	char *text = json_dump_indented(document, document);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/config.json", o->bundle ? o->bundle : ".");
	(void)ret_status;
	text = mem_append(text, "\n");
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, 0, "File config.json exists. Remove it first");
	if (fd < 0)
		return error_set(err, errno, "cannot make '%s'", path);
	int r = io_write_all(fd, text, strlen(text));
	return r < 0 ? error_set(err, -r, "cannot write '%s'", path) : 0;
}

static struct json *set_object(struct json *parent, const char *key)
{
	CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
	json_set(parent, key, empty);
	return json_get(parent, key);
}

static void set_enabled(struct json *parent, const char *key, bool is_enabled)
{
	json_set_bool(set_object(parent, key), "enabled", is_enabled);
}

/* The runtime-spec's features.md and features-linux.md. */
static int run_features(struct runc_call *call, int *ret_status, struct error *err)
{
	static const char *const hook_names[] = { "prestart",        "createRuntime", "createContainer",
						  "startContainer",  "poststart",     "poststop" };
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *features = json_new_object(scratch);
	struct strlist *hooks = strlist_new(scratch), *capabilities = strlist_new(scratch), *none = strlist_new(scratch);
	(void)call;
	(void)ret_status;
	(void)err;
	for (size_t i = 0; i < sizeof(hook_names) / sizeof(*hook_names); i++)
		strlist_add(hooks, hook_names[i]);
	for (int bit = 0; spec_capability_name(bit); bit++)
		strlist_addf(capabilities, "CAP_%s", spec_capability_name(bit));
	json_set_string(features, "ociVersionMin", "1.0.0");
	json_set_string(features, "ociVersionMax", RUNC_SPEC_VERSION);
	json_set_strings(features, "hooks", hooks);
	json_set_strings(features, "mountOptions", spec_mount_options(scratch));
	struct json *of_linux = set_object(features, "linux");
	json_set_strings(of_linux, "namespaces", none);
	json_set_strings(of_linux, "capabilities", capabilities);
	struct json *cgroup = set_object(of_linux, "cgroup");
	json_set_bool(cgroup, "v1", false);
	json_set_bool(cgroup, "v2", false);
	json_set_bool(cgroup, "systemd", false);
	json_set_bool(cgroup, "systemdUser", false);
	json_set_bool(cgroup, "rdma", false);
	set_enabled(of_linux, "seccomp", false);
	set_enabled(of_linux, "apparmor", false);
	set_enabled(of_linux, "selinux", false);
	set_enabled(of_linux, "intelRdt", false);
	set_enabled(set_object(of_linux, "mountExtensions"), "idmap", false);
	struct json *annotations = set_object(features, "annotations");
	json_set_string(annotations, "org.opencontainers.runc.version", RUNC_VERSION);
	json_set_string(annotations, "org.opencontainers.runc.checkpoint.enabled", "false");
	puts(json_dump_indented(scratch, features));
	return 0;
}

struct update_options {
	const char *resources, *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period, *cpu_rt_runtime,
		*cpuset_cpus, *cpuset_mems, *cpu_idle, *memory, *memory_reservation, *memory_swap, *kernel_memory,
		*kernel_memory_tcp, *pids_limit, *l3_cache_schema, *mem_bw_schema;
};
#define OPTION(member) offsetof(struct update_options, member)
static const struct option_row update_rows[] = {
	{ "resources", 'r', "FILE", "All limits as JSON; - is standard input", OPTION_TEXT, OPTION(resources) },
	{ "blkio-weight", 0, "N", "Weight of its input and output", OPTION_TEXT, OPTION(blkio_weight) },
	{ "cpu-period", 0, "USEC", "Period of the CPU limit", OPTION_TEXT, OPTION(cpu_period) },
	{ "cpu-quota", 0, "USEC", "CPU time in a period", OPTION_TEXT, OPTION(cpu_quota) },
	{ "cpu-burst", 0, "USEC", "CPU time that can be saved up", OPTION_TEXT, OPTION(cpu_burst) },
	{ "cpu-share", 0, "N", "Weight of its CPU time", OPTION_TEXT, OPTION(cpu_share) },
	{ "cpu-rt-period", 0, "USEC", "Period of the real-time limit", OPTION_TEXT, OPTION(cpu_rt_period) },
	{ "cpu-rt-runtime", 0, "USEC", "Real-time CPU time in a period", OPTION_TEXT, OPTION(cpu_rt_runtime) },
	{ "cpuset-cpus", 0, "LIST", "CPUs to run on", OPTION_TEXT, OPTION(cpuset_cpus) },
	{ "cpuset-mems", 0, "LIST", "Memory nodes to use", OPTION_TEXT, OPTION(cpuset_mems) },
	{ "cpu-idle", 0, "0|1", "Run only when nothing else does", OPTION_TEXT, OPTION(cpu_idle) },
	{ "memory", 0, "BYTES", "Limit of memory", OPTION_TEXT, OPTION(memory) },
	{ "memory-reservation", 0, "BYTES", "Soft limit of memory", OPTION_TEXT, OPTION(memory_reservation) },
	{ "memory-swap", 0, "BYTES", "Limit of memory and swap", OPTION_TEXT, OPTION(memory_swap) },
	{ "kernel-memory", 0, "BYTES", "Limit of the kernel's memory for it", OPTION_TEXT, OPTION(kernel_memory) },
	{ "kernel-memory-tcp", 0, "BYTES", "The same for TCP", OPTION_TEXT, OPTION(kernel_memory_tcp) },
	{ "pids-limit", 0, "N", "Limit of processes", OPTION_TEXT, OPTION(pids_limit) },
	{ "l3-cache-schema", 0, "TEXT", "Part of the cache", OPTION_TEXT, OPTION(l3_cache_schema) },
	{ "mem-bw-schema", 0, "TEXT", "Part of the memory's bandwidth", OPTION_TEXT, OPTION(mem_bw_schema) },
	ROWS_END,
};

/*
 * All limits are of cgroups, which real root's containers have, and their callers give them as JSON.  Others are read, so
 * that what is no limit is an error, and logged.
 */
static int run_update(struct runc_call *call, int *ret_status, struct error *err)
{
	enum { MAX_BYTES = 1 << 20 };
	const struct update_options *o = call->options;
	CLEANUP_TALLOC struct runc_container *c = NULL;
	char *text;
	struct json *document;
	(void)ret_status;
	if (state_read(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	if (state_status(c) == STATUS_STOPPED)
		return error_set(err, 0, "container not running");
	if (o->resources) {
		const char *path = strcmp(o->resources, "-") == 0 ? "/dev/stdin" : o->resources;
		if (io_read_file(c, AT_FDCWD, path, MAX_BYTES, &text, NULL, err) < 0 ||
		    json_parse_unsigned(c, text, path, &document, err) < 0)
			return -1;
		if (!json_holds_object(document))
			return error_set(err, 0, "%s is no JSON object", path);
		if (members_ask(document) && cgroup_exists(c->config))
			return cgroup_update(c->config, document, err);
		if (members_ask(document))
			runc_log(LOG_WARNING_LEVEL, "resources are taken, but not held to: limits need cgroups");
		return 0;
	}
	for (const struct option_row *row = update_rows; row->name; row++) {
		const char *value = *(const char *const *)((const char *)o + row->offset);
		if (value)
			runc_log(LOG_WARNING_LEVEL, "--%s is taken, but not held to: limits need cgroups", row->name);
	}
	return 0;
}

/* Their options are taken, so that the failure is about what is asked for. */
#define IGNORED(name, argument) { name, 0, argument, "Taken, of no effect", OPTION_IGNORED, 0 }
#define CRIU_ROWS \
	IGNORED("image-path", "DIR"), IGNORED("work-path", "DIR"), IGNORED("tcp-established", NULL), \
	IGNORED("ext-unix-sk", NULL), IGNORED("shell-job", NULL), IGNORED("lazy-pages", NULL), IGNORED("file-locks", NULL), \
	IGNORED("manage-cgroups-mode", "MODE"), IGNORED("empty-ns", "KIND"), IGNORED("auto-dedup", NULL)
static const struct option_row checkpoint_rows[] = {
	CRIU_ROWS, IGNORED("parent-path", "DIR"), IGNORED("leave-running", NULL), IGNORED("status-fd", "N"),
	IGNORED("page-server", "ADDRESS"), IGNORED("pre-dump", NULL), ROWS_END,
};
static const struct option_row restore_rows[] = {
	CRIU_ROWS,
	{ "bundle", 'b', "DIR", "Taken, of no effect", OPTION_IGNORED, 0 },
	{ "detach", 'd', NULL, "Taken, of no effect", OPTION_IGNORED, 0 },
	IGNORED("console-socket", "SOCKET"), IGNORED("pid-file", "FILE"), IGNORED("no-subreaper", NULL),
	IGNORED("no-pivot", NULL), IGNORED("lsm-profile", "PROFILE"), IGNORED("lsm-mount-context", "CONTEXT"), ROWS_END,
};

static int run_criu(struct runc_call *call, int *ret_status, struct error *err)
{
	(void)ret_status;
	return error_set(err, 0, "%s is not supported: processes that are traced cannot be dumped by criu, which needs root",
			 call->command->name);
}

const struct runc_command runc_spec_command = {
	.name = "spec",
	.usage = "",
	.summary = "Write a config.json to begin with",
	.options = spec_rows,
	.options_bytes = sizeof(struct spec_options),
	.run = run_spec,
};
const struct runc_command runc_features_command = {
	.name = "features",
	.usage = "",
	.summary = "Show what is supported, as JSON",
	.run = run_features,
};
const struct runc_command runc_update_command = {
	.name = "update",
	.usage = "CONTAINER",
	.summary = "Take new limits, which need cgroups and are not held to",
	.options = update_rows,
	.options_bytes = sizeof(struct update_options),
	.min_words = 1,
	.max_words = 1,
	.run = run_update,
};
const struct runc_command runc_checkpoint_command = {
	.name = "checkpoint",
	.usage = "CONTAINER",
	.summary = "Not supported",
	.options = checkpoint_rows,
	.min_words = 1,
	.max_words = 1,
	.run = run_criu,
};
const struct runc_command runc_restore_command = {
	.name = "restore",
	.usage = "CONTAINER",
	.summary = "Not supported",
	.options = restore_rows,
	.min_words = 1,
	.max_words = 1,
	.run = run_criu,
};
