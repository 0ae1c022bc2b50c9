/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and credentials of sockets: paths of any length, privileged ports, who the peer is. */
/* covers: socket bind connect getsockname getpeername accept accept4 recvfrom sendto sendmsg sendmmsg recvmsg */
/* covers: recvmmsg recvmmsg_time64 getsockopt setsockopt socketcall */
#include "guest.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static socklen_t unix_address(struct sockaddr_un *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, path, strlen(path));
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

static int unix_socket(int type, const char *path, bool is_server)
{
	struct sockaddr_un a;
	socklen_t size = unix_address(&a, path);
	int fd = WORKS(socket(AF_UNIX, type, 0));
	WORKS(is_server ? bind(fd, (void *)&a, size) : connect(fd, (void *)&a, size));
	if (is_server && type == SOCK_STREAM)
		WORKS(listen(fd, 5));
	return fd;
}

static char *name_of(int fd, bool is_peer)
{
	static struct sockaddr_un a;
	socklen_t size = sizeof(a);
	memset(&a, 0, sizeof(a));
	WORKS(is_peer ? getpeername(fd, (void *)&a, &size) : getsockname(fd, (void *)&a, &size));
	EQUAL(offsetof(struct sockaddr_un, sun_path) + strlen(a.sun_path) + (a.sun_path[0] != 0), size);
	return a.sun_path;
}

