/* SPDX-License-Identifier: Apache-2.0 */
/* How layers leave the store: the tar of a snapshot, what is made of it once, and what the store keeps of that. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/convert.h"
#include "oci/json.h"
#include "oci/layer.h"
#include "oci/layerdir.h"
#include "tests/unit/folders.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct place {
	char dir[64];
	struct store *store;
	struct error error;
};

static void open_place(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_open(p, p->dir, &p->store, &p->error), 0);
}

static void remove_place(struct place *p)
{
	TALLOC_FREE(p->store);
	io_remove_tree(AT_FDCWD, p->dir);
}

static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	open_place(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	remove_place(p);
	talloc_free(p);
	return 0;
}

static const struct layer_attributes file = { .mode = S_IFREG | 04755, .uid = 7, .gid = 70000, .mtime_sec = 1000,
					      .mtime_nsec = 5 };
static const struct layer_attributes folder = { .mode = S_IFDIR | 01750, .uid = 3, .gid = 4, .mtime_sec = 2000 };

static ssize_t read_text(void *arg, void *buffer, size_t size, struct error *err)
{
	const char **text = arg;
	size_t n = strlen(*text);
	(void)err;
	n = n < size ? n : size;
	memcpy(buffer, *text, n);
	*text += n;
	return n;
}

static void put(struct layerdir *d, const char *path, const struct layer_attributes *a, const char *text)
{
	struct error err = ERROR_INIT;
	if (layerdir_file_stream(d, path, a, read_text, &text, &err) < 0)
		fail_msg("%s", err.text);
}

/* One of everything, some of it twice, in an order that is not the tar's. */
static char *make_snapshot(struct place *p, bool is_backwards)
{
	static char capability[] = "\x01\0\0\2\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", a_value[] = "b";
	static char name_a[] = "user.z", name_b[] = "security.capability", name_c[] = "trusted.x";
	struct archive_xattr xattrs[] = { { name_a, a_value, 1 }, { name_b, capability, 20 }, { name_c, a_value, 1 } };
	struct layer_attributes capable = file, device = { .mode = S_IFCHR | 0620, .rdev = makedev(5, 1) },
				fifo = { .mode = S_IFIFO | 0600 }, link = { .mode = S_IFLNK | 0777 },
				socket = { .mode = S_IFSOCK | 0700 };
	struct layerdir *d;
	char *id;
	capable.xattrs = xattrs;
	capable.xattr_count = 3;
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	if (is_backwards)
		put(d, "z/deep/file", &file, "content");
	assert_int_equal(layerdir_directory(d, "b", &folder, &p->error), 0);
	put(d, "b/tool", &capable, "#!/bin/sh\n");
	put(d, "b/gone/below", &file, "is replaced with its directory");
	put(d, "b/gone", &file, "now a file");
	assert_int_equal(layerdir_link(d, "b/another", "b/tool", &p->error), 0);
	assert_int_equal(layerdir_symlink(d, "b/link", &link, "../target", &p->error), 0);
	assert_int_equal(layerdir_special(d, "b/console", &device, &p->error), 0);
	assert_int_equal(layerdir_special(d, "b/fifo", &fifo, &p->error), 0);
	assert_int_equal(layerdir_special(d, "b/socket", &socket, &p->error), 0);
	assert_int_equal(layerdir_whiteout(d, "b/zz", &p->error), 0);
	assert_int_equal(layerdir_directory(d, "a", &folder, &p->error), 0);
	assert_int_equal(layerdir_opaque(d, "a", &p->error), 0);
	if (!is_backwards)
		put(d, "z/deep/file", &file, "content");
	if (layerdir_finish(p, d, &id, &p->error) < 0)
		fail_msg("%s", p->error.text);
	talloc_free(d);
	return id;
}

static struct chain *chain_of(struct place *p, const char *id)
{
	struct chain *chain = mem_new(p, struct chain);
	chain_push(chain, id);
	return chain;
}

static struct descriptor export_one(struct place *p, struct chain *chain, const struct layer_format *f, char **ret_id)
{
	struct descriptor *layers;
	char **ids;
	if (chain_export(p, p->store, chain, f, &layers, &ids, &p->error) < 0)
		fail_msg("%s", p->error.text);
	*ret_id = ids[0];
	return layers[0];
}

static const struct layer_format plain = { .compression = COMPRESSION_NONE }, gzip = { .compression = COMPRESSION_GZIP },
				 zstd = { .compression = COMPRESSION_ZSTD };

