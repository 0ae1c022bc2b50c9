/* SPDX-License-Identifier: Apache-2.0 */
/* Owns writing changes as a layer's tar, entry by entry as containerd's differ does. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/diff.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { PATH_ROOM = 65536, XATTR_MAX = 65536, CHUNK = 1 << 18 };

/* A name of an inode that is in the archive already. */
struct first_name {
	uint64_t ino;
	char *path;
};

struct layer_writer {
	struct archive_writer *archive;
	struct meta *meta;
	int root_fd;
	/* The directory of the last entry: most entries are in the same one. */
	char parent_path[PATH_ROOM];
	int parent_fd;
	char *buffer;
	struct first_name *names;
	size_t name_count, name_room;
};

/* The order of entries: directories before their content, whiteouts before their siblings. */
struct line {
	char *key, *path;
	bool is_whiteout;
};

static int by_key(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order_of_keys = strcmp(x->key, y->key);
	/* Names may hold the bytes that keys are made with: only equal paths are equal lines. */
	return order_of_keys ? order_of_keys : strcmp(x->path, y->path);
}

static char *make_key(const void *ctx, const char *path, bool is_whiteout)
{
	char *key = mem_array(ctx, char, 2 * strlen(path) + 3), *to = key;
	const char *last = strrchr(path, '/');
	for (const char *p = path; *p; p++) {
		if (p == path || p[-1] == '/')
			*to++ = is_whiteout && p == (last ? last + 1 : path) ? 1 : 2;
		*to++ = *p == '/' ? 1 : *p;
	}
	*to = '\0';
	return key;
}

static void add_line(struct line **lines, size_t *count, size_t *room, const char *path, bool is_whiteout)
{
	if (*count == *room) {
		*room = *room ? 2 * *room : 256;
		*lines = mem_grow(NULL, *lines, struct line, *room);
	}
	struct line *line = &(*lines)[(*count)++];
	line->path = mem_strdup(*lines, path);
	line->key = make_key(*lines, path, is_whiteout);
	line->is_whiteout = is_whiteout;
}

/* The changes and the directories above them, each once, in order. */
static struct line *order(const struct change *changes, unsigned change_count, size_t *ret_count)
{
	struct line *lines = mem_array(NULL, struct line, 1);
	size_t count = 0, room = 0;
	for (unsigned i = 0; i < change_count; i++) {
		char parent[PATH_ROOM];
		const char *path = changes[i].path + 1;
		if (strlen(path) >= sizeof(parent))
			continue;
		add_line(&lines, &count, &room, path, changes[i].kind == CHANGE_DELETED);
		memcpy(parent, path, strlen(path) + 1);
		for (char *slash; (slash = strrchr(parent, '/'));) {
			*slash = '\0';
			add_line(&lines, &count, &room, parent, false);
		}
	}
	qsort(lines, count, sizeof(*lines), by_key);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (!kept || by_key(&lines[kept - 1], &lines[i]) != 0)
			lines[kept++] = lines[i];
	*ret_count = kept;
	return lines;
}

static int write_whiteout(struct layer_writer *w, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	CLEANUP_TALLOC char *marker = mem_printf(NULL, "%.*s.wh.%s", (int)(name - path), path, name);
	struct archive_item item = { .path = marker, .mode = S_IFREG };
	return archive_writer_add(w->archive, &item, err);
}

static void read_xattrs(struct layer_writer *w, const void *ctx, const struct meta_entry *entry,
			struct archive_item *item)
{
	if (!entry->xattr)
		return;
	char *names = mem_array(ctx, char, XATTR_MAX);
	ssize_t n = meta_xattr_list(w->meta, entry, names, XATTR_MAX);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		const char *name = names + at;
		/* What is of the file, not of the machine; trusted.* is, and no other builder writes it. */
		if (strcmp(name, "security.capability") != 0 && !text_starts(name, "user.") &&
		    !text_starts(name, "system.posix_acl_"))
			continue;
		item->xattrs = mem_grow(ctx, item->xattrs, struct archive_xattr, item->xattr_count + 1);
		struct archive_xattr *x = &item->xattrs[item->xattr_count++];
		x->name = mem_strdup(ctx, name);
		x->value = mem_array(ctx, char, XATTR_MAX);
		x->value_size = meta_xattr_get(w->meta, entry, name, x->value, XATTR_MAX);
	}
}

static struct first_name *find_name(struct first_name *names, size_t room, uint64_t ino)
{
	size_t i = (ino * 0x9e3779b97f4a7c15ull) >> 20 & (room - 1);
	while (names[i].path && names[i].ino != ino)
		i = (i + 1) & (room - 1);
	return &names[i];
}

/* The path under which the inode went in before; NULL: this is the first. */
static const char *earlier_name(struct layer_writer *w, uint64_t ino, const char *path)
{
	if (2 * w->name_count >= w->name_room) {
		size_t room = w->name_room ? 2 * w->name_room : 256;
		struct first_name *grown = mem_array(w->archive, struct first_name, room);
		for (size_t i = 0; i < w->name_room; i++)
			if (w->names[i].path)
				*find_name(grown, room, w->names[i].ino) = w->names[i];
		talloc_free(w->names);
		w->names = grown;
		w->name_room = room;
	}
	struct first_name *name = find_name(w->names, w->name_room, ino);
	if (name->path)
		return name->path;
	*name = (struct first_name){ ino, mem_strdup(w->archive, path) };
	w->name_count++;
	return NULL;
}

