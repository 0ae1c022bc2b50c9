/* SPDX-License-Identifier: Apache-2.0 */
/* Owns roots that leave as files; the root directory itself is workspace.c's. */
#include "oci/flatten.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "oci/diff.h"
#include "oci/tarball.h"
#include "oci/workspace.h"
#include "tracer/base/io.h"
#include "tracer/base/rootless.h"
#include "tracer/base/text.h"

int flatten_make_root(const void *ctx, struct store *s, const struct chain *chain, struct diff_root *ret, struct error *err)
{
	struct workspace *w;
	struct workspace_root root;
	struct stat st;
	if (workspace_open(ctx, s, chain, &w, err) < 0 || workspace_make_root(w, &root, err) < 0)
		return -1;
	if (stat(root.root, &st) < 0)
		return error_set(err, errno, "cannot examine '%s'", root.root);
	*ret = (struct diff_root){ .root = root.root };
	return meta_open(w, root.meta_path, st.st_dev, META_SHARED_LAYERS, &ret->meta, err);
}

int flatten_to_archive(struct store *s, const struct chain *chain, const char *prefix,
		       const struct flatten_times *times, struct archive_writer *archive, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct diff_root root;
	struct change *changes;
	unsigned count;
	if (flatten_make_root(scratch, s, chain, &root, err) < 0 || diff_root(scratch, &root, &changes, &count, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = open(root.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", root.root);
	CLEANUP_TALLOC struct tarball *t = tarball_new(NULL, fd, root.meta, "the root");
	tarball_set_prefix(t, prefix);
	if (times->is_set)
		tarball_set_times(t, times->sec, times->sec);
	for (unsigned i = 0; i < count; i++)
		tarball_add(t, changes[i].path + 1, NULL);
	return tarball_write_into(t, archive, err);
}

/* ---- a folder ---- */

struct first_name {
	ino_t ino;
	char *path;
};

struct copier {
	struct diff_root root;
	const struct flatten_times *times;
	bool deletes;
	bool keeps_root; /* owners, all modes, attributes */
	int to_root;
	/* First names of inodes that have several. */
	struct first_name *names;
	unsigned name_count;
};

static int fail(const char *what, const char *path, struct error *err)
{
	return error_set(err, errno, "cannot %s '%s'", what, path);
}

static void set_time(const struct copier *c, int dir_fd, const char *name, const struct stat *st)
{
	struct timespec time = c->times->is_set ? (struct timespec){ c->times->sec, 0 } : st->st_mtim;
	struct timespec both[2] = { time, time };
	utimensat(dir_fd, name, both, AT_SYMLINK_NOFOLLOW);
}

/* A name beside the last one, for what is renamed over it. */
static const char beside[] = ".fakebuild-new";

static int replace(int to_fd, const char *name, const char *path, struct error *err)
{
	struct stat st;
	/* A file cannot be renamed over a folder. */
	if (fstatat(to_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		io_remove_tree(to_fd, name);
	return renameat(to_fd, beside, to_fd, name) < 0 ? fail("make", path, err) : 0;
}

/* ---- what only root's view has ---- */

static int give_owner(int to_fd, const char *name, const char *to, const struct meta_entry *entry, const char *path,
		      struct error *err)
{
	if (geteuid() == 0)
		return fchownat(to_fd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0 ? fail("give", path, err) : 0;
	if (!S_ISREG(entry->mode) && !S_ISDIR(entry->mode) && !S_ISCHR(entry->mode) && !S_ISBLK(entry->mode))
		return 0;
	int r = rootless_set(to, false, entry->uid, entry->gid);
	return r < 0 ? error_set(err, -r, "cannot note the owner of '%s'", path) : 0;
}

static int give_attribute(const char *to, const char *name, const void *value, size_t size, const char *path,
			  struct error *err)
{
	bool is_denied = lsetxattr(to, name, value, size, 0) < 0 && geteuid() != 0 && (errno == EPERM || errno == EOPNOTSUPP);
	return lgetxattr(to, name, NULL, 0) < 0 && !is_denied ? error_set(err, errno, "cannot set %s of '%s'", name, path) : 0;
}

enum { NAMES_BYTES = 65536, VALUE_BYTES = 65536 };

/* Those that the host's file has itself, and those of the table. */
static int give_attributes(const struct copier *c, const char *from, const char *to, const struct meta_entry *entry,
			   const char *path, struct error *err)
{
	CLEANUP_TALLOC char *names = mem_array(NULL, char, NAMES_BYTES), *value = mem_array(NULL, char, VALUE_BYTES);
	ssize_t n = llistxattr(from, names, NAMES_BYTES);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		ssize_t size = text_starts(names + at, "user.") ? lgetxattr(from, names + at, value, VALUE_BYTES) : -1;
		if (size >= 0 && give_attribute(to, names + at, value, size, path, err) < 0)
			return -1;
	}
	n = entry->xattr ? meta_xattr_list(c->root.meta, entry, names, NAMES_BYTES) : 0;
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		ssize_t size = meta_xattr_get(c->root.meta, entry, names + at, value, VALUE_BYTES);
		if (size >= 0 && give_attribute(to, names + at, value, size, path, err) < 0)
			return -1;
	}
	return 0;
}

/* Of an entry that is there; its time is set later. */
static int give_root(const struct copier *c, int from_fd, const char *from_name, int to_fd, const char *name,
		     const struct meta_entry *entry, const char *path, struct error *err)
{
	CLEANUP_TALLOC char *from = mem_printf(NULL, "/proc/self/fd/%d/%s", from_fd, from_name);
	CLEANUP_TALLOC char *to = mem_printf(NULL, "/proc/self/fd/%d/%s", to_fd, name);
	if (!c->keeps_root)
		return 0;
	if (give_attributes(c, from, to, entry, path, err) < 0 || give_owner(to_fd, name, to, entry, path, err) < 0)
		return -1;
	if (!S_ISLNK(entry->mode) && fchmodat(to_fd, name, entry->mode & 07777, 0) < 0)
		return fail("change the mode of", path, err);
	return 0;
}

static int make_node(const struct copier *c, int to_fd, const char *path, const struct meta_entry *entry, bool *ret_is_made,
		     struct error *err)
{
	bool is_fifo = S_ISFIFO(entry->mode), is_device = S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
	*ret_is_made = is_fifo || (is_device && c->keeps_root);
	if (!*ret_is_made)
		return 0;
	if (is_fifo)
		return mkfifoat(to_fd, beside, entry->mode & 0777) < 0 ? fail("make", path, err) : 0;
	mode_t mode = geteuid() == 0 ? entry->mode & (S_IFMT | 0777) : S_IFREG | (entry->mode & 0777);
	return mknodat(to_fd, beside, mode, entry->rdev) < 0 ? fail("make", path, err) : 0;
}

static int copy_file(int from_fd, const char *name, int to_fd, const char *path, mode_t mode, struct error *err)
{
	CLEANUP_CLOSE int from = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int to = openat(to_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (from < 0 || to < 0)
		return fail("make", path, err);
	int r = io_copy_bytes(from, to);
	if (r < 0)
		return error_set(err, -r, "cannot write '%s'", path);
	return fchmod(to, mode & 0777) < 0 ? fail("make", path, err) : 0;
}

/* The earlier name of an inode in the folder; NULL: this is the first. */
static const char *earlier_name(struct copier *c, const struct stat *st, const char *path)
{
	if (st->st_nlink < 2 || meta_is_shared(c->root.meta, st))
		return NULL;
	for (unsigned i = 0; i < c->name_count; i++)
		if (c->names[i].ino == st->st_ino)
			return c->names[i].path;
	c->names = mem_grow(NULL, c->names, struct first_name, c->name_count + 1);
	c->names[c->name_count++] = (struct first_name){ st->st_ino, mem_strdup(c->names, path) };
	return NULL;
}

static int copy_entry(struct copier *c, int from_fd, int to_fd, const char *name, const char *path,
		      const struct stat *st, const struct meta_entry *entry, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n;
	const char *earlier = earlier_name(c, st, path);
	unlinkat(to_fd, beside, 0);
	if (earlier) {
		if (linkat(c->to_root, earlier, to_fd, beside, 0) < 0)
			return fail("link", path, err);
	} else if (S_ISLNK(entry->mode)) {
		n = readlinkat(from_fd, name, target, sizeof(target) - 1);
		if (n < 0)
			return fail("read", path, err);
		target[n] = '\0';
		if (symlinkat(target, to_fd, beside) < 0)
			return fail("make", path, err);
	} else if (!S_ISREG(entry->mode)) {
		bool is_made;
		if (make_node(c, to_fd, path, entry, &is_made, err) < 0)
			return -1;
		if (!is_made)
			return 0;
	} else if (copy_file(from_fd, name, to_fd, path, entry->mode, err) < 0) {
		return -1;
	}
	if (!earlier && give_root(c, from_fd, name, to_fd, beside, entry, path, err) < 0)
		return -1;
	if (!earlier)
		set_time(c, to_fd, beside, st);
	return replace(to_fd, name, path, err);
}

static int open_folder(int to_fd, const char *name, const char *path, struct error *err)
{
	struct stat st;
	if (fstatat(to_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
	    unlinkat(to_fd, name, 0) < 0)
		return fail("replace", path, err);
	if (mkdirat(to_fd, name, 0700) < 0 && errno != EEXIST)
		return fail("make", path, err);
	int fd = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail("open", path, err) : fd;
}

static int list_names(const void *ctx, int fd, const char *path, struct strlist **ret, struct error *err)
{
	struct strlist *list = strlist_new(ctx);
	int r = io_list_names(fd, list);
	if (r < 0)
		return error_set(err, -r, "cannot read '%s'", path);
	strlist_sort(list);
	*ret = list;
	return 0;
}

/* Names of the folder that the root has not. */
static int remove_others(int to_fd, const struct strlist *names, const char *path, struct error *err)
{
	CLEANUP_TALLOC struct strlist *there = NULL;
	if (list_names(NULL, to_fd, path, &there, err) < 0)
		return -1;
	for (size_t i = 0; i < there->count; i++) {
		const char *name = there->items[i];
		if (strlist_has(names, name))
			continue;
		int r = io_remove_tree(to_fd, name);
		if (r < 0)
			return error_set(err, -r, "cannot remove '%s/%s'", path, name);
	}
	return 0;
}

static int copy_folder(struct copier *c, int from_fd, int to_fd, const char *path, struct error *err)
{
	CLEANUP_TALLOC struct strlist *names = NULL;
	if (list_names(NULL, from_fd, path, &names, err) < 0 ||
	    (c->deletes && remove_others(to_fd, names, path, err) < 0))
		return -1;
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		CLEANUP_TALLOC char *one = mem_printf(NULL, "%s%s%s", path, *path ? "/" : "", name);
		struct meta_entry entry;
		struct stat st;
		if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail("examine", one, err);
		meta_get_or_default(c->root.meta, &st, &entry);
		if (!S_ISDIR(entry.mode)) {
			if (copy_entry(c, from_fd, to_fd, name, one, &st, &entry, err) < 0)
				return -1;
			continue;
		}
		CLEANUP_CLOSE int from = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		CLEANUP_CLOSE int to = from < 0 ? fail("open", one, err) : open_folder(to_fd, name, one, err);
		if (to < 0 || copy_folder(c, from, to, one, err) < 0)
			return -1;
		if (!c->keeps_root && fchmod(to, (entry.mode & 01777) | 0700) < 0)
			return fail("make", one, err);
		if (give_root(c, from_fd, name, to_fd, name, &entry, one, err) < 0)
			return -1;
		set_time(c, to_fd, name, &st);
	}
	return 0;
}

/* The root itself, whose name in itself is ".". */
static int finish_root(const struct copier *c, int from, int to, struct error *err)
{
	struct meta_entry entry;
	struct stat st;
	if (fstat(from, &st) < 0)
		return fail("examine", "/", err);
	meta_get_or_default(c->root.meta, &st, &entry);
	int r = give_root(c, from, ".", to, ".", &entry, "/", err);
	set_time(c, to, ".", &st);
	return r;
}

static int flatten(struct store *s, const struct chain *chain, const char *folder, struct copier *c, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct diff_root root;
	int r = io_mkdir_p(AT_FDCWD, folder, 0755);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", folder);
	if (flatten_make_root(scratch, s, chain, &root, err) < 0)
		return -1;
	CLEANUP_CLOSE int to = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int from = open(root.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0 || from < 0)
		return error_set(err, errno, "cannot open '%s'", to < 0 ? folder : root.root);
	c->root = root;
	c->to_root = to;
	c->names = mem_array(NULL, struct first_name, 0);
	r = copy_folder(c, from, to, "", err);
	if (r == 0 && c->keeps_root)
		r = finish_root(c, from, to, err);
	talloc_free(c->names);
	return r < 0 ? error_wrap(err, "'%s'", folder) : 0;
}

int flatten_to_folder(struct store *s, const struct chain *chain, const char *folder,
		      const struct flatten_times *times, bool deletes, struct error *err)
{
	struct copier c = { .times = times, .deletes = deletes };
	return flatten(s, chain, folder, &c, err);
}

int flatten_to_root(struct store *s, const struct chain *chain, const char *folder, struct error *err)
{
	const struct flatten_times as_they_are = { .is_set = false };
	struct copier c = { .times = &as_they_are, .keeps_root = true };
	return flatten(s, chain, folder, &c, err);
}
