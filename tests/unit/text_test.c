/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tracer/base/text.h"

static void a_path_is_below_another_by_whole_names(void **state)
{
	(void)state;
	assert_true(text_is_at_or_below("/a/b", "/a/b", 4));
	assert_true(text_is_at_or_below("/a/b/c", "/a/b", 4));
	assert_true(text_is_at_or_below("/a/b", "/a/bc", 4));
	assert_false(text_is_at_or_below("/a/bc", "/a/b", 4));
	assert_false(text_is_at_or_below("/a", "/a/b", 4));
	assert_false(text_is_at_or_below("/c/b", "/a/b", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_below_another_by_whole_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
