/* SPDX-License-Identifier: Apache-2.0 */
/* One metadata table that several processes have open: one reads while another makes it larger, or is killed. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/meta.h"

enum { DEVICE = 7, FIRST = 1, ENTRIES = 60000 };

static struct meta *open_table(const char *folder)
{
	struct meta *m;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/meta", folder);
	assert_int_equal(meta_open(NULL, path, DEVICE, 0, &m, &err), 0);
	return m;
}

static void put(struct meta *m, ino_t ino)
{
	struct meta_entry entry = { .dev = DEVICE, .ino = ino, .mode = S_IFREG | 0600, .uid = (uint32_t)ino };
	meta_put(m, &entry);
}

static int move_in(void **state)
{
	char folder[] = "/tmp/fakebuild-table-XXXXXX";
	assert_non_null(mkdtemp(folder));
	*state = mem_strdup(NULL, folder);
	return 0;
}

static int move_out(void **state)
{
	io_remove_tree(AT_FDCWD, *state);
	talloc_free(*state);
	return 0;
}

static void an_entry_is_found_while_another_process_makes_the_table_larger(void **state)
{
	struct meta *m = open_table(*state);
	struct meta_entry entry;
	int status = 0;
	put(m, FIRST);
	pid_t writer = fork();
	if (writer == 0) {
		struct meta *other = open_table(*state);
		for (ino_t ino = FIRST + 1; ino <= ENTRIES; ino++)
			put(other, ino);
		_exit(0);
	}
	while (waitpid(writer, &status, WNOHANG) == 0) {
		assert_true(meta_get(m, DEVICE, FIRST, &entry));
		assert_int_equal(entry.uid, FIRST);
	}
	assert_int_equal(status, 0);
	/* What is there goes, however large the table was when it was looked at last. */
	meta_drop(m, DEVICE, ENTRIES);
	assert_false(meta_get(m, DEVICE, ENTRIES, &entry));
	assert_true(meta_get(m, DEVICE, ENTRIES - 1, &entry));
	talloc_free(m);
}

static void who_reads_does_not_wait_for_a_writer_that_was_killed(void **state)
{
	enum { READS = 2000 };
	struct meta *m = open_table(*state);
	struct meta_entry entry;
	struct timespec begin, end;
	put(m, FIRST);
	/* As it leaves the table. */
	pid_t dead = fork();
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/meta", (char *)*state);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	struct meta_header *header = mmap(NULL, META_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(header, MAP_FAILED);
	header->writer = dead;
	header->sequence |= 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < READS; i++)
		assert_true(meta_get(m, DEVICE, FIRST, &entry));
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_false(header->sequence & 1);
	assert_int_equal(header->writer, 0);
	/* Once, not each time. */
	assert_in_range(end.tv_sec - begin.tv_sec, 0, 1);
	munmap(header, META_HEADER_BYTES);
	talloc_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_entry_is_found_while_another_process_makes_the_table_larger, move_in, move_out),
		cmocka_unit_test_setup_teardown(who_reads_does_not_wait_for_a_writer_that_was_killed, move_in, move_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
