/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of seccomp(2) from rules, tried by a child that takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/profile.h"

enum { ALLOW = 0x7fff0000, ERRNO = 0x00050000, MODE_FILTER = 2, NEWER_THAN_ALL = 999 };

/* The errno of a call under the program; 0: none. */
static int errno_under(const struct sock_filter *program, unsigned short length, long call, long first)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct sock_fprog all = { length, (struct sock_filter *)(uintptr_t)program };
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, MODE_FILTER, &all) < 0)
			_exit(255);
		/* A sanitizer does more in _exit() than the program allows. */
		long r = syscall(call, first, 0, 0, 0, 0, 0);
		syscall(SYS_exit_group, r < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void make(uint32_t by_default, struct sock_filter **ret, unsigned short *ret_length)
{
	static const char *const allowed[] = { "exit", "exit_group", "prctl", "no_such_call", "getppid" };
	const struct profile_condition twice[] = { { 0, profile_comparison("SCMP_CMP_EQ"), 1, 0 },
						   { 0, profile_comparison("SCMP_CMP_EQ"), 2, 0 } };
	struct profile *p;
	struct error err = ERROR_INIT;
	assert_int_equal(profile_new(NULL, by_default, &p, &err), 0);
	assert_int_equal(profile_add_arch(p, "SCMP_ARCH_X86", &err), 0);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		assert_int_equal(profile_add_rule(p, allowed[i], ALLOW, NULL, 0, &err), 0);
	assert_int_equal(profile_add_rule(p, "getsid", ALLOW, twice, 2, &err), 0);
	assert_int_equal(profile_program(NULL, p, ret, ret_length, &err), 0);
	talloc_free(p);
}

static void calls_newer_than_all_rules_are_unknown(void **state)
{
	struct sock_filter *program;
	unsigned short length;
	(void)state;
	make(ERRNO | EPERM, &program, &length);
	assert_int_equal(errno_under(program, length, SYS_getppid, 0), 0);
	assert_int_equal(errno_under(program, length, SYS_getpgid, 0), EPERM);
	/* exit_group is the newest that there is a rule for. */
	assert_int_equal(errno_under(program, length, SYS_exit_group + 1, 0), ENOSYS);
	assert_int_equal(errno_under(program, length, NEWER_THAN_ALL, 0), ENOSYS);
	assert_int_equal(talloc_free(program), 0);
}

static void one_argument_may_have_several_values(void **state)
{
	struct sock_filter *program;
	unsigned short length;
	(void)state;
	make(ERRNO | EXDEV, &program, &length);
	assert_int_equal(errno_under(program, length, SYS_getsid, 0), EXDEV);
	/* Allowed, and of no process of ours. */
	assert_int_not_equal(errno_under(program, length, SYS_getsid, 1), EXDEV);
	assert_int_not_equal(errno_under(program, length, SYS_getsid, 2), EXDEV);
	assert_int_equal(talloc_free(program), 0);
}

static void what_has_no_name_is_refused(void **state)
{
	struct profile *p;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(profile_comparison("SCMP_CMP_NEAR"), -1);
	assert_true(profile_call_number(AUDIT_ARCH_X86_64, "no_such_call") < 0);
	assert_int_equal(profile_call_number(AUDIT_ARCH_X86_64, "openat"), SYS_openat);
	assert_int_equal(profile_new(NULL, ALLOW, &p, &err), 0);
	assert_int_equal(profile_add_arch(p, "SCMP_ARCH_PDP11", &err), -1);
	assert_string_equal(err.text, "'SCMP_ARCH_PDP11' is no architecture");
	talloc_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_newer_than_all_rules_are_unknown),
		cmocka_unit_test(one_argument_may_have_several_values),
		cmocka_unit_test(what_has_no_name_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
