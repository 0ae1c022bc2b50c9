/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns workspaces: the tree of a chain, and a root directory that follows it.  Nodes are the one record of what
 * the root was like: a snapshot changes those it took, so that the next one compares with what is there now.
 */
#include "oci/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/base.h"
#include "oci/materialize.h"
#include "oci/merge.h"
#include "oci/snapshot.h"
#include "oci/store_private.h"
#include "tracer/base/io.h"

enum { LINK_LIMIT = 40, PATH_ROOM = 65536 };

struct workspace {
	struct store *store;
	struct chain *chain;
	struct merged *merged; /* NULL until somebody looks */
	/* The root; `dir` NULL: there is none. */
	char *dir;
	int dir_lock, root_fd;
	struct meta *meta;
	struct workspace_root paths;
	struct timespec looked_at; /* when the nodes were last compared with the root */
};

/* ---- the root's life ---- */

static void remove_root(struct workspace *w)
{
	if (!w->dir)
		return;
	TALLOC_FREE(w->meta);
	close(w->root_fd);
	w->root_fd = -1;
	/* The work of removing its files need not be waited for. */
	pid_t pid = store_fork(w->dir_lock);
	if (pid <= 0)
		io_remove_tree(AT_FDCWD, w->dir);
	if (pid == 0)
		_exit(0);
	TALLOC_FREE(w->dir);
}

static int close_workspace(struct workspace *w)
{
	remove_root(w);
	return 0;
}

int workspace_open(const void *ctx, struct store *s, const struct chain *chain, struct workspace **ret,
		   struct error *err)
{
	(void)err;
	struct workspace *w = mem_new(ctx, struct workspace);
	w->store = s;
	w->chain = chain_copy(w, chain);
	w->root_fd = -1;
	talloc_set_destructor(w, close_workspace);
	*ret = w;
	return 0;
}

const struct chain *workspace_chain(const struct workspace *w)
{
	return w->chain;
}

static void removing(void *arg, const struct node *n)
{
	const struct workspace *w = arg;
	if (w->dir)
		materialize_removal(w->root_fd, n, w->meta);
}

static int merge(struct workspace *w, struct error *err)
{
	if (w->merged)
		return 0;
	struct merged *merged = merge_begin(w);
	for (unsigned i = 0; i < w->chain->count; i++) {
		if (merge_add(merged, w->store, w->chain->layers[i].folder, err) < 0) {
			talloc_free(merged);
			return -1;
		}
	}
	merged->removing = removing;
	merged->arg = w;
	w->merged = merged;
	return 0;
}

/* Forget what was done in the root since then, by dropping the root. */
static void workspace_drop_root(struct workspace *w)
{
	if (!w->dir)
		return;
	remove_root(w);
	/* The nodes tell of the root's inodes: begin anew. */
	TALLOC_FREE(w->merged);
}

int workspace_make_root(struct workspace *w, struct workspace_root *ret, struct error *err)
{
	struct stat st;
	if (w->dir) {
		materialize_wait_for_tick(&w->looked_at);
		*ret = w->paths;
		return 0;
	}
	if (merge(w, err) < 0 || store_make_locked_tmp(w, w->store, &w->dir, &w->dir_lock, err) < 0)
		return -1;
	w->paths = (struct workspace_root){
		.root = mem_printf(w->dir, "%s/root", w->dir),
		.meta_path = mem_printf(w->dir, "%s/meta", w->dir),
		.scratch = mem_printf(w->dir, "%s/scratch", w->dir),
		.stubs_path = mem_printf(w->dir, "%s/stubs", w->dir),
	};
	if (mkdir(w->paths.root, 0755) < 0 || mkdir(w->paths.scratch, 0700) < 0) {
		error_set(err, errno, "cannot make '%s'", w->paths.root);
		goto failed;
	}
	w->root_fd = open(w->paths.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->root_fd < 0 || fstat(w->root_fd, &st) < 0) {
		error_set(err, errno, "cannot open '%s'", w->paths.root);
		goto failed;
	}
	if (meta_open(w, w->paths.meta_path, st.st_dev, META_SHARED_LAYERS, &w->meta, err) < 0 ||
	    materialize(w->merged, w->paths.root, w->meta, err) < 0)
		goto failed;
	*ret = w->paths;
	return 0;
failed:
	workspace_drop_root(w);
	return -1;
}

