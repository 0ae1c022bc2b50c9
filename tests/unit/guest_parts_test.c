/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a guest: environment, user, volumes, stubs; in a folder of this test. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/bindings.h"
#include "builder/environment.h"
#include "builder/stubs.h"
#include "builder/user.h"
#include "tracer/base/io.h"

struct house {
	char *folder, *root;
	struct tracer_config guest;
};

static int set_up(void **state)
{
	struct house *h = mem_new(NULL, struct house);
	h->folder = mem_strdup(h, "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	h->root = mem_printf(h, "%s/root", h->folder);
	CLEANUP_TALLOC char *etc = mem_printf(NULL, "%s/etc", h->root);
	assert_int_equal(io_mkdir_p(AT_FDCWD, etc, 0755), 0);
	h->guest.root = h->root;
	h->guest.run_dir = h->folder;
	h->guest.cwd = "/";
	h->guest.meta = meta_new(h, 0, 0);
	*state = h;
	return 0;
}
static int tear_down(void **state)
{
	struct house *h = *state;
	tracer_lookup_end();
	io_remove_tree(AT_FDCWD, h->folder);
	talloc_free(h);
	return 0;
}

static void put_file(const struct house *h, const char *guest_path, const char *text)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s%s", h->root, guest_path);
	struct error err = ERROR_INIT;
	assert_int_equal(io_write_file(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
}

/* ---- environment ---- */

static void setting_keeps_the_place(void **state)
{
	struct strlist *env = strlist_new(*state);
	environment_set(env, "A=1");
	environment_set(env, "AB=2");
	environment_set(env, "A=3");
	assert_int_equal(env->count, 2);
	assert_string_equal(env->items[0], "A=3");
	assert_string_equal(environment_get(env, "AB"), "2");
	assert_null(environment_get(env, "B"));
}

static void a_key_alone_unsets_or_takes_the_callers(void **state)
{
	struct strlist *env = strlist_new(*state);
	struct error err = ERROR_INIT;
	unsetenv("FAKEBUILD_TEST_KEY");
	environment_set(env, "FAKEBUILD_TEST_KEY=image");
	assert_int_equal(environment_option(env, "FAKEBUILD_TEST_KEY", &err), 0);
	assert_int_equal(env->count, 0);
	assert_null(env->items[0]);
	setenv("FAKEBUILD_TEST_KEY", "own", 1);
	assert_int_equal(environment_option(env, "FAKEBUILD_TEST_KEY", &err), 0);
	assert_string_equal(environment_get(env, "FAKEBUILD_TEST_KEY"), "own");
	assert_int_equal(environment_option(env, "=x", &err), -1);
}

/* ---- user ---- */

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "short\n"
			     "me:x:1000:1001:Me:/home/me:/bin/sh\n"
			     "777:x:55:56::/seven:\n"
			     "big:x:4294967296:0::/:\n";
static const char group[] = "root:x:0:\n"
			    "mine:x:1001:me\n"
			    "wheel:x:10:you,me\n"
			    "not:x:11:mee,xme\n"
			    "audio:x:29:me";

static void users_are_found_as_runc_finds_them(void **state)
{
	struct house *h = *state;
	static const struct {
		const char *spec;
		uid_t uid;
		gid_t gid;
		size_t groups;
		const char *home;
	} cases[] = {
		{ "", 0, 0, 1, "/root" },
		{ "root", 0, 0, 1, "/root" },
		{ "me", 1000, 1001, 3, "/home/me" },
		{ "1000", 1000, 1001, 3, "/home/me" },
		{ "1000:", 1000, 1001, 3, "/home/me" },
		{ "4711", 4711, 0, 1, "/" },
		{ "4711:4712", 4711, 4712, 1, "/" },
		{ "me:wheel", 1000, 10, 1, "/home/me" },
		{ "me:12", 1000, 12, 1, "/home/me" },
		{ ":wheel", 0, 10, 1, "/root" },
		{ "777", 55, 56, 1, "/seven" },
	};
	put_file(h, "/etc/passwd", passwd);
	put_file(h, "/etc/group", group);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct user *user;
		struct error err = ERROR_INIT;
		assert_int_equal(user_lookup(h, &h->guest, cases[i].spec, &user, &err), 0);
		assert_int_equal(user->uid, cases[i].uid);
		assert_int_equal(user->gid, cases[i].gid);
		assert_int_equal(user->group_count, cases[i].groups);
		assert_int_equal(user->groups[0], cases[i].gid);
		assert_string_equal(user->home, cases[i].home);
	}
}

static void root_needs_no_passwd(void **state)
{
	struct house *h = *state;
	struct user *user;
	struct error err = ERROR_INIT;
	assert_int_equal(user_lookup(h, &h->guest, "", &user, &err), 0);
	assert_int_equal(user->uid, 0);
	assert_int_equal(user_lookup(h, &h->guest, "root", &user, &err), 0);
	assert_int_equal(user_lookup(h, &h->guest, "5:6", &user, &err), 0);
	assert_int_equal(user_lookup(h, &h->guest, "me", &user, &err), -1);
}

static void ids_that_wrap_are_refused(void **state)
{
	struct house *h = *state;
	static const char *const specs[] = { "2147483648",   "4294967296", "4294967295",
					     "1:4294967296", "big",        "99999999999999999999",
					     "-1",           "0x0",        "1:nogroup" };
	put_file(h, "/etc/passwd", passwd);
	put_file(h, "/etc/group", group);
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		struct user *user;
		struct error err = ERROR_INIT;
		assert_int_equal(user_lookup(h, &h->guest, specs[i], &user, &err), -1);
		assert_true(err.text[0] != '\0');
	}
}

