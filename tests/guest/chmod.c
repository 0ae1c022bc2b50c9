/* SPDX-License-Identifier: Apache-2.0 */
/* Modes: chmod's rules, the umask, what new files get. */
/* covers: chmod fchmod fchmodat fchmodat2 umask */
#include "guest.h"

static long fchmodat2(int dir_fd, const char *name, mode_t mode, unsigned flags)
{
	return syscall(452, dir_fd, name, mode, flags);
}

TEST(all_mode_bits_are_kept)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	for (mode_t mode = 0; mode <= 07777; mode += 0123) {
		WORKS(chmod("f", mode));
		EQUAL(S_IFREG | mode, look("f").st_mode);
		WORKS(chmod("d", mode));
		EQUAL(S_IFDIR | mode, look("d").st_mode);
	}
	WORKS(chmod("f", 0170000 | 0600));
	EQUAL(S_IFREG | 0600, look("f").st_mode);
}

TEST(every_way_to_change_it_is_seen_in_every_way)
{
	struct stat st;
	put_file("f", 0644, "");
	WORKS(link("f", "g"));
	WORKS(symlink("f", "l"));
	int fd = WORKS(open("f", O_RDONLY)), here = WORKS(open(".", O_RDONLY));
	WORKS(fchmod(fd, 04711));
	EQUAL(04711, mode_of("g"));
	WORKS(syscall(SYS_fchmodat, here, "l", 0600));
	EQUAL(0600, mode_of("f"));
	WORKS(chmod("l", 0640));
	WORKS(fstat(fd, &st));
	EQUAL(0100640, st.st_mode);
	WORKS(rename("f", "h"));
	EQUAL(0640, mode_of("h"));
	WORKS(unlink("h"));
	WORKS(fchmod(fd, 0444));
	EQUAL(0444, mode_of("g"));
	EQUAL(0777, mode_of("l"));
}

TEST(fchmodat2_has_flags)
{
	put_file("f", 0644, "");
	WORKS(symlink("f", "l"));
	int fd = WORKS(open("f", O_PATH));
	if (fchmodat2(AT_FDCWD, "f", 0600, 0) < 0 && errno == ENOSYS)
		SKIP("no fchmodat2");
	EQUAL(0600, mode_of("f"));
	WORKS(fchmodat2(fd, "", 0755, AT_EMPTY_PATH));
	EQUAL(0755, mode_of("f"));
	FAILS(EOPNOTSUPP, fchmodat2(AT_FDCWD, "l", 0700, AT_SYMLINK_NOFOLLOW));
	FAILS(EINVAL, fchmodat2(AT_FDCWD, "f", 0700, AT_REMOVEDIR));
	FAILS(ENOENT, fchmodat2(AT_FDCWD, "", 0700, 0));
	EQUAL(0755, mode_of("f"));
}

TEST(errors)
{
	put_file("f", 0644, "");
	WORKS(symlink("loop", "loop"));
	FAILS(ENOENT, chmod("missing", 0600));
	FAILS(ENOENT, chmod("", 0600));
	FAILS(ENOTDIR, chmod("f/x", 0600));
	FAILS(ELOOP, chmod("loop", 0600));
	FAILS(EFAULT, chmod(bad, 0600));
	FAILS(EBADF, fchmod(77, 0600));
	FAILS(EBADF, syscall(SYS_fchmodat, 77, "f", 0600));
	int fd = WORKS(open("f", O_PATH));
	FAILS(EBADF, fchmod(fd, 0600));
}

TEST(only_the_owner_may)
{
	put_file("roots", 0666, "");
	put_file("own", 0666, "");
	WORKS(chown("own", 1000, 1000));
	int fd = WORKS(open("roots", O_RDWR));
	AS (1000, 1000) {
		FAILS(EPERM, chmod("roots", 0600));
		FAILS(EPERM, fchmod(fd, 0600));
		WORKS(chmod("own", 0));
		EQUAL(0, mode_of("own"));
		WORKS(chmod("own", 0600));
	}
	EQUAL(0666, mode_of("roots"));
}

TEST(setgid_needs_the_files_group)
{
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	WORKS(chown("f", 1000, 2000));
	WORKS(chown("d", 1000, 2000));
	AS (1000, 1000) {
		WORKS(chmod("f", 06755));
		EQUAL(04755, mode_of("f"));
		WORKS(chmod("d", 02755));
		EQUAL(0755, mode_of("d"));
	}
	AS (1000, 2000) {
		WORKS(chmod("f", 06755));
		EQUAL(06755, mode_of("f"));
	}
	CHILD {
		gid_t group = 2000;
		WORKS(setgroups(1, &group));
		WORKS(setresuid(1000, 1000, 1000));
		WORKS(chmod("d", 02755));
		EQUAL(02755, mode_of("d"));
	}
}