int workspace_push(struct workspace *w, const char *snapshot_id, struct error *err)
{
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "snapshots/%s", snapshot_id);
	if (w->merged && merge_add(w->merged, w->store, folder, err) < 0)
		return -1;
	chain_push(w->chain, snapshot_id);
	if (!w->dir)
		return 0;
	/* A link to a file of a lower layer changes what stands for that file: make the root anew. */
	if (w->merged->has_lower_links) {
		workspace_drop_root(w);
		return 0;
	}
	return materialize(w->merged, w->paths.root, w->meta, err);
}

struct meta *workspace_meta(struct workspace *w)
{
	return w->meta;
}

/* ---- taking what changed ---- */

static struct node *find_made(struct workspace *w, const char *path, bool makes)
{
	struct node *at = nodes_root(w->merged->tree);
	for (const char *part = path; at && *part;) {
		size_t length = strcspn(part, "/");
		struct node *child = nodes_child(w->merged->tree, at, part, length);
		if (!child && makes)
			child = nodes_add(w->merged->tree, at, part, length);
		at = child;
		part += length + strspn(part + length, "/");
	}
	return at;
}

static bool is_directory(const struct node *n)
{
	return n->kind == TREE_DIRECTORY || n->kind == TREE_IMPLIED;
}

/* What the root has at the path, into its node. */
static int absorb(struct workspace *w, const char *path, struct error *err)
{
	struct stat st;
	struct meta_entry entry;
	char target[PATH_MAX];
	if (fstatat(w->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, errno, "cannot examine '/%s' in the root", path);
	struct node *n = find_made(w, path, true);
	if (!S_ISDIR(st.st_mode))
		nodes_remove_children(w->merged->tree, n);
	meta_get_or_default(w->meta, &st, &entry);
	base_note(n, w->meta, &entry);
	n->kind = S_ISDIR(st.st_mode) ? TREE_DIRECTORY : S_ISLNK(st.st_mode) ? TREE_SYMLINK :
		  S_ISFIFO(st.st_mode) ? TREE_FIFO : TREE_FILE;
	if (n->kind == TREE_SYMLINK) {
		ssize_t size = readlinkat(w->root_fd, path, target, sizeof(target) - 1);
		target[size < 0 ? 0 : size] = '\0';
		n->target = nodes_strdup(w->merged->tree, target);
	}
	n->is_private = n->kind != TREE_DIRECTORY && !meta_is_shared(w->meta, &st);
	n->has_entry = meta_get(w->meta, st.st_dev, st.st_ino, &entry);
	n->is_made = n->is_known = true;
	n->layer = w->merged->layer_count - 1;
	n->source = nodes_strdup(w->merged->tree, path);
	n->ino = st.st_ino;
	n->size_bytes = st.st_size;
	n->mtime_sec = st.st_mtim.tv_sec;
	n->mtime_nsec = st.st_mtim.tv_nsec;
	n->ctime_sec = st.st_ctim.tv_sec;
	n->ctime_nsec = st.st_ctim.tv_nsec;
	return 0;
}

/* The directory that had a name less or more has other times. */
static void absorb_parent(struct workspace *w, const char *path)
{
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, path);
	struct stat st;
	char *slash = strrchr(parent, '/');
	*(slash ? slash : parent) = '\0';
	struct node *n = find_made(w, parent, false);
	if (!n || fstatat(w->root_fd, *parent ? parent : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	n->mtime_sec = st.st_mtim.tv_sec;
	n->mtime_nsec = st.st_mtim.tv_nsec;
	n->ctime_sec = st.st_ctim.tv_sec;
	n->ctime_nsec = st.st_ctim.tv_nsec;
}

static int absorb_all(struct workspace *w, const struct change *changes, unsigned count, struct error *err)
{
	/* What is gone first: a name may have come back as something else. */
	for (unsigned i = 0; i < count; i++) {
		struct node *n = changes[i].kind == CHANGE_DELETED ? find_made(w, changes[i].path + 1, false) : NULL;
		if (n)
			nodes_remove(w->merged->tree, n);
	}
	for (unsigned i = 0; i < count; i++) {
		if (changes[i].kind != CHANGE_DELETED && absorb(w, changes[i].path + 1, err) < 0)
			return -1;
		absorb_parent(w, changes[i].path + 1);
	}
	return 0;
}

static int open_old(void *arg, const struct node *n)
{
	struct error ignored = ERROR_INIT;
	return n->kind == TREE_FILE && n->source ? workspace_open_file(arg, n, &ignored) : -1;
}

int workspace_take(const void *ctx, struct workspace *w, char **ret_id, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct diff_root r = { .root = w->paths.root, .base = w->merged->tree, .meta = w->meta,
			       .stubs = diff_read_stubs(scratch, w->paths.stubs_path),
			       .ignores_directory_times = true, .open_old = open_old, .arg = w };
	struct change *changes;
	unsigned count;
	char *id;
	if (diff_root(scratch, &r, &changes, &count, err) < 0 ||
	    snapshot_make(scratch, w->store, &r, changes, count, SNAPSHOT_TAKES, &id, err) < 0)
		return -1;
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "snapshots/%s", id);
	if (merge_add_source(w->merged, w->store, folder, err) < 0)
		return -1;
	chain_push(w->chain, id);
	if (absorb_all(w, changes, count, err) < 0)
		return -1;
	clock_gettime(CLOCK_REALTIME_COARSE, &w->looked_at);
	*ret_id = mem_strdup(ctx, id);
	return 0;
}

/* ---- looking ---- */

struct nodes *workspace_tree(struct workspace *w, struct error *err)
{
	return merge(w, err) < 0 ? NULL : w->merged->tree;
}

/* A walk through the tree: as far as nodes go, `at` is one; then `missing` holds the names behind it. */
struct walk {
	struct node *at;
	char *missing;
	int number;
};

static void step_up(struct walk *walk)
{
	char *slash = strrchr(walk->missing, '/');
	if (*walk->missing)
		*(slash ? slash : walk->missing) = '\0';
	else if (walk->at->parent)
		walk->at = walk->at->parent;
}

static void walk_path(struct workspace *w, const char *guest_path, bool follows_last, struct walk *walk)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *rest = mem_strdup(scratch, guest_path);
	unsigned links = 0;
	walk->at = nodes_root(w->merged->tree);
	walk->missing = mem_strdup(scratch, "");
	walk->number = 0;
	for (const char *part = rest; *(part += strspn(part, "/"));) {
		size_t length = strcspn(part, "/");
		const char *next = part + length;
		if (length == 2 && part[0] == '.' && part[1] == '.') {
			step_up(walk);
		} else if (length != 1 || part[0] != '.') {
			struct node *child = *walk->missing ? NULL : nodes_child(w->merged->tree, walk->at, part, length);
			bool is_last = !next[strspn(next, "/")];
			if (child && child->kind == TREE_SYMLINK && (!is_last || follows_last)) {
				if (++links > LINK_LIMIT) {
					walk->number = ELOOP;
					break;
				}
				rest = mem_printf(scratch, "%s/%s", child->target, next);
				if (child->target[0] == '/')
					walk->at = nodes_root(w->merged->tree);
				part = rest;
				continue;
			}
			if (child) {
				walk->at = child;
			} else {
				if (!walk->number)
					walk->number = is_directory(walk->at) ? ENOENT : ENOTDIR;
				walk->missing = mem_append(walk->missing, "%s%.*s", *walk->missing ? "/" : "",
							   (int)length, part);
			}
		}
		part = next;
	}
	walk->missing = talloc_steal(NULL, walk->missing);
}

