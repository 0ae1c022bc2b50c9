/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the first process: from fork to the execve of the command, what it is in, and why it never became that.
 */
#include "tracer/first.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/bind.h"
#include "tracer/cgroups.h"
#include "tracer/fast.h"
#include "tracer/filter.h"
#include "tracer/follow.h"
#include "tracer/foreign.h"
#include "tracer/groups.h"
#include "tracer/guest_ptrace.h"
#include "tracer/join.h"
#include "tracer/namespaces.h"
#include "tracer/session.h"

/* Statuses of a process that never became the command; less are errnos. */
enum { NO_DIRECTORY = 253, NO_FILTER };

/* execvp(3): what is no program is one for the shell, when we are called as one. */
static int try_one(const struct tracer_config *config, char *path)
{
	static char shell[] = "/bin/sh";
	size_t count = 0;
	execve(path, config->argv, config->env);
	if (errno != ENOEXEC || !(config->flags & TRACER_AS_CALLED))
		return errno;
	while (config->argv[count])
		count++;
	CLEANUP_TALLOC char **words = mem_array(NULL, char *, count + 2);
	words[0] = shell;
	words[1] = path;
	for (size_t i = 1; i < count; i++)
		words[i + 1] = config->argv[i];
	execve(shell, words, config->env);
	return ENOEXEC;
}

/* execvpe over the guest's PATH: each execve below is traced and looks its path up in the guest. */
static int execute(const struct tracer_config *config)
{
	char *name = config->argv[0];
	if (strchr(name, '/') || !*name)
		return try_one(config, name);
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (char *const *e = config->env; *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0)
			path = *e + 5;
	int failure = ENOENT;
	for (const char *part = path; part;) {
		size_t length = strcspn(part, ":");
		char candidate[PATH_MAX];
		if (snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)length, part, length ? "/" : "", name) <
		    (int)sizeof(candidate)) {
			/* Go on, as execvp(3), and as shells do forget folders that may not even be searched. */
			int error = try_one(config, candidate);
			if (error == ENOEXEC || error == ENOMEM || error == E2BIG)
				return error;
			if (error != ENOENT && error != ENOTDIR && (error != EACCES || access(candidate, F_OK) == 0))
				failure = error;
		}
		part = part[length] ? part + length + 1 : NULL;
	}
	return failure;
}

static void take_signals_as_new(void)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	for (int signal = 1; signal <= 64; signal++)
		sigaction(signal, &by_default, NULL);
}

static mode_t first_umask(const struct tracer_config *config)
{
	return config->flags & TRACER_AS_CALLED ? config->umask : 022;
}

static void first_process(const struct tracer_config *config, const struct sock_fprog *filter, int gate)
{
	sigset_t none;
	bool is_as_called = config->flags & TRACER_AS_CALLED;
	if (!is_as_called)
		take_signals_as_new();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What is ours is closed by the execve. */
	if (!is_as_called)
		io_close_others(STDERR_FILENO + 1, &gate, 1);
	/* The tracer writes when it has seized us; should it die before, the read ends. */
	char go;
	if (read(gate, &go, 1) != 1)
		_exit(EXIT_FAKEBUILD);
	close(gate);
	umask(first_umask(config));
	if (filter_install(filter) < 0)
		_exit(NO_FILTER);
	if (chdir(config->cwd) < 0)
		_exit(NO_DIRECTORY);
	_exit(execute(config) & 0x7f);
}

static int explain_ptrace(int number, struct error *err)
{
	char scope = '0';
	CLEANUP_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &scope, 1) == 1 && scope >= '2')
		return error_set(err, 0, "tracing is forbidden on this host: kernel.yama.ptrace_scope is %c, it must be 0 or 1",
				 scope);
	fd = fd >= 0 ? fd : open("/sys/fs/selinux/booleans/deny_ptrace", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &scope, 1) == 1 && scope == '1')
		return error_set(err, 0, "tracing is forbidden on this host: SELinux' boolean deny_ptrace is on");
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER)
		return error_set(err, number,
				 "tracing is forbidden here by a seccomp filter around us; Docker's default profile has it on Linux "
				 "before 4.8, where the container needs --security-opt seccomp=unconfined or --cap-add=SYS_PTRACE");
	return error_set(err, number, "tracing is forbidden here, perhaps by a security module or a debugger that traces us");
}

