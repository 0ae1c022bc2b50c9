/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the process that shares our table of descriptors, and may be looked at. */
#include "tracer/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/filter.h"

static pid_t keeper; /* 0: none yet */

enum { START_MSEC = 10000 };

static void keep(pid_t tracer, int ready)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Who looks at it may have no capability that it has not: cap_ptrace_access_check of security/commoncap.c. */
	filter_drop_capabilities();
	prctl(PR_SET_DUMPABLE, 1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	while (getppid() == tracer)
		pause();
	_exit(0);
}

/* Its memory is a copy, and so is whether that may be looked at; its descriptors are ours. */
static pid_t start(void)
{
	pid_t tracer = getpid();
	int ready[2];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	/* No signal when it ends: nothing of ours waits for it but the loop of stops, which knows it not. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES, NULL, NULL, NULL, NULL);
	if (pid == 0)
		keep(tracer, ready[1]);
	/* It may not be looked at before it says so.  Both ends are in one table: its death would end no read. */
	struct pollfd wait = { .fd = ready[0], .events = POLLIN };
	int n = 0;
	while (pid > 0 && (n = poll(&wait, 1, START_MSEC)) < 0 && errno == EINTR)
		;
	bool is_ready = n == 1;
	close(ready[0]);
	close(ready[1]);
	if (pid > 0 && !is_ready)
		kill(pid, SIGKILL);
	return is_ready ? pid : -1;
}

struct kept *keeper_keep(int fd)
{
	if (!keeper) {
		pid_t pid = start();
		if (pid < 0)
			return NULL;
		keeper = pid;
	}
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return NULL;
	struct kept *kept = mem_new(NULL, struct kept);
	kept->users = 1;
	kept->fd = own;
	snprintf(kept->path, sizeof(kept->path), "/proc/%d/fd/%d", keeper, own);
	return kept;
}

struct kept *keeper_get(struct kept *kept)
{
	if (kept)
		kept->users++;
	return kept;
}

void keeper_put(struct kept *kept)
{
	if (!kept || --kept->users)
		return;
	close(kept->fd);
	talloc_free(kept);
}

void keeper_close(void)
{
	if (keeper)
		kill(keeper, SIGKILL);
	keeper = 0;
}
