/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the comparison of two roots entry by entry: nobody was there to note what changed, and times can be set. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "oci/bundle_private.h"
#include "tracer/base/io.h"
#include "tracer/base/rootless.h"
#include "tracer/base/text.h"

enum { TEXT_BYTES = 65536 };

struct comparison {
	const void *ctx;
	const struct diff_root *base, *now;
	struct change *changes;
	unsigned count;
	char *buffers[2]; /* of TEXT_BYTES */
};

/* An entry of one of the roots. */
struct side {
	int dir_fd;
	const char *name;
	struct meta *meta;
	struct stat real;
	struct meta_entry entry;
	bool is_there;
};

static int fail(const char *path, struct error *err)
{
	return error_set(err, errno, "cannot read '%s'", path);
}

static void add(struct comparison *c, enum change_kind kind, const char *path)
{
	c->changes = mem_grow(c->ctx, c->changes, struct change, c->count + 1);
	c->changes[c->count++] = (struct change){ kind, mem_printf(c->changes, "/%s", path) };
}

static bool is_device(mode_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

/* Of names that only root may set, a user's files cannot tell. */
static bool is_told(const char *name)
{
	bool is_tellable = text_starts(name, "user.") || (geteuid() == 0 && strcmp(name, "security.capability") == 0) ||
			   (geteuid() == 0 && text_starts(name, "trusted."));
	return is_tellable && strcmp(name, ROOTLESS_XATTR) != 0;
}

/* Put attributes of the host's file into its entry. */
static void take_attributes(struct comparison *c, struct side *s)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/self/fd/%d/%s", s->dir_fd, s->name);
	CLEANUP_TALLOC char *value = mem_array(NULL, char, TEXT_BYTES);
	ssize_t n = llistxattr(path, c->buffers[0], TEXT_BYTES);
	bool is_changed = false;
	for (ssize_t at = 0; at < n; at += strlen(c->buffers[0] + at) + 1) {
		const char *name = c->buffers[0] + at;
		ssize_t size = is_told(name) ? lgetxattr(path, name, value, TEXT_BYTES) : -1;
		if (size >= 0)
			is_changed |= meta_xattr_set(s->meta, &s->entry, name, value, size, 0) == 0;
	}
	if (is_changed)
		meta_set(s->meta, &s->real, &s->entry);
}

static int examine(struct side *s, const char *path, struct error *err)
{
	s->is_there = fstatat(s->dir_fd, s->name, &s->real, AT_SYMLINK_NOFOLLOW) == 0;
	if (!s->is_there)
		return errno == ENOENT ? 0 : fail(path, err);
	meta_get_or_default(s->meta, &s->real, &s->entry);
	return 0;
}

/* An empty file in a device's place is that device; umoci and we put it there. */
static void take_device(struct side *now, const struct side *base)
{
	if (geteuid() == 0 || !base->is_there || !is_device(base->entry.mode) || !S_ISREG(now->entry.mode) || now->real.st_size)
		return;
	now->entry.mode = (now->entry.mode & 07777) | (base->entry.mode & S_IFMT);
	now->entry.rdev = base->entry.rdev;
	meta_set(now->meta, &now->real, &now->entry);
}

/* A symlink or fifo cannot have the attribute: while nobody has told otherwise, its owner is who it was. */
static void take_owner(struct side *now, const struct side *base)
{
	struct meta_entry told;
	bool is_markable = !S_ISLNK(now->entry.mode) && !S_ISFIFO(now->entry.mode);
	if (geteuid() == 0 || is_markable || !base->is_there || ((now->entry.mode ^ base->entry.mode) & S_IFMT) ||
	    meta_get(now->meta, now->real.st_dev, now->real.st_ino, &told))
		return;
	now->entry.uid = base->entry.uid;
	now->entry.gid = base->entry.gid;
	meta_set(now->meta, &now->real, &now->entry);
}

/* Has b no attribute that a has not, or has otherwise? */
static bool has_attributes_of(struct comparison *c, const struct side *a, const struct side *b)
{
	CLEANUP_TALLOC char *names = mem_array(NULL, char, TEXT_BYTES);
	ssize_t n = b->entry.xattr ? meta_xattr_list(b->meta, &b->entry, names, TEXT_BYTES) : 0;
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		const char *name = names + at;
		if (!is_told(name))
			continue;
		ssize_t there = meta_xattr_get(b->meta, &b->entry, name, c->buffers[1], TEXT_BYTES);
		ssize_t here = a->entry.xattr ? meta_xattr_get(a->meta, &a->entry, name, c->buffers[0], TEXT_BYTES) : -ENODATA;
		if (here != there || (here > 0 && memcmp(c->buffers[0], c->buffers[1], here) != 0))
			return false;
	}
	return true;
}

