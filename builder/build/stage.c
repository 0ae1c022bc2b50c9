/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the work on one stage: its base, its instructions in order, and what they are called when shown. */
#include "builder/build/stage_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/expand.h"
#include "oci/snapshot.h"
#include "tracer/base/io.h"

/* ---- showing ---- */

char *work_step_name(const void *ctx, struct work *w, const char *text)
{
	char *name = mem_strdup(ctx, "[");
	int digits = snprintf(NULL, 0, "%u", w->step_count);
	if (w->b->platform_count > 1)
		name = mem_append(name, "%s/%s%s%s ", w->target.os, w->target.architecture, w->target.variant ? "/" : "",
				  w->target.variant ? w->target.variant : "");
	if (w->b->file->stage_count > 1 && w->stage->name)
		name = mem_append(name, "%s ", w->stage->name);
	else if (w->b->file->stage_count > 1)
		name = mem_append(name, "stage-%u ", w->index);
	name = mem_append(name, "%*u/%u] %s", digits, ++w->step, w->step_count, text);
	for (char *p = name; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return name;
}

void work_begin_vertex(struct work *w, const char *name, const char *command)
{
	w->vertex = __atomic_add_fetch(w->b->vertex_count, 1, __ATOMIC_RELAXED);
	CLEANUP_TALLOC char *stage = w->stage->name ? mem_strdup(NULL, w->stage->name) : mem_printf(NULL, "%u", w->index);
	struct event e = { .kind = EVENT_STARTED, .vertex = w->vertex, .time_nsec = event_now(), .name = name,
			   .stage = stage, .command = command, .line = w->line };
	link_event(w->l, &e);
}

void work_end_vertex(struct work *w, bool is_cached, const struct cache_record *record, const struct error *err)
{
	CLEANUP_TALLOC char *layer = record ? mem_printf(NULL, "snapshots/%s", record->snapshot) : NULL;
	struct event e = { .kind = EVENT_DONE, .vertex = w->vertex, .time_nsec = event_now(), .is_cached = is_cached,
			   .layer_bytes = record ? record->bytes : -1, .layer = layer, .has_failed = err != NULL, .text = err ? err->text : NULL };
	link_event(w->l, &e);
}

void work_log(struct work *w, int stream, const char *bytes, size_t size)
{
	struct event e = { .kind = EVENT_LOG, .vertex = w->vertex, .time_nsec = event_now(), .stream = stream,
			   .text = bytes, .size = size, .layer_bytes = -1 };
	link_event(w->l, &e);
}

/* ---- steps that change files ---- */

bool work_uses_cache(const struct work *w)
{
	if (w->b->has_no_cache)
		return false;
	for (size_t i = 0; i < w->b->no_cache_stages->count; i++) {
		const char *name = w->b->no_cache_stages->items[i];
		if (w->stage->name && strcasecmp(w->stage->name, name) == 0)
			return false;
	}
	return true;
}

static const struct buildcache_record *find_elsewhere(const struct work *w, const char *key, struct buildcache **ret)
{
	for (unsigned i = 0; i < w->b->cache_count; i++) {
		const struct buildcache_record *r = buildcache_find(w->b->caches[i], digest_hex(key));
		*ret = w->b->caches[i];
		if (r)
			return r;
	}
	return NULL;
}

static char *text_or_empty(const void *ctx, const char *text)
{
	return mem_strdup(ctx, text ? text : "");
}

/* The record of a key, of this store or of elsewhere; *ret NULL: none. */
static int work_find_record(const void *ctx, struct work *w, const char *key, struct cache_record **ret, struct error *err)
{
	struct buildcache *cache;
	if (cache_find(ctx, w->b->store, key, ret, err) < 0)
		return -1;
	const struct buildcache_record *theirs = *ret ? NULL : find_elsewhere(w, key, &cache);
	if (!theirs || !theirs->diff_id)
		return 0;
	struct cache_record *record = mem_new(ctx, struct cache_record);
	struct error why = ERROR_INIT;
	/* One that cannot be had is none. */
	if (buildcache_fetch(record, cache, theirs, &record->snapshot, &why) < 0) {
		CLEANUP_TALLOC char *line = mem_printf(NULL, "%s\n", why.text);
		work_log(w, 2, line, strlen(line));
		return 0;
	}
	record->created = text_or_empty(record, theirs->created);
	record->description = text_or_empty(record, theirs->description);
	record->bytes = theirs->bytes;
	if (cache_put(w->b->store, key, record, err) < 0)
		return -1;
	*ret = record;
	return 0;
}

bool work_find_alias(struct work *w, const char *key, char ret[DIGEST_ROOM])
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct buildcache *cache;
	struct json *config;
	struct error ignored = ERROR_INIT;
	if (cache_find_alias(w->b->store, key, ret))
		return true;
	const struct buildcache_record *theirs = find_elsewhere(w, key, &cache);
	if (!theirs || !theirs->config_json ||
	    json_parse(scratch, theirs->config_json, "a record", &config, &ignored) < 0)
		return false;
	const char *other = json_get_string(config, "alias");
	if (!other || !digest_is_valid(other))
		return false;
	memcpy(ret, other, strlen(other) + 1);
	return true;
}

