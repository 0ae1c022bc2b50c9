/* SPDX-License-Identifier: Apache-2.0 */
/* Owns terminal modes and the relay between the person's terminal and the guest's. */
#include "tracer/base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct terminal {
	int master;
	char *path;
	bool leaves_newlines;
};

/* What the child tells at its end, through a pipe. */
struct outcome {
	int result, status;
	struct error err;
};

/* The person's terminal as it was, for exit paths that cannot be given a pointer. */
static struct termios saved_mode;
static int saved_fd = -1;

static void restore_mode(void)
{
	if (saved_fd >= 0)
		tcsetattr(saved_fd, TCSADRAIN, &saved_mode);
	saved_fd = -1;
}

static void make_raw(int fd, bool has_cooked_output)
{
	static bool is_registered;
	if (tcgetattr(fd, &saved_mode) < 0)
		return;
	if (!is_registered)
		atexit(restore_mode);
	is_registered = true;
	struct termios raw = saved_mode;
	cfmakeraw(&raw);
	if (has_cooked_output)
		raw.c_oflag |= OPOST;
	saved_fd = fd;
	tcsetattr(fd, TCSADRAIN, &raw);
}

static int close_terminal(struct terminal *t)
{
	if (t->master >= 0)
		close(t->master);
	return 0;
}

/* The size of the first of our descriptors that is a terminal. */
static void copy_size(const struct terminal *t)
{
	struct winsize size;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(t->master, TIOCSWINSZ, &size);
			return;
		}
	}
}

int terminal_open(const void *ctx, struct terminal **ret, struct error *err)
{
	CLEANUP_CLOSE int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char path[64];
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ptsname_r(master, path, sizeof(path)) != 0)
		return error_set(err, errno, "cannot make a pseudo-terminal");
	struct terminal *t = mem_new(ctx, struct terminal);
	t->path = mem_strdup(t, path);
	t->master = io_take_fd(&master);
	talloc_set_destructor(t, close_terminal);
	copy_size(t);
	*ret = t;
	return 0;
}

const char *terminal_path(const struct terminal *t)
{
	return t->path;
}

int terminal_master(const struct terminal *t)
{
	return t->master;
}

void terminal_leave_newlines(struct terminal *t)
{
	struct termios mode;
	if (tcgetattr(t->master, &mode) < 0)
		return;
	mode.c_oflag &= ~(tcflag_t)ONLCR;
	t->leaves_newlines = tcsetattr(t->master, TCSANOW, &mode) == 0;
}

void terminal_resize(struct terminal *t, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	ioctl(t->master, TIOCSWINSZ, &size);
}

int terminal_take(struct terminal *t, struct error *err)
{
	if (setsid() < 0)
		return error_set(err, errno, "cannot begin a session");
	int slave = open(t->path, O_RDWR | O_CLOEXEC);
	if (slave < 0)
		return error_set(err, errno, "cannot open '%s'", t->path);
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return error_set(err, errno, "cannot take '%s' as the controlling terminal",
				 t->path);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(slave, fd) < 0)
			return error_set(err, errno, "cannot take '%s'", t->path);
	if (slave > STDERR_FILENO)
		close(slave);
	close(t->master);
	t->master = -1;
	return 0;
}

static void run_child(struct terminal *t, pid_t parent, const sigset_t *old_mask, int report_fd,
		      int (*body)(void *arg, int *ret_status, struct error *err), void *arg)
{
	struct outcome outcome = { 0, 0, ERROR_INIT };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAKEBUILD);
	sigprocmask(SIG_SETMASK, old_mask, NULL);
	outcome.result = terminal_take(t, &outcome.err);
	if (outcome.result == 0)
		outcome.result = body(arg, &outcome.status, &outcome.err);
	int r = io_write_all(report_fd, &outcome, sizeof(outcome));
	_exit(r < 0 ? EXIT_FAKEBUILD : 0);
}

