/* SPDX-License-Identifier: Apache-2.0 */
/* Owns mount and its kin, and the host's name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/cgroups.h"
#include "tracer/fast.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/mountcalls.h"
#include "tracer/mountoptions.h"
#include "tracer/namespaces.h"
#include "tracer/procfs.h"
#include "tracer/propagation.h"
#include "tracer/trees.h"
#include "tracer/users.h"

enum { HOST_NAME_MAX_BYTES = 64 };

/* The host directories that show a file system type; NULL: not a type that can be had. */
static char *host_of_type(struct call *c, const char *type)
{
	static unsigned counter;
	static const struct {
		const char *type, *host;
	} fixed[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devpts", "/dev/pts" }, { "mqueue", "/dev/mqueue" },
		{ "cgroup", "/sys/fs/cgroup" }, { "cgroup2", "/sys/fs/cgroup" },
	};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (strcmp(type, fixed[i].type) == 0 && access(fixed[i].host, F_OK) == 0)
			return mem_strdup(c->t, fixed[i].host);
	/* Few hosts mount the message queues; those of a namespace of one's own begin empty anyway. */
	if (strcmp(type, "mqueue") != 0 && strcmp(type, "tmpfs") != 0 && strcmp(type, "ramfs") != 0 && strcmp(type, "devtmpfs") != 0)
		return NULL;
	char *path = mem_printf(c->t, "%s/tmpfs-%u", session.run_dir, counter++);
	if (mkdir(path, 0700) < 0)
		TALLOC_FREE(path);
	session.has_guest_files = true;
	return path;
}

/* tmpfs(5): mode=, uid= and gid= are of the root; other options limit what is the host's to limit. */
static int read_tmpfs_options(const struct tracee *t, char *text, struct meta_entry *root)
{
	for (char *save = NULL, *option = strtok_r(text, ",", &save); option; option = strtok_r(NULL, ",", &save)) {
		char *equals = strchr(option, '='), *end;
		if (!equals)
			continue;
		*equals = '\0';
		bool is_mode = strcmp(option, "mode") == 0;
		unsigned long value = strtoul(equals + 1, &end, is_mode ? 8 : 10);
		if (!is_mode && strcmp(option, "uid") != 0 && strcmp(option, "gid") != 0)
			continue;
		if (!equals[1] || *end || value > UINT32_MAX)
			return -EINVAL;
		if (is_mode)
			root->mode = S_IFDIR | (value & 07777);
		else if (option[0] == 'u')
			root->uid = users_named(t, ID_USER, value);
		else
			root->gid = users_named(t, ID_GROUP, value);
	}
	return root->uid == ID_NONE || root->gid == ID_NONE ? -EINVAL : 0;
}

static int record_tmpfs(struct call *c, const char *host, const char *type, char *options)
{
	struct meta_entry entry;
	struct stat st;
	if (lstat(host, &st) < 0)
		return -errno;
	meta_default(session.meta, &st, &entry);
	entry.uid = c->t->cred.fsuid;
	entry.gid = c->t->cred.fsgid;
	entry.mode = S_IFDIR | (strcmp(type, "tmpfs") == 0 || strcmp(type, "mqueue") == 0 ? 01777 : 0755);
	int r = read_tmpfs_options(c->t, options, &entry);
	if (r == 0)
		meta_put(session.meta, &entry);
	return r;
}

/* do_mount of fs/namespace.c: MS_* that are the mount's own. */
static unsigned options_of(uint64_t flags)
{
	return (flags & MS_RDONLY ? BINDING_READ_ONLY : 0) | (flags & MS_NOSUID ? MOUNT_NO_SET_ID : 0) |
	       (flags & MS_NODEV ? MOUNT_NO_DEVICES : 0) | (flags & MS_NOEXEC ? MOUNT_NO_EXEC : 0) |
	       (flags & MS_NOATIME ? MOUNT_NO_ACCESS_TIME : 0) | (flags & MS_NODIRATIME ? MOUNT_NO_DIR_ACCESS_TIME : 0) |
	       (flags & MS_STRICTATIME ? MOUNT_STRICT_ACCESS_TIME : 0) |
	       (flags & 256 /* MS_NOSYMFOLLOW */ ? MOUNT_NO_SYMLINKS : 0);
}

