/* SPDX-License-Identifier: Apache-2.0 */
/* Owns unshare and setns, and the numbers that tell namespaces apart. */
#include "tracer/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/mem.h"
#include "tracer/cgroups.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/mounts.h"
#include "tracer/pids.h"
#include "tracer/propagation.h"
#include "tracer/users.h"
#include "tracer/watch.h"

enum { KIND_USER = 3, KIND_PID = 4 /* of kinds[] */ };
enum { NEW_USERS = 0x10000000 /* CLONE_NEWUSER */, NEW_PIDS = 0x20000000 /* CLONE_NEWPID */ };
enum { FIRST_NUMBER = 0xf0001000u /* PROC_DYNAMIC_FIRST and what the kernel itself takes of it */ };

static const struct {
	const char *name; /* of the file in /proc/PID/ns */
	unsigned flag;
} kinds[NAMESPACE_KINDS] = {
	{ "mnt", 0x00020000 }, { "uts", 0x04000000 }, { "ipc", 0x08000000 },	{ "user", 0x10000000 },
	{ "pid", 0x20000000 }, { "net", 0x40000000 }, { "cgroup", 0x02000000 }, { "time", 0x00000080 },
};

static unsigned last_number;
/* By number: the user namespace in which each was made; that of one of users itself is its parent. */
static const struct user_namespace **owners;
/* What the run began in, for who wants back there. */
static struct mounts *first_mounts;
static struct uts *first_uts;

static unsigned next_number(const struct user_namespace *owner)
{
	owners = mem_grow(NULL, owners, const struct user_namespace *, last_number + 2);
	owners[++last_number] = owner;
	return last_number;
}

void namespaces_open(struct tracee *first)
{
	last_number = 0;
	first_mounts = mounts_get(first->mounts);
	first_uts = first->uts;
	first_uts->users++;
}

void namespaces_begin_pids(struct tracee *first)
{
	pids_begin(first, next_number(NULL));
	first->namespaces[KIND_PID] = pids_number(first->process->pids);
	for (size_t i = 0; i < first->mounts->count; i++)
		if (first->mounts->list[i]->flags & BINDING_PROC)
			first->mounts->list[i]->pids = first->process->pids;
}

void namespaces_close(void)
{
	mounts_put(first_mounts);
	uts_put(first_uts);
	first_mounts = NULL;
	first_uts = NULL;
	TALLOC_FREE(owners);
}

struct mounts *namespaces_first_mounts(void)
{
	return mounts_get(first_mounts);
}

struct uts *namespaces_first_uts(void)
{
	first_uts->users++;
	return first_uts;
}

int namespaces_may_make(const struct tracee *t, uint64_t clone_flags)
{
	int r = clone_flags & NEW_USERS ? users_may_make(t) : 0;
	/* unshare_nsproxy_namespaces, copy_namespaces of kernel/nsproxy.c: in a new user namespace it has all capabilities. */
	if (r < 0 || (clone_flags & NEW_USERS) || !(clone_flags & NAMESPACES_ALL))
		return r;
	return cred_has_own(&t->cred, CAPABILITY_SYS_ADMIN) ? 0 : -EPERM;
}

void namespaces_renew(struct tracee *t, const struct cred *maker, uint64_t clone_flags)
{
	if (clone_flags & NEW_USERS) {
		users_make(t, maker, next_number(maker->users));
		t->namespaces[KIND_USER] = last_number;
	}
	for (unsigned i = 0; i < NAMESPACE_KINDS; i++)
		if (clone_flags & kinds[i].flag & ~(unsigned)(NEW_PIDS | NEW_USERS))
			t->namespaces[i] = next_number(t->cred.users);
}

void namespaces_inherit_pids(struct tracee *child, const struct tracee *parent, uint64_t clone_flags)
{
	pids_inherit(child, parent, clone_flags, clone_flags & NEW_PIDS ? next_number(child->cred.users) : 0);
	child->namespaces[KIND_PID] = pids_number(child->process->pids);
}

void namespaces_put_pids(struct tracee *t, const struct process *into, bool is_first)
{
	if (is_first)
		pids_begin(t, next_number(NULL));
	else
		pids_join(t, into);
	t->namespaces[KIND_PID] = pids_number(t->process->pids);
}

static unsigned kind_of_flag(unsigned clone_flag)
{
	unsigned i = 0;
	while (i < NAMESPACE_KINDS && kinds[i].flag != clone_flag)
		i++;
	return i;
}

const struct user_namespace *namespaces_owner(const struct tracee *t, unsigned clone_flag)
{
	unsigned number = t->namespaces[kind_of_flag(clone_flag)];
	return number ? owners[number] : NULL;
}

bool namespaces_has(const struct tracee *t, unsigned clone_flag, enum capability capability)
{
	return cred_has_toward(&t->cred, namespaces_owner(t, clone_flag), capability);
}

