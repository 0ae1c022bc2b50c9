/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration and history that a Dockerfile makes, keys of steps, values as Go prints them. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/build/cache.h"
#include "builder/build/golang.h"
#include "builder/build/state.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

static struct strlist *list_of(const void *ctx, const char *a, const char *b)
{
	struct strlist *list = strlist_new(ctx);
	if (a)
		strlist_add(list, a);
	if (b)
		strlist_add(list, b);
	return list;
}

static void values_are_printed_as_go_prints_them(void **state)
{
	static const struct {
		int64_t nsec;
		const char *text;
	} durations[] = {
		{ 0, "0s" }, { 1, "1ns" }, { 1500, "1.5\xc2\xb5s" }, { 2000000, "2ms" }, { 500000000, "500ms" },
		{ 1000000000, "1s" }, { 90000000000, "1m30s" }, { 300000000000, "5m0s" }, { 3600000000000, "1h0m0s" },
		{ 3661500000000, "1h1m1.5s" },
	};
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++)
		assert_string_equal(golang_duration(ctx, durations[i].nsec), durations[i].text);
	assert_string_equal(golang_quoted(ctx, "a\"b\\\n\t\x01\xc3\xa9\xff"), "\"a\\\"b\\\\\\n\\t\\x01\xc3\xa9\\xff\"");
	assert_string_equal(golang_quoted_list(ctx, list_of(ctx, "a b", "c")), "[\"a b\" \"c\"]");
	assert_string_equal(golang_list(ctx, list_of(ctx, "a b", "c")), "[a b c]");
	assert_string_equal(golang_list(ctx, list_of(ctx, NULL, NULL)), "[]");
}

static void key_of(const char *a, const char *b, char ret[DIGEST_ROOM])
{
	struct cache_key *k = cache_key_begin(NULL, "test");
	cache_key_text(k, a);
	cache_key_text(k, b);
	cache_key_end(k, ret);
}

