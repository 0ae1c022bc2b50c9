/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces: their making and maps, ids as they are called there, and what capabilities in them are good for. */
/* covers: unshare clone clone3 setns write ioctl getuid setuid setgroups getgroups chown stat mount umount2 sethostname */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { OVERFLOW = 65534, ME = 1000, FIRST = 100000, GET_USERS = 0xb701, GET_PARENT, GET_TYPE, GET_OWNER };

/* Natively most tests need that the kernel lets anybody make one. */
#define NEEDS_NAMESPACES                                                                      \
	do {                                                                                   \
		if (guest_is_native() && strtol(file_text("/proc/sys/user/max_user_namespaces"), NULL, 10) == 0) \
			SKIP("user.max_user_namespaces is 0");                                 \
	} while (0)

static int put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int error = errno;
	close(fd);
	errno = error;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static int put_of(pid_t pid, const char *name, const char *text)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return put(path, text);
}

static uint64_t capabilities(const char *line)
{
	const char *found = strstr(file_text("/proc/self/status"), line);
	return found ? strtoull(found + strlen(line), NULL, 16) : 1;
}

/* A child in a new namespace with the ids 0 to 999 of which are 100000 and more, as real root gives them; it does the rest. */
static int in_mapped(int line)
{
	int made[2], go[2], status = -1;
	char c = 0;
	if (pipe(made) < 0 || pipe(go) < 0)
		return 0;
	pid_t child = fork();
	if (child == 0) {
		guest_works(line, "unshare", unshare(CLONE_NEWUSER));
		if (write(made[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		return 1;
	}
	if (read(made[0], &c, 1) != 1)
		guest_failed(line, "child", "a namespace", "none");
	guest_works(line, "uid_map", put_of(child, "uid_map", "0 100000 1000"));
	guest_works(line, "gid_map", put_of(child, "gid_map", "0 100000 1000\n"));
	if (write(go[1], &c, 1) != 1 || waitpid(child, &status, 0) != child || status != 0)
		guest_failed(line, "child", "wait status 0", "another");
	for (unsigned i = 0; i < 2; i++) {
		close(made[i]);
		close(go[i]);
	}
	return 0;
}
#define MAPPED for (int GUEST_ONCE = in_mapped(__LINE__); GUEST_ONCE; GUEST_ONCE = guest_child_end())

/* One of whom there is a login: its files in /proc are its own. */
#define AS_USER AS(ME, ME) for (int own = WORKS(prctl(PR_SET_DUMPABLE, 1)) == 0; own; own = 0)

/* Root of one's own, as "unshare -r" makes it. */
static void become_root(uid_t uid, gid_t gid)
{
	char text[64];
	WORKS(unshare(CLONE_NEWUSER));
	WORKS(put("/proc/self/setgroups", "deny"));
	snprintf(text, sizeof(text), "0 %u 1\n", uid);
	WORKS(put("/proc/self/uid_map", text));
	snprintf(text, sizeof(text), "0 %u 1\n", gid);
	WORKS(put("/proc/self/gid_map", text));
}

TEST(without_a_map_everybody_is_nobody_with_all_capabilities)
{
	NEEDS_NAMESPACES;
	AS_USER {
		EQUAL(0, capabilities("CapEff:"));
		WORKS(unshare(CLONE_NEWUSER));
		EQUAL(OVERFLOW, getuid());
		EQUAL(OVERFLOW, geteuid());
		EQUAL(OVERFLOW, getgid());
		EQUAL(capabilities("CapBnd:"), capabilities("CapEff:"));
		EQUAL(0, capabilities("CapInh:"));
		EQUAL(OVERFLOW, look("/proc/self").st_uid);
		TEXT("", file_text("/proc/self/uid_map"));
		TEXT("allow\n", file_text("/proc/self/setgroups"));
		FAILS(EINVAL, setuid(0));
		FAILS(EINVAL, setuid(ME));
		FAILS(EPERM, setgroups(0, NULL));
		FAILS(EPERM, mount("none", "/tmp", "tmpfs", 0, NULL));
		FAILS(EPERM, sethostname("x", 1));
		FAILS(EPERM, mknod("/tmp/users-node", S_IFCHR | 0600, makedev(1, 3)));
	}
}

TEST(one_id_may_be_mapped_by_its_owner)
{
	NEEDS_NAMESPACES;
	AS_USER {
		WORKS(unshare(CLONE_NEWUSER));
		FAILS(EPERM, put("/proc/self/uid_map", "0 0 1"));
		FAILS(EPERM, put("/proc/self/uid_map", "0 1000 2"));
		FAILS(EPERM, put("/proc/self/uid_map", "0 1000 1\n1 1001 1"));
		FAILS(EPERM, put("/proc/self/gid_map", "0 1000 1"));
		FAILS(EINVAL, put("/proc/self/setgroups", "no"));
		FAILS(EINVAL, put("/proc/self/setgroups", "denyall"));
		WORKS(put("/proc/self/setgroups", "deny\n"));
		FAILS(EPERM, put("/proc/self/setgroups", "allow"));
		TEXT("deny\n", file_text("/proc/self/setgroups"));
		WORKS(put("/proc/self/uid_map", "7 1000 1"));
		WORKS(put("/proc/self/gid_map", "8 1000 1"));
		FAILS(EPERM, put("/proc/self/uid_map", "7 1000 1"));
		TEXT("         7       1000          1\n", file_text("/proc/self/uid_map"));
		TEXT("         8       1000          1\n", file_text("/proc/self/gid_map"));
		EQUAL(7, getuid());
		EQUAL(8, getegid());
		FAILS(EPERM, setgroups(0, NULL));
		FAILS(EINVAL, setresuid(7, 0, 7));
		WORKS(setresuid(7, 7, 7));
	}
}

TEST(what_is_no_map_is_not_taken)
{
	static const char *const texts[] = {
		"\n", "0", "0 0", "0 0 0", "x 0 1", "0 0 1 1", "0 4294967295 1", "4294967295 0 1", "0 0 4294967296", "1 2 4294967295",
		"0 0 2\n1 5 1", "0 0 2\n5 1 1",
	};
	NEEDS_NAMESPACES;
	CHILD {
		WORKS(unshare(CLONE_NEWUSER));
		for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
			FAILS(EINVAL, put("/proc/self/uid_map", texts[i]) == 0 ? (long)i : -1);
		int fd = WORKS(open("/proc/self/uid_map", O_WRONLY));
		FAILS(ESPIPE, pwrite(fd, "0 0 1", 5, 1));
		EQUAL(5, write(fd, "0 0 1", 5));
		FAILS(EINVAL, write(fd, "0 0 1", 5));
		close(fd);
		EQUAL(0, getuid());
		/* Its own alone, without having been asked to deny groups: for CAP_SETGID is gone toward the parent. */
		FAILS(EPERM, put("/proc/self/gid_map", "0 0 1"));
	}
	FAILS(EPERM, put("/proc/self/uid_map", "0 0 1"));
	WORKS(put("/proc/self/setgroups", "allow"));
	FAILS(EPERM, put("/proc/self/setgroups", "deny"));
}

TEST(root_maps_ranges)
{
	NEEDS_NAMESPACES;
	put_file("roots", 0644, "");
	put_file("first", 0600, "secret");
	put_file("middle", 0644, "");
	WORKS(chown("first", FIRST, FIRST));
	WORKS(chown("middle", FIRST + 5, FIRST + 6));
	WORKS(chmod(".", 0777));
	MAPPED {
		EQUAL(OVERFLOW, getuid());
		WORKS(setgroups(2, (const gid_t[]){ 9, 3 }));
		gid_t groups[4] = { 0 };
		EQUAL(2, getgroups(4, groups));
		EQUAL(3, groups[0]);
		EQUAL(9, groups[1]);
		FAILS(EINVAL, setgroups(1, (const gid_t[]){ 1000 }));
		WORKS(setresgid(0, 0, 0));
		WORKS(setresuid(0, 0, 0));
		EQUAL(0, getuid());
		TEXT("         0     100000       1000\n", file_text("/proc/self/uid_map"));
		EQUAL(OVERFLOW, look("roots").st_uid);
		EQUAL(0, look("first").st_uid);
		EQUAL(5, look("middle").st_uid);
		EQUAL(6, look("middle").st_gid);
		TEXT("secret", file_text("first"));
		put_file("made", 0644, "");
		WORKS(chown("made", 12, 13));
		WORKS(chown("middle", 0, -1));
		FAILS(EINVAL, chown("made", 1000, -1));
		FAILS(EPERM, chown("roots", 0, 0));
		FAILS(EPERM, chmod("roots", 0666));
		FAILS(EACCES, open("roots", O_WRONLY));
		/* Who falls to another id loses its capabilities, and gets them as root. */
		WORKS(setresuid(0, 7, 0));
		EQUAL(0, capabilities("CapEff:"));
		EQUAL(7, geteuid());
		WORKS(setresuid(0, 0, 0));
		EQUAL(capabilities("CapPrm:"), capabilities("CapEff:"));
		char status[32];
		snprintf(status, sizeof(status), "Groups:\t3 9 \n");
		EQUAL(true, strstr(file_text("/proc/self/status"), status) != NULL);
		EQUAL(true, strstr(file_text("/proc/self/status"), "Uid:\t0\t0\t0\t0\n") != NULL);
	}
	EQUAL(FIRST + 12, look("made").st_uid);
	EQUAL(FIRST + 13, look("made").st_gid);
	EQUAL(FIRST, look("middle").st_uid);
}

TEST(who_may_make_one)
{
	NEEDS_NAMESPACES;
	CHILD {
		FAILS(EINVAL, syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
		WORKS(mkdir("root", 0755));
		WORKS(chroot("root"));
		FAILS(EPERM, unshare(CLONE_NEWUSER));
		FAILS(EPERM, syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	}
	CHILD {
		/* Whose ids have no name makes none. */
		WORKS(unshare(CLONE_NEWUSER));
		FAILS(EPERM, unshare(CLONE_NEWUSER));
	}
	AS_USER {
		unsigned depth = 0;
		for (; depth < 40; depth++) {
			char text[32];
			if (unshare(CLONE_NEWUSER) < 0)
				break;
			WORKS(put("/proc/self/setgroups", "deny"));
			snprintf(text, sizeof(text), "%d %d 1", ME, ME);
			WORKS(put("/proc/self/uid_map", text));
			WORKS(put("/proc/self/gid_map", text));
		}
		EQUAL(ENOSPC, errno);
		EQUAL(33, depth);
		EQUAL(ME, getuid());
	}
}

static void *waits(void *arg)
{
	pause();
	return arg;
}

TEST(threads_stay_where_they_are)
{
	NEEDS_NAMESPACES;
	CHILD {
		pthread_t thread;
		EQUAL(0, pthread_create(&thread, NULL, waits, NULL));
		FAILS(EINVAL, unshare(CLONE_NEWUSER));
	}
}

TEST(other_namespaces_belong_to_the_new_one)
{
	NEEDS_NAMESPACES;
	AS_USER {
		FAILS(EPERM, unshare(CLONE_NEWUTS));
		WORKS(unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC));
		WORKS(sethostname("mine", 4));
		WORKS(mount("none", "/tmp", "tmpfs", 0, "mode=700"));
		EQUAL(0700, mode_of("/tmp"));
		WORKS(umount2("/tmp", 0));
		/* Not those of others. */
		FAILS(EPERM, mount("none", "/tmp", "devtmpfs", 0, NULL));
		FAILS(EPERM, mount("none", "/tmp", "proc", 0, NULL));
	}
}

TEST(what_is_mounted_elsewhere_is_locked)
{
	NEEDS_NAMESPACES;
	CHILD {
		WORKS(mkdir("a", 0755));
		WORKS(unshare(CLONE_NEWNS));
		WORKS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
		WORKS(mount("none", "a", "tmpfs", MS_NOSUID, NULL));
		WORKS(mkdir("a/b", 0755));
		WORKS(mount("none", "a/b", "tmpfs", 0, NULL));
		WORKS(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));
		WORKS(chmod(".", 0777));
		AS_USER {
			WORKS(mkdir("c", 0755));
			WORKS(unshare(CLONE_NEWUSER | CLONE_NEWNS));
			FAILS(EINVAL, umount2("a", MNT_DETACH));
			FAILS(EINVAL, umount2("a/b", 0));
			FAILS(EPERM, mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL));
			FAILS(EPERM, mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
			WORKS(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL));
			FAILS(EPERM, mount(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL));
			FAILS(EINVAL, mount("a", "c", NULL, MS_BIND, NULL));
			WORKS(mount("a", "c", NULL, MS_BIND | MS_REC, NULL));
			FAILS(EPERM, mount(NULL, "c", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NOEXEC, NULL));
			FAILS(EINVAL, umount2("c/b", 0));
			WORKS(umount2("c", MNT_DETACH));
		}
	}
}

TEST(ioctls_tell_of_namespaces)
{
	NEEDS_NAMESPACES;
	int user = WORKS(open("/proc/self/ns/user", O_RDONLY)), uts = WORKS(open("/proc/self/ns/uts", O_RDONLY));
	EQUAL(CLONE_NEWUSER, ioctl(user, GET_TYPE));
	EQUAL(CLONE_NEWUTS, ioctl(uts, GET_TYPE));
	FAILS(EINVAL, ioctl(uts, GET_PARENT));
	uid_t uid = 5;
	FAILS(EINVAL, ioctl(uts, GET_OWNER, &uid));
	FAILS(EPERM, ioctl(user, GET_PARENT));
	struct stat first, st;
	WORKS(fstat(user, &first));
	AS_USER {
		WORKS(unshare(CLONE_NEWUSER | CLONE_NEWUTS));
		FAILS(EPERM, ioctl(uts, GET_USERS));
		int mine = WORKS(open("/proc/self/ns/user", O_RDONLY)), my_uts = WORKS(open("/proc/self/ns/uts", O_RDONLY));
		EQUAL(CLONE_NEWUSER, ioctl(mine, GET_TYPE));
		WORKS(ioctl(mine, GET_OWNER, &uid));
		EQUAL(OVERFLOW, uid);
		FAILS(EPERM, ioctl(mine, GET_PARENT));
		int owner = WORKS(ioctl(my_uts, GET_USERS));
		struct stat a, b;
		WORKS(fstat(mine, &a));
		WORKS(fstat(owner, &b));
		EQUAL(a.st_ino, b.st_ino);
		EQUAL(false, a.st_ino == first.st_ino);
	}
	int ends[2];
	char c;
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		WORKS(setresuid(ME, ME, ME));
		WORKS(unshare(CLONE_NEWUSER));
		WORKS(write(ends[1], "", 1));
		pause();
	}
	WORKS(read(ends[0], &c, 1));
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/ns/user", child);
	int its = WORKS(open(name, O_RDONLY));
	WORKS(ioctl(its, GET_OWNER, &uid));
	EQUAL(ME, uid);
	int parent = WORKS(ioctl(its, GET_PARENT));
	WORKS(fstat(parent, &st));
	EQUAL(first.st_ino, st.st_ino);
	/* Root may enter it, and is nobody there. */
	CHILD {
		WORKS(setns(its, CLONE_NEWUSER));
		EQUAL(OVERFLOW, getuid());
		FAILS(EINVAL, setns(its, CLONE_NEWUSER));
		FAILS(EPERM, setns(user, CLONE_NEWUSER));
	}
	AS(ME + 1, ME + 1) {
		FAILS(EPERM, setns(its, CLONE_NEWUSER));
	}
	FAILS(EINVAL, setns(user, CLONE_NEWUSER));
	WORKS(kill(child, SIGKILL));
	WORKS(waitpid(child, NULL, 0));
}

TEST(peers_and_lists_are_named_there)
{
	NEEDS_NAMESPACES;
	int pair[2];
	struct ucred u;
	socklen_t size = sizeof(u);
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	put_file("list", 0644, "");
	WORKS(chown("list", FIRST, FIRST));
	WORKS(chmod(".", 0777));
	/* user::rw- user:100003:r-- group::r-- mask::r-- other::r-- */
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[5];
	} acl = { 2, { { 1, 6, -1 }, { 2, 4, FIRST + 3 }, { 4, 4, -1 }, { 16, 4, -1 }, { 32, 4, -1 } } };
	uint32_t got[sizeof(acl) / sizeof(uint32_t)] = { 0 };
	bool has_lists = setxattr("list", "system.posix_acl_access", &acl, sizeof(acl), 0) == 0;
	MAPPED {
		WORKS(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &u, &size));
		EQUAL(OVERFLOW, u.uid);
		WORKS(setresgid(1, 1, 1));
		WORKS(setresuid(1, 1, 1));
		WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		WORKS(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &u, &size));
		EQUAL(1, u.uid);
		EQUAL(1, u.gid);
		if (has_lists) {
			EQUAL(sizeof(got), getxattr("list", "system.posix_acl_access", got, sizeof(got)));
			EQUAL(3, got[4]);
		}
	}
	WORKS(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &u, &size));
	EQUAL(0, u.uid);
}

