/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files of a build come from: a folder of the host (a context), or a workspace (a stage or an image).
 * One way to look at both.  Nothing of it can lead out of its root: names are walked one by one, from descriptor
 * to descriptor, and symlinks are followed by us, inside.
 */
#ifndef FAKEBUILD_BUILDER_SOURCE_H
#define FAKEBUILD_BUILDER_SOURCE_H

#include "builder/dockerfile/patterns.h"
#include "oci/layerdir.h"
#include "oci/workspace.h"
#include "tracer/base/meta.h"

struct source;

/* A folder of the host; owners are shown as 0:0.  The path stays the caller's. */
int source_of_folder(const void *ctx, const char *host_path, struct source **ret, struct error *err);
/*
 * One that was unpacked from a tar: owners, modes and devices are what the table at meta_path says
 * (context.h); no table: as source_of_folder.
 */
int source_of_unpacked(const void *ctx, const char *host_path, const char *meta_path, struct source **ret,
		       struct error *err);
struct source *source_of_workspace(const void *ctx, struct workspace *w);
bool source_is_context(const struct source *s);
/* Of a folder: its absolute host path, without symlinks.  NULL: a workspace. */
const char *source_host_path(const struct source *s);
struct workspace *source_workspace(const struct source *s); /* NULL: a folder */

/*
 * What these patterns exclude is not there; NULL: nothing.  They stay the caller's.  An excluded directory is
 * there when something below it is; until that is known (selection.h) it is taken to be.
 */
void source_hide(struct source *s, const struct patterns *ignored);
const struct patterns *source_hidden(const struct source *s);

/* Keep something of the caller's until it is replaced or the source goes; `value` becomes the source's. */
void source_keep(struct source *s, const void *key, void *value);
/* What was kept under this key; NULL: nothing. */
void *source_kept(const struct source *s, const void *key);

/* What root sees at a name. */
struct source_entry {
	const char *name;
	mode_t mode; /* with its type */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	int64_t size_bytes;
	int64_t mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec;
	uint64_t dev, ino; /* the same for two names of one inode */
	bool may_have_links;
	bool is_hidden; /* an excluded directory that is there if something included is in it */
	const struct node *node; /* of a workspace */
};

/* A place among the source's directories; one thread uses it.  It begins at the root. */
struct source_cursor;
int source_cursor_open(const void *ctx, struct source *s, struct source_cursor **ret, struct error *err);
/* Into a directory of this one, and out again.  0 or -errno: -ENOENT, -ENOTDIR, -ELOOP for a symlink, -EACCES. */
int source_enter(struct source_cursor *c, const char *name);
void source_leave(struct source_cursor *c);
/* To the directory at a path without symlinks, from the root.  0 or -errno. */
int source_go(struct source_cursor *c, const char *path);
unsigned source_depth(const struct source_cursor *c);
/* The path of the directory, "" at the root, without leading slash; valid until the cursor moves. */
const char *source_path(const struct source_cursor *c);
/* What is at a name of the directory, "." for itself; ret->name is `name`.  0 or -errno. */
int source_examine(struct source_cursor *c, const char *name, struct source_entry *ret);
/* All entries, sorted bytewise; names hang on *ret. */
int source_list(const void *ctx, struct source_cursor *c, struct source_entry **ret, unsigned *ret_count,
		struct error *err);
int source_read_link(const void *ctx, struct source_cursor *c, const struct source_entry *e, char **ret,
		     struct error *err);
/* A regular file, for reading; -1 with the sentence. */
int source_open_file(struct source_cursor *c, const struct source_entry *e, struct error *err);
/*
 * Attributes for a layer.  fd: the open file or directory, whose extended attributes are read (of a folder only
 * user.* and security.capability are anything of the file's own); -1: none.  They hang on ctx.
 */
int source_attributes(const void *ctx, struct source_cursor *c, const struct source_entry *e, int fd,
		      struct layer_attributes *ret, struct error *err);
/* The descriptor of the directory, of a folder; -1 of a workspace. */
int source_folder_fd(const struct source_cursor *c);

/*
 * The path without symlinks, relative, on ctx: `path` is clamped to the root however many ".." it has.
 * 0 or -errno: -ENOENT (also when it is hidden), -ENOTDIR, -ELOOP.
 */
int source_resolve(const void *ctx, struct source *s, const char *path, bool follows_last, char **ret);
/* Read a regular file of at most max_bytes by its path; *ret NULL when there is none. */
int source_read_text(const void *ctx, struct source *s, const char *path, size_t max_bytes, char **ret,
		     size_t *ret_size, struct error *err);

#endif
