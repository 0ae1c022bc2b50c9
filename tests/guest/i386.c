/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that i386 has twice: by socketcall(2) and ipc(2), and since Linux 4.3 and 5.1 by numbers of their own; and how it makes them. */
/* covers: socketcall ipc sendmmsg recvmmsg */
#include "guest.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <ucontext.h>

#ifdef __i386__
enum { RECVMMSG = 337, SENDMMSG = 345, SOCKET = 359, SOCKETPAIR, BIND, CONNECT, LISTEN, ACCEPT4, GETSOCKOPT, SETSOCKOPT,
       GETSOCKNAME, GETPEERNAME, SENDTO, SENDMSG, RECVFROM, RECVMSG, SHUTDOWN, SEMGET = 393, SHMGET = 395, SHMCTL,
       SHMAT, SHMDT };

TEST(sockets_by_numbers_of_their_own)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, name = { .sun_family = 0 };
	socklen_t size = sizeof(name);
	char byte = 0, cwd[PATH_MAX] = "";
	WORKS(getcwd(cwd, sizeof(cwd)) != NULL ? 0 : -1);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/s", cwd);
	int server = WORKS(syscall(SOCKET, AF_UNIX, SOCK_STREAM, 0));
	WORKS(syscall(BIND, server, &address, sizeof(address)));
	EQUAL(S_IFSOCK, look("s").st_mode & S_IFMT);
	WORKS(syscall(LISTEN, server, 1));
	int client = WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
	WORKS(syscall(CONNECT, client, &address, sizeof(address)));
	int accepted = WORKS(syscall(ACCEPT4, server, NULL, NULL, 0));
	WORKS(syscall(GETPEERNAME, client, &name, &size));
	TEXT(address.sun_path, name.sun_path);
	WORKS(syscall(SENDTO, client, "x", 1, 0, NULL, 0));
	WORKS(syscall(RECVFROM, accepted, &byte, 1, 0, NULL, NULL));
	EQUAL('x', byte);
	struct ucred peer = { 0, 1, 1 };
	size = sizeof(peer);
	WORKS(syscall(GETSOCKOPT, accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size));
	EQUAL(0, peer.uid);
}

TEST(several_messages_at_once)
{
	int pair[2];
	char text[2][4] = { "one", "two" }, got[2][4] = { "", "" };
	struct iovec out[2] = { { text[0], 4 }, { text[1], 4 } }, in[2] = { { got[0], 4 }, { got[1], 4 } };
	struct mmsghdr send[2] = { { .msg_hdr = { .msg_iov = &out[0], .msg_iovlen = 1 } },
				   { .msg_hdr = { .msg_iov = &out[1], .msg_iovlen = 1 } } };
	struct mmsghdr receive[2] = { { .msg_hdr = { .msg_iov = &in[0], .msg_iovlen = 1 } },
				      { .msg_hdr = { .msg_iov = &in[1], .msg_iovlen = 1 } } };
	WORKS(syscall(SOCKETPAIR, AF_UNIX, SOCK_DGRAM, 0, pair));
	EQUAL(2, syscall(SENDMMSG, pair[0], send, 2, 0));
	EQUAL(2, syscall(RECVMMSG, pair[1], receive, 2, 0, NULL));
	TEXT("two", got[1]);
}

TEST(shared_memory_by_numbers_of_its_own)
{
	int id = syscall(SHMGET, 0, 4096, 0600);
	if (id < 0 && errno == ENOSYS)
		SKIP("Linux before 5.1");
	WORKS(id);
	char *at = (char *)syscall(SHMAT, id, NULL, 0);
	WORKS((long)at);
	at[0] = 'x';
	WORKS(syscall(SHMDT, at));
	WORKS(syscall(SHMCTL, id, 0 /* IPC_RMID */, NULL));
}

