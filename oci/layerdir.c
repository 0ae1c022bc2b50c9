/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the making of a layer's directory: real inodes in fs/, what root sees of them in the table, the list of
 * entries in `tree`.  What is to be made, and of what, its callers know: unpack.c, workspace.c, and COPY.
 */
#include "oci/layerdir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/layerdir_private.h"
#include "oci/layerplace.h"
#include "oci/store_private.h"
#include "tracer/base/io.h"

enum { CHUNK = 1 << 18, XATTR_MAX = 65536 };

static int close_layerdir(struct layerdir *d)
{
	if (d->parent_fd >= 0)
		close(d->parent_fd);
	if (d->root_fd >= 0)
		close(d->root_fd);
	if (d->tree)
		fclose(d->tree);
	if (d->store && !d->is_finished && d->dir)
		io_remove_tree(AT_FDCWD, d->dir);
	return 0;
}

static int open_in(struct layerdir *d, struct error *err)
{
	struct stat st;
	CLEANUP_TALLOC char *fs = mem_printf(NULL, "%s/fs", d->dir), *tree = mem_printf(NULL, "%s/tree", d->dir);
	if (mkdir(fs, 0755) < 0)
		return error_set(err, errno, "cannot make '%s'", fs);
	d->root_fd = open(fs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->root_fd < 0 || fstat(d->root_fd, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", fs);
	if (meta_open(d, mem_printf(d, "%s/meta", d->dir), st.st_dev, META_SHARED_LAYERS, &d->meta, err) < 0)
		return -1;
	d->tree = fopen(tree, "we");
	return d->tree ? 0 : error_set(err, errno, "cannot create '%s'", tree);
}

static struct layerdir *new_layerdir(const void *ctx)
{
	struct layerdir *d = mem_new(ctx, struct layerdir);
	d->root_fd = d->parent_fd = -1;
	talloc_set_destructor(d, close_layerdir);
	return d;
}

int layerdir_begin(const void *ctx, struct store *s, struct layerdir **ret, struct error *err)
{
	struct layerdir *d = new_layerdir(ctx);
	d->store = s;
	if (store_make_tmp(d, s, &d->dir, err) < 0 || open_in(d, err) < 0) {
		talloc_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

int layerdir_begin_in(const void *ctx, const char *dir, struct layerdir **ret, struct error *err)
{
	struct layerdir *d = new_layerdir(ctx);
	d->dir = mem_strdup(d, dir);
	if (open_in(d, err) < 0) {
		talloc_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

int layerdir_root_fd(const struct layerdir *d)
{
	return d->root_fd;
}

void layer_attributes_of(const void *ctx, struct meta *meta, const struct meta_entry *entry, const struct stat *real,
			 struct layer_attributes *ret)
{
	*ret = (struct layer_attributes){
		.mode = entry->mode, .uid = entry->uid, .gid = entry->gid, .rdev = entry->rdev,
		.mtime_sec = real->st_mtim.tv_sec, .mtime_nsec = real->st_mtim.tv_nsec,
	};
	if (!entry->xattr)
		return;
	CLEANUP_TALLOC char *names = mem_array(NULL, char, XATTR_MAX), *value = mem_array(NULL, char, XATTR_MAX);
	struct archive_xattr *list = NULL;
	ssize_t n = meta_xattr_list(meta, entry, names, XATTR_MAX);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		ssize_t size = meta_xattr_get(meta, entry, names + at, value, XATTR_MAX);
		if (size < 0)
			continue;
		list = mem_grow(ctx, list, struct archive_xattr, ret->xattr_count + 1);
		list[ret->xattr_count++] = (struct archive_xattr){
			mem_strdup(ctx, names + at), mem_memdup(ctx, value, size), size
		};
	}
	ret->xattrs = list;
}

/* ---- entries ---- */

/* What root would see of the inode, into the table; says whether it needed an entry. */
static int note(struct layerdir *d, const char *path, const struct stat *st, const struct layer_attributes *a,
		bool *ret_has_entry, struct error *err)
{
	struct meta_entry entry;
	meta_default(d->meta, st, &entry);
	entry.uid = a->uid;
	entry.gid = a->gid;
	entry.mode = a->mode & (S_IFMT | 07777);
	entry.rdev = S_ISCHR(a->mode) || S_ISBLK(a->mode) ? a->rdev : 0;
	for (unsigned i = 0; i < a->xattr_count; i++) {
		const struct archive_xattr *x = &a->xattrs[i];
		/* The host's labels mean nothing elsewhere. */
		if (strcmp(x->name, "security.selinux") == 0 || strcmp(x->name, "system.nfs4_acl") == 0)
			continue;
		if (meta_xattr_set(d->meta, &entry, x->name, x->value, x->value_size, 0) < 0)
			return layerdir_fail(0, "keep the attributes of", path, err);
	}
	meta_set(d->meta, st, &entry);
	*ret_has_entry = meta_get(d->meta, st->st_dev, st->st_ino, &entry);
	return 0;
}

int layerdir_directory(struct layerdir *d, const char *path, const struct layer_attributes *a, struct error *err)
{
	struct stat st;
	bool has_entry;
	mode_t real = (a->mode & 0777) | 0700;
	const char *name = layerdir_open_parent(d, path, err);
	if (!name)
		return -1;
	if (*name && mkdirat(d->parent_fd, name, real) < 0) {
		if (errno != EEXIST || fstatat(d->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return layerdir_fail(errno, "make", path, err);
		if (!S_ISDIR(st.st_mode) &&
		    (unlinkat(d->parent_fd, name, 0) < 0 || mkdirat(d->parent_fd, name, real) < 0))
			return layerdir_fail(errno, "make", path, err);
	}
	CLEANUP_CLOSE int fd = *name ? openat(d->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
				       fcntl(d->root_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || fchmod(fd, real) < 0 || fstat(fd, &st) < 0)
		return layerdir_fail(errno, "make", path, err);
	if (note(d, path, &st, a, &has_entry, err) < 0)
		return -1;
	return layerdir_record(d, TREE_DIRECTORY, path, NULL, &st, has_entry, a, err);
}

/* A new regular file, without a write bit for anybody: containers link to this very inode. */
static int create(struct layerdir *d, const char *path, mode_t real, const char **ret_name, struct error *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	const char *name = layerdir_open_parent_of_leaf(d, path, err);
	if (!name)
		return -1;
	int fd = openat(d->parent_fd, name, flags, real);
	if (fd < 0 && (errno == EEXIST || errno == EISDIR)) {
		if (layerdir_make_way(d, name, path, err) < 0)
			return -1;
		fd = openat(d->parent_fd, name, flags, real);
	}
	*ret_name = name;
	return fd < 0 ? layerdir_fail(errno, "make", path, err) : fd;
}

static mode_t real_file_mode(mode_t mode)
{
	return (mode & 0555) | 0400;
}

static int complete_file(struct layerdir *d, const char *path, int fd, const struct layer_attributes *a,
			 struct error *err)
{
	struct timespec times[2] = { { a->mtime_sec, a->mtime_nsec }, { a->mtime_sec, a->mtime_nsec } };
	struct stat st;
	bool has_entry;
	if (futimens(fd, times) < 0 || fstat(fd, &st) < 0)
		return layerdir_fail(errno, "make", path, err);
	if (note(d, path, &st, a, &has_entry, err) < 0)
		return -1;
	return layerdir_record(d, TREE_FILE, path, NULL, &st, has_entry, a, err);
}

int layerdir_file(struct layerdir *d, const char *path, const struct layer_attributes *a, int from_fd,
		  struct error *err)
{
	const char *name;
	CLEANUP_CLOSE int fd = create(d, path, real_file_mode(a->mode), &name, err);
	if (fd < 0)
		return -1;
	int r = io_copy_bytes(from_fd, fd);
	return r < 0 ? layerdir_fail(-r, "write", path, err) : complete_file(d, path, fd, a, err);
}

int layerdir_file_stream(struct layerdir *d, const char *path, const struct layer_attributes *a,
			 ssize_t (*read_bytes)(void *arg, void *buffer, size_t size, struct error *err), void *arg,
			 struct error *err)
{
	const char *name;
	CLEANUP_CLOSE int fd = create(d, path, real_file_mode(a->mode), &name, err);
	if (fd < 0)
		return -1;
	if (!d->buffer)
		d->buffer = mem_array(d, char, CHUNK);
	for (ssize_t n; (n = read_bytes(arg, d->buffer, CHUNK, err)) != 0;) {
		if (n < 0)
			return error_wrap(err, "'/%s'", path);
		int r = io_write_all(fd, d->buffer, n);
		if (r < 0)
			return layerdir_fail(-r, "write", path, err);
	}
	return complete_file(d, path, fd, a, err);
}

int layerdir_take(struct layerdir *d, const char *path, const struct layer_attributes *a, int dir_fd,
		  const char *from_name, bool *ret_is_shared, struct error *err)
{
	struct stat st;
	bool has_entry;
	const char *name = layerdir_make_way_to(d, path, err);
	if (!name)
		return -1;
	*ret_is_shared = linkat(dir_fd, from_name, d->parent_fd, name, 0) == 0;
	if (!*ret_is_shared) {
		if (errno != EXDEV && errno != EMLINK && errno != EPERM && errno != EOPNOTSUPP)
			return layerdir_fail(errno, "link", path, err);
		CLEANUP_CLOSE int from = openat(dir_fd, from_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		return from < 0 ? layerdir_fail(errno, "read", path, err) : layerdir_file(d, path, a, from, err);
	}
	if (fstatat(d->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(errno, "examine", path, err);
	/* One that is shared already keeps its real mode: other tables rest on it. */
	if ((st.st_mode & 0222) && (fchmodat(d->parent_fd, name, real_file_mode(a->mode), 0) < 0 ||
				    fstatat(d->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0))
		return layerdir_fail(errno, "share", path, err);
	if (note(d, path, &st, a, &has_entry, err) < 0)
		return -1;
	return layerdir_record(d, TREE_FILE, path, NULL, &st, has_entry, a, err);
}

/* Links of all layers of a name: symlinks, fifos. */
static int complete_special(struct layerdir *d, const char *path, const char *name, const struct layer_attributes *a,
			    const char *target, struct error *err)
{
	struct timespec times[2] = { { a->mtime_sec, a->mtime_nsec }, { a->mtime_sec, a->mtime_nsec } };
	struct layer_attributes shown = *a;
	struct stat st;
	bool has_entry;
	if (utimensat(d->parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(d->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(errno, "make", path, err);
	if (target)
		shown.mode = S_IFLNK | 0777;
	if (note(d, path, &st, &shown, &has_entry, err) < 0)
		return -1;
	return layerdir_record(d, target ? TREE_SYMLINK : TREE_FIFO, path, target, &st, has_entry, a, err);
}

int layerdir_symlink(struct layerdir *d, const char *path, const struct layer_attributes *a, const char *target,
		     struct error *err)
{
	const char *name = layerdir_make_way_to(d, path, err);
	if (!name)
		return -1;
	if (symlinkat(target, d->parent_fd, name) < 0)
		return layerdir_fail(errno, "make the symlink", path, err);
	return complete_special(d, path, name, a, target, err);
}

int layerdir_special(struct layerdir *d, const char *path, const struct layer_attributes *a, struct error *err)
{
	const char *name;
	if (S_ISSOCK(a->mode))
		return 0;
	if (S_ISCHR(a->mode) || S_ISBLK(a->mode)) {
		/* An empty file with an entry in the table. */
		CLEANUP_CLOSE int fd = create(d, path, 0444, &name, err);
		return fd < 0 ? -1 : complete_file(d, path, fd, a, err);
	}
	if (!S_ISFIFO(a->mode))
		return layerdir_fail(0, "make the unknown type of", path, err);
	name = layerdir_make_way_to(d, path, err);
	if (!name)
		return -1;
	if (mkfifoat(d->parent_fd, name, (a->mode & 0777) | 0600) < 0)
		return layerdir_fail(errno, "make the fifo", path, err);
	return complete_special(d, path, name, a, NULL, err);
}

int layerdir_link(struct layerdir *d, const char *path, const char *earlier_path, struct error *err)
{
	struct stat st, old;
	struct meta_entry entry;
	char target[PATH_MAX] = "";
	const char *from = layerdir_open_parent(d, earlier_path, err);
	if (!from)
		return -1;
	CLEANUP_CLOSE int from_fd = io_take_fd(&d->parent_fd);
	const char *name = layerdir_open_parent(d, path, err);
	if (!name)
		return -1;
	if (!*from || !*name)
		return error_set(err, EPERM, "cannot link '/%s' to '/%s' in a layer", path, earlier_path);
	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(errno, "link to", earlier_path, err);
	if (S_ISDIR(st.st_mode))
		return layerdir_fail(EPERM, "link to", earlier_path, err);
	bool is_itself = fstatat(d->parent_fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino;
	if (!is_itself) {
		if (layerdir_make_way(d, name, path, err) < 0)
			return -1;
		if (linkat(from_fd, from, d->parent_fd, name, 0) < 0)
			return layerdir_fail(errno, "link", path, err);
	}
	enum tree_kind kind = S_ISLNK(st.st_mode) ? TREE_SYMLINK : S_ISFIFO(st.st_mode) ? TREE_FIFO : TREE_FILE;
	if (kind == TREE_SYMLINK) {
		ssize_t n = readlinkat(from_fd, from, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
	}
	struct layer_attributes a = { .mtime_sec = st.st_mtim.tv_sec, .mtime_nsec = st.st_mtim.tv_nsec };
	return layerdir_record(d, kind, path, kind == TREE_SYMLINK ? target : NULL, &st,
		      meta_get(d->meta, st.st_dev, st.st_ino, &entry), &a, err);
}

int layerdir_has(struct layerdir *d, const char *path, struct error *err)
{
	struct stat st;
	const char *name = layerdir_open_parent(d, path, err);
	if (!name)
		return -1;
	return *name ? fstatat(d->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 : 1;
}

int layerdir_lower_link(struct layerdir *d, const char *path, const char *target, struct error *err)
{
	const char *name = layerdir_open_parent(d, path, err);
	if (!name)
		return -1;
	if (layerdir_make_way(d, name, path, err) < 0)
		return -1;
	return layerdir_record(d, TREE_LOWER_LINK, path, target, NULL, false, NULL, err);
}

int layerdir_whiteout(struct layerdir *d, const char *path, struct error *err)
{
	return layerdir_record(d, TREE_WHITEOUT, path, NULL, NULL, false, NULL, err);
}

int layerdir_opaque(struct layerdir *d, const char *path, struct error *err)
{
	return layerdir_record(d, TREE_OPAQUE, path, NULL, NULL, false, NULL, err);
}

/* ---- its end ---- */

int layerdir_close(struct layerdir *d, struct error *err)
{
	int r = fclose(d->tree);
	d->tree = NULL;
	layerdir_forget_parent(d);
	return r != 0 ? error_set(err, errno, "cannot write '%s/tree'", d->dir) : 0;
}

int layerdir_finish(const void *ctx, struct layerdir *d, char **ret_id, struct error *err)
{
	char id[STORE_ID_ROOM];
	if (layerdir_close(d, err) < 0)
		return -1;
	store_new_id(id);
	CLEANUP_TALLOC char *final = mem_printf(NULL, "%s/snapshots/%s", store_root(d->store), id);
	TALLOC_FREE(d->meta);
	if (rename(d->dir, final) < 0)
		return error_set(err, errno, "cannot put a layer into the store");
	d->is_finished = true;
	*ret_id = mem_strdup(ctx, id);
	return 0;
}
