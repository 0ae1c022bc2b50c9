/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: flags, what is created, openat2's restrictions, files without a name. */
/* covers: open openat creat openat2 */
#include "guest.h"

#include <linux/openat2.h>

static long openat2_(int dir_fd, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };
	return syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
}
static void need_openat2(void)
{
	if (openat2_(AT_FDCWD, ".", O_PATH, 0, 0) < 0 && errno == ENOSYS)
		SKIP("no openat2");
}

TEST(errors)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(symlink("missing", "dangling"));
	WORKS(symlink("f", "l"));
	WORKS(symlink("loop", "loop"));
	FAILS(ENOENT, open("missing", O_RDONLY));
	FAILS(ENOENT, open("dangling", O_RDONLY));
	FAILS(ENOENT, open("", O_RDONLY));
	FAILS(ENOENT, open("missing/x", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOTDIR, open("f/x", O_CREAT | O_WRONLY, 0644));
	FAILS(EEXIST, open("f", O_CREAT | O_EXCL | O_WRONLY, 0644));
	FAILS(EEXIST, open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644));
	FAILS(EEXIST, open("d", O_CREAT | O_EXCL | O_RDONLY, 0644));
	FAILS(EISDIR, open("d", O_WRONLY));
	FAILS(EISDIR, open("d", O_RDWR));
	FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0644));
	FAILS(EISDIR, open("d", O_RDONLY | O_TRUNC));
	FAILS(EISDIR, open("new/", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	FAILS(ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
	FAILS(ELOOP, open("loop", O_RDONLY));
	FAILS(ELOOP, open("loop", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOTDIR, open("l", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
	FAILS(EFAULT, open(bad, O_RDONLY));
	FAILS(EBADF, openat(77, "f", O_RDONLY));
	FAILS(ENXIO, (mknod("s", S_IFSOCK | 0666, 0), open("s", O_RDONLY)));
	int fd = WORKS(open("f", O_RDONLY));
	FAILS(ENOTDIR, openat(fd, "x", O_RDONLY));
	EQUAL(0, look("missing").st_mode);
}

TEST(a_dangling_symlink_is_created_through)
{
	WORKS(mkdir("d", 0755));
	WORKS(symlink("d/new", "l"));
	int fd = WORKS(open("l", O_CREAT | O_WRONLY, 0640));
	EQUAL(0100640, look("d/new").st_mode);
	EQUAL(S_IFLNK, look("l").st_mode & S_IFMT);
	close(fd);
}

TEST(what_exists_keeps_its_owner_and_mode)
{
	put_file("f", 0640, "123");
	WORKS(chown("f", 5, 6));
	close(WORKS(open("f", O_CREAT | O_WRONLY, 0777)));
	EQUAL(0640, mode_of("f"));
	EQUAL(5, look("f").st_uid);
	close(WORKS(creat("f", 0777)));
	EQUAL(0640, mode_of("f"));
	EQUAL(5, look("f").st_uid);
	EQUAL(0, look("f").st_size);
}

TEST(every_open_call_opens)
{
	int here = WORKS(open(".", O_RDONLY | O_DIRECTORY));
	close(WORKS(syscall(SYS_open, "a", O_CREAT | O_WRONLY, 0601)));
	close(WORKS(syscall(SYS_openat, here, "b", O_CREAT | O_WRONLY, 0602)));
	close(WORKS(syscall(SYS_creat, "c", 0603)));
	EQUAL(0601 & ~022, mode_of("a"));
	EQUAL(0602 & ~022, mode_of("b"));
	EQUAL(0603 & ~022, mode_of("c"));
	/* Of what the flags say, F_GETFL tells what lasts. */
	int fd = WORKS(open("a", O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0600));
	EQUAL(O_RDWR | O_APPEND | O_NONBLOCK, fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_EXCL));
	fd = WORKS(open("a", O_RDONLY | O_CLOEXEC));
	EQUAL(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST(descriptors_have_the_flags_that_were_given)
{
	/* As static programs of 64 bits are given it: O_LARGEFILE is the kernel's. */
	const int large = 0100000;
	put_file("f", 0644, "text");
	WORKS(mkdir("d", 0755));
	WORKS(symlink("d", "to_d"));
	WORKS(symlink("f", "to_f"));
	const struct {
		const char *name;
		int flags, shown;
	} cases[] = {
		{ "f", O_RDONLY, O_RDONLY },
		{ "to_f", O_RDONLY, O_RDONLY },
		{ "f", O_WRONLY | O_APPEND, O_WRONLY | O_APPEND },
		{ "f", O_RDWR | O_TRUNC, O_RDWR },
		{ "f", O_RDWR | O_CREAT, O_RDWR },
		{ "new", O_WRONLY | O_CREAT | O_EXCL, O_WRONLY },
		{ "d", O_RDONLY, O_RDONLY },
		{ "d/", O_RDONLY, O_RDONLY },
		{ "to_d/", O_RDONLY | O_NONBLOCK, O_RDONLY | O_NONBLOCK },
		{ "d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = WORKS(open(cases[i].name, cases[i].flags, 0644));
		EQUAL(cases[i].shown, fcntl(fd, F_GETFL) & ~large);
		WORKS(close(fd));
	}
	FAILS(ENOTDIR, open("f/", O_RDONLY));
	FAILS(ENOTDIR, open("to_f/", O_RDONLY));
	FAILS(ENOENT, open("none/", O_RDONLY));
}

TEST(path_descriptors)
{
	char text[8];
	put_file("f", 0, "x");
	WORKS(mkdir("d", 0700));
	put_file("d/g", 0644, "g");
	WORKS(symlink("f", "l"));
	AS (1000, 1000) {
		int fd = WORKS(open("f", O_PATH));
		FAILS(EBADF, read(fd, text, 1));
		FAILS(EBADF, fchmod(fd, 0777));
		struct stat st;
		WORKS(fstat(fd, &st));
		EQUAL(0100000, st.st_mode);
		int directory = WORKS(open("d", O_PATH));
		FAILS(EACCES, openat(directory, "g", O_RDONLY));
		snprintf(text, sizeof(text), "%d", fd);
	}
	int link = WORKS(open("l", O_PATH | O_NOFOLLOW));
	struct stat st;
	WORKS(fstat(link, &st));
	EQUAL(S_IFLNK | 0777, st.st_mode);
	FAILS(ENOENT, open("missing", O_PATH | O_CREAT, 0644));
}

TEST(noatime_is_the_owners)
{
	put_file("f", 0666, "");
	close(WORKS(open("f", O_RDONLY | O_NOATIME)));
	AS (1000, 1000)
		FAILS(EPERM, open("f", O_RDONLY | O_NOATIME));
}

TEST(unnamed_files_may_get_a_name)
{
	umask(027);
	int fd = open(".", O_TMPFILE | O_RDWR, 06666);
	if (fd < 0) {
		EQUAL(EOPNOTSUPP, errno);
		SKIP("the file system has no O_TMPFILE");
	}
	struct stat st;
	WORKS(fstat(fd, &st));
	EQUAL(0106640, st.st_mode);
	EQUAL(0, st.st_nlink);
	WORKS(fchown(fd, 5, 6));
	EQUAL(4, write(fd, "text", 4));
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	WORKS(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	TEXT("text", file_text("named"));
	EQUAL(5, look("named").st_uid);
	EQUAL(1, look("named").st_nlink);
	fd = WORKS(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, name, AT_FDCWD, "other", AT_SYMLINK_FOLLOW));
	FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
	put_file("f", 0644, "");
	FAILS(ENOTDIR, open("f", O_TMPFILE | O_RDWR, 0600));
	FAILS(ENOENT, open("missing", O_TMPFILE | O_RDWR, 0600));
	WORKS(mkdir("locked", 0755));
	AS (1000, 1000)
		FAILS(EACCES, open("locked", O_TMPFILE | O_RDWR, 0600));
}

TEST(openat2_stays_in_a_directory_that_is_gone)
{
	need_openat2();
	WORKS(mkdir("d", 0755));
	int fd = WORKS(open("d", O_RDONLY | O_DIRECTORY));
	WORKS(chdir("d"));
	WORKS(rmdir("../d"));
	FAILS(EXDEV, openat2_(AT_FDCWD, "..", O_PATH, 0, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(fd, "..", O_PATH, 0, RESOLVE_BENEATH));
	struct stat st, there;
	int stays = WORKS(openat2_(fd, "..", O_PATH, 0, RESOLVE_IN_ROOT));
	WORKS(fstat(fd, &there));
	WORKS(fstat(stays, &st));
	EQUAL(there.st_ino, st.st_ino);
}

TEST(openat2_checks_its_structure)
{
	need_openat2();
	struct {
		struct open_how how;
		uint64_t more;
	} large = { { .flags = O_RDONLY }, 0 };
	put_file("f", 0644, "");
	close(WORKS(syscall(SYS_openat2, AT_FDCWD, "f", &large, sizeof(large))));
	large.more = 1;
	FAILS(E2BIG, syscall(SYS_openat2, AT_FDCWD, "f", &large, sizeof(large)));
	FAILS(EINVAL, syscall(SYS_openat2, AT_FDCWD, "f", &large, 23));
	FAILS(E2BIG, syscall(SYS_openat2, AT_FDCWD, "f", &large, 5000));
	FAILS(EFAULT, syscall(SYS_openat2, AT_FDCWD, "f", bad, 24));
	FAILS(EINVAL, openat2_(AT_FDCWD, "f", UINT64_C(1) << 40, 0, 0));
	FAILS(EINVAL, openat2_(AT_FDCWD, "f", O_RDONLY, 0644, 0));
	FAILS(EINVAL, openat2_(AT_FDCWD, "f", O_CREAT, 0200000, 0));
	FAILS(EINVAL, openat2_(AT_FDCWD, "f", O_RDONLY, 0, 0x1000));
	FAILS(EINVAL, openat2_(AT_FDCWD, "f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
	FAILS(EINVAL, openat2_(AT_FDCWD, "f", O_PATH | O_RDWR | O_CREAT, 0, 0));
	close(WORKS(openat2_(AT_FDCWD, "new", O_CREAT | O_WRONLY, 0604, 0)));
	EQUAL(0604, mode_of("new"));
	close(WORKS(openat2_(AT_FDCWD, "new2", O_CREAT | O_WRONLY | O_EXCL, 0600, RESOLVE_BENEATH)));
	FAILS(EEXIST, openat2_(AT_FDCWD, "new2", O_CREAT | O_WRONLY | O_EXCL, 0600, RESOLVE_BENEATH));
}

static void make_tree(void)
{
	WORKS(mkdir("r", 0755));
	WORKS(mkdir("r/d", 0755));
	put_file("r/d/f", 0644, "inside");
	put_file("f", 0644, "outside");
	WORKS(symlink("d/f", "r/l"));
	WORKS(symlink("../f", "r/up"));
	WORKS(symlink("../../f", "r/d/upup"));
	WORKS(symlink("/d/f", "r/absolute"));
	WORKS(symlink("..", "r/d/back"));
}

static char *text_of(long fd)
{
	static char text[64];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	if (fd < 0)
		snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
	else
		close(fd);
	return text;
}

TEST(beneath_stays_below_the_descriptor)
{
	need_openat2();
	make_tree();
	int root = WORKS(open("r", O_PATH));
	TEXT("inside", text_of(openat2_(root, "l", O_RDONLY, 0, RESOLVE_BENEATH)));
	TEXT("inside", text_of(openat2_(root, "d/../l", O_RDONLY, 0, RESOLVE_BENEATH)));
	TEXT("inside", text_of(openat2_(root, "d/back/d/f", O_RDONLY, 0, RESOLVE_BENEATH)));
	FAILS(EXDEV, openat2_(root, "..", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(root, "../r/l", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(root, "up", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(root, "d/upup", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(root, "absolute", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(root, "/d/f", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(ENOENT, openat2_(root, "missing", O_RDONLY, 0, RESOLVE_BENEATH));
	TEXT("inside", text_of(openat2_(AT_FDCWD, "r/l", O_RDONLY, 0, RESOLVE_BENEATH)));
}

TEST(in_root_takes_the_descriptor_for_the_root)
{
	need_openat2();
	make_tree();
	put_file("r/f", 0644, "roots");
	int root = WORKS(open("r", O_PATH));
	TEXT("inside", text_of(openat2_(root, "absolute", O_RDONLY, 0, RESOLVE_IN_ROOT)));
	TEXT("inside", text_of(openat2_(root, "/d/f", O_RDONLY, 0, RESOLVE_IN_ROOT)));
	TEXT("roots", text_of(openat2_(root, "up", O_RDONLY, 0, RESOLVE_IN_ROOT)));
	TEXT("roots", text_of(openat2_(root, "d/upup", O_RDONLY, 0, RESOLVE_IN_ROOT)));
	TEXT("roots", text_of(openat2_(root, "../../../f", O_RDONLY, 0, RESOLVE_IN_ROOT)));
	close(WORKS(openat2_(root, "/new", O_WRONLY | O_CREAT, 0600, RESOLVE_IN_ROOT)));
	EQUAL(0600, mode_of("r/new"));
}

TEST(no_symlinks_no_magic_links_no_other_mounts)
{
	need_openat2();
	make_tree();
	int root = WORKS(open("r", O_PATH));
	FAILS(ELOOP, openat2_(root, "l", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
	FAILS(ELOOP, openat2_(root, "d/back/l", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
	TEXT("inside", text_of(openat2_(root, "d/f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS)));
	close(WORKS(openat2_(root, "l", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS)));
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", root);
	FAILS(ELOOP, openat2_(AT_FDCWD, name, O_PATH, 0, RESOLVE_NO_MAGICLINKS));
	FAILS(ELOOP, openat2_(AT_FDCWD, "/proc/self/cwd", O_PATH, 0, RESOLVE_NO_MAGICLINKS));
	FAILS(ELOOP, openat2_(AT_FDCWD, "/proc/self/exe", O_PATH, 0, RESOLVE_NO_MAGICLINKS));
	TEXT("inside", text_of(openat2_(root, "l", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS)));
	FAILS(EXDEV, openat2_(AT_FDCWD, "/proc/self/status", O_RDONLY, 0, RESOLVE_NO_XDEV));
	TEXT("inside", text_of(openat2_(root, "l", O_RDONLY, 0, RESOLVE_NO_XDEV)));
	long fd = openat2_(root, "d/f", O_RDONLY, 0, RESOLVE_CACHED);
	if (fd < 0)
		EQUAL(EAGAIN, errno);
}

TEST(writing_through_one_descriptor_is_read_through_another)
{
	char text[8] = "";
	put_file("f", 0644, "old");
	int reader = WORKS(open("f", O_RDONLY)), writer = WORKS(open("f", O_WRONLY));
	EQUAL(3, write(writer, "new", 3));
	EQUAL(3, read(reader, text, 8));
	TEXT("new", text);
	int again = WORKS(open("f", O_RDWR | O_TRUNC));
	EQUAL(0, lseek(reader, 0, SEEK_END));
	close(again);
}
