/* SPDX-License-Identifier: Apache-2.0 */
/* Signals, ranks and limits between processes, and what a process is told about itself. */
/* covers: kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo getppid pidfd_open pidfd_send_signal */
/* covers: pidfd_getfd get_robust_list move_pages migrate_pages fcntl kcmp process_vm_readv process_vm_writev process_madvise process_mrelease prctl seccomp */
/* covers: setpriority getpriority nice sched_setscheduler sched_setparam sched_setattr sched_setaffinity sched_getaffinity */
/* covers: sched_getscheduler sched_getparam sched_getattr ioprio_get ioprio_set prlimit64 setrlimit clone clone3 */
#include "guest.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void end(pid_t child)
{
	kill(child, SIGKILL);
	WORKS(waitpid(child, NULL, 0));
}

static siginfo_t got;
static volatile int count;
static void note(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	got = *info;
	count++;
}

static void handle(int signal, int flags)
{
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | flags };
	sigaction(signal, &action, NULL);
}

TEST(signals_name_their_sender_by_its_own_ids)
{
	handle(SIGUSR1, SA_RESTART);
	AS (1000, 1000) {
		pid_t parent = getppid();
		FAILS(EPERM, kill(parent, SIGUSR1));
		WORKS(kill(getpid(), SIGUSR1));
		EQUAL(1000, got.si_uid);
		EQUAL(getpid(), got.si_pid);
		EQUAL(SI_USER, got.si_code);
	}
	CHILD
		WORKS(kill(getppid(), SIGUSR1));
	EQUAL(1, count);
	EQUAL(0, got.si_uid);
}

TEST(signals_reach_own_processes_only)
{
	pid_t child = sleeper();
	FAILS(ESRCH, kill(0x3fffffff, 0));
	FAILS(ESRCH, kill(-0x3fffffff, 0));
	FAILS(EINVAL, kill(child, 65));
	FAILS(EINVAL, syscall(SYS_tgkill, 0, child, 0));
	FAILS(ESRCH, syscall(SYS_tgkill, getpid(), child, 0));
	AS (1000, 1000) {
		FAILS(EPERM, kill(child, 0));
		FAILS(EPERM, syscall(SYS_tkill, child, SIGTERM));
		WORKS(kill(child, SIGCONT)); /* of the same session */
	}
	end(child);
}

TEST(the_first_process_is_number_1)
{
	char exe[PATH_MAX];
	WORKS(kill(1, 0));
	/* Nobody has a handler for these. */
	WORKS(kill(1, SIGUSR2));
	WORKS(kill(1, SIGKILL));
	WORKS(access("/proc/1/status", R_OK));
	EQUAL(1, readlink("/proc/1/exe", exe, sizeof(exe)) > 0);
	AS(1000, 1000) {
		FAILS(EPERM, kill(1, 0));
		FAILS(EACCES, readlink("/proc/1/exe", exe, sizeof(exe)));
	}
	WORKS(close(WORKS(syscall(SYS_pidfd_open, 1, 0))));
}

TEST(groups_are_signalled_as_one)
{
	pid_t leader = fork();
	if (leader == 0) {
		setpgid(0, 0);
		pid_t second = sleeper();
		(void)second;
		for (;;)
			pause();
	}
	usleep(50000);
	WORKS(kill(-leader, 0));
	WORKS(kill(-leader, SIGTERM));
	int status = 0;
	WORKS(waitpid(leader, &status, 0));
	EQUAL(SIGTERM, status);
}

TEST(numbers_of_no_signal_are_invalid)
{
	FAILS(EINVAL, kill(1, 200));
	FAILS(EINVAL, syscall(SYS_tkill, 1, 200));
	FAILS(EINVAL, syscall(SYS_tkill, 1, -1));
	FAILS(ESRCH, kill(INT_MIN, 0));
}

TEST(a_folder_of_proc_is_no_way_around)
{
	char name[32];
	pid_t child = sleeper();
	snprintf(name, sizeof(name), "/proc/%d", child);
	int fd = open(name, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || syscall(424, fd, 0, NULL, 0) < 0) {
		end(child);
		SKIP("no pidfd_send_signal");
	}
	AS (1000, 1000)
		FAILS(EPERM, syscall(424, fd, SIGTERM, NULL, 0));
	WORKS(syscall(424, fd, SIGTERM, NULL, 0));
	int status = 0;
	WORKS(waitpid(child, &status, 0));
	EQUAL(SIGTERM, status);
}

