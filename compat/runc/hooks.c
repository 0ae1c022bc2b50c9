/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the running of hooks. */
#include "compat/runc/hooks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"

enum { TOLD_MAX_BYTES = 1024, NAP_USEC = 2000 };

static const char *const names[HOOK_KINDS] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

char *hooks_state(const void *ctx, const struct runc_container *c, enum container_status status)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	return json_dump(ctx, state_document(scratch, c, status));
}

/* A file without a name: unlike a pipe, it takes what nobody reads, and asks nobody to be there. */
static int open_nameless(void)
{
	int fd = syscall(SYS_memfd_create, "hook", 1u /* MFD_CLOEXEC */);
	if (fd < 0) {
		FILE *file = tmpfile();
		fd = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 3) : -1;
		if (file)
			fclose(file);
	}
	return fd;
}

static void be_hook(const struct spec_hook *hook, int state_fd, int told_fd)
{
	static char *const no_env[] = { NULL };
	char *const only_path[] = { (char *)(uintptr_t)hook->path, NULL };
	sigset_t none;
	sigemptyset(&none);
	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		signal(signal_number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	lseek(state_fd, 0, SEEK_SET);
	if (dup2(state_fd, STDIN_FILENO) < 0 || dup2(told_fd, STDOUT_FILENO) < 0 || dup2(told_fd, STDERR_FILENO) < 0)
		_exit(126);
	execve(hook->path, hook->args ? hook->args->items : only_path, hook->env ? hook->env->items : no_env);
	dprintf(STDERR_FILENO, "%s: %s", hook->path, strerror(errno));
	_exit(127);
}

/* False when its time is over. */
static bool wait_in_time(pid_t pid, int seconds, int *ret_status)
{
	struct timespec now, end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (;;) {
		pid_t r = waitpid(pid, ret_status, seconds > 0 ? WNOHANG : 0);
		if (r == pid)
			return true;
		if (r < 0 && errno != EINTR) {
			*ret_status = 0;
			return true;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (seconds > 0 && (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)))
			return false;
		if (seconds > 0)
			usleep(NAP_USEC);
	}
}

/* What it printed, without the last line's end. */
static const char *what_it_told(int fd, char text[TOLD_MAX_BYTES])
{
	ssize_t n = lseek(fd, 0, SEEK_SET) == 0 ? io_read_all(fd, text, TOLD_MAX_BYTES - 1) : 0;
	n = n < 0 ? 0 : n;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return text;
}

static int run(const struct spec_hook *hook, const char *state, struct error *err)
{
	char told[TOLD_MAX_BYTES];
	CLEANUP_CLOSE int state_fd = open_nameless();
	CLEANUP_CLOSE int told_fd = open_nameless();
	if (state_fd < 0 || told_fd < 0 || io_write_all(state_fd, state, strlen(state)) < 0)
		return error_set(err, errno, "cannot hand it the state");
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return error_set(err, errno, "cannot start a process");
	if (pid == 0)
		be_hook(hook, state_fd, told_fd);
	int status = 0;
	if (!wait_in_time(pid, hook->timeout_seconds, &status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return error_set(err, 0, "hook ran past specified timeout of %ds", hook->timeout_seconds);
	}
	if (status == 0)
		return 0;
	what_it_told(told_fd, told);
	const char *before = told[0] ? ", output: " : "";
	if (!WIFSIGNALED(status))
		return error_set(err, 0, "exit status %d%s%s", WEXITSTATUS(status), before, told);
	/* Go's words, which are the C library's but for the first letter. */
	const char *name = strsignal(WTERMSIG(status));
	return error_set(err, 0, "signal: %c%s%s%s%s", tolower((unsigned char)*name), name + 1,
			 WCOREDUMP(status) ? " (core dumped)" : "", before, told);
}

int hooks_run(const struct spec *spec, enum hook_kind kind, const char *state, struct error *err)
{
	for (size_t i = 0; i < spec->hooks[kind].count; i++)
		if (run(&spec->hooks[kind].items[i], state, err) < 0)
			return error_wrap(err, "error running %s hook #%zu", names[kind], i);
	return 0;
}
