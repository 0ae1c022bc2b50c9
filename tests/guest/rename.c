/* SPDX-License-Identifier: Apache-2.0 */
/* Renaming: what may replace what, the flags of renameat2, and what stays with a moved file. */
/* covers: rename renameat renameat2 */
#include "guest.h"

static long renameat2_(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}
static void need_renameat2(void)
{
	if (renameat2_("missing", "missing", 1) < 0 && errno == ENOSYS)
		SKIP("no renameat2");
}

TEST(what_may_replace_what)
{
	put_file("f", 0644, "f");
	put_file("g", 0644, "g");
	WORKS(mkdir("d", 0755));
	WORKS(mkdir("empty", 0755));
	WORKS(mkdir("full", 0755));
	put_file("full/x", 0644, "");
	FAILS(EISDIR, rename("f", "d"));
	FAILS(ENOTDIR, rename("d", "f"));
	FAILS(ENOTEMPTY, rename("d", "full"));
	WORKS(rename("d", "empty"));
	WORKS(rename("f", "g"));
	TEXT("f", file_text("g"));
	FAILS(ENOENT, rename("f", "h"));
	WORKS(symlink("full", "l"));
	WORKS(rename("g", "l"));
	TEXT("f", file_text("l"));
	EQUAL(0100644, look("l").st_mode);
}

TEST(a_file_that_gets_its_own_name_stays_what_it_is)
{
	char name[PATH_MAX], other[PATH_MAX + 8], here[PATH_MAX];
	snprintf(name, sizeof(name), "%.2000s/f", getcwd(here, sizeof(here)) ? here : "");
	snprintf(other, sizeof(other), "%.2000s/g", here);
	WORKS(chmod(".", 0777));
	/* Files that are somebody else's come often. */
	for (int i = 0; i < 5; i++) {
		put_file("f", 0644, "");
		WORKS(chown("f", 1, 1));
		WORKS(unlink("f"));
	}
	AS (1002, 1002)
		close(WORKS(open(name, O_WRONLY | O_CREAT | O_EXCL, 01777)));
	for (int i = 0; i < 3; i++) {
		WORKS(rename(name, name));
		WORKS(rename("f", "f"));
		EQUAL(1002, look(name).st_uid);
		WORKS(renameat(AT_FDCWD, name, AT_FDCWD, name));
		need_renameat2();
		WORKS(renameat2_(name, name, 0));
		EQUAL(1002, look("f").st_uid);
		EQUAL(1002, look("f").st_gid);
		EQUAL(01755, mode_of("f"));
	}
	WORKS(link("f", "g"));
	WORKS(rename(name, other));
	EQUAL(2, look("f").st_nlink);
	EQUAL(1002, look("g").st_uid);
	WORKS(unlink("f"));
	WORKS(rename(other, other));
	EQUAL(1002, look("g").st_uid);
	EQUAL(01755, mode_of("g"));
}

TEST(errors)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(mkdir("d/d", 0755));
	WORKS(symlink("d", "l"));
	FAILS(ENOENT, rename("missing", "x"));
	FAILS(ENOENT, rename("f", "missing/x"));
	FAILS(ENOENT, rename("", "x"));
	FAILS(ENOENT, rename("f", ""));
	FAILS(ENOTDIR, rename("f/", "x"));
	FAILS(ENOTDIR, rename("f", "x/"));
	FAILS(ENOTDIR, rename("l/", "x"));
	FAILS(ENOTDIR, rename("f/x", "x"));
	FAILS(ENOTDIR, rename("d", "f/x"));
	FAILS(EINVAL, rename("d", "d/d/x"));
	FAILS(EINVAL, rename("d", "d/x"));
	FAILS(ENOTEMPTY, rename("d/d", "d"));
	FAILS(EBUSY, rename("d/.", "x"));
	FAILS(EBUSY, rename("d", "d/.."));
	FAILS(EBUSY, rename("/", "x"));
	FAILS(EFAULT, rename(bad, "x"));
	FAILS(EFAULT, rename("f", bad));
	FAILS(EBADF, renameat(77, "f", AT_FDCWD, "x"));
	FAILS(EBADF, renameat(AT_FDCWD, "f", 77, "x"));
	WORKS(rename("d/", "e/"));
	int fd = WORKS(open("e", O_PATH));
	WORKS(renameat(AT_FDCWD, "f", fd, "moved"));
	EQUAL(0100644, look("e/moved").st_mode);
}

TEST(two_names_of_one_file_both_stay)
{
	put_file("f", 0644, "");
	WORKS(link("f", "g"));
	WORKS(rename("f", "g"));
	EQUAL(2, look("f").st_nlink);
	EQUAL(2, look("g").st_nlink);
}

