/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps on files that look or change what a file is: owner, mode, times, length, content, access. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "tests/differential/differential.h"

enum { NR_FCHMODAT2 = 452, NR_FACCESSAT2 = 439 };
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A call on one path has been made: its result, what changed, what is there now. */
static void say_outcome(int64_t result, const char *path, const struct times *before)
{
	say(")");
	say_result(result);
	say_times(AT_FDCWD, path, before);
	say_state(path);
}

static void say_outcome_fd(int64_t result, int fd, const struct times *before)
{
	struct stat st;
	say(")");
	say_result(result);
	say_times(fd, "", before);
	if (fstat(fd, &st) == 0)
		say_stat(&st);
}

static const char *begin_path(const char *name, const char *path, struct times *ret)
{
	say("%s(", name);
	say_path(path);
	times_of(AT_FDCWD, path, ret);
	return path;
}

static const char *begin(const char *name, struct times *ret)
{
	return begin_path(name, any_path(), ret);
}

static int begin_fd(const char *name, struct times *ret)
{
	int fd = any_fd();
	say("%s(%d", name, fd);
	times_of(fd, "", ret);
	return fd;
}

static void begin_at(const char *name, int dir_fd, const char *path)
{
	say("%s(", name);
	say_fd(dir_fd);
	say(", ");
	say_path(path);
}

/* ---- mode and owner ---- */

static void run_chmod(void)
{
	struct times before;
	mode_t mode = any_mode();
	const char *path = begin_path("chmod", any_path_or_program(), &before);
	say(", %o", mode);
	say_outcome(CALL(SYS_chmod, path, mode), path, &before);
}

static void run_fchmod(void)
{
	struct times before;
	mode_t mode = any_mode();
	int fd = begin_fd("fchmod", &before);
	say(", %o", mode);
	say_outcome_fd(CALL(SYS_fchmod, fd, mode), fd, &before);
}

static void run_fchmodat(void)
{
	int dir_fd = any_dir_fd();
	const char *path = any_path();
	mode_t mode = any_mode();
	begin_at("fchmodat", dir_fd, path);
	say(", %o)", mode);
	say_result(CALL(SYS_fchmodat, dir_fd, path, mode));
}

static void run_fchmodat2(void)
{
	static const unsigned known[] = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH };
	int dir_fd = any_dir_fd();
	const char *path = any_path();
	mode_t mode = any_mode();
	unsigned flags = any_flags(known, COUNT(known));
	begin_at("fchmodat2", dir_fd, path);
	say(", %o, %#x)", mode, flags);
	say_result(CALL(NR_FCHMODAT2, dir_fd, path, mode, flags));
}

static void run_chown(void)
{
	struct times before;
	uint32_t uid = any_id(), gid = any_id();
	bool follows = once_in(2);
	const char *path = begin_path(follows ? "chown" : "lchown", any_path_or_program(), &before);
	say(", %d, %d", (int)uid, (int)gid);
	say_outcome(follows ? CALL(SYS_chown, path, uid, gid) : CALL(SYS_lchown, path, uid, gid), path, &before);
}

static void run_fchown(void)
{
	struct times before;
	uint32_t uid = any_id(), gid = any_id();
	int fd = begin_fd("fchown", &before);
	say(", %d, %d", (int)uid, (int)gid);
	say_outcome_fd(CALL(SYS_fchown, fd, uid, gid), fd, &before);
}

static void run_fchownat(void)
{
	static const unsigned known[] = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH };
	int dir_fd = any_dir_fd();
	const char *path = any_path();
	uint32_t uid = any_id(), gid = any_id();
	unsigned flags = any_flags(known, COUNT(known));
	begin_at("fchownat", dir_fd, path);
	say(", %d, %d, %#x)", (int)uid, (int)gid, flags);
	say_result(CALL(SYS_fchownat, dir_fd, path, uid, gid, flags));
}

/* ---- times ---- */

static struct timespec any_time(void)
{
	static const struct timespec common[] = { { 0, 0 }, { 1, 1 }, { 1234567890, 123456789 }, { -1, 5 },
						  { 0, UTIME_NOW }, { 0, UTIME_OMIT }, { 5, 1000000000 },
						  { 1000000000, -1 }, { 4000000000, 0 } };
	return common[once_in(6) ? below(COUNT(common)) : below(6)];
}