ROLE(ids)
{
	printf("%u %u %u", getuid(), geteuid(), capabilities("CapEff:") != 0);
	return 0;
}

TEST(set_id_programs_need_names)
{
	NEEDS_NAMESPACES;
	char *roots[] = { (char *)"./roots", (char *)"@ids", NULL }, *fives[] = { (char *)"./fives", (char *)"@ids", NULL };
	copy_self("roots", 0755);
	copy_self("fives", 0755);
	WORKS(chown("fives", FIRST + 5, FIRST + 5));
	WORKS(chmod("roots", 04755));
	WORKS(chmod("fives", 04755));
	MAPPED {
		WORKS(setresgid(9, 9, 9));
		WORKS(setresuid(9, 9, 9));
		TEXT("9 9 0", output_of(roots));
		TEXT("9 5 0", output_of(fives));
	}
	MAPPED {
		WORKS(setresgid(0, 0, 0));
		WORKS(setresuid(0, 0, 0));
		TEXT("0 0 1", output_of(roots));
	}
	CHILD {
		become_root(0, 0);
		TEXT("0 0 1", output_of(roots));
		TEXT("0 0 1", output_of(fives));
	}
}

TEST(capabilities_of_files_are_of_the_root_who_gives_them)
{
	NEEDS_NAMESPACES;
	static const uint32_t net_raw[] = { 0x02000001, 1 << 13, 0, 0, 0 };
	uint32_t got[6] = { 0 };
	copy_self("program", 0755);
	WORKS(chown("program", FIRST, FIRST));
	char *program[] = { (char *)"./program", (char *)"@ids", NULL };
	MAPPED {
		WORKS(setresgid(0, 0, 0));
		WORKS(setresuid(0, 0, 0));
		WORKS(setxattr("program", "security.capability", net_raw, sizeof(net_raw), 0));
		EQUAL(20, getxattr("program", "security.capability", got, sizeof(got)));
		WORKS(setresuid(4, 4, 4));
		TEXT("4 4 1", output_of(program));
	}
	EQUAL(24, getxattr("program", "security.capability", got, sizeof(got)));
	EQUAL(0x03000001, got[0]);
	EQUAL(FIRST, got[5]);
	AS_USER {
		TEXT("1000 1000 0", output_of(program));
	}
}

