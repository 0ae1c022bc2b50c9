/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns fsopen, fspick, fsconfig and fsmount: vfs_fsconfig_locked of fs/fsopen.c.  A context's descriptor is one of
 * O_PATH of a file without name.  The process that has it gets a filter that sends its reads to us; where the
 * descriptor has another number they fail with EBADF.
 */
#include "tracer/fscontext.h"

#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/mountattr.h"
#include "tracer/mountcalls.h"
#include "tracer/mountoptions.h"
#include "tracer/trees.h"
#include "tracer/namespaces.h"

/* linux/mount.h */
enum {
	FS_SET_FLAG, FS_SET_STRING, FS_SET_BINARY, FS_SET_PATH, FS_SET_PATH_EMPTY, FS_SET_FD, FS_CREATE, FS_RECONFIGURE,
	FS_CREATE_EXCLUSIVE,
};
enum { CLOSE_ON_EXEC = 1, PICK_NO_FOLLOW = 2, PICK_NO_AUTOMOUNT = 4, PICK_EMPTY_PATH = 8 };
enum { TEXT_MAX = 256, BLOB_MAX = 1024 * 1024, MESSAGES = 8 };

enum phase { MAKING, MADE, CHANGING, FAILED };

struct context {
	enum phase phase;
	char *type, *source, *options; /* options as mount(2) takes them */
	bool is_read_only, is_writable; /* what was asked for since the last command */
	struct pid_namespace *pids; /* of who has opened it: proc shows those */
	struct mounts *mounts; /* where the mount is that it is about, by this id */
	int mount_id;
	bool is_mounted; /* by fsmount */
	char *messages[MESSAGES]; /* what went wrong, as read(2) tells it: the oldest first */
	unsigned message_count;
};

static struct context *contexts; /* the first is number 1 */
static unsigned count;

void contexts_close(void)
{
	for (unsigned i = 0; i < count; i++) {
		mounts_put(contexts[i].mounts);
		talloc_free(contexts[i].type);
		talloc_free(contexts[i].source);
		talloc_free(contexts[i].options);
		for (unsigned k = 0; k < contexts[i].message_count; k++)
			talloc_free(contexts[i].messages[k]);
	}
	TALLOC_FREE(contexts);
	count = 0;
}

static unsigned number_in(const char *text)
{
	size_t run = strlen(session.run_dir);
	bool is_ours = strncmp(text, session.run_dir, run) == 0 && strncmp(text + run, "/context-", 9) == 0;
	return is_ours ? strtoul(text + run + 9, NULL, 10) : 0;
}

bool context_is_text(const char *text)
{
	return number_in(text) != 0;
}

/* 0, -EBADF, -EINVAL. */
static int context_of(const struct call *c, int fd, struct context **ret)
{
	char link[64], text[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->t->tid, fd);
	ssize_t n = fd < 0 ? -1 : readlink(link, text, sizeof(text) - 1);
	if (n < 0)
		return -EBADF;
	text[n] = '\0';
	unsigned number = number_in(text);
	if (!number || number > count)
		return -EINVAL;
	*ret = &contexts[number - 1];
	return 0;
}

/* ---- messages ---- */

static void drop_message(struct context *x)
{
	talloc_free(x->messages[0]);
	memmove(x->messages, x->messages + 1, --x->message_count * sizeof(*x->messages));
}

/* logfc of fs/fs_context.c: of too many the oldest goes. */
static int fail(struct context *x, const char *what, const char *key)
{
	if (x->message_count == MESSAGES)
		drop_message(x);
	x->messages[x->message_count++] = mem_printf(NULL, "e %s: %s '%s'\n", x->type, what, key);
	return -EINVAL;
}

/* fscontext_read of fs/fsopen.c */
int64_t hook_read(struct call *c)
{
	struct context *x;
	if (context_of(c, call_int(c, 0), &x) < 0)
		return c->t->has_signals ? inside_read(c) : CALL_PASS;
	size_t length = x->message_count ? strlen(x->messages[0]) : 0;
	if (!length)
		return -ENODATA;
	if (length > c->argument[2])
		return -EMSGSIZE;
	if (memory_write(c->t, c->argument[1], x->messages[0], length) < 0)
		return -EFAULT;
	drop_message(x);
	return length;
}

static int64_t filtered(struct call *c)
{
	return c->t->exit_private;
}

static unsigned row_of_read(void)
{
	unsigned i = 0;
	while (rows[i].hook != hook_read)
		i++;
	return i;
}

