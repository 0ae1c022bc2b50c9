/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the sockets between a container and its service manager. */
#include "compat/runc/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "compat/runc/console.h"
#include "compat/runc/log.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { TICK_MSEC = 100, BARRIER_MSEC = 30000, STATE_MAX_BYTES = 4096 };

/* runc's names for them */
#define FOLDER "notify"
#define NAME "notify.sock"
#define GUEST_FOLDER "/run/notify"

struct notify {
	int listener, manager;
};

static const char *manager_path(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	return path && *path ? path : NULL;
}

int notify_offer(const struct runc_container *c, struct spec *spec, struct error *err)
{
	if (!manager_path())
		return 0;
	const char *folder = mem_printf(spec, "%s/" FOLDER, c->dir);
	if (mkdir(folder, 0755) < 0)
		return error_set(err, errno, "cannot create '%s'", folder);
	spec->mounts = mem_grow(spec, spec->mounts, struct spec_mount, spec->mount_count + 1);
	spec->mounts[spec->mount_count++] = (struct spec_mount){
		.destination = GUEST_FOLDER,
		.type = "bind",
		.source = folder,
		.flags = MS_BIND | MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY,
		.data = "",
	};
	strlist_add(spec->process->env, "NOTIFY_SOCKET=" GUEST_FOLDER "/" NAME);
	return 0;
}

static int close_both(struct notify *n)
{
	io_cleanup_close(&n->listener);
	io_cleanup_close(&n->manager);
	return 0;
}

/* sd_notify(3): a path, or after '@' a name of the abstract namespace. */
static int connect_manager(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t length = strlen(path);
	if (length >= sizeof(address.sun_path))
		return error_set(err, ENAMETOOLONG, "cannot connect to NOTIFY_SOCKET '%s'", path);
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + length) < 0)
		return error_set(err, errno, "cannot connect to NOTIFY_SOCKET '%s'", path);
	return io_take_fd(&fd);
}

int notify_listen(const void *ctx, const struct runc_container *c, struct notify **ret, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" FOLDER, c->dir);
	*ret = NULL;
	CLEANUP_CLOSE int folder = manager_path() ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (folder < 0)
		return 0;
	CLEANUP_CLOSE int manager = connect_manager(manager_path(), err);
	if (manager < 0)
		return -1;
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* The folder's own name may be longer than an address. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" NAME, folder);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(address.sun_path, 0777) < 0)
		return error_set(err, errno, "cannot listen at '%s/" NAME "'", path);
	struct notify *n = mem_new(ctx, struct notify);
	*n = (struct notify){ io_take_fd(&fd), io_take_fd(&manager) };
	talloc_set_destructor(n, close_both);
	*ret = n;
	return 0;
}

/* The container's own "READY=..." line, into `line`; false when it has ended. */
static bool wait_for_ready(const struct notify *n, pid_t first, char *line, size_t room)
{
	unsigned long long start = state_start_time(first);
	while (start && state_start_time(first) == start) {
		char text[STATE_MAX_BYTES + 1];
		struct pollfd listener = { n->listener, POLLIN, 0 };
		ssize_t got = poll(&listener, 1, TICK_MSEC) > 0 ? recv(n->listener, text, STATE_MAX_BYTES, MSG_DONTWAIT) : -1;
		if (got <= 0)
			continue;
		text[got] = '\0';
		char *save = NULL;
		for (char *at = strtok_r(text, "\n", &save); at; at = strtok_r(NULL, "\n", &save))
			if (text_starts(at, "READY=")) {
				snprintf(line, room, "%s\n", at);
				return true;
			}
	}
	return false;
}

/* sd_notify_barrier(3): once the manager has read what came before, it closes the end of a pipe that it is sent. */
static void wait_for_manager(int manager)
{
	int ends[2];
	char byte;
	struct error err = ERROR_INIT;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	CLEANUP_CLOSE int in = ends[0], out = ends[1];
	if (console_send_over(manager, out, "BARRIER=1", &err) < 0)
		return;
	close(io_take_fd(&out));
	struct pollfd pipe_end = { in, POLLIN, 0 };
	if (poll(&pipe_end, 1, BARRIER_MSEC) == 0)
		runc_log(LOG_WARNING_LEVEL, "Timeout after waiting 30s for barrier. Ignored.");
	else if (read(in, &byte, 1) > 0)
		runc_log(LOG_WARNING_LEVEL, "the pipe of NOTIFY_SOCKET's barrier was written to");
}

static void forward(const struct notify *n, pid_t first, pid_t main)
{
	char line[STATE_MAX_BYTES + 2];
	if (!wait_for_ready(n, first, line, sizeof(line)))
		return;
	if (send(n->manager, line, strlen(line), MSG_NOSIGNAL) < 0)
		return;
	snprintf(line, sizeof(line), "MAINPID=%d\n", main);
	if (send(n->manager, line, strlen(line), MSG_NOSIGNAL) < 0)
		return;
	wait_for_manager(n->manager);
}

void notify_forward(struct notify *n, pid_t first, pid_t main, bool is_in_background)
{
	if (!n)
		return;
	if (!is_in_background) {
		forward(n, first, main);
		return;
	}
	fflush(NULL);
	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Who waits for the end of our output does not wait for this. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	forward(n, first, main);
	_exit(0);
}
