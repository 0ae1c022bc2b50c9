/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as the world, or an enemy, writes them: made byte by byte, so that nothing tidies them up. */
#include <dirent.h>
#include <errno.h>
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

#include "oci/archive.h"
#include "oci/container.h"
#include "oci/derive.h"
#include "oci/diff.h"
#include "oci/layer.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/meta.h"

struct place {
	char dir[64];
	struct store *store;
};

struct tar {
	char bytes[1 << 20];
	size_t size;
};

static void put_header(struct tar *t, const char *name, char type, unsigned mode, unsigned uid, unsigned gid,
		       const char *target, uint64_t size, long mtime)
{
	char *h = t->bytes + t->size;
	memset(h, 0, 512);
	memcpy(h, name, strnlen(name, 100));
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", uid);
	snprintf(h + 116, 8, "%07o", gid);
	snprintf(h + 124, 12, "%011o", (unsigned)size);
	snprintf(h + 136, 12, "%011o", (unsigned)mtime);
	memset(h + 148, ' ', 8);
	h[156] = type;
	if (target)
		memcpy(h + 157, target, strnlen(target, 100));
	memcpy(h + 257, "ustar\0" "00", 8);
	if (type == '3' || type == '4') {
		snprintf(h + 329, 8, "%07o", 1);
		snprintf(h + 337, 8, "%07o", 3);
	}
	unsigned sum = 0;
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	t->size += 512;
}

static void put_bytes(struct tar *t, const char *bytes, size_t size)
{
	memcpy(t->bytes + t->size, bytes, size);
	t->size += (size + 511) / 512 * 512;
}

static void put(struct tar *t, const char *name, char type, unsigned mode, const char *text)
{
	bool is_link = type == '1' || type == '2';
	size_t size = type == '0' && text ? strlen(text) : 0;
	put_header(t, name, type, mode, 0, 0, is_link ? text : NULL, size, 1000000000);
	if (size)
		put_bytes(t, text, size);
}

/* A pax record before the next entry. */
static void put_pax(struct tar *t, const char *key, const char *value, size_t value_size)
{
	char record[70000];
	size_t length = strlen(key) + value_size + 3, digits = 1;
	for (size_t power = 10; length + digits >= power; power *= 10)
		digits++;
	int n = snprintf(record, sizeof(record), "%zu %s=", length + digits, key);
	memcpy(record + n, value, value_size);
	record[n + value_size] = '\n';
	put_header(t, "PaxHeader", 'x', 0644, 0, 0, NULL, length + digits, 0);
	put_bytes(t, record, length + digits);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct error err = ERROR_INIT;
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-hostile-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	CLEANUP_TALLOC char *root = mem_printf(NULL, "%s/store", p->dir);
	if (store_open(NULL, root, &p->store, &err) < 0)
		fail_msg("%s", err.text);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	talloc_free(p->store);
	io_remove_tree(AT_FDCWD, p->dir);
	free(p);
	return 0;
}