/* Number and arguments, then the result and what the registers of the arguments have become. */
struct registers {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
};
uint32_t call_entry;
void call_as_libcs(struct registers *r);
void call_by_interrupt(struct registers *r);
#define CALLER(name, how)                                                                                  \
	__asm__(".text\n.type " name ", @function\n" name ":\n"                                            \
		"	pushl %ebp\n	pushl %ebx\n	pushl %esi\n	pushl %edi\n"                               \
		"	movl 20(%esp), %eax\n	pushl %eax\n"                                                \
		"	movl 4(%eax), %ebx\n	movl 8(%eax), %ecx\n	movl 12(%eax), %edx\n"                   \
		"	movl 16(%eax), %esi\n	movl 20(%eax), %edi\n	movl 24(%eax), %ebp\n	movl (%eax), %eax\n" \
		"	" how "\n"                                                                          \
		"	xchgl %eax, (%esp)\n"                                                               \
		"	movl %ebx, 4(%eax)\n	movl %ecx, 8(%eax)\n	movl %edx, 12(%eax)\n"                   \
		"	movl %esi, 16(%eax)\n	movl %edi, 20(%eax)\n	movl %ebp, 24(%eax)\n	popl (%eax)\n"      \
		"	popl %edi\n	popl %esi\n	popl %ebx\n	popl %ebp\n	ret\n")
CALLER("call_as_libcs", "call *call_entry");
CALLER("call_by_interrupt", "int $0x80");

