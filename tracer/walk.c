/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the walk from guest path to host path, component by component.  Where it begins is in path.c and jump.c, what
 * it remembers in prefixes.c.
 */
#include "tracer/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/fast.h"
#include "tracer/nodes.h"
#include "tracer/procfs.h"

enum { SYMLINK_LIMIT = 40 };

void walk_set_guest(struct object *o, const char *guest)
{
	o->guest_length = strlen(guest);
	memmove(o->guest, guest, o->guest_length + 1);
}

void walk_set_host(struct object *o, const char *host)
{
	o->host_length = strlen(host);
	memmove(o->host, host, o->host_length + 1);
}

int walk_locate(struct walk *w, const char *guest)
{
	struct object *o = w->at;
	const struct mount *m = mounts_of(w->t->mounts, guest);
	const char *rest = guest + (m->guest_length == 1 ? 0 : m->guest_length);
	size_t tail = strcmp(rest, "/") == 0 ? 0 : strlen(rest);
	if (m->host_length + tail + 1 > PATH_ROOM || strlen(guest) + 1 > PATH_ROOM)
		return -ENAMETOOLONG;
	char host[PATH_ROOM];
	memcpy(host, m->host, m->host_length);
	memcpy(host + m->host_length, rest, tail);
	host[m->host_length + tail] = '\0';
	if (!host[0])
		memcpy(host, "/", 2);
	walk_set_guest(o, guest);
	walk_set_host(o, host);
	o->mount = m;
	if (m->pids)
		procfs_settle(o, false);
	w->is_seen = false;
	return 0;
}

static int append(char *path, size_t *length, const char *name, size_t name_length)
{
	bool needs_slash = *length == 0 || path[*length - 1] != '/';
	if (*length + needs_slash + name_length + 1 > PATH_ROOM)
		return -ENAMETOOLONG;
	if (needs_slash)
		path[(*length)++] = '/';
	memcpy(path + *length, name, name_length);
	*length += name_length;
	path[*length] = '\0';
	return 0;
}

/* Up from below a directory without a name, or from it to where names may be known again. */
static int go_up_unnamed(struct walk *w)
{
	struct object *o = w->at;
	w->is_seen = false;
	const char *slash = strrchr(o->host, '/');
	if (o->host_length > w->opaque && strcmp(slash, "/..") != 0) {
		o->host_length = slash - o->host;
		o->host[o->host_length] = '\0';
		return 0;
	}
	char guest[PATH_ROOM];
	int r = append(o->host, &o->host_length, "..", 2);
	if (r < 0 || !path_name_of(w->t, o, guest))
		return r;
	w->opaque = 0;
	return walk_locate(w, guest);
}

static int go_up(struct walk *w)
{
	struct object *o = w->at;
	if (w->opaque && jump_is_at_lost_root(w))
		return 0;
	/* The directory that it began at, which has no name, is the root. */
	if (w->opaque && o->host_length <= w->opaque && (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)))
		return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
	if (w->opaque)
		return go_up_unnamed(w);
	/* Above what is attached nowhere there is nothing. */
	if (mounts_is_nameless(o->guest) && !strchr(o->guest + 1, '/'))
		return 0;
	if (strcmp(o->guest, w->root) == 0)
		return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
	char guest[PATH_ROOM];
	memcpy(guest, o->guest, o->guest_length + 1);
	char *slash = strrchr(guest, '/');
	slash[slash == guest ? 1 : 0] = '\0';
	return walk_locate(w, guest);
}

static int go_down(struct walk *w, const char *name, size_t length)
{
	struct object *o = w->at;
	int r = append(o->guest, &o->guest_length, name, length);
	if (r < 0)
		return r;
	const struct mount *m = mounts_at(w->t->mounts, o->guest, o->guest_length);
	if (m) {
		walk_set_host(o, m->host_length ? m->host : "/");
		o->mount = m;
		w->is_seen = false;
		return 0;
	}
	return append(o->host, &o->host_length, name, length);
}

static int must_search(struct walk *w)
{
	struct stat st;
	int r = path_lstat(w->at->host, &st);
	if (r < 0)
		return r;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if ((w->at->mount->flags & BINDING_PROC) && procfs_refuses(w->at->host, w->t, false))
		return -EACCES;
	if ((w->at->mount->flags & BINDING_PROC) && procfs_owner(w->at->host, w->t, &st))
		return cred_permission(&w->t->cred, st.st_uid, st.st_gid, st.st_mode, NULL, 0, CRED_EXECUTE);
	return path_may_access(w->t, w->at->host, &st, CRED_EXECUTE);
}

static int prepend(struct walk *w, const char *target, const char *rest)
{
	size_t n = strlen(target), m = strlen(rest);
	if (n == 0)
		return -ENOENT;
	if (n + m + 2 > sizeof(w->rest))
		return -ELOOP;
	char joined[REST_ROOM];
	memcpy(joined, target, n);
	joined[n] = '/';
	memcpy(joined + n + (m != 0), rest, m + 1);
	if (m == 0)
		joined[n] = '\0';
	memcpy(w->rest, joined, n + m + 2);
	return 0;
}

