/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the way from a merged tree to directories.  A file with one name in the image is linked; files
 * with several are copied once and linked among themselves, so that link counts are the image's own.
 */
#include "oci/materialize.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "oci/base.h"
#include "tracer/base/io.h"

enum { THREADS_MAX = 8, BATCH_FILES = 256, PATH_ROOM = 65536 };

struct builder {
	struct merged *merged;
	struct meta *meta;
	int root_fd;
	unsigned first_layer; /* of those that are being put in */
	/* Inodes of the layers that more than one name has: open addressing by (layer, ino). */
	struct multiple {
		uint64_t ino;
		unsigned layer, names;
		struct node *first; /* made already */
	} *multiples;
	uint64_t capacity, used;
	char path[PATH_ROOM];
};

static struct multiple *find_multiple(struct builder *b, unsigned layer, uint64_t ino)
{
	uint64_t i = (ino * 0x9e3779b97f4a7c15ull ^ layer) >> 7 & (b->capacity - 1);
	while (b->multiples[i].names && (b->multiples[i].ino != ino || b->multiples[i].layer != layer))
		i = (i + 1) & (b->capacity - 1);
	return &b->multiples[i];
}

static void count_names(struct builder *b, const struct node *n)
{
	for (const struct node *child = n->children; child; child = child->next) {
		if (child->kind == TREE_DIRECTORY || child->kind == TREE_IMPLIED) {
			count_names(b, child);
			continue;
		}
		if (child->is_known)
			continue;
		if (2 * ++b->used > b->capacity) {
			struct multiple *old = b->multiples;
			uint64_t old_capacity = b->capacity;
			b->capacity *= 4;
			b->multiples = mem_array(b, struct multiple, b->capacity);
			for (uint64_t i = 0; i < old_capacity; i++)
				if (old[i].names)
					*find_multiple(b, old[i].layer, old[i].ino) = old[i];
			talloc_free(old);
		}
		struct multiple *m = find_multiple(b, child->layer, child->ino);
		m->ino = child->ino;
		m->layer = child->layer;
		m->names++;
	}
}

static int fail(struct builder *b, const struct node *n, int number, struct error *err)
{
	if (!nodes_path(n, b->path, sizeof(b->path)))
		memcpy(b->path, n->name, strlen(n->name) + 1);
	return error_set(err, number, "cannot make '/%s' in the container", b->path);
}

/* The layer's entry for the node, as one for the inode that now stands for it. */
static void layer_entry(struct builder *b, const struct node *n, const struct stat *made, struct meta_entry *ret)
{
	struct merged_layer *layer = &b->merged->layers[n->layer];
	struct meta_entry theirs;
	meta_default(b->meta, made, ret);
	if (n->has_entry && meta_get(layer->meta, layer->dev, n->ino, &theirs)) {
		ret->uid = theirs.uid;
		ret->gid = theirs.gid;
		ret->mode = theirs.mode;
		ret->rdev = theirs.rdev;
		meta_xattr_copy(b->meta, ret, layer->meta, &theirs);
	} else {
		ret->uid = ret->gid = 0;
		/* The layer's default: real bits, and the owner's write bit that sharing took. */
		if (n->kind == TREE_FILE)
			ret->mode = S_IFREG | (n->mode & 0777) | 0200;
		else if (n->kind != TREE_SYMLINK)
			ret->mode = (made->st_mode & S_IFMT) | (n->mode & 0777);
	}
}

static void note_made(struct builder *b, struct node *n, const struct stat *made)
{
	struct meta_entry entry;
	layer_entry(b, n, made, &entry);
	meta_set(b->meta, made, &entry);
	base_note(n, b->meta, &entry);
	n->has_entry = meta_get(b->meta, made->st_dev, made->st_ino, &entry);
	n->ino = made->st_ino;
	n->size_bytes = made->st_size;
	n->mtime_sec = made->st_mtim.tv_sec;
	n->mtime_nsec = made->st_mtim.tv_nsec;
	n->ctime_sec = made->st_ctim.tv_sec;
	n->ctime_nsec = made->st_ctim.tv_nsec;
	n->is_known = true;
}

