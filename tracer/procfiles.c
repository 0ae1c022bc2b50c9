/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the files of /proc that would tell the host's world or ours: one row each.  The guest opens a
 * generated copy instead.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/cgroups.h"
#include "tracer/code.h"
#include "tracer/follow.h"
#include "tracer/foreign.h"
#include "tracer/guest_ptrace.h"
#include "tracer/memory.h"
#include "tracer/mountlist.h"
#include "tracer/namespaces.h"
#include "tracer/path.h"
#include "tracer/pids.h"
#include "tracer/procfs.h"
#include "tracer/shim/abi.h"

/* A file that is being opened. */
struct proc_view {
	struct tracee *viewer;
	struct tracee *of; /* NULL for files that are no process' */
	const struct pid_namespace *pids; /* whom the mount shows */
	char *text;        /* the host's; NULL when the row does not want it, or it cannot be read */
	size_t text_bytes;
	pid_t tid;         /* as in the path */
	int descriptor;    /* so, of OF_DESCRIPTORS */
	FILE *out;
};

static char *read_host(const void *ctx, const char *path, size_t *ret_bytes)
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

/* The next line of a text, which loses its newline; NULL at the end. */
static char *next_line(char **at)
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

/* The shim and its arena are not the guest's to see. */
static bool is_ours(const char *line)
{
	unsigned long long from = strtoull(line, NULL, 16);
	return (from >= SHIM_WRITABLE && from < SHIM_ARENA + SHIM_ARENA_BYTES) ||
	       (from >= SHIM_BASE && from < SHIM_BASE + SHIM_IMAGE_BYTES);
}

static bool is_front(const char *line, const char *path)
{
	unsigned long long offset;
	return sscanf(line, "%*s %*s %llx", &offset) == 1 && code_is_front(path, offset);
}

/* A mapping of a patched copy, as one of the file that it was made of; false when it is none. */
static bool write_original(const struct proc_view *v, const char *line, const char *copy)
{
	struct stat st;
	char guest[PATH_ROOM], view[PATH_ROOM], range[64], mode[8], offset[32];
	const char *origin = code_origin(copy);
	if (!origin || stat(origin, &st) < 0 || !mounts_to_guest(v->of->mounts, origin, guest, sizeof(guest)) ||
	    sscanf(line, "%63s %7s %31s", range, mode, offset) != 3)
		return false;
	path_to_view(v->viewer, guest, view, sizeof(view));
	int n = fprintf(v->out, "%s %s %s %02x:%02x %llu ", range, mode, offset, major(st.st_dev), minor(st.st_dev),
			(unsigned long long)st.st_ino);
	fprintf(v->out, "%*s%s\n", n < 73 ? 73 - n : 0, "", view);
	return true;
}

/* Paths in maps and smaps: detranslated, and the shim's own lines left out. */
static void write_maps(const struct proc_view *v)
{
	char guest[PATH_ROOM], view[PATH_ROOM];
	size_t run_length = strlen(session.run_dir);
	/* An emulator looks for room for its guest, and shows that only what is the guest's. */
	bool is_own = v->of->process->is_emulated && v->of->process == v->viewer->process;
	bool is_hidden = false;
	for (char *at = v->text, *line; (line = next_line(&at));) {
		/* smaps: a mapping's line begins with hex digits and a dash, its details with a name. */
		bool is_mapping = strspn(line, "0123456789abcdef") >= 8 && line[strspn(line, "0123456789abcdef")] == '-';
		char *path = is_mapping ? strchr(line, '/') : NULL;
		if (is_mapping)
			is_hidden = !is_own && (is_ours(line) || (path && (strncmp(path, session.run_dir, run_length) == 0 ||
									   foreign_is_emulator(path) || is_front(line, path))));
		if (is_hidden)
			continue;
		if (path && write_original(v, line, path))
			continue;
		if (path && mounts_to_guest(v->of->mounts, path, guest, sizeof(guest))) {
			path_to_view(v->viewer, guest, view, sizeof(view));
			fprintf(v->out, "%.*s%s\n", (int)(path - line), line, view);
		} else {
			fprintf(v->out, "%s\n", line);
		}
	}
}

