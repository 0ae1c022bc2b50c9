/* SPDX-License-Identifier: Apache-2.0 */
/* Ids and groups: who may become whom, and what follows. */
/* covers: getuid geteuid getgid getegid setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid */
/* covers: getresuid getresgid getgroups setgroups getuid32 geteuid32 getgid32 getegid32 setuid32 setgid32 */
/* covers: setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 getresuid32 getresgid32 */
/* covers: getgroups32 setgroups32 */
#include "guest.h"

#include <pthread.h>
#include <sys/fsuid.h>

/* libc's calls would change all threads; the kernel's are of one. */
#ifdef __i386__
#define RAW(name) SYS_##name##32
#else
#define RAW(name) SYS_##name
#endif

static const char *uids(void)
{
	static char text[64];
	uid_t r, e, s;
	if (getresuid(&r, &e, &s) < 0)
		return "getresuid failed";
	/* An invalid id changes nothing and tells the current one. */
	snprintf(text, sizeof(text), "%u %u %u %u", r, e, s, (unsigned)setfsuid(-1));
	return text;
}
static const char *gids(void)
{
	static char text[64];
	gid_t r, e, s;
	if (getresgid(&r, &e, &s) < 0)
		return "getresgid failed";
	snprintf(text, sizeof(text), "%u %u %u %u", r, e, s, (unsigned)setfsgid(-1));
	return text;
}

TEST(root_is_all_zero)
{
	TEXT("0 0 0 0", uids());
	TEXT("0 0 0 0", gids());
	EQUAL(0, getuid() + geteuid() + getgid() + getegid());
}

TEST(setuid_of_root_sets_all_and_is_final)
{
	WORKS(setuid(1000));
	TEXT("1000 1000 1000 1000", uids());
	EQUAL(1000, getuid());
	EQUAL(1000, geteuid());
	FAILS(EPERM, setuid(0));
	FAILS(EPERM, setuid(1001));
	FAILS(EPERM, setgid(5));
	FAILS(EPERM, setgroups(0, NULL));
	WORKS(setuid(1000));
}

TEST(setuid_of_users_moves_among_their_ids)
{
	WORKS(setresuid(1000, 2000, 3000));
	WORKS(setuid(3000));
	TEXT("1000 3000 3000 3000", uids());
	FAILS(EPERM, setuid(2000));
	WORKS(setuid(1000));
	TEXT("1000 1000 3000 1000", uids());
}

TEST(seteuid_0_comes_back_by_the_saved_id)
{
	WORKS(setresuid(1000, 1000, 0));
	FAILS(EPERM, setresuid(1001, -1, -1));
	FAILS(EACCES, open(".", O_RDONLY) < 0 ? -1 : (mkdir("x", 0755)));
	WORKS(seteuid(0));
	TEXT("1000 0 0 0", uids());
	WORKS(mkdir("x", 0755));
	EQUAL(0, look("x").st_uid);
	WORKS(setuid(7));
	TEXT("7 7 7 7", uids());
	FAILS(EPERM, seteuid(0));
}

