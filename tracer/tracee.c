/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of tracees and what clone and execve do to them. */
#include "tracer/tracee.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/cgroups.h"
#include "tracer/fast_states.h"
#include "tracer/follow.h"
#include "tracer/inflight.h"
#include "tracer/keeper.h"
#include "tracer/mounts.h"
#include "tracer/pids.h"
#include "tracer/propagation.h"
#include "tracer/stats.h"
#include "tracer/namespaces.h"

#ifndef CLONE_NEWNS
#define CLONE_NEWNS 0x00020000
#endif
#ifndef CLONE_NEWUTS
#define CLONE_NEWUTS 0x04000000
#endif
#ifndef CLONE_NEWNET
#define CLONE_NEWNET 0x40000000
#endif

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

enum { BUCKETS = 1024 };

static struct tracee *table[BUCKETS];
static unsigned count;

static struct tracee **bucket(pid_t tid)
{
	return &table[(unsigned)tid % BUCKETS];
}

struct tracee *tracee_find(pid_t tid)
{
	for (struct tracee *t = *bucket(tid); t; t = t->next)
		if (t->tid == tid)
			return t;
	return NULL;
}

struct tracee *tracee_add(pid_t tid)
{
	struct tracee *t = tracee_find(tid);
	if (t)
		return t;
	t = mem_new(NULL, struct tracee);
	t->tid = tid;
	t->slot = t->loader_slot = -1;
	t->next = *bucket(tid);
	*bucket(tid) = t;
	count++;
	return t;
}

struct fs *fs_new(const char *root, const char *cwd, mode_t mask)
{
	struct fs *fs = mem_new(NULL, struct fs);
	fs->users = 1;
	fs->root = mem_strdup(fs, root);
	fs->cwd = mem_strdup(fs, cwd);
	fs->umask = mask;
	return fs;
}

struct fs *fs_copy(const struct fs *fs)
{
	struct fs *copy = fs_new(fs->root, fs->cwd, fs->umask);
	copy->has_lost_cwd = fs->has_lost_cwd;
	copy->lost_root = keeper_get(fs->lost_root);
	copy->is_cwd_elsewhere = fs->is_cwd_elsewhere;
	return copy;
}

void fs_put(struct fs *fs)
{
	if (!fs || --fs->users)
		return;
	keeper_put(fs->lost_root);
	talloc_free(fs);
}

static bool has_change;

bool fs_take_change(void)
{
	bool had = has_change;
	has_change = false;
	return had;
}

void fs_lose_cwd(struct fs *fs)
{
	fs->has_lost_cwd = has_change = true;
}

void fs_set_root(struct fs *fs, const char *value, struct kept *lost)
{
	fs_set(&fs->root, value);
	keeper_put(fs->lost_root);
	fs->lost_root = lost;
}

void fs_set_cwd(struct fs *fs, const char *value, bool is_lost)
{
	fs_set(&fs->cwd, value);
	fs->has_lost_cwd = is_lost;
	fs->is_cwd_elsewhere = false;
}

void fs_set(char **path, const char *value)
{
	const void *ctx = talloc_parent(*path);
	char *copy = mem_strdup(ctx, value);
	talloc_free(*path);
	*path = copy;
	has_change = true;
}

struct mm *mm_new(void)
{
	struct mm *mm = mem_new(NULL, struct mm);
	mm->users = 1;
	return mm;
}

static void mm_put(struct mm *mm)
{
	if (--mm->users == 0) {
		fast_put(mm->state);
		talloc_free(mm);
	} else {
		fast_memory_left(mm);
	}
}

void process_set_mm(struct process *p, struct mm *mm)
{
	struct mm *old = p->mm;
	p->mm = mm;
	if (old)
		mm_put(old);
}

struct uts *uts_new(const char *host, const char *domain)
{
	struct uts *uts = mem_new(NULL, struct uts);
	uts->users = 1;
	uts->host = host ? mem_strdup(uts, host) : NULL;
	uts->domain = domain ? mem_strdup(uts, domain) : NULL;
	return uts;
}

void uts_put(struct uts *uts)
{
	if (uts && --uts->users == 0)
		talloc_free(uts);
}

struct process *process_new(pid_t pid)
{
	struct process *p = mem_new(NULL, struct process);
	p->users = 1;
	p->pid = pid;
	p->is_dumpable = true;
	return p;
}

static void process_put(struct process *p)
{
	if (!p || --p->users)
		return;
	struct mm *mm = p->mm;
	cgroups_left(p);
	keeper_put(p->exe_kept);
	talloc_free(p);
	if (mm)
		mm_put(mm);
}