static void run_utimensat(void)
{
	static const unsigned known[] = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH };
	struct timespec times[2] = { any_time(), any_time() };
	bool has_times = !once_in(4), has_path = !once_in(4);
	int dir_fd = has_path ? any_dir_fd() : any_fd();
	const char *path = any_path();
	unsigned flags = any_flags(known, COUNT(known));
	struct times before;
	begin_at("utimensat", dir_fd, has_path ? path : "NULL");
	if (has_times)
		say(", %lld.%09ld %lld.%09ld", (long long)times[0].tv_sec, times[0].tv_nsec,
		    (long long)times[1].tv_sec, times[1].tv_nsec);
	say(", %#x", flags);
	times_of(dir_fd, has_path ? path : "", &before);
	say(")");
	say_result(CALL(SYS_utimensat, dir_fd, has_path ? path : NULL, has_times ? times : NULL, flags));
	say_times(dir_fd, has_path ? path : "", &before);
}

static void run_utimes(void)
{
	struct timespec first = any_time(), second = any_time();
	struct timeval times[2] = { { first.tv_sec, first.tv_nsec / 1000 }, { second.tv_sec, second.tv_nsec / 1000 } };
	struct utimbuf old = { first.tv_sec, second.tv_sec };
	bool has_times = !once_in(4), is_old = once_in(3);
	struct times before;
	const char *path = begin(is_old ? "utime" : "utimes", &before);
	if (has_times)
		say(", %lld %lld", (long long)first.tv_sec, (long long)second.tv_sec);
	if (is_old)
		say_outcome(CALL(SYS_utime, path, has_times ? &old : NULL), path, &before);
	else
		say_outcome(CALL(SYS_utimes, path, has_times ? times : NULL), path, &before);
}

/* ---- length and content ---- */

static int64_t any_length(void)
{
	static const int64_t common[] = { 0, 1, 10, 4096, 5000, -1, 70000 };
	return common[below(COUNT(common))];
}

static void run_truncate(void)
{
	struct times before;
	int64_t length = any_length();
	const char *path = begin("truncate", &before);
	say(", %lld", (long long)length);
	say_outcome(CALL(SYS_truncate, path, length), path, &before);
}

/*
 * fakebuild learns who writes from who opens: a file that a write may take something from is written through
 * a descriptor that was opened by who the actor is now.
 */
static bool is_fresh(int fd, struct times *before)
{
	char link[64], value[64];
	struct stat st;
	if (fstat(fd, &st) < 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY || !(st.st_mode & (S_ISUID | S_ISGID) || fgetxattr(fd, "security.capability", value, 64) >= 0))
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int again = settings.has_proc ? open(link, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (again >= 0)
		close(again);
	else
		say(" (not written)");
	times_of(fd, "", before);
	return again >= 0;
}

static void run_ftruncate(void)
{
	struct times before;
	int64_t length = any_length();
	int fd = begin_fd("ftruncate", &before);
	say(", %lld", (long long)length);
	if (is_fresh(fd, &before))
		say_outcome_fd(CALL(SYS_ftruncate, fd, length), fd, &before);
}

static void run_write(void)
{
	struct times before;
	size_t size = below(3) ? 1 + below(20) : 0;
	bool has_offset = once_in(2);
	int fd = begin_fd(has_offset ? "pwrite" : "write", &before);
	say(", %zu", size);
	if (!is_fresh(fd, &before))
		return;
	int64_t r = has_offset ? CALL(SYS_pwrite64, fd, "abcdefghijklmnopqrstuvwxyz", size, 0l) :
				 CALL(SYS_write, fd, "abcdefghijklmnopqrstuvwxyz", size);
	say_outcome_fd(r, fd, &before);
}

static void run_read(void)
{
	char text[32];
	int fd = any_fd();
	say("read(%d)", fd);
	int64_t n = CALL(SYS_read, fd, text, sizeof(text));
	say_result(n);
	for (int64_t i = 0; i < n; i++)
		say(" %02x", (unsigned char)text[i]);
}

static void run_fallocate(void)
{
	struct times before;
	int mode = once_in(3) ? 1 /* FALLOC_FL_KEEP_SIZE */ : 0;
	int64_t length = any_length();
	int fd = begin_fd("fallocate", &before);
	say(", %d, 0, %lld", mode, (long long)length);
	if (is_fresh(fd, &before))
		say_outcome_fd(CALL(SYS_fallocate, fd, mode, 0l, length), fd, &before);
}

static void run_copy(void)
{
	struct times before;
	int from = any_fd();
	bool is_sendfile = once_in(2);
	int to = begin_fd(is_sendfile ? "sendfile" : "copy_file_range", &before);
	int64_t at = 0;
	say(", %d", from);
	if (!is_fresh(to, &before))
		return;
	int64_t r = is_sendfile ? CALL(SYS_sendfile, to, from, &at, 8) :
				  syscall(SYS_copy_file_range, from, &at, to, NULL, 8, 0);
	say_outcome_fd(r, to, &before);
}

/* ---- looking ---- */

static void run_stat(void)
{
	static const unsigned known[] = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH };
	struct stat st;
	int dir_fd = any_dir_fd();
	const char *path = any_path();
	unsigned flags = any_flags(known, COUNT(known));
	begin_at("newfstatat", dir_fd, path);
	say(", %#x)", flags);
	int64_t r = CALL(SYS_newfstatat, dir_fd, path, &st, flags);
	say_result(r);
	if (r == 0)
		say_stat(&st);
}

