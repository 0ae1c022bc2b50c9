/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a process is told of the mounts that it sees: files of /proc, statmount(2), listmount(2). */
#include "tracer/mountlist.h"

#include <errno.h>
#include <sched.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/path.h"
#include "tracer/propagation.h"
#include "tracer/namespaces.h"

/* ---- as text ---- */

/* A mount as it shows to a process; false when it lies outside its root. */
static bool visible(const struct tracee *of, const struct mount *m, char view[PATH_ROOM])
{
	return !mounts_is_nameless(m->guest) &&
	       path_to_view(of, m->guest, view, PATH_ROOM) && view[0] == '/';
}

/* What put_path makes of a path, back again, in its place. */
static void read_path(char *path)
{
	char *to = path;
	for (const char *at = path; *at; to++)
		if (at[0] == '\\' && at[1] && at[2] && at[3]) {
			*to = (at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0');
			at += 4;
		} else {
			*to = *at++;
		}
	*to = '\0';
}

/* Where a host path is in its file system, as our own mountinfo has it. */
static const char *root_on_host(const char *host)
{
	static char root[PATH_ROOM];
	size_t room = 0, longest = 0;
	CLEANUP_FREE char *line = NULL;
	FILE *file = fopen("/proc/self/mountinfo", "re");
	snprintf(root, sizeof(root), "%s", *host ? host : "/");
	while (file && getline(&line, &room, file) > 0) {
		CLEANUP_FREE char *base = NULL, *point = NULL;
		if (sscanf(line, "%*d %*d %*s %ms %ms", &base, &point) != 2)
			continue;
		read_path(base);
		read_path(point);
		size_t length = strcmp(point, "/") == 0 ? 0 : strlen(point);
		if (length < longest || !mounts_is_below(host, point))
			continue;
		longest = length;
		snprintf(root, sizeof(root), "%s%s", strcmp(base, "/") == 0 && host[length] ? "" : base, host + length);
	}
	if (file)
		fclose(file);
	return root;
}

/* Its root in its file system. */
static const char *root_of(const struct mount *m)
{
	if (m->root_at == MOUNT_ROOT_OF_HOST)
		return root_on_host(m->host);
	return m->root_at < m->host_length ? m->host + m->root_at : "/";
}

/* seq_path of fs/seq_file.c: what would end a field. */
static void put_path(FILE *out, const char *path)
{
	for (const char *at = path; *at; at++)
		fprintf(out, strchr(" \t\n\\", *at) ? "\\%03o" : "%c", *at);
}

/* A bind shows the device below what it binds, which is the root's; others what mount(2) was told. */
static const char *source_of(const struct mount *m)
{
	if (strcmp(m->fs_type, "bind") == 0)
		return "rootfs";
	return strcmp(m->source, "none") != 0 ? m->source : m->fs_type;
}

static const char *type_of(const struct mount *m)
{
	/* A bind shows the type of what it binds; the host's is not the guest's to know. */
	return strcmp(m->fs_type, "bind") == 0 ? "ext4" : m->fs_type;
}

/* show_mnt_opts of fs/proc_namespace.c */
static const char *options_of(const struct mount *m)
{
	static const struct {
		unsigned flag;
		const char *text;
	} options[] = {
		{ MOUNT_NO_SET_ID, ",nosuid" },	       { MOUNT_NO_DEVICES, ",nodev" },
		{ MOUNT_NO_EXEC, ",noexec" },	       { MOUNT_NO_ACCESS_TIME, ",noatime" },
		{ MOUNT_NO_DIR_ACCESS_TIME, ",nodiratime" }, { MOUNT_NO_SYMLINKS, ",nosymfollow" },
	};
	static char text[80];
	size_t used = snprintf(text, sizeof(text), "%s", m->flags & BINDING_READ_ONLY ? "ro" : "rw");
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (m->flags & options[i].flag)
			used += snprintf(text + used, sizeof(text) - used, "%s", options[i].text);
	if (!(m->flags & (MOUNT_NO_ACCESS_TIME | MOUNT_STRICT_ACCESS_TIME)))
		snprintf(text + used, sizeof(text) - used, ",relatime");
	return text;
}

void mountlist_write_mounts(const struct tracee *of, FILE *out)
{
	char view[PATH_ROOM];
	for (size_t i = 0; i < of->mounts->count; i++) {
		const struct mount *m = of->mounts->list[i];
		if (!visible(of, m, view))
			continue;
		fprintf(out, "%s ", source_of(m));
		put_path(out, view);
		fprintf(out, " %s %s%s 0 0\n", type_of(m), options_of(m), m->shown ? m->shown : "");
	}
}

/* show_mountinfo's tagged fields */
static const char *propagation_of(const struct tracee *of, const struct mount *m)
{
	static char text[96];
	size_t used = m->peers ? snprintf(text, sizeof(text), " shared:%u", m->peers) : 0;
	unsigned master = propagation_master(m);
	text[used] = '\0';
	if (master)
		used += snprintf(text + used, sizeof(text) - used, " master:%u", master);
	unsigned from = master ? propagation_from(of->mounts, m, of->fs->root) : 0;
	if (from && from != master)
		used += snprintf(text + used, sizeof(text) - used, " propagate_from:%u", from);
	if (m->is_unbindable)
		snprintf(text + used, sizeof(text) - used, " unbindable");
	return text;
}

void mountlist_write_mountinfo(const struct tracee *of, FILE *out)
{
	char view[PATH_ROOM];
	for (size_t i = 0; i < of->mounts->count; i++) {
		const struct mount *m = of->mounts->list[i];
		const char *mode = m->flags & BINDING_READ_ONLY ? "ro" : "rw";
		if (!visible(of, m, view))
			continue;
		fprintf(out, "%d %d 0:%d ", m->id, m->parent_id, m->id);
		put_path(out, root_of(m));
		putc(' ', out);
		put_path(out, view);
		fprintf(out, " %s%s - %s %s %s%s\n", options_of(m), propagation_of(of, m), type_of(m), source_of(m), mode,
			m->shown ? m->shown : "");
	}
}

void mountlist_write_mountstats(const struct tracee *of, FILE *out)
{
	char view[PATH_ROOM];
	for (size_t i = 0; i < of->mounts->count; i++) {
		const struct mount *m = of->mounts->list[i];
		if (!visible(of, m, view))
			continue;
		fprintf(out, "device %s mounted on ", source_of(m));
		put_path(out, view);
		fprintf(out, " with fstype %s\n", type_of(m));
	}
}

/* ---- statmount, listmount ---- */

/* linux/mount.h; MNT_UNIQUE_ID_OFFSET of fs/namespace.c */
#define FIRST_ID (UINT64_C(1) << 31)
#define LSMT_ROOT UINT64_MAX
enum { REQUEST_BYTES = 24, REQUEST_MAX = 4096, LIST_MAX = 1000000, LIST_REVERSE = 1 };
enum {
	ABOUT_SUPER = 1, ABOUT_MOUNT = 2, ABOUT_PROPAGATION = 4, MOUNT_ROOT = 8, MOUNT_POINT = 0x10, FS_TYPE = 0x20,
	ABOUT_NAMESPACE = 0x40, SUPER_OPTIONS = 0x80, FS_SUBTYPE = 0x100, SOURCE = 0x200, OPTIONS_ARRAY = 0x400,
	SECURITY_OPTIONS = 0x800, ABOUT_SUPPORT = 0x1000, USER_MAP = 0x2000, GROUP_MAP = 0x4000, ALL_KNOWN = 0x7fff,
};

struct mount_request {
	uint32_t size, namespace_fd;
	uint64_t id, parameter, namespace;
};

/* struct statmount; strings are offsets behind it. */
struct mount_state {
	uint32_t size, super_options;
	uint64_t mask;
	uint32_t major, minor;
	uint64_t magic;
	uint32_t super_flags, fs_type;
	uint64_t id, parent_id;
	uint32_t old_id, old_parent_id;
	uint64_t attributes, propagation, peers, master, from;
	uint32_t root, point;
	uint64_t namespace;
	uint32_t subtype, source, option_count, options, security_count, security_options;
	uint64_t supported;
	uint64_t spare[45];
};
_Static_assert(sizeof(struct mount_state) == 512, "include/uapi/linux/mount.h");

uint64_t mountlist_id(const struct mount *m)
{
	return FIRST_ID + (unsigned)m->id;
}

/* The number of its mount namespace, as statmount tells it; the first has one that is not 0, too. */
static uint64_t namespace_of(const struct tracee *t)
{
	return FIRST_ID + t->namespaces[0];
}

/* copy_mnt_id_req */
static int read_request(const struct call *c, struct mount_request *ret)
{
	uint32_t size;
	char more[REQUEST_MAX];
	memset(ret, 0, sizeof(*ret));
	if (memory_read(c->t, c->argument[0], &size, sizeof(size)) < 0)
		return -EFAULT;
	if (size > REQUEST_MAX)
		return -E2BIG;
	if (size < REQUEST_BYTES)
		return -EINVAL;
	if (memory_read(c->t, c->argument[0], more, size) < 0)
		return -EFAULT;
	memcpy(ret, more, size < sizeof(*ret) ? size : sizeof(*ret));
	for (size_t i = sizeof(*ret); i < size; i++)
		if (more[i])
			return -E2BIG;
	if (ret->id <= FIRST_ID || (ret->namespace && ret->namespace_fd))
		return -EINVAL;
	return 0;
}

/* grab_requested_mnt_ns: none but its own can be named. */
static int check_namespace(const struct call *c, const struct mount_request *request)
{
	if (request->namespace_fd)
		return -EBADF;
	return request->namespace && request->namespace != namespace_of(c->t) ? -ENOENT : 0;
}

static const struct mount *find(const struct tracee *t, uint64_t id)
{
	for (size_t i = 0; i < t->mounts->count; i++)
		if (mountlist_id(t->mounts->list[i]) == id)
			return t->mounts->list[i];
	return NULL;
}

/* statmount_mnt_basic: mnt_to_attr_flags */
static uint64_t attributes_of(const struct mount *m)
{
	static const struct {
		unsigned flag, attribute;
	} known[] = {
		{ BINDING_READ_ONLY, 1 },      { MOUNT_NO_SET_ID, 2 },		{ MOUNT_NO_DEVICES, 4 },	  { MOUNT_NO_EXEC, 8 },
		{ MOUNT_NO_ACCESS_TIME, 0x10 }, { MOUNT_STRICT_ACCESS_TIME, 0x20 }, { MOUNT_NO_DIR_ACCESS_TIME, 0x80 },
		{ MOUNT_NO_SYMLINKS, 0x200000 },
	};
	uint64_t attributes = 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		attributes |= m->flags & known[i].flag ? known[i].attribute : 0;
	return attributes;
}

static uint64_t magic_of(const struct mount *m)
{
	static const struct {
		const char *type;
		uint64_t magic;
	} known[] = {
		{ "ext4", EXT4_SUPER_MAGIC }, { "proc", PROC_SUPER_MAGIC },	{ "sysfs", SYSFS_MAGIC },
		{ "tmpfs", TMPFS_MAGIC },     { "devpts", DEVPTS_SUPER_MAGIC }, { "devtmpfs", TMPFS_MAGIC },
		{ "cgroup2", 0x63677270 },
	};
	struct statfs fs;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(type_of(m), known[i].type) == 0)
			return known[i].magic;
	return statfs(path_short(*m->host ? m->host : "/"), &fs) == 0 ? (uint64_t)fs.f_type : 0;
}

