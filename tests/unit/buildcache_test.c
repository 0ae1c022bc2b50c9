/* SPDX-License-Identifier: Apache-2.0 */
/* Finished steps, taken elsewhere and back. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/buildcache.h"
#include "oci/layer.h"
#include "oci/layerdir.h"
#include "oci/outputs.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

struct place {
	char dir[64];
	struct store *store, *other;
	char *first, *second; /* snapshots */
	struct error error;
};

static char *make_snapshot(struct place *p, const char *name)
{
	struct layer_attributes a = { .mode = S_IFREG | 0644, .mtime_sec = 3000 };
	struct layerdir *d;
	char *id;
	FILE *file = tmpfile();
	assert_non_null(file);
	fputs(name, file);
	fflush(file);
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	assert_int_equal(layerdir_file(d, name, &a, fileno(file), &p->error), 0);
	assert_int_equal(layerdir_finish(p, d, &id, &p->error), 0);
	talloc_free(d);
	fclose(file);
	return id;
}

static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	CLEANUP_TALLOC char *here = mem_printf(NULL, "%s/here", p->dir), *there = mem_printf(NULL, "%s/there", p->dir);
	assert_int_equal(store_open(p, here, &p->store, &p->error), 0);
	assert_int_equal(store_open(p, there, &p->other, &p->error), 0);
	p->first = make_snapshot(p, "first");
	p->second = make_snapshot(p, "second");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	TALLOC_FREE(p->store);
	TALLOC_FREE(p->other);
	io_remove_tree(AT_FDCWD, p->dir);
	talloc_free(p);
	return 0;
}

/* Two steps of the result, one of another stage, and one that changed nothing. */
static void fill(const struct place *p, struct buildcache_record r[4])
{
	r[0] = (struct buildcache_record){ .key = "aa", .snapshot = p->first, .created = "2026-01-02T03:04:05Z",
					   .description = "RUN one", .bytes = 5, .is_of_result = true };
	r[1] = (struct buildcache_record){ .key = "bb", .parent = "aa", .config_json = "{\"Env\":[\"A=b\"]}",
					   .is_of_result = true };
	r[2] = (struct buildcache_record){ .key = "cc", .parent = "bb", .snapshot = p->second };
	r[3] = (struct buildcache_record){ .key = "dd", .parent = "bb", .snapshot = p->first, .is_of_result = true };
}

