/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a source one word of a COPY takes: a file, or a directory and what is in it, as one list in the order
 * of a walk.  And the digests of the files' contents, of which most are known from the build before.
 */
#ifndef FAKEBUILD_BUILDER_SELECTION_H
#define FAKEBUILD_BUILDER_SELECTION_H

#include "builder/build/source.h"

struct pick {
	struct source_entry entry; /* its name hangs on the selection */
	unsigned parent;           /* index of the directory that holds it; of the first, itself */
	unsigned end;              /* index behind the last pick below it */
	unsigned link_of;          /* 1 + index of an earlier name of the same inode; 0: none */
	bool has_links;            /* others are its links */
	bool is_delayed;           /* not wanted itself: a directory for the sake of what is in it */
	char *target;              /* of a symlink */
	const struct archive_xattr *xattrs; /* but of a folder's files: those are read when the file is open */
	unsigned xattr_count;
	unsigned char hash[32]; /* of a regular file, once it was hashed: of its attributes and content */
};

struct selection {
	struct source *source;
	char *folder; /* path of pick 0 when that is a directory, else of what holds it */
	struct pick *picks;
	unsigned count; /* 0: there is nothing at the path after all, all of it is excluded */
};

/*
 * What is at a resolved path (source_resolve).  include: only what matches it, and the directories above that;
 * exclude: not what matches it; both are matched against paths relative to that directory, both may be NULL.
 * Sockets are left out.
 */
int selection_make(const void *ctx, struct source *s, const char *path, const struct patterns *include,
		   const struct patterns *exclude, struct selection **ret, struct error *err);

/* A cursor that goes from directory to directory of the list. */
struct selection_cursor;
int selection_cursor_open(const void *ctx, const struct selection *selection, struct selection_cursor **ret,
			  struct error *err);
/* To the directory that holds pick i, or (of a directory) to itself; the cursor is good until the next move. */
int selection_move(struct selection_cursor *c, unsigned i, bool to_itself, struct source_cursor **ret,
		   struct error *err);

/*
 * Fill in the hashes of all regular files.  Those of contexts are remembered in the store by device, inode, size
 * and times, those of layers by the layer; what changed in the last seconds is not.  Several threads.
 */
int selection_hash(struct selection *selection, struct store *s, struct error *err);

#endif
