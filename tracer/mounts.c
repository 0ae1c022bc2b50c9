/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the mount tables; the mount(2) calls are in mountcalls.c, walking paths over them in walk.c. */
#include "tracer/mounts.h"

#include <stdint.h>
#include <string.h>

#include "tracer/base/mem.h"

static unsigned last_serial, last_group;

/* Is `prefix` this path or a parent of it? */
static bool is_at_or_below(const char *path, const char *prefix, size_t length)
{
	if (length <= 1 && (length == 0 || prefix[0] == '/'))
		return true;
	return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void cover(struct mounts *m, const struct mount *by, size_t count)
{
	for (size_t i = 0; i < count; i++)
		m->list[i]->is_covered |= is_at_or_below(m->list[i]->guest, by->guest, by->guest_length);
}

void mounts_changed(struct mounts *m)
{
	m->serial = ++last_serial;
}

static void cover_again(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++)
		m->list[i]->is_covered = false;
	for (size_t i = 0; i < m->count; i++)
		cover(m, m->list[i], i);
	mounts_changed(m);
}

struct mounts *mounts_new(void)
{
	struct mounts *m = mem_new(NULL, struct mounts);
	m->users = 1;
	m->next_id = 21;
	m->serial = ++last_serial;
	return m;
}

struct mounts *mounts_get(struct mounts *m)
{
	m->users++;
	return m;
}

struct mounts *mounts_copy(const struct mounts *m)
{
	struct mounts *copy = mounts_new();
	for (size_t i = 0; i < m->count; i++) {
		const struct mount *of = m->list[i];
		struct mount *added = mounts_add(copy, of->guest, of->host, of->flags, of->fs_type, of->source);
		mounts_like(added, of);
		added->root_at = of->root_at;
		added->peers = of->peers;
		added->master = of->master;
		added->is_unbindable = of->is_unbindable;
		added->tree = of->tree;
		added->is_clone = of->is_clone;
	}
	return copy;
}

void mounts_tell_options(struct mount *m, const char *shown)
{
	m->shown = shown ? mem_strdup(m, shown) : NULL;
}

void mounts_like(struct mount *m, const struct mount *of)
{
	mounts_tell_options(m, of->shown);
	m->pids = of->pids;
}

unsigned mounts_new_group(void)
{
	return ++last_group;
}

void mounts_put(struct mounts *m)
{
	if (m && --m->users == 0)
		talloc_free(m);
}

struct mount *mounts_add(struct mounts *m, const char *guest, const char *host, unsigned flags,
			 const char *fs_type, const char *source)
{
	const struct mount *below = m->count ? mounts_of(m, guest) : NULL;
	m->list = mem_grow(m, m->list, struct mount *, m->count + 1);
	struct mount *added = mem_new(m, struct mount);
	m->list[m->count] = added;
	added->guest = mem_strdup(added, guest);
	added->host = mem_strdup(added, strcmp(host, "/") == 0 ? "" : host);
	added->guest_length = strlen(added->guest);
	added->host_length = added->root_at = strlen(added->host);
	added->flags = flags;
	added->fs_type = mem_strdup(added, fs_type ? fs_type : "bind");
	added->source = mem_strdup(added, source ? source : "none");
	added->id = m->next_id++;
	added->parent_id = below ? below->id : 1;
	added->peers = below && below->peers ? mounts_new_group() : 0;
	cover(m, added, m->count++);
	mounts_changed(m);
	return added;
}

/* 0: none, or the root. */
static size_t top_at(const struct mounts *m, const char *guest)
{
	size_t i = m->count;
	while (i-- > 1)
		if (strcmp(m->list[i]->guest, guest) == 0)
			return i;
	return 0;
}

bool mounts_has_children(const struct mounts *m, const char *guest)
{
	for (size_t i = top_at(m, guest) + 1; i < m->count; i++)
		if (is_at_or_below(m->list[i]->guest, guest, strlen(guest)))
			return true;
	return false;
}

bool mounts_remove(struct mounts *m, const char *guest)
{
	size_t kept = top_at(m, guest);
	if (!kept)
		return false;
	for (size_t i = kept; i < m->count; i++) {
		if (is_at_or_below(m->list[i]->guest, guest, strlen(guest)))
			talloc_free(m->list[i]);
		else
			m->list[kept++] = m->list[i];
	}
	m->count = kept;
	cover_again(m);
	return true;
}