static int set_mtime(int dir_fd, const struct node *n)
{
	struct timespec times[2] = { { n->mtime_sec, n->mtime_nsec }, { n->mtime_sec, n->mtime_nsec } };
	return utimensat(dir_fd, n->name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_file(struct builder *b, int dir_fd, struct node *n, struct error *err)
{
	CLEANUP_CLOSE int from = openat(b->merged->layers[n->layer].fs_fd, n->source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return fail(b, n, errno, err);
	CLEANUP_CLOSE int to = openat(dir_fd, n->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (n->mode & 0777) | 0600);
	if (to < 0)
		return fail(b, n, errno, err);
	int r = io_copy_bytes(from, to);
	struct stat st;
	if (r == 0 && (set_mtime(dir_fd, n) < 0 || fstat(to, &st) < 0))
		r = -errno;
	if (r < 0)
		return fail(b, n, -r, err);
	n->is_private = true;
	note_made(b, n, &st);
	return 0;
}

static int link_shared(struct builder *b, int dir_fd, struct node *n, struct error *err)
{
	struct merged_layer *layer = &b->merged->layers[n->layer];
	if (!n->is_made && linkat(layer->fs_fd, n->source, dir_fd, n->name, 0) < 0) {
		/* Another file system, too many links, links refused: a copy does. */
		if (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP)
			return copy_file(b, dir_fd, n, err);
		return fail(b, n, errno, err);
	}
	struct meta_entry entry;
	if (n->has_entry && meta_get(layer->meta, layer->dev, n->ino, &entry)) {
		struct meta_entry ours = entry;
		meta_xattr_copy(b->meta, &ours, layer->meta, &entry);
		meta_put(b->meta, &ours);
		base_note(n, b->meta, &ours);
	} else {
		n->has_entry = false;
		n->mode = S_IFREG | (n->mode & 0777) | 0200;
	}
	n->is_known = true;
	return 0;
}

static int make_other(struct builder *b, int dir_fd, struct node *n, struct error *err)
{
	struct stat st;
	int r = n->is_made		? 0 :
		n->kind == TREE_SYMLINK ? symlinkat(n->target, dir_fd, n->name) :
					  mkfifoat(dir_fd, n->name, (n->mode & 0777) | 0600);
	if (r < 0 || set_mtime(dir_fd, n) < 0 || fstatat(dir_fd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(b, n, errno, err);
	n->is_private = true;
	note_made(b, n, &st);
	return 0;
}

static int make_entry(struct builder *b, int dir_fd, struct node *n, struct error *err)
{
	struct multiple *m = find_multiple(b, n->layer, n->ino);
	if (m->names < 2)
		return n->kind == TREE_FILE ? link_shared(b, dir_fd, n, err) : make_other(b, dir_fd, n, err);
	if (!m->first) {
		int r = n->kind == TREE_FILE ? copy_file(b, dir_fd, n, err) : make_other(b, dir_fd, n, err);
		m->first = n;
		return r;
	}
	if (!nodes_path(m->first, b->path, sizeof(b->path)))
		return fail(b, n, ENAMETOOLONG, err);
	if (linkat(b->root_fd, b->path, dir_fd, n->name, 0) < 0)
		return fail(b, n, errno, err);
	const char *name = n->name;
	struct node *parent = n->parent, *next = n->next, *hash_next = n->hash_next;
	*n = *m->first;
	n->name = name;
	n->parent = parent;
	n->next = next;
	n->hash_next = hash_next;
	n->children = NULL;
	return 0;
}

/* ---- names, several at once ---- */

/*
 * Nearly all the time goes into linkat and symlinkat, which the kernel runs side by side.  A batch is some files of one
 * directory.  Threads touch the file system and is_made only; what they could not make the walk that
 * comes after them makes itself, or says why not.
 */
struct linking {
	struct builder *builder;
	struct batch {
		struct node *directory, *first;
	} *batches;
	size_t count, room;
	size_t next; /* atomic */
};

static bool make_name(struct builder *b, int dir_fd, const struct node *n)
{
	if (n->is_known)
		return true;
	if (find_multiple(b, n->layer, n->ino)->names > 1)
		return false;
	if (n->kind == TREE_FILE)
		return linkat(b->merged->layers[n->layer].fs_fd, n->source, dir_fd, n->name, 0) == 0;
	return n->kind == TREE_SYMLINK && symlinkat(n->target, dir_fd, n->name) == 0;
}

/* Is there anything to be made in this directory or below? */
static bool has_unknown(const struct node *n)
{
	for (const struct node *child = n->children; child; child = child->next)
		if (!child->is_known || has_unknown(child))
			return true;
	return false;
}

static int make_directories(struct linking *l, int fd, struct node *n, struct error *err)
{
	size_t files = 0;
	for (struct node *child = n->children; child; child = child->next) {
		if (child->kind != TREE_DIRECTORY && child->kind != TREE_IMPLIED) {
			if (child->is_known || files++ % BATCH_FILES != 0)
				continue;
			if (l->count == l->room) {
				l->room = l->room ? 2 * l->room : 1024;
				l->batches = mem_grow(l->builder, l->batches, struct batch, l->room);
			}
			l->batches[l->count++] = (struct batch){ n, child };
			continue;
		}
		if (!child->is_made && mkdirat(fd, child->name, (child->mode & 0777) | 0700) < 0)
			return fail(l->builder, child, errno, err);
		child->is_made = true;
		if (!child->children || !has_unknown(child))
			continue;
		CLEANUP_CLOSE int child_fd = openat(fd, child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child_fd < 0)
			return fail(l->builder, child, errno, err);
		if (make_directories(l, child_fd, child, err) < 0)
			return -1;
	}
	return 0;
}

static void link_batch(struct linking *l, const struct batch *batch, char path[PATH_ROOM])
{
	struct builder *b = l->builder;
	if (!nodes_path(batch->directory, path, PATH_ROOM))
		return;
	CLEANUP_CLOSE int fd = openat(b->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t files = 0;
	for (struct node *child = batch->first; fd >= 0 && child && files < BATCH_FILES; child = child->next) {
		if (child->is_known || child->kind == TREE_DIRECTORY || child->kind == TREE_IMPLIED)
			continue;
		files++;
		child->is_made = make_name(b, fd, child);
	}
}

static void *link_batches(void *arg)
{
	struct linking *l = arg;
	size_t i = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	char *room = malloc(PATH_ROOM);
	while (room && i < l->count) {
		link_batch(l, &l->batches[i], room);
		i = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	}
	free(room);
	return NULL;
}

static void link_all(struct linking *l)
{
	long wanted = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[THREADS_MAX];
	bool is_running[THREADS_MAX] = { false };
	for (long i = 1; i < wanted && i < THREADS_MAX && (size_t)i < l->count; i++)
		is_running[i] = pthread_create(&threads[i], NULL, link_batches, l) == 0;
	link_batches(l);
	for (unsigned i = 1; i < THREADS_MAX; i++)
		if (is_running[i])
			pthread_join(threads[i], NULL);
}

/* ---- all else, in order ---- */

/* The directory's own time last: making its entries changed it. */
static int complete_directory(struct builder *b, int fd, struct node *n, bool has_nodes, struct error *err)
{
	struct timespec times[2] = { { n->mtime_sec, n->mtime_nsec }, { n->mtime_sec, n->mtime_nsec } };
	struct stat st;
	if ((!n->is_known && fchmod(fd, (n->mode & 0777) | 0700) < 0) ||
	    ((n->kind == TREE_DIRECTORY || n->is_known) && futimens(fd, times) < 0) || fstat(fd, &st) < 0)
		return fail(b, n, errno, err);
	if (n->is_known) {
		n->ctime_sec = st.st_ctim.tv_sec;
		n->ctime_nsec = st.st_ctim.tv_nsec;
	} else {
		note_made(b, n, &st);
	}
	if (has_nodes)
		meta_mark_nodes(b->meta, &st);
	return 0;
}

static int fill_directory(struct builder *b, int fd, struct node *n, struct error *err)
{
	bool has_nodes = false, is_changed = !n->is_known;
	for (struct node *child = n->children; child; child = child->next) {
		if (child->kind != TREE_DIRECTORY && child->kind != TREE_IMPLIED) {
			if (child->is_known)
				continue;
			is_changed = true;
			if (make_entry(b, fd, child, err) < 0)
				return -1;
			child->is_made = true;
			has_nodes |= S_ISCHR(child->mode) || S_ISBLK(child->mode);
			continue;
		}
		is_changed |= !child->is_known;
		if (child->is_known && !has_unknown(child))
			continue;
		CLEANUP_CLOSE int child_fd = openat(fd, child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child_fd < 0)
			return fail(b, child, errno, err);
		if (fill_directory(b, child_fd, child, err) < 0)
			return -1;
	}
	return is_changed ? complete_directory(b, fd, n, has_nodes, err) : 0;
}

/* Link counts of files made by linking change their ctime: what base remembers is the end. */
static void note_link_times(struct builder *b, struct node *n)
{
	for (struct node *child = n->children; child; child = child->next) {
		struct stat st;
		if (child->kind == TREE_DIRECTORY || child->kind == TREE_IMPLIED)
			note_link_times(b, child);
		else if (child->is_private && child->layer >= b->first_layer &&
			 nodes_path(child, b->path, sizeof(b->path)) &&
			 fstatat(b->root_fd, b->path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			child->ctime_sec = st.st_ctim.tv_sec;
			child->ctime_nsec = st.st_ctim.tv_nsec;
		}
	}
}

/* A tar may make folders thousands deep: a path for all of them. */
static void take_out(int root_fd, const struct node *n, struct meta *meta, char path[PATH_ROOM])
{
	struct stat st;
	for (const struct node *child = n->children; child; child = child->next)
		take_out(root_fd, child, meta, path);
	if (!n->is_made || !nodes_path(n, path, PATH_ROOM) || fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	/* The inode of a layer goes on, and with it what the table says of it. */
	if (S_ISDIR(st.st_mode) || (n->is_private && st.st_nlink == 1))
		meta_drop(meta, st.st_dev, st.st_ino);
	unlinkat(root_fd, path, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

void materialize_removal(int root_fd, const struct node *n, struct meta *meta)
{
	CLEANUP_TALLOC char *path = mem_array(NULL, char, PATH_ROOM);
	take_out(root_fd, n, meta, path);
}

void materialize_wait_for_tick(const struct timespec *looked_at)
{
	static const struct timespec pause = { 0, 500000 };
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while (now.tv_sec == looked_at->tv_sec && now.tv_nsec == looked_at->tv_nsec) {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	}
}

int materialize(struct merged *merged, const char *root, struct meta *meta, struct error *err)
{
	CLEANUP_TALLOC struct builder *b = mem_new(NULL, struct builder);
	struct node *top = nodes_root(merged->tree);
	b->merged = merged;
	b->meta = meta;
	b->capacity = 1024;
	b->multiples = mem_array(b, struct multiple, b->capacity);
	count_names(b, top);
	CLEANUP_CLOSE int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", root);
	b->root_fd = fd;
	b->first_layer = top->is_made ? merged->layer_count - 1 : 0;
	top->is_made = true;
	struct linking linking = { .builder = b };
	if (make_directories(&linking, fd, top, err) < 0)
		return -1;
	link_all(&linking);
	if (fill_directory(b, fd, top, err) < 0)
		return -1;
	note_link_times(b, top);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	materialize_wait_for_tick(&now);
	return 0;
}
