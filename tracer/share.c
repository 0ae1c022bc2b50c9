/* SPDX-License-Identifier: Apache-2.0 */
/* Owns link breaking and the metadata of new inodes. */
#include "tracer/share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tracer/base/birth.h"
#include "tracer/base/io.h"
#include "tracer/core/acl.h"
#include "tracer/fast.h"
#include "tracer/listing.h"
#include "tracer/modes.h"
#include "tracer/through.h"

mode_t share_real_mode(mode_t shown)
{
	return (shown & 0777) | (S_ISDIR(shown) ? 0700 : 0600);
}

/* user.* attributes are the host file's own; the copy gets them too. */
static void copy_user_xattrs(const char *from, int to_fd)
{
	char names[4096], value[65536];
	ssize_t n = listxattr(from, names, sizeof(names));
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		ssize_t size = getxattr(from, names + at, value, sizeof(value));
		if (size >= 0 && strncmp(names + at, "user.", 5) == 0)
			fsetxattr(to_fd, names + at, value, size, 0);
	}
}

/* Put the copy in the file's place.  The guest has written into a file, not into its directory: that keeps its time. */
static int put_in_place(struct object *o, const char *copy)
{
	struct stat parent;
	bool has_parent = path_parent_stat(o, &parent) == 0;
	if (rename(copy, path_short(o->host)) < 0)
		return -errno;
	char directory[PATH_ROOM];
	size_t length = strrchr(o->host, '/') - o->host + 1;
	memcpy(directory, o->host, length);
	directory[length] = '\0';
	struct timespec times[2] = { { 0, UTIME_OMIT }, parent.st_mtim };
	if (has_parent)
		utimensat(AT_FDCWD, path_short(directory), times, 0);
	return 0;
}

/* What a write by these credentials takes: setattr_should_drop_suidgid of fs/attr.c, cap_inode_need_killpriv. */
static uint64_t marks_of(const struct cred *cred, const struct meta_entry *entry)
{
	uint64_t marks = 0;
	if (!S_ISREG(entry->mode))
		return 0;
	if (entry->xattr && meta_xattr_get(session.meta, entry, "security.capability", NULL, 0) > 0)
		marks |= META_MARK_CAPS;
	if (cred_has(cred, CAPABILITY_FSETID))
		return marks;
	if (entry->mode & S_ISUID)
		marks |= META_MARK_SUID;
	if ((entry->mode & S_ISGID) && ((entry->mode & S_IXGRP) || !cred_in_group(cred, entry->gid)))
		marks |= META_MARK_SGID;
	return marks;
}

static void set_marks(struct meta_entry *entry, uint64_t marks)
{
	entry->marks = (entry->marks & ~(uint32_t)META_MARKS_OF_WRITES) | (uint32_t)marks;
}

/* With which of them the host's file is marked, where that works. */
static uint64_t marks_for(const struct cred *cred, const struct meta_entry *entry, const struct stat *real)
{
	return S_ISREG(real->st_mode) && !session.has_fsetid ? marks_of(cred, entry) : 0;
}

/* Give the host's file these permission bits, and the mark when there is what it stands for. */
static int set_real_mode(struct object *o, mode_t mode, struct meta_entry *entry, uint64_t marks)
{
	struct stat st;
	const char *host = path_short(o->host);
	if (marks)
		mode = (mode & 0666) | S_ISUID;
	if (chmod(host, mode) < 0)
		return -errno;
	o->real.st_mode = (o->real.st_mode & S_IFMT) | mode;
	if (modes_differ(mode, entry->mode))
		modes_owe(o->host);
	/* A file system without the bit cannot tell of writes. */
	bool is_marked = marks && stat(host, &st) == 0 && (st.st_mode & S_ISUID);
	set_marks(entry, is_marked ? marks : 0);
	return 0;
}

void share_store(struct object *o, struct meta_entry *entry)
{
	through_give(o, entry);
	if (!entry->birth && (meta_header(session.meta)->flags & META_HAS_RUNS))
		entry->birth = o->birth ? o->birth : meta_birth_of(session.meta, path_short(o->host), o->is_fd, o->real.st_dev);
	meta_set(session.meta, &o->real, entry);
}

/* From real root's file the kernel does not take what a write takes, so the opening does. */
static void take_marked(struct object *o, struct meta_entry *entry, uint64_t marks)
{
	if (marks & META_MARK_SUID)
		entry->mode &= ~(uint32_t)S_ISUID;
	if (marks & META_MARK_SGID)
		entry->mode &= ~(uint32_t)S_ISGID;
	if (marks & META_MARK_CAPS)
		meta_xattr_set(session.meta, entry, "security.capability", NULL, 0, 0);
	set_marks(entry, 0);
	share_store(o, entry);
}

