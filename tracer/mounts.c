/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the mount tables; the mount(2) calls are in mountcalls.c, walking paths over them in path.c. */
#include "tracer/mounts.h"

#include <string.h>

#include "tracer/base/mem.h"

static unsigned last_serial;

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
	for (size_t i = 0; i < m->count; i++)
		mounts_add(copy, m->list[i]->guest, m->list[i]->host, m->list[i]->flags,
			   m->list[i]->fs_type, m->list[i]->source);
	return copy;
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
	m->list[m->count++] = added;
	added->guest = mem_strdup(added, guest);
	added->host = mem_strdup(added, strcmp(host, "/") == 0 ? "" : host);
	added->guest_length = strlen(added->guest);
	added->host_length = strlen(added->host);
	added->flags = flags;
	added->fs_type = mem_strdup(added, fs_type ? fs_type : "bind");
	added->source = mem_strdup(added, source ? source : "none");
	added->id = m->next_id++;
	added->parent_id = below ? below->id : 1;
	m->serial = ++last_serial;
	return added;
}

bool mounts_remove(struct mounts *m, const char *guest)
{
	for (size_t i = m->count; i-- > 1;) {
		if (strcmp(m->list[i]->guest, guest) != 0)
			continue;
		talloc_free(m->list[i]);
		memmove(m->list + i, m->list + i + 1, (m->count - i - 1) * sizeof(*m->list));
		m->count--;
		m->serial = ++last_serial;
		return true;
	}
	return false;
}

const struct mount *mounts_at(const struct mounts *m, const char *guest, size_t length)
{
	for (size_t i = m->count; i-- > 0;)
		if (m->list[i]->guest_length == length && memcmp(m->list[i]->guest, guest, length) == 0)
			return m->list[i];
	return NULL;
}

/* Is `prefix` this path or a parent of it? */
static bool is_at_or_below(const char *path, const char *prefix, size_t length)
{
	if (length <= 1 && (length == 0 || prefix[0] == '/'))
		return true;
	return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

const struct mount *mounts_of(const struct mounts *m, const char *guest)
{
	const struct mount *best = NULL;
	for (size_t i = m->count; i-- > 0;) {
		const struct mount *at = m->list[i];
		if ((!best || at->guest_length > best->guest_length) &&
		    is_at_or_below(guest, at->guest, at->guest_length))
			best = at;
	}
	return best;
}

bool mounts_to_guest(const struct mounts *m, const char *host, char *guest, size_t room)
{
	const struct mount *best = NULL;
	for (size_t i = m->count; i-- > 0;) {
		const struct mount *at = m->list[i];
		if ((!best || at->host_length > best->host_length) &&
		    is_at_or_below(host, at->host, at->host_length))
			best = at;
	}
	if (!best)
		return false;
	const char *rest = host + best->host_length;
	size_t head = best->guest_length == 1 ? 0 : best->guest_length, tail = strlen(rest);
	if (head + tail + 2 > room)
		return false;
	memcpy(guest, best->guest, head);
	memcpy(guest + head, rest, tail + 1);
	while (head + tail > 1 && guest[head + tail - 1] == '/')
		guest[head + --tail] = '\0';
	if (head + tail == 0)
		strncpy(guest, "/", room);
	return true;
}