TEST(owner_and_mode_move_along)
{
	put_file("f", 0644, "");
	WORKS(chown("f", 5, 6));
	WORKS(chmod("f", 04751));
	put_file("g", 0600, "");
	WORKS(rename("f", "g"));
	EQUAL(5, look("g").st_uid);
	EQUAL(04751, mode_of("g"));
	put_file("f", 0600, "");
	EQUAL(0, look("f").st_uid);
	EQUAL(0600, mode_of("f"));
	WORKS(mkdir("d", 0700));
	WORKS(chown("d", 7, 8));
	put_file("d/in", 0600, "x");
	WORKS(chown("d/in", 9, 9));
	WORKS(rename("d", "e"));
	EQUAL(7, look("e").st_uid);
	EQUAL(9, look("e/in").st_uid);
	FAILS(ENOENT, open("d/in", O_RDONLY));
}

TEST(a_moved_cwd_is_where_it_now_is)
{
	char here[PATH_MAX], start[PATH_MAX];
	WORKS(getcwd(start, sizeof(start)) ? 0 : -1);
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/b", 0755));
	WORKS(mkdir("c", 0755));
	WORKS(chdir("a/b"));
	WORKS(rename("../../a", "../../c/moved"));
	WORKS(getcwd(here, sizeof(here)) ? 0 : -1);
	TEXT("/c/moved/b", here + strlen(start));
	put_file("f", 0644, "x");
	TEXT("x", file_text("../../moved/b/f"));
	WORKS(chdir("../../.."));
	TEXT("x", file_text("c/moved/b/f"));
}

/* The directory a/b gives its name to a link to z, in one of these ways. */
static void replace_by_link(int way, const char *target)
{
	if (way == 0) {
		WORKS(unlink("a/b/c/f"));
		WORKS(rmdir("a/b/c"));
		WORKS(rmdir("a/b"));
	} else if (way == 1) {
		WORKS(rename("a/b", "away"));
	} else {
		WORKS(rename("a", "away"));
		WORKS(mkdir("a", 0755));
	}
	WORKS(symlink(target, "a/b"));
}

TEST(what_replaces_a_directory_is_found_by_who_was_there_before)
{
	/* So that an absolute link leads elsewhere on a host. */
	WORKS(chroot("."));
	for (int i = 0; i < 12; i++) {
		char full[64], target[64], own[16];
		snprintf(own, sizeof(own), "%d", i);
		WORKS(mkdir(own, 0755));
		WORKS(chdir(own));
		snprintf(full, sizeof(full), "/%d/a/b/c/f", i);
		snprintf(target, sizeof(target), "/%d/z", i);
		const char *name = i % 2 ? "a/b/c/f" : full;
		WORKS(mkdir("a", 0755));
		WORKS(mkdir("a/b", 0755));
		WORKS(mkdir("a/b/c", 0755));
		WORKS(mkdir("z", 0755));
		WORKS(mkdir("z/c", 0755));
		put_file("a/b/c/f", 0644, "old");
		put_file("z/c/f", 0644, "newer");
		WORKS(access(target, F_OK));
		EQUAL(3, look(name).st_size);
		EQUAL(3, look(name).st_size);
		CHILD
			replace_by_link(i / 2 % 3, target);
		EQUAL(5, look(name).st_size);
		EQUAL(5, look(full).st_size);
		WORKS(chdir(".."));
	}
}

/* Whose group what is made gets, though all else of the way is known. */
TEST(a_mode_given_meanwhile_counts_for_what_is_made)
{
	char above[4000], name[4100];
	if (!getcwd(above, sizeof(above)))
		SKIP("no name for the directory");
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/b", 0755));
	WORKS(access(above, F_OK));
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s/a/b/%d", above, i);
		CHILD {
			WORKS(chown("a/b", 0, i % 2 ? 7 : 0));
			WORKS(chmod("a/b", i % 2 ? 02755 : 0755));
		}
		WORKS(mkdir(name, 0755));
		EQUAL(i % 2 ? 7 : 0, look(name).st_gid);
		EQUAL(i % 2 ? 02755 : 0755, mode_of(name));
	}
}

TEST(noreplace_replaces_nothing)
{
	need_renameat2();
	put_file("f", 0644, "f");
	put_file("g", 0644, "g");
	WORKS(symlink("missing", "l"));
	FAILS(EEXIST, renameat2_("f", "g", RENAME_NOREPLACE));
	FAILS(EEXIST, renameat2_("f", "l", RENAME_NOREPLACE));
	FAILS(EEXIST, renameat2_("f", "f", RENAME_NOREPLACE));
	FAILS(EEXIST, renameat2_("f", ".", RENAME_NOREPLACE));
	WORKS(renameat2_("f", "h", RENAME_NOREPLACE));
	TEXT("f", file_text("h"));
}

