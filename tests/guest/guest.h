/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each program in tests/guest/ is made of: named tests, run one by one in an empty directory and a
 * child of their own, so that neither files nor identities leak; results as TAP.  The expectations are the
 * kernel's: run.sh runs the same programs as real root.
 *
 *	TEST(name) { ... }          a test; its name says the behaviour
 *	ROLE(name) { ... }          what `PROGRAM @name ARGUMENT...` does: a program for tests of execve;
 *	                            a blank or carriage return ends the name
 *	EQUAL(expected, actual)     numbers;  TEXT(expected, actual) strings
 *	WORKS(call)                 is not -1; its value
 *	FAILS(errno, call)          is -1 with this errno
 *	CHILD { ... }               in a child process, for what cannot be undone
 *	AS(uid, gid) { ... }        so, with these ids and without groups and capabilities
 *	SKIP(reason)                the kernel below lacks what the test is about
 *
 * A failed expectation prints what was expected and what came, and the test goes on.  A line
 * "covers: CALL..." in a program names the rows of tracer/rows.c that it tests.
 */
#ifndef FAKEBUILD_TESTS_GUEST_H
#define FAKEBUILD_TESTS_GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GUEST_SECONDS = 30 };

struct guest_test {
	const char *name;
	void (*run)(void);
};
struct guest_role {
	const char *name;
	int (*run)(int argc, char **argv);
};
extern const struct guest_test __start_guest_tests[] __attribute__((weak));
extern const struct guest_test __stop_guest_tests[] __attribute__((weak));
extern const struct guest_role __start_guest_roles[] __attribute__((weak));
extern const struct guest_role __stop_guest_roles[] __attribute__((weak));

#define TEST(test)                                                                             \
	static void test(void);                                                                \
	static const struct guest_test entry_##test                                            \
		__attribute__((section("guest_tests"), used, aligned(sizeof(void *)))) = { #test, test }; \
	static void test(void)
#define ROLE(role)                                                                             \
	static int role_##role(int argc, char **argv);                                         \
	static const struct guest_role entry_##role                                            \
		__attribute__((section("guest_roles"), used, aligned(sizeof(void *)))) = { #role, role_##role }; \
	static int role_##role(int argc __attribute__((unused)), char **argv __attribute__((unused)))

/* Shared with the children of a test. */
static struct {
	int failures;
	char skipped[120];
} *guest_result;

static inline void guest_failed(int line, const char *what, const char *expected, const char *actual)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "# line %d: %s\n#   expected: %s\n#   actual:   %s\n", line, what, expected,
			 actual);
	guest_result->failures++;
	if (write(1, text, n < (int)sizeof(text) ? n : (int)sizeof(text) - 1) < 0)
		_exit(1);
}

static inline long long guest_equal(int line, const char *what, long long expected, long long actual)
{
	char a[64], b[64];
	snprintf(a, sizeof(a), "%lld (%#llo)", expected, expected);
	snprintf(b, sizeof(b), "%lld (%#llo)", actual, actual);
	if (expected != actual)
		guest_failed(line, what, a, b);
	return actual;
}

static inline void guest_text(int line, const char *what, const char *expected, const char *actual)
{
	if (strcmp(expected, actual) != 0)
		guest_failed(line, what, expected, actual);
}

static inline long guest_works(int line, const char *what, long result)
{
	if (result == -1)
		guest_failed(line, what, "success", strerrorname_np(errno));
	return result;
}

static inline void guest_fails(int line, const char *what, int error, long result)
{
	char text[64];
	int actual = errno;
	if (result != -1) {
		snprintf(text, sizeof(text), "success, %ld", result);
		guest_failed(line, what, strerrorname_np(error), text);
	} else if (actual != error) {
		guest_failed(line, what, strerrorname_np(error), strerrorname_np(actual));
	}
}

#define EQUAL(expected, actual) guest_equal(__LINE__, #actual, (long long)(expected), (long long)(actual))
#define TEXT(expected, actual) guest_text(__LINE__, #actual, expected, actual)
#define WORKS(call) guest_works(__LINE__, #call, (long)(call))
#define FAILS(error, call) (errno = 0, guest_fails(__LINE__, #call, error, (long)(call)))
#define SKIP(reason) (snprintf(guest_result->skipped, sizeof(guest_result->skipped), "%s", reason), _exit(0))

/* The parent waits and returns 0; the child returns 1. */
static inline int guest_child(int line)
{
	pid_t child = fork();
	if (child == 0)
		return 1;
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		char text[32];
		snprintf(text, sizeof(text), "wait status %#x", status);
		guest_failed(line, "child", "wait status 0", text);
	}
	return 0;
}

static inline int guest_child_end(void)
{
	fflush(stdout);
	_exit(0);
	return 0;
}

static inline int guest_as(int line, uid_t uid, gid_t gid)
{
	if (!guest_child(line))
		return 0;
	guest_works(line, "setgroups", setgroups(0, NULL));
	guest_works(line, "setresgid", setresgid(gid, gid, gid));
	guest_works(line, "setresuid", setresuid(uid, uid, uid));
	return 1;
}

/* A name for each use, so that one may be inside another. */
#define GUEST_JOIN(a, b) a##b
#define GUEST_NAME(a, b) GUEST_JOIN(a, b)
#define GUEST_ONCE GUEST_NAME(once_, __LINE__)
#define CHILD for (int GUEST_ONCE = guest_child(__LINE__); GUEST_ONCE; GUEST_ONCE = guest_child_end())
#define AS(uid, gid) \
	for (int GUEST_ONCE = guest_as(__LINE__, uid, gid); GUEST_ONCE; GUEST_ONCE = guest_child_end())

