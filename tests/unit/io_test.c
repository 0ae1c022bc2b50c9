/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of a child that closes all but some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/io.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_but_some_are_closed) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
