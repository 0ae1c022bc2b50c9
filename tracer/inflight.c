/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the ids of messages that wait to be received. */
#include "tracer/inflight.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/behind.h"

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42 /* since Linux 3.4 */
#endif

enum { SENDS_MAX = 256, SOCKETS_MAX = 64, MESSAGE_MAX = 1 << 20 };

/* Messages of one sender in one socket, in the order in which they come. */
static struct sends {
	ino_t socket;
	pid_t pid;
	uint64_t left; /* messages, of a stream bytes */
	bool is_stream;
	struct ucred ids;
} sends[SENDS_MAX];
static unsigned sends_count;
static bool is_on;

struct counting {
	const struct process *sender;
	const struct ucred *ids;
	ino_t seen[SOCKETS_MAX]; /* several processes may have one */
	unsigned seen_count;
};

void inflight_begin(struct process *receiver)
{
	is_on = receiver->asks_ids = true;
}

void inflight_close(void)
{
	is_on = false;
	sends_count = 0;
}

static void drop(unsigned n)
{
	memmove(sends + n, sends + n + 1, (--sends_count - n) * sizeof(*sends));
}

/* Of all that waits in the socket, what this process has sent: messages, of a stream bytes. */
static uint64_t count_waiting(int fd, pid_t sender, bool is_stream)
{
	int offset = -1, zero = 0, none = -1;
	socklen_t size = sizeof(offset);
	/* Who looks ahead by an offset of his own is not to lose it. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &size) < 0 || offset != -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)) < 0)
		return 0;
	CLEANUP_TALLOC char *content = mem_array(NULL, char, MESSAGE_MAX);
	uint64_t count = 0;
	for (;;) {
		/* No room for descriptors, which would become ours. */
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(struct ucred))];
		} control;
		struct iovec part = { content, MESSAGE_MAX };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		struct ucred u;
		ssize_t n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);
		if (n < 0 || (n == 0 && is_stream))
			break;
		if (m.msg_controllen < sizeof(control) || control.head.cmsg_type != SCM_CREDENTIALS)
			break;
		memcpy(&u, CMSG_DATA(&control.head), sizeof(u));
		if (u.pid == sender)
			count += is_stream ? (uint64_t)n : 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof(none));
	return count;
}

static void note(const struct counting *c, ino_t socket, uint64_t count, bool is_stream)
{
	uint64_t known = 0;
	for (unsigned i = sends_count; i-- > 0;) {
		struct sends *s = &sends[i];
		if (s->socket != socket || s->pid != c->sender->pid)
			continue;
		/* The last to come are those known last; others were taken by a call that asks for no credentials. */
		s->left = known + s->left > count ? count - known : s->left;
		known += s->left;
		if (!s->left)
			drop(i);
	}
	if (count == known)
		return;
	if (sends_count == SENDS_MAX)
		drop(0);
	sends[sends_count++] = (struct sends){ socket, c->sender->pid, count - known, is_stream, *c->ids };
}

static void look_at_socket(struct counting *c, pid_t pid, int number, ino_t socket)
{
	int domain, type, asks = 0;
	socklen_t size = sizeof(int);
	for (unsigned i = 0; i < c->seen_count; i++)
		if (c->seen[i] == socket)
			return;
	CLEANUP_CLOSE int fd = behind_copy(pid, number);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &asks, &size) < 0 || !asks ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return;
	if (c->seen_count < SOCKETS_MAX)
		c->seen[c->seen_count++] = socket;
	note(c, socket, count_waiting(fd, c->sender->pid, type == SOCK_STREAM), type == SOCK_STREAM);
}

static int look_at_receiver(struct tracee *t, void *arg)
{
	char name[64], link[64];
	unsigned long socket;
	if (!t->is_known || !t->process->asks_ids || t->tid != t->process->pid)
		return 0;
	snprintf(name, sizeof(name), "/proc/%d/fd", t->tid);
	DIR *dir = opendir(name);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (sscanf(link, "socket:[%lu]", &socket) == 1)
			look_at_socket(arg, t->tid, (int)strtol(e->d_name, NULL, 10), socket);
	}
	if (dir)
		closedir(dir);
	return 0;
}

void inflight_settle(const struct process *p, const struct ucred *ids)
{
	struct counting counting = { .sender = p, .ids = ids };
	if (is_on)
		tracee_each(look_at_receiver, &counting);
}

bool inflight_take(const struct tracee *t, int fd, uint64_t size, int flags, struct ucred *ids)
{
	char link[64];
	struct stat st;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->tid, fd);
	if (!sends_count || stat(link, &st) < 0)
		return false;
	for (unsigned i = 0; i < sends_count; i++) {
		struct sends *s = &sends[i];
		if (s->socket != st.st_ino || s->pid != ids->pid)
			continue;
		*ids = s->ids;
		uint64_t taken = flags & MSG_PEEK ? 0 : s->is_stream ? size : 1;
		s->left -= taken < s->left ? taken : s->left;
		if (!s->left)
			drop(i);
		return true;
	}
	return false;
}