/* Have the signals of this descriptor go to `pid`, and make it send one. */
static void signal_by_descriptor(pid_t pid)
{
	int ends[2];
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	WORKS(fcntl(ends[0], F_SETOWN, pid));
	WORKS(fcntl(ends[0], F_SETFL, O_ASYNC));
	EQUAL(1, write(ends[1], "x", 1));
	close(ends[0]);
	close(ends[1]);
}

TEST(signals_of_descriptors_reach_who_may_be_signalled)
{
	int ends[2], nobody = 0x3fffffff;
	struct {
		int type, pid;
	} owner = { 1, nobody };
	handle(SIGIO, SA_RESTART);
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	FAILS(ESRCH, fcntl(ends[0], F_SETOWN, nobody));
	FAILS(ESRCH, fcntl(ends[0], F_SETOWN, -nobody));
	FAILS(EINVAL, fcntl(ends[0], F_SETOWN, INT_MIN));
	FAILS(ESRCH, fcntl(ends[0], 15 /* F_SETOWN_EX */, &owner));
	FAILS(ESRCH, ioctl(ends[0], 0x8901 /* FIOSETOWN */, &nobody));
	WORKS(fcntl(ends[0], F_SETOWN, 0));
	owner.pid = getpid();
	WORKS(fcntl(ends[0], 15, &owner));
	EQUAL(getpid(), fcntl(ends[0], F_GETOWN));
	signal_by_descriptor(getpid());
	EQUAL(1, count);
	CHILD
		signal_by_descriptor(getppid());
	EQUAL(2, count);
	AS (1000, 1000)
		signal_by_descriptor(getppid());
	EQUAL(2, count);
}

TEST(what_a_process_has_is_not_told_to_others)
{
	pid_t parent = getpid();
	void *head;
	size_t length;
	WORKS(syscall(SYS_get_robust_list, parent, &head, &length));
	AS (1000, 1000) {
		void *page = &head;
		unsigned long nodes = 1;
		int status;
		FAILS(EPERM, syscall(SYS_get_robust_list, parent, &head, &length));
		WORKS(syscall(SYS_get_robust_list, 0, &head, &length));
		EQUAL(true, syscall(SYS_move_pages, parent, 1, &page, NULL, &status, 0) < 0);
		EQUAL(true, errno == EPERM || errno == ENOSYS);
		EQUAL(true, syscall(SYS_migrate_pages, parent, 64, &nodes, &nodes) < 0);
		EQUAL(true, errno == EPERM || errno == ENOSYS);
	}
}

TEST(descriptors_of_processes_follow_the_same_rules)
{
	pid_t child = sleeper();
	int fd = syscall(434, child, 0);
	if (fd < 0) {
		end(child);
		SKIP("no pidfd_open");
	}
	AS (1000, 1000) {
		FAILS(EPERM, syscall(424, fd, SIGTERM, NULL, 0));
		FAILS(EPERM, syscall(438, fd, 1, 0));
	}
	int own = syscall(438, fd, 1, 0);
	EQUAL(true, own >= 0 || errno == ENOSYS);
	WORKS(syscall(424, fd, SIGTERM, NULL, 0));
	int status = 0;
	WORKS(waitpid(child, &status, 0));
	EQUAL(SIGTERM, status);
}

TEST(memory_of_others_is_for_those_who_may_trace_them)
{
	pid_t child = sleeper();
	char text[8];
	static char there[8] = "there";
	struct iovec mine = { text, 8 }, its = { there, 8 };
	EQUAL(8, syscall(SYS_process_vm_readv, child, &mine, 1, &its, 1, 0));
	TEXT("there", text);
	FAILS(ESRCH, syscall(SYS_process_vm_readv, 0x3fffffff, &mine, 1, &its, 1, 0));
	FAILS(EINVAL, syscall(SYS_process_vm_readv, 0x3fffffff, &mine, 1, &its, 1, 1));
	EQUAL(true, syscall(SYS_kcmp, getpid(), child, 0, 0, 0) >= 0 || errno == ENOSYS);
	AS (1000, 1000) {
		FAILS(EPERM, syscall(SYS_process_vm_readv, child, &mine, 1, &its, 1, 0));
		errno = 0;
		syscall(SYS_kcmp, getpid(), child, 0, 0, 0);
		EQUAL(true, errno == EPERM || errno == ENOSYS);
	}
	end(child);
}

