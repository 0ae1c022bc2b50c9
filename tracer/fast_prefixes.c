/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the prefixes that the shim reads: which directories are told of, and in whose place.
 */
#include "tracer/fast_prefixes.h"

#include <string.h>
#include <sys/stat.h>

#include "tracer/core/prefix.h"
#include "tracer/fast.h"

#define SHARED ((struct shim_shared *)SHIM_SHARED)
#define STATES ((const struct shim_state *)SHIM_STATES)
#define PREFIXES ((struct shim_prefix *)SHIM_PREFIXES)

static uint32_t flags_of(const struct object *at)
{
	struct stat st;
	struct meta_entry entry;
	uint32_t flags = at->mount->flags & BINDING_READ_ONLY ? PREFIX_READ_ONLY : 0;
	if (path_lstat(at->host, &st) < 0)
		return flags;
	meta_get_or_default(session.meta, &st, &entry);
	if (!S_ISDIR(st.st_mode))
		return flags | PREFIX_FILE;
	flags |= entry.marks & META_MARKS_OF_FLAGS ? PREFIX_READ_ONLY : 0u;
	/* Does what is made in it get nothing from it: no group, no ACL? */
	return flags | (!(entry.mode & S_ISGID) && !entry.xattr ? PREFIX_PLAIN : 0u) |
	       (entry.mode & S_ISVTX ? PREFIX_STICKY : 0u);
}

void fast_walked(const struct stat *st)
{
	enum { WORDS = sizeof(SHARED->walked) / sizeof(*SHARED->walked) };
	if (!fast_is_on())
		return;
	if (st) {
		prefix_add_inode(SHARED->walked, WORDS, st->st_dev, st->st_ino);
		return;
	}
	memset(SHARED->walked, 0, sizeof(SHARED->walked));
	memset(SHARED->prefix_sets, 0, sizeof(SHARED->prefix_sets));
}

/* What is typed, and where that begins. */
struct key {
	uint32_t base, hash;
	uint64_t dir_dev, dir_ino, generation;
	const char *typed;
	size_t length;
};

/* Where to tell of it; NULL: it has been told. */
static struct shim_prefix *place_for(const struct key *k)
{
	static uint32_t turn; /* of the ways */
	const uint32_t at = prefix_set(k->base, k->dir_ino, k->hash);
	struct shim_prefix *set = &PREFIXES[at], *free_one = NULL;
	prefix_use_set(SHARED->prefix_sets, at);
	for (unsigned way = 0; way < SHIM_PREFIX_WAYS; way++) {
		struct shim_prefix *old = set + way;
		if (!old->base || old->generation != k->generation)
			free_one = old;
		else if (old->base == k->base && old->hash == k->hash && old->key_length == k->length &&
			 old->dir_ino == k->dir_ino && old->dir_dev == k->dir_dev && memcmp(old->text, k->typed, k->length) == 0)
			return NULL;
	}
	return free_one ? free_one : set + turn++ % SHIM_PREFIX_WAYS;
}

/* `root`: the host path is of its tree; NULL: it is not. */
static void tell_prefix(struct shim_prefix *e, const struct key *k, const char *host, size_t host_length, uint32_t flags,
			uint32_t mount, const struct mount *root)
{
	bool needs_slash = (k->length == 0 || k->typed[k->length - 1] == '/') && host[host_length - 1] != '/';
	if (k->length + host_length + needs_slash + 8 > sizeof(e->text))
		return;
	__atomic_store_n(&e->sequence, e->sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	e->base = k->base;
	e->hash = k->hash;
	e->key_length = k->length;
	e->host_length = host_length + needs_slash;
	e->generation = k->generation;
	e->flags = flags;
	e->mount = mount;
	e->root_length = root ? root->host_length + 1 : 0;
	e->dir_dev = k->dir_dev;
	e->dir_ino = k->dir_ino;
	memcpy(e->text, k->typed, k->length);
	memcpy(e->text + k->length, host, host_length);
	if (needs_slash)
		e->text[k->length + host_length] = '/';
	__atomic_store_n(&e->sequence, (e->sequence | 1) + 1, __ATOMIC_RELEASE);
}

void fast_publish(const struct tracee *t, enum fast_start from, const char *start, const char *typed, size_t length,
		  const struct object *at)
{
	struct stat dir = { .st_ino = 0 };
	const uint32_t state = fast_is_on() ? t->process->mm->state : 0;
	/* What the shim does not ask about a mount: may programs be run, devices be opened? */
	if (!state || (at->mount->flags & (BINDING_PROC | BINDING_CGROUP | MOUNT_NO_EXEC | MOUNT_NO_DEVICES | MOUNT_NO_SYMLINKS)))
		return;
	if (from == FROM_DESCRIPTOR && (start[0] != '/' || lstat(path_short(start), &dir) < 0))
		return;
	struct key k = { from == FROM_CWD ? STATES[state].cwd_base : STATES[state].root_base, prefix_hash(typed, length),
			 dir.st_dev, dir.st_ino, meta_generation(session.meta), typed, length };
	struct shim_prefix *e = k.base ? place_for(&k) : NULL;
	/* A descriptor's directory is known by its inode, which other mounts may have elsewhere. */
	uint32_t no_mounts = from != FROM_DESCRIPTOR && !mounts_has_children(t->mounts, at->guest) ? PREFIX_NO_MOUNTS : 0;
	if (e)
		tell_prefix(e, &k, at->host, at->host_length, flags_of(at) | no_mounts, at->mount->id,
			    at->mount == t->mounts->list[0] && at->mount->host_length ? at->mount : NULL);
}

/* What this path leads to in the guest, below its root, is called so on the host, too. */
static void tell_same(const struct tracee *t, const char *path, uint32_t flags)
{
	const uint32_t state = fast_is_on() ? t->process->mm->state : 0;
	const size_t length = strlen(path);
	if (!state)
		return;
	struct key k = { STATES[state].root_base, prefix_hash(path + 1, length - 1), 0, 0, meta_generation(session.meta), path + 1, length - 1 };
	struct shim_prefix *e = place_for(&k);
	if (e)
		tell_prefix(e, &k, path, length, flags, 0, NULL);
}

void fast_tell_descriptors(const struct tracee *t)
{
	tell_same(t, SHIM_OWN_DESCRIPTORS, PREFIX_DESCRIPTORS);
}

void fast_tell_proc_file(const struct tracee *t, const char *path)
{
	tell_same(t, path, PREFIX_FILE | PREFIX_READ_ONLY);
}