/* 1 when the bytes are the same, 0 when not, -1 with the sentence. */
static int has_same_bytes(struct comparison *c, const struct side *a, const struct side *b, const char *path,
			  struct error *err)
{
	CLEANUP_CLOSE int first = io_open_own(a->dir_fd, a->name, 0);
	CLEANUP_CLOSE int second = io_open_own(b->dir_fd, b->name, 0);
	if (first < 0 || second < 0)
		return error_set(err, first < 0 ? -first : -second, "cannot read '%s'", path);
	for (;;) {
		ssize_t n = io_read_all(first, c->buffers[0], TEXT_BYTES), m = io_read_all(second, c->buffers[1], TEXT_BYTES);
		if (n < 0 || m < 0)
			return error_set(err, (int)-(n < 0 ? n : m), "cannot read '%s'", path);
		if (n != m || memcmp(c->buffers[0], c->buffers[1], n) != 0)
			return 0;
		if (n < TEXT_BYTES)
			return 1;
	}
}

static int has_same_target(const struct side *a, const struct side *b)
{
	char first[PATH_MAX], second[PATH_MAX];
	ssize_t n = readlinkat(a->dir_fd, a->name, first, sizeof(first));
	ssize_t m = readlinkat(b->dir_fd, b->name, second, sizeof(second));
	return n >= 0 && n == m && memcmp(first, second, n) == 0;
}

static int is_same(struct comparison *c, const struct side *base, const struct side *now, const char *path,
		   struct error *err)
{
	const struct meta_entry *a = &base->entry, *b = &now->entry;
	if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid || a->rdev != b->rdev ||
	    base->real.st_mtim.tv_sec != now->real.st_mtim.tv_sec)
		return 0;
	if (S_ISREG(a->mode) && base->real.st_size != now->real.st_size)
		return 0;
	if (!has_attributes_of(c, base, now) || !has_attributes_of(c, now, base))
		return 0;
	if (S_ISLNK(a->mode))
		return has_same_target(base, now);
	return S_ISREG(a->mode) ? has_same_bytes(c, base, now, path, err) : 1;
}

static int compare_folders(struct comparison *c, int base_fd, int now_fd, const char *path, struct error *err);

static int compare(struct comparison *c, int base_fd, int now_fd, const char *name, const char *path, struct error *err)
{
	struct side base = { .dir_fd = base_fd, .name = name, .meta = c->base->meta };
	struct side now = { .dir_fd = now_fd, .name = name, .meta = c->now->meta };
	if ((base_fd >= 0 && examine(&base, path, err) < 0) || examine(&now, path, err) < 0)
		return -1;
	if (!now.is_there) {
		add(c, CHANGE_DELETED, path);
		return 0;
	}
	take_attributes(c, &now);
	take_device(&now, &base);
	take_owner(&now, &base);
	int same = base.is_there ? is_same(c, &base, &now, path, err) : 0;
	if (same < 0)
		return -1;
	if (!same)
		add(c, base.is_there ? CHANGE_MODIFIED : CHANGE_ADDED, path);
	if (!S_ISDIR(now.entry.mode))
		return 0;
	CLEANUP_CLOSE int below_now = io_open_own(now_fd, name, O_DIRECTORY);
	CLEANUP_CLOSE int below_base = base.is_there && S_ISDIR(base.entry.mode) ? io_open_own(base_fd, name, O_DIRECTORY) : -1;
	return below_now < 0 ? error_set(err, -below_now, "cannot read '%s'", path) :
			       compare_folders(c, below_base, below_now, path, err);
}

static int compare_folders(struct comparison *c, int base_fd, int now_fd, const char *path, struct error *err)
{
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	int r = io_list_names(now_fd, names);
	if (r == 0 && base_fd >= 0)
		r = io_list_names(base_fd, names);
	if (r < 0)
		return error_set(err, -r, "cannot read '%s'", *path ? path : "/");
	strlist_sort(names);
	for (size_t i = 0; i < names->count; i++) {
		if (i && strcmp(names->items[i - 1], names->items[i]) == 0)
			continue;
		CLEANUP_TALLOC char *one = mem_printf(NULL, "%s%s%s", path, *path ? "/" : "", names->items[i]);
		if (compare(c, base_fd, now_fd, names->items[i], one, err) < 0)
			return -1;
	}
	return 0;
}

int bundle_changes(const void *ctx, const struct diff_root *base, const struct diff_root *now, struct change **ret,
		   unsigned *ret_count, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct comparison c = { ctx, base, now, mem_array(ctx, struct change, 0), 0,
				{ mem_array(scratch, char, TEXT_BYTES), mem_array(scratch, char, TEXT_BYTES) } };
	CLEANUP_CLOSE int base_fd = open(base->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int now_fd = open(now->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base_fd < 0 || now_fd < 0)
		return fail(base_fd < 0 ? base->root : now->root, err);
	if (compare_folders(&c, base_fd, now_fd, "", err) < 0)
		return -1;
	*ret = c.changes;
	*ret_count = c.count;
	return 0;
}