/* A line an entry: what a reader finds. */
static char *entries_of(struct place *p, const char *digest)
{
	struct archive_reader *r;
	struct archive_item item;
	char *text = mem_strdup(p, "");
	CLEANUP_TALLOC char *path = store_blob_path(NULL, p->store, digest);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(archive_reader_open(p, fd, &r, &p->error), 0);
	while (archive_reader_next(r, &item, &p->error) == 1) {
		text = mem_append(text, "%s %06o %u:%u %lld", item.path, item.is_hard_link ? 0 : item.mode,
				  item.is_hard_link ? 0 : item.uid, item.is_hard_link ? 0 : item.gid,
				  (long long)item.mtime_sec);
		text = mem_append(text, "%s%s", item.is_hard_link ? " = " : item.link_target ? " -> " : "",
				  item.link_target ? item.link_target : "");
		for (unsigned i = 0; i < item.xattr_count; i++)
			text = mem_append(text, " %s", item.xattrs[i].name);
		text = mem_append(text, S_ISCHR(item.mode) ? " %u,%u\n" : "\n", major(item.rdev), minor(item.rdev));
	}
	talloc_free(r);
	return text;
}

static void a_snapshots_tar_is_what_containerd_would_write(void **state)
{
	struct place *p = *state;
	char *diff_id;
	struct descriptor blob = export_one(p, chain_of(p, make_snapshot(p, false)), &plain, &diff_id);
	assert_string_equal(blob.digest, diff_id);
	assert_string_equal(blob.media_type, "application/vnd.oci.image.layer.v1.tar");
	assert_string_equal(entries_of(p, blob.digest),
			    "a/ 041750 3:4 2000\n"
			    "a/.wh..wh..opq 100000 0:0 0\n"
			    "b/ 041750 3:4 2000\n"
			    "b/.wh.zz 100000 0:0 0\n"
			    "b/another 104755 7:70000 1000 security.capability user.z\n"
			    "b/console 020620 0:0 0 5,1\n"
			    "b/fifo 010600 0:0 0\n"
			    "b/gone 104755 7:70000 1000\n"
			    "b/link 120777 0:0 0 -> ../target\n"
			    "b/tool 000000 0:0 1000 = b/another\n"
			    "z/deep/file 104755 7:70000 1000\n");
}

static void the_same_entries_give_the_same_bytes_anywhere(void **state)
{
	struct place *p = *state, *other = mem_new(NULL, struct place);
	char *one, *two;
	open_place(other);
	const struct layer_format *formats[] = { &gzip, &zstd, &plain };
	struct chain *chain = chain_of(p, make_snapshot(p, false)), *same = chain_of(other, make_snapshot(other, true));
	for (unsigned i = 0; i < 3; i++) {
		struct descriptor a = export_one(p, chain, formats[i], &one), b = export_one(other, same, formats[i], &two);
		assert_string_equal(a.digest, b.digest);
		assert_string_equal(a.media_type, b.media_type);
		assert_int_equal(a.size_bytes, b.size_bytes);
		assert_string_equal(one, two);
	}
	remove_place(other);
	talloc_free(other);
}

static void a_tar_unpacked_and_written_again_is_the_same(void **state)
{
	struct place *p = *state, *other = mem_new(NULL, struct place);
	struct descriptor blob, ignored;
	char *diff_id, *again;
	open_place(other);
	blob = export_one(p, chain_of(p, make_snapshot(p, true)), &gzip, &diff_id);
	CLEANUP_TALLOC char *path = store_blob_path(NULL, p->store, blob.digest);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(layer_import(other, other->store, fd, &ignored, &again, &other->error), 0);
	assert_string_equal(again, diff_id);
	/* As a snapshot, of which there is no tar. */
	CLEANUP_TALLOC char *snapshot = mem_printf(NULL, "%s/snapshots/1", other->dir);
	CLEANUP_TALLOC char *layer = mem_printf(NULL, "%s/layers/%s", other->dir, digest_hex(diff_id));
	assert_int_equal(rename(layer, snapshot), 0);
	assert_string_equal(export_one(other, chain_of(other, "1"), &plain, &again).digest, diff_id);
	remove_place(other);
	talloc_free(other);
}