/*
 * Leave the directory that holds `path` in parent_fd, and give the last component.  The guest may still be
 * running: a symlink that it puts in the way must not lead to files of the host (CVE-2018-15664).
 */
static int open_parent(struct layer_writer *w, const char *path, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? slash - path : 0;
	*ret_name = slash ? slash + 1 : path;
	if (w->parent_fd >= 0 && strncmp(w->parent_path, path, length) == 0 && !w->parent_path[length])
		return 0;
	char rest[PATH_ROOM];
	CLEANUP_CLOSE int fd = fcntl(w->root_fd, F_DUPFD_CLOEXEC, 3);
	memcpy(rest, path, length);
	rest[length] = '\0';
	char *save = NULL;
	for (char *part = strtok_r(rest, "/", &save); fd >= 0 && part; part = strtok_r(NULL, "/", &save)) {
		int child = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int number = errno;
		close(fd);
		fd = child;
		errno = number;
	}
	if (fd < 0)
		return error_set(err, errno, "cannot open the directory of '/%s' in the container", path);
	if (w->parent_fd >= 0)
		close(w->parent_fd);
	w->parent_fd = io_take_fd(&fd);
	memcpy(w->parent_path, path, length);
	w->parent_path[length] = '\0';
	return 0;
}

static int write_content(struct layer_writer *w, const char *path, const char *name, const struct stat *examined,
			 struct error *err)
{
	/* O_NONBLOCK: should a fifo be there now, opening it must not wait for a writer. */
	CLEANUP_CLOSE int fd = openat(w->parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open '/%s' in the container", path);
	if (st.st_ino != examined->st_ino || st.st_dev != examined->st_dev)
		return error_set(err, 0, "'/%s' in the container changes while it is read", path);
	int64_t size = examined->st_size;
	while (size > 0) {
		ssize_t n = io_read_all(fd, w->buffer, size < CHUNK ? (size_t)size : CHUNK);
		if (n <= 0)
			return error_set(err, -n, "'/%s' in the container changes while it is read", path);
		if (archive_writer_write(w->archive, w->buffer, n, err) < 0)
			return -1;
		size -= n;
	}
	return 0;
}

static int write_entry(struct layer_writer *w, const char *path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct stat st;
	struct meta_entry entry;
	const char *name;
	if (open_parent(w, path, &name, err) < 0)
		return -1;
	if (fstatat(w->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot examine '/%s' in the container", path);
	meta_get_or_default(w->meta, &st, &entry);
	struct archive_item item = {
		.path = mem_printf(scratch, "%s%s", path, S_ISDIR(entry.mode) ? "/" : ""),
		.mode = entry.mode, .uid = entry.uid, .gid = entry.gid, .rdev = entry.rdev,
		.size_bytes = S_ISREG(entry.mode) ? st.st_size : 0,
		.mtime_sec = st.st_mtim.tv_sec,
	};
	if (S_ISSOCK(entry.mode))
		return 0;
	if (!S_ISDIR(entry.mode) && st.st_nlink > 1 && !meta_is_shared(w->meta, &st)) {
		const char *earlier = earlier_name(w, st.st_ino, path);
		if (earlier) {
			item.is_hard_link = true;
			item.link_target = mem_strdup(scratch, earlier);
			return archive_writer_add(w->archive, &item, err);
		}
	}
	if (S_ISLNK(entry.mode)) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(w->parent_fd, name, target, sizeof(target) - 1);
		if (n < 0)
			return error_set(err, errno, "cannot read '/%s' in the container", path);
		target[n] = '\0';
		item.link_target = mem_strdup(scratch, target);
		item.mode = S_IFLNK | 0777;
	}
	read_xattrs(w, scratch, &entry, &item);
	if (archive_writer_add(w->archive, &item, err) < 0)
		return -1;
	return S_ISREG(entry.mode) ? write_content(w, path, name, &st, err) : 0;
}

static int close_parent(struct layer_writer *w)
{
	if (w->parent_fd >= 0)
		close(w->parent_fd);
	return 0;
}

int diff_write(const struct container *c, struct meta *meta, const struct change *changes, unsigned count,
	       archive_sink sink, void *arg, struct error *err)
{
	CLEANUP_TALLOC struct layer_writer *w = mem_new(NULL, struct layer_writer);
	size_t line_count;
	CLEANUP_TALLOC struct line *lines = order(changes, count, &line_count);
	CLEANUP_CLOSE int root_fd = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return error_set(err, errno, "cannot open '%s'", c->root);
	w->parent_fd = -1;
	talloc_set_destructor(w, close_parent);
	w->root_fd = root_fd;
	w->meta = meta;
	w->buffer = mem_array(w, char, CHUNK);
	if (archive_writer_open_sink(w, sink, arg, &w->archive, err) < 0)
		return -1;
	for (size_t i = 0; i < line_count; i++)
		if ((lines[i].is_whiteout ? write_whiteout(w, lines[i].path, err) :
					    write_entry(w, lines[i].path, err)) < 0)
			return -1;
	return archive_writer_close(w->archive, err);
}
