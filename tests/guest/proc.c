/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells a guest of itself. */
/* covers: open openat readlink readlinkat stat */
#include "guest.h"

#include <pthread.h>
#include <sys/prctl.h>

static const char *link_of(const char *name)
{
	static char text[2 * PATH_MAX];
	ssize_t n = readlink(name, text, sizeof(text) - 1);
	if (n < 0)
		return strerrorname_np(errno);
	text[n] = '\0';
	return text;
}
static const char *here(void)
{
	static char text[PATH_MAX];
	return getcwd(text, sizeof(text)) ? text : strerrorname_np(errno);
}
static const char *own(const char *rest)
{
	static char name[4][64];
	static unsigned turn;
	char *at = name[turn++ % 4];
	snprintf(at, sizeof(*name), "/proc/%d/%s", getpid(), rest);
	return at;
}
/* The line of a file that starts so, without the start and the newline. */
static const char *line_of(const char *file, const char *start)
{
	char *text = file_text(file), *at = text;
	if (strncmp(text, start, strlen(start)) != 0) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "\n%s", start);
		at = strstr(text, wanted);
		if (!at)
			return "no such line";
		at++;
	}
	at += strlen(start);
	at[strcspn(at, "\n")] = '\0';
	return at;
}

TEST(self_is_the_process)
{
	char expected[32];
	snprintf(expected, sizeof(expected), "%d", getpid());
	TEXT(expected, link_of("/proc/self"));
	snprintf(expected, sizeof(expected), "%d/task/%d", getpid(), getpid());
	TEXT(expected, link_of("/proc/thread-self"));
	EQUAL(look(own("")).st_ino, look("/proc/self/").st_ino);
	CHILD {
		snprintf(expected, sizeof(expected), "%d", getpid());
		TEXT(expected, link_of("/proc/self"));
	}
}

TEST(cwd_root_and_exe_are_the_guests_names)
{
	struct stat a, b;
	copy_self("program", 0755);
	TEXT(here(), link_of("/proc/self/cwd"));
	TEXT(here(), link_of(own("cwd")));
	TEXT("/", link_of("/proc/self/root"));
	WORKS(stat("/proc/self/cwd", &a));
	WORKS(stat(".", &b));
	EQUAL(b.st_ino, a.st_ino);
	WORKS(stat("/proc/self/exe", &a));
	EQUAL(1, a.st_size > 100000);
	put_file("f", 0644, "text");
	TEXT("text", file_text("/proc/self/cwd/f"));
	WORKS(mkdir("d", 0755));
	WORKS(chdir("d"));
	TEXT("text", file_text("/proc/self/cwd/../f"));
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "/proc/self/root%s/f", (chdir(".."), here()));
	TEXT("text", file_text(path));
	CHILD {
		WORKS(chroot("d"));
		WORKS(chdir("/"));
		FAILS(ENOENT, open("/proc/self/cwd", O_RDONLY));
	}
	/* Of another process as well */
	pid_t child = fork();
	if (child == 0) {
		WORKS(chdir("d"));
		char *const argv[] = { (char *)"x", (char *)"@wait", NULL };
		execv("../program", argv);
	}
	usleep(200000);
	char name[64], expected[PATH_MAX + 16];
	snprintf(name, sizeof(name), "/proc/%d/exe", child);
	snprintf(expected, sizeof(expected), "%s/program", here());
	TEXT(expected, link_of(name));
	snprintf(name, sizeof(name), "/proc/%d/cwd", child);
	snprintf(expected, sizeof(expected), "%s/d", here());
	TEXT(expected, link_of(name));
	snprintf(name, sizeof(name), "/proc/%d/comm", child);
	TEXT("program\n", file_text(name));
	snprintf(name, sizeof(name), "/proc/%d/cmdline", child);
	TEXT("x", file_text(name));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	FAILS(ENOENT, open(name, O_RDONLY));
}

ROLE(wait)
{
	sleep(20);
	return 0;
}

