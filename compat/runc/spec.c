/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rows of config.json's top level and of `linux` and what is looked at among the host's files: the bundle,
 * the root, namespaces.  Mounts and the process have files of their own.
 */
#include "compat/runc/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "compat/runc/clocks.h"
#include "compat/runc/spec_members.h"
#include "compat/runc/spec_mount.h"
#include "compat/runc/spec_names.h"
#include "compat/runc/spec_process.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { MAX_DOCUMENT_BYTES = 16 << 20, MAX_HOSTNAME = 64 };

#define MEMBER(of, member) .offset = offsetof(struct of, member)
#define MEMBERS(of, member, count) .offset = offsetof(struct of, member), .count_offset = offsetof(struct of, count)

/* Is the namespace at `path` the one of this kind that we are in? */
static bool is_own_namespace(const char *path, const char *file)
{
	CLEANUP_TALLOC char *own_path = mem_printf(NULL, "/proc/self/ns/%s", file);
	struct stat own, other;
	return stat(own_path, &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev &&
	       own.st_ino == other.st_ino;
}

static int read_namespace_kind(struct member_reader *r, struct json *value, void *to)
{
	const char *file, *name = json_text(value);
	long flag = name ? spec_namespace_flag(name, &file) : -1;
	if (flag < 0)
		return members_fail(r, NULL, "is '%s', which is no kind of namespace", name ? name : "");
	*(unsigned *)to = (unsigned)flag;
	return 0;
}

static int check_namespace(struct member_reader *r, struct json *object, void *to)
{
	struct spec_namespace *n = to;
	const char *file, *name = json_get_string(object, "type");
	if (n->path && !n->path[0])
		n->path = NULL;
	if (!n->path)
		return 0;
	spec_namespace_flag(name, &file);
	if (n->path[0] != '/')
		return members_fail(r, "path", "is '%s', not an absolute path", n->path);
	if (!r->has_files)
		return 0;
	struct stat st;
	if (stat(n->path, &st) < 0)
		return members_fail(r, "path", "is '%s': %s", n->path, strerror(errno));
	if (is_own_namespace(n->path, file))
		n->clone_flag = 0;
	else if (n->clone_flag != CLONE_NEWNET && n->clone_flag != CLONE_NEWTIME)
		return members_fail(r, "path", "is '%s': another %s namespace cannot be joined", n->path, name);
	return 0;
}

static const struct member_row namespace_rows[] = {
	{ .name = "type", .kind = MEMBER_HOOK, MEMBER(spec_namespace, clone_flag), .is_required = true,
	  .hook = read_namespace_kind },
	{ .name = "path", .kind = MEMBER_TEXT, MEMBER(spec_namespace, path) },
	{ .name = NULL },
};
static const struct member_shape namespace_shape = { namespace_rows, sizeof(struct spec_namespace), check_namespace };

struct device_number {
	unsigned major, minor;
};
static const struct member_row number_rows[] = {
	{ .name = "major", .kind = MEMBER_DEVICE_NUMBER, MEMBER(device_number, major), .is_required = true },
	{ .name = "minor", .kind = MEMBER_DEVICE_NUMBER, MEMBER(device_number, minor), .is_required = true },
	{ .name = NULL },
};
static const struct member_shape number_shape = { number_rows, sizeof(struct device_number), NULL };

static int check_device(struct member_reader *r, struct json *object, void *to)
{
	static const struct {
		const char *name;
		mode_t type;
	} types[] = { { "c", S_IFCHR }, { "u", S_IFCHR }, { "b", S_IFBLK }, { "p", S_IFIFO } };
	enum { TYPES = sizeof(types) / sizeof(*types) };
	struct spec_device *device = to;
	const char *type = json_get_string(object, "type");
	size_t i = 0;
	while (i < TYPES && (!type || strcmp(types[i].name, type) != 0))
		i++;
	if (i == TYPES)
		return members_fail(r, "type", "is '%s', not one of c, b, u, p", type ? type : "");
	if (!json_get(object, "fileMode"))
		device->mode = 0666;
	device->mode = (device->mode & 07777) | types[i].type;
	if (types[i].type == S_IFIFO)
		return 0;
	struct device_number number;
	if (members_read(r, &number_shape, object, &number) < 0)
		return -1;
	device->device = makedev(number.major, number.minor);
	return 0;
}

/* fileMode may come with the type of the file in it, as of stat(2). */
static int read_file_mode(struct member_reader *r, struct json *value, void *to)
{
	int64_t mode = json_as_int(value);
	if (json_kind(value) != JSON_KIND_INTEGER || mode < 0 || mode > (07777 | S_IFMT))
		return members_fail(r, NULL, "is not the mode of a file");
	*(mode_t *)to = (mode_t)mode & 07777;
	return 0;
}

static const struct member_row device_rows[] = {
	{ .name = "path", .kind = MEMBER_ABSOLUTE, MEMBER(spec_device, path), .is_required = true },
	{ .name = "fileMode", .kind = MEMBER_HOOK, MEMBER(spec_device, mode), .hook = read_file_mode },
	{ .name = "uid", .kind = MEMBER_ID, MEMBER(spec_device, uid) },
	{ .name = "gid", .kind = MEMBER_ID, MEMBER(spec_device, gid) },
	{ .name = NULL },
};
static const struct member_shape device_shape = { device_rows, sizeof(struct spec_device), check_device };

static const struct member_row hook_rows[] = {
	{ .name = "path", .kind = MEMBER_ABSOLUTE, MEMBER(spec_hook, path), .is_required = true },
	{ .name = "args", .kind = MEMBER_TEXTS, MEMBER(spec_hook, args) },
	{ .name = "env", .kind = MEMBER_TEXTS, MEMBER(spec_hook, env) },
	{ .name = "timeout", .kind = MEMBER_SECONDS, MEMBER(spec_hook, timeout_seconds) },
	{ .name = NULL },
};
static const struct member_shape hook_shape = { hook_rows, sizeof(struct spec_hook), NULL };

#define HOOKS(hook_name, hook_kind) \
	{ .name = hook_name, .kind = MEMBER_ITEMS, .shape = &hook_shape, \
	  MEMBERS(spec, hooks[hook_kind].items, hooks[hook_kind].count) }
static const struct member_row hooks_rows[] = {
	HOOKS("prestart", HOOK_PRESTART),
	HOOKS("createRuntime", HOOK_CREATE_RUNTIME),
	HOOKS("createContainer", HOOK_CREATE_CONTAINER),
	HOOKS("startContainer", HOOK_START_CONTAINER),
	HOOKS("poststart", HOOK_POSTSTART),
	HOOKS("poststop", HOOK_POSTSTOP),
	{ .name = NULL },
};
static const struct member_shape hooks_shape = { hooks_rows, sizeof(struct spec), NULL };

/* Ids are faked, so it does not matter which of the host's stand for them; but they are ids. */
struct id_mapping {
	uint64_t container_id, host_id, size;
};
static const struct member_row mapping_rows[] = {
	{ .name = "containerID", .kind = MEMBER_LIMIT, MEMBER(id_mapping, container_id), .is_required = true },
	{ .name = "hostID", .kind = MEMBER_LIMIT, MEMBER(id_mapping, host_id), .is_required = true },
	{ .name = "size", .kind = MEMBER_LIMIT, MEMBER(id_mapping, size), .is_required = true },
	{ .name = NULL },
};
static const struct member_shape mapping_shape = { mapping_rows, sizeof(struct id_mapping), NULL };
struct id_mappings {
	struct id_mapping *items;
	size_t count;
};

static int read_mappings(struct member_reader *r, struct json *value, void *to)
{
	static const struct member_row row = { .name = "", .kind = MEMBER_ITEMS, .shape = &mapping_shape,
					       MEMBERS(id_mappings, items, count) };
	struct id_mappings mappings;
	(void)to;
	if (members_read_value(r, &row, value, &mappings) < 0)
		return -1;
	if (mappings.count)
		strlist_add(r->harmless, r->where);
	return 0;
}

/* Limits need cgroups, which are root's. */
static const struct member_row resource_rows[] = {
	{ .name = "devices", .kind = MEMBER_HARMLESS },
	{ .name = "memory", .kind = MEMBER_TAKEN },
	{ .name = "cpu", .kind = MEMBER_TAKEN },
	{ .name = "pids", .kind = MEMBER_TAKEN },
	{ .name = "blockIO", .kind = MEMBER_TAKEN },
	{ .name = "hugepageLimits", .kind = MEMBER_TAKEN },
	{ .name = "network", .kind = MEMBER_TAKEN },
	{ .name = "rdma", .kind = MEMBER_TAKEN },
	{ .name = "unified", .kind = MEMBER_TAKEN },
	{ .name = NULL },
};
static const struct member_shape resources_shape = { resource_rows, 0, NULL };

static int read_propagation(struct member_reader *r, struct json *value, void *to)
{
	const char *name = json_text(value);
	long flags = name ? spec_propagation(name) : -1;
	if (name && !name[0])
		return 0;
	if (flags < 0)
		return members_fail(r, NULL, "is '%s', which is no propagation", name ? name : "");
	*(unsigned long *)to = (unsigned long)flags;
	return 0;
}

static int read_personality(struct member_reader *r, struct json *value, void *to)
{
	const char *domain = json_get_string(value, "domain");
	if (!domain || (strcmp(domain, "LINUX") != 0 && strcmp(domain, "LINUX32") != 0))
		return members_fail(r, "domain", "is not LINUX or LINUX32");
	/* "No flags are supported" (config-linux.md, "Personality"). */
	if (json_length(json_get(value, "flags")))
		return members_fail(r, "flags", "are not supported");
	*(unsigned long *)to = strcmp(domain, "LINUX") == 0 ? PER_LINUX : PER_LINUX32;
	return 0;
}

static int read_seccomp(struct member_reader *r, struct json *value, void *to)
{
	if (!json_holds_object(value))
		return members_fail(r, NULL, "is not an object");
	*(struct json **)to = value;
	return 0;
}

static int check_absolute(struct member_reader *r, const char *member, const struct strlist *paths)
{
	for (size_t i = 0; paths && i < paths->count; i++)
		if (paths->items[i][0] != '/')
			return members_fail(r, member, "has '%s', which is not an absolute path", paths->items[i]);
	return 0;
}

/* Of each kind one; those that we are in are dropped. */
static int check_namespaces(struct member_reader *r, struct spec *spec)
{
	size_t kept = 0;
	for (size_t i = 0; i < spec->namespace_count; i++) {
		for (size_t j = 0; j < i; j++)
			if (spec->namespaces[i].clone_flag && spec->namespaces[i].clone_flag == spec->namespaces[j].clone_flag)
				return members_fail(r, "namespaces", "has a kind twice");
	}
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].clone_flag)
			spec->namespaces[kept++] = spec->namespaces[i];
	spec->namespace_count = kept;
	return 0;
}