static uint32_t address_of(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static void (*make)(struct registers *r);

/* The call's result; faults are counted. */
static int make_call(struct registers r, int *faults)
{
	struct registers after = r;
	make(&after);
	*faults += after.ebx != r.ebx || after.ecx != r.ecx || after.edx != r.edx || after.esi != r.esi || after.edi != r.edi ||
		   after.ebp != r.ebp;
	return after.eax;
}

/* Calls that are answered, that fail, and that only the kernel can answer, by its way for libcs; how much was wrong. */
static int call_around(int rounds)
{
	enum { FSTATAT64 = 300, OPENAT = 295, CLOSE = 6, MMAP2 = 192, MUNMAP = 91, LARGE = 0100000 };
	int faults = 0;
	for (int i = 0; i < rounds; i++) {
		struct stat st = { .st_size = -1 };
		struct registers look = { FSTATAT64, AT_FDCWD, address_of("call"), address_of(&st), 0, 0x12345678, 0x9abcdef0 };
		faults += make_call(look, &faults) != 0 || st.st_size != 4 || st.st_uid != 0;
		look.ecx = address_of("not there");
		faults += make_call(look, &faults) != -ENOENT;
		struct registers open = { OPENAT, AT_FDCWD, address_of("call"), O_RDONLY | LARGE, 0xfffffff1, 0xfffffff2, 0xfffffff3 };
		int fd = make_call(open, &faults);
		faults += fd < 0;
		struct registers map = { MMAP2, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0 };
		int at = make_call(map, &faults);
		faults += memcmp((const char *)(uintptr_t)at, "call", 4) != 0;
		struct registers unmap = { MUNMAP, at, 4096, 1, 2, 3, 4 }, close = { CLOSE, fd, 1, 2, 3, 4, 5 };
		faults += make_call(unmap, &faults) != 0;
		faults += make_call(close, &faults) != 0;
	}
	return faults;
}

static void make_file_to_call_for(void)
{
	call_entry = getauxval(AT_SYSINFO);
	make = call_entry ? call_as_libcs : call_by_interrupt;
	int fd = WORKS(open("call", O_WRONLY | O_CREAT, 0644));
	WORKS(write(fd, "call", 4));
	WORKS(close(fd));
}

TEST(calls_change_no_register)
{
	make_file_to_call_for();
	EQUAL(0, call_around(100));
	make = call_by_interrupt;
	EQUAL(0, call_around(100));
}

static volatile sig_atomic_t interrupted, elsewhere;

static void look_where(int signal, siginfo_t *info, void *context)
{
	const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint32_t at = r[REG_EIP];
	(void)signal;
	(void)info;
	interrupted++;
	/* As 32-bit code, and in the program or the vdso. */
	elsewhere += (r[REG_CS] & 0xffff) != 0x23 || (at >= 0x69000000 && at < 0x71000000);
}

static void *call_in_thread(void *faults)
{
	*(int *)faults = call_around(2000);
	return NULL;
}

static void call_under_a_storm(void)
{
	enum { THREADS = 3 };
	struct sigaction action = { .sa_sigaction = look_where, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerval every = { { 0, 150 }, { 0, 150 } }, never = { { 0, 0 }, { 0, 0 } };
	pthread_t thread[THREADS];
	int faults[THREADS] = { 0 };
	WORKS(sigaction(SIGALRM, &action, NULL));
	WORKS(setitimer(ITIMER_REAL, &every, NULL));
	for (int i = 0; i < THREADS; i++)
		EQUAL(0, pthread_create(&thread[i], NULL, call_in_thread, &faults[i]));
	EQUAL(0, call_around(2000));
	for (int i = 0; i < THREADS; i++) {
		EQUAL(0, pthread_join(thread[i], NULL));
		EQUAL(0, faults[i]);
	}
	WORKS(setitimer(ITIMER_REAL, &never, NULL));
	EQUAL(1, interrupted > 0);
	EQUAL(0, elsewhere);
}

/* O_LARGEFILE is the program's own to give; creat(2) gives it always. */
TEST(large_files_are_opened_by_who_asks)
{
	enum { OPEN = 5, CREAT = 8, LARGE = 0100000 };
	static const int flags[] = { O_RDONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDONLY | O_NONBLOCK };
	make_file_to_call_for();
	WORKS(symlink("call", "link"));
	int next = WORKS(dup(0));
	close(next);
	for (int i = 0; i < 4; i++) {
		int fd = WORKS(syscall(OPEN, i & 1 ? "call" : "link", flags[i]));
		EQUAL(next, fd);
		EQUAL(flags[i], fcntl(fd, F_GETFL));
		EQUAL(0, fcntl(fd, F_GETFD));
		close(fd);
	}
	int fd = WORKS(syscall(OPEN, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	EQUAL(next, fd);
	EQUAL(O_DIRECTORY, fcntl(fd, F_GETFL) & ~LARGE);
	EQUAL(0, fcntl(fd, F_GETFL) & LARGE);
	EQUAL(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
	fd = WORKS(syscall(OPEN, "/dev/null", O_WRONLY));
	EQUAL(O_WRONLY, fcntl(fd, F_GETFL));
	close(fd);
	fd = WORKS(syscall(OPEN, "new", O_WRONLY | O_CREAT | O_EXCL, 0600));
	EQUAL(O_WRONLY, fcntl(fd, F_GETFL));
	close(fd);
	fd = WORKS(syscall(CREAT, "new", 0600));
	EQUAL(O_WRONLY | LARGE, fcntl(fd, F_GETFL));
	WORKS(ftruncate64(fd, INT64_C(1) << 31));
	close(fd);
	FAILS(EOVERFLOW, syscall(OPEN, "new", O_RDONLY));
	FAILS(EOVERFLOW, syscall(OPEN, "new", O_WRONLY | O_TRUNC));
	EQUAL(INT64_C(1) << 31, (int64_t)look("new").st_size);
	FAILS(ENOENT, syscall(OPEN, "not there", O_RDONLY));
	FAILS(ENOTDIR, syscall(OPEN, "call", O_RDONLY | O_DIRECTORY));
	fd = WORKS(syscall(OPEN, "new", O_RDONLY | LARGE));
	EQUAL(next, fd);
	close(fd);
}

TEST(signals_find_all_threads_in_code_of_their_own)
{
	make_file_to_call_for();
	call_under_a_storm();
	make = call_by_interrupt;
	call_under_a_storm();
}

/* Before the call or behind it, and no matter how it is made. */
static void open_is_interrupted(int flags, int how)
{
	enum { OPENAT = 295 };
	struct sigaction action = { .sa_sigaction = look_where, .sa_flags = SA_SIGINFO | flags };
	struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
	struct registers open_pipe = { OPENAT, AT_FDCWD, address_of("pipe"), O_RDONLY | how, 0, 7, 8 };
	int faults = 0, status;
	pid_t child = -1;
	WORKS(sigaction(SIGALRM, &action, NULL));
	if (flags & SA_RESTART) {
		child = WORKS(fork());
		if (child == 0) {
			usleep(60000);
			_exit(open("pipe", O_WRONLY) < 0);
		}
	}
	WORKS(setitimer(ITIMER_REAL, &soon, NULL));
	int result = make_call(open_pipe, &faults);
	EQUAL(0, faults);
	EQUAL(0, elsewhere);
	if (child < 0) {
		EQUAL(-EINTR, result);
		return;
	}
	EQUAL(1, result >= 0);
	close(result);
	EQUAL(child, waitpid(child, &status, 0));
	EQUAL(0, status);
}

TEST(an_interrupted_call_is_restarted_where_it_was_made)
{
	make_file_to_call_for();
	WORKS(mkfifo("pipe", 0600));
	enum { LARGE = 0100000 };
	for (int i = 0; i < 4; i++) {
		open_is_interrupted(0, i & 1 ? LARGE : 0);
		open_is_interrupted(SA_RESTART, i & 1 ? LARGE : 0);
		if (i == 1)
			make = call_by_interrupt;
	}
	EQUAL(8, interrupted);
}

/* openat(2) of x86-64, read-only; -1000 when its path's register has changed. */
int open_as_64_bit_code(const char *path);
__asm__(".text\n.type open_as_64_bit_code, @function\n"
	"open_as_64_bit_code:\n"
	"	pushl %edi\n	pushl %esi\n"
	"	movl 12(%esp), %esi\n"
	"	ljmp $0x33, $1f\n"
	"	.code64\n"
	"1:	movl $-100, %edi\n	xorl %edx, %edx\n	xorl %r10d, %r10d\n	movl $257, %eax\n"
	"	syscall\n"
	"	movl $back_to_32_bit_code, %r9d\n	ljmp *(%r9)\n"
	"	.code32\n"
	"2:	cmpl 12(%esp), %esi\n	je 3f\n	movl $-1000, %eax\n"
	"3:	popl %esi\n	popl %edi\n	ret\n"
	".section .rodata\n"
	"back_to_32_bit_code:\n	.long 2b\n	.word 0x23\n"
	".text\n");

TEST(a_program_may_go_into_64_bit_code_by_itself)
{
	struct stat st;
	int fd = open_as_64_bit_code("/etc/passwd");
	EQUAL(1, fd >= 0);
	WORKS(fstat(fd, &st));
	EQUAL(look("/etc/passwd").st_ino, st.st_ino);
	EQUAL(-ENOENT, open_as_64_bit_code("/not there"));
}
#elif defined(__x86_64__)
TEST(calls_of_the_other_kind_change_no_register)
{
	enum { OPEN = 5 };
	static const char name[] = "/etc/passwd";
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	EQUAL(1, low != MAP_FAILED);
	memcpy(low, name, sizeof(name));
	int64_t result = OPEN, rdi = 0x123456789a, rsi = 0x2345678901, rbx = (int64_t)(intptr_t)low, rcx = O_RDONLY;
	__asm__ volatile("int $0x80" : "+a"(result), "+b"(rbx), "+c"(rcx), "+D"(rdi), "+S"(rsi) : : "memory", "cc", "r8", "r9", "r10", "r11");
	if ((int32_t)result == -ENOSYS)
		SKIP("a kernel without calls of i386");
	EQUAL(1, (int32_t)result >= 0);
	EQUAL((int64_t)(intptr_t)low, rbx);
	EQUAL(O_RDONLY, rcx);
	EQUAL(0x123456789a, rdi);
	EQUAL(0x2345678901, rsi);
}
#else
TEST(of_i386_only)
{
	SKIP("of i386 only");
}
#endif
