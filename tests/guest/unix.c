/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of AF_UNIX: their names are files of the guest, whoever tells them; peers have the ids it knows. */
/* covers: socket bind connect listen socketpair getsockname getpeername accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg */
/* covers: getsockopt socketcall recvmmsg recvmmsg_time64 setsockopt */
#include "guest.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { HEAD = offsetof(struct sockaddr_un, sun_path) };

static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	memcpy(a.sun_path, name, strnlen(name, sizeof(a.sun_path)));
	return a;
}
static long bind_to(int fd, const char *name)
{
	struct sockaddr_un a = address_of(name);
	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}
static long connect_to(int fd, const char *name)
{
	struct sockaddr_un a = address_of(name);
	return connect(fd, (struct sockaddr *)&a, sizeof(a));
}
static const char *told(long (*ask)(int fd, struct sockaddr *a, socklen_t *size), int fd)
{
	static char text[sizeof(struct sockaddr_un) + 40];
	struct sockaddr_un a;
	socklen_t size = sizeof(a);
	memset(&a, 0, sizeof(a));
	if (ask(fd, (struct sockaddr *)&a, &size) < 0)
		return strerrorname_np(errno);
	snprintf(text, sizeof(text), "%u:%.*s", (unsigned)(size - HEAD), (int)sizeof(a.sun_path), a.sun_path);
	return text;
}
static long ask_name(int fd, struct sockaddr *a, socklen_t *size)
{
	return getsockname(fd, a, size);
}
static long ask_peer(int fd, struct sockaddr *a, socklen_t *size)
{
	return getpeername(fd, a, size);
}
static int stream(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

TEST(a_bound_socket_is_a_file_of_the_binders)
{
	umask(027);
	CHILD {
		WORKS(chmod(".", 0777));
		WORKS(setresgid(6, 6, 6));
		WORKS(setresuid(5, 5, 5));
		WORKS(bind_to(stream(), "s"));
	}
	EQUAL(S_IFSOCK | 0750, look("s").st_mode);
	EQUAL(5, look("s").st_uid);
	EQUAL(6, look("s").st_gid);
	FAILS(EADDRINUSE, bind_to(stream(), "s"));
	FAILS(ENOENT, bind_to(stream(), "missing/s"));
	FAILS(ENOTDIR, bind_to(stream(), "s/x"));
	WORKS(symlink("dangling", "l"));
	FAILS(EADDRINUSE, bind_to(stream(), "l"));
	int fd = stream();
	WORKS(bind_to(fd, "t"));
	FAILS(EINVAL, bind_to(fd, "u"));
	WORKS(rename("t", "v"));
	WORKS(unlink("v"));
	WORKS(mkdir("locked", 0755));
	AS (1000, 1000)
		FAILS(EACCES, bind_to(stream(), "locked/s"));
}

TEST(names_are_told_as_they_were_given)
{
	char path[PATH_MAX], expected[PATH_MAX + 16];
	int listener = stream(), client = stream();
	WORKS(bind_to(listener, "./s"));
	TEXT("4:./s", told(ask_name, listener));
	WORKS(listen(listener, 5));
	WORKS(connect_to(client, "s"));
	TEXT("4:./s", told(ask_peer, client));
	TEXT("0:", told(ask_name, client));
	struct sockaddr_un a;
	socklen_t size = sizeof(a);
	int server = WORKS(accept(listener, (struct sockaddr *)&a, &size));
	EQUAL(2, size);
	TEXT("4:./s", told(ask_name, server));
	TEXT("0:", told(ask_peer, server));
	/* An absolute name, and a client with one */
	WORKS(getcwd(path, sizeof(path)) ? 0 : -1);
	strncat(path, "/abs", sizeof(path) - strlen(path) - 1);
	if (strlen(path) < 108) {
		int other = stream();
		WORKS(bind_to(other, path));
		snprintf(expected, sizeof(expected), "%u:%s", (unsigned)strlen(path) + 1, path);
		TEXT(expected, told(ask_name, other));
		WORKS(connect_to(other, "s"));
		size = sizeof(a);
		memset(&a, 0, sizeof(a));
		WORKS(accept4(listener, (struct sockaddr *)&a, &size, SOCK_CLOEXEC));
		TEXT(path, a.sun_path);
		EQUAL(HEAD + strlen(path) + 1, size);
	}
	FAILS(EBADF, getsockname(77, (struct sockaddr *)&a, &size));
	FAILS(ENOTCONN, getpeername(listener, (struct sockaddr *)&a, &size));
}

TEST(names_of_108_bytes)
{
	char name[120];
	memset(name, 'n', sizeof(name));
	name[108] = '\0';
	int listener = stream();
	WORKS(bind_to(listener, name));
	WORKS(listen(listener, 1));
	EQUAL(S_IFSOCK, look(name).st_mode & S_IFMT);
	WORKS(connect_to(stream(), name));
	name[107] = '\0';
	WORKS(bind_to(stream(), name));
}

TEST(deep_directories_and_chroots)
{
	char name[256];
	memset(name, 'd', 200);
	name[200] = '\0';
	WORKS(mkdir(name, 0755));
	WORKS(chdir(name));
	WORKS(mkdir(name, 0755));
	WORKS(chdir(name));
	int listener = stream();
	WORKS(bind_to(listener, "s"));
	WORKS(listen(listener, 1));
	WORKS(connect_to(stream(), "s"));
	CHILD {
		WORKS(chroot("."));
		WORKS(connect_to(stream(), "/s"));
		int other = stream();
		WORKS(bind_to(other, "/t"));
		TEXT("3:/t", told(ask_name, other));
	}
	EQUAL(S_IFSOCK, look("t").st_mode & S_IFMT);
}

TEST(connecting_needs_a_writable_socket)
{
	int listener = stream();
	WORKS(bind_to(listener, "s"));
	WORKS(listen(listener, 5));
	put_file("f", 0666, "");
	FAILS(ECONNREFUSED, connect_to(stream(), "f"));
	FAILS(ENOENT, connect_to(stream(), "missing"));
	WORKS(symlink("s", "l"));
	WORKS(connect_to(stream(), "l"));
	WORKS(chmod("s", 0755));
	AS (1000, 1000)
		FAILS(EACCES, connect_to(stream(), "s"));
	WORKS(chmod("s", 0702));
	AS (1000, 1000)
		WORKS(connect_to(stream(), "s"));
	WORKS(close(listener));
	FAILS(ECONNREFUSED, connect_to(stream(), "s"));
	int wrong = socket(AF_UNIX, SOCK_DGRAM, 0);
	listener = stream();
	WORKS(bind_to(listener, "t"));
	WORKS(listen(listener, 1));
	FAILS(EPROTOTYPE, connect_to(wrong, "t"));
}

TEST(datagrams_by_name_tell_the_sender)
{
	int receiver = WORKS(socket(AF_UNIX, SOCK_DGRAM, 0)), sender = WORKS(socket(AF_UNIX, SOCK_DGRAM, 0));
	struct sockaddr_un a = address_of("r"), from;
	socklen_t size = sizeof(from);
	char text[16] = "";
	WORKS(bind_to(receiver, "r"));
	WORKS(bind_to(sender, "s"));
	EQUAL(2, sendto(sender, "to", 2, 0, (struct sockaddr *)&a, sizeof(a)));
	memset(&from, 0, sizeof(from));
	EQUAL(2, recvfrom(receiver, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&from, &size));
	TEXT("to", text);
	TEXT("s", from.sun_path);
	EQUAL(HEAD + 2, size);
	struct iovec part = { (char *)"message", 7 };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &part, .msg_iovlen = 1 };
	EQUAL(7, sendmsg(sender, &m, 0));
	struct mmsghdr many[2] = { { .msg_hdr = m }, { .msg_hdr = m } };
	EQUAL(2, sendmmsg(sender, many, 2, 0));
	EQUAL(7, many[1].msg_len);
	for (unsigned i = 0; i < 3; i++) {
		struct iovec room = { text, sizeof(text) };
		struct msghdr got = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &room, .msg_iovlen = 1 };
		memset(&from, 0, sizeof(from));
		EQUAL(7, recvmsg(receiver, &got, MSG_DONTWAIT));
		TEXT("s", from.sun_path);
		EQUAL(HEAD + 2, got.msg_namelen);
		EQUAL(0, memcmp(text, "message", 7));
	}
	a = address_of("missing");
	FAILS(ENOENT, sendto(sender, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)));
	FAILS(ENOENT, sendmsg(sender, &m, 0));
	FAILS(ENOENT, sendmmsg(sender, many, 1, 0));
	/* Absolute names are the guest's, wherever it is. */
	char path[PATH_MAX];
	WORKS(getcwd(path, sizeof(path)) ? 0 : -1);
	strncat(path, "/t", sizeof(path) - strlen(path) - 1);
	if (strlen(path) < 108) {
		int absolute = WORKS(socket(AF_UNIX, SOCK_DGRAM, 0));
		WORKS(bind_to(absolute, path));
		a = address_of("r");
		EQUAL(1, sendto(absolute, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)));
		struct iovec room = { text, sizeof(text) };
		struct msghdr got = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &room, .msg_iovlen = 1 };
		memset(&from, 0, sizeof(from));
		EQUAL(1, recvmsg(receiver, &got, MSG_DONTWAIT));
		TEXT(path, from.sun_path);
		a = address_of(path);
		many[0].msg_hdr.msg_name = &a;
		EQUAL(1, sendmmsg(sender, many, 1, 0));
		EQUAL(7, recv(absolute, text, sizeof(text), MSG_DONTWAIT));
	}
}

