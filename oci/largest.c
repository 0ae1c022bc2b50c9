/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/largest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "oci/merge.h"

struct search {
	const struct node **found; /* the largest first */
	unsigned count, max;
};

static bool is_before(const struct node *a, const struct node *b)
{
	return a->size_bytes != b->size_bytes ? a->size_bytes > b->size_bytes : strcmp(a->source, b->source) < 0;
}

static void consider(struct search *s, const struct node *n)
{
	unsigned at = s->count;
	for (unsigned i = 0; i < s->count; i++)
		if (s->found[i]->layer == n->layer && s->found[i]->ino == n->ino)
			return;
	while (at > 0 && is_before(n, s->found[at - 1]))
		at--;
	if (at == s->max)
		return;
	s->count += s->count < s->max;
	memmove(s->found + at + 1, s->found + at, (s->count - at - 1) * sizeof(*s->found));
	s->found[at] = n;
}

static void search_below(struct search *s, const struct node *directory)
{
	for (const struct node *n = directory->children; n; n = n->next) {
		if (n->kind == TREE_FILE && n->size_bytes > 0 &&
		    (s->count < s->max || n->size_bytes >= s->found[s->max - 1]->size_bytes))
			consider(s, n);
		search_below(s, n);
	}
}

int largest_files(const void *ctx, struct store *s, const struct chain *chain, unsigned max,
		  struct large_file **ret, unsigned *ret_count, struct error *err)
{
	CLEANUP_TALLOC struct merged *merged = merge_begin(NULL);
	for (unsigned i = 0; i < chain->count; i++)
		if (merge_add(merged, s, chain->layers[i].folder, err) < 0)
			return -1;
	struct search search = { mem_array(merged, const struct node *, max), 0, max };
	if (max)
		search_below(&search, nodes_root(merged->tree));
	struct large_file *files = mem_array(ctx, struct large_file, search.count);
	for (unsigned i = 0; i < search.count; i++) {
		char path[PATH_MAX];
		bool fits = nodes_path(search.found[i], path, sizeof(path));
		files[i].guest_path = mem_printf(files, "/%s", fits ? path : search.found[i]->source);
		files[i].bytes = search.found[i]->size_bytes;
		files[i].layer = search.found[i]->layer;
	}
	*ret = files;
	*ret_count = search.count;
	return 0;
}
