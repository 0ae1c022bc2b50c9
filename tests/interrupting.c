/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupting COMMAND [WORD...]: run the command as on a file system that does not restart what a signal has
 * interrupted, as those in user space do.  Of the calls of mkdirat(2) with mode 0723 that the fast path makes the first
 * says EINTR and comes with SIGUSR1, and the second says it, too, when the signal was another thread's.  Exit status 125:
 * the kernel has no such filters (Linux 5.19).
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/shim/abi.h"

enum { MODE = 0723, FAILED = 125 };

#ifdef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
static int listen_to_calls(void)
{
	enum { MODE_ARGUMENT = offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t) };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, MODE_ARGUMENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MODE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
}

static void answer(int listener)
{
	static unsigned interrupted;
	/* The kernel's may be longer. */
	union {
		struct seccomp_notif call;
		char room[1024];
	} u;
	memset(&u, 0, sizeof(u));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &u.call) < 0)
		return;
	uint64_t ip = u.call.data.instruction_pointer;
	bool is_fast = ip > SHIM_ACT && ip < SHIM_ACT_END && interrupted < 2;
	if (is_fast && interrupted++ == 0)
		kill((pid_t)u.call.pid, SIGUSR1);
	struct seccomp_notif_resp response = { .id = u.call.id, .error = is_fast ? -EINTR : 0,
					       .flags = is_fast ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}
#endif

int main(int argc, char **argv)
{
#ifdef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	int said[2], listener = -1, status = 0;
	if (argc < 2 || pipe(said) < 0)
		return FAILED;
	/* Both have the descriptors in common until the command begins. */
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		listener = listen_to_calls();
		if (write(said[1], &listener, sizeof(listener)) == sizeof(listener) && listener >= 0)
			execvp(argv[1], argv + 1);
		_exit(FAILED);
	}
	if (child < 0 || read(said[0], &listener, sizeof(listener)) != sizeof(listener))
		return FAILED;
	struct pollfd at = { .fd = listener, .events = POLLIN };
	while (listener >= 0 && poll(&at, 1, -1) > 0 && !(at.revents & (POLLHUP | POLLERR)))
		answer(listener);
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
#else
	fprintf(stderr, "interrupting: built without filters that wait\n");
	return argc ? FAILED : 0;
#endif
}