struct tracee *first_make(const struct tracer_config *config, pid_t pid, struct mounts *known, struct error *err)
{
	struct tracee *t = tracee_add(pid);
	t->is_known = true;
	t->process = process_new(pid);
	process_set_mm(t->process, mm_new());
	t->fs = fs_new("/", "/", first_umask(config));
	t->mounts = known ? bind_again(known) : mounts_new();
	t->uts = uts_new(config->hostname, config->kernel.domain);
	cred_init(&t->cred, config->uid, config->gid);
	t->cred.group_count = config->group_count < CRED_GROUPS_MAX ? config->group_count : CRED_GROUPS_MAX;
	CLEANUP_TALLOC uint32_t *groups = mem_array(NULL, uint32_t, t->cred.group_count);
	for (uint32_t i = 0; i < t->cred.group_count; i++)
		groups[i] = config->groups[i];
	t->cred.groups = groups_keep(groups, t->cred.group_count);
	if (!known)
		mounts_add(t->mounts, "/", config->root, config->flags & TRACER_READ_ONLY ? BINDING_READ_ONLY : 0, "rootfs",
			   "rootfs");
	if (!known && bind_config(config, 0, t, err) < 0)
		return NULL;
	cgroups_inherit(t->process, NULL);
	return t;
}

/* The first process never became the command: say why. */
int first_explain(const struct tracer_config *config, int status, struct error *err)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	if (code == NO_FILTER)
		return error_set(err, 0, "the kernel refuses our seccomp filter (CONFIG_SECCOMP_FILTER)");
	if (code == NO_DIRECTORY)
		return error_status(err, (error_set(err, 0, "working directory '%s' does not exist in the guest",
						    config->cwd), EXIT_NOT_FOUND));
	if (!WIFEXITED(status))
		return error_set(err, 0, "the first process was killed by signal %d before it started",
				 WTERMSIG(status));
	if (code == ENOEXEC && foreign_missing())
		return error_status(err, (error_set(err, 0, "cannot execute '%s': it is a program for %s, and there is no static "
						    "qemu-%s-static or qemu-%s in '%s'", config->argv[0], foreign_missing(),
						    foreign_missing(), foreign_missing(),
						    config->emulator_folders ? config->emulator_folders : ""),
					  EXIT_CANNOT_EXECUTE));
	error_set(err, code, "cannot execute '%s'", config->argv[0]);
	return error_status(err, code == ENOENT || code == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
}

/* As root of the session, who becomes whom the config says. */
static int become(const struct tracer_config *config, struct error *err)
{
	if (setgroups(config->group_count, config->groups) < 0 || setresgid(config->gid, config->gid, config->gid) < 0 ||
	    setresuid(config->uid, config->uid, config->uid) < 0)
		return error_set(err, errno, "cannot become user %u", (unsigned)config->uid);
	return 0;
}

void first_enter(const char *socket_path, const struct tracer_config *config, int report)
{
	struct error err = ERROR_INIT;
	sigset_t none;
	take_signals_as_new();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	io_close_others(STDERR_FILENO + 1, &report, 1);
	umask(first_umask(config));
	if (join_inside(socket_path, &err) == 0 && become(config, &err) == 0)
		first_explain(config, (chdir(config->cwd) < 0 ? NO_DIRECTORY : execute(config) & 0x7f) << 8, &err);
	io_write_all(report, &err, sizeof(err));
	_exit(EXIT_FAKEBUILD);
}

static int tell_pid(const char *path, pid_t pid, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	return path ? io_write_file(AT_FDCWD, path, text, n, 0444, err) : 0;
}

int first_start(const struct tracer_config *config, const struct sock_fprog *filter, struct mounts *known, struct error *err)
{
	int gate[2];
	if (pipe2(gate, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		follow_leave();
		close(gate[1]);
		first_process(config, filter, gate[0]);
	}
	close(gate[0]);
	CLEANUP_CLOSE int release = gate[1];
	if (pid < 0)
		return error_set(err, errno, "cannot fork");
	session.first_pid = pid;
	struct tracee *first = NULL;
	int r = 0;
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)TRACE_OPTIONS) < 0)
		r = explain_ptrace(errno, err);
	else if (!(first = first_make(config, pid, known ? mounts_get(known) : NULL, err)))
		r = -1;
	else
		fast_open(first);
	if (r == 0)
		namespaces_open(first);
	if (r == 0 && (config->flags & TRACER_OWN_PIDS))
		namespaces_begin_pids(first);
	if (r == 0)
		r = tell_pid(config->pid_path, pid, err);
	if (r == 0 && write(release, "", 1) != 1)
		r = error_set(err, errno, "cannot release the first process");
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return r;
}
