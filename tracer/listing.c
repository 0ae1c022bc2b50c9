/* SPDX-License-Identifier: Apache-2.0 */
/* Owns getdents, for the few directories that the host lists otherwise than the guest must see them. */
#include "tracer/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/pids.h"
#include "tracer/procfs.h"
#include "tracer/terminals.h"
#include "tracer/watch.h"

enum { LISTING_MAX = 1 << 20 };

/* The last component of a mount's point when that lies in this directory; NULL otherwise. */
static const char *name_in(const struct mount *m, const char *guest, size_t length)
{
	if (length == 1)
		length = 0;
	if (m->guest_length <= length + 1 || memcmp(m->guest, guest, length) != 0 || m->guest[length] != '/')
		return NULL;
	const char *name = m->guest + length + 1;
	return strchr(name, '/') ? NULL : name;
}

static bool is_missing(const char *host, const char *name)
{
	char path[PATH_ROOM];
	return snprintf(path, sizeof(path), "%s/%s", strcmp(host, "/") == 0 ? "" : host, name) < (int)sizeof(path) &&
	       access(path_short(path), F_OK) < 0 && errno == ENOENT;
}

static bool has_nodes(const struct stat *directory)
{
	struct meta_entry entry;
	meta_get_or_default(session.meta, directory, &entry);
	return entry.marks & META_MARK_NODES;
}

bool listing_is_changed(const struct tracee *t, const struct object *o)
{
	const char *rest;
	bool is_of_processes = (o->mount->flags & BINDING_PROC) && (strcmp(o->host, "/proc") == 0 ||
			       (o->mount->pids && procfs_subject(o->host, &rest) && strcmp(rest, "task") == 0));
	if (is_of_processes || has_nodes(&o->real) || terminals_are_in(o->mount, o->host))
		return true;
	for (size_t i = 0; i < t->mounts->count; i++) {
		const char *name = name_in(t->mounts->list[i], o->guest, o->guest_length);
		if (name && is_missing(o->host, name))
			return true;
	}
	return false;
}

static bool has_open(pid_t pid, const struct stat *directory)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	bool found = false;
	for (const struct dirent *e; dir && !found && (e = readdir(dir));)
		found = fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && st.st_ino == directory->st_ino &&
			st.st_dev == directory->st_dev;
	if (dir)
		closedir(dir);
	return found;
}

static int watch_reader(struct tracee *t, void *directory)
{
	if (t->is_known && t->process && t->tid == t->process->pid && !t->is_watched && has_open(t->tid, directory))
		watch_process(t->process);
	return 0;
}

void listing_changes(const struct stat *directory)
{
	struct stat copy = *directory;
	tracee_each(watch_reader, &copy);
}

/* Where the parts of a record are: struct linux_dirent64, and struct linux_dirent of either width. */
struct layout {
	size_t width; /* of inode and offset */
	bool is_64;   /* the type is in front of the name, otherwise in the record's last byte */
};

static size_t name_at(const struct layout *l)
{
	return 2 * l->width + 2 + l->is_64;
}

static uint16_t record_size(const struct layout *l, const char *record)
{
	uint16_t size;
	memcpy(&size, record + 2 * l->width, sizeof(size));
	return size;
}

static size_t size_of_named(const struct layout *l, const char *name)
{
	return (name_at(l) + strlen(name) + 1 + !l->is_64 + 7) & ~(size_t)7;
}

/* The same record with another name behind those that are kept, which it may overtake by little: there is room. */
static size_t put_record(const struct layout *l, char *to, const char *record, const char *name)
{
	const size_t at = name_at(l), was = record_size(l, record);
	const uint16_t length = size_of_named(l, name);
	const char type = record[l->is_64 ? at - 1 : was - 1];
	memmove(to, record, at);
	memcpy(to + 2 * l->width, &length, sizeof(length));
	memset(to + at, 0, length - at);
	memcpy(to + at, name, strlen(name));
	to[l->is_64 ? at - 1 : length - 1u] = type;
	return length;
}

/*
 * Leave out whose process is no guest's, or nobody's whom the mount shows, and call the others as it does.  The bytes that stay, of
 * which there may be `room`.
 */
static size_t drop_strangers(const struct layout *l, const struct object *o, char *records, size_t size, size_t room)
{
	CLEANUP_TALLOC char *from = mem_memdup(NULL, records, size);
	const struct pid_namespace *in = o->mount->pids;
	size_t kept = 0;
	char host[PATH_MAX], number[16];
	for (size_t at = 0; at < size; at += record_size(l, from + at)) {
		const char *record = from + at, *name = record + name_at(l);
		snprintf(host, sizeof(host), "%.64s/%.*s", o->host, NAME_MAX, name);
		pid_t of = procfs_number(host);
		if (of && (procfs_is_hidden(host, in) || !pids_shown(in, of)))
			continue;
		snprintf(number, sizeof(number), "%d", pids_shown(in, of));
		if (kept + (of && in ? size_of_named(l, number) : record_size(l, record)) > room)
			break;
		if (of && in) {
			kept += put_record(l, records + kept, record, number);
		} else {
			memcpy(records + kept, record, record_size(l, record));
			kept += record_size(l, record);
		}
	}
	return kept;
}

