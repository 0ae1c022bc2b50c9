/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what /proc shows: links that are the tracee's own, and files that would tell the host's world. */
#include "tracer/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/path.h"
#include "tracer/shim/abi.h"

/* "/proc/<pid>[/task/<tid>]/rest": the tracee it is about, and rest; NULL when it is about none of ours. */
static struct tracee *subject(const char *host, const char **ret_rest)
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
	const struct tracee *of = subject(host, &rest);
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

ssize_t procfs_readlink(struct tracee *t, const char *host, char *target, size_t room,
			enum procfs_link *ret_kind)
{
	const char *rest, *text = NULL;
	*ret_kind = PROCFS_PLAIN;
	if (strcmp(host, "/proc/self") == 0)
		return snprintf(target, room, "%d", t->process->pid);
	if (strcmp(host, "/proc/thread-self") == 0)
		return snprintf(target, room, "%d/task/%d", t->process->pid, t->tid);
	const struct tracee *of = subject(host, &rest);
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
	ssize_t n = readlink(host, target, room - 1);
	if (n < 0)
		return n;
	target[n] = '\0';
	const char *slash = strrchr(host, '/');
	if (slash && slash - host > 3 && strncmp(slash - 3, "/fd", 3) == 0)
		*ret_kind = PROCFS_DESCRIPTOR;
	return n;
}

/* ---- generated files ---- */

static char *read_host(const void *ctx, const char *path)
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
	return text;
}

/* The shim and its arena are not the guest's to see. */
static bool is_ours(const char *line)
{
	unsigned long long from = strtoull(line, NULL, 16);
	return (from >= SHIM_ARENA && from < SHIM_ARENA + SHIM_ARENA_BYTES) ||
	       (from >= SHIM_BASE && from < SHIM_BASE + SHIM_IMAGE_BYTES);
}

/* Paths in maps and smaps: detranslated, and the shim's own lines left out. */
static void write_maps(const struct tracee *t, const struct tracee *of, char *text, FILE *out)
{
	char guest[PATH_ROOM], view[PATH_ROOM];
	size_t run_length = strlen(session.run_dir);
	bool is_hidden = false;
	for (char *line = text, *end; *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		else
			end = line + strlen(line);
		/* smaps: a mapping's line begins with hex digits and a dash, its details with a name. */
		bool is_mapping = strspn(line, "0123456789abcdef") >= 8 && line[strspn(line, "0123456789abcdef")] == '-';
		char *path = is_mapping ? strchr(line, '/') : NULL;
		if (is_mapping)
			is_hidden = is_ours(line) || (path && strncmp(path, session.run_dir, run_length) == 0);
		if (is_hidden)
			continue;
		if (path && mounts_to_guest(of->mounts, path, guest, sizeof(guest))) {
			path_to_view(t, guest, view, sizeof(view));
			fprintf(out, "%.*s%s\n", (int)(path - line), line, view);
		} else {
			fprintf(out, "%s\n", line);
		}
	}
}

static void write_status(const struct tracee *of, char *text, FILE *out)
{
	const struct cred *c = &of->cred;
	for (char *line = text, *end; *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		else
			end = line + strlen(line);
		if (text_starts(line, "Uid:"))
			fprintf(out, "Uid:\t%u\t%u\t%u\t%u\n", c->ruid, c->euid, c->suid, c->fsuid);
		else if (text_starts(line, "Gid:"))
			fprintf(out, "Gid:\t%u\t%u\t%u\t%u\n", c->rgid, c->egid, c->sgid, c->fsgid);
		else if (text_starts(line, "Groups:")) {
			fputs("Groups:\t", out);
			for (uint32_t i = 0; i < c->group_count; i++)
				fprintf(out, "%u ", c->groups[i]);
			fputc('\n', out);
		} else if (text_starts(line, "CapInh:"))
			fprintf(out, "CapInh:\t%016llx\n", (unsigned long long)c->inheritable);
		else if (text_starts(line, "CapPrm:"))
			fprintf(out, "CapPrm:\t%016llx\n", (unsigned long long)c->permitted);
		else if (text_starts(line, "CapEff:"))
			fprintf(out, "CapEff:\t%016llx\n", (unsigned long long)c->effective);
		else if (text_starts(line, "CapBnd:"))
			fprintf(out, "CapBnd:\t%016llx\n", (unsigned long long)c->bounding);
		else if (text_starts(line, "CapAmb:"))
			fprintf(out, "CapAmb:\t%016llx\n", (unsigned long long)c->ambient);
		else if (text_starts(line, "NoNewPrivs:"))
			fprintf(out, "NoNewPrivs:\t%d\n", c->no_new_privs);
		else if (text_starts(line, "TracerPid:"))
			fputs("TracerPid:\t0\n", out);
		else if (text_starts(line, "Seccomp:"))
			fputs("Seccomp:\t0\n", out);
		else if (text_starts(line, "Seccomp_filters:"))
			fputs("Seccomp_filters:\t0\n", out);
		else
			fprintf(out, "%s\n", line);
	}
}

/* A mount as it shows to a process; false when it lies outside its root. */
static bool visible(const struct tracee *of, const struct mount *m, char view[PATH_ROOM])
{
	return path_to_view(of, m->guest, view, PATH_ROOM) && view[0] == '/';
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

static void write_mounts(const struct tracee *of, bool is_info, FILE *out)
{
	char view[PATH_ROOM];
	for (size_t i = 0; i < of->mounts->count; i++) {
		const struct mount *m = of->mounts->list[i];
		if (!visible(of, m, view))
			continue;
		const char *mode = m->flags & BINDING_READ_ONLY ? "ro" : "rw";
		if (is_info)
			fprintf(out, "%d %d 0:%d / %s %s,relatime - %s %s %s\n", m->id, m->parent_id, m->id, view, mode,
				type_of(m), source_of(m), mode);
		else
			fprintf(out, "%s %s %s %s,relatime 0 0\n", source_of(m), view, type_of(m), mode);
	}
}

char *procfs_generate(struct tracee *t, const struct object *o)
{
	static unsigned counter;
	const char *rest;
	const struct tracee *of = subject(o->host, &rest);
	if (!of)
		return NULL;
	bool is_maps = strcmp(rest, "maps") == 0 || strcmp(rest, "smaps") == 0 || strcmp(rest, "numa_maps") == 0;
	bool is_status = strcmp(rest, "status") == 0;
	bool is_mounts = strcmp(rest, "mounts") == 0, is_info = strcmp(rest, "mountinfo") == 0;
	if (!is_maps && !is_status && !is_mounts && !is_info)
		return NULL;
	char *path = mem_printf(t, "%s/proc-%u", session.run_dir, counter++);
	FILE *out = fopen(path, "we");
	if (!out) {
		talloc_free(path);
		return NULL;
	}
	CLEANUP_TALLOC char *text = is_maps || is_status ? read_host(NULL, o->host) : NULL;
	if (text && is_maps)
		write_maps(t, of, text, out);
	else if (text && is_status)
		write_status(of, text, out);
	else
		write_mounts(of, is_info, out);
	fclose(out);
	return path;
}
