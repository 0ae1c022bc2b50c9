/* SPDX-License-Identifier: Apache-2.0 */
/* What processes are called in a pid namespace, by every call that takes or gives a number. */
/* covers: getpid gettid getppid getpgid getpgrp getsid setsid setpgid set_tid_address fork vfork clone clone3 wait4 waitid waitpid */
/* covers: fcntl timer_create clock_gettime rt_sigtimedwait signalfd4 ioctl prlimit64 sched_getscheduler sched_getparam */
/* covers: sched_rr_get_interval get_robust_list migrate_pages move_pages perf_event_open signalfd clock_getres clock_nanosleep */
/* By a 32-bit libc. */
/* covers: fcntl64 clock_gettime64 clock_getres_time64 clock_nanosleep_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum { NOBODY = 999 };

static pid_t first_process(void)
{
	return syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
}

static int status_of(pid_t child)
{
	int status = -1;
	EQUAL(child, waitpid(child, &status, 0));
	return status;
}

/* In the first process of a namespace of its own. */
#define INSIDE                                                                        \
	for (pid_t GUEST_ONCE = first_process(); GUEST_ONCE >= 0;                     \
	     GUEST_ONCE = GUEST_ONCE ? (EQUAL(0, status_of(GUEST_ONCE)), -1) : (guest_child_end(), -1)) \
		if (GUEST_ONCE == 0)

static void end(pid_t child)
{
	WORKS(kill(child, SIGKILL));
	EQUAL(SIGKILL, status_of(child));
}

TEST(numbers_begin_with_1)
{
	INSIDE {
		EQUAL(1, getpid());
		EQUAL(1, syscall(SYS_gettid));
		EQUAL(0, getppid());
		/* These are from outside. */
		EQUAL(0, getpgrp());
		EQUAL(0, getsid(0));
		EQUAL(1, setsid());
		EQUAL(1, getpgrp());
		EQUAL(1, getsid(0));
		EQUAL(1, getpgid(1));
		pid_t child = sleeper();
		EQUAL(2, child);
		EQUAL(1, getpgid(2));
		WORKS(setpgid(2, 2));
		EQUAL(2, getpgid(2));
		EQUAL(1, getsid(2));
		WORKS(setpgid(2, 1));
		EQUAL(1, getpgid(2));
		FAILS(ESRCH, setpgid(NOBODY, 0));
		FAILS(EPERM, setpgid(2, NOBODY));
		FAILS(ESRCH, getpgid(NOBODY));
		FAILS(ESRCH, getsid(NOBODY));
		FAILS(ESRCH, kill(NOBODY, 0));
		FAILS(ESRCH, kill(-NOBODY, 0));
		end(2);
		CHILD {
			EQUAL(3, getpid());
			EQUAL(1, getppid());
		}
		pid_t other = vfork();
		if (other == 0)
			_exit(getpid() != 4);
		EQUAL(4, other);
		EQUAL(0, status_of(4));
	}
}

TEST(each_level_has_its_own)
{
	int ends[2];
	WORKS(pipe(ends));
	pid_t first = first_process();
	if (first == 0) {
		pid_t inner = first_process();
		if (inner == 0) {
			EQUAL(1, getpid());
			EQUAL(2, sleeper());
			_exit(0);
		}
		EQUAL(2, inner);
		EQUAL(0, status_of(2));
		EQUAL(4, sleeper());
		WORKS(write(ends[1], "x", 1));
		for (;;)
			pause();
	}
	char c, name[64], expected[64];
	close(ends[1]);
	WORKS(read(ends[0], &c, 1));
	EQUAL(true, first > 1);
	snprintf(name, sizeof(name), "/proc/%d/status", first);
	snprintf(expected, sizeof(expected), "%d\t1\n", first);
	const char *line = strstr(file_text(name), "\nNSpid:\t");
	EQUAL(true, line && strstr(line, expected) != NULL);
	end(first);
}

