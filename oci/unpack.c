/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the way from a layer's tar to a directory.  Every name is walked component by component from the
 * layer's own root without following symlinks; a symlink in the middle is resolved inside that root.
 */
#include "oci/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/archive.h"
#include "oci/tree.h"
#include "tracer/base/io.h"
#include "tracer/base/meta.h"

enum { LINK_LIMIT = 40, PATH_ROOM = 65536 };

struct unpacker {
	struct archive_reader *reader;
	struct archive_item item;
	struct meta *meta;
	FILE *tree;
	int root_fd;
	char *buffer;
	/* The directory that the last entry was in: most entries are in the same one. */
	char parent_path[PATH_ROOM];
	int parent_fd;
	char full_path[PATH_ROOM]; /* of the current entry, resolved, without a leading slash; "" the root */
};

static int fail(const struct unpacker *u, int number, const char *what, struct error *err)
{
	return error_set(err, number, "cannot %s '%s'", what, u->item.path);
}

static int record(struct unpacker *u, enum tree_kind kind, const char *path, const char *target,
		  const struct stat *st, bool has_entry, struct error *err)
{
	struct tree_record r = {
		.kind = kind,
		.has_entry = has_entry,
		.mode = st ? st->st_mode & 07777 : 0,
		.path = path,
		.path_size = strlen(path) + 1,
		.target = target,
		.target_size = target ? strlen(target) + 1 : 0,
		.ino = st ? st->st_ino : 0,
		.size_bytes = st ? st->st_size : 0,
		.mtime_sec = u->item.mtime_sec,
		.mtime_nsec = u->item.mtime_nsec,
	};
	return tree_write(u->tree, &r) < 0 ? error_set(err, errno, "cannot write the layer's tree") : 0;
}

/* Open the directory `path` below `fd`, making it, implied, when missing; -errno, -ELOOP for a symlink. */
static int enter(struct unpacker *u, int fd, const char *name, const char *path, struct error *err)
{
	int child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child >= 0)
		return child;
	if (errno == ENOTDIR || errno == ELOOP) {
		struct stat st;
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			return -ELOOP;
		/* Something else gives way to the directory that this entry needs. */
		if (unlinkat(fd, name, 0) < 0)
			return -errno;
	} else if (errno != ENOENT) {
		return -errno;
	}
	if (mkdirat(fd, name, 0755) < 0)
		return -errno;
	struct stat st;
	child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0 || fstat(child, &st) < 0)
		return -errno;
	meta_drop(u->meta, st.st_dev, st.st_ino);
	return record(u, TREE_IMPLIED, path, NULL, &st, false, err) < 0 ? -EIO : child;
}

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = '\0';
}

/*
 * Resolve all but the last component of `name` inside the layer: leaves the directory in parent_fd and
 * the last component in *ret_last ("" when the name is the root itself).
 */
