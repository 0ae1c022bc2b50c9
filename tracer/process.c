/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that act on processes: they reach the guest's own only. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/cgroups.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/namespaces.h"
#include "tracer/pids.h"
#include "tracer/procfs.h"

enum { NEW_USER = 0x10000000, UNTRACED = 0x00800000 /* CLONE_UNTRACED */ };
static const uint64_t any_new = 0x7e020080;
#define INTO_CGROUP UINT64_C(0x200000000) /* CLONE_INTO_CGROUP */

/* copy_process of kernel/fork.c and create_new_namespaces of kernel/nsproxy.c, in their order */
static int may_make_new(const struct tracee *t, uint64_t flags)
{
	if (((flags & CLONE_FS) && (flags & (CLONE_NEWNS | NEW_USER))) || ((flags & CLONE_THREAD) && (flags & (CLONE_NEWPID | NEW_USER))))
		return -EINVAL;
	int r = namespaces_may_make(t, flags);
	if (r < 0)
		return r;
	return (flags & CLONE_NEWIPC) && (flags & CLONE_SYSVSEM) ? -EINVAL : 0;
}

static int may_fork(const struct tracee *t, uint64_t flags)
{
	int r = pids_may_clone(t, flags);
	return r == 0 ? cgroups_may_fork(t) : r;
}

static int64_t pass_fork(struct call *c)
{
	return c->t->process->pids ? inside_fork(c) : CALL_PASS;
}

int64_t hook_fork(struct call *c)
{
	int r = may_fork(c->t, 0);
	return r < 0 ? r : pass_fork(c);
}

int64_t hook_clone(struct call *c)
{
	uint64_t flags = c->argument[0];
	/*
	 * Granted virtually (tracee_inherit).  Untraced by the guest's tracer is not untraced by us.
	 */
	c->t->clone_into = NULL;
	int r = may_make_new(c->t, flags);
	if (r == 0)
		r = may_fork(c->t, flags);
	if (r < 0)
		return r;
	c->t->clone_new = flags & (any_new | UNTRACED);
	if (c->t->clone_new)
		call_set(c, 0, flags & ~(any_new | UNTRACED));
	return pass_fork(c);
}

/* clone3's CLONE_INTO_CGROUP, when there are groups of ours; what is no folder of one is nobody's.  0 or -errno. */
static int read_group(struct call *c, uint64_t flags, size_t size)
{
	enum { WITH_GROUP = 88, AT = 80 }; /* CLONE_ARGS_SIZE_VER2 */
	uint64_t descriptor;
	c->t->clone_into = NULL;
	if (!(flags & INTO_CGROUP) || !cgroups_is_open())
		return 0;
	if (size < WITH_GROUP)
		return -EINVAL;
	if (memory_read(c->t, c->argument[0] + AT, &descriptor, sizeof(descriptor)) < 0)
		return -EFAULT;
	return cgroups_clone_into(c, descriptor);
}

int64_t hook_clone3(struct call *c)
{
	uint64_t flags;
	size_t size = c->argument[1];
	if (size < 64)
		return -EINVAL;
	if (memory_read(c->t, c->argument[0], &flags, sizeof(flags)) < 0)
		return -EFAULT;
	int r = may_make_new(c->t, flags);
	if (r == 0)
		r = read_group(c, flags, size);
	if (r == 0)
		r = may_fork(c->t, flags);
	if (r < 0)
		return r;
	/* Of other groups than ours the kernel has to say that nobody here may. */
	const uint64_t ours = any_new | UNTRACED | (c->t->clone_into ? INTO_CGROUP : 0);
	if (!(flags & ours))
		return pass_fork(c);
	char *copy = size <= 256 ? call_room(c, size) : NULL;
	if (!copy || memory_read(c->t, c->argument[0], copy, size) < 0)
		return -EFAULT;
	c->t->clone_new = flags & (any_new | UNTRACED);
	flags &= ~ours;
	memcpy(copy, &flags, sizeof(flags));
	call_set(c, 0, (uintptr_t)copy);
	return pass_fork(c);
}

/* kill(2): who may signal whom. */
static int may_signal(const struct tracee *from, const struct tracee *to, int signal)
{
	const struct cred *a = &from->cred, *b = &to->cred;
	if (from->process == to->process || cred_has_toward(a, b->users, CAPABILITY_KILL) || a->euid == b->suid ||
	    a->euid == b->ruid || a->ruid == b->suid || a->ruid == b->ruid)
		return 0;
	return signal == SIGCONT && getsid(from->tid) == getsid(to->tid) ? 0 : -EPERM;
}

