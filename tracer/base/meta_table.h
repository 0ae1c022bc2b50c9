/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up the metadata table share: meta.c (the file, the lock, entries), meta_inbox.c,
 * meta_view.c (what files show), meta_runs.c and meta_xattr.c.  Nobody else includes this; meta.h is the table's face.
 */
#ifndef FAKEBUILD_BASE_META_TABLE_H
#define FAKEBUILD_BASE_META_TABLE_H

#include "tracer/base/meta.h"

enum { META_READS = 8 };

/* An inode as the table and its inbox had it when it was last read: what a change made since then is told by. */
struct meta_read {
	uint64_t ino; /* of the root's device; 0: none */
	struct meta_entry entry; /* its default when it had none */
};

struct meta {
	struct meta_header *header; /* mapped, mapped_bytes long */
	size_t mapped_bytes;
	int fd, xattr_fd;
	char *path; /* NULL: of no name */
	struct inbox *inbox; /* NULL: there is none, or it was not looked at */
	dev_t root_dev;
	struct meta_owner owner;
	struct meta_read reads[META_READS];
	unsigned next_read;
};

struct meta_entry *meta_entries_of(struct meta_header *h);
/* Is it not for later runs of a META_OF_HOST table? */
bool meta_is_passing(const struct meta_entry *entry);
/* The device as entries have it. */
uint64_t meta_key_dev(const struct meta *m, dev_t dev);
/* Write: nobody else does until the unlocking, and who reads reads again. */
void meta_lock(struct meta *m);
void meta_unlock(struct meta *m);
/* Under the lock; the entry is as it is kept, but for its run. */
struct meta_entry *meta_find_locked(struct meta *m, uint64_t dev, ino_t ino);
void meta_put_locked(struct meta *m, const struct meta_entry *stored);
void meta_drop_locked(struct meta *m, uint64_t dev, ino_t ino);

/* Store this, made of what was read last, or no entry when the default says the same; what others have left meanwhile stays. */
void meta_change(struct meta *m, const struct meta_entry *entry, bool is_default);

/* The inbox, if there is one by now. */
const struct meta_inbox *meta_find_inbox(struct meta *m);
void meta_leave_inbox(struct meta *m);
/* What is in it is in the table then. */
void meta_empty_inbox(struct meta *m);
/* Who leaves requests of this inode would find no room. */
bool meta_is_full(const struct meta_inbox *inbox, ino_t ino);
/*
 * Under the lock, when the table is about to know better.  What a request changed that nobody here has read (`reads`), and
 * *stored has as it was read, goes into *stored; true: something did.  NULL: nothing counts any more.
 */
bool meta_withdraw_requests(struct meta *m, uint64_t dev, ino_t ino, struct meta_entry *stored);
/* The inbox at the table of version 1 was another; what is in it goes into the table. */
void meta_upgrade_inbox(struct meta *m);

#endif