/* Import the tar as a layer. */
static int add_layer(struct place *p, struct tar *t, struct descriptor *ret, char **ret_diff_id, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/tar", p->dir);
	t->size += 1024; /* the end: zeroes, as the whole buffer was */
	if (io_write_file(AT_FDCWD, path, t->bytes, t->size, 0600, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	return layer_import(p->store, p->store, fd, ret, ret_diff_id, err);
}

static struct tar *new_tar(void)
{
	return mem_new(NULL, struct tar);
}

/* A container of one image of these layers; NULL and the sentence in *err. */
static struct container *make(struct place *p, struct tar **tars, unsigned count, struct error *err)
{
	struct descriptor layers[8];
	struct image *image = NULL;
	struct container *c = NULL;
	char *ids = mem_strdup(p->store, "");
	for (unsigned i = 0; i < count; i++) {
		char *id;
		int r = add_layer(p, tars[i], &layers[i], &id, err);
		talloc_free(tars[i]);
		if (r < 0)
			return NULL;
		ids = mem_append(ids, "%s\"%s\"", i ? "," : "", id);
	}
	CLEANUP_TALLOC char *config = mem_printf(NULL,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[%s]}}", ids);
	if (store_add_image(p->store, p->store, config, layers, count, "docker.io/library/t:1", &image, err) < 0 ||
	    container_create(p->store, p->store, image, NULL, "box", &c, err) < 0)
		return NULL;
	return c;
}

static struct container *make_one(struct place *p, struct tar *t)
{
	struct error err = ERROR_INIT;
	struct container *c = make(p, &t, 1, &err);
	if (!c)
		fail_msg("%s", err.text);
	return c;
}

static struct container *make_two(struct place *p, struct tar *a, struct tar *b)
{
	struct error err = ERROR_INIT;
	struct tar *both[] = { a, b };
	struct container *c = make(p, both, 2, &err);
	if (!c)
		fail_msg("%s", err.text);
	return c;
}

static char *inside(struct container *c, const char *path)
{
	return mem_printf(c, "%s/%s", c->root, path);
}

static void assert_text(struct container *c, const char *path, const char *expected)
{
	char *text;
	struct error err = ERROR_INIT;
	if (io_read_file(c, AT_FDCWD, inside(c, path), 1 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, expected);
}

static void assert_absent(struct container *c, const char *path)
{
	struct stat st;
	assert_int_equal(lstat(inside(c, path), &st), -1);
}

static struct stat seen(struct container *c, const char *path)
{
	struct error err = ERROR_INIT;
	struct stat st;
	CLEANUP_TALLOC struct meta *m = NULL;
	assert_int_equal(lstat(inside(c, path), &st), 0);
	assert_int_equal(container_open_meta(NULL, c, &m, &err), 0);
	meta_view(m, &st);
	return st;
}

/* ---- what must not reach outside ---- */

static void parent_components_stay_inside(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	put(t, "../../../escaped", '0', 0644, "x");
	put(t, "/absolute", '0', 0644, "y");
	struct container *c = make_one(p, t);
	assert_text(c, "escaped", "x");
	assert_text(c, "absolute", "y");
}

static void symlink_to_outside_is_followed_inside(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	CLEANUP_TALLOC char *outside = mem_printf(NULL, "%s/outside", p->dir);
	CLEANUP_TALLOC char *file = mem_printf(NULL, "%s/file", outside);
	assert_int_equal(mkdir(outside, 0755), 0);
	put(t, "way", '2', 0777, outside);
	put(t, "way/file", '0', 0644, "x");
	put(t, "up", '2', 0777, "../../../../../../../../tmp");
	put(t, "up/file", '0', 0644, "z");
	struct container *c = make_one(p, t);
	assert_int_equal(access(file, F_OK), -1);
	assert_text(c, "tmp/file", "z");
}

static void lower_symlink_to_outside_is_followed_inside(void **state)
{
	struct place *p = *state;
	struct tar *a = new_tar(), *b = new_tar();
	CLEANUP_TALLOC char *outside = mem_printf(NULL, "%s/outside", p->dir);
	CLEANUP_TALLOC char *file = mem_printf(NULL, "%s/file", outside);
	assert_int_equal(mkdir(outside, 0755), 0);
	put(a, "way", '2', 0777, outside);
	put(b, "way/file", '0', 0644, "x");
	make_two(p, a, b);
	assert_int_equal(access(file, F_OK), -1);
}

static void hard_link_to_outside_is_taken_inside(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	put(t, "etc/passwd", '0', 0644, "inner");
	put(t, "a", '1', 0644, "/etc/passwd");
	put(t, "b", '1', 0644, "../../../../../../etc/passwd");
	struct container *c = make_one(p, t);
	assert_text(c, "a", "inner");
	assert_text(c, "b", "inner");
	assert_int_equal(seen(c, "a").st_nlink, 3);
}

static void last_component_symlink_is_replaced_not_followed(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	CLEANUP_TALLOC char *victim = mem_printf(NULL, "%s/victim", p->dir);
	put(t, "f", '2', 0777, victim);
	put(t, "f", '0', 0644, "x");
	struct container *c = make_one(p, t);
	assert_int_equal(access(victim, F_OK), -1);
	assert_text(c, "f", "x");
}

static void root_entry_that_is_no_directory_is_refused(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	put(t, "./", '2', 0777, "/tmp");
	assert_null(make(p, &t, 1, &err));
	assert_true(err.text[0] != 0);
}

static void symlink_loop_is_refused(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	put(t, "a", '2', 0777, "b");
	put(t, "b", '2', 0777, "a");
	put(t, "a/x", '0', 0644, "x");
	assert_null(make(p, &t, 1, &err));
}

static void whiteout_of_dot_dot_is_refused(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	put(t, "d/.wh...", '0', 0, "");
	assert_null(make(p, &t, 1, &err));
}

static void truncated_tar_is_refused(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	put_header(t, "f", '0', 0644, 0, 0, NULL, 1 << 30, 0);
	assert_null(make(p, &t, 1, &err));
}

static void pax_size_wins(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	put_pax(t, "size", "600", 3);
	put_header(t, "big", '0', 0644, 0, 0, NULL, 0, 0);
	/* Were the header's size believed, this content would be an entry of its own. */
	struct tar *smuggled = new_tar();
	put(smuggled, "smuggled", '0', 0644, NULL);
	memcpy(t->bytes + t->size, smuggled->bytes, 512);
	t->size += 1024;
	talloc_free(smuggled);
	put(t, "after", '0', 0644, "ok");
	struct container *c = make_one(p, t);
	assert_absent(c, "smuggled");
	assert_text(c, "after", "ok");
	assert_int_equal(seen(c, "big").st_size, 600);
}

/* ---- what real images have ---- */

static void names_beyond_ascii_are_bytes(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	static const char utf8[] = "F\xc5\x91tan\xc3\xbas\xc3\xadtv\xc3\xa1ny.crt", latin[] = "caf\xe9", more[] = "\xc5\x91-link";
	put(t, utf8, '0', 0644, "ustar");
	put(t, latin, '0', 0644, "latin");
	put_pax(t, "path", more, strlen(more));
	put(t, "x", '0', 0644, "pax");
	put_pax(t, "linkpath", utf8, strlen(utf8));
	put(t, "link", '2', 0777, "x");
	struct container *c = make_one(p, t);
	assert_text(c, utf8, "ustar");
	assert_text(c, latin, "latin");
	assert_text(c, more, "pax");
	assert_text(c, "link", "ustar");
}

static void owners_modes_and_devices_are_kept(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	put_header(t, "./", '5', 01777, 5, 6, NULL, 0, 0);
	put_header(t, "shadow", '0', 0, 0, 42, NULL, 0, 0);
	put_header(t, "su", '0', 04755, 0, 0, NULL, 0, 0);
	put_header(t, "mail/", '5', 02775, 0, 8, NULL, 0, 0);
	put_header(t, "null", '3', 0666, 0, 0, NULL, 0, 0);
	put_header(t, "pipe", '6', 0600, 7, 7, NULL, 0, 0);
	put_header(t, "ro", '0', 0444, 0, 0, NULL, 0, 0);
	struct container *c = make_one(p, t);
	struct stat st = seen(c, "."), real;
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_gid, 6);
	st = seen(c, "shadow");
	assert_int_equal(st.st_mode, S_IFREG);
	assert_int_equal(st.st_gid, 42);
	assert_int_equal(seen(c, "su").st_mode, S_IFREG | 04755);
	assert_int_equal(lstat(inside(c, "su"), &real), 0);
	assert_int_equal(real.st_mode & 07222, 0);
	st = seen(c, "mail");
	assert_int_equal(st.st_mode, S_IFDIR | 02775);
	assert_int_equal(st.st_gid, 8);
	st = seen(c, "null");
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_int_equal(st.st_rdev, makedev(1, 3));
	st = seen(c, "pipe");
	assert_int_equal(st.st_mode, S_IFIFO | 0600);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(seen(c, "ro").st_mode, S_IFREG | 0444);
}

static void entries_below_a_lower_symlink_go_where_it_points(void **state)
{
	struct place *p = *state;
	struct tar *a = new_tar(), *b = new_tar();
	struct stat st;
	put(a, "usr/lib/", '5', 0755, NULL);
	put(a, "lib", '2', 0777, "usr/lib");
	put(b, "lib/x", '0', 0644, "through");
	struct container *c = make_two(p, a, b);
	assert_int_equal(lstat(inside(c, "lib"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_text(c, "usr/lib/x", "through");
}

static void explicit_directory_replaces_a_lower_symlink(void **state)
{
	struct place *p = *state;
	struct tar *a = new_tar(), *b = new_tar();
	struct stat st;
	put(a, "usr/lib/", '5', 0755, NULL);
	put(a, "lib", '2', 0777, "usr/lib");
	put(b, "lib/", '5', 0755, NULL);
	put(b, "lib/x", '0', 0644, "own");
	struct container *c = make_two(p, a, b);
	assert_int_equal(lstat(inside(c, "lib"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_absent(c, "usr/lib/x");
}

static void whiteouts_act_on_lower_layers_only(void **state)
{
	struct place *p = *state;
	struct tar *a = new_tar(), *b = new_tar();
	put(a, "d/old", '0', 0644, "old");
	put(a, "d/both", '0', 0644, "old");
	put(a, "e/gone", '0', 0644, "old");
	put(b, "d/both", '0', 0644, "new");
	put(b, "d/.wh.both", '0', 0, "");
	put(b, "d/.wh.old", '0', 0, "");
	put(b, "e/kept", '0', 0644, "kept");
	put(b, "e/.wh..wh..opq", '0', 0, "");
	struct container *c = make_two(p, a, b);
	assert_text(c, "d/both", "new");
	assert_absent(c, "d/old");
	assert_absent(c, "e/gone");
	assert_text(c, "e/kept", "kept");
	assert_absent(c, "d/.wh.old");
}

static void hard_link_into_a_lower_layer_is_one_inode(void **state)
{
	struct place *p = *state;
	struct tar *a = new_tar(), *b = new_tar();
	put(a, "a", '0', 0644, "text");
	put(b, "b", '1', 0644, "a");
	struct container *c = make_two(p, a, b);
	assert_text(c, "b", "text");
	assert_int_equal(seen(c, "a").st_ino, seen(c, "b").st_ino);
	assert_int_equal(seen(c, "a").st_nlink, 2);
}

static void later_duplicates_win(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	put(t, "f", '0', 0644, "one");
	put(t, "f", '0', 0644, "two");
	put(t, "d/x", '0', 0644, "x");
	put(t, "d", '0', 0644, "file now");
	struct container *c = make_one(p, t);
	assert_text(c, "f", "two");
	assert_text(c, "d", "file now");
}

static void capabilities_survive_a_commit(void **state)
{
	struct place *p = *state;
	static const char caps[20] = "\1\0\0\2\0\4\0\0";
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	struct image *image;
	put_pax(t, "SCHILY.xattr.security.capability", caps, sizeof(caps));
	put(t, "ping", '0', 0755, "x");
	struct container *c = make_one(p, t), *again;
	/* As the tracer does it: a copy is renamed in, with the old entry. */
	struct stat st;
	struct meta_entry old, new;
	char value[64];
	{
		CLEANUP_TALLOC struct meta *m = NULL;
		assert_int_equal(container_open_meta(NULL, c, &m, &err), 0);
		assert_int_equal(lstat(inside(c, "ping"), &st), 0);
		assert_true(meta_get(m, st.st_dev, st.st_ino, &old));
		assert_int_equal(io_write_file(AT_FDCWD, inside(c, "ping"), "changed", 7, 0755, &err), 0);
		assert_int_equal(lstat(inside(c, "ping"), &st), 0);
		meta_default(m, &st, &new);
		meta_xattr_copy(m, &new, m, &old);
		meta_set(m, &st, &new);
	}
	struct image_changes changes = { .created_by = "test" };
	if (container_commit(p->store, p->store, c, "docker.io/library/t:2", &changes, &image, &err) < 0 ||
	    container_create(p->store, p->store, image, NULL, "box2", &again, &err) < 0)
		fail_msg("%s", err.text);
	assert_text(again, "ping", "changed");
	CLEANUP_TALLOC struct meta *m = NULL;
	assert_int_equal(container_open_meta(NULL, again, &m, &err), 0);
	assert_int_equal(lstat(inside(again, "ping"), &st), 0);
	assert_true(meta_get(m, st.st_dev, st.st_ino, &old));
	assert_int_equal(meta_xattr_get(m, &old, "security.capability", value, sizeof(value)), sizeof(caps));
	assert_memory_equal(value, caps, sizeof(caps));
}

/* ---- the store ---- */

static void left_over_of_a_killed_writer_is_not_taken_up(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	struct blob_writer *w;
	int64_t have;
	char digest[DIGEST_ROOM], expected[DIGEST_ROOM];
	/* What a process of the same number left when it was killed: in a container numbers repeat. */
	for (unsigned i = 0; i < 64; i++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/store/cache/partial/new-%d-%u", p->dir, (int)getpid(), i);
		assert_int_equal(io_write_file(AT_FDCWD, path, "stale", 5, 0600, &err), 0);
	}
	assert_int_equal(blob_writer_open(NULL, p->store, NULL, &w, &have, &err), 0);
	assert_int_equal(have, 0);
	assert_int_equal(blob_writer_write(w, "fresh", 5, &err), 0);
	assert_int_equal(blob_writer_commit(w, -1, digest, &err), 0);
	digest_of("fresh", 5, expected);
	assert_string_equal(digest, expected);
	talloc_free(w);
}

/* ---- differences ---- */

static void assert_diff(struct container *c, const char *expected)
{
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC struct meta *m = NULL;
	struct change *quick, *full;
	unsigned quick_count, full_count;
	assert_int_equal(container_open_meta(NULL, c, &m, &err), 0);
	assert_int_equal(diff_container(c, c, m, &quick, &quick_count, &err), 0);
	assert_int_equal(diff_container_fully(c, c, m, &full, &full_count, &err), 0);
	char *a = mem_strdup(c, ""), *b = mem_strdup(c, "");
	for (unsigned i = 0; i < quick_count; i++)
		a = mem_append(a, "%c %s\n", quick[i].kind, quick[i].path);
	for (unsigned i = 0; i < full_count; i++)
		b = mem_append(b, "%c %s\n", full[i].kind, full[i].path);
	assert_string_equal(a, expected);
	assert_string_equal(b, expected);
}

static void fresh_container_differs_in_nothing(void **state)
{
	struct tar *t = new_tar();
	put(t, "d/", '5', 0700, NULL);
	put(t, "d/f", '0', 0444, "x");
	put(t, "d/g", '1', 0444, "d/f");
	put(t, "d/l", '2', 0777, "nowhere");
	put(t, "d/p", '6', 0600, NULL);
	put(t, "null", '3', 0666, NULL);
	assert_diff(make_one(*state, t), "");
}

static void all_kinds_of_change_are_found(void **state)
{
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	struct stat st;
	struct meta_entry entry;
	put(t, "a/chowned", '0', 0644, "x");
	put(t, "a/written", '0', 0644, "x");
	put(t, "b/gone", '0', 0644, "x");
	put(t, "b/still", '0', 0644, "x");
	put(t, "c/one", '0', 0644, "x");
	put(t, "c/two", '1', 0644, "c/one");
	put(t, "tree/x/y", '0', 0644, "x");
	put(t, "was-file", '0', 0644, "x");
	struct container *c = make_one(*state, t);
	{
		CLEANUP_TALLOC struct meta *m = NULL;
		assert_int_equal(container_open_meta(NULL, c, &m, &err), 0);
		assert_int_equal(lstat(inside(c, "a/chowned"), &st), 0);
		meta_get_or_default(m, &st, &entry);
		entry.uid = 9;
		meta_set(m, &st, &entry);
	}
	assert_int_equal(io_write_file(AT_FDCWD, inside(c, "a/written"), "other", 5, 0644, &err), 0);
	assert_int_equal(unlink(inside(c, "b/gone")), 0);
	/* In place: one inode, two names, both directories untouched. */
	int fd = open(inside(c, "c/one"), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, "changed", 7), 0);
	close(fd);
	io_remove_tree(AT_FDCWD, inside(c, "tree"));
	assert_int_equal(unlink(inside(c, "was-file")), 0);
	assert_int_equal(mkdir(inside(c, "was-file"), 0755), 0);
	assert_int_equal(mkdir(inside(c, "new"), 0755), 0);
	assert_diff(c, "C /a\nC /a/chowned\nC /a/written\nC /b\nD /b/gone\nC /c/one\nC /c/two\nA /new\nD /tree\nC /was-file\n");
}

static void names_with_control_bytes_all_reach_the_layer(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	struct image *image;
	struct container *again;
	put(t, "f", '0', 0644, "x");
	struct container *c = make_one(p, t);
	assert_int_equal(mkdir(inside(c, "a"), 0755), 0);
	assert_int_equal(io_write_file(AT_FDCWD, inside(c, "a/b"), "in", 2, 0644, &err), 0);
	assert_int_equal(io_write_file(AT_FDCWD, inside(c, "a\1\2b"), "odd", 3, 0644, &err), 0);
	struct image_changes changes = { .created_by = "test" };
	assert_int_equal(container_commit(p->store, p->store, c, NULL, &changes, &image, &err), 0);
	assert_int_equal(container_create(p->store, p->store, image, NULL, "box2", &again, &err), 0);
	assert_text(again, "a/b", "in");
	assert_text(again, "a\1\2b", "odd");
}

static int ignore_bytes(void *arg, const void *bytes, size_t size, struct error *err)
{
	(void)arg, (void)bytes, (void)size, (void)err;
	return 0;
}

static void guest_that_swaps_a_directory_reads_nothing_outside(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC struct meta *m = NULL;
	struct change *changes;
	unsigned count;
	put(t, "d/f", '0', 0644, "x");
	struct container *c = make_one(p, t);
	CLEANUP_TALLOC char *outside = mem_printf(NULL, "%s/outside", p->dir);
	CLEANUP_TALLOC char *secret = mem_printf(NULL, "%s/new", outside);
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(io_write_file(AT_FDCWD, secret, "secret", 6, 0644, &err), 0);
	assert_int_equal(io_write_file(AT_FDCWD, inside(c, "d/new"), "x", 1, 0644, &err), 0);
	assert_int_equal(container_open_meta(NULL, c, &m, &err), 0);
	assert_int_equal(diff_container(c, c, m, &changes, &count, &err), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, inside(c, "d")), 0);
	assert_int_equal(symlink(outside, inside(c, "d")), 0);
	assert_int_equal(diff_write(c, m, changes, count, ignore_bytes, NULL, &err), -1);
}

static void odd_names_survive_a_commit(void **state)
{
	struct place *p = *state;
	static const char *const names[] = { "F\xc5\x91tan\xc3\xbas.crt", "caf\xe9", "new\nline", "back\\slash", " " };
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	struct image *image;
	struct container *again;
	char long_name[256];
	memset(long_name, 'n', 255);
	long_name[255] = '\0';
	put(t, "f", '0', 0644, "x");
	struct container *c = make_one(p, t);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(io_write_file(AT_FDCWD, inside(c, names[i]), "odd", 3, 0644, &err), 0);
	int fd = open(inside(c, long_name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(io_write_all(fd, "long", 4), 0);
	close(fd);
	assert_int_equal(symlink(long_name, inside(c, "caf\xe9-link")), 0);
	struct image_changes changes = { .created_by = "test" };
	if (container_commit(p->store, p->store, c, NULL, &changes, &image, &err) < 0 ||
	    container_create(p->store, p->store, image, NULL, "box2", &again, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_text(again, names[i], "odd");
	assert_text(again, "caf\xe9-link", "long");
}

static void large_owners_survive_a_commit(void **state)
{
	struct place *p = *state;
	struct tar *t = new_tar();
	struct error err = ERROR_INIT;
	struct image *image;
	struct container *again;
	struct stat st;
	put(t, "f", '0', 0644, "x");
	struct container *c = make_one(p, t);
	{
		CLEANUP_TALLOC struct meta *m = NULL;
		struct meta_entry entry;
		assert_int_equal(container_open_meta(NULL, c, &m, &err), 0);
		assert_int_equal(lstat(inside(c, "f"), &st), 0);
		meta_get_or_default(m, &st, &entry);
		entry.uid = 4000000000u;
		entry.gid = 3000000;
		meta_set(m, &st, &entry);
	}
	struct image_changes changes = { .created_by = "test" };
	assert_int_equal(container_commit(p->store, p->store, c, NULL, &changes, &image, &err), 0);
	assert_int_equal(container_create(p->store, p->store, image, NULL, "box2", &again, &err), 0);
	st = seen(again, "f");
	assert_int_equal(st.st_uid, 4000000000u);
	assert_int_equal(st.st_gid, 3000000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(parent_components_stay_inside),
		T(symlink_to_outside_is_followed_inside),
		T(lower_symlink_to_outside_is_followed_inside),
		T(hard_link_to_outside_is_taken_inside),
		T(last_component_symlink_is_replaced_not_followed),
		T(root_entry_that_is_no_directory_is_refused),
		T(symlink_loop_is_refused),
		T(whiteout_of_dot_dot_is_refused),
		T(truncated_tar_is_refused),
		T(pax_size_wins),
		T(names_beyond_ascii_are_bytes),
		T(owners_modes_and_devices_are_kept),
		T(entries_below_a_lower_symlink_go_where_it_points),
		T(explicit_directory_replaces_a_lower_symlink),
		T(whiteouts_act_on_lower_layers_only),
		T(hard_link_into_a_lower_layer_is_one_inode),
		T(later_duplicates_win),
		T(capabilities_survive_a_commit),
		T(left_over_of_a_killed_writer_is_not_taken_up),
		T(fresh_container_differs_in_nothing),
		T(all_kinds_of_change_are_found),
		T(names_with_control_bytes_all_reach_the_layer),
		T(guest_that_swaps_a_directory_reads_nothing_outside),
		T(odd_names_survive_a_commit),
		T(large_owners_survive_a_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
