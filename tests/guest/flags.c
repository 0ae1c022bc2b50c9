/* SPDX-License-Identifier: Apache-2.0 */
/* Files that may not be changed, and such that may only grow: chattr(1)'s i and a. */
/* covers: ioctl */
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
