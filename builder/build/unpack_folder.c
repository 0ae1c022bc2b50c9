/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the unpacking of contexts.  What is unpacked into layers is not its business. */
#include "builder/build/unpack_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/build/source.h"
#include "oci/archive.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { CHUNK = 1 << 18 };

/* A directory's mode and time are set at the end: it must be written to until then, and that changes its time. */
struct folder_entry {
	char *path;
	mode_t mode;
	int64_t mtime_sec;
	long mtime_nsec;
};

struct unpacking {
	struct source *source;
	struct source_cursor *cursor; /* at the folder `parent` */
	char *parent;                 /* as the archive names it, clean; NULL: nowhere yet */
	struct meta *meta;
	struct archive_reader *reader;
	char *buffer;
	struct folder_entry *folders;
	unsigned count, room;
};

/* Relative, and nowhere above where it begins. */
static char *clean(const void *ctx, const char *text)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/%s", text);
	text_clean_path(path);
	return mem_strdup(ctx, path + 1);
}

/* To the directory at the path, which is made as far as it is not there. */
static int go_making(struct unpacking *u, const char *path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *rest = mem_strdup(scratch, path), *at = mem_strdup(scratch, "");
	for (char *part = rest; *part;) {
		char *next = part + strcspn(part, "/"), *resolved;
		if (*next)
			*next++ = '\0';
		char *candidate = mem_printf(scratch, "%s%s%s", at, *at ? "/" : "", part);
		int r = source_resolve(scratch, u->source, candidate, true, &resolved);
		if (r == -ENOENT) {
			r = source_go(u->cursor, at);
			/* A symlink that leads nowhere is in the way. */
			if (r == 0 && mkdirat(source_folder_fd(u->cursor), part, 0755) < 0)
				r = -errno;
			resolved = candidate;
		}
		if (r < 0)
			return error_set(err, -r, "cannot make the folder '%s'", path);
		at = resolved;
		part = next;
	}
	int r = source_go(u->cursor, at);
	return r < 0 ? error_set(err, -r, "cannot open the folder '%s'", path) : 0;
}

/* The cursor goes to what holds the path; the last component. */
static const char *enter_parent(struct unpacking *u, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? slash - path : 0;
	if (!u->parent || strlen(u->parent) != length || memcmp(u->parent, path, length) != 0) {
		TALLOC_FREE(u->parent);
		CLEANUP_TALLOC char *parent = mem_strndup(NULL, path, length);
		if (go_making(u, parent, err) < 0)
			return NULL;
		u->parent = mem_strndup(u->reader, path, length);
	}
	return slash ? slash + 1 : path;
}

static int make_way(int fd, const char *name)
{
	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return io_remove_tree(fd, name);
}

/* What root would see of the inode, as far as the inode itself does not show it. */
static int note(struct unpacking *u, const struct stat *st, const struct archive_item *item, struct error *err)
{
	struct meta_entry entry;
	meta_default(u->meta, st, &entry);
	entry.uid = item->uid;
	entry.gid = item->gid;
	entry.mode = S_ISLNK(item->mode) ? S_IFLNK | 0777 : item->mode & (S_IFMT | 07777);
	entry.rdev = S_ISCHR(item->mode) || S_ISBLK(item->mode) ? item->rdev : 0;
	for (unsigned i = 0; i < item->xattr_count; i++)
		if (meta_xattr_set(u->meta, &entry, item->xattrs[i].name, item->xattrs[i].value,
				   item->xattrs[i].value_size, 0) < 0)
			return error_set(err, 0, "cannot keep the attributes of '%s'", item->path);
	meta_set(u->meta, st, &entry);
	return 0;
}

