/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the life of an ssh-agent that holds a key for a build. */
#include "builder/build/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/mem.h"

struct agent {
	pid_t pid;
	char *socket;
};

/* Start a program with its output gone; 127 when there is none. */
static pid_t start(char *const *argv, char *const *env)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvpe(argv[0], argv, env);
	_exit(EXIT_NOT_FOUND);
}

int agent_start(const void *ctx, const char *folder, const char *key_path, struct agent **ret, struct error *err)
{
	enum { TRIES = 200 };
	extern char **environ;
	static const struct timespec pause = { 0, 10 * 1000 * 1000 };
	struct agent *a = mem_new(ctx, struct agent);
	struct stat st;
	int status = 0;
	char name[] = "ssh-agent", adder[] = "ssh-add", stays[] = "-D", at[] = "-a";
	a->socket = mem_printf(a, "%s/agent", folder);
	char *path = mem_strdup(a, key_path);
	char *const agent_argv[] = { name, stays, at, a->socket, NULL };
	char *const add_argv[] = { adder, path, NULL };
	char *variable = mem_printf(a, "SSH_AUTH_SOCK=%s", a->socket);
	char *home = mem_printf(a, "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	char *const env[] = { variable, home, NULL };
	a->pid = start(agent_argv, environ);
	for (int i = 0; a->pid > 0 && i < TRIES && stat(a->socket, &st) < 0; i++)
		nanosleep(&pause, NULL);
	pid_t adding = a->pid > 0 ? start(add_argv, env) : -1;
	if (adding < 0 || waitpid(adding, &status, 0) < 0 || status != 0) {
		agent_stop(a);
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND)
			return error_set(err, 0, "'%s' is a key: ssh-agent and ssh-add, which hold it, are not installed",
					 key_path);
		return error_set(err, 0, "ssh-add cannot use the key '%s'", key_path);
	}
	*ret = a;
	return 0;
}

const char *agent_socket(const struct agent *a)
{
	return a->socket;
}

void agent_stop(struct agent *a)
{
	if (a->pid > 0) {
		kill(a->pid, SIGTERM);
		waitpid(a->pid, NULL, 0);
	}
	talloc_free(a);
}