bool namespaces_is_first(const struct tracee *t, unsigned clone_flag)
{
	unsigned kind = kind_of_flag(clone_flag);
	return kind == NAMESPACE_KINDS || !t->namespaces[kind];
}

/* "pid_for_children" is of the same kind as "pid". */
static unsigned kind_of(const char *name)
{
	unsigned i = 0;
	while (i < NAMESPACE_KINDS && strncmp(name, kinds[i].name, strlen(kinds[i].name)) != 0)
		i++;
	return i;
}

static bool is_for_children(const char *name)
{
	return strcmp(name, "pid_for_children") == 0;
}

static unsigned number_of(const struct tracee *of, unsigned kind, const char *name)
{
	return is_for_children(name) ? pids_number(of->pids_for_children) : of->namespaces[kind];
}

bool namespaces_link(const struct tracee *of, const char *name, char *ret, size_t room)
{
	unsigned kind = kind_of(name);
	if (kind == NAMESPACE_KINDS || !number_of(of, kind, name))
		return false;
	/* pidns_for_children_get: there is none before its first process. */
	if (is_for_children(name) && pids_is_empty(of->pids_for_children))
		ret[0] = '\0';
	else
		snprintf(ret, room, "%s:[%u]", kinds[kind].name, FIRST_NUMBER + number_of(of, kind, name));
	return true;
}

char *namespaces_file(const void *ctx, const struct tracee *of, const char *name)
{
	unsigned kind = kind_of(name);
	return kind == NAMESPACE_KINDS || !number_of(of, kind, name) ? NULL : namespaces_file_to_bind(ctx, of, name);
}

/* The same file for the same namespace, so that device and inode tell whether two are one. */
static char *file_of(const void *ctx, unsigned kind, unsigned number)
{
	char *path = mem_printf(ctx, "%s/ns-%s-%u", session.run_dir, kinds[kind].name, number);
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0400);
	if (fd >= 0)
		close(fd);
	return path;
}

char *namespaces_file_to_bind(const void *ctx, const struct tracee *of, const char *name)
{
	unsigned kind = kind_of(name);
	return kind == NAMESPACE_KINDS ? NULL : file_of(ctx, kind, number_of(of, kind, name));
}

static void unshare_fs(struct tracee *t)
{
	struct fs *copy = fs_copy(t->fs);
	fs_put(t->fs);
	t->fs = copy;
}

/*
 * What is left of unshare(2) without namespaces, where filters around us refuse the call: nothing is to be done for
 * who shares nothing.
 */
static int unshare_alone(const struct tracee *t, uint64_t flags)
{
	const uint64_t of_threads = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	bool has_threads = t->process->users > 1;
	if ((flags & ~(of_threads | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)) || (has_threads && (flags & of_threads)))
		return -EINVAL;
	return has_threads || ((flags & CLONE_FS) && t->fs->users > 1) ? -EPERM : 0;
}

int64_t hook_unshare(struct call *c)
{
	uint64_t flags = c->argument[0];
	/* check_unshare_flags of kernel/fork.c, before anything else: leaving one's user namespace implies CLONE_THREAD and CLONE_FS. */
	if (flags & ~(uint64_t)(NAMESPACES_ALL | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM))
		return -EINVAL;
	if ((flags & NEW_USERS) && c->t->process->users > 1)
		return -EINVAL;
	int r = namespaces_may_make(c->t, flags);
	if (r < 0)
		return r;
	uint64_t rest = flags & ~(uint64_t)NAMESPACES_ALL;
	if (flags & NEW_PIDS)
		r = pids_may_clone(c->t, NEW_PIDS);
	if (r == 0 && rest && c->is_trapped)
		r = unshare_alone(c->t, rest);
	if (r < 0)
		return r;
	/* What it makes from now on is looked at: not all that it could be it may be. */
	if ((flags & NEW_PIDS) && !c->t->is_watched)
		return watch_begin(c, WATCH_CALLS);
	if (flags & (CLONE_FS | CLONE_NEWNS | NEW_USERS))
		unshare_fs(c->t);
	const struct user_namespace *owner = namespaces_owner(c->t, CLONE_NEWNS);
	const struct cred maker = c->t->cred;
	namespaces_renew(c->t, &maker, flags);
	if (flags & CLONE_NEWNS) {
		struct mounts *copy = mounts_copy(c->t->mounts);
		mounts_put(c->t->mounts);
		c->t->mounts = copy;
		if (owner != c->t->cred.users)
			propagation_made_less(copy, c->t->cred.users);
	}
	if (flags & CLONE_NEWUTS) {
		struct uts *copy = uts_new(c->t->uts->host, c->t->uts->domain);
		uts_put(c->t->uts);
		c->t->uts = copy;
	}
	c->t->has_own_network |= !!(flags & CLONE_NEWNET);
	if (flags & NEW_PIDS)
		pids_unshare(c->t, next_number(c->t->cred.users));
	if (flags & 0x02000000 /* CLONE_NEWCGROUP */)
		cgroups_new_namespace(c->t);
	if (!rest || c->is_trapped)
		return 0;
	call_set(c, 0, rest);
	return CALL_PASS;
}