static int unpack_directory(struct unpacking *u, int fd, const char *name, const char *path,
			    const struct archive_item *item, struct error *err)
{
	struct stat st;
	if (mkdirat(fd, name, 0755) < 0) {
		if (errno != EEXIST || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set(err, errno, "cannot make the folder '%s'", path);
		if (!S_ISDIR(st.st_mode) && (unlinkat(fd, name, 0) < 0 || mkdirat(fd, name, 0755) < 0))
			return error_set(err, errno, "cannot make the folder '%s'", path);
	}
	/* Names that led through what was there may lead elsewhere now. */
	TALLOC_FREE(u->parent);
	if (u->count == u->room) {
		u->room = u->room ? 2 * u->room : 64;
		u->folders = mem_grow(u->reader, u->folders, struct folder_entry, u->room);
	}
	u->folders[u->count++] = (struct folder_entry){ mem_strdup(u->reader, path), item->mode & 07777, item->mtime_sec,
							item->mtime_nsec };
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot examine '%s'", path);
	return note(u, &st, item, err);
}

static int unpack_file(struct unpacking *u, int fd, const char *name, const struct archive_item *item, struct error *err)
{
	struct timespec times[2] = { { item->mtime_sec, item->mtime_nsec }, { item->mtime_sec, item->mtime_nsec } };
	bool is_device = !S_ISREG(item->mode);
	struct stat st;
	ssize_t n = 0;
	CLEANUP_CLOSE int file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return error_set(err, errno, "cannot make '%s'", item->path);
	while (!is_device && (n = archive_reader_read(u->reader, u->buffer, CHUNK, err)) > 0) {
		int r = io_write_all(file, u->buffer, n);
		if (r < 0)
			return error_set(err, -r, "cannot write '%s'", item->path);
	}
	if (n < 0)
		return -1;
	if (fchmod(file, is_device ? 0600 : (item->mode & 0777) | 0600) < 0 || futimens(file, times) < 0 ||
	    fstat(file, &st) < 0)
		return error_set(err, errno, "cannot make '%s'", item->path);
	return note(u, &st, item, err);
}

static int unpack_link(struct unpacking *u, const char *path, const struct archive_item *item, struct error *err)
{
	CLEANUP_TALLOC char *target = clean(NULL, item->link_target);
	const char *from = enter_parent(u, target, err);
	if (!from)
		return -1;
	CLEANUP_CLOSE int from_fd = fcntl(source_folder_fd(u->cursor), F_DUPFD_CLOEXEC, 3);
	const char *name = enter_parent(u, path, err);
	struct stat st, old;
	if (!name)
		return -1;
	int fd = source_folder_fd(u->cursor);
	if (!*from || fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
		return error_set(err, 0, "'%s' is a hard link to '%s', which is no file of the archive", item->path,
				 item->link_target);
	if (fstatat(fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino)
		return 0;
	int r = make_way(fd, name);
	if (r == 0 && linkat(from_fd, from, fd, name, 0) < 0)
		r = -errno;
	return r < 0 ? error_set(err, -r, "cannot link '%s'", item->path) : 0;
}

static int unpack_special(struct unpacking *u, int fd, const char *name, const struct archive_item *item,
			  struct error *err)
{
	struct timespec times[2] = { { item->mtime_sec, item->mtime_nsec }, { item->mtime_sec, item->mtime_nsec } };
	struct stat st;
	int r = S_ISLNK(item->mode) ? symlinkat(item->link_target, fd, name) :
				      mkfifoat(fd, name, (item->mode & 0777) | 0600);
	if (r < 0 || utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot make '%s'", item->path);
	return note(u, &st, item, err);
}

static int unpack(struct unpacking *u, const struct archive_item *item, struct error *err)
{
	CLEANUP_TALLOC char *path = clean(NULL, item->path);
	if (!*path) {
		if (S_ISDIR(item->mode) && !item->is_hard_link)
			return 0;
		return error_set(err, 0, "'%s' would replace the context itself", item->path);
	}
	if (item->is_hard_link)
		return unpack_link(u, path, item, err);
	if (S_ISSOCK(item->mode))
		return 0;
	const char *name = enter_parent(u, path, err);
	if (!name)
		return -1;
	int fd = source_folder_fd(u->cursor);
	if (S_ISDIR(item->mode))
		return unpack_directory(u, fd, name, path, item, err);
	int r = make_way(fd, name);
	if (r < 0)
		return error_set(err, -r, "cannot replace '%s'", item->path);
	if (S_ISLNK(item->mode) || S_ISFIFO(item->mode)) {
		TALLOC_FREE(u->parent);
		return unpack_special(u, fd, name, item, err);
	}
	return unpack_file(u, fd, name, item, err);
}

/* Children before parents: the other way round a parent might close itself. */
static int finish_folders(struct unpacking *u, struct error *err)
{
	TALLOC_FREE(u->parent);
	for (unsigned i = u->count; i-- > 0;) {
		const struct folder_entry *f = &u->folders[i];
		struct timespec times[2] = { { f->mtime_sec, f->mtime_nsec }, { f->mtime_sec, f->mtime_nsec } };
		/* It may have been replaced since. */
		if (source_go(u->cursor, f->path) < 0)
			continue;
		int fd = source_folder_fd(u->cursor);
		if (fchmod(fd, (f->mode & 0777) | 0700) < 0 || futimens(fd, times) < 0)
			return error_set(err, errno, "cannot make the folder '%s'", f->path);
	}
	return 0;
}

int unpack_folder(int fd, const char *folder, const char *meta_path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct unpacking u = { .buffer = mem_array(scratch, char, CHUNK) };
	struct archive_item item;
	char digest[DIGEST_ROOM];
	struct stat st;
	int n;
	if (source_of_folder(scratch, folder, &u.source, err) < 0 ||
	    source_cursor_open(scratch, u.source, &u.cursor, err) < 0)
		return -1;
	if (stat(folder, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", folder);
	if (meta_open(scratch, meta_path, st.st_dev, 0, &u.meta, err) < 0 ||
	    archive_reader_open(scratch, fd, &u.reader, err) < 0)
		return -1;
	while ((n = archive_reader_next(u.reader, &item, err)) > 0)
		if (unpack(&u, &item, err) < 0)
			return -1;
	if (n < 0 || finish_folders(&u, err) < 0)
		return -1;
	return archive_reader_finish(u.reader, digest, err);
}
