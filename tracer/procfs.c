/* SPDX-License-Identifier: Apache-2.0 */
/* Owns whose /proc/PID is, which are shown, and its links; generated files are in procfiles.c. */
#include "tracer/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/guest_ptrace.h"
#include "tracer/namespaces.h"
#include "tracer/nodes.h"
#include "tracer/path.h"
#include "tracer/pids.h"
#include "tracer/trees.h"

struct tracee *procfs_subject(const char *host, const char **ret_rest)
{
	if (!text_starts(host, "/proc/"))
		return NULL;
	char *end;
	long pid = strtol(host + 6, &end, 10);
	if (end == host + 6)
		return NULL;
	if (text_starts(end, "/task/")) {
		const char *number = end + 6;
		pid = strtol(number, &end, 10);
		if (end == number)
			return NULL;
	}
	if (*end != '/' && *end != '\0')
		return NULL;
	*ret_rest = *end ? end + 1 : end;
	struct tracee *t = tracee_find(pid);
	return t && t->is_known ? t : NULL;
}

bool procfs_owner(const char *host, const struct tracee *viewer, struct stat *st)
{
	const char *rest;
	const struct tracee *of = procfs_subject(host, &rest);
	if (!of)
		return false;
	/* task_dump_owner of fs/proc/base.c: directories all may read tell the ids in any case. */
	bool tells_ids = st->st_mode == (S_IFDIR | 0555) || of->process->is_dumpable;
	st->st_uid = tells_ids ? of->cred.euid : 0;
	st->st_gid = tells_ids ? of->cred.egid : 0;
	/* proc_fd_permission of fs/proc/fd.c: its own descriptors each process may see. */
	if (of->process == viewer->process && text_starts(rest, "fd") && (!rest[2] || text_starts(rest + 2, "info"))) {
		st->st_uid = viewer->cred.fsuid;
		st->st_gid = viewer->cred.fsgid;
	}
	return true;
}

