/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what /proc tells of processes' state, identity and numbers. */
#include "tracer/procfiles.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/base/text.h"
#include "tracer/guest_ptrace.h"
#include "tracer/path.h"
#include "tracer/pids.h"
#include "tracer/procfs.h"
#include "tracer/users.h"

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

static void put_ids(const struct proc_view *v, const char *name, enum id_kind kind, const uint32_t ids[4])
{
	fprintf(v->out, "%s:", name);
	for (unsigned i = 0; i < 4; i++)
		fprintf(v->out, "\t%u", users_shown(v->viewer, kind, ids[i]));
	fputc('\n', v->out);
}

static void put_groups(const struct proc_view *v)
{
	fputs("Groups:\t", v->out);
	for (uint32_t i = 0; i < v->of->cred.group_count; i++)
		fprintf(v->out, "%u ", users_shown(v->viewer, ID_GROUP, v->of->cred.groups[i]));
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

void proc_write_status(const struct proc_view *v)
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
	for (char *at = v->text, *line; (line = proc_next_line(&at));) {
		bool is_done = true;
		if (text_starts(line, "Uid:"))
			put_ids(v, "Uid", ID_USER, (const uint32_t[]){ c->ruid, c->euid, c->suid, c->fsuid });
		else if (text_starts(line, "Gid:"))
			put_ids(v, "Gid", ID_GROUP, (const uint32_t[]){ c->rgid, c->egid, c->sgid, c->fsgid });
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
void proc_write_stat(const struct proc_view *v)
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
void proc_write_children(const struct proc_view *v)
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

/* show_timer of fs/proc/base.c: "notify: signal/tid.NUMBER" */
void proc_write_timers(const struct proc_view *v)
{
	for (char *at = v->text, *line; (line = proc_next_line(&at));) {
		char *number = text_starts(line, "notify: ") ? strrchr(line, '.') : NULL;
		fprintf(v->out, number ? "%.*s.%d\n" : "%.*s\n", number ? (int)(number - line) : (int)strlen(line), line,
			number ? pids_shown(v->pids, strtol(number + 1, NULL, 10)) : 0);
	}
}

/* A table with numbers of processes in two columns, as whoever opened it names them. */
static void put_users(const struct proc_view *v, unsigned first_column)
{
	for (char *at = v->text, *line; (line = proc_next_line(&at));) {
		const char *column = line;
		int numbers[2], length;
		for (unsigned i = 0; i < first_column; i++) {
			column += strspn(column, " ");
			column += strcspn(column, " ");
		}
		/* Its first line has names. */
		if (sscanf(column, "%d %d%n", &numbers[0], &numbers[1], &length) != 2) {
			fprintf(v->out, "%s\n", line);
			continue;
		}
		const struct pid_namespace *in = v->viewer->process->pids;
		fprintf(v->out, "%.*s %5d %5d%s\n", (int)(column - line), line, pids_shown(in, numbers[0]), pids_shown(in, numbers[1]),
			column + length);
	}
}

/* sysvipc_msg_proc_show of ipc/msg.c: key, id, mode, bytes, messages, who has sent last, who received */
void proc_write_queues(const struct proc_view *v)
{
	put_users(v, 5);
}

/* sysvipc_shm_proc_show of ipc/shm.c: key, id, mode, size, who made it, who attached it last */
void proc_write_segments(const struct proc_view *v)
{
	put_users(v, 4);
}

void proc_write_last_pid(const struct proc_view *v)
{
	fprintf(v->out, "%d\n", pids_last(v->viewer->process->pids));
}

void proc_write_locks(const struct proc_view *v)
{
	for (char *at = v->text, *line; (line = proc_next_line(&at));)
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
void proc_write_sched(const struct proc_view *v)
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
void proc_write_loadavg(const struct proc_view *v)
{
	char *last = strrchr(v->text, ' ');
	fprintf(v->out, "%.*s %d\n", last ? (int)(last - v->text) : 0, v->text, pids_last(v->pids));
}

/* seq_show of fs/proc/fd.c: position and flags, then the mount and the inode as stat(2) has them, then what its kind adds. */
void proc_write_fdinfo(const struct proc_view *v)
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
	for (char *at = v->text, *line; (line = proc_next_line(&at));) {
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
