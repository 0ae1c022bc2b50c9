/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the hashes of files' contents, and the memory of them: cache/context/<name>, one file of records for each
 * context folder and each layer, replaced whole.  What a hash is for, selection.h says.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/build/selection.h"
#include "oci/digest.h"
#include "tracer/base/io.h"

enum {
	CHUNK = 1 << 18,
	THREADS_MAX = 8,
	FILES_OF_A_TURN = 32,
	CACHE_MAX_BYTES = 1 << 28,
	UNUSED_DAYS = 30,
	/* A file that was written after it was read may show the same times: clocks tick that slowly. */
	SETTLED_SECONDS = 2,
};

struct record {
	uint64_t dev, ino;
	int64_t size_bytes, mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec, used_day, unused;
	unsigned char hash[32];
};

static const struct cache_head {
	char magic[8];
	uint32_t byte_order, record_size;
} head = { "FBHASH1", 0x01020304, sizeof(struct record) };

/* One file of the cache. */
struct memory {
	char *path, *layer; /* layer NULL: of a folder */
	struct record *records;
	size_t count, room;
	unsigned *table; /* 1 + index of a record; table_room is a power of two */
	size_t table_room;
	bool is_changed;
};

/* ---- memory ---- */

static unsigned *find(struct memory *m, uint64_t dev, uint64_t ino)
{
	size_t at = ((ino ^ dev << 32) * 0x9e3779b97f4a7c15ull) >> 24 & (m->table_room - 1);
	while (m->table[at] && (m->records[m->table[at] - 1].ino != ino || m->records[m->table[at] - 1].dev != dev))
		at = (at + 1) & (m->table_room - 1);
	return &m->table[at];
}

static void make_table(struct memory *m)
{
	talloc_free(m->table);
	m->table_room = 256;
	while (m->table_room < 2 * m->room)
		m->table_room *= 2;
	m->table = mem_array(m, unsigned, m->table_room);
	for (size_t i = 0; i < m->count; i++)
		*find(m, m->records[i].dev, m->records[i].ino) = i + 1;
}

static struct memory *memory_open(const void *ctx, struct store *s, const char *domain, const char *layer)
{
	struct memory *m = mem_new(ctx, struct memory);
	CLEANUP_TALLOC char *text = NULL;
	struct error ignored = ERROR_INIT;
	char digest[DIGEST_ROOM];
	size_t size = 0;
	digest_of(domain, strlen(domain), digest);
	m->path = mem_printf(m, "%s/cache/context/%s", store_root(s), digest_hex(digest));
	m->layer = layer ? mem_strdup(m, layer) : NULL;
	/* None, or a damaged one, is an empty one. */
	if (io_read_file(NULL, -1, m->path, CACHE_MAX_BYTES, &text, &size, &ignored) == 0 && size >= sizeof(head) &&
	    memcmp(text, &head, sizeof(head)) == 0 && (size - sizeof(head)) % sizeof(struct record) == 0)
		m->count = (size - sizeof(head)) / sizeof(struct record);
	m->room = m->count + 256;
	m->records = mem_array(m, struct record, m->room);
	if (m->count)
		memcpy(m->records, text + sizeof(head), m->count * sizeof(struct record));
	make_table(m);
	return m;
}

static void memory_put(struct memory *m, const struct record *r)
{
	unsigned *place = find(m, r->dev, r->ino);
	m->is_changed = true;
	if (*place) {
		m->records[*place - 1] = *r;
		return;
	}
	if (m->count == m->room) {
		m->room *= 2;
		m->records = mem_grow(m, m->records, struct record, m->room);
		make_table(m);
		place = find(m, r->dev, r->ino);
	}
	m->records[m->count++] = *r;
	*place = m->count;
}

/* Losing it costs time only: a failure is no failure. */
static void memory_save(struct memory *m, struct store *s, uint32_t today)
{
	struct error ignored = ERROR_INIT;
	size_t kept = 0;
	if (!m->is_changed)
		return;
	CLEANUP_TALLOC char *bytes = mem_array(NULL, char, sizeof(head) + m->count * sizeof(struct record));
	memcpy(bytes, &head, sizeof(head));
	for (size_t i = 0; i < m->count; i++) {
		if (m->records[i].used_day + UNUSED_DAYS < today)
			continue;
		memcpy(bytes + sizeof(head) + kept++ * sizeof(struct record), &m->records[i], sizeof(struct record));
	}
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "%s/cache/context", store_root(s));
	io_mkdir_p(-1, folder, 0700);
	io_write_file(-1, m->path, bytes, sizeof(head) + kept * sizeof(struct record), 0600, &ignored);
}

