/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace(2) between processes of the guest, and the wait calls that tell of its stops. */
/* covers: ptrace wait4 waitid waitpid */
#include "guest.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>

#ifdef __x86_64__
#define NUMBER(r) ((long)(r).orig_rax)
#define RESULT(r) ((long)(r).rax)
#define FIRST(r) ((r).rdi)
#define IP(r) ((r).rip)
#define NUMBER_AT offsetof(struct user, regs.orig_rax)
#else
#define NUMBER(r) ((long)(r).orig_eax)
#define RESULT(r) ((long)(r).eax)
#define FIRST(r) ((r).ebx)
#define IP(r) ((r).eip)
#define NUMBER_AT offsetof(struct user, regs.orig_eax)
#endif
#define EVENT_STATUS(event) ((SIGTRAP | (event) << 8) << 8 | 0x7f)
#define STOP_STATUS(signal) ((signal) << 8 | 0x7f)

static int waits(pid_t pid)
{
	int status = -1;
	return waitpid(pid, &status, __WALL) == pid ? status : -1;
}

/* A child that asks to be traced, stops, and then does `what`. */
static pid_t traced(void (*what)(void))
{
	pid_t child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(99);
		raise(SIGSTOP);
		what();
		_exit(7);
	}
	EQUAL(STOP_STATUS(SIGSTOP), waits(child));
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	while (waits(child) != SIGKILL && errno != ECHILD)
		;
}

static void nothing(void)
{
}

static void calls(void)
{
	mkdir("made", 0711); /* one that fakebuild answers */
	getppid();
	close(open("made", O_RDONLY)); /* one that it redirects */
}

TEST(call_stops_come_in_pairs_with_the_callers_own_registers)
{
	static const long expected[] = { SYS_mkdir, SYS_getppid, -1, SYS_close };
	pid_t child = traced(calls);
	unsigned n = 0;
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	for (int status; (status = waits(child)) != 7 << 8 && status != -1; n++) {
		struct user_regs_struct in, out;
		memset(&in, 0, sizeof(in));
		memset(&out, 0, sizeof(out));
		EQUAL(STOP_STATUS(SIGTRAP | 0x80), status);
		WORKS(ptrace(PTRACE_GETREGS, child, 0, &in));
		EQUAL(-ENOSYS, RESULT(in));
		WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
		if (NUMBER(in) == SYS_exit_group)
			continue;
		EQUAL(STOP_STATUS(SIGTRAP | 0x80), waits(child));
		WORKS(ptrace(PTRACE_GETREGS, child, 0, &out));
		EQUAL(NUMBER(in), NUMBER(out));
		EQUAL(FIRST(in), FIRST(out));
		EQUAL(IP(in), IP(out));
		if (n < 4 && expected[n] != -1)
			EQUAL(expected[n], NUMBER(in));
		if (NUMBER(in) == SYS_mkdir)
			EQUAL(0, RESULT(out));
		if (NUMBER(in) == SYS_getppid)
			EQUAL(getpid(), RESULT(out));
		errno = 0;
		EQUAL(NUMBER(out), ptrace(PTRACE_PEEKUSER, child, NUMBER_AT, 0));
		WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	}
	EQUAL(5, n);
	EQUAL(0711, mode_of("made"));
}

TEST(tracer_changes_arguments_results_and_numbers)
{
	pid_t child = traced(calls);
	struct user_regs_struct r;
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP), waits(child));
	/* Instead of mkdir nothing. */
	WORKS(ptrace(PTRACE_POKEUSER, child, NUMBER_AT, -1));
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP), waits(child));
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
	EQUAL(-ENOSYS, RESULT(r));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(7 << 8, waits(child));
	EQUAL(0, mode_of("made"));
}

static long word = 0x1234;
static void check_word(void)
{
	_exit(word == 0x5678 ? 3 : 4);
}

TEST(tracer_reads_and_writes_memory)
{
	pid_t child = traced(check_word);
	errno = 0;
	EQUAL(0x1234, ptrace(PTRACE_PEEKDATA, child, &word, 0));
	EQUAL(0, errno);
	WORKS(ptrace(PTRACE_POKEDATA, child, &word, 0x5678));
	FAILS(EIO, ptrace(PTRACE_PEEKDATA, child, 8, 0));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(3 << 8, waits(child));
}