/* The words of an emulator's own are taken out of its command line. */
static void write_cmdline(const struct proc_view *v)
{
	const char *at = v->text, *end = v->text + v->text_bytes;
	const unsigned before = EMULATOR_WORDS_BEFORE + foreign_option_count();
	for (unsigned i = 0; at < end; i++) {
		size_t length = strnlen(at, end - at);
		length += at + length < end;
		if (i == before || i > before + EMULATOR_WORDS_BEHIND)
			fwrite(at, 1, length, v->out);
		at += length;
	}
}

/* What vectors_turn has turned. */
static void write_environ(const struct proc_view *v)
{
	const char *end = v->text + v->text_bytes;
	while (end > v->text) {
		const char *at = end - 1;
		while (at > v->text && at[-1])
			at--;
		fwrite(at, 1, end - at, v->out);
		end = at;
	}
}

/*
 * Every guest thread is traced, so that what is stopped for us shows as that: a stopped process is to show
 * as stopped, and one that waits for an answer of ours as about its business.
 */
static char state_of(const struct tracee *of, char state)
{
	if (state != 't' && state != 'T')
		return state;
	if (of->ptraced && of->ptraced->stop != PTRACED_RUNS)
		return 't';
	return of->is_listening ? 'T' : 'R';
}

static const char *state_name(char state)
{
	return state == 't' ? "t (tracing stop)" : state == 'T' ? "T (stopped)" : "R (running)";
}

static void put_groups(const struct proc_view *v)
{
	fputs("Groups:\t", v->out);
	for (uint32_t i = 0; i < v->of->cred.group_count; i++)
		fprintf(v->out, "%u ", v->of->cred.groups[i]);
	fputc('\n', v->out);
}

/* A number of the task's, its group's or its session's, in the mount's namespace and in each below that it is in. */
static void put_levels(const struct proc_view *v, char *line)
{
	char *tab = strchr(line, '\t');
	pid_t host = tab ? (pid_t)strtol(tab, NULL, 10) : 0;
	if (!host) {
		fprintf(v->out, "%s\n", line);
		return;
	}
	fprintf(v->out, "%.*s\t%d", (int)(tab - line), line, pids_shown(v->pids, host));
	for (const struct pid_namespace *in = v->pids; (in = pids_next_level(in, v->of->process));)
		fprintf(v->out, "\t%d", pids_shown(in, host));
	fputc('\n', v->out);
}

static pid_t tracer_of(const struct proc_view *v)
{
	const struct tracee *tracer = tracee_find(guest_tracer_of(v->of));
	return tracer ? pids_shown(v->pids, tracer->tid) : 0;
}

static void write_status(const struct proc_view *v)
{
	const struct cred *c = &v->of->cred;
	const struct {
		const char *name;
		uint64_t value;
	} cap[] = {
		{ "CapInh:", c->inheritable }, { "CapPrm:", c->permitted }, { "CapEff:", c->effective },
		{ "CapBnd:", c->bounding },    { "CapAmb:", c->ambient },
	}, number[] = {
		{ "Tgid:", pids_shown(v->pids, v->of->process->pid) },
		{ "Pid:", pids_shown(v->pids, v->tid) },
		{ "PPid:", procfs_parent(v->of->process, v->pids) },
		{ "TracerPid:", tracer_of(v) },
		{ "NoNewPrivs:", c->no_new_privs },
		{ "Seccomp:", v->of->seccomp_mode },
		{ "Seccomp_filters:", v->of->seccomp_filters },
	};
	for (char *at = v->text, *line; (line = next_line(&at));) {
		bool is_done = true;
		if (text_starts(line, "Uid:"))
			fprintf(v->out, "Uid:\t%u\t%u\t%u\t%u\n", c->ruid, c->euid, c->suid, c->fsuid);
		else if (text_starts(line, "Gid:"))
			fprintf(v->out, "Gid:\t%u\t%u\t%u\t%u\n", c->rgid, c->egid, c->sgid, c->fsgid);
		else if (text_starts(line, "Groups:"))
			put_groups(v);
		else if (text_starts(line, "NS"))
			put_levels(v, line);
		else if (text_starts(line, "State:\t") && strchr("tT", line[7]))
			fprintf(v->out, "State:\t%s\n", state_name(state_of(v->of, line[7])));
		else
			is_done = false;
		for (size_t i = 0; i < sizeof(cap) / sizeof(*cap) && !is_done; i++) {
			is_done = text_starts(line, cap[i].name);
			if (is_done)
				fprintf(v->out, "%s\t%016llx\n", cap[i].name, (unsigned long long)cap[i].value);
		}
		for (size_t i = 0; i < sizeof(number) / sizeof(*number) && !is_done; i++) {
			is_done = text_starts(line, number[i].name);
			if (is_done)
				fprintf(v->out, "%s\t%llu\n", number[i].name, (unsigned long long)number[i].value);
		}
		if (!is_done)
			fprintf(v->out, "%s\n", line);
	}
}