/* ---- hashing ---- */

struct hashing {
	struct selection *selection;
	struct memory **memories; /* of each pick; NULL: it is no regular file, or its hash is known */
	unsigned *todo, todo_count;
	unsigned next; /* taken by __sync_fetch_and_add */
	bool *is_settled; /* may be remembered, by index of todo */
	time_t now;
	pthread_mutex_t lock;
	struct error *err;
	bool has_failed;
};

/* What a file of a layer is called: the layer's files never change. */
static void name_of_layer_file(const struct node *n, struct record *ret)
{
	uint64_t a = 0xcbf29ce484222325ull, b = 0x9ae16a3b2f90404full;
	for (const char *c = n->source; *c; c++) {
		a = (a ^ (unsigned char)*c) * 0x100000001b3ull;
		b = (b + (unsigned char)*c) * 0x9e3779b97f4a7c15ull;
		b ^= b >> 29;
	}
	ret->dev = a;
	ret->ino = b;
}

static void record_of(const struct pick *p, struct record *ret)
{
	const struct source_entry *e = &p->entry;
	*ret = (struct record){ .dev = e->dev, .ino = e->ino, .size_bytes = e->size_bytes,
				.mtime_sec = e->mtime_sec, .mtime_nsec = e->mtime_nsec,
				.ctime_sec = e->ctime_sec, .ctime_nsec = e->ctime_nsec };
	if (e->node)
		name_of_layer_file(e->node, ret);
}

static bool is_same_file(const struct record *a, const struct record *b)
{
	return a->size_bytes == b->size_bytes && a->mtime_sec == b->mtime_sec && a->mtime_nsec == b->mtime_nsec &&
	       a->ctime_sec == b->ctime_sec && a->ctime_nsec == b->ctime_nsec;
}

static void frame(struct digest_state *d, const void *bytes, uint64_t size)
{
	unsigned char length[8];
	for (unsigned i = 0; i < 8; i++)
		length[i] = size >> 8 * i;
	digest_update(d, length, 8);
	digest_update(d, bytes, size);
}

static void to_bytes(const char *digest, unsigned char ret[32])
{
	const char *hex = digest_hex(digest);
	for (unsigned i = 0; i < 32; i++) {
		unsigned char high = hex[2 * i], low = hex[2 * i + 1];
		ret[i] = (high <= '9' ? high - '0' : high - 'a' + 10) << 4 | (low <= '9' ? low - '0' : low - 'a' + 10);
	}
}

