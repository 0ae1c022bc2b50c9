/* SPDX-License-Identifier: Apache-2.0 */
/* Owns trees in memory; what is in them is merge.c's and base.c's. */
#include "oci/nodes.h"

#include <string.h>

#include "tracer/base/mem.h"

struct nodes {
	struct node *root;
	struct node **buckets;
	uint64_t bucket_count, count;
	/* Names and nodes live as long as the tree: pieces of large blocks. */
	char *block;
	size_t block_left;
};

enum { BLOCK = 1 << 20, FIRST_BUCKETS = 4096 };

static void *piece(struct nodes *tree, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (size > tree->block_left) {
		tree->block_left = size > BLOCK ? size : BLOCK;
		tree->block = mem_array(tree, char, tree->block_left);
	}
	void *at = tree->block;
	tree->block += size;
	tree->block_left -= size;
	return at;
}

struct nodes *nodes_new(const void *ctx)
{
	struct nodes *tree = mem_new(ctx, struct nodes);
	tree->bucket_count = FIRST_BUCKETS;
	tree->buckets = mem_array(tree, struct node *, tree->bucket_count);
	tree->root = piece(tree, sizeof(struct node));
	tree->root->name = "";
	tree->root->kind = TREE_IMPLIED;
	tree->root->mode = 0755;
	return tree;
}

struct node *nodes_root(struct nodes *tree)
{
	return tree->root;
}

const char *nodes_strdup(struct nodes *tree, const char *text)
{
	size_t size = strlen(text) + 1;
	return memcpy(piece(tree, size), text, size);
}

static uint64_t hash_of(const struct node *parent, const char *name, size_t length)
{
	uint64_t h = 0xcbf29ce484222325ull ^ (uintptr_t)parent;
	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ull;
	return h ^ h >> 31;
}

struct node *nodes_child(struct nodes *tree, const struct node *parent, const char *name, size_t length)
{
	struct node *n = tree->buckets[hash_of(parent, name, length) % tree->bucket_count];
	for (; n; n = n->hash_next)
		if (n->parent == parent && strncmp(n->name, name, length) == 0 && !n->name[length])
			return n;
	return NULL;
}

static void put(struct nodes *tree, struct node *n)
{
	struct node **bucket = &tree->buckets[hash_of(n->parent, n->name, strlen(n->name)) % tree->bucket_count];
	n->hash_next = *bucket;
	*bucket = n;
}

static void grow(struct nodes *tree)
{
	struct node **old = tree->buckets;
	uint64_t old_count = tree->bucket_count;
	tree->bucket_count *= 4;
	tree->buckets = mem_array(tree, struct node *, tree->bucket_count);
	for (uint64_t i = 0; i < old_count; i++)
		for (struct node *n = old[i], *next; n; n = next) {
			next = n->hash_next;
			put(tree, n);
		}
	talloc_free(old);
}

struct node *nodes_add(struct nodes *tree, struct node *parent, const char *name, size_t length)
{
	struct node *n = piece(tree, sizeof(*n));
	char *copy = piece(tree, length + 1);
	memcpy(copy, name, length);
	copy[length] = '\0';
	*n = (struct node){ .name = copy, .parent = parent, .next = parent->children };
	parent->children = n;
	if (++tree->count > tree->bucket_count)
		grow(tree);
	put(tree, n);
	return n;
}

static void unhash(struct nodes *tree, struct node *n)
{
	struct node **at = &tree->buckets[hash_of(n->parent, n->name, strlen(n->name)) % tree->bucket_count];
	while (*at != n)
		at = &(*at)->hash_next;
	*at = n->hash_next;
	tree->count--;
}

void nodes_remove_children(struct nodes *tree, struct node *node)
{
	for (struct node *n = node->children; n; n = n->next) {
		nodes_remove_children(tree, n);
		unhash(tree, n);
	}
	node->children = NULL;
}

void nodes_remove(struct nodes *tree, struct node *node)
{
	nodes_remove_children(tree, node);
	unhash(tree, node);
	struct node **at = &node->parent->children;
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
}

bool nodes_path(const struct node *node, char *path, size_t room)
{
	size_t at = room;
	path[--at] = '\0';
	for (const struct node *n = node; n->parent; n = n->parent) {
		size_t length = strlen(n->name);
		if (at < length + 1)
			return false;
		at -= length;
		memcpy(path + at, n->name, length);
		if (n->parent->parent)
			path[--at] = '/';
	}
	memmove(path, path + at, room - at);
	return true;
}
