/* SPDX-License-Identifier: Apache-2.0 */
/* The stat family: every variant tells the same of a file, by name and by descriptor. */
/* covers: stat lstat fstat newfstatat stat64 lstat64 fstat64 fstatat64 oldstat oldlstat oldfstat statx */
/* covers: statfs statfs64 fstatfs fstatfs64 */
#include "guest.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>

#ifdef __i386__
#define NUMBER_FSTATAT SYS_fstatat64
#else
#define NUMBER_FSTATAT SYS_newfstatat
#endif

struct seen {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	nlink_t links;
	ino_t ino;
	unsigned long rdev;
	off_t size;
};

static void expect_same(int line, const char *how, const struct seen *a, const struct seen *b)
{
	guest_equal(line, how, a->mode, b->mode);
	guest_equal(line, how, a->uid, b->uid);
	guest_equal(line, how, a->gid, b->gid);
	guest_equal(line, how, a->links, b->links);
	guest_equal(line, how, a->ino, b->ino);
	guest_equal(line, how, a->rdev, b->rdev);
	guest_equal(line, how, a->size, b->size);
}
#define SAME(how, a, b) expect_same(__LINE__, how, &(a), &(b))

static struct seen of_stat(const struct stat *st)
{
	return (struct seen){ st->st_mode, st->st_uid, st->st_gid, st->st_nlink, st->st_ino, st->st_rdev, st->st_size };
}

static struct seen by_statx(int dir_fd, const char *name, int flags)
{
	struct statx x;
	memset(&x, 0, sizeof(x));
	if (statx(dir_fd, name, flags, STATX_BASIC_STATS, &x) < 0)
		guest_failed(__LINE__, name, "statx", strerrorname_np(errno));
	return (struct seen){ x.stx_mode, x.stx_uid, x.stx_gid, x.stx_nlink, x.stx_ino,
			      makedev(x.stx_rdev_major, x.stx_rdev_minor), x.stx_size };
}

/* The kernel's structures of i386 (arch/x86/include/uapi/asm/stat.h), and the one of x86-64. */
#ifdef __i386__
struct stat_short {
	unsigned long dev, ino;
	unsigned short mode, nlink, uid, gid;
	unsigned long rdev, size, blksize, blocks, atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, unused[2];
};
struct stat_long {
	unsigned long long dev;
	unsigned char pad0[4];
	unsigned long short_ino;
	unsigned int mode, nlink;
	unsigned long uid, gid;
	unsigned long long rdev;
	unsigned char pad3[4];
	long long size;
	unsigned long blksize;
	unsigned long long blocks;
	unsigned long atime, atime_nsec;
	unsigned mtime;
	unsigned long mtime_nsec, ctime, ctime_nsec;
	unsigned long long ino;
};
struct stat_oldest {
	unsigned short dev, ino, mode, nlink, uid, gid, rdev;
	unsigned long size, atime, mtime, ctime;
};
#endif

static void make_one_of_each(void)
{
	put_file("file", 04751, "12345");
	WORKS(chown("file", 12, 34));
	WORKS(chmod("file", 04751));
	WORKS(link("file", "file2"));
	WORKS(mkdir("directory", 01770));
	WORKS(lchown("directory", 1, 2));
	WORKS(symlink("file", "link"));
	WORKS(lchown("link", 5, 6));
	WORKS(mknod("device", S_IFBLK | 0640, makedev(8, 1)));
	WORKS(mknod("fifo", S_IFIFO | 0604, 0));
	WORKS(mknod("socket", S_IFSOCK | 0755, 0));
}

static const char *const all[] = { "file", "file2", "directory", "link", "device", "fifo", "socket" };
enum { KINDS = sizeof(all) / sizeof(*all) };