static void what_was_made_once_is_not_made_again(void **state)
{
	struct place *p = *state;
	char *id = make_snapshot(p, false), *diff_id;
	struct descriptor first = export_one(p, chain_of(p, id), &gzip, &diff_id);
	/* Without its files it can only be remembered. */
	CLEANUP_TALLOC char *fs = mem_printf(NULL, "%s/snapshots/%s/fs", p->dir, id);
	assert_int_equal(io_remove_tree(AT_FDCWD, fs), 0);
	struct descriptor second = export_one(p, chain_of(p, id), &gzip, &diff_id);
	assert_string_equal(first.digest, second.digest);
	/* Another form is made of the one that there is. */
	CLEANUP_TALLOC char *again = mem_strdup(NULL, diff_id);
	struct descriptor third = export_one(p, chain_of(p, id), &zstd, &diff_id);
	assert_string_equal(diff_id, again);
	assert_string_equal(entries_of(p, third.digest), entries_of(p, first.digest));
}

static void an_exported_snapshot_is_the_layer_of_its_diff_id(void **state)
{
	struct place *p = *state;
	char *id = make_snapshot(p, false), *diff_id, target[256] = "";
	export_one(p, chain_of(p, id), &plain, &diff_id);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/layers/%s", p->dir, digest_hex(diff_id));
	CLEANUP_TALLOC char *expected = mem_printf(NULL, "../snapshots/%s", id);
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, expected);
	assert_true(layer_exists(p->store, diff_id));
}

static void times_later_than_the_epoch_become_the_epoch(void **state)
{
	struct place *p = *state;
	struct layer_format clamped = { .compression = COMPRESSION_NONE, .rewrites_times = true, .epoch_sec = 1500 };
	char *id = make_snapshot(p, false), *with, *without;
	struct descriptor blob = export_one(p, chain_of(p, id), &clamped, &with);
	assert_non_null(strstr(entries_of(p, blob.digest), "a/ 041750 3:4 1500\n"));
	assert_non_null(strstr(entries_of(p, blob.digest), "b/gone 104755 7:70000 1000\n"));
	export_one(p, chain_of(p, id), &plain, &without);
	assert_string_not_equal(with, without);
	export_one(p, chain_of(p, id), &clamped, &without);
	assert_string_equal(with, without);
}

static void layers_of_the_base_stay_unless_forced(void **state)
{
	struct place *p = *state;
	struct layer_format forced = { .compression = COMPRESSION_ZSTD, .is_forced = true, .is_docker = true };
	char *id = make_snapshot(p, false), *diff_id;
	struct chain *chain = chain_of(p, id);
	struct descriptor base = export_one(p, chain, &gzip, &diff_id);
	chain->layers[0].folder = mem_printf(chain, "layers/%s", digest_hex(diff_id));
	chain->layers[0].blob = base;
	assert_string_equal(export_one(p, chain, &zstd, &diff_id).digest, base.digest);
	struct descriptor made = export_one(p, chain, &forced, &diff_id);
	assert_string_not_equal(made.digest, base.digest);
	assert_string_equal(made.media_type, "application/vnd.docker.image.rootfs.diff.tar.zstd");
	assert_string_equal(entries_of(p, made.digest), entries_of(p, base.digest));
}

static void the_compressed_form_of_large_layers_reads_back(void **state)
{
	struct place *p = *state;
	struct layerdir *d;
	char *id, *diff_id, digest[DIGEST_ROOM];
	size_t size = 10 << 20;
	CLEANUP_TALLOC char *bytes = mem_array(NULL, char, size + 1);
	for (size_t i = 0; i < size; i++)
		bytes[i] = 'a' + (i * i >> 7) % 23;
	const char *text = bytes;
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	assert_int_equal(layerdir_file_stream(d, "large", &file, read_text, &text, &p->error), 0);
	assert_int_equal(layerdir_finish(p, d, &id, &p->error), 0);
	const struct layer_format *formats[] = { &gzip, &zstd };
	for (unsigned i = 0; i < 2; i++) {
		struct descriptor blob = export_one(p, chain_of(p, id), formats[i], &diff_id);
		assert_true(blob.size_bytes < (int64_t)size / 2);
		CLEANUP_TALLOC char *path = store_blob_path(NULL, p->store, blob.digest);
		CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct archive_reader *r;
		struct archive_item item;
		assert_int_equal(archive_reader_open(p, fd, &r, &p->error), 0);
		assert_int_equal(archive_reader_next(r, &item, &p->error), 1);
		assert_int_equal(item.size_bytes, size);
		assert_int_equal(archive_reader_next(r, &item, &p->error), 0);
		assert_int_equal(archive_reader_finish(r, digest, &p->error), 0);
		assert_string_equal(digest, diff_id);
	}
	talloc_free(d);
}

