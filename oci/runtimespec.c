/* SPDX-License-Identifier: Apache-2.0 */
/* Owns config.json as it is made here: of nothing, as `runc spec` does, and of an image. */
#include "oci/runtimespec.h"

#include <string.h>
#include <unistd.h>

#include "tracer/base/text.h"

static const char first_members[] =
	"{\"ociVersion\":\"1.2.1\",\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
	"\"capabilities\":{"
	"\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
	"\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
	"\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"runc\",\"mounts\":[],\"linux\":{}}";

enum variant { OF_ALL, OF_ROOT, OF_ROOTLESS };

static const struct {
	const char *destination, *type, *source, *options[8];
	enum variant variant;
} mounts[] = {
	{ "/proc", "proc", "proc", { NULL }, OF_ALL },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" }, OF_ALL },
	{ "/dev/pts", "devpts", "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" }, OF_ROOT },
	{ "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" }, OF_ROOTLESS },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" }, OF_ALL },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }, OF_ALL },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" }, OF_ROOT },
	{ "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "ro" }, OF_ROOTLESS },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" }, OF_ALL },
};

static const struct {
	const char *name;
	enum variant variant;
} namespaces[] = {
	{ "pid", OF_ALL }, { "network", OF_ROOT }, { "ipc", OF_ALL },      { "uts", OF_ALL },
	{ "mount", OF_ALL }, { "cgroup", OF_ALL }, { "user", OF_ROOTLESS },
};

static const char *const masked[] = { "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",
				      "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
				      "/sys/firmware",    "/proc/scsi" };
static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };

static void set_paths(struct json *object, const char *key, const char *const *paths, size_t count)
{
	CLEANUP_TALLOC struct strlist *list = strlist_new(NULL);
	for (size_t i = 0; i < count; i++)
		strlist_add(list, paths[i]);
	json_set_strings(object, key, list);
}

static void add_mounts(struct json *array, enum variant variant)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		if (mounts[i].variant != OF_ALL && mounts[i].variant != variant)
			continue;
		CLEANUP_TALLOC struct json *mount = json_new_object(NULL);
		size_t count = 0;
		while (mounts[i].options[count])
			count++;
		json_set_string(mount, "destination", mounts[i].destination);
		json_set_string(mount, "type", mounts[i].type);
		json_set_string(mount, "source", mounts[i].source);
		if (count)
			set_paths(mount, "options", mounts[i].options, count);
		json_append(array, mount);
	}
}

static void add_mapping(struct json *linux_members, const char *key, uid_t id)
{
	CLEANUP_TALLOC struct json *array = json_new_array(NULL);
	CLEANUP_TALLOC struct json *mapping = json_new_object(NULL);
	json_set_int(mapping, "containerID", 0);
	json_set_int(mapping, "hostID", id);
	json_set_int(mapping, "size", 1);
	json_append(array, mapping);
	json_set(linux_members, key, array);
}

static void add_resources(struct json *linux_members)
{
	CLEANUP_TALLOC struct json *resources = json_new_object(NULL);
	CLEANUP_TALLOC struct json *devices = json_new_array(NULL);
	CLEANUP_TALLOC struct json *rule = json_new_object(NULL);
	json_set_bool(rule, "allow", false);
	json_set_string(rule, "access", "rwm");
	json_append(devices, rule);
	json_set(resources, "devices", devices);
	json_set(linux_members, "resources", resources);
}

struct json *runtimespec_example(const void *ctx, bool is_rootless)
{
	enum variant variant = is_rootless ? OF_ROOTLESS : OF_ROOT;
	struct json *document;
	if (json_parse(ctx, first_members, "example", &document, NULL) < 0)
		return NULL;
	struct json *linux_members = json_get(document, "linux"), *list = json_new_array(document);
	add_mounts(json_get(document, "mounts"), variant);
	if (is_rootless) {
		add_mapping(linux_members, "uidMappings", geteuid());
		add_mapping(linux_members, "gidMappings", getegid());
	} else {
		add_resources(linux_members);
	}
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++) {
		bool is_of_version_2 = strcmp(namespaces[i].name, "cgroup") == 0;
		if (namespaces[i].variant != OF_ALL && namespaces[i].variant != variant)
			continue;
		/* As runc has it: a group's namespace is asked for where there is one hierarchy only. */
		if (is_of_version_2 && access("/sys/fs/cgroup/cgroup.controllers", F_OK) < 0)
			continue;
		CLEANUP_TALLOC struct json *item = json_new_object(NULL);
		json_set_string(item, "type", namespaces[i].name);
		json_append(list, item);
	}
	json_set(linux_members, "namespaces", list);
	set_paths(linux_members, "maskedPaths", masked, sizeof(masked) / sizeof(*masked));
	set_paths(linux_members, "readonlyPaths", read_only, sizeof(read_only) / sizeof(*read_only));
	return document;
}

/* ---- of an image ---- */

static const char *const capabilities[] = {
	"CAP_CHOWN",	    "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER",	"CAP_MKNOD",
	"CAP_NET_RAW",	    "CAP_SETGID",	"CAP_SETUID", "CAP_SETFCAP",	"CAP_SETPCAP",
	"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",	"CAP_AUDIT_WRITE",
};

