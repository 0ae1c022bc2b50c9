/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the extended attributes of the metadata table's entries, and the file that they are in. */
#include "tracer/base/meta_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tracer/base/mem.h"

enum { XATTR_RECORD_LIMIT = 1 << 20 };

/*
 * A record of the xattr file: total size (u32), then per attribute the name's length without NUL
 * (u16), the value's size (u32), name, value.  Records are never changed in place.
 */
static char *load_record(struct meta *m, uint64_t offset, size_t *ret_size)
{
	uint32_t size = 0;
	*ret_size = 0;
	if (!offset || pread(m->xattr_fd, &size, 4, offset) != 4 || size > XATTR_RECORD_LIMIT)
		return NULL;
	char *record = mem_array(NULL, char, size);
	if (pread(m->xattr_fd, record, size, offset + 4) != (ssize_t)size) {
		talloc_free(record);
		return NULL;
	}
	*ret_size = size;
	return record;
}

static int store_record(struct meta *m, const char *record, uint32_t size, uint64_t *ret_offset)
{
	if (!size) {
		*ret_offset = 0;
		return 0;
	}
	meta_lock(m);
	uint64_t offset = m->header->xattr_end;
	m->header->xattr_end += 4 + size;
	meta_unlock(m);
	if (pwrite(m->xattr_fd, &size, 4, offset) != 4 ||
	    pwrite(m->xattr_fd, record, size, offset + 4) != (ssize_t)size)
		return -ENOSPC;
	*ret_offset = offset;
	return 0;
}

struct attribute {
	const char *name, *value;
	uint16_t name_size;
	uint32_t value_size;
};

static bool next_attribute(const char *record, size_t size, size_t *at, struct attribute *ret)
{
	if (size - *at < 6)
		return false;
	memcpy(&ret->name_size, record + *at, 2);
	memcpy(&ret->value_size, record + *at + 2, 4);
	if (size - *at - 6 < (size_t)ret->name_size + ret->value_size)
		return false;
	ret->name = record + *at + 6;
	ret->value = ret->name + ret->name_size;
	*at += 6 + ret->name_size + ret->value_size;
	return true;
}

static bool is_named(const struct attribute *a, const char *name)
{
	return a->name_size == strlen(name) && memcmp(a->name, name, a->name_size) == 0;
}

ssize_t meta_xattr_get(struct meta *m, const struct meta_entry *entry, const char *name, void *value,
		       size_t size)
{
	size_t total, at = 0;
	CLEANUP_TALLOC char *record = load_record(m, entry->xattr, &total);
	struct attribute a;
	while (record && next_attribute(record, total, &at, &a)) {
		if (!is_named(&a, name))
			continue;
		if (size && size < a.value_size)
			return -ERANGE;
		if (size)
			memcpy(value, a.value, a.value_size);
		return a.value_size;
	}
	return -ENODATA;
}

ssize_t meta_xattr_list(struct meta *m, const struct meta_entry *entry, char *names, size_t size)
{
	size_t total, at = 0, used = 0;
	CLEANUP_TALLOC char *record = load_record(m, entry->xattr, &total);
	struct attribute a;
	while (record && next_attribute(record, total, &at, &a)) {
		if (size && used + a.name_size + 1 > size)
			return -ERANGE;
		if (size) {
			memcpy(names + used, a.name, a.name_size);
			names[used + a.name_size] = '\0';
		}
		used += a.name_size + 1;
	}
	return used;
}

int meta_xattr_set(struct meta *m, struct meta_entry *entry, const char *name, const void *value,
		   size_t size, int flags)
{
	size_t total, at = 0, used = 0;
	CLEANUP_TALLOC char *record = load_record(m, entry->xattr, &total);
	uint16_t name_size = strlen(name);
	CLEANUP_TALLOC char *next = mem_array(NULL, char, total + 6 + name_size + size);
	bool existed = false;
	struct attribute a;
	for (size_t from = 0; record && next_attribute(record, total, &at, &a); from = at) {
		if (is_named(&a, name)) {
			existed = true;
			continue;
		}
		memcpy(next + used, record + from, at - from);
		used += at - from;
	}
	if (existed && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!existed && ((flags & XATTR_REPLACE) || !value))
		return -ENODATA;
	if (value) {
		uint32_t value_size = size;
		memcpy(next + used, &name_size, 2);
		memcpy(next + used + 2, &value_size, 4);
		memcpy(next + used + 6, name, name_size);
		memcpy(next + used + 6 + name_size, value, size);
		used += 6 + name_size + size;
	}
	if (used > XATTR_RECORD_LIMIT)
		return -ENOSPC;
	return store_record(m, next, used, &entry->xattr);
}

void meta_xattr_copy(struct meta *m, struct meta_entry *to, struct meta *from,
		     const struct meta_entry *entry)
{
	size_t total;
	CLEANUP_TALLOC char *record = load_record(from, entry->xattr, &total);
	to->xattr = 0;
	if (record)
		store_record(m, record, total, &to->xattr);
}
