/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the walk from guest path to host path and its cache of directory prefixes.  What a call then
 * does with the object is in the files named after the calls.
 */
#include "tracer/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/look.h"
#include "tracer/base/mem.h"
#include "tracer/behind.h"
#include "tracer/core/prefix.h"
#include "tracer/fast.h"
#include "tracer/modes.h"
#include "tracer/nodes.h"
#include "tracer/procfs.h"
#include "tracer/trees.h"

/* What is left to walk: a path, and what symlinks have put before it. */
enum { SYMLINK_LIMIT = 40, REST_ROOM = 16 * PATH_MAX };

struct session session;

/* ---- the prefix cache ---- */

/*
 * Key: table serial, root, base and the directory part as typed.  Value: where the walk then stood.
 * Entries hold while the generation holds; the filter remembers (by hash) the inode of every directory and
 * symlink that a cached walk went through, so that only changes to those bump it.
 */
enum { CACHE_ENTRIES = 8192, FILTER_WORDS = 2048 };

struct prefix {
	uint64_t hash;
	char *key, *guest, *host;
	const struct mount *mount;
};

/* By hash: which of the cache, plus 1.  Entries follow each other, so that few of them take few pages. */
static uint16_t cache_index[CACHE_ENTRIES];
static struct prefix cache[CACHE_ENTRIES];
static unsigned cache_count;
static uint64_t filter[FILTER_WORDS]; /* of inodes, core/prefix.h */
static uint64_t cache_generation;

static uint64_t hash_bytes(const char *bytes, size_t length)
{
	uint64_t h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3ull;
	return h ^ h >> 32;
}

static void cache_clear(void)
{
	for (unsigned i = 0; i < cache_count; i++) {
		cache_index[cache[i].hash % CACHE_ENTRIES] = 0;
		TALLOC_FREE(cache[i].key);
	}
	cache_count = 0;
	memset(filter, 0, sizeof(filter));
	fast_walked(NULL);
}

static void cache_validate(void)
{
	uint64_t now = meta_generation(session.meta);
	if (now != cache_generation) {
		cache_clear();
		cache_generation = now;
	}
}

/* Before what is there is looked at: who removes it looks here behind that. */
static void filter_add(const char *host)
{
	struct stat st;
	if (path_lstat(host, &st) < 0)
		return;
	prefix_add_inode(filter, FILTER_WORDS, st.st_dev, st.st_ino);
	fast_walked(&st);
}

/* That, and all directories above it. */
static void filter_add_all(const char *host)
{
	char part[PATH_ROOM];
	size_t length = strlen(host);
	memcpy(part, host, length + 1);
	do {
		filter_add(part);
		char *slash = strrchr(part, '/');
		length = slash - part;
		*slash = '\0';
	} while (length);
}

void path_forget(const struct object *o)
{
	if (prefix_has_inode(filter, FILTER_WORDS, o->real.st_dev, o->real.st_ino))
		meta_bump_generation(session.meta);
}

/* ---- small host helpers ---- */

const char *path_short(const char *host)
{
	static unsigned turn;
	static char name[2][PATH_MAX];
	size_t length = strlen(host);
	if (length < PATH_MAX)
		return host;
	/*
	 * The kernel limits a string, not a walk: each alias is a symlink for a head of the path that
	 * itself fits, and the alias' target may start with an alias.
	 */
	char *alias = name[turn++ % 2];
	char head[PATH_ROOM], joined[PATH_ROOM + PATH_MAX];
	const char *rest = host;
	char base[PATH_MAX] = "";
	for (unsigned part = 0; strlen(base) + strlen(rest) >= PATH_MAX - 1; part++) {
		size_t cut = PATH_MAX - 256 - strlen(base) - 1;
		while (cut > 1 && rest[cut] != '/')
			cut--;
		memcpy(head, rest, cut);
		head[cut] = '\0';
		snprintf(joined, sizeof(joined), "%s%s", base, head);
		snprintf(base, sizeof(base), "%.3000s/long-%u-%u", session.run_dir, turn % 64, part);
		unlink(base);
		if (symlink(joined, base) < 0)
			return host;
		rest += cut;
	}
	/* The loop's condition is that it fits. */
	size_t head_length = strlen(base);
	memcpy(alias, base, head_length);
	memcpy(alias + head_length, rest, strlen(rest) + 1);
	return alias;
}

