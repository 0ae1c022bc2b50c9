/* SPDX-License-Identifier: Apache-2.0 */
/* Several platforms under one name: what is found, kept, and sent. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/convert.h"
#include "oci/json.h"
#include "oci/layer.h"
#include "oci/transport.h"
#include "tests/unit/folders.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

#define NAME "docker.io/library/t:1"
#define EMPTY "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" /* {} */

struct place {
	char dir[64];
	struct store *store;
	struct image *amd64, *riscv64;
	char *index_digest;
	struct error error;
};

static struct image *add_image(struct place *p, const char *architecture)
{
	struct archive_writer *w;
	struct archive_item item = { .mode = S_IFREG | 0644 };
	struct descriptor layer;
	struct image *image;
	char *diff_id;
	CLEANUP_TALLOC char *tar = mem_printf(NULL, "%s/tar", p->dir), *name = mem_strdup(NULL, architecture);
	item.path = name;
	CLEANUP_CLOSE int fd = open(tar, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(archive_writer_open(p, fd, &w, &p->error), 0);
	assert_int_equal(archive_writer_add(w, &item, &p->error), 0);
	assert_int_equal(archive_writer_close(w, &p->error), 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(layer_import(p, p->store, fd, &layer, &diff_id, &p->error), 0);
	CLEANUP_TALLOC char *config = mem_printf(NULL,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
		architecture, diff_id);
	CLEANUP_TALLOC char *alone = mem_printf(NULL, "docker.io/library/%s:1", architecture);
	bool existed;
	if (store_add_image(p, p->store, config, &layer, 1, alone, &image, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_int_equal(store_untag(p->store, alone, &existed, &p->error), 0);
	return image;
}

static void put(struct place *p, const char *text, char ret[DIGEST_ROOM])
{
	assert_int_equal(store_put_blob(p->store, text, strlen(text), ret, &p->error), 0);
}

/* An index of two images and an attestation of the second. */
static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	char statement[DIGEST_ROOM], attestation[DIGEST_ROOM], digest[DIGEST_ROOM], type[] = MEDIA_OCI_INDEX;
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_open(p, p->dir, &p->store, &p->error), 0);
	p->amd64 = add_image(p, "amd64");
	p->riscv64 = add_image(p, "riscv64");
	put(p, "{}", digest);
	assert_string_equal(digest, EMPTY);
	put(p, "{\"_type\":\"https://in-toto.io/Statement/v0.1\"}", statement);
	CLEANUP_TALLOC char *text = mem_printf(NULL,
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
		"\",\"digest\":\"" EMPTY "\",\"size\":2},\"layers\":[{\"mediaType\":\"application/vnd.in-toto+json\","
		"\"digest\":\"%s\",\"size\":46}]}", statement);
	put(p, text, attestation);
	CLEANUP_TALLOC char *index = mem_printf(NULL,
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":["
		"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%lld,\"platform\":"
		"{\"architecture\":\"amd64\",\"os\":\"linux\"}},"
		"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%lld,\"platform\":"
		"{\"architecture\":\"riscv64\",\"os\":\"linux\"}},"
		"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,\"platform\":"
		"{\"architecture\":\"unknown\",\"os\":\"unknown\"},\"annotations\":{\"vnd.docker.reference.digest\":\"%s\"}}]}",
		p->amd64->manifest.digest, (long long)p->amd64->manifest.size_bytes, p->riscv64->manifest.digest,
		(long long)p->riscv64->manifest.size_bytes, attestation, strlen(text), p->riscv64->manifest.digest);
	put(p, index, digest);
	p->index_digest = mem_strdup(p, digest);
	struct descriptor top = { .media_type = type, .digest = p->index_digest, .size_bytes = strlen(index) };
	assert_int_equal(store_tag(p->store, NAME, &top, &p->error), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	TALLOC_FREE(p->store);
	io_remove_tree(AT_FDCWD, p->dir);
	talloc_free(p);
	return 0;
}

static struct image *find(struct place *p, const char *name, const char *platform)
{
	struct image *image;
	if (store_find_image_for(p, p->store, name, platform, &image, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return image;
}

static void the_platform_chooses_the_image(void **state)
{
	struct place *p = *state;
	assert_string_equal(find(p, NAME, "linux/riscv64")->config.digest, p->riscv64->config.digest);
	assert_string_equal(find(p, NAME, "linux/amd64")->config.digest, p->amd64->config.digest);
	assert_null(find(p, NAME, "linux/s390x"));
	assert_non_null(find(p, NAME, NULL));
	assert_string_equal(find(p, NAME, NULL)->stored.digest, p->index_digest);
	assert_string_equal(find(p, p->index_digest, NULL)->stored.digest, p->index_digest);
}

static void every_image_of_an_index_is_found_by_its_id(void **state)
{
	struct place *p = *state;
	const struct image *images[] = { p->amd64, p->riscv64 };
	for (unsigned i = 0; i < 2; i++) {
		CLEANUP_TALLOC char *prefix = mem_strndup(NULL, digest_hex(images[i]->config.digest), 12);
		const struct image *found = find(p, prefix, NULL);
		assert_non_null(found);
		assert_string_equal(found->config.digest, images[i]->config.digest);
		assert_string_equal(found->stored.digest, p->index_digest);
		assert_string_equal(find(p, images[i]->manifest.digest, NULL)->config.digest, images[i]->config.digest);
	}
}

static void gc_keeps_all_of_an_index_until_its_name_goes(void **state)
{
	struct place *p = *state;
	struct gc_result result;
	bool existed;
	assert_int_equal(store_gc(p->store, false, &result, &p->error), 0);
	assert_int_equal(count_names(p->dir, "blobs/sha256"), 3 + 3 + 3 + 1);
	assert_int_equal(count_names(p->dir, "layers"), 2);
	assert_int_equal(store_untag(p->store, NAME, &existed, &p->error), 0);
	assert_true(existed);
	assert_int_equal(store_gc(p->store, false, &result, &p->error), 0);
	assert_int_equal(count_names(p->dir, "blobs/sha256"), 0);
	assert_int_equal(count_names(p->dir, "layers"), 0);
}

static void a_manifest_that_was_never_fetched_is_no_damage(void **state)
{
	struct place *p = *state;
	struct gc_result result;
	CLEANUP_TALLOC char *path = store_blob_path(NULL, p->store, p->riscv64->manifest.digest);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_gc(p->store, false, &result, &p->error), 0);
	assert_int_equal(count_names(p->dir, "layers"), 1);
	assert_non_null(find(p, NAME, "linux/amd64"));
}

static void all_of_an_index_leaves_and_attestations_follow(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *layout = mem_printf(NULL, "%s/layout", p->dir), *to = mem_printf(NULL, "oci:%s:t", layout);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/index.json", layout);
	struct json *root, *index;
	char *text;
	if (transport_push(p->store, find(p, NAME, NULL), to, NULL, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_int_equal(io_read_file(p, AT_FDCWD, path, 1 << 20, &text, NULL, &p->error), 0);
	assert_int_equal(json_parse(p, text, path, &root, &p->error), 0);
	struct json *entry = json_at(json_get(root, "manifests"), 0);
	assert_string_equal(json_get_string(entry, "mediaType"), MEDIA_OCI_INDEX);
	assert_string_equal(json_get_string(json_get(entry, "annotations"), "org.opencontainers.image.ref.name"), "t");
	path = mem_printf(p, "%s/blobs/sha256/%s", layout, digest_hex(json_get_string(entry, "digest")));
	assert_int_equal(io_read_file(p, AT_FDCWD, path, 1 << 20, &text, NULL, &p->error), 0);
	assert_int_equal(json_parse(p, text, path, &index, &p->error), 0);
	struct json *list = json_get(index, "manifests");
	assert_int_equal(json_length(list), 3);
	assert_string_equal(json_get_string(json_get(json_at(list, 2), "annotations"), "vnd.docker.reference.digest"),
			    json_get_string(json_at(list, 1), "digest"));
	/* Its layers are compressed, so that it is another manifest. */
	assert_string_not_equal(json_get_string(json_at(list, 1), "digest"), p->riscv64->manifest.digest);
	struct image *again;
	char *name;
	CLEANUP_TALLOC char *other_dir = mem_printf(NULL, "%s/other", p->dir);
	struct store *other;
	assert_int_equal(store_open(p, other_dir, &other, &p->error), 0);
	if (transport_pull(p, other, to, PULL_ALWAYS, "linux/riscv64", NULL, &again, &name, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_string_equal(again->config.digest, p->riscv64->config.digest);
	talloc_free(other);
}

static void an_index_that_needs_no_change_keeps_its_digest(void **state)
{
	struct place *p = *state;
	static const struct layer_format plain = { .compression = COMPRESSION_NONE }, gzip = { .compression = COMPRESSION_GZIP };
	struct descriptor same, changed, again;
	const struct descriptor *stored = &find(p, NAME, NULL)->stored;
	assert_int_equal(stored_convert(p, p->store, stored, &plain, &same, &p->error), 0);
	assert_string_equal(same.digest, p->index_digest);
	assert_int_equal(stored_convert(p, p->store, stored, &gzip, &changed, &p->error), 0);
	assert_int_equal(stored_convert(p, p->store, &changed, &gzip, &again, &p->error), 0);
	assert_string_not_equal(changed.digest, p->index_digest);
	assert_string_equal(again.digest, changed.digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_platform_chooses_the_image, setup, teardown),
		cmocka_unit_test_setup_teardown(every_image_of_an_index_is_found_by_its_id, setup, teardown),
		cmocka_unit_test_setup_teardown(gc_keeps_all_of_an_index_until_its_name_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_manifest_that_was_never_fetched_is_no_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(all_of_an_index_leaves_and_attestations_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(an_index_that_needs_no_change_keeps_its_digest, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