TEST(parent_is_one_of_the_guest)
{
	pid_t me = getpid();
	int ends[2];
	pid_t orphan_parent;
	CHILD
		EQUAL(me, getppid());
	/* An orphan belongs to the first process, or to nobody that is seen. */
	WORKS(pipe(ends));
	CHILD {
		pid_t middle = getpid();
		if (fork() == 0) {
			while (getppid() == middle)
				usleep(1000);
			orphan_parent = getppid();
			EQUAL(sizeof(orphan_parent), write(ends[1], &orphan_parent, sizeof(orphan_parent)));
			_exit(0);
		}
	}
	EQUAL(sizeof(orphan_parent), read(ends[0], &orphan_parent, sizeof(orphan_parent)));
	EQUAL(1, orphan_parent);
	/* Or to a sub-reaper. */
	WORKS(prctl(PR_SET_CHILD_SUBREAPER, 1));
	CHILD {
		pid_t middle = getpid();
		if (fork() == 0) {
			while (getppid() == middle)
				usleep(1000);
			EQUAL(me, getppid());
			_exit(0);
		}
	}
	WORKS(wait(NULL));
}

static int nice_value(int which, int id)
{
	errno = 0;
	return getpriority(which, id);
}

TEST(root_lowers_and_raises_nice_values)
{
	pid_t child = sleeper();
	WORKS(setpriority(PRIO_PROCESS, child, 5));
	EQUAL(5, nice_value(PRIO_PROCESS, child));
	WORKS(setpriority(PRIO_PROCESS, child, -100));
	EQUAL(-20, nice_value(PRIO_PROCESS, child));
	WORKS(setpriority(PRIO_PROCESS, child, 3));
	EQUAL(3, nice_value(PRIO_PROCESS, child));
	FAILS(ESRCH, setpriority(PRIO_PROCESS, 0x3fffffff, 3));
	FAILS(EINVAL, setpriority(7, 0, 3));
	CHILD {
		WORKS(nice(-7));
		EQUAL(-7, nice_value(PRIO_PROCESS, 0));
		CHILD
			EQUAL(-7, nice_value(PRIO_PROCESS, 0));
	}
	AS (1000, 1000) {
		FAILS(EPERM, setpriority(PRIO_PROCESS, child, 9));
		WORKS(setpriority(PRIO_PROCESS, 0, 4));
		FAILS(EACCES, setpriority(PRIO_PROCESS, 0, 3));
		EQUAL(4, nice_value(PRIO_PROCESS, 0));
		EQUAL(3, nice_value(PRIO_PROCESS, child));
	}
	end(child);
}

TEST(nobody_has_a_negative_number)
{
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	FAILS(ESRCH, syscall(SYS_rt_sigqueueinfo, -1, SIGUSR1, &info));
	FAILS(EINVAL, syscall(SYS_rt_tgsigqueueinfo, -1, -1, SIGUSR1, &info));
}

TEST(the_largest_size_holds_for_who_truncates)
{
	struct rlimit limit = { 1000, 1000 };
	char here[PATH_MAX - 8], name[PATH_MAX];
	put_file("f", 0644, "text");
	EQUAL(1, getcwd(here, sizeof(here)) != NULL);
	snprintf(name, sizeof(name), "%s/f", here);
	CHILD {
		handle(SIGXFSZ, 0);
		WORKS(setrlimit(RLIMIT_FSIZE, &limit));
		WORKS(truncate("f", 1000));
		WORKS(truncate(name, 999));
		FAILS(EFBIG, truncate(name, 1001));
		EQUAL(SIGXFSZ, got.si_signo);
		WORKS(truncate("f", 10));
	}
	WORKS(unlink("f"));
}

