/* SPDX-License-Identifier: Apache-2.0 */
/* Times and lengths. */
/* covers: truncate truncate64 utime utimes futimesat utimensat utimensat_time64 ftruncate */
#include "guest.h"

#include <sys/time.h>
#include <utime.h>

static void expect_times(int line, const char *name, long access_sec, long access_nsec, long sec, long nsec)
{
	struct stat st = look(name);
	guest_equal(line, name, access_sec, st.st_atim.tv_sec);
	guest_equal(line, name, access_nsec, st.st_atim.tv_nsec);
	guest_equal(line, name, sec, st.st_mtim.tv_sec);
	guest_equal(line, name, nsec, st.st_mtim.tv_nsec);
}
#define TIMES(name, a, an, m, mn) expect_times(__LINE__, name, a, an, m, mn)

/* The kernel's own calls, which libc no longer uses. */
struct times_raw {
	long sec, fraction;
};

TEST(every_call_sets_both_times)
{
	put_file("f", 0644, "");
	struct times_raw both[2] = { { 1000000001, 2 }, { 1000000003, 4 } };
	int here = WORKS(open(".", O_PATH)), fd = WORKS(open("f", O_RDONLY));
	WORKS(syscall(SYS_utime, "f", (long[2]){ 5, 6 }));
	TIMES("f", 5, 0, 6, 0);
	WORKS(syscall(SYS_utimes, "f", both));
	TIMES("f", 1000000001, 2000, 1000000003, 4000);
	both[0].sec = 7;
	WORKS(syscall(SYS_futimesat, here, "f", both));
	TIMES("f", 7, 2000, 1000000003, 4000);
	both[0].sec = 8;
	WORKS(syscall(SYS_futimesat, fd, NULL, both));
	TIMES("f", 8, 2000, 1000000003, 4000);
	both[0].sec = 9;
	WORKS(syscall(SYS_utimensat, here, "f", both, 0));
	TIMES("f", 9, 2, 1000000003, 4);
	both[0].sec = 10;
	WORKS(syscall(SYS_utimensat, fd, NULL, both, 0));
	TIMES("f", 10, 2, 1000000003, 4);
#ifdef __i386__
	long long wide[4] = { 11, 12, 13, 14 };
	long r = syscall(412, here, "f", wide, 0);
	if (r == 0 || errno != ENOSYS) {
		WORKS(r);
		TIMES("f", 11, 12, 13, 14);
	}
#endif
	/* libc's */
	WORKS(futimens(fd, (struct timespec[2]){ { 21, 22 }, { 23, 24 } }));
	TIMES("f", 21, 22, 23, 24);
	WORKS(utime("f", &(struct utimbuf){ 31, 32 }));
	TIMES("f", 31, 0, 32, 0);
}

TEST(now_and_omit)
{
	put_file("f", 0644, "");
	struct timespec times[2] = { { 5, 6 }, { 7, 8 } };
	WORKS(utimensat(AT_FDCWD, "f", times, 0));
	times[0] = (struct timespec){ 0, UTIME_OMIT };
	times[1] = (struct timespec){ 99, 99 };
	WORKS(utimensat(AT_FDCWD, "f", times, 0));
	TIMES("f", 5, 6, 99, 99);
	times[0].tv_nsec = times[1].tv_nsec = UTIME_OMIT;
	WORKS(utimensat(AT_FDCWD, "f", times, 0));
	TIMES("f", 5, 6, 99, 99);
	times[1].tv_nsec = UTIME_NOW;
	WORKS(utimensat(AT_FDCWD, "f", times, 0));
	EQUAL(5, look("f").st_atim.tv_sec);
	EQUAL(1, look("f").st_mtim.tv_sec > 1000000000);
	WORKS(utimensat(AT_FDCWD, "f", NULL, 0));
	EQUAL(1, look("f").st_atim.tv_sec > 1000000000);
}