int share_mark(const struct tracee *t, struct object *o)
{
	struct meta_entry entry;
	if (!S_ISREG(o->real.st_mode) || meta_is_shared(session.meta, &o->real) || session.is_plain)
		return 0;
	meta_get_or_default(session.meta, &o->real, &entry);
	uint64_t marks = marks_of(&t->cred, &entry);
	if (session.has_fsetid && (marks || (entry.marks & META_MARKS_OF_WRITES))) {
		take_marked(o, &entry, marks);
		return 0;
	}
	if (marks == (entry.marks & META_MARKS_OF_WRITES))
		return 0;
	if (marks && !(o->real.st_mode & S_ISUID)) {
		int r = set_real_mode(o, o->real.st_mode & 07777, &entry, marks);
		if (r < 0)
			return r == -EPERM || r == -EROFS ? 0 : r;
	} else {
		set_marks(&entry, marks);
	}
	meta_set(session.meta, &o->real, &entry);
	return 0;
}

void share_mark_opened(struct tracee *t, const struct cred *old)
{
	static struct object o;
	char name[64];
	struct stat st;
	if (!cred_has(old, CAPABILITY_FSETID) || cred_has(&t->cred, CAPABILITY_FSETID))
		return;
	snprintf(name, sizeof(name), "/proc/%d/fd", t->tid);
	DIR *dir = opendir(name);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		int fd = strtol(e->d_name, NULL, 10);
		/* The link's bits are the access that the descriptor has. */
		bool is_writable = fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
				   (st.st_mode & 0200);
		if (is_writable && path_of_fd(t, fd, &o) == 0)
			share_mark(t, &o);
	}
	if (dir)
		closedir(dir);
}

void share_touch(struct object *o)
{
	if (meta_is_shared(session.meta, &o->real))
		return;
	/* Both change nothing else; that they are refused means that the inode is not ours to touch. */
	int r = S_ISLNK(o->real.st_mode) ?
			fchownat(AT_FDCWD, path_short(o->host), -1, -1, o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW) :
			chmod(path_short(o->host), o->real.st_mode & 07777);
	(void)r;
}

