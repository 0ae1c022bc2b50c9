/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a COPY or ADD is worth: the digest of its sources. */
#include "builder/build/copy.h"

#include <string.h>
#include <sys/stat.h>

#include "builder/build/copy_plan.h"

/* Every field has its length before it: no two lists of fields are the same bytes (builder-peers.md 1.8). */
static void put_bytes(struct digest_state *d, const void *bytes, uint64_t size)
{
	unsigned char length[8];
	for (unsigned i = 0; i < 8; i++)
		length[i] = size >> 8 * i;
	digest_update(d, length, sizeof(length));
	digest_update(d, bytes, size);
}

static void put_text(struct digest_state *d, const char *text)
{
	put_bytes(d, text, strlen(text));
}

static void put_number(struct digest_state *d, uint64_t number)
{
	unsigned char bytes[8];
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = number >> 8 * i;
	digest_update(d, bytes, sizeof(bytes));
}

/*
 * All that can show in the layer, but no times.  Of a directory whose content is copied the attributes do not:
 * the destination has its own.
 */
static void put_selection(struct digest_state *d, const struct selection *s)
{
	put_number(d, s->count);
	for (unsigned i = 0; i < s->count; i++) {
		const struct pick *p = &s->picks[i];
		bool is_top_directory = i == 0 && S_ISDIR(p->entry.mode);
		put_text(d, i ? p->entry.name : "");
		/* With the parent's number in the list the name is as good as the path. */
		put_number(d, p->parent);
		put_number(d, is_top_directory ? (mode_t)S_IFDIR : p->entry.mode);
		if (is_top_directory)
			continue;
		put_number(d, p->entry.uid);
		put_number(d, p->entry.gid);
		put_number(d, p->entry.rdev);
		put_number(d, p->is_delayed);
		put_number(d, p->link_of);
		put_text(d, p->target ? p->target : "");
		put_number(d, p->xattr_count);
		for (unsigned k = 0; k < p->xattr_count; k++) {
			put_text(d, p->xattrs[k].name);
			put_bytes(d, p->xattrs[k].value, p->xattrs[k].value_size);
		}
		put_bytes(d, p->hash, sizeof(p->hash));
	}
}

int copy_digest(const void *ctx, const struct copy_request *r, char ret[DIGEST_ROOM], struct error *err)
{
	(void)ctx;
	struct copy_plan *plan;
	if (copy_plan_make(r, &plan, err) < 0)
		return -1;
	CLEANUP_TALLOC struct digest_state *d = digest_begin(NULL);
	put_number(d, plan->count);
	for (unsigned i = 0; i < plan->count; i++) {
		struct copy_part *part = &plan->parts[i];
		put_text(d, part->name);
		put_number(d, part->copies_contents);
		put_number(d, part->unpacks);
		if (part->text) {
			put_text(d, part->text);
		} else if (part->git) {
			put_text(d, part->git_commit);
			put_text(d, part->git->subdir);
			put_number(d, part->keeps_git_dir);
		} else {
			if (!plan->is_hashed && selection_hash(part->selection, r->store, err) < 0)
				return -1;
			put_selection(d, part->selection);
		}
	}
	plan->is_hashed = true;
	digest_end(d, ret);
	return 0;
}

int copy_make_layer(const void *ctx, const struct copy_request *r, char **ret_id, struct error *err)
{
	struct copy_plan *plan;
	if (copy_plan_make(r, &plan, err) < 0 || copy_plan_complete(r, plan, err) < 0 ||
	    copy_plan_lay(ctx, r, plan, ret_id, err) < 0)
		return -1;
	/* It was of what was there then. */
	source_keep(r->source, NULL, NULL);
	return 0;
}
