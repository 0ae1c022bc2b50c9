/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that run nothing: spec, features; and those that cannot be had: checkpoint, restore. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/runc/command.h"
#include "compat/runc/log.h"
#include "compat/runc/seccomp.h"
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

static void set_enabled(struct json *parent, const char *key, bool is_enabled)
{
	json_set_bool(json_need_object(parent, key), "enabled", is_enabled);
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
	struct json *of_linux = json_need_object(features, "linux");
	json_set_strings(of_linux, "namespaces", none);
	json_set_strings(of_linux, "capabilities", capabilities);
	struct json *cgroup = json_need_object(of_linux, "cgroup");
	json_set_bool(cgroup, "v1", false);
	json_set_bool(cgroup, "v2", false);
	json_set_bool(cgroup, "systemd", false);
	json_set_bool(cgroup, "systemdUser", false);
	json_set_bool(cgroup, "rdma", false);
	seccomp_tell_features(json_need_object(of_linux, "seccomp"));
	set_enabled(of_linux, "apparmor", false);
	set_enabled(of_linux, "selinux", false);
	set_enabled(of_linux, "intelRdt", false);
	set_enabled(json_need_object(of_linux, "mountExtensions"), "idmap", false);
	struct json *annotations = json_need_object(features, "annotations");
	json_set_string(annotations, "org.opencontainers.runc.version", RUNC_VERSION);
	json_set_string(annotations, "org.opencontainers.runc.checkpoint.enabled", "false");
	puts(json_dump_indented(scratch, features));
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
#define REFUSED(command, rows) \
	{ .name = command, .usage = "CONTAINER", .summary = "Not supported", .options = rows, .min_words = 1, .max_words = 1, \
	  .run = run_criu }
const struct runc_command runc_checkpoint_command = REFUSED("checkpoint", checkpoint_rows);
const struct runc_command runc_restore_command = REFUSED("restore", restore_rows);