bool path_repair(const char *host)
{
	bool changed = false;
	char part[PATH_ROOM];
	size_t length = strlen(host);
	if (length >= sizeof(part) || session.is_plain || session.writes_through)
		return false;
	memcpy(part, host, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char saved = part[i];
		part[i] = '\0';
		struct stat st;
		if (lstat(path_short(part), &st) == 0 && st.st_uid == session.uid && !S_ISLNK(st.st_mode)) {
			mode_t need = S_ISDIR(st.st_mode) ? 0700 : saved ? 0 : 0600;
			if ((st.st_mode & need) != need && !meta_is_shared(session.meta, &st)) {
				struct meta_entry entry;
				meta_get_or_default(session.meta, &st, &entry);
				if (chmod(path_short(part), (st.st_mode & 0777) | need) == 0) {
					meta_put(session.meta, &entry);
					modes_owe(part);
					changed = true;
				}
			}
		}
		part[i] = saved;
	}
	return changed;
}

int path_lstat(const char *host, struct stat *ret)
{
	if (lstat(path_short(host), ret) < 0 && !(errno == EACCES && path_repair(host) && lstat(path_short(host), ret) == 0))
		return -errno;
	meta_meet(session.meta, path_short(host), false, ret, 0);
	return 0;
}

int path_examine(struct object *o)
{
	struct look look;
	const char *host = path_short(o->host);
	int flags = o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW, r = look_at(AT_FDCWD, host, flags, &look);
	if (r == -EACCES && !o->is_fd && path_repair(o->host))
		r = look_at(AT_FDCWD, host, flags, &look);
	if (r < 0)
		return r;
	meta_meet(session.meta, host, o->is_fd, &look.st, look.birth);
	o->real = look.st;
	o->birth = look.birth;
	return 0;
}

/* ---- the walk ---- */

struct walk {
	struct tracee *t;
	struct object *at;
	char rest[REST_ROOM];
	const char *root; /* ".." stops here */
	unsigned flags;
	unsigned links;
	size_t opaque; /* not 0: the walk began at a descriptor whose name is not known; length of its link */
	bool has_root;   /* the walk has had to know the root: by an absolute path, by ".." */
	bool is_from_tree; /* it began at a descriptor of trees.h: the kernel gets nowhere from there */
	bool is_checked; /* credentials that need a search check in every directory */
	bool is_cacheable;
	struct stat stood; /* of the directory where it stands, when is_seen */
	bool is_seen;
	const struct mount *first; /* LOOKUP_NO_XDEV: the mount that may not be left */
	/* The directory part as typed, for the shim's table; NULL: not (or no more) to be told. */
	const char *typed;
	size_t typed_length;
	enum fast_start from;
	char start[PATH_ROOM]; /* host path of a descriptor's directory */
};

static void set_guest(struct object *o, const char *guest)
{
	o->guest_length = strlen(guest);
	memmove(o->guest, guest, o->guest_length + 1);
}

static void set_host(struct object *o, const char *host)
{
	o->host_length = strlen(host);
	memmove(o->host, host, o->host_length + 1);
}

/* Host path of a canonical guest path; no symlink is followed, none can be there. */
static int locate(struct walk *w, const char *guest)
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
	set_guest(o, guest);
	set_host(o, host);
	o->mount = m;
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

/* The guest path that a magic link of a directory shows; false when it has no name there. */
static bool name_behind(const struct mounts *mounts, const char *link, char guest[PATH_ROOM])
{
	char host[PATH_MAX];
	return behind_read(link, host) && mounts_to_guest(mounts, host, guest, PATH_ROOM);
}

bool path_name_of(const struct tracee *t, const struct object *o, char guest[PATH_ROOM])
{
	if (o->is_fd)
		return name_behind(t->mounts, o->host, guest);
	if (o->guest[0] == '/') {
		memcpy(guest, o->guest, o->guest_length + 1);
		return true;
	}
	int fd = open(path_short(o->host), O_PATH | O_DIRECTORY | O_CLOEXEC);
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	bool has_name = fd >= 0 && name_behind(t->mounts, link, guest);
	if (fd >= 0)
		close(fd);
	return has_name;
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
	return locate(&w, guest);
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
	return locate(w, guest);
}

static int go_up(struct walk *w)
{
	struct object *o = w->at;
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
	return locate(w, guest);
}

