/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of a container are looked up inside its root. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "compat/runc/rootfs.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct place {
	char *root;
};

static int make_place(void **state)
{
	static const char *const folders[] = { "run/lock", "usr/lib", "a/b/c" };
	static const struct {
		const char *path, *target;
	} links[] = {
		{ "var", "/run" }, { "lib", "usr/lib" }, { "out", "../../../etc" }, { "a/b/up", "../../run" },
		{ "loop", "loop" }, { "top", "/" }, { "dangling", "/not/there" }, { "a/over", "../../tmp" },
	};
	struct place *p = mem_new(NULL, struct place);
	char template[] = "/tmp/fakebuild-rootfs-XXXXXX", real[PATH_MAX];
	assert_non_null(mkdtemp(template));
	assert_non_null(realpath(template, real));
	p->root = mem_strdup(p, real);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		assert_int_equal(io_mkdir_p(AT_FDCWD, mem_printf(p, "%s/%s", p->root, folders[i]), 0755), 0);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		assert_int_equal(symlink(links[i].target, mem_printf(p, "%s/%s", p->root, links[i].path)), 0);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	io_remove_tree(AT_FDCWD, p->root);
	talloc_free(p);
	return 0;
}

static void paths_stay_below_the_root(void **state)
{
	static const struct {
		const char *path, *wanted;
	} cases[] = {
		{ "/run/lock", "/run/lock" },
		{ "run//lock/", "/run/lock" },
		{ "/var/lock", "/run/lock" },
		{ "/lib/x", "/usr/lib/x" },
		{ "/a/b/up/lock", "/run/lock" },
		{ "/top/var", "/run" },
		{ "/dangling/x", "/not/there/x" },
		{ "/new/../a/./b", "/a/b" },
		{ "/../../../etc", "/etc" },
		{ "/", "" },
	};
	const struct place *p = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error err = ERROR_INIT;
		char *found = rootfs_resolve(p, p->root, cases[i].path, &err);
		char *wanted = mem_printf(p, "%s%s", p->root, cases[i].wanted);
		if (!found)
			fail_msg("%s: %s", cases[i].path, err.text);
		assert_string_equal(found, wanted);
	}
}

static void symlinks_out_of_the_root_are_refused(void **state)
{
	static const struct {
		const char *path, *sentence;
	} cases[] = {
		{ "/out", "leads out of the root" },
		{ "/out/passwd", "leads out of the root" },
		{ "/a/over", "leads out of the root" },
		{ "/loop", "Too many levels of symbolic links" },
	};
	const struct place *p = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error err = ERROR_INIT;
		if (rootfs_resolve(p, p->root, cases[i].path, &err))
			fail_msg("%s was found", cases[i].path);
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("%s: %s", cases[i].path, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_stay_below_the_root, make_place, remove_place),
		cmocka_unit_test_setup_teardown(symlinks_out_of_the_root_are_refused, make_place, remove_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