TEST(waits_name_children)
{
	INSIDE {
		FAILS(ECHILD, waitpid(NOBODY, NULL, 0));
		pid_t child = sleeper();
		EQUAL(0, waitpid(child, NULL, WNOHANG));
		setpgid(2, 2);
		FAILS(ECHILD, waitpid(-NOBODY, NULL, 0));
	}
	INSIDE {
		siginfo_t info = { .si_pid = 0 };
		pid_t child = sleeper();
		setpgid(2, 2);
		EQUAL(0, waitpid(-2, NULL, WNOHANG));
		WORKS(kill(-2, SIGKILL));
		WORKS(waitid(P_PGID, 2, &info, WEXITED | WNOWAIT));
		EQUAL(2, info.si_pid);
		info.si_pid = 0;
		WORKS(waitid(P_PID, child, &info, WEXITED));
		EQUAL(2, info.si_pid);
		EQUAL(SIGKILL, info.si_status);
		child = sleeper();
		int fd = syscall(434 /* pidfd_open */, child, 0);
		if (fd >= 0) {
			WORKS(syscall(424 /* pidfd_send_signal */, fd, SIGKILL, NULL, 0));
			info.si_pid = 0;
			WORKS(waitid(3 /* P_PIDFD */, fd, &info, WEXITED));
			EQUAL(3, info.si_pid);
		} else {
			end(child);
		}
	}
}

TEST(words_of_clone_are_numbers_there)
{
	INSIDE {
		pid_t words[2] = { -1, -1 };
		pid_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		EQUAL(1, syscall(SYS_set_tid_address, &words[0]));
		bool is_32 = sizeof(long) == 4;
		pid_t child = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &words[0], is_32 ? NULL : &words[1],
				      is_32 ? &words[1] : NULL);
		if (child == 0) {
			shared[0] = words[1];
			_exit(0);
		}
		EQUAL(2, child);
		EQUAL(2, words[0]);
		EQUAL(-1, words[1]);
		EQUAL(0, status_of(child));
		EQUAL(2, shared[0]);
		uint64_t arguments[8] = { CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, 0, (uintptr_t)&words[1], (uintptr_t)&words[0], SIGCHLD };
		child = syscall(435 /* clone3 */, arguments, sizeof(arguments));
		if (child == 0) {
			shared[0] = words[1];
			_exit(0);
		}
		if (child > 0) {
			EQUAL(3, child);
			EQUAL(3, words[0]);
			EQUAL(0, status_of(child));
			EQUAL(3, shared[0]);
		}
	}
}

static void *tell_thread(void *of)
{
	*(pid_t *)of = syscall(SYS_gettid);
	return NULL;
}

TEST(threads_have_numbers)
{
	INSIDE {
		/* By libc's fork, so that it knows what its first thread is called. */
		CHILD {
			pthread_t thread;
			pid_t number = 0;
			cpu_set_t cpus;
			EQUAL(0, pthread_create(&thread, NULL, tell_thread, &number));
			EQUAL(0, pthread_join(thread, NULL));
			EQUAL(3, number);
			EQUAL(0, pthread_getaffinity_np(pthread_self(), sizeof(cpus), &cpus));
			EQUAL(0, pthread_kill(pthread_self(), 0));
			FAILS(ESRCH, syscall(SYS_tgkill, 2, 3, 0));
			FAILS(ESRCH, syscall(SYS_tgkill, NOBODY, 2, 0));
			WORKS(syscall(SYS_tgkill, 2, 2, 0));
			WORKS(raise(SIGCHLD));
		}
	}
}

static volatile pid_t sender;
static void note(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	sender = info->si_pid;
}

