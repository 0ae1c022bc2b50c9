/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where an entry of a layer's directory goes: its parents, what has its name, its line in `tree`. */
#include "oci/layerplace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"

int layerdir_fail(int number, const char *what, const char *path, struct error *err)
{
	return error_set(err, number, "cannot %s '/%s' in a layer", what, path);
}

int layerdir_record(struct layerdir *d, enum tree_kind kind, const char *path, const char *target, const struct stat *st,
		  bool has_entry, const struct layer_attributes *a, struct error *err)
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
		.mtime_sec = a ? a->mtime_sec : 0,
		.mtime_nsec = a ? a->mtime_nsec : 0,
	};
	return tree_write(d->tree, &r) < 0 ? error_set(err, errno, "cannot write '%s/tree'", d->dir) : 0;
}

/* Open the directory `name` of fd; what is no directory gives way, what is missing is made, as implied. */
static int enter(struct layerdir *d, int fd, const char *name, const char *path, struct error *err)
{
	struct stat st;
	int child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child >= 0)
		return child;
	if ((errno == ENOTDIR || errno == ELOOP) && unlinkat(fd, name, 0) < 0)
		return layerdir_fail(errno, "replace", path, err);
	if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		return layerdir_fail(errno, "open", path, err);
	if (mkdirat(fd, name, 0755) < 0)
		return layerdir_fail(errno, "make", path, err);
	CLEANUP_CLOSE int made = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || fstat(made, &st) < 0)
		return layerdir_fail(errno, "open", path, err);
	meta_drop(d->meta, st.st_dev, st.st_ino);
	return layerdir_record(d, TREE_IMPLIED, path, NULL, &st, false, NULL, err) < 0 ? -1 : io_take_fd(&made);
}

const char *layerdir_open_parent(struct layerdir *d, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? slash - path : 0;
	const char *last = slash ? slash + 1 : path;
	if (strlen(path) >= PATH_ROOM || strlen(last) > NAME_MAX) {
		layerdir_fail(ENAMETOOLONG, "make", path, err);
		return NULL;
	}
	if (d->parent_fd >= 0 && d->parent_length == length && memcmp(d->parent_path, path, length) == 0)
		return last;
	CLEANUP_CLOSE int fd = fcntl(d->root_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		layerdir_fail(errno, "open", path, err);
		return NULL;
	}
	d->parent_length = 0;
	if (d->parent_fd >= 0)
		close(d->parent_fd);
	d->parent_fd = -1;
	memcpy(d->parent_path, path, length);
	d->parent_path[length] = '\0';
	for (char *part = d->parent_path; *part;) {
		char *end = part + strcspn(part, "/"), kept = *end;
		*end = '\0';
		int child = enter(d, fd, part, d->parent_path, err);
		*end = kept;
		if (child < 0)
			return NULL;
		close(fd);
		fd = child;
		part = kept ? end + 1 : end;
	}
	d->parent_fd = io_take_fd(&fd);
	d->parent_length = length;
	return last;
}

void layerdir_forget_parent(struct layerdir *d)
{
	if (d->parent_fd >= 0)
		close(d->parent_fd);
	d->parent_fd = -1;
}

int layerdir_make_way(struct layerdir *d, const char *name, const char *path, struct error *err)
{
	if (unlinkat(d->parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	int r = io_remove_tree(d->parent_fd, name);
	return r < 0 ? layerdir_fail(-r, "replace", path, err) : 0;
}

const char *layerdir_open_parent_of_leaf(struct layerdir *d, const char *path, struct error *err)
{
	const char *name = layerdir_open_parent(d, path, err);
	if (name && !*name) {
		error_set(err, 0, "the root of a layer must be a directory");
		return NULL;
	}
	return name;
}

const char *layerdir_make_way_to(struct layerdir *d, const char *path, struct error *err)
{
	const char *name = layerdir_open_parent_of_leaf(d, path, err);
	return name && layerdir_make_way(d, name, path, err) == 0 ? name : NULL;
}