/*
 * mount_capable of fs/super.c: most are the first user namespace's alone; others belong to that of what they show, or to the
 * caller's.  mount_too_revealing: these two only where one shows already.  0, -EPERM.
 */
static int may_make(const struct tracee *t, const char *type)
{
	static const struct {
		const char *type;
		unsigned of; /* 0: the caller's */
	} types[] = {
		{ "tmpfs", 0 }, { "ramfs", 0 }, { "devpts", 0 }, { "proc", CLONE_NEWPID }, { "sysfs", CLONE_NEWNET },
		{ "mqueue", CLONE_NEWIPC }, { "cgroup", CLONE_NEWCGROUP }, { "cgroup2", CLONE_NEWCGROUP },
	};
	if (!t->cred.users)
		return cred_has(&t->cred, CAPABILITY_SYS_ADMIN) ? 0 : -EPERM;
	size_t i = 0, count = sizeof(types) / sizeof(*types);
	while (i < count && strcmp(types[i].type, type) != 0)
		i++;
	if (i == count || (types[i].of && !namespaces_has(t, types[i].of, CAPABILITY_SYS_ADMIN)))
		return -EPERM;
	bool must_show = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0, shows = false;
	for (size_t k = 0; k < t->mounts->count && must_show && !shows; k++)
		shows = strcmp(t->mounts->list[k]->fs_type, type) == 0 ||
			(t->mounts->list[k]->flags & BINDING_PROC && strcmp(type, "proc") == 0);
	return must_show && !shows ? -EPERM : 0;
}

int mount_make(struct call *c, const char *type, char *options, char **ret_host, unsigned *ret_flags)
{
	bool is_group = cgroups_is_open() && strcmp(type, "cgroup2") == 0;
	/* All controllers are version 2's. */
	if (cgroups_is_open() && strcmp(type, "cgroup") == 0)
		return -EBUSY;
	if (is_group) {
		*ret_host = cgroups_mounted(c->t, c->t);
		*ret_flags = BINDING_CGROUP;
		return 0;
	}
	int r = may_make(c->t, type);
	if (r < 0)
		return r;
	char *host = host_of_type(c, type);
	if (!host)
		return -ENODEV;
	r = strncmp(host, session.run_dir, strlen(session.run_dir)) == 0 ? record_tmpfs(c, host, type, options) : 0;
	if (r < 0)
		TALLOC_FREE(host);
	*ret_host = host;
	*ret_flags = strcmp(type, "proc") == 0 ? BINDING_PROC : 0;
	return r;
}

static int64_t mount_new(struct call *c, const struct object *o, const char *source, const char *type,
			 unsigned flags)
{
	char options[PATH_MAX] = "", *host;
	unsigned own_flags;
	if (c->argument[4] && memory_read_string(c->t, c->argument[4], options, sizeof(options)) < 0)
		return -EFAULT;
	CLEANUP_TALLOC char *shown = mount_options_shown(NULL, type, options);
	int r = mount_make(c, type, options, &host, &own_flags);
	if (r < 0)
		return r;
	if (S_ISDIR(o->real.st_mode)) {
		struct mount *m = mounts_add(c->t->mounts, o->guest, host, options_of(flags) | own_flags, type, source);
		mounts_tell_options(m, shown);
		m->pids = c->t->process->pids;
		m->maker = c->t->cred.users;
		propagation_attached(c->t->mounts, m);
	} else {
		r = -ENOTDIR;
	}
	talloc_free(host);
	return r;
}

/* The file-system parts of all tracees in this namespace, each once. */
struct fs_list {
	const struct mounts *mounts;
	struct fs **items;
	size_t count;
};

static int list_fs(struct tracee *t, void *arg)
{
	struct fs_list *list = arg;
	if (t->mounts != list->mounts || !t->fs)
		return 0;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i] == t->fs)
			return 0;
	list->items = mem_grow(NULL, list->items, struct fs *, list->count + 1);
	list->items[list->count++] = t->fs;
	return 0;
}