TEST(descriptors_lead_to_their_files)
{
	char name[64], expected[PATH_MAX + 16], text[8] = "";
	put_file("f", 0640, "text");
	WORKS(chown("f", 5, 6));
	int fd = WORKS(open("f", O_RDONLY)), ends[2];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	snprintf(expected, sizeof(expected), "%s/f", here());
	TEXT(expected, link_of(name));
	EQUAL(4, read(fd, text, 4));
	/* Opened anew, from the start */
	TEXT("text", file_text(name));
	struct stat st;
	WORKS(stat(name, &st));
	EQUAL(5, st.st_uid);
	EQUAL(0100640, st.st_mode);
	WORKS(chmod(name, 0600));
	EQUAL(0600, mode_of("f"));
	WORKS(unlink("f"));
	strncat(expected, " (deleted)", sizeof(expected) - strlen(expected) - 1);
	TEXT(expected, link_of(name));
	TEXT("text", file_text(name));
	WORKS(pipe(ends));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
	EQUAL(0, strncmp("pipe:[", link_of(name), 6));
	int writer = WORKS(open((snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]), name), O_WRONLY));
	EQUAL(3, write(writer, "abc", 3));
	EQUAL(3, read(ends[0], text, 8));
	int directory = WORKS(open(".", O_RDONLY));
	put_file("g", 0644, "below");
	snprintf(name, sizeof(name), "/proc/self/fd/%d/g", directory);
	TEXT("below", file_text(name));
	FAILS(ENOENT, open("/proc/self/fd/77", O_RDONLY));
	snprintf(name, sizeof(name), "flags:\t0%o\n", O_PATH);
	int path = WORKS(open("g", O_PATH));
	snprintf(expected, sizeof(expected), "/proc/self/fdinfo/%d", path);
	EQUAL(1, strstr(file_text(expected), "flags:\t0") != NULL);
}

TEST(status_tells_the_guests_ids)
{
	TEXT("0\t0\t0\t0", line_of("/proc/self/status", "Uid:\t"));
	TEXT("0\t0\t0\t0", line_of("/proc/self/status", "Gid:\t"));
	gid_t groups[2] = { 20, 10 };
	WORKS(setgroups(2, groups));
	WORKS(setresgid(4, 5, 6));
	WORKS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	WORKS(setresuid(1, 2, 3));
	TEXT("1\t2\t3\t2", line_of("/proc/self/status", "Uid:\t"));
	TEXT("4\t5\t6\t5", line_of("/proc/self/status", "Gid:\t"));
	TEXT("10 20 ", line_of("/proc/self/status", "Groups:\t"));
	TEXT("0000000000000000", line_of("/proc/self/status", "CapEff:\t"));
	TEXT("0000000000000000", line_of("/proc/self/status", "CapPrm:\t"));
	TEXT("0000000000000000", line_of("/proc/self/status", "CapInh:\t"));
	TEXT("1", line_of("/proc/self/status", "NoNewPrivs:\t"));
	TEXT("0", line_of("/proc/self/status", "Seccomp:\t"));
	TEXT("0", line_of("/proc/self/status", "TracerPid:\t"));
	TEXT("0022", line_of("/proc/self/status", "Umask:\t"));
	char expected[32];
	snprintf(expected, sizeof(expected), "%d", getpid());
	TEXT(expected, line_of("/proc/self/status", "Pid:\t"));
	snprintf(expected, sizeof(expected), "%d", getppid());
	TEXT(expected, line_of("/proc/self/status", "PPid:\t"));
}

static void *look_at_own_status(void *arg)
{
	WORKS(syscall(SYS_setresuid, 7, 8, 9));
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/task/%ld/status", syscall(SYS_gettid));
	TEXT("7\t8\t9\t8", line_of(name, "Uid:\t"));
	TEXT("7\t8\t9\t8", line_of("/proc/thread-self/status", "Uid:\t"));
	return arg;
}

TEST(threads_have_a_status_of_their_own)
{
	pthread_t thread;
	EQUAL(0, pthread_create(&thread, NULL, look_at_own_status, NULL));
	pthread_join(thread, NULL);
	TEXT("0\t0\t0\t0", line_of("/proc/self/status", "Uid:\t"));
}

