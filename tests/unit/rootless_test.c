/* SPDX-License-Identifier: Apache-2.0 */
/* user.rootlesscontainers: the bytes that others write, a file's, and a tree's into a table. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/rootless.h"

static void what_is_written_is_what_others_write(void **state)
{
	(void)state;
	static const struct {
		struct rootless_owner owner;
		const char *bytes;
		size_t size;
	} vector[] = {
		{ { 0, 0 }, "", 0 },
		{ { 33, 0 }, "\x08\x21", 2 },
		{ { 0, 44 }, "\x10\x2c", 2 },
		{ { 33, 44 }, "\x08\x21\x10\x2c", 4 },
		{ { 1000, 1000 }, "\x08\xe8\x07\x10\xe8\x07", 6 },
		{ { 65534, 65534 }, "\x08\xfe\xff\x03\x10\xfe\xff\x03", 8 },
		{ { ROOTLESS_UNCHANGED, 55 }, "\x08\xff\xff\xff\xff\x0f\x10\x37", 8 },
		{ { ROOTLESS_UNCHANGED, ROOTLESS_UNCHANGED }, "\x08\xff\xff\xff\xff\x0f\x10\xff\xff\xff\xff\x0f", 12 },
	};
	for (size_t i = 0; i < sizeof(vector) / sizeof(*vector); i++) {
		unsigned char bytes[ROOTLESS_BYTES];
		struct rootless_owner owner = { 7, 7 };
		assert_int_equal(rootless_encode(&vector[i].owner, bytes), vector[i].size);
		assert_memory_equal(bytes, vector[i].bytes, vector[i].size);
		assert_int_equal(rootless_decode(vector[i].bytes, vector[i].size, &owner), 0);
		assert_int_equal(owner.uid, vector[i].owner.uid);
		assert_int_equal(owner.gid, vector[i].owner.gid);
	}
}

static void all_forms_of_the_message_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		struct rootless_owner owner;
	} vector[] = {
		{ "\x08\x21\x10\x00", 4, { 33, 0 } },
		{ "\x10\x2c\x08\x21", 4, { 33, 44 } },
		{ "\x08\x21\x08\x22", 4, { 34, 0 } },
		{ "\x08\xa1\x00", 3, { 33, 0 } },
		{ "\x18\x05\x08\x21", 4, { 33, 0 } },
		{ "\x1a\x02xx\x08\x21", 6, { 33, 0 } },
		{ "\x19\x31\x32\x33\x34\x35\x36\x37\x38\x08\x21", 11, { 33, 0 } },
		{ "\x1d\x31\x32\x33\x34\x08\x21", 7, { 33, 0 } },
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, { ROOTLESS_UNCHANGED, 0 } },
	};
	for (size_t i = 0; i < sizeof(vector) / sizeof(*vector); i++) {
		struct rootless_owner owner = { 7, 7 };
		assert_int_equal(rootless_decode(vector[i].bytes, vector[i].size, &owner), 0);
		assert_int_equal(owner.uid, vector[i].owner.uid);
		assert_int_equal(owner.gid, vector[i].owner.gid);
	}
}

static void what_is_no_message_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
	} vector[] = {
		{ "\x08", 1 }, { "\x08\x80", 2 }, { "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12 },
		{ "\x00\x01", 2 }, { "\x1a\x05xx", 4 }, { "\x19xxx", 4 }, { "\x1dxx", 3 }, { "\x0b", 1 }, { "\x0f\x01", 2 },
		{ "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12 },
	};
	for (size_t i = 0; i < sizeof(vector) / sizeof(*vector); i++) {
		struct rootless_owner owner = { 7, 8 };
		assert_int_equal(rootless_decode(vector[i].bytes, vector[i].size, &owner), -EINVAL);
		assert_int_equal(owner.uid, 7);
		assert_int_equal(owner.gid, 8);
	}
}

/* A folder whose file system has such attributes; NULL: none. */
static char *make_folder(void)
{
	char *folder = mem_strdup(NULL, "/var/tmp/fakebuild-rootless-XXXXXX");
	assert_non_null(mkdtemp(folder));
	if (rootless_set(folder, false, 1, 1) == 0 && rootless_set(folder, false, 0, 0) == 0)
		return folder;
	rmdir(folder);
	talloc_free(folder);
	return NULL;
}

/* A new file, whose path is good until the next. */
static const char *put(const char *folder, const char *name, mode_t mode)
{
	static char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	struct error err = ERROR_INIT;
	assert_int_equal(io_write_file(AT_FDCWD, path, "x", 1, mode, &err), 0);
	return path;
}

