/* SPDX-License-Identifier: Apache-2.0 */
/* Resources of config.json as files of a control group: here they are files of a folder, which keep what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compat/runc/cgroup_devices.h"
#include "compat/runc/cgroup_limits.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

static const struct hierarchy second = { "/", NULL };

static char *make_group(const void *ctx, const char *const *files)
{
	char *folder = mem_printf(ctx, "%s/group-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(folder));
	for (; *files; files++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", folder, *files);
		CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
	}
	return folder;
}

static struct json *parse(const void *ctx, const char *text)
{
	struct json *json;
	assert_int_equal(json_parse(ctx, text, "resources", &json, NULL), 0);
	return json;
}

static void each_limit_has_its_file_and_form(void **state)
{
	static const struct {
		const char *controllers, *resources, *file, *wanted;
	} cases[] = {
		{ ",rw,pids,", "{\"pids\":{\"limit\":5}}", "pids.max", "5" },
		{ ",rw,pids,", "{\"pids\":{\"limit\":-1}}", "pids.max", "max" },
		/* runc's: no task at all is one. */
		{ ",rw,pids,", "{\"pids\":{\"limit\":0}}", "pids.max", "1" },
		{ NULL, "{\"pids\":{\"limit\":0}}", "pids.max", "1" },
		{ NULL, "{\"pids\":{}}", "pids.max", "" },
		{ ",rw,memory,", "{\"memory\":{\"swappiness\":0}}", "memory.swappiness", "0" },
		{ ",rw,memory,", "{\"memory\":{\"limit\":0}}", "memory.limit_in_bytes", "" },
		{ ",rw,memory,", "{\"memory\":{\"disableOOMKiller\":true}}", "memory.oom_control", "1" },
		{ ",rw,memory,", "{\"memory\":{\"disableOOMKiller\":false}}", "memory.oom_control", "" },
		{ ",rw,net_cls,", "{\"network\":{\"classID\":1048577}}", "net_cls.classid", "1048577" },
		{ ",rw,memory,", "{\"pids\":{\"limit\":5}}", "pids.max", "" },
		{ ",rw,memory,", "{\"memory\":{\"limit\":-1}}", "memory.memsw.limit_in_bytes", "-1" },
		{ NULL, "{\"memory\":{\"limit\":-1}}", "memory.swap.max", "max" },
		{ ",rw,blkio,", "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":100}]}}",
		  "blkio.throttle.read_bps_device", "8:1 100" },
		{ NULL, "{\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":1,\"rate\":100}]}}", "io.max", "8:1 wiops=100" },
		{ NULL, "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4096}]}", "hugetlb.2MB.max", "4096" },
		{ ",rw,hugetlb,", "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}]}", "hugetlb.2MB.limit_in_bytes", "0" },
		{ NULL, "{\"cpu\":{\"shares\":1024}}", "cpu.weight", "39" },
		{ NULL, "{\"memory\":{\"limit\":4096,\"swap\":8192}}", "memory.swap.max", "4096" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_TALLOC void *ctx = talloc_new(NULL);
		const char *const files[] = { cases[i].file, NULL };
		const struct hierarchy h = { "/", cases[i].controllers };
		char *folder = make_group(ctx, files);
		assert_int_equal(cgroup_limits_set(&h, folder, parse(ctx, cases[i].resources), NULL), 0);
		assert_string_equal(cgroup_read(ctx, folder, cases[i].file), cases[i].wanted);
		io_remove_tree(AT_FDCWD, folder);
	}
}

static void swap_goes_by_the_limit_of_memory_that_is_there(void **state)
{
	static const char *const files[] = { "memory.max", "memory.swap.max", NULL };
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	char *folder = make_group(ctx, files);
	struct json *swap = parse(ctx, "{\"memory\":{\"swap\":10000}}");
	(void)state;
	assert_int_equal(cgroup_write(folder, "memory.max", "max\n"), 0);
	assert_int_equal(cgroup_limits_set(&second, folder, swap, &err), -1);
	assert_string_equal(err.text, "a limit of memory and swap needs one of memory that is no larger");
	error_clear(&err);
	assert_int_equal(cgroup_write(folder, "memory.max", "4096\n"), 0);
	assert_int_equal(cgroup_limits_set(&second, folder, swap, &err), 0);
	assert_string_equal(cgroup_read(ctx, folder, "memory.swap.max"), "5904");
	io_remove_tree(AT_FDCWD, folder);
}

/* "+c 1:3 rw" allows, "-" denies. */
static char *changes_of(const void *ctx, const char *list, const char *rules)
{
	struct device_rules *wanted = NULL;
	assert_int_equal(cgroup_devices_read(ctx, parse(ctx, rules), &wanted, NULL), 0);
	const struct device_rules *changes = cgroup_devices_changes(ctx, list, wanted);
	char *text = mem_strdup(ctx, "");
	for (size_t i = 0; i < changes->count; i++) {
		const struct device_rule *r = &changes->items[i];
		if (r->is_usual)
			continue;
		text = mem_append(text, "%s%c%c %d:%d %u", *text ? " " : "", r->is_allowed ? '+' : '-', r->kind, (int)r->major,
				  (int)r->minor, r->access);
	}
	return text;
}

#define NONE "{\"allow\":false,\"access\":\"rwm\"}"
#define KMSG(may, access) "{\"allow\":" may ",\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"" access "\"}"
static void of_rules_for_devices_only_changes_are_written(void **state)
{
	static const struct {
		const char *list, *rules, *wanted;
	} cases[] = {
		/* Where all was allowed: all is denied first. */
		{ "a *:* rwm\n", "[" NONE "," KMSG("true", "rw") "]", "-a -1:-1 7 +c 1:11 6" },
		{ "a *:* rwm\n", "[{\"allow\":true}]", "+a -1:-1 7" },
		{ "a *:* rwm\n", "[{\"allow\":true}," KMSG("false", "w") "]", "+a -1:-1 7 -c 1:11 4" },
		/* A group with others below would refuse that. */
		{ "c 1:11 rw\n", "[" NONE "," KMSG("true", "rw") "]", "" },
		{ "c 1:11 rw\nb 8:* m\n", "[" NONE "," KMSG("true", "wm") "]", "-c 1:11 2 -b 8:-1 1 +c 1:11 1" },
		{ "c 1:11 rwm\n", "[" NONE "]", "-c 1:11 7" },
		{ "c 1:11 rwm\n", "[" NONE "," KMSG("true", "rwm") "," KMSG("false", "w") "]", "-c 1:11 4" },
		{ "c 1:11 rwm\n", "[{\"allow\":true}]", "+a -1:-1 7" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_TALLOC void *ctx = talloc_new(NULL);
		assert_string_equal(changes_of(ctx, cases[i].list, cases[i].rules), cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_has_its_file_and_form),
		cmocka_unit_test(swap_goes_by_the_limit_of_memory_that_is_there),
		cmocka_unit_test(of_rules_for_devices_only_changes_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
