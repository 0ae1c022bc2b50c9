/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules by which a layer changes the tree of those below it. */
#include "oci/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"

enum { LINK_LIMIT = 40, PATH_ROOM = 65536, TREE_MAX_BYTES = 1 << 30 };

struct merger {
	struct merged *merged;
	struct nodes *tree;
	unsigned layer;
};

static void remove_node(struct merger *m, struct node *n)
{
	if (m->merged->removing)
		m->merged->removing(m->merged->arg, n);
	nodes_remove(m->tree, n);
}

static bool is_directory(const struct node *n)
{
	return n->kind == TREE_DIRECTORY || n->kind == TREE_IMPLIED;
}

static struct node *add_implied(struct merger *m, struct node *parent, const char *name, size_t length)
{
	struct node *n = nodes_add(m->tree, parent, name, length);
	n->kind = TREE_IMPLIED;
	n->mode = 0755;
	n->layer = m->layer;
	return n;
}

/*
 * The directory that holds the last component of `path`, symlinks of lower layers followed inside the
 * root, missing directories made; NULL for a loop.  *ret_last points into path_copy.
 */
static struct node *find_parent(struct merger *m, char rest[PATH_ROOM], const char *path, bool makes,
				const char **ret_last)
{
	struct node *at = nodes_root(m->tree);
	unsigned links = 0;
	if (strlen(path) >= PATH_ROOM)
		return NULL;
	memcpy(rest, path, strlen(path) + 1);
	for (char *part = rest;;) {
		part += strspn(part, "/");
		size_t length = strcspn(part, "/");
		char *next = part + length + strspn(part + length, "/");
		if (!*next) {
			part[length] = '\0';
			*ret_last = part;
			return at;
		}
		if (length == 1 && part[0] == '.') {
			part = next;
			continue;
		}
		if (length == 2 && part[0] == '.' && part[1] == '.') {
			at = at->parent ? at->parent : at;
			part = next;
			continue;
		}
		struct node *child = nodes_child(m->tree, at, part, length);
		if (child && child->kind == TREE_SYMLINK) {
			char joined[PATH_ROOM];
			if (++links > LINK_LIMIT ||
			    snprintf(joined, sizeof(joined), "%s/%s", child->target, next) >= (int)sizeof(joined))
				return NULL;
			if (child->target[0] == '/')
				at = nodes_root(m->tree);
			memcpy(rest, joined, strlen(joined) + 1);
			part = rest;
			continue;
		}
		if (child && !is_directory(child)) {
			if (!makes)
				return NULL;
			remove_node(m, child);
			child = NULL;
		}
		if (!child && !makes)
			return NULL;
		at = child ? child : add_implied(m, at, part, length);
		part = next;
	}
}

static void fill(struct merger *m, struct node *n, const struct tree_record *r)
{
	n->kind = r->kind;
	n->is_known = false;
	n->has_entry = r->has_entry;
	n->layer = m->layer;
	n->source = nodes_strdup(m->tree, r->path);
	n->target = r->target ? nodes_strdup(m->tree, r->target) : NULL;
	n->ino = r->ino;
	n->mode = r->mode;
	n->size_bytes = r->size_bytes;
	n->mtime_sec = r->mtime_sec;
	n->mtime_nsec = r->mtime_nsec;
}

static void link_lower(struct merger *m, struct node *parent, const char *name, const struct tree_record *r)
{
	char rest[PATH_ROOM];
	const char *last;
	struct node *holder = find_parent(m, rest, r->target, false, &last);
	const struct node *target = holder ? nodes_child(m->tree, holder, last, strlen(last)) : NULL;
	/* A link to nothing: what the tar meant cannot be known; readers that go on leave it out. */
	if (!target || is_directory(target))
		return;
	struct node copy = *target;
	struct node *old = nodes_child(m->tree, parent, name, strlen(name));
	if (old == target)
		return;
	if (old)
		remove_node(m, old);
	struct node *n = nodes_add(m->tree, parent, name, strlen(name));
	struct node kept = *n;
	*n = copy;
	n->name = kept.name;
	n->parent = kept.parent;
	n->next = kept.next;
	n->hash_next = kept.hash_next;
	n->children = NULL;
}

static void remove_lower(struct merger *m, const struct tree_record *r)
{
	char rest[PATH_ROOM];
	const char *last;
	struct node *parent = find_parent(m, rest, r->path, false, &last);
	struct node *n = parent ? *last ? nodes_child(m->tree, parent, last, strlen(last)) : parent : NULL;
	if (!n)
		return;
	if (r->kind != TREE_OPAQUE && n->parent)
		remove_node(m, n);
	while (r->kind == TREE_OPAQUE && n->children)
		remove_node(m, n->children);
}

