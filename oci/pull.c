/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the pull from a registry: the image of a platform, its layers several at a time. */
#include "oci/transfer.h"

#include <pthread.h>
#include <string.h>

#include "oci/distribution.h"
#include "oci/layer.h"

enum { WORKERS = 3 };

/* ---- layers, several at a time ---- */

struct work {
	struct store *store;
	const struct registry *registry;
	const struct image *image;
	const struct progress *progress;
	pthread_mutex_t lock; /* of next, result, error and the progress callback */
	unsigned next;
	int result;
	struct error error;
};

struct layer_download {
	struct work *work;
	struct layer_ingest *ingest;
	const struct descriptor *layer;
	int64_t done_bytes;
};

static void show(struct work *w, const char *digest, enum progress_stage stage, int64_t done, int64_t total)
{
	pthread_mutex_lock(&w->lock);
	tell(w->progress, digest, stage, done, total);
	pthread_mutex_unlock(&w->lock);
}

static int write_layer(void *arg, const void *bytes, size_t size, struct error *err)
{
	struct layer_download *d = arg;
	pthread_mutex_lock(&d->work->lock);
	bool is_over = d->work->result < 0;
	pthread_mutex_unlock(&d->work->lock);
	if (is_over)
		return error_set(err, 0, "another layer failed");
	if (layer_ingest_write(d->ingest, bytes, size, err) < 0)
		return -1;
	d->done_bytes += size;
	show(d->work, d->layer->digest, PROGRESS_DOWNLOADING, d->done_bytes, d->layer->size_bytes);
	return 0;
}

static int restart_layer(void *arg, struct error *err)
{
	struct layer_download *d = arg;
	d->done_bytes = 0;
	return layer_ingest_restart(d->ingest, err);
}

static void retry_layer(void *arg)
{
	struct layer_download *d = arg;
	show(d->work, d->layer->digest, PROGRESS_RETRYING, d->done_bytes, d->layer->size_bytes);
}

static bool is_earlier(const struct image *image, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(image->layers[i].digest, image->layers[n].digest) == 0 &&
		    strcmp(image->diff_ids[i], image->diff_ids[n]) == 0)
			return true;
	return false;
}

static int fetch_once(struct work *w, struct registry *r, unsigned n, bool *ret_was_resumed, struct error *err)
{
	const struct descriptor *layer = &w->image->layers[n];
	CLEANUP_TALLOC struct layer_ingest *ingest = NULL;
	struct layer_download d = { .work = w, .layer = layer };
	if (layer_ingest_open(NULL, w->store, layer, w->image->diff_ids[n], &ingest, &d.done_bytes, err) < 0)
		return -1;
	d.ingest = ingest;
	*ret_was_resumed = d.done_bytes > 0;
	struct blob_sink sink = { write_layer, restart_layer, retry_layer, &d };
	if (d.done_bytes < layer->size_bytes && registry_get_blob(r, layer, d.done_bytes, &sink, err) < 0)
		return -1;
	show(w, layer->digest, PROGRESS_UNPACKING, layer->size_bytes, layer->size_bytes);
	return layer_ingest_finish(ingest, err);
}

static int fetch_layer(struct work *w, struct registry *r, unsigned n, struct error *err)
{
	const struct descriptor *layer = &w->image->layers[n];
	bool was_resumed = false;
	if (layer_exists(w->store, w->image->diff_ids[n]) && store_has_blob(w->store, layer->digest)) {
		show(w, layer->digest, PROGRESS_EXISTS, layer->size_bytes, layer->size_bytes);
		return 0;
	}
	/* The same bytes twice in one image are fetched once. */
	if (is_earlier(w->image, n))
		return 0;
	int result = fetch_once(w, r, n, &was_resumed, err);
	/* What an earlier attempt had left may be what is wrong, and is gone now. */
	if (result < 0 && was_resumed && strstr(err->text, "digest mismatch")) {
		error_clear(err);
		result = fetch_once(w, r, n, &was_resumed, err);
	}
	if (result < 0)
		return -1;
	show(w, layer->digest, PROGRESS_DONE, layer->size_bytes, layer->size_bytes);
	return 0;
}