TEST(a_name_that_does_not_fit_is_cut)
{
	char path[100], back[128];
	/* Short, so that any host's name for it is longer. */
	snprintf(path, sizeof(path), "/tmp/guest-%d", getpid());
	unlink(path);
	int fd = stream();
	WORKS(bind_to(fd, path));
	memset(back, '#', sizeof(back));
	socklen_t size = HEAD + 7;
	WORKS(getsockname(fd, (struct sockaddr *)back, &size));
	EQUAL(HEAD + strlen(path) + 1, size);
	EQUAL(0, memcmp(back + HEAD, "/tmp/gu###", 10));
	size = HEAD + strlen(path) + 1;
	WORKS(getsockname(fd, (struct sockaddr *)back, &size));
	TEXT(path, back + HEAD);
	size = 0;
	WORKS(getsockname(fd, (struct sockaddr *)back, &size));
	EQUAL(HEAD + strlen(path) + 1, size);
	size = -1;
	FAILS(EINVAL, getsockname(fd, (struct sockaddr *)back, &size));
	WORKS(unlink(path));
}

TEST(abstract_and_automatic_names)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int listener = stream();
	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "guest-test-%d", getpid());
	socklen_t size = HEAD + 1 + strlen(a.sun_path + 1);
	WORKS(bind(listener, (struct sockaddr *)&a, size));
	WORKS(listen(listener, 1));
	struct sockaddr_un back;
	socklen_t back_size = sizeof(back);
	WORKS(getsockname(listener, (struct sockaddr *)&back, &back_size));
	EQUAL(size, back_size);
	EQUAL(0, memcmp(&a, &back, size));
	WORKS(connect(stream(), (struct sockaddr *)&a, size));
	FAILS(EADDRINUSE, bind(stream(), (struct sockaddr *)&a, size));
	int automatic = stream();
	WORKS(bind(automatic, (struct sockaddr *)&a, HEAD));
	back_size = sizeof(back);
	WORKS(getsockname(automatic, (struct sockaddr *)&back, &back_size));
	EQUAL(HEAD + 6, back_size);
	FAILS(EINVAL, bind(stream(), (struct sockaddr *)&a, 1));
	FAILS(EINVAL, bind(stream(), (struct sockaddr *)&a, sizeof(a) + 1));
	FAILS(EFAULT, bind(stream(), bad, sizeof(a)));
	FAILS(EBADF, bind_to(77, "x"));
	FAILS(EINVAL, connect(stream(), (struct sockaddr *)&a, 1));
}