struct node *workspace_find(struct workspace *w, const char *guest_path, bool follows_last, int *ret_number)
{
	struct error ignored = ERROR_INIT;
	struct walk walk;
	if (merge(w, &ignored) < 0) {
		if (ret_number)
			*ret_number = EIO;
		return NULL;
	}
	walk_path(w, guest_path, follows_last, &walk);
	CLEANUP_TALLOC char *missing = walk.missing;
	if (!*missing && walk.number != ELOOP)
		return walk.at;
	if (ret_number)
		*ret_number = walk.number;
	return NULL;
}

char *workspace_resolve(const void *ctx, struct workspace *w, const char *guest_path, bool follows_last)
{
	struct error ignored = ERROR_INIT;
	CLEANUP_TALLOC char *found = NULL;
	struct walk walk;
	if (merge(w, &ignored) < 0)
		return NULL;
	walk_path(w, guest_path, follows_last, &walk);
	CLEANUP_TALLOC char *missing = walk.missing;
	found = mem_array(NULL, char, PATH_ROOM);
	if (walk.number == ELOOP || !nodes_path(walk.at, found, PATH_ROOM))
		return NULL;
	return mem_printf(ctx, "%s%s%s", found, *found && *missing ? "/" : "", missing);
}

static struct merged_layer *layer_of(struct workspace *w, const struct node *n)
{
	return n->layer < w->merged->layer_count ? &w->merged->layers[n->layer] : NULL;
}