int walk_from_root(struct walk *w)
{
	return jump_to_lost_root(w) ? 0 : walk_locate(w, w->root);
}

/* The rest of the walk after a symlink's target has been put in front of it. */
static int follow_text(struct walk *w, const char *target, const char *rest)
{
	if (w->flags & LOOKUP_NO_SYMLINKS || ++w->links > SYMLINK_LIMIT)
		return -ELOOP;
	/* nd_jump_root of fs/namei.c: a root that the walk does not know yet is taken for another mount's. */
	if (target[0] == '/' && ((w->flags & LOOKUP_BENEATH) || ((w->flags & LOOKUP_NO_XDEV) && !w->has_root)))
		return -EXDEV;
	int r = prepend(w, target, rest);
	if (r < 0)
		return r;
	return target[0] == '/' ? walk_from_root(w) : go_up(w);
}

size_t walk_dir_part(const char *rest)
{
	size_t end = strlen(rest);
	while (end && rest[end - 1] == '/')
		end--;
	while (end && rest[end - 1] != '/')
		end--;
	return end;
}

/* What may be missing is the last component only; `is_seen`: the walk has stood in its directory. */
static int must_have_parent(struct walk *w, bool is_seen)
{
	struct object *o = w->at;
	o->parent = w->stood;
	int r = is_seen ? 0 : path_parent_stat(o, &o->parent);
	o->has_parent = r == 0;
	return r < 0 || S_ISDIR(o->parent.st_mode) ? r : -ENOTDIR;
}

/* One component that is no dot.  *ret_done when it was the last. */
static int step(struct walk *w, bool *ret_done)
{
	struct object *o = w->at;
	size_t length = strcspn(w->rest, "/");
	const char *after = w->rest + length + strspn(w->rest + length, "/");
	bool is_last = !*after;
	bool must_be_directory = is_last && w->rest[length] == '/';
	/* open_last_lookups of fs/namei.c: what O_CREAT makes is no directory. */
	bool is_no_file = must_be_directory && (w->flags & (LOOKUP_CREATE | LOOKUP_NAME)) == LOOKUP_CREATE;
	if (w->is_checked || length > NAME_MAX || is_no_file) {
		int r = must_search(w);
		if (r < 0)
			return r;
	}
	if (is_no_file)
		return -EISDIR;
	/* It is the file system that finds a name too long, when it is looked for. */
	if (length > NAME_MAX) {
		struct stat st;
		int error = path_lstat(o->host, &st) == 0 && st.st_nlink == 0 ? -ENOENT : -ENAMETOOLONG;
		if (!is_last || !(w->flags & LOOKUP_NAME))
			return error;
		*ret_done = true;
		o->late_error = error;
		return 0;
	}
	size_t guest_length = o->guest_length;
	int r = go_down(w, w->rest, length);
	bool is_seen = w->is_seen;
	w->is_seen = false;
	if (r < 0)
		return r;
	if ((o->mount->flags & BINDING_PROC) && !procfs_settle(o, true))
		return -ENOENT;
	/* What is behind a number may be another process tomorrow. */
	w->is_cacheable &= !o->mount->pids;
	char target[PATH_MAX];
	if (is_last) {
		*ret_done = true;
		o->had_trailing_slash = must_be_directory;
		r = path_examine(o);
		o->exists = r == 0;
		if (r == -ENOENT && w->flags & LOOKUP_CREATE)
			return must_have_parent(w, is_seen);
		if (r < 0)
			return r;
		if (w->flags & LOOKUP_NAME)
			return 0;
		if (!S_ISLNK(o->real.st_mode) || (!(w->flags & LOOKUP_FOLLOW) && !must_be_directory)) {
			if (must_be_directory && !S_ISDIR(o->real.st_mode))
				return -ENOTDIR;
			return 0;
		}
	}
	if (is_last) {
		r = path_may_follow(w->t, o);
		if (r < 0)
			return r;
	}
	bool is_unfollowed = o->mount->flags & MOUNT_NO_SYMLINKS;
	enum procfs_link kind = PROCFS_PLAIN;
	const struct process *program = o->mount->flags & BINDING_PROC ? procfs_program(o->host) : NULL;
	ssize_t n;
	if (w->is_cacheable)
		prefixes_watch(o->host);
	if (o->mount->flags & BINDING_PROC)
		n = procfs_readlink(w->t, o, target, sizeof(target), &kind);
	else
		n = readlink(path_short(o->host), target, sizeof(target) - 1);
	if (n < 0 && errno == EACCES && path_repair(o->host))
		n = readlink(path_short(o->host), target, sizeof(target) - 1);
	if (n < 0 && errno == EINVAL) {
		memmove(w->rest, after, strlen(after) + 1);
		return 0;
	}
	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (is_unfollowed)
		return -ELOOP;
	char tail[REST_ROOM];
	memcpy(tail, must_be_directory ? "/" : after, must_be_directory ? 2 : strlen(after) + 1);
	*ret_done = false;
	/* self, fd, cwd ... lead each process elsewhere. */
	if (o->mount->flags & BINDING_PROC)
		w->is_cacheable = false;
	if (kind != PROCFS_PLAIN) {
		/* nd_jump_link of fs/namei.c */
		if (w->flags & (LOOKUP_NO_MAGIC | LOOKUP_NO_SYMLINKS))
			return -ELOOP;
		if (w->flags & (LOOKUP_IN_ROOT | LOOKUP_BENEATH))
			return -EXDEV;
	}
	if (kind == PROCFS_GUEST && jump_is_to_lost(o->host, target))
		kind = PROCFS_DESCRIPTOR;
	if (kind == PROCFS_GUEST) { /* target is a canonical guest path already */
		if (++w->links > SYMLINK_LIMIT)
			return -ELOOP;
		r = walk_locate(w, target);
		if (r < 0)
			return r;
		memcpy(w->rest, tail, strlen(tail) + 1);
		if (!*tail) {
			*ret_done = true;
			if (program)
				return jump_to_program(w, program);
			r = path_examine(o);
			o->exists = r == 0;
			o->is_magic = true;
			return r;
		}
		return 0;
	}
	if (kind == PROCFS_DESCRIPTOR) {
		if (!*tail) {
			*ret_done = true;
			o->is_fd = o->is_magic = true;
			r = path_examine(o);
			o->exists = r == 0;
			if (r == 0)
				nodes_settle(w->t, o);
			return r;
		}
		char link[PATH_MAX];
		snprintf(link, sizeof(link), "%s", path_short(o->host));
		memcpy(w->rest, tail, strlen(tail) + 1);
		return ++w->links > SYMLINK_LIMIT ? -ELOOP : jump_to_link(w, link);
	}
	(void)guest_length;
	return follow_text(w, target, tail);
}