/* Bytes of the person that the guest has not read yet. */
struct pending {
	char bytes[4096];
	size_t start, end;
};

/* The guest's output to ours; false at its end, which a pty tells as EIO. */
static bool relay_output(const struct terminal *t)
{
	char buffer[16384];
	ssize_t n = read(t->master, buffer, sizeof(buffer));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return n > 0 && io_write_all(STDOUT_FILENO, buffer, n) == 0;
}

/* Our input to where it waits for the guest; at its end the guest reads Ctrl-D. */
static bool relay_input(struct pending *p)
{
	enum { END_OF_FILE = 4 };
	ssize_t n = read(STDIN_FILENO, p->bytes, sizeof(p->bytes));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	p->start = 0;
	p->end = n > 0 ? n : 1;
	if (n <= 0)
		p->bytes[0] = END_OF_FILE;
	return n > 0;
}

static void feed_guest(const struct terminal *t, struct pending *p)
{
	ssize_t n = write(t->master, p->bytes + p->start, p->end - p->start);
	if (n > 0)
		p->start += n;
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		p->start = p->end;
}

/* True when the child has ended. */
static bool take_signal(const struct terminal *t, int signal_fd, pid_t child, int *ret_status)
{
	struct signalfd_siginfo info;
	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGWINCH && t)
		copy_size(t);
	else if (info.ssi_signo != SIGCHLD)
		kill(child, info.ssi_signo);
	/* A subreaper has children that it never made; one signal may tell of several. */
	bool has_ended = false;
	int status;
	for (pid_t pid; info.ssi_signo == SIGCHLD && (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid != child)
			continue;
		*ret_status = status;
		has_ended = true;
	}
	return has_ended;
}

/* What the guest wrote last is still in the pty. */
static void relay_rest(const struct terminal *t)
{
	struct pollfd master = { t->master, POLLIN, 0 };
	while (poll(&master, 1, 0) > 0 && relay_output(t))
		;
}

/*
 * Until the child ends; false when the relay ends before.  We hold the guest's end open meanwhile, as a pty that nobody has open says
 * EIO all the time; the master never blocks, as a guest that waits to write reads nothing.
 */
static bool relay(const struct terminal *t, int signal_fd, pid_t child, bool is_interactive, int *ret_status)
{
	enum { SIGNAL, MASTER, INPUT, COUNT };
	struct pollfd fds[COUNT] = {
		[SIGNAL] = { signal_fd, POLLIN, 0 },
		[MASTER] = { t->master, POLLIN, 0 },
	};
	struct pending pending = { .start = 0, .end = 0 };
	CLEANUP_CLOSE int slave = open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	fcntl(t->master, F_SETFL, O_RDWR | O_NONBLOCK);
	for (;;) {
		bool is_full = pending.start < pending.end;
		fds[MASTER].events = is_full ? POLLIN | POLLOUT : POLLIN;
		fds[INPUT] = (struct pollfd){ is_interactive && !is_full ? STDIN_FILENO : -1,
					      POLLIN, 0 };
		if (poll(fds, COUNT, -1) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (fds[MASTER].revents & POLLOUT)
			feed_guest(t, &pending);
		if ((fds[MASTER].revents & ~POLLOUT) && !relay_output(t))
			return false;
		if (fds[INPUT].revents)
			is_interactive = relay_input(&pending);
		if ((fds[SIGNAL].revents & POLLIN) && take_signal(t, signal_fd, child, ret_status))
			break;
	}
	close(io_take_fd(&slave));
	relay_rest(t);
	return true;
}

int terminal_run(struct terminal *t, bool is_interactive,
		 int (*body)(void *arg, int *ret_status, struct error *err), void *arg,
		 int *ret_status, struct error *err)
{
	static const int passed[] = { SIGCHLD, SIGWINCH, SIGTERM, SIGHUP,
				      SIGINT,  SIGQUIT,  SIGUSR1, SIGUSR2 };
	sigset_t mask, old_mask;
	int report[2];
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
		sigaddset(&mask, passed[i]);
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	CLEANUP_CLOSE int report_in = report[0], report_out = report[1];
	sigprocmask(SIG_BLOCK, &mask, &old_mask);
	CLEANUP_CLOSE int signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
	pid_t parent = getpid();
	fflush(NULL);
	pid_t child = signal_fd < 0 ? -1 : fork();
	if (child < 0) {
		sigprocmask(SIG_SETMASK, &old_mask, NULL);
		return error_set(err, errno, "cannot start a process");
	}
	if (child == 0)
		run_child(t, parent, &old_mask, report_out, body, arg);
	close(io_take_fd(&report_out));
	if (is_interactive && isatty(STDIN_FILENO))
		make_raw(STDIN_FILENO, false);
	int status = 0;
	relay(t, signal_fd, child, is_interactive, &status);
	restore_mode();
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	struct outcome outcome;
	if (io_read_all(report_in, &outcome, sizeof(outcome)) != sizeof(outcome))
		return error_set(err, 0, "the process that ran the command ended without a word");
	if (outcome.result < 0)
		*err = outcome.err;
	else
		*ret_status = outcome.status;
	return outcome.result;
}

/* All but those that tell of a fault, that stop who writes in the background, or that nobody can hold. */
static void signals_to_pass(sigset_t *ret)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS,
				   SIGPIPE, SIGURG, SIGTTIN, SIGTTOU };
	sigfillset(ret);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(ret, own[i]);
}