static struct ucred peer_of(int fd)
{
	struct ucred u = { 0, 77, 77 };
	socklen_t size = sizeof(u);
	WORKS(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &size));
	EQUAL(sizeof(u), size);
	return u;
}

TEST(peers_have_the_ids_of_when_they_connected)
{
	int listener = stream(), pair[2];
	WORKS(bind_to(listener, "s"));
	WORKS(chmod("s", 0777));
	WORKS(listen(listener, 5));
	int ends[2];
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		int fd = stream();
		WORKS(setresgid(1001, 1002, 1001));
		WORKS(setresuid(2001, 2002, 2001));
		WORKS(connect_to(fd, "s"));
		struct ucred u = peer_of(fd);
		EQUAL(0, u.uid);
		EQUAL(0, u.gid);
		EQUAL(getppid(), u.pid);
		char byte;
		close(ends[1]);
		if (read(ends[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	int server = WORKS(accept(listener, NULL, NULL));
	struct ucred u = peer_of(server);
	EQUAL(2002, u.uid);
	EQUAL(1002, u.gid);
	EQUAL(child, u.pid);
	close(ends[1]);
	waitpid(child, NULL, 0);
	/* also when the peer is no more */
	u = peer_of(server);
	EQUAL(2002, u.uid);
	EQUAL(1002, u.gid);
	EQUAL(child, u.pid);
	WORKS(setresuid(0, 500, 0));
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	WORKS(setresuid(0, 0, 0));
	EQUAL(500, peer_of(pair[0]).uid);
	EQUAL(500, peer_of(pair[1]).uid);
}

static long send_ids(int fd, const struct ucred *u)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(*u))];
	} control;
	struct iovec part = { (char *)"x", 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_CREDENTIALS;
	control.head.cmsg_len = CMSG_LEN(sizeof(*u));
	memcpy(CMSG_DATA(&control.head), u, sizeof(*u));
	return sendmsg(fd, &m, 0);
}

