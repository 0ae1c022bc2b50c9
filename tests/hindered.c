/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hindered COMMAND [WORD...]: run the command where calls that the fast path makes are answered otherwise, or late.
 *
 *   mkdirat(2), mode 0723     twice, as on file systems in user space that give up what a signal has interrupted: first
 *                             it says EINTR and comes with SIGUSR1, then the signal was another thread's
 *   unlinkat(2) of directories   comes to the kernel a fifth of a second late, and so does the next call of the shim's own
 *
 * Exit status 125: the kernel has no such filters (Linux 5.19).
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

enum { MODE = 0723, FAILED = 125, LATE_USEC = 200000 };

#ifdef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
static int listen_to_calls(void)
{
	enum { THIRD = offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t), REMOVE_DIRECTORY = 0x200, OWN_CALLS = 0x3fbd0000 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, THIRD),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MODE, 4, 5),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unlinkat, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, THIRD),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REMOVE_DIRECTORY, 1, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OWN_CALLS, 0, 1),
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
	bool is_fast = ip > SHIM_HUB && ip < SHIM_ACT_END, is_given_up = is_fast && u.call.data.nr == SYS_mkdirat && interrupted < 2;
	if (is_given_up && interrupted++ == 0)
		kill((pid_t)u.call.pid, SIGUSR1);
	else if (is_fast && !is_given_up)
		usleep(LATE_USEC);
	struct seccomp_notif_resp response = { .id = u.call.id, .error = is_given_up ? -EINTR : 0,
					       .flags = is_given_up ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE };
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
	fprintf(stderr, "hindered: built without filters that wait\n");
	return argc ? FAILED : 0;
#endif
}