TEST(a_directory_that_another_process_gives_setgid_gives_its_group_at_once)
{
	char name[64];
	for (int i = 0; i < 20; i++) {
		make_known_directory(i, name);
		CHILD {
			WORKS(chown(name, 0, 2000));
			WORKS(chmod(name, 02755));
		}
		snprintf(name, sizeof(name), "d%d/d/f", i);
		put_file(name, 0644, "");
		EQUAL(2000, look(name).st_gid);
		snprintf(name, sizeof(name), "d%d/d/d", i);
		WORKS(mkdir(name, 0755));
		EQUAL(02755, mode_of(name));
	}
}

TEST(set_id_bits_go_by_who_writes_not_by_who_opened)
{
	put_file("f", 06755, "x");
	put_file("g", 06755, "x");
	int fd = WORKS(open("f", O_RDWR)), reading = WORKS(open("g", O_RDONLY));
	EQUAL(1, write(fd, "y", 1));
	EQUAL(06755, mode_of("f"));
	AS (1000, 1000) {
		EQUAL(1, write(fd, "z", 1));
		EQUAL(0755, mode_of("f"));
		EQUAL(06755, mode_of("g"));
	}
	EQUAL(0755, mode_of("f"));
	WORKS(fchmod(fd, 04755));
	EQUAL(1, write(fd, "z", 1));
	EQUAL(04755, mode_of("f"));
	close(reading);
}

static const char *link_of(int fd)
{
	static char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return link;
}

TEST(files_are_changed_through_links_of_descriptors)
{
	struct stat st;
	int ends[2];
	put_file("f", 0600, "x");
	WORKS(mkdir("d", 0700));
	WORKS(mknod("n", S_IFCHR | 0600, 0x103));
	WORKS(symlink("f", "l"));
	int fd = WORKS(open("f", O_PATH)), dir = WORKS(open("d", O_PATH)), node = WORKS(open("n", O_PATH));
	WORKS(chmod(link_of(fd), 04711));
	EQUAL(04711, mode_of("f"));
	WORKS(chown(link_of(fd), 5, 6));
	EQUAL(5, look("f").st_uid);
	EQUAL(0711, mode_of("f"));
	WORKS(chmod(link_of(dir), 02750));
	EQUAL(02750, mode_of("d"));
	WORKS(chmod(link_of(node), 0666));
	WORKS(chown(link_of(node), 7, 8));
	EQUAL(S_IFCHR | 0666, look("n").st_mode);
	EQUAL(7, look("n").st_uid);
	EQUAL(0x103, look("n").st_rdev);
	int link = WORKS(open("l", O_PATH | O_NOFOLLOW));
	FAILS(EOPNOTSUPP, chmod(link_of(link), 0600));
	WORKS(chown(link_of(link), 9, 9));
	EQUAL(9, look("l").st_uid);
	EQUAL(5, look("f").st_uid);
	WORKS(unlink("f"));
	WORKS(chmod(link_of(fd), 0640));
	WORKS(fstat(fd, &st));
	EQUAL(0640, st.st_mode & 07777);
	WORKS(rmdir("d"));
	WORKS(chmod(link_of(dir), 0711));
	WORKS(fstat(dir, &st));
	EQUAL(0711, st.st_mode & 07777);
	WORKS(pipe(ends));
	WORKS(chmod(link_of(ends[0]), 0640));
	WORKS(fstat(ends[0], &st));
	EQUAL(S_IFIFO | 0640, st.st_mode);
	int deleted = WORKS(open(".", O_TMPFILE | O_RDWR, 0600));
	WORKS(chmod(link_of(deleted), 04755));
	WORKS(chown(link_of(deleted), 5, 5));
	WORKS(fstat(deleted, &st));
	EQUAL(0755, st.st_mode & 07777);
	EQUAL(5, st.st_uid);
	FAILS(ENOENT, chmod("/proc/self/fd/77", 0600));
}

TEST(root_reads_and_writes_files_of_mode_0)
{
	put_file("f", 0, "abc");
	EQUAL(0, mode_of("f"));
	TEXT("abc", file_text("f"));
	int fd = WORKS(open("f", O_WRONLY | O_TRUNC));
	EQUAL(2, write(fd, "xy", 2));
	TEXT("xy", file_text("f"));
	EQUAL(0, mode_of("f"));
	WORKS(mkdir("d", 0));
	put_file("d/f", 0, "in");
	TEXT("in", file_text("d/f"));
	EQUAL(0, mode_of("d"));
	FAILS(EACCES, execv("f", NULL));
}

