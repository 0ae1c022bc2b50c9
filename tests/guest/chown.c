/* SPDX-License-Identifier: Apache-2.0 */
/* Owners: who may give files away, what it does to their modes, and where it is seen. */
/* covers: chown lchown fchown fchownat chown32 lchown32 fchown32 */
#include "guest.h"

#include <sched.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>

static void expect_owner(int line, const char *name, uid_t uid, gid_t gid)
{
	guest_equal(line, name, uid, look(name).st_uid);
	guest_equal(line, name, gid, look(name).st_gid);
}
#define OWNER(name, uid, gid) expect_owner(__LINE__, name, uid, gid)

TEST(a_device_of_number_0_stays_one)
{
	WORKS(mknod("n", S_IFCHR | 0600, 0));
	WORKS(chmod("n", 0644));
	EQUAL(S_IFCHR | 0644, look("n").st_mode);
	WORKS(chown("n", 5, 6));
	EQUAL(S_IFCHR | 0644, look("n").st_mode);
	EQUAL(5, look("n").st_uid);
}

TEST(ids_of_minus_one_stay)
{
	put_file("f", 0644, "");
	OWNER("f", 0, 0);
	WORKS(chown("f", 5, -1));
	OWNER("f", 5, 0);
	WORKS(chown("f", -1, 6));
	OWNER("f", 5, 6);
	WORKS(chown("f", -1, -1));
	OWNER("f", 5, 6);
	WORKS(chown("f", 4000000000u, 4000000001u));
	OWNER("f", 4000000000u, 4000000001u);
	WORKS(chown("f", 0, 0));
	OWNER("f", 0, 0);
}

TEST(owners_are_seen_through_every_name_and_descriptor)
{
	struct stat st;
	put_file("f", 0644, "");
	WORKS(link("f", "g"));
	int fd = WORKS(open("f", O_RDONLY));
	WORKS(fchown(fd, 7, 8));
	OWNER("f", 7, 8);
	OWNER("g", 7, 8);
	WORKS(chown("g", 9, 10));
	WORKS(fstat(fd, &st));
	EQUAL(9, st.st_uid);
	WORKS(rename("f", "h"));
	OWNER("h", 9, 10);
	WORKS(unlink("h"));
	WORKS(unlink("g"));
	WORKS(fchown(fd, 11, 12));
	WORKS(fstat(fd, &st));
	EQUAL(11, st.st_uid);
	EQUAL(12, st.st_gid);
}

TEST(symlinks_have_owners_of_their_own)
{
	put_file("f", 0644, "");
	WORKS(symlink("f", "l"));
	WORKS(lchown("l", 1, 2));
	OWNER("f", 0, 0);
	OWNER("l", 1, 2);
	WORKS(chown("l", 3, 4));
	OWNER("f", 3, 4);
	OWNER("l", 1, 2);
	WORKS(fchownat(AT_FDCWD, "l", 5, 6, AT_SYMLINK_NOFOLLOW));
	OWNER("l", 5, 6);
	int fd = WORKS(open("l", O_PATH | O_NOFOLLOW));
	WORKS(fchownat(fd, "", 7, 8, AT_EMPTY_PATH));
	OWNER("l", 7, 8);
	OWNER("f", 3, 4);
	WORKS(link("l", "l2"));
	WORKS(lchown("l2", 9, 9));
	OWNER("l", 9, 9);
}

TEST(set_id_bits_go)
{
	put_file("f", 06755, "");
	WORKS(chown("f", 5, 5));
	EQUAL(0755, mode_of("f"));
	/* Without group execute the bit means locking, and stays when root asks. */
	WORKS(chmod("f", 06745));
	WORKS(chown("f", 6, 6));
	EQUAL(02745, mode_of("f"));
	/* Even when nothing changes. */
	WORKS(chmod("f", 06755));
	WORKS(chown("f", -1, -1));
	EQUAL(0755, mode_of("f"));
	WORKS(mkdir("d", 0755));
	WORKS(chmod("d", 07755));
	WORKS(chown("d", 5, 5));
	EQUAL(07755, mode_of("d"));
}