/* The task that argument n names to the caller, as which the call is made to name it to the host. */
static const struct tracee *named(struct call *c, unsigned n)
{
	const struct tracee *t = pids_find(c->t->process->pids, call_int(c, n));
	if (t)
		call_set(c, n, t->tid);
	return t;
}

/*
 * Who has ended but was not waited for is there: a signal to it is lost, and is no mistake.  Whose it was is not known any more,
 * so that who may signal its parent may signal it.  0 or -errno.
 */
static int signal_zombie(const struct call *c, pid_t pid, int signal)
{
	const struct tracee *parent = procfs_parent_of_zombie(pids_host(c->t->process->pids, pid));
	return parent ? may_signal(c->t, parent, signal) : -ESRCH;
}

/* sig_task_ignored of kernel/signal.c: what nobody has a handler for does not come to the init of a namespace. */
static bool is_lost_on_init(const struct tracee *from, pid_t named_as, const struct tracee *to, int signal)
{
	if (pids_is_safe(from, to->process, signal))
		return true;
	/* A number that no signal has is the kernel's to refuse. */
	if (named_as != 1 || signal <= 0 || signal > 64 || to->process->pid != session.first_pid)
		return false;
	return !pids_has_handler(session.first_pid, signal);
}

struct group_signal {
	const struct tracee *from;
	pid_t group; /* -1: everybody but the sender and the first process */
	int signal, result;
	bool has_safe; /* the signal does not come to one of the group */
};

static bool is_meant(const struct group_signal *g, const struct tracee *t)
{
	const struct pid_namespace *in = g->from->process->pids;
	if (g->group != -1)
		return getpgid(t->tid) == g->group;
	return t->process != g->from->process && pids_holds(in, t->process) && t != pids_find(in, 1);
}

static int signal_member(struct tracee *t, void *arg)
{
	struct group_signal *g = arg;
	if (!t->is_known || t->tid != t->process->pid || !is_meant(g, t))
		return 0;
	int r = may_signal(g->from, t, g->signal);
	bool is_safe = pids_is_safe(g->from, t->process, g->signal);
	if (r == 0 && !is_safe && kill(t->tid, g->signal) < 0)
		r = -errno;
	g->has_safe |= is_safe;
	if (g->result != 0)
		g->result = r;
	return 0;
}

/* A look at the group: who may be signalled, and is one of them not to be? */
static int look_at_member(struct tracee *t, void *arg)
{
	struct group_signal *g = arg, none = *g;
	none.signal = 0;
	signal_member(t, &none);
	g->result = none.result;
	g->has_safe |= t->is_known && is_meant(g, t) && pids_is_safe(g->from, t->process, g->signal);
	return 0;
}

int64_t hook_kill(struct call *c)
{
	pid_t pid = call_int(c, 0);
	int signal = call_int(c, 1);
	if (signal < 0 || signal > 64)
		return -EINVAL;
	if (pid > 0) {
		const struct tracee *to = named(c, 0);
		if (!to)
			return signal_zombie(c, pid, signal);
		int r = may_signal(c->t, to, signal);
		return r < 0 ? r : is_lost_on_init(c->t, pid, to, signal) ? 0 : CALL_PASS;
	}
	/* kill_something_info of kernel/signal.c */
	if (pid == INT32_MIN)
		return -ESRCH;
	pid_t group = pid == 0 ? getpgid(c->t->tid) : pid == -1 ? -1 : inside_host(c->t, -pid);
	if (pid < -1)
		call_set(c, 0, (uint64_t)-(int64_t)group);
	struct group_signal g = { c->t, group, signal, -ESRCH, false };
	/* A group without us in it holds the guest's own processes only. */
	if (pid != -1 && group != getpgrp()) {
		tracee_each(look_at_member, &g);
		if (g.result == -ESRCH && group > 0)
			g.result = signal_zombie(c, -pid, signal);
		if (!g.has_safe)
			return g.result < 0 ? g.result : CALL_PASS;
		g.result = -ESRCH;
	}
	tracee_each(signal_member, &g);
	return g.result;
}

int process_to_own(struct call *c, int number, int *ret)
{
	const struct tracee *to = number > 0 ? pids_find(c->t->process->pids, number) : NULL;
	if (number == INT32_MIN)
		return -EINVAL;
	*ret = 0;
	if (number >= 0) {
		/* sigio_perm of fs/fcntl.c: that nobody may be signalled is no failure, nothing will come. */
		if (to && may_signal(c->t, to, SIGIO) == 0)
			*ret = to->tid;
		return number && !to ? -ESRCH : 0;
	}
	struct group_signal g = { c->t, inside_host(c->t, -number), 0, -ESRCH, false };
	tracee_each(look_at_member, &g);
	if (g.result == -ESRCH)
		return -ESRCH;
	/* We are in that one ourselves, and who has called us. */
	*ret = g.group == getpgrp() ? c->t->process->pid : -g.group;
	return 0;
}