TEST(real_time_scheduling_is_as_it_was_set)
{
	pid_t child = sleeper();
	struct sched_param five = { .sched_priority = 5 }, none = { 0 }, most = { .sched_priority = 99 }, now;
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t times[3];
	} attributes = { .size = 0 };
	struct timespec slice;
	WORKS(syscall(SYS_sched_setscheduler, child, SCHED_RR, &five));
	EQUAL(SCHED_RR, sched_getscheduler(child));
	WORKS(sched_getparam(child, &now));
	EQUAL(5, now.sched_priority);
	WORKS(sched_rr_get_interval(child, &slice));
	EQUAL(1, slice.tv_sec == 0 && slice.tv_nsec > 0);
	WORKS(sched_setparam(child, &most));
	WORKS(syscall(SYS_sched_getattr, child, &attributes, sizeof(attributes), 0));
	EQUAL(SCHED_RR, attributes.policy);
	EQUAL(99, attributes.priority);
	FAILS(EINVAL, sched_setparam(child, &none));
	FAILS(EINVAL, syscall(SYS_sched_setscheduler, child, SCHED_FIFO, &none));
	attributes.policy = SCHED_FIFO;
	attributes.priority = 7;
	attributes.flags = 1; /* SCHED_FLAG_RESET_ON_FORK */
	WORKS(syscall(SYS_sched_setattr, child, &attributes, 0));
	EQUAL(SCHED_FIFO | SCHED_RESET_ON_FORK, sched_getscheduler(child));
	WORKS(sched_rr_get_interval(child, &slice));
	EQUAL(0, slice.tv_nsec);
	WORKS(syscall(SYS_sched_setscheduler, child, SCHED_OTHER, &none));
	EQUAL(SCHED_OTHER, sched_getscheduler(child));
	WORKS(sched_getparam(child, &now));
	EQUAL(0, now.sched_priority);
	end(child);
	/* A child has its parent's, but for that flag. */
	WORKS(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &five));
	CHILD {
		EQUAL(SCHED_FIFO, sched_getscheduler(0));
		WORKS(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &five));
		CHILD {
			EQUAL(SCHED_OTHER, sched_getscheduler(0));
		}
	}
	WORKS(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none));
}

TEST(policies_are_set_by_the_owner_or_root)
{
	pid_t child = sleeper();
	struct sched_param none = { 0 }, high = { .sched_priority = 5 };
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	WORKS(syscall(SYS_sched_setscheduler, child, SCHED_BATCH, &none));
	EQUAL(SCHED_BATCH, sched_getscheduler(child));
	FAILS(ESRCH, syscall(SYS_sched_setscheduler, 0x3fffffff, SCHED_BATCH, &none));
	WORKS(sched_setaffinity(child, sizeof(set), &set));
	/* Of the first process, too, and of nobody. */
	struct sched_param now;
	char attributes[48];
	WORKS(sched_getscheduler(1));
	WORKS(sched_getparam(1, &now));
	WORKS(syscall(SYS_sched_getattr, 1, attributes, sizeof(attributes), 0));
	WORKS(syscall(SYS_ioprio_get, 1, 1));
	WORKS(syscall(SYS_ioprio_get, 1, child));
	FAILS(ESRCH, sched_getscheduler(0x3fffffff));
	AS (1000, 1000) {
		FAILS(EPERM, syscall(SYS_sched_setscheduler, child, SCHED_OTHER, &none));
		FAILS(EPERM, syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &high));
		FAILS(EPERM, sched_setaffinity(child, sizeof(set), &set));
		WORKS(syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none));
		FAILS(EPERM, syscall(SYS_ioprio_set, 1, child, 2 << 13 | 4));
		FAILS(EPERM, syscall(SYS_ioprio_set, 1, 0, 1 << 13));
		WORKS(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7));
	}
	end(child);
}