TEST(signals_name_their_sender)
{
	int ends[2];
	char c;
	WORKS(pipe(ends));
	pid_t first = first_process();
	if (first == 0) {
		struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART };
		sigaction(SIGUSR1, &action, NULL);
		WORKS(raise(SIGUSR1));
		EQUAL(1, sender);
		CHILD
			WORKS(kill(getppid(), SIGUSR1));
		EQUAL(2, sender);
		CHILD
			WORKS(sigqueue(1, SIGUSR1, (union sigval){ .sival_int = 7 }));
		EQUAL(3, sender);
		/* From where nobody has a number here. */
		sender = -1;
		WORKS(write(ends[1], "x", 1));
		while (sender == -1)
			usleep(1000);
		EQUAL(0, sender);
		/* Taken, not delivered. */
		sigset_t mask;
		siginfo_t info = { .si_pid = -1 };
		struct timespec patience = { 5, 0 };
		sigemptyset(&mask);
		sigaddset(&mask, SIGUSR1);
		sigaddset(&mask, SIGCHLD);
		sigprocmask(SIG_BLOCK, &mask, NULL);
		pid_t child = fork();
		if (child == 0)
			_exit(0);
		EQUAL(4, child);
		EQUAL(SIGCHLD, sigtimedwait(&mask, &info, &patience));
		EQUAL(4, info.si_pid);
		EQUAL(0, status_of(4));
		CHILD
			WORKS(kill(getppid(), SIGUSR1));
		EQUAL(SIGUSR1, sigtimedwait(&mask, &info, &patience));
		EQUAL(5, info.si_pid);
		int fd = WORKS(signalfd(-1, &mask, 0));
		struct signalfd_siginfo record = { .ssi_pid = 0 };
		WORKS(kill(1, SIGUSR1));
		EQUAL(sizeof(record), read(fd, &record, sizeof(record)));
		if (record.ssi_signo == SIGCHLD)
			WORKS(read(fd, &record, sizeof(record)));
		EQUAL(1, record.ssi_pid);
		CHILD
			WORKS(kill(1, SIGUSR1));
		/* That, and the SIGCHLD that has waited since. */
		struct signalfd_siginfo records[2];
		struct iovec parts[2] = { { &records[0], sizeof(record) }, { &records[1], sizeof(record) } };
		EQUAL(2 * sizeof(record), readv(fd, parts, 2));
		EQUAL(6, records[0].ssi_pid);
		EQUAL(5, records[1].ssi_pid);
		WORKS(close(WORKS(syscall(SYS_signalfd, -1, &mask, 8))));
		_exit(0);
	}
	WORKS(read(ends[0], &c, 1));
	WORKS(kill(first, SIGUSR1));
	EQUAL(0, status_of(first));
}

TEST(owners_and_locks_name_processes)
{
	INSIDE {
		int pair[2];
		struct {
			int type;
			pid_t pid;
		} owner = { 1 /* F_OWNER_PID */, 2 };
		WORKS(setsid());
		WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		WORKS(fcntl(pair[0], F_SETOWN, 1));
		EQUAL(1, fcntl(pair[0], F_GETOWN));
		FAILS(ESRCH, fcntl(pair[0], F_SETOWN, NOBODY));
		WORKS(fcntl(pair[0], F_SETOWN, -1));
		EQUAL(-1, syscall(SYS_fcntl, pair[0], F_GETOWN, 0));
		pid_t child = sleeper();
		WORKS(fcntl(pair[0], 15 /* F_SETOWN_EX */, &owner));
		memset(&owner, 0, sizeof(owner));
		WORKS(fcntl(pair[0], 16 /* F_GETOWN_EX */, &owner));
		EQUAL(2, owner.pid);
		int number = 1;
		WORKS(ioctl(pair[0], 0x8902 /* SIOCSPGRP */, &number));
		number = 0;
		WORKS(ioctl(pair[0], 0x8904 /* SIOCGPGRP */, &number));
		EQUAL(1, number);
		end(child);
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = WORKS(open("f", O_RDWR | O_CREAT, 0600));
		WORKS(fcntl(fd, F_SETLK, &lock));
		CHILD {
			WORKS(fcntl(fd, F_GETLK, &lock));
			EQUAL(1, lock.l_pid);
		}
	}
}