/* pivot_root(2): "changes the root and cwd of each process in the same mount namespace [...] if they point to the old" */
static void move_fs(char **path, const struct pivot *p)
{
	if (strcmp(*path, p->root) == 0)
		return;
	CLEANUP_TALLOC char *moved = mounts_pivot_path(NULL, p, *path);
	fs_set(path, moved);
}

/* Move mounts and the processes that are in them. */
static void pivot(struct mounts *m, const struct pivot *p)
{
	struct fs_list list = { .mounts = m };
	tracee_each(list_fs, &list);
	for (size_t i = 0; i < list.count; i++) {
		move_fs(&list.items[i]->root, p);
		move_fs(&list.items[i]->cwd, p);
		list.items[i]->is_cwd_elsewhere |= strcmp(list.items[i]->cwd, p->root) == 0;
	}
	talloc_free(list.items);
	mounts_pivot(m, p);
}

/* do_move_mount of fs/namespace.c */
int mount_move(struct call *c, const struct object *target, const struct object *from)
{
	struct mounts *mounts = c->t->mounts;
	struct mount *m = (struct mount *)(uintptr_t)mounts_at(mounts, from->guest, from->guest_length);
	if (!m || from->guest_length == 1 || S_ISDIR(target->real.st_mode) != S_ISDIR(from->real.st_mode))
		return -EINVAL;
	/* "The source mount [...] a parent mount with propagation type MS_SHARED": mount(2) */
	if (m->is_locked)
		return -EINVAL;
	bool is_new = trees_is_detached(m);
	if (!is_new && (mounts_is_nameless(from->guest) || propagation_is_on_shared(mounts, m)))
		return -EINVAL;
	if (mounts_is_below(target->guest, from->guest))
		return -ELOOP;
	const struct mount *on = mounts_of(mounts, target->guest);
	if (on->peers && propagation_has_unbindable(mounts, m))
		return -EINVAL;
	struct pivot p = { target->guest, from->guest, target->guest };
	pivot(mounts, &p);
	m->parent_id = on->id;
	if (is_new)
		trees_attached(mounts, m);
	propagation_attached(mounts, m);
	return 0;
}

/* Copies of what is mounted below the object, which `copies` is the first of: copy_tree of fs/namespace.c */
static void copy_below(struct mounts *m, const struct object *from, struct mount **tree, struct mount **copies, size_t count)
{
	const char *point = strcmp(copies[0]->guest, "/") == 0 ? "" : copies[0]->guest;
	for (size_t i = 1; i < count; i++) {
		size_t parent = i;
		while (tree[--parent]->id != tree[i]->parent_id)
			;
		if (!copies[parent] || tree[i]->is_unbindable || !mounts_is_below(tree[i]->guest, from->guest) ||
		    mounts_is_nameless(tree[i]->guest) != mounts_is_nameless(from->guest))
			continue;
		const char *tail = tree[i]->guest + (from->guest_length > 1 ? from->guest_length : 0);
		CLEANUP_TALLOC char *guest = mem_printf(NULL, "%s%s", point, tail);
		copies[i] = mounts_add_on(m, copies[parent], guest, tree[i]);
		copies[i]->is_locked = tree[i]->is_locked;
		propagation_clone(copies[i], tree[i]);
	}
}

struct mount *mount_copy(struct mounts *m, const struct object *from, const char *point, const char *source, bool is_recursive)
{
	CLEANUP_TALLOC struct mount **copies = mem_array(NULL, struct mount *, m->count);
	struct mount **tree = NULL;
	size_t count = is_recursive ? mounts_tree(copies, m, from->mount, &tree) : 0;
	struct mount *top = copies[0] = mounts_add(m, point, from->host, from->mount->flags, from->mount->fs_type, source);
	mounts_like(top, from->mount);
	/* What lies elsewhere on the host than its mount is of a file system that nobody has told of. */
	if (mounts_is_below(top->host, from->mount->host))
		top->root_at = from->mount->root_at;
	propagation_clone(top, from->mount);
	copy_below(m, from, tree, copies, count);
	return top;
}

