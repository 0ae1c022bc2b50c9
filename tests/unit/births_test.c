/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata table between runs: what is known of an inode that is another's by now, and tables of older versions. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/birth.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/meta.h"

struct house {
	char *folder, *table, *file;
	struct stat st; /* of the file, made anew for each test */
};

static struct meta *open_table(const struct house *h, uint32_t flags)
{
	struct meta *m;
	struct error err = ERROR_INIT;
	assert_int_equal(meta_open(NULL, h->table, h->st.st_dev, flags, &m, &err), 0);
	return m;
}

static int move_in(void **state)
{
	char folder[] = "/tmp/fakebuild-births-XXXXXX";
	struct house *h = mem_new(NULL, struct house);
	assert_non_null(mkdtemp(folder));
	h->folder = mem_strdup(h, folder);
	h->table = mem_printf(h, "%s/meta", folder);
	h->file = mem_printf(h, "%s/file", folder);
	CLEANUP_CLOSE int fd = open(h->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &h->st), 0);
	*state = h;
	return 0;
}

static int move_out(void **state)
{
	struct house *h = *state;
	io_remove_tree(AT_FDCWD, h->folder);
	talloc_free(h);
	return 0;
}

static void put(const struct house *h, struct meta *m, uint32_t birth)
{
	struct meta_entry entry = { .dev = h->st.st_dev, .ino = h->st.st_ino, .mode = S_IFREG | 0600, .uid = 5, .birth = birth };
	meta_put(m, &entry);
}

static bool is_there(const struct house *h, struct meta *m, struct meta_entry *ret)
{
	return meta_get(m, h->st.st_dev, h->st.st_ino, ret);
}

static void an_entry_of_an_earlier_inode_goes_when_it_is_met(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, 0);
	uint32_t birth = birth_of(h->file, false, h->st.st_dev, false);
	if (!birth) {
		talloc_free(m);
		skip();
	}
	put(h, m, birth ^ 2);
	meta_begin_run(m);
	assert_true(is_there(h, m, &entry));
	assert_false(meta_is_met(meta_header(m), &entry));
	meta_meet(m, h->file, false, &h->st, 0);
	assert_false(is_there(h, m, &entry));
	talloc_free(m);
}

static void an_entry_of_the_inode_stays_and_is_met_once_a_run(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, 0);
	uint32_t birth = birth_of(h->file, false, h->st.st_dev, false);
	put(h, m, birth);
	for (unsigned run = 0; run < 3; run++) {
		meta_begin_run(m);
		meta_meet(m, h->file, false, &h->st, 0);
		assert_true(is_there(h, m, &entry));
		assert_true(meta_is_met(meta_header(m), &entry));
		/* A second look would find that there is no such file. */
		meta_meet(m, "/nonexistent", false, &h->st, 0);
		assert_true(is_there(h, m, &entry));
		assert_int_equal(entry.birth, birth);
		assert_int_equal(entry.uid, 5);
	}
	talloc_free(m);
}

static void an_entry_without_a_birth_gets_that_of_its_file(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, 0);
	uint32_t birth = birth_of(h->file, false, h->st.st_dev, false);
	/* The one is told by the time, the other by the generation. */
	const uint32_t unknown[] = { 0, 2 + (~birth & 1) };
	for (unsigned i = 0; i < 2; i++) {
		put(h, m, unknown[i]);
		meta_begin_run(m);
		meta_meet(m, h->file, false, &h->st, 0);
		assert_true(is_there(h, m, &entry));
		assert_int_equal(entry.birth, birth ? birth : unknown[i]);
	}
	talloc_free(m);
}

static void runs_are_counted_anew_without_meeting_by_chance(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, 0);
	meta_begin_run(m);
	put(h, m, 0);
	for (unsigned i = 0; i < UINT16_MAX; i++)
		meta_begin_run(m);
	assert_int_equal(meta_header(m)->run, 1);
	assert_true(is_there(h, m, &entry));
	assert_false(meta_is_met(meta_header(m), &entry));
	talloc_free(m);
}

static void what_only_we_change_is_not_met(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, META_SHARED_LAYERS);
	put(h, m, birth_of(h->file, false, h->st.st_dev, false) ^ 2);
	meta_begin_run(m);
	meta_meet(m, h->file, false, &h->st, 0);
	assert_true(is_there(h, m, &entry));
	assert_true(meta_is_met(meta_header(m), &entry));
	talloc_free(m);
}

static void a_hosts_table_keeps_nothing_that_may_be_anothers_by_now(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, META_OF_HOST);
	meta_begin_run(m);
	put(h, m, 0);
	/* A run that begins meanwhile sees it. */
	meta_begin_run(m);
	assert_true(is_there(h, m, &entry));
	meta_drop_passing(m);
	assert_false(is_there(h, m, &entry));
	put(h, m, 3);
	meta_drop_passing(m);
	assert_true(is_there(h, m, &entry));
	meta_unname(m, &h->st);
	meta_drop_passing(m);
	assert_false(is_there(h, m, &entry));
	talloc_free(m);
}