TEST(what_was_made_is_what_is_shown)
{
	static const struct seen expected[KINDS] = {
		{ S_IFREG | 04751, 12, 34, 2, 0, 0, 5 }, { S_IFREG | 04751, 12, 34, 2, 0, 0, 5 },
		{ S_IFDIR | 01750, 1, 2, 2, 0, 0, 0 },	 { S_IFLNK | 0777, 5, 6, 1, 0, 0, 4 },
		{ S_IFBLK | 0640, 0, 0, 1, 0, 0x801, 0 }, { S_IFIFO | 0604, 0, 0, 1, 0, 0, 0 },
		{ S_IFSOCK | 0755, 0, 0, 1, 0, 0, 0 },
	};
	make_one_of_each();
	for (unsigned i = 0; i < KINDS; i++) {
		struct stat st = look(all[i]);
		struct seen seen = of_stat(&st), wanted = expected[i];
		wanted.ino = seen.ino;
		if (S_ISDIR(wanted.mode))
			wanted.size = seen.size;
		SAME(all[i], wanted, seen);
	}
	EQUAL(look("file").st_ino, look("file2").st_ino);
	struct stat through;
	WORKS(stat("link", &through));
	EQUAL(look("file").st_ino, through.st_ino);
}

TEST(every_variant_tells_the_same)
{
	make_one_of_each();
	int here = WORKS(open(".", O_RDONLY | O_DIRECTORY));
	for (unsigned i = 0; i < KINDS; i++) {
		struct stat st = look(all[i]), other;
		struct seen wanted = of_stat(&st), seen;
		int fd = WORKS(open(all[i], O_PATH | O_NOFOLLOW));
		WORKS(fstat(fd, &other));
		seen = of_stat(&other);
		SAME("fstat", wanted, seen);
		WORKS(fstatat(here, all[i], &other, AT_SYMLINK_NOFOLLOW));
		seen = of_stat(&other);
		SAME("fstatat", wanted, seen);
		WORKS(fstatat(fd, "", &other, AT_EMPTY_PATH));
		seen = of_stat(&other);
		SAME("fstatat, empty path", wanted, seen);
		seen = by_statx(here, all[i], AT_SYMLINK_NOFOLLOW);
		SAME("statx", wanted, seen);
		seen = by_statx(fd, "", AT_EMPTY_PATH);
		SAME("statx, empty path", wanted, seen);
#ifdef __i386__
		struct stat_long big;
		WORKS(syscall(SYS_lstat64, all[i], &big));
		EQUAL(wanted.ino, big.ino);
		seen = (struct seen){ big.mode, big.uid, big.gid, big.nlink, big.ino, big.rdev, big.size };
		SAME("lstat64", wanted, seen);
		struct stat_short small;
		WORKS(syscall(SYS_lstat, all[i], &small));
		seen = (struct seen){ small.mode, small.uid, small.gid, small.nlink, small.ino, small.rdev, small.size };
		SAME("lstat", wanted, seen);
#else
		WORKS(syscall(SYS_lstat, all[i], &other));
		seen = of_stat(&other);
		SAME("lstat", wanted, seen);
		if (!S_ISLNK(wanted.mode)) {
			WORKS(syscall(SYS_stat, all[i], &other));
			seen = of_stat(&other);
			SAME("stat", wanted, seen);
		}
#endif
		close(fd);
	}
}

#ifdef __i386__
TEST(ids_above_16_bits_show_as_overflow_ids_to_16_bit_calls)
{
	struct stat_short small;
	struct stat_long big;
	struct stat_oldest oldest;
	put_file("f", 0644, "");
	WORKS(chown("f", 100000, 70000));
	int fd = WORKS(open("f", O_RDONLY));
	for (unsigned i = 0; i < 3; i++) {
		WORKS(i == 2 ? syscall(SYS_fstat, fd, &small) : syscall(i ? SYS_stat : SYS_lstat, "f", &small));
		EQUAL(65534, small.uid);
		EQUAL(65534, small.gid);
		WORKS(i == 2 ? syscall(SYS_fstat64, fd, &big) : syscall(i ? SYS_stat64 : SYS_lstat64, "f", &big));
		EQUAL(100000, big.uid);
		EQUAL(70000, big.gid);
		EQUAL(look("f").st_mtim.tv_sec, big.mtime);
		EQUAL(look("f").st_mtim.tv_nsec, big.mtime_nsec);
	}
	WORKS(syscall(SYS_fstatat64, AT_FDCWD, "f", &big, AT_SYMLINK_NOFOLLOW));
	EQUAL(100000, big.uid);
	/* The oldest call has no room for inode numbers of 32 bits: EOVERFLOW. */
	for (unsigned i = 0; i < 3; i++) {
		long number = i == 2 ? SYS_oldfstat : i ? SYS_oldstat : SYS_oldlstat;
		long file = i == 2 ? fd : (long)"f";
		if (look("f").st_ino > 0xffff) {
			FAILS(EOVERFLOW, syscall(number, file, &oldest));
		} else {
			WORKS(syscall(number, file, &oldest));
			EQUAL(65534, oldest.uid);
		}
	}
}
#endif