static void set_capabilities(struct json *process)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	CLEANUP_TALLOC struct json *all = json_new_object(NULL);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		set_paths(all, sets[i], capabilities, sizeof(capabilities) / sizeof(*capabilities));
	json_set(process, "capabilities", all);
}

static void set_user(struct json *process, const struct runtimespec_user *user)
{
	CLEANUP_TALLOC struct json *object = json_new_object(NULL), *groups = json_new_array(NULL);
	json_set_int(object, "uid", user->uid);
	json_set_int(object, "gid", user->gid);
	for (size_t i = 0; i < user->group_count; i++) {
		if (user->groups[i] == user->gid)
			continue;
		CLEANUP_TALLOC char *text = mem_printf(NULL, "%u", user->groups[i]);
		struct json *number;
		if (json_parse(groups, text, "a group", &number, NULL) == 0)
			json_append(groups, number);
	}
	if (json_length(groups))
		json_set(object, "additionalGids", groups);
	json_set(process, "user", object);
}

static void set_process(struct json *process, const struct image_config *config, const struct runtimespec_user *user)
{
	CLEANUP_TALLOC struct strlist *args = strlist_new(NULL), *env = strlist_new(NULL);
	bool has_home = false, has_term = false, has_path = false;
	for (size_t i = 0; config->entrypoint && i < config->entrypoint->count; i++)
		strlist_add(args, config->entrypoint->items[i]);
	for (size_t i = 0; config->cmd && i < config->cmd->count; i++)
		strlist_add(args, config->cmd->items[i]);
	if (args->count == 0)
		strlist_add(args, "sh");
	for (size_t i = 0; i < config->env->count; i++) {
		has_home |= text_starts(config->env->items[i], "HOME=");
		has_term |= text_starts(config->env->items[i], "TERM=");
		has_path |= text_starts(config->env->items[i], "PATH=");
		strlist_add(env, config->env->items[i]);
	}
	if (!has_path)
		strlist_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (!has_term)
		strlist_add(env, "TERM=xterm");
	if (!has_home)
		strlist_addf(env, "HOME=%s", user->home);
	json_set_strings(process, "args", args);
	json_set_strings(process, "env", env);
	/* An image may say "app"; Docker takes it from the root. */
	CLEANUP_TALLOC char *cwd = mem_printf(NULL, "%s%s", config->working_dir[0] == '/' ? "" : "/", config->working_dir);
	json_set_string(process, "cwd", cwd);
	json_set_bool(process, "noNewPrivileges", false);
	set_user(process, user);
	set_capabilities(process);
}

/* conversion.md: "Annotation Fields"; labels are copied and win. */
static void set_annotations(struct json *document, const struct image_config *config)
{
	CLEANUP_TALLOC struct json *annotations = json_new_object(NULL);
	CLEANUP_TALLOC char *ports = mem_strdup(NULL, "");
	const struct {
		const char *key, *value;
	} fields[] = {
		{ "os", config->platform.os }, { "architecture", config->platform.architecture },
		{ "variant", config->platform.variant }, { "author", config->author }, { "created", config->created },
		{ "stopSignal", config->stop_signal },
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		CLEANUP_TALLOC char *key = mem_printf(NULL, "org.opencontainers.image.%s", fields[i].key);
		if (fields[i].value && *fields[i].value)
			json_set_string(annotations, key, fields[i].value);
	}
	for (size_t i = 0; config->exposed_ports && i < config->exposed_ports->count; i++)
		ports = mem_append(ports, "%s%s", *ports ? "," : "", config->exposed_ports->items[i]);
	if (*ports)
		json_set_string(annotations, "org.opencontainers.image.exposedPorts", ports);
	for (size_t i = 0; config->labels && i < config->labels->count; i++) {
		const char *equals = strchr(config->labels->items[i], '=');
		CLEANUP_TALLOC char *key = equals ? mem_strndup(NULL, config->labels->items[i], equals - config->labels->items[i]) : NULL;
		if (key)
			json_set_string(annotations, key, equals + 1);
	}
	json_set(document, "annotations", annotations);
}

/* Where the network is the host's, so is who knows its names. */
static void add_resolver(struct json *mounts_array)
{
	static const char *const options[] = { "rbind", "ro" };
	CLEANUP_TALLOC struct json *mount = json_new_object(NULL);
	json_set_string(mount, "destination", "/etc/resolv.conf");
	json_set_string(mount, "type", "bind");
	json_set_string(mount, "source", "/etc/resolv.conf");
	set_paths(mount, "options", options, sizeof(options) / sizeof(*options));
	json_append(mounts_array, mount);
}

struct json *runtimespec_of_image(const void *ctx, const struct image *image, const struct runtimespec_user *user,
				  bool is_rootless)
{
	struct json *document = runtimespec_example(ctx, is_rootless);
	json_set_string(document, "hostname", "container");
	json_set_bool(json_get(document, "root"), "readonly", false);
	set_process(json_get(document, "process"), &image->run, user);
	set_annotations(document, &image->run);
	if (is_rootless)
		add_resolver(json_get(document, "mounts"));
	return document;
}