static void run_fstat(void)
{
	struct stat st;
	int fd = any_fd();
	say("fstat(%d)", fd);
	int64_t r = CALL(SYS_fstat, fd, &st);
	say_result(r);
	if (r == 0)
		say_stat(&st);
}

static void run_statx(void)
{
	static const unsigned known[] = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT };
	struct {
		uint32_t mask, blksize;
		uint64_t attributes;
		uint32_t nlink, uid, gid;
		uint16_t mode, spare;
		uint64_t ino, size, blocks, rest[28];
	} x;
	memset(&x, 0, sizeof(x));
	int dir_fd = any_dir_fd();
	const char *path = any_path();
	unsigned flags = any_flags(known, COUNT(known)), mask = once_in(20) ? 0x80000000u : 0x7ff;
	begin_at("statx", dir_fd, path);
	say(", %#x, %#x)", flags, mask);
	int64_t r = CALL(SYS_statx, dir_fd, path, flags, mask, &x);
	say_result(r);
	if (r == 0)
		say(" {%x %06o %u:%u n%u}", x.mask & 0x7ff, x.mode, x.uid, x.gid, x.nlink);
}

/* Two names of one file have one inode. */
static void run_same(void)
{
	struct stat a, b;
	const char *first = any_path(), *second = any_path();
	say("same(");
	say_path(first);
	say(", ");
	say_path(second);
	say(")");
	if (stat(first, &a) == 0 && stat(second, &b) == 0)
		say(" = %d", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

static void run_access(void)
{
	static const unsigned known[] = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_EACCESS };
	int dir_fd = any_dir_fd(), mode = once_in(30) ? 9 : (int)below(8);
	const char *path = any_path();
	unsigned flags = any_flags(known, COUNT(known));
	bool is_new = once_in(2) && !strstr(settings.absent, ",faccessat2,");
	begin_at(is_new ? "faccessat2" : "faccessat", dir_fd, path);
	say(", %d, %#x)", mode, is_new ? flags : 0);
	say_result(is_new ? CALL(NR_FACCESSAT2, dir_fd, path, mode, flags) :
			    CALL(SYS_faccessat, dir_fd, path, mode));
}

static void run_readlink(void)
{
	char target[PATH_ROOM_BYTES];
	int dir_fd = any_dir_fd(), room = once_in(10) ? (int)below(3) : 4096;
	const char *path = any_path();
	begin_at("readlinkat", dir_fd, path);
	say(", %d)", room);
	int64_t n = CALL(SYS_readlinkat, dir_fd, path, target, room);
	say_result(n);
	if (n < 0)
		return;
	target[n] = '\0';
	say(" ");
	say_path(target);
}

const struct step file_steps[] = {
	{ "chmod", 24, run_chmod, false },         { "fchmod", 12, run_fchmod, false },
	{ "fchmodat", 8, run_fchmodat, false },    { "fchmodat2", 8, run_fchmodat2, true },
	{ "chown", 24, run_chown, false },         { "fchown", 10, run_fchown, false },
	{ "fchownat", 10, run_fchownat, false },   { "utimensat", 14, run_utimensat, false },
	{ "utimes", 8, run_utimes, false },        { "truncate", 12, run_truncate, false },
	{ "ftruncate", 8, run_ftruncate, false },  { "write", 20, run_write, false },
	{ "read", 8, run_read, false },            { "fallocate", 4, run_fallocate, false },
	{ "copy", 6, run_copy, false },            { "newfstatat", 16, run_stat, false },
	{ "fstat", 10, run_fstat, false },         { "statx", 8, run_statx, false },
	{ "same", 4, run_same, false },            { "access", 24, run_access, false },
	{ "readlinkat", 8, run_readlink, false },
};
const size_t file_step_count = COUNT(file_steps);