void terminal_hold_signals(sigset_t *ret_old)
{
	sigset_t mask;
	signals_to_pass(&mask);
	sigprocmask(SIG_BLOCK, &mask, ret_old);
}

int terminal_relay(struct terminal *t, pid_t child, int *ret_status, struct error *err)
{
	sigset_t mask, old_mask;
	terminal_hold_signals(&old_mask);
	signals_to_pass(&mask);
	CLEANUP_CLOSE int signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
	int r = signal_fd < 0 ? error_set(err, errno, "cannot wait for signals") : 0, status = 0;
	if (r == 0 && t && isatty(STDIN_FILENO))
		make_raw(STDIN_FILENO, t->leaves_newlines);
	/* It may have ended before its signal was held. */
	pid_t ended = r == 0 ? waitpid(child, &status, WNOHANG) : 0;
	if (r == 0 && ended == 0) {
		if (t && !relay(t, signal_fd, child, true, &status))
			waitpid(child, &status, 0);
		else if (!t)
			while (!take_signal(NULL, signal_fd, child, &status))
				;
	} else if (r == 0 && t) {
		relay_rest(t);
	}
	restore_mode();
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	if (r == 0)
		*ret_status = status;
	return r;
}

static void restore_and_die(int signal_number)
{
	restore_mode();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

int terminal_ask(const void *ctx, const char *prompt, bool is_secret, char **ret, struct error *err)
{
	CLEANUP_CLOSE int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot ask for %s",
				 is_secret ? "a password" : "a user name");
	struct termios mode;
	bool is_hidden = is_secret && tcgetattr(fd, &saved_mode) == 0;
	if (is_hidden) {
		signal(SIGINT, restore_and_die);
		signal(SIGTERM, restore_and_die);
		mode = saved_mode;
		mode.c_lflag &= ~(tcflag_t)ECHO;
		saved_fd = fd;
		tcsetattr(fd, TCSAFLUSH, &mode);
	}
	char *line = mem_strdup(ctx, "");
	char byte;
	ssize_t n = io_write_all(fd, prompt, strlen(prompt)) < 0 ? -1 : 1;
	while (n > 0 && (n = read(fd, &byte, 1)) == 1 && byte != '\n')
		line = mem_append(line, "%c", byte);
	restore_mode();
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (is_hidden && write(fd, "\n", 1) < 0)
		n = -1;
	if (n < 0)
		return error_set(err, errno, "cannot read from the terminal");
	*ret = line;
	return 0;
}