/* How many processors a grandchild may run on, which its parent has made as its very first act. */
static int processors_of_a_grandchild(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		pid_t grandchild = fork();
		if (grandchild == 0) {
			cpu_set_t set;
			_exit(sched_getaffinity(0, sizeof(set), &set) < 0 ? 0 : CPU_COUNT(&set));
		}
		_exit(waitpid(grandchild, &status, 0) == grandchild && WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

TEST(processors_are_inherited_and_no_others)
{
	cpu_set_t set, own;
	WORKS(sched_getaffinity(0, sizeof(set), &set));
	FAILS(EINVAL, sched_getaffinity(0, 1, &own));
	FAILS(EFAULT, syscall(SYS_sched_getaffinity, 0, sizeof(set), NULL));
	FAILS(ESRCH, sched_getaffinity(0x3fffffff, sizeof(own), &own));
	for (int i = 0; i < 100; i++)
		EQUAL(CPU_COUNT(&set), processors_of_a_grandchild());
	int first = 0;
	while (!CPU_ISSET(first, &set))
		first++;
	CPU_ZERO(&own);
	CPU_SET(first, &own);
	WORKS(sched_setaffinity(0, sizeof(own), &own));
	EQUAL(1, processors_of_a_grandchild());
	WORKS(sched_setaffinity(0, sizeof(set), &set));
	EQUAL(CPU_COUNT(&set), processors_of_a_grandchild());
	CPU_ZERO(&own);
	FAILS(EINVAL, sched_setaffinity(0, sizeof(own), &own));
	FAILS(EFAULT, syscall(SYS_sched_setaffinity, 0, sizeof(own), NULL));
	EQUAL(CPU_COUNT(&set), processors_of_a_grandchild());
}

static int in_memory_of_parent;

/* vfork(2): the parent goes on when the child has executed a program or has ended, however that comes. */
TEST(a_parent_in_vfork_goes_on_when_its_child_does_not_need_it)
{
	int status;
	char *const none[] = { NULL };
	volatile pid_t child;
	for (volatile int i = 0; i < 20; i++) {
		in_memory_of_parent = 0;
		child = vfork();
		if (child == 0) {
			in_memory_of_parent = 1;
			execve("/none", none, none);
			_exit(errno == ENOENT ? 3 : 4);
		}
		EQUAL(1, in_memory_of_parent);
		WORKS(waitpid(child, &status, 0));
		EQUAL(3, WEXITSTATUS(status));
	}
	child = vfork();
	if (child == 0) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	WORKS(waitpid(child, &status, 0));
	EQUAL(SIGKILL, WTERMSIG(status));
	/* One that is in vfork itself. */
	child = vfork();
	if (child == 0) {
		volatile pid_t grandchild = vfork();
		if (grandchild == 0)
			_exit(5);
		_exit(waitpid(grandchild, &status, 0) == grandchild ? 10 + WEXITSTATUS(status) : 1);
	}
	WORKS(waitpid(child, &status, 0));
	EQUAL(15, WEXITSTATUS(status));
}

TEST(limits_are_lowered_by_all_and_raised_by_root)
{
	struct rlimit limit, read_back;
	WORKS(getrlimit(RLIMIT_NOFILE, &limit));
	AS (1000, 1000) {
		struct rlimit more = { limit.rlim_cur, limit.rlim_max };
		more.rlim_cur = more.rlim_max = 100;
		WORKS(setrlimit(RLIMIT_NOFILE, &more));
		WORKS(getrlimit(RLIMIT_NOFILE, &read_back));
		EQUAL(100, read_back.rlim_max);
		more.rlim_max = 101;
		FAILS(EPERM, setrlimit(RLIMIT_NOFILE, &more));
		more.rlim_cur = 102;
		FAILS(EINVAL, setrlimit(RLIMIT_NOFILE, &more));
		FAILS(EPERM, prlimit(getppid(), RLIMIT_NOFILE, &more, NULL));
	}
	CHILD {
		struct rlimit more = { 100, 100 }, endless = { 100, RLIM_INFINITY };
		/* fs.nr_open is above all. */
		FAILS(EPERM, setrlimit(RLIMIT_NOFILE, &endless));
		WORKS(setrlimit(RLIMIT_NOFILE, &more));
		more.rlim_max = 101;
		/* CAP_SYS_RESOURCE, which the oracle's root may be without. */
		if (prctl(PR_CAPBSET_READ, 24) == 1)
			WORKS(setrlimit(RLIMIT_NOFILE, &more));
	}
}

TEST(filters_are_told_as_set)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow }, empty = { 0, &allow };
	EQUAL(0, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	FAILS(EINVAL, prctl(PR_SET_SECCOMP, 7, 0, 0, 0));
	FAILS(EFAULT, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8, 0, 0));
	FAILS(EINVAL, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty, 0, 0));
	AS (1000, 1000) {
		FAILS(EACCES, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
		EQUAL(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
		WORKS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		EQUAL(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		WORKS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
		EQUAL(2, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
		char *text = file_text("/proc/self/status");
		EQUAL(true, strstr(text, "\nSeccomp:\t2\n") != NULL);
		EQUAL(true, !strstr(text, "Seccomp_filters:") || strstr(text, "\nSeccomp_filters:\t1\n"));
		EQUAL(true, strstr(text, "\nNoNewPrivs:\t1\n") != NULL);
		CHILD
			EQUAL(2, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
		FAILS(EINVAL, syscall(SYS_seccomp, 0, 1, NULL));
		FAILS(EINVAL, syscall(SYS_seccomp, 99, 0, NULL));
	}
	EQUAL(0, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

static void wait_until_it_sleeps(pid_t whom)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/stat", whom);
	for (const char *state = ""; state && strncmp(state, ") S", 3) != 0; state = strrchr(file_text(name), ')'))
		usleep(1000);
}

static volatile int *taken; /* shared with children */
static void take(int signal)
{
	(void)signal;
	++*taken;
}

/* A second signal that came before the first was taken would be one with it. */
static void interrupts(pid_t whom)
{
	for (int n = 0; n < 2; n++) {
		wait_until_it_sleeps(whom);
		kill(whom, SIGUSR1);
		while (*taken == n)
			usleep(1000);
	}
	wait_until_it_sleeps(whom);
}

TEST(a_signal_interrupts_or_restarts_a_blocked_open)
{
	WORKS(mkfifo("fifo", 0600));
	taken = mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		struct sigaction action = { .sa_handler = take, .sa_flags = flags };
		sigaction(SIGUSR1, &action, NULL);
		*taken = 0;
		pid_t me = getpid(), child = fork();
		if (child == 0) {
			interrupts(me);
			_exit(open("fifo", O_WRONLY | O_NONBLOCK) < 0);
		}
		errno = 0;
		int fd = open("fifo", O_RDONLY);
		EQUAL(flags ? 0 : EINTR, errno);
		EQUAL(flags != 0, fd >= 0);
		int status;
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		EQUAL(2, *taken);
	}
}

TEST(children_made_by_clone_are_waited_for_as_asked)
{
	pid_t child = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (child == 0)
		_exit(3);
	int status = 0;
	FAILS(ECHILD, waitpid(child, &status, 0));
	EQUAL(child, waitpid(child, &status, __WCLONE));
	EQUAL(3 << 8, status);
	FAILS(EINVAL, syscall(435, NULL, 8));
}

ROLE(makes_folder)
{
	return mkdir("by-exec", 0700) < 0 ? errno : 0;
}

TEST(filters_answer_what_they_say)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ERANGE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_access, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rmdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	WORKS(mkdir("before", 0700));
	CHILD {
		WORKS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
		FAILS(EDOM, syscall(SYS_mkdir, "refused", 0700));
		FAILS(ERANGE, syscall(SYS_getpgid, 0));
		FAILS(ENOSYS, syscall(SYS_access, "before", F_OK));
		WORKS(chmod("before", 0711));
		put_file("file", 0600, "text");
		TEXT("text", file_text("file"));
		CHILD
			FAILS(EDOM, syscall(SYS_mkdir, "refused", 0700));
		pid_t child = fork();
		if (child == 0) {
			execl("/proc/self/exe", "process", "@makes_folder", (char *)NULL);
			_exit(99);
		}
		int status = 0;
		WORKS(waitpid(child, &status, 0));
		EQUAL(EDOM << 8, status);
		child = fork();
		if (child == 0)
			_exit(rmdir("before"));
		WORKS(waitpid(child, &status, 0));
		EQUAL(SIGSYS, WTERMSIG(status));
	}
	EQUAL(0711, mode_of("before"));
	EQUAL(0, mode_of("refused"));
	WORKS(rmdir("before"));
}

/* Whatever a filter says of a call by a value that it computes, names of files lead where they led. */
TEST(what_a_filter_computes_changes_no_call)
{
	enum { VALUES = 1200 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	char here[PATH_MAX - 8], name[PATH_MAX];
	put_file("file", 0600, "text");
	EQUAL(1, getcwd(here, sizeof(here)) != NULL);
	snprintf(name, sizeof(name), "%s/file", here);
	CHILD {
		WORKS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
		for (int i = 0; i < VALUES; i++) {
			int fd = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY, 0, 0, i);
			if (fd >= 0)
				close(fd);
			else
				EQUAL(ENOSYS, errno); /* nobody traces it */
		}
	}
	WORKS(unlink("file"));
}

/* A filter that lets all pass but what it is about: by a list of calls that are allowed, and by their arguments. */
TEST(filters_that_allow_leave_all_else_as_it_is)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ERANGE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter by_argument[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chmod, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0700, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	struct sock_fprog second = { sizeof(by_argument) / sizeof(*by_argument), by_argument };
	CHILD {
		WORKS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
		FAILS(ERANGE, syscall(SYS_getpgid, 0));
		put_file("file", 0600, "text");
		WORKS(syscall(SYS_chmod, "file", 0700));
		EQUAL(0700, mode_of("file"));
		WORKS(chown("file", 7, 8));
		WORKS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &second, 0, 0));
		WORKS(syscall(SYS_chmod, "file", 0711));
		FAILS(EDOM, syscall(SYS_chmod, "file", 0700));
		EQUAL(0711, mode_of("file"));
		CHILD {
			FAILS(EDOM, syscall(SYS_chmod, "file", 0700));
			WORKS(chmod("file", 0640));
		}
		EQUAL(0640, mode_of("file"));
	}
}

TEST(strict_mode_leaves_four_calls)
{
	for (int what = 0; what < 3; what++) {
		pid_t child = fork();
		if (child == 0) {
			if (what == 1)
				prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
			else
				syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
			if (write(-1, "", 1) == -1 && what == 0)
				syscall(SYS_exit, errno);
			syscall(what == 1 ? SYS_getpid : SYS_mkdir, "refused", 0700);
			syscall(SYS_exit, 1);
		}
		int status = 0;
		WORKS(waitpid(child, &status, 0));
		EQUAL(what ? SIGKILL : EBADF << 8, status);
	}
	EQUAL(0, mode_of("refused"));
}

TEST(who_has_ended_and_was_not_waited_for_can_be_signalled)
{
	siginfo_t info = { .si_pid = 0 };
	pid_t child = WORKS(fork());
	if (child == 0) {
		setpgid(0, 0);
		_exit(0);
	}
	WORKS(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	WORKS(kill(child, 0));
	WORKS(kill(child, SIGKILL));
	WORKS(kill(-child, SIGTERM));
	WORKS(syscall(SYS_tgkill, child, child, SIGTERM));
	WORKS(syscall(SYS_tkill, child, SIGTERM));
	FAILS(ESRCH, syscall(SYS_tgkill, getpid(), child, SIGTERM));
	FAILS(EINVAL, kill(child, 65));
	AS (1000, 1000) {
		FAILS(EPERM, kill(child, SIGTERM));
	}
	int fd = syscall(SYS_pidfd_open, child, 0);
	if (fd >= 0)
		close(fd);
	else
		EQUAL(ENOSYS, errno);
	WORKS(waitpid(child, NULL, 0));
	FAILS(ESRCH, kill(child, 0));
	FAILS(ESRCH, kill(-child, 0));
}

TEST(a_signal_by_a_folder_of_proc_is_a_signal_by_who_sends_it)
{
	char name[32];
	snprintf(name, sizeof(name), "/proc/%d", getpid());
	int fd = WORKS(open(name, O_DIRECTORY | O_RDONLY));
	if (syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0 && errno == ENOSYS)
		SKIP("no pidfd_send_signal");
	WORKS(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	pid_t child = WORKS(fork());
	if (child == 0) {
		if (setuid(1000) < 0)
			_exit(2);
		int r = syscall(SYS_pidfd_send_signal, fd, SIGWINCH, NULL, 0);
		_exit(r == -1 && errno == EPERM ? 0 : 1);
	}
	int status = 0;
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	close(fd);
}