ROLE(status)
{
	return 5;
}

static void executes(void)
{
	execl("/proc/self/exe", "ptrace", "@status", (char *)NULL);
}

TEST(execve_stops_with_sigtrap)
{
	pid_t child = traced(executes);
	siginfo_t info;
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP), waits(child));
	WORKS(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
	EQUAL(SIGTRAP, info.si_signo);
	EQUAL(SI_USER, info.si_code);
	EQUAL(child, info.si_pid);
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(5 << 8, waits(child));
}

TEST(exec_event_shows_the_new_program)
{
	pid_t child = traced(executes);
	unsigned long message = 0;
	struct user_regs_struct r;
	char maps[64], line[300];
	bool is_mapped = false;
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_EXEC), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &message));
	EQUAL(child, message);
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
	snprintf(maps, sizeof(maps), "/proc/%d/maps", child);
	FILE *f = fopen(maps, "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long from, to;
		if (sscanf(line, "%llx-%llx", &from, &to) == 2 && from <= (unsigned long)IP(r) && (unsigned long)IP(r) < to)
			is_mapped = strstr(line, " r-xp ") != NULL;
	}
	EQUAL(true, is_mapped);
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP | 0x80), waits(child));
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
	EQUAL(SYS_execve, NUMBER(r));
	EQUAL(0, RESULT(r));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_EXIT), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &message));
	EQUAL(5 << 8, message);
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(5 << 8, waits(child));
}

static void steps(void)
{
	mkdir("stepped", 0700);
}

TEST(single_steps_go_over_calls)
{
	pid_t child = traced(steps);
	unsigned seen = 0;
	struct user_regs_struct r;
	unsigned long last = 0;
	WORKS(ptrace(PTRACE_SINGLESTEP, child, 0, 0));
	int status;
	for (unsigned n = 0; (status = waits(child)) != 7 << 8 && n < 20000; n++) {
		if (status != STOP_STATUS(SIGTRAP))
			break;
		WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
		/* A step never leads into memory that is not the program's, and always onwards. */
		seen += RESULT(r) == 0 && NUMBER(r) == -1 && last == (unsigned long)IP(r) - 2;
		EQUAL(false, (unsigned long)IP(r) == last && n < 10);
		last = IP(r);
		if (ptrace(PTRACE_SINGLESTEP, child, 0, 0) < 0)
			break;
	}
	EQUAL(7 << 8, status);
	EQUAL(0700, mode_of("stepped"));
}

static void forks(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(3);
	int status;
	waitpid(child, &status, 0);
	_exit(WEXITSTATUS(status));
}

TEST(children_of_a_traced_process_are_traced_when_asked_for)
{
	pid_t child = traced(forks);
	unsigned long grandchild = 0;
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_FORK), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &grandchild));
	EQUAL(STOP_STATUS(SIGSTOP), waits(grandchild));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	WORKS(ptrace(PTRACE_CONT, grandchild, 0, 0));
	/* No child of this process, yet it is told of its end. */
	EQUAL(3 << 8, waits(grandchild));
	EQUAL(STOP_STATUS(SIGCHLD), waits(child));
	WORKS(ptrace(PTRACE_CONT, child, 0, SIGCHLD));
	EQUAL(3 << 8, waits(child));
}

TEST(attach_stops_and_detach_lets_go)
{
	pid_t child = sleeper();
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/status", child);
	WORKS(ptrace(PTRACE_ATTACH, child, 0, 0));
	EQUAL(STOP_STATUS(SIGSTOP), waits(child));
	FAILS(EPERM, ptrace(PTRACE_ATTACH, child, 0, 0));
	char expected[64];
	snprintf(expected, sizeof(expected), "\nTracerPid:\t%d\n", getpid());
	EQUAL(true, strstr(file_text(name), expected) != NULL);
	EQUAL(true, strstr(file_text(name), "t (tracing stop)") != NULL);
	WORKS(ptrace(PTRACE_DETACH, child, 0, 0));
	EQUAL(true, strstr(file_text(name), "\nTracerPid:\t0\n") != NULL);
	FAILS(ESRCH, ptrace(PTRACE_CONT, child, 0, 0));
	end(child);
}