/* Leave out the terminals of a devpts that are no guest's. */
static size_t drop_terminals(const struct layout *l, char *records, size_t size)
{
	const struct terminals own = terminals_of_guest(records);
	size_t kept = 0;
	for (size_t at = 0; at < size;) {
		uint16_t length = record_size(l, records + at);
		if (terminals_have(&own, records + at + name_at(l))) {
			memmove(records + kept, records + at, length);
			kept += length;
		}
		at += length;
	}
	return kept;
}

static char *type_in(const struct layout *l, char *record)
{
	return record + (l->is_64 ? name_at(l) - 1 : record_size(l, record) - 1u);
}

/* What stands for a device node is a file on the host. */
static void show_nodes(const struct layout *l, dev_t dev, char *records, size_t size)
{
	for (size_t at = 0; at < size; at += record_size(l, records + at)) {
		char *type = type_in(l, records + at);
		uint64_t inode = 0;
		struct meta_entry entry;
		memcpy(&inode, records + at, l->width);
		if (*type == DT_REG && meta_get(session.meta, dev, inode, &entry))
			*type = IFTODT(entry.mode);
	}
}

/* One more record behind the others, whose offset it has, when there is room. */
static size_t add_record(const struct layout *l, char *records, size_t size, size_t room, const char *name,
			 const struct stat *st)
{
	size_t length = (name_at(l) + strlen(name) + 1 + !l->is_64 + 7) & ~(size_t)7;
	if (size + length > room)
		return size;
	char *to = records + size;
	uint64_t inode = st->st_ino;
	uint16_t short_length = length;
	/* Offset: the last record's, so that who seeks there goes on behind both. */
	size_t last = 0;
	for (size_t at = 0; at < size; at += record_size(l, records + at))
		last = at;
	memset(to, 0, length);
	memcpy(to, &inode, l->width);
	memcpy(to + l->width, records + last + l->width, l->width);
	memcpy(to + 2 * l->width, &short_length, sizeof(short_length));
	memcpy(to + name_at(l), name, strlen(name));
	*type_in(l, to) = IFTODT(st->st_mode);
	return size + length;
}

static size_t add_mounts(struct call *c, const struct layout *l, const struct object *o, char *records, size_t size,
			 size_t room)
{
	bool is_first = false;
	for (size_t at = 0; at < size; at += record_size(l, records + at))
		is_first |= strcmp(records + at + name_at(l), ".") == 0;
	for (size_t i = 0; i < c->t->mounts->count && is_first; i++) {
		const struct mount *m = c->t->mounts->list[i];
		const char *name = name_in(m, o->guest, o->guest_length);
		struct stat st;
		if (name && mounts_at(c->t->mounts, m->guest, m->guest_length) == m && is_missing(o->host, name) &&
		    lstat(m->host, &st) == 0)
			size = add_record(l, records, size, room, name, &st);
	}
	return size;
}

static int64_t change_listing(struct call *c)
{
	static struct object o;
	struct layout l = { .is_64 = c->t->exit_private & 1 };
	l.width = l.is_64 || c->abi == ABI_64 ? 8 : 4;
	size_t size = c->result, room = c->argument[2] & 0xffffffff;
	if (c->result <= 0 || size > LISTING_MAX || path_of_directory(c->t, call_int(c, 0), &o) < 0 ||
	    !listing_is_changed(c->t, &o))
		return c->result;
	room = room < size + 65536 ? room : size + 65536;
	CLEANUP_TALLOC char *records = mem_array(NULL, char, room);
	if (memory_read(c->t, c->argument[1], records, size) < 0)
		return c->result;
	if (o.mount->flags & BINDING_PROC)
		size = drop_strangers(&l, &o, records, size, room);
	if (terminals_are_in(o.mount, o.host))
		size = drop_terminals(&l, records, size);
	if (has_nodes(&o.real))
		show_nodes(&l, o.real.st_dev, records, size);
	size = add_mounts(c, &l, &o, records, size, room);
	if (!size) {
		/* All of it were strangers: 0 would be the end. */
		arch_rewind(c->t, c->t->exit_private >> 1);
		c->is_again = true;
		return c->result;
	}
	return memory_write(c->t, c->argument[1], records, size) < 0 ? c->result : (int64_t)size;
}

int64_t hook_getdents(struct call *c)
{
	/* Numbers may be longer there than the host's: by a third of a record. */
	enum { SMALL = 512 };
	if (c->t->process->pids && (uint32_t)c->argument[2] > SMALL)
		call_set(c, 2, (uint32_t)c->argument[2] / 4 * 3);
	c->t->exit_private = (uint64_t)c->number << 1 | (strcmp(c->row->name, "getdents64") == 0);
	c->t->at_exit = change_listing;
	return CALL_PASS_EXIT;
}