TEST(exchange_swaps_any_two)
{
	need_renameat2();
	char here[PATH_MAX];
	put_file("f", 0640, "f");
	WORKS(chown("f", 5, 6));
	WORKS(mkdir("d", 0750));
	WORKS(chown("d", 7, 8));
	WORKS(mkdir("e", 0755));
	FAILS(ENOENT, renameat2_("f", "missing", RENAME_EXCHANGE));
	WORKS(renameat2_("f", "d", RENAME_EXCHANGE));
	EQUAL(S_IFDIR | 0750, look("f").st_mode);
	EQUAL(7, look("f").st_uid);
	EQUAL(S_IFREG | 0640, look("d").st_mode);
	EQUAL(5, look("d").st_uid);
	TEXT("f", file_text("d"));
	put_file("f/in", 0644, "");
	WORKS(chdir("e"));
	WORKS(renameat2_("../f", "../e", RENAME_EXCHANGE));
	WORKS(getcwd(here, sizeof(here)) ? 0 : -1);
	TEXT("/f", strrchr(here, '/'));
	EQUAL(S_IFREG | 0644, look("../e/in").st_mode);
	FAILS(EINVAL, renameat2_("../e", "../e/in", RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2_("../e/in", "../e", RENAME_EXCHANGE));
}

TEST(whiteout_leaves_a_whiteout)
{
	need_renameat2();
	put_file("f", 0644, "f");
	if (renameat2_("f", "g", RENAME_WHITEOUT) < 0) {
		EQUAL(EINVAL, errno);
		SKIP("the file system makes no whiteouts");
	}
	EQUAL(S_IFCHR, look("f").st_mode & S_IFMT);
	EQUAL(0, look("f").st_rdev);
	TEXT("f", file_text("g"));
}

TEST(below_a_moved_directory_a_descriptor_stays_where_it_is)
{
	WORKS(mkdir("old", 0755));
	WORKS(mkdir("old/d", 0755));
	put_file("old/d/f", 0644, "");
	put_file("old/beside", 0600, "");
	int fd = WORKS(open("old/d", O_RDONLY | O_DIRECTORY));
	struct stat st;
	WORKS(fstatat(fd, "f", &st, 0));
	WORKS(rename("old", "new"));
	/* By its old name, too, it is found now. */
	WORKS(symlink("new", "old"));
	WORKS(fstatat(fd, "f", &st, 0));
	EQUAL(0100644, st.st_mode);
	WORKS(fstatat(fd, "../beside", &st, 0));
	EQUAL(0100600, st.st_mode);
	WORKS(fstatat(fd, "..", &st, 0));
	EQUAL(look("new").st_ino, st.st_ino);
	char cwd[4096];
	WORKS(fchdir(fd));
	WORKS(getcwd(cwd, sizeof(cwd)));
	TEXT("/new/d", cwd + strlen(cwd) - strlen("/new/d"));
	WORKS(unlink("f"));
	WORKS(chdir("../.."));
	WORKS(rmdir("new/d"));
	FAILS(ENOENT, fstatat(fd, "f", &st, 0));
	FAILS(ENOENT, mkdirat(fd, "x", 0755));
	/* Another one of that name is none of its. */
	WORKS(mkdir("new/d", 0755));
	put_file("new/d/f", 0644, "");
	FAILS(ENOENT, fstatat(fd, "f", &st, 0));
}

TEST(wrong_flags_are_einval_before_anything)
{
	need_renameat2();
	FAILS(EINVAL, renameat2_("missing", "x", 8));
	FAILS(EINVAL, renameat2_("missing", "x", RENAME_NOREPLACE | RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2_("missing", "x", RENAME_WHITEOUT | RENAME_EXCHANGE));
	FAILS(ENOENT, renameat2_("missing", "x", RENAME_NOREPLACE));
}

TEST(permissions)
{
	WORKS(mkdir("a", 0777));
	WORKS(chmod("a", 0777));
	WORKS(mkdir("b", 0777));
	WORKS(chmod("b", 0777));
	WORKS(mkdir("a/roots", 0755));
	WORKS(mkdir("a/own", 0755));
	WORKS(chown("a/own", 1000, 1000));
	WORKS(mkdir("locked", 0755));
	AS (1000, 1000) {
		/* A directory that gets another parent must be writable: its ".." changes. */
		FAILS(EACCES, rename("a/roots", "b/roots"));
		WORKS(rename("a/roots", "a/renamed"));
		WORKS(rename("a/own", "b/own"));
		FAILS(EACCES, rename("b/own", "locked/own"));
		FAILS(EACCES, rename("locked", "a/locked"));
	}
}
