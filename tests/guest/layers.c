/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that were there before the run: in an image they are shared with others until they change, which nothing
 * may tell.  run.sh puts such sets of them into /fixed/0, /fixed/1 and so on: f and g are one file, "text"; s is
 * set-user-ID; d has a file f; l is a symlink to f; large has 100,000 bytes.
 */
/* covers: open openat creat link rename unlink chmod chown truncate utimensat setxattr */
#include "guest.h"

#include <sys/xattr.h>

static void use(unsigned set)
{
	char name[32];
	snprintf(name, sizeof(name), "/fixed/%u", set);
	if (chdir(name) < 0)
		SKIP("no files of before");
}

static void rewrite(const char *name, int flags, const char *text)
{
	int fd = WORKS(open(name, O_WRONLY | flags));
	EQUAL(strlen(text), write(fd, text, strlen(text)));
	close(fd);
}

TEST(all_names_of_a_file_change_together)
{
	use(0);
	ino_t before = look("f").st_ino;
	EQUAL(2, look("f").st_nlink);
	EQUAL(before, look("g").st_ino);
	rewrite("f", O_TRUNC, "new");
	TEXT("new", file_text("g"));
	int fd = WORKS(open("g", O_RDONLY));
	long told = fdinfo_number(fd, "ino:"); /* from Linux 5.14 on */
	EQUAL(before, told < 0 ? before : (ino_t)told);
	close(fd);
	EQUAL(before, look("f").st_ino);
	EQUAL(before, look("g").st_ino);
	EQUAL(2, look("g").st_nlink);
	WORKS(unlink("f"));
	EQUAL(1, look("g").st_nlink);
	TEXT("new", file_text("g"));
}

TEST(owner_mode_and_attributes_are_of_the_file)
{
	use(1);
	WORKS(chmod("f", 04751));
	WORKS(chown("g", 5, 6));
	EQUAL(0751, mode_of("f"));
	EQUAL(5, look("f").st_uid);
	WORKS(setxattr("f", "user.x", "value", 5, 0));
	rewrite("g", O_APPEND, " more");
	TEXT("text more", file_text("f"));
	EQUAL(5, look("g").st_uid);
	EQUAL(0751, mode_of("g"));
	char value[8] = "";
	EQUAL(5, getxattr("g", "user.x", value, sizeof(value)));
	TEXT("value", value);
}

TEST(new_links_and_renames_keep_the_file_one)
{
	use(2);
	WORKS(link("f", "h"));
	EQUAL(3, look("g").st_nlink);
	WORKS(rename("g", "d/g"));
	rewrite("h", 0, "TEXT");
	TEXT("TEXT", file_text("f"));
	TEXT("TEXT", file_text("d/g"));
	TEXT("TEXT", file_text("l"));
	EQUAL(look("f").st_ino, look("d/g").st_ino);
}

TEST(times_are_kept_until_written)
{
	use(3);
	struct stat before = look("large");
	struct timespec times[2] = { { 5, 6 }, { 7, 8 } };
	int fd = WORKS(open("large", O_RDWR));
	EQUAL(before.st_mtim.tv_sec, look("large").st_mtim.tv_sec);
	EQUAL(before.st_mtim.tv_nsec, look("large").st_mtim.tv_nsec);
	EQUAL(100000, look("large").st_size);
	EQUAL(before.st_ino, look("large").st_ino);
	EQUAL(1, pwrite(fd, "x", 1, 50000));
	EQUAL(1, look("large").st_mtim.tv_sec > before.st_mtim.tv_sec - 1);
	close(fd);
	WORKS(utimensat(AT_FDCWD, "f", times, 0));
	EQUAL(7, look("g").st_mtim.tv_sec);
	TEXT("text", file_text("g"));
}

TEST(truncating_and_replacing)
{
	use(4);
	WORKS(truncate("f", 2));
	TEXT("te", file_text("g"));
	close(WORKS(creat("g", 0600)));
	TEXT("", file_text("f"));
	EQUAL(0644, mode_of("f"));
	put_file("new", 0600, "new");
	WORKS(rename("new", "f"));
	TEXT("new", file_text("f"));
	TEXT("", file_text("g"));
	EQUAL(1, look("g").st_nlink);
	WORKS(truncate("large", 99999));
	EQUAL(99999, look("large").st_size);
}

TEST(descriptors_agree_with_names)
{
	use(5);
	struct stat st;
	int fd = WORKS(open("f", O_RDONLY));
	WORKS(fchmod(fd, 0600));
	WORKS(fchown(fd, 7, 8));
	EQUAL(0600, mode_of("g"));
	EQUAL(7, look("g").st_uid);
	WORKS(fstat(fd, &st));
	EQUAL(look("f").st_ino, st.st_ino);
	int writer = WORKS(open("f", O_RDWR)), again = WORKS(open("g", O_RDONLY));
	EQUAL(3, write(writer, "abc", 3));
	char text[8] = "";
	EQUAL(4, read(again, text, sizeof(text)));
	TEXT("abct", text);
	WORKS(fstat(writer, &st));
	EQUAL(look("f").st_ino, st.st_ino);
	EQUAL(7, st.st_uid);
	EQUAL(0100600, st.st_mode);
	WORKS(fstat(fd, &st));
	EQUAL(look("f").st_ino, st.st_ino);
	EQUAL(7, st.st_uid);
}

TEST(directories_of_before)
{
	use(6);
	WORKS(chmod("d", 02770));
	WORKS(chown("d", 9, 10));
	EQUAL(02770, mode_of("d"));
	put_file("d/new", 0644, "");
	EQUAL(10, look("d/new").st_gid);
	WORKS(rename("d", "e"));
	EQUAL(9, look("e").st_uid);
	TEXT("in d", file_text("e/f"));
	rewrite("e/f", O_APPEND, "!");
	TEXT("in d!", file_text("e/f"));
	WORKS(unlink("e/f"));
	WORKS(unlink("e/new"));
	WORKS(rmdir("e"));
	WORKS(mkdir("d", 0755));
	EQUAL(0, look("d").st_uid);
	FAILS(ENOENT, open("d/f", O_RDONLY));
}

TEST(set_id_bits_of_before)
{
	use(7);
	EQUAL(04755, mode_of("s"));
	WORKS(chown("s", -1, -1));
	EQUAL(0755, mode_of("s"));
	WORKS(chmod("s", 06777));
	AS (1000, 1000) {
		rewrite("s", 0, "x");
		EQUAL(0777, mode_of("s"));
	}
	/* Who may not write does not get a copy either. */
	AS (1000, 1000)
		FAILS(EACCES, open("f", O_WRONLY));
	TEXT("text", file_text("f"));
	EQUAL(2, look("f").st_nlink);
}