static int replace_by_copy(struct object *o, bool keeps_content)
{
	static unsigned counter;
	char copy[PATH_ROOM];
	snprintf(copy, sizeof(copy), "%s/copy-%d-%u", session.scratch, (int)getpid(), counter++);
	const char *host = path_short(o->host);
	CLEANUP_CLOSE int from = open(host, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return -errno;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	CLEANUP_CLOSE int to = open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	int r = keeps_content ? io_copy_bytes(from, to) : 0;
	copy_user_xattrs(host, to);
	struct timespec times[2] = { o->real.st_atim, o->real.st_mtim };
	struct stat made;
	if (r == 0 && (fchmod(to, share_real_mode(entry.mode)) < 0 || futimens(to, times) < 0 ||
		       fstat(to, &made) < 0))
		r = -errno;
	if (r == 0) {
		/* Programs compare st_ino before and after an open: the copy keeps showing the old number. */
		entry.shown_ino = entry.shown_ino ? entry.shown_ino : o->real.st_ino;
		entry.dev = made.st_dev;
		entry.ino = made.st_ino;
		entry.birth = 0;
		entry.marks &= META_MARKS_OF_FLAGS;
		meta_begin_inode(session.meta, &made);
		meta_set(session.meta, &made, &entry);
		r = put_in_place(o, copy);
	}
	if (r < 0) {
		unlink(copy);
		return r;
	}
	o->real = made;
	o->birth = 0;
	return 0;
}

bool share_is_running(const struct object *o)
{
	/* Execute bits, or the mark that stands for them. */
	return S_ISREG(o->real.st_mode) && (o->real.st_mode & (0111 | S_ISUID)) &&
	       tracee_runs(o->real.st_dev, o->real.st_ino);
}

int share_make_private(struct object *o, bool keeps_content)
{
	if (!o->exists || !S_ISREG(o->real.st_mode))
		return 0;
	if (meta_is_shared(session.meta, &o->real)) {
		if (!o->is_fd)
			return replace_by_copy(o, keeps_content);
		/* A descriptor or magic link: the name behind it is what gets the copy. */
		char name[PATH_ROOM];
		ssize_t n = readlink(o->host, name, sizeof(name) - 1);
		struct stat st;
		if (n <= 0 || name[0] != '/')
			return 0;
		name[n] = '\0';
		if (lstat(name, &st) < 0 || st.st_ino != o->real.st_ino || st.st_dev != o->real.st_dev)
			return 0;
		memcpy(o->host, name, n + 1);
		o->host_length = n;
		o->is_fd = false;
		return replace_by_copy(o, keeps_content);
	}
	if ((o->real.st_mode & 0600) != 0600 && o->real.st_uid == session.uid) {
		path_repair(o->host);
		o->birth = 0;
		if (stat(path_short(o->host), &o->real) < 0)
			return -errno;
	}
	return 0;
}

int share_set_mode(const struct tracee *t, struct object *o, struct meta_entry *entry)
{
	char acl[ACL_BYTES_MAX];
	ssize_t n = entry->xattr ? meta_xattr_get(session.meta, entry, "system.posix_acl_access", acl, sizeof(acl)) : -1;
	if (n > 0) {
		/* chmod(2) with an ACL: posix_acl_chmod of fs/posix_acl.c. */
		acl_from_mode(acl, n, entry->mode);
		meta_xattr_set(session.meta, entry, "system.posix_acl_access", acl, n, 0);
	}
	/* Looked at, not read: what *entry was made of stays what it is compared with (meta_change). */
	struct stat old = o->real;
	meta_view(session.meta, &old);
	set_marks(entry, 0);
	if (!meta_is_shared(session.meta, &o->real) && !session.writes_through) {
		mode_t real = share_real_mode((o->real.st_mode & S_IFMT) | (entry->mode & 07777));
		int r = set_real_mode(o, real, entry, marks_for(&t->cred, entry, &o->real));
		if (r < 0 && r != -EPERM && r != -EROFS)
			return r;
		meta_count_mode(session.meta);
	}
	share_store(o, entry);
	fast_note_entry();
	/* What is told with a prefix; whether a directory may be searched is nothing to those who cached walks serve. */
	if (S_ISDIR(o->real.st_mode) && ((old.st_mode ^ entry->mode) & (S_ISGID | S_ISVTX))) {
		meta_count_directory(session.meta);
		path_forget(o);
	}
	return 0;
}

/* posix_acl_create of fs/posix_acl.c: the directory's default ACL, or else the umask. */
static void inherit_acl(const struct tracee *t, const struct object *o, const struct meta_entry *parent,
			struct meta_entry *entry)
{
	static const char by_default[] = "system.posix_acl_default", of_access[] = "system.posix_acl_access";
	char acl[ACL_BYTES_MAX], directory[PATH_ROOM];
	ssize_t n = 0;
	if (parent->xattr || session.writes_through)
		n = through_xattr_get(path_short(path_parent(o, directory)), true, parent, by_default, acl, sizeof(acl));
	if (n <= 0) {
		entry->mode &= ~t->fs->umask;
		return;
	}
	if (S_ISDIR(entry->mode))
		meta_xattr_set(session.meta, entry, by_default, acl, n, 0);
	if (!acl_inherit(acl, n, &entry->mode))
		meta_xattr_set(session.meta, entry, of_access, acl, n, 0);
}

int share_init_owner(const struct tracee *t, struct object *o, struct meta_entry *entry, struct stat *ret_parent)
{
	struct meta_entry above;
	*ret_parent = o->parent;
	int r = o->has_parent ? 0 : path_parent_stat(o, ret_parent);
	if (r < 0)
		return r;
	meta_get_or_default(session.meta, ret_parent, &above);
	entry->uid = t->cred.fsuid;
	entry->gid = t->cred.fsgid;
	/* mode_strip_sgid and inode_init_owner of fs/inode.c: by the mode as asked for */
	if (above.mode & S_ISGID) {
		entry->gid = above.gid;
		if (S_ISDIR(entry->mode))
			entry->mode |= S_ISGID;
		else if ((entry->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
			 !cred_in_group(&t->cred, entry->gid) && !cred_has_over(&t->cred, above.uid, above.gid, CAPABILITY_FSETID))
			entry->mode &= ~(uint32_t)S_ISGID;
	}
	if (!S_ISLNK(entry->mode))
		inherit_acl(t, o, &above, entry);
	return 0;
}

static void note_node(const struct stat *directory)
{
	if (meta_mark_nodes(session.meta, directory))
		listing_changes(directory);
}

int share_record_new(struct tracee *t, struct object *o, mode_t mode, dev_t rdev)
{
	struct stat parent;
	int r = path_examine(o);
	if (r < 0)
		return r;
	o->exists = true;
	meta_begin_inode(session.meta, &o->real);
	mode_t type = mode & S_IFMT ? mode & S_IFMT : o->real.st_mode & S_IFMT;
	struct meta_entry entry = {
		.dev = o->real.st_dev,
		.ino = o->real.st_ino,
		.mode = type | (mode & 07777),
		.rdev = rdev,
	};
	bool is_stand_in = S_ISREG(o->real.st_mode) && !S_ISREG(type);
	if (share_init_owner(t, o, &entry, &parent) == 0 && is_stand_in)
		note_node(&parent);
	uint64_t marks = marks_for(&t->cred, &entry, &o->real);
	if (marks)
		set_real_mode(o, o->real.st_mode & 07777, &entry, marks);
	else if (!session.writes_through && modes_differ(o->real.st_mode, entry.mode) && !S_ISLNK(type))
		modes_owe(o->host);
	share_store(o, &entry);
	if (modes_differ(o->real.st_mode, entry.mode))
		fast_note_entry();
	return 0;
}

void share_named(struct object *o)
{
	struct stat parent, st = o->real;
	if (!S_ISREG(o->real.st_mode))
		return;
	meta_name(session.meta, &o->real);
	meta_view(session.meta, &st);
	if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && path_parent_stat(o, &parent) == 0)
		note_node(&parent);
}

/* A directory has no second name. */
static bool is_last_name(const struct object *o)
{
	return S_ISDIR(o->real.st_mode) || o->real.st_nlink == 1;
}

void share_unname(const struct object *o)
{
	if (is_last_name(o))
		meta_unname(session.meta, &o->real);
}

void share_not_unnamed(const struct object *o)
{
	if (is_last_name(o))
		meta_name(session.meta, &o->real);
}
