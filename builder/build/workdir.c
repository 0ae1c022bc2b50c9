/* SPDX-License-Identifier: Apache-2.0 */
/* Owns WORKDIR: the directories that it makes, as BuildKit's layers have them. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "builder/build/owner.h"
#include "builder/build/stage_private.h"
#include "oci/layerdir.h"
#include "tracer/base/text.h"

char *work_join_path(const void *ctx, const char *base, const char *path)
{
	char *joined = mem_printf(ctx, "/%s/%s", *path == '/' ? "" : base, path);
	text_clean_path(joined);
	return joined;
}

static bool has_only_directories(struct work *w, const char *path)
{
	int number = 0;
	workspace_find(w->workspace, path, false, &number);
	return number == ENOENT;
}

/* Is what comes next of the path, behind `end`, not there? */
static bool is_holder(struct work *w, char *path, char *end, char kept)
{
	*end = kept;
	char *next = kept ? end + 1 + strcspn(end + 1, "/") : end, cut = *next;
	*next = '\0';
	bool is_there = workspace_find(w->workspace, path, false, NULL) != NULL;
	*next = cut;
	*end = '\0';
	return !is_there;
}

/* The directories of the working directory that are not there, owned by the user of that time. */
static int make_working_dir(struct work *w, void *arg, char **ret_snapshot, bool *ret_is_pushed, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct layerdir *layer;
	struct owner owner;
	*ret_is_pushed = false;
	if (owner_find(w->workspace, state_text(w->state, "User"), &owner, err) < 0)
		return -1;
	char *path = workspace_resolve(scratch, w->workspace, arg, true);
	if (!path)
		return error_set(err, ELOOP, "cannot make the working directory '%s'", (const char *)arg);
	if (layerdir_begin(scratch, w->b->store, &layer, err) < 0)
		return -1;
	struct layer_attributes above = { .mode = 0 };
	bool is_owned = *state_text(w->state, "User") != '\0';
	struct layer_attributes a = { .mode = S_IFDIR | 0755, .uid = owner.uid, .gid = owner.gid,
				      .mtime_sec = w->b->epoch_sec >= 0 ? w->b->epoch_sec : time(NULL) };
	const struct node *there = workspace_find(w->workspace, path, false, NULL);
	bool is_directory = there && (there->kind == TREE_DIRECTORY || there->kind == TREE_IMPLIED);
	if ((there && !is_directory) || (!there && !has_only_directories(w, path)))
		return error_set(err, ENOTDIR, "cannot make the working directory '%s'", (const char *)arg);
	for (char *end = path; !there && *end;) {
		end += strcspn(end, "/");
		char kept = *end;
		*end = '\0';
		const struct node *n = workspace_find(w->workspace, path, false, NULL);
		struct layer_attributes before;
		if (n && workspace_attributes(scratch, w->workspace, n, &before, err) < 0)
			return -1;
		/* It gets an entry now, or holds a directory that does. */
		if (n && is_holder(w, path, end, kept))
			before.mtime_sec = a.mtime_sec;
		/* mkdir(2): in a set-group-ID directory, the new one is of its group, and set-group-ID too. */
		a.mode |= above.mode & S_ISGID;
		if (!is_owned && (above.mode & S_ISGID))
			a.gid = above.gid;
		above = n ? before : a;
		if (layerdir_directory(layer, path, n ? &before : &a, err) < 0)
			return -1;
		*end = kept;
		end += kept != '\0';
	}
	return layerdir_finish(w, layer, ret_snapshot, err);
}

int workdir_step(struct work *w, const struct instruction *in, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *before = state_text(w->state, "WorkingDir");
	char *path = work_join_path(scratch, *before ? before : "/", in->words->items[0]), key[DIGEST_ROOM];
	/* BuildKit tells an absolute one as it was written. */
	const char *written = in->words->items[0];
	char *created_by = mem_printf(scratch, "WORKDIR %s", *written == '/' ? written : path);
	state_set_working_dir(w->state, path);
	if (strcmp(path, "/") == 0) {
		state_add_history(w->state, created_by, NULL, true);
		return 0;
	}
	struct cache_key *k = cache_key_begin(scratch, "workdir/1");
	cache_key_text(k, w->state->fs_key);
	cache_key_text(k, path);
	cache_key_text(k, state_text(w->state, "User"));
	cache_key_number(k, w->b->epoch_sec);
	cache_key_end(k, key);
	struct file_step step = { .key = key, .name = work_step_name(scratch, w, in->original), .command = in->original,
				  .created_by = created_by, .make = make_working_dir, .arg = path };
	return work_file_step(w, &step, err);
}