/* The descriptor is there: make of the call, which has come again, one that sends reads from it to us. */
static int64_t add_filter(struct call *c, int fd)
{
	const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch_audit[c->abi], 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)arch_call_number(c->abi, "read"), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)fd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | row_of_read() | (c->abi == ABI_32 ? 0x8000 : 0)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	char *filter = call_room(c, sizeof(program)), *head = call_room(c, sizeof(struct sock_fprog));
	if (!filter || !head)
		return fd;
	memcpy(filter, program, sizeof(program));
	/* struct sock_fprog: a length, and a pointer as wide as the caller's. */
	const unsigned short length = sizeof(program) / sizeof(*program);
	uint64_t address = arena_address(filter);
	size_t width = c->abi == ABI_32 ? 4 : 8;
	memset(head, 0, sizeof(struct sock_fprog));
	memcpy(head, &length, sizeof(length));
	memcpy(head + width, &address, width);
	arch_set_number(c->t, arch_seccomp_number[c->abi]);
	call_set(c, 0, SECCOMP_SET_MODE_FILTER);
	call_set(c, 1, 1 /* SECCOMP_FILTER_FLAG_TSYNC */ | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	call_set(c, 2, arena_address(head));
	c->t->exit_private = fd;
	c->t->at_exit = filtered;
	return CALL_PASS_EXIT;
}

/* exit_private: the number of the guest's call, which comes again. */
static int64_t opened(struct call *c)
{
	unlink(c->t->exit_text);
	TALLOC_FREE(c->t->exit_text);
	if (c->result < 0)
		return c->result;
	c->t->context_fd = c->result + 1;
	arch_rewind(c->t, c->t->exit_private);
	c->is_again = true;
	return c->result;
}

/* Has the call come again with its descriptor made?  Its number; -1. */
static int take_opened(struct tracee *t)
{
	int fd = t->context_fd - 1;
	t->context_fd = 0;
	return fd;
}

/* ---- contexts ---- */

static struct context *new_context(enum phase phase, const char *type)
{
	contexts = mem_grow(NULL, contexts, struct context, count + 1);
	struct context *x = &contexts[count++];
	*x = (struct context){ .phase = phase, .type = mem_strdup(NULL, type), .options = mem_strdup(NULL, "") };
	return x;
}

/* Make of this call the opening of a descriptor for the newest context. */
static int64_t open_context(struct call *c, bool closes_on_exec)
{
	talloc_free(c->t->exit_text);
	char *path = c->t->exit_text = mem_printf(c->t, "%s/context-%u", session.run_dir, count);
	if (mknod(path, S_IFREG, 0) < 0)
		return -ENOMEM;
	arch_set_number(c->t, arch_call_number(c->abi, "openat"));
	call_set(c, 0, (uint32_t)AT_FDCWD);
	int r = call_set_path(c, 1, path);
	if (r < 0)
		return r;
	call_set(c, 2, O_PATH | (closes_on_exec ? O_CLOEXEC : 0));
	c->t->exit_private = c->number;
	c->t->at_exit = opened;
	return CALL_PASS_EXIT;
}

/* ---- parameters ---- */

enum kind { A_FLAG, A_TEXT, A_NUMBER, AN_OCTAL };

struct parameter {
	const char *type, *name;
	enum kind kind;
};

/* What root of a container can have (host_of_type of mountcalls.c), and their parameters. */
static const struct parameter parameters[] = {
	{ "tmpfs", "mode", AN_OCTAL }, { "tmpfs", "uid", A_NUMBER }, { "tmpfs", "gid", A_NUMBER }, { "tmpfs", "size", A_TEXT },
	{ "tmpfs", "nr_blocks", A_TEXT }, { "tmpfs", "nr_inodes", A_TEXT }, { "tmpfs", "huge", A_TEXT },
	{ "tmpfs", "mpol", A_TEXT }, { "tmpfs", "inode32", A_FLAG }, { "tmpfs", "inode64", A_FLAG },
	{ "tmpfs", "noswap", A_FLAG },
	{ "devtmpfs", "mode", AN_OCTAL }, { "devtmpfs", "size", A_TEXT }, { "devtmpfs", "nr_inodes", A_TEXT },
	{ "ramfs", "mode", AN_OCTAL },
	{ "proc", "gid", A_NUMBER }, { "proc", "hidepid", A_TEXT }, { "proc", "subset", A_TEXT },
	{ "sysfs", NULL, A_FLAG }, { "mqueue", NULL, A_FLAG },
	{ "devpts", "uid", A_NUMBER }, { "devpts", "gid", A_NUMBER }, { "devpts", "mode", AN_OCTAL },
	{ "devpts", "ptmxmode", AN_OCTAL }, { "devpts", "newinstance", A_FLAG }, { "devpts", "max", A_NUMBER },
	{ "cgroup2", "nsdelegate", A_FLAG }, { "cgroup2", "favordynmods", A_FLAG }, { "cgroup2", "memory_localevents", A_FLAG },
	{ "cgroup2", "memory_recursiveprot", A_FLAG },
	{ "cgroup", "none", A_FLAG }, { "cgroup", "all", A_FLAG }, { "cgroup", "noprefix", A_FLAG }, { "cgroup", "xattr", A_FLAG },
	{ "cgroup", "clone_children", A_FLAG }, { "cgroup", "name", A_TEXT }, { "cgroup", "release_agent", A_TEXT },
};
enum { PARAMETERS = sizeof(parameters) / sizeof(*parameters) };

