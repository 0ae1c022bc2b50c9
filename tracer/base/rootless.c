/* SPDX-License-Identifier: Apache-2.0 */
/* Owns user.rootlesscontainers: its bytes, and reading a tree's into a metadata table. */
#include "tracer/base/rootless.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tracer/base/mem.h"

/* ---- the message ---- */

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { FIELD_UID = 1, FIELD_GID = 2, VARINT_BYTES = 10 };

struct reader {
	const unsigned char *at, *end;
};

static bool read_varint(struct reader *r, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < VARINT_BYTES && r->at < r->end; i++) {
		unsigned char byte = *r->at++;
		*ret |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool skip(struct reader *r, uint64_t count)
{
	if (count > (uint64_t)(r->end - r->at))
		return false;
	r->at += count;
	return true;
}

static bool read_field(struct reader *r, struct rootless_owner *owner)
{
	uint64_t key, value;
	if (!read_varint(r, &key) || key >> 3 == 0)
		return false;
	switch (key & 7) {
	case WIRE_VARINT:
		if (!read_varint(r, &value))
			return false;
		if (key >> 3 == FIELD_UID)
			owner->uid = value;
		else if (key >> 3 == FIELD_GID)
			owner->gid = value;
		return true;
	case WIRE_64:
		return skip(r, 8);
	case WIRE_BYTES:
		return read_varint(r, &value) && skip(r, value);
	case WIRE_32:
		return skip(r, 4);
	default:
		return false;
	}
}

int rootless_decode(const void *bytes, size_t size, struct rootless_owner *ret)
{
	struct reader r = { bytes, (const unsigned char *)bytes + size };
	struct rootless_owner owner = { 0, 0 };
	while (r.at < r.end)
		if (!read_field(&r, &owner))
			return -EINVAL;
	*ret = owner;
	return 0;
}

static size_t write_field(unsigned field, uint32_t value, unsigned char *to)
{
	size_t n = 0;
	if (!value)
		return 0;
	to[n++] = field << 3 | WIRE_VARINT;
	for (; value >= 0x80; value >>= 7)
		to[n++] = (value & 0x7f) | 0x80;
	to[n++] = value;
	return n;
}

size_t rootless_encode(const struct rootless_owner *owner, unsigned char ret[ROOTLESS_BYTES])
{
	size_t n = write_field(FIELD_UID, owner->uid, ret);
	return n + write_field(FIELD_GID, owner->gid, ret + n);
}

/* ---- a file's ---- */

enum { VALUE_MAX = 256 };

/* user.* attributes want read or write permission on the file, of its owner too. */
static bool open_up(const char *path, bool follows, mode_t need, struct stat *ret_before)
{
	return fstatat(AT_FDCWD, path, ret_before, follows ? 0 : AT_SYMLINK_NOFOLLOW) == 0 && (S_ISREG(ret_before->st_mode) || S_ISDIR(ret_before->st_mode)) &&
	       (ret_before->st_mode & need) != need && chmod(path, (ret_before->st_mode & 07777) | need) == 0;
}

static ssize_t get_attribute(const char *path, void *value)
{
	struct stat before;
	ssize_t n = lgetxattr(path, ROOTLESS_XATTR, value, VALUE_MAX);
	if (n < 0 && errno == EACCES && open_up(path, false, 0400, &before)) {
		n = lgetxattr(path, ROOTLESS_XATTR, value, VALUE_MAX);
		int error = errno;
		chmod(path, before.st_mode & 07777);
		errno = error;
	}
	return n < 0 ? -errno : n;
}

int rootless_get(const char *path, struct rootless_owner *ret)
{
	char value[VALUE_MAX];
	struct rootless_owner owner = { 0, 0 };
	ssize_t n = get_attribute(path, value);
	bool has_none = n == -ENODATA || n == -EOPNOTSUPP || n == -EPERM;
	int r = has_none ? 0 : n == -ERANGE ? -EINVAL : n < 0 ? (int)n : rootless_decode(value, n, &owner);
	if (r < 0)
		return r;
	ret->uid = owner.uid == ROOTLESS_UNCHANGED ? 0 : owner.uid;
	ret->gid = owner.gid == ROOTLESS_UNCHANGED ? 0 : owner.gid;
	return 0;
}

static int put_attribute(const char *path, bool follows, const void *value, size_t size)
{
	int r;
	if (size)
		r = follows ? setxattr(path, ROOTLESS_XATTR, value, size, 0) : lsetxattr(path, ROOTLESS_XATTR, value, size, 0);
	else
		r = follows ? removexattr(path, ROOTLESS_XATTR) : lremovexattr(path, ROOTLESS_XATTR);
	return r < 0 && !(errno == ENODATA && !size) ? -errno : 0;
}

int rootless_set(const char *path, bool follows, uint32_t uid, uint32_t gid)
{
	struct rootless_owner owner = { uid, gid };
	unsigned char value[ROOTLESS_BYTES];
	struct stat before;
	size_t size = rootless_encode(&owner, value);
	int r = put_attribute(path, follows, value, size);
	if (r == -EACCES && open_up(path, follows, 0200, &before)) {
		r = put_attribute(path, follows, value, size);
		chmod(path, before.st_mode & 07777);
	}
	return r;
}

/* ---- a tree's ---- */

struct import {
	struct meta *meta;
	dev_t dev;
	struct error *err;
};

static int import_owner(const struct import *i, const char *path, const char *shown, const struct stat *st)
{
	struct rootless_owner owner;
	struct meta_entry entry;
	int r = rootless_get(path, &owner);
	if (r == -EINVAL)
		return error_set(i->err, 0, "the attribute %s of '%s' is not the owner of a file", ROOTLESS_XATTR, shown);
	if (r < 0)
		return error_set(i->err, -r, "cannot read the attribute %s of '%s'", ROOTLESS_XATTR, shown);
	if (!owner.uid && !owner.gid)
		return 0;
	meta_get_or_default(i->meta, st, &entry);
	entry.uid = owner.uid;
	entry.gid = owner.gid;
	meta_set(i->meta, st, &entry);
	return 0;
}

static DIR *open_directory(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

static int import_directory(const struct import *i, int parent, const char *name, const char *shown, const struct stat *st);

static int import_entry(const struct import *i, int dir, const char *name, const char *directory_shown)
{
	struct stat st;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (st.st_dev != i->dev || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return 0;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/self/fd/%d/%s", dir, name);
	CLEANUP_TALLOC char *shown = mem_printf(NULL, "%s/%s", directory_shown, name);
	int r = import_owner(i, path, shown, &st);
	return r < 0 || !S_ISDIR(st.st_mode) ? r : import_directory(i, dir, name, shown, &st);
}

static int import_directory(const struct import *i, int parent, const char *name, const char *shown, const struct stat *st)
{
	/* The owner of a directory that he may not read or search is told its entries all the same. */
	bool is_opened_up = (st->st_mode & 0500) != 0500 && fchmodat(parent, name, (st->st_mode & 07777) | 0500, 0) == 0;
	DIR *dir = open_directory(parent, name);
	if (!dir)
		return error_set(i->err, errno, "cannot read '%s'", shown);
	int r = 0;
	for (const struct dirent *e; r == 0 && (e = readdir(dir));)
		r = import_entry(i, dirfd(dir), e->d_name, shown);
	closedir(dir);
	if (is_opened_up && fchmodat(parent, name, st->st_mode & 07777, 0) < 0 && r == 0)
		return error_set(i->err, errno, "cannot give '%s' its mode again", shown);
	return r;
}

int rootless_import(struct meta *m, const char *root, struct error *err)
{
	struct stat st;
	if (lstat(root, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", root);
	struct import i = { m, st.st_dev, err };
	if (import_owner(&i, root, root, &st) < 0)
		return -1;
	return import_directory(&i, AT_FDCWD, root, root, &st);
}

bool rootless_is_bundle(const char *bundle)
{
	CLEANUP_TALLOC char *notes = mem_printf(NULL, "%s/umoci.json", bundle);
	return geteuid() != 0 && access(notes, F_OK) == 0;
}
