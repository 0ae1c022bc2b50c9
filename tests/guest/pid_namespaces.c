/* SPDX-License-Identifier: Apache-2.0 */
/* Pid namespaces: who exists for whom, and what ends with the first process; pid_namespaces(7). */
/* covers: fork vfork */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

/* A child in a namespace of its own: 0 there. */
static pid_t first_process(void)
{
	return syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
}

static int status_of(pid_t child)
{
	int status = -1;
	WORKS(waitpid(child, &status, 0));
	return status;
}

/* In the first process of a namespace of its own. */
#define INSIDE                                                                        \
	for (pid_t GUEST_ONCE = first_process(); GUEST_ONCE >= 0;                     \
	     GUEST_ONCE = GUEST_ONCE ? (EQUAL(0, status_of(GUEST_ONCE)), -1) : (guest_child_end(), -1)) \
		if (GUEST_ONCE == 0)

static const char *link_text(const char *name)
{
	static char text[4][64];
	static unsigned turn;
	char *at = text[turn++ % 4];
	ssize_t n = readlink(name, at, sizeof(*text) - 1);
	at[n < 0 ? 0 : n] = '\0';
	return at;
}

static void rest(void)
{
	usleep(20000);
}

TEST(links_tell_what_a_process_and_its_children_are_in)
{
	const char *own = link_text("/proc/self/ns/pid");
	TEXT(own, link_text("/proc/self/ns/pid_for_children"));
	WORKS(unshare(CLONE_NEWPID));
	TEXT(own, link_text("/proc/self/ns/pid"));
	FAILS(ENOENT, readlink("/proc/self/ns/pid_for_children", (char[64]){ "" }, 64));
	FAILS(ENOENT, open("/proc/self/ns/pid_for_children", O_RDONLY));
	FAILS(EINVAL, unshare(CLONE_NEWPID));
	FAILS(EINVAL, first_process());
	int ends[2];
	char its[64] = "";
	WORKS(pipe(ends));
	CHILD {
		const char *inner = link_text("/proc/self/ns/pid");
		EQUAL(true, strcmp(own, inner) != 0);
		TEXT(inner, link_text("/proc/self/ns/pid_for_children"));
		WORKS(write(ends[1], inner, strlen(inner)));
	}
	WORKS(read(ends[0], its, sizeof(its) - 1));
	TEXT(its, link_text("/proc/self/ns/pid_for_children"));
}

TEST(who_is_outside_does_not_exist)
{
	pid_t outer = getpid();
	INSIDE {
		uint64_t cpus[16];
		struct rlimit limit = { 10, 10 };
		char text[8];
		struct iovec v = { text, 8 };
		struct {
			uint32_t version;
			int pid;
		} head = { 0x20080522, outer };
		uint32_t sets[6];
		EQUAL(0, getppid());
		FAILS(ESRCH, kill(outer, 0));
		FAILS(ESRCH, syscall(SYS_tkill, outer, 0));
		FAILS(ESRCH, syscall(SYS_tgkill, outer, outer, 0));
		FAILS(ESRCH, ptrace(PTRACE_SEIZE, outer, NULL, NULL));
		FAILS(ESRCH, getpriority(PRIO_PROCESS, outer));
		FAILS(ESRCH, setpriority(PRIO_PROCESS, outer, 1));
		FAILS(ESRCH, syscall(SYS_sched_getaffinity, outer, sizeof(cpus), cpus));
		FAILS(ESRCH, syscall(SYS_prlimit64, outer, RLIMIT_NOFILE, &limit, NULL));
		FAILS(ESRCH, process_vm_readv(outer, &v, 1, &v, 1, 0));
		FAILS(ESRCH, syscall(SYS_capget, &head, sets));
		FAILS(ESRCH, kill(-1, 0));
		int fd = syscall(434 /* pidfd_open */, outer, 0);
		EQUAL(-1, fd);
		EQUAL(true, errno == ESRCH || errno == ENOSYS);
	}
}

TEST(proc_shows_whom_its_mounter_sees)
{
	pid_t outer = getpid();
	char name[64];
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("p", 0755));
	INSIDE {
		/* The old one is of the old namespace. */
		snprintf(name, sizeof(name), "/proc/%d", outer);
		WORKS(access(name, F_OK));
		WORKS(access("/proc/self/status", R_OK));
		WORKS(mount("proc", "p", "proc", 0, NULL));
		snprintf(name, sizeof(name), "p/%d", outer);
		FAILS(ENOENT, access(name, F_OK));
		WORKS(access("p/1/status", R_OK));
		WORKS(access("p/self/status", R_OK));
		EQUAL(true, strstr(file_text("p/self/status"), "\nPPid:\t0\n") != NULL);
	}
	FAILS(ENOENT, readlink("p/self", name, sizeof(name)));
	FAILS(ENOENT, access("p/thread-self", F_OK));
}

