/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what the calls ask of paths and descriptors: lookups and their answers.  The walk between is in walk.c, what a call
 * then does with the object in the files named after the calls.
 */
#include "tracer/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/behind.h"
#include "tracer/fast.h"
#include "tracer/nodes.h"
#include "tracer/trees.h"
#include "tracer/walk.h"

/* The guest path that a magic link of a directory shows, and its mount; NULL when it has no name there. */
static const struct mount *name_behind(const struct mounts *mounts, const char *link, char guest[PATH_ROOM])
{
	char host[PATH_MAX];
	return behind_read(link, host) ? mounts_to_guest(mounts, host, guest, PATH_ROOM) : NULL;
}

const struct mount *path_name_of(const struct tracee *t, const struct object *o, char guest[PATH_ROOM])
{
	if (o->is_fd)
		return name_behind(t->mounts, o->host, guest);
	if (o->guest[0] == '/') {
		memcpy(guest, o->guest, o->guest_length + 1);
		return o->mount;
	}
	int fd = open(path_short(o->host), O_PATH | O_DIRECTORY | O_CLOEXEC);
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	const struct mount *m = fd >= 0 ? name_behind(t->mounts, link, guest) : NULL;
	if (fd >= 0)
		close(fd);
	return m;
}

int path_settle(struct tracee *t, struct object *o)
{
	struct walk w = { .t = t, .at = o };
	char guest[PATH_ROOM];
	if (!o->is_fd)
		return 0;
	if (!path_name_of(t, o, guest))
		return -ENOENT;
	o->is_fd = o->is_magic = false;
	return walk_locate(&w, guest);
}

static bool needs_search_checks(const struct cred *c)
{
	return !session.is_plain && !cred_has(c, CAPABILITY_DAC_READ_SEARCH) && !cred_has(c, CAPABILITY_DAC_OVERRIDE);
}

int path_of_directory(struct tracee *t, int dir_fd, struct object *ret)
{
	struct walk w = { .t = t, .at = ret, .root = t->fs->root };
	ret->exists = ret->is_fd = ret->is_node = ret->is_tree = ret->is_magic = ret->had_trailing_slash = ret->is_plain = ret->has_parent = false;
	ret->late_error = 0;
	int r = jump_to_descriptor(&w, dir_fd);
	return r < 0 ? r : walk_finish_at_directory(&w);
}

/* A directory is missing: the shim can say so once it knows the one where it would be. */
static void tell_above(struct tracee *t, int dir_fd, const char *path, size_t length)
{
	enum { PARTS_MAX = 4 };
	static struct object above;
	static bool is_inside;
	char shorter[PATH_MAX];
	if (!fast_is_on() || is_inside)
		return;
	is_inside = true;
	memcpy(shorter, path, length + 1);
	for (unsigned part = 0; part < PARTS_MAX; part++) {
		length = walk_dir_part(shorter);
		while (length && shorter[length - 1] == '/')
			length--;
		shorter[length] = '\0';
		if (!strchr(shorter, '/') || path_lookup(t, dir_fd, shorter, LOOKUP_CREATE, &above) != -ENOENT)
			break;
	}
	is_inside = false;
}

