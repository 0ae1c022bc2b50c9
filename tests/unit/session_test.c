/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: processes from outside join a run; in a folder of this test. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/tracer.h"

struct house {
	char *folder, *socket_path;
	int keeper; /* the session ends when it is closed before anybody joined */
	pid_t server;
};

enum { STATUS_OF_FAILURE = 99 };

/* The server's process: its exit status is the session's. */
static int serve(const struct house *h, int listener, int keeper)
{
	struct binding proc = { "/proc", "/proc", BINDING_PROC, "proc" };
	struct tracer_config config = { .root = "/", .run_dir = h->folder, .bindings = &proc, .binding_count = 1 };
	CLEANUP_TALLOC char *meta = mem_printf(NULL, "%s/meta", h->folder);
	struct error err = ERROR_INIT;
	struct stat root;
	int status = 0;
	stat("/", &root);
	if (meta_open(NULL, meta, root.st_dev, 0, &config.meta, &err) < 0 ||
	    tracer_serve(&config, listener, keeper, &status, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		status = STATUS_OF_FAILURE;
	}
	talloc_free(config.meta);
	return status;
}

static int set_up(void **state)
{
	struct house *h = mem_new(NULL, struct house);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int keeper[2];
	h->folder = mem_strdup(h, "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	h->socket_path = mem_printf(h, "%s/session", h->folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", h->socket_path);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(pipe2(keeper, O_CLOEXEC), 0);
	h->server = fork();
	if (h->server == 0) {
		close(keeper[1]);
		_exit(serve(h, listener, keeper[0]));
	}
	close(listener);
	close(keeper[0]);
	h->keeper = keeper[1];
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	kill(h->server, SIGKILL);
	waitpid(h->server, NULL, 0);
	close(h->keeper);
	io_remove_tree(AT_FDCWD, h->folder);
	talloc_free(h);
	return 0;
}

static int status_of(pid_t pid)
{
	int status;
	return waitpid(pid, &status, 0) == pid ? (WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)) : -1;
}

/* A child that joins, does it, and exits with what it gives. */
static pid_t guest(const struct house *h, int (*body)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		struct error err = ERROR_INIT;
		if (tracer_join(h->socket_path, &(struct session_place){ 0, 0 }, &err) < 0) {
			fprintf(stderr, "# %s\n", err.text);
			_exit(STATUS_OF_FAILURE);
		}
		_exit(body());
	}
	return pid;
}

static int be_root(void)
{
	struct stat st;
	char folder[] = "/tmp/fakebuild-test-XXXXXX", name[64];
	if (!tracer_is_guest() || getuid() != 0 || !mkdtemp(folder))
		return 1;
	snprintf(name, sizeof(name), "%s/x", folder);
	close(open(name, O_CREAT | O_WRONLY, 0600));
	bool is_owned = chown(name, 12, 34) == 0 && stat(name, &st) == 0 && st.st_uid == 12 && st.st_gid == 34;
	bool is_mounted = mount("/etc", folder, NULL, MS_BIND, NULL) == 0 && access(name, F_OK) < 0 &&
			  umount(folder) == 0 && access(name, F_OK) == 0;
	unlink(name);
	rmdir(folder);
	return is_owned ? is_mounted ? 0 : 3 : 2;
}

static int run_shell(void)
{
	execlp("sh", "sh", "-c", "test $(id -u) = 0 && cd /etc && test -f passwd && exit 7", (char *)NULL);
	return 1;
}

static int sleep_long(void)
{
	for (int i = 0; i < 1000; i++)
		pause();
	return 1;
}

static void joined_is_root_and_its_status_is_the_sessions(void **state)
{
	const struct house *h = *state;
	assert_false(tracer_is_guest());
	assert_int_equal(status_of(guest(h, run_shell)), 7);
	assert_int_equal(status_of(h->server), 7);
}

static void calls_before_an_execve_are_the_guests(void **state)
{
	const struct house *h = *state;
	assert_int_equal(status_of(guest(h, be_root)), 0);
}

