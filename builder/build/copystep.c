/* SPDX-License-Identifier: Apache-2.0 */
/* Owns COPY and ADD as steps: their keys and histories.  What they bring is copy.c's. */
#include <string.h>

#include "builder/build/copy.h"
#include "builder/build/stage_private.h"

/* As BuildKit's commitMessage in convert_copy.go has it. */
static char *history_text(const void *ctx, const struct instruction *in)
{
	const struct copy_flags *f = &in->copy;
	char *text = mem_strdup(ctx, in->name);
	if (f->has_parents)
		text = mem_append(text, " --parents");
	if (f->chown)
		text = mem_append(text, " --chown=%s", f->chown);
	if (f->chmod)
		text = mem_append(text, " --chmod=%s", f->chmod);
	for (size_t i = 0; i + 1 < in->words->count; i++)
		text = mem_append(text, " %s", in->words->items[i]);
	for (unsigned i = 0; i < in->heredoc_count; i++)
		text = mem_append(text, " <<%s", in->heredocs[i].name);
	return mem_append(text, " %s # buildkit", in->words->items[in->words->count - 1]);
}

static void add_instruction(struct cache_key *k, const struct work *w, const struct instruction *in)
{
	const struct copy_flags *f = &in->copy;
	cache_key_text(k, in->name);
	cache_key_list(k, in->words);
	for (unsigned i = 0; i < in->heredoc_count; i++) {
		cache_key_text(k, in->heredocs[i].name);
		cache_key_text(k, in->heredocs[i].content);
	}
	cache_key_text(k, f->chown);
	cache_key_text(k, f->chmod);
	cache_key_text(k, f->checksum);
	cache_key_list(k, f->exclude);
	cache_key_number(k, f->is_link);
	cache_key_number(k, f->has_parents);
	cache_key_number(k, f->keeps_git_dir);
	cache_key_number(k, f->unpack);
	cache_key_number(k, w->b->epoch_sec);
	/* --link makes a layer that depends on nothing below it; with --chmod it is not heeded (copy_layer.c). */
	cache_key_text(k, f->is_link && !f->chmod ? NULL : w->state->fs_key);
	cache_key_text(k, state_text(w->state, "WorkingDir"));
}


static void tell(void *arg, const char *line)
{
	CLEANUP_TALLOC char *text = mem_printf(NULL, "%s\n", line);
	work_log(arg, 2, text, strlen(text));
}

static int make_copy(struct work *w, void *arg, char **ret_snapshot, bool *ret_is_pushed, struct error *err)
{
	*ret_is_pushed = false;
	return copy_make_layer(w, arg, ret_snapshot, err);
}

/*
 * The key over what the sources hold.  Of a stage's or an image's files, whose content is known by their key, that
 * has been found out before, most of the time.
 */
static int find_key(struct work *w, const struct copy_request *r, const struct other *from, char ret[DIGEST_ROOM],
		    struct error *err)
{
	char quick[DIGEST_ROOM], digest[DIGEST_ROOM];
	if (from->workspace) {
		struct cache_key *k = cache_key_begin(NULL, "copy-from/1");
		cache_key_text(k, from->fs_key);
		add_instruction(k, w, r->in);
		cache_key_end(k, quick);
		if (work_uses_cache(w) && work_find_alias(w, quick, ret)) {
			state_add_step(w->state, quick, ret);
			return 0;
		}
	}
	if (copy_digest(NULL, r, digest, err) < 0)
		return -1;
	struct cache_key *k = cache_key_begin(NULL, "copy/1");
	cache_key_text(k, digest);
	add_instruction(k, w, r->in);
	cache_key_end(k, ret);
	if (!from->workspace)
		return 0;
	state_add_step(w->state, quick, ret);
	return cache_put_alias(w->b->store, quick, ret, err);
}

int copy_step(struct work *w, const struct instruction *in, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *working_dir = state_text(w->state, "WorkingDir");
	char *name = work_step_name(scratch, w, in->original), key[DIGEST_ROOM];
	struct other *from;
	if (work_other(w, in->copy.from, &from, err) < 0)
		return -1;
	struct copy_request r = {
		.in = in,
		.source = from->source,
		.workspace = w->workspace,
		.working_dir = *working_dir ? working_dir : "/",
		.ignored = from->ignored,
		.store = w->b->store,
		.epoch_sec = w->b->epoch_sec,
		.tell = tell,
		.arg = w,
	};
	if (find_key(w, &r, from, key, err) < 0)
		return -1;
	struct file_step step = { .key = key, .name = name, .command = in->original,
				  .created_by = history_text(scratch, in), .make = make_copy, .arg = &r };
	return work_file_step(w, &step, err);
}
