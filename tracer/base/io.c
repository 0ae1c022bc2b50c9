/* SPDX-License-Identifier: Apache-2.0 */
/* Owns whole-file reading and writing, trees and locks; knows nothing of images or tracees. */
#include "tracer/base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/mem.h"

void io_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int io_take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/* All from `first` up to, but not including, `end`. */
static void close_range_of(int first, int end)
{
	enum { MANY = 65536 };
	if (first >= end || syscall(SYS_close_range, (unsigned)first, (unsigned)end - 1, 0) == 0)
		return;
	/* Before 5.9: as many as there can be, within reason. */
	long most = sysconf(_SC_OPEN_MAX);
	int last = most < 0 || most > MANY ? MANY : (int)most;
	for (int fd = first; fd < end && fd < last; fd++)
		close(fd);
}

void io_close_others(int first, const int *kept, size_t count)
{
	for (;;) {
		/* The lowest that is kept of those that are left. */
		int next = INT_MAX;
		for (size_t i = 0; i < count; i++)
			if (kept[i] >= first && kept[i] < next)
				next = kept[i];
		close_range_of(first, next);
		if (next == INT_MAX)
			return;
		first = next + 1;
	}
}

ssize_t io_read_all(int fd, void *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = read(fd, (char *)buffer + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

int io_write_all(int fd, const void *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = write(fd, (const char *)buffer + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += n;
	}
	return 0;
}

int io_read_file(const void *ctx, int dir_fd, const char *path, size_t max_bytes, char **ret_text,
		 size_t *ret_size, struct error *err)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	size_t room = 4096, used = 0;
	char *text = mem_array(ctx, char, room);
	for (;;) {
		ssize_t n = io_read_all(fd, text + used, room - used - 1);
		if (n < 0) {
			talloc_free(text);
			return error_set(err, -n, "cannot read '%s'", path);
		}
		used += n;
		if (used > max_bytes) {
			talloc_free(text);
			return error_set(err, 0, "'%s' is larger than %zu bytes", path, max_bytes);
		}
		if (used + 1 < room)
			break;
		room *= 4;
		text = mem_grow(ctx, text, char, room);
	}
	text[used] = '\0';
	*ret_text = text;
	if (ret_size)
		*ret_size = used;
	return 0;
}

int io_create_beside(int dir_fd, const char *path, mode_t mode, char temporary[PATH_MAX])
{
	static unsigned counter;
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0, fd;
	do {
		int n = snprintf(temporary, PATH_MAX, "%.*s.tmp-%d-%u", folder, path, (int)getpid(),
				 __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED));
		if (n < 0 || n >= PATH_MAX)
			return -ENAMETOOLONG;
		fd = openat(dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EEXIST);
	return fd < 0 ? -errno : fd;
}

static int replace_file(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode, bool is_synced,
			struct error *err)
{
	char temporary[PATH_MAX];
	CLEANUP_CLOSE int fd = io_create_beside(dir_fd, path, mode, temporary);
	if (fd < 0)
		return error_set(err, -fd, "cannot create '%s'", path);
	int r = io_write_all(fd, bytes, size);
	if (r == 0 && is_synced && fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		return error_set(err, -r, "cannot write '%s'", path);
	}
	return 0;
}

int io_write_file(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
	return replace_file(dir_fd, path, bytes, size, mode, true, err);
}

int io_write_passing(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
	return replace_file(dir_fd, path, bytes, size, mode, false, err);
}

int io_open_own(int dir_fd, const char *name, int flags)
{
	struct stat st;
	flags |= O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags);
	if (fd >= 0 || errno != EACCES)
		return fd < 0 ? -errno : fd;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	mode_t opened = (st.st_mode & 07777) | (S_ISDIR(st.st_mode) ? 0500 : 0400);
	if (S_ISLNK(st.st_mode) || fchmodat(dir_fd, name, opened, 0) < 0)
		return -EACCES;
	fd = openat(dir_fd, name, flags);
	int number = errno;
	if (fchmodat(dir_fd, name, st.st_mode & 07777, 0) < 0 && fd >= 0) {
		number = errno;
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -number : fd;
}

int io_list_names(int dir_fd, struct strlist *names)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return -errno;
	DIR *dir = fdopendir(copy);
	if (!dir) {
		int number = errno;
		close(copy);
		return -number;
	}
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strlist_add(names, entry->d_name);
	closedir(dir);
	return 0;
}