/* The strings so far, of which the first is empty. */
struct strings {
	char text[3 * PATH_ROOM];
	size_t used;
};

/* statmount_string: an empty one is not told of. */
static void put(struct mount_state *s, struct strings *strings, uint64_t wanted, unsigned what, const char *text, uint32_t *ret_at)
{
	size_t bytes = strlen(text) + 1;
	if (!(wanted & what))
		return;
	if (!strings->used)
		strings->text[strings->used++] = '\0';
	if (bytes == 1 || strings->used + bytes > sizeof(strings->text))
		return;
	*ret_at = strings->used;
	memcpy(strings->text + strings->used, text, bytes);
	strings->used += bytes;
	s->mask |= what;
}

/* do_statmount, in its order */
static void describe(const struct tracee *t, const struct mount *m, uint64_t wanted, struct mount_state *s, struct strings *strings)
{
	char view[PATH_ROOM];
	memset(s, 0, sizeof(*s));
	strings->used = 0;
	if (wanted & ABOUT_SUPER) {
		s->minor = m->id;
		s->magic = magic_of(m);
		s->super_flags = m->flags & MOUNT_FILE_SYSTEM_READ_ONLY ? MS_RDONLY : 0;
	}
	if (wanted & ABOUT_MOUNT) {
		s->id = mountlist_id(m);
		s->parent_id = FIRST_ID + (unsigned)m->parent_id;
		s->old_id = m->id;
		s->old_parent_id = m->parent_id;
		s->attributes = attributes_of(m);
		s->propagation = m->peers ? MS_SHARED : m->master ? 0 : MS_PRIVATE;
		s->propagation |= (m->master ? MS_SLAVE : 0u) | (m->is_unbindable ? MS_UNBINDABLE : 0u);
		s->propagation &= m->is_unbindable ? ~(uint64_t)MS_PRIVATE : UINT64_MAX;
		s->peers = m->peers;
		s->master = propagation_master(m);
	}
	if ((wanted & ABOUT_PROPAGATION) && propagation_master(m))
		s->from = propagation_from(t->mounts, m, t->fs->root);
	s->mask |= wanted & (ABOUT_SUPER | ABOUT_MOUNT | ABOUT_PROPAGATION);
	put(s, strings, wanted, FS_TYPE, type_of(m), &s->fs_type);
	put(s, strings, wanted, MOUNT_ROOT, root_of(m), &s->root);
	put(s, strings, wanted, MOUNT_POINT, visible(t, m, view) ? view : "", &s->point);
	/* After ro or rw, which are flags. */
	const char *options = m->shown && *m->shown ? m->shown + 1 : "";
	put(s, strings, wanted, SUPER_OPTIONS, options, &s->super_options);
	put(s, strings, wanted, OPTIONS_ARRAY, options, &s->options);
	s->option_count = s->mask & OPTIONS_ARRAY ? 1 : 0;
	for (char *at = strings->text + s->options; s->option_count && (at = strchr(at, ',')); s->option_count++)
		*at = '\0';
	put(s, strings, wanted, SECURITY_OPTIONS, "", &s->security_options);
	put(s, strings, wanted, FS_SUBTYPE, "", &s->subtype);
	put(s, strings, wanted, SOURCE, source_of(m), &s->source);
	/* There are no mapped mounts. */
	uint32_t none;
	put(s, strings, wanted, USER_MAP, "", &none);
	put(s, strings, wanted, GROUP_MAP, "", &none);
	s->namespace = wanted & ABOUT_NAMESPACE ? namespace_of(t) : 0;
	s->supported = wanted & ABOUT_SUPPORT ? ALL_KNOWN : 0;
	s->mask |= wanted & (ABOUT_NAMESPACE | ABOUT_SUPPORT);
	s->size = sizeof(*s) + strings->used;
}