int path_lookup(struct tracee *t, int dir_fd, const char *path, unsigned flags, struct object *ret)
{
	size_t length = strlen(path);
	ret->exists = ret->is_fd = ret->is_node = ret->is_tree = ret->is_magic = ret->had_trailing_slash = ret->is_dot = false;
	ret->has_parent = false;
	ret->birth = 0;
	ret->late_error = 0;
	ret->is_plain = false;
	if (length == 0) {
		if (!(flags & LOOKUP_EMPTY))
			return -ENOENT;
		return dir_fd == AT_FDCWD ? path_of_directory(t, dir_fd, ret) : path_of_fd(t, dir_fd, ret);
	}
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	prefixes_validate();
	struct walk w;
	w.since = moves_since();
	w.t = t;
	w.at = ret;
	w.root = t->fs->root;
	w.flags = flags;
	w.links = 0;
	w.opaque = 0;
	w.is_seen = false;
	w.is_from_tree = false;
	w.has_root = path[0] == '/' || (flags & (LOOKUP_IN_ROOT | LOOKUP_BENEATH));
	w.is_checked = needs_search_checks(&t->cred);
	/* A cached walk tells nothing of the way. */
	const unsigned restricting = LOOKUP_NO_XDEV | LOOKUP_NO_MAGIC | LOOKUP_NO_SYMLINKS | LOOKUP_BENEATH | LOOKUP_IN_ROOT;
	w.is_cacheable = !w.is_checked && !(flags & restricting);
	memcpy(w.rest, path, length + 1);
	w.from = path[0] == '/' ? FROM_ROOT : dir_fd == AT_FDCWD ? FROM_CWD : FROM_DESCRIPTOR;
	const unsigned usual = LOOKUP_FOLLOW | LOOKUP_CREATE | LOOKUP_NAME | LOOKUP_EMPTY | LOOKUP_DESCRIPTOR | LOOKUP_NULL;
	w.typed = flags & ~usual ? NULL : path + strspn(path, "/");
	w.typed_length = w.typed ? walk_dir_part(w.typed) : 0;
	bool is_told = w.typed && w.is_cacheable;
	char root[PATH_ROOM];
	int r = path[0] == '/' && !(flags & LOOKUP_IN_ROOT) ? walk_from_root(&w) : jump_to_descriptor(&w, dir_fd);
	if (r < 0)
		return r;
	w.first = ret->mount;
	/* The shim would know the directory by its inode, which has other mounts below elsewhere. */
	if (w.is_from_tree)
		w.typed = NULL;
	if (flags & (LOOKUP_IN_ROOT | LOOKUP_BENEATH)) {
		if (path[0] == '/' && (flags & LOOKUP_BENEATH))
			return -EXDEV;
		memcpy(root, ret->guest, ret->guest_length + 1);
		w.root = root;
	}
	if (w.from == FROM_DESCRIPTOR)
		memcpy(w.start, ret->host, ret->host_length + 1);
	if (w.typed_length == 0 && w.from == FROM_ROOT)
		walk_tell_shim(&w);
	r = walk_to_end(&w);
	if (r == -ENOENT && is_told && w.typed && walk_dir_part(w.typed))
		tell_above(t, dir_fd, path, length);
	if (r < 0)
		return r;
	/* A file that is bound here: its name is known for a mount's, and to be asked about. */
	if (is_told && !w.is_from_tree && w.links == 0 && ret->exists && !S_ISDIR(ret->real.st_mode) && !ret->had_trailing_slash &&
	    mounts_at(t->mounts, ret->guest, ret->guest_length) && moves_allow(&w.since))
		fast_publish(t, w.from, w.start, path + strspn(path, "/"), length - strspn(path, "/"), ret);
	ret->is_plain = path[0] != '/' && !w.is_from_tree && !(dir_fd == AT_FDCWD && t->fs->is_cwd_elsewhere) && w.links == 0 && !ret->is_dot && !strchr(path, '/') &&
			!mounts_at(t->mounts, ret->guest, ret->guest_length) &&
			!(ret->exists && S_ISLNK(ret->real.st_mode));
	return 0;
}

/* The object is found by a descriptor of a tree: its root. */
static int look_at_tree(struct tracee *t, unsigned tree, struct object *ret)
{
	struct walk w = { .t = t, .at = ret };
	ret->is_fd = false;
	ret->is_tree = ret->is_magic = true;
	int r = jump_to_tree(&w, tree);
	if (r == 0)
		r = path_examine(ret);
	ret->exists = r == 0;
	return r;
}

int path_of_fd(struct tracee *t, int fd, struct object *ret)
{
	ret->is_plain = ret->had_trailing_slash = ret->is_dot = ret->is_node = ret->is_tree = ret->has_parent = false;
	ret->late_error = 0;
	ret->is_fd = ret->is_magic = true;
	ret->guest[0] = '\0';
	ret->guest_length = 0;
	ret->host_length = snprintf(ret->host, sizeof(ret->host), "/proc/%d/fd/%d", t->tid, fd);
	ret->mount = t->mounts->list[0];
	if (fd < 0 || path_examine(ret) < 0)
		return -EBADF;
	unsigned tree = trees_of_link(ret->host);
	if (tree)
		return look_at_tree(t, tree, ret);
	ret->exists = true;
	nodes_settle(t, ret);
	return 0;
}

bool path_is_unopened(const struct object *o)
{
	/* tid_fd_update_inode of fs/proc/fd.c: the link's bits are the access that the descriptor has. */
	struct stat st;
	if (o->is_tree)
		return true;
	if (!o->is_fd || lstat(o->host, &st) < 0 || !S_ISLNK(st.st_mode) || (st.st_mode & 0600))
		return false;
	/* open(2): of access mode 3 is open, for ioctl, and neither for reading nor for writing. */
	char info[PATH_MAX], text[256];
	const char *number = strrchr(o->host, '/');
	snprintf(info, sizeof(info), "%.*sinfo%s", (int)(number - o->host), o->host, number);
	CLEANUP_CLOSE int fd = open(info, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	const char *flags = strstr(text, "flags:");
	return !flags || (strtoull(flags + 6, NULL, 8) & O_PATH);
}

bool path_to_view(const struct tracee *t, const char *guest, char *ret, size_t room)
{
	size_t root = strlen(t->fs->root);
	if (root == 1)
		root = 0;
	if (mounts_is_nameless(guest) && !mounts_is_nameless(t->fs->root)) {
		const char *below = strchr(guest + 1, '/');
		int n = snprintf(ret, room, "(unreachable)%s", below ? below : "/");
		return n < 0;
	}
	if (strncmp(guest, t->fs->root, root) != 0 || (guest[root] != '/' && guest[root] != '\0')) {
		int n = snprintf(ret, room, "(unreachable)%s", guest);
		return n < 0;
	}
	int n = snprintf(ret, room, "%s", guest[root] ? guest + root : "/");
	return n >= 0 && (size_t)n < room;
}