static void inherit_memory(struct tracee *child, const struct tracee *parent, uint64_t clone_flags)
{
	struct mm *from = parent->process->mm;
	if (clone_flags & CLONE_VM) {
		from->users++;
		child->process->mm = from;
		return;
	}
	child->process->mm = mm_new();
	child->process->mm->state = fast_get(from->state);
	child->process->mm->is_off = from->is_off;
	/* Another thread of the parent may have been in its shim, or have got another state meanwhile. */
	if (parent->process->users > 1 || from->users > 1 || stats_is_on())
		fast_forked(child);
}

void tracee_inherit(struct tracee *child, const struct tracee *parent, uint64_t clone_flags)
{
	child->cred = parent->cred;
	child->has_own_network = parent->has_own_network || (clone_flags & CLONE_NEWNET);
	child->seccomp_mode = parent->seccomp_mode;
	child->seccomp_filters = parent->seccomp_filters;
	child->narrow_filters = parent->narrow_filters;
	child->has_nice = parent->has_nice;
	child->nice = parent->nice;
	child->rt_policy = parent->rt_policy & SCHED_RESET_ON_FORK ? 0 : parent->rt_policy;
	child->rt_priority = child->rt_policy ? parent->rt_priority : 0;
	child->has_shim = parent->has_shim;
	child->is_watched = parent->is_watched;
	child->has_control = parent->has_control;
	child->is_inside = parent->is_inside;
	child->has_signals = parent->has_signals;
	if (clone_flags & CLONE_FS) {
		child->fs = parent->fs;
		child->fs->users++;
	} else {
		child->fs = fs_copy(parent->fs);
	}
	memcpy(child->namespaces, parent->namespaces, sizeof(child->namespaces));
	namespaces_renew(child, &parent->cred, clone_flags);
	child->uts = clone_flags & CLONE_NEWUTS ? uts_new(parent->uts->host, parent->uts->domain) : parent->uts;
	child->uts->users += !(clone_flags & CLONE_NEWUTS);
	child->mounts = clone_flags & CLONE_NEWNS ? mounts_copy(parent->mounts) : mounts_get(parent->mounts);
	if ((clone_flags & CLONE_NEWNS) && namespaces_owner(parent, CLONE_NEWNS) != child->cred.users)
		propagation_made_less(child->mounts, child->cred.users);
	if (clone_flags & CLONE_THREAD) {
		child->process = parent->process;
		child->process->users++;
	} else {
		child->process = process_new(child->tid);
		child->process->exe = mem_strdup(child->process, parent->process->exe ? parent->process->exe : "");
		child->process->exe_host = mem_strdup(child->process, parent->process->exe_host ? parent->process->exe_host : "");
		child->process->exe_kept = keeper_get(parent->process->exe_kept);
		child->process->exe_dev = parent->process->exe_dev;
		child->process->exe_ino = parent->process->exe_ino;
		child->process->is_exe_read_only = parent->process->is_exe_read_only;
		child->process->read_only_dev = parent->process->read_only_dev;
		child->process->read_only_ino = parent->process->read_only_ino;
		child->process->is_dumpable = parent->process->is_dumpable;
		child->process->undumpable_as = parent->process->undumpable_as;
		child->process->abi = parent->process->abi;
		child->process->is_emulated = parent->process->is_emulated;
		child->process->asks_ids = parent->process->asks_ids;
		child->process->container = parent->process->container;
		child->process->is_paused = parent->process->is_paused;
		bool is_sibling = clone_flags & CLONE_PARENT;
		child->process->parent = is_sibling ? parent->process->parent : parent->process->pid;
		child->process->parent_tid = is_sibling ? parent->process->parent_tid : parent->tid;
		inherit_memory(child, parent, clone_flags);
		cgroups_inherit(child->process, parent->process);
	}
	if (clone_flags & CLONE_NEWCGROUP)
		cgroups_new_namespace(child);
	namespaces_inherit_pids(child, parent, clone_flags);
	child->is_known = true;
}

void tracee_drop_slots(struct tracee *t)
{
	if (t->slot >= 0)
		arena_release(t->slot);
	if (t->loader_slot >= 0)
		arena_release(t->loader_slot);
	for (unsigned i = 0; i < t->run_count; i++)
		arena_release(t->run_slot + i);
	t->slot = t->loader_slot = -1;
	t->run_count = 0;
}

