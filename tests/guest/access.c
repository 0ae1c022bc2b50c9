/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: access(2) and the permission checks of path_resolution(7) after root has dropped its ids. */
/* covers: access faccessat faccessat2 */
#include "guest.h"

static long faccessat2_(int dir_fd, const char *name, int mode, int flags)
{
	return syscall(439, dir_fd, name, mode, flags);
}

TEST(root_may_read_and_write_all_and_execute_what_somebody_may)
{
	put_file("f", 0, "");
	WORKS(access("f", F_OK));
	WORKS(access("f", R_OK | W_OK));
	FAILS(EACCES, access("f", X_OK));
	WORKS(chmod("f", 0010));
	WORKS(access("f", R_OK | W_OK | X_OK));
	WORKS(mkdir("d", 0));
	WORKS(access("d", R_OK | W_OK | X_OK));
}

TEST(owner_group_and_others_have_their_own_bits_only)
{
	static const struct {
		mode_t mode;
		uid_t uid;
		gid_t gid;
		int may;
	} cases[] = {
		{ 0477, 1000, 1000, R_OK }, { 0747, 2000, 1000, R_OK }, { 0774, 2000, 2000, R_OK },
		{ 0077, 1000, 1000, 0 },    { 0707, 2000, 1000, 0 },	{ 0770, 2000, 2000, 0 },
		{ 0200, 1000, 2000, W_OK }, { 0010, 0, 1000, X_OK },	{ 0006, 0, 0, R_OK | W_OK },
		{ 0777, 0, 0, R_OK | W_OK | X_OK },
	};
	put_file("f", 0, "");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WORKS(chown("f", cases[i].uid, cases[i].gid));
		WORKS(chmod("f", cases[i].mode));
		AS (1000, 1000) {
			for (int mask = 1; mask <= 7; mask++) {
				int expected = (mask & cases[i].may) == mask ? 0 : EACCES;
				errno = 0;
				access("f", mask);
				EQUAL(expected, errno);
				errno = 0;
				faccessat2_(AT_FDCWD, "f", mask, AT_EACCESS);
				EQUAL(expected, errno == ENOSYS ? expected : errno);
			}
			int fd = open("f", O_RDONLY);
			EQUAL(!!(cases[i].may & R_OK), fd >= 0);
			fd = open("f", O_WRONLY);
			EQUAL(!!(cases[i].may & W_OK), fd >= 0);
		}
	}
}

TEST(supplementary_groups_count)
{
	put_file("f", 0040, "x");
	WORKS(chown("f", 0, 555));
	CHILD {
		gid_t groups[3] = { 1, 555, 3 };
		WORKS(setgroups(3, groups));
		WORKS(setresgid(1000, 1000, 1000));
		WORKS(setresuid(1000, 1000, 1000));
		TEXT("x", file_text("f"));
		FAILS(EACCES, open("f", O_WRONLY));
	}
	AS (1000, 1000)
		FAILS(EACCES, open("f", O_RDONLY));
}

TEST(access_asks_for_the_real_ids_and_open_for_the_effective)
{
	put_file("f", 0600, "");
	CHILD {
		WORKS(setresuid(1000, 0, 0));
		FAILS(EACCES, access("f", R_OK));
		close(WORKS(open("f", O_RDONLY)));
		errno = 0;
		if (faccessat2_(AT_FDCWD, "f", R_OK, AT_EACCESS) < 0)
			EQUAL(ENOSYS, errno);
	}
	CHILD {
		WORKS(setresuid(0, 1000, 0));
		WORKS(access("f", R_OK | W_OK));
		FAILS(EACCES, open("f", O_RDONLY));
	}
}

