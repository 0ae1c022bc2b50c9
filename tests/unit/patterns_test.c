/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns as patternmatcher and Go's filepath.Match read them; the cases are of their tables and more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/dockerfile/patterns.h"

static struct patterns *compile(const char *const *lines)
{
	CLEANUP_TALLOC struct strlist *list = strlist_new(NULL);
	struct patterns *p;
	struct error err = ERROR_INIT;
	for (; *lines; lines++)
		strlist_add(list, *lines);
	if (patterns_new(NULL, list, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static const struct {
	const char *pattern, *path;
	bool is_match;
} single[] = {
	{ "**", "file", true }, { "**", "file/", true }, { "**/", "file", true }, { "**", "dir/file", true },
	{ "**/", "dir/file/", true }, { "**/**", "dir/file", true }, { "dir/**", "dir/file", true },
	{ "dir/**", "dir/dir2/file", true }, { "**/dir", "dir", true }, { "**/dir", "dir/file", true },
	{ "**/dir2/*", "dir/dir2/file", true }, { "**/dir2/*", "dir/dir2/file/", true },
	{ "**/dir2/**", "dir/dir2/dir3/file", true }, { "**file", "file", true }, { "**file", "dir/file", true },
	{ "**file", "dir/dir/myfile", true }, { "**/file", "dir/dir/file", true }, { "**/file", "myfile", false },
	{ "**/file*", "dir/dir/file.txt", true }, { "**/file*txt", "dir/dir/file.txt", true },
	{ "**/file*.txt*", "dir/dir/file.txt", true }, { "**/**/*.txt", "dir/dir/file.txt", true },
	{ "**/**/*.txt2", "dir/dir/file.txt", false }, { "**/*.txt", "file.txt", true },
	{ "**/**/*.txt", "file.txt", true }, { "a**/*.txt", "a/file.txt", true },
	{ "a**/*.txt", "a/dir/dir/file.txt", true }, { "a/*.txt", "a/dir/file.txt", false },
	{ "a/*.txt", "a/file.txt", true }, { "a/*.txt**", "a/file.txt", true }, { "a**", "abc/d", true },
	{ "a[b-d]e", "ae", false }, { "a[b-d]e", "ace", true }, { "a[b-d]e", "aae", false },
	{ "a[^b-d]e", "aze", true }, { ".*", ".foo", true }, { ".*", "foo", false },
	{ "abc.def", "abcdef", false }, { "abc.def", "abc.def", true }, { "abc.def", "abcZdef", false },
	{ "abc?def", "abcZdef", true }, { "abc?def", "abcdef", false }, { "abc?def", "abc/def", false },
	{ "a\\\\", "a\\", true }, { "a\\*b", "a*b", true }, { "a\\*b", "axb", false },
	{ "**/foo/bar", "foo/bar", true }, { "**/foo/bar", "dir/dir2/foo/bar", true },
	{ "abc/**", "abc", false }, { "abc/**", "abc/def/ghi", true }, { "**/.foo", ".foo", true },
	{ "**/.foo", "bar.foo", false }, { "a(b)c/def", "a(b)c/def", true }, { "a(b)c/def", "a(b)c/xyz", false },
	{ "a.|)$(}+{bc", "a.|)$(}+{bc", true }, { "dist/*.whl", "dist/p-2.4+g0-none-any.whl", true },
	{ "docs", "docs/a/b", true }, { "docs", "docs2", false }, { "./docs/", "docs/a", true },
	{ "a/../b", "b", true }, { "/a", "a", false }, { "*", "dir/file", true }, { "*/b", "a/b/c", true },
	{ "*/c", "a/b/c", false }, { "*.go", ".", false }, { "\xc3\xa4?", "\xc3\xa4\xc3\xb6", true },
	{ "a?", "a\xff", true }, { "caf\xc3\xa9*", "caf\xc3\xa9s", true }, { "**", "a\nb", true },
	{ "b*/**/x", "b1/x", true }, { "b*/**/x", "b1/y/z/x", true }, { "b*/**/x", "b1/yx", false },
};

static void single_patterns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++) {
		const char *const lines[] = { single[i].pattern, NULL };
		CLEANUP_TALLOC struct patterns *p = compile(lines);
		if (patterns_match(p, single[i].path) != single[i].is_match)
			fail_msg("'%s' on '%s': expected %d", single[i].pattern, single[i].path, single[i].is_match);
	}
}

static const struct {
	const char *patterns[5], *path;
	bool is_match;
} several[] = {
	{ { "!fileutils.go", "*.go" }, "fileutils.go", true },
	{ { "*.go", "!fileutils.go" }, "fileutils.go", false },
	{ { "docs", "!docs/README.md" }, "docs/README.md", false },
	{ { "docs/", "!docs/README.md" }, "docs/README.md", false },
	{ { "docs/*", "!docs/README.md" }, "docs/README.md", false },
	{ { "docs", "!docs/README.md" }, "docs/OTHER.md", true },
	{ { "docs", "  !docs/README.md" }, "docs/README.md", false },
	{ { "docs", "!docs/README.md  " }, "docs/README.md", false },
	{ { "**", "!util/docker/web" }, "util/docker/web/foo", false },
	{ { "**", "!util/docker/web", "util/docker/web/foo" }, "util/docker/web/foo", true },
	{ { "**", "!dist/*.whl" }, "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", false },
	{ { "*", "!a", "a/b", "!a/b/c" }, "a/b/c", false },
	{ { "*", "!a", "a/b", "!a/b/c" }, "a/b/d", true },
	{ { "docs", "config", "" }, "config/x", true },
	/* What the parent was not asked, it does not tell its children: as the walk of BuildKit does it. */
	{ { "a/b", "!a" }, "a/b", true },
	{ { NULL }, "any/path", false },
};

static void the_last_match_wins(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(several) / sizeof(*several); i++) {
		CLEANUP_TALLOC struct patterns *p = compile(several[i].patterns);
		if (patterns_match(p, several[i].path) != several[i].is_match)
			fail_msg("row %zu, '%s': expected %d", i, several[i].path, several[i].is_match);
	}
}

