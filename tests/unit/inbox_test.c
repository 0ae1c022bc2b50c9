/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata table's inbox: what is left there is what the table says. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/meta.h"

enum { DEVICE = 7, OTHER_DEVICE = 8 };

struct house {
	char *folder, *path, *inbox_path;
	struct meta *m;
	struct meta_inbox *inbox; /* as a tracee has it */
};

static struct meta *open_table(const struct house *h)
{
	struct meta *m;
	struct error err = ERROR_INIT;
	assert_int_equal(meta_open(NULL, h->path, DEVICE, 0, &m, &err), 0);
	return m;
}

static void map_inbox(struct house *h)
{
	CLEANUP_CLOSE int fd = open(h->inbox_path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	h->inbox = mmap(NULL, sizeof(*h->inbox), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(h->inbox != MAP_FAILED);
}

static int move_in(void **state)
{
	char folder[] = "/tmp/fakebuild-inbox-XXXXXX";
	struct house *h = mem_new(NULL, struct house);
	assert_non_null(mkdtemp(folder));
	h->folder = mem_strdup(h, folder);
	h->path = mem_printf(h, "%s/meta", folder);
	h->inbox_path = mem_printf(h, "%s/meta.inbox", folder);
	h->m = open_table(h);
	assert_true(meta_make_inbox(h->m));
	map_inbox(h);
	*state = h;
	return 0;
}

static int move_out(void **state)
{
	struct house *h = *state;
	munmap(h->inbox, sizeof(*h->inbox));
	talloc_free(h->m);
	io_remove_tree(AT_FDCWD, h->folder);
	talloc_free(h);
	return 0;
}

static struct meta_request request(uint64_t ino, uint32_t mode, uint32_t uid)
{
	struct meta_request r;
	struct meta_entry entry = { .ino = ino, .mode = mode, .uid = uid, .gid = uid + 1, .birth = ino << 20 | 1 };
	assert_true(meta_request_of(&entry, &r));
	return r;
}

static void leave(struct house *h, uint64_t ino, uint32_t mode, uint32_t uid)
{
	struct meta_request seen = { 0, 0 };
	meta_find_request(h->inbox, ino, &seen);
	assert_true(meta_leave_request(h->inbox, ino, seen, request(ino, mode, uid)));
}

static void expect(struct meta *m, uint64_t ino, uint32_t mode, uint32_t uid)
{
	struct meta_entry entry;
	assert_true(meta_get(m, DEVICE, ino, &entry));
	assert_int_equal(entry.dev, DEVICE);
	assert_int_equal(entry.ino, ino);
	assert_int_equal(entry.mode, mode);
	assert_int_equal(entry.uid, uid);
	assert_int_equal(entry.gid, uid + 1);
	if (entry.birth)
		assert_int_equal(entry.birth, (uint32_t)(ino << 20 | 1));
}

static void a_request_is_read_before_the_table(void **state)
{
	struct house *h = *state;
	struct meta_entry entry = { .dev = DEVICE, .ino = 5, .mode = S_IFREG | 0600, .uid = 1 };
	meta_put(h->m, &entry);
	leave(h, 5, S_IFREG | 0644, 33);
	expect(h->m, 5, S_IFREG | 0644, 33);
	leave(h, 5, S_IFREG | 0640, 34);
	expect(h->m, 5, S_IFREG | 0640, 34);
	assert_false(meta_get(h->m, OTHER_DEVICE, 5, &entry));
	leave(h, 5, 0, 0);
	assert_false(meta_get(h->m, DEVICE, 5, &entry));
}

static void what_is_put_later_is_newer_than_a_request(void **state)
{
	struct house *h = *state;
	struct meta_entry entry = { .dev = DEVICE, .ino = 5, .mode = S_IFREG | 0600, .uid = 1, .gid = 2 };
	leave(h, 5, S_IFREG | 0644, 33);
	meta_put(h->m, &entry);
	expect(h->m, 5, S_IFREG | 0600, 1);
	leave(h, 5, S_IFREG | 0644, 33);
	meta_drop(h->m, DEVICE, 5);
	assert_false(meta_get(h->m, DEVICE, 5, &entry));
}

static int count_entry(const struct meta_entry *entry, void *arg)
{
	unsigned *count = arg;
	assert_int_equal(entry->uid, entry->ino);
	++*count;
	return 0;
}

static void a_full_inbox_takes_nothing_until_the_table_is_written(void **state)
{
	struct house *h = *state;
	const struct meta_request none = { 0, 0 };
	unsigned left = 0, count = 0;
	while (meta_leave_request(h->inbox, left + 1, none, request(left + 1, S_IFREG | 0644, left + 1)))
		left++;
	assert_int_equal(left, META_INBOX_SETS * META_INBOX_WAYS);
	meta_drop(h->m, DEVICE, left + 1);
	leave(h, left + 1, S_IFREG | 0644, left + 1);
	for (unsigned i = 1; i <= left + 1; i++)
		expect(h->m, i, S_IFREG | 0644, i);
	meta_each(h->m, count_entry, &count);
	assert_int_equal(count, left + 1);
	assert_int_equal(meta_header(h->m)->live, left + 1);
}

static void requests_outlive_who_was_killed(void **state)
{
	struct house *h = *state;
	TALLOC_FREE(h->m);
	pid_t pid = fork();
	if (pid == 0) {
		h->m = open_table(h);
		if (!meta_make_inbox(h->m))
			_exit(1);
		map_inbox(h);
		leave(h, 5, S_IFREG | 0644, 33);
		raise(SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(access(h->inbox_path, F_OK), 0);
	h->m = open_table(h);
	assert_int_equal(access(h->inbox_path, F_OK), -1);
	assert_false(meta_header(h->m)->flags & META_HAS_INBOX);
	expect(h->m, 5, S_IFREG | 0644, 33);
}

static void the_last_who_leaves_takes_the_inbox_along(void **state)
{
	struct house *h = *state;
	struct meta *other = open_table(h);
	leave(h, 5, S_IFREG | 0644, 33);
	expect(other, 5, S_IFREG | 0644, 33);
	talloc_free(h->m);
	assert_int_equal(access(h->inbox_path, F_OK), 0);
	leave(h, 6, S_IFDIR | 0755, 34);
	talloc_free(other);
	assert_int_equal(access(h->inbox_path, F_OK), -1);
	h->m = open_table(h);
	expect(h->m, 5, S_IFREG | 0644, 33);
	expect(h->m, 6, S_IFDIR | 0755, 34);
}

static void a_request_holds_what_was_put_in(void **state)
{
	static const struct meta_entry entries[] = {
		{ .ino = 1, .mode = S_IFDIR | 07777, .uid = 4194303, .gid = 0, .birth = UINT32_MAX },
		{ .ino = 0x7fffffffffff, .mode = S_IFREG, .uid = 0, .gid = 4194303, .marks = META_MARK_UNNAMED, .birth = 1 },
		{ .ino = 1024, .mode = S_IFLNK | 0777, .uid = 65534, .gid = 65533, .birth = 0x80000fff },
	};
	static const struct meta_entry too_large[] = {
		{ .ino = 5, .mode = S_IFREG, .uid = 4194304 },
		{ .ino = 5, .mode = S_IFREG, .gid = UINT32_MAX - 1 },
		{ .ino = UINT64_C(1) << 47, .mode = S_IFREG },
		{ .ino = 5, .mode = S_IFCHR | 0666 },
		{ .ino = 5, .mode = S_IFSOCK | 0666 },
	};
	struct house *h = *state;
	struct meta_request r;
	struct meta_entry back;
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		assert_true(meta_request_of(&entries[i], &r));
		assert_true(meta_is_request_of(&r, entries[i].ino));
		assert_false(meta_is_request_of(&r, entries[i].ino + 1024));
		assert_true(meta_take_request(entries[i].ino % META_INBOX_SETS, &r, &back));
		assert_int_equal(back.ino, entries[i].ino);
		assert_int_equal(back.mode, entries[i].mode);
		assert_int_equal(back.uid, entries[i].uid);
		assert_int_equal(back.gid, entries[i].gid);
		assert_int_equal(back.birth, entries[i].birth);
		assert_int_equal(back.marks, entries[i].marks);
	}
	for (size_t i = 0; i < sizeof(too_large) / sizeof(*too_large); i++)
		assert_false(meta_request_of(&too_large[i], &r));
	leave(h, 0, 0, 0);
	assert_int_equal(meta_ask_inbox(h->inbox, 0, &back), 0);
}

static void a_request_made_of_what_is_old_is_not_left(void **state)
{
	struct house *h = *state;
	const struct meta_request none = { 0, 0 };
	struct meta_request first = request(5, S_IFREG | 0644, 33), second = request(5, S_IFREG | 0600, 33);
	assert_true(meta_leave_request(h->inbox, 5, none, first));
	assert_false(meta_leave_request(h->inbox, 5, none, second));
	expect(h->m, 5, S_IFREG | 0644, 33);
	assert_true(meta_leave_request(h->inbox, 5, first, second));
	assert_false(meta_leave_request(h->inbox, 5, first, second));
	expect(h->m, 5, S_IFREG | 0600, 33);
}

static void a_change_keeps_what_was_left_meanwhile(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct stat real = { .st_dev = DEVICE, .st_ino = 5, .st_mode = S_IFREG | 0644, .st_uid = getuid(), .st_gid = getgid() };
	/* chmod here, chown there */
	meta_get_or_default(h->m, &real, &entry);
	leave(h, 5, S_IFREG | 0644, 33);
	entry.mode = S_IFREG | 0640;
	meta_set(h->m, &real, &entry);
	expect(h->m, 5, S_IFREG | 0640, 33);
	/* chown back here, chmod there */
	meta_get_or_default(h->m, &real, &entry);
	leave(h, 5, S_IFREG | 0400, 33);
	entry.uid = entry.gid = 0;
	entry.mode = S_IFREG | 0640;
	meta_set(h->m, &real, &entry);
	assert_true(meta_get(h->m, DEVICE, 5, &entry));
	assert_int_equal(entry.mode, S_IFREG | 0400);
	assert_int_equal(entry.uid, 0);
	/* of both the last one counts */
	leave(h, 5, S_IFREG | 0444, 40);
	entry.uid = 41;
	meta_set(h->m, &real, &entry);
	assert_true(meta_get(h->m, DEVICE, 5, &entry));
	assert_int_equal(entry.uid, 41);
}

static void that_an_earlier_inode_has_no_name_any_more_says_nothing_of_the_next(void **state)
{
	struct house *h = *state;
	struct meta_request seen = { 0, 0 }, unnamed;
	struct meta_entry entry, dead = { .ino = 5, .mode = S_IFREG | 0600, .uid = 33, .gid = 34, .marks = META_MARK_UNNAMED };
	struct stat real = { .st_dev = DEVICE, .st_ino = 5, .st_mode = S_IFREG | 0644, .st_nlink = 1, .st_uid = getuid(), .st_gid = getgid() };
	meta_get_or_default(h->m, &real, &entry);
	assert_true(meta_request_of(&dead, &unnamed));
	assert_true(meta_leave_request(h->inbox, 5, seen, unnamed));
	meta_set(h->m, &real, &entry);
	assert_false(meta_view(h->m, &real));
	assert_int_equal(real.st_uid, 0);
}

static void what_an_earlier_inode_was_says_nothing_of_a_new_one(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct stat real = { .st_dev = DEVICE, .st_ino = 5, .st_mode = S_IFREG | 0644, .st_nlink = 1, .st_uid = getuid(), .st_gid = getgid() };
	/* Its owner was told when it had been read here. */
	meta_get_or_default(h->m, &real, &entry);
	leave(h, 5, S_IFREG | 0444, 40);
	meta_begin_inode(h->m, &real);
	meta_default(h->m, &real, &entry);
	meta_set(h->m, &real, &entry);
	assert_false(meta_view(h->m, &real));
	assert_int_equal(real.st_uid, 0);
	assert_int_equal(real.st_mode, S_IFREG | 0644);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_is_read_before_the_table, move_in, move_out),
		cmocka_unit_test_setup_teardown(what_is_put_later_is_newer_than_a_request, move_in, move_out),
		cmocka_unit_test_setup_teardown(that_an_earlier_inode_has_no_name_any_more_says_nothing_of_the_next, move_in, move_out),
		cmocka_unit_test_setup_teardown(what_an_earlier_inode_was_says_nothing_of_a_new_one, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_full_inbox_takes_nothing_until_the_table_is_written, move_in, move_out),
		cmocka_unit_test_setup_teardown(requests_outlive_who_was_killed, move_in, move_out),
		cmocka_unit_test_setup_teardown(the_last_who_leaves_takes_the_inbox_along, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_request_holds_what_was_put_in, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_request_made_of_what_is_old_is_not_left, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_change_keeps_what_was_left_meanwhile, move_in, move_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