TEST(setreuid_sets_the_saved_id_when_it_must)
{
	static const struct {
		uid_t real, effective;
		const char *after;
	} cases[] = {
		{ -1, 5, "0 5 5 5" }, { 5, -1, "5 0 0 0" }, { 5, 6, "5 6 6 6" }, { -1, -1, "0 0 0 0" }, { -1, 0, "0 0 0 0" },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHILD {
			WORKS(setreuid(cases[i].real, cases[i].effective));
			TEXT(cases[i].after, uids());
		}
	WORKS(setresuid(1, 2, 3));
	FAILS(EPERM, setreuid(3, -1));
	FAILS(EPERM, setreuid(-1, 4));
	WORKS(setreuid(-1, 3));
	TEXT("1 3 3 3", uids());
	WORKS(setreuid(3, 1));
	TEXT("3 1 1 1", uids());
}

TEST(groups_follow_the_same_rules)
{
	CHILD {
		WORKS(setgid(5));
		TEXT("5 5 5 5", gids());
	}
	CHILD {
		WORKS(setregid(5, 6));
		TEXT("5 6 6 6", gids());
	}
	WORKS(setresgid(1, 2, 3));
	TEXT("1 2 3 2", gids());
	WORKS(setresuid(1000, 1000, 1000));
	FAILS(EPERM, setgid(2));
	WORKS(setgid(3));
	TEXT("1 3 3 3", gids());
	FAILS(EPERM, setresgid(5, -1, -1));
	FAILS(EPERM, setregid(5, -1));
	WORKS(setregid(3, 1));
	TEXT("3 1 1 1", gids());
	WORKS(setresgid(-1, 3, -1));
	TEXT("3 3 1 3", gids());
}

TEST(to_stay_who_one_is_is_allowed_and_changes_nothing)
{
	for (int i = 0; i < 2; i++) {
		WORKS(setresuid(0, 0, 0));
		WORKS(setresgid(0, -1, 0));
		WORKS(setreuid(0, 0));
		WORKS(setregid(-1, 0));
		WORKS(setuid(0));
		WORKS(setgid(0));
		TEXT("0 0 0 0", uids());
		TEXT("0 0 0 0", gids());
	}
	EQUAL(0, setfsuid(5));
	WORKS(setresuid(0, 0, 0));
	TEXT("0 0 0 0", uids());
	WORKS(setresgid(7, 7, 7));
	WORKS(setresuid(5, 5, 5));
	for (int i = 0; i < 2; i++) {
		WORKS(setresuid(5, -1, 5));
		WORKS(setgid(7));
		FAILS(EPERM, setresuid(5, 5, 0));
		FAILS(EPERM, setresgid(7, 0, 7));
		FAILS(EINVAL, setuid(-1));
		TEXT("5 5 5 5", uids());
		TEXT("7 7 7 7", gids());
	}
}

static void *become_one(void *ret)
{
	static char text[64];
	WORKS(syscall(RAW(setresuid), 1000, 1000, 1000));
	snprintf(text, sizeof(text), "%s", uids());
	*(const char **)ret = text;
	return NULL;
}

TEST(each_thread_becomes_another_by_itself)
{
	pthread_t one, two;
	const char *of_one = "", *of_two = "";
	EQUAL(0, pthread_create(&one, NULL, become_one, &of_one));
	pthread_join(one, NULL);
	TEXT("1000 1000 1000 1000", of_one);
	TEXT("0 0 0 0", uids());
	EQUAL(0, pthread_create(&two, NULL, become_one, &of_two));
	pthread_join(two, NULL);
	TEXT("1000 1000 1000 1000", of_two);
	WORKS(syscall(RAW(setresuid), 0, 0, 0));
	TEXT("0 0 0 0", uids());
	WORKS(syscall(RAW(setresuid), 1000, 1000, 1000));
	TEXT("1000 1000 1000 1000", uids());
}

TEST(minus_one_is_no_id)
{
	FAILS(EINVAL, setuid(-1));
	FAILS(EINVAL, setgid(-1));
	WORKS(setresuid(-1, -1, -1));
	TEXT("0 0 0 0", uids());
	WORKS(setuid(4000000000u));
	TEXT("4000000000 4000000000 4000000000 4000000000", uids());
}

TEST(file_system_ids)
{
	EQUAL(0, setfsuid(5));
	EQUAL(5, setfsuid(-1));
	TEXT("0 0 0 5", uids());
	FAILS(EACCES, mkdir("x", 0755));
	EQUAL(5, setfsuid(0));
	WORKS(mkdir("x", 0755));
	EQUAL(0, setfsgid(7));
	WORKS(mkdir("y", 0755));
	EQUAL(7, look("y").st_gid);
	WORKS(setresuid(1, 2, 3));
	TEXT("1 2 3 2", uids());
	EQUAL(2, setfsuid(9));
	EQUAL(2, setfsuid(3));
	EQUAL(3, setfsuid(1));
	EQUAL(1, setfsuid(0));
	EQUAL(1, setfsuid(2));
	/* Setting the effective id sets it along. */
	WORKS(setresuid(-1, 3, -1));
	TEXT("1 3 3 3", uids());
}

TEST(supplementary_groups)
{
	gid_t back[8], groups[4] = { 30, 10, 20, 10 };
	WORKS(setgroups(0, NULL));
	EQUAL(0, getgroups(8, back));
	WORKS(setgroups(4, groups));
	EQUAL(4, getgroups(0, NULL));
	EQUAL(4, getgroups(8, back));
	EQUAL(10, back[0]);
	EQUAL(10, back[1]);
	EQUAL(20, back[2]);
	EQUAL(30, back[3]);
	FAILS(EINVAL, getgroups(3, back));
	FAILS(EINVAL, syscall(RAW(getgroups), -1, back));
	FAILS(EINVAL, setgroups(65537, groups));
	FAILS(EFAULT, syscall(RAW(setgroups), 2, bad));
	FAILS(EFAULT, syscall(RAW(getgroups), 8, bad));
	EQUAL(4, getgroups(8, back));
	CHILD {
		EQUAL(4, getgroups(8, back));
		WORKS(setgroups(1, groups));
	}
	EQUAL(4, getgroups(8, back));
	WORKS(setuid(1000));
	FAILS(EPERM, setgroups(1, groups));
	EQUAL(4, getgroups(8, back));
}

TEST(thousands_of_groups)
{
	enum { MANY = 65536 };
	gid_t *groups = calloc(MANY, sizeof(*groups)), *back = calloc(MANY, sizeof(*back));
	for (unsigned i = 0; i < MANY; i++)
		groups[i] = MANY - i;
	WORKS(setgroups(MANY, groups));
	EQUAL(MANY, getgroups(MANY, back));
	EQUAL(1, back[0]);
	EQUAL(MANY, back[MANY - 1]);
	put_file("f", 0040, "x");
	WORKS(chown("f", 0, 30000));
	WORKS(setresuid(1000, 1000, 1000));
	TEXT("x", file_text("f"));
	free(groups);
	free(back);
}

static void *change_own_ids(void *arg)
{
	(void)arg;
	WORKS(syscall(RAW(setresuid), 5, 6, 7));
	TEXT("5 6 7 6", uids());
	return NULL;
}

TEST(ids_are_of_the_thread)
{
	pthread_t thread;
	EQUAL(0, pthread_create(&thread, NULL, change_own_ids, NULL));
	pthread_join(thread, NULL);
	TEXT("0 0 0 0", uids());
	/* and libc makes them the process's */
	WORKS(setresuid(1, 2, 3));
	TEXT("1 2 3 2", uids());
}

TEST(vfork_and_clone_copy_ids)
{
	WORKS(setresgid(1, 2, 3));
	WORKS(setresuid(1, 2, 3));
	pid_t child = vfork();
	if (child == 0)
		_exit(getuid() == 1 && geteuid() == 2 && getegid() == 2 ? 0 : 1);
	int status = -1;
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	CHILD {
		TEXT("1 2 3 2", uids());
		WORKS(setuid(3));
	}
	TEXT("1 2 3 2", uids());
}

TEST(what_a_child_in_its_parents_memory_becomes_its_parent_does_not)
{
	EQUAL(0, getuid());
	pid_t child = vfork();
	if (child == 0)
		_exit(syscall(RAW(setgid), 3) == 0 && syscall(RAW(setuid), 5) == 0 && getuid() == 5 && getegid() == 3 ? 0 : 1);
	EQUAL(0, getuid());
	EQUAL(0, getegid());
	int status = -1;
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	TEXT("0 0 0 0", uids());
	EQUAL(0, getuid());
}

TEST(wrong_addresses)
{
	uid_t a;
	FAILS(EFAULT, syscall(RAW(getresuid), &a, &a, bad));
	FAILS(EFAULT, syscall(RAW(getresgid), bad, &a, &a));
}

#ifdef __i386__
TEST(the_16_bit_calls)
{
	unsigned short a, b, c, groups[2] = { 40, 50 }, back[4];
	WORKS(setresuid(100000, 200000, 0));
	EQUAL(65534, syscall(SYS_getuid));
	EQUAL(65534, syscall(SYS_geteuid));
	EQUAL(100000, getuid());
	WORKS(syscall(SYS_getresuid, &a, &b, &c));
	EQUAL(65534, a);
	EQUAL(0, c);
	WORKS(syscall(SYS_setresuid, 0xffff, 0, 0xffff));
	TEXT("100000 0 0 0", uids());
	WORKS(syscall(SYS_setreuid, 0, 0xffff));
	TEXT("0 0 0 0", uids());
	WORKS(syscall(SYS_setgroups, 2, groups));
	EQUAL(2, syscall(SYS_getgroups, 4, back));
	EQUAL(50, back[1]);
	WORKS(syscall(SYS_setregid, 5, 6));
	WORKS(syscall(SYS_setresgid, 0xffff, 7, 8));
	WORKS(syscall(SYS_getresgid, &a, &b, &c));
	EQUAL(5, a);
	EQUAL(7, b);
	EQUAL(8, c);
	EQUAL(5, syscall(SYS_getgid));
	EQUAL(7, syscall(SYS_getegid));
	EQUAL(7, syscall(SYS_setfsgid, 9));
	EQUAL(0, syscall(SYS_setfsuid, 3));
	WORKS(syscall(SYS_setgid, 70000 & 0xffff));
	WORKS(syscall(SYS_setuid, 11));
	TEXT("11 11 11 11", uids());
}
#endif

/* Where processes of root leave word for all others: tracer/shim/abi.h. */
TEST(who_gives_root_up_reaches_nothing_that_is_roots)
{
	const uintptr_t shared[] = { 0x69fd0000, 0x69fe0000 };
	put_file("f", 0644, "x");
	for (int i = 0; i < 8; i++) {
		WORKS(mkdir("d", 0755));
		WORKS(chown("d", i, i));
		WORKS(chown("f", i, i));
		WORKS(rmdir("d"));
	}
	AS (1000, 1000)
		for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
			FAILS(EFAULT, pread(open("f", O_RDONLY), (void *)shared[i], 1, 0));
}