static bool is_type_known(const char *type)
{
	for (size_t i = 0; i < PARAMETERS; i++)
		if (strcmp(parameters[i].type, type) == 0)
			return true;
	return false;
}

static bool fits(enum kind kind, const char *value)
{
	char *end = NULL;
	if (kind == A_FLAG || kind == A_TEXT || !value)
		return (kind == A_FLAG) == !value;
	unsigned long number = strtoul(value, &end, kind == AN_OCTAL ? 8 : 0);
	return *value && !*end && number <= UINT32_MAX;
}

/* vfs_parse_fs_param of fs/fs_context.c; value NULL: a flag. */
static int set_parameter(struct context *x, const char *key, const char *value)
{
	static const char *const ignored[] = { "sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime" };
	if (strcmp(key, "ro") == 0 || strcmp(key, "rw") == 0) {
		x->is_read_only = key[1] == 'o';
		x->is_writable = !x->is_read_only;
		return 0;
	}
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (strcmp(key, ignored[i]) == 0)
			return 0;
	for (size_t i = 0; i < PARAMETERS; i++) {
		const struct parameter *p = &parameters[i];
		if (!p->name || strcmp(p->type, x->type) != 0 || strcmp(p->name, key) != 0)
			continue;
		if (!fits(p->kind, value))
			return fail(x, p->kind == A_FLAG ? "Unexpected value for" : "Bad value for", key);
		char *more = mem_printf(NULL, "%s%s%s%s%s", x->options, *x->options ? "," : "", key, value ? "=" : "",
					value ? value : "");
		talloc_free(x->options);
		x->options = more;
		return 0;
	}
	if (strcmp(key, "source") != 0)
		return fail(x, "Unknown parameter", key);
	if (!value || x->source)
		return -EINVAL;
	x->source = mem_strdup(NULL, value);
	return 0;
}

/* ---- the calls ---- */

int64_t hook_fsopen(struct call *c)
{
	char type[PATH_MAX];
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	if (call_int(c, 1) & ~CLOSE_ON_EXEC)
		return -EINVAL;
	int r = memory_read_string(c->t, c->argument[0], type, sizeof(type));
	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	if (!is_type_known(type))
		return -ENODEV;
	int fd = take_opened(c->t);
	if (fd >= 0)
		return add_filter(c, fd);
	new_context(MAKING, type)->pids = c->t->process->pids;
	return open_context(c, c->argument[1] & CLOSE_ON_EXEC);
}

int64_t hook_fspick(struct call *c)
{
	struct object *o = &c->object[0];
	unsigned flags = c->argument[2];
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	if (flags & ~(unsigned)(CLOSE_ON_EXEC | PICK_NO_FOLLOW | PICK_NO_AUTOMOUNT | PICK_EMPTY_PATH))
		return -EINVAL;
	int r = memory_read_string(c->t, c->argument[1], c->text[0], PATH_MAX);
	if (r == 0)
		r = path_lookup(c->t, call_int(c, 0), c->text[0],
				(flags & PICK_NO_FOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & PICK_EMPTY_PATH ? LOOKUP_EMPTY : 0), o);
	if (r == 0)
		r = path_settle(c->t, o);
	if (r < 0)
		return r;
	const struct mount *m = mounts_at(c->t->mounts, o->guest, o->guest_length);
	if (!m)
		return -EINVAL;
	int fd = take_opened(c->t);
	if (fd >= 0)
		return add_filter(c, fd);
	struct context *x = new_context(CHANGING, m->fs_type);
	x->mounts = mounts_get(c->t->mounts);
	x->mount_id = m->id;
	return open_context(c, flags & CLOSE_ON_EXEC);
}