TEST(errors)
{
	put_file("f", 0644, "");
	WORKS(symlink("missing", "l"));
	FAILS(ENOENT, access("missing", F_OK));
	FAILS(ENOENT, access("", F_OK));
	FAILS(ENOENT, access("l", F_OK));
	FAILS(ENOTDIR, access("f/x", F_OK));
	FAILS(ENOTDIR, access("f/", F_OK));
	FAILS(EINVAL, access("f", 8));
	FAILS(EINVAL, access("missing", 8));
	FAILS(EFAULT, access(bad, F_OK));
	FAILS(EBADF, syscall(SYS_faccessat, 77, "f", F_OK));
	int fd = WORKS(open(".", O_PATH));
	WORKS(syscall(SYS_faccessat, fd, "f", R_OK));
	if (faccessat2_(AT_FDCWD, "f", F_OK, 0) < 0 && errno == ENOSYS)
		SKIP("no faccessat2");
	FAILS(EINVAL, faccessat2_(AT_FDCWD, "f", F_OK, AT_REMOVEDIR | AT_SYMLINK_FOLLOW));
	WORKS(faccessat2_(AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	WORKS(faccessat2_(fd, "", R_OK, AT_EMPTY_PATH));
}

TEST(every_directory_on_the_way_must_be_searchable)
{
	struct stat st;
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/b", 0700));
	WORKS(mkdir("a/b/c", 0777));
	put_file("a/b/c/f", 0666, "x");
	WORKS(symlink("a/b/c/f", "l"));
	int inside = WORKS(open("a/b/c", O_RDONLY));
	AS (1000, 1000) {
		FAILS(EACCES, stat("a/b/c/f", &st));
		FAILS(EACCES, stat("l", &st));
		FAILS(EACCES, stat("a/b/missing", &st));
		FAILS(EACCES, stat("a/b/..", &st));
		FAILS(EACCES, stat("a/b/.", &st));
		WORKS(stat("a/b", &st));
		FAILS(EACCES, open("a/b/c/f", O_RDONLY));
		FAILS(EACCES, open("a/b/new", O_CREAT | O_WRONLY, 0666));
		FAILS(EACCES, mkdir("a/b/new", 0755));
		FAILS(EACCES, chmod("a/b/c/f", 0600));
		FAILS(EACCES, rename("a/b/c/f", "x"));
		FAILS(EACCES, chdir("a/b"));
		FAILS(EACCES, readlink("a/b/l", (char[9]){ 0 }, 9));
		FAILS(EACCES, truncate("a/b/c/f", 0));
		FAILS(EACCES, access("a/b/c/f", F_OK));
		/* A descriptor got before needs no way. */
		close(WORKS(openat(inside, "f", O_RDWR)));
		WORKS(fchdir(inside));
		TEXT("x", file_text("f"));
		FAILS(EACCES, stat("../../b/c", &st));
	}
	WORKS(chmod("a/b", 0711));
	AS (1000, 1000) {
		TEXT("x", file_text("a/b/c/f"));
		FAILS(EACCES, open("a/b", O_RDONLY | O_DIRECTORY));
		close(WORKS(open("a/b", O_PATH)));
	}
}

TEST(names_need_a_writable_directory)
{
	WORKS(mkdir("d", 0755));
	put_file("d/f", 0666, "");
	WORKS(mkdir("d/d", 0777));
	put_file("own", 0600, "");
	WORKS(chown("own", 1000, 1000));
	AS (1000, 1000) {
		FAILS(EACCES, open("d/new", O_CREAT | O_WRONLY, 0666));
		FAILS(EACCES, mkdir("d/new", 0755));
		FAILS(EACCES, mknod("d/new", S_IFIFO | 0600, 0));
		FAILS(EACCES, symlink("x", "d/new"));
		FAILS(EACCES, link("own", "d/new"));
		FAILS(EACCES, unlink("d/f"));
		FAILS(EACCES, rmdir("d/d"));
		FAILS(EACCES, rename("d/f", "d/g"));
		/* What is there tells before what may not be. */
		FAILS(EEXIST, mkdir("d/d", 0755));
		FAILS(EEXIST, symlink("x", "d/f"));
		FAILS(ENOENT, unlink("d/missing"));
	}
}

TEST(in_sticky_directories_only_owners_remove)
{
	WORKS(mkdir("d", 0777));
	WORKS(chmod("d", 01777));
	put_file("d/roots", 0666, "");
	put_file("d/own", 0600, "");
	WORKS(chown("d/own", 1000, 1000));
	WORKS(mkdir("mine", 0777));
	WORKS(chmod("mine", 01777));
	WORKS(chown("mine", 1000, 1000));
	put_file("mine/roots", 0600, "");
	AS (1000, 1000) {
		FAILS(EPERM, unlink("d/roots"));
		FAILS(EPERM, rename("d/roots", "d/x"));
		FAILS(EPERM, rename("d/own", "d/roots"));
		WORKS(rename("d/own", "d/own2"));
		WORKS(unlink("d/own2"));
		WORKS(unlink("mine/roots"));
	}
}

TEST(capabilities_override_for_what_they_say)
{
	put_file("f", 0, "x");
	WORKS(mkdir("d", 0));
	put_file("d/f", 0644, "y");
	CHILD {
		/* CAP_DAC_READ_SEARCH alone reads and searches, but neither writes nor executes. */
		struct {
			unsigned version;
			int pid;
		} header = { 0x20080522, 0 };
		unsigned words[6] = { 1u << 2, 1u << 2, 0, 0, 0, 0 };
		WORKS(syscall(SYS_capset, &header, words));
		TEXT("x", file_text("f"));
		TEXT("y", file_text("d/f"));
		FAILS(EACCES, open("f", O_WRONLY));
		FAILS(EACCES, open("d/new", O_CREAT | O_WRONLY, 0644));
		WORKS(access("f", R_OK));
	}
	CHILD {
		/* CAP_DAC_OVERRIDE alone does all but execute what nobody may; with CAP_CHOWN, CAP_FOWNER, CAP_FSETID as containers have it. */
		struct {
			unsigned version;
			int pid;
		} header = { 0x20080522, 0 };
		unsigned words[6] = { 0x1b, 0x1b, 0, 0, 0, 0 };
		WORKS(syscall(SYS_capset, &header, words));
		TEXT("x", file_text("f"));
		TEXT("y", file_text("d/f"));
		EQUAL(0, mode_of("d"));
		WORKS(access("f", R_OK | W_OK));
		FAILS(EACCES, access("f", X_OK));
		WORKS(access("d", R_OK | W_OK | X_OK));
		put_file("d/new", 0600, "z");
		WORKS(chown("d/new", 7, 8));
		WORKS(mkdir("d/e", 0700));
		WORKS(rename("d/new", "d/e/new"));
		TEXT("z", file_text("d/e/new"));
		WORKS(unlink("d/e/new"));
		WORKS(rmdir("d/e"));
		WORKS(symlink("f", "d/l"));
		TEXT("y", file_text("d/l"));
	}
}
