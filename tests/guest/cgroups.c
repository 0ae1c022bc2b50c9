/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups of version 2, where there are some that may be changed: `fakebuild root` has its own. */
/* covers: bpf write pwrite64 writev sendfile sendfile64 splice copy_file_range fork vfork clone clone3 */
#include "guest.h"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/vfs.h>

enum { CGROUP2_MAGIC = 0x63677270 };

static char top[64];

static void write_to(int line, const char *name, const char *text, int error)
{
	int fd = guest_works(line, name, open(name, O_WRONLY));
	errno = 0;
	ssize_t n = write(fd, text, strlen(text));
	guest_equal(line, name, error, n < 0 ? errno : 0);
	close(fd);
}
#define PUT(name, text) write_to(__LINE__, name, text, 0)
#define PUT_FAILS(error, name, text) write_to(__LINE__, name, text, error)

/* Into a new group, g. */
static void enter_groups(void)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("mnt", 0755));
	if (mount("none", "mnt", "cgroup2", 0, NULL) < 0)
		SKIP("no control groups of version 2");
	WORKS(chdir("mnt"));
	snprintf(top, sizeof(top), "test-%d", getpid());
	if (mkdir(top, 0755) < 0 || access("cgroup.procs", W_OK) < 0)
		SKIP("no control groups that may be changed");
	WORKS(chdir(top));
	if (access("cgroup.kill", F_OK) < 0) {
		rmdir("../g");
		SKIP("a kernel before Linux 5.14");
	}
	WORKS(mkdir("g", 0755));
}

static void leave_groups(void)
{
	WORKS(rmdir("g"));
	WORKS(chdir(".."));
	WORKS(rmdir(top));
}

static void put_pid(const char *name, pid_t pid)
{
	char text[32];
	snprintf(text, sizeof(text), "%d\n", pid);
	PUT(name, text);
}

TEST(a_folder_is_a_group)
{
	struct statfs fs;
	enter_groups();
	WORKS(statfs("g/cgroup.procs", &fs));
	EQUAL(CGROUP2_MAGIC, fs.f_type);
	int fd = WORKS(open("g", O_RDONLY | O_DIRECTORY));
	WORKS(fstatfs(fd, &fs));
	EQUAL(CGROUP2_MAGIC, fs.f_type);
	close(fd);
	TEXT("domain\n", file_text("g/cgroup.type"));
	TEXT("populated 0\nfrozen 0\n", file_text("g/cgroup.events"));
	TEXT("", file_text("g/cgroup.procs"));
	TEXT("max\n", file_text("g/cgroup.max.depth"));
	EQUAL(0644, mode_of("g/cgroup.procs"));
	EQUAL(0444, mode_of("g/cgroup.events"));
	EQUAL(0200, mode_of("g/cgroup.kill"));
	WORKS(mkdir("g/h", 0755));
	EQUAL(1, strstr(file_text("g/cgroup.stat"), "nr_descendants 1\n") != NULL);
	FAILS(EBUSY, rmdir("g"));
	WORKS(rmdir("g/h"));
	leave_groups();
}

TEST(processes_move_and_are_told)
{
	char expected[64], name[64];
	enter_groups();
	pid_t child = sleeper();
	put_pid("g/cgroup.procs", child);
	snprintf(expected, sizeof(expected), "%d\n", child);
	TEXT(expected, file_text("g/cgroup.procs"));
	TEXT(expected, file_text("g/cgroup.threads"));
	TEXT("populated 1\nfrozen 0\n", file_text("g/cgroup.events"));
	TEXT("populated 1\nfrozen 0\n", file_text("cgroup.events"));
	snprintf(name, sizeof(name), "/proc/%d/cgroup", child);
	const char *line = strstr(file_text(name), "0::");
	snprintf(expected, sizeof(expected), "/%s/g\n", top);
	EQUAL(1, line && strlen(line) >= strlen(expected) && strcmp(line + strlen(line) - strlen(expected), expected) == 0);
	FAILS(EBUSY, rmdir("g"));
	PUT("g/cgroup.kill", "1");
	int status = 0;
	EQUAL(child, waitpid(child, &status, 0));
	EQUAL(SIGKILL, WTERMSIG(status));
	TEXT("populated 0\nfrozen 0\n", file_text("g/cgroup.events"));
	leave_groups();
}

TEST(a_child_is_where_its_parent_is)
{
	enter_groups();
	CHILD {
		PUT("g/cgroup.procs", "0");
		CHILD EQUAL(1, strstr(file_text("/proc/self/cgroup"), "/g\n") != NULL);
	}
	leave_groups();
}