static void a_passwd_that_is_a_fifo_does_not_hang(void **state)
{
	struct house *h = *state;
	struct user *user;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/etc/passwd", h->root);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(user_lookup(h, &h->guest, "me", &user, &err), -1);
	assert_string_equal(err.text, "the image's '/etc/passwd' is not a regular file");
}

/* ---- volumes ---- */

static int parse(struct house *h, const char *kind, const char *option, struct volume_list **ret,
		 struct error *err)
{
	struct strlist *one = strlist_new(h);
	CLEANUP_TALLOC char *volumes_dir = mem_printf(NULL, "%s/volumes", h->folder);
	strlist_add(one, option);
	return volumes_parse(h, kind[0] == 'v' ? one : NULL, kind[0] == 'm' ? one : NULL,
			     kind[0] == 't' ? one : NULL, volumes_dir, h->folder, ret, err);
}

static void volumes_are_read_as_docker_reads_them(void **state)
{
	struct house *h = *state;
	struct volume_list *list;
	struct error err = ERROR_INIT;
	assert_int_equal(parse(h, "v", "/tmp:/a//b/../c/:ro,z", &list, &err), 0);
	assert_string_equal(list->items[0].host_path, "/tmp");
	assert_string_equal(list->items[0].guest_path, "/a/c");
	assert_int_equal(list->items[0].flags, BINDING_READ_ONLY);
	assert_int_equal(parse(h, "v", "data:/d", &list, &err), 0);
	assert_true(strstr(list->items[0].host_path, "/volumes/data") != NULL);
	assert_int_equal(parse(h, "v", "/anonymous", &list, &err), 0);
	assert_string_equal(list->items[0].guest_path, "/anonymous");
	assert_int_equal(parse(h, "m", "type=bind,src=/tmp,dst=/m,readonly", &list, &err), 0);
	assert_int_equal(list->items[0].flags, BINDING_READ_ONLY);
	assert_int_equal(parse(h, "t", "/t:size=1m", &list, &err), 0);
	assert_true(list->items[0].is_tmpfs);
	assert_string_equal(list->items[0].guest_path, "/t");
}

static void bad_volumes_are_sentences(void **state)
{
	struct house *h = *state;
	static const struct {
		const char *kind, *option;
	} cases[] = {
		{ "v", "a/b:/x" },
		{ "v", "/tmp:rel" },
		{ "v", "/tmp:/" },
		{ "v", "/tmp:/x:rox" },
		{ "v", ":/x" },
		{ "v", "/tmp:" },
		{ "v", "/a:/b:ro:x" },
		{ "v", "/tmp:/x/.." },
		{ "m", "type=x" },
		{ "m", "type=bind,target=/x" },
		{ "m", "type=bind,source=/no/where,target=/x" },
		{ "m", "what=1" },
		{ "t", "rel" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct volume_list *list;
		struct error err = ERROR_INIT;
		assert_int_equal(parse(h, cases[i].kind, cases[i].option, &list, &err), -1);
		assert_true(err.text[0] != '\0');
	}
}

/* ---- stubs ---- */

static bool exists(const struct house *h, const char *guest_path)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s%s", h->root, guest_path);
	struct stat st;
	return lstat(path, &st) == 0;
}

static void stubs_come_and_go(void **state)
{
	struct house *h = *state;
	CLEANUP_TALLOC char *record = mem_printf(NULL, "%s/stubs", h->folder);
	struct stubs *stubs = stubs_new(h, record);
	assert_true(stubs_make(stubs, &h->guest, "/etc/hosts", false));
	assert_true(stubs_make(stubs, &h->guest, "/a/b/c", true));
	assert_true(exists(h, "/etc/hosts"));
	assert_true(exists(h, "/a/b/c"));
	char *text;
	size_t size;
	struct error err = ERROR_INIT;
	assert_int_equal(io_read_file(h, AT_FDCWD, record, 1000, &text, &size, &err), 0);
	assert_memory_equal(text, "/etc/hosts\0/a\0/a/b\0/a/b/c", size);
	stubs_remove(stubs);
	assert_false(exists(h, "/etc/hosts"));
	assert_false(exists(h, "/a"));
	assert_true(exists(h, "/etc"));
}

