/* SPDX-License-Identifier: Apache-2.0 */
/* Owns finding what changed in a container; writing it is layertar.c's. */
#include "oci/diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/base.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { PATH_ROOM = 65536 };

struct differ {
	const struct diff_root *request;
	struct nodes *base;
	struct meta *meta;
	const struct strlist *stubs;
	bool looks_everywhere;
	/* Nodes whose table entry is not what it was. */
	uint64_t *changed_inodes;
	size_t changed_count, changed_room;
	struct change *changes;
	unsigned count, room;
	char path[PATH_ROOM];
	size_t length;
};

static void add_change(struct differ *d, enum change_kind kind)
{
	if (d->count == d->room) {
		d->room = d->room ? d->room * 2 : 256;
		d->changes = mem_grow(NULL, d->changes, struct change, d->room);
	}
	d->changes[d->count++] = (struct change){ kind, mem_printf(d->changes, "/%s", d->path) };
}

static bool push(struct differ *d, const char *name)
{
	size_t n = strlen(name);
	if (d->length + n + 2 > sizeof(d->path))
		return false;
	if (d->length)
		d->path[d->length++] = '/';
	memcpy(d->path + d->length, name, n + 1);
	d->length += n;
	return true;
}

static void pop(struct differ *d, size_t length)
{
	d->length = length;
	d->path[length] = '\0';
}

/* ---- the table's part ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

struct inode {
	uint64_t ino;
	const struct node *node;
};

static int by_inode(const void *a, const void *b)
{
	return by_number(&((const struct inode *)a)->ino, &((const struct inode *)b)->ino);
}

static void list_inodes(const struct node *n, struct inode **list, size_t *count, size_t *room)
{
	if (*count == *room) {
		*room = *room ? *room * 2 : 4096;
		*list = mem_grow(NULL, *list, struct inode, *room);
	}
	(*list)[(*count)++] = (struct inode){ n->ino, n };
	for (const struct node *child = n->children; child; child = child->next)
		list_inodes(child, list, count, room);
}

static bool is_shown_alike(struct differ *d, const struct node *n, const struct meta_entry *entry)
{
	return n->mode == entry->mode && n->uid == entry->uid && n->gid == entry->gid && n->rdev == entry->rdev &&
	       (n->xattr_hash || entry->xattr ? n->xattr_hash == base_xattr_hash(d->meta, entry) : true);
}

static void note_changed(struct differ *d, uint64_t ino)
{
	if (d->changed_count == d->changed_room) {
		d->changed_room = d->changed_room ? d->changed_room * 2 : 256;
		d->changed_inodes = mem_grow(d, d->changed_inodes, uint64_t, d->changed_room);
	}
	d->changed_inodes[d->changed_count++] = ino;
}

struct table_walk {
	struct differ *d;
	struct inode *list;
	size_t count;
};

static int compare_entry(const struct meta_entry *entry, void *arg)
{
	struct table_walk *w = arg;
	struct inode key = { entry->ino, NULL };
	const struct inode *found = bsearch(&key, w->list, w->count, sizeof(key), by_inode);
	if (found && !is_shown_alike(w->d, found->node, entry))
		note_changed(w->d, entry->ino);
	return 0;
}

/* Inodes of the base whose entries were changed, made or dropped. */
static void compare_tables(struct differ *d, dev_t dev)
{
	struct table_walk w = { d, NULL, 0 };
	size_t room = 0;
	list_inodes(nodes_root(d->base), &w.list, &w.count, &room);
	qsort(w.list, w.count, sizeof(*w.list), by_inode);
	meta_each(d->meta, compare_entry, &w);
	for (size_t i = 0; i < w.count; i++) {
		struct meta_entry entry;
		if (w.list[i].node->has_entry && !meta_get(d->meta, dev, w.list[i].ino, &entry))
			note_changed(d, w.list[i].ino);
	}
	talloc_free(w.list);
	if (d->changed_count)
		qsort(d->changed_inodes, d->changed_count, sizeof(uint64_t), by_number);
}

static bool has_changed_entry(const struct differ *d, uint64_t ino)
{
	return d->changed_count && bsearch(&ino, d->changed_inodes, d->changed_count, sizeof(ino), by_number);
}

/* ---- the tree's part ---- */

static bool is_unchanged_inode(const struct node *n, const struct stat *st)
{
	return n->ino == st->st_ino && n->ctime_sec == st->st_ctim.tv_sec &&
	       n->ctime_nsec == (uint32_t)st->st_ctim.tv_nsec;
}

static bool has_same_bytes(const struct differ *d, int parent_fd, const char *name, const struct node *n)
{
	static const size_t chunk = 1 << 16;
	if (!d->request->open_old)
		return false;
	CLEANUP_CLOSE int old = d->request->open_old(d->request->arg, n);
	CLEANUP_CLOSE int now = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_TALLOC char *a = mem_array(NULL, char, chunk), *b = mem_array(NULL, char, chunk);
	if (old < 0 || now < 0)
		return false;
	for (;;) {
		ssize_t x = io_read_all(old, a, chunk), y = io_read_all(now, b, chunk);
		if (x < 0 || x != y || memcmp(a, b, x) != 0)
			return false;
		if ((size_t)x < chunk)
			return true;
	}
}