TEST(seized_is_stopped_by_interrupt_only)
{
	pid_t child = sleeper();
	siginfo_t info;
	FAILS(EIO, ptrace(PTRACE_SEIZE, child, 8, 0));
	FAILS(EIO, ptrace(PTRACE_SEIZE, child, 0, 1 << 30));
	WORKS(ptrace(PTRACE_SEIZE, child, 0, 0));
	EQUAL(0, waitpid(child, NULL, WNOHANG));
	FAILS(ESRCH, ptrace(PTRACE_CONT, child, 0, 0));
	WORKS(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	EQUAL(EVENT_STATUS(128), waits(child));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	/* A stop of the whole process; PTRACE_LISTEN leaves it so until SIGCONT. */
	kill(child, SIGSTOP);
	EQUAL(STOP_STATUS(SIGSTOP), waits(child));
	WORKS(ptrace(PTRACE_CONT, child, 0, SIGSTOP));
	EQUAL(STOP_STATUS(SIGSTOP | 128 << 8), waits(child));
	WORKS(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
	WORKS(ptrace(PTRACE_LISTEN, child, 0, 0));
	FAILS(ESRCH, ptrace(PTRACE_CONT, child, 0, 0));
	kill(child, SIGCONT);
	EQUAL(EVENT_STATUS(128), waits(child));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(STOP_STATUS(SIGCONT), waits(child));
	end(child);
}

static pid_t kill_later(pid_t whom, int signal)
{
	pid_t timer = fork();
	if (timer == 0) {
		usleep(50000);
		_exit(kill(whom, signal));
	}
	return timer;
}

TEST(one_who_is_no_child_is_waited_for)
{
	int ends[2];
	pid_t other = -1;
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		other = sleeper();
		if (write(ends[1], &other, sizeof(other)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	EQUAL(sizeof(other), read(ends[0], &other, sizeof(other)));
	WORKS(ptrace(PTRACE_SEIZE, other, 0, 0));
	pid_t timer = kill_later(other, SIGUSR1);
	EQUAL(STOP_STATUS(SIGUSR1), waits(other));
	WORKS(ptrace(PTRACE_CONT, other, 0, 0));
	EQUAL(0, waits(timer));
	timer = kill_later(other, SIGKILL);
	EQUAL(SIGKILL, waits(other));
	FAILS(ECHILD, waitpid(other, NULL, 0));
	EQUAL(0, waits(timer));
	end(child);
}

TEST(waitid_tells_of_stops)
{
	pid_t child = traced(nothing);
	siginfo_t info;
	WORKS(ptrace(PTRACE_CONT, child, 0, SIGUSR1));
	EQUAL(SIGUSR1, waits(child));
	child = traced(calls);
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	WORKS(waitid(P_PID, child, &info, WSTOPPED | WNOWAIT));
	EQUAL(CLD_TRAPPED, info.si_code);
	EQUAL(child, info.si_pid);
	EQUAL(SIGTRAP, info.si_status);
	memset(&info, 0, sizeof(info));
	WORKS(waitid(P_ALL, 0, &info, WSTOPPED | WEXITED));
	EQUAL(child, info.si_pid);
	info.si_pid = 1;
	WORKS(waitid(P_PID, child, &info, WSTOPPED | WNOHANG));
	EQUAL(0, info.si_pid);
	end(child);
}

static siginfo_t told;
static void on_child(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	told = *info;
}

TEST(stops_send_sigchld)
{
	struct sigaction action = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO };
	sigset_t set, none;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pid_t child = traced(nothing);
	sigaction(SIGCHLD, &action, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	sigsuspend(&none);
	EQUAL(CLD_TRAPPED, told.si_code);
	EQUAL(child, told.si_pid);
	EQUAL(STOP_STATUS(SIGTRAP), waits(child));
	end(child);
}

TEST(only_the_tracer_may_ask_and_only_the_stopped_answer)
{
	pid_t child = sleeper();
	struct user_regs_struct r;
	FAILS(ESRCH, ptrace(PTRACE_GETREGS, child, 0, &r));
	FAILS(ESRCH, ptrace(PTRACE_ATTACH, 0x3fffffff, 0, 0));
	FAILS(EPERM, ptrace(PTRACE_ATTACH, getpid(), 0, 0));
	AS (1000, 1000)
		FAILS(EPERM, ptrace(PTRACE_ATTACH, child, 0, 0));
	WORKS(ptrace(PTRACE_ATTACH, child, 0, 0));
	EQUAL(STOP_STATUS(SIGSTOP), waits(child));
	CHILD
		FAILS(ESRCH, ptrace(PTRACE_GETREGS, child, 0, &r));
	FAILS(EIO, ptrace(0x4fff, child, 0, 0));
	FAILS(EINVAL, ptrace(PTRACE_SETOPTIONS, child, 0, 1 << 30));
	end(child);
}

TEST(traced_go_on_or_die_with_their_tracer)
{
	for (int kills = 0; kills < 2; kills++) {
		pid_t child = sleeper();
		CHILD {
			WORKS(ptrace(PTRACE_SEIZE, child, 0, kills ? PTRACE_O_EXITKILL : 0));
			WORKS(ptrace(PTRACE_INTERRUPT, child, 0, 0));
			EQUAL(EVENT_STATUS(128), waits(child));
		}
		if (!kills) {
			EQUAL(0, waitpid(child, NULL, WNOHANG));
			kill(child, SIGTERM);
		}
		EQUAL(kills ? SIGKILL : SIGTERM, waits(child));
	}
}

static int released;
static void *thread(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&released, __ATOMIC_SEQ_CST))
		usleep(1000);
	return NULL;
}

static void makes_thread(void)
{
	pthread_t t;
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
}

TEST(threads_are_told_of_and_their_ends_too)
{
	pid_t child = traced(makes_thread);
	unsigned long tid = 0;
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_CLONE), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &tid));
	EQUAL(STOP_STATUS(SIGSTOP), waits(tid));
	WORKS(ptrace(PTRACE_POKEDATA, tid, &released, 1));
	WORKS(ptrace(PTRACE_CONT, tid, 0, 0));
	EQUAL(0, waits(tid));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(7 << 8, waits(child));
}

