/* SPDX-License-Identifier: Apache-2.0 */
/* Files that may not be changed, and such that may only grow: chattr(1)'s i and a. */
/* covers: ioctl file_getattr file_setattr */
#include "guest.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static int flags_of(int fd)
{
	int flags = 0;
	return ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 ? -1 : flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

static int set_flags(int fd, int wanted)
{
	int flags = 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -1;
	flags = (flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | wanted;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int opened(const char *name)
{
	int fd = WORKS(open(name, O_RDONLY)), flags;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		SKIP("a file system without such flags");
	return fd;
}

TEST(an_immutable_file_stays_as_it_is)
{
	put_file("f", 0644, "x");
	put_file("g", 0644, "y");
	int fd = opened("f");
	WORKS(set_flags(fd, FS_IMMUTABLE_FL));
	EQUAL(FS_IMMUTABLE_FL, flags_of(fd));
	TEXT("x", file_text("f"));
	FAILS(EPERM, open("f", O_WRONLY));
	FAILS(EPERM, open("f", O_WRONLY | O_APPEND));
	FAILS(EPERM, open("f", O_RDONLY | O_TRUNC));
	FAILS(EPERM, truncate("f", 0));
	FAILS(EPERM, unlink("f"));
	FAILS(EPERM, rename("f", "h"));
	FAILS(EPERM, rename("g", "f"));
	FAILS(EPERM, link("f", "h"));
	FAILS(EPERM, chmod("f", 0600));
	FAILS(EPERM, fchmod(fd, 0600));
	FAILS(EPERM, chown("f", 5, 5));
	FAILS(EPERM, lchown("f", 5, 5));
	FAILS(EPERM, utimensat(AT_FDCWD, "f", NULL, 0));
	FAILS(EPERM, setxattr("f", "user.a", "v", 1, 0));
	FAILS(EPERM, setxattr("f", "trusted.a", "v", 1, 0));
	FAILS(EPERM, access("f", W_OK));
	WORKS(access("f", R_OK));
	EQUAL(0644, mode_of("f"));
	WORKS(set_flags(fd, 0));
	EQUAL(0, flags_of(fd));
	WORKS(chmod("f", 0600));
	WORKS(rename("f", "h"));
	WORKS(unlink("h"));
}

TEST(a_file_of_additions_only_grows)
{
	put_file("f", 0644, "x");
	int fd = opened("f");
	WORKS(set_flags(fd, FS_APPEND_FL));
	EQUAL(FS_APPEND_FL, flags_of(fd));
	FAILS(EPERM, open("f", O_WRONLY));
	FAILS(EPERM, open("f", O_WRONLY | O_APPEND | O_TRUNC));
	int more = WORKS(open("f", O_WRONLY | O_APPEND));
	EQUAL(1, write(more, "y", 1));
	TEXT("xy", file_text("f"));
	FAILS(EPERM, truncate("f", 0));
	FAILS(EPERM, unlink("f"));
	FAILS(EPERM, rename("f", "h"));
	FAILS(EPERM, link("f", "h"));
	FAILS(EPERM, chmod("f", 0600));
	FAILS(EPERM, chown("f", 5, 5));
	WORKS(utimensat(AT_FDCWD, "f", NULL, 0));
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	FAILS(EPERM, utimensat(AT_FDCWD, "f", times, 0));
	FAILS(EPERM, setxattr("f", "user.a", "v", 1, 0));
	WORKS(access("f", W_OK));
	WORKS(set_flags(fd, 0));
	WORKS(unlink("f"));
}

TEST(directories_have_them_too)
{
	WORKS(mkdir("d", 0755));
	put_file("d/f", 0644, "x");
	put_file("g", 0644, "y");
	WORKS(access("d/f", F_OK));
	int fd = opened("d");
	WORKS(set_flags(fd, FS_IMMUTABLE_FL));
	FAILS(EPERM, open("d/new", O_WRONLY | O_CREAT, 0644));
	FAILS(EPERM, openat(fd, "new", O_WRONLY | O_CREAT, 0644));
	FAILS(EPERM, mkdir("d/new", 0755));
	FAILS(EPERM, symlink("x", "d/new"));
	FAILS(EPERM, unlink("d/f"));
	FAILS(EPERM, unlinkat(fd, "f", 0));
	FAILS(EPERM, rename("d/f", "f"));
	FAILS(EPERM, rename("g", "d/f"));
	FAILS(EPERM, link("g", "d/g"));
	FAILS(EPERM, rmdir("d"));
	FAILS(EPERM, rename("d", "e"));
	FAILS(EPERM, chmod("d", 0700));
	int inside = WORKS(open("d/f", O_WRONLY));
	EQUAL(1, write(inside, "z", 1));
	WORKS(chmod("d/f", 0600));
	CHILD {
		WORKS(chdir("d"));
		FAILS(EPERM, open("new", O_WRONLY | O_CREAT, 0644));
		FAILS(EPERM, unlink("f"));
	}
	WORKS(set_flags(fd, FS_APPEND_FL));
	close(WORKS(open("d/new", O_WRONLY | O_CREAT, 0644)));
	FAILS(EPERM, unlink("d/new"));
	FAILS(EPERM, rename("d/new", "d/other"));
	WORKS(link("g", "d/g"));
	WORKS(set_flags(fd, 0));
	WORKS(unlink("d/new"));
	WORKS(unlink("d/g"));
	WORKS(unlink("d/f"));
	WORKS(rmdir("d"));
}

/* Of the directories above it is known where they are, of itself not yet. */
TEST(a_directory_has_them_when_it_is_first_met_on_the_way)
{
	char above[4096], name[4200];
	if (!getcwd(above, sizeof(above)))
		SKIP("no name for the directory");
	WORKS(mkdir("d", 0755));
	WORKS(mkdir("d/e", 0755));
	int fd = opened("d/e");
	WORKS(set_flags(fd, FS_IMMUTABLE_FL));
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s/d", above);
		WORKS(access(name, F_OK));
		snprintf(name, sizeof(name), "%s/d/e/new", above);
		FAILS(EPERM, open(name, O_WRONLY | O_CREAT, 0644));
		FAILS(EPERM, mkdir(name, 0755));
	}
	WORKS(set_flags(fd, 0));
	WORKS(mkdir(name, 0755));
	WORKS(rmdir(name));
	WORKS(rmdir("d/e"));
	WORKS(rmdir("d"));
}

TEST(they_are_set_by_who_may)
{
	put_file("f", 0644, "x");
	int fd = opened("f"), value = 0;
	WORKS(chown("f", 1000, 1000));
	AS (1000, 1000) {
		int own = WORKS(open("f", O_RDONLY));
		FAILS(EPERM, set_flags(own, FS_IMMUTABLE_FL));
		WORKS(set_flags(own, 0));
	}
	WORKS(set_flags(fd, FS_IMMUTABLE_FL));
	AS (1000, 1000) {
		int own = WORKS(open("f", O_RDONLY));
		EQUAL(FS_IMMUTABLE_FL, flags_of(own));
		FAILS(EPERM, set_flags(own, 0));
	}
	AS (1001, 1001) {
		int others = WORKS(open("f", O_RDONLY));
		FAILS(EPERM, ioctl(others, FS_IOC_SETFLAGS, &value));
	}
	FAILS(EFAULT, ioctl(fd, FS_IOC_GETFLAGS, bad));
	FAILS(EFAULT, ioctl(fd, FS_IOC_SETFLAGS, bad));
	FAILS(EBADF, ioctl(open("f", O_PATH), FS_IOC_GETFLAGS, &value));
	FAILS(EBADF, ioctl(77, FS_IOC_GETFLAGS, &value));
	WORKS(set_flags(fd, 0));
}

/* What struct fsxattr says of these two. */
static unsigned extended_of(int fd)
{
	struct fsxattr x = { 0 };
	WORKS(ioctl(fd, FS_IOC_FSGETXATTR, &x));
	return x.fsx_xflags & (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
}

TEST(they_have_an_extended_form)
{
	struct fsxattr x = { 0 };
	put_file("f", 0644, "x");
	WORKS(chown("f", 1000, 1000));
	int fd = opened("f");
	if (ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0)
		SKIP("a file system without it");
	EQUAL(0, extended_of(fd));
	x.fsx_xflags |= FS_XFLAG_IMMUTABLE;
	AS (1000, 1000) {
		int own = WORKS(open("f", O_RDONLY));
		FAILS(EPERM, ioctl(own, FS_IOC_FSSETXATTR, &x));
		x.fsx_xflags &= ~(unsigned)FS_XFLAG_IMMUTABLE;
		WORKS(ioctl(own, FS_IOC_FSSETXATTR, &x));
	}
	AS (1001, 1001) {
		int others = WORKS(open("f", O_RDONLY));
		EQUAL(0, extended_of(others));
		FAILS(EPERM, ioctl(others, FS_IOC_FSSETXATTR, &x));
	}
	EQUAL(0, extended_of(fd));
	WORKS(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	EQUAL(FS_XFLAG_IMMUTABLE, extended_of(fd));
	EQUAL(FS_IMMUTABLE_FL, flags_of(fd));
	FAILS(EPERM, chmod("f", 0600));
	FAILS(EPERM, open("f", O_WRONLY));
	x.fsx_xflags = (x.fsx_xflags & ~(unsigned)FS_XFLAG_IMMUTABLE) | FS_XFLAG_APPEND;
	WORKS(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	EQUAL(FS_APPEND_FL, flags_of(fd));
	close(WORKS(open("f", O_WRONLY | O_APPEND)));
	WORKS(set_flags(fd, 0));
	EQUAL(0, extended_of(fd));
	/* only a directory hands these down */
	WORKS(ioctl(fd, FS_IOC_FSGETXATTR, &x));
	x.fsx_xflags |= FS_XFLAG_EXTSZINHERIT | FS_XFLAG_IMMUTABLE;
	FAILS(EINVAL, ioctl(fd, FS_IOC_FSSETXATTR, &x));
	EQUAL(0, extended_of(fd));
	FAILS(EFAULT, ioctl(fd, FS_IOC_FSGETXATTR, bad));
	FAILS(EFAULT, ioctl(fd, FS_IOC_FSSETXATTR, bad));
	FAILS(EBADF, ioctl(open("f", O_PATH), FS_IOC_FSGETXATTR, &x));
	WORKS(unlink("f"));
}

/* Of Linux 6.17: struct file_attr. */
struct attributes {
	uint64_t flags;
	uint32_t rest[4];
};

static long get_attributes(int fd, const char *path, void *to, size_t size, unsigned flags)
{
	return syscall(468, fd, path, to, size, flags);
}

static long set_attributes(int fd, const char *path, const void *from, size_t size, unsigned flags)
{
	return syscall(469, fd, path, from, size, flags);
}

static long marks_of(const char *path, unsigned flags)
{
	struct attributes a = { 0 };
	WORKS(get_attributes(AT_FDCWD, path, &a, sizeof(a), flags));
	return a.flags & (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
}

static void needs_attributes(const char *path)
{
	struct attributes a;
	if (get_attributes(AT_FDCWD, path, &a, sizeof(a), 0) < 0)
		SKIP(errno == ENOSYS ? "a kernel before Linux 6.17" : "a file system without such flags");
}

TEST(attributes_are_set_by_name)
{
	struct attributes a = { 0 };
	put_file("f", 0644, "x");
	needs_attributes("f");
	WORKS(symlink("f", "l"));
	WORKS(mkdir("d", 0755));
	WORKS(get_attributes(AT_FDCWD, "f", &a, sizeof(a), 0));
	a.flags |= FS_XFLAG_IMMUTABLE;
	WORKS(set_attributes(AT_FDCWD, "l", &a, sizeof(a), 0));
	EQUAL(FS_XFLAG_IMMUTABLE, marks_of("f", 0));
	FAILS(EPERM, unlink("f"));
	FAILS(EPERM, truncate("f", 0));
	int fd = WORKS(open("f", O_RDONLY)), place = WORKS(open("f", O_PATH));
	EQUAL(FS_IMMUTABLE_FL, flags_of(fd));
	a.flags ^= FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND;
	WORKS(set_attributes(fd, "", &a, sizeof(a), AT_EMPTY_PATH));
	WORKS(get_attributes(fd, "", &a, sizeof(a), AT_EMPTY_PATH));
	EQUAL(FS_XFLAG_APPEND, a.flags & (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND));
	FAILS(EBADF, get_attributes(place, "", &a, sizeof(a), AT_EMPTY_PATH));
	FAILS(EBADF, get_attributes(place, NULL, &a, sizeof(a), AT_EMPTY_PATH));
	FAILS(EBADF, set_attributes(place, NULL, &a, sizeof(a), AT_EMPTY_PATH));
	WORKS(get_attributes(fd, NULL, &a, sizeof(a), AT_EMPTY_PATH));
	a.flags &= ~(uint64_t)FS_XFLAG_APPEND;
	WORKS(set_attributes(fd, NULL, &a, sizeof(a), AT_EMPTY_PATH));
	EQUAL(0, marks_of("l", 0));
	WORKS(get_attributes(AT_FDCWD, "d", &a, sizeof(a), 0));
	a.flags |= FS_XFLAG_IMMUTABLE;
	WORKS(set_attributes(AT_FDCWD, "d", &a, sizeof(a), 0));
	EQUAL(FS_XFLAG_IMMUTABLE, marks_of("d/", 0));
	FAILS(EPERM, mkdir("d/e", 0755));
	a.flags &= ~(uint64_t)FS_XFLAG_IMMUTABLE;
	WORKS(set_attributes(AT_FDCWD, "d", &a, sizeof(a), AT_SYMLINK_NOFOLLOW));
	WORKS(mkdir("d/e", 0755));
	WORKS(unlink("f"));
}

TEST(attributes_are_set_by_who_may)
{
	struct attributes a = { 0 };
	put_file("f", 0600, "x");
	needs_attributes("f");
	WORKS(chown("f", 1000, 1000));
	WORKS(get_attributes(AT_FDCWD, "f", &a, sizeof(a), 0));
	AS (1000, 1000) {
		WORKS(set_attributes(AT_FDCWD, "f", &a, sizeof(a), 0));
		a.flags |= FS_XFLAG_APPEND;
		FAILS(EPERM, set_attributes(AT_FDCWD, "f", &a, sizeof(a), 0));
	}
	AS (1001, 1001) {
		EQUAL(0, marks_of("f", 0));
		FAILS(EPERM, set_attributes(AT_FDCWD, "f", &a, sizeof(a), 0));
	}
	EQUAL(0, marks_of("f", 0));
}

TEST(what_has_no_attributes_says_so)
{
	struct attributes a = { 0 };
	struct {
		struct attributes a;
		char more[8];
	} larger = { .more = "\1\1" };
	put_file("f", 0600, "x");
	needs_attributes("f");
	WORKS(symlink("f", "l"));
	WORKS(mknod("p", S_IFIFO | 0644, 0));
	WORKS(mknod("n", S_IFCHR | 0666, 1 << 8 | 3));
	FAILS(EOPNOTSUPP, get_attributes(AT_FDCWD, "l", &a, sizeof(a), AT_SYMLINK_NOFOLLOW));
	FAILS(EOPNOTSUPP, set_attributes(AT_FDCWD, "l", &a, sizeof(a), AT_SYMLINK_NOFOLLOW));
	FAILS(EOPNOTSUPP, get_attributes(AT_FDCWD, "p", &a, sizeof(a), 0));
	FAILS(EOPNOTSUPP, set_attributes(AT_FDCWD, "p", &a, sizeof(a), 0));
	FAILS(EOPNOTSUPP, get_attributes(AT_FDCWD, "n", &a, sizeof(a), 0));
	FAILS(EOPNOTSUPP, set_attributes(AT_FDCWD, "n", &a, sizeof(a), 0));
	FAILS(EOPNOTSUPP, get_attributes(AT_FDCWD, "/proc/version", &a, sizeof(a), 0));
	FAILS(ENOENT, get_attributes(AT_FDCWD, "none", &a, sizeof(a), 0));
	FAILS(ENOENT, get_attributes(AT_FDCWD, "", &a, sizeof(a), 0));
	FAILS(EBADF, get_attributes(77, "", &a, sizeof(a), AT_EMPTY_PATH));
	FAILS(EINVAL, get_attributes(AT_FDCWD, "none", &a, sizeof(a), AT_SYMLINK_FOLLOW));
	FAILS(EINVAL, get_attributes(AT_FDCWD, "none", &a, sizeof(a) - 1, 0));
	FAILS(E2BIG, get_attributes(AT_FDCWD, "none", &a, 4097, 0));
	FAILS(EFAULT, get_attributes(AT_FDCWD, "f", bad, sizeof(a), 0));
	FAILS(EFAULT, get_attributes(AT_FDCWD, bad, &a, sizeof(a), 0));
	WORKS(get_attributes(AT_FDCWD, "f", &larger, sizeof(larger), 0));
	EQUAL(0, larger.more[0]);
	WORKS(set_attributes(AT_FDCWD, "f", &larger, sizeof(larger), 0));
	larger.more[1] = 1;
	FAILS(E2BIG, set_attributes(AT_FDCWD, "none", &larger, sizeof(larger), 0));
	FAILS(EFAULT, set_attributes(AT_FDCWD, "none", bad, sizeof(a), 0));
	a.flags = UINT64_C(1) << 40;
	FAILS(EINVAL, set_attributes(AT_FDCWD, "none", &a, sizeof(a), 0));
	a.flags = 0;
	FAILS(ENOENT, set_attributes(AT_FDCWD, "none", &a, sizeof(a), 0));
}