TEST(names_are_told_as_they_were_given)
{
	int server = unix_socket(SOCK_STREAM, "./here", true);
	TEXT("./here", name_of(server, false));
	EQUAL(S_IFSOCK | 0755, look("here").st_mode);
	int client = unix_socket(SOCK_STREAM, "here", false);
	TEXT("./here", name_of(client, true));
	struct sockaddr_un a;
	socklen_t size = sizeof(a);
	int peer = WORKS(accept(server, (void *)&a, &size));
	EQUAL(2, size);
	TEXT("", name_of(peer, true));
	/* A buffer that is too small is not written beyond. */
	char small[12] = "..........\1";
	size = 10;
	WORKS(getsockname(server, (void *)small, &size));
	EQUAL(1, small[10]);
	FAILS(EADDRINUSE, bind(WORKS(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&a, unix_address(&a, "here")));
	FAILS(ENOENT, connect(WORKS(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&a, unix_address(&a, "gone")));
	put_file("plain", 0777, "");
	FAILS(ECONNREFUSED, connect(WORKS(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&a, unix_address(&a, "plain")));
}

TEST(paths_of_full_length_work_in_deep_directories)
{
	char path[108], text[8] = "";
	for (unsigned i = 0; i < 6; i++) {
		char name[251];
		memset(name, 'a' + i, 250);
		name[250] = '\0';
		WORKS(mkdir(name, 0755));
		WORKS(chdir(name));
	}
	for (unsigned i = 0; i < 70; i++) {
		snprintf(path, sizeof(path), "s%u", i);
		int server = unix_socket(SOCK_DGRAM, path, true);
		TEXT(path, name_of(server, false));
		struct sockaddr_un a, from;
		socklen_t size = unix_address(&a, path), from_size = sizeof(from);
		int client = i % 2 ? WORKS(socket(AF_UNIX, SOCK_DGRAM, 0)) : unix_socket(SOCK_DGRAM, "client", true);
		EQUAL(2, sendto(client, "hi", 2, 0, (void *)&a, size));
		memset(&from, 0, sizeof(from));
		EQUAL(2, recvfrom(server, text, sizeof(text), 0, (void *)&from, &from_size));
		TEXT(i % 2 ? "" : "client", from_size > 2 ? from.sun_path : "");
		close(server);
		close(client);
		unlink("client");
	}
}

TEST(abstract_names_are_nobodys_files)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t size = 2 + 1 + snprintf(a.sun_path + 1, 90, "guest-test-%d", getpid()), got = sizeof(a);
	int server = WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
	WORKS(bind(server, (void *)&a, size));
	WORKS(listen(server, 1));
	int client = WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
	WORKS(connect(client, (void *)&a, size));
	struct sockaddr_un b;
	WORKS(getpeername(client, (void *)&b, &got));
	EQUAL(size, got);
	EQUAL(0, memcmp(&a, &b, size));
}

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static unsigned port_of(int fd, bool is_peer)
{
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	memset(&a, 0, sizeof(a));
	WORKS(is_peer ? getpeername(fd, (void *)&a, &size) : getsockname(fd, (void *)&a, &size));
	return ntohs(a.sin_port);
}

TEST(privileged_ports_are_roots)
{
	struct sockaddr_in a = loopback(917);
	int on = 1, server = WORKS(socket(AF_INET, SOCK_STREAM, 0)), other = WORKS(socket(AF_INET, SOCK_STREAM, 0));
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	AS (1000, 1000)
		FAILS(EACCES, bind(server, (void *)&a, sizeof(a)));
	WORKS(bind(server, (void *)&a, sizeof(a)));
	WORKS(listen(server, 5));
	EQUAL(917, port_of(server, false));
	FAILS(EADDRINUSE, bind(other, (void *)&a, sizeof(a)));
	AS (1000, 1000) {
		int client = WORKS(socket(AF_INET, SOCK_STREAM, 0));
		WORKS(connect(client, (void *)&a, sizeof(a)));
		EQUAL(917, port_of(client, true));
	}
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	int peer = WORKS(accept(server, (void *)&from, &size));
	EQUAL(917, port_of(peer, false));
	EQUAL(true, ntohs(from.sin_port) >= 1024);
}

TEST(privileged_ports_of_datagrams)
{
	struct sockaddr_in a = loopback(918), b = loopback(919), from;
	socklen_t size = sizeof(from);
	int one = WORKS(socket(AF_INET, SOCK_DGRAM, 0)), two = WORKS(socket(AF_INET, SOCK_DGRAM, 0));
	char text[8] = "";
	WORKS(bind(one, (void *)&a, sizeof(a)));
	WORKS(bind(two, (void *)&b, sizeof(b)));
	EQUAL(2, sendto(two, "hi", 2, 0, (void *)&a, sizeof(a)));
	EQUAL(2, recvfrom(one, text, sizeof(text), 0, (void *)&from, &size));
	EQUAL(919, ntohs(from.sin_port));
	struct iovec part = { (char[]){ "a" }, 1 };
	struct mmsghdr many[2];
	memset(many, 0, sizeof(many));
	for (unsigned i = 0; i < 2; i++)
		many[i].msg_hdr = (struct msghdr){ .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &part, .msg_iovlen = 1 };
	EQUAL(2, sendmmsg(two, many, 2, 0));
	EQUAL(1, many[1].msg_len);
	EQUAL((long)&a, (long)many[0].msg_hdr.msg_name);
	EQUAL(1, read(one, text, sizeof(text)));
	EQUAL(1, read(one, text, sizeof(text)));
}

TEST(several_messages_by_path)
{
	struct sockaddr_un a;
	socklen_t size = unix_address(&a, "sock");
	int server = unix_socket(SOCK_DGRAM, "sock", true), client = WORKS(socket(AF_UNIX, SOCK_DGRAM, 0));
	struct iovec parts[3] = { { (char[]){ "a" }, 1 }, { (char[]){ "bb" }, 2 }, { (char[]){ "ccc" }, 3 } };
	struct mmsghdr many[3];
	char text[8];
	memset(many, 0, sizeof(many));
	for (unsigned i = 0; i < 3; i++)
		many[i].msg_hdr = (struct msghdr){ .msg_name = &a, .msg_namelen = size, .msg_iov = &parts[i], .msg_iovlen = 1 };
	EQUAL(3, sendmmsg(client, many, 3, 0));
	for (unsigned i = 0; i < 3; i++) {
		EQUAL(i + 1, many[i].msg_len);
		EQUAL((long)&a, (long)many[i].msg_hdr.msg_name);
		EQUAL(i + 1, read(server, text, sizeof(text)));
	}
}

static void send_credentials(int fd, const struct ucred *u, int expected)
{
	union {
		char room[CMSG_SPACE(sizeof(*u))];
		struct cmsghdr align;
	} control;
	struct iovec part = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	memset(&control, 0, sizeof(control));
	if (u) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_CREDENTIALS;
		h->cmsg_len = CMSG_LEN(sizeof(*u));
		memcpy(CMSG_DATA(h), u, sizeof(*u));
	}
	if (expected)
		FAILS(expected, sendmsg(fd, &m, 0));
	else
		EQUAL(1, sendmsg(fd, &m, 0));
}

static struct ucred receive_credentials(int fd)
{
	struct ucred u = { -1, -1, -1 };
	union {
		char room[CMSG_SPACE(sizeof(u))];
		struct cmsghdr align;
	} control;
	char text[2];
	struct iovec part = { text, 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	EQUAL(1, recvmsg(fd, &m, 0));
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS)
		memcpy(&u, CMSG_DATA(h), sizeof(u));
	return u;
}

TEST(credentials_are_the_senders)
{
	int ends[2], on = 1, hold[2];
	WORKS(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	WORKS(pipe(hold));
	WORKS(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	pid_t child = fork();
	if (child == 0) {
		struct ucred u = { getpid(), 33, 34 };
		char go;
		send_credentials(ends[1], &u, 0);
		/* fakebuild remembers the last claim of a process, not one for each message. */
		WORKS(read(hold[0], &go, 1));
		WORKS(setresgid(2000, 2000, 2000));
		WORKS(setresuid(1000, 1000, 1000));
		send_credentials(ends[1], &u, EPERM);
		u = (struct ucred){ getpid(), 1000, 2000 };
		send_credentials(ends[1], &u, 0);
		close(hold[1]);
		_exit(read(hold[0], &go, 1) != 0);
	}
	struct ucred u = receive_credentials(ends[0]);
	EQUAL(child, u.pid);
	EQUAL(33, u.uid);
	EQUAL(34, u.gid);
	WORKS(write(hold[1], "x", 1));
	u = receive_credentials(ends[0]);
	EQUAL(1000, u.uid);
	EQUAL(2000, u.gid);
	close(hold[0]);
	close(hold[1]);
	WORKS(waitpid(child, NULL, 0));
	send_credentials(ends[1], NULL, 0);
	u = receive_credentials(ends[0]);
	EQUAL(getpid(), u.pid);
	EQUAL(0, u.uid);
}

TEST(peers_are_told_by_their_ids)
{
	int server = unix_socket(SOCK_STREAM, "sock", true);
	struct ucred u;
	socklen_t size = sizeof(u);
	WORKS(chmod("sock", 0777));
	WORKS(chmod(".", 0755));
	int ends[2];
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		WORKS(setresgid(2000, 2000, 2000));
		WORKS(setresuid(1000, 1000, 1000));
		int fd = unix_socket(SOCK_STREAM, "sock", false);
		WORKS(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &size));
		EQUAL(getppid(), u.pid);
		EQUAL(0, u.uid);
		char go;
		close(ends[1]);
		_exit(read(ends[0], &go, 1) != 0);
	}
	int peer = WORKS(accept(server, NULL, NULL));
	WORKS(getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &u, &size));
	EQUAL(child, u.pid);
	EQUAL(1000, u.uid);
	EQUAL(2000, u.gid);
	close(ends[0]);
	close(ends[1]);
	WORKS(waitpid(child, NULL, 0));
}