static int use_record(struct work *w, const struct file_step *step, const struct cache_record *record, bool is_pushed,
		      struct error *err)
{
	if (!is_pushed && workspace_push(w->workspace, record->snapshot, err) < 0)
		return -1;
	memcpy(w->state->fs_key, step->key, strlen(step->key) + 1);
	state_add_step(w->state, step->key, NULL);
	state_add_history(w->state, step->created_by, record->created, false);
	return 0;
}

static int make_record(struct work *w, const struct file_step *step, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct cache_record *record = NULL;
	bool is_pushed = false;
	CLEANUP_CLOSE int lock = cache_lock(w->b->store, step->key, err);
	if (lock < 0)
		return -1;
	/* Another build, or another platform of this one, may have made it meanwhile. */
	if (work_uses_cache(w) && work_find_record(scratch, w, step->key, &record, err) < 0)
		return -1;
	bool is_cached = record != NULL;
	if (!record) {
		record = mem_new(scratch, struct cache_record);
		if (step->make(w, step->arg, &record->snapshot, &is_pushed, err) < 0)
			return -1;
		record->created = state_time(record, w->b->epoch_sec);
		record->description = mem_strdup(record, step->name);
		CLEANUP_TALLOC char *folder = mem_printf(NULL, "snapshots/%s", record->snapshot);
		record->bytes = snapshot_bytes(w->b->store, folder);
		if (cache_put(w->b->store, step->key, record, err) < 0)
			return -1;
	}
	if (use_record(w, step, record, is_pushed, err) < 0)
		return -1;
	work_end_vertex(w, is_cached, record, NULL);
	return 0;
}

int work_file_step(struct work *w, const struct file_step *step, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct cache_record *record = NULL;
	work_begin_vertex(w, step->name, step->command);
	if (work_uses_cache(w) && work_find_record(scratch, w, step->key, &record, err) < 0)
		goto failed;
	if (record) {
		if (use_record(w, step, record, false, err) < 0)
			goto failed;
		work_end_vertex(w, true, record, NULL);
		return 0;
	}
	if (make_record(w, step, err) == 0)
		return 0;
failed:
	work_end_vertex(w, false, NULL, err);
	return -1;
}

/* ---- ARG ---- */

static const char *get_env(void *arg, const char *name, size_t length)
{
	return state_env(arg, name, length);
}

