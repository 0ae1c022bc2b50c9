/* SPDX-License-Identifier: Apache-2.0 */
/* Owns console sockets and pidfd sockets. */
#include "compat/runc/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tracer/base/io.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static int connect_to(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP_CLOSE int node = -1;
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) < sizeof(address.sun_path)) {
		memcpy(address.sun_path, path, strlen(path) + 1);
	} else {
		/* A longer name is reached through a descriptor. */
		node = open(path, O_PATH | O_CLOEXEC);
		snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "cannot connect to the socket '%s'", path);
	return io_take_fd(&fd);
}

int console_send_over(int to, int fd, const char *text, struct error *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control.room) };
	memset(&control, 0, sizeof(control));
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(to, &message, MSG_NOSIGNAL) < 0)
		return error_set(err, errno, "cannot send a descriptor");
	return 0;
}

static int send_descriptor(int fd, const char *name, const char *socket_path, struct error *err)
{
	CLEANUP_CLOSE int to = connect_to(socket_path, err);
	if (to < 0)
		return -1;
	return console_send_over(to, fd, name, err) < 0 ? error_wrap(err, "socket '%s'", socket_path) : 0;
}

int console_send(const struct terminal *t, const char *socket_path, struct error *err)
{
	/* runc's name for it */
	return send_descriptor(terminal_master(t), "/dev/ptmx", socket_path, err);
}

int console_send_pidfd(pid_t pid, const char *socket_path, struct error *err)
{
	CLEANUP_CLOSE int fd = syscall(SYS_pidfd_open, pid, 0u);
	if (fd < 0)
		return error_set(err, errno, "cannot open a descriptor of process %d", pid);
	return send_descriptor(fd, "pidfd", socket_path, err);
}