TEST(register_sets_and_call_information)
{
	pid_t child = traced(calls);
	struct user_regs_struct r, s;
	char buffer[4096];
	struct {
		uint8_t op, pad[3];
		uint32_t arch;
		uint64_t ip, sp, number, argument[6];
	} info;
	struct iovec v = { &s, sizeof(s) };
	uint64_t mask = 0;
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
	WORKS(ptrace(PTRACE_GETREGSET, child, 1, &v));
	EQUAL(sizeof(s), v.iov_len);
	EQUAL(0, memcmp(&r, &s, sizeof(s)));
	WORKS(ptrace(PTRACE_SETREGSET, child, 1, &v));
	v = (struct iovec){ buffer, sizeof(buffer) };
	WORKS(ptrace(PTRACE_GETREGSET, child, 2, &v));
	EQUAL(sizeof(struct user_fpregs_struct), v.iov_len);
	WORKS(ptrace(PTRACE_GETSIGMASK, child, 8, &mask));
	FAILS(EINVAL, ptrace(PTRACE_GETSIGMASK, child, 4, &mask));
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP | 0x80), waits(child));
	if (ptrace(0x420e, child, sizeof(info), &info) < 0 && errno == EIO) {
		end(child);
		SKIP("no PTRACE_GET_SYSCALL_INFO");
	}
	EQUAL(1, info.op);
	EQUAL(SYS_mkdir, info.number);
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP | 0x80), waits(child));
	EQUAL(33, ptrace(0x420e, child, sizeof(info), &info));
	EQUAL(2, info.op);
	EQUAL(0, info.number);
	end(child);
}

ROLE(identity)
{
	return geteuid() == 0 ? 8 : 9;
}