int walk_finish_at_directory(struct walk *w)
{
	struct object *o = w->at;
	int r = path_examine(o);
	o->exists = r == 0;
	o->is_dot = true;
	if (r == 0 && !S_ISDIR(o->real.st_mode))
		return -ENOTDIR;
	return r;
}

void walk_tell_shim(struct walk *w)
{
	if (w->typed && w->is_cacheable && fast_is_on()) {
		if (w->from == FROM_DESCRIPTOR)
			prefixes_watch_all(w->start);
		if (moves_allow(&w->since))
			fast_publish(w->t, w->from, w->start, w->typed, w->typed_length, w->at);
	}
	w->typed = NULL;
}

int walk_to_end(struct walk *w)
{
	char key[3 * PATH_MAX];
	size_t key_length = 0;
	bool must_probe = true;
	for (;;) {
		size_t slashes = strspn(w->rest, "/");
		memmove(w->rest, w->rest + slashes, strlen(w->rest + slashes) + 1);
		if (!*w->rest)
			return walk_finish_at_directory(w);
		if (must_probe && w->is_cacheable) {
			must_probe = false;
			key_length = prefixes_key(w, key, sizeof(key));
			if (key_length && prefixes_find(w, key, key_length)) {
				key_length = 0;
				walk_tell_shim(w);
				continue;
			}
		}
		if (key_length && w->is_cacheable && walk_dir_part(w->rest) == 0) {
			/* Only directories stay what they are while nobody removes them. */
			struct stat st;
			if (path_lstat(w->at->host, &st) == 0 && S_ISDIR(st.st_mode)) {
				prefixes_store(w, key, key_length);
				walk_tell_shim(w);
			}
			key_length = 0;
			w->typed = NULL;
		}
		size_t length = strcspn(w->rest, "/");
		int r = 0;
		bool is_done = false;
		if (length <= 2 && w->rest[0] == '.' && (length == 1 || w->rest[1] == '.')) {
			struct stat st;
			if (path_lstat(w->at->host, &st) < 0)
				return -errno;
			if (!S_ISDIR(st.st_mode))
				return -ENOTDIR;
			if (w->is_checked)
				r = must_search(w);
			if (w->is_cacheable)
				prefixes_watch(w->at->host);
			w->has_root |= length == 2;
			if (r == 0 && length == 2)
				r = go_up(w);
			memmove(w->rest, w->rest + length, strlen(w->rest + length) + 1);
		} else {
			unsigned links = w->links;
			r = step(w, &is_done);
			if (w->links != links) {
				must_probe = !key_length;
			}
		}
		if (r == 0 && (w->flags & LOOKUP_NO_XDEV) && w->at->mount != w->first)
			r = -EXDEV;
		if (r < 0 || is_done)
			return r;
	}
}
