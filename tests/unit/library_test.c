/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries that are loaded late: what is missing is named, what is there is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/library.h"

#define FUNCTIONS(F) F(abs) F(strlen)
static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };
static int begun;

static void begin(void)
{
	begun++;
}

static void loads_the_first_file_that_is_there(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct library library = { "the C library", { "libfakebuild-none.so.1", "libc.so.6" }, symbols, &lib, begin, false };
	assert_int_equal(library_load(&library, &err), 0);
	assert_int_equal(library_load(&library, &err), 0);
	assert_int_equal(begun, 1);
	assert_int_equal(lib.abs(-7), 7);
	assert_int_equal(lib.strlen("seven"), 5);
}

static void names_a_library_that_is_missing(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct library library = { "libnone", { "libfakebuild-none.so.1" }, symbols, &lib, begin, false };
	assert_int_equal(library_load(&library, &err), -1);
	assert_non_null(strstr(err.text, "this needs libnone, which cannot be loaded"));
	assert_non_null(strstr(err.text, "libfakebuild-none.so.1"));
}

static void names_a_function_that_is_missing(void **state)
{
	(void)state;
	static const char *const lacking[] = { "abs", "no_such_function", NULL };
	struct error err = ERROR_INIT;
	struct library library = { "the C library", { "libc.so.6" }, lacking, &lib, NULL, false };
	assert_int_equal(library_load(&library, &err), -1);
	assert_string_equal(err.text, "this needs a newer the C library: it has no no_such_function");
}

static void ends_the_program_where_nothing_can_fail(void **state)
{
	(void)state;
	struct library library = { "libnone", { "libfakebuild-none.so.1" }, symbols, &lib, NULL, false };
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		library_must(&library);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_the_first_file_that_is_there),
		cmocka_unit_test(names_a_library_that_is_missing),
		cmocka_unit_test(names_a_function_that_is_missing),
		cmocka_unit_test(ends_the_program_where_nothing_can_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
