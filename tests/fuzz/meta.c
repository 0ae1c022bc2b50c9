/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A metadata table of any bytes.  First the header's numbers, then how many pages the table has,
 * then a byte that counts entries and these, each with the slot it is in, and last the file of
 * attributes.  What is opened is read and written without an end or a step outside.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/meta.h"

enum { DEVICE = 7, NAMES_ROOM = 65536, VISITS_MAX = 64, PAGES_MAX = 64, PUTS = 100 };

struct input {
	const uint8_t *at, *end;
};

/* The rest is zeroes when there is not as much. */
static void take(struct input *in, void *to, size_t size)
{
	size_t has = (size_t)(in->end - in->at) < size ? (size_t)(in->end - in->at) : size;
	memset(to, 0, size);
	memcpy(to, in->at, has);
	in->at += has;
}

static void write_files(struct input *in, const char *path)
{
	CLEANUP_TALLOC char *xattr_path = mem_printf(NULL, "%s.xattr", path);
	struct meta_header header;
	uint8_t pages, entries;
	struct error err = ERROR_INIT;
	take(in, &header, sizeof(header));
	take(in, &pages, 1);
	take(in, &entries, 1);
	/* A holder of the lock that lives is waited for. */
	header.writer = 0;
	size_t size = (size_t)(pages % PAGES_MAX) * META_HEADER_BYTES;
	CLEANUP_TALLOC char *table = mem_array(NULL, char, size + sizeof(header));
	memcpy(table, &header, sizeof(header));
	for (unsigned i = 0; i < entries && in->at < in->end; i++) {
		uint16_t slot;
		struct meta_entry entry;
		take(in, &slot, sizeof(slot));
		take(in, &entry, sizeof(entry));
		size_t at = META_HEADER_BYTES + slot * sizeof(entry);
		if (at + sizeof(entry) <= size)
			memcpy(table + at, &entry, sizeof(entry));
	}
	FILE *file = fopen(path, "we"), *xattrs = fopen(xattr_path, "we");
	must(file && xattrs && !err.text[0]);
	fwrite(table, 1, size, file);
	fwrite(in->at, 1, in->end - in->at, xattrs);
	must(fclose(file) == 0 && fclose(xattrs) == 0);
}

struct visit {
	struct meta *m;
	struct meta_entry kept[VISITS_MAX];
	unsigned count;
};

static int look_at(const struct meta_entry *entry, void *arg)
{
	CLEANUP_TALLOC char *names = mem_array(NULL, char, NAMES_ROOM),
			    *value = mem_array(NULL, char, NAMES_ROOM);
	struct visit *v = arg;
	ssize_t size = meta_xattr_list(v->m, entry, names, NAMES_ROOM);
	must(size < 0 || meta_xattr_list(v->m, entry, names, 0) == size);
	for (ssize_t at = 0; at < size; at += strlen(names + at) + 1)
		must(meta_xattr_get(v->m, entry, names + at, value, NAMES_ROOM) <= NAMES_ROOM);
	if (v->count < VISITS_MAX)
		v->kept[v->count] = *entry;
	v->count++;
	return 0;
}

static void change(struct meta *m, const struct meta_entry *entry)
{
	struct stat st = { .st_dev = entry->dev,
			   .st_ino = entry->ino,
			   .st_mode = entry->mode & 0177777,
			   .st_nlink = 1 };
	struct meta_entry one = *entry, back;
	char value[4];
	/* One that stands where nobody looks for it may come back when the table grows. */
	if (!meta_get(m, one.dev, one.ino, &back))
		return;
	meta_view(m, &st);
	must(meta_xattr_set(m, &one, "user.a", "abc", 3, 0) <= 0);
	meta_put(m, &one);
	must(meta_get(m, one.dev, one.ino, &back) && back.uid == one.uid &&
	     back.xattr == one.xattr);
	must(!one.xattr || one.xattr == entry->xattr ||
	     meta_xattr_get(m, &back, "user.a", value, sizeof(value)) == 3);
	meta_drop(m, one.dev, one.ino);
}

static void change_all(struct visit *v)
{
	for (unsigned i = 0; i < v->count && i < VISITS_MAX; i++)
		change(v->m, &v->kept[i]);
	for (unsigned i = 0; i < PUTS; i++)
		meta_put(v->m, &(struct meta_entry){ .dev = DEVICE, .ino = i });
	must(meta_header(v->m)->live >= PUTS &&
	     meta_header(v->m)->used < meta_header(v->m)->capacity);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = { bytes, bytes + size };
	char folder[] = "/dev/shm/fakebuild-fuzz-XXXXXX", other[] = "/tmp/fakebuild-fuzz-XXXXXX";
	char *made = access("/dev/shm", W_OK) == 0 ? mkdtemp(folder) : mkdtemp(other);
	must(made != NULL);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/meta", made);
	struct visit v = { .m = NULL };
	struct error err = ERROR_INIT;
	write_files(&in, path);
	if (meta_open(NULL, path, DEVICE, 0, &v.m, &err) < 0) {
		must(err.text[0] != '\0');
	} else {
		meta_each(v.m, look_at, &v);
		/* Nobody counts the entries when a table is opened: only one that counts right can
		 * be written. */
		if (meta_header(v.m)->live == v.count)
			change_all(&v);
		talloc_free(v.m);
	}
	must(io_remove_tree(AT_FDCWD, made) == 0);
	return 0;
}