/* ---- setns ---- */

struct wanted {
	unsigned kind, number;
	struct tracee *found;
};

static int is_in(struct tracee *t, void *arg)
{
	struct wanted *w = arg;
	if (!t->is_known || !t->mounts || t->namespaces[w->kind] != w->number)
		return 0;
	w->found = t;
	return 1;
}

/* mntns_install of fs/namespace.c and its like: toward who it belongs to, and in what the caller is in, or will be.  0, -EPERM. */
static int may_join(const struct cred *c, unsigned kind, unsigned number)
{
	bool is_mounts = kinds[kind].flag == CLONE_NEWNS;
	return cred_has_toward(c, number ? owners[number] : NULL, CAPABILITY_SYS_ADMIN) && cred_has_own(c, CAPABILITY_SYS_ADMIN) &&
			       (!is_mounts || cred_has_own(c, CAPABILITY_SYS_CHROOT)) ? 0 : -EPERM;
}

/* Join the namespace of this kind that has this number, 0 being what the run began in.  0 or -errno. */
static int join(struct tracee *t, unsigned kind, unsigned number)
{
	struct wanted w = { kind, number, NULL };
	/* setns(2): "changes only the PID namespace that subsequently created child processes [...] will be placed in". */
	if (kind == KIND_PID)
		return pids_enter(t, number);
	if (kind == KIND_USER) {
		int r = users_enter(t, number);
		t->namespaces[kind] = users_number(t->cred.users);
		return r;
	}
	bool is_mounts = kinds[kind].flag == CLONE_NEWNS, is_uts = kinds[kind].flag == CLONE_NEWUTS;
	tracee_each(is_in, &w);
	struct mounts *mounts = w.found ? w.found->mounts : first_mounts;
	struct uts *uts = w.found ? w.found->uts : first_uts;
	/* These went with their last process; of others there is but the number. */
	if (number && !w.found && (is_mounts || is_uts))
		return -EINVAL;
	if (is_mounts && mounts != t->mounts) {
		mounts_get(mounts);
		mounts_put(t->mounts);
		t->mounts = mounts;
		/* mntns_install: root and cwd become the namespace's root. */
		unshare_fs(t);
		fs_set_root(t->fs, "/", NULL);
		fs_set(&t->fs->cwd, "/");
	}
	if (is_uts && uts != t->uts) {
		uts->users++;
		uts_put(t->uts);
		t->uts = uts;
	}
	if (kinds[kind].flag == CLONE_NEWNET)
		t->has_own_network = number != 0;
	t->namespaces[kind] = number;
	return 0;
}

/* What a descriptor's link says: "mnt:[4026531841]" of the host's, or a file that stands for one. */
static bool read_link(const char *link, unsigned *ret_kind, unsigned *ret_number)
{
	size_t run_dir = strlen(session.run_dir);
	bool is_ours = strncmp(link, session.run_dir, run_dir) == 0 && strncmp(link + run_dir, "/ns-", 4) == 0;
	const char *name = is_ours ? link + run_dir + 4 : link;
	unsigned kind = kind_of(name);
	if (kind == NAMESPACE_KINDS)
		return false;
	const char *rest = name + strlen(kinds[kind].name);
	if (is_ours ? rest[0] != '-' : strncmp(rest, ":[", 2) != 0)
		return false;
	*ret_kind = kind;
	*ret_number = is_ours ? strtoul(rest + 1, NULL, 10) : 0;
	return true;
}

bool namespaces_is_file(const struct object *o)
{
	char target[PATH_MAX];
	unsigned kind, number;
	ssize_t n = o->is_fd ? readlink(o->host, target, sizeof(target) - 1) : 0;
	target[n < 0 ? 0 : n] = '\0';
	return target[0] == '/' && read_link(target, &kind, &number);
}

static bool read_object(const struct object *o, unsigned *ret_kind, unsigned *ret_number)
{
	char target[PATH_MAX];
	ssize_t n = o->is_fd ? readlink(o->host, target, sizeof(target) - 1) : 0;
	target[n < 0 ? 0 : n] = '\0';
	return read_link(target, ret_kind, ret_number);
}

bool namespaces_is_user(const struct object *o)
{
	unsigned kind, number;
	return read_object(o, &kind, &number) && kind == KIND_USER;
}