/* A namespace that is kept by a bind of its file in /proc, which has no name: a file of ours stands for it. */
static bool bind_namespace(struct call *c, const struct object *target)
{
	const char *rest;
	const struct object *from = &c->object[1];
	const struct tracee *of = from->is_fd ? procfs_subject(from->host, &rest) : NULL;
	if (!of || !text_starts(rest, "ns/") || S_ISDIR(target->real.st_mode))
		return false;
	CLEANUP_TALLOC char *file = namespaces_file_to_bind(NULL, of, rest + 3);
	if (file)
		propagation_attached(c->t->mounts, mounts_add(c->t->mounts, target->guest, file, 0, "nsfs", "nsfs"));
	return file != NULL;
}

int64_t hook_mount(struct call *c)
{
	struct object *target = &c->object[0];
	char source[PATH_MAX] = "none", type[64] = "";
	uint64_t flags = c->argument[3];
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	int r = path_settle(c->t, target);
	if (r < 0)
		return r;
	if (c->argument[0] && memory_read_string(c->t, c->argument[0], source, sizeof(source)) < 0)
		return -EFAULT;
	if (c->argument[2] && memory_read_string(c->t, c->argument[2], type, sizeof(type)) < 0)
		return -EFAULT;
	if ((flags & 0xffff0000u) == 0xc0ed0000u) /* MS_MGC_VAL */
		flags &= 0xffff;
	/* In path_mount's order: runtimes bind with MS_PRIVATE as well, which says nothing there. */
	if (flags & MS_REMOUNT) {
		struct mount *m = (struct mount *)(uintptr_t)mounts_at(c->t->mounts, target->guest,
								       target->guest_length);
		if (!m)
			return -EINVAL;
		/* "The existing mount flags are cleared", but for the access times when none of them is named. */
		const uint64_t times = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;
		const unsigned own_times = MOUNT_NO_ACCESS_TIME | MOUNT_NO_DIR_ACCESS_TIME | MOUNT_STRICT_ACCESS_TIME;
		unsigned kept = ~(unsigned)(BINDING_READ_ONLY | MOUNT_OPTIONS) | (flags & times ? 0 : own_times);
		const unsigned wanted = (m->flags & kept) | options_of(flags);
		/* do_remount: the file system's own options are its maker's to change. */
		if (!mounts_may_flag(m, wanted) ||
		    (!(flags & MS_BIND) && !cred_has_toward(&c->t->cred, m->maker, CAPABILITY_SYS_ADMIN)))
			return -EPERM;
		m->flags = wanted;
		mounts_changed(c->t->mounts);
		return 0;
	}
	if (!(flags & MS_BIND) && (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)))
		return propagation_change(c->t->mounts, target->guest, flags);
	if (flags & (MS_BIND | MS_MOVE)) {
		r = path_lookup(c->t, AT_FDCWD, source, LOOKUP_FOLLOW, &c->object[1]);
		if (r == 0 && (flags & MS_BIND) && bind_namespace(c, target))
			return 0;
		if (r == 0)
			r = path_settle(c->t, &c->object[1]);
		if (r < 0)
			return r;
		if (!(flags & MS_BIND))
			return mount_move(c, target, &c->object[1]);
		if (S_ISDIR(c->object[1].real.st_mode) != S_ISDIR(target->real.st_mode))
			return -ENOTDIR;
		if (c->object[1].mount->is_unbindable ||
		    (!(flags & MS_REC) && mounts_has_locked(c->t->mounts, c->object[1].mount, c->object[1].guest)))
			return -EINVAL;
		struct mount *top = mount_copy(c->t->mounts, &c->object[1], target->guest, source, flags & MS_REC);
		propagation_attached(c->t->mounts, top);
		return 0;
	}
	return c->argument[2] ? mount_new(c, target, source, type, flags) : -EINVAL;
}

