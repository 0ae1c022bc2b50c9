/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the way from a layer's tar to a directory: what names in it mean.  A symlink that an earlier entry made
 * is resolved inside the layer's own root; layerdir.c, which makes the entries, follows none.
 */
#include "oci/unpack.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/archive.h"
#include "oci/layerdir_private.h"
#include "tracer/base/mem.h"

enum { LINK_LIMIT = 40, PATH_ROOM = 65536 };

struct unpacker {
	struct archive_reader *reader;
	struct archive_item item;
	struct layerdir *layer;
	char parent_path[PATH_ROOM]; /* of the current entry, resolved, without a leading slash; "" the root */
	char full_path[PATH_ROOM];
};

static int fail(const struct unpacker *u, int number, const char *what, struct error *err)
{
	return error_set(err, number, "cannot %s '%s'", what, u->item.path);
}

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = '\0';
}

/* The target of a symlink that an earlier entry made at this path; false when it is none. */
static bool read_symlink(const struct unpacker *u, const char *path, char target[PATH_MAX])
{
	/* All before the last component has been resolved: no symlink is in it. */
	ssize_t n = readlinkat(layerdir_root_fd(u->layer), path, target, PATH_MAX - 1);
	if (n >= 0)
		target[n] = '\0';
	return n >= 0;
}

/*
 * Resolve all but the last component of `name` inside the layer: leaves the directory in parent_path, the
 * whole in full_path and the last component in *ret_last ("" when the name is the root itself).
 */
static int resolve(struct unpacker *u, const char *name, char ret_last[NAME_MAX + 1], struct error *err)
{
	char rest[PATH_ROOM], target[PATH_MAX], joined[PATH_ROOM], *at = u->parent_path;
	unsigned links = 0;
	size_t used = 0;
	if (strlen(name) >= sizeof(rest))
		return fail(u, ENAMETOOLONG, "unpack", err);
	memcpy(rest, name, strlen(name) + 1);
	at[0] = ret_last[0] = '\0';
	for (char *part = rest;;) {
		part += strspn(part, "/");
		size_t length = strcspn(part, "/");
		char *next = part + length + strspn(part + length, "/");
		if (!length)
			break;
		if (length > NAME_MAX)
			return fail(u, ENAMETOOLONG, "unpack", err);
		if (length == 1 && part[0] == '.') {
			part = next;
			continue;
		}
		if (length == 2 && part[0] == '.' && part[1] == '.') {
			/* The layer's root is its own parent. */
			cut_last(at);
			used = strlen(at);
			part = next;
			continue;
		}
		if (!*next) {
			memcpy(ret_last, part, length);
			ret_last[length] = '\0';
			break;
		}
		size_t before = used;
		if (used + length + 2 > PATH_ROOM)
			return fail(u, ENAMETOOLONG, "unpack", err);
		if (used)
			at[used++] = '/';
		memcpy(at + used, part, length);
		used += length;
		at[used] = '\0';
		if (read_symlink(u, at, target)) {
			if (++links > LINK_LIMIT)
				return fail(u, ELOOP, "unpack", err);
			if (snprintf(joined, sizeof(joined), "%s/%s", target, next) >= (int)sizeof(joined))
				return fail(u, ENAMETOOLONG, "unpack", err);
			memcpy(rest, joined, strlen(joined) + 1);
			used = target[0] == '/' ? 0 : before;
			at[used] = '\0';
			part = rest;
			continue;
		}
		part = next;
	}
	if (snprintf(u->full_path, sizeof(u->full_path), "%s%s%s", at, *at && *ret_last ? "/" : "", ret_last) >=
	    (int)sizeof(u->full_path))
		return fail(u, ENAMETOOLONG, "unpack", err);
	return 0;
}

static ssize_t read_content(void *arg, void *buffer, size_t size, struct error *err)
{
	return archive_reader_read(arg, buffer, size, err);
}

static int unpack_hard_link(struct unpacker *u, struct error *err)
{
	char last[NAME_MAX + 1], target[PATH_ROOM];
	/* Absolute targets are taken from the root, as everything is. */
	if (resolve(u, u->item.link_target, last, err) < 0)
		return -1;
	if (!*last)
		return fail(u, 0, "link to the root", err);
	memcpy(target, u->full_path, strlen(u->full_path) + 1);
	if (resolve(u, u->item.path, last, err) < 0)
		return -1;
	if (!*last)
		return fail(u, 0, "link the root to", err);
	int has = layerdir_has(u->layer, target, err);
	if (has < 0)
		return -1;
	return has ? layerdir_link(u->layer, u->full_path, target, err) :
		     layerdir_lower_link(u->layer, u->full_path, target, err);
}

/* image-spec layer.md: ".wh.NAME" removes NAME of the layers below, ".wh..wh..opq" all of the directory. */
static int unpack_whiteout(struct unpacker *u, const char *name, struct error *err)
{
	char path[PATH_ROOM];
	if (strcmp(name, ".wh..wh..opq") == 0)
		return layerdir_opaque(u->layer, u->parent_path, err);
	if (strncmp(name, ".wh..wh.", 8) == 0)
		return 0; /* aufs' own bookkeeping */
	const char *removed = name + 4;
	if (!*removed || strcmp(removed, ".") == 0 || strcmp(removed, "..") == 0)
		return fail(u, 0, "remove what is named by the whiteout", err);
	if (snprintf(path, sizeof(path), "%s%s%s", u->parent_path, *u->parent_path ? "/" : "", removed) >=
	    (int)sizeof(path))
		return fail(u, ENAMETOOLONG, "remove what is named by", err);
	return layerdir_whiteout(u->layer, path, err);
}

static int unpack_item(struct unpacker *u, struct error *err)
{
	char name[NAME_MAX + 1];
	const struct archive_item *item = &u->item;
	struct layer_attributes a = {
		.mode = item->mode, .uid = item->uid, .gid = item->gid, .rdev = item->rdev,
		.mtime_sec = item->mtime_sec, .mtime_nsec = item->mtime_nsec,
		.xattrs = item->xattrs, .xattr_count = item->xattr_count,
	};
	if (item->is_hard_link)
		return unpack_hard_link(u, err);
	if (resolve(u, item->path, name, err) < 0)
		return -1;
	if (!*name && !S_ISDIR(item->mode))
		return fail(u, 0, "unpack: the layer's root must be a directory, not", err);
	if (strncmp(name, ".wh.", 4) == 0)
		return unpack_whiteout(u, name, err);
	if (S_ISDIR(item->mode))
		return layerdir_directory(u->layer, u->full_path, &a, err);
	if (S_ISREG(item->mode))
		return layerdir_file_stream(u->layer, u->full_path, &a, read_content, u->reader, err);
	if (S_ISLNK(item->mode))
		return layerdir_symlink(u->layer, u->full_path, &a, item->link_target, err);
	return layerdir_special(u->layer, u->full_path, &a, err);
}

int unpack_layer(int fd, const char *dir, char ret_diff_id[DIGEST_ROOM], struct error *err)
{
	CLEANUP_TALLOC struct unpacker *u = mem_new(NULL, struct unpacker);
	int n;
	if (layerdir_begin_in(u, dir, &u->layer, err) < 0 || archive_reader_open(u, fd, &u->reader, err) < 0)
		return -1;
	while ((n = archive_reader_next(u->reader, &u->item, err)) == 1)
		if (unpack_item(u, err) < 0)
			return -1;
	if (n < 0 || archive_reader_finish(u->reader, ret_diff_id, err) < 0)
		return -1;
	return layerdir_close(u->layer, err);
}