int workspace_attributes(const void *ctx, struct workspace *w, const struct node *n, struct layer_attributes *ret,
			 struct error *err)
{
	const struct merged_layer *layer = layer_of(w, n);
	struct stat st = { .st_mtim = { n->mtime_sec, n->mtime_nsec } };
	struct meta_entry entry = { .mode = n->mode, .uid = n->uid, .gid = n->gid, .rdev = n->rdev };
	static const mode_t types[] = { [TREE_DIRECTORY] = S_IFDIR, [TREE_IMPLIED] = S_IFDIR, [TREE_FILE] = S_IFREG,
					[TREE_SYMLINK] = S_IFLNK, [TREE_FIFO] = S_IFIFO };
	(void)err;
	if (n->is_known) {
		if (n->has_entry && fstat(w->root_fd, &st) == 0)
			meta_get(w->meta, st.st_dev, n->ino, &entry);
		st.st_mtim = (struct timespec){ n->mtime_sec, n->mtime_nsec };
		layer_attributes_of(ctx, w->meta, &entry, &st, ret);
		return 0;
	}
	/* The layer's default: real bits, and the owner's write bit that sharing took. */
	entry.mode = types[n->kind] | (n->kind == TREE_SYMLINK ? 0777 : n->mode & 0777) |
		     (n->kind == TREE_FILE ? 0200 : 0);
	entry.uid = entry.gid = 0;
	if (n->has_entry && layer)
		meta_get(layer->meta, layer->dev, n->ino, &entry);
	layer_attributes_of(ctx, layer ? layer->meta : NULL, &entry, &st, ret);
	return 0;
}

int workspace_open_file(struct workspace *w, const struct node *n, struct error *err)
{
	const struct merged_layer *layer = layer_of(w, n);
	char path[PATH_MAX] = "";
	if (n->kind != TREE_FILE || !layer || !n->source) {
		nodes_path(n, path, sizeof(path));
		return error_set(err, 0, "'/%s' is not a regular file", path);
	}
	/* Names in a layer's own fs/ are without symlinks but for the last. */
	int fd = openat(layer->fs_fd, n->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot open '/%s' of a layer", n->source) : fd;
}

bool workspace_is_same_inode(const struct node *a, const struct node *b)
{
	return a->ino == b->ino && (a->is_known ? b->is_known : !b->is_known && a->layer == b->layer);
}
