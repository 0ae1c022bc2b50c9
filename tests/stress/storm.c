/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm SECONDS: files are made, changed, looked at and removed by threads and processes of a program in which timers
 * fire all the time, and each result is compared with the one that there must be.  Exit status 0: all were right.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, PROCESSES = 3, FILES = 16 };

static time_t end;
static volatile sig_atomic_t signals;

static void wrong(const char *what, const char *name)
{
	fprintf(stderr, "wrong: %s of %s: %s\n", what, name, strerror(errno));
	_exit(1);
}

/* A handler makes calls of its own, in the middle of whatever goes on. */
static void on_timer(int signal)
{
	struct stat st;
	int saved = errno;
	(void)signal;
	signals++;
	if (stat(".", &st) < 0 || !S_ISDIR(st.st_mode))
		wrong("stat in a handler", ".");
	errno = saved;
}

static void start_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec often = { { 0, 300000 + getpid() % 7 * 50000 }, { 0, 500000 } };
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	timer_t timer;
	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &often, NULL) < 0)
		wrong("timer", "-");
}

static void expect(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;
	if (lstat(name, &st) < 0 || st.st_mode != mode || st.st_uid != uid || st.st_gid != gid) {
		fprintf(stderr, "%o %u:%u where %o %u:%u must be\n", st.st_mode, st.st_uid, st.st_gid, mode, uid, gid);
		wrong("stat", name);
	}
}

/* The life of a file; the names are this thread's alone. */
static void live(unsigned turn, unsigned who)
{
	char name[64], other[64];
	mode_t mode = turn % 3 ? 0640 : 0;
	snprintf(name, sizeof(name), "d%u/f%u", who, turn % FILES);
	snprintf(other, sizeof(other), "d%u/g%u", who, turn % FILES);
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		wrong("open", name);
	expect(name, S_IFREG | mode, 0, 0);
	if (open(name, O_WRONLY | O_CREAT | O_EXCL, 0600) != -1 || errno != EEXIST)
		wrong("second open", name);
	if (write(fd, name, strlen(name)) != (ssize_t)strlen(name) || fchown(fd, turn, who) < 0)
		wrong("fchown", name);
	expect(name, S_IFREG | mode, turn, who);
	if (fchmodat(AT_FDCWD, name, 0600 + turn % 64, 0) < 0)
		wrong("chmod", name);
	expect(name, S_IFREG | (0600 + turn % 64), turn, who);
	if (rename(name, other) < 0 || access(name, F_OK) != -1 || errno != ENOENT)
		wrong("rename", name);
	expect(other, S_IFREG | (0600 + turn % 64), turn, who);
	close(fd);
	if (unlink(other) < 0 || symlink("nowhere", other) < 0)
		wrong("symlink", other);
	expect(other, S_IFLNK | 0777, 0, 0);
	if (unlink(other) < 0 || mkdir(name, 0500) < 0)
		wrong("mkdir", name);
	expect(name, S_IFDIR | 0500, 0, 0);
	if (rmdir(name) < 0)
		wrong("rmdir", name);
}

static void *work(void *arg)
{
	unsigned who = (unsigned)(size_t)arg;
	char name[64];
	snprintf(name, sizeof(name), "d%u", who);
	if (mkdir(name, 0755) < 0 && errno != EEXIST)
		wrong("mkdir", name);
	for (unsigned turn = 1; time(NULL) < end; turn++)
		live(turn, who);
	return NULL;
}

static void *come_and_go(void *arg)
{
	return arg;
}

static void run_process(unsigned number)
{
	pthread_t thread[THREADS], short_one;
	start_timer();
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)(number * 100 + i)))
			wrong("thread", "-");
	while (time(NULL) < end) {
		int status;
		if (pthread_create(&short_one, NULL, come_and_go, NULL) || pthread_join(short_one, NULL))
			wrong("short thread", "-");
		pid_t child = fork(), r;
		if (child == 0) {
			execl("/proc/self/exe", "storm", "0", NULL);
			_exit(1);
		}
		while ((r = waitpid(child, &status, 0)) < 0 && errno == EINTR)
			;
		if (r != child || !WIFEXITED(status) || WEXITSTATUS(status))
			wrong("child", "-");
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	_exit(signals ? 0 : 1);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
	bool is_right = true;
	if (seconds == 0)
		return 0;
	end = time(NULL) + seconds;
	umask(0);
	for (unsigned i = 1; i <= PROCESSES; i++)
		if (fork() == 0)
			run_process(i);
	for (int status; wait(&status) > 0;)
		is_right &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	puts(is_right ? "all right" : "wrong results");
	return !is_right;
}