static int arg_step(struct work *w, const struct instruction *in, struct error *err)
{
	/* Told to the builder, not to the build. */
	static const char *const not_env[] = { "BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE" };
	CLEANUP_TALLOC char *text = mem_strdup(NULL, "ARG");
	struct expansion e = { .escape = w->b->file->escape, .get = get_env, .arg = w->state };
	for (unsigned i = 0; i < in->pair_count; i++) {
		const char *key = in->pairs[i].key, *value = build_list_value(w->b->build_args, key, strlen(key));
		bool is_env = strcmp(key, not_env[0]) != 0 && strcmp(key, not_env[1]) != 0;
		char *expanded;
		/* Here, one after the other, a name sees those before it. */
		if (!value && in->pairs[i].value) {
			if (expand_word(text, &e, in->pairs[i].value, &expanded, err) < 0)
				return -1;
			value = expanded;
		}
		if (!value)
			value = build_list_value(w->global_args, key, strlen(key));
		state_add_arg(w->state, key, value, is_env);
		text = mem_append(text, " %s%s%s", key, value ? "=" : "", value ? value : "");
	}
	state_add_history(w->state, text, NULL, true);
	return 0;
}

/* ---- instructions ---- */

static int metadata_step(struct work *w, const struct instruction *in, struct error *err)
{
	(void)err;
	state_apply(w->state, in);
	return 0;
}

static int dispatch(struct work *w, const struct instruction *in, struct error *err)
{
	static int (*const steps[INSTRUCTION_COUNT])(struct work *, const struct instruction *, struct error *) = {
		[INSTRUCTION_RUN] = run_step,	      [INSTRUCTION_COPY] = copy_step, [INSTRUCTION_ADD] = copy_step,
		[INSTRUCTION_WORKDIR] = workdir_step, [INSTRUCTION_ARG] = arg_step,
	};
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct expansion e = { .escape = w->b->file->escape, .get = get_env, .arg = w->state };
	struct instruction *expanded;
	if (instruction_expand(scratch, &e, in, &expanded, err) < 0)
		return -1;
	return steps[in->kind] ? steps[in->kind](w, expanded, err) : metadata_step(w, expanded, err);
}

static bool has_vertex(const struct instruction *in)
{
	return in->kind == INSTRUCTION_RUN || in->kind == INSTRUCTION_COPY || in->kind == INSTRUCTION_ADD ||
	       in->kind == INSTRUCTION_WORKDIR;
}

/* "This trigger will be executed in the context of the downstream build, as if it had been inserted after FROM." */
static int fire_triggers(struct work *w, struct error *err)
{
	CLEANUP_TALLOC struct strlist *triggers = state_list(NULL, w->state, "OnBuild");
	state_clear_onbuild(w->state);
	for (size_t i = 0; triggers && i < triggers->count; i++) {
		struct instruction *in;
		if (instruction_parse(triggers, triggers->items[i], w->b->file->escape, &in, err) < 0)
			return error_wrap(err, "ONBUILD %s", triggers->items[i]);
		w->step_count += has_vertex(in);
	}
	for (size_t i = 0; triggers && i < triggers->count; i++) {
		struct instruction *in;
		if (instruction_parse(triggers, triggers->items[i], w->b->file->escape, &in, err) < 0 ||
		    dispatch(w, in, err) < 0)
			return error_wrap(err, "ONBUILD %s", triggers->items[i]);
	}
	return 0;
}

/* ---- FROM ---- */

static int from_scratch(struct work *w, struct error *err)
{
	struct chain *empty = mem_new(w, struct chain);
	w->state = state_of_scratch(w, &w->platform);
	snprintf(w->state->fs_key, sizeof(w->state->fs_key), "scratch");
	return workspace_open(w, w->b->store, empty, &w->workspace, err);
}

static int from_stage(struct work *w, unsigned stage, struct error *err)
{
	struct stage_result *result;
	if (link_need(w, w->l, stage, &result, err) < 0 ||
	    workspace_open(w, w->b->store, result->chain, &w->workspace, err) < 0)
		return -1;
	w->state = state_derive(w, result->state);
	return 0;
}

