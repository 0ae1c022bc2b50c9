/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns writing the metadata table: the write lock, growth, the xattr file.  The reader is in
 * meta_format.h, because tracees read the same mapping.
 */
#include "tracer/base/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/inbox.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { XATTR_RECORD_LIMIT = 1 << 20, FIRST_XATTR = 8 };

struct meta {
	struct meta_header *header; /* mapped, mapped_bytes long */
	size_t mapped_bytes;
	int fd, xattr_fd;
	char *path; /* NULL: of no name */
	struct inbox *inbox; /* NULL: there is none, or it was not looked at */
	dev_t root_dev;
	struct meta_owner owner;
};

static void leave_inbox(struct meta *m);
static const struct meta_inbox *find_inbox(struct meta *m);

static int meta_close(struct meta *m)
{
	leave_inbox(m);
	munmap(m->header, m->mapped_bytes);
	close(m->fd);
	close(m->xattr_fd);
	return 0;
}

static size_t bytes_for(uint64_t capacity)
{
	return META_HEADER_BYTES + capacity * sizeof(struct meta_entry);
}

static int map_table(struct meta *m, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	if (m->header)
		munmap(m->header, m->mapped_bytes);
	m->header = at;
	m->mapped_bytes = bytes;
	return 0;
}

/* Another process may have grown the file. */
static void follow_growth(struct meta *m)
{
	uint64_t capacity = __atomic_load_n(&m->header->capacity, __ATOMIC_ACQUIRE);
	if (bytes_for(capacity) != m->mapped_bytes && map_table(m, bytes_for(capacity)) < 0)
		mem_must(NULL);
}

