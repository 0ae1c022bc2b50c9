/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that move a process, and its root, among directories, and who is in those that lose or change their names. */
#include "tracer/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/io.h"
#include "tracer/hooks.h"
#include "tracer/keeper.h"

static int has_as_root(struct tracee *t, void *arg)
{
	const struct object *directory = arg;
	return t->fs && strcmp(t->fs->root, directory->guest) == 0;
}

static struct kept *keep(const struct object *directory)
{
	CLEANUP_CLOSE int fd = open(path_short(directory->host), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? NULL : keeper_keep(fd);
}

struct kept *places_keep(const struct object *directory)
{
	return tracee_each(has_as_root, (void *)(uintptr_t)directory) ? keep(directory) : NULL;
}

struct lost {
	const struct object *directory;
	struct kept *kept;
};

static int lose(struct tracee *t, void *arg)
{
	const struct lost *l = arg;
	if (t->fs && strcmp(t->fs->cwd, l->directory->guest) == 0)
		fs_lose_cwd(t->fs);
	if (t->fs && strcmp(t->fs->root, l->directory->guest) == 0)
		fs_set_root(t->fs, MOUNTS_NAMELESS, keeper_get(l->kept));
	return 0;
}

void places_lose(const struct object *directory, struct kept *kept)
{
	struct lost l = { directory, kept };
	tracee_each(lose, &l);
}

struct moved {
	const struct object *from, *to;
	bool is_exchange;
};

/* A path at or below `from` is at or below `to` now. */
static bool move_path(char **path, const struct object *from, const struct object *to)
{
	char now[PATH_ROOM];
	if (strncmp(*path, from->guest, from->guest_length) != 0 ||
	    ((*path)[from->guest_length] != '/' && (*path)[from->guest_length] != '\0'))
		return false;
	snprintf(now, sizeof(now), "%s%s", to->guest, *path + from->guest_length);
	fs_set(path, now);
	return true;
}

static int move_tracee(struct tracee *t, void *arg)
{
	const struct moved *m = arg;
	char **paths[] = { t->fs ? &t->fs->cwd : NULL, t->fs ? &t->fs->root : NULL };
	for (unsigned i = 0; t->fs && i < 2; i++)
		if (!move_path(paths[i], m->from, m->to) && m->is_exchange)
			move_path(paths[i], m->to, m->from);
	return 0;
}

void places_move(const struct object *from, const struct object *to, bool is_exchange)
{
	struct moved m = { from, to, is_exchange };
	tracee_each(move_tracee, &m);
}

static void set_cwd(struct tracee *t, struct object *o)
{
	char guest[PATH_ROOM];
	bool has_name = path_name_of(t, o, guest);
	fs_set_cwd(t->fs, has_name ? guest : t->fs->cwd, !has_name);
}

int64_t hook_chdir(struct call *c)
{
	struct object *o = &c->object[0];
	if (!S_ISDIR(o->real.st_mode))
		return -ENOTDIR;
	int r = path_permission(c->t, o, CRED_EXECUTE);
	if (r < 0)
		return r;
	if ((o->real.st_mode & 0700) != 0700)
		path_repair(o->host);
	/* The kernel's own cwd follows, so that relative names need no translation. */
	set_cwd(c->t, o);
	return call_redirect(c);
}

int64_t hook_fchdir(struct call *c)
{
	struct object *o = &c->object[0];
	int r = path_of_fd(c->t, call_int(c, 0), o);
	if (r < 0)
		return r;
	if (!S_ISDIR(o->real.st_mode))
		return -ENOTDIR;
	r = path_permission(c->t, o, CRED_EXECUTE);
	if (r < 0)
		return r;
	set_cwd(c->t, o);
	c->t->fs->is_cwd_elsewhere = o->is_tree;
	return o->is_tree ? 0 : CALL_PASS;
}

int64_t hook_chroot(struct call *c)
{
	struct object *o = &c->object[0];
	char guest[PATH_ROOM];
	if (!S_ISDIR(o->real.st_mode))
		return -ENOTDIR;
	int r = path_permission(c->t, o, CRED_EXECUTE);
	if (r < 0)
		return r;
	if (!cred_has_own(&c->t->cred, CAPABILITY_SYS_CHROOT))
		return -EPERM;
	bool has_name = path_name_of(c->t, o, guest);
	struct kept *lost = has_name ? NULL : keep(o);
	if (!has_name && !lost)
		return -ENOENT;
	fs_set_root(c->t->fs, has_name ? guest : MOUNTS_NAMELESS, lost);
	return 0;
}
