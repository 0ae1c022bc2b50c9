/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from changes of a root to a layer's directory; the order and form of its tar are tarball.c's. */
#include "oci/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "oci/firstnames.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { PATH_ROOM = 65536 };

struct taker {
	const struct diff_root *root;
	struct layerdir *layer;
	enum snapshot_how how;
	int root_fd;
	/* First names of the root's own files that have several. */
	struct first_names *names;
	char parent[PATH_ROOM]; /* of the entry before: most are in the same directory */
	int parent_fd;
};

static int close_parent(struct taker *t)
{
	if (t->parent_fd >= 0)
		close(t->parent_fd);
	return 0;
}

static int fail(int number, const char *what, const char *path, struct error *err)
{
	return error_set(err, number, "cannot %s '/%s' in the root", what, path);
}

/*
 * Leave the directory that holds `path` in parent_fd, and give the last component.  A guest may still be
 * running: a symlink that it puts in the way must not lead to files of the host (CVE-2018-15664).
 */
static const char *open_parent(struct taker *t, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? slash - path : 0;
	if (t->parent_fd >= 0 && strncmp(t->parent, path, length) == 0 && !t->parent[length])
		return slash ? slash + 1 : path;
	CLEANUP_CLOSE int fd = fcntl(t->root_fd, F_DUPFD_CLOEXEC, 3);
	close_parent(t);
	t->parent_fd = -1;
	memcpy(t->parent, path, length);
	t->parent[length] = '\0';
	for (char *part = t->parent; fd >= 0 && *part;) {
		char *end = part + strcspn(part, "/"), kept = *end;
		*end = '\0';
		int child = io_open_own(fd, part, O_DIRECTORY);
		*end = kept;
		close(fd);
		fd = child;
		errno = child < 0 ? -child : 0;
		part = kept ? end + 1 : end;
	}
	if (fd < 0) {
		fail(errno, "open the directory of", path, err);
		return NULL;
	}
	t->parent_fd = io_take_fd(&fd);
	return slash ? slash + 1 : path;
}

static int add_file(struct taker *t, const char *path, const char *name, const struct stat *examined,
		    const struct layer_attributes *a, const struct meta_entry *entry, struct error *err)
{
	/* A file that is a link into a layer already can be linked once more; one of several names cannot be shared. */
	bool is_shared = meta_is_shared(t->root->meta, examined);
	if (is_shared || (t->how == SNAPSHOT_TAKES && examined->st_nlink == 1)) {
		bool has_link;
		struct stat st;
		if (layerdir_take(t->layer, path, a, t->parent_fd, name, &has_link, err) < 0)
			return -1;
		if (!has_link || is_shared)
			return 0;
		/* Its real mode has changed, and with it what the table must say for root to see the same. */
		struct meta_entry kept = *entry;
		kept.marks &= ~(uint32_t)(META_MARKS_OF_WRITES | META_MARKS_OF_FLAGS);
		if (fstatat(t->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(errno, "examine", path, err);
		meta_set(t->root->meta, &st, &kept);
		return 0;
	}
	/* O_NONBLOCK: should a fifo be there now, opening it must not wait for a writer. */
	CLEANUP_CLOSE int fd = io_open_own(t->parent_fd, name, O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(fd < 0 ? -fd : errno, "read", path, err);
	if (st.st_ino != examined->st_ino || st.st_dev != examined->st_dev)
		return error_set(err, 0, "'/%s' in the root changes while it is read", path);
	return layerdir_file(t->layer, path, a, fd, err);
}

static int add_entry(struct taker *t, const char *path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct stat st;
	struct meta_entry entry;
	struct layer_attributes a;
	const char *name = open_parent(t, path, err);
	if (!name)
		return -1;
	if (fstatat(*name ? t->parent_fd : t->root_fd, *name ? name : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(errno, "examine", path, err);
	meta_get_or_default(t->root->meta, &st, &entry);
	layer_attributes_of(scratch, t->root->meta, &entry, &st, &a);
	if (S_ISDIR(entry.mode))
		return layerdir_directory(t->layer, path, &a, err);
	if (S_ISSOCK(entry.mode))
		return 0;
	if (st.st_nlink > 1 && !meta_is_shared(t->root->meta, &st)) {
		const char *earlier = first_names_earlier(t->names, st.st_ino, path);
		if (earlier)
			return layerdir_link(t->layer, path, earlier, err);
	}
	if (S_ISREG(entry.mode))
		return add_file(t, path, name, &st, &a, &entry, err);
	if (!S_ISLNK(entry.mode))
		return layerdir_special(t->layer, path, &a, err);
	char target[PATH_MAX];
	ssize_t n = readlinkat(t->parent_fd, name, target, sizeof(target) - 1);
	if (n < 0)
		return fail(errno, "read", path, err);
	target[n] = '\0';
	return layerdir_symlink(t->layer, path, &a, target, err);
}

/* The directories above `path` that are not above, or are not, the entry before it. */
static int add_parents(struct taker *t, const char *before, const char *path, struct error *err)
{
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, path);
	for (char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!text_is_at_or_below(before, parent, slash - parent) && add_entry(t, parent, err) < 0)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int add_changes(struct taker *t, const struct change *changes, unsigned count, struct error *err)
{
	const char *before = "";
	for (unsigned i = 0; i < count; i++) {
		const char *path = changes[i].path + 1;
		if (strlen(path) >= PATH_ROOM)
			return fail(ENAMETOOLONG, "take", path, err);
		if (add_parents(t, before, path, err) < 0 ||
		    (changes[i].kind == CHANGE_DELETED ? layerdir_whiteout(t->layer, path, err) :
							 add_entry(t, path, err)) < 0)
			return -1;
		before = path;
	}
	return 0;
}

int snapshot_make(const void *ctx, struct store *s, const struct diff_root *root, const struct change *changes,
		  unsigned count, enum snapshot_how how, char **ret_id, struct error *err)
{
	CLEANUP_TALLOC struct taker *t = mem_new(NULL, struct taker);
	CLEANUP_CLOSE int fd = open(root->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", root->root);
	t->root = root;
	t->root_fd = fd;
	t->parent_fd = -1;
	t->how = how;
	t->names = first_names_new(t);
	talloc_set_destructor(t, close_parent);
	if (layerdir_begin(t, s, &t->layer, err) < 0 || add_changes(t, changes, count, err) < 0)
		return -1;
	return layerdir_finish(ctx, t->layer, ret_id, err);
}

int64_t snapshot_bytes(const struct store *s, const char *folder)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/%s/tree", store_root(s), folder), *bytes;
	struct tree_record r;
	int64_t sum = 0;
	size_t size, at = 0;
	bool is_damaged;
	if (io_read_file(scratch, AT_FDCWD, path, (size_t)1 << 30, &bytes, &size, NULL) < 0)
		return 0;
	while (tree_next(bytes, size, &at, &r, &is_damaged))
		sum += r.kind == TREE_FILE ? r.size_bytes : 0;
	return sum;
}