static void lock_table(struct meta *m)
{
	uint32_t self = getpid();
	for (unsigned spins = 0;; spins++) {
		uint32_t holder = 0;
		if (__atomic_compare_exchange_n(&m->header->writer, &holder, self, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			break;
		/* A holder that was killed left the lock behind; its entry is rewritten or torn, never half read. */
		if (holder == self || (spins % 64 == 63 && kill(holder, 0) < 0 && errno == ESRCH)) {
			if (__atomic_compare_exchange_n(&m->header->writer, &holder, self, false,
							__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				break;
		}
		sched_yield();
	}
	follow_growth(m);
	uint32_t sequence = m->header->sequence;
	__atomic_store_n(&m->header->sequence, sequence | 1, __ATOMIC_RELEASE);
}

static void unlock_table(struct meta *m)
{
	__atomic_store_n(&m->header->sequence, m->header->sequence + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&m->header->writer, 0, __ATOMIC_RELEASE);
}

static int init_table(struct meta *m, uint32_t flags)
{
	if (ftruncate(m->fd, bytes_for(META_FIRST_CAPACITY)) < 0)
		return -errno;
	int r = map_table(m, bytes_for(META_FIRST_CAPACITY));
	if (r < 0)
		return r;
	m->header->capacity = META_FIRST_CAPACITY;
	m->header->xattr_end = FIRST_XATTR;
	m->header->flags = flags | META_COUNTS_NODES;
	__atomic_store_n(&m->header->magic, META_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

static struct meta *meta_alloc(const void *ctx, int fd, int xattr_fd, dev_t root_dev)
{
	struct meta *m = mem_new(ctx, struct meta);
	m->fd = fd;
	m->xattr_fd = xattr_fd;
	m->root_dev = root_dev;
	m->owner.uid = m->owner.shown_uid = getuid();
	m->owner.gid = m->owner.shown_gid = getgid();
	return m;
}

void meta_show_own_as(struct meta *m, uid_t uid, gid_t gid)
{
	m->owner.shown_uid = uid;
	m->owner.shown_gid = gid;
}

void meta_owner_of(const struct meta *m, struct meta_owner *ret)
{
	*ret = m->owner;
}

int meta_open(const void *ctx, const char *path, dev_t root_dev, uint32_t flags, struct meta **ret,
	      struct error *err)
{
	CLEANUP_TALLOC char *xattr_path = mem_printf(NULL, "%s.xattr", path);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "cannot open metadata table '%s'", path);
	CLEANUP_CLOSE int xattr_fd = open(xattr_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (xattr_fd < 0)
		return error_set(err, errno, "cannot open metadata table '%s'", xattr_path);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot examine metadata table '%s'", path);
	struct meta *m = meta_alloc(ctx, io_take_fd(&fd), io_take_fd(&xattr_fd), root_dev);
	int r = st.st_size == 0 ? init_table(m, flags) :
				  map_table(m, st.st_size < META_HEADER_BYTES ? META_HEADER_BYTES : st.st_size);
	if (r < 0) {
		close(m->fd);
		close(m->xattr_fd);
		talloc_free(m);
		return error_set(err, -r, "cannot map metadata table '%s'", path);
	}
	talloc_set_destructor(m, meta_close);
	m->path = mem_strdup(m, path);
	const struct meta_header *h = m->header;
	if (st.st_size != 0 &&
	    (st.st_size < META_HEADER_BYTES || h->magic != META_MAGIC || !h->capacity ||
	     (h->capacity & (h->capacity - 1)) || h->capacity > (uint64_t)st.st_size ||
	     bytes_for(h->capacity) > (uint64_t)st.st_size || h->live > h->capacity || h->used > h->capacity ||
	     h->xattr_end < FIRST_XATTR || h->xattr_end > INT64_MAX / 2)) {
		talloc_free(m);
		return error_set(err, 0, "'%s' is not a metadata table", path);
	}
	follow_growth(m);
	find_inbox(m);
	*ret = m;
	return 0;
}

/* In memory, where no folder may be writable; Linux before 3.17 knows files only. */
static int anonymous_file(void)
{
	char path[] = "/tmp/fakebuild-meta-XXXXXX";
	int fd = syscall(SYS_memfd_create, "fakebuild-meta", 1u /* MFD_CLOEXEC */);
	if (fd >= 0)
		return fd;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

struct meta *meta_new(const void *ctx, dev_t root_dev, uint32_t flags)
{
	struct meta *m = meta_alloc(ctx, anonymous_file(), anonymous_file(), root_dev);
	if (m->fd < 0 || m->xattr_fd < 0 || init_table(m, flags) < 0)
		mem_must(NULL);
	talloc_set_destructor(m, meta_close);
	return m;
}

const struct meta_header *meta_header(const struct meta *m)
{
	return m->header;
}

const char *meta_path(const struct meta *m)
{
	return m->path;
}

bool meta_has_shared_layers(const struct meta *m)
{
	return m->header->flags & META_SHARED_LAYERS;
}

static uint64_t key_dev(const struct meta *m, dev_t dev)
{
	return dev == m->root_dev ? 0 : dev;
}

static struct meta_entry *entries_of(struct meta_header *h)
{
	return (struct meta_entry *)((char *)h + META_HEADER_BYTES);
}

static struct meta_entry *free_slot(struct meta_header *h, uint64_t dev, uint64_t ino)
{
	struct meta_entry *entries = entries_of(h);
	uint64_t mask = h->capacity - 1, i = meta_hash(dev, ino) & mask;
	while (entries[i].state == META_LIVE)
		i = (i + 1) & mask;
	return entries + i;
}

/* Under the lock.  Rehashes in place through a private copy; doubles when it is really full. */
static void make_room(struct meta *m)
{
	struct meta_header *h = m->header;
	/* A writer that was killed between the two has not counted what it put in. */
	uint64_t used = h->used > h->live ? h->used : h->live;
	if ((used + 1) * 10 < h->capacity * 7)
		return;
	uint64_t old = h->capacity, wanted = h->live * 10 >= old * 4 ? old * 2 : old;
	struct meta_entry *copy = mem_array(NULL, struct meta_entry, old);
	memcpy(copy, entries_of(h), old * sizeof(*copy));
	if (wanted != old) {
		if (ftruncate(m->fd, bytes_for(wanted)) < 0 || map_table(m, bytes_for(wanted)) < 0)
			mem_must(NULL);
		h = m->header;
	}
	memset(entries_of(h), 0, wanted * sizeof(*copy));
	__atomic_store_n(&h->capacity, wanted, __ATOMIC_RELEASE);
	for (uint64_t i = 0; i < old; i++)
		if (copy[i].state == META_LIVE)
			*free_slot(h, copy[i].dev, copy[i].ino) = copy[i];
	h->used = h->live;
	talloc_free(copy);
}

static bool is_node(const struct meta_entry *entry)
{
	return S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
}

/* Under the lock; `stored` is as it is kept. */
static void put_entry(struct meta *m, const struct meta_entry *stored)
{
	if (m->header->flags & META_PLAIN)
		return;
	struct meta_entry *slot = (struct meta_entry *)(uintptr_t)meta_lookup(m->header, stored->dev, stored->ino);
	m->header->nodes += is_node(stored) - (slot && is_node(slot));
	if (stored->marks & META_MARKS_OF_FLAGS)
		__atomic_fetch_or(&m->header->flags, META_HAS_FLAGS, __ATOMIC_SEQ_CST);
	if (!slot) {
		make_room(m);
		slot = free_slot(m->header, stored->dev, stored->ino);
		m->header->live++;
		m->header->used += slot->state == META_FREE;
	}
	*slot = *stored;
}

static void drop_entry(struct meta *m, uint64_t dev, ino_t ino)
{
	struct meta_entry *slot = (struct meta_entry *)(uintptr_t)meta_lookup(m->header, dev, ino);
	if (!slot)
		return;
	m->header->nodes -= is_node(slot);
	slot->state = META_TOMBSTONE;
	m->header->live--;
}

/* ---- the inbox ---- */

#ifdef __x86_64__
static bool remove_request(struct meta_request *at, struct meta_request what)
{
	return meta_swap_request(at, what, (struct meta_request){ 0, 0 });
}

/* Under the lock. */
static void empty_set(struct meta *m, struct meta_request *set)
{
	/* The first of an inode counts: it is put in last, and is there the longest. */
	for (unsigned way = META_INBOX_WAYS; way-- > 0;) {
		struct meta_request r = meta_read_request(&set[way]);
		struct meta_entry entry;
		if (!r.inode)
			continue;
		if (meta_take_request(&r, &entry))
			put_entry(m, &entry);
		else
			drop_entry(m, 0, entry.ino);
		/* Who looks finds it in the table by now. */
		way += !remove_request(&set[way], r);
	}
}

static bool is_full(const struct meta_request *set)
{
	unsigned used = 0;
	for (unsigned way = 0; way < META_INBOX_WAYS; way++)
		used += set[way].inode != 0;
	return used == META_INBOX_WAYS;
}

/* Under the lock, when the table knows better. */
static void withdraw_requests(struct meta *m, uint64_t dev, ino_t ino)
{
	struct meta_request *set = m->inbox && !dev ? inbox_requests(m->inbox)->request[ino % META_INBOX_SETS] : NULL;
	for (unsigned way = META_INBOX_WAYS; set && way-- > 0;) {
		struct meta_request r = meta_read_request(&set[way]);
		if (r.inode && r.inode >> 16 == ino)
			way += !remove_request(&set[way], r);
	}
}

static void empty_inbox(struct meta *m)
{
	struct meta_inbox *requests = inbox_requests(m->inbox);
	lock_table(m);
	for (unsigned set = 0; set < META_INBOX_SETS; set++)
		empty_set(m, requests->request[set]);
	unlock_table(m);
}

static void set_has_inbox(struct meta *m, bool has_inbox)
{
	if (has_inbox)
		__atomic_fetch_or(&m->header->flags, META_HAS_INBOX, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&m->header->flags, ~(uint32_t)META_HAS_INBOX, __ATOMIC_SEQ_CST);
}

static char *inbox_path(struct meta *m)
{
	return mem_printf(NULL, "%s.inbox", m->path);
}

/* Nobody else uses it: there is none from now on. */
static void remove_inbox(struct meta *m)
{
	CLEANUP_TALLOC char *path = inbox_path(m);
	empty_inbox(m);
	set_has_inbox(m, false);
	unlink(path);
	TALLOC_FREE(m->inbox);
}

static void leave_inbox(struct meta *m)
{
	if (m->inbox && inbox_claim(m->inbox) && !inbox_is_removed(m->inbox))
		remove_inbox(m);
}

static const struct meta_inbox *find_inbox(struct meta *m)
{
	bool is_alone = false;
	if (m->inbox)
		return inbox_requests(m->inbox);
	if (!(__atomic_load_n(&m->header->flags, __ATOMIC_ACQUIRE) & META_HAS_INBOX) || !m->path)
		return NULL;
	CLEANUP_TALLOC char *path = inbox_path(m);
	m->inbox = inbox_open(m, path, false, &is_alone);
	if (m->inbox && inbox_is_removed(m->inbox))
		TALLOC_FREE(m->inbox);
	/* Left behind by somebody who was killed. */
	if (m->inbox && is_alone)
		remove_inbox(m);
	return m->inbox ? inbox_requests(m->inbox) : NULL;
}

bool meta_make_inbox(struct meta *m)
{
	bool is_alone = false;
	if (!m->path || find_inbox(m))
		return m->path;
	CLEANUP_TALLOC char *path = inbox_path(m);
	m->inbox = inbox_open(m, path, true, &is_alone);
	if (!m->inbox || inbox_is_removed(m->inbox)) {
		TALLOC_FREE(m->inbox);
		return false;
	}
	if (is_alone) {
		/* The file may have been another table's. */
		memset(inbox_requests(m->inbox), 0, sizeof(struct meta_inbox));
		set_has_inbox(m, true);
		inbox_share(m->inbox);
	}
	return true;
}
#else
static void leave_inbox(struct meta *m)
{
	(void)m;
}

static const struct meta_inbox *find_inbox(struct meta *m)
{
	(void)m;
	return NULL;
}

static void empty_inbox(struct meta *m)
{
	(void)m;
}

static bool is_full(const struct meta_request *set)
{
	(void)set;
	return false;
}

static void withdraw_requests(struct meta *m, uint64_t dev, ino_t ino)
{
	(void)m, (void)dev, (void)ino;
}

bool meta_make_inbox(struct meta *m)
{
	(void)m;
	return false;
}
#endif

bool meta_get(struct meta *m, dev_t dev, ino_t ino, struct meta_entry *ret)
{
	const struct meta_inbox *requests = key_dev(m, dev) ? NULL : find_inbox(m);
	int asked = requests ? meta_ask_inbox(requests, ino, ret) : -1;
	if (asked >= 0) {
		ret->dev = dev;
		return asked;
	}
	if (!__atomic_load_n(&m->header->live, __ATOMIC_RELAXED))
		return false;
	for (unsigned tries = 0;; tries++) {
		follow_growth(m);
		uint32_t before = __atomic_load_n(&m->header->sequence, __ATOMIC_ACQUIRE);
		const struct meta_entry *found = meta_lookup(m->header, key_dev(m, dev), ino);
		if (found)
			*ret = *found;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		uint32_t after = __atomic_load_n(&m->header->sequence, __ATOMIC_ACQUIRE);
		/* A writer that died left the sequence odd; after a while what is there is all there is. */
		if ((before == after && !(before & 1)) || tries > 10000) {
			if (found)
				ret->dev = dev;
			return found != NULL;
		}
		sched_yield();
	}
}

/* Who leaves requests of this inode would find no room. */
static bool has_full_set(struct meta *m, uint64_t dev, ino_t ino)
{
	const struct meta_inbox *requests = dev ? NULL : find_inbox(m);
	return requests && is_full(requests->request[ino % META_INBOX_SETS]);
}

void meta_put(struct meta *m, const struct meta_entry *entry)
{
	struct meta_entry stored = *entry;
	stored.dev = key_dev(m, entry->dev);
	stored.state = META_LIVE;
	if (has_full_set(m, stored.dev, stored.ino))
		empty_inbox(m);
	lock_table(m);
	put_entry(m, &stored);
	withdraw_requests(m, stored.dev, stored.ino);
	unlock_table(m);
}

void meta_drop(struct meta *m, dev_t dev, ino_t ino)
{
	uint64_t key = key_dev(m, dev);
	struct meta_entry asked;
	const struct meta_inbox *requests = key ? NULL : find_inbox(m);
	if (has_full_set(m, key, ino))
		empty_inbox(m);
	follow_growth(m);
	if (!(requests && meta_ask_inbox(requests, ino, &asked) >= 0) && !meta_lookup(m->header, key, ino))
		return;
	lock_table(m);
	drop_entry(m, key, ino);
	withdraw_requests(m, key, ino);
	unlock_table(m);
}

int meta_each(struct meta *m, int (*visit)(const struct meta_entry *entry, void *arg), void *arg)
{
	if (find_inbox(m))
		empty_inbox(m);
	follow_growth(m);
	const struct meta_entry *entries = entries_of(m->header);
	for (uint64_t i = 0; i < m->header->capacity; i++) {
		if (entries[i].state != META_LIVE)
			continue;
		struct meta_entry entry = entries[i];
		if (!entry.dev)
			entry.dev = m->root_dev;
		int r = visit(&entry, arg);
		if (r)
			return r;
	}
	return 0;
}

bool meta_is_shared(const struct meta *m, const struct stat *real)
{
	return meta_looks_shared(m->header->flags, real->st_mode, real->st_dev == m->root_dev);
}

static void show(const struct meta *m, const struct meta_entry *entry, struct stat *st)
{
	struct meta_owner owner = m->owner;
	owner.is_root_dev = st->st_dev == m->root_dev;
	struct meta_sight s = { st->st_ino, st->st_nlink, st->st_rdev, st->st_mode, st->st_uid, st->st_gid };
	meta_show(m->header->flags, &owner, entry, &s);
	st->st_ino = s.ino;
	st->st_nlink = s.nlink;
	st->st_rdev = s.rdev;
	st->st_mode = s.mode;
	st->st_uid = s.uid;
	st->st_gid = s.gid;
}

void meta_default(const struct meta *m, const struct stat *real, struct meta_entry *ret)
{
	struct stat st = *real;
	show(m, NULL, &st);
	*ret = (struct meta_entry){
		.dev = real->st_dev,
		.ino = real->st_ino,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = st.st_mode,
		.rdev = st.st_rdev,
	};
}

/* A marked file that has lost the mark has been written: so the entry loses what a write takes. */
static void settle(struct meta *m, const struct stat *real, struct meta_entry *entry)
{
	if (!(entry->marks & META_MARKS_OF_WRITES) || !S_ISREG(real->st_mode) || (real->st_mode & S_ISUID))
		return;
	if (entry->marks & META_MARK_SUID)
		entry->mode &= ~(uint32_t)S_ISUID;
	if (entry->marks & META_MARK_SGID)
		entry->mode &= ~(uint32_t)S_ISGID;
	if (entry->marks & META_MARK_CAPS)
		meta_xattr_set(m, entry, "security.capability", NULL, 0, 0);
	entry->marks &= ~(uint64_t)META_MARKS_OF_WRITES;
	meta_put(m, entry);
}

static bool get_settled(struct meta *m, const struct stat *real, struct meta_entry *ret)
{
	if (!meta_get(m, real->st_dev, real->st_ino, ret))
		return false;
	if (!meta_fits(ret, real->st_mode, real->st_nlink)) {
		meta_drop(m, real->st_dev, real->st_ino);
		return false;
	}
	settle(m, real, ret);
	return true;
}

void meta_get_or_default(struct meta *m, const struct stat *real, struct meta_entry *ret)
{
	if (!get_settled(m, real, ret))
		meta_default(m, real, ret);
}

void meta_set(struct meta *m, const struct stat *real, const struct meta_entry *entry)
{
	struct meta_entry plain;
	meta_default(m, real, &plain);
	if (plain.uid == entry->uid && plain.gid == entry->gid && plain.mode == entry->mode &&
	    plain.rdev == entry->rdev && !entry->xattr && !entry->shown_ino && !entry->marks)
		meta_drop(m, real->st_dev, real->st_ino);
	else
		meta_put(m, entry);
}

void meta_unname(struct meta *m, const struct stat *real)
{
	struct meta_entry entry;
	if (!meta_get(m, real->st_dev, real->st_ino, &entry))
		return;
	entry.marks |= META_MARK_UNNAMED;
	meta_put(m, &entry);
}

void meta_name(struct meta *m, const struct stat *real)
{
	struct meta_entry entry;
	if (!meta_get(m, real->st_dev, real->st_ino, &entry) || !(entry.marks & META_MARK_UNNAMED))
		return;
	entry.marks &= ~(uint64_t)META_MARK_UNNAMED;
	meta_put(m, &entry);
}

bool meta_mark_nodes(struct meta *m, const struct stat *directory)
{
	struct meta_entry entry;
	meta_get_or_default(m, directory, &entry);
	if (entry.marks & META_MARK_NODES)
		return false;
	entry.marks |= META_MARK_NODES;
	meta_put(m, &entry);
	return true;
}

bool meta_view(struct meta *m, struct stat *st)
{
	struct meta_entry entry;
	bool has_entry = get_settled(m, st, &entry);
	show(m, has_entry ? &entry : NULL, st);
	return has_entry;
}

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
	lock_table(m);
	uint64_t offset = m->header->xattr_end;
	m->header->xattr_end += 4 + size;
	unlock_table(m);
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

uint64_t meta_generation(const struct meta *m)
{
	return __atomic_load_n(&m->header->generation, __ATOMIC_ACQUIRE);
}

void meta_bump_generation(struct meta *m)
{
	__atomic_add_fetch(&m->header->generation, 1, __ATOMIC_RELEASE);
}