/* Nothing is masked twice. */
static struct strlist *without_twins(const void *ctx, const struct strlist *paths)
{
	struct strlist *list = strlist_new(ctx);
	for (size_t i = 0; paths && i < paths->count; i++) {
		size_t j = 0;
		while (j < list->count && strcmp(list->items[j], paths->items[i]) != 0)
			j++;
		if (j == list->count)
			strlist_add(list, paths->items[i]);
	}
	return list;
}

static int check_linux(struct member_reader *r, struct json *object, void *to)
{
	struct spec *spec = to;
	(void)object;
	if (spec->cgroups_path && spec->cgroups_path[0])
		strlist_add(r->harmless, "linux.cgroupsPath");
	if (check_namespaces(r, spec) < 0 || check_absolute(r, "maskedPaths", spec->masked_paths) < 0)
		return -1;
	return check_absolute(r, "readonlyPaths", spec->read_only_paths);
}

static const struct member_row linux_rows[] = {
	{ .name = "namespaces", .kind = MEMBER_ITEMS, .shape = &namespace_shape, MEMBERS(spec, namespaces, namespace_count) },
	{ .name = "devices", .kind = MEMBER_ITEMS, .shape = &device_shape, MEMBERS(spec, devices, device_count) },
	{ .name = "maskedPaths", .kind = MEMBER_TEXTS, MEMBER(spec, masked_paths) },
	{ .name = "readonlyPaths", .kind = MEMBER_TEXTS, MEMBER(spec, read_only_paths) },
	{ .name = "rootfsPropagation", .kind = MEMBER_HOOK, MEMBER(spec, rootfs_propagation), .hook = read_propagation },
	{ .name = "cgroupsPath", .kind = MEMBER_TEXT, MEMBER(spec, cgroups_path) },
	{ .name = "uidMappings", .kind = MEMBER_HOOK, .hook = read_mappings },
	{ .name = "gidMappings", .kind = MEMBER_HOOK, .hook = read_mappings },
	{ .name = "resources", .kind = MEMBER_OBJECT, .shape = &resources_shape },
	{ .name = "personality", .kind = MEMBER_HOOK, MEMBER(spec, personality), .hook = read_personality },
	{ .name = "seccomp", .kind = MEMBER_HOOK, MEMBER(spec, seccomp), .hook = read_seccomp },
	{ .name = "sysctl", .kind = MEMBER_TAKEN },
	{ .name = "mountLabel", .kind = MEMBER_TAKEN },
	{ .name = "timeOffsets", .kind = MEMBER_TAKEN },
	{ .name = "memoryPolicy", .kind = MEMBER_HOOK, MEMBER(spec, memory_policy), .hook = memory_read_policy },
	{ .name = "intelRdt", .kind = MEMBER_REFUSED, .why = "it needs resctrl, which is root's" },
	{ .name = "netDevices", .kind = MEMBER_REFUSED, .why = "it needs a network namespace" },
	{ .name = NULL },
};
static const struct member_shape linux_shape = { linux_rows, sizeof(struct spec), check_linux };

