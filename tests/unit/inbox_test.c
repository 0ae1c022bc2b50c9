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
	return (struct meta_request){ ino << 16 | mode, (uint64_t)(uid + 1) << 32 | uid };
}

static void leave(struct house *h, uint64_t ino, uint32_t mode, uint32_t uid)
{
	assert_true(meta_leave_request(h->inbox, request(ino, mode, uid)));
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
	unsigned left = 0, count = 0;
	while (meta_leave_request(h->inbox, request(left + 1, S_IFREG | 0644, left + 1)))
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

static void what_no_process_may_say_is_not_heard(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	unsigned count = 0;
	leave(h, 5, S_IFCHR | 0666, 5);
	leave(h, 6, S_IFSOCK | 0666, 6);
	assert_false(meta_get(h->m, DEVICE, 5, &entry));
	meta_each(h->m, count_entry, &count);
	assert_int_equal(count, 0);
	assert_int_equal(meta_header(h->m)->nodes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_is_read_before_the_table, move_in, move_out),
		cmocka_unit_test_setup_teardown(what_is_put_later_is_newer_than_a_request, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_full_inbox_takes_nothing_until_the_table_is_written, move_in, move_out),
		cmocka_unit_test_setup_teardown(requests_outlive_who_was_killed, move_in, move_out),
		cmocka_unit_test_setup_teardown(the_last_who_leaves_takes_the_inbox_along, move_in, move_out),
		cmocka_unit_test_setup_teardown(what_no_process_may_say_is_not_heard, move_in, move_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