/* validate_nsset of kernel/nsproxy.c: all or none, that of users first. */
static int64_t join_all(struct call *c, const struct tracee *of, unsigned wanted)
{
	struct cred cred = c->t->cred;
	/* ptrace_may_access */
	if (!guest_may_access(c->t, of))
		return -EPERM;
	if (wanted & NEW_USERS) {
		const struct cred was = cred;
		int r = users_enter(c->t, users_number(of->cred.users));
		cred = c->t->cred;
		c->t->cred = was;
		if (r < 0)
			return r;
	}
	for (unsigned kind = 0; kind < NAMESPACE_KINDS; kind++)
		if ((wanted & kinds[kind].flag) && kind != KIND_USER && may_join(&cred, kind, of->namespaces[kind]) < 0)
			return -EPERM;
	if ((wanted & NEW_PIDS) && !c->t->is_watched)
		return watch_begin(c, WATCH_CALLS);
	c->t->cred = cred;
	c->t->namespaces[KIND_USER] = users_number(cred.users);
	int r = 0;
	for (unsigned kind = 0; kind < NAMESPACE_KINDS && r == 0; kind++)
		if ((wanted & kinds[kind].flag) && kind != KIND_USER)
			r = join(c->t, kind, of->namespaces[kind]);
	return r;
}

int64_t hook_setns(struct call *c)
{
	struct object *o = &c->object[0];
	char target[PATH_MAX];
	unsigned wanted = c->argument[1], kind, number;
	int r = path_of_fd(c->t, call_int(c, 0), o);
	if (r < 0)
		return r;
	ssize_t n = readlink(o->host, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	/* A descriptor of a process stands for any of its namespaces. */
	if (strstr(target, "[pidfd]") || strncmp(target, "pidfd:", 6) == 0) {
		const struct tracee *of = process_of_pidfd(c->t, call_int(c, 0));
		if (!wanted || wanted & ~(unsigned)NAMESPACES_ALL)
			return -EINVAL;
		return of ? join_all(c, of, wanted) : -ESRCH;
	}
	if (!read_link(target, &kind, &number) || (wanted && wanted != kinds[kind].flag))
		return -EINVAL;
	r = kind == KIND_USER ? 0 : may_join(&c->t->cred, kind, number);
	if (r < 0)
		return r;
	return kind == KIND_PID && !c->t->is_watched ? watch_begin(c, WATCH_CALLS) : join(c->t, kind, number);
}

/* ---- ioctl_nsfs(2) ---- */

/* Make of the call one that opens a descriptor of this namespace. */
static int64_t open_related(struct call *c, unsigned kind, unsigned number)
{
	CLEANUP_TALLOC char *file = number ? file_of(NULL, kind, number) :
					     mem_printf(NULL, "/proc/%d/ns/%s", session.first_pid, kinds[kind].name);
	if (arch_set_number(c->t, arch_call_number(c->abi, "openat")) < 0)
		return -ENOSYS;
	call_set(c, 0, (uint32_t)AT_FDCWD);
	int r = call_set_path(c, 1, file);
	call_set(c, 2, O_RDONLY | O_CLOEXEC);
	call_set(c, 3, 0);
	return r < 0 ? r : CALL_PASS_EXIT;
}

bool namespaces_ioctl(struct call *c, uint32_t command, int64_t *ret)
{
	enum { GET_USERS = 0xb701, GET_PARENT, GET_TYPE, GET_OWNER }; /* linux/nsfs.h */
	struct object *o = &c->object[0];
	unsigned kind, number;
	if (command < GET_USERS || command > GET_OWNER || path_of_fd(c->t, call_int(c, 0), o) < 0 || !read_object(o, &kind, &number))
		return false;
	const struct user_namespace *own = c->t->cred.users, *owner = number ? owners[number] : NULL;
	/* ns_get_owner of kernel/user_namespace.c: what is not at or below one's own is nobody's to see. */
	bool is_seen = users_is_below(owner, own) && (number || kind != KIND_USER);
	switch (command) {
	case GET_TYPE:
		*ret = kinds[kind].flag;
		return true;
	case GET_OWNER: {
		uint32_t uid = number ? users_find(number)->owner : 0;
		uid = users_shown(c->t, ID_USER, uid);
		*ret = kind == KIND_USER ? memory_write(c->t, c->argument[2], &uid, sizeof(uid)) : -EINVAL;
		return true;
	}
	case GET_PARENT:
		if (kind == KIND_PID) {
			*ret = pids_parent_number(c->t->process->pids, number, &number) ? open_related(c, kind, number) : -EPERM;
			return true;
		}
		if (kind != KIND_USER) {
			*ret = -EINVAL;
			return true;
		}
		/* fallthrough */
	default:
		*ret = is_seen ? open_related(c, KIND_USER, users_number(owner)) : -EPERM;
		return true;
	}
}