TEST(the_umask_is_taken_off_new_files)
{
	EQUAL(022, umask(077));
	EQUAL(077, umask(0177777));
	EQUAL(0777, umask(027));
	close(WORKS(open("f", O_WRONLY | O_CREAT, 06777)));
	EQUAL(06750, mode_of("f"));
	WORKS(mkdir("d", 07777));
	EQUAL(01750, mode_of("d"));
	WORKS(mknod("p", S_IFIFO | 0666, 0));
	EQUAL(0640, mode_of("p"));
	WORKS(mknod("c", S_IFCHR | 0666, 0x103));
	EQUAL(0640, mode_of("c"));
	WORKS(symlink("x", "l"));
	EQUAL(0777, mode_of("l"));
}

TEST(the_umask_is_of_the_process_and_inherited)
{
	umask(0);
	CHILD {
		close(WORKS(open("a", O_WRONLY | O_CREAT, 0666)));
		EQUAL(0666, mode_of("a"));
		umask(0777);
	}
	close(WORKS(open("b", O_WRONLY | O_CREAT, 0666)));
	EQUAL(0666, mode_of("b"));
	CHILD {
		umask(0777);
		close(WORKS(creat("c", 0666)));
		EQUAL(0, mode_of("c"));
	}
	TEXT("", file_text("c"));
}

TEST(a_file_that_is_made_keeps_the_set_id_bits_that_it_is_made_with)
{
	WORKS(chmod(".", 0777));
	umask(022);
	AS (1000, 1000) {
		close(WORKS(creat("a", 02777)));
		EQUAL(02755, mode_of("a"));
		close(WORKS(creat("b", 06711)));
		EQUAL(06711, mode_of("b"));
		close(WORKS(open("c", O_CREAT | O_TRUNC | O_WRONLY, 02777)));
		EQUAL(02755, mode_of("c"));
		/* One that was there loses them. */
		close(WORKS(creat("a", 02777)));
		EQUAL(0755, mode_of("a"));
	}
}

TEST(writing_to_a_file_that_is_made_takes_its_set_id_bits)
{
	WORKS(chmod(".", 0777));
	umask(022);
	AS (1000, 1000) {
		int fd = WORKS(creat("d", 02777));
		EQUAL(1, write(fd, "x", 1));
		EQUAL(0755, mode_of("d"));
	}
}

TEST(an_open_with_a_mode_that_forbids_it_works_for_its_maker)
{
	WORKS(chmod(".", 0777));
	AS (1000, 1000) {
		int fd = WORKS(open("f", O_RDWR | O_CREAT | O_EXCL, 0));
		EQUAL(1, write(fd, "x", 1));
		EQUAL(0, mode_of("f"));
		FAILS(EACCES, open("f", O_RDONLY));
	}
}

TEST(writing_clears_set_id_bits_unless_root_writes)
{
	put_file("f", 06777, "");
	int fd = WORKS(open("f", O_WRONLY));
	EQUAL(1, write(fd, "x", 1));
	EQUAL(06777, mode_of("f"));
	AS (1000, 1000) {
		fd = WORKS(open("f", O_WRONLY));
		EQUAL(1, write(fd, "x", 1));
		EQUAL(0777, mode_of("f"));
	}
}

TEST(truncating_clears_set_id_bits_unless_root_does)
{
	put_file("f", 06777, "xyz");
	WORKS(truncate("f", 2));
	EQUAL(06777, mode_of("f"));
	AS (1000, 1000) {
		WORKS(truncate("f", 1));
		EQUAL(0777, mode_of("f"));
	}
	WORKS(chmod("f", 06767));
	AS (1000, 1000) {
		close(WORKS(open("f", O_WRONLY | O_TRUNC)));
		EQUAL(02767 & ~02000, mode_of("f"));
	}
}

/* More than can be told at once by who makes them. */
TEST(many_new_files_have_the_mode_they_were_made_with)
{
	enum { MANY = 4200 };
	char name[16];
	struct stat st;
	unsigned wrong = 0;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		int fd = WORKS(open(name, O_WRONLY | O_CREAT | O_EXCL, 0));
		wrong += fstat(fd, &st) < 0 || st.st_mode != S_IFREG;
		close(fd);
	}
	EQUAL(0, wrong);
}
