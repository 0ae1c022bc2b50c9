/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what files show by the metadata table: entries and defaults. */
#include "tracer/base/meta_table.h"

#include <sys/stat.h>

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
	entry->marks &= ~(uint32_t)META_MARKS_OF_WRITES;
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

/* What a change is made of. */
static void note_read(struct meta *m, const struct meta_entry *entry)
{
	if (!m->inbox || meta_key_dev(m, entry->dev))
		return;
	struct meta_read *to = NULL;
	for (unsigned i = 0; i < META_READS && !to; i++)
		to = m->reads[i].ino == entry->ino ? &m->reads[i] : NULL;
	to = to ? to : &m->reads[m->next_read++ % META_READS];
	to->ino = entry->ino;
	to->entry = *entry;
}

void meta_begin_inode(struct meta *m, const struct stat *real)
{
	for (unsigned i = 0; i < META_READS && !meta_key_dev(m, real->st_dev); i++)
		if (m->reads[i].ino == real->st_ino)
			m->reads[i].ino = 0;
}

void meta_get_or_default(struct meta *m, const struct stat *real, struct meta_entry *ret)
{
	if (!get_settled(m, real, ret))
		meta_default(m, real, ret);
	note_read(m, ret);
}

void meta_set(struct meta *m, const struct stat *real, const struct meta_entry *entry)
{
	struct meta_entry plain;
	meta_default(m, real, &plain);
	bool is_default = plain.uid == entry->uid && plain.gid == entry->gid && plain.mode == entry->mode &&
			  plain.rdev == entry->rdev && !entry->xattr && !entry->shown_ino && !entry->marks;
	meta_change(m, entry, is_default);
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
	entry.marks &= ~(uint32_t)META_MARK_UNNAMED;
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