int64_t hook_pivot_root(struct call *c)
{
	static unsigned counter;
	struct object *new_root = &c->object[0], *put_old = &c->object[1];
	struct mounts *m = c->t->mounts;
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	int r = path_settle(c->t, new_root);
	if (r == 0)
		r = path_settle(c->t, put_old);
	if (r < 0)
		return r;
	if (!S_ISDIR(new_root->real.st_mode) || !S_ISDIR(put_old->real.st_mode))
		return -ENOTDIR;
	CLEANUP_TALLOC char *root = mem_strdup(NULL, c->t->fs->root);
	struct mount *root_mount = (struct mount *)(uintptr_t)mounts_at(m, root, strlen(root));
	if (new_root->mount == root_mount || put_old->mount == root_mount)
		return -EBUSY;
	struct mount *new_mount = (struct mount *)(uintptr_t)mounts_at(m, new_root->guest, new_root->guest_length);
	if (!root_mount || !new_mount || new_mount->is_locked || put_old->mount->peers || propagation_is_on_shared(m, new_mount) ||
	    !mounts_is_below(put_old->guest, new_root->guest))
		return -EINVAL;
	/* pivot_root(".", ".") leaves the old root below the new one, where only a descriptor gets to. */
	struct pivot p = { root, mem_strdup(root, new_root->guest), NULL };
	const char *tail = put_old->guest + new_root->guest_length;
	if (*tail)
		p.put_old = mem_printf(root, "%s%s", strcmp(root, "/") == 0 ? "" : root, tail);
	else
		p.put_old = mem_printf(root, MOUNTS_NAMELESS "root-%u", counter++);
	pivot(m, &p);
	new_mount->parent_id = root_mount->parent_id;
	root_mount->parent_id = put_old->mount->id;
	return 0;
}

int64_t hook_sethostname(struct call *c)
{
	char name[HOST_NAME_MAX_BYTES + 1] = "";
	int length = call_int(c, 1);
	if (!namespaces_has(c->t, CLONE_NEWUTS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	if (length < 0 || length > HOST_NAME_MAX_BYTES)
		return -EINVAL;
	if (memory_read(c->t, c->argument[0], name, length) < 0)
		return -EFAULT;
	struct uts *uts = c->t->uts;
	char **place = strcmp(c->row->name, "sethostname") == 0 ? &uts->host : &uts->domain;
	talloc_free(*place);
	*place = mem_strdup(uts, name);
	fast_note_names();
	return 0;
}

static void set_name(char *field, size_t room, const char *name)
{
	if (!name)
		return;
	/* sethostname of kernel/sys.c, and COMPAT_UTS_MACHINE: nothing is left of what was there. */
	memset(field, 0, room);
	snprintf(field, room, "%s", name);
}

/* override_architecture of kernel/sys.c */
static bool is_linux32(const struct tracee *t)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/personality", t->tid);
	char *text;
	bool is = false;
	if (io_read_file(NULL, AT_FDCWD, path, 64, &text, NULL, NULL) == 0) {
		is = (strtoul(text, NULL, 16) & PER_MASK) == PER_LINUX32;
		talloc_free(text);
	}
	return is;
}

int64_t hook_uname(struct call *c)
{
	const bool has_32_bits = c->t->process->abi == ABI_32 || is_linux32(c->t);
	struct utsname u;
	const struct kernel_names *names = &session.config->kernel;
	uname(&u);
	set_name(u.sysname, sizeof(u.sysname), names->sysname);
	set_name(u.release, sizeof(u.release), names->release);
	set_name(u.version, sizeof(u.version), names->version);
	set_name(u.nodename, sizeof(u.nodename), c->t->uts->host);
	set_name(u.domainname, sizeof(u.domainname), c->t->uts->domain);
	set_name(u.machine, sizeof(u.machine), has_32_bits ? arch_machine[ABI_32] : names->machine);
	if (strcmp(c->row->name, "uname") == 0)
		return memory_write(c->t, c->argument[0], &u, sizeof(u));
	/* old: five fields of 65; oldest: five fields of 9 */
	size_t width = strcmp(c->row->name, "olduname") == 0 ? 65 : 9;
	char small[5 * 65] = "";
	const char *field[5] = { u.sysname, u.nodename, u.release, u.version, u.machine };
	for (unsigned i = 0; i < 5; i++)
		snprintf(small + i * width, width, "%s", field[i]);
	return memory_write(c->t, c->argument[0], small, 5 * width);
}
