/* SPDX-License-Identifier: Apache-2.0 */
/* Owns umount: whether a mount is in use, and what goes with it. */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/propagation.h"
#include "tracer/trees.h"
#include "tracer/namespaces.h"

int check_umount2(const struct call *c)
{
	const uint64_t known = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;
	return c->argument[1] & ~known & UINT32_MAX ? -EINVAL : 0;
}

struct users {
	const struct mounts *mounts;
	const struct mount *mount;
	const struct mount *only; /* the mount, when no other shows its files; else NULL */
};

/* Files that show elsewhere as well may have been opened there: only we could tell, and do not know. */
static bool is_shown_once(const struct mounts *m, const struct mount *of)
{
	size_t run = strlen(session.run_dir);
	if (strncmp(of->host, session.run_dir, run) != 0 || of->host[run] != '/')
		return false;
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i] != of && mounts_is_below(m->list[i]->host, of->host))
			return false;
	return true;
}

/* Has the process a file below this host directory open, or mapped? */
static bool uses_files_below(pid_t pid, const char *host)
{
	char name[64], text[PATH_MAX + 128];
	bool is_used = false;
	snprintf(name, sizeof(name), "/proc/%d/fd", pid);
	DIR *dir = opendir(name);
	for (const struct dirent *e; dir && !is_used && (e = readdir(dir));) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, text, PATH_MAX);
		text[n < 0 ? 0 : n] = '\0';
		is_used = mounts_is_below(text, host);
	}
	if (dir)
		closedir(dir);
	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	FILE *maps = is_used ? NULL : fopen(name, "re");
	while (maps && !is_used && fgets(text, sizeof(text), maps)) {
		const char *path = strchr(text, '/');
		is_used = path && mounts_is_below(path, host);
	}
	if (maps)
		fclose(maps);
	return is_used;
}

static bool is_on(const struct users *u, const char *guest)
{
	return mounts_of(u->mounts, guest) == u->mount;
}

/* Is it in the directory that a mount shows, or does it use what is there? */
static int is_user(struct tracee *t, void *arg)
{
	const struct users *u = arg;
	if (t->mounts != u->mounts || !t->fs)
		return 0;
	if (is_on(u, t->fs->cwd) || is_on(u, t->fs->root))
		return 1;
	return u->only && t->tid == t->process->pid && uses_files_below(t->tid, u->only->host);
}

/* What nothing is mounted on. */
static bool is_used(const struct mounts *m, const struct mount *of)
{
	struct users users = { m, of, is_shown_once(m, of) ? of : NULL };
	return tracee_each(is_user, &users) || (of->tree && trees_is_held(of->tree));
}

/* Who was in what has been taken off is in a directory without a name. */
static int leave_name(struct tracee *t, void *arg)
{
	const struct users *u = arg;
	if (t->mounts == u->mounts && t->fs && is_on(u, t->fs->cwd) && !t->fs->is_cwd_elsewhere)
		fs_lose_cwd(t->fs);
	return 0;
}

static int leave_names_below(struct tracee *t, void *arg)
{
	const struct users *u = arg;
	if (t->mounts == u->mounts && t->fs && mounts_is_below(t->fs->cwd, u->mount->guest) && !t->fs->is_cwd_elsewhere)
		fs_lose_cwd(t->fs);
	return 0;
}

int64_t hook_umount(struct call *c)
{
	struct object *o = &c->object[0];
	if (!namespaces_has(c->t, CLONE_NEWNS, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	int r = path_settle(c->t, o);
	if (r < 0)
		return r;
	if (strcmp(o->guest, "/") == 0)
		return -EBUSY;
	const struct mount *m = mounts_at(c->t->mounts, o->guest, o->guest_length);
	if (!m || m->is_locked)
		return -EINVAL;
	bool is_lazy = strcmp(c->row->name, "umount2") == 0 && (c->argument[1] & MNT_DETACH);
	if (mounts_has_children(c->t->mounts, o->guest) && !is_lazy)
		return -EBUSY;
	/* propagate_mount_busy: who uses what goes with it holds it, too. */
	struct mount_place *copies;
	CLEANUP_TALLOC void *ctx = mem_must(talloc_new(NULL));
	size_t count = propagation_of_umount(ctx, c->t->mounts, m, !is_lazy, &copies);
	bool is_held = !is_lazy && is_used(c->t->mounts, m);
	for (size_t i = 0; i < count && !is_lazy && !is_held; i++)
		is_held = is_used(copies[i].mounts, copies[i].mount);
	if (is_held)
		return -EBUSY;
	for (size_t i = 0; i < count; i++) {
		struct users left = { .mounts = copies[i].mounts, .mount = copies[i].mount };
		tracee_each(leave_name, &left);
	}
	struct users left = { .mounts = c->t->mounts, .mount = m };
	tracee_each(leave_names_below, &left);
	for (size_t i = 0; i < count; i++)
		mounts_take(copies[i].mounts, copies[i].mount);
	mounts_remove(c->t->mounts, o->guest);
	return 0;
}