/* Attributes first, each with its length, so that what is left is the content. */
static int hash_file(struct source_cursor *c, struct pick *p, char *buffer, bool *ret_is_same, struct error *err)
{
	CLEANUP_TALLOC struct digest_state *d = digest_begin(NULL);
	struct layer_attributes a = { .xattrs = p->xattrs, .xattr_count = p->xattr_count };
	struct stat st;
	char digest[DIGEST_ROOM];
	ssize_t n;
	CLEANUP_CLOSE int fd = source_open_file(c, &p->entry, err);
	if (fd < 0)
		return -1;
	if (!p->entry.node && source_attributes(d, c, &p->entry, fd, &a, err) < 0)
		return -1;
	for (unsigned i = 0; i < a.xattr_count; i++) {
		frame(d, a.xattrs[i].name, strlen(a.xattrs[i].name));
		frame(d, a.xattrs[i].value, a.xattrs[i].value_size);
	}
	frame(d, "", 0);
	while ((n = read(fd, buffer, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "cannot read '/%s/%s'", source_path(c), p->entry.name);
		digest_update(d, buffer, n);
	}
	digest_end(d, digest);
	to_bytes(digest, p->hash);
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot examine '/%s/%s'", source_path(c), p->entry.name);
	*ret_is_same = p->entry.node ||
		       (st.st_ino == p->entry.ino && st.st_size == p->entry.size_bytes &&
			st.st_mtim.tv_sec == p->entry.mtime_sec && st.st_mtim.tv_nsec == p->entry.mtime_nsec &&
			st.st_ctim.tv_sec == p->entry.ctime_sec && st.st_ctim.tv_nsec == p->entry.ctime_nsec);
	return 0;
}

static int hash_some(struct hashing *h, struct selection_cursor *cursor, char *buffer, struct error *err)
{
	struct source_cursor *c;
	for (;;) {
		unsigned from = __sync_fetch_and_add(&h->next, FILES_OF_A_TURN);
		if (from >= h->todo_count || h->has_failed)
			return 0;
		for (unsigned i = from; i < from + FILES_OF_A_TURN && i < h->todo_count; i++) {
			struct pick *p = &h->selection->picks[h->todo[i]];
			bool is_same = false;
			if (selection_move(cursor, h->todo[i], false, &c, err) < 0 ||
			    hash_file(c, p, buffer, &is_same, err) < 0)
				return -1;
			int64_t newest = p->entry.mtime_sec > p->entry.ctime_sec ? p->entry.mtime_sec : p->entry.ctime_sec;
			h->is_settled[i] = is_same && (p->entry.node || newest + SETTLED_SECONDS < h->now);
		}
	}
}

static void *hash_thread(void *arg)
{
	struct hashing *h = arg;
	CLEANUP_TALLOC struct selection_cursor *cursor = NULL;
	CLEANUP_FREE char *buffer = mem_must(malloc(CHUNK));
	struct error err = ERROR_INIT;
	if (selection_cursor_open(NULL, h->selection, &cursor, &err) == 0 && hash_some(h, cursor, buffer, &err) == 0)
		return NULL;
	pthread_mutex_lock(&h->lock);
	if (!h->has_failed && h->err)
		*h->err = err;
	h->has_failed = true;
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static int hash_all(struct hashing *h)
{
	pthread_t threads[THREADS_MAX];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned want = h->todo_count / FILES_OF_A_TURN, started = 0;
	if (want > THREADS_MAX)
		want = THREADS_MAX;
	if (cpus > 0 && want > (unsigned)cpus)
		want = cpus;
	pthread_mutex_init(&h->lock, NULL);
	while (started + 1 < want && pthread_create(&threads[started], NULL, hash_thread, h) == 0)
		started++;
	hash_thread(h);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&h->lock);
	return h->has_failed ? -1 : 0;
}

/* The memory that a pick belongs to, opened when it is first asked for. */
static struct memory *memory_of(struct selection *s, struct store *store, struct memory **memories, const struct pick *p)
{
	if (!p->entry.node) {
		if (!memories[0])
			memories[0] = memory_open(memories, store, source_host_path(s->source), NULL);
		return memories[0];
	}
	const struct chain *chain = workspace_chain(source_workspace(s->source));
	unsigned layer = p->entry.node->layer;
	if (layer >= chain->count || !p->entry.node->source)
		return NULL;
	if (!memories[layer])
		memories[layer] = memory_open(memories, store, chain->layers[layer].folder, chain->layers[layer].folder);
	return memories[layer];
}

int selection_hash(struct selection *selection, struct store *s, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct workspace *w = source_workspace(selection->source);
	unsigned memory_count = w ? workspace_chain(w)->count : 1;
	struct memory **memories = mem_array(scratch, struct memory *, memory_count);
	struct hashing h = { .selection = selection, .now = time(NULL), .err = err };
	uint32_t today = h.now / 86400;
	h.todo = mem_array(scratch, unsigned, selection->count);
	h.is_settled = mem_array(scratch, bool, selection->count);
	for (unsigned i = 0; i < selection->count; i++) {
		struct pick *p = &selection->picks[i];
		struct record now;
		if (!S_ISREG(p->entry.mode) || p->link_of)
			continue;
		record_of(p, &now);
		struct memory *m = memory_of(selection, s, memories, p);
		unsigned *place = m ? find(m, now.dev, now.ino) : NULL;
		struct record *known = place && *place ? &m->records[*place - 1] : NULL;
		if (!known || !is_same_file(known, &now)) {
			h.todo[h.todo_count++] = i;
			continue;
		}
		memcpy(p->hash, known->hash, sizeof(p->hash));
		/* Once in a while what is in use is told from what is not. */
		if (known->used_day + UNUSED_DAYS / 2 < today)
			m->is_changed = true;
		known->used_day = today;
	}
	if (h.todo_count && hash_all(&h) < 0)
		return -1;
	for (unsigned i = 0; i < h.todo_count; i++) {
		const struct pick *p = &selection->picks[h.todo[i]];
		struct memory *m = h.is_settled[i] ? memory_of(selection, s, memories, p) : NULL;
		struct record r;
		if (!m)
			continue;
		record_of(p, &r);
		memcpy(r.hash, p->hash, sizeof(r.hash));
		r.used_day = today;
		memory_put(m, &r);
	}
	for (unsigned i = 0; i < memory_count; i++)
		if (memories[i])
			memory_save(memories[i], s, today);
	for (unsigned i = 0; i < selection->count; i++)
		if (selection->picks[i].link_of)
			memcpy(selection->picks[i].hash, selection->picks[selection->picks[i].link_of - 1].hash, 32);
	return 0;
}