/* Of Go's path/filepath: 1 match, 0 none, -1 malformed. */
static const struct {
	const char *pattern, *path;
	int result;
} names[] = {
	{ "abc", "abc", 1 }, { "*", "abc", 1 }, { "*c", "abc", 1 }, { "a*", "a", 1 }, { "a*", "abc", 1 },
	{ "a*", "ab/c", 0 }, { "a*/b", "abc/b", 1 }, { "a*/b", "a/c/b", 0 }, { "a*b*c*d*e*/f", "axbxcxdxe/f", 1 },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", 1 }, { "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", 0 },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/fff", 0 }, { "a*b?c*x", "abxbbxdbxebxczzx", 1 },
	{ "a*b?c*x", "abxbbxdbxebxczzy", 0 }, { "ab[c]", "abc", 1 }, { "ab[b-d]", "abc", 1 },
	{ "ab[e-g]", "abc", 0 }, { "ab[^c]", "abc", 0 }, { "ab[^b-d]", "abc", 0 }, { "ab[^e-g]", "abc", 1 },
	{ "a\\*b", "a*b", 1 }, { "a\\*b", "ab", 0 }, { "a?b", "a\xe2\x98\xba" "b", 1 },
	{ "a[^a]b", "a\xe2\x98\xba" "b", 1 }, { "a???b", "a\xe2\x98\xba" "b", 0 },
	{ "a[^a][^a][^a]b", "a\xe2\x98\xba" "b", 0 }, { "[a-\xce\xb6]*", "\xce\xb1", 1 }, { "*[a-\xce\xb6]", "A", 0 },
	{ "a?b", "a/b", 0 }, { "a*b", "a/b", 0 }, { "[\\]a]", "]", 1 }, { "[\\-]", "-", 1 }, { "[x\\-]", "x", 1 },
	{ "[x\\-]", "-", 1 }, { "[x\\-]", "z", 0 }, { "[\\-x]", "x", 1 }, { "[\\-x]", "-", 1 }, { "[\\-x]", "a", 0 },
	{ "[]a]", "]", -1 }, { "[-]", "-", -1 }, { "[x-]", "x", -1 }, { "[x-]", "z", -1 }, { "[-x]", "x", -1 },
	{ "[-x]", "a", -1 }, { "\\", "a", -1 }, { "[a-b-c]", "a", -1 }, { "[", "a", -1 }, { "[^", "a", -1 },
	{ "[^bc", "a", -1 }, { "a[", "a", -1 }, { "a[", "ab", -1 }, { "a[", "x", -1 }, { "a/b[", "x", -1 },
	{ "*x", "xxx", 1 }, { "**", "a/b", 0 }, { "**", "ab", 1 }, { "arr[[]0].txt", "arr[0].txt", 1 },
};

