/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the document that `runc spec` writes: a shell on a read-only root, with the mounts that programs expect. */
#include <string.h>
#include <unistd.h>

#include "compat/runc/spec.h"

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

char *spec_example(const void *ctx, bool is_rootless)
{
	enum variant variant = is_rootless ? OF_ROOTLESS : OF_ROOT;
	struct json *document;
	if (json_parse(NULL, first_members, "example", &document, NULL) < 0)
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
	char *text = json_dump_indented(ctx, document);
	talloc_free(document);
	return text;
}