int64_t hook_tgkill(struct call *c)
{
	bool has_group = strcmp(c->row->name, "tgkill") == 0 || strcmp(c->row->name, "rt_tgsigqueueinfo") == 0;
	pid_t pid = call_int(c, has_group);
	int signal = call_int(c, has_group + 1);
	if (call_int(c, 0) <= 0 || pid <= 0)
		return strcmp(c->row->name, "rt_sigqueueinfo") == 0 ? -ESRCH : -EINVAL;
	const struct tracee *to = named(c, has_group);
	if (!to)
		return has_group && call_int(c, 0) != pid ? -ESRCH : signal_zombie(c, pid, signal);
	if (has_group)
		named(c, 0);
	int r = may_signal(c->t, to, signal);
	if (r == 0 && text_starts(c->row->name, "rt_"))
		r = inside_translate_siginfo(c, has_group + 2);
	return r < 0 ? r : is_lost_on_init(c->t, pid, to, signal) ? 0 : CALL_PASS;
}

int64_t hook_pidfd_open(struct call *c)
{
	if (call_int(c, 0) <= 0)
		return -EINVAL;
	if (named(c, 0))
		return CALL_PASS;
	pid_t host = pids_host(c->t->process->pids, call_int(c, 0));
	if (!procfs_parent_of_zombie(host))
		return -ESRCH;
	call_set(c, 0, host);
	return CALL_PASS;
}

int64_t hook_process_vm(struct call *c)
{
	const struct tracee *to = named(c, 0);
	/* process_vm_rw of mm/process_vm_access.c */
	if (c->argument[5])
		return -EINVAL;
	if (!to)
		return -ESRCH;
	return guest_may_access(c->t, to) ? CALL_PASS : -EPERM;
}

/* fs.nr_open, which no limit of descriptors exceeds: do_prlimit of kernel/sys.c. */
static uint64_t most_files(void)
{
	enum { DEFAULT = 1 << 20, ROOM = 32 };
	CLEANUP_TALLOC char *text = NULL;
	struct error ignored = ERROR_INIT;
	uint64_t most = io_read_file(NULL, AT_FDCWD, "/proc/sys/fs/nr_open", ROOM, &text, NULL, &ignored) == 0 ?
				strtoull(text, NULL, 10) : 0;
	return most ? most : DEFAULT;
}

/* Root may raise hard limits; the invoking user may not.  What cannot be had is granted in name. */
static int64_t set_limit(struct call *c, pid_t pid, int resource, struct rlimit wanted)
{
	struct rlimit now;
	if (wanted.rlim_cur > wanted.rlim_max)
		return -EINVAL;
	if (syscall(SYS_prlimit64, pid, resource, NULL, &now) < 0)
		return -errno;
	if (wanted.rlim_max > now.rlim_max) {
		if (!cred_has(&c->t->cred, CAPABILITY_SYS_RESOURCE) || (resource == RLIMIT_NOFILE && wanted.rlim_max > most_files()))
			return -EPERM;
		wanted.rlim_max = now.rlim_max;
		if (wanted.rlim_cur > wanted.rlim_max)
			wanted.rlim_cur = wanted.rlim_max;
	}
	return syscall(SYS_prlimit64, pid, resource, &wanted, NULL) < 0 ? -errno : 0;
}

int64_t hook_prlimit(struct call *c)
{
	pid_t pid = call_int(c, 0);
	struct rlimit wanted, old;
	const struct tracee *of = pid ? named(c, 0) : c->t;
	if (!of)
		return -ESRCH;
	/* check_prlimit_permission of kernel/sys.c */
	const struct cred *a = &c->t->cred, *b = &of->cred;
	bool is_own = a->ruid == b->euid && a->ruid == b->suid && a->ruid == b->ruid && a->rgid == b->egid &&
		      a->rgid == b->sgid && a->rgid == b->rgid;
	if (of->process != c->t->process && !is_own && !cred_has_toward(a, b->users, CAPABILITY_SYS_RESOURCE))
		return -EPERM;
	if (!c->argument[2])
		return CALL_PASS;
	if (memory_read(c->t, c->argument[2], &wanted, sizeof(wanted)) < 0)
		return -EFAULT;
	pid = of->tid;
	if (c->argument[3]) {
		if (syscall(SYS_prlimit64, pid, call_int(c, 1), NULL, &old) < 0)
			return -errno;
		if (memory_write(c->t, c->argument[3], &old, sizeof(old)) < 0)
			return -EFAULT;
	}
	return set_limit(c, pid, call_int(c, 1), wanted);
}