static void wait_for_guests(const struct house *h, size_t wanted)
{
	struct error err = ERROR_INIT;
	size_t count = 0;
	for (int i = 0; i < 1000 && count < wanted; i++) {
		CLEANUP_TALLOC pid_t *pids = NULL;
		if (tracer_session_pids(NULL, h->socket_path, 0, &pids, &count, &err) < 0)
			print_message("%s\n", err.text);
		usleep(count < wanted ? 10000 : 0);
	}
	assert_int_equal(count, wanted);
}

static void others_join_while_the_first_sleeps(void **state)
{
	const struct house *h = *state;
	pid_t first = guest(h, sleep_long);
	wait_for_guests(h, 1);
	assert_int_equal(status_of(guest(h, run_shell)), 7);
	for (int i = 0; i < 50; i++)
		assert_int_equal(status_of(guest(h, be_root)), 0);
	struct error err = ERROR_INIT;
	assert_int_equal(tracer_session_kill(h->socket_path, 0, SIGTERM, &err), 0);
	assert_int_equal(status_of(first), 128 + SIGTERM);
}

static void all_end_with_the_first(void **state)
{
	const struct house *h = *state;
	pid_t first = guest(h, sleep_long);
	wait_for_guests(h, 1);
	pid_t second = guest(h, sleep_long);
	wait_for_guests(h, 2);
	kill(first, SIGKILL);
	assert_int_equal(status_of(first), 128 + SIGKILL);
	assert_int_equal(status_of(second), 128 + SIGKILL);
	assert_int_equal(status_of(h->server), 128 + SIGKILL);
}

static int count_in_a_file(void)
{
	execlp("sh", "sh", "-c", "while :; do echo >>$COUNTER; done", (char *)NULL);
	return 1;
}

static long long size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static void paused_makes_no_step(void **state)
{
	const struct house *h = *state;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *counter = mem_printf(NULL, "%s/counter", h->folder);
	setenv("COUNTER", counter, 1);
	pid_t first = guest(h, count_in_a_file);
	for (int i = 0; i < 1000 && size_of(counter) < 10; i++)
		usleep(10000);
	assert_true(size_of(counter) >= 10);
	assert_int_equal(tracer_session_pause(h->socket_path, 0, true, &err), 0);
	usleep(100000);
	long long before = size_of(counter);
	usleep(200000);
	assert_int_equal(size_of(counter), before);
	assert_int_equal(tracer_session_pause(h->socket_path, 0, false, &err), 0);
	for (int i = 0; i < 1000 && size_of(counter) == before; i++)
		usleep(10000);
	assert_true(size_of(counter) > before);
	assert_int_equal(tracer_session_pause(h->socket_path, 0, true, &err), 0);
	assert_int_equal(tracer_session_kill(h->socket_path, 0, SIGKILL, &err), 0);
	assert_int_equal(status_of(first), 128 + SIGKILL);
}

static void ends_with_its_keeper(void **state)
{
	struct house *h = *state;
	close(h->keeper);
	h->keeper = -1;
	assert_int_equal(status_of(h->server), STATUS_OF_FAILURE);
}

static void nobody_listening_is_told(void **state)
{
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(tracer_session_kill("/tmp/fakebuild-test-none/session", 0, SIGTERM, &err), -1);
	assert_string_equal(err.text, "cannot connect to the session at '/tmp/fakebuild-test-none/session': No such file or directory");
}

#define IN_A_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_HOUSE(joined_is_root_and_its_status_is_the_sessions),
		IN_A_HOUSE(calls_before_an_execve_are_the_guests),
		IN_A_HOUSE(others_join_while_the_first_sleeps),
		IN_A_HOUSE(all_end_with_the_first),
		IN_A_HOUSE(paused_makes_no_step),
		IN_A_HOUSE(ends_with_its_keeper),
		cmocka_unit_test(nobody_listening_is_told),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