static void release(struct tracee *t)
{
	tracee_drop_slots(t);
	fs_put(t->fs);
	process_put(t->process);
	mounts_put(t->mounts);
	uts_put(t->uts);
	t->fs = NULL;
	t->process = NULL;
	t->mounts = NULL;
	t->uts = NULL;
	TALLOC_FREE(t->exec);
}

/* Who has ended lately: messages of theirs may be unread, connections not yet looked at. */
static struct shown_ids departed[64];

static struct shown_ids ids_of(const struct tracee *t)
{
	const struct process *p = t->process;
	struct shown_ids ids = { .peer = { p->pid, t->cred.euid, t->cred.egid },
				 .message = { p->pid, t->cred.ruid, t->cred.rgid } };
	if (p->is_peer)
		ids.peer = p->peer;
	if (p->has_claim)
		ids.message = p->claim;
	return ids;
}

void process_become_peer(struct tracee *t)
{
	t->process->is_peer = true;
	t->process->peer = (struct ucred){ t->process->pid, t->cred.euid, t->cred.egid };
}

bool process_ids_of(pid_t pid, struct shown_ids *ret)
{
	const struct tracee *t = tracee_find(pid);
	if (t && t->is_known && t->process) {
		*ret = ids_of(t);
		return true;
	}
	for (unsigned i = 0; i < sizeof(departed) / sizeof(*departed) && pid > 0; i++)
		if (departed[i].peer.pid == pid) {
			*ret = departed[i];
			return true;
		}
	return false;
}

void tracee_remove(struct tracee *t)
{
	static unsigned turn;
	if (t->process && t->process->users == 1)
		departed[turn++ % (sizeof(departed) / sizeof(*departed))] = ids_of(t);
	for (struct tracee **at = bucket(t->tid); *at; at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		count--;
		break;
	}
	follow_forget(t->tid);
	release(t);
	talloc_free(t);
}

struct tracee *tracee_exec_from_thread(pid_t pid, pid_t old_tid)
{
	struct tracee *leader = tracee_find(pid), *thread = tracee_find(old_tid);
	if (!thread || thread == leader)
		return leader;
	/* execve(2): the other threads are gone, the caller goes on under the leader's id. */
	if (!leader)
		leader = tracee_add(pid);
	else
		release(leader);
	struct tracee *next = leader->next;
	*leader = *thread;
	leader->tid = pid;
	leader->tid_before_exec = old_tid;
	leader->next = next;
	talloc_steal(leader, thread->exec);
	thread->fs = NULL;
	thread->process = NULL;
	thread->mounts = NULL;
	thread->uts = NULL;
	thread->slot = thread->loader_slot = -1;
	thread->run_count = 0;
	thread->remove_later = NULL;
	thread->exec = NULL;
	follow_renamed(old_tid, pid);
	tracee_remove(thread);
	return leader;
}

unsigned tracee_count(void)
{
	return count;
}

int tracee_each(int (*visit)(struct tracee *t, void *arg), void *arg)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct tracee *t = table[i], *next; t; t = next) {
			next = t->next;
			int r = visit(t, arg);
			if (r)
				return r;
		}
	}
	return 0;
}

struct program {
	dev_t dev;
	ino_t ino;
};

static int runs(struct tracee *t, void *arg)
{
	const struct program *p = arg;
	return t->process && t->process->exe_ino == p->ino && t->process->exe_dev == p->dev;
}

bool tracee_runs(dev_t dev, ino_t ino)
{
	struct program p = { dev, ino };
	return tracee_each(runs, &p) != 0;
}

void process_set_suid_dumpable(struct process *p)
{
	static char value; /* proc(5), /proc/sys/fs/suid_dumpable */
	if (!value) {
		CLEANUP_CLOSE int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, &value, 1) != 1)
			value = '0';
	}
	p->is_dumpable = value == '1';
	p->undumpable_as = value == '2' ? 2 : 0;
}

void tracee_changed_cred(struct tracee *t, const struct cred *old)
{
	const struct cred *now = &t->cred;
	if (old->euid != now->euid || old->egid != now->egid || old->fsuid != now->fsuid || old->fsgid != now->fsgid ||
	    (now->permitted & ~old->permitted))
		process_set_suid_dumpable(t->process);
	if (old->ruid != now->ruid || old->rgid != now->rgid) {
		const struct process *p = t->process;
		struct ucred was = { p->pid, old->ruid, old->rgid };
		inflight_settle(p, p->has_claim ? &p->claim : &was);
		t->process->has_claim = false;
	}
}