int io_mkdir_p(int dir_fd, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	struct stat st;
	if (length >= sizeof(part))
		return -ENAMETOOLONG;
	/* It mostly is there. */
	if (fstatat(dir_fd, path, &st, 0) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	memcpy(part, path, length + 1);
	/* A parent that cannot be made may be there: only when the rest is not has that been the reason. */
	int reason = 0;
	for (char *slash = part + 1; length && (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdirat(dir_fd, part, mode) < 0 && errno != EEXIST) {
			if (errno != EROFS && errno != EACCES && errno != EPERM)
				return errno == ENOENT && reason ? -reason : -errno;
			reason = errno;
		}
		*slash = '/';
	}
	if (mkdirat(dir_fd, part, mode) == 0)
		return 0;
	if (errno != ENOENT || !reason)
		reason = errno;
	if (fstatat(dir_fd, part, &st, 0) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return -reason;
}

static int remove_entries(int fd, dev_t device)
{
	DIR *dir = fdopendir(fd);
	if (!dir) {
		int r = -errno;
		close(fd);
		return r;
	}
	int result = 0;
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (entry->d_type != DT_DIR && unlinkat(dirfd(dir), name, 0) == 0)
			continue;
		struct stat st;
		int r = 0;
		if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			r = errno == ENOENT ? 0 : -errno;
		} else if (!S_ISDIR(st.st_mode)) {
			r = unlinkat(dirfd(dir), name, 0) < 0 && errno != ENOENT ? -errno : 0;
		} else if (st.st_dev != device) {
			r = -EXDEV;
		} else {
			/* Should it fail, opening says so. */
			if ((st.st_mode & 0700) != 0700 && fchmodat(dirfd(dir), name, 0700, 0) < 0)
				r = -errno;
			int child = openat(dirfd(dir), name,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			r = child < 0 ? -errno : remove_entries(child, device);
			if (unlinkat(dirfd(dir), name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
				r = -errno;
		}
		if (r < 0 && result == 0)
			result = r;
	}
	closedir(dir);
	return result;
}

int io_remove_tree(int dir_fd, const char *path)
{
	struct stat st;
	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dir_fd, path, 0) < 0 && errno != ENOENT ? -errno : 0;
	if ((st.st_mode & 0700) != 0700 && fchmodat(dir_fd, path, 0700, 0) < 0)
		return -errno;
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = remove_entries(fd, st.st_dev);
	if (unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	return r;
}

static int copy_range(int from_fd, int to_fd, off_t from, off_t to)
{
	enum { BUFFER_BYTES = 128 * 1024 };
	bool in_kernel = true;
	/* No thread's own: libc fills that with zeros, page by page, before main begins. */
	CLEANUP_FREE char *buffer = NULL;
	while (from < to) {
		size_t want = to - from > (1 << 30) ? (1 << 30) : (size_t)(to - from);
		ssize_t n = -1;
		if (in_kernel) {
			loff_t in = from, out = from;
			n = syscall(SYS_copy_file_range, from_fd, &in, to_fd, &out, want, 0);
			/* ENOSYS before 4.5, EXDEV and EINVAL for pairs that cannot; 0 from /proc files. */
			if (n <= 0)
				in_kernel = false;
		}
		if (n <= 0) {
			if (!buffer)
				buffer = malloc(BUFFER_BYTES);
			if (!buffer)
				return -ENOMEM;
			n = pread(from_fd, buffer, want > BUFFER_BYTES ? BUFFER_BYTES : want, from);
			if (n < 0)
				return -errno;
			if (n == 0)
				return 0;
			for (ssize_t put = 0; put < n;) {
				ssize_t m = pwrite(to_fd, buffer + put, n - put, from + put);
				if (m < 0)
					return -errno;
				put += m;
			}
		}
		from += n;
	}
	return 0;
}

int io_copy_bytes(int from_fd, int to_fd)
{
	if (ioctl(to_fd, FICLONE, from_fd) == 0)
		return 0;
	struct stat st;
	if (fstat(from_fd, &st) < 0)
		return -errno;
	off_t at = 0;
	while (at < st.st_size) {
		off_t start = lseek(from_fd, at, SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			break;
		off_t end = start < 0 ? st.st_size : lseek(from_fd, start, SEEK_HOLE);
		if (start < 0)
			start = at;
		if (end < 0)
			end = st.st_size;
		int r = copy_range(from_fd, to_fd, start, end);
		if (r < 0)
			return r;
		at = end;
	}
	return ftruncate(to_fd, st.st_size) < 0 ? -errno : 0;
}

int io_reserve(int fd, off_t from, off_t bytes)
{
	enum { IN_MEMORY = 0x01021994 /* TMPFS_MAGIC */ };
	struct statfs fs;
	/* There it would take the memory at once. */
	if (fstatfs(fd, &fs) < 0 || fs.f_type == IN_MEMORY)
		return 0;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, from, bytes) == 0)
		return 0;
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? -errno : 0;
}

int io_lock(int dir_fd, const char *path, enum io_lock how)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int op = (how & IO_LOCK_EXCLUSIVE ? LOCK_EX : LOCK_SH) | (how & IO_LOCK_NONBLOCKING ? LOCK_NB : 0);
	while (flock(fd, op) < 0)
		if (errno != EINTR)
			return -errno;
	return io_take_fd(&fd);
}

static int close_held(struct io_held *held)
{
	if (held->fd >= 0)
		close(held->fd);
	return 0;
}

struct io_held *io_held_new(const void *ctx)
{
	struct io_held *held = mem_new(ctx, struct io_held);
	held->fd = -1;
	talloc_set_destructor(held, close_held);
	return held;
}

void io_held_set(struct io_held *held, int fd)
{
	close_held(held);
	held->fd = fd;
}