TEST(a_namespace_begins_at_the_group_it_was_made_in)
{
	enter_groups();
	CHILD {
		PUT("g/cgroup.procs", "0");
		WORKS(unshare(CLONE_NEWCGROUP));
		EQUAL(1, strstr(file_text("/proc/self/cgroup"), "0::/\n") != NULL);
		WORKS(mkdir("../../within", 0755));
		WORKS(mount("none", "../../within", "cgroup2", 0, NULL));
		EQUAL(0, access("../../within/cgroup.type", F_OK));
		WORKS(umount("../../within"));
		WORKS(rmdir("../../within"));
	}
	leave_groups();
}

TEST(a_frozen_group_stands_still)
{
	volatile unsigned *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	enter_groups();
	pid_t child = fork();
	while (child == 0) {
		++*counter;
		getppid();
	}
	put_pid("g/cgroup.procs", child);
	PUT("g/cgroup.freeze", "1\n");
	TEXT("1\n", file_text("g/cgroup.freeze"));
	for (unsigned n = 0; n < 100 && !strstr(file_text("g/cgroup.events"), "frozen 1"); n++)
		usleep(10000);
	TEXT("populated 1\nfrozen 1\n", file_text("g/cgroup.events"));
	usleep(50000);
	unsigned then = *counter;
	usleep(50000);
	EQUAL(then, *counter);
	PUT("g/cgroup.freeze", "0");
	for (unsigned n = 0; n < 100 && *counter == then; n++)
		usleep(10000);
	EQUAL(1, *counter != then);
	/* And one that stands still can be killed. */
	PUT("g/cgroup.freeze", "1");
	WORKS(kill(child, SIGKILL));
	EQUAL(child, waitpid(child, NULL, 0));
	leave_groups();
}

TEST(who_waits_for_events_is_woken)
{
	enter_groups();
	pid_t child = sleeper();
	put_pid("g/cgroup.procs", child);
	int fd = WORKS(open("g/cgroup.events", O_RDONLY));
	int watch = WORKS(syscall(SYS_inotify_init1, O_CLOEXEC));
	WORKS(syscall(SYS_inotify_add_watch, watch, "g/cgroup.events", 2 /* IN_MODIFY */));
	PUT("g/cgroup.kill", "1");
	waitpid(child, NULL, 0);
	struct pollfd wanted = { .fd = watch, .events = POLLIN };
	EQUAL(1, poll(&wanted, 1, 5000));
	TEXT("populated 0\nfrozen 0\n", file_text("g/cgroup.events"));
	close(fd);
	close(watch);
	leave_groups();
}

TEST(errors_of_what_is_written)
{
	enter_groups();
	PUT_FAILS(EINVAL, "g/cgroup.procs", "x");
	PUT_FAILS(EINVAL, "g/cgroup.procs", "-1");
	PUT_FAILS(ESRCH, "g/cgroup.procs", "2147483647");
	PUT_FAILS(ERANGE, "g/cgroup.freeze", "2");
	PUT_FAILS(EINVAL, "g/cgroup.freeze", "x");
	PUT_FAILS(EINVAL, "g/cgroup.type", "domain");
	PUT_FAILS(EINVAL, "g/cgroup.subtree_control", "+nosuch");
	PUT_FAILS(EINVAL, "g/cgroup.max.depth", "deep");
	PUT("g/cgroup.max.depth", " 7 \n");
	TEXT("7\n", file_text("g/cgroup.max.depth"));
	int fd = WORKS(open("g/cgroup.max.depth", O_RDWR | O_TRUNC | O_CREAT, 0644));
	EQUAL(2, pwrite(fd, "12", 2, 0));
	TEXT("12\n", file_text("g/cgroup.max.depth"));
	const struct iovec parts[] = { { (char *)"1", 1 }, { (char *)"34\n", 3 } };
	EQUAL(4, writev(fd, parts, 2));
	TEXT("134\n", file_text("g/cgroup.max.depth"));
	close(fd);
	/* By another number, as shells do. */
	fd = WORKS(open("g/cgroup.max.depth", O_WRONLY));
	int copy = WORKS(dup(fd));
	close(fd);
	EQUAL(1, write(copy, "8", 1));
	TEXT("8\n", file_text("g/cgroup.max.depth"));
	close(copy);
	leave_groups();
}

