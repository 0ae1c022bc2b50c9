/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the files of /proc that would tell the host's world or ours: one row each.  The guest opens a
 * generated copy instead.  The longer writers are in procmemory.c and procstatus.c.
 */
#include "tracer/procfiles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/cgroups.h"
#include "tracer/follow.h"
#include "tracer/mountlist.h"
#include "tracer/namespaces.h"
#include "tracer/path.h"
#include "tracer/pids.h"
#include "tracer/procfs.h"
#include "tracer/users.h"

char *proc_read_host(const void *ctx, const char *path, size_t *ret_bytes)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	char *text = mem_strdup(ctx, ""), chunk[8192];
	size_t used = 0, n;
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		text = mem_grow(ctx, text, char, used + n + 1);
		memcpy(text + used, chunk, n);
		used += n;
		text[used] = '\0';
	}
	fclose(file);
	if (ret_bytes)
		*ret_bytes = used;
	return text;
}

char *proc_next_line(char **at)
{
	char *line = *at, *end;
	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	*at = end ? end + 1 : line + strlen(line);
	return line;
}

static void write_mounts(const struct proc_view *v)
{
	mountlist_write_mounts(v->of, v->out);
}

static void write_mountinfo(const struct proc_view *v)
{
	mountlist_write_mountinfo(v->of, v->out);
}

static void write_mountstats(const struct proc_view *v)
{
	mountlist_write_mountstats(v->of, v->out);
}

static void write_users(const struct proc_view *v)
{
	enum users_file file;
	if (users_file_named(v->name, &file))
		users_tell(v->out, v->of->cred.users, file, v->viewer->cred.users);
}

/* What nobody has set. */
static void write_unset(const struct proc_view *v)
{
	fprintf(v->out, "%u", UINT32_MAX);
}

/* cgroup_namespaces(7): the guest's own is the root, unless it is to see the host's. */
static void write_cgroup(const struct proc_view *v)
{
	if (cgroups_is_open()) {
		cgroups_tell(v->out, v->viewer, v->of);
		return;
	}
	if ((session.config->flags & TRACER_HOST_GROUPS) && namespaces_is_first(v->viewer, 0x02000000 /* CLONE_NEWCGROUP */)) {
		fputs(v->text, v->out);
		return;
	}
	for (char *at = v->text, *line; (line = proc_next_line(&at));) {
		char *path = strchr(line, ':') ? strchr(strchr(line, ':') + 1, ':') : NULL;
		fprintf(v->out, "%.*s/\n", path ? (int)(path + 1 - line) : 0, line);
	}
}

static void write_name(const struct proc_view *v, const char *name)
{
	fprintf(v->out, name ? "%s\n" : "%s", name ? name : v->text);
}

static void write_hostname(const struct proc_view *v)
{
	write_name(v, v->viewer->uts->host);
}

static void write_domainname(const struct proc_view *v)
{
	write_name(v, v->viewer->uts->domain);
}

static void write_ostype(const struct proc_view *v)
{
	write_name(v, session.config->kernel.sysname);
}

static void write_osrelease(const struct proc_view *v)
{
	write_name(v, session.config->kernel.release);
}

static void write_osversion(const struct proc_view *v)
{
	write_name(v, session.config->kernel.version);
}

/* linux_proc_banner of init/version.c: "SYSNAME version RELEASE (builder) (compiler) VERSION" */
static void write_version(const struct proc_view *v)
{
	const struct kernel_names *names = &session.config->kernel;
	struct utsname u;
	uname(&u);
	CLEANUP_TALLOC char *head = mem_printf(NULL, "%s version %s ", u.sysname, u.release);
	char *tail = strstr(v->text, u.version);
	if (!text_starts(v->text, head) || !tail || tail < v->text + strlen(head)) {
		fputs(v->text, v->out);
		return;
	}
	const char *middle = v->text + strlen(head);
	fprintf(v->out, "%s version %s %.*s%s\n", names->sysname ? names->sysname : u.sysname,
		names->release ? names->release : u.release, (int)(tail - middle), middle,
		names->version ? names->version : u.version);
}

/* What hosts forbid their users is granted here: by Debian's setting, Ubuntu's, and as many as there may be of others. */
static void write_users_may(const struct proc_view *v)
{
	fputs(users_are_there() ? "1\n" : "0\n", v->out);
}

static void write_users_restricted(const struct proc_view *v)
{
	fputs(users_are_there() ? "0\n" : "1\n", v->out);
}

static void write_users_max(const struct proc_view *v)
{
	CLEANUP_TALLOC char *others = proc_read_host(NULL, "/proc/sys/user/max_uts_namespaces", NULL);
	fputs(users_are_there() ? (others ? others : v->text) : "0\n", v->out);
}

enum proc_file_flags {
	WANTS_TEXT = 1,
	OF_EMULATORS = 2,   /* only theirs tells what it should not */
	OF_DESCRIPTORS = 4, /* one a descriptor, whose number follows the name */
	OF_PIDS = 16,       /* only that of a mount of a pid namespace of the guest's tells what it should not */
	OF_VIEWERS = 32,    /* only to who is in one */
	IS_WRITTEN = 8,	    /* by who makes a user namespace (users.h) */
};
struct proc_file {
	const char *name; /* below /proc/PID or /proc/PID/task/TID; with a slash in front below /proc */
	void (*write)(const struct proc_view *v);
	unsigned flags; /* enum proc_file_flags */
};