static int add(struct merger *m, const struct tree_record *r, struct error *err)
{
	char rest[PATH_ROOM];
	const char *last;
	struct node *parent = find_parent(m, rest, r->path, true, &last);
	if (!parent)
		return error_set(err, ELOOP, "cannot merge '%s'", r->path);
	struct node *old = *last ? nodes_child(m->tree, parent, last, strlen(last)) : parent;
	if (r->kind == TREE_LOWER_LINK) {
		m->merged->has_lower_links = true;
		link_lower(m, parent, last, r);
		return 0;
	}
	if (r->kind == TREE_IMPLIED) {
		/* Whatever is there, a symlink to a directory too, is where the entries go. */
		if (!old)
			add_implied(m, parent, last, strlen(last));
		return 0;
	}
	if (old && is_directory(old) && r->kind == TREE_DIRECTORY) {
		fill(m, old, r);
		return 0;
	}
	if (old)
		remove_node(m, old);
	fill(m, nodes_add(m->tree, parent, last, strlen(last)), r);
	return 0;
}

static int merge_layer(struct merger *m, const char *dir, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/tree", dir), *bytes = NULL;
	size_t size, at;
	struct tree_record r;
	bool is_damaged = false;
	if (io_read_file(path, AT_FDCWD, path, TREE_MAX_BYTES, &bytes, &size, err) < 0) {
		bytes = NULL;
		return -1;
	}
	bytes = talloc_steal(NULL, bytes);
	/* layer.md: whiteouts act on the layers below only, wherever they stand in the tar. */
	for (at = 0; tree_next(bytes, size, &at, &r, &is_damaged);)
		if (r.kind == TREE_WHITEOUT || r.kind == TREE_OPAQUE)
			remove_lower(m, &r);
	for (at = 0; !is_damaged && tree_next(bytes, size, &at, &r, &is_damaged);)
		if (r.kind != TREE_WHITEOUT && r.kind != TREE_OPAQUE && add(m, &r, err) < 0)
			return -1;
	return is_damaged ? error_set(err, 0, "the store is damaged: '%s' is cut off", path) : 0;
}

static int close_merged(struct merged *merged)
{
	for (unsigned i = 0; i < merged->layer_count; i++)
		if (merged->layers[i].fs_fd >= 0)
			close(merged->layers[i].fs_fd);
	return 0;
}

struct merged *merge_begin(const void *ctx)
{
	struct merged *merged = mem_new(ctx, struct merged);
	merged->tree = nodes_new(merged);
	merged->layers = mem_array(merged, struct merged_layer, 1);
	talloc_set_destructor(merged, close_merged);
	return merged;
}

int merge_add_source(struct merged *merged, const struct store *s, const char *folder, struct error *err)
{
	CLEANUP_TALLOC char *dir = mem_printf(NULL, "%s/%s", store_root(s), folder);
	CLEANUP_TALLOC char *fs = mem_printf(NULL, "%s/fs", dir), *table = mem_printf(NULL, "%s/meta", dir);
	struct merged_layer layer = { .fs_fd = -1 };
	struct stat st;
	CLEANUP_CLOSE int fd = open(fs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open layer '%s'", fs);
	layer.dev = st.st_dev;
	if (meta_open(merged, table, st.st_dev, META_SHARED_LAYERS, &layer.meta, err) < 0)
		return -1;
	layer.fs_fd = io_take_fd(&fd);
	merged->layers = mem_grow(merged, merged->layers, struct merged_layer, merged->layer_count + 1);
	merged->layers[merged->layer_count++] = layer;
	return 0;
}

int merge_add(struct merged *merged, const struct store *s, const char *folder, struct error *err)
{
	struct merger m = { .merged = merged, .tree = merged->tree, .layer = merged->layer_count };
	CLEANUP_TALLOC char *dir = mem_printf(NULL, "%s/%s", store_root(s), folder);
	merged->has_lower_links = false;
	return merge_add_source(merged, s, folder, err) < 0 ? -1 : merge_layer(&m, dir, err);
}

int merge_image(const void *ctx, const struct store *s, const struct image *image, struct merged **ret,
		struct error *err)
{
	struct merged *merged = merge_begin(ctx);
	for (unsigned i = 0; i < image->layer_count; i++) {
		CLEANUP_TALLOC char *folder = mem_printf(NULL, "layers/%s", digest_hex(image->diff_ids[i]));
		if (merge_add(merged, s, folder, err) < 0) {
			talloc_free(merged);
			return -1;
		}
	}
	*ret = merged;
	return 0;
}