TEST(file_capabilities_go)
{
	static const unsigned char caps[20] = { 1, 0, 0, 2, 0x20 };
	put_file("f", 0755, "");
	WORKS(setxattr("f", "security.capability", caps, sizeof(caps), 0));
	WORKS(chown("f", 5, 5));
	FAILS(ENODATA, getxattr("f", "security.capability", NULL, 0));
}

TEST(users_may_only_give_their_files_to_their_groups)
{
	put_file("own", 0644, "");
	put_file("roots", 0666, "");
	WORKS(chown("own", 1000, 1000));
	CHILD {
		gid_t groups[2] = { 50, 60 };
		WORKS(setgroups(2, groups));
		WORKS(setresgid(1000, 1000, 1000));
		WORKS(setresuid(1000, 1000, 1000));
		FAILS(EPERM, chown("own", 1001, -1));
		FAILS(EPERM, chown("own", 0, -1));
		WORKS(chown("own", 1000, -1));
		WORKS(chown("own", -1, 50));
		OWNER("own", 1000, 50);
		WORKS(chown("own", 1000, 60));
		FAILS(EPERM, chown("own", -1, 70));
		WORKS(chown("own", -1, 60));
		FAILS(EPERM, chown("roots", 1000, -1));
		FAILS(EPERM, chown("roots", -1, 50));
		WORKS(chown("roots", -1, -1));
	}
	OWNER("own", 1000, 60);
	OWNER("roots", 0, 0);
}

TEST(errors)
{
	put_file("f", 0644, "");
	WORKS(symlink("loop", "loop"));
	FAILS(ENOENT, chown("missing", 1, 1));
	FAILS(ENOENT, chown("", 1, 1));
	FAILS(ENOTDIR, chown("f/x", 1, 1));
	FAILS(ELOOP, chown("loop", 1, 1));
	FAILS(EFAULT, chown(bad, 1, 1));
	FAILS(EBADF, fchown(77, 1, 1));
	FAILS(EBADF, fchownat(77, "f", 1, 1, 0));
	FAILS(EINVAL, fchownat(AT_FDCWD, "f", 1, 1, AT_REMOVEDIR));
	FAILS(ENOENT, fchownat(AT_FDCWD, "", 1, 1, 0));
	int fd = WORKS(open("f", O_PATH));
	FAILS(EBADF, fchown(fd, 1, 1));
	WORKS(lchown("loop", 1, 1));
}

TEST(new_files_belong_to_the_file_system_ids)
{
	WORKS(chmod(".", 0777));
	AS (1000, 2000) {
		put_file("f", 0644, "");
		WORKS(mkdir("d", 0755));
		WORKS(symlink("x", "l"));
		WORKS(mknod("p", S_IFIFO | 0600, 0));
		OWNER("f", 1000, 2000);
		OWNER("d", 1000, 2000);
		OWNER("l", 1000, 2000);
		OWNER("p", 1000, 2000);
	}
	OWNER("d", 1000, 2000);
	CHILD {
		setfsuid(33);
		setfsgid(44);
		put_file("g", 0644, "");
		OWNER("g", 33, 44);
	}
}

TEST(setgid_directories_pass_their_group_on)
{
	WORKS(mkdir("d", 0755));
	WORKS(chown("d", 0, 77));
	WORKS(chmod("d", 02777));
	AS (1000, 2000) {
		put_file("d/f", 0644, "");
		OWNER("d/f", 1000, 77);
		WORKS(mkdir("d/d", 0755));
		OWNER("d/d", 1000, 77);
		EQUAL(02755, mode_of("d/d"));
		WORKS(symlink("x", "d/l"));
		OWNER("d/l", 1000, 77);
		WORKS(mknod("d/p", S_IFIFO | 0600, 0));
		OWNER("d/p", 1000, 77);
		/* setgid and group execute go for who is not in the group */
		close(WORKS(open("d/x", O_CREAT | O_WRONLY, 02755)));
		EQUAL(0755, mode_of("d/x"));
		close(WORKS(open("d/y", O_CREAT | O_WRONLY, 02745)));
		EQUAL(02745 & ~(mode_t)022, mode_of("d/y"));
	}
	close(WORKS(open("d/z", O_CREAT | O_WRONLY, 02755)));
	EQUAL(02755, mode_of("d/z"));
}