static int go_down(struct walk *w, const char *name, size_t length)
{
	struct object *o = w->at;
	int r = append(o->guest, &o->guest_length, name, length);
	if (r < 0)
		return r;
	const struct mount *m = mounts_at(w->t->mounts, o->guest, o->guest_length);
	if (m) {
		set_host(o, m->host_length ? m->host : "/");
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

static int start_at_root(struct walk *w)
{
	const struct fs *fs = w->t->fs;
	/* Nothing is in what has been removed, but who may not search it does not learn that. */
	if (w->is_checked && w->rest[strspn(w->rest, "/")] && strcmp(w->root, MOUNTS_NAMELESS) == 0) {
		int r = cred_permission(&w->t->cred, fs->lost_root.uid, fs->lost_root.gid, fs->lost_root.mode, NULL, 0, CRED_EXECUTE);
		if (r < 0)
			return r;
	}
	return locate(w, w->root);
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
	return target[0] == '/' ? start_at_root(w) : go_up(w);
}

static size_t dir_part(const char *rest)
{
	size_t end = strlen(rest);
	while (end && rest[end - 1] == '/')
		end--;
	while (end && rest[end - 1] != '/')
		end--;
	return end;
}

static size_t make_key(const struct walk *w, char *key, size_t room)
{
	size_t dir = dir_part(w->rest);
	int n = snprintf(key, room, "%u:%s:%s:%.*s", w->t->mounts->serial, w->root, w->at->guest, (int)dir,
			 w->rest);
	return n > 0 && (size_t)n < room && dir ? (size_t)n : 0;
}

static bool cache_find(struct walk *w, const char *key, size_t length)
{
	uint64_t hash = hash_bytes(key, length);
	const unsigned number = cache_index[hash % CACHE_ENTRIES];
	const struct prefix *p = number ? &cache[number - 1] : NULL;
	if (!p || p->hash != hash || strcmp(p->key, key) != 0)
		return false;
	set_guest(w->at, p->guest);
	set_host(w->at, p->host);
	w->is_seen = false;
	w->at->mount = p->mount;
	memmove(w->rest, w->rest + dir_part(w->rest), strlen(w->rest) - dir_part(w->rest) + 1);
	return true;
}

static void cache_store(const struct walk *w, const char *key, size_t length)
{
	struct stat st;
	/* What is no directory ends this walk, and may be another thing at the next. */
	if (path_lstat(w->at->host, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	uint64_t hash = hash_bytes(key, length);
	uint16_t *number = &cache_index[hash % CACHE_ENTRIES];
	if (!*number)
		*number = ++cache_count;
	struct prefix *p = &cache[*number - 1];
	TALLOC_FREE(p->key);
	p->hash = hash;
	p->key = mem_strdup(NULL, key);
	p->guest = mem_strdup(p->key, w->at->guest);
	p->host = mem_strdup(p->key, w->at->host);
	p->mount = w->at->mount;
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

/* Does the link lead to a directory that has lost its name, which readlink then says? */
static bool leads_to_lost(const char *link, const char *target)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(target), tail = sizeof(deleted) - 1;
	struct stat st;
	return length > tail && strcmp(target + length - tail, deleted) == 0 && stat(link, &st) == 0 && S_ISDIR(st.st_mode);
}

/* To the root of a tree: by its name, or when its mount is gone by none. */
static int enter_tree(struct walk *w, unsigned tree)
{
	const struct mount *m = trees_mount(w->t, tree);
	w->is_from_tree = true;
	if (m)
		return locate(w, m->guest);
	set_guest(w->at, "\001");
	set_host(w->at, trees_host(tree));
	w->opaque = w->at->host_length;
	w->at->mount = w->t->mounts->list[0];
	w->is_cacheable = false;
	return 0;
}

/* Stand where the guest has this host path, when that is the directory there. */
static bool enter_named(struct walk *w, const char *host, const struct look *directory)
{
	char guest[PATH_ROOM];
	w->is_seen = mounts_to_guest(w->t->mounts, host, guest, sizeof(guest)) && locate(w, guest) == 0 &&
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

/* Go on from the directory behind a magic link of the host's. */
static int enter_link(struct walk *w, const char *link)
{
	char host[PATH_MAX];
	struct look directory;
	unsigned tree = trees_of_link(link);
	if (tree)
		return enter_tree(w, tree);
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
	/* A name that no mount has, so that none is found below it. */
	set_guest(w->at, "\001");
	/* The link itself is a symlink; what it leads to is the directory. */
	snprintf(host, sizeof(host), "%s/.", link);
	set_host(w->at, host);
	w->opaque = w->at->host_length;
	w->at->mount = w->t->mounts->list[0];
	w->is_cacheable = false;
	return 0;
}

/* The last component was the link to a process' program, whose name may lead elsewhere by now, or nowhere. */
static int enter_program(struct walk *w, const struct process *program)
{
	struct object *o = w->at;
	bool is_named = path_examine(o) == 0;
	if (program->exe_host && *program->exe_host &&
	    !(is_named && o->real.st_dev == program->exe_dev && o->real.st_ino == program->exe_ino)) {
		set_host(o, program->exe_host);
		o->is_fd = program->exe_kept != NULL;
		is_named = path_examine(o) == 0;
	}
	o->exists = o->is_magic = is_named;
	return is_named ? 0 : -ENOENT;
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
	if ((o->mount->flags & BINDING_PROC) && strcmp(o->host, "/proc/1") == 0 && procfs_is_hidden(o->host)) {
		char first[32];
		snprintf(first, sizeof(first), "/proc/%d", session.first_pid);
		set_host(o, first);
	}
	if ((o->mount->flags & BINDING_PROC) && procfs_is_hidden(o->host))
		return -ENOENT;
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
		filter_add(o->host);
	if (o->mount->flags & BINDING_PROC)
		n = procfs_readlink(w->t, o->host, target, sizeof(target), &kind);
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
	if (kind == PROCFS_GUEST && leads_to_lost(o->host, target))
		kind = PROCFS_DESCRIPTOR;
	if (kind == PROCFS_GUEST) { /* target is a canonical guest path already */
		if (++w->links > SYMLINK_LIMIT)
			return -ELOOP;
		r = locate(w, target);
		if (r < 0)
			return r;
		memcpy(w->rest, tail, strlen(tail) + 1);
		if (!*tail) {
			*ret_done = true;
			if (program)
				return enter_program(w, program);
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
		return ++w->links > SYMLINK_LIMIT ? -ELOOP : enter_link(w, link);
	}
	(void)guest_length;
	return follow_text(w, target, tail);
}

static int finish_at_directory(struct walk *w)
{
	struct object *o = w->at;
	int r = path_examine(o);
	o->exists = r == 0;
	o->is_dot = true;
	if (r == 0 && !S_ISDIR(o->real.st_mode))
		return -ENOTDIR;
	return r;
}

/* The walk stands where the directory part leads: the shim may know. */
static void tell_shim(struct walk *w)
{
	if (w->typed && w->is_cacheable && fast_is_on()) {
		if (w->from == FROM_DESCRIPTOR)
			filter_add_all(w->start);
		fast_publish(w->t, w->from, w->start, w->typed, w->typed_length, w->at);
	}
	w->typed = NULL;
}

static int walk_rest(struct walk *w)
{
	char key[3 * PATH_MAX];
	size_t key_length = 0;
	bool must_probe = true;
	for (;;) {
		size_t slashes = strspn(w->rest, "/");
		memmove(w->rest, w->rest + slashes, strlen(w->rest + slashes) + 1);
		if (!*w->rest)
			return finish_at_directory(w);
		if (must_probe && w->is_cacheable) {
			must_probe = false;
			key_length = make_key(w, key, sizeof(key));
			if (key_length && cache_find(w, key, key_length)) {
				key_length = 0;
				tell_shim(w);
				continue;
			}
		}
		if (key_length && w->is_cacheable && dir_part(w->rest) == 0) {
			/* Only directories stay what they are while nobody removes them. */
			struct stat st;
			if (path_lstat(w->at->host, &st) == 0 && S_ISDIR(st.st_mode)) {
				cache_store(w, key, key_length);
				tell_shim(w);
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
				filter_add(w->at->host);
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

/* Where a relative path starts; fills `at` with the directory. */
static int start_at_fd(struct walk *w, int dir_fd)
{
	bool is_cwd = dir_fd == AT_FDCWD;
	if (is_cwd && !w->t->fs->has_lost_cwd)
		return locate(w, w->t->fs->cwd);
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
	int r = enter_link(w, link);
	return r == -ENOENT ? -EBADF : r;
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
	int r = start_at_fd(&w, dir_fd);
	return r < 0 ? r : finish_at_directory(&w);
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
		length = dir_part(shorter);
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
	cache_validate();
	struct walk w;
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
	w.typed_length = w.typed ? dir_part(w.typed) : 0;
	bool is_told = w.typed && w.is_cacheable;
	char root[PATH_ROOM];
	int r = path[0] == '/' && !(flags & LOOKUP_IN_ROOT) ? start_at_root(&w) : start_at_fd(&w, dir_fd);
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
		tell_shim(&w);
	r = walk_rest(&w);
	if (r == -ENOENT && is_told && w.typed && dir_part(w.typed))
		tell_above(t, dir_fd, path, length);
	if (r < 0)
		return r;
	/* A file that is bound here: its name is known for a mount's, and to be asked about. */
	if (is_told && !w.is_from_tree && w.links == 0 && ret->exists && !S_ISDIR(ret->real.st_mode) && !ret->had_trailing_slash &&
	    mounts_at(t->mounts, ret->guest, ret->guest_length))
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
	int r = enter_tree(&w, tree);
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
