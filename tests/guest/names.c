/* SPDX-License-Identifier: Apache-2.0 */
/* Making and removing names. */
/* covers: mkdir mkdirat mknod mknodat symlink symlinkat link linkat unlink unlinkat rmdir */
#include "guest.h"

#include <sys/sysmacros.h>
#include <sys/vfs.h>

TEST(mkdir_errors)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(symlink("missing", "l"));
	WORKS(symlink("d", "ld"));
	FAILS(EEXIST, mkdir("d", 0755));
	FAILS(EEXIST, mkdir("f", 0755));
	FAILS(EEXIST, mkdir("l", 0755));
	FAILS(EEXIST, mkdir("ld", 0755));
	FAILS(EEXIST, mkdir(".", 0755));
	FAILS(EEXIST, mkdir("..", 0755));
	FAILS(EEXIST, mkdir("/", 0755));
	FAILS(EEXIST, mkdir("d/", 0755));
	FAILS(ENOENT, mkdir("", 0755));
	FAILS(ENOENT, mkdir("missing/d", 0755));
	FAILS(ENOTDIR, mkdir("f/d", 0755));
	FAILS(EFAULT, mkdir(bad, 0755));
	FAILS(EBADF, mkdirat(77, "x", 0755));
	WORKS(mkdir("new/", 0755));
	WORKS(mkdir("ld/in", 0755));
	EQUAL(4, look("d").st_nlink + 1);
	int fd = WORKS(open("d", O_PATH));
	WORKS(mkdirat(fd, "at", 0700));
	EQUAL(0700, mode_of("d/at"));
}

