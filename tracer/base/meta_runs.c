/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what of the metadata table outlasts a run: runs are counted, and entries met, changed or dropped by that. */
#include "tracer/base/meta_table.h"

#include <sys/stat.h>

#include "tracer/base/birth.h"

void meta_begin_run(struct meta *m)
{
	enum { RUNS = UINT16_MAX };
	struct meta_header *h = m->header;
	if (h->flags & (META_SHARED_LAYERS | META_PLAIN))
		return;
	meta_lock(m);
	h = m->header;
	for (uint64_t i = 0; h->run >= RUNS && i < h->capacity; i++)
		meta_entries_of(h)[i].run = 0;
	h->run = h->run % RUNS + 1;
	__atomic_fetch_or(&h->flags, META_HAS_RUNS, __ATOMIC_SEQ_CST);
	meta_unlock(m);
}

uint32_t meta_birth_of(const struct meta *m, const char *host, bool follows, dev_t dev)
{
	return birth_of(host, follows, dev, m->header->flags & META_OF_HOST);
}

/*
 * A host's file has the permissions of its entry since modes_pay (tracer/modes.h), or those and what its owner needs to work
 * on it.  With others somebody has changed them who keeps no table.
 */
static bool has_other_permissions(const struct meta_entry *entry, mode_t real)
{
	enum { PERMISSIONS = 0777 };
	mode_t needed = S_ISDIR(real) ? S_IRWXU : S_IRUSR | S_IWUSR, shown = entry->mode & PERMISSIONS;
	bool is_ours = (S_ISREG(real) || S_ISDIR(real)) && (real & S_IFMT) == (entry->mode & S_IFMT);
	real &= 07777;
	return is_ours && !(entry->marks & META_MARKS_OF_WRITES) && (real & PERMISSIONS) != shown &&
	       (real & PERMISSIONS) != (shown | needed);
}

/* What another process may have dropped or met meanwhile is not ours to say. */
static void meet(struct meta *m, const struct meta_entry *entry, uint32_t birth, mode_t real)
{
	uint64_t key = meta_key_dev(m, entry->dev);
	meta_lock(m);
	struct meta_entry *slot = meta_find_locked(m, key, entry->ino);
	if (slot && slot->run == entry->run) {
		if (!meta_is_same_birth(slot->birth, birth)) {
			meta_drop_locked(m, key, entry->ino);
		} else {
			slot->birth = birth ? birth : slot->birth;
			slot->run = m->header->run;
			if ((m->header->flags & META_OF_HOST) && has_other_permissions(slot, real))
				slot->mode = (slot->mode & ~(uint32_t)07777) | (real & 07777);
		}
	}
	meta_unlock(m);
}

void meta_meet(struct meta *m, const char *host, bool follows, const struct stat *real, uint32_t birth)
{
	struct meta_entry entry;
	const struct meta_header *h = m->header;
	if (!(h->flags & META_HAS_RUNS) || !meta_get(m, real->st_dev, real->st_ino, &entry) || meta_is_met(m->header, &entry))
		return;
	meet(m, &entry, birth ? birth : meta_birth_of(m, host, follows, real->st_dev), real->st_mode);
}

bool meta_is_passing(const struct meta_entry *entry)
{
	return !entry->birth || (entry->marks & META_MARK_UNNAMED);
}

static void empty_inbox(struct meta *m)
{
	if (meta_find_inbox(m))
		meta_empty_inbox(m);
}

void meta_drop_passing(struct meta *m)
{
	empty_inbox(m);
	if (!(m->header->flags & META_HAS_PASSING))
		return;
	meta_lock(m);
	const struct meta_entry *entries = meta_entries_of(m->header);
	for (uint64_t i = 0; i < m->header->capacity; i++)
		if (entries[i].state == META_LIVE && meta_is_passing(&entries[i]))
			meta_drop_locked(m, entries[i].dev, entries[i].ino);
	__atomic_fetch_and(&m->header->flags, ~(uint32_t)META_HAS_PASSING, __ATOMIC_SEQ_CST);
	meta_unlock(m);
}

uint64_t meta_drop_unmet(struct meta *m, uint32_t first_run, bool is_dry_run)
{
	uint64_t count = 0;
	empty_inbox(m);
	meta_lock(m);
	const struct meta_entry *entries = meta_entries_of(m->header);
	for (uint64_t i = 0; i < m->header->capacity; i++) {
		if (entries[i].state != META_LIVE || entries[i].run >= first_run)
			continue;
		count++;
		if (!is_dry_run)
			meta_drop_locked(m, entries[i].dev, entries[i].ino);
	}
	meta_unlock(m);
	return count;
}