/* Who is refused writes instead. */
TEST(what_the_kernel_copies_is_taken_as_written_or_refused)
{
	enter_groups();
	int ends[2];
	int to = WORKS(open("g/cgroup.max.depth", O_WRONLY)), from = WORKS(memfd_create("six", 0));
	EQUAL(1, pwrite(from, "6", 1, 0));
	EQUAL(1, syscall(SYS_copy_file_range, from, NULL, to, NULL, 1, 0) < 0);
	TEXT("max\n", file_text("g/cgroup.max.depth"));
	ssize_t n = sendfile(to, from, NULL, 1);
	TEXT(n == 1 ? "6\n" : "max\n", file_text("g/cgroup.max.depth"));
	PUT("g/cgroup.max.depth", "max");
	WORKS(pipe(ends));
	WORKS(write(ends[1], "5", 1));
	n = splice(ends[0], NULL, to, NULL, 1, 0);
	TEXT(n == 1 ? "5\n" : "max\n", file_text("g/cgroup.max.depth"));
	close(from);
	close(to);
	close(ends[0]);
	close(ends[1]);
	leave_groups();
}

TEST(only_folders_are_made_and_removed)
{
	enter_groups();
	FAILS(EACCES, open("g/new", O_WRONLY | O_CREAT, 0644));
	FAILS(EACCES, mknod("g/new", S_IFREG | 0644, 0));
	FAILS(EPERM, mknod("g/new", S_IFIFO | 0644, 0));
	FAILS(EPERM, symlink("x", "g/new"));
	FAILS(EPERM, link("g/cgroup.procs", "g/new"));
	FAILS(EPERM, unlink("g/cgroup.procs"));
	FAILS(EPERM, rename("g", "h"));
	FAILS(ENOTDIR, rmdir("g/cgroup.procs"));
	PUT_FAILS(EINVAL, "g/cgroup.events", "1");
	leave_groups();
}

TEST(limits_are_read_back)
{
	enter_groups();
	if (!strstr(file_text("../cgroup.subtree_control"), "memory") || !strstr(file_text("../cgroup.subtree_control"), "pids") ||
	    !strstr(file_text("../cgroup.subtree_control"), "cpu")) {
		leave_groups();
		SKIP("no controllers");
	}
	FAILS(ENOENT, access("g/pids.max", F_OK));
	PUT("cgroup.subtree_control", "+pids +memory +cpu\n");
	TEXT("cpu memory pids\n", file_text("cgroup.subtree_control"));
	TEXT("cpu memory pids\n", file_text("g/cgroup.controllers"));
	TEXT("max\n", file_text("g/pids.max"));
	PUT("g/pids.max", "20");
	TEXT("20\n", file_text("g/pids.max"));
	PUT("g/memory.max", "1M");
	TEXT("1048576\n", file_text("g/memory.max"));
	PUT("g/memory.max", "5000");
	TEXT("4096\n", file_text("g/memory.max"));
	PUT_FAILS(EINVAL, "g/memory.max", "much");
	PUT("g/cpu.max", "5000");
	TEXT("5000 100000\n", file_text("g/cpu.max"));
	PUT("g/cpu.max", "max 50000");
	TEXT("max 50000\n", file_text("g/cpu.max"));
	PUT_FAILS(ERANGE, "g/cpu.weight", "0");
	/* A group with processes has no controllers for others. */
	PUT_FAILS(ENOENT, "g/cgroup.subtree_control", "+io");
	CHILD {
		PUT_FAILS(EBUSY, "cgroup.procs", "0");
		PUT("g/cgroup.procs", "0");
		PUT_FAILS(EBUSY, "g/cgroup.subtree_control", "+pids");
		TEXT("1\n", file_text("g/pids.current"));
	}
	PUT("cgroup.subtree_control", "-pids -memory -cpu");
	FAILS(ENOENT, access("g/pids.max", F_OK));
	leave_groups();
}

static int none(void *arg)
{
	(void)arg;
	return 0;
}