TEST(symlinks)
{
	put_file("f", 0644, "");
	WORKS(symlink("f", "l"));
	struct timespec times[2] = { { 5, 6 }, { 7, 8 } };
	WORKS(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
	/* Looking may change the access time of a symlink. */
	EQUAL(7, look("l").st_mtim.tv_sec);
	EQUAL(1, look("f").st_mtim.tv_sec > 1000);
	times[1].tv_sec = 70;
	WORKS(utimensat(AT_FDCWD, "l", times, 0));
	EQUAL(7, look("l").st_mtim.tv_sec);
	EQUAL(70, look("f").st_mtim.tv_sec);
}

TEST(only_the_owner_sets_times_and_who_may_write_sets_now)
{
	struct timespec times[2] = { { 5, 6 }, { 7, 8 } };
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct timespec half[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	struct timespec none[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	put_file("own", 0, "");
	WORKS(chown("own", 1000, 1000));
	put_file("writable", 0666, "");
	put_file("readable", 0644, "");
	AS (1000, 1000) {
		WORKS(utimensat(AT_FDCWD, "own", times, 0));
		WORKS(utimensat(AT_FDCWD, "own", NULL, 0));
		FAILS(EPERM, utimensat(AT_FDCWD, "writable", times, 0));
		FAILS(EPERM, utimensat(AT_FDCWD, "writable", half, 0));
		WORKS(utimensat(AT_FDCWD, "writable", NULL, 0));
		WORKS(utimensat(AT_FDCWD, "writable", now, 0));
		FAILS(EACCES, utimensat(AT_FDCWD, "readable", NULL, 0));
		FAILS(EACCES, utimensat(AT_FDCWD, "readable", now, 0));
		FAILS(EPERM, utimensat(AT_FDCWD, "readable", times, 0));
		WORKS(utimensat(AT_FDCWD, "readable", none, 0));
	}
}

TEST(errors_of_times)
{
	struct timespec times[2] = { { 5, 1000000000 }, { 7, 8 } };
	put_file("f", 0644, "");
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", times, 0));
	times[0].tv_nsec = -1;
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", times, 0));
	times[0].tv_nsec = 0;
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", times, AT_REMOVEDIR));
	FAILS(ENOENT, utimensat(AT_FDCWD, "missing", times, 0));
	FAILS(ENOENT, utimensat(AT_FDCWD, "", times, 0));
	FAILS(ENOTDIR, utimensat(AT_FDCWD, "f/x", times, 0));
	FAILS(EBADF, utimensat(77, "f", times, 0));
	FAILS(EBADF, syscall(SYS_utimensat, 77, NULL, NULL, 0));
	FAILS(EFAULT, syscall(SYS_utimensat, AT_FDCWD, "f", bad, 0));
	FAILS(EFAULT, syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
	FAILS(EFAULT, syscall(SYS_utimes, "f", bad));
	FAILS(EFAULT, syscall(SYS_utime, "f", bad));
	FAILS(EINVAL, syscall(SYS_utimes, "f", (struct times_raw[2]){ { 1, 1000000 }, { 1, 0 } }));
	/* All omitted: the name is not even looked at. */
	times[0].tv_nsec = times[1].tv_nsec = UTIME_OMIT;
	WORKS(utimensat(AT_FDCWD, "missing", times, 0));
}

TEST(truncate_lengths)
{
	put_file("f", 0644, "12345");
	WORKS(truncate("f", 3));
	TEXT("123", file_text("f"));
	WORKS(truncate("f", 0));
	WORKS(truncate("f", 10));
	EQUAL(10, look("f").st_size);
	WORKS(truncate64("f", 5000000000ll));
	EQUAL(5000000000ll, look("f").st_size);
	int fd = WORKS(open("f", O_RDWR));
	WORKS(ftruncate(fd, 2));
	EQUAL(2, look("f").st_size);
	WORKS(symlink("f", "l"));
	WORKS(truncate("l", 1));
	EQUAL(1, look("f").st_size);
#ifdef __i386__
	WORKS(syscall(SYS_truncate, "f", 7));
	EQUAL(7, look("f").st_size);
#endif
}

TEST(truncate_errors)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(mknod("p", S_IFIFO | 0666, 0));
	WORKS(mknod("s", S_IFSOCK | 0666, 0));
	FAILS(EINVAL, truncate("f", -1));
	FAILS(EINVAL, truncate("missing", -1));
	FAILS(ENOENT, truncate("missing", 0));
	FAILS(ENOENT, truncate("", 0));
	FAILS(EISDIR, truncate("d", 0));
	FAILS(EINVAL, truncate("p", 0));
	FAILS(EINVAL, truncate("s", 0));
	FAILS(EINVAL, truncate("/dev/null", 0));
	FAILS(ENOTDIR, truncate("f/x", 0));
	FAILS(EFAULT, truncate(bad, 0));
	AS (1000, 1000)
		FAILS(EACCES, truncate("f", 0));
}

TEST(writing_through_one_name_moves_the_times_of_all)
{
	put_file("f", 0644, "");
	WORKS(link("f", "g"));
	struct timespec times[2] = { { 5, 6 }, { 7, 8 } };
	WORKS(utimensat(AT_FDCWD, "f", times, 0));
	int fd = WORKS(open("g", O_WRONLY));
	TIMES("f", 5, 6, 7, 8);
	EQUAL(1, write(fd, "x", 1));
	EQUAL(1, look("f").st_mtim.tv_sec > 1000);
}
