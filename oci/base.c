/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the format of `base`; what it is compared with is diff.c's. */
#include "oci/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { XATTR_MAX = 65536 };

static const char magic[8] = "fbbase2";
static const char kinds[] = { TREE_DIRECTORY, TREE_IMPLIED, TREE_FILE, TREE_SYMLINK, TREE_FIFO };

/* One node; its name and, of a symlink, its target follow, children come behind it up to a record of kind 0. */
struct base_record {
	uint8_t kind, has_entry, is_private, reserved;
	uint32_t name_size, mode, uid, gid, mtime_nsec, ctime_nsec, target_size;
	uint64_t ino, rdev, xattr_hash;
	int64_t size_bytes, mtime_sec, ctime_sec;
};

uint64_t base_xattr_hash(struct meta *m, const struct meta_entry *entry)
{
	uint64_t hash = 0;
	if (!entry->xattr)
		return 0;
	CLEANUP_TALLOC char *names = mem_array(NULL, char, XATTR_MAX), *value = mem_array(NULL, char, XATTR_MAX);
	ssize_t n = meta_xattr_list(m, entry, names, XATTR_MAX);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		uint64_t h = 0xcbf29ce484222325ull;
		ssize_t size = meta_xattr_get(m, entry, names + at, value, XATTR_MAX);
		for (const char *p = names + at; *p; p++)
			h = (h ^ (unsigned char)*p) * 0x100000001b3ull;
		for (ssize_t i = 0; i < size; i++)
			h = (h ^ (unsigned char)value[i]) * 0x100000001b3ull;
		hash += h; /* in whatever order */
	}
	return hash;
}

void base_note(struct node *n, struct meta *m, const struct meta_entry *entry)
{
	n->mode = entry->mode;
	n->uid = entry->uid;
	n->gid = entry->gid;
	n->rdev = entry->rdev;
	n->xattr_hash = base_xattr_hash(m, entry);
}

static void write_node(FILE *file, const struct node *n)
{
	struct base_record r = {
		.kind = n->kind, .has_entry = n->has_entry, .is_private = n->is_private,
		.name_size = strlen(n->name), .mode = n->mode, .uid = n->uid, .gid = n->gid,
		.mtime_nsec = n->mtime_nsec, .ctime_nsec = n->ctime_nsec, .ino = n->ino, .rdev = n->rdev,
		.xattr_hash = n->xattr_hash, .size_bytes = n->size_bytes, .mtime_sec = n->mtime_sec,
		.ctime_sec = n->ctime_sec, .target_size = n->target ? strlen(n->target) : 0,
	};
	fwrite(&r, sizeof(r), 1, file);
	fwrite(n->name, r.name_size, 1, file);
	if (r.target_size)
		fwrite(n->target, r.target_size, 1, file);
	for (const struct node *child = n->children; child; child = child->next)
		write_node(file, child);
	struct base_record end = { .kind = 0 };
	fwrite(&end, sizeof(end), 1, file);
}

int base_write(const char *path, struct nodes *tree, struct error *err)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return error_set(err, errno, "cannot create '%s'", path);
	fwrite(magic, sizeof(magic), 1, file);
	write_node(file, nodes_root(tree));
	bool has_failed = ferror(file);
	return fclose(file) != 0 || has_failed ? error_set(err, errno, "cannot write '%s'", path) : 0;
}

static void fill(struct node *n, const struct base_record *r)
{
	n->kind = r->kind;
	n->has_entry = r->has_entry;
	n->is_private = r->is_private;
	n->mode = r->mode;
	n->uid = r->uid;
	n->gid = r->gid;
	n->mtime_nsec = r->mtime_nsec;
	n->ctime_nsec = r->ctime_nsec;
	n->ino = r->ino;
	n->rdev = r->rdev;
	n->xattr_hash = r->xattr_hash;
	n->size_bytes = r->size_bytes;
	n->mtime_sec = r->mtime_sec;
	n->ctime_sec = r->ctime_sec;
}

/* The root alone has no name; all others have one that a directory can have, and that once. */
static bool is_possible(struct nodes *tree, const struct node *at, const struct base_record *r, const char *name)
{
	if (!memchr(kinds, r->kind, sizeof(kinds)) || (r->kind == TREE_SYMLINK && !r->target_size) ||
	    memchr(name + r->name_size, '\0', r->target_size))
		return false;
	if (!at)
		return !r->name_size;
	return r->name_size && !memchr(name, '/', r->name_size) && !memchr(name, '\0', r->name_size) &&
	       !nodes_child(tree, at, name, r->name_size);
}

int base_read(const void *ctx, const char *path, struct nodes **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct nodes *tree = nodes_new(ctx);
	struct node *at = NULL;
	char *bytes;
	size_t size, used = sizeof(magic);
	if (io_read_file(scratch, AT_FDCWD, path, (size_t)1 << 32, &bytes, &size, err) < 0)
		goto failed;
	if (size < sizeof(magic) || memcmp(bytes, magic, sizeof(magic)) != 0)
		goto damaged;
	do {
		struct base_record r;
		if (size - used < sizeof(r))
			goto damaged;
		memcpy(&r, bytes + used, sizeof(r));
		used += sizeof(r);
		if (!r.kind) {
			at = at ? at->parent : NULL;
			continue;
		}
		if (r.name_size > size - used || r.target_size > size - used - r.name_size ||
		    !is_possible(tree, at, &r, bytes + used))
			goto damaged;
		at = at ? nodes_add(tree, at, bytes + used, r.name_size) : nodes_root(tree);
		fill(at, &r);
		used += r.name_size;
		if (r.target_size) {
			CLEANUP_TALLOC char *target = mem_strndup(NULL, bytes + used, r.target_size);
			at->target = nodes_strdup(tree, target);
		}
		used += r.target_size;
	} while (at);
	*ret = tree;
	return 0;
damaged:
	error_set(err, 0, "the container is damaged: '%s' is cut off", path);
failed:
	talloc_free(tree);
	return -1;
}
