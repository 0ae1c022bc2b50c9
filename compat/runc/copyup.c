/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the copying of a tree by paths: descriptors would not tell a guest which of a directory's mounts is meant. */
#include "compat/runc/copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

static int copy_file(const char *from, const char *to)
{
	CLEANUP_CLOSE int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return in < 0 || out < 0 ? -errno : io_copy_bytes(in, out);
}

static int copy_link(const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlink(target, to) < 0 ? -errno : 0;
}

static int copy_metadata(const struct stat *st, const char *to)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (lchown(to, st->st_uid, st->st_gid) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && chmod(to, st->st_mode & 07777) < 0)
		return -errno;
	return utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_entry(const char *from, const char *to)
{
	struct stat st;
	int r = 0;
	if (lstat(from, &st) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		r = mkdir(to, 0700) < 0 ? -errno : copyup(from, to);
		break;
	case S_IFREG:
		r = copy_file(from, to);
		break;
	case S_IFLNK:
		r = copy_link(from, to);
		break;
	case S_IFSOCK: /* of nobody who listens there */
		return 0;
	default:
		r = mknod(to, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
		break;
	}
	return r < 0 ? r : copy_metadata(&st, to);
}

int copyup(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	int r = dir ? 0 : -errno;
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		CLEANUP_TALLOC char *source = mem_printf(NULL, "%s/%s", from, e->d_name);
		CLEANUP_TALLOC char *target = mem_printf(NULL, "%s/%s", to, e->d_name);
		r = copy_entry(source, target);
	}
	if (dir)
		closedir(dir);
	return r;
}