int64_t hook_statmount(struct call *c)
{
	static struct strings strings;
	struct mount_request request;
	struct mount_state state;
	uint64_t size = c->argument[2];
	char view[PATH_ROOM];
	if (c->argument[3])
		return -EINVAL;
	int r = read_request(c, &request);
	if (r == 0)
		r = check_namespace(c, &request);
	if (r < 0)
		return r;
	const struct mount *m = find(c->t, request.id);
	if (!m)
		return -ENOENT;
	if (!visible(c->t, m, view) && !namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	describe(c->t, m, request.parameter, &state, &strings);
	if (strings.used && size < state.size)
		return -EOVERFLOW;
	r = memory_write(c->t, c->argument[1], &state, size < sizeof(state) ? size : sizeof(state));
	return r < 0 ? r : memory_write(c->t, c->argument[1] + sizeof(state), strings.text, strings.used);
}

/* Is it mounted on `top`, or on what is? */
static bool is_above(const struct tracee *t, const struct mount *top, const struct mount *m)
{
	for (size_t steps = 0; m && steps < t->mounts->count; steps++) {
		if (m->parent_id == top->id)
			return true;
		m = find(t, FIRST_ID + (unsigned)m->parent_id);
	}
	return false;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

int64_t hook_listmount(struct call *c)
{
	const unsigned flags = c->argument[3];
	const uint64_t room = c->argument[2];
	struct mount_request request;
	char view[PATH_ROOM];
	if (flags & ~(unsigned)LIST_REVERSE)
		return -EINVAL;
	if (room > LIST_MAX)
		return -EOVERFLOW;
	int r = read_request(c, &request);
	if (r < 0)
		return r;
	const uint64_t last = request.parameter;
	if (last && last <= FIRST_ID)
		return -EINVAL;
	r = check_namespace(c, &request);
	if (r < 0)
		return r;
	const struct mount *top = request.id == LSMT_ROOT ? NULL : find(c->t, request.id);
	if (!top && request.id != LSMT_ROOT)
		return -ENOENT;
	if (top && !visible(c->t, top, view) && !namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	const struct mounts *all = c->t->mounts;
	CLEANUP_TALLOC uint64_t *ids = mem_array(NULL, uint64_t, all->count);
	size_t count = 0, told = 0;
	for (size_t i = 0; i < all->count; i++)
		if (top ? is_above(c->t, top, all->list[i]) : visible(c->t, all->list[i], view))
			ids[count++] = mountlist_id(all->list[i]);
	qsort(ids, count, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < count && told < room; i++) {
		uint64_t id = ids[flags & LIST_REVERSE ? count - 1 - i : i];
		if (last && (flags & LIST_REVERSE ? id >= last : id <= last))
			continue;
		if (memory_write(c->t, c->argument[1] + told * sizeof(id), &id, sizeof(id)) < 0)
			return -EFAULT;
		told++;
	}
	return (int64_t)told;
}