static void used_stubs_stay(void **state)
{
	struct house *h = *state;
	CLEANUP_TALLOC char *record = mem_printf(NULL, "%s/stubs", h->folder);
	struct stubs *stubs = stubs_new(h, record);
	assert_true(stubs_make(stubs, &h->guest, "/dir", true));
	assert_true(stubs_make(stubs, &h->guest, "/file", false));
	put_file(h, "/dir/x", "x");
	put_file(h, "/file", "now it is one of the guest's");
	stubs_remove(stubs);
	assert_true(exists(h, "/dir/x"));
	assert_true(exists(h, "/file"));
}

static void the_last_run_removes_what_a_killed_one_left(void **state)
{
	struct house *h = *state;
	CLEANUP_TALLOC char *record = mem_printf(NULL, "%s/stubs", h->folder);
	struct stubs *killed = stubs_new(h, record);
	assert_true(stubs_make(killed, &h->guest, "/etc/hosts", false));
	assert_true(stubs_make(killed, &h->guest, "/sys", true));
	struct stubs *first = stubs_new(h, record), *last = stubs_new(h, record);
	talloc_free(killed);
	assert_true(stubs_make(first, &h->guest, "/etc/hosts", false));
	assert_true(stubs_make(last, &h->guest, "/etc/hosts", false));
	assert_true(stubs_make(last, &h->guest, "/sys", true));
	stubs_remove(first);
	talloc_free(first);
	assert_true(exists(h, "/etc/hosts"));
	stubs_remove(last);
	assert_false(exists(h, "/etc/hosts"));
	assert_false(exists(h, "/sys"));
}

/* CVE-2024-23652: a guest that puts a symlink where the stub's folder was. */
static void removal_does_not_follow_a_swapped_folder(void **state)
{
	struct house *h = *state;
	CLEANUP_TALLOC char *record = mem_printf(NULL, "%s/stubs", h->folder);
	CLEANUP_TALLOC char *outside = mem_printf(NULL, "%s/outside", h->folder);
	CLEANUP_TALLOC char *victim = mem_printf(NULL, "%s/hosts", outside);
	CLEANUP_TALLOC char *etc = mem_printf(NULL, "%s/etc", h->root);
	CLEANUP_TALLOC char *moved = mem_printf(NULL, "%s/moved", h->root);
	struct error err = ERROR_INIT;
	struct stubs *stubs = stubs_new(h, record);
	assert_true(stubs_make(stubs, &h->guest, "/etc/hosts", false));
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(io_write_file(AT_FDCWD, victim, "", 0, 0644, &err), 0);
	assert_int_equal(rename(etc, moved), 0);
	assert_int_equal(symlink(outside, etc), 0);
	stubs_remove(stubs);
	assert_int_equal(access(victim, F_OK), 0);
	assert_false(exists(h, "/moved/hosts"));
}

static void nothing_is_put_through_a_dangling_symlink(void **state)
{
	struct house *h = *state;
	CLEANUP_TALLOC char *record = mem_printf(NULL, "%s/stubs", h->folder);
	CLEANUP_TALLOC char *link = mem_printf(NULL, "%s/etc/resolv.conf", h->root);
	CLEANUP_TALLOC char *target = mem_printf(NULL, "%s/outside", h->folder);
	struct stubs *stubs = stubs_new(h, record);
	assert_int_equal(symlink(target, link), 0);
	stubs_make(stubs, &h->guest, "/etc/resolv.conf", false);
	assert_int_equal(access(target, F_OK), -1);
	stubs_remove(stubs);
	assert_true(exists(h, "/etc/resolv.conf"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(setting_keeps_the_place),
		TEST(a_key_alone_unsets_or_takes_the_callers),
		TEST(users_are_found_as_runc_finds_them),
		TEST(root_needs_no_passwd),
		TEST(ids_that_wrap_are_refused),
		TEST(a_passwd_that_is_a_fifo_does_not_hang),
		TEST(volumes_are_read_as_docker_reads_them),
		TEST(bad_volumes_are_sentences),
		TEST(stubs_come_and_go),
		TEST(used_stubs_stay),
		TEST(the_last_run_removes_what_a_killed_one_left),
		TEST(removal_does_not_follow_a_swapped_folder),
		TEST(nothing_is_put_through_a_dangling_symlink),
	};
	return cmocka_run_group_tests_name("guest_parts", tests, NULL, NULL);
}
