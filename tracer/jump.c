/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns where walks begin, or go on, without a name that leads there: at descriptors, through the magic links of /proc, at
 * the roots of trees.  How they go on by names is in walk.c.
 */
#include "tracer/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/look.h"
#include "tracer/behind.h"
#include "tracer/keeper.h"
#include "tracer/trees.h"

bool jump_is_to_lost(const char *link, const char *target)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(target), tail = sizeof(deleted) - 1;
	struct stat st;
	return length > tail && strcmp(target + length - tail, deleted) == 0 && stat(link, &st) == 0 && S_ISDIR(st.st_mode);
}

int jump_to_tree(struct walk *w, unsigned tree)
{
	const struct mount *m = trees_mount(w->t, tree);
	w->is_from_tree = true;
	if (m)
		return walk_locate(w, m->guest);
	walk_set_guest(w->at, "\001");
	walk_set_host(w->at, trees_host(tree));
	w->opaque = w->at->host_length;
	w->at->mount = w->t->mounts->list[0];
	w->is_cacheable = false;
	return 0;
}

/* Stand where the guest has this host path, when that is the directory there. */
static bool enter_named(struct walk *w, const char *host, const struct look *directory)
{
	char guest[PATH_ROOM];
	w->is_seen = mounts_to_guest(w->t->mounts, host, guest, sizeof(guest)) && walk_locate(w, guest) == 0 &&
		     path_lstat(w->at->host, &w->stood) == 0 && w->stood.st_dev == directory->st.st_dev &&
		     w->stood.st_ino == directory->st.st_ino;
	return w->is_seen;
}

/*
 * Stand in this directory by a name that is remembered.  Others than the run may have put a symlink to a directory above in that one's
 * place: the name will do for what is below, but neither to go up from, nor for a name that is asked for.
 */
static bool enter_recalled(struct walk *w, const struct look *directory)
{
	const char *host = *w->rest && !strstr(w->rest, "..") ? behind_recall(directory) : NULL;
	return host && enter_named(w, host, directory);
}

/* Stand in the directory behind this link, which has no name in the guest. */
static void enter_unnamed(struct walk *w, const char *link)
{
	char host[PATH_MAX + 2];
	/* A name that no mount has, so that none is found below it. */
	walk_set_guest(w->at, "\001");
	/* The link itself is a symlink; what it leads to is the directory. */
	snprintf(host, sizeof(host), "%s/.", link);
	walk_set_host(w->at, host);
	w->opaque = w->at->host_length;
	w->at->mount = w->t->mounts->list[0];
	w->is_cacheable = w->is_seen = false;
}

int jump_to_link(struct walk *w, const char *link)
{
	char host[PATH_MAX];
	struct look directory;
	unsigned tree = trees_of_link(link);
	if (tree)
		return jump_to_tree(w, tree);
	int r = look_at(AT_FDCWD, link, 0, &directory);
	if (r < 0)
		return r;
	if (!S_ISDIR(directory.st.st_mode))
		return -ENOTDIR;
	if (enter_recalled(w, &directory))
		return 0;
	/* A covered directory is still reached through the descriptor itself. */
	if (behind_read(link, host) && enter_named(w, host, &directory)) {
		behind_remember(&directory, host);
		return 0;
	}
	enter_unnamed(w, link);
	return 0;
}

/* NULL: it has a name, or the walk another root than the process. */
static const struct kept *lost_root(const struct walk *w)
{
	return w->root == w->t->fs->root ? w->t->fs->lost_root : NULL;
}

bool jump_to_lost_root(struct walk *w)
{
	const struct kept *lost = lost_root(w);
	if (lost)
		enter_unnamed(w, lost->path);
	return lost;
}

bool jump_is_at_lost_root(const struct walk *w)
{
	const struct kept *lost = lost_root(w);
	struct stat root, here;
	return lost && fstat(lost->fd, &root) == 0 && path_lstat(w->at->host, &here) == 0 && root.st_dev == here.st_dev &&
	       root.st_ino == here.st_ino;
}

int jump_to_program(struct walk *w, const struct process *program)
{
	struct object *o = w->at;
	bool is_named = path_examine(o) == 0;
	if (program->exe_host && *program->exe_host &&
	    !(is_named && o->real.st_dev == program->exe_dev && o->real.st_ino == program->exe_ino)) {
		walk_set_host(o, program->exe_host);
		o->is_fd = program->exe_kept != NULL;
		is_named = path_examine(o) == 0;
	}
	o->exists = o->is_magic = is_named;
	return is_named ? 0 : -ENOENT;
}

int jump_to_descriptor(struct walk *w, int dir_fd)
{
	bool is_cwd = dir_fd == AT_FDCWD;
	if (is_cwd && !w->t->fs->has_lost_cwd)
		return walk_locate(w, w->t->fs->cwd);
	char link[64];
	struct look directory;
	if (!is_cwd && dir_fd < 0)
		return -EBADF;
	/* The usual case goes without the link. */
	if (!is_cwd && !trees_are_there() && behind_look(w->t, dir_fd, &directory) && S_ISDIR(directory.st.st_mode) &&
	    enter_recalled(w, &directory))
		return 0;
	if (is_cwd)
		snprintf(link, sizeof(link), "/proc/%d/cwd", w->t->tid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", w->t->tid, dir_fd);
	int r = jump_to_link(w, link);
	return r == -ENOENT ? -EBADF : r;
}
