/* SPDX-License-Identifier: Apache-2.0 */
/* A program for other machines, which platform.bats runs: `calls` says what worked, the rest execute it again. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *const who[] = { "argv0", "who", NULL };
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

static void *count(void *at)
{
	*(int *)at = 1;
	return NULL;
}

static void *execute(void *nothing)
{
	execv("/bin/p", who);
	return nothing;
}

static void say(int is_right, const char *what)
{
	printf("%s\n", is_right ? what : strerror(errno));
	fflush(stdout);
}

static int calls(void)
{
	pthread_t thread[4];
	int ran[4] = { 0 }, ends[2], status = -1;
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, count, &ran[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	say(ran[0] + ran[1] + ran[2] + ran[3] == 4, "threads");
	struct sigaction action = { .sa_handler = on_signal };
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	raise(SIGUSR1);
	say(caught == SIGUSR1, "signal");
	char byte;
	if (pipe(ends) < 0)
		return 1;
	alarm(1);
	say(read(ends[0], &byte, 1) < 0 && errno == EINTR && caught == SIGALRM, "interrupted");
	pid_t child;
	char *const quiet[] = { "p", "nothing", NULL };
	say(posix_spawn(&child, "/proc/self/exe", NULL, NULL, quiet, environ) == 0 &&
	    waitpid(child, &status, 0) == child && status == 0, "spawned");
	child = vfork();
	if (child == 0) {
		execv("/none", quiet);
		_exit(errno == ENOENT ? 7 : 8);
	}
	say(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, "vfork");
	char head[4] = "";
	int own = open("/proc/self/exe", O_RDONLY);
	say(read(own, head, sizeof(head)) == sizeof(head) && memcmp(head, "\177ELF", 4) == 0, "own");
	return 0;
}

static int copy(int to)
{
	char block[65536];
	int from = open("/bin/p", O_RDONLY);
	ssize_t n;
	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, n) != n)
			return -1;
	return close(from);
}

/* As a user who is not the owner and may not read it. */
static int run_copy(mode_t mode)
{
	char *const words[] = { "copy", "who", NULL };
	unlink("/tmp/copy");
	int to = open("/tmp/copy", O_WRONLY | O_CREAT | O_EXCL, 0700);
	if (copy(to) < 0 || fchown(to, 7, 7) < 0 || fchmod(to, mode) < 0 || close(to) < 0 || setgid(1000) < 0 ||
	    setuid(1000) < 0)
		return 1;
	execv("/tmp/copy", words);
	return 2;
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	if (strcmp(role, "who") == 0)
		printf("%s %d %d secure %lu\n", argv[0], (int)getuid(), (int)geteuid(), getauxval(AT_SECURE));
	else if (strcmp(role, "calls") == 0)
		return calls();
	else if (strcmp(role, "set-id") == 0)
		return run_copy(04711);
	else if (strcmp(role, "unreadable") == 0)
		return run_copy(0711);
	else if (strcmp(role, "by-descriptor") == 0)
		fexecve(open("/bin/p", O_RDONLY | O_CLOEXEC), who, environ);
	else if (strcmp(role, "from-memory") == 0) {
		char name[64];
		int memory = memfd_create("m", MFD_CLOEXEC);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", memory);
		if (copy(memory) == 0)
			execv(name, who);
	} else if (strcmp(role, "from-thread") == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, execute, NULL);
		pthread_join(thread, NULL);
	}
	return 0;
}
