/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order and the form of a layer's entries; which there are, diff.c and layertar.c know. */
#include "oci/tarball.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/firstnames.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { PATH_ROOM = 65536, XATTR_MAX = 65536, CHUNK = 1 << 18 };

enum line_kind { LINE_ENTRY, LINE_LOWER_LINK, LINE_WHITEOUT, LINE_OPAQUE };

struct line {
	char *key, *path;
	char *target; /* of a lower link */
	enum line_kind kind;
	bool has_known;
	struct tarball_known known;
	unsigned number; /* in the order of adding */
};

struct tarball {
	struct meta *meta;
	const char *what;
	int root_fd;
	int64_t earliest_sec, latest_sec;
	const char *prefix;
	struct line *lines;
	unsigned line_count, line_room;
	/* while it is written */
	struct archive_writer *archive;
	char parent_path[PATH_ROOM]; /* the directory of the last entry: most entries are in the same one */
	int parent_fd;
	char *buffer;
	struct first_names *names; /* of inodes that are in the archive already */
};

/* ---- the order of entries ---- */

static int by_key(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = strcmp(x->key, y->key);
	/* Names may hold the bytes that keys are made with: only equal paths are equal lines. */
	return order ? order : strcmp(x->path, y->path);
}

static int by_key_and_number(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = by_key(a, b);
	return order ? order : x->number < y->number ? -1 : x->number > y->number;
}

/* Directories come before their content, whiteouts before their siblings. */
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

static struct line *add_line(struct tarball *t, const char *path, enum line_kind kind)
{
	if (t->line_count == t->line_room) {
		t->line_room = t->line_room ? 2 * t->line_room : 256;
		t->lines = mem_grow(t, t->lines, struct line, t->line_room);
	}
	struct line *line = &t->lines[t->line_count];
	*line = (struct line){ .kind = kind, .number = t->line_count++ };
	line->path = mem_strdup(t->lines, path);
	line->key = make_key(t->lines, path, kind >= LINE_WHITEOUT);
	return line;
}

static int close_parent(struct tarball *t)
{
	if (t->parent_fd >= 0)
		close(t->parent_fd);
	return 0;
}

struct tarball *tarball_new(const void *ctx, int root_fd, struct meta *meta, const char *what)
{
	struct tarball *t = mem_new(ctx, struct tarball);
	t->names = first_names_new(t);
	t->root_fd = root_fd;
	t->meta = meta;
	t->what = what;
	t->earliest_sec = INT64_MIN;
	t->latest_sec = INT64_MAX;
	t->prefix = "";
	t->parent_fd = -1;
	talloc_set_destructor(t, close_parent);
	return t;
}

void tarball_set_times(struct tarball *t, int64_t earliest_sec, int64_t latest_sec)
{
	t->earliest_sec = earliest_sec;
	t->latest_sec = latest_sec;
}

void tarball_set_prefix(struct tarball *t, const char *prefix)
{
	t->prefix = mem_strdup(t, prefix);
}

void tarball_add(struct tarball *t, const char *path, const struct tarball_known *known)
{
	struct line *line = add_line(t, path, LINE_ENTRY);
	line->has_known = known != NULL;
	if (known)
		line->known = *known;
}

void tarball_add_whiteout(struct tarball *t, const char *path)
{
	add_line(t, path, LINE_WHITEOUT);
}

void tarball_add_opaque(struct tarball *t, const char *path)
{
	CLEANUP_TALLOC char *marker = mem_printf(NULL, "%s%s.wh..wh..opq", path, *path ? "/" : "");
	add_line(t, marker, LINE_OPAQUE);
}

void tarball_add_lower_link(struct tarball *t, const char *path, const char *target)
{
	struct line *line = add_line(t, path, LINE_LOWER_LINK);
	line->target = mem_strdup(t->lines, target);
}

/* ---- their form ---- */

static int write_whiteout(struct tarball *t, const struct line *line, struct error *err)
{
	const char *name = text_base_name(line->path);
	CLEANUP_TALLOC char *marker = mem_printf(NULL, "%s%.*s%s%s", t->prefix, (int)(name - line->path),
						 line->path, line->kind == LINE_OPAQUE ? "" : ".wh.", name);
	struct archive_item item = { .path = marker, .mode = S_IFREG };
	return archive_writer_add(t->archive, &item, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct archive_xattr *)a)->name, ((const struct archive_xattr *)b)->name);
}