/* proc(5): "pid (comm) state ppid pgrp session tty tpgid ..."; comm may hold blanks and parentheses. */
static void write_stat(const struct proc_view *v)
{
	char *name = strchr(v->text, '('), *end = strrchr(v->text, ')'), state;
	int group, session_id, terminal, front, length = 0, rank = 0, behind_rank = 0;
	if (!name || !end || sscanf(end, ") %c %*d %d %d %d %d%n", &state, &group, &session_id, &terminal, &front, &length) != 5) {
		fputs(v->text, v->out);
		return;
	}
	fprintf(v->out, "%d %.*s) %c %d %d %d %d %d", pids_shown(v->pids, v->tid), (int)(end - name), name, state_of(v->of, state),
		procfs_parent(v->of->process, v->pids), pids_shown(v->pids, group), pids_shown(v->pids, session_id), terminal,
		front > 0 ? pids_shown(v->pids, front) : front);
	end += length;
	/* Priority and nice value, the 18th and 19th, when the guest has set what the kernel has not. */
	if (v->of->has_nice)
		sscanf(end, "%*u %*u %*u %*u %*u %*u %*u %*d %*d%n %*d %*d%n", &rank, &behind_rank);
	if (behind_rank)
		fprintf(v->out, "%.*s %d %d", rank, end, 20 + v->of->nice, v->of->nice);
	fputs(end + behind_rank, v->out);
}

/* ---- numbers of processes elsewhere, in mounts of pid namespaces ---- */

