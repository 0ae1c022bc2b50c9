/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the names of directories behind magic links, and a small cache of them: to have the kernel write out a name takes
 * longer than all else of a lookup by descriptor.
 */
#include "tracer/behind.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/compat.h"

enum { NAMES = 128, NAME_ROOM = 480, PROCESSES = 16 };

static struct known {
	dev_t dev;
	ino_t ino;
	uint64_t mount; /* 0: nothing is known */
	char host[NAME_ROOM];
} known[NAMES];

static struct known *place_of(const struct look *directory)
{
	return &known[(directory->st.st_ino ^ directory->st.st_dev) % NAMES];
}

/* ---- descriptors ---- */

static struct {
	pid_t pid; /* 0: none */
	int fd;
} processes[PROCESSES];

static void drop_process(unsigned at)
{
	if (processes[at].pid)
		close(processes[at].fd);
	processes[at].pid = 0;
}

int behind_copy(pid_t pid, int fd)
{
	unsigned at = (unsigned)pid % PROCESSES;
	if (processes[at].pid == pid) {
		int copy = syscall(SYS_pidfd_getfd, processes[at].fd, fd, 0);
		if (copy >= 0 || errno != ESRCH)
			return copy;
	}
	drop_process(at);
	processes[at].fd = syscall(SYS_pidfd_open, pid, 0);
	if (processes[at].fd < 0)
		return -1;
	processes[at].pid = pid;
	return syscall(SYS_pidfd_getfd, processes[at].fd, fd, 0);
}

bool behind_look(const struct tracee *t, int fd, struct look *ret)
{
	static bool cannot, has_worked;
	/* The copy is of the table of the process' first thread. */
	if (cannot || t->process->pid != t->tid)
		return false;
	int copy = behind_copy(t->tid, fd);
	if (copy < 0) {
		cannot = errno == ENOSYS || (errno == EPERM && !has_worked);
		return false;
	}
	has_worked = true;
	bool is_seen = look_at(copy, "", AT_EMPTY_PATH, ret) == 0;
	close(copy);
	return is_seen;
}

void behind_close(void)
{
	behind_forget_all();
	for (unsigned i = 0; i < PROCESSES; i++)
		drop_process(i);
}

/* ---- names ---- */

bool behind_read(const char *link, char host[PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	struct stat st;
	ssize_t n = readlink(link, host, PATH_MAX - 1);
	if (n <= 0 || host[0] != '/')
		return false;
	host[n] = '\0';
	/* A name may end like that. */
	return !((size_t)n > tail && strcmp(host + n - tail, deleted) == 0 && lstat(host, &st) < 0);
}

const char *behind_recall(const struct look *directory)
{
	const struct known *k = place_of(directory);
	bool is_it = k->mount && k->mount == directory->mount && k->ino == directory->st.st_ino && k->dev == directory->st.st_dev;
	return is_it ? k->host : NULL;
}

void behind_remember(const struct look *directory, const char *host)
{
	struct known *k = place_of(directory);
	size_t length = strlen(host);
	if (!directory->mount || length >= NAME_ROOM)
		return;
	k->dev = directory->st.st_dev;
	k->ino = directory->st.st_ino;
	k->mount = directory->mount;
	memcpy(k->host, host, length + 1);
}

void behind_forget_all(void)
{
	for (unsigned i = 0; i < NAMES; i++)
		known[i].mount = 0;
}