static int open_parent(struct unpacker *u, const char *name, char ret_last[NAME_MAX + 1], struct error *err)
{
	char rest[PATH_ROOM], at[PATH_ROOM] = "", path[PATH_ROOM];
	unsigned links = 0;
	CLEANUP_CLOSE int fd = dup(u->root_fd);
	if (fd < 0 || strlen(name) >= sizeof(rest))
		return fail(u, fd < 0 ? errno : ENAMETOOLONG, "unpack", err);
	memcpy(rest, name, strlen(name) + 1);
	ret_last[0] = '\0';
	for (char *part = rest;;) {
		part += strspn(part, "/");
		size_t length = strcspn(part, "/");
		char *next = part + length + strspn(part + length, "/");
		if (!length)
			break;
		if (length > NAME_MAX)
			return fail(u, ENAMETOOLONG, "unpack", err);
		bool is_last = !*next;
		if (length == 1 && part[0] == '.') {
			part = next;
			continue;
		}
		char component[NAME_MAX + 1];
		memcpy(component, part, length);
		component[length] = '\0';
		if (strcmp(component, "..") == 0) {
			/* The layer's root is its own parent. */
			cut_last(at);
			close(fd);
			fd = *at ? openat(u->root_fd, at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
				   dup(u->root_fd);
			if (fd < 0)
				return fail(u, errno, "unpack", err);
			part = next;
			continue;
		}
		if (is_last) {
			memcpy(ret_last, component, length + 1);
			break;
		}
		if (snprintf(path, sizeof(path), "%s%s%s", at, *at ? "/" : "", component) >= (int)sizeof(path))
			return fail(u, ENAMETOOLONG, "unpack", err);
		int child = enter(u, fd, component, path, err);
		if (child == -ELOOP) {
			char target[PATH_MAX], joined[PATH_ROOM];
			ssize_t n = readlinkat(fd, component, target, sizeof(target) - 1);
			if (n < 0 || ++links > LINK_LIMIT)
				return fail(u, n < 0 ? errno : ELOOP, "unpack", err);
			target[n] = '\0';
			if (snprintf(joined, sizeof(joined), "%s/%s", target, next) >= (int)sizeof(joined))
				return fail(u, ENAMETOOLONG, "unpack", err);
			memcpy(rest, joined, strlen(joined) + 1);
			part = rest;
			if (target[0] == '/') {
				at[0] = '\0';
				close(fd);
				fd = dup(u->root_fd);
			}
			continue;
		}
		if (child < 0)
			return fail(u, -child, "unpack", err);
		close(fd);
		fd = child;
		memcpy(at, path, strlen(path) + 1);
		part = next;
	}
	if (u->parent_fd >= 0)
		close(u->parent_fd);
	u->parent_fd = io_take_fd(&fd);
	memcpy(u->parent_path, at, strlen(at) + 1);
	if (snprintf(u->full_path, sizeof(u->full_path), "%s%s%s", at, *at && *ret_last ? "/" : "", ret_last) >=
	    (int)sizeof(u->full_path))
		return fail(u, ENAMETOOLONG, "unpack", err);
	return 0;
}

/* What root would see of the inode, into the table; says whether it needed an entry. */
static int note(struct unpacker *u, const struct stat *st, mode_t mode, bool *ret_has_entry, struct error *err)
{
	struct meta_entry entry;
	const struct archive_item *item = &u->item;
	meta_default(u->meta, st, &entry);
	entry.uid = item->uid;
	entry.gid = item->gid;
	entry.mode = mode;
	entry.rdev = S_ISCHR(mode) || S_ISBLK(mode) ? item->rdev : 0;
	for (unsigned i = 0; i < item->xattr_count; i++) {
		const struct archive_xattr *x = &item->xattrs[i];
		/* The host's labels mean nothing elsewhere. */
		if (strcmp(x->name, "security.selinux") == 0 || strcmp(x->name, "system.nfs4_acl") == 0)
			continue;
		if (meta_xattr_set(u->meta, &entry, x->name, x->value, x->value_size, 0) < 0)
			return fail(u, 0, "keep the attributes of", err);
	}
	meta_set(u->meta, st, &entry);
	*ret_has_entry = meta_get(u->meta, st->st_dev, st->st_ino, &entry);
	return 0;
}

static int unpack_directory(struct unpacker *u, const char *name, struct error *err)
{
	struct stat st;
	bool has_entry;
	mode_t real = (u->item.mode & 0777) | 0700;
	if (*name && mkdirat(u->parent_fd, name, real) < 0) {
		if (errno != EEXIST || fstatat(u->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(u, errno, "unpack", err);
		if (!S_ISDIR(st.st_mode) &&
		    (unlinkat(u->parent_fd, name, 0) < 0 || mkdirat(u->parent_fd, name, real) < 0))
			return fail(u, errno, "unpack", err);
	}
	CLEANUP_CLOSE int fd = *name ? openat(u->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
				       dup(u->root_fd);
	if (fd < 0 || fchmod(fd, real) < 0 || fstat(fd, &st) < 0)
		return fail(u, errno, "unpack", err);
	if (note(u, &st, S_IFDIR | (u->item.mode & 07777), &has_entry, err) < 0)
		return -1;
	return record(u, TREE_DIRECTORY, u->full_path, NULL, &st, has_entry, err);
}

/* Whatever has the name now goes: the later entry wins. */
static int make_way(struct unpacker *u, const char *name, struct error *err)
{
	if (unlinkat(u->parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	int r = io_remove_tree(u->parent_fd, name);
	return r < 0 ? fail(u, -r, "replace", err) : 0;
}

static int unpack_file(struct unpacker *u, const char *name, struct error *err)
{
	const struct archive_item *item = &u->item;
	bool is_device = S_ISCHR(item->mode) || S_ISBLK(item->mode), has_entry;
	/* No write bit for anybody: containers link to this very inode. */
	mode_t real = is_device ? 0444 : (item->mode & 0555) | 0400;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	CLEANUP_CLOSE int fd = openat(u->parent_fd, name, flags, real);
	if (fd < 0 && (errno == EEXIST || errno == EISDIR)) {
		if (make_way(u, name, err) < 0)
			return -1;
		fd = openat(u->parent_fd, name, flags, real);
	}
	if (fd < 0)
		return fail(u, errno, "unpack", err);
	for (ssize_t n; !is_device && (n = archive_reader_read(u->reader, u->buffer, 1 << 18, err)) != 0;) {
		if (n < 0)
			return error_wrap(err, "'%s'", item->path);
		int r = io_write_all(fd, u->buffer, n);
		if (r < 0)
			return fail(u, -r, "write", err);
	}
	struct timespec times[2] = { { item->mtime_sec, item->mtime_nsec }, { item->mtime_sec, item->mtime_nsec } };
	struct stat st;
	if (futimens(fd, times) < 0 || fstat(fd, &st) < 0)
		return fail(u, errno, "unpack", err);
	if (note(u, &st, item->mode & (S_IFMT | 07777), &has_entry, err) < 0)
		return -1;
	return record(u, TREE_FILE, u->full_path, NULL, &st, has_entry, err);
}

static int unpack_special(struct unpacker *u, const char *name, struct error *err)
{
	const struct archive_item *item = &u->item;
	struct stat st;
	bool has_entry;
	if (make_way(u, name, err) < 0)
		return -1;
	int r = S_ISLNK(item->mode) ? symlinkat(item->link_target, u->parent_fd, name) :
				      mkfifoat(u->parent_fd, name, (item->mode & 0777) | 0600);
	struct timespec times[2] = { { item->mtime_sec, item->mtime_nsec }, { item->mtime_sec, item->mtime_nsec } };
	if (r < 0 || utimensat(u->parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(u->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(u, errno, "unpack", err);
	mode_t mode = S_ISLNK(item->mode) ? S_IFLNK | 0777 : item->mode & (S_IFMT | 07777);
	if (note(u, &st, mode, &has_entry, err) < 0)
		return -1;
	return record(u, S_ISLNK(mode) ? TREE_SYMLINK : TREE_FIFO, u->full_path,
		      S_ISLNK(mode) ? item->link_target : NULL, &st, has_entry, err);
}

static int unpack_hard_link(struct unpacker *u, struct error *err)
{
	char target_name[NAME_MAX + 1], name[NAME_MAX + 1], target_path[PATH_ROOM];
	/* Absolute targets are taken from the root, as everything is. */
	if (open_parent(u, u->item.link_target, target_name, err) < 0)
		return -1;
	memcpy(target_path, u->full_path, strlen(u->full_path) + 1);
	CLEANUP_CLOSE int target_fd = io_take_fd(&u->parent_fd);
	if (open_parent(u, u->item.path, name, err) < 0)
		return -1;
	if (!*name || !*target_name)
		return fail(u, 0, "link the root to", err);
	struct stat st, old;
	struct meta_entry entry;
	if (fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return fail(u, errno, "link", err);
		if (make_way(u, name, err) < 0)
			return -1;
		return record(u, TREE_LOWER_LINK, u->full_path, target_path, NULL, false, err);
	}
	if (S_ISDIR(st.st_mode))
		return fail(u, EPERM, "link", err);
	bool is_itself = fstatat(u->parent_fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino;
	if (!is_itself && (make_way(u, name, err) < 0 ||
			   linkat(target_fd, target_name, u->parent_fd, name, 0) < 0))
		return err->text[0] ? -1 : fail(u, errno, "link", err);
	enum tree_kind kind = S_ISLNK(st.st_mode) ? TREE_SYMLINK : S_ISFIFO(st.st_mode) ? TREE_FIFO : TREE_FILE;
	char target[PATH_MAX] = "";
	if (kind == TREE_SYMLINK) {
		ssize_t n = readlinkat(target_fd, target_name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
	}
	u->item.mtime_sec = st.st_mtim.tv_sec;
	u->item.mtime_nsec = st.st_mtim.tv_nsec;
	return record(u, kind, u->full_path, kind == TREE_SYMLINK ? target : NULL, &st,
		      meta_get(u->meta, st.st_dev, st.st_ino, &entry), err);
}

/* image-spec layer.md: ".wh.NAME" removes NAME of the layers below, ".wh..wh..opq" all of the directory. */
static int unpack_whiteout(struct unpacker *u, const char *name, struct error *err)
{
	char path[PATH_ROOM];
	if (strcmp(name, ".wh..wh..opq") == 0)
		return record(u, TREE_OPAQUE, u->parent_path, NULL, NULL, false, err);
	if (strncmp(name, ".wh..wh.", 8) == 0)
		return 0; /* aufs' own bookkeeping */
	const char *removed = name + 4;
	if (!*removed || strcmp(removed, ".") == 0 || strcmp(removed, "..") == 0)
		return fail(u, 0, "remove what is named by the whiteout", err);
	if (snprintf(path, sizeof(path), "%s%s%s", u->parent_path, *u->parent_path ? "/" : "", removed) >=
	    (int)sizeof(path))
		return fail(u, ENAMETOOLONG, "remove what is named by", err);
	return record(u, TREE_WHITEOUT, path, NULL, NULL, false, err);
}

static int unpack_item(struct unpacker *u, struct error *err)
{
	char name[NAME_MAX + 1];
	mode_t mode = u->item.mode;
	if (u->item.is_hard_link)
		return unpack_hard_link(u, err);
	if (open_parent(u, u->item.path, name, err) < 0)
		return -1;
	if (!*name && !S_ISDIR(mode))
		return fail(u, 0, "unpack: the layer's root must be a directory, not", err);
	if (strncmp(name, ".wh.", 4) == 0)
		return unpack_whiteout(u, name, err);
	if (S_ISDIR(mode))
		return unpack_directory(u, name, err);
	if (S_ISREG(mode) || S_ISCHR(mode) || S_ISBLK(mode))
		return unpack_file(u, name, err);
	if (S_ISLNK(mode) || S_ISFIFO(mode))
		return unpack_special(u, name, err);
	return S_ISSOCK(mode) ? 0 : fail(u, 0, "unpack the unknown type of", err);
}

static int unpack_all(struct unpacker *u, int fd, char ret_diff_id[DIGEST_ROOM], struct error *err)
{
	int n;
	if (archive_reader_open(u, fd, &u->reader, err) < 0)
		return -1;
	while ((n = archive_reader_next(u->reader, &u->item, err)) == 1)
		if (unpack_item(u, err) < 0)
			return -1;
	return n < 0 ? -1 : archive_reader_finish(u->reader, ret_diff_id, err);
}

int unpack_layer(int fd, const char *dir, char ret_diff_id[DIGEST_ROOM], struct error *err)
{
	CLEANUP_TALLOC struct unpacker *u = mem_new(NULL, struct unpacker);
	char *fs = mem_printf(u, "%s/fs", dir), *tree = mem_printf(u, "%s/tree", dir);
	struct stat st;
	u->parent_fd = -1;
	u->buffer = mem_array(u, char, 1 << 18);
	if (mkdir(fs, 0755) < 0)
		return error_set(err, errno, "cannot make '%s'", fs);
	CLEANUP_CLOSE int root_fd = open(fs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || fstat(root_fd, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", fs);
	u->root_fd = root_fd;
	if (meta_open(u, mem_printf(u, "%s/meta", dir), st.st_dev, META_SHARED_LAYERS, &u->meta, err) < 0)
		return -1;
	u->tree = fopen(tree, "we");
	if (!u->tree)
		return error_set(err, errno, "cannot create '%s'", tree);
	int r = unpack_all(u, fd, ret_diff_id, err);
	if (fclose(u->tree) != 0 && r == 0)
		r = error_set(err, errno, "cannot write '%s'", tree);
	if (u->parent_fd >= 0)
		close(u->parent_fd);
	return r;
}
