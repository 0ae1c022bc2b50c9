/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: containers/<id>/{root,meta,meta.xattr,state.json,base,scratch,lock}.  `root` is a tree of
 * its own directories whose files are hard links into the layers (single-name files; a hard link set
 * of the image is copied once and linked within the root, so that link counts are right; where links
 * do not work, copies).  `meta` is the container's metadata table with META_SHARED_LAYERS.
 * `base` is what the diff compares with: per directory its inode and ctime, per entry its inode, and a
 * copy of the table as it was.
 */
#ifndef FAKEBUILD_OCI_CONTAINER_H
#define FAKEBUILD_OCI_CONTAINER_H

#include "oci/derive.h"
#include "oci/store.h"

struct container {
	char *id;   /* 64 hex digits */
	char *name; /* NULL: unnamed */
	char *dir;  /* absolute path of containers/<id> */
	char *root; /* dir/root */
	char *meta_path;
	char *scratch; /* dir/scratch: same file system as root, for copies before they are renamed in */
	char *image_name, *image_digest; /* manifest digest of what it was made from; name may be NULL */
	char *command;                   /* for ps: argv joined by blanks */
	char *created;                   /* RFC 3339 */
	const struct strlist *words;     /* the command line of `run` or `create`, and where it was given: to start it again */
	char *working_dir;               /* both may be NULL */
	int pid;       /* of the fakebuild that runs it, 0: not running (checked against its start time) */
	int exit_code; /* of the last run, 128 and SIGKILL when its fakebuild was killed; -1 never ran */
	int lock_fd;   /* held by who made it, so that a kill shows wherever its process cannot be seen; else -1 */
};

/*
 * Make a container from an image whose layers are unpacked.  `name` must be free, else an error.  It is in
 * use until *ret is freed.
 */
int container_create(const void *ctx, struct store *s, const struct image *image, const char *image_name,
		     const char *name, struct container **ret, struct error *err);
/* By name, id, or prefix of an id; *ret NULL when there is none. */
int container_find(const void *ctx, struct store *s, const char *name_or_id, struct container **ret,
		   struct error *err);
int container_list(const void *ctx, struct store *s, struct container ***ret, unsigned *ret_count,
		   struct error *err);
/* Record that this process runs it (pid, command), unless another does by now; or that it ended. */
int container_set_running(struct store *s, struct container *c, const char *command, struct error *err);
int container_set_exited(struct store *s, struct container *c, int exit_code, struct error *err);
/* It is kept for a later start: nothing runs in it, and without a name it is called as its id begins. */
int container_set_created(struct container *c, const char *command, struct error *err);
/* The new name must be free. */
int container_rename(struct store *s, struct container *c, const char *name, struct error *err);
/* Rename into tmp/ at once, remove the tree in a background process when that takes long. */
int container_remove(struct store *s, struct container *c, struct error *err);

/* Unnamed, and its fakebuild was killed: nobody can want it. */
bool container_is_left_over(const struct container *c);
/* Remove those, or only count them. */
int container_remove_left_overs(struct store *s, bool is_dry_run, unsigned *ret_count, struct error *err);

/* One difference from the image, in the order a layer tar would have it. */
enum change_kind { CHANGE_ADDED = 'A', CHANGE_MODIFIED = 'C', CHANGE_DELETED = 'D' };
struct change {
	enum change_kind kind;
	char *path; /* absolute in the guest */
};
int container_diff(const void *ctx, const struct container *c, struct change **ret, unsigned *ret_count,
		   struct error *err);
/* Make a layer of its changes, derive the image, tag it with name (NULL: untagged). */
int container_commit(const void *ctx, struct store *s, const struct container *c, const char *name,
		     const struct image_changes *changes, struct image **ret, struct error *err);
/* The whole root as one tar with root's owners and modes, to a descriptor (docker export). */
int container_export(const struct container *c, int fd, struct error *err);

#endif
