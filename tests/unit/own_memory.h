/* SPDX-License-Identifier: Apache-2.0 */
/* Tests whose state is memory that goes with them: TEST(name). */
#ifndef FAKEBUILD_TESTS_OWN_MEMORY_H
#define FAKEBUILD_TESTS_OWN_MEMORY_H

#include <talloc.h>

static int set_up(void **state)
{
	*state = talloc_new(NULL);
	return 0;
}
static int tear_down(void **state)
{
	return talloc_free(*state);
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
