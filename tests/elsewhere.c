/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elsewhere HOST COMMAND [WORD...]: run the command as on another host, by a seccomp filter around it.
 *
 *   docker       in a container of Docker's without capabilities, with the default profile of 20.10; those of
 *                containerd (RuntimeDefault of Kubernetes), podman and newer ones of Docker allow more.  What is not
 *                on the list gets EPERM, what is newer than the list ENOSYS, as runc has it since 1.0.0-rc93.
 *   docker-old   the same on Linux before 4.8, where that profile has no ptrace
 *   linux-3.10   on a kernel that has no call newer than that version
 *
 * No new privileges come with it.  What it cannot make so: capabilities (setpriv drops them), read-only roots.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char docker_allows[] =
	"_llseek _newselect accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir "
	"chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
	"clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range "
	"creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
	"epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 "
	"fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchown fchown32 fchownat fcntl "
	"fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
	"fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_time64 futex_waitv futimesat "
	"get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid "
	"geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid "
	"getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid "
	"getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr inotify_add_watch inotify_init "
	"inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 "
	"io_setup io_submit io_uring_enter io_uring_register io_uring_setup ioctl ioprio_get ioprio_set ipc "
	"kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link "
	"linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise membarrier "
	"memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 "
	"modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 "
	"mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock "
	"munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe "
	"pipe2 poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 "
	"pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv "
	"recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 "
	"restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
	"rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
	"sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
	"sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
	"sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send "
	"sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid "
	"setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority "
	"setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid "
	"setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd "
	"signalfd4 sigprocmask sigreturn socket socketcall socketpair splice stat stat64 statfs statfs64 "
	"statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create "
	"timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 "
	"timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill "
	"truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes "
	"vfork vmsplice wait4 waitid waitpid write writev";

/* Linux 3.11 to 5.16, where libseccomp may end; what is newer is above `last`. */
static const char newer_than_3_10[] =
	"sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load bpf execveat userfaultfd "
	"membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq "
	"clock_gettime64 clock_settime64 clock_adjtime64 clock_getres_time64 clock_nanosleep_time64 timer_gettime64 "
	"timer_settime64 timerfd_gettime64 timerfd_settime64 utimensat_time64 pselect6_time64 ppoll_time64 "
	"io_pgetevents_time64 recvmmsg_time64 mq_timedsend_time64 mq_timedreceive_time64 semtimedop_time64 "
	"rt_sigtimedwait_time64 futex_time64 sched_rr_get_interval_time64 pidfd_send_signal io_uring_setup io_uring_enter "
	"io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick pidfd_open clone3 close_range openat2 "
	"pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset "
	"landlock_add_rule landlock_restrict_self memfd_secret process_mrelease futex_waitv";

struct rule {
	const char *names; /* separated by blanks */
	uint32_t action;
	enum scmp_compare compare; /* with the first argument; 0: whatever it is */
	uint64_t a, b;
};

#define ALLOW(calls) { .names = calls, .action = SCMP_ACT_ALLOW }
#define ALLOW_WHEN(call, how, ...) { .names = call, .action = SCMP_ACT_ALLOW, .compare = how, __VA_ARGS__ }
#define UNKNOWN(calls) { .names = calls, .action = SCMP_ACT_ERRNO(ENOSYS) }
#define NAMESPACES 0x7e020000u /* the flags of clone(2) that make one */
#define DOCKER                                                                                                      \
	ALLOW(docker_allows), UNKNOWN("clone3"), ALLOW_WHEN("clone", SCMP_CMP_MASKED_EQ, .a = NAMESPACES, .b = 0),    \
	ALLOW_WHEN("personality", SCMP_CMP_EQ, .a = 0), ALLOW_WHEN("personality", SCMP_CMP_EQ, .a = 0x8),             \
	ALLOW_WHEN("personality", SCMP_CMP_EQ, .a = 0x20000), ALLOW_WHEN("personality", SCMP_CMP_EQ, .a = 0x20008),   \
	ALLOW_WHEN("personality", SCMP_CMP_EQ, .a = 0xffffffff)

static const struct host {
	const char *name;
	uint32_t otherwise;
	const char *last; /* newer calls than this one do not exist, whatever their names are */
	struct rule rules[12];
} hosts[] = {
	{ "docker", SCMP_ACT_ERRNO(EPERM), "futex_waitv", { DOCKER, ALLOW("ptrace") } },
	{ "docker-old", SCMP_ACT_ERRNO(EPERM), "futex_waitv", { DOCKER } },
	{ "linux-3.10", SCMP_ACT_ALLOW, "futex_waitv", { UNKNOWN(newer_than_3_10) } },
};

static int fail(const char *what)
{
	fprintf(stderr, "elsewhere: %s\n", what);
	return 125;
}

static int add_rule(scmp_filter_ctx filter, const struct rule *rule)
{
	char *names = strdup(rule->names), *rest = names;
	for (char *name; (name = strtok_r(rest, " ", &rest));) {
		int number = seccomp_syscall_resolve_name(name);
		/* A name that this libseccomp does not know yet. */
		if (number == __NR_SCMP_ERROR)
			continue;
		struct scmp_arg_cmp when = { 0, rule->compare, rule->a, rule->b };
		int r = seccomp_rule_add_array(filter, rule->action, number, rule->compare ? 1 : 0, &when);
		if (r < 0) {
			free(names);
			return r;
		}
	}
	free(names);
	return 0;
}

/* The filter that was installed last has the say when two of them refuse. */
static int refuse_newer_than(const char *last)
{
	int number = seccomp_syscall_resolve_name(last);
	/* The numbers of the machine's ABIs have been the same for all that is new since Linux 5.1. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)number, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	return number < 0 ? 0 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int go_to(const struct host *host)
{
	scmp_filter_ctx filter = seccomp_init(host->otherwise);
	if (!filter || seccomp_arch_add(filter, SCMP_ARCH_X86) < 0 || seccomp_arch_add(filter, SCMP_ARCH_X32) < 0)
		return fail("cannot make a filter");
	for (const struct rule *rule = host->rules; rule->names; rule++)
		if (add_rule(filter, rule) < 0)
			return fail("cannot make a filter of the host's rules");
	if (seccomp_load(filter) < 0 || refuse_newer_than(host->last) < 0)
		return fail("cannot install a filter");
	seccomp_release(filter);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return fail("usage: elsewhere docker|docker-old|linux-3.10 COMMAND [WORD...]");
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		if (strcmp(hosts[i].name, argv[1]) != 0)
			continue;
		int r = go_to(&hosts[i]);
		if (r)
			return r;
		execvp(argv[2], argv + 2);
		return fail("cannot execute the command");
	}
	return fail("no such host is known");
}