static int from_image(struct work *w, const char *name, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct image *image;
	struct chain *chain;
	char *text = mem_printf(scratch, "FROM %s", name);
	work_begin_vertex(w, work_step_name(scratch, w, text), text);
	if (work_pull(scratch, w, name, &w->platform, &image, err) < 0 ||
	    chain_of_image(scratch, w->b->store, image, &chain, err) < 0 ||
	    workspace_open(w, w->b->store, chain, &w->workspace, err) < 0 ||
	    state_of_image(w, image, &w->state, err) < 0) {
		work_end_vertex(w, false, NULL, err);
		return -1;
	}
	work_image_key(image, w->state->fs_key);
	work_note_material(w, name, image);
	work_end_vertex(w, false, NULL, NULL);
	return 0;
}

static int from_step(struct work *w, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct expansion e = { .escape = w->b->file->escape, .get = build_list_value, .arg = w->global_args };
	char *name, *platform = NULL;
	w->platform = w->target;
	if (expand_word(scratch, &e, w->stage->base, &name, err) < 0)
		return -1;
	if (w->stage->platform && (expand_word(scratch, &e, w->stage->platform, &platform, err) < 0 ||
				   (*platform && platform_parse(w, platform, &w->platform, err) < 0)))
		return -1;
	if (!*name)
		return error_set(err, 0, "base name (%s) should not be blank", w->stage->base);
	const struct named_context *context = build_find_context(w->b, name);
	if (context && !context->context->image)
		return error_set(err, 0, "the build context '%s' is a folder, not an image", name);
	if (context)
		return from_image(w, context->context->image, err);
	int stage = build_find_stage(w->b, name, w->index);
	if (stage >= 0)
		return from_stage(w, stage, err);
	return strcmp(name, "scratch") == 0 ? from_scratch(w, err) : from_image(w, name, err);
}

static int run_instructions(struct work *w, struct error *err)
{
	w->line = w->stage->line;
	w->last_line = w->stage->last_line;
	w->step_count = 1;
	for (unsigned i = 0; i < w->stage->count; i++)
		w->step_count += has_vertex(w->stage->instructions[i]);
	if (from_step(w, err) < 0)
		return error_wrap(err, "%s:%u: FROM", w->b->file->name, w->line);
	if (w->b->epoch_sec >= 0)
		w->state->epoch_text = state_time(w->state, w->b->epoch_sec);
	if (fire_triggers(w, err) < 0)
		return error_wrap(err, "%s:%u: FROM", w->b->file->name, w->line);
	if (w->step == 0)
		w->step = 1;
	for (unsigned i = 0; i < w->stage->count; i++) {
		const struct instruction *in = w->stage->instructions[i];
		w->line = in->line;
		w->last_line = in->last_line;
		if (dispatch(w, in, err) < 0)
			return error_wrap(err, "%s:%u: %s", w->b->file->name, in->line, in->name);
	}
	return 0;
}

int stage_run(const void *ctx, const struct build *b, unsigned stage, const struct platform *target, struct link *l,
	      struct stage_result **ret, unsigned *ret_line, unsigned *ret_last_line, int *ret_exit_status,
	      struct error *err)
{
	CLEANUP_TALLOC struct work *w = mem_new(NULL, struct work);
	w->b = b;
	w->index = stage;
	w->stage = &b->file->stages[stage];
	w->target = *target;
	w->l = l;
	if (build_global_args(w, b, target, &w->global_args, err) < 0 || run_instructions(w, err) < 0) {
		*ret_line = w->line;
		*ret_last_line = w->last_line;
		*ret_exit_status = w->exit_status;
		return -1;
	}
	struct stage_result *result = mem_new(ctx, struct stage_result);
	result->state = talloc_steal(result, w->state);
	result->chain = chain_copy(result, workspace_chain(w->workspace));
	*ret = result;
	return 0;
}
