/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the writer's half of the metadata table's inbox: what was left there goes into the table.  Its format is
 * in meta_format.h, its file inbox.c's.
 */
#include "tracer/base/meta_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/inbox.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

#ifdef __x86_64__
static bool remove_request(struct meta_request *at, struct meta_request what)
{
	return meta_swap_request(at, what, (struct meta_request){ 0, 0 });
}

/* Under the lock. */
static void empty_set(struct meta *m, unsigned number)
{
	struct meta_request *set = inbox_requests(m->inbox)->request[number];
	for (unsigned way = META_INBOX_WAYS; way-- > 0;) {
		struct meta_request r = meta_read_request(&set[way]);
		struct meta_entry entry;
		if (!r.what)
			continue;
		if (meta_take_request(number, &r, &entry))
			meta_put_locked(m, &entry);
		else
			meta_drop_locked(m, 0, entry.ino);
		/* Who looks finds it in the table by now. */
		way += !remove_request(&set[way], r);
	}
}

bool meta_is_full(const struct meta_inbox *inbox, ino_t ino)
{
	const struct meta_request *set = inbox->request[ino % META_INBOX_SETS];
	unsigned used = 0;
	for (unsigned way = 0; way < META_INBOX_WAYS; way++)
		used += set[way].what != 0;
	return used == META_INBOX_WAYS;
}

/* Of who was not heard of when *stored was made. */
static bool merge(const struct meta *m, unsigned set, const struct meta_request *r, struct meta_entry *stored)
{
	struct meta_entry theirs, old = *stored;
	const struct meta_entry *read = NULL;
	for (unsigned i = 0; i < META_READS; i++)
		read = m->reads[i].ino == stored->ino ? &m->reads[i].entry : read;
	/* That one's last name is gone changes nothing else, and may be of an earlier inode. */
	if (!read || !meta_take_request(set, r, &theirs) || theirs.marks)
		return false;
	stored->uid = stored->uid == read->uid ? theirs.uid : stored->uid;
	stored->gid = stored->gid == read->gid ? theirs.gid : stored->gid;
	stored->mode = stored->mode == read->mode ? theirs.mode : stored->mode;
	return stored->uid != old.uid || stored->gid != old.gid || stored->mode != old.mode;
}

bool meta_withdraw_requests(struct meta *m, uint64_t dev, ino_t ino, struct meta_entry *stored)
{
	bool is_changed = false;
	struct meta_request *set = m->inbox && !dev ? inbox_requests(m->inbox)->request[ino % META_INBOX_SETS] : NULL;
	for (unsigned way = META_INBOX_WAYS; set && way-- > 0;) {
		struct meta_request r = meta_read_request(&set[way]);
		if (!meta_is_request_of(&r, ino))
			continue;
		is_changed |= stored && merge(m, ino % META_INBOX_SETS, &r, stored);
		way += !remove_request(&set[way], r);
	}
	return is_changed;
}

void meta_empty_inbox(struct meta *m)
{
	meta_lock(m);
	for (unsigned set = 0; set < META_INBOX_SETS; set++)
		empty_set(m, set);
	meta_unlock(m);
}

static void set_has_inbox(struct meta *m, bool has_inbox)
{
	if (has_inbox)
		__atomic_fetch_or(&m->header->flags, META_HAS_INBOX, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&m->header->flags, ~(uint32_t)META_HAS_INBOX, __ATOMIC_SEQ_CST);
}

void meta_count_mode(struct meta *m)
{
	if (meta_find_inbox(m))
		__atomic_add_fetch(&inbox_requests(m->inbox)->modes, 1, __ATOMIC_SEQ_CST);
}

static char *inbox_path(struct meta *m)
{
	return mem_printf(NULL, "%s.inbox", m->path);
}

/* Nobody else uses it: there is none from now on. */
static void remove_inbox(struct meta *m)
{
	CLEANUP_TALLOC char *path = inbox_path(m);
	meta_empty_inbox(m);
	set_has_inbox(m, false);
	unlink(path);
	TALLOC_FREE(m->inbox);
}

void meta_leave_inbox(struct meta *m)
{
	if (m->inbox && inbox_claim(m->inbox) && !inbox_is_removed(m->inbox))
		remove_inbox(m);
}

const struct meta_inbox *meta_find_inbox(struct meta *m)
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
	if (!m->path || meta_find_inbox(m))
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
/* As version 1 had it: number << 16 | st_mode and gid << 32 | uid.  Who has it open was killed. */
void meta_upgrade_inbox(struct meta *m)
{
	static struct meta_request old[META_INBOX_SETS * META_INBOX_WAYS];
	CLEANUP_TALLOC char *path = inbox_path(m);
	CLEANUP_CLOSE int fd = m->header->flags & META_HAS_INBOX ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	size_t count = fd >= 0 && pread(fd, old, sizeof(old), 0) == sizeof(old) ? sizeof(old) / sizeof(*old) : 0;
	meta_lock(m);
	/* The first of an inode counts, and is put in last. */
	while (count-- > 0) {
		struct meta_entry entry = { .ino = old[count].what >> 16, .state = META_LIVE, .uid = (uint32_t)old[count].owner,
					    .gid = old[count].owner >> 32, .mode = old[count].what & 0177777 };
		if (old[count].what && (S_ISREG(entry.mode) || S_ISDIR(entry.mode) || S_ISLNK(entry.mode)))
			meta_put_locked(m, &entry);
		else if (old[count].what)
			meta_drop_locked(m, 0, entry.ino);
	}
	set_has_inbox(m, false);
	meta_unlock(m);
	unlink(path);
}
#else
void meta_leave_inbox(struct meta *m)
{
	(void)m;
}

const struct meta_inbox *meta_find_inbox(struct meta *m)
{
	(void)m;
	return NULL;
}

void meta_empty_inbox(struct meta *m)
{
	(void)m;
}

void meta_count_mode(struct meta *m)
{
	(void)m;
}

bool meta_is_full(const struct meta_inbox *inbox, ino_t ino)
{
	(void)inbox, (void)ino;
	return false;
}

bool meta_withdraw_requests(struct meta *m, uint64_t dev, ino_t ino, struct meta_entry *stored)
{
	(void)m, (void)dev, (void)ino, (void)stored;
	return false;
}

void meta_upgrade_inbox(struct meta *m)
{
	(void)m;
}

bool meta_make_inbox(struct meta *m)
{
	(void)m;
	return false;
}
#endif