TEST(errors_of_names)
{
	struct stat st;
	char longest[300];
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	put_file("file", 0644, "");
	WORKS(symlink("loop", "loop"));
	FAILS(ENOENT, stat("missing", &st));
	FAILS(ENOENT, stat("", &st));
	FAILS(ENOTDIR, stat("file/x", &st));
	FAILS(ENOTDIR, stat("file/", &st));
	FAILS(ENOTDIR, stat("file/.", &st));
	FAILS(ENOTDIR, stat("file/..", &st));
	FAILS(ELOOP, stat("loop", &st));
	FAILS(ELOOP, stat("loop/x", &st));
	FAILS(ENAMETOOLONG, stat(longest, &st));
	longest[255] = '\0';
	FAILS(ENOENT, stat(longest, &st));
	FAILS(EFAULT, syscall(NUMBER_FSTATAT, AT_FDCWD, bad, &st, 0));
	FAILS(EFAULT, syscall(NUMBER_FSTATAT, AT_FDCWD, "file", bad, 0));
	FAILS(EBADF, fstat(77, &st));
	FAILS(EBADF, fstatat(77, "x", &st, 0));
	FAILS(EINVAL, fstatat(AT_FDCWD, "file", &st, 0x8));
	int fd = WORKS(open("file", O_RDONLY));
	FAILS(ENOTDIR, fstatat(fd, "x", &st, 0));
	FAILS(ENOENT, fstatat(fd, "", &st, 0));
	/* An absolute name needs no descriptor. */
	WORKS(fstatat(77, "/", &st, 0));
}

/* Often: after a first time the fast path knows the way. */
TEST(a_dot_is_the_directory_before_it)
{
	struct stat st, is;
	WORKS(mkdir("d", 0751));
	WORKS(mkdir("d/e", 0710));
	put_file("f", 0644, "");
	WORKS(symlink("d", "l"));
	WORKS(symlink("missing", "dangling"));
	for (int i = 0; i < 4; i++) {
		WORKS(stat("d", &is));
		const char *const names[] = { "d/.", "l/.", "./d/.", "d/e/../.", "d/e/../../d/." };
		for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++) {
			struct seen expected = of_stat(&is), actual;
			WORKS(stat(names[n], &st));
			actual = of_stat(&st);
			SAME(names[n], expected, actual);
			WORKS(lstat(names[n], &st));
			actual = of_stat(&st);
			SAME(names[n], expected, actual);
		}
		FAILS(ENOENT, stat("missing/.", &st));
		FAILS(ENOENT, stat("d/missing/.", &st));
		FAILS(ENOENT, stat("dangling/.", &st));
		FAILS(ENOTDIR, stat("f/.", &st));
		FAILS(ENOTDIR, lstat("f/.", &st));
		FAILS(ENOENT, access("d/missing/.", F_OK));
		FAILS(ENOTDIR, access("f/.", F_OK));
		FAILS(EINVAL, readlink("l/.", (char *)&st, sizeof(st)));
		WORKS(access("d/e/.", R_OK | W_OK | X_OK));
		WORKS(access(".", R_OK | W_OK | X_OK));
		WORKS(stat("/.", &st));
		EQUAL(look("/").st_ino, st.st_ino);
	}
	int fd = WORKS(open("d", O_PATH));
	WORKS(chdir("d/e"));
	for (int i = 0; i < 4; i++) {
		WORKS(stat(".", &st));
		EQUAL(look("../e").st_ino, st.st_ino);
		EQUAL(S_IFDIR | 0710, st.st_mode);
		WORKS(fstatat(fd, ".", &st, AT_SYMLINK_NOFOLLOW));
		EQUAL(S_IFDIR | 0751, st.st_mode);
		WORKS(fstatat(fd, "e/.", &st, 0));
		EQUAL(S_IFDIR | 0710, st.st_mode);
	}
	WORKS(chmod(".", 02770));
	WORKS(chown(".", 3, 4));
	WORKS(stat(".", &st));
	EQUAL(S_IFDIR | 02770, st.st_mode);
	EQUAL(3, st.st_uid);
	WORKS(rmdir("../e"));
	WORKS(stat(".", &st));
	EQUAL(0, st.st_nlink);
	FAILS(ENOENT, stat("../e/.", &st));
}