int64_t hook_setrlimit(struct call *c)
{
	struct rlimit wanted;
	if (c->abi == ABI_32) {
		uint32_t small[2];
		if (memory_read(c->t, c->argument[1], small, sizeof(small)) < 0)
			return -EFAULT;
		wanted.rlim_cur = small[0] == UINT32_MAX ? RLIM_INFINITY : small[0];
		wanted.rlim_max = small[1] == UINT32_MAX ? RLIM_INFINITY : small[1];
	} else if (memory_read(c->t, c->argument[1], &wanted, sizeof(wanted)) < 0) {
		return -EFAULT;
	}
	return set_limit(c, c->t->tid, call_int(c, 0), wanted);
}

/* ---- by descriptor of a process ---- */

pid_t process_behind_pidfd(const struct tracee *t, int fd)
{
	char name[64], line[128];
	pid_t pid = -1;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", t->tid, fd);
	FILE *file = fopen(name, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (file)
		fclose(file);
	return pid;
}

const struct tracee *process_of_pidfd(const struct tracee *t, int fd)
{
	pid_t pid = process_behind_pidfd(t, fd);
	return pid > 0 ? pids_find(NULL, pid) : NULL;
}

/* pidfd_to_pid and tgid_pidfd_to_pid of kernel/signal.c: a folder of /proc will do, too. */
static const struct tracee *process_of_folder(const struct tracee *t, int fd)
{
	char name[64], folder[64];
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", t->tid, fd);
	ssize_t n = readlink(name, folder, sizeof(folder) - 1);
	folder[n > 0 ? n : 0] = '\0';
	return pids_find(NULL, procfs_number(folder));
}

int64_t hook_pidfd_send_signal(struct call *c)
{
	const struct tracee *to = process_of_pidfd(c->t, call_int(c, 0));
	if (!to)
		to = process_of_folder(c->t, call_int(c, 0));
	int r = to ? may_signal(c->t, to, call_int(c, 1)) : 0;
	if (r == 0 && to && pids_is_safe(c->t, to->process, call_int(c, 1)))
		return 0;
	if (r == 0)
		r = inside_translate_siginfo(c, 2);
	return r < 0 ? r : CALL_PASS; /* of none of ours: the kernel knows what it is, if anything */
}

/* pidfd_getfd, process_madvise, process_mrelease */
int64_t hook_pidfd_access(struct call *c)
{
	const struct tracee *of = process_of_pidfd(c->t, call_int(c, 0));
	return of && !guest_may_access(c->t, of) ? -EPERM : CALL_PASS;
}

/* Advice to another's memory is for CAP_SYS_NICE, and need not be followed. */
static int64_t is_advised(struct call *c)
{
	enum { AT_ONCE = 8 };
	int64_t bytes = 0;
	struct iovec list[AT_ONCE];
	if (c->result != -EPERM)
		return c->result;
	for (uint64_t i = 0, n; i < c->argument[2]; i += n) {
		n = c->argument[2] - i < AT_ONCE ? c->argument[2] - i : AT_ONCE;
		if (memory_read_vector(c->t, c->argument[1] + i * (c->t->process->abi == ABI_32 ? 8 : sizeof(*list)), list, n) < 0)
			return -EFAULT;
		for (uint64_t k = 0; k < n; k++)
			bytes += list[k].iov_len;
	}
	return bytes;
}

int64_t hook_process_madvise(struct call *c)
{
	int64_t r = hook_pidfd_access(c);
	if (r != CALL_PASS || c->argument[2] > UIO_MAXIOV || !cred_has(&c->t->cred, CAPABILITY_SYS_NICE))
		return r;
	c->t->at_exit = is_advised;
	return CALL_PASS_EXIT;
}

int64_t hook_kcmp(struct call *c)
{
	const struct tracee *a = named(c, 0), *b = named(c, 1);
	if (!a || !b)
		return -ESRCH;
	return guest_may_access(c->t, a) && guest_may_access(c->t, b) ? CALL_PASS : -EPERM;
}

int64_t hook_getppid(struct call *c)
{
	return procfs_parent(c->t->process, c->t->process->pids);
}