static void a_file_has_the_owner_that_it_was_given(void **state)
{
	(void)state;
	struct rootless_owner owner;
	char value[32];
	CLEANUP_TALLOC char *folder = make_folder();
	if (!folder)
		skip();
	for (mode_t mode = 0; mode <= 0644; mode += 0444) {
		const char *path = put(folder, "file", 0600);
		struct stat st;
		assert_int_equal(chmod(path, mode), 0);
		assert_int_equal(rootless_set(path, false, 33, 44), 0);
		assert_int_equal(rootless_get(path, &owner), 0);
		assert_int_equal(owner.uid, 33);
		assert_int_equal(owner.gid, 44);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, mode);
		assert_int_equal(rootless_set(path, false, 0, 0), 0);
		assert_int_equal(rootless_set(path, false, 0, 0), 0);
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(lgetxattr(path, ROOTLESS_XATTR, value, sizeof(value)), -1);
		assert_int_equal(errno, ENODATA);
		assert_int_equal(rootless_get(path, &owner), 0);
		assert_int_equal(owner.uid, 0);
	}
	assert_int_equal(setxattr(put(folder, "file", 0600), ROOTLESS_XATTR, "\x08\xff\xff\xff\xff\x0f\x10\x37", 8, 0), 0);
	assert_int_equal(rootless_get(put(folder, "other", 0600), &owner), 0);
	assert_int_equal(owner.uid, 0);
	io_remove_tree(AT_FDCWD, folder);
}

static struct meta_entry entry_at(struct meta *m, const char *folder, const char *name)
{
	struct meta_entry entry;
	struct stat st;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", folder, name);
	assert_int_equal(lstat(path, &st), 0);
	meta_get_or_default(m, &st, &entry);
	return entry;
}

static void a_tree_is_read_into_the_table(void **state)
{
	(void)state;
	struct stat st;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *folder = make_folder();
	if (!folder)
		skip();
	CLEANUP_TALLOC char *closed = mem_printf(NULL, "%s/closed", folder), *link = mem_printf(NULL, "%s/link", folder);
	assert_int_equal(mkdir(closed, 0700), 0);
	assert_int_equal(symlink("plain", link), 0);
	put(folder, "plain", 0644);
	assert_int_equal(rootless_set(put(closed, "deep", 0), false, 5, 6), 0);
	/* As umoci writes 521:0 */
	assert_int_equal(setxattr(put(folder, "noop", 0600), ROOTLESS_XATTR, "\x08\x89\x04\x10\xff\xff\xff\xff\x0f", 9, 0), 0);
	assert_int_equal(rootless_set(closed, false, 7, 8), 0);
	assert_int_equal(rootless_set(folder, false, 9, 10), 0);
	assert_int_equal(chmod(closed, 0), 0);
	assert_int_equal(stat(folder, &st), 0);
	CLEANUP_TALLOC struct meta *m = meta_new(NULL, st.st_dev, 0);
	assert_int_equal(rootless_import(m, folder, &err), 0);
	struct meta_entry entry = entry_at(m, folder, ".");
	assert_int_equal(entry.uid, 9);
	assert_int_equal(entry.gid, 10);
	entry = entry_at(m, folder, "noop");
	assert_int_equal(entry.uid, 521);
	assert_int_equal(entry.gid, 0);
	assert_int_equal(entry_at(m, folder, "plain").uid, 0);
	entry = entry_at(m, folder, "closed");
	assert_int_equal(entry.uid, 7);
	assert_int_equal(entry.mode, S_IFDIR);
	assert_int_equal(chmod(closed, 0700), 0);
	entry = entry_at(m, folder, "closed/deep");
	assert_int_equal(entry.uid, 5);
	assert_int_equal(entry.gid, 6);
	assert_int_equal(entry.mode, S_IFREG);
	io_remove_tree(AT_FDCWD, folder);
}

static void a_bad_attribute_is_told_with_its_file(void **state)
{
	(void)state;
	struct stat st;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *folder = make_folder();
	if (!folder)
		skip();
	assert_int_equal(setxattr(put(folder, "bad", 0600), ROOTLESS_XATTR, "\x08", 1, 0), 0);
	assert_int_equal(stat(folder, &st), 0);
	CLEANUP_TALLOC struct meta *m = meta_new(NULL, st.st_dev, 0);
	CLEANUP_TALLOC char *expected =
		mem_printf(NULL, "the attribute user.rootlesscontainers of '%s/bad' is not the owner of a file", folder);
	assert_int_equal(rootless_import(m, folder, &err), -1);
	assert_string_equal(err.text, expected);
	io_remove_tree(AT_FDCWD, folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_others_write), cmocka_unit_test(all_forms_of_the_message_are_read),
		cmocka_unit_test(what_is_no_message_is_refused), cmocka_unit_test(a_file_has_the_owner_that_it_was_given),
		cmocka_unit_test(a_tree_is_read_into_the_table), cmocka_unit_test(a_bad_attribute_is_told_with_its_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
