/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of containers: ids, the lock, what is read again, what a container is at the moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/runc/state.h"
#include "tracer/base/io.h"

static char root[64];

static struct runc_container *must_create(void **state, const char *id)
{
	struct runc_container *c;
	struct error err = ERROR_INIT;
	if (state_create(*state, root, id, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void must_save(struct runc_container *c)
{
	struct error err = ERROR_INIT;
	if (state_save(c, &err) < 0)
		fail_msg("%s", err.text);
}

static void must_remove(struct runc_container *c)
{
	struct error err = ERROR_INIT;
	if (state_remove(c, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(access(c->dir, F_OK), -1);
}

static struct runc_container *must_read(void **state, const char *id)
{
	struct runc_container *c;
	struct error err = ERROR_INIT;
	if (state_read(*state, root, id, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void expect_text(const char *text, const char *expected)
{
	assert_non_null(strstr(text, expected));
}

static void ids_are_checked(void **state)
{
	static const char *const bad[] = { ".", "..", "a/b", "a b", "\xc3\xa4", "a\n", "../x" };
	struct runc_container *c;
	struct error err = ERROR_INIT;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(state_create(*state, root, bad[i], &c, &err), -1);
		expect_text(err.text, "invalid container ID format");
		assert_int_equal(state_open(*state, root, bad[i], &c, &err), -1);
		expect_text(err.text, "invalid container ID format");
	}
	assert_int_equal(state_create(*state, root, "", &c, &err), -1);
	expect_text(err.text, "container id cannot be empty");
	must_remove(must_create(state, "aZ0_+.-"));
}

static void an_id_is_taken_once(void **state)
{
	struct runc_container *c = must_create(state, "a"), *again;
	struct error err = ERROR_INIT;
	assert_int_equal(state_create(*state, root, "a", &again, &err), -1);
	expect_text(err.text, "container with given ID already exists");
	must_remove(c);
	must_remove(must_create(state, "a"));
}

static void what_does_not_exist_is_told(void **state)
{
	struct runc_container *c;
	struct error err = ERROR_INIT;
	assert_int_equal(state_open(*state, root, "none", &c, &err), -1);
	expect_text(err.text, "container does not exist");
	assert_int_equal(err.number, ENOENT);
	assert_int_equal(state_read(*state, "/no/such/folder", "none", &c, &err), -1);
	expect_text(err.text, "container does not exist");
	c = must_create(state, "unfinished");
	assert_int_equal(state_read(*state, root, "unfinished", &c, &err), -1);
	expect_text(err.text, "container does not exist");
}

static void a_container_is_read_as_it_was_saved(void **state)
{
	struct runc_container *c = must_create(state, "a"), *read;
	struct error err = ERROR_INIT;
	c->bundle = "/b";
	c->root = "/b/rootfs";
	c->oci_version = "1.0.2";
	c->pid = 12;
	c->pid_start_time = 1ULL << 40;
	c->supervisor = 13;
	c->is_paused = true;
	assert_int_equal(json_parse_unsigned(c, "{\"k\":\"v\"}", "annotations", &c->annotations, &err), 0);
	assert_int_equal(json_parse_unsigned(c, "{\"n\":[18446744073709551615,1]}", "config", &c->config, &err), 0);
	must_save(c);
	read = must_read(state, "a");
	assert_string_equal(read->id, "a");
	assert_string_equal(read->bundle, "/b");
	assert_string_equal(read->root, "/b/rootfs");
	assert_string_equal(read->oci_version, "1.0.2");
	assert_string_equal(read->created, c->created);
	assert_string_equal(read->owner, c->owner);
	assert_int_equal(read->pid, 12);
	assert_true(read->pid_start_time == 1ULL << 40);
	assert_int_equal(read->supervisor, 13);
	assert_true(read->is_paused);
	assert_int_equal(read->lock_fd, -1);
	CLEANUP_TALLOC char *text = json_dump(NULL, state_document(read, read, STATUS_STOPPED));
	CLEANUP_TALLOC char *expected = mem_printf(
		NULL,
		"{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"pid\":0,\"status\":\"stopped\",\"bundle\":\"/b\",\"rootfs\":\"/b/rootfs\","
		"\"created\":\"%s\",\"annotations\":{\"k\":\"v\"},\"owner\":\"%s\"}",
		c->created, c->owner);
	assert_string_equal(text, expected);
	assert_string_equal(json_dump(read, read->config), "{\"n\":[1.8446744073709552e19,1]}");
	must_remove(c);
}

/* Open it in a child; the byte written to the pipe says that it got the lock. */
static pid_t open_in_child(int to)
{
	pid_t child = fork();
	if (child == 0) {
		struct runc_container *c;
		struct error err = ERROR_INIT;
		char answer = state_open(NULL, root, "a", &c, &err) == 0 ? 'y' : 'n';
		_exit(write(to, &answer, 1) == 1 ? 0 : 1);
	}
	return child;
}

static void a_lock_keeps_others_waiting(void **state)
{
	struct runc_container *c = must_create(state, "a");
	int pipe_fds[2];
	char answer = 0;
	must_save(c);
	assert_int_equal(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
	assert_true(open_in_child(pipe_fds[1]) > 0);
	usleep(100000);
	assert_int_equal(read(pipe_fds[0], &answer, 1), -1);
	must_read(state, "a");
	state_unlock(c);
	assert_true(wait(NULL) > 0);
	assert_int_equal(read(pipe_fds[0], &answer, 1), 1);
	assert_int_equal(answer, 'y');
	/* Who waited for what was removed meanwhile finds nothing. */
	talloc_free(c);
	struct error err = ERROR_INIT;
	assert_int_equal(state_open(*state, root, "a", &c, &err), 0);
	assert_true(open_in_child(pipe_fds[1]) > 0);
	usleep(100000);
	must_remove(c);
	assert_true(wait(NULL) > 0);
	assert_int_equal(read(pipe_fds[0], &answer, 1), 1);
	assert_int_equal(answer, 'n');
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void the_lock_is_not_of_what_is_forked(void **state)
{
	struct runc_container *c = must_create(state, "a"), *again;
	struct error err = ERROR_INIT;
	must_save(c);
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	talloc_free(c);
	assert_int_equal(state_open(*state, root, "a", &again, &err), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	must_remove(again);
}

static void the_status_follows_the_process(void **state)
{
	struct runc_container *c = must_create(state, "a");
	CLEANUP_TALLOC char *fifo = mem_printf(NULL, "%s/" CONTAINER_FIFO, c->dir);
	must_save(c);
	/* Seen from another process than the one that makes it, which holds the lock. */
	pid_t child = fork();
	if (child == 0)
		_exit(state_status(must_read(state, "a")));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), STATUS_CREATING);
	assert_int_equal(state_status(c), STATUS_STOPPED);

	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	c->pid = child;
	c->pid_start_time = state_start_time(child);
	assert_true(c->pid_start_time > 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(state_status(c), STATUS_CREATED);
	unlink(fifo);
	assert_int_equal(state_status(c), STATUS_RUNNING);
	c->is_paused = true;
	assert_int_equal(state_status(c), STATUS_PAUSED);
	c->pid_start_time++;
	assert_int_equal(state_status(c), STATUS_STOPPED);
	c->pid_start_time--;
	siginfo_t info;
	kill(child, SIGKILL);
	assert_int_equal(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(state_status(c), STATUS_STOPPED);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(state_status(c), STATUS_STOPPED);
	must_remove(c);
}

static void lists_are_sorted(void **state)
{
	struct runc_container *b = must_create(state, "b"), *a = must_create(state, "a");
	struct strlist *list;
	struct error err = ERROR_INIT;
	assert_int_equal(state_ids(*state, root, &list, &err), 0);
	assert_int_equal(list->count, 2);
	assert_string_equal(list->items[0], "a");
	must_remove(a);
	must_remove(b);
	assert_int_equal(state_ids(*state, root, &list, &err), 0);
	assert_int_equal(list->count, 0);
	assert_int_equal(state_ids(*state, "/no/such/folder", &list, &err), -1);
	expect_text(err.text, "cannot read the folder of containers '/no/such/folder'");
}

static void remains_of_a_killed_creation_can_be_removed(void **state)
{
	struct runc_container *c = must_create(state, "a");
	must_save(c);
	state_unlock(c);
	assert_int_equal(state_remove_remains(root, "a"), -EEXIST);
	must_remove(c);
	c = must_create(state, "a");
	state_unlock(c);
	assert_int_equal(state_remove_remains(root, "a"), 0);
	assert_int_equal(access(c->dir, F_OK), -1);
	assert_int_equal(state_remove_remains(root, "a"), 0);
}

static void the_default_root_is_runcs(void **state)
{
	CLEANUP_TALLOC char *of_nobody = mem_printf(NULL, "/tmp/fakebuild-runc-%u", (unsigned)geteuid());
	if (geteuid() == 0) {
		assert_string_equal(state_default_root(*state), "/run/runc");
		return;
	}
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	assert_string_equal(state_default_root(*state), "/run/user/7/runc");
	unsetenv("XDG_RUNTIME_DIR");
	assert_string_equal(state_default_root(*state), of_nobody);
}

static int set_up(void **state)
{
	*state = talloc_new(NULL);
	snprintf(root, sizeof(root), "/tmp/state-test-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}
static int tear_down(void **state)
{
	talloc_free(*state);
	return io_remove_tree(AT_FDCWD, root);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(ids_are_checked),
		TEST(an_id_is_taken_once),
		TEST(what_does_not_exist_is_told),
		TEST(a_container_is_read_as_it_was_saved),
		TEST(a_lock_keeps_others_waiting),
		TEST(the_lock_is_not_of_what_is_forked),
		TEST(the_status_follows_the_process),
		TEST(lists_are_sorted),
		TEST(remains_of_a_killed_creation_can_be_removed),
		TEST(the_default_root_is_runcs),
	};
	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