TEST(orphans_are_the_first_process_own)
{
	pid_t *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	INSIDE {
		int value = -1, status;
		*first = getpid();
		if (fork() == 0) {
			if (fork() == 0) {
				for (int i = 0; i < 200 && getppid() != *first; i++)
					rest();
				_exit(getppid() == *first ? 5 : 6);
			}
			_exit(4);
		}
		WORKS(wait(&status));
		EQUAL(4, WEXITSTATUS(status));
		WORKS(wait(&status));
		EQUAL(5, WEXITSTATUS(status));
		FAILS(ECHILD, wait(&status));
		/* Nor has it asked for them. */
		WORKS(prctl(37 /* PR_GET_CHILD_SUBREAPER */, &value));
		EQUAL(0, value);
		FAILS(EINVAL, syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
	}
}

TEST(all_end_with_the_first_process)
{
	int ends[2];
	char c;
	WORKS(pipe2(ends, O_NONBLOCK));
	pid_t first = first_process();
	if (first == 0) {
		for (int i = 0; i < 3; i++)
			if (fork() == 0) {
				/* In one more namespace, and with children. */
				if (i == 1 && first_process() > 0)
					for (;;)
						pause();
				fork();
				setsid();
				signal(SIGTERM, SIG_IGN);
				for (;;)
					pause();
			}
		rest();
		WORKS(write(ends[1], "x", 1));
		_exit(3);
	}
	close(ends[1]);
	EQUAL(3 << 8, status_of(first));
	EQUAL(1, read(ends[0], &c, 1));
	/* They are gone before that is told. */
	EQUAL(0, read(ends[0], &c, 1));
}

TEST(none_is_made_where_the_first_process_has_ended)
{
	WORKS(unshare(CLONE_NEWPID));
	CHILD
		;
	FAILS(ENOMEM, fork());
	FAILS(ENOMEM, vfork());
	FAILS(ENOMEM, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	int fd = WORKS(open("/proc/self/ns/pid", O_RDONLY));
	WORKS(setns(fd, CLONE_NEWPID));
	CHILD
		;
}

TEST(threads_stay_in_the_namespace_of_their_process)
{
	static char stack[4096];
	WORKS(unshare(CLONE_NEWPID));
	FAILS(EINVAL, syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, stack + sizeof(stack), 0, 0, 0));
}

static volatile sig_atomic_t caught;
static void count(int number)
{
	(void)number;
	caught++;
}

TEST(signals_without_a_handler_do_not_reach_the_first_process)
{
	int ends[2];
	char c;
	WORKS(pipe(ends));
	pid_t first = first_process();
	if (first == 0) {
		WORKS(kill(getpid(), SIGTERM));
		WORKS(kill(getpid(), SIGKILL));
		WORKS(kill(getpid(), SIGSTOP));
		WORKS(syscall(SYS_tkill, syscall(SYS_gettid), SIGKILL));
		CHILD {
			WORKS(kill(getppid(), SIGKILL));
			WORKS(kill(getppid(), SIGTERM));
			FAILS(ESRCH, kill(-1, SIGKILL));
			WORKS(kill(getpid(), 0));
			setpgid(0, 0);
			signal(SIGTERM, SIG_IGN);
			WORKS(kill(0, SIGTERM));
		}
		signal(SIGUSR1, count);
		WORKS(raise(SIGUSR1));
		EQUAL(1, caught);
		WORKS(write(ends[1], "x", 1));
		while (caught < 2)
			rest();
		WORKS(write(ends[1], "y", 1));
		for (;;)
			pause();
	}
	WORKS(read(ends[0], &c, 1));
	WORKS(kill(first, SIGTERM));
	WORKS(kill(first, SIGINT));
	WORKS(kill(first, SIGUSR1));
	WORKS(read(ends[0], &c, 1));
	EQUAL('y', c);
	WORKS(kill(first, SIGKILL));
	EQUAL(SIGKILL, status_of(first));
}

TEST(its_own_faults_end_the_first_process)
{
	pid_t first = first_process();
	if (first == 0) {
		*(volatile int *)bad = 1;
		_exit(0);
	}
	EQUAL(SIGSEGV, status_of(first) & 0x7f);
}

TEST(one_below_is_entered_by_ones_children)
{
	int ends[2], outer = WORKS(open("/proc/self/ns/pid", O_RDONLY));
	char name[64], c;
	WORKS(pipe(ends));
	pid_t first = first_process();
	if (first == 0) {
		close(ends[1]);
		/* Not up. */
		FAILS(EINVAL, setns(outer, CLONE_NEWPID));
		_exit(read(ends[0], &c, 1) != 0);
	}
	snprintf(name, sizeof(name), "/proc/%d/ns/pid", first);
	int inner = WORKS(open(name, O_RDONLY));
	const char *its = link_text(name);
	FAILS(EINVAL, setns(inner, CLONE_NEWNET));
	WORKS(setns(inner, CLONE_NEWPID));
	EQUAL(true, strcmp(its, link_text("/proc/self/ns/pid")) != 0);
	TEXT(its, link_text("/proc/self/ns/pid_for_children"));
	CHILD {
		TEXT(its, link_text("/proc/self/ns/pid"));
		EQUAL(0, getppid());
		WORKS(kill(1, 0));
		FAILS(EINVAL, setns(outer, CLONE_NEWPID));
	}
	WORKS(setns(outer, 0));
	CHILD
		EQUAL(true, getppid() > 0);
	AS(1000, 1000)
		FAILS(EPERM, setns(inner, CLONE_NEWPID));
	close(ends[1]);
	EQUAL(0, status_of(first));
}