static bool has_same_target(int parent_fd, const char *name, const struct node *n)
{
	char target[PATH_MAX];
	ssize_t size = n->target ? readlinkat(parent_fd, name, target, sizeof(target)) : -1;
	return size >= 0 && (size_t)size == strlen(n->target) && memcmp(target, n->target, size) == 0;
}

/*
 * continuity fs/diff.go: equal metadata and time means equal, whatever the inode; times of whole seconds are what
 * archives give, and say nothing: then the content must be equal.
 */
static bool is_same_file(struct differ *d, int parent_fd, const char *name, const struct node *n, const struct stat *st)
{
	struct meta_entry entry;
	meta_get_or_default(d->meta, st, &entry);
	bool is_link = S_ISLNK(st->st_mode), is_fifo = S_ISFIFO(st->st_mode);
	if (!is_shown_alike(d, n, &entry) || is_link != (n->kind == TREE_SYMLINK) || is_fifo != (n->kind == TREE_FIFO))
		return false;
	if (is_unchanged_inode(n, st) || (st->st_ino == n->ino && meta_is_shared(d->meta, st)))
		return true;
	if (n->mtime_sec != st->st_mtim.tv_sec || n->mtime_nsec != (uint32_t)st->st_mtim.tv_nsec)
		return false;
	if (is_link)
		return has_same_target(parent_fd, name, n);
	if (!S_ISREG(entry.mode))
		return true;
	return n->size_bytes == st->st_size && (n->mtime_nsec || has_same_bytes(d, parent_fd, name, n));
}

/* A mount point that the run made and nothing has been put into, or its symlink, unchanged. */
static bool is_stub(const struct differ *d, int parent_fd, const char *name, const struct stat *st)
{
	for (size_t i = 0; d->stubs && i < d->stubs->count; i++) {
		const char *wanted = i && d->stubs->items[i - 1][0] == '>' ? d->stubs->items[i - 1] + 1 : NULL;
		char target[PATH_MAX];
		if (d->stubs->items[i][0] != '/' || strcmp(d->stubs->items[i] + 1, d->path) != 0)
			continue;
		if (!S_ISLNK(st->st_mode))
			return S_ISDIR(st->st_mode) || (S_ISREG(st->st_mode) && st->st_size == 0);
		ssize_t n = readlinkat(parent_fd, name, target, sizeof(target) - 1);
		return n >= 0 && wanted && (size_t)n == strlen(wanted) && memcmp(target, wanted, n) == 0;
	}
	return false;
}

static int walk(struct differ *d, int fd, struct node *n, struct error *err);

static int open_child(struct differ *d, int fd, const char *name, struct error *err)
{
	int child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return child < 0 ? error_set(err, errno, "cannot open '/%s' in the container", d->path) : child;
}

/* Name `d->path` is there now; n is what the base had, NULL for nothing. */
static int look_at(struct differ *d, int fd, const char *name, struct node *n, struct error *err)
{
	struct stat st;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot examine '/%s' in the container", d->path);
	if (S_ISSOCK(st.st_mode))
		return 0;
	bool is_directory = S_ISDIR(st.st_mode);
	bool was_directory = n && (n->kind == TREE_DIRECTORY || n->kind == TREE_IMPLIED);
	if (!n) {
		if (!is_stub(d, fd, name, &st))
			add_change(d, CHANGE_ADDED);
		else if (!is_directory)
			return 0;
	} else if (is_directory != was_directory) {
		add_change(d, CHANGE_MODIFIED);
		n = NULL;
	} else if (is_directory) {
		struct meta_entry entry;
		meta_get_or_default(d->meta, &st, &entry);
		/* Its time alone counts, too: names came and went.  (Overlays have copied it up by then.) */
		bool has_other_time = n->mtime_sec != st.st_mtim.tv_sec ||
				      n->mtime_nsec != (uint32_t)st.st_mtim.tv_nsec;
		if (!is_shown_alike(d, n, &entry) || (has_other_time && !d->request->ignores_directory_times))
			add_change(d, CHANGE_MODIFIED);
	} else if (!is_same_file(d, fd, name, n, &st)) {
		add_change(d, CHANGE_MODIFIED);
	}
	if (!is_directory)
		return 0;
	CLEANUP_CLOSE int child = open_child(d, fd, name, err);
	return child < 0 ? -1 : walk(d, child, n, err);
}