static const struct proc_file files[] = {
	{ "maps", proc_write_maps, WANTS_TEXT },
	{ "smaps", proc_write_maps, WANTS_TEXT },
	{ "numa_maps", proc_write_maps, WANTS_TEXT },
	{ "status", proc_write_status, WANTS_TEXT },
	{ "stat", proc_write_stat, WANTS_TEXT },
	{ "auxv", proc_write_auxv, 0 },
	{ "cmdline", proc_write_cmdline, WANTS_TEXT | OF_EMULATORS },
	{ "environ", proc_write_environ, WANTS_TEXT | OF_EMULATORS },
	{ "fdinfo/", proc_write_fdinfo, WANTS_TEXT | OF_DESCRIPTORS },
	{ "mounts", write_mounts, 0 },
	{ "mountinfo", write_mountinfo, 0 },
	{ "mountstats", write_mountstats, 0 },
	{ "uid_map", write_users, IS_WRITTEN },
	{ "gid_map", write_users, IS_WRITTEN },
	{ "projid_map", write_users, IS_WRITTEN },
	{ "setgroups", write_users, IS_WRITTEN },
	{ "loginuid", write_unset, 0 },
	{ "sessionid", write_unset, 0 },
	{ "cgroup", write_cgroup, WANTS_TEXT },
	{ "children", proc_write_children, WANTS_TEXT | OF_PIDS },
	{ "sched", proc_write_sched, WANTS_TEXT | OF_PIDS },
	{ "timers", proc_write_timers, WANTS_TEXT | OF_PIDS },
	{ "/sysvipc/msg", proc_write_queues, WANTS_TEXT | OF_VIEWERS },
	{ "/sysvipc/shm", proc_write_segments, WANTS_TEXT | OF_VIEWERS },
	{ "/sys/kernel/ns_last_pid", proc_write_last_pid, OF_VIEWERS | IS_WRITTEN },
	{ "/locks", proc_write_locks, WANTS_TEXT | OF_PIDS },
	{ "/loadavg", proc_write_loadavg, WANTS_TEXT | OF_PIDS },
	{ "/sys/kernel/hostname", write_hostname, WANTS_TEXT },
	{ "/sys/kernel/domainname", write_domainname, WANTS_TEXT },
	{ "/sys/kernel/ostype", write_ostype, WANTS_TEXT },
	{ "/sys/kernel/osrelease", write_osrelease, WANTS_TEXT },
	{ "/sys/kernel/version", write_osversion, WANTS_TEXT },
	{ "/version", write_version, WANTS_TEXT },
	{ "/sys/kernel/unprivileged_userns_clone", write_users_may, 0 },
	{ "/sys/kernel/apparmor_restrict_unprivileged_userns", write_users_restricted, 0 },
	{ "/sys/user/max_user_namespaces", write_users_max, WANTS_TEXT },
};

static bool is_of(const struct proc_file *f, const char *rest, const struct object *o, const struct tracee *viewer)
{
	if (((f->flags & OF_PIDS) && !o->mount->pids) || ((f->flags & OF_VIEWERS) && !(viewer && viewer->process->pids)))
		return false;
	return f->flags & OF_DESCRIPTORS ? text_starts(rest, f->name) && rest[strlen(f->name)] : strcmp(rest, f->name) == 0;
}

bool procfs_is_hosts(const char *path, const struct object *o)
{
	const size_t begin = strlen("/proc");
	if (!text_starts(path, "/proc/") || strchr(path + begin + 1, '/') || strcmp(path, o->host) != 0 || (o->real.st_mode & 0444) != 0444)
		return false;
	const struct proc_file *f = files, *end = files + sizeof(files) / sizeof(*files);
	while (f < end && !is_of(f, path + begin, o, NULL))
		f++;
	return f == end;
}

int procfs_takes_writes(const struct tracee *t, const struct object *o)
{
	const char *rest = NULL;
	enum users_file file;
	const struct tracee *of = session.is_plain ? NULL : procfs_subject(o->host, &rest);
	if (!of || !users_file_named(rest, &file))
		return 0;
	/* proc_setgroups_open of fs/proc/base.c */
	return file == USERS_GROUPS && !cred_has_toward(&t->cred, of->cred.users, CAPABILITY_SYS_ADMIN) ? -EACCES : 1;
}

char *procfs_generate(struct tracee *t, const struct object *o, bool is_write)
{
	static unsigned counter;
	const char *rest = NULL;
	struct proc_view v = { .viewer = t, .pids = o->mount->pids };
	v.of = procfs_subject(o->host, &rest);
	if (!v.of && text_starts(o->host, "/proc/"))
		rest = o->host + strlen("/proc");
	const struct proc_file *f = files, *end = files + sizeof(files) / sizeof(*files);
	while (rest && f < end && !is_of(f, rest, o, t))
		f++;
	if (!rest || f == end || (f->name[0] != '/' && !v.of) || ((f->flags & OF_EMULATORS) && !v.of->process->is_emulated) ||
	    ((f->flags & IS_WRITTEN) && is_write && session.is_plain))
		return NULL;
	enum users_file file;
	if ((f->flags & IS_WRITTEN) && is_write && users_file_named(f->name, &file))
		return users_open_to_write(t, v.of->cred.users, file);
	v.name = f->name;
	if (v.of) {
		v.tid = v.of->tid;
		v.descriptor = f->flags & OF_DESCRIPTORS ? (int)strtol(rest + strlen(f->name), NULL, 10) : -1;
		follow_show(v.tid);
	}
	CLEANUP_TALLOC char *text = (f->flags & WANTS_TEXT) ? proc_read_host(NULL, o->host, &v.text_bytes) : NULL;
	v.text = text;
	if ((f->flags & WANTS_TEXT) && !text)
		return NULL;
	char *path = mem_printf(t, "%s/proc-%u", session.run_dir, counter++);
	v.out = fopen(path, "we");
	if (!v.out) {
		talloc_free(path);
		return NULL;
	}
	f->write(&v);
	fclose(v.out);
	return path;
}
