/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what the store no longer needs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/container.h"
#include "oci/json.h"
#include "oci/store_private.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { NOTE_MAX_BYTES = 1 << 20 };

struct sweep {
	struct store *store;
	struct strlist *blobs, *layers, *snapshots, *compressed; /* names of what is needed */
	bool is_dry_run;
	struct gc_result result;
};

static void mark_layers(struct sweep *w, const char *config_digest)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	char *text;
	/* Attestations have one that is none of an image, or of no layer. */
	if (store_get_blob(scratch, w->store, config_digest, IMAGE_JSON_MAX_BYTES, &text, NULL, NULL) < 0 ||
	    json_parse(scratch, text, "the configuration", &root, NULL) < 0)
		return;
	struct strlist *ids = json_get_strings(scratch, json_get(root, "rootfs"), "diff_ids");
	for (size_t i = 0; ids && i < ids->count; i++)
		if (digest_is_valid(ids->items[i]))
			strlist_add(w->layers, digest_hex(ids->items[i]));
}

static int mark_blob(void *arg, const struct descriptor *blob, enum blob_role role, struct error *err)
{
	struct sweep *w = arg;
	(void)err;
	strlist_add(w->blobs, digest_hex(blob->digest));
	if (role == BLOB_CONFIG)
		mark_layers(w, blob->digest);
	return 0;
}

static int mark_all(struct sweep *w, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct stored_image *images;
	struct container **containers;
	unsigned count;
	if (store_list_images(scratch, w->store, &images, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++)
		if (store_walk_blobs(w->store, &images[i].manifest, true, mark_blob, w, err) < 0)
			return error_wrap(err, "image %s", images[i].manifest.digest);
	if (container_list(scratch, w->store, &containers, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		struct descriptor manifest = { .digest = containers[i]->image_digest };
		if (!container_is_left_over(containers[i]) && manifest.digest && digest_is_valid(manifest.digest) &&
		    store_has_blob(w->store, manifest.digest) &&
		    store_walk_blobs(w->store, &manifest, true, mark_blob, w, err) < 0)
			return error_wrap(err, "the image of container %.12s", containers[i]->id);
	}
	return 0;
}

/* ---- what is needed with the layers ---- */

static struct strlist *names_in(const void *ctx, const struct store *s, const char *folder)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", s->root, folder);
	struct strlist *list = strlist_new(ctx);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			strlist_add(list, entry->d_name);
	if (dir)
		closedir(dir);
	return list;
}

/* The member of a note, a JSON file of the store; NULL: it has none. */
static char *read_note(const void *ctx, const struct store *s, const char *folder, const char *name, const char *member)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/%s/%s", s->root, folder, name), *text;
	struct json *root;
	if (io_read_file(scratch, AT_FDCWD, path, NOTE_MAX_BYTES, &text, NULL, NULL) < 0 ||
	    json_parse(scratch, text, path, &root, NULL) < 0)
		return NULL;
	const char *value = json_get_string(root, member);
	return value ? mem_strdup(ctx, value) : NULL;
}

/* What folder/<name> is a link to in the other folder; NULL: it is one of its own. */
static char *link_of(const void *ctx, const struct store *s, const char *folder, const char *name, const char *before)
{
	char target[256];
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s/%s", s->root, folder, name);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	return text_starts(target, before) ? mem_strdup(ctx, target + strlen(before)) : NULL;
}

/* A layer that was made here. */
static char *snapshot_of(const void *ctx, const struct store *s, const char *name)
{
	return link_of(ctx, s, "layers", name, "../snapshots/");
}

/* A step's layer that came from elsewhere. */
static char *layer_of(const void *ctx, const struct store *s, const char *name)
{
	return link_of(ctx, s, "snapshots", name, "../layers/");
}

/* Snapshots of needed layers and of build steps; the links to these, and what was compressed of either. */
static void mark_companions(struct sweep *w)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *steps = names_in(scratch, w->store, "cache/steps"), *layers = names_in(scratch, w->store, "layers"),
		       *compressed = names_in(scratch, w->store, "cache/compressed");
	for (size_t i = 0; i < steps->count; i++) {
		char *id = read_note(scratch, w->store, "cache/steps", steps->items[i], "snapshot");
		char *layer = id && !strchr(id, '/') ? layer_of(scratch, w->store, id) : NULL;
		if (id)
			strlist_add(w->snapshots, id);
		if (layer)
			strlist_add(w->layers, layer);
	}
	strlist_sort(w->layers);
	for (size_t i = 0; i < layers->count; i++) {
		char *id = snapshot_of(scratch, w->store, layers->items[i]);
		if (id && strlist_has(w->layers, layers->items[i]))
			strlist_add(w->snapshots, id);
	}
	strlist_sort(w->snapshots);
	for (size_t i = 0; i < layers->count; i++) {
		char *id = snapshot_of(scratch, w->store, layers->items[i]);
		if (id && strlist_has(w->snapshots, id))
			strlist_add(w->layers, layers->items[i]);
	}
	strlist_sort(w->layers);
	for (size_t i = 0; i < compressed->count; i++) {
		const char *name = compressed->items[i];
		char *hex = mem_strndup(scratch, name, strcspn(name, "."));
		char *digest = read_note(scratch, w->store, "cache/compressed", name, "digest");
		if (!digest || !digest_is_valid(digest) || !strlist_has(w->layers, hex))
			continue;
		strlist_add(w->compressed, name);
		strlist_add(w->blobs, digest_hex(digest));
	}
	strlist_sort(w->compressed);
	strlist_sort(w->blobs);
}

/* ---- removing ---- */

static void sweep_folder(struct sweep *w, const char *folder, const struct strlist *needed, unsigned *count)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", w->store->root, folder);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || (needed && strlist_has(needed, entry->d_name)))
			continue;
		struct stat st;
		w->result.bytes += store_tree_bytes(dirfd(dir), entry->d_name, false);
		/* A link to a snapshot is not one more layer. */
		if (count && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode))
			++*count;
		if (!w->is_dry_run)
			io_remove_tree(dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
}

int store_gc(struct store *s, bool is_dry_run, struct gc_result *ret, struct error *err)
{
	CLEANUP_TALLOC struct sweep *w = mem_new(NULL, struct sweep);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/cache/in-use", s->root);
	w->store = s;
	w->is_dry_run = is_dry_run;
	w->blobs = strlist_new(w);
	w->layers = strlist_new(w);
	w->snapshots = strlist_new(w);
	w->compressed = strlist_new(w);
	store_let_go(s);
	CLEANUP_CLOSE int lock = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING);
	if (lock < 0)
		return error_set(err, 0, "the store '%s' is being changed by another fakebuild: try again later",
				 s->root);
	unsigned left_overs;
	if (container_remove_left_overs(s, is_dry_run, &left_overs, err) < 0 || mark_all(w, err) < 0)
		return -1;
	mark_companions(w);
	sweep_folder(w, "blobs/sha256", w->blobs, &w->result.blobs);
	sweep_folder(w, "layers", w->layers, &w->result.layers);
	sweep_folder(w, "snapshots", w->snapshots, &w->result.layers);
	sweep_folder(w, "cache/compressed", w->compressed, NULL);
	sweep_folder(w, "cache/partial", NULL, NULL);
	store_sweep_hosts(s, is_dry_run, &w->result);
	*ret = w->result;
	/* Not counted, for the next run makes them again: patched copies of programs, and the folder of a run. */
	sweep_folder(w, "cache/code", NULL, NULL);
	sweep_folder(w, "cache/runs", NULL, NULL);
	return 0;
}
