/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of one lookup from guest path to host path, for path.c, walk.c, jump.c and prefixes.c alone; all others call
 * path_lookup.
 */
#ifndef FAKEBUILD_WALK_H
#define FAKEBUILD_WALK_H

#include "tracer/fast_prefixes.h"
#include "tracer/moves.h"
#include "tracer/path.h"

/* What is left to walk: a path, and what symlinks have put before it. */
enum { REST_ROOM = 16 * PATH_MAX };

struct walk {
	struct tracee *t;
	struct object *at;
	char rest[REST_ROOM];
	const char *root; /* ".." stops here */
	unsigned flags;
	unsigned links;
	size_t opaque; /* not 0: the walk began at a descriptor whose name is not known; length of its link */
	bool has_root;   /* the walk has had to know the root: by an absolute path, by ".." */
	bool is_from_tree; /* it began at a descriptor of trees.h: the kernel gets nowhere from there */
	bool is_checked; /* credentials that need a search check in every directory */
	bool is_cacheable;
	struct moves_since since;
	struct stat stood; /* of the directory where it stands, when is_seen */
	bool is_seen;
	const struct mount *first; /* LOOKUP_NO_XDEV: the mount that may not be left */
	/* The directory part as typed, for the shim's table; NULL: not (or no more) to be told. */
	const char *typed;
	size_t typed_length;
	enum fast_start from;
	char start[PATH_ROOM]; /* host path of a descriptor's directory */
};

/* ---- walk.c ---- */

void walk_set_guest(struct object *o, const char *guest);
void walk_set_host(struct object *o, const char *host);
/* Stand at a canonical guest path; no symlink is followed, none can be there.  0, -ENAMETOOLONG. */
int walk_locate(struct walk *w, const char *guest);
/* Stand at the root.  0 or -errno. */
int walk_from_root(struct walk *w);
/* Walk all that is left.  0 or -errno, as path_lookup. */
int walk_to_end(struct walk *w);
/* The path ends where the walk stands. */
int walk_finish_at_directory(struct walk *w);
/* The walk stands where the directory part leads: the shim may know. */
void walk_tell_shim(struct walk *w);
/* The length of the directory part. */
size_t walk_dir_part(const char *rest);

/* ---- jump.c ---- */

/* Stand where a relative path starts: at a directory's descriptor, or AT_FDCWD.  0 or -errno. */
int jump_to_descriptor(struct walk *w, int dir_fd);
/* Go on from the directory behind a magic link of the host's. */
int jump_to_link(struct walk *w, const char *link);
/* Stand at the root when that has no name: false when it has one, or the walk has another root than the process. */
bool jump_to_lost_root(struct walk *w);
/* Is that where the walk stands? */
bool jump_is_at_lost_root(const struct walk *w);
/* To the root of a tree: by its name, or when its mount is gone by none. */
int jump_to_tree(struct walk *w, unsigned tree);
/* The last component was the link to a process' program, whose name may lead elsewhere by now, or nowhere. */
int jump_to_program(struct walk *w, const struct process *program);
/* Does the link lead to a directory that has lost its name, which readlink then says? */
bool jump_is_to_lost(const char *link, const char *target);

/* ---- prefixes.c ---- */

/* Before a lookup: forget all when the generation has moved on. */
void prefixes_validate(void);
/* What the rest's directory part is known by from here, and its length; 0: it has none, or one too long. */
size_t prefixes_key(const struct walk *w, char *key, size_t room);
/* Stand where the directory part is known to lead; its name is left. */
bool prefixes_find(struct walk *w, const char *key, size_t length);
/* The directory part of this key led where the walk stands; not remembered when a directory lost its name meanwhile. */
void prefixes_store(const struct walk *w, const char *key, size_t length);
/* Before what is there is looked at: who removes it looks here behind that. */
void prefixes_watch(const char *host);
/* That, and all directories above it. */
void prefixes_watch_all(const char *host);

#endif