static void what_no_run_has_met_is_dropped_by_the_runs_number(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, META_OF_HOST);
	meta_begin_run(m);
	put(h, m, birth_of(h->file, false, h->st.st_dev, true));
	meta_begin_run(m);
	assert_int_equal(meta_drop_unmet(m, 1, false), 0);
	assert_int_equal(meta_drop_unmet(m, 2, true), 1);
	assert_true(is_there(h, m, &entry));
	meta_meet(m, h->file, false, &h->st, 0);
	assert_int_equal(meta_drop_unmet(m, 2, false), 0);
	meta_begin_run(m);
	assert_int_equal(meta_drop_unmet(m, 3, false), 1);
	assert_false(is_there(h, m, &entry));
	talloc_free(m);
}

static void a_hosts_mode_changed_between_runs_is_the_files(void **state)
{
	struct house *h = *state;
	static const struct {
		uint32_t shown, real, then;
	} cases[] = {
		{ 04750, 0750, 04750 }, { 0050, 0650, 0050 }, { 04750, 0755, 0755 }, { 0640, 02644, 02644 },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct meta *m = open_table(h, META_OF_HOST);
		struct meta_entry entry = { .dev = h->st.st_dev, .ino = h->st.st_ino, .mode = S_IFREG | cases[i].shown, .uid = 5 };
		struct stat real = h->st;
		real.st_mode = S_IFREG | cases[i].real;
		meta_begin_run(m);
		meta_put(m, &entry);
		meta_begin_run(m);
		meta_meet(m, h->file, false, &real, 0);
		assert_true(is_there(h, m, &entry));
		assert_int_equal(entry.mode, S_IFREG | cases[i].then);
		assert_int_equal(entry.uid, 5);
		talloc_free(m);
	}
}

static void a_table_of_version_1_is_read_with_its_inbox(void **state)
{
	struct house *h = *state;
	struct meta_entry entry;
	struct meta *m = open_table(h, 0);
	put(h, m, 0);
	talloc_free(m);
	/* As a run of that version left it that was killed. */
	CLEANUP_CLOSE int fd = open(h->table, O_RDWR | O_CLOEXEC);
	const uint64_t magic = META_MAGIC_1;
	const uint32_t flags = META_COUNTS_NODES | META_HAS_INBOX;
	assert_int_equal(pwrite(fd, &magic, sizeof(magic), 0), sizeof(magic));
	assert_int_equal(pwrite(fd, &flags, sizeof(flags), offsetof(struct meta_header, flags)), sizeof(flags));
	CLEANUP_TALLOC char *inbox = mem_printf(NULL, "%s.inbox", h->table);
	CLEANUP_CLOSE int inbox_fd = open(inbox, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const uint64_t request[] = { UINT64_C(4097) << 16 | S_IFDIR | 0750, UINT64_C(7) << 32 | 6 };
	assert_int_equal(ftruncate(inbox_fd, sizeof(struct meta_inbox)), 0);
	assert_int_equal(pwrite(inbox_fd, request, sizeof(request), sizeof(struct meta_request) * META_INBOX_WAYS), sizeof(request));
	m = open_table(h, 0);
	assert_true(meta_header(m)->magic == META_MAGIC);
	assert_int_equal(access(inbox, F_OK), -1);
	assert_true(is_there(h, m, &entry));
	assert_int_equal(entry.uid, 5);
	assert_true(meta_get(m, h->st.st_dev, 4097, &entry));
	assert_int_equal(entry.mode, S_IFDIR | 0750);
	assert_int_equal(entry.uid, 6);
	assert_int_equal(entry.gid, 7);
	talloc_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_entry_of_an_earlier_inode_goes_when_it_is_met, move_in, move_out),
		cmocka_unit_test_setup_teardown(an_entry_of_the_inode_stays_and_is_met_once_a_run, move_in, move_out),
		cmocka_unit_test_setup_teardown(an_entry_without_a_birth_gets_that_of_its_file, move_in, move_out),
		cmocka_unit_test_setup_teardown(runs_are_counted_anew_without_meeting_by_chance, move_in, move_out),
		cmocka_unit_test_setup_teardown(what_only_we_change_is_not_met, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_hosts_table_keeps_nothing_that_may_be_anothers_by_now, move_in, move_out),
		cmocka_unit_test_setup_teardown(what_no_run_has_met_is_dropped_by_the_runs_number, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_hosts_mode_changed_between_runs_is_the_files, move_in, move_out),
		cmocka_unit_test_setup_teardown(a_table_of_version_1_is_read_with_its_inbox, move_in, move_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
