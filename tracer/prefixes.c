/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the cache of directory prefixes: where walks through directories alone have led, and when that is void.
 * What the shim knows of them is fast.c's.
 */
#include "tracer/walk.h"

#include <stdio.h>
#include <string.h>

#include "tracer/base/mem.h"
#include "tracer/core/prefix.h"

/*
 * Key: table serial, root, base and the directory part as typed.  Value: where the walk then stood.
 * Entries hold while the generation holds; the filter remembers (by hash) the inode of every directory and
 * symlink that a cached walk went through, so that only changes to those bump it.
 */
enum { CACHE_ENTRIES = 8192, FILTER_WORDS = 2048 };

struct prefix {
	uint64_t hash;
	char *key, *guest, *host;
	const struct mount *mount;
};

/* By hash: which of the cache, plus 1.  Entries follow each other, so that few of them take few pages. */
static uint16_t cache_index[CACHE_ENTRIES];
static struct prefix cache[CACHE_ENTRIES];
static unsigned cache_count;
static uint64_t filter[FILTER_WORDS]; /* of inodes, core/prefix.h */
static uint64_t cache_generation;

static uint64_t hash_bytes(const char *bytes, size_t length)
{
	uint64_t h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3ull;
	return h ^ h >> 32;
}

static void clear(void)
{
	for (unsigned i = 0; i < cache_count; i++) {
		cache_index[cache[i].hash % CACHE_ENTRIES] = 0;
		TALLOC_FREE(cache[i].key);
	}
	cache_count = 0;
	memset(filter, 0, sizeof(filter));
	fast_walked(NULL);
}

void prefixes_validate(void)
{
	uint64_t now = meta_generation(session.meta);
	if (now != cache_generation) {
		clear();
		cache_generation = now;
	}
}

void prefixes_watch(const char *host)
{
	struct stat st;
	if (path_lstat(host, &st) < 0)
		return;
	prefix_add_inode(filter, FILTER_WORDS, st.st_dev, st.st_ino);
	fast_walked(&st);
}

void prefixes_watch_all(const char *host)
{
	char part[PATH_ROOM];
	size_t length = strlen(host);
	memcpy(part, host, length + 1);
	do {
		prefixes_watch(part);
		char *slash = strrchr(part, '/');
		length = slash - part;
		*slash = '\0';
	} while (length);
}

void path_forget(const struct object *o)
{
	if (prefix_has_inode(filter, FILTER_WORDS, o->real.st_dev, o->real.st_ino))
		meta_bump_generation(session.meta);
}

size_t prefixes_key(const struct walk *w, char *key, size_t room)
{
	size_t dir = walk_dir_part(w->rest);
	int n = snprintf(key, room, "%u:%s:%s:%.*s", w->t->mounts->serial, w->root, w->at->guest, (int)dir,
			 w->rest);
	return n > 0 && (size_t)n < room && dir ? (size_t)n : 0;
}

bool prefixes_find(struct walk *w, const char *key, size_t length)
{
	uint64_t hash = hash_bytes(key, length);
	const unsigned number = cache_index[hash % CACHE_ENTRIES];
	const struct prefix *p = number ? &cache[number - 1] : NULL;
	if (!p || p->hash != hash || strcmp(p->key, key) != 0)
		return false;
	walk_set_guest(w->at, p->guest);
	walk_set_host(w->at, p->host);
	w->is_seen = false;
	w->at->mount = p->mount;
	memmove(w->rest, w->rest + walk_dir_part(w->rest), strlen(w->rest) - walk_dir_part(w->rest) + 1);
	return true;
}

void prefixes_store(const struct walk *w, const char *key, size_t length)
{
	struct stat st;
	/* What is no directory ends this walk, and may be another thing at the next. */
	if (path_lstat(w->at->host, &st) < 0 || !S_ISDIR(st.st_mode) || !moves_allow(&w->since))
		return;
	uint64_t hash = hash_bytes(key, length);
	uint16_t *number = &cache_index[hash % CACHE_ENTRIES];
	if (!*number)
		*number = ++cache_count;
	struct prefix *p = &cache[*number - 1];
	TALLOC_FREE(p->key);
	p->hash = hash;
	p->key = mem_strdup(NULL, key);
	p->guest = mem_strdup(p->key, w->at->guest);
	p->host = mem_strdup(p->key, w->at->host);
	p->mount = w->at->mount;
}