TEST(mkdir_in_a_removed_directory_is_enoent)
{
	WORKS(mkdir("d", 0755));
	int fd = WORKS(open("d", O_RDONLY));
	WORKS(chdir("d"));
	WORKS(rmdir("../d"));
	FAILS(ENOENT, mkdir("x", 0755));
	FAILS(ENOENT, mkdirat(fd, "x", 0755));
	FAILS(ENOENT, open("x", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, symlink("a", "x"));
	FAILS(ENOENT, getcwd((char[4096]){ 0 }, 4096) ? 0 : -1);
}

TEST(device_nodes_are_what_was_asked)
{
	static const dev_t number[] = { 0x103, 0x4ff0ff, 0xfff000ff };
	for (unsigned i = 0; i < sizeof(number) / sizeof(*number); i++) {
		WORKS(mknod("c", S_IFCHR | 0600, number[i]));
		EQUAL(S_IFCHR | 0600, look("c").st_mode);
		EQUAL(number[i], look("c").st_rdev);
		EQUAL(0, look("c").st_size);
		WORKS(link("c", "c2"));
		EQUAL(number[i], look("c2").st_rdev);
		WORKS(rename("c", "c3"));
		EQUAL(number[i], look("c3").st_rdev);
		WORKS(unlink("c2"));
		WORKS(unlink("c3"));
		WORKS(mknod("b", S_IFBLK | 0660, number[i]));
		EQUAL(S_IFBLK | 0640, look("b").st_mode);
		EQUAL(number[i], look("b").st_rdev);
		WORKS(unlink("b"));
	}
}

TEST(made_devices_that_all_may_use_work)
{
	char block[4];
	WORKS(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	WORKS(mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
	WORKS(mknod("full", S_IFCHR | 0666, makedev(1, 7)));
	int fd = WORKS(open("null", O_RDWR));
	EQUAL(0, read(fd, block, 4));
	EQUAL(4, write(fd, "abcd", 4));
	fd = WORKS(open("zero", O_RDWR));
	memset(block, 'x', 4);
	EQUAL(4, read(fd, block, 4));
	EQUAL(0, block[3]);
	fd = WORKS(open("full", O_RDWR));
	FAILS(ENOSPC, write(fd, "a", 1));
	FAILS(ENOTDIR, open("null/x", O_RDONLY));
	FAILS(ENOTDIR, open("null", O_RDONLY | O_DIRECTORY));
}

/* What fstat, fchmod and the rest find behind a descriptor of a node is the node. */
TEST(descriptors_of_made_devices_are_of_the_node)
{
	static const struct {
		const char *name;
		unsigned minor;
	} node[] = { { "null", 3 }, { "zero", 5 }, { "full", 7 }, { "random", 8 }, { "urandom", 9 } };
	struct stat st;
	struct statfs of_node, of_directory;
	char link[64], target[PATH_MAX], cwd[PATH_MAX], expected[PATH_MAX + 16];
	WORKS(getcwd(cwd, sizeof(cwd)) ? 0 : -1);
	WORKS(statfs(".", &of_directory));
	for (unsigned i = 0; i < sizeof(node) / sizeof(*node); i++) {
		WORKS(mknod(node[i].name, S_IFCHR | 0640, makedev(1, node[i].minor)));
		WORKS(chown(node[i].name, 7, 8));
		int fd = WORKS(open(node[i].name, O_RDWR | O_CLOEXEC));
		struct stat named = look(node[i].name);
		WORKS(fstat(fd, &st));
		EQUAL(S_IFCHR | 0640, st.st_mode);
		EQUAL(makedev(1, node[i].minor), st.st_rdev);
		EQUAL(7, st.st_uid);
		EQUAL(named.st_ino, st.st_ino);
		EQUAL(named.st_dev, st.st_dev);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		WORKS(stat(link, &st));
		EQUAL(named.st_ino, st.st_ino);
		ssize_t n = WORKS(readlink(link, target, sizeof(target) - 1));
		target[n < 0 ? 0 : n] = '\0';
		snprintf(expected, sizeof(expected), "%s/%s", cwd, node[i].name);
		TEXT(expected, target);
		WORKS(fstatfs(fd, &of_node));
		EQUAL(of_directory.f_type, of_node.f_type);
		WORKS(fchmod(fd, 0604));
		EQUAL(S_IFCHR | 0604, look(node[i].name).st_mode);
		WORKS(fchown(fd, 9, 10));
		EQUAL(9, look(node[i].name).st_uid);
		FAILS(EINVAL, ftruncate(fd, 0));
		int other = WORKS(open(link, O_RDONLY));
		WORKS(fstat(other, &st));
		EQUAL(named.st_ino, st.st_ino);
		EQUAL(10, st.st_gid);
		close(other);
		close(fd);
	}
	/* The host's are not touched. */
	EQUAL(0666, mode_of("/dev/null"));
}

TEST(descriptors_tell_nodes_of_one_number_apart)
{
	static const char *const name[] = { "a", "b", "c" };
	int fd[3], copy[3];
	struct stat st;
	for (int i = 0; i < 3; i++) {
		WORKS(mknod(name[i], S_IFCHR | 0600, makedev(1, 3)));
		WORKS(chmod(name[i], 0600 + i));
		fd[i] = WORKS(open(name[i], i == 1 ? O_WRONLY | O_APPEND : O_RDWR));
		copy[i] = WORKS(dup(fd[i]));
	}
	int real = WORKS(open("/dev/null", O_RDWR));
	WORKS(rename("b", "d"));
	WORKS(unlink("c"));
	CHILD {
		for (int i = 0; i < 3; i++) {
			WORKS(fstat(copy[i], &st));
			EQUAL(S_IFCHR | (0600 + i), st.st_mode);
			EQUAL(makedev(1, 3), st.st_rdev);
			EQUAL(i < 2, st.st_nlink);
		}
		WORKS(fstat(real, &st));
		EQUAL(S_IFCHR | 0666, st.st_mode);
		EQUAL(look("/dev/null").st_ino, st.st_ino);
		WORKS(fchmod(fd[1], 0440));
		EQUAL(0440, mode_of("d"));
		WORKS(fchmod(fd[2], 0444));
		WORKS(fstat(copy[2], &st));
		EQUAL(S_IFCHR | 0444, st.st_mode);
	}
	/* One that was made by creat(2), which has no flags. */
	int made = WORKS(creat("a", 0666));
	WORKS(fstat(made, &st));
	EQUAL(S_IFCHR | 0600, st.st_mode);
	EQUAL(look("a").st_ino, st.st_ino);
}

TEST(devices_without_a_driver_are_enxio)
{
	WORKS(mknod("c", S_IFCHR | 0666, makedev(240, 77)));
	FAILS(ENXIO, open("c", O_RDONLY));
	FAILS(ENXIO, open("c", O_RDWR));
	WORKS(mknod("b", S_IFBLK | 0666, makedev(240, 77)));
	FAILS(ENXIO, open("b", O_RDONLY));
	close(WORKS(open("b", O_PATH)));
	WORKS(mknod("s", S_IFSOCK | 0666, 0));
	FAILS(ENXIO, open("s", O_RDWR));
	WORKS(mknod("p", S_IFIFO | 0666, 0));
	FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
	close(WORKS(open("p", O_RDONLY | O_NONBLOCK)));
}

TEST(directory_entries_tell_the_type)
{
	WORKS(mknod("c", S_IFCHR | 0666, makedev(1, 3)));
	WORKS(mknod("b", S_IFBLK | 0666, makedev(1, 3)));
	WORKS(mknod("p", S_IFIFO | 0666, 0));
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(symlink("x", "l"));
	char block[4096];
	unsigned told = 0;
	int fd = WORKS(open(".", O_RDONLY));
	long n = WORKS(syscall(SYS_getdents64, fd, block, sizeof(block)));
	for (long at = 0; at < n;) {
		/* struct linux_dirent64: ino, off, reclen, type, name */
		unsigned short length;
		memcpy(&length, block + at + 16, 2);
		char type = block[at + 18], name = block[at + 19];
		/* A file system may not know. */
		mode_t mode = type == 0 ? 0 : (mode_t)type << 12;
		char text[2] = { name, 0 };
		if (name != '.' && mode) {
			EQUAL(look(text).st_mode & S_IFMT, mode);
			told++;
		}
		at += length;
	}
	EQUAL(6, told);
}

TEST(mknod_errors)
{
	put_file("f", 0644, "");
	WORKS(symlink("missing", "l"));
	FAILS(EEXIST, mknod("f", S_IFREG | 0644, 0));
	FAILS(EEXIST, mknod("l", S_IFREG | 0644, 0));
	FAILS(ENOENT, mknod("missing/x", S_IFREG | 0644, 0));
	FAILS(ENOENT, mknod("x/", S_IFREG | 0644, 0));
	FAILS(ENOTDIR, mknod("f/x", S_IFREG | 0644, 0));
	FAILS(EPERM, mknod("x", S_IFDIR | 0755, 0));
	FAILS(EINVAL, mknod("x", S_IFLNK | 0755, 0));
	FAILS(EFAULT, mknod(bad, S_IFREG | 0644, 0));
	FAILS(EBADF, mknodat(77, "x", S_IFREG | 0644, 0));
	WORKS(mknod("plain", 0600, 0));
	EQUAL(S_IFREG | 0600, look("plain").st_mode);
	WORKS(chmod(".", 0777));
	AS (1000, 1000) {
		FAILS(EPERM, mknod("c", S_IFCHR | 0600, makedev(1, 3)));
		FAILS(EPERM, mknod("b", S_IFBLK | 0600, makedev(1, 3)));
		WORKS(mknod("p", S_IFIFO | 0600, 0));
		WORKS(mknod("s", S_IFSOCK | 0600, 0));
		WORKS(mknod("r", S_IFREG | 0600, 0));
		/* overlayfs' whiteout */
		WORKS(mknod("w", S_IFCHR | 0600, 0));
	}
	int fd = WORKS(open(".", O_PATH));
	WORKS(mknodat(fd, "at", S_IFCHR | 0600, 0x501));
	EQUAL(0x501, look("at").st_rdev);
}

TEST(symlinks_keep_their_text)
{
	char text[PATH_MAX + 2], back[PATH_MAX + 2];
	memset(text, 'a', sizeof(text));
	text[PATH_MAX - 1] = '\0';
	WORKS(symlink(text, "long"));
	EQUAL(PATH_MAX - 1, look("long").st_size);
	EQUAL(PATH_MAX - 1, readlink("long", back, sizeof(back)));
	EQUAL(0, memcmp(text, back, PATH_MAX - 1));
	text[PATH_MAX - 1] = 'a';
	text[PATH_MAX] = '\0';
	FAILS(ENAMETOOLONG, symlink(text, "longer"));
	FAILS(ENOENT, symlink("", "empty"));
	put_file("f", 0644, "");
	FAILS(EEXIST, symlink("x", "f"));
	FAILS(EEXIST, symlink("x", "long"));
	FAILS(ENOENT, symlink("x", "missing/l"));
	FAILS(ENOENT, symlink("x", "l/"));
	FAILS(ENOTDIR, symlink("x", "f/l"));
	FAILS(EFAULT, symlink(bad, "l"));
	FAILS(EFAULT, symlink("x", bad));
	FAILS(EBADF, symlinkat("x", 77, "l"));
	int fd = WORKS(open(".", O_PATH));
	WORKS(symlinkat("/absolute/", fd, "l"));
	EQUAL(10, readlink("l", back, sizeof(back)));
	EQUAL(0, memcmp("/absolute/", back, 10));
}

TEST(link_counts)
{
	put_file("f", 0644, "x");
	WORKS(link("f", "g"));
	EQUAL(2, look("f").st_nlink);
	WORKS(linkat(AT_FDCWD, "f", AT_FDCWD, "h", 0));
	EQUAL(3, look("g").st_nlink);
	EQUAL(look("f").st_ino, look("h").st_ino);
	WORKS(unlink("f"));
	EQUAL(2, look("h").st_nlink);
	int fd = WORKS(open("g", O_WRONLY | O_TRUNC));
	EQUAL(3, write(fd, "new", 3));
	TEXT("new", file_text("h"));
}

TEST(link_does_not_follow_symlinks_unless_told)
{
	put_file("f", 0644, "");
	WORKS(symlink("f", "l"));
	WORKS(link("l", "l2"));
	EQUAL(look("l").st_ino, look("l2").st_ino);
	WORKS(linkat(AT_FDCWD, "l", AT_FDCWD, "f2", AT_SYMLINK_FOLLOW));
	EQUAL(look("f").st_ino, look("f2").st_ino);
	int fd = WORKS(open("f", O_RDONLY));
	WORKS(linkat(fd, "", AT_FDCWD, "f3", AT_EMPTY_PATH));
	EQUAL(3, look("f").st_nlink);
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	WORKS(linkat(AT_FDCWD, name, AT_FDCWD, "f4", AT_SYMLINK_FOLLOW));
	EQUAL(4, look("f").st_nlink);
}

/* From 6.10 on what one has opened oneself, as who one still is; before, what one may read everywhere. */
TEST(a_descriptor_is_linked_by_who_opened_it)
{
	put_file("f", 0644, "");
	WORKS(chmod(".", 0777));
	WORKS(mkdir("d", 0755));
	int fd = WORKS(open("f", O_RDONLY)), link;
	AS(1000, 1000) {
		FAILS(ENOENT, linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
		int mine = WORKS(open("mine", O_RDWR | O_CREAT, 0644));
		bool is_by_opener = linkat(mine, "", AT_FDCWD, "g", AT_EMPTY_PATH) == 0;
		if (!is_by_opener) {
			EQUAL(ENOENT, errno);
			FAILS(ENOENT, linkat(AT_FDCWD, "mine", AT_FDCWD, "h", AT_EMPTY_PATH));
		} else {
			EQUAL(look("mine").st_ino, look("g").st_ino);
			FAILS(EEXIST, linkat(mine, "", AT_FDCWD, "g", AT_EMPTY_PATH));
			FAILS(EACCES, linkat(mine, "", AT_FDCWD, "d/g", AT_EMPTY_PATH));
			WORKS(linkat(AT_FDCWD, "mine", AT_FDCWD, "h", AT_EMPTY_PATH));
			int here = WORKS(open(".", O_PATH));
			WORKS(linkat(here, "mine", AT_FDCWD, "i", AT_EMPTY_PATH));
			EQUAL(4, look("mine").st_nlink);
			link = open(".", O_TMPFILE | O_WRONLY, 0644);
			if (link >= 0)
				WORKS(linkat(link, "", AT_FDCWD, "made", AT_EMPTY_PATH));
			CHILD {
				FAILS(ENOENT, linkat(mine, "", AT_FDCWD, "j", AT_EMPTY_PATH));
				FAILS(ENOENT, linkat(here, "mine", AT_FDCWD, "j", AT_EMPTY_PATH));
			}
		}
		FAILS(EBADF, linkat(77, "", AT_FDCWD, "k", AT_EMPTY_PATH));
	}
	CHILD {
		WORKS(linkat(fd, "", AT_FDCWD, "l", AT_EMPTY_PATH));
		fd = WORKS(open("f", O_RDONLY));
		WORKS(setresuid(1000, 1000, 1000));
		FAILS(ENOENT, linkat(fd, "", AT_FDCWD, "m", AT_EMPTY_PATH));
	}
}

TEST(a_file_without_a_name_gets_none_again)
{
	put_file("f", 0644, "");
	int fd = WORKS(open("f", O_RDONLY));
	WORKS(unlink("f"));
	FAILS(ENOENT, linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, name, AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
}

/* proc(5), /proc/sys/fs: what others put into sticky directories that all may write is not trusted. */
static bool is_protected(const char *what)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/sys/fs/protected_%s", what);
	return file_text(name)[0] >= '1';
}

TEST(files_of_others_are_linked_by_who_may_write_them)
{
	put_file("readable", 0644, "");
	put_file("writable", 0666, "");
	put_file("setuid", 04777, "");
	put_file("own", 0600, "");
	WORKS(chown("own", 1000, 1000));
	WORKS(mknod("p", S_IFIFO | 0666, 0));
	WORKS(mkdir("d", 0777));
	WORKS(chmod("d", 0777));
	if (!is_protected("hardlinks"))
		SKIP("hard links are not protected here");
	AS (1000, 1000) {
		FAILS(EPERM, link("readable", "d/1"));
		WORKS(link("writable", "d/2"));
		FAILS(EPERM, link("setuid", "d/3"));
		WORKS(link("own", "d/4"));
		FAILS(EPERM, link("p", "d/5"));
	}
}

TEST(symlinks_of_others_in_sticky_directories_lead_nowhere)
{
	WORKS(mkdir("d", 0777));
	WORKS(chmod("d", 01777));
	put_file("f", 0666, "text");
	WORKS(symlink("../f", "d/roots"));
	WORKS(symlink("../f", "d/mine"));
	WORKS(lchown("d/mine", 1000, 1000));
	WORKS(symlink("../f", "d/others"));
	WORKS(lchown("d/others", 1001, 1001));
	if (!is_protected("symlinks"))
		SKIP("symlinks are not protected here");
	AS (1000, 1000) {
		/* The directory's owner is trusted, and oneself. */
		TEXT("text", file_text("d/roots"));
		TEXT("text", file_text("d/mine"));
		FAILS(EACCES, open("d/others", O_RDONLY));
		EQUAL(4, readlink("d/others", (char[8]){ 0 }, 8));
	}
	FAILS(EACCES, open("d/others", O_RDONLY));
}

TEST(link_errors)
{
	put_file("f", 0644, "");
	put_file("g", 0644, "");
	WORKS(mkdir("d", 0755));
	FAILS(ENOENT, link("missing", "x"));
	FAILS(ENOENT, link("", "x"));
	FAILS(ENOENT, link("f", ""));
	FAILS(ENOENT, link("f", "missing/x"));
	FAILS(ENOENT, link("f", "x/"));
	FAILS(ENOTDIR, link("f/", "x"));
	FAILS(ENOTDIR, link("f", "g/x"));
	FAILS(EEXIST, link("f", "g"));
	FAILS(EEXIST, link("f", "f"));
	FAILS(EEXIST, link("f", "d"));
	FAILS(EPERM, link("d", "x"));
	FAILS(EXDEV, link("f", "/proc/x") == 0 ? 0 : errno == ENOENT ? (errno = EXDEV, -1) : -1);
	FAILS(EFAULT, link(bad, "x"));
	FAILS(EFAULT, link("f", bad));
	FAILS(EBADF, linkat(77, "f", AT_FDCWD, "x", 0));
	FAILS(EBADF, linkat(AT_FDCWD, "f", 77, "x", 0));
	FAILS(EINVAL, linkat(AT_FDCWD, "f", AT_FDCWD, "x", AT_SYMLINK_NOFOLLOW));
}

TEST(unlink_errors)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(symlink("d", "l"));
	FAILS(ENOENT, unlink("missing"));
	FAILS(ENOENT, unlink(""));
	FAILS(EISDIR, unlink("d"));
	FAILS(EISDIR, unlink("."));
	FAILS(EISDIR, unlink("/"));
	FAILS(ENOTDIR, unlink("f/"));
	FAILS(ENOTDIR, unlink("f/x"));
	FAILS(ENOTDIR, unlink("l/"));
	FAILS(EFAULT, unlink(bad));
	FAILS(EBADF, unlinkat(77, "f", 0));
	FAILS(EINVAL, unlinkat(AT_FDCWD, "f", 1));
	FAILS(EISDIR, unlinkat(AT_FDCWD, "d", 0));
	FAILS(ENOTDIR, unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
	WORKS(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	WORKS(unlink("l"));
	int fd = WORKS(open(".", O_PATH));
	WORKS(unlinkat(fd, "f", 0));
	EQUAL(0, look("f").st_mode);
}

TEST(rmdir_errors)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(mkdir("d/d", 0755));
	WORKS(mkdir("e", 0755));
	WORKS(symlink("e", "l"));
	FAILS(ENOENT, rmdir("missing"));
	FAILS(ENOENT, rmdir(""));
	FAILS(ENOTDIR, rmdir("f"));
	FAILS(ENOTDIR, rmdir("l"));
	FAILS(ENOTDIR, rmdir("l/"));
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(EINVAL, rmdir("d/d/."));
	FAILS(EINVAL, rmdir("."));
	FAILS(ENOTEMPTY, rmdir("d/d/.."));
	FAILS(ENOTEMPTY, rmdir(".."));
	FAILS(EBUSY, rmdir("/"));
	FAILS(EFAULT, rmdir(bad));
	WORKS(rmdir("d/d/"));
	WORKS(rmdir("d"));
}

TEST(names_have_255_bytes)
{
	char name[300];
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	FAILS(ENAMETOOLONG, mkdir(name, 0755));
	FAILS(ENAMETOOLONG, open(name, O_CREAT | O_WRONLY, 0644));
	FAILS(ENAMETOOLONG, symlink("x", name));
	FAILS(ENAMETOOLONG, mknod(name, S_IFIFO | 0600, 0));
	FAILS(ENAMETOOLONG, unlink(name));
	name[255] = '\0';
	put_file(name, 0644, "long");
	TEXT("long", file_text(name));
	WORKS(chown(name, 1, 2));
	EQUAL(1, look(name).st_uid);
	WORKS(rename(name, "x"));
	FAILS(ENAMETOOLONG, rename("x", (name[255] = 'n', name)));
	name[255] = '\0';
	WORKS(link("x", name));
	WORKS(unlink(name));
	WORKS(mkdir(name, 0755));
	WORKS(rmdir(name));
}