static struct ucred receive_ids(int fd)
{
	struct ucred u = { 0, 77, 77 };
	char byte;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(u))];
	} control;
	struct iovec part = { &byte, 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	memset(&control, 0, sizeof(control));
	EQUAL(1, recvmsg(fd, &m, MSG_DONTWAIT));
	if (m.msg_controllen && control.head.cmsg_type == SCM_CREDENTIALS)
		memcpy(&u, CMSG_DATA(&control.head), sizeof(u));
	return u;
}

TEST(sent_credentials)
{
	int pair[2], on = 1;
	struct ucred u = { getpid(), 0, 0 };
	WORKS(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	WORKS(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	EQUAL(1, send_ids(pair[0], &u));
	struct ucred got = receive_ids(pair[1]);
	EQUAL(0, got.uid);
	EQUAL(getpid(), got.pid);
	/* Root may say what it likes. */
	u.uid = 33;
	u.gid = 44;
	EQUAL(1, send_ids(pair[0], &u));
	got = receive_ids(pair[1]);
	EQUAL(33, got.uid);
	EQUAL(44, got.gid);
	/* Without a message of them the kernel adds the sender's real ids. */
	CHILD {
		WORKS(setresgid(8, 9, 8));
		WORKS(setresuid(6, 7, 6));
		EQUAL(1, send(pair[0], "x", 1, 0));
	}
	got = receive_ids(pair[1]);
	EQUAL(6, got.uid);
	EQUAL(8, got.gid);
	CHILD {
		WORKS(setresgid(8, 9, 8));
		WORKS(setresuid(6, 7, 6));
		struct ucred own = { getpid(), 0, 8 };
		FAILS(EPERM, send_ids(pair[0], &own));
		own.uid = 6;
		own.gid = 0;
		FAILS(EPERM, send_ids(pair[0], &own));
		own.gid = 8;
		own.pid = getppid();
		FAILS(EPERM, send_ids(pair[0], &own));
		own.pid = getpid();
		own.uid = 7;
		own.gid = 9;
		EQUAL(1, send_ids(pair[0], &own));
	}
	got = receive_ids(pair[1]);
	EQUAL(7, got.uid);
	EQUAL(9, got.gid);
}

/* Whatever the sender has become when they are received. */
TEST(credentials_are_those_of_the_send)
{
	static const int type[] = { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM };
	for (unsigned i = 0; i < sizeof(type) / sizeof(*type); i++) {
		int pair[2], other[2], on = 1;
		struct ucred u = { getpid(), 0, 0 };
		WORKS(socketpair(AF_UNIX, type[i], 0, pair));
		WORKS(socketpair(AF_UNIX, type[i], 0, other));
		WORKS(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		WORKS(setsockopt(other[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		EQUAL(1, send(pair[0], "x", 1, 0));
		CHILD {
			struct ucred named = { getpid(), 33, 44 };
			EQUAL(1, send(pair[0], "x", 1, 0));
			EQUAL(1, send(pair[0], "x", 1, 0));
			EQUAL(1, send(other[0], "x", 1, 0));
			EQUAL(1, send_ids(pair[0], &named));
			WORKS(setresgid(8, 8, 8));
			WORKS(setresuid(6, 6, 6));
			EQUAL(1, send(pair[0], "x", 1, 0));
			EQUAL(1, send(other[0], "x", 1, 0));
		}
		EQUAL(1, send_ids(pair[0], &u));
		static const int uid[] = { 0, 0, 0, 33, 6, 0 }, gid[] = { 0, 0, 0, 44, 8, 0 };
		for (unsigned n = 0; n < sizeof(uid) / sizeof(*uid); n++) {
			struct ucred got = receive_ids(pair[1]);
			EQUAL(uid[n], got.uid);
			EQUAL(gid[n], got.gid);
		}
		EQUAL(0, receive_ids(other[1]).uid);
		EQUAL(6, receive_ids(other[1]).uid);
		for (unsigned n = 0; n < 2; n++) {
			close(pair[n]);
			close(other[n]);
		}
	}
}

TEST(kinds_of_sockets)
{
	close(WORKS(socket(AF_INET, SOCK_STREAM, 0)));
	close(WORKS(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)));
	FAILS(EAFNOSUPPORT, socket(200, SOCK_STREAM, 0));
	FAILS(EINVAL, socket(AF_INET, 15, 0));
	FAILS(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	FAILS(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_STREAM, 7));
	int fd = WORKS(socket(AF_INET, SOCK_STREAM, 0));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, back;
	socklen_t size = sizeof(back);
	WORKS(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	WORKS(getsockname(fd, (struct sockaddr *)&back, &size));
	EQUAL(sizeof(back), size);
	EQUAL(a.sin_addr.s_addr, back.sin_addr.s_addr);
	WORKS(listen(fd, 1));
	int client = WORKS(socket(AF_INET, SOCK_STREAM, 0));
	WORKS(connect(client, (struct sockaddr *)&back, sizeof(back)));
	size = sizeof(back);
	WORKS(accept(fd, (struct sockaddr *)&back, &size));
	EQUAL(sizeof(back), size);
}

#ifdef __i386__
TEST(socketcall_does_the_same)
{
	struct sockaddr_un a = address_of("s"), back;
	socklen_t size = sizeof(back);
	long fd = WORKS(syscall(SYS_socketcall, 1, (long[]){ AF_UNIX, SOCK_DGRAM, 0 }));
	WORKS(syscall(SYS_socketcall, 2, (long[]){ fd, (long)&a, sizeof(a) }));
	EQUAL(S_IFSOCK | 0755, look("s").st_mode);
	memset(&back, 0, sizeof(back));
	WORKS(syscall(SYS_socketcall, 6, (long[]){ fd, (long)&back, (long)&size }));
	TEXT("s", back.sun_path);
	long other = WORKS(syscall(SYS_socketcall, 1, (long[]){ AF_UNIX, SOCK_DGRAM, 0 }));
	EQUAL(3, syscall(SYS_socketcall, 11, (long[]){ other, (long)"abc", 3, 0, (long)&a, sizeof(a) }));
	WORKS(syscall(SYS_socketcall, 3, (long[]){ other, (long)&a, sizeof(a) }));
	char text[8] = "";
	size = sizeof(back);
	EQUAL(3, syscall(SYS_socketcall, 12, (long[]){ fd, (long)text, 8, 0, (long)&back, (long)&size }));
	TEXT("abc", text);
	FAILS(EINVAL, syscall(SYS_socketcall, 99, (long[]){ 0 }));
	FAILS(EFAULT, syscall(SYS_socketcall, 1, bad));
	int pair[2];
	WORKS(syscall(SYS_socketcall, 8, (long[]){ AF_UNIX, SOCK_STREAM, 0, (long)pair }));
	struct ucred u;
	size = sizeof(u);
	WORKS(syscall(SYS_socketcall, 15, (long[]){ pair[0], SOL_SOCKET, SO_PEERCRED, (long)&u, (long)&size }));
	EQUAL(0, u.uid);
}
#endif
