/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a stage takes files from: the context, named contexts, other stages, images; and getting images. */
#include <string.h>
#include <strings.h>

#include "builder/build/stage_private.h"
#include "oci/attest.h"
#include "oci/transport.h"

static void tell_part(void *arg, const char *digest, enum progress_stage stage, int64_t done, int64_t total)
{
	struct work *w = arg;
	(void)stage;
	struct event e = { .kind = EVENT_STATUS, .vertex = w->vertex, .time_nsec = event_now(), .name = digest,
			   .current_bytes = done, .total_bytes = total, .layer_bytes = -1 };
	link_event(w->l, &e);
}

static void tell_line(void *arg, const char *text)
{
	CLEANUP_TALLOC char *line = mem_printf(NULL, "%s\n", text);
	work_log(arg, 2, line, strlen(line));
}

int work_pull(const void *ctx, struct work *w, const char *name, const struct platform *platform, struct image **ret,
	      struct error *err)
{
	const struct progress progress = { .update = tell_part, .line = tell_line, .arg = w };
	CLEANUP_TALLOC char *text = platform_format(NULL, platform);
	char *tagged;
	/* An id, which no registry knows. */
	if (digest_is_valid(name)) {
		if (store_find_image(ctx, w->b->store, name, ret, err) < 0)
			return -1;
		return *ret ? 0 : error_set(err, 0, "there is no image '%s'", name);
	}
	return transport_pull(ctx, w->b->store, name, w->b->pull, text, &progress, ret, &tagged, err);
}

void work_image_key(const struct image *image, char ret[DIGEST_ROOM])
{
	struct cache_key *k = cache_key_begin(NULL, "image/1");
	cache_key_text(k, image->run.platform.os);
	cache_key_text(k, image->run.platform.architecture);
	cache_key_text(k, image->run.platform.variant);
	for (unsigned i = 0; i < image->layer_count; i++)
		cache_key_text(k, image->diff_ids[i]);
	cache_key_end(k, ret);
}

void work_note_material(struct work *w, const char *name, const struct image *image)
{
	CLEANUP_TALLOC char *uri = provenance_purl(NULL, name, &image->run.platform);
	if (uri)
		state_add_material(w->state, uri, image->manifest.digest);
}

static struct other *add_other(struct work *w, const char *name)
{
	struct other *o = mem_new(w, struct other);
	o->name = mem_strdup(o, name);
	w->others = mem_grow(w, w->others, struct other *, w->other_count + 1);
	w->others[w->other_count++] = o;
	return o;
}

static int of_chain(struct work *w, const char *name, const struct chain *chain, const char *fs_key, struct other **ret,
		    struct error *err)
{
	struct workspace *workspace;
	if (workspace_open(w, w->b->store, chain, &workspace, err) < 0)
		return -1;
	*ret = add_other(w, name);
	(*ret)->workspace = talloc_steal(*ret, workspace);
	(*ret)->source = source_of_workspace(*ret, workspace);
	memcpy((*ret)->fs_key, fs_key, strlen(fs_key) + 1);
	return 0;
}

static int of_image(struct work *w, const char *name, const char *source, struct other **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct image *image;
	struct chain *chain;
	char key[DIGEST_ROOM], *text = mem_printf(scratch, "FROM %s", source);
	work_begin_vertex(w, text, text);
	int r = work_pull(scratch, w, source, &w->platform, &image, err);
	if (r == 0)
		r = chain_of_image(scratch, w->b->store, image, &chain, err);
	work_end_vertex(w, false, NULL, r < 0 ? err : NULL);
	if (r < 0)
		return -1;
	work_image_key(image, key);
	work_note_material(w, source, image);
	return of_chain(w, name, chain, key, ret, err);
}

static int of_context(struct work *w, const char *name, const struct context *context, const struct patterns *ignored,
		      struct other **ret, struct error *err)
{
	struct source *source;
	if (context->image)
		return of_image(w, name, context->image, ret, err);
	if (source_of_folder(w, context->folder, &source, err) < 0)
		return -1;
	*ret = add_other(w, name);
	(*ret)->source = talloc_steal(*ret, source);
	(*ret)->folder = context->folder;
	(*ret)->ignored = ignored;
	return 0;
}

int work_other(struct work *w, const char *name, struct other **ret, struct error *err)
{
	const char *wanted = name ? name : "";
	for (unsigned i = 0; i < w->other_count; i++) {
		if (strcasecmp(w->others[i]->name, wanted) == 0) {
			*ret = w->others[i];
			return 0;
		}
	}
	if (!*wanted)
		return of_context(w, wanted, w->b->context, w->b->ignored, ret, err);
	const struct named_context *context = build_find_context(w->b, wanted);
	if (context)
		return of_context(w, wanted, context->context, context->ignored, ret, err);
	int stage = build_find_stage(w->b, wanted, w->index);
	if (stage < 0)
		return of_image(w, wanted, wanted, ret, err);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct stage_result *result;
	if (link_need(scratch, w->l, stage, &result, err) < 0)
		return -1;
	return of_chain(w, wanted, result->chain, result->state->fs_key, ret, err);
}