TEST(a_link_to_a_name_with_a_slash_behind_is_one_to_a_directory)
{
	struct statx x;
	struct stat st;
	char name[PATH_MAX], here[PATH_MAX - 8];
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(getcwd(here, sizeof(here)) ? 0 : -1);
	snprintf(name, sizeof(name), "%s/f/", here);
	WORKS(symlink(name, "wrong"));
	snprintf(name, sizeof(name), "%s/d/.", here);
	WORKS(symlink(name, "right"));
	for (int i = 0; i < 4; i++) {
		FAILS(ENOTDIR, stat("wrong", &st));
		FAILS(ENOTDIR, statx(AT_FDCWD, "wrong", 0, STATX_BASIC_STATS, &x));
		FAILS(ENOTDIR, open("wrong", O_RDONLY));
		WORKS(stat("right", &st));
		WORKS(statx(AT_FDCWD, "right", 0, STATX_BASIC_STATS, &x));
		WORKS(close(open("right", O_RDONLY)));
	}
}

TEST(errors_of_statx)
{
	struct statx x;
	put_file("file", 0644, "");
	FAILS(ENOENT, statx(AT_FDCWD, "missing", 0, STATX_BASIC_STATS, &x));
	FAILS(ENOENT, statx(AT_FDCWD, "", 0, STATX_BASIC_STATS, &x));
	FAILS(EINVAL, statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x));
	FAILS(EINVAL, statx(AT_FDCWD, "file", 0x1, STATX_BASIC_STATS, &x));
	FAILS(EINVAL, statx(AT_FDCWD, "file", 0, 0x80000000u, &x));
	FAILS(EBADF, statx(77, "file", 0, STATX_BASIC_STATS, &x));
	FAILS(EFAULT, syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, bad));
	FAILS(EFAULT, syscall(SYS_statx, AT_FDCWD, bad, 0, STATX_BASIC_STATS, &x));
	/* The cwd itself. */
	WORKS(statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
	EQUAL(look(".").st_ino, x.stx_ino);
}

TEST(an_empty_path_is_the_descriptor_whatever_the_flags)
{
	enum { UNKNOWN = 0x20000 };
	struct stat st; /* large enough for either layout */
	struct statx x;
	put_file("file", 0644, "");
	int fd = WORKS(open("file", O_RDONLY));
	/* From Linux 6.11 on. */
	bool is_new = syscall(NUMBER_FSTATAT, fd, NULL, &st, AT_EMPTY_PATH) == 0;
	int bad_flag = is_new ? EBADF : EINVAL;
	FAILS(bad_flag, syscall(NUMBER_FSTATAT, 77, "", &st, AT_EMPTY_PATH | UNKNOWN));
	FAILS(bad_flag, syscall(SYS_statx, 77, "", AT_EMPTY_PATH | UNKNOWN, 0, &x));
	EQUAL(is_new ? 0 : -1, syscall(NUMBER_FSTATAT, fd, "", &st, AT_EMPTY_PATH | UNKNOWN));
	EQUAL(is_new ? 0 : -1, syscall(SYS_statx, fd, NULL, AT_EMPTY_PATH, 0, &x));
	FAILS(EINVAL, syscall(NUMBER_FSTATAT, AT_FDCWD, "", &st, AT_EMPTY_PATH | UNKNOWN));
	FAILS(EINVAL, syscall(NUMBER_FSTATAT, fd, "file", &st, AT_EMPTY_PATH | UNKNOWN));
	FAILS(EINVAL, syscall(NUMBER_FSTATAT, 77, "file", &st, UNKNOWN));
	FAILS(ENOENT, syscall(NUMBER_FSTATAT, AT_FDCWD, "missing", &st, AT_STATX_FORCE_SYNC));
	WORKS(syscall(NUMBER_FSTATAT, AT_FDCWD, "file", &st, AT_STATX_DONT_SYNC));
}