static const struct member_row root_rows[] = {
	{ .name = "path", .kind = MEMBER_TEXT, MEMBER(spec, root), .is_required = true },
	{ .name = "readonly", .kind = MEMBER_BOOL, MEMBER(spec, is_root_read_only) },
	{ .name = NULL },
};
static const struct member_shape root_shape = { root_rows, sizeof(struct spec), NULL };

/* "1.MINOR.PATCH", then perhaps "-rc1" or "+dev", of semver.org. */
static bool is_known_version(const char *version)
{
	if (!text_starts(version, "1."))
		return false;
	size_t minor = strspn(version + 2, "0123456789");
	const char *patch = version + 2 + minor;
	if (minor == 0 || *patch != '.')
		return false;
	size_t length = strspn(patch + 1, "0123456789");
	return length > 0 && strchr("-+", patch[1 + length]) != NULL;
}

/* A root behind a symlink could be anywhere, /etc say: runc wants none in the whole path, neither do we. */
static int check_root(struct member_reader *r, struct spec *spec)
{
	char resolved[PATH_MAX];
	struct stat st;
	if (!spec->root[0])
		return members_fail(r, "root.path", "is empty");
	char *root = mem_printf(r->ctx, "%s/%s", spec->root[0] == '/' ? "" : r->bundle, spec->root);
	text_clean_path(root);
	spec->root = root;
	if (!r->has_files)
		return 0;
	if (!realpath(spec->root, resolved))
		return members_fail(r, "root.path", "is '%s': %s", spec->root,
				    errno == ENOENT ? "it does not exist" : strerror(errno));
	if (strcmp(resolved, spec->root) != 0)
		return members_fail(r, "root.path", "is '%s', which is a symlink or behind one: it leads to '%s'", spec->root,
				    resolved);
	if (stat(resolved, &st) < 0 || !S_ISDIR(st.st_mode))
		return members_fail(r, "root.path", "is '%s', which is no directory", spec->root);
	return 0;
}