/* proc(5), /proc/PID/task/TID/children */
static void write_children(const struct proc_view *v)
{
	for (char *save = NULL, *word = strtok_r(v->text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		pid_t number = pids_shown(v->pids, (pid_t)strtol(word, NULL, 10));
		if (number)
			fprintf(v->out, "%d ", number);
	}
}

/* One line of locks, "1: POSIX ADVISORY WRITE 17 08:01:99 0 EOF": of who is not there none. */
static void put_lock(const struct proc_view *v, const char *line, const char *prefix)
{
	int at = 0, behind = 0, pid = 0;
	const char *rest = line + strlen(prefix);
	if (sscanf(rest, "%*s %*s %*s %*s%n %d%n", &at, &pid, &behind) != 1 &&
	    sscanf(rest, "%*s -> %*s %*s %*s%n %d%n", &at, &pid, &behind) != 1) {
		fprintf(v->out, "%s\n", line);
		return;
	}
	pid_t number = pid > 0 ? pids_shown(v->pids, pid) : pid;
	if (number)
		fprintf(v->out, "%s%.*s %d%s\n", prefix, at, rest, number, rest + behind);
}

static void write_locks(const struct proc_view *v)
{
	for (char *at = v->text, *line; (line = next_line(&at));)
		put_lock(v, line, "");
}

/* Of a descriptor of a process: false for other lines. */
static bool put_process(const struct proc_view *v, const char *line)
{
	pid_t host = text_starts(line, "Pid:\t") ? (pid_t)strtol(line + 5, NULL, 10) : 0;
	const struct tracee *t = host > 0 ? tracee_find(host) : NULL;
	/* NSpid is told with it. */
	if (host <= 0)
		return text_starts(line, "NSpid:\t") && strtol(line + 7, NULL, 10) > 0;
	fprintf(v->out, "Pid:\t%d\nNSpid:\t%d", pids_shown(v->pids, host), pids_shown(v->pids, host));
	for (const struct pid_namespace *in = v->pids; t && t->is_known && (in = pids_next_level(in, t->process));)
		fprintf(v->out, "\t%d", pids_shown(in, host));
	fputc('\n', v->out);
	return true;
}

/* proc_sched_show_task of kernel/sched/debug.c: "comm (pid, #threads: 1)" in front. */
static void write_sched(const struct proc_view *v)
{
	char *end = strchr(v->text, '\n'), *comma = NULL, *open = NULL;
	for (char *at = v->text; end && at < end; at++)
		comma = text_starts(at, ", #threads") ? at : comma;
	for (char *at = v->text; comma && at < comma; at++)
		open = *at == '(' ? at : open;
	if (open)
		fprintf(v->out, "%.*s%d%s", (int)(open + 1 - v->text), v->text, pids_shown(v->pids, v->tid), comma);
	else
		fputs(v->text, v->out);
}

/* The last number that was given. */
static void write_loadavg(const struct proc_view *v)
{
	char *last = strrchr(v->text, ' ');
	fprintf(v->out, "%.*s %d\n", last ? (int)(last - v->text) : 0, v->text, pids_last(v->pids));
}

/*
 * The auxiliary vector is the program's, which the loader has put on the stack, not the loader's own, which
 * the kernel remembers: stack is argc, argv, NULL, environment, NULL, vector.
 */
static void write_auxv(const struct proc_view *v)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/stat", v->tid);
	CLEANUP_TALLOC char *stat = read_host(NULL, name, NULL);
	const char *at = stat ? strrchr(stat, ')') : NULL;
	/* startstack is field 28; the state behind the parenthesis is the third. */
	for (unsigned field = 2; at && field < 28; field++)
		at = strchr(at + 1, ' ');
	size_t width = v->of->process->abi == ABI_64 ? 8 : 4;
	taddr from = at ? strtoull(at, NULL, 10) : 0;
	uint64_t word = 0, value = 0;
	if (!from || memory_read(v->of, from, &word, width) < 0)
		return;
	from += (word + 2) * width;
	for (word = 1; word; from += width)
		if (memory_read(v->of, from, &word, width) < 0)
			return;
	for (word = 1; word; from += 2 * width) {
		word = 0;
		if (memory_read(v->of, from, &word, width) < 0 || memory_read(v->of, from + width, &value, width) < 0)
			return;
		fwrite(&word, width, 1, v->out);
		fwrite(&value, width, 1, v->out);
	}
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

/* user_namespaces(7): the first one, where every id is itself. */
static void write_id_map(const struct proc_view *v)
{
	fprintf(v->out, "%10u %10u %10u\n", 0u, 0u, UINT32_MAX);
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
	for (char *at = v->text, *line; (line = next_line(&at));) {
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

/* As unshare(2) refuses them: who looks before need not try. */
static void write_no_namespaces(const struct proc_view *v)
{
	fputs("0\n", v->out);
}

/* seq_show of fs/proc/fd.c: position and flags, then the mount and the inode as stat(2) has them, then what its kind adds. */
static void write_fdinfo(const struct proc_view *v)
{
	static struct object o;
	char guest[PATH_ROOM];
	struct stat st;
	if (path_of_fd(v->of, v->descriptor, &o) < 0) {
		fputs(v->text, v->out);
		return;
	}
	path_shown(v->of, &o, &st);
	const struct mount *named = path_name_of(v->of, &o, guest), *m = named ? named : o.mount;
	for (char *at = v->text, *line; (line = next_line(&at));) {
		if (text_starts(line, "mnt_id:"))
			fprintf(v->out, "mnt_id:\t%d\n", m->id);
		else if (text_starts(line, "ino:"))
			fprintf(v->out, "ino:\t%llu\n", (unsigned long long)st.st_ino);
		else if (v->pids && text_starts(line, "lock:\t"))
			put_lock(v, line, "lock:\t");
		else if (!put_process(v, line))
			fprintf(v->out, "%s\n", line);
	}
}

enum proc_file_flags {
	WANTS_TEXT = 1,
	OF_EMULATORS = 2,   /* only theirs tells what it should not */
	OF_DESCRIPTORS = 4, /* one a descriptor, whose number follows the name */
	OF_PIDS = 16,       /* only that of a mount of a pid namespace of the guest's tells what it should not */
	IS_WRITTEN = 8,	    /* to the host's: proc_uid_map_write of kernel/user_namespace.c, EPERM in the first namespace */
};
struct proc_file {
	const char *name; /* below /proc/PID or /proc/PID/task/TID; with a slash in front below /proc */
	void (*write)(const struct proc_view *v);
	unsigned flags; /* enum proc_file_flags */
};

static const struct proc_file files[] = {
	{ "maps", write_maps, WANTS_TEXT },
	{ "smaps", write_maps, WANTS_TEXT },
	{ "numa_maps", write_maps, WANTS_TEXT },
	{ "status", write_status, WANTS_TEXT },
	{ "stat", write_stat, WANTS_TEXT },
	{ "auxv", write_auxv, 0 },
	{ "cmdline", write_cmdline, WANTS_TEXT | OF_EMULATORS },
	{ "environ", write_environ, WANTS_TEXT | OF_EMULATORS },
	{ "fdinfo/", write_fdinfo, WANTS_TEXT | OF_DESCRIPTORS },
	{ "mounts", write_mounts, 0 },
	{ "mountinfo", write_mountinfo, 0 },
	{ "mountstats", write_mountstats, 0 },
	{ "uid_map", write_id_map, IS_WRITTEN },
	{ "gid_map", write_id_map, IS_WRITTEN },
	{ "loginuid", write_unset, 0 },
	{ "sessionid", write_unset, 0 },
	{ "cgroup", write_cgroup, WANTS_TEXT },
	{ "children", write_children, WANTS_TEXT | OF_PIDS },
	{ "sched", write_sched, WANTS_TEXT | OF_PIDS },
	{ "/locks", write_locks, WANTS_TEXT | OF_PIDS },
	{ "/loadavg", write_loadavg, WANTS_TEXT | OF_PIDS },
	{ "/sys/kernel/hostname", write_hostname, WANTS_TEXT },
	{ "/sys/kernel/domainname", write_domainname, WANTS_TEXT },
	{ "/sys/kernel/ostype", write_ostype, WANTS_TEXT },
	{ "/sys/kernel/osrelease", write_osrelease, WANTS_TEXT },
	{ "/sys/kernel/version", write_osversion, WANTS_TEXT },
	{ "/version", write_version, WANTS_TEXT },
	{ "/sys/kernel/unprivileged_userns_clone", write_no_namespaces, 0 },
	{ "/sys/user/max_user_namespaces", write_no_namespaces, 0 },
};

static bool is_of(const struct proc_file *f, const char *rest, const struct object *o)
{
	if ((f->flags & OF_PIDS) && !o->mount->pids)
		return false;
	return f->flags & OF_DESCRIPTORS ? text_starts(rest, f->name) && rest[strlen(f->name)] : strcmp(rest, f->name) == 0;
}

bool procfs_is_hosts(const char *path, const struct object *o)
{
	const size_t begin = strlen("/proc");
	if (!text_starts(path, "/proc/") || strchr(path + begin + 1, '/') || strcmp(path, o->host) != 0 || (o->real.st_mode & 0444) != 0444)
		return false;
	const struct proc_file *f = files, *end = files + sizeof(files) / sizeof(*files);
	while (f < end && !is_of(f, path + begin, o))
		f++;
	return f == end;
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
	while (rest && f < end && !is_of(f, rest, o))
		f++;
	if (!rest || f == end || (f->name[0] != '/' && !v.of) || ((f->flags & OF_EMULATORS) && !v.of->process->is_emulated) ||
	    ((f->flags & IS_WRITTEN) && is_write))
		return NULL;
	if (v.of) {
		v.tid = v.of->tid;
		v.descriptor = f->flags & OF_DESCRIPTORS ? (int)strtol(rest + strlen(f->name), NULL, 10) : -1;
		follow_show(v.tid);
	}
	CLEANUP_TALLOC char *text = (f->flags & WANTS_TEXT) ? read_host(NULL, o->host, &v.text_bytes) : NULL;
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