TEST(a_removed_file_is_still_told_by_descriptor)
{
	struct stat st;
	put_file("f", 0640, "abc");
	WORKS(chown("f", 3, 4));
	int fd = WORKS(open("f", O_RDONLY));
	WORKS(unlink("f"));
	WORKS(fstat(fd, &st));
	EQUAL(0, st.st_nlink);
	EQUAL(3, st.st_uid);
	EQUAL(4, st.st_gid);
	EQUAL(0100640, st.st_mode);
	EQUAL(3, st.st_size);
}

TEST(a_new_file_inherits_nothing_of_a_removed_one)
{
	for (unsigned i = 0; i < 20; i++) {
		put_file("f", 0600, "");
		EQUAL(0, look("f").st_uid);
		EQUAL(0600, mode_of("f"));
		WORKS(chown("f", 77, 78));
		WORKS(chmod("f", 07755));
		WORKS(unlink("f"));
		WORKS(mkdir("d", 0700));
		EQUAL(0, look("d").st_gid);
		EQUAL(0700, mode_of("d"));
		WORKS(chown("d", 77, 78));
		WORKS(rmdir("d"));
	}
}

TEST(statfs_agrees_by_name_and_descriptor)
{
	struct statfs by_name, by_fd;
	WORKS(statfs(".", &by_name));
	int fd = WORKS(open(".", O_RDONLY));
	WORKS(fstatfs(fd, &by_fd));
	EQUAL(by_fd.f_type, by_name.f_type);
	EQUAL(by_fd.f_bsize, by_name.f_bsize);
	EQUAL(by_fd.f_blocks, by_name.f_blocks);
	EQUAL(by_fd.f_files, by_name.f_files);
	EQUAL(by_fd.f_namelen, by_name.f_namelen);
	WORKS(statfs("/proc", &by_name));
	EQUAL(0x9fa0, by_name.f_type);
	FAILS(ENOENT, statfs("missing", &by_name));
	FAILS(EBADF, fstatfs(77, &by_fd));
	FAILS(EFAULT, statfs(".", bad));
#ifdef __i386__
	FAILS(EINVAL, syscall(SYS_statfs64, ".", 80, &by_name));
	WORKS(syscall(SYS_statfs, ".", &by_name));
#endif
}

TEST(statfs_of_what_is_not_there)
{
	struct statfs fs;
	put_file("f", 0644, "");
	WORKS(symlink("f", "good"));
	WORKS(symlink("missing", "dangling"));
	WORKS(mkdir("d", 0755));
	for (int i = 0; i < 4; i++) {
		FAILS(ENOENT, statfs("missing", &fs));
		FAILS(ENOENT, statfs("d/missing", &fs));
		FAILS(ENOENT, statfs("missing/name", bad));
		FAILS(ENOENT, statfs("dangling", &fs));
		FAILS(ENOENT, statfs("", &fs));
		FAILS(ENOTDIR, statfs("f/name", &fs));
		FAILS(ENOTDIR, statfs("f/", &fs));
		FAILS(EFAULT, statfs("f", bad));
		FAILS(EFAULT, statfs(bad, &fs));
		WORKS(statfs("good", &fs));
		WORKS(statfs("d/", &fs));
	}
	WORKS(mkdir("missing", 0755));
	WORKS(statfs("missing", &fs));
}