/* Is this attribute of the file, not of the machine? */
static bool tarball_keeps_xattr(const char *name)
{
	/* trusted.* is of the machine, and no other builder writes it. */
	return strcmp(name, "security.capability") == 0 || text_starts(name, "user.") ||
	       text_starts(name, "system.posix_acl_");
}

static void read_xattrs(struct tarball *t, const void *ctx, const struct meta_entry *entry, struct archive_item *item)
{
	if (!entry->xattr)
		return;
	char *names = mem_array(ctx, char, XATTR_MAX);
	ssize_t n = meta_xattr_list(t->meta, entry, names, XATTR_MAX);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		const char *name = names + at;
		if (!tarball_keeps_xattr(name))
			continue;
		item->xattrs = mem_grow(ctx, item->xattrs, struct archive_xattr, item->xattr_count + 1);
		struct archive_xattr *x = &item->xattrs[item->xattr_count++];
		x->name = mem_strdup(ctx, name);
		x->value = mem_array(ctx, char, XATTR_MAX);
		x->value_size = meta_xattr_get(t->meta, entry, name, x->value, XATTR_MAX);
	}
	/* The table has them in the order of setting. */
	if (item->xattr_count > 1)
		qsort(item->xattrs, item->xattr_count, sizeof(*item->xattrs), by_name);
}

/*
 * Leave the directory that holds `path` in parent_fd, and give the last component.  A guest may still be
 * running: a symlink that it puts in the way must not lead to files of the host (CVE-2018-15664).  -errno.
 */
static int open_parent(struct tarball *t, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? slash - path : 0;
	*ret_name = slash ? slash + 1 : path;
	if (t->parent_fd >= 0 && strncmp(t->parent_path, path, length) == 0 && !t->parent_path[length])
		return 0;
	char rest[PATH_ROOM];
	if (length >= sizeof(rest))
		return -ENAMETOOLONG;
	CLEANUP_CLOSE int fd = fcntl(t->root_fd, F_DUPFD_CLOEXEC, 3);
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
		return -errno;
	if (t->parent_fd >= 0)
		close(t->parent_fd);
	t->parent_fd = io_take_fd(&fd);
	memcpy(t->parent_path, path, length);
	t->parent_path[length] = '\0';
	return 0;
}