static int check_spec(struct member_reader *r, struct json *object, void *to)
{
	struct spec *spec = to;
	if (!is_known_version(spec->oci_version))
		return members_fail(r, "ociVersion", "is '%s', a version of the runtime-spec that is not known: 1.0.0 to 1.2.1 are",
				    spec->oci_version);
	if (spec->hostname && strlen(spec->hostname) > MAX_HOSTNAME)
		return members_fail(r, "hostname", "is longer than %d bytes", MAX_HOSTNAME);
	if (spec->domainname && strlen(spec->domainname) > MAX_HOSTNAME)
		return members_fail(r, "domainname", "is longer than %d bytes", MAX_HOSTNAME);
	spec->masked_paths = without_twins(r->ctx, spec->masked_paths);
	spec->read_only_paths = without_twins(r->ctx, spec->read_only_paths);
	spec->annotations = json_get(object, "annotations");
	return check_root(r, spec);
}

static const struct member_row spec_rows[] = {
	{ .name = "ociVersion", .kind = MEMBER_TEXT, MEMBER(spec, oci_version), .is_required = true },
	{ .name = "root", .kind = MEMBER_OBJECT, .shape = &root_shape, .is_required = true },
	{ .name = "process", .kind = MEMBER_NEW, MEMBER(spec, process), .shape = &spec_process_shape },
	{ .name = "hostname", .kind = MEMBER_TEXT, MEMBER(spec, hostname) },
	{ .name = "domainname", .kind = MEMBER_TEXT, MEMBER(spec, domainname) },
	{ .name = "mounts", .kind = MEMBER_ITEMS, .shape = &spec_mount_shape, MEMBERS(spec, mounts, mount_count) },
	{ .name = "hooks", .kind = MEMBER_OBJECT, .shape = &hooks_shape },
	{ .name = "annotations", .kind = MEMBER_STRINGS },
	{ .name = "linux", .kind = MEMBER_OBJECT, .shape = &linux_shape },
	{ .name = NULL },
};
static const struct member_shape spec_shape = { spec_rows, sizeof(struct spec), check_spec };