static void executes_set_id(void)
{
	execl("./set-id", "set-id", "@identity", (char *)NULL);
	_exit(98);
}

TEST(set_id_bits_give_nothing_to_who_is_traced_by_a_user)
{
	WORKS(chmod(".", 0755));
	copy_self("set-id", 0755);
	WORKS(chmod("set-id", 04755));
	AS (1000, 1000) {
		pid_t child = traced(executes_set_id);
		WORKS(ptrace(PTRACE_CONT, child, 0, 0));
		EQUAL(STOP_STATUS(SIGTRAP), waits(child));
		WORKS(ptrace(PTRACE_CONT, child, 0, 0));
		EQUAL(9 << 8, waits(child));
	}
	AS (1000, 1000) {
		pid_t child = fork();
		if (child == 0)
			executes_set_id();
		EQUAL(8 << 8, waits(child));
	}
}

static void filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 5),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 6),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		_exit(90);
	raise(SIGSTOP);
	bool is_made = syscall(SYS_mkdir, "made", 0711) == 0;
	bool is_told = syscall(SYS_getpgid, 0) == getpgrp();
	bool is_skipped = syscall(SYS_mkdir, "skipped", 0711) == 33;
	_exit(is_made | is_told << 1 | is_skipped << 2);
}

TEST(filters_stop_calls_for_the_tracer)
{
	pid_t child = traced(filtered);
	unsigned long message = 0;
	struct user_regs_struct r;
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(STOP_STATUS(SIGSTOP), waits(child));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_SECCOMP), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &message));
	EQUAL(5, message);
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
	EQUAL(SYS_mkdir, NUMBER(r));
	/* Of Linux 5.3: ret_data is the last of it, but for padding. */
	struct {
		uint8_t op, pad[3];
		uint32_t arch;
		uint64_t ip, sp, number, argument[6];
		uint32_t filter_data, padding;
	} info;
	int length = ptrace(0x420e, child, sizeof(info), &info);
	if (length >= 0 || errno != EIO) {
		EQUAL(84, length);
		EQUAL(3, info.op);
		EQUAL(SYS_mkdir, info.number);
		EQUAL(0711, info.argument[1]);
		EQUAL(5, info.filter_data);
	}
	WORKS(ptrace(PTRACE_SYSCALL, child, 0, 0));
	EQUAL(STOP_STATUS(SIGTRAP | 0x80), waits(child));
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
	EQUAL(0, RESULT(r));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_SECCOMP), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &message));
	EQUAL(6, message);
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	/* The call is skipped, with a result of the tracer's. */
	EQUAL(EVENT_STATUS(PTRACE_EVENT_SECCOMP), waits(child));
	WORKS(ptrace(PTRACE_GETREGS, child, 0, &r));
#ifdef __x86_64__
	r.orig_rax = -1;
	r.rax = 33;
#else
	r.orig_eax = -1;
	r.eax = 33;
#endif
	WORKS(ptrace(PTRACE_SETREGS, child, 0, &r));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(7 << 8, waits(child));
	EQUAL(0711, mode_of("made"));
	EQUAL(0, mode_of("skipped"));
}

static void *executing_thread(void *arg)
{
	executes();
	return arg;
}

static void executes_in_thread(void)
{
	pthread_t t;
	pthread_create(&t, NULL, executing_thread, NULL);
	for (;;)
		pause();
}

TEST(a_thread_that_executes_becomes_the_leader)
{
	pid_t child = traced(executes_in_thread);
	unsigned long tid = 0, message = 0;
	WORKS(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_CLONE), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &tid));
	EQUAL(STOP_STATUS(SIGSTOP), waits(tid));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	WORKS(ptrace(PTRACE_CONT, tid, 0, 0));
	EQUAL(EVENT_STATUS(PTRACE_EVENT_EXEC), waits(child));
	WORKS(ptrace(PTRACE_GETEVENTMSG, child, 0, &message));
	EQUAL(tid, message);
	FAILS(ECHILD, waitpid(tid, NULL, __WALL | WNOHANG));
	WORKS(ptrace(PTRACE_CONT, child, 0, 0));
	EQUAL(5 << 8, waits(child));
}