#ifdef __i386__
TEST(the_16_bit_calls_take_16_bits)
{
	put_file("f", 0644, "");
	WORKS(symlink("f", "l"));
	WORKS(syscall(SYS_chown, "f", 1, 2));
	OWNER("f", 1, 2);
	WORKS(syscall(SYS_chown, "f", 0xffff, 3));
	OWNER("f", 1, 3);
	WORKS(syscall(SYS_lchown, "l", 4, 0xffff));
	OWNER("l", 4, 0);
	int fd = WORKS(open("f", O_RDONLY));
	WORKS(syscall(SYS_fchown, fd, 0xffff, 0xffff));
	OWNER("f", 1, 3);
	WORKS(syscall(SYS_chown32, "f", 0xffff, 70000));
	OWNER("f", 65535, 70000);
	WORKS(syscall(SYS_lchown32, "l", 70001, -1));
	OWNER("l", 70001, 0);
	WORKS(syscall(SYS_fchown32, fd, -1, 70002));
	OWNER("f", 65535, 70002);
}
#endif

/* So many that whoever keeps books of them does not write down each at once. */
enum { MANY = 3000 };

static const char *numbered(char name[16], unsigned n)
{
	snprintf(name, 16, "f%u", n);
	return name;
}

TEST(many_owners_are_seen_at_once_by_all)
{
	char name[16];
	for (unsigned i = 0; i < MANY; i++) {
		close(WORKS(open(numbered(name, i), O_WRONLY | O_CREAT | O_EXCL, 0644)));
		WORKS(lchown(name, i + 1, i + 2));
		EQUAL(i + 1, look(name).st_uid);
	}
	CHILD
	{
		for (unsigned i = 0; i < MANY; i++) {
			OWNER(numbered(name, i), i + 1, i + 2);
			WORKS(chown(name, -1, 9));
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		OWNER(numbered(name, i), i + 1, 9);
}

TEST(owners_and_modes_change_in_any_order)
{
	char name[16];
	struct stat st;
	for (unsigned i = 0; i < 64; i++) {
		int fd = WORKS(open(numbered(name, i), O_RDWR | O_CREAT | O_EXCL, i % 2 ? 0 : 0640));
		WORKS(fchown(fd, 5, -1));
		WORKS(fchmod(fd, i % 3 ? 0400 : 04755));
		WORKS(fstat(fd, &st));
		EQUAL(S_IFREG | (i % 3 ? 0400 : 04755), st.st_mode);
		WORKS(fchown(fd, -1, 6));
		WORKS(fstat(fd, &st));
		EQUAL(S_IFREG | (i % 3 ? 0400 : 0755), st.st_mode);
		EQUAL(5, st.st_uid);
		EQUAL(6, st.st_gid);
		WORKS(fchown(fd, 0, 0));
		WORKS(fchmod(fd, 0644));
		WORKS(close(fd));
		EQUAL(S_IFREG | 0644, look(name).st_mode);
		OWNER(name, 0, 0);
	}
}

TEST(a_file_that_gets_an_inode_again_is_new)
{
	char name[16];
	for (unsigned i = 0; i < 200; i++) {
		close(WORKS(open(numbered(name, i), O_WRONLY | O_CREAT | O_EXCL, i % 2 ? 0600 : 0)));
		EQUAL(S_IFREG | (i % 2 ? 0600 : 0), look(name).st_mode);
		OWNER(name, 0, 0);
		WORKS(lchown(name, 33, 34));
		OWNER(name, 33, 34);
		WORKS(unlink(name));
		WORKS(symlink("somewhere", name));
		OWNER(name, 0, 0);
		WORKS(lchown(name, 35, 36));
		OWNER(name, 35, 36);
		WORKS(unlink(name));
		WORKS(mkdir(name, 0500));
		EQUAL(S_IFDIR | 0500, look(name).st_mode);
		OWNER(name, 0, 0);
	}
}

TEST(what_has_lost_its_name_is_what_it_was_for_who_has_it_open)
{
	char name[16];
	struct stat st;
	for (unsigned i = 0; i < 40; i++) {
		int old = WORKS(open(numbered(name, i), O_WRONLY | O_CREAT | O_EXCL, 0640));
		WORKS(chown(name, 33, 34));
		WORKS(unlink(name));
		int made = WORKS(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
		OWNER(name, 0, 0);
		WORKS(fchown(made, 35, 36));
		put_file("other", 0600, "");
		WORKS(chown("other", 37, 38));
		WORKS(rename("other", name));
		OWNER(name, 37, 38);
		WORKS(fstat(old, &st));
		EQUAL(33, st.st_uid);
		EQUAL(S_IFREG | 0640, st.st_mode);
		WORKS(fstat(made, &st));
		EQUAL(35, st.st_uid);
		WORKS(fchown(made, 39, -1));
		WORKS(fstat(made, &st));
		EQUAL(39, st.st_uid);
		EQUAL(36, st.st_gid);
		WORKS(close(old));
		WORKS(close(made));
	}
}

TEST(a_file_with_other_names_keeps_its_owner)
{
	char name[16];
	put_file("kept", 0640, "");
	WORKS(chown("kept", 33, 34));
	for (unsigned i = 0; i < 8; i++) {
		WORKS(link("kept", numbered(name, i)));
		WORKS(unlink(name));
		WORKS(link("kept", name));
		put_file("other", 0600, "");
		WORKS(rename("other", name));
		OWNER(name, 0, 0);
		WORKS(unlink(name));
		OWNER("kept", 33, 34);
	}
}

TEST(who_gives_up_root_gives_nothing_away_from_then_on)
{
	char name[16];
	for (unsigned i = 0; i < 16; i++) {
		put_file(numbered(name, i), 0644, "");
		WORKS(chown(name, 1000 + i, 1000));
	}
	CHILD
	{
		WORKS(seteuid(1000));
		FAILS(EPERM, chown("f0", 0, 0));
		FAILS(EPERM, chmod("f1", 0600));
		WORKS(chmod("f0", 0600));
		WORKS(seteuid(0));
		WORKS(chown("f1", 7, 7));
		WORKS(setresuid(1000, 1000, 1000));
		FAILS(EPERM, chown("f0", 0, 0));
		FAILS(EPERM, chown("f2", 1000, 1000));
		OWNER("f1", 7, 7);
	}
	WORKS(chown("f2", 8, 8));
	OWNER("f0", 1000, 1000);
	OWNER("f2", 8, 8);
	EQUAL(S_IFREG | 0600, look("f0").st_mode);
}

static volatile int *arrived; /* of two processes: at which file */

static void meet(int who, int file)
{
	arrived[who] = file;
	for (unsigned spins = 0; arrived[!who] < file; spins++)
		if (spins > 2000)
			sched_yield();
}

/* Two processes change files at the same moments, and neither undoes what the other has done. */
TEST(owner_and_mode_are_changed_at_once)
{
	enum { FILES = 2000 };
	char name[32];
	int lost = 0, status = -1;
	arrived = mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	arrived[0] = arrived[1] = -1;
	umask(0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		WORKS(close(WORKS(open(name, O_WRONLY | O_CREAT, 0644))));
	}
	pid_t child = WORKS(fork());
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		meet(child != 0, i);
		/* Each comes first now and then. */
		for (volatile int wait = (child ? i : i / 16) % 16 * 20; wait > 0; wait--)
			;
		if (child == 0 ? chmod(name, 0640 + i % 8) : chown(name, 5, 6))
			lost++;
	}
	if (child == 0)
		_exit(lost != 0);
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	for (int i = 0; i < FILES; i++) {
		struct stat st;
		snprintf(name, sizeof(name), "f%d", i);
		WORKS(stat(name, &st));
		lost += st.st_uid != 5 || st.st_gid != 6 || st.st_mode != (mode_t)(S_IFREG | (0640 + i % 8));
	}
	EQUAL(0, lost);
}
