/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that i386 has twice: by socketcall(2) and ipc(2), and since Linux 4.3 and 5.1 by numbers of their own. */
/* covers: socketcall ipc sendmmsg recvmmsg */
#include "guest.h"

#include <sys/socket.h>
#include <sys/un.h>

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