static void names_match_as_go_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int result = pattern_match_name(names[i].pattern, names[i].path);
		if (result != names[i].result)
			fail_msg("'%s' on '%s': expected %d, got %d", names[i].pattern, names[i].path,
				 names[i].result, result);
	}
	assert_false(pattern_has_wildcards("a\\*b"));
	assert_true(pattern_has_wildcards("a\\*b?"));
	assert_false(pattern_has_wildcards("a\\"));
}

static void malformed_patterns_are_named(void **state)
{
	(void)state;
	static const char *const bad[] = { "!", "[", "a/[-x]", "!a\\" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CLEANUP_TALLOC struct strlist *list = strlist_new(NULL);
		struct patterns *p = NULL;
		struct error err = ERROR_INIT;
		strlist_add(list, bad[i]);
		assert_int_equal(patterns_new(NULL, list, &p, &err), -1);
		assert_null(p);
		assert_non_null(strstr(err.text, bad[i][0] == '!' && bad[i][1] ? bad[i] + 1 : bad[i]));
	}
}

static void ignore_files_are_read(void **state)
{
	(void)state;
	static const char text[] = "\xef\xbb\xbf# comment\r\n\n   \n #no comment \n/a/b/\n!  /c/../d\n  e  \r\n"
				   "./f/./g//h\n!\n/\n*.log";
	static const char *const expected[] = { "#no comment", "a/b", "!d", "e", "f/g/h", "!", "/", "*.log", NULL };
	CLEANUP_TALLOC struct strlist *list = patterns_read(NULL, text, sizeof(text) - 1);
	for (size_t i = 0; expected[i]; i++) {
		assert_true(i < list->count);
		assert_string_equal(list->items[i], expected[i]);
	}
	assert_int_equal(list->count, sizeof(expected) / sizeof(*expected) - 1);
	CLEANUP_TALLOC struct strlist *none = patterns_read(NULL, "", 0);
	assert_int_equal(none->count, 0);
}

static void excluded_folders_that_may_hold_exceptions(void **state)
{
	(void)state;
	static const char *const lines[] = { "*", "!src/a/b", "!lib*/x", NULL };
	CLEANUP_TALLOC struct patterns *p = compile(lines);
	assert_true(patterns_may_include_below(p, "src"));
	assert_true(patterns_may_include_below(p, "src/a"));
	assert_false(patterns_may_include_below(p, "src/c"));
	assert_false(patterns_may_include_below(p, "sr"));
	assert_true(patterns_may_include_below(p, "libx"));
	assert_false(patterns_may_include_below(p, "node_modules"));
	static const char *const plain[] = { "*", NULL };
	CLEANUP_TALLOC struct patterns *none = compile(plain);
	assert_false(patterns_may_include_below(none, "src"));
	static const char *const deep[] = { "*", "!**/keep", NULL };
	CLEANUP_TALLOC struct patterns *anywhere = compile(deep);
	assert_true(patterns_may_include_below(anywhere, "any/where"));
}

static void long_patterns_take_no_time(void **state)
{
	(void)state;
	CLEANUP_TALLOC char *pattern = mem_strdup(NULL, ""), *path = mem_strdup(NULL, "");
	for (int i = 0; i < 400; i++) {
		pattern = mem_append(pattern, "**/*a");
		path = mem_append(path, "aaaaaaaaaa/");
	}
	path = mem_append(path, "b");
	const char *const lines[] = { pattern, NULL };
	CLEANUP_TALLOC struct patterns *p = compile(lines);
	assert_false(patterns_match(p, "b"));
	bool own[1];
	assert_false(patterns_match_in(p, path, NULL, own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_patterns),
		cmocka_unit_test(the_last_match_wins),
		cmocka_unit_test(names_match_as_go_does),
		cmocka_unit_test(malformed_patterns_are_named),
		cmocka_unit_test(ignore_files_are_read),
		cmocka_unit_test(excluded_folders_that_may_hold_exceptions),
		cmocka_unit_test(long_patterns_take_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