/* What the kernel looks at before the descriptor.  0, -EINVAL, -EOPNOTSUPP. */
static int check_arguments(const struct call *c)
{
	bool has_key = c->argument[2], has_value = c->argument[3];
	int aux = call_int(c, 4);
	if (call_int(c, 0) < 0)
		return -EINVAL;
	switch ((unsigned)c->argument[1]) {
	case FS_SET_FLAG:
		return !has_key || has_value || aux ? -EINVAL : 0;
	case FS_SET_STRING:
		return !has_key || !has_value || aux ? -EINVAL : 0;
	case FS_SET_BINARY:
		return !has_key || !has_value || aux <= 0 || aux > BLOB_MAX ? -EINVAL : 0;
	case FS_SET_PATH:
	case FS_SET_PATH_EMPTY:
		return !has_key || !has_value || (aux != AT_FDCWD && aux < 0) ? -EINVAL : 0;
	case FS_SET_FD:
		return !has_key || has_value || aux < 0 ? -EINVAL : 0;
	case FS_CREATE:
	case FS_CREATE_EXCLUSIVE:
	case FS_RECONFIGURE:
		return has_key || has_value || aux ? -EINVAL : 0;
	}
	return -EOPNOTSUPP;
}

static struct mount *mount_of(const struct context *x)
{
	for (size_t i = 0; x->mounts && i < x->mounts->count; i++)
		if (x->mounts->list[i]->id == x->mount_id)
			return x->mounts->list[i];
	return NULL;
}

static int reconfigure(struct context *x)
{
	struct mount *m = mount_of(x);
	if (m && x->is_read_only)
		m->flags |= BINDING_READ_ONLY | MOUNT_FILE_SYSTEM_READ_ONLY;
	else if (m && x->is_writable && (m->flags & MOUNT_FILE_SYSTEM_READ_ONLY))
		m->flags &= ~(unsigned)(BINDING_READ_ONLY | MOUNT_FILE_SYSTEM_READ_ONLY);
	x->is_read_only = x->is_writable = false;
	if (m)
		mounts_changed(x->mounts);
	return 0;
}

int64_t hook_fsconfig(struct call *c)
{
	struct context *x;
	char key[TEXT_MAX], value[TEXT_MAX];
	unsigned command = c->argument[1];
	int r = check_arguments(c);
	if (r == 0)
		r = context_of(c, call_int(c, 0), &x);
	if (r == 0 && c->argument[2])
		r = memory_read_string(c->t, c->argument[2], key, sizeof(key));
	if (r == 0 && command == FS_SET_STRING)
		r = memory_read_string(c->t, c->argument[3], value, sizeof(value));
	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	bool is_command = command >= FS_CREATE;
	enum phase wanted = command == FS_RECONFIGURE ? CHANGING : MAKING;
	if (is_command ? x->phase != wanted : x->phase != MAKING && x->phase != CHANGING)
		return -EBUSY;
	if (!is_command)
		return command == FS_SET_FLAG || command == FS_SET_STRING ?
			       set_parameter(x, key, command == FS_SET_FLAG ? NULL : value) : -EINVAL;
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	if (command == FS_RECONFIGURE)
		return reconfigure(x);
	x->phase = MADE;
	return 0;
}

int64_t hook_fsmount(struct call *c)
{
	struct context *x;
	char point[64], *host;
	unsigned flags = 0, own_flags;
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	if (call_int(c, 1) & ~CLOSE_ON_EXEC)
		return -EINVAL;
	int r = mount_attributes(c->argument[2], &flags);
	if (r == 0)
		r = context_of(c, call_int(c, 0), &x);
	/* A picked one, or one not made yet, has no file system to mount: fc->root. */
	if (r == 0 && x->phase != MADE)
		r = x->is_mounted ? -EBUSY : -EINVAL;
	CLEANUP_TALLOC char *shown = r == 0 ? mount_options_shown(NULL, x->type, x->options) : NULL;
	if (r == 0)
		r = mount_make(c, x->type, x->options, &host, &own_flags);
	if (r < 0)
		return r;
	if (x->is_read_only)
		flags |= BINDING_READ_ONLY | MOUNT_FILE_SYSTEM_READ_ONLY;
	unsigned tree = trees_new(host, point);
	struct mount *m = mounts_add(c->t->mounts, point, host, flags | own_flags, x->type, x->source);
	talloc_free(host);
	mounts_tell_options(m, shown);
	m->pids = x->pids;
	m->maker = c->t->cred.users;
	m->tree = tree;
	m->peers = m->master = 0;
	x->phase = CHANGING;
	x->is_mounted = true;
	x->is_read_only = x->is_writable = false;
	x->mounts = mounts_get(c->t->mounts);
	x->mount_id = m->id;
	return trees_open(c, tree, true, c->argument[1] & CLOSE_ON_EXEC);
}
