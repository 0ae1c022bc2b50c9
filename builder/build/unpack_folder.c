/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the unpacking into folders.  What is unpacked into layers is not its business. */
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
	struct unpack_request r;
	bool is_copy; /* into what others may have made */
	struct archive_reader *reader;
	char *buffer;
	struct folder_entry *folders;
	unsigned count, room;
};

/* The path in the folder of an archive's name: relative, and nowhere above where it begins.  "": that itself. */
static char *place(const void *ctx, const struct unpacking *u, const char *name)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/%s", name);
	text_clean_path(path);
	const char *rest = path + 1;
	for (unsigned i = 0; i < u->r.strip && *rest; i++) {
		rest += strcspn(rest, "/");
		rest += *rest == '/';
	}
	return mem_printf(ctx, "%s%s%s", u->r.prefix, *u->r.prefix && *rest ? "/" : "", rest);
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

/* A file that another takes the place of; its entry is forgotten with its last name. */
static int make_way(struct unpacking *u, int fd, const char *name)
{
	struct stat st;
	bool is_there = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (is_there && u->is_copy && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!is_there || unlinkat(fd, name, 0) == 0) {
		if (is_there && u->r.meta && st.st_nlink == 1)
			meta_drop(u->r.meta, st.st_dev, st.st_ino);
		return 0;
	}
	return io_remove_tree(fd, name);
}

/* What root would see of the inode at the name, as far as the inode itself does not show it. */
static int note(struct unpacking *u, int fd, const char *name, const struct archive_item *item, struct error *err)
{
	struct meta_entry entry;
	struct stat st;
	bool is_own = u->r.has_root_owners;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot examine '%s'", item->path);
	if (!u->r.meta)
		return is_own || fchownat(fd, name, item->uid, item->gid, AT_SYMLINK_NOFOLLOW) == 0 ?
			       0 :
			       error_set(err, errno, "cannot give '%s' its owner", item->path);
	meta_default(u->r.meta, &st, &entry);
	entry.uid = is_own ? 0 : item->uid;
	entry.gid = is_own ? 0 : item->gid;
	entry.mode = S_ISLNK(item->mode) ? S_IFLNK | 0777 : item->mode & (S_IFMT | 07777);
	entry.rdev = S_ISCHR(item->mode) || S_ISBLK(item->mode) ? item->rdev : 0;
	for (unsigned i = 0; i < item->xattr_count; i++)
		if (meta_xattr_set(u->r.meta, &entry, item->xattrs[i].name, item->xattrs[i].value,
				   item->xattrs[i].value_size, 0) < 0)
			return error_set(err, 0, "cannot keep the attributes of '%s'", item->path);
	meta_set(u->r.meta, &st, &entry);
	return 0;
}

static int unpack_directory(struct unpacking *u, int fd, const char *name, const char *path,
			    const struct archive_item *item, struct error *err)
{
	struct stat st;
	if (mkdirat(fd, name, 0755) < 0) {
		if (errno != EEXIST || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set(err, errno, "cannot make the folder '%s'", path);
		if (!S_ISDIR(st.st_mode) && u->is_copy)
			return error_set(err, 0, "cannot put the folder '%s' in the place of a file", path);
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
	return note(u, fd, name, item, err);
}

/* The mode that the inode itself gets; with a table that is one that lets us at it. */
static mode_t own_mode(const struct unpacking *u, mode_t mode)
{
	return u->r.meta ? (mode & 0777) | (S_ISDIR(mode) ? 0700 : 0600) : mode & 07777;
}

static int unpack_file(struct unpacking *u, int fd, const char *name, const struct archive_item *item, struct error *err)
{
	struct timespec times[2] = { { item->mtime_sec, item->mtime_nsec }, { item->mtime_sec, item->mtime_nsec } };
	bool is_device = !S_ISREG(item->mode);
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
	/* The owner first: it takes set-id bits away. */
	if (!u->r.meta && note(u, fd, name, item, err) < 0)
		return -1;
	if (fchmod(file, is_device ? 0600 : own_mode(u, item->mode)) < 0 || futimens(file, times) < 0)
		return error_set(err, errno, "cannot make '%s'", item->path);
	return u->r.meta ? note(u, fd, name, item, err) : 0;
}

static int unpack_link(struct unpacking *u, const char *path, const struct archive_item *item, struct error *err)
{
	CLEANUP_TALLOC char *target = place(NULL, u, item->link_target);
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
	int r = make_way(u, fd, name);
	if (r == 0 && linkat(from_fd, from, fd, name, 0) < 0)
		r = -errno;
	return r < 0 ? error_set(err, -r, "cannot link '%s'", item->path) : 0;
}

static int unpack_special(struct unpacking *u, int fd, const char *name, const struct archive_item *item,
			  struct error *err)
{
	struct timespec times[2] = { { item->mtime_sec, item->mtime_nsec }, { item->mtime_sec, item->mtime_nsec } };
	int r = S_ISLNK(item->mode) ? symlinkat(item->link_target, fd, name) :
				      mknodat(fd, name, (item->mode & S_IFMT) | own_mode(u, item->mode), item->rdev);
	if (r < 0 || utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot make '%s'", item->path);
	return note(u, fd, name, item, err);
}

static int unpack(struct unpacking *u, const struct archive_item *item, struct error *err)
{
	CLEANUP_TALLOC char *path = place(NULL, u, item->path);
	if (!*path || (u->r.keeps_top && strcmp(path, u->r.prefix) == 0)) {
		if (S_ISDIR(item->mode) && !item->is_hard_link)
			return 0;
		return error_set(err, 0, "'%s' would replace the folder that it goes into", item->path);
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
	int r = make_way(u, fd, name);
	if (r < 0)
		return error_set(err, -r, "cannot replace '%s'", item->path);
	if (S_ISLNK(item->mode) || S_ISFIFO(item->mode) || (!S_ISREG(item->mode) && !u->r.meta)) {
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
		if (fchmod(fd, own_mode(u, S_IFDIR | f->mode)) < 0 || futimens(fd, times) < 0)
			return error_set(err, errno, "cannot make the folder '%s'", f->path);
	}
	return 0;
}

static int unpack_all(struct unpacking *u, int fd, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct archive_item item;
	char digest[DIGEST_ROOM];
	int n;
	u->buffer = mem_array(scratch, char, CHUNK);
	if (source_of_folder(scratch, u->r.folder, &u->source, err) < 0 ||
	    source_cursor_open(scratch, u->source, &u->cursor, err) < 0 ||
	    archive_reader_open(scratch, fd, &u->reader, err) < 0)
		return -1;
	while ((n = archive_reader_next(u->reader, &item, err)) > 0)
		if (unpack(u, &item, err) < 0)
			return -1;
	if (n < 0 || finish_folders(u, err) < 0)
		return -1;
	return archive_reader_finish(u->reader, digest, err);
}

int unpack_folder(int fd, const char *folder, const char *meta_path, struct error *err)
{
	CLEANUP_TALLOC struct meta *meta = NULL;
	struct stat st;
	if (stat(folder, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", folder);
	if (meta_open(NULL, meta_path, st.st_dev, 0, &meta, err) < 0)
		return -1;
	struct unpacking u = { .r = { .folder = folder, .meta = meta, .prefix = "" } };
	return unpack_all(&u, fd, err);
}

int unpack_copy(int fd, const struct unpack_request *request, struct error *err)
{
	struct unpacking u = { .r = *request, .is_copy = true };
	return unpack_all(&u, fd, err);
}