/* Links that proc_pid_get_link of fs/proc/base.c and its like give only to who may trace the process. */
static bool is_guarded_link(const char *rest)
{
	static const char *const links[] = { "exe", "cwd", "root" }, *const folders[] = { "fd/", "ns/", "map_files/" };
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (strcmp(rest, links[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (text_starts(rest, folders[i]) && rest[strlen(folders[i])])
			return true;
	return false;
}

bool procfs_refuses(const char *host, const struct tracee *who, bool is_open)
{
	static const char *const files[] = { "maps", "smaps", "smaps_rollup", "numa_maps", "timers" };
	const char *rest;
	const struct tracee *of = procfs_subject(host, &rest);
	if (!of || guest_may_access(who, of))
		return false;
	if (text_starts(rest, "fdinfo"))
		return !rest[6] || rest[6] == '/';
	for (size_t i = 0; is_open && i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(rest, files[i]) == 0)
			return true;
	return false;
}

ssize_t procfs_readlink(struct tracee *t, const struct object *o, char *target, size_t room, enum procfs_link *ret_kind)
{
	const char *host = o->host, *rest, *text = NULL;
	*ret_kind = PROCFS_PLAIN;
	/* proc_self_get_link of fs/proc/self.c: who is not in the mount's namespace has no name there. */
	if ((strcmp(host, "/proc/self") == 0 || strcmp(host, "/proc/thread-self") == 0) && !pids_holds(o->mount->pids, t->process)) {
		errno = ENOENT;
		return -1;
	}
	if (strcmp(host, "/proc/self") == 0)
		return snprintf(target, room, "%d", pids_shown(o->mount->pids, t->process->pid));
	if (strcmp(host, "/proc/thread-self") == 0)
		return snprintf(target, room, "%d/task/%d", pids_shown(o->mount->pids, t->process->pid),
				pids_shown(o->mount->pids, t->tid));
	const struct tracee *of = procfs_subject(host, &rest);
	if (of && is_guarded_link(rest) && !guest_may_access(t, of)) {
		errno = EACCES;
		return -1;
	}
	if (of && strcmp(rest, "exe") == 0)
		text = of->process->exe;
	else if (of && strcmp(rest, "cwd") == 0)
		text = of->fs->cwd;
	else if (of && strcmp(rest, "root") == 0)
		text = of->fs->root;
	if (text) {
		bool is_lost = text == of->fs->cwd && of->fs->has_lost_cwd;
		*ret_kind = PROCFS_GUEST;
		return snprintf(target, room, "%s%s", text, is_lost ? " (deleted)" : "");
	}
	if (of && text_starts(rest, "ns/") && namespaces_link(of, rest + 3, target, room)) {
		*ret_kind = PROCFS_DESCRIPTOR;
		errno = ENOENT;
		return target[0] ? (ssize_t)strlen(target) : -1;
	}
	ssize_t n = nodes_readlink(host, target, room);
	if (n < 0)
		n = readlink(host, target, room - 1);
	if (n < 0)
		return n;
	target[n] = '\0';
	if (of && text_starts(rest, "map_files/")) {
		char guest[PATH_ROOM];
		*ret_kind = PROCFS_DESCRIPTOR;
		if (target[0] != '/' || !mounts_to_guest(of->mounts, target, guest, sizeof(guest)))
			return n;
		*ret_kind = PROCFS_GUEST;
		return snprintf(target, room, "%s", guest);
	}
	unsigned tree = trees_of_text(target);
	const struct mount *root = tree ? trees_mount(t, tree) : NULL;
	if (root) {
		*ret_kind = PROCFS_GUEST;
		return snprintf(target, room, "%s", root->guest);
	}
	const char *slash = strrchr(host, '/');
	if (slash && slash - host > 3 && (strncmp(slash - 3, "/fd", 3) == 0 || strncmp(slash - 3, "/ns", 3) == 0))
		*ret_kind = PROCFS_DESCRIPTOR;
	return n;
}

const struct process *procfs_program(const char *host)
{
	const char *rest;
	const struct tracee *of = procfs_subject(host, &rest);
	return of && strcmp(rest, "exe") == 0 ? of->process : NULL;
}

/* State and parent of /proc/PID as the host has them. */
static bool read_stat(pid_t pid, char *ret_state, pid_t *ret_parent)
{
	char name[64], text[512];
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	FILE *file = fopen(name, "re");
	if (!file)
		return false;
	const char *at = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	bool is_read = at && sscanf(at, ") %c %d", ret_state, ret_parent) == 2;
	fclose(file);
	return is_read;
}

bool procfs_real_parent(pid_t pid, pid_t *ret)
{
	char state;
	return read_stat(pid, &state, ret);
}

/* NULL: somebody outside the guest, or whom orphans go to. */
static const struct tracee *parent_of(const struct process *p)
{
	pid_t parent;
	const struct tracee *t = p->parent ? tracee_find(p->parent) : NULL;
	/* Else of a sub-reaper of the guest's, or ours. */
	if (!t && p->pid != session.first_pid && procfs_real_parent(p->pid, &parent))
		t = tracee_find(parent);
	return t && t->is_known ? t : NULL;
}

/* Until that one has ended. */
static bool is_of_who_is_outside(const struct process *p)
{
	pid_t parent;
	return p->joined_by && procfs_real_parent(p->pid, &parent) && parent == p->joined_by;
}

pid_t procfs_parent(const struct process *p, const struct pid_namespace *in)
{
	const struct tracee *parent = parent_of(p);
	if (!parent && p->pids && !pids_is_first(p) && !is_of_who_is_outside(p))
		parent = pids_adopter(p);
	if (!parent)
		return in || p->pid == session.first_pid ? 0 : 1;
	return pids_shown(in, parent->process->pid);
}

const struct tracee *procfs_parent_of_zombie(pid_t pid)
{
	char state;
	pid_t parent;
	const struct tracee *t = read_stat(pid, &state, &parent) && state == 'Z' ? tracee_find(parent) : NULL;
	return t && t->is_known ? t : NULL;
}

bool procfs_is_hidden(const char *host, const struct pid_namespace *in)
{
	char *end;
	if (!text_starts(host, "/proc/"))
		return false;
	long pid = strtol(host + 6, &end, 10);
	if (end == host + 6 || (*end != '/' && *end != '\0'))
		return false;
	const struct tracee *t = tracee_find(pid);
	if (!t || !t->is_known)
		t = procfs_parent_of_zombie(pid);
	return !t || !pids_shown(in, pid);
}

/* A number that is a whole component: behind it in *ret_end, 0: there is none. */
static pid_t read_number(const char *at, const char **ret_end)
{
	char *end;
	long number = *at >= '1' && *at <= '9' ? strtol(at, &end, 10) : 0;
	if (number <= 0 || number > INT32_MAX || (*end && *end != '/'))
		return 0;
	*ret_end = end;
	return number;
}

pid_t procfs_number(const char *host)
{
	const char *end;
	pid_t pid = text_starts(host, "/proc/") ? read_number(host + 6, &end) : 0;
	if (pid && text_starts(end, "/task/"))
		pid = read_number(end + 6, &end);
	return pid && !*end ? pid : 0;
}

/* Both numbers of "/proc/PID/task/TID", either of which may be missing, by `turn`; false when it gives none. */
static bool turn_numbers(const struct pid_namespace *in, const char *host, bool is_last, pid_t (*turn)(const struct pid_namespace *, pid_t),
			 char *ret, size_t room)
{
	const char *end = NULL, *rest = host;
	pid_t pid = text_starts(host, "/proc/") ? read_number(host + 6, &end) : 0, tid = 0;
	pid_t pid_turned = 0, tid_turned = 0;
	ret[0] = '\0';
	if (!pid) {
		snprintf(ret, room, "%s", host);
		return true;
	}
	rest = end;
	if (text_starts(rest, "/task/"))
		tid = read_number(rest + 6, &end);
	pid_turned = is_last && *rest ? pid : turn(in, pid);
	if (tid) {
		rest = end;
		tid_turned = is_last && *rest ? tid : turn(in, tid);
	}
	if (!pid_turned || (tid && !tid_turned))
		return false;
	if (tid)
		snprintf(ret, room, "/proc/%d/task/%d%s", pid_turned, tid_turned, rest);
	else
		snprintf(ret, room, "/proc/%d%s", pid_turned, rest);
	return true;
}

void procfs_name(const struct pid_namespace *in, const char *host, char *ret, size_t room)
{
	if (!in || !turn_numbers(in, host, false, pids_shown, ret, room))
		snprintf(ret, room, "%s", host);
}

bool procfs_settle(struct object *o, bool is_last)
{
	const struct pid_namespace *in = o->mount->pids;
	const struct tracee *first = !in && strcmp(o->host, "/proc/1") == 0 ? pids_find(in, 1) : NULL;
	char host[PATH_ROOM];
	if (first)
		o->host_length = snprintf(o->host, sizeof(o->host), "/proc/%d", first->tid);
	if (in) {
		turn_numbers(in, o->host, is_last, pids_host, host, sizeof(host));
		o->host_length = strlen(host);
		memcpy(o->host, host, o->host_length + 1);
	}
	return !procfs_is_hidden(o->host, in);
}