TEST(a_child_may_begin_in_one)
{
	NEEDS_NAMESPACES;
	AS_USER {
		int go[2];
		char c;
		WORKS(pipe(go));
		pid_t child = WORKS(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
		if (child == 0) {
			WORKS(read(go[0], &c, 1));
			EQUAL(0, getuid());
			EQUAL(1, getpid());
			WORKS(mount("proc", "/proc", "proc", 0, NULL));
			EQUAL(0, look("/proc/1").st_uid);
			_exit(0);
		}
		EQUAL(ME, getuid());
		WORKS(put_of(child, "setgroups", "deny"));
		WORKS(put_of(child, "uid_map", "0 1000 1"));
		WORKS(put_of(child, "gid_map", "0 1000 1"));
		WORKS(write(go[1], "", 1));
		int status = -1;
		WORKS(waitpid(child, &status, 0));
		EQUAL(0, status);
	}
}

TEST(signals_reach_who_is_below)
{
	NEEDS_NAMESPACES;
	int ends[2];
	char c;
	WORKS(pipe(ends));
	AS_USER {
		pid_t child = fork();
		if (child == 0) {
			WORKS(unshare(CLONE_NEWUSER));
			WORKS(write(ends[1], "", 1));
			pause();
		}
		WORKS(read(ends[0], &c, 1));
		/* The owner has all capabilities there; who is there has none over others. */
		WORKS(setpriority(PRIO_PROCESS, child, 5));
		WORKS(kill(child, SIGKILL));
		WORKS(waitpid(child, NULL, 0));
		WORKS(unshare(CLONE_NEWUSER));
		FAILS(EPERM, kill(getppid(), SIGKILL));
	}
}