TEST(files_of_processes_belong_to_their_effective_ids)
{
	EQUAL(0, look("/proc/self").st_uid);
	int ends[2], ready[2];
	char byte, name[64];
	WORKS(pipe(ends));
	WORKS(pipe(ready));
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		WORKS(setresgid(1, 2000, 3));
		WORKS(setresuid(1, 1000, 1000));
		WORKS(prctl(PR_SET_DUMPABLE, 1));
		WORKS(write(ready[1], "x", 1));
		if (read(ends[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	WORKS(read(ready[0], &byte, 1));
	snprintf(name, sizeof(name), "/proc/%d", child);
	EQUAL(1000, look(name).st_uid);
	EQUAL(2000, look(name).st_gid);
	snprintf(name, sizeof(name), "/proc/%d/status", child);
	EQUAL(1000, look(name).st_uid);
	TEXT("1\t1000\t1000\t1000", line_of(name, "Uid:\t"));
	close(ends[1]);
	waitpid(child, NULL, 0);
}

TEST(maps_name_the_guests_files_only)
{
	char *exe = strdup(link_of("/proc/self/exe")), path[PATH_MAX + 8];
	char *text = file_text("/proc/self/maps");
	EQUAL(1, strstr(text, exe) != NULL);
	EQUAL(1, strstr(text, "[stack]") != NULL);
	put_file("mapped", 0644, "contents");
	int fd = WORKS(open("mapped", O_RDONLY));
	EQUAL(0, mmap(NULL, 8, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	snprintf(path, sizeof(path), "%s/mapped", here());
	text = file_text("/proc/self/maps");
	EQUAL(1, strstr(text, path) != NULL);
	/* Each path in it is one that is there. */
	for (char *line; (line = next_line(&text));) {
		char *slash = strchr(line, '/');
		if (slash && !strstr(slash, " (deleted)") && access(slash, F_OK) < 0)
			guest_failed(__LINE__, "maps", "paths that are there", slash);
	}
	free(exe);
}

TEST(mounts_tell_the_root_and_proc)
{
	char *text = file_text("/proc/self/mountinfo");
	EQUAL(1, strstr(text, " / / ") != NULL || strstr(text, " / ") != NULL);
	EQUAL(1, strstr(text, " /proc ") != NULL);
	unsigned lines = 0;
	for (char *line; (line = next_line(&text)); lines++) {
		unsigned id, parent, major, minor;
		char root[1000], point[1000], options[1000];
		if (sscanf(line, "%u %u %u:%u %999s %999s %999s", &id, &parent, &major, &minor, root, point, options) != 7 ||
		    !strstr(line, " - "))
			guest_failed(__LINE__, "mountinfo", "proc(5)'s fields", line);
		else if (access(point, F_OK) < 0)
			guest_failed(__LINE__, "mountinfo", "mount points that are there", point);
	}
	EQUAL(1, lines >= 2);
	text = file_text("/proc/mounts");
	EQUAL(1, strstr(text, " / ") != NULL);
	EQUAL(1, strstr(text, " /proc proc ") != NULL);
	TEXT("self/mounts", link_of("/proc/mounts"));
}

TEST(odds_and_ends)
{
	TEXT("", file_text("/proc/self/nothing"));
	FAILS(ENOENT, open("/proc/self/nothing", O_RDONLY));
	FAILS(ENOENT, open("/proc/999999999", O_RDONLY));
	EQUAL(0, strncmp("         0 ", file_text("/proc/self/uid_map"), 11));
	char comm[32];
	snprintf(comm, sizeof(comm), "%s", file_text("/proc/self/comm"));
	int fd = WORKS(open("/proc/self/comm", O_WRONLY));
	EQUAL(5, write(fd, "named", 5));
	TEXT("named\n", file_text("/proc/self/comm"));
	char stat[512], expected[64];
	snprintf(stat, sizeof(stat), "%s", file_text("/proc/self/stat"));
	snprintf(expected, sizeof(expected), "%d (named) R %d ", getpid(), getppid());
	EQUAL(0, strncmp(stat, expected, strlen(expected)));
	EQUAL(1, strstr(file_text("/proc/self/limits"), "Max open files") != NULL);
	EQUAL(1, strlen(file_text("/proc/version")) > 10);
	EQUAL(1, strtol(file_text("/proc/sys/kernel/pid_max"), NULL, 10) > 300);
}