static struct spec_notes new_notes(const void *ctx)
{
	return (struct spec_notes){ strlist_new(ctx), strlist_new(ctx), strlist_new(ctx) };
}

static struct member_reader new_reader(const void *ctx, const char *file, const struct spec_notes *notes, struct error *err)
{
	return (struct member_reader){ .ctx = ctx, .file = file, .unsupported = notes->unsupported,
				       .harmless = notes->harmless, .warnings = notes->warnings, .err = err };
}

/* The document becomes the spec's. */
static int read_spec(const void *ctx, const char *bundle, const char *file, bool has_files, struct json *document,
		     struct spec **ret, struct error *err)
{
	struct spec *spec = mem_new(ctx, struct spec);
	spec->document = talloc_steal(spec, document);
	spec->bundle = mem_strdup(spec, bundle);
	spec->notes = new_notes(spec);
	struct member_reader r = new_reader(spec, file, &spec->notes, err);
	r.bundle = spec->bundle;
	r.has_files = has_files;
	if (members_read(&r, &spec_shape, document, spec) < 0) {
		talloc_free(spec);
		return -1;
	}
	*ret = spec;
	return 0;
}

static int read_document(const void *ctx, const char *path, struct json **ret, struct error *err)
{
	CLEANUP_TALLOC char *text = NULL;
	size_t size;
	if (io_read_file(NULL, AT_FDCWD, path, MAX_DOCUMENT_BYTES, &text, &size, err) < 0)
		return -1;
	if (strlen(text) != size)
		return error_set(err, 0, "%s is not valid JSON: it has a NUL in it", path);
	return json_parse_unsigned(ctx, text, path, ret, err);
}

int spec_read(const void *ctx, const char *bundle, struct spec **ret, struct error *err)
{
	char resolved[PATH_MAX];
	struct json *document;
	struct stat st;
	if (!realpath(bundle, resolved))
		return error_set(err, errno, "cannot find the bundle '%s'", bundle);
	CLEANUP_TALLOC char *file = mem_printf(NULL, "%s%sconfig.json", resolved, resolved[1] ? "/" : "");
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, 0, "%s is no regular file", file);
	if (read_document(ctx, file, &document, err) < 0)
		return -1;
	return read_spec(ctx, resolved, file, true, document, ret, err);
}

int spec_of_document(const void *ctx, const char *bundle, const char *file, const struct json *document,
		     struct spec **ret, struct error *err)
{
	return read_spec(ctx, bundle, file, false, json_clone(ctx, document), ret, err);
}

int spec_read_process(const void *ctx, const char *path, struct spec_process **ret, struct spec_notes *ret_notes,
		      struct error *err)
{
	struct spec_process *process = mem_new(ctx, struct spec_process);
	struct spec_notes notes = new_notes(process);
	struct member_reader r = new_reader(process, path, &notes, err);
	struct json *document;
	if (read_document(process, path, &document, err) < 0 ||
	    members_read(&r, &spec_process_shape, document, process) < 0) {
		talloc_free(process);
		return -1;
	}
	if (ret_notes)
		*ret_notes = notes;
	*ret = process;
	return 0;
}