const struct mount *mounts_at(const struct mounts *m, const char *guest, size_t length)
{
	for (size_t i = m->count; i-- > 0;)
		if (m->list[i]->guest_length == length && memcmp(m->list[i]->guest, guest, length) == 0)
			return m->list[i]->is_covered ? NULL : m->list[i];
	return NULL;
}

const struct mount *mounts_of(const struct mounts *m, const char *guest)
{
	const struct mount *best = NULL;
	for (size_t i = m->count; i-- > 0;) {
		const struct mount *at = m->list[i];
		if (!at->is_covered && (!best || at->guest_length > best->guest_length) &&
		    is_at_or_below(guest, at->guest, at->guest_length))
			best = at;
	}
	return best;
}

bool mounts_is_nameless(const char *guest)
{
	return strncmp(guest, MOUNTS_NAMELESS, strlen(MOUNTS_NAMELESS)) == 0;
}

char *mounts_pivot_path(const void *ctx, const struct pivot *p, const char *guest)
{
	size_t new_root = strlen(p->new_root), root = strlen(p->root);
	const char *to = p->root, *tail = guest + (new_root == 1 ? 0 : new_root);
	if (!is_at_or_below(guest, p->new_root, new_root)) {
		if (!is_at_or_below(guest, p->root, root) || mounts_is_nameless(guest))
			return mem_strdup(ctx, guest);
		to = p->put_old;
		tail = guest + (root == 1 ? 0 : root);
	}
	char *moved = mem_printf(ctx, "%s%s", strcmp(to, "/") == 0 ? "" : to, strcmp(tail, "/") == 0 ? "" : tail);
	if (*moved)
		return moved;
	talloc_free(moved);
	return mem_strdup(ctx, "/");
}

void mounts_pivot(struct mounts *m, const struct pivot *p)
{
	CLEANUP_TALLOC struct mount **order = mem_array(NULL, struct mount *, m->count);
	size_t kept = 0, count = 0;
	/* What moves comes to lie on top. */
	for (unsigned is_moved = 0; is_moved < 2; is_moved++)
		for (size_t i = 0; i < m->count; i++)
			if (is_at_or_below(m->list[i]->guest, p->new_root, strlen(p->new_root)) == is_moved)
				order[count++] = m->list[i];
	for (size_t i = 0; i < count; i++) {
		char *moved = mounts_pivot_path(order[i], p, order[i]->guest);
		talloc_free(order[i]->guest);
		order[i]->guest = moved;
		order[i]->guest_length = strlen(moved);
	}
	/* The root is the first of the list, which nobody removes. */
	for (unsigned is_below_root = 0; is_below_root < 2; is_below_root++)
		for (size_t i = 0; i < count; i++)
			if ((order[i]->guest_length > 1) == is_below_root)
				m->list[kept++] = order[i];
	cover_again(m);
}

void mounts_sort(struct mounts *m)
{
	for (size_t i = 1; i < m->count; i++)
		for (size_t j = i; j > 1 && m->list[j - 1]->guest_length > m->list[j]->guest_length; j--) {
			struct mount *longer = m->list[j - 1];
			m->list[j - 1] = m->list[j];
			m->list[j] = longer;
		}
	cover_again(m);
}

/* The name of a terminal is the one it was opened by, below /dev/pts, though it is bound elsewhere, too: to /dev/console. */
static size_t fitness(const struct mount *at)
{
	return at->fs_type && strcmp(at->fs_type, "devpts") == 0 ? SIZE_MAX : at->host_length;
}

const struct mount *mounts_to_guest(const struct mounts *m, const char *host, char *guest, size_t room)
{
	const struct mount *best = NULL;
	for (size_t i = m->count; i-- > 0;) {
		const struct mount *at = m->list[i];
		if (!at->is_covered && !at->is_clone && is_at_or_below(host, at->host, at->host_length) &&
		    (!best || fitness(at) > fitness(best)))
			best = at;
	}
	if (!best)
		return NULL;
	const char *rest = host + best->host_length;
	size_t head = best->guest_length == 1 ? 0 : best->guest_length, tail = strlen(rest);
	if (head + tail + 2 > room)
		return NULL;
	memcpy(guest, best->guest, head);
	memcpy(guest + head, rest, tail + 1);
	while (head + tail > 1 && guest[head + tail - 1] == '/')
		guest[head + --tail] = '\0';
	if (head + tail == 0)
		strncpy(guest, "/", room);
	return best;
}