TEST(peers_and_messages_name_processes)
{
	INSIDE {
		int pair[2], on = 1;
		struct ucred peer = { 0, 0, 0 };
		socklen_t size = sizeof(peer);
		WORKS(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
		WORKS(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
		EQUAL(1, peer.pid);
		WORKS(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		CHILD {
			union {
				struct cmsghdr head;
				char room[CMSG_SPACE(sizeof(struct ucred))];
			} control;
			char text[] = "x";
			struct iovec part = { text, 1 };
			struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
			WORKS(sendmsg(pair[1], &m, 0));
			memset(&control, 0, sizeof(control));
			control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(peer)), .cmsg_level = SOL_SOCKET,
							 .cmsg_type = SCM_CREDENTIALS };
			peer = (struct ucred){ 1, 0, 0 };
			memcpy(CMSG_DATA(&control.head), &peer, sizeof(peer));
			m.msg_control = &control;
			m.msg_controllen = sizeof(control);
			WORKS(sendmsg(pair[1], &m, 0));
			peer.pid = NOBODY;
			memcpy(CMSG_DATA(&control.head), &peer, sizeof(peer));
			FAILS(ESRCH, sendmsg(pair[1], &m, 0));
		}
		for (pid_t expected = 2; expected >= 1; expected--) {
			union {
				struct cmsghdr head;
				char room[CMSG_SPACE(sizeof(struct ucred))];
			} control;
			char c;
			struct iovec part = { &c, 1 };
			struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
			EQUAL(1, recvmsg(pair[0], &m, 0));
			memcpy(&peer, CMSG_DATA(&control.head), sizeof(peer));
			EQUAL(expected, peer.pid);
		}
	}
}

TEST(clocks_and_timers_are_of_processes_there)
{
	INSIDE {
		clockid_t clock;
		struct timespec now;
		timer_t timer;
		pid_t child = sleeper();
		EQUAL(0, clock_getcpuclockid(child, &clock));
		WORKS(clock_gettime(clock, &now));
		WORKS(clock_getres(clock, &now));
		EQUAL(0, clock_nanosleep(clock, TIMER_ABSTIME, &(struct timespec){ 0, 0 }, NULL));
		EQUAL(ESRCH, clock_getcpuclockid(NOBODY, &clock));
		struct sigevent event = { .sigev_notify = 4 /* SIGEV_THREAD_ID */, .sigev_signo = SIGUSR1 };
		event._sigev_un._tid = 1;
		WORKS(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
		event._sigev_un._tid = NOBODY;
		FAILS(EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
		end(child);
	}
}

TEST(ranks_and_limits_are_of_processes_there)
{
	INSIDE {
		struct sched_param parameter;
		struct rlimit limit;
		struct timespec slice;
		WORKS(setsid());
		pid_t child = sleeper();
		EQUAL(SCHED_OTHER, sched_getscheduler(2));
		WORKS(sched_getparam(2, &parameter));
		WORKS(sched_rr_get_interval(2, &slice));
		FAILS(ESRCH, sched_getscheduler(NOBODY));
		FAILS(ESRCH, sched_rr_get_interval(NOBODY, &slice));
		WORKS(setpriority(PRIO_PROCESS, 2, 3));
		EQUAL(3, getpriority(PRIO_PROCESS, 2));
		EQUAL(0, getpriority(PRIO_PROCESS, 1));
		EQUAL(0, getpriority(PRIO_PGRP, 1));
		FAILS(ESRCH, getpriority(PRIO_PGRP, NOBODY));
		WORKS(syscall(SYS_prlimit64, 2, RLIMIT_NOFILE, NULL, &limit));
		FAILS(ESRCH, syscall(SYS_prlimit64, NOBODY, RLIMIT_NOFILE, NULL, &limit));
		WORKS(syscall(SYS_ioprio_get, 1, 2));
		FAILS(ESRCH, syscall(SYS_ioprio_get, 1, NOBODY));
		struct {
			uint32_t version;
			int pid;
		} head = { 0x20080522, 2 };
		uint32_t sets[6];
		WORKS(syscall(SYS_capget, &head, sets));
		head.pid = 1;
		WORKS(syscall(SYS_capget, &head, sets));
		WORKS(syscall(SYS_capset, &head, sets));
		unsigned long nodes = 1;
		void *list = NULL;
		size_t size = 0;
		WORKS(syscall(SYS_get_robust_list, 2, &list, &size));
		FAILS(ESRCH, syscall(SYS_get_robust_list, NOBODY, &list, &size));
		if (syscall(SYS_migrate_pages, 2, 2, &nodes, &nodes) >= 0)
			FAILS(ESRCH, syscall(SYS_migrate_pages, NOBODY, 2, &nodes, &nodes));
		if (syscall(SYS_move_pages, 2, 0, NULL, NULL, NULL, 0) >= 0)
			FAILS(ESRCH, syscall(SYS_move_pages, NOBODY, 0, NULL, NULL, NULL, 0));
		/* PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY, of the program alone */
		uint64_t event[14] = { (uint64_t)sizeof(event) << 32 | 1, 9, 0, 0, 0, 1 << 5 | 1 << 6 };
		if (syscall(SYS_perf_event_open, event, 2, -1, -1, 0) >= 0)
			FAILS(ESRCH, syscall(SYS_perf_event_open, event, NOBODY, -1, -1, 0));
		char text[8];
		static char there[8] = "there";
		struct iovec mine = { text, 8 }, its = { there, 8 };
		EQUAL(8, process_vm_readv(2, &mine, 1, &its, 1, 0));
		end(child);
	}
}

TEST(the_rest_that_takes_a_number)
{
	INSIDE {
		enum { KCMP_FILE = 0, SCHED_CORE = 62 /* PR_SCHED_CORE */, SCHED_CORE_GET = 0, SO_PIDFD_OF_PEER = 77 };
		int pair[2], fd = -1;
		char text[64];
		socklen_t size = sizeof(fd);
		unsigned long long cookie = 0;
		WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		pid_t child = sleeper();
		if (syscall(SYS_kcmp, 1, 2, KCMP_FILE, 0, 0) >= 0) {
			EQUAL(0, syscall(SYS_kcmp, 1, 2, KCMP_FILE, pair[0], pair[0]));
			FAILS(ESRCH, syscall(SYS_kcmp, 1, NOBODY, KCMP_FILE, 0, 0));
		}
		/* ENODEV where nothing shares a core. */
		if (prctl(SCHED_CORE, SCHED_CORE_GET, 2, 0, &cookie) == 0)
			FAILS(ESRCH, prctl(SCHED_CORE, SCHED_CORE_GET, NOBODY, 0, &cookie));
		if (getsockopt(pair[0], SOL_SOCKET, SO_PIDFD_OF_PEER, &fd, &size) == 0) {
			snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", fd);
			EQUAL(true, strstr(file_text(text), "Pid:\t") != NULL);
		}
		int process = syscall(434 /* pidfd_open */, 2, 0);
		if (process >= 0) {
			struct iovec part = { text, sizeof(text) };
			errno = 0;
			syscall(440 /* process_madvise */, process, &part, 1, 20 /* MADV_COLD */, 0);
			EQUAL(false, errno == ESRCH || errno == EBADF || errno == EPERM);
			EQUAL(true, syscall(438 /* pidfd_getfd */, process, pair[0], 0) >= 0);
			FAILS(ESRCH, syscall(434, NOBODY, 0));
		}
		end(child);
	}
}

TEST(tracers_and_the_traced_have_numbers)
{
	INSIDE {
		int status;
		unsigned long message = 0;
		pid_t child = fork();
		if (child == 0) {
			WORKS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
			raise(SIGSTOP);
			pid_t one = fork();
			if (one == 0)
				_exit(0);
			_exit(one != 3 || waitpid(3, NULL, 0) != 3);
		}
		EQUAL(2, waitpid(2, &status, 0));
		WORKS(ptrace(PTRACE_SETOPTIONS, 2, NULL, PTRACE_O_TRACEFORK));
		WORKS(ptrace(PTRACE_CONT, 2, NULL, NULL));
		EQUAL(2, waitpid(2, &status, 0));
		EQUAL(SIGTRAP | PTRACE_EVENT_FORK << 8, status >> 8);
		WORKS(ptrace(PTRACE_GETEVENTMSG, 2, NULL, &message));
		EQUAL(3, message);
		EQUAL(3, waitpid(3, &status, __WALL));
		WORKS(ptrace(PTRACE_DETACH, 3, NULL, NULL));
		WORKS(ptrace(PTRACE_DETACH, 2, NULL, NULL));
		EQUAL(0, status_of(2));
	}
}

/* The numbers that a directory lists, with blanks between them. */
static const char *numbers_in(const char *name)
{
	static char text[256];
	DIR *dir = opendir(name);
	text[0] = '\0';
	for (const struct dirent *e; dir && (e = readdir(dir));)
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && strlen(text) < 200)
			snprintf(text + strlen(text), 32, "%s ", e->d_name);
	if (dir)
		closedir(dir);
	return text;
}

TEST(proc_calls_processes_as_its_namespace_does)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("p", 0755));
	INSIDE {
		char text[256];
		int pid, parent, group, session;
		WORKS(mount("proc", "p", "proc", 0, NULL));
		WORKS(setsid());
		pid_t child = sleeper();
		TEXT("1 2 ", numbers_in("p"));
		TEXT("2 ", numbers_in("p/2/task"));
		ssize_t n = readlink("p/self", text, sizeof(text));
		text[n < 0 ? 0 : n] = '\0';
		TEXT("1", text);
		n = readlink("p/thread-self", text, sizeof(text));
		text[n < 0 ? 0 : n] = '\0';
		TEXT("1/task/1", text);
		timer_t timer;
		struct sigevent event = { .sigev_notify = 4 /* SIGEV_THREAD_ID */, .sigev_signo = SIGUSR1 };
		event._sigev_un._tid = 1;
		WORKS(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
		if (access("p/1/timers", F_OK) == 0)
			EQUAL(true, strstr(file_text("p/1/timers"), "notify: signal/tid.1\n") != NULL);
		EQUAL(4, sscanf(file_text("p/2/stat"), "%d (%*s %*s %d %d %d", &pid, &parent, &group, &session));
		EQUAL(2, pid);
		EQUAL(1, parent);
		EQUAL(1, group);
		EQUAL(1, session);
		EQUAL(true, strstr(file_text("p/2/status"), "\nTgid:\t2\n") != NULL);
		EQUAL(true, strstr(file_text("p/2/status"), "\nPid:\t2\nPPid:\t1\n") != NULL);
		EQUAL(true, strstr(file_text("p/2/status"), "\nNSpid:\t2\nNSpgid:\t1\nNSsid:\t1\n") != NULL);
		EQUAL(true, strstr(file_text("p/2/task/2/status"), "\nPid:\t2\n") != NULL);
		FAILS(ENOENT, access("p/3", F_OK));
		FAILS(ENOENT, access("p/1/task/2", F_OK));
		int fd = WORKS(open("p", O_RDONLY | O_DIRECTORY)), in_2 = WORKS(openat(fd, "2", O_RDONLY | O_DIRECTORY));
		WORKS(faccessat(fd, "2/status", R_OK, 0));
		WORKS(faccessat(in_2, "status", R_OK, 0));
		WORKS(faccessat(in_2, "../1/status", R_OK, 0));
		FAILS(ENOENT, faccessat(fd, "3/status", R_OK, 0));
		CHILD {
			char where[PATH_MAX], *slash;
			WORKS(chdir("p/2"));
			EQUAL(true, strstr(file_text("status"), "\nPid:\t2\n") != NULL);
			WORKS(access("../1/status", F_OK));
			EQUAL(true, getcwd(where, sizeof(where)) != NULL);
			slash = strrchr(where, '/');
			TEXT("/2", slash ? slash : "");
		}
		close(fd);
		int process = syscall(434 /* pidfd_open */, child, 0);
		if (process >= 0) {
			snprintf(text, sizeof(text), "p/self/fdinfo/%d", process);
			EQUAL(true, strstr(file_text(text), "Pid:\t2\nNSpid:\t2\n") != NULL);
		}
		end(child);
	}
}

TEST(a_robust_mutex_tells_that_its_owner_has_died)
{
	INSIDE {
		pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pthread_mutexattr_t attributes;
		pthread_mutexattr_init(&attributes);
		pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
		EQUAL(0, pthread_mutex_init(mutex, &attributes));
		CHILD
			EQUAL(0, pthread_mutex_lock(mutex));
		EQUAL(EOWNERDEAD, pthread_mutex_lock(mutex));
	}
}

/* The last sender of a queue in /proc/sysvipc/msg; -1: it is not there. */
static int line_of_queue(int wanted)
{
	const char *line = file_text("/proc/sysvipc/msg");
	int id, who;
	for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (sscanf(line, "%*d %d %*o %*u %*u %d", &id, &who) == 2 && id == wanted)
			return who;
	return -1;
}

TEST(segments_and_the_last_number_are_told_as_there)
{
	INSIDE {
		char expected[64];
		int id = shmget(IPC_PRIVATE, 4096, 0600), maker = -1, found;
		const char *last = file_text("/proc/sys/kernel/ns_last_pid");
		if (*last)
			TEXT("1\n", last);
		const char *line = file_text("/proc/sysvipc/shm");
		for (; id >= 0 && line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
			if (sscanf(line, "%*d %d %*o %*u %d", &found, &maker) == 2 && found == id)
				break;
		if (id >= 0)
			EQUAL(line && *line ? 1 : -1, maker);
		WORKS(shmctl(id, IPC_RMID, NULL));
		snprintf(expected, sizeof(expected), "%d\n", sleeper());
		last = file_text("/proc/sys/kernel/ns_last_pid");
		if (*last)
			TEXT(expected, last);
	}
}

TEST(objects_of_ipc_name_who_has_used_them)
{
	INSIDE {
		struct msqid_ds queue;
		struct {
			long type;
			char text[1];
		} message = { 1, "x" };
		int id = msgget(IPC_PRIVATE, 0600), set = semget(IPC_PRIVATE, 1, 0600);
		if (id < 0 || set < 0)
			SKIP("no System V IPC");
		WORKS(msgsnd(id, &message, 1, 0));
		WORKS(msgctl(id, IPC_STAT, &queue));
		EQUAL(1, queue.msg_lspid);
		WORKS(semctl(set, 0, SETVAL, 1));
		EQUAL(1, semctl(set, 0, GETPID));
		int host_line = line_of_queue(id);
		if (host_line >= 0)
			EQUAL(1, host_line);
		WORKS(msgctl(id, IPC_RMID, NULL));
		WORKS(semctl(set, 0, IPC_RMID));
	}
}

TEST(a_terminal_names_its_group)
{
	INSIDE {
		int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, group = 0;
		char name[64];
		unsigned number;
		if (master < 0 || ioctl(master, 0x40045431 /* TIOCSPTLCK */, &unlock) < 0 || ioctl(master, 0x80045430 /* TIOCGPTN */, &number) < 0)
			_exit(0);
		WORKS(setsid());
		snprintf(name, sizeof(name), "/dev/pts/%u", number);
		int terminal = open(name, O_RDWR | O_NOCTTY);
		if (terminal < 0 || ioctl(terminal, 0x540e /* TIOCSCTTY */, 0) < 0)
			_exit(0);
		signal(SIGTTOU, SIG_IGN);
		WORKS(ioctl(terminal, 0x5429 /* TIOCGSID */, &group));
		EQUAL(1, group);
		pid_t child = sleeper();
		WORKS(setpgid(child, child));
		WORKS(tcsetpgrp(terminal, 2));
		EQUAL(2, tcgetpgrp(terminal));
		FAILS(ESRCH, tcsetpgrp(terminal, NOBODY));
		WORKS(tcsetpgrp(terminal, 1));
		end(child);
	}
}

TEST(who_enters_gets_the_next_number)
{
	int ends[2];
	char name[64], c;
	WORKS(pipe(ends));
	pid_t first = first_process();
	if (first == 0) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) != 0);
	}
	snprintf(name, sizeof(name), "/proc/%d/ns/pid", first);
	WORKS(setns(WORKS(open(name, O_RDONLY)), CLONE_NEWPID));
	pid_t child = fork();
	if (child == 0) {
		EQUAL(2, getpid());
		EQUAL(0, getppid());
		EQUAL(3, sleeper());
		WORKS(kill(3, SIGKILL));
		EQUAL(3, waitpid(-1, NULL, 0));
		guest_child_end();
	}
	EQUAL(true, child > first);
	EQUAL(0, status_of(child));
	close(ends[1]);
	EQUAL(0, status_of(first));
}