/* ---- what many tests need ---- */

/* An address where nothing is; the compiler must not know. */
static void *const volatile bad __attribute__((unused)) = (void *)8;

/* Runs as real root natively, not under fakebuild: for what fakebuild refuses by design. */
static inline bool guest_is_native(void)
{
	return getenv("GUEST_NATIVE") != NULL;
}

/* Make a file of this mode and content. */
static inline void put_file(const char *name, mode_t mode, const char *content)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, content, strlen(content)) < 0 || fchmod(fd, mode) < 0)
		guest_failed(__LINE__, name, "a file", strerrorname_np(errno));
	close(fd);
}

/* The content of a file, in a buffer that the next call reuses; "" when it cannot be read. */
static inline char *file_text(const char *name)
{
	static char text[65536];
	int fd = open(name, O_RDONLY);
	size_t used = 0;
	for (ssize_t n; fd >= 0 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0;)
		used += n;
	text[used] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* The next line of a text, cut off it; NULL at its end. */
static inline char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');
	if (!*line)
		return NULL;
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

/* What /proc/self/fdinfo says of a descriptor in this line, as "mnt_id:"; -1 when it has no such line. */
static inline long fdinfo_number(int fd, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	const char *found = strstr(file_text(path), name);
	return found ? strtol(found + strlen(name), NULL, 10) : -1;
}

/* What lstat shows; all zero when it fails. */
static inline struct stat look(const char *name)
{
	struct stat st;
	if (lstat(name, &st) < 0)
		memset(&st, 0, sizeof(st));
	return st;
}

/*
 * Make the directory d<i>/d, and four files in it, each of group 0: who has looked at a directory remembers it.  Its name is
 * left in `name`.
 */
static inline void make_known_directory(int i, char name[64])
{
	snprintf(name, 64, "d%d", i);
	WORKS(mkdir(name, 0755));
	snprintf(name, 64, "d%d/d", i);
	WORKS(mkdir(name, 0755));
	for (int file = 0; file < 4; file++) {
		snprintf(name, 64, "d%d/d/%d", i, file);
		put_file(name, 0644, "");
		EQUAL(0, look(name).st_gid);
	}
	snprintf(name, 64, "d%d/d", i);
}

static inline mode_t mode_of(const char *name)
{
	return look(name).st_mode & 07777;
}

/* A child that runs until somebody ends it. */
static inline pid_t sleeper(void)
{
	pid_t child = fork();
	while (child == 0)
		pause();
	return child;
}

/* Copy this program to `name`, so that tests can change whose and of what mode it is. */
static inline void copy_self(const char *name, mode_t mode)
{
	char block[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = open(name, O_WRONLY | O_CREAT | O_EXCL, 0700);
	ssize_t n;
	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, n) != n)
			break;
	if (from < 0 || to < 0 || n != 0 || fchmod(to, mode) < 0)
		guest_failed(__LINE__, name, "a copy of the program", strerrorname_np(errno));
	close(from);
	close(to);
}

/* What a program prints; it must end with status 0.  In a buffer that the next call reuses. */
static inline char *output_of(char *const argv[])
{
	static char text[8192];
	int ends[2];
	size_t used = 0;
	if (pipe(ends) < 0)
		return NULL;
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execv(argv[0], argv);
		printf("execv: %s", strerrorname_np(errno));
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	for (ssize_t n; (n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0;)
		used += n;
	text[used] = '\0';
	close(ends[0]);
	int status = -1;
	if (waitpid(child, &status, 0) != child || status != 0)
		snprintf(text + used, sizeof(text) - used, "[wait status %#x]", status);
	return text;
}

/* ---- the program ---- */

static inline void guest_run(const struct guest_test *test, unsigned number)
{
	char folder[NAME_MAX];
	snprintf(folder, sizeof(folder), "%.240s", test->name);
	guest_result->failures = 0;
	guest_result->skipped[0] = '\0';
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		umask(022);
		if (mkdir(folder, 0755) < 0 || chdir(folder) < 0) {
			printf("# cannot make %s: %s\n", folder, strerror(errno));
			_exit(1);
		}
		alarm(GUEST_SECONDS);
		test->run();
		fflush(stdout);
		_exit(0);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		printf("# ended with wait status %#x\n", status);
		guest_result->failures++;
	}
	printf("%sok %u %s%s%s\n", guest_result->failures ? "not " : "", number, test->name,
	       guest_result->skipped[0] ? " # skip " : "", guest_result->skipped);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (const struct guest_role *r = __start_guest_roles; argc > 1 && r < __stop_guest_roles; r++)
		if (argv[1][0] == '@' && strncmp(argv[1] + 1, r->name, strlen(r->name)) == 0 &&
		    strchr(" \r", argv[1][strlen(r->name) + 1]))
			return r->run(argc, argv);
	/* Where real root's run starts, as -w says it to fakebuild. */
	if (guest_is_native() && chdir(getenv("GUEST_NATIVE")) < 0)
		return 1;
	guest_result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	printf("1..%u\n", (unsigned)(__stop_guest_tests - __start_guest_tests));
	for (const struct guest_test *t = __start_guest_tests; t < __stop_guest_tests; t++)
		if (argc < 2 || strcmp(argv[1], t->name) == 0)
			guest_run(t, t - __start_guest_tests + 1);
	return 0;
}

#endif