static struct buildcache_place *place_of(struct place *p, const char *text, bool is_export)
{
	struct buildcache_place *place;
	if (buildcache_parse(p, text, is_export, &place, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return place;
}

static void export_to(struct place *p, const char *text)
{
	struct buildcache_record records[4];
	fill(p, records);
	if (buildcache_export(p->store, place_of(p, text, true), records, 4, NULL, &p->error) < 0)
		fail_msg("%s", p->error.text);
}

static struct buildcache *import_from(struct place *p, const char *text)
{
	struct buildcache *cache;
	if (buildcache_import(p, p->other, place_of(p, text, false), &cache, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return cache;
}

static char *content_of(struct place *p, const char *snapshot, const char *name)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/snapshots/%s/fs/%s", store_root(p->other), snapshot, name);
	char *text;
	if (io_read_file(p, AT_FDCWD, path, 100, &text, NULL, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return text;
}

static void assert_all_is_back(struct place *p, struct buildcache *cache)
{
	char *snapshot;
	assert_int_equal(buildcache_count(cache), 4);
	const struct buildcache_record *a = buildcache_find(cache, "aa"), *b = buildcache_find(cache, "bb"),
				       *c = buildcache_find(cache, "cc");
	assert_string_equal(a->created, "2026-01-02T03:04:05Z");
	assert_string_equal(a->description, "RUN one");
	assert_int_equal(a->bytes, 5);
	assert_null(a->parent);
	assert_string_equal(b->parent, "aa");
	assert_string_equal(b->config_json, "{\"Env\":[\"A=b\"]}");
	assert_null(b->diff_id);
	assert_null(buildcache_find(cache, "ee"));
	/* No layer before one is wanted. */
	assert_false(layer_exists(p->other, a->diff_id));
	assert_int_equal(buildcache_fetch(p, cache, a, &snapshot, &p->error), 0);
	assert_string_equal(content_of(p, snapshot, "first"), "first");
	assert_false(layer_exists(p->other, c->diff_id));
	assert_int_equal(buildcache_fetch(p, cache, b, &snapshot, &p->error), 0);
	assert_null(snapshot);
}

static void a_folder_takes_and_gives(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *to = mem_printf(NULL, "type=local,dest=%s/cache,mode=max", p->dir);
	CLEANUP_TALLOC char *from = mem_printf(NULL, "type=local,src=%s/cache", p->dir);
	export_to(p, to);
	assert_all_is_back(p, import_from(p, from));
}

static void a_small_cache_has_only_the_results_steps(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *to = mem_printf(NULL, "type=local,dest=%s/cache,compression=zstd,tag=small", p->dir);
	CLEANUP_TALLOC char *from = mem_printf(NULL, "type=local,src=%s/cache,tag=small", p->dir);
	export_to(p, to);
	struct buildcache *cache = import_from(p, from);
	assert_int_equal(buildcache_count(cache), 3);
	assert_null(buildcache_find(cache, "cc"));
	assert_string_equal(buildcache_find(cache, "aa")->diff_id, buildcache_find(cache, "dd")->diff_id);
}

static void where_nothing_is_yet_is_an_empty_cache(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *from = mem_printf(NULL, "type=local,src=%s/nothing", p->dir);
	assert_int_equal(buildcache_count(import_from(p, from)), 0);
}

static void what_was_fetched_leaves_by_the_same_bytes_and_is_kept_for_its_step(void **state)
{
	struct place *p = *state;
	struct gc_result result;
	struct descriptor *layers;
	char **ids, *snapshot;
	CLEANUP_TALLOC char *to = mem_printf(NULL, "type=local,dest=%s/cache", p->dir);
	CLEANUP_TALLOC char *from = mem_printf(NULL, "type=local,src=%s/cache", p->dir);
	export_to(p, to);
	struct buildcache *cache = import_from(p, from);
	assert_int_equal(buildcache_fetch(p, cache, buildcache_find(cache, "aa"), &snapshot, &p->error), 0);
	CLEANUP_TALLOC char *steps = mem_printf(NULL, "%s/cache/steps", store_root(p->other));
	CLEANUP_TALLOC char *step = mem_printf(NULL, "%s/aa", steps), *note = mem_printf(NULL, "{\"snapshot\":\"%s\"}", snapshot);
	assert_int_equal(io_mkdir_p(AT_FDCWD, steps, 0700), 0);
	assert_int_equal(io_write_file(AT_FDCWD, step, note, strlen(note), 0600, &p->error), 0);
	if (store_gc(p->other, false, &result, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_string_equal(content_of(p, snapshot, "first"), "first");
	struct layer_format gzip = { .compression = COMPRESSION_GZIP }, plain = { .compression = COMPRESSION_NONE };
	struct chain *chain = mem_new(p, struct chain), *own = mem_new(p, struct chain);
	chain_push(chain, snapshot);
	chain_push(own, p->first);
	assert_int_equal(chain_export(p, p->store, own, &gzip, &layers, &ids, &p->error), 0);
	const char *digest = layers[0].digest;
	assert_int_equal(chain_export(p, p->other, chain, &gzip, &layers, &ids, &p->error), 0);
	assert_string_equal(layers[0].digest, digest);
	assert_int_equal(chain_export(p, p->other, chain, &plain, &layers, &ids, &p->error), 0);
	assert_string_equal(layers[0].digest, ids[0]);
	unlink(step);
	assert_int_equal(store_gc(p->other, false, &result, &p->error), 0);
	assert_int_equal(result.layers, 1);
}

static void an_image_can_carry_its_cache(void **state)
{
	struct place *p = *state;
	struct buildcache_record records[4];
	struct layer_format gzip = { .compression = COMPRESSION_GZIP };
	struct chain *chain = mem_new(p, struct chain);
	struct output *output;
	struct output_result result;
	char *config, *snapshot;
	CLEANUP_TALLOC char *to = mem_printf(NULL, "type=oci,tar=false,name=app:latest,dest=%s/image", p->dir);
	CLEANUP_TALLOC char *from = mem_printf(NULL, "type=local,src=%s/image", p->dir);
	fill(p, records);
	chain_push(chain, p->first);
	assert_int_equal(buildcache_inline(p, p->store, "{\"architecture\":\"amd64\",\"os\":\"linux\"}", chain, &gzip, records,
					   4, &config, &p->error), 0);
	struct built_image image = { .platform = "linux/amd64", .config_json = config, .chain = chain };
	struct build_result build = { .images = &image, .count = 1 };
	assert_int_equal(output_parse(p, to, &output, &p->error), 0);
	assert_int_equal(output_write(p, p->store, &build, output, NULL, &result, &p->error), 0);
	struct buildcache *cache = import_from(p, from);
	/* The layer of the other stage is not in the image. */
	assert_int_equal(buildcache_count(cache), 3);
	assert_int_equal(buildcache_fetch(p, cache, buildcache_find(cache, "dd"), &snapshot, &p->error), 0);
	assert_string_equal(content_of(p, snapshot, "first"), "first");
}

static void wrong_words_are_named(void **state)
{
	static const struct {
		const char *text, *sentence;
		bool is_export;
	} cases[] = {
		{ "type=gha", "'gha' is no type of cache: want registry, local or inline", true },
		{ "type=inline", "'inline' is no type of cache: want registry or local", false },
		{ "type=local", "type=local needs dest=FOLDER", true },
		{ "type=local,dest=x", "there is no key 'dest'", false },
		{ "type=registry", "type=registry needs ref=NAME", true },
		{ "type=registry,ref=A/B", "repository", false },
		{ "type=registry,ref=a,mode=most", "mode=most: want min or max", true },
		{ "type=registry,ref=a,compression-level=99", "compression level 99", true },
	};
	struct place *p = *state;
	struct buildcache_place *place;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(buildcache_parse(p, cases[i].text, cases[i].is_export, &place, &p->error), -1);
		if (!strstr(p->error.text, cases[i].sentence))
			fail_msg("%s: expected %s, actual %s", cases[i].text, cases[i].sentence, p->error.text);
	}
	assert_int_equal(buildcache_parse(p, "localhost:5000/cache", false, &place, &p->error), 0);
	assert_string_equal(place->ref, "localhost:5000/cache");
}

/* ---- a registry ---- */

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

static bool answers(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) },
				       .sin_port = htons(port) };
	CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static void a_registry_takes_and_gives(void **state)
{
	struct place *p = *state;
	int port = free_port();
	CLEANUP_TALLOC char *config = mem_printf(NULL, "%s/registry.yml", p->dir);
	CLEANUP_TALLOC char *text = mem_printf(NULL, "version: 0.1\nlog: {level: error}\n"
		"storage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: '127.0.0.1:%d'}\n", p->dir, port);
	assert_int_equal(io_write_file(AT_FDCWD, config, text, strlen(text), 0600, &p->error), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int nowhere = open("/dev/null", O_WRONLY);
		dup2(nowhere, STDOUT_FILENO);
		dup2(nowhere, STDERR_FILENO);
		execlp("docker-registry", "docker-registry", "serve", config, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	for (int i = 0; i < 100 && !answers(port) && waitpid(pid, &status, WNOHANG) == 0; i++)
		usleep(100000);
	if (!answers(port)) {
		print_message("no docker-registry\n");
		skip();
	}
	setenv("DOCKER_CONFIG", p->dir, 1);
	CLEANUP_TALLOC char *to = mem_printf(NULL, "type=registry,ref=localhost:%d/work/cache:main,mode=max", port);
	CLEANUP_TALLOC char *from = mem_printf(NULL, "localhost:%d/work/cache:main", port);
	/* As in the first build of all. */
	assert_int_equal(buildcache_count(import_from(p, from)), 0);
	export_to(p, to);
	assert_all_is_back(p, import_from(p, from));
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_folder_takes_and_gives, setup, teardown),
		cmocka_unit_test_setup_teardown(a_small_cache_has_only_the_results_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(where_nothing_is_yet_is_an_empty_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_fetched_leaves_by_the_same_bytes_and_is_kept_for_its_step, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_image_can_carry_its_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_words_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_registry_takes_and_gives, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
