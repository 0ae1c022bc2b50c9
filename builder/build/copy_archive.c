/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the unpacking of archives into a layer.  Names are resolved in the tree as it is by then, symlinks of the
 * archive's own included, inside the folder: nothing outside it is ever named.
 */
#include "builder/build/copy_archive.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"

/* The time of a directory is what its entry says, whatever is put into it afterwards. */
struct folder_time {
	char *path;
	int64_t sec;
	long nsec;
};

struct unpacking {
	struct destination *d;
	const char *folder;
	const struct owner *owner;
	struct archive_reader *reader;
	struct folder_time *times;
	unsigned time_count, time_room;
};

bool copy_archive_is_one(int fd)
{
	CLEANUP_TALLOC struct archive_reader *reader = NULL;
	struct archive_item item;
	struct error ignored = ERROR_INIT;
	bool is_one = archive_reader_open(NULL, fd, &reader, &ignored) == 0 &&
		      archive_reader_next(reader, &item, &ignored) == 1;
	/* Of a short stream that breaks off libarchive gives nothing, not even the first header: unpacking says so. */
	is_one = is_one || strstr(ignored.text, "runcated ");
	return lseek(fd, 0, SEEK_SET) == 0 && is_one;
}

static ssize_t read_content(void *arg, void *buffer, size_t size, struct error *err)
{
	return archive_reader_read(arg, buffer, size, err);
}

/*
 * The path in the tree of a name in the archive, its last component not followed; "" when it is the root's own.
 * ".." cannot leave the folder.
 */
static int resolve(const void *ctx, struct unpacking *u, const char *name, char **ret, struct error *err)
{
	CLEANUP_TALLOC char *path = NULL;
	if (destination_resolve(NULL, u->d, u->folder, name, false, &path, err) < 0)
		return -1;
	*ret = strcmp(path, u->folder) == 0 ? mem_strdup(ctx, "") : talloc_steal(ctx, path);
	if (**ret)
		path = NULL;
	return 0;
}

/* Directories that no entry of the archive tells of. */
static int make_parent(struct unpacking *u, const char *path, struct place *ret, const char **ret_name,
		       struct error *err)
{
	struct layer_attributes a = { .mode = S_IFDIR | 0755 };
	const char *slash = strrchr(path, '/');
	CLEANUP_TALLOC char *parent = mem_strndup(NULL, path, slash ? slash - path : 0);
	destination_now(u->d, &a.mtime_sec, &a.mtime_nsec);
	*ret_name = slash ? slash + 1 : path;
	if (destination_make_parents(u->d, parent, &a, false, err) < 0)
		return -1;
	return destination_directory(u->d, parent, NULL, ret, err);
}

/* *ret_target: of what is there now, when that is a symlink. */
static int lay_item(struct unpacking *u, const struct archive_item *item, const char *path,
		    const struct layer_attributes *a, const char **ret_target, struct error *err)
{
	struct layerdir *layer = destination_layer(u->d);
	if (item->is_hard_link) {
		CLEANUP_TALLOC char *target = NULL;
		struct place p;
		if (destination_resolve(NULL, u->d, u->folder, item->link_target, false, &target, err) < 0)
			return -1;
		if (!destination_find(u->d, target, &p) || place_is_directory(&p) || !p.made)
			return error_set(err, 0, "'%s' is a hard link to '%s', which is no file of the archive", item->path,
					 item->link_target);
		*ret_target = p.made->kind == TREE_SYMLINK ? p.made->target : NULL;
		return layerdir_link(layer, path, target, err);
	}
	if (S_ISLNK(item->mode)) {
		*ret_target = item->link_target;
		return layerdir_symlink(layer, path, a, item->link_target, err);
	}
	if (S_ISREG(item->mode))
		return layerdir_file_stream(layer, path, a, read_content, u->reader, err);
	return layerdir_special(layer, path, a, err);
}

static int unpack_directory(struct unpacking *u, const char *path, const struct layer_attributes *a, struct error *err)
{
	struct place place;
	/* One that is there stays, and changes; anything else goes. */
	if (destination_directory(u->d, path, a, &place, err) < 0)
		return -1;
	if (u->time_count == u->time_room) {
		u->time_room = u->time_room ? 2 * u->time_room : 64;
		u->times = mem_grow(u->reader, u->times, struct folder_time, u->time_room);
	}
	u->times[u->time_count++] = (struct folder_time){ mem_strdup(u->reader, path), a->mtime_sec, a->mtime_nsec };
	return 0;
}

static int unpack(struct unpacking *u, const struct archive_item *item, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct layer_attributes a = { .mode = item->mode, .uid = item->uid, .gid = item->gid, .rdev = item->rdev,
				      .mtime_sec = item->mtime_sec, .mtime_nsec = item->mtime_nsec,
				      .xattrs = item->xattrs, .xattr_count = item->xattr_count };
	bool is_directory = S_ISDIR(item->mode) && !item->is_hard_link;
	const char *name, *target = NULL;
	struct place parent;
	char *path;
	if (u->owner) {
		a.uid = u->owner->uid;
		a.gid = u->owner->gid;
	}
	if (resolve(scratch, u, item->path, &path, err) < 0)
		return -1;
	if (!*path)
		return is_directory ? 0 : error_set(err, 0, "'%s' would replace the destination itself", item->path);
	if (make_parent(u, path, &parent, &name, err) < 0)
		return -1;
	if (is_directory)
		return unpack_directory(u, path, &a, err);
	if (destination_reach(u->d, &parent, err) < 0 || lay_item(u, item, path, &a, &target, err) < 0)
		return -1;
	destination_note(u->d, &parent, name, target);
	destination_touch(u->d, &parent);
	return 0;
}

static void set_times(struct unpacking *u)
{
	struct place p;
	for (unsigned i = 0; i < u->time_count; i++)
		if (destination_find(u->d, u->times[i].path, &p) && p.made && place_is_directory(&p))
			destination_set_time(u->d, &p, u->times[i].sec, u->times[i].nsec);
}

int copy_archive_lay(struct destination *d, const char *folder, int fd, const struct owner *owner, struct error *err)
{
	CLEANUP_TALLOC struct archive_reader *reader = NULL;
	struct unpacking u = { .d = d, .folder = folder, .owner = owner };
	struct archive_item item;
	char digest[DIGEST_ROOM];
	int n;
	if (archive_reader_open(NULL, fd, &reader, err) < 0)
		return -1;
	u.reader = reader;
	while ((n = archive_reader_next(reader, &item, err)) > 0)
		if (unpack(&u, &item, err) < 0)
			return -1;
	set_times(&u);
	return n < 0 ? -1 : archive_reader_finish(reader, digest, err);
}
