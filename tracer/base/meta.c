/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the metadata table's file: opening, the write lock, growth, entries.  The reader is in meta_format.h,
 * because tracees read the same mapping; the inbox, attributes, and what files show by it are meta_inbox.c's,
 * meta_xattr.c's and meta_view.c's, and what of it outlasts a run meta_runs.c's.
 */
#include "tracer/base/meta_table.h"

#include <errno.h>
#include <pthread.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/inbox.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { FIRST_XATTR = 8, READ_TRIES = 1000 };

static int meta_close(struct meta *m)
{
	meta_leave_inbox(m);
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

/* Another process may have grown the file.  Returns how many entries are mapped. */
static uint64_t follow_growth(struct meta *m)
{
	uint64_t capacity = __atomic_load_n(&m->header->capacity, __ATOMIC_ACQUIRE);
	if (bytes_for(capacity) != m->mapped_bytes && map_table(m, bytes_for(capacity)) < 0)
		mem_must(NULL);
	return capacity;
}

/* Who writes.  The kernel is asked once: it has nothing to do with most of what is changed. */
static uint32_t own_pid;

static void forget_own_pid(void)
{
	own_pid = 0;
}

static uint32_t writer(void)
{
	static bool is_told_of_forks;
	if (!is_told_of_forks)
		is_told_of_forks = pthread_atfork(NULL, NULL, forget_own_pid) == 0;
	if (!own_pid || !is_told_of_forks)
		own_pid = getpid();
	return own_pid;
}

void meta_lock(struct meta *m)
{
	uint32_t self = writer();
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

void meta_unlock(struct meta *m)
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

static void upgrade(struct meta *m)
{
	meta_upgrade_inbox(m);
	m->header->run = m->header->directories = 0;
	__atomic_store_n(&m->header->magic, META_MAGIC, __ATOMIC_RELEASE);
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
	    (st.st_size < META_HEADER_BYTES || (h->magic != META_MAGIC && h->magic != META_MAGIC_1) || !h->capacity ||
	     (h->capacity & (h->capacity - 1)) || h->capacity > (uint64_t)st.st_size ||
	     bytes_for(h->capacity) > (uint64_t)st.st_size || h->live > h->capacity || h->used > h->capacity ||
	     h->xattr_end < FIRST_XATTR || h->xattr_end > INT64_MAX / 2)) {
		talloc_free(m);
		return error_set(err, 0, "'%s' is not a metadata table", path);
	}
	follow_growth(m);
	if (m->header->magic == META_MAGIC_1)
		upgrade(m);
	meta_find_inbox(m);
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

uint64_t meta_key_dev(const struct meta *m, dev_t dev)
{
	return dev == m->root_dev ? 0 : dev;
}

struct meta_entry *meta_entries_of(struct meta_header *h)
{
	return (struct meta_entry *)((char *)h + META_HEADER_BYTES);
}

static struct meta_entry *free_slot(struct meta_header *h, uint64_t dev, uint64_t ino)
{
	struct meta_entry *entries = meta_entries_of(h);
	uint64_t mask = h->capacity - 1, i = meta_hash(dev, ino) & mask;
	while (entries[i].state == META_LIVE)
		i = (i + 1) & mask;
	return entries + i;
}

static void fail_full(void)
{
	mem_end("fakebuild: no room on the disk for owners and modes of files\n");
}

/* Under the lock.  Rehashes in place through a private copy; doubles when it is really full. */
static void make_room(struct meta *m)
{
	struct meta_header *h = m->header;
	if (!h->used && io_reserve(m->fd, 0, bytes_for(h->capacity)) < 0)
		fail_full();
	/* A writer that was killed between the two has not counted what it put in. */
	uint64_t used = h->used > h->live ? h->used : h->live;
	if ((used + 1) * 10 < h->capacity * 7)
		return;
	uint64_t old = h->capacity, wanted = h->live * 10 >= old * 4 ? old * 2 : old;
	/* talloc gives no quarter of a gigabyte: so many are four million entries. */
	const size_t copy_bytes = old * sizeof(struct meta_entry);
	struct meta_entry *copy = mmap(NULL, copy_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		mem_must(NULL);
	memcpy(copy, meta_entries_of(h), old * sizeof(*copy));
	if (wanted != old) {
		if (ftruncate(m->fd, bytes_for(wanted)) < 0 || io_reserve(m->fd, 0, bytes_for(wanted)) < 0 ||
		    map_table(m, bytes_for(wanted)) < 0)
			fail_full();
		h = m->header;
	}
	memset(meta_entries_of(h), 0, wanted * sizeof(*copy));
	__atomic_store_n(&h->capacity, wanted, __ATOMIC_RELEASE);
	for (uint64_t i = 0; i < old; i++)
		if (copy[i].state == META_LIVE)
			*free_slot(h, copy[i].dev, copy[i].ino) = copy[i];
	h->used = h->live;
	munmap(copy, copy_bytes);
}

static bool is_node(const struct meta_entry *entry)
{
	return S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
}

struct meta_entry *meta_find_locked(struct meta *m, uint64_t dev, ino_t ino)
{
	return (struct meta_entry *)(uintptr_t)meta_lookup(m->header, m->header->capacity, dev, ino);
}

void meta_put_locked(struct meta *m, const struct meta_entry *stored)
{
	if (m->header->flags & META_PLAIN)
		return;
	struct meta_entry *slot = meta_find_locked(m, stored->dev, stored->ino);
	m->header->nodes += is_node(stored) - (slot && is_node(slot));
	if (stored->marks & META_MARKS_OF_FLAGS)
		__atomic_fetch_or(&m->header->flags, META_HAS_FLAGS, __ATOMIC_SEQ_CST);
	if ((m->header->flags & META_OF_HOST) && meta_is_passing(stored))
		__atomic_fetch_or(&m->header->flags, META_HAS_PASSING, __ATOMIC_SEQ_CST);
	if (!slot) {
		make_room(m);
		slot = free_slot(m->header, stored->dev, stored->ino);
		m->header->live++;
		m->header->used += slot->state == META_FREE;
	}
	*slot = *stored;
	slot->run = m->header->run;
}

void meta_drop_locked(struct meta *m, uint64_t dev, ino_t ino)
{
	struct meta_entry *slot = meta_find_locked(m, dev, ino);
	if (!slot)
		return;
	m->header->nodes -= is_node(slot);
	slot->state = META_TOMBSTONE;
	m->header->live--;
}

/* Of the table, whatever the inbox says. */
static bool read_entry(struct meta *m, uint64_t key_dev, ino_t ino, struct meta_entry *ret)
{
	if (!__atomic_load_n(&m->header->live, __ATOMIC_RELAXED))
		return false;
	for (unsigned tries = 0;; tries++) {
		uint64_t capacity = follow_growth(m);
		uint32_t before = __atomic_load_n(&m->header->sequence, __ATOMIC_ACQUIRE);
		const struct meta_entry *found = meta_lookup(m->header, capacity, key_dev, ino);
		if (found)
			*ret = *found;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		uint32_t after = __atomic_load_n(&m->header->sequence, __ATOMIC_ACQUIRE);
		if (before == after && !(before & 1))
			return found != NULL;
		/* A writer that was killed left the sequence odd: who takes its lock makes that good. */
		if (tries % READ_TRIES == READ_TRIES - 1) {
			meta_lock(m);
			meta_unlock(m);
		}
		sched_yield();
	}
}

bool meta_get(struct meta *m, dev_t dev, ino_t ino, struct meta_entry *ret)
{
	const struct meta_inbox *requests = meta_key_dev(m, dev) ? NULL : meta_find_inbox(m);
	int asked = requests ? meta_ask_inbox(requests, ino, ret) : -1;
	if (asked >= 0) {
		ret->dev = dev;
		ret->run = m->header->run;
		return asked;
	}
	bool is_found = read_entry(m, meta_key_dev(m, dev), ino, ret);
	ret->dev = is_found ? dev : ret->dev;
	return is_found;
}

static void make_room_in_inbox(struct meta *m, uint64_t key_dev, ino_t ino)
{
	const struct meta_inbox *requests = key_dev ? NULL : meta_find_inbox(m);
	if (requests && meta_is_full(requests, ino))
		meta_empty_inbox(m);
}

void meta_put(struct meta *m, const struct meta_entry *entry)
{
	struct meta_entry stored = *entry;
	stored.dev = meta_key_dev(m, entry->dev);
	stored.state = META_LIVE;
	make_room_in_inbox(m, stored.dev, stored.ino);
	meta_lock(m);
	meta_withdraw_requests(m, stored.dev, stored.ino, NULL);
	meta_put_locked(m, &stored);
	meta_unlock(m);
}

static bool is_known(struct meta *m, uint64_t key_dev, ino_t ino)
{
	struct meta_entry asked;
	const struct meta_inbox *requests = key_dev ? NULL : meta_find_inbox(m);
	return (requests && meta_ask_inbox(requests, ino, &asked) >= 0) || read_entry(m, key_dev, ino, &asked);
}

void meta_drop(struct meta *m, dev_t dev, ino_t ino)
{
	uint64_t key = meta_key_dev(m, dev);
	make_room_in_inbox(m, key, ino);
	if (!is_known(m, key, ino))
		return;
	meta_lock(m);
	meta_withdraw_requests(m, key, ino, NULL);
	meta_drop_locked(m, key, ino);
	meta_unlock(m);
}

void meta_change(struct meta *m, const struct meta_entry *entry, bool is_default)
{
	struct meta_entry stored = *entry;
	stored.dev = meta_key_dev(m, entry->dev);
	stored.state = META_LIVE;
	make_room_in_inbox(m, stored.dev, stored.ino);
	if (is_default && !is_known(m, stored.dev, stored.ino))
		return;
	meta_lock(m);
	bool is_changed = meta_withdraw_requests(m, stored.dev, stored.ino, &stored);
	if (is_default && !is_changed)
		meta_drop_locked(m, stored.dev, stored.ino);
	else
		meta_put_locked(m, &stored);
	meta_unlock(m);
}

int meta_each(struct meta *m, int (*visit)(const struct meta_entry *entry, void *arg), void *arg)
{
	if (meta_find_inbox(m))
		meta_empty_inbox(m);
	follow_growth(m);
	const struct meta_entry *entries = meta_entries_of(m->header);
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

uint64_t meta_generation(const struct meta *m)
{
	return __atomic_load_n(&m->header->generation, __ATOMIC_ACQUIRE);
}

void meta_bump_generation(struct meta *m)
{
	__atomic_add_fetch(&m->header->generation, 1, __ATOMIC_RELEASE);
}

void meta_count_directory(struct meta *m)
{
	__atomic_add_fetch(&m->header->directories, 1, __ATOMIC_RELEASE);
}
