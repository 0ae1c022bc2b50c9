/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of a child that closes all but some; files that are written whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void all_but_some_are_closed(void **state)
{
	(void)state;
	for (int from = 10; from <= 12; from++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			const int kept[] = { 15, -1, 11, 200 };
			for (int fd = 10; fd <= 16; fd++)
				dup2(STDERR_FILENO, fd);
			dup2(STDERR_FILENO, 200);
			dup2(STDERR_FILENO, 201);
			io_close_others(from, kept, sizeof(kept) / sizeof(*kept));
			for (int fd = 10; fd <= 16; fd++)
				if (is_open(fd) != (fd < from || fd == 11 || fd == 15))
					_exit(fd);
			_exit(is_open(200) && !is_open(201) && is_open(STDERR_FILENO) ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

enum { WRITERS = 4, WRITES = 500 };

static void *write_often(void *path)
{
	struct error err = ERROR_INIT;
	for (int i = 0; i < WRITES; i++)
		if (io_write_passing(AT_FDCWD, path, "whole", 5, 0600, &err) < 0)
			return path;
	return NULL;
}

static void threads_write_one_file(void **state)
{
	(void)state;
	char folder[] = "/tmp/fakebuild-io-XXXXXX", path[64], *text;
	size_t size;
	struct error err = ERROR_INIT;
	pthread_t thread[WRITERS];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, write_often, path), 0);
	for (int i = 0; i < WRITERS; i++) {
		void *result;
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(io_read_file(NULL, AT_FDCWD, path, 100, &text, &size, &err), 0);
	assert_string_equal(text, "whole");
	talloc_free(text);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* What was killed may have had our number, and what runs in another pid namespace may have it. */
static void taken_names_are_passed_over(void **state)
{
	(void)state;
	char folder[] = "/tmp/fakebuild-io-XXXXXX", path[64], first[PATH_MAX], second[PATH_MAX], taken[PATH_MAX];
	unsigned count;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	int fd = io_create_beside(AT_FDCWD, path, 0600, first);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sscanf(strrchr(first, '-'), "-%u", &count), 1);
	snprintf(taken, sizeof(taken), "%.*s-%u", (int)(strrchr(first, '-') - first), first, count + 1);
	fd = open(taken, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
	fd = io_create_beside(AT_FDCWD, path, 0600, second);
	assert_true(fd >= 0);
	close(fd);
	assert_string_not_equal(second, taken);
	assert_int_equal(unlink(first), 0);
	assert_int_equal(unlink(second), 0);
	assert_int_equal(unlink(taken), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_but_some_are_closed),
		cmocka_unit_test(threads_write_one_file),
		cmocka_unit_test(taken_names_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
