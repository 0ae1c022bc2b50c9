/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the mount tables; the mount(2) calls are in mountcalls.c, walking paths over them in walk.c. */
#include "tracer/mounts.h"

#include <stdint.h>
#include <string.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/path.h"
#include "tracer/procfs.h"

/* mountinfo's numbers: of no two mounts of a run the same one. */
enum { IDS_BEFORE = 20 };
static unsigned last_serial;
static int last_id;
static struct mounts *all;

/* Is `prefix` this path or a parent of it? */
static bool is_at_or_below(const char *path, const char *prefix, size_t length)
{
	if (length <= 1 && (length == 0 || prefix[0] == '/'))
		return true;
	return text_is_at_or_below(path, prefix, length);
}

static void cover(struct mounts *m, const struct mount *by, size_t count)
{
	for (size_t i = 0; i < count; i++)
		m->list[i]->is_covered |= is_at_or_below(m->list[i]->guest, by->guest, by->guest_length);
}

bool mounts_is_below(const char *path, const char *prefix)
{
	return is_at_or_below(path, prefix, strlen(prefix));
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
	m->serial = ++last_serial;
	if (!all)
		last_id = IDS_BEFORE;
	m->next = all;
	all = m;
	return m;
}

struct mounts *mounts_get(struct mounts *m)
{
	m->users++;
	return m;
}

void mounts_put(struct mounts *m)
{
	if (!m || --m->users)
		return;
	struct mounts **at = &all;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	talloc_free(m);
}

struct mounts *mounts_next(const struct mounts *after)
{
	return after ? after->next : all;
}

void mounts_tell_options(struct mount *m, const char *shown)
{
	m->shown = shown ? mem_strdup(m, shown) : NULL;
}

void mounts_like(struct mount *m, const struct mount *of)
{
	mounts_tell_options(m, of->shown);
	m->pids = of->pids;
	m->maker = of->maker;
	m->locked = of->locked;
	m->has_locked_times = of->has_locked_times;
}

void mounts_lock(struct mount *m, bool with_place)
{
	m->locked |= m->flags & MOUNT_LOCKABLE;
	m->has_locked_times = true;
	m->is_locked |= with_place;
}

bool mounts_may_flag(const struct mount *m, unsigned flags)
{
	/* can_change_locked_flags of fs/namespace.c */
	const unsigned times = MOUNT_NO_ACCESS_TIME | MOUNT_NO_DIR_ACCESS_TIME | MOUNT_STRICT_ACCESS_TIME;
	return !(m->locked & ~flags) && !(m->has_locked_times && ((m->flags ^ flags) & times));
}

bool mounts_has_locked(const struct mounts *m, const struct mount *on, const char *guest)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i]->is_locked && m->list[i]->parent_id == on->id && mounts_is_below(m->list[i]->guest, guest))
			return true;
	return false;
}

static struct mount *insert(struct mounts *m, size_t at, const char *guest, const char *host, const char *fs_type, const char *source)
{
	m->list = mem_grow(m, m->list, struct mount *, m->count + 1);
	memmove(m->list + at + 1, m->list + at, (m->count - at) * sizeof(*m->list));
	struct mount *added = m->list[at] = mem_new(m, struct mount);
	m->count++;
	added->guest = mem_strdup(added, guest);
	added->host = mem_strdup(added, host);
	added->guest_length = strlen(added->guest);
	added->host_length = added->root_at = strlen(added->host);
	added->fs_type = mem_strdup(added, fs_type);
	added->source = mem_strdup(added, source);
	added->id = ++last_id;
	added->parent_id = 1;
	return added;
}

static struct mount *insert_like(struct mounts *m, size_t at, const char *guest, const struct mount *of)
{
	struct mount *added = insert(m, at, guest, of->host, of->fs_type, of->source);
	added->flags = of->flags;
	added->root_at = of->root_at;
	mounts_like(added, of);
	return added;
}

struct mounts *mounts_copy(const struct mounts *m)
{
	struct mounts *copy = mounts_new();
	copy->owner = m->owner;
	for (size_t i = 0; i < m->count; i++) {
		const struct mount *of = m->list[i];
		struct mount *added = insert_like(copy, i, of->guest, of);
		added->peers = of->peers;
		added->master = of->master;
		added->is_unbindable = of->is_unbindable;
		added->tree = of->tree;
		added->is_clone = of->is_clone;
		added->is_covered = of->is_covered;
		added->is_locked = of->is_locked;
	}
	for (size_t i = 0; i < m->count; i++)
		for (size_t j = 0; j < m->count; j++)
			if (m->list[i]->parent_id == m->list[j]->id)
				copy->list[i]->parent_id = copy->list[j]->id;
	return copy;
}

/* What is mounted last comes on top of what a path leads to. */
static struct mount *added_on_top(struct mounts *m, struct mount *added)
{
	cover(m, added, m->count - 1);
	mounts_changed(m);
	return added;
}