static void fields_of_a_key_never_run_into_each_other(void **state)
{
	static const char *const pairs[][2] = { { "ab", "c" }, { "a", "bc" }, { "abc", "" }, { "", "abc" },
						{ "abc", NULL }, { NULL, "abc" }, { "1:a", "b" }, { "a1:", "b" } };
	enum { COUNT = sizeof(pairs) / sizeof(*pairs) };
	char keys[COUNT][DIGEST_ROOM];
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		key_of(pairs[i][0], pairs[i][1], keys[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
	}
	char again[DIGEST_ROOM];
	key_of("ab", "c", again);
	assert_string_equal(again, keys[0]);
}

static struct state *scratch(const void *ctx)
{
	char os[] = "linux", architecture[] = "amd64";
	const struct platform platform = { os, architecture, NULL };
	return state_of_scratch(ctx, &platform);
}

static const char *created_of(struct json *doc, unsigned i)
{
	return json_get_string(json_at(json_get(doc, "history"), i), "created");
}

/* normalizeLayersAndHistory: what has no time gets that of a layer beside it. */
static void history_without_times_gets_those_of_layers(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct state *s = scratch(ctx);
	struct json *doc;
	struct error err = ERROR_INIT;
	(void)state;
	state_add_history(s, "ENV a=b", NULL, true);
	state_add_history(s, "RUN one", "2026-01-01T00:00:00Z", false);
	state_add_history(s, "LABEL c=d", NULL, true);
	state_add_history(s, "RUN two", "2026-01-02T00:00:00Z", false);
	state_add_history(s, "CMD x", NULL, true);
	assert_int_equal(json_parse(ctx, state_config(ctx, s, NULL, 0, -1), "config", &doc, &err), 0);
	assert_string_equal(created_of(doc, 0), "2026-01-01T00:00:00Z");
	assert_string_equal(created_of(doc, 2), "2026-01-01T00:00:00Z");
	assert_string_equal(created_of(doc, 4), "2026-01-02T00:00:00Z");
	assert_string_equal(json_get_string(doc, "created"), "2026-01-02T00:00:00Z");
}

static void an_epoch_is_the_time_of_everything(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct state *s = scratch(ctx);
	struct json *doc;
	struct error err = ERROR_INIT;
	(void)state;
	s->epoch_text = state_time(s, 1000000000);
	state_add_history(s, "RUN one", "2026-01-01T00:00:00Z", false);
	state_add_history(s, "CMD x", NULL, true);
	assert_int_equal(json_parse(ctx, state_config(ctx, s, NULL, 0, 1000000000), "config", &doc, &err), 0);
	assert_string_equal(created_of(doc, 0), "2001-09-09T01:46:40Z");
	assert_string_equal(created_of(doc, 1), "2001-09-09T01:46:40Z");
	assert_string_equal(json_get_string(doc, "created"), "2001-09-09T01:46:40Z");
}

static void arguments_are_told_with_the_values_that_count(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct state *s = scratch(ctx);
	(void)state;
	assert_string_equal(state_command_text(ctx, s, list_of(ctx, "make", NULL)), "make");
	state_add_arg(s, "A", "1", true);
	state_add_arg(s, "B", NULL, true);
	state_add_arg(s, "A", "2", true);
	assert_string_equal(state_command_text(ctx, s, list_of(ctx, "sh", "-c")), "|2 A=2 B= sh -c");
	assert_string_equal(state_env(s, "A", 1), "2");
	assert_null(state_env(s, "B", 1));
}

static void a_state_survives_the_wire(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct state *s = scratch(ctx), *copy;
	struct error err = ERROR_INIT;
	(void)state;
	state_add_arg(s, "A", "x y", true);
	state_set_working_dir(s, "/w");
	state_add_material(s, "pkg:docker/x", "sha256:1");
	s->is_cmd_set = true;
	snprintf(s->fs_key, sizeof(s->fs_key), "scratch");
	assert_int_equal(state_load(ctx, state_dump(ctx, s), &copy, &err), 0);
	assert_string_equal(state_env(copy, "A", 1), "x y");
	assert_string_equal(state_text(copy, "WorkingDir"), "/w");
	assert_string_equal(copy->fs_key, "scratch");
	assert_string_equal(copy->materials->items[0], "pkg:docker/x sha256:1");
	assert_true(copy->is_cmd_set);
	/* A stage that is FROM it has a CMD that counts as inherited. */
	assert_false(state_derive(ctx, copy)->is_cmd_set);
	assert_int_equal(state_load(ctx, json_new_object(ctx), &copy, &err), -1);
}

static void records_are_found_while_their_snapshot_is_there(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	char dir[] = "/tmp/fakebuild-test-XXXXXX", key[DIGEST_ROOM], other[DIGEST_ROOM], found[DIGEST_ROOM];
	char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", when[] = "2026-01-01T00:00:00Z",
	     what[] = "RUN x";
	struct cache_record record = { .snapshot = id, .created = when, .description = what, .bytes = 7 }, *ret;
	struct store *store;
	struct error err = ERROR_INIT;
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(store_open(ctx, dir, &store, &err), 0);
	key_of("a", "b", key);
	key_of("c", "d", other);
	assert_int_equal(cache_put(store, key, &record, &err), 0);
	assert_int_equal(cache_find(ctx, store, key, &ret, &err), 0);
	assert_null(ret);
	char *folder = mem_printf(ctx, "%s/snapshots/%s", dir, id), *tree = mem_printf(ctx, "%s/tree", folder);
	assert_int_equal(io_mkdir_p(AT_FDCWD, folder, 0700), 0);
	assert_int_equal(io_write_file(AT_FDCWD, tree, "", 0, 0600, &err), 0);
	assert_int_equal(cache_find(ctx, store, key, &ret, &err), 0);
	assert_non_null(ret);
	assert_string_equal(ret->created, when);
	assert_int_equal(ret->bytes, 7);
	assert_false(cache_find_alias(store, other, found));
	assert_int_equal(cache_put_alias(store, other, key, &err), 0);
	assert_true(cache_find_alias(store, other, found));
	assert_string_equal(found, key);
	io_remove_tree(AT_FDCWD, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_printed_as_go_prints_them),
		cmocka_unit_test(fields_of_a_key_never_run_into_each_other),
		cmocka_unit_test(history_without_times_gets_those_of_layers),
		cmocka_unit_test(an_epoch_is_the_time_of_everything),
		cmocka_unit_test(arguments_are_told_with_the_values_that_count),
		cmocka_unit_test(a_state_survives_the_wire),
		cmocka_unit_test(records_are_found_while_their_snapshot_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