/* The directory has other names than before, or may have. */
static int read_names(struct differ *d, int fd, struct node *n, struct error *err)
{
	int copy = dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		return error_set(err, errno, "cannot read '/%s' in the container", d->path);
	size_t length = d->length;
	int r = 0;
	const struct dirent *entry;
	while (r == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || !push(d, entry->d_name))
			continue;
		struct node *child = n ? nodes_child(d->base, n, entry->d_name, strlen(entry->d_name)) : NULL;
		if (child)
			child->is_seen = true;
		/* A link into a layer never changes in place; only its table entry can. */
		bool is_untouched = child && child->kind == TREE_FILE && !child->is_private &&
				    child->ino == entry->d_ino && !has_changed_entry(d, child->ino);
		if (!is_untouched)
			r = look_at(d, fd, entry->d_name, child, err);
		pop(d, length);
	}
	closedir(dir);
	for (struct node *child = n ? n->children : NULL; child; child = child->next) {
		bool is_gone = !child->is_seen;
		child->is_seen = false;
		if (r < 0 || !is_gone || !push(d, child->name))
			continue;
		add_change(d, CHANGE_DELETED);
		pop(d, length);
	}
	return r;
}

/* Same names as before: directories, files of the container's own, changed entries. */
static int check_known(struct differ *d, int fd, struct node *n, struct error *err)
{
	size_t length = d->length;
	for (struct node *child = n->children; child; child = child->next) {
		bool is_directory = child->kind == TREE_DIRECTORY || child->kind == TREE_IMPLIED;
		if (!is_directory && !child->is_private && !has_changed_entry(d, child->ino))
			continue;
		if (!push(d, child->name))
			continue;
		int r = look_at(d, fd, child->name, child, err);
		pop(d, length);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk(struct differ *d, int fd, struct node *n, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot examine '/%s' in the container", d->path);
	if (n && !d->looks_everywhere && is_unchanged_inode(n, &st))
		return check_known(d, fd, n, err);
	return read_names(d, fd, n, err);
}

struct strlist *diff_read_stubs(const void *ctx, const char *path)
{
	char *bytes;
	size_t size;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (io_read_file(scratch, AT_FDCWD, path, 1 << 20, &bytes, &size, NULL) < 0)
		return NULL;
	struct strlist *list = strlist_new(ctx);
	for (size_t at = 0; at < size; at += strlen(bytes + at) + 1)
		strlist_add(list, bytes + at);
	return list;
}

static int by_path(const void *a, const void *b)
{
	/* '/' lowest, so that a directory's content comes right behind it. */
	const unsigned char *x = (const unsigned char *)((const struct change *)a)->path;
	const unsigned char *y = (const unsigned char *)((const struct change *)b)->path;
	for (; *x && *x == *y; x++, y++)
		;
	int p = *x == '/' ? 1 : *x ? *x + 1 : 0, q = *y == '/' ? 1 : *y ? *y + 1 : 0;
	return p - q;
}

int diff_root(const void *ctx, const struct diff_root *r, struct change **ret, unsigned *ret_count,
	      struct error *err)
{
	CLEANUP_TALLOC struct differ *d = mem_new(NULL, struct differ);
	CLEANUP_CLOSE int fd = open(r->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	d->request = r;
	d->base = r->base;
	d->meta = r->meta;
	d->stubs = r->stubs;
	d->looks_everywhere = r->looks_everywhere;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", r->root);
	if (d->base)
		compare_tables(d, st.st_dev);
	d->changes = mem_array(NULL, struct change, 1);
	if (walk(d, fd, d->base ? nodes_root(d->base) : NULL, err) < 0) {
		talloc_free(d->changes);
		return -1;
	}
	qsort(d->changes, d->count, sizeof(*d->changes), by_path);
	*ret = talloc_steal(ctx, d->changes);
	*ret_count = d->count;
	return 0;
}

static int run(const void *ctx, const struct container *c, struct meta *meta, bool looks_everywhere,
	       struct change **ret, unsigned *ret_count, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct diff_root r = { .root = c->root, .meta = meta, .looks_everywhere = looks_everywhere };
	if (base_read(scratch, mem_printf(scratch, "%s/base", c->dir), &r.base, err) < 0)
		return -1;
	r.stubs = diff_read_stubs(scratch, mem_printf(scratch, "%s/stubs", c->dir));
	return diff_root(ctx, &r, ret, ret_count, err);
}

int diff_container(const void *ctx, const struct container *c, struct meta *meta, struct change **ret,
		   unsigned *ret_count, struct error *err)
{
	return run(ctx, c, meta, false, ret, ret_count, err);
}

int diff_container_fully(const void *ctx, const struct container *c, struct meta *meta, struct change **ret,
			 unsigned *ret_count, struct error *err)
{
	return run(ctx, c, meta, true, ret, ret_count, err);
}

int diff_everything(const void *ctx, const struct container *c, struct change **ret, unsigned *ret_count,
		    struct error *err)
{
	CLEANUP_TALLOC struct meta *meta = NULL;
	struct diff_root r = { .root = c->root, .looks_everywhere = true };
	if (container_open_meta(NULL, c, &meta, err) < 0)
		return -1;
	r.meta = meta;
	return diff_root(ctx, &r, ret, ret_count, err);
}