TEST(no_more_tasks_are_born_than_the_limit)
{
	static char stack[65536];
	enter_groups();
	if (!strstr(file_text("../cgroup.subtree_control"), "pids")) {
		leave_groups();
		SKIP("no controllers");
	}
	PUT("cgroup.subtree_control", "+pids");
	WORKS(mkdir("g/below", 0755));
	CHILD {
		int status;
		/* One without a limit, whose calls have come to no stop before, is seen from then on. */
		pid_t before = fork();
		if (before == 0)
			_exit(0);
		WORKS(waitpid(before, &status, 0));
		PUT("g/pids.max", "2");
		PUT("g/cgroup.procs", "0");
		pid_t second = sleeper();
		FAILS(EAGAIN, fork());
		FAILS(EAGAIN, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
		FAILS(EAGAIN, clone(none, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
		TEXT("max 3\n", file_text("g/pids.events"));
		WORKS(kill(second, SIGKILL));
		WORKS(waitpid(second, &status, 0));
		second = WORKS(fork());
		if (second == 0)
			_exit(3);
		WORKS(waitpid(second, &status, 0));
		EQUAL(3 << 8, status);
		/* Of all that is above, each limit counts. */
		PUT("g/pids.max", "max");
		second = WORKS(fork());
		if (second == 0)
			_exit(0);
		WORKS(waitpid(second, &status, 0));
	}
	TEXT("max\n", file_text("g/pids.max"));
	WORKS(rmdir("g/below"));
	PUT("cgroup.subtree_control", "-pids");
	leave_groups();
}

ROLE(forks_when_told)
{
	char go;
	pid_t child = read(0, &go, 1) == 1 ? fork() : 0;
	if (child < 0)
		return errno;
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	return 0;
}

/* Whenever it comes while a program is being started. */
TEST(a_limit_meets_a_program_that_starts)
{
	enum { ROUNDS = 30 };
	char name[] = "cgroups", role[] = "@forks_when_told", *argv[] = { name, role, NULL };
	int told[2];
	WORKS(pipe(told));
	WORKS(dup2(told[0], 0));
	enter_groups();
	if (!strstr(file_text("../cgroup.subtree_control"), "pids")) {
		leave_groups();
		SKIP("no controllers");
	}
	PUT("cgroup.subtree_control", "+pids");
	int limit = WORKS(open("g/pids.max", O_WRONLY)), members = WORKS(open("g/cgroup.procs", O_WRONLY)), status;
	for (int i = 0; i < ROUNDS; i++) {
		WORKS(write(limit, "max", 3));
		pid_t child = vfork();
		if (child == 0) {
			if (write(members, "0", 1) == 1)
				execv("/proc/self/exe", argv);
			_exit(1);
		}
		/* It goes on when the child has executed. */
		WORKS(write(limit, "1", 1));
		WORKS(write(told[1], "", 1));
		WORKS(waitpid(child, &status, 0));
		EQUAL(EAGAIN << 8, status);
	}
	close(limit);
	close(members);
	PUT("cgroup.subtree_control", "-pids");
	leave_groups();
}

TEST(a_child_may_begin_in_another_group)
{
	enum { CLONE3 = 435 };
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
	} args = { .flags = UINT64_C(0x200000000) /* CLONE_INTO_CGROUP */, .exit_signal = SIGCHLD };
	enter_groups();
	int group = WORKS(open("g", O_RDONLY | O_DIRECTORY)), file = WORKS(open("g/cgroup.procs", O_RDONLY)), status;
	args.cgroup = group;
	pid_t child = syscall(CLONE3, &args, sizeof(args));
	if (child < 0 && errno == ENOSYS) {
		leave_groups();
		SKIP("no clone3");
	}
	if (child == 0)
		_exit(strstr(file_text("/proc/self/cgroup"), "/g\n") ? 0 : 1);
	WORKS(child);
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	EQUAL(true, !strstr(file_text("/proc/self/cgroup"), "/g\n"));
	args.cgroup = file;
	FAILS(EBADF, syscall(CLONE3, &args, sizeof(args)));
	args.cgroup = 999;
	FAILS(EBADF, syscall(CLONE3, &args, sizeof(args)));
	FAILS(EINVAL, syscall(CLONE3, &args, 80));
	close(file);
	close(group);
	leave_groups();
}

TEST(programs_for_devices_are_taken)
{
	enum { LOAD = 5, ATTACH = 8, DETACH = 9, QUERY = 16, DEVICE_TYPE = 15, DEVICE = 6 };
	/* r0 = 1; exit */
	static const uint64_t code[] = { 0x00000001000000b7, 0x0000000000000095 };
	struct {
		uint32_t type, count;
		uint64_t code, license;
		uint32_t rest[30];
	} program = { .type = DEVICE_TYPE, .count = 2, .code = (uintptr_t)code, .license = (uintptr_t) "Apache" };
	struct {
		uint32_t target, program, type, flags, rest[30];
	} attach = { .type = DEVICE };
	struct {
		uint32_t target, type, flags, attach_flags;
		uint64_t ids;
		uint32_t count, rest[30];
	} query = { .type = DEVICE, .count = 0 };
	enter_groups();
	int fd = syscall(SYS_bpf, LOAD, &program, sizeof(program));
	if (fd < 0) {
		leave_groups();
		SKIP("a kernel without these programs");
	}
	attach.program = fd;
	attach.target = WORKS(open("g", O_RDONLY | O_DIRECTORY));
	query.target = attach.target;
	WORKS(syscall(SYS_bpf, QUERY, &query, sizeof(query)));
	EQUAL(0, query.count);
	WORKS(syscall(SYS_bpf, ATTACH, &attach, sizeof(attach)));
	attach.flags = 0;
	WORKS(syscall(SYS_bpf, DETACH, &attach, sizeof(attach)));
	close(attach.target);
	attach.target = 0;
	FAILS(EBADF, syscall(SYS_bpf, ATTACH, &attach, sizeof(attach)));
	close(fd);
	leave_groups();
}