static int write_content(struct tarball *t, const char *path, const char *name, const struct stat *examined,
			 struct error *err)
{
	/* O_NONBLOCK: should a fifo be there now, opening it must not wait for a writer. */
	CLEANUP_CLOSE int fd = openat(t->parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open '/%s' in %s", path, t->what);
	if (st.st_ino != examined->st_ino || st.st_dev != examined->st_dev)
		return error_set(err, 0, "'/%s' in %s changes while it is read", path, t->what);
	int64_t size = examined->st_size;
	while (size > 0) {
		ssize_t n = io_read_all(fd, t->buffer, size < CHUNK ? (size_t)size : CHUNK);
		if (n <= 0)
			return error_set(err, -n, "'/%s' in %s changes while it is read", path, t->what);
		if (archive_writer_write(t->archive, t->buffer, n, err) < 0)
			return -1;
		size -= n;
	}
	return 0;
}

static int64_t time_of(const struct tarball *t, int64_t mtime_sec)
{
	return mtime_sec > t->latest_sec ? t->latest_sec : mtime_sec < t->earliest_sec ? t->earliest_sec : mtime_sec;
}

/* As the real root of an image is by default: no entry is needed for readers to make it so. */
static bool is_plain_root(const struct meta_entry *entry)
{
	return (entry->mode & 07777) == 0755 && !entry->uid && !entry->gid && !entry->xattr;
}

/* The inode's earlier name in the archive, when it has one. */
static const char *find_earlier(struct tarball *t, const struct line *line, const struct stat *st, mode_t shown)
{
	/* Links into a layer are counted by every container of it; those of the list itself count in a layer. */
	bool may_have = !S_ISDIR(shown) && st->st_nlink > 1 && (line->has_known || !meta_is_shared(t->meta, st));
	return may_have ? first_names_earlier(t->names, st->st_ino, line->path) : NULL;
}

static int write_inode(struct tarball *t, const struct line *line, const char *name, const struct stat *st,
		       struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct meta_entry entry;
	const char *path = line->path;
	meta_get_or_default(t->meta, st, &entry);
	if (S_ISSOCK(entry.mode) || (!*path && is_plain_root(&entry)))
		return 0;
	struct archive_item item = {
		.path = mem_printf(scratch, "%s%s%s", t->prefix, *path || *t->prefix ? path : ".",
				   S_ISDIR(entry.mode) && (*path || !*t->prefix) ? "/" : ""),
		.mode = entry.mode, .uid = entry.uid, .gid = entry.gid, .rdev = entry.rdev,
		.size_bytes = S_ISREG(entry.mode) ? st->st_size : 0,
		.mtime_sec = time_of(t, line->has_known ? line->known.mtime_sec : st->st_mtim.tv_sec),
	};
	const char *earlier = find_earlier(t, line, st, entry.mode);
	if (earlier) {
		item.is_hard_link = true;
		item.link_target = mem_printf(scratch, "%s%s", t->prefix, earlier);
		return archive_writer_add(t->archive, &item, err);
	}
	if (S_ISLNK(entry.mode)) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(t->parent_fd, name, target, sizeof(target) - 1);
		if (n < 0)
			return error_set(err, errno, "cannot read '/%s' in %s", path, t->what);
		target[n] = '\0';
		item.link_target = mem_strdup(scratch, target);
		item.mode = S_IFLNK | 0777;
	}
	read_xattrs(t, scratch, &entry, &item);
	if (archive_writer_add(t->archive, &item, err) < 0)
		return -1;
	return S_ISREG(entry.mode) ? write_content(t, path, name, st, err) : 0;
}

static int write_entry(struct tarball *t, const struct line *line, struct error *err)
{
	struct stat st;
	const char *name;
	int r = open_parent(t, line->path, &name);
	if (r == 0 && fstatat(t->parent_fd, *name ? name : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	/* A later entry of the same list may have taken the name, or that of a directory above it. */
	bool is_replaced = line->has_known && (r == -ENOENT || r == -ENOTDIR || r == -ELOOP ||
					       (r == 0 && st.st_ino != line->known.ino));
	if (is_replaced)
		return 0;
	if (r < 0)
		return error_set(err, -r, "cannot examine '/%s' in %s", line->path, t->what);
	return write_inode(t, line, name, &st, err);
}

static int write_lower_link(struct tarball *t, const struct line *line, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s%s", t->prefix, line->path);
	CLEANUP_TALLOC char *target = mem_printf(NULL, "%s%s", t->prefix, line->target);
	struct archive_item item = { .path = path, .link_target = target, .is_hard_link = true, .mode = S_IFREG | 0644 };
	return archive_writer_add(t->archive, &item, err);
}

int tarball_write(struct tarball *t, archive_sink sink, void *arg, struct error *err)
{
	struct archive_writer *archive;
	if (archive_writer_open_sink(t, sink, arg, &archive, err) < 0 || tarball_write_into(t, archive, err) < 0)
		return -1;
	return archive_writer_close(archive, err);
}

int tarball_write_into(struct tarball *t, struct archive_writer *archive, struct error *err)
{
	t->archive = archive;
	t->buffer = mem_array(t, char, CHUNK);
	if (t->line_count)
		qsort(t->lines, t->line_count, sizeof(*t->lines), by_key_and_number);
	for (unsigned i = 0; i < t->line_count; i++) {
		const struct line *line = &t->lines[i];
		if (i + 1 < t->line_count && by_key(line, line + 1) == 0)
			continue;
		int r = line->kind == LINE_ENTRY      ? write_entry(t, line, err) :
			line->kind == LINE_LOWER_LINK ? write_lower_link(t, line, err) :
							write_whiteout(t, line, err);
		if (r < 0)
			return -1;
	}
	return 0;
}