static int parent_at(const struct mounts *m, const char *guest)
{
	bool has_none = !m->count || (mounts_is_nameless(guest) && !strchr(guest + 1, '/'));
	return has_none ? 1 : mounts_of(m, guest)->id;
}

struct mount *mounts_add(struct mounts *m, const char *guest, const char *host, unsigned flags,
			 const char *fs_type, const char *source)
{
	int parent_id = parent_at(m, guest);
	struct mount *added = insert(m, m->count, guest, strcmp(host, "/") == 0 ? "" : host, fs_type ? fs_type : "bind",
				     source ? source : "none");
	added->flags = flags;
	added->parent_id = parent_id;
	return added_on_top(m, added);
}

struct mount *mounts_add_like(struct mounts *m, const char *guest, const struct mount *of)
{
	int parent_id = parent_at(m, guest);
	struct mount *added = insert_like(m, m->count, guest, of);
	added->parent_id = parent_id;
	return added_on_top(m, added);
}

struct mount *mounts_add_on(struct mounts *m, const struct mount *on, const char *guest, const struct mount *of)
{
	size_t at = 0;
	while (m->list[at] != on)
		at++;
	do
		at++;
	while (at < m->count && !mounts_is_below(guest, m->list[at]->guest));
	struct mount *above = at < m->count ? m->list[at] : NULL, *added = insert_like(m, at, guest, of);
	added->parent_id = on->id;
	if (above && above->parent_id == on->id && strcmp(above->guest, guest) == 0)
		above->parent_id = added->id;
	cover_again(m);
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

void mounts_take(struct mounts *m, struct mount *at)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->count; i++) {
		if (m->list[i]->parent_id == at->id)
			m->list[i]->parent_id = at->parent_id;
		if (m->list[i] != at)
			m->list[kept++] = m->list[i];
	}
	m->count = kept;
	talloc_free(at);
	cover_again(m);
}

size_t mounts_tree(const void *ctx, const struct mounts *m, const struct mount *top, struct mount ***ret)
{
	struct mount **tree = mem_array(ctx, struct mount *, m->count);
	size_t count = 0;
	for (size_t i = 0; i < m->count; i++) {
		bool is_in = m->list[i] == top;
		for (size_t j = 0; j < count && !is_in; j++)
			is_in = m->list[i]->parent_id == tree[j]->id;
		if (is_in)
			tree[count++] = m->list[i];
	}
	*ret = tree;
	return count;
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

static char *pivot_path(const void *ctx, const struct pivot *p, const char *guest, bool is_moved)
{
	const char *to = p->root, *from = p->new_root;
	if (!is_moved) {
		if (!mounts_is_below(guest, p->root) || mounts_is_nameless(guest))
			return mem_strdup(ctx, guest);
		to = p->put_old;
		from = p->root;
	}
	const char *tail = guest + (strlen(from) == 1 ? 0 : strlen(from));
	char *moved = mem_printf(ctx, "%s%s", strcmp(to, "/") == 0 ? "" : to, strcmp(tail, "/") == 0 ? "" : tail);
	if (*moved)
		return moved;
	talloc_free(moved);
	return mem_strdup(ctx, "/");
}

char *mounts_pivot_path(const void *ctx, const struct pivot *p, const char *guest)
{
	return pivot_path(ctx, p, guest, mounts_is_below(guest, p->new_root));
}

static bool is_among(struct mount *const *tree, size_t count, const struct mount *at)
{
	size_t i = 0;
	while (i < count && tree[i] != at)
		i++;
	return i < count;
}

void mounts_pivot(struct mounts *m, const struct pivot *p)
{
	CLEANUP_TALLOC struct mount **order = mem_array(NULL, struct mount *, m->count);
	size_t kept = 0, count = 0;
	struct mount **tree;
	size_t size = mounts_tree(order, m, m->list[top_at(m, p->new_root)], &tree);
	/* What moves comes to lie on top. */
	for (unsigned is_moved = 0; is_moved < 2; is_moved++)
		for (size_t i = 0; i < m->count; i++)
			if (is_among(tree, size, m->list[i]) == is_moved)
				order[count++] = m->list[i];
	for (size_t i = 0; i < count; i++) {
		char *moved = pivot_path(order[i], p, order[i]->guest, i >= m->count - size);
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
	const size_t count = m->count;
	for (size_t i = 0; i < count; i++)
		m->list[i]->is_covered = false;
	for (m->count = 0; m->count < count; m->count++) {
		m->list[m->count]->parent_id = parent_at(m, m->list[m->count]->guest);
		cover(m, m->list[m->count], m->count);
	}
	mounts_changed(m);
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
	char named[PATH_ROOM];
	if (best->pids) {
		procfs_name(best->pids, host, named, sizeof(named));
		host = named;
	}
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