static void *fetch_layers(void *arg)
{
	struct work *w = arg;
	struct error error = ERROR_INIT;
	CLEANUP_TALLOC struct registry *r = NULL;
	int result = registry_clone(NULL, w->registry, &r, &error);
	for (;;) {
		pthread_mutex_lock(&w->lock);
		unsigned n = result < 0 || w->result < 0 ? w->image->layer_count : w->next++;
		pthread_mutex_unlock(&w->lock);
		if (n >= w->image->layer_count)
			break;
		result = fetch_layer(w, r, n, &error);
	}
	if (result < 0) {
		pthread_mutex_lock(&w->lock);
		if (w->result == 0)
			w->error = error;
		w->result = -1;
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

static int fetch_all(struct store *s, const struct registry *r, const struct image *image,
		     const struct progress *progress, struct error *err)
{
	struct work w = { .store = s, .registry = r, .image = image, .progress = progress, .error = ERROR_INIT };
	pthread_t thread[WORKERS];
	unsigned started = 0;
	pthread_mutex_init(&w.lock, NULL);
	while (started < WORKERS && started < image->layer_count &&
	       pthread_create(&thread[started], NULL, fetch_layers, &w) == 0)
		started++;
	if (!started && image->layer_count)
		fetch_layers(&w);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	pthread_mutex_destroy(&w.lock);
	if (w.result < 0)
		*err = w.error;
	return w.result;
}

/* ---- the image ---- */

static int collect(void *arg, const void *bytes, size_t size, struct error *err)
{
	return blob_writer_write(arg, bytes, size, err);
}

static int collect_again(void *arg, struct error *err)
{
	return blob_writer_restart(arg, err);
}

static void no_retry_line(void *arg)
{
	(void)arg;
}

static int fetch_small(struct store *s, struct registry *r, const struct descriptor *blob, bool *ret_was_resumed,
		       struct error *err)
{
	CLEANUP_TALLOC struct blob_writer *w = NULL;
	char digest[DIGEST_ROOM];
	int64_t have;
	if (blob_writer_open(NULL, s, blob->digest, &w, &have, err) < 0)
		return -1;
	*ret_was_resumed = have > 0;
	struct blob_sink sink = { collect, collect_again, no_retry_line, w };
	if (have < blob->size_bytes && registry_get_blob(r, blob, have, &sink, err) < 0)
		return -1;
	return blob_writer_commit(w, blob->size_bytes, digest, err);
}

static int fetch_config(const void *ctx, struct store *s, struct registry *r, struct image *image, struct error *err)
{
	char *text;
	bool was_resumed = false;
	if (image->config.size_bytes > IMAGE_JSON_MAX_BYTES)
		return error_set(err, 0, "the image configuration has %lld bytes, more than %u",
				 (long long)image->config.size_bytes, IMAGE_JSON_MAX_BYTES);
	if (!store_has_blob(s, image->config.digest) &&
	    fetch_small(s, r, &image->config, &was_resumed, err) < 0) {
		if (!was_resumed || !strstr(err->text, "digest mismatch"))
			return -1;
		error_clear(err);
		if (fetch_small(s, r, &image->config, &was_resumed, err) < 0)
			return -1;
	}
	if (store_get_blob(ctx, s, image->config.digest, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0)
		return -1;
	return image_parse_config(image, text, err);
}

int is_for_platform(const struct image *image, const char *platform, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct platform *have = &image->run.platform;
	struct platform want;
	if (!platform)
		return 1;
	if (platform_parse(scratch, platform, &want, err) < 0)
		return -1;
	return !(have->architecture && strcmp(have->architecture, want.architecture) != 0) &&
	       !(have->os && strcmp(have->os, want.os) != 0) &&
	       !(have->variant && want.variant && strcmp(have->variant, want.variant) != 0);
}

static bool is_unpacked(struct store *s, const struct image *image)
{
	for (unsigned i = 0; i < image->layer_count; i++)
		if (!layer_exists(s, image->diff_ids[i]) || !store_has_blob(s, image->layers[i].digest))
			return false;
	return true;
}

/*
 * Does the tag still mean the image that the store has for it?  A HEAD does not count as a pull where pulls are
 * counted.  When in doubt, no; failures are for the GET that follows to tell.
 */
static bool is_current(const void *ctx, struct store *s, struct registry *r, const struct reference *ref,
		       const char *platform, struct image **ret)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct error ignored = ERROR_INIT;
	struct image *image = NULL;
	struct manifest_index *index;
	const struct descriptor *chosen;
	char digest[DIGEST_ROOM], *text;
	bool is_index;
	if (store_find_image_for(scratch, s, ref->name, platform, &image, &ignored) < 0 || !image ||
	    !is_unpacked(s, image) ||
	    is_for_platform(image, platform ? platform : platform_default(), &ignored) != 1 ||
	    registry_head_manifest(r, ref->digest ? ref->digest : ref->tag, digest) < 0)
		return false;
	const char *now = digest;
	bool is_stored = strcmp(digest, image->manifest.digest) == 0 || strcmp(digest, image->stored.digest) == 0;
	if (!is_stored && store_has_blob(s, digest)) {
		if (store_get_blob(scratch, s, digest, IMAGE_JSON_MAX_BYTES, &text, NULL, &ignored) < 0 ||
		    manifest_is_index(text, NULL, &is_index, &ignored) < 0 || !is_index ||
		    manifest_index_parse(scratch, text, &index, &ignored) < 0 ||
		    manifest_index_choose(index, platform, &chosen, &ignored) < 0)
			return false;
		now = chosen->digest;
	}
	if (!is_stored && strcmp(now, image->manifest.digest) != 0)
		return false;
	*ret = talloc_steal(ctx, image);
	return true;
}

int pull_registry(const void *ctx, struct store *s, const struct reference *ref, const char *platform,
			 const struct progress *progress, struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct registry *r;
	struct descriptor manifest;
	char *text, digest[DIGEST_ROOM];
	bool is_index;
	if (registry_open(scratch, ref, "pull", &r, err) < 0)
		return -1;
	tell_line(progress, "%s: Pulling from %s", ref->tag ? ref->tag : ref->digest, ref->repository);
	if (is_current(ctx, s, r, ref, platform, ret)) {
		tell_line(progress, "Status: Image is up to date for %s", ref->familiar);
		return 0;
	}
	if (registry_get_manifest(scratch, r, ref->digest ? ref->digest : ref->tag, &text, &manifest, err) < 0 ||
	    manifest_is_index(text, manifest.media_type, &is_index, err) < 0)
		return -1;
	char *top_digest = manifest.digest;
	if (is_index) {
		struct manifest_index *index;
		const struct descriptor *chosen;
		/* Kept, so that the next pull need only ask whether it is still the same. */
		if (store_put_blob(s, text, strlen(text), digest, err) < 0 ||
		    manifest_index_parse(scratch, text, &index, err) < 0 ||
		    manifest_index_choose(index, platform, &chosen, err) < 0 ||
		    registry_get_manifest(scratch, r, chosen->digest, &text, &manifest, err) < 0)
			return -1;
	}
	struct image *image;
	if (image_parse_manifest(scratch, text, &manifest, &image, err) < 0 ||
	    fetch_config(scratch, s, r, image, err) < 0)
		return -1;
	int is_right = is_for_platform(image, platform, err);
	if (is_right < 0)
		return -1;
	if (!is_right)
		return error_set(err, 0, "no image for platform %s; there is: %s/%s", platform,
				 image->run.platform.os ? image->run.platform.os : "linux",
				 image->run.platform.architecture ? image->run.platform.architecture : "unknown");
	if (fetch_all(s, r, image, progress, err) < 0 ||
	    store_put_blob(s, text, strlen(text), digest, err) < 0 ||
	    store_tag(s, ref->name, &image->manifest, err) < 0)
		return -1;
	tell_line(progress, "Digest: %s", top_digest);
	*ret = talloc_steal(ctx, image);
	return 0;
}