static void a_level_the_format_lacks_is_refused(void **state)
{
	struct place *p = *state;
	struct layer_format f = { .compression = COMPRESSION_GZIP, .level = 10 };
	struct descriptor *layers;
	char **ids;
	assert_int_equal(chain_export(p, p->store, chain_of(p, make_snapshot(p, false)), &f, &layers, &ids, &p->error), -1);
	assert_string_equal(p->error.text, "compression level 10: gzip has 1 to 9, and 0 for the default");
}

/* ---- what is kept ---- */

static void collect(struct place *p)
{
	struct gc_result result;
	if (store_gc(p->store, false, &result, &p->error) < 0)
		fail_msg("%s", p->error.text);
}

static void gc_keeps_snapshots_that_steps_or_images_need(void **state)
{
	struct place *p = *state;
	char *id = make_snapshot(p, false), *diff_id;
	struct image *image;
	export_one(p, chain_of(p, id), &gzip, &diff_id);
	struct descriptor tar = export_one(p, chain_of(p, id), &plain, &diff_id);
	CLEANUP_TALLOC char *config = mem_printf(NULL,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", diff_id);
	CLEANUP_TALLOC char *steps = mem_printf(NULL, "%s/cache/steps", p->dir), *step = mem_printf(NULL, "%s/1", steps);
	CLEANUP_TALLOC char *note = mem_printf(NULL, "{\"snapshot\":\"%s\"}", id);
	const char *name = "docker.io/library/t:1";
	bool existed;
	assert_int_equal(store_add_image(p, p->store, config, &tar, 1, name, &image, &p->error), 0);
	assert_int_equal(io_mkdir_p(AT_FDCWD, steps, 0700), 0);
	collect(p);
	assert_int_equal(count_names(p->dir, "snapshots"), 1);
	assert_int_equal(count_names(p->dir, "cache/compressed"), 1);
	assert_int_equal(count_names(p->dir, "blobs/sha256"), 4);
	assert_int_equal(io_write_file(AT_FDCWD, step, note, strlen(note), 0600, &p->error), 0);
	assert_int_equal(store_untag(p->store, name, &existed, &p->error), 0);
	collect(p);
	/* The plain tar can be made again. */
	assert_int_equal(count_names(p->dir, "snapshots"), 1);
	assert_int_equal(count_names(p->dir, "layers"), 1);
	assert_int_equal(count_names(p->dir, "cache/compressed"), 1);
	assert_int_equal(count_names(p->dir, "blobs/sha256"), 1);
	unlink(step);
	collect(p);
	assert_int_equal(count_names(p->dir, "snapshots"), 0);
	assert_int_equal(count_names(p->dir, "layers"), 0);
	assert_int_equal(count_names(p->dir, "cache/compressed"), 0);
	assert_int_equal(count_names(p->dir, "blobs/sha256"), 0);
}

static void an_image_leaves_compressed_and_is_kept_plain(void **state)
{
	struct place *p = *state;
	char *diff_id;
	struct descriptor tar = export_one(p, chain_of(p, make_snapshot(p, false)), &plain, &diff_id);
	struct image *image, *out, *again;
	CLEANUP_TALLOC char *config = mem_printf(NULL,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", diff_id);
	assert_int_equal(store_add_image(p, p->store, config, &tar, 1, NULL, &image, &p->error), 0);
	assert_int_equal(image_convert(p, p->store, image, &gzip, &out, &p->error), 0);
	assert_string_equal(out->config.digest, image->config.digest);
	assert_string_equal(out->layers[0].media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
	assert_true(store_has_blob(p->store, out->manifest.digest));
	assert_string_not_equal(out->manifest.digest, image->manifest.digest);
	assert_int_equal(image_convert(p, p->store, out, &gzip, &again, &p->error), 0);
	assert_string_equal(again->manifest.digest, out->manifest.digest);
	assert_int_equal(image_convert(p, p->store, image, &plain, &again, &p->error), 0);
	assert_string_equal(again->manifest.digest, image->manifest.digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_snapshots_tar_is_what_containerd_would_write, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_entries_give_the_same_bytes_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tar_unpacked_and_written_again_is_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_made_once_is_not_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(an_exported_snapshot_is_the_layer_of_its_diff_id, setup, teardown),
		cmocka_unit_test_setup_teardown(times_later_than_the_epoch_become_the_epoch, setup, teardown),
		cmocka_unit_test_setup_teardown(layers_of_the_base_stay_unless_forced, setup, teardown),
		cmocka_unit_test_setup_teardown(the_compressed_form_of_large_layers_reads_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_level_the_format_lacks_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(gc_keeps_snapshots_that_steps_or_images_need, setup, teardown),
		cmocka_unit_test_setup_teardown(an_image_leaves_compressed_and_is_kept_plain, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
