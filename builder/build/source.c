/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns looking into folders and workspaces by cursors.  Whole paths are source_paths.c's, and which of it a COPY
 * takes is selection.c's.
 */
#include "builder/build/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "oci/diff.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { PATH_ROOM = 65536 };

struct source {
	char *host_path;
	int root_fd;
	struct meta *meta; /* of an unpacked folder; NULL: owners are 0:0 */
	struct workspace *workspace;
	const struct patterns *ignored;
	const void *kept_key;
	void *kept;
};

struct frame {
	int fd;
	const struct node *node;
	size_t path_length;
};

struct source_cursor {
	struct source *source;
	struct nodes *tree;
	struct frame *frames;
	unsigned depth, room; /* frames[depth] is where it is */
	char *path;
	bool *states;  /* what each pattern said: of frames[i] at i * count */
	unsigned state_count;
};

/* ---- sources ---- */

static int close_source(struct source *s)
{
	if (s->root_fd >= 0)
		close(s->root_fd);
	return 0;
}

int source_of_unpacked(const void *ctx, const char *host_path, const char *meta_path, struct source **ret,
		       struct error *err)
{
	struct source *s = mem_new(ctx, struct source);
	struct stat st;
	s->root_fd = open(host_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	talloc_set_destructor(s, close_source);
	if (s->root_fd < 0 || fstat(s->root_fd, &st) < 0) {
		error_set(err, errno, "cannot open the folder '%s'", host_path);
		goto failed;
	}
	char *real = realpath(host_path, NULL);
	s->host_path = mem_strdup(s, real ? real : host_path);
	free(real);
	if (meta_path && access(meta_path, F_OK) == 0 && meta_open(s, meta_path, st.st_dev, 0, &s->meta, err) < 0)
		goto failed;
	*ret = s;
	return 0;
failed:
	talloc_free(s);
	return -1;
}

int source_of_folder(const void *ctx, const char *host_path, struct source **ret, struct error *err)
{
	return source_of_unpacked(ctx, host_path, NULL, ret, err);
}

struct source *source_of_workspace(const void *ctx, struct workspace *w)
{
	struct source *s = mem_new(ctx, struct source);
	s->root_fd = -1;
	s->workspace = w;
	return s;
}

bool source_is_context(const struct source *s)
{
	return !s->workspace;
}

const char *source_host_path(const struct source *s)
{
	return s->host_path;
}

struct workspace *source_workspace(const struct source *s)
{
	return s->workspace;
}

void source_hide(struct source *s, const struct patterns *ignored)
{
	s->ignored = ignored && patterns_count(ignored) ? ignored : NULL;
}

const struct patterns *source_hidden(const struct source *s)
{
	return s->ignored;
}

void source_keep(struct source *s, const void *key, void *value)
{
	if (s->kept != value)
		talloc_free(s->kept);
	s->kept_key = key;
	s->kept = value ? talloc_steal(s, value) : NULL;
}

void *source_kept(const struct source *s, const void *key)
{
	return s->kept_key == key ? s->kept : NULL;
}

/* ---- cursors ---- */

static int close_cursor(struct source_cursor *c)
{
	for (unsigned i = 0; c->frames && i <= c->depth; i++)
		if (c->frames[i].fd >= 0)
			close(c->frames[i].fd);
	return 0;
}

int source_cursor_open(const void *ctx, struct source *s, struct source_cursor **ret, struct error *err)
{
	struct source_cursor *c = mem_new(ctx, struct source_cursor);
	c->source = s;
	c->room = 16;
	c->path = mem_array(c, char, PATH_ROOM);
	c->state_count = s->ignored ? patterns_count(s->ignored) : 0;
	c->states = mem_array(c, bool, (size_t)c->room * c->state_count);
	struct frame root = { .fd = -1 };
	if (s->workspace) {
		c->tree = workspace_tree(s->workspace, err);
		root.node = c->tree ? nodes_root(c->tree) : NULL;
	} else {
		root.fd = fcntl(s->root_fd, F_DUPFD_CLOEXEC, 3);
		if (root.fd < 0)
			error_set(err, errno, "cannot open '%s'", s->host_path);
	}
	if (root.fd < 0 && !root.node) {
		talloc_free(c);
		return -1;
	}
	c->frames = mem_array(c, struct frame, c->room);
	c->frames[0] = root;
	talloc_set_destructor(c, close_cursor);
	*ret = c;
	return 0;
}

unsigned source_depth(const struct source_cursor *c)
{
	return c->depth;
}

const char *source_path(const struct source_cursor *c)
{
	return c->path;
}

int source_folder_fd(const struct source_cursor *c)
{
	return c->frames[c->depth].fd;
}

/* Put a name behind the path of the directory; false when it does not fit. */
static bool append_name(struct source_cursor *c, const char *name)
{
	size_t at = c->frames[c->depth].path_length, length = strlen(name);
	if (at + length + 2 > PATH_ROOM)
		return false;
	if (at)
		c->path[at++] = '/';
	memcpy(c->path + at, name, length + 1);
	return true;
}

static void cut_name(struct source_cursor *c)
{
	c->path[c->frames[c->depth].path_length] = '\0';
}

/* Is what has this name of the directory excluded?  `own` gets what each pattern said. */
static bool is_excluded(struct source_cursor *c, const char *name, bool *own, bool *ret_may_hold)
{
	if (!c->state_count || !append_name(c, name))
		return false;
	const bool *parents = c->depth ? c->states + (size_t)c->depth * c->state_count : NULL;
	bool result = patterns_match_in(c->source->ignored, c->path, parents, own);
	*ret_may_hold = result && patterns_may_include_below(c->source->ignored, c->path);
	cut_name(c);
	return result;
}

static void grow(struct source_cursor *c)
{
	c->room *= 2;
	c->frames = mem_grow(c, c->frames, struct frame, c->room);
	c->states = mem_grow(c, c->states, bool, (size_t)c->room * c->state_count);
}

static bool is_directory(const struct node *n)
{
	return n->kind == TREE_DIRECTORY || n->kind == TREE_IMPLIED;
}

int source_enter(struct source_cursor *c, const char *name)
{
	struct frame next = { .fd = -1 };
	const struct frame *here;
	bool may_hold;
	if (c->depth + 2 > c->room)
		grow(c);
	if (is_excluded(c, name, c->states + (size_t)(c->depth + 1) * c->state_count, &may_hold) && !may_hold)
		return -ENOENT;
	here = &c->frames[c->depth];
	if (c->tree) {
		next.node = nodes_child(c->tree, here->node, name, strlen(name));
		if (!next.node)
			return -ENOENT;
		if (!is_directory(next.node))
			return next.node->kind == TREE_SYMLINK ? -ELOOP : -ENOTDIR;
	} else {
		next.fd = openat(here->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next.fd < 0)
			return -errno;
	}
	if (!append_name(c, name)) {
		io_cleanup_close(&next.fd);
		return -ENAMETOOLONG;
	}
	next.path_length = strlen(c->path);
	c->frames[++c->depth] = next;
	return 0;
}

void source_leave(struct source_cursor *c)
{
	if (!c->depth)
		return;
	io_cleanup_close(&c->frames[c->depth].fd);
	c->depth--;
	cut_name(c);
}

static void examine_node(struct source_cursor *c, const struct node *n, struct source_entry *ret)
{
	static const mode_t types[] = { [TREE_DIRECTORY] = S_IFDIR, [TREE_IMPLIED] = S_IFDIR, [TREE_FILE] = S_IFREG,
					[TREE_SYMLINK] = S_IFLNK, [TREE_FIFO] = S_IFIFO };
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct layer_attributes a = { .mode = types[n->kind] | 0755 };
	struct error ignored = ERROR_INIT;
	workspace_attributes(scratch, c->source->workspace, n, &a, &ignored);
	*ret = (struct source_entry){
		.mode = a.mode, .uid = a.uid, .gid = a.gid, .rdev = a.rdev,
		.size_bytes = n->size_bytes,
		.mtime_sec = n->mtime_sec, .mtime_nsec = n->mtime_nsec,
		.dev = n->is_known ? UINT64_MAX : n->layer, .ino = n->ino,
		.may_have_links = !is_directory(n), .node = n,
	};
}

static void examine_stat(struct source_cursor *c, const struct stat *real, struct source_entry *ret)
{
	struct stat st = *real;
	if (c->source->meta)
		meta_view(c->source->meta, &st);
	else
		st.st_uid = st.st_gid = 0;
	*ret = (struct source_entry){
		.mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid,
		.rdev = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? st.st_rdev : 0,
		.size_bytes = real->st_size,
		.mtime_sec = real->st_mtim.tv_sec, .mtime_nsec = real->st_mtim.tv_nsec,
		.ctime_sec = real->st_ctim.tv_sec, .ctime_nsec = real->st_ctim.tv_nsec,
		.dev = real->st_dev, .ino = real->st_ino,
		.may_have_links = !S_ISDIR(real->st_mode) && real->st_nlink > 1,
	};
}

/* 1 when it is there, 0 when it is hidden, -errno. */
static int examine_child(struct source_cursor *c, const char *name, bool *own, struct source_entry *ret)
{
	const struct frame *here = &c->frames[c->depth];
	struct stat st;
	bool may_hold = false, excluded = is_excluded(c, name, own, &may_hold);
	if (excluded && !may_hold)
		return 0;
	if (c->tree) {
		const struct node *n = nodes_child(c->tree, here->node, name, strlen(name));
		if (!n)
			return -ENOENT;
		examine_node(c, n, ret);
	} else {
		if (fstatat(here->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		examine_stat(c, &st, ret);
	}
	ret->name = name;
	ret->is_hidden = excluded;
	return !excluded || S_ISDIR(ret->mode);
}

int source_examine(struct source_cursor *c, const char *name, struct source_entry *ret)
{
	const struct frame *here = &c->frames[c->depth];
	if (strcmp(name, ".") == 0) {
		struct stat st;
		if (c->tree) {
			examine_node(c, here->node, ret);
		} else {
			if (fstat(here->fd, &st) < 0)
				return -errno;
			examine_stat(c, &st, ret);
		}
		ret->name = name;
		return 0;
	}
	CLEANUP_TALLOC bool *own = mem_array(NULL, bool, c->state_count);
	int r = examine_child(c, name, own, ret);
	return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the directory, sorted; NULL with errno. */
static const char **list_names(const void *ctx, struct source_cursor *c, unsigned *ret_count)
{
	const struct frame *here = &c->frames[c->depth];
	unsigned count = 0, room = 64;
	const char **names = mem_array(ctx, const char *, room);
	if (c->tree) {
		for (const struct node *n = here->node->children; n; n = n->next) {
			if (count == room)
				names = mem_grow(ctx, names, const char *, room *= 2);
			names[count++] = n->name;
		}
	} else {
		int fd = openat(here->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		const struct dirent *entry;
		if (!dir) {
			io_cleanup_close(&fd);
			return NULL;
		}
		while (errno = 0, (entry = readdir(dir))) {
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			if (count == room)
				names = mem_grow(ctx, names, const char *, room *= 2);
			names[count++] = mem_strdup(ctx, entry->d_name);
		}
		int number = errno;
		closedir(dir);
		errno = number;
		if (number)
			return NULL;
	}
	qsort(names, count, sizeof(*names), by_name);
	*ret_count = count;
	return names;
}

int source_list(const void *ctx, struct source_cursor *c, struct source_entry **ret, unsigned *ret_count,
		struct error *err)
{
	/* Names come from one piece of memory, which goes with the entries. */
	void *pool = mem_must(talloc_pool(ctx, 16384));
	unsigned name_count, count = 0;
	const char **names = list_names(pool, c, &name_count);
	if (!names) {
		error_set(err, errno, "cannot list '/%s'", c->path);
		talloc_free(pool);
		return -1;
	}
	struct source_entry *entries = mem_array(ctx, struct source_entry, name_count);
	CLEANUP_TALLOC bool *own = mem_array(NULL, bool, c->state_count);
	talloc_steal(entries, pool);
	for (unsigned i = 0; i < name_count; i++) {
		int r = examine_child(c, names[i], own, &entries[count]);
		if (r == -ENOENT)
			continue; /* it has gone meanwhile */
		if (r < 0) {
			talloc_free(entries);
			return error_set(err, -r, "cannot examine '/%s%s%s'", c->path, *c->path ? "/" : "", names[i]);
		}
		count += r;
	}
	*ret = entries;
	*ret_count = count;
	return 0;
}

int source_read_link(const void *ctx, struct source_cursor *c, const struct source_entry *e, char **ret,
		     struct error *err)
{
	char target[PATH_MAX];
	if (c->tree) {
		*ret = mem_strdup(ctx, e->node->target);
		return 0;
	}
	ssize_t n = readlinkat(c->frames[c->depth].fd, e->name, target, sizeof(target) - 1);
	if (n < 0)
		return error_set(err, errno, "cannot read the symlink '/%s%s%s'", c->path, *c->path ? "/" : "", e->name);
	*ret = mem_strndup(ctx, target, n);
	return 0;
}

int source_open_file(struct source_cursor *c, const struct source_entry *e, struct error *err)
{
	struct stat st;
	if (c->tree)
		return workspace_open_file(c->source->workspace, e->node, err);
	/* O_NONBLOCK: a fifo that took the file's place must not hang us. */
	CLEANUP_CLOSE int fd = openat(c->frames[c->depth].fd, e->name,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open '/%s%s%s'", c->path, *c->path ? "/" : "", e->name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0, "'/%s%s%s' is no regular file any more", c->path, *c->path ? "/" : "", e->name);
	return io_take_fd(&fd);
}

static void read_xattrs(const void *ctx, int fd, struct layer_attributes *ret)
{
	char names[4096], value[4096];
	ssize_t size = flistxattr(fd, names, sizeof(names));
	struct archive_xattr *xattrs = NULL;
	for (ssize_t at = 0; at < size; at += strlen(names + at) + 1) {
		const char *name = names + at;
		if (!text_starts(name, "user.") && strcmp(name, "security.capability") != 0)
			continue;
		ssize_t length = fgetxattr(fd, name, value, sizeof(value));
		if (length < 0)
			continue;
		xattrs = mem_grow(ctx, xattrs, struct archive_xattr, ret->xattr_count + 1);
		xattrs[ret->xattr_count++] = (struct archive_xattr){ mem_strdup(ctx, name),
								     mem_memdup(ctx, value, length), length };
	}
	ret->xattrs = xattrs;
}

int source_attributes(const void *ctx, struct source_cursor *c, const struct source_entry *e, int fd,
		      struct layer_attributes *ret, struct error *err)
{
	struct stat st;
	struct meta_entry entry;
	if (c->tree)
		return workspace_attributes(ctx, c->source->workspace, e->node, ret, err);
	*ret = (struct layer_attributes){ .mode = e->mode, .uid = e->uid, .gid = e->gid, .rdev = e->rdev,
					  .mtime_sec = e->mtime_sec, .mtime_nsec = e->mtime_nsec };
	if (fd < 0)
		return 0;
	if (!c->source->meta) {
		read_xattrs(ctx, fd, ret);
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot examine '/%s'", c->path);
	if (meta_get(c->source->meta, st.st_dev, st.st_ino, &entry))
		layer_attributes_of(ctx, c->source->meta, &entry, &st, ret);
	return 0;
}
