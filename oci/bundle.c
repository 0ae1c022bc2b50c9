/* SPDX-License-Identifier: Apache-2.0 */
/* Owns bundles as folders: what is in them, and umoci's notes of where they come from. */
#include "oci/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/bundle_private.h"
#include "oci/derive.h"
#include "oci/flatten.h"
#include "oci/json.h"
#include "oci/mtree.h"
#include "oci/snapshot.h"
#include "tracer/base/io.h"
#include "tracer/base/rootless.h"
#include "tracer/base/text.h"

enum { NOTES_MAX_BYTES = 1 << 20 };

struct bundle {
	const struct image *image;
	char *dir, *begun; /* begun: NULL once it is in place */
	char *root;
};

/* ---- making one ---- */

static int remove_begun(struct bundle *b)
{
	if (b->begun)
		io_remove_tree(AT_FDCWD, b->begun);
	return 0;
}

/* rename(2) replaces an empty folder, and nothing else. */
static int check_free(const char *dir, struct error *err)
{
	if (rmdir(dir) == 0)
		return mkdir(dir, 0700) < 0 ? error_set(err, errno, "cannot make '%s'", dir) : 0;
	if (errno == ENOENT)
		return 0;
	return error_set(err, errno == ENOTEMPTY ? EEXIST : errno, "cannot make the bundle '%s'", dir);
}

int bundle_begin(const void *ctx, struct store *s, const struct image *image, const char *dir, struct bundle **ret,
		 struct error *err)
{
	struct bundle *b = mem_new(ctx, struct bundle);
	struct chain *chain;
	size_t length = strlen(dir);
	talloc_set_destructor(b, remove_begun);
	b->image = image;
	while (length > 1 && dir[length - 1] == '/')
		length--;
	b->dir = mem_strndup(b, dir, length);
	int r = check_free(b->dir, err);
	if (r == 0) {
		char *begun = mem_printf(b, "%s.XXXXXX", b->dir);
		if (mkdtemp(begun))
			b->begun = begun;
		else
			r = error_set(err, errno, "cannot make the bundle '%s'", b->dir);
	}
	if (r == 0) {
		b->root = mem_printf(b, "%s/rootfs", b->begun);
		r = chain_of_image(b, s, image, &chain, err);
	}
	if (r == 0)
		r = flatten_to_root(s, chain, b->root, err);
	if (r < 0) {
		talloc_free(b);
		return -1;
	}
	*ret = b;
	return 0;
}

const char *bundle_root(const struct bundle *b)
{
	return b->root;
}

bool bundle_is_rootless(const struct bundle *b)
{
	(void)b;
	return geteuid() != 0;
}

static struct json *mapping_of(const void *ctx, uid_t id)
{
	struct json *list = json_new_array(ctx);
	CLEANUP_TALLOC struct json *one = json_new_object(NULL);
	json_set_int(one, "containerID", 0);
	json_set_int(one, "hostID", id);
	json_set_int(one, "size", 1);
	json_append(list, one);
	return list;
}

/* umoci's cmd/umoci/utils.go, UmociMeta, version 2. */
static char *make_notes(const void *ctx, const struct bundle *b)
{
	const struct descriptor *manifest = &b->image->manifest;
	bool is_rootless = bundle_is_rootless(b);
	CLEANUP_TALLOC struct json *notes = json_new_object(NULL);
	struct json *from = json_new_object(notes), *walk = json_new_array(notes), *step = json_new_object(notes),
		    *map = json_new_object(notes);
	json_set_string(step, "mediaType", manifest->media_type ? manifest->media_type : MEDIA_OCI_MANIFEST);
	json_set_string(step, "digest", manifest->digest);
	json_set_int(step, "size", manifest->size_bytes ? manifest->size_bytes : (int64_t)strlen(b->image->manifest_json));
	json_append(walk, step);
	json_set(from, "descriptor_walk", walk);
	if (is_rootless) {
		json_set(map, "uid_mappings", mapping_of(notes, geteuid()));
		json_set(map, "gid_mappings", mapping_of(notes, getegid()));
	}
	json_set_bool(map, "rootless", is_rootless);
	json_set_string(notes, "umoci_version", "2");
	json_set(notes, "from_descriptor_path", from);
	json_set(notes, "map_options", map);
	json_set_int(notes, "whiteout_mode", 0);
	return json_dump(ctx, notes);
}

static int write_text(const struct bundle *b, const char *name, const char *text, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", b->begun, name);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0644, err);
}

int bundle_finish(struct bundle *b, const char *config, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *list = mem_printf(scratch, "%s/sha256_%s.mtree", b->begun, digest_hex(b->image->manifest.digest));
	if (write_text(b, "config.json", config, err) < 0 || write_text(b, "umoci.json", make_notes(scratch, b), err) < 0 ||
	    mtree_write(b->root, list, err) < 0)
		return -1;
	if (rename(b->begun, b->dir) < 0)
		return error_set(err, errno, "cannot make the bundle '%s'", b->dir);
	b->begun = NULL;
	return 0;
}

/* ---- and back ---- */

/* The digest of the manifest that it was unpacked of. */
static int read_notes(const void *ctx, const char *dir, char **ret_digest, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/umoci.json", dir), *text;
	struct json *notes;
	if (io_read_file(scratch, AT_FDCWD, path, NOTES_MAX_BYTES, &text, NULL, err) < 0 ||
	    json_parse(scratch, text, path, &notes, err) < 0)
		return -1;
	struct json *walk = json_get(json_get(notes, "from_descriptor_path"), "descriptor_walk");
	struct json *last = json_length(walk) ? json_at(walk, json_length(walk) - 1) : NULL;
	const char *digest = json_get_string(last, "digest");
	if (!digest || !digest_is_valid(digest))
		return error_set(err, 0, "%s: from_descriptor_path names no image", path);
	*ret_digest = mem_strdup(ctx, digest);
	return 0;
}

static int load_base(const void *ctx, struct store *s, const char *digest, struct image **ret, struct error *err)
{
	struct descriptor manifest = { .digest = mem_strdup(ctx, digest) };
	*ret = NULL;
	if (store_find_image(ctx, s, digest, ret, err) < 0)
		return -1;
	if (*ret)
		return 0;
	if (store_load_image(ctx, s, &manifest, ret, err) < 0)
		return error_wrap(err, "the image that the bundle was made from is not in the store");
	return 0;
}

/* What the files of the bundle are to root: by its table, when runs of it left one, and by their attributes. */
static int open_root(const void *ctx, struct store *s, const char *dir, struct diff_root *ret, struct error *err)
{
	char resolved[PATH_MAX], *folder;
	struct stat st;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/rootfs", dir);
	if (!realpath(path, resolved) || stat(resolved, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "cannot open '%s'", path);
	*ret = (struct diff_root){ .root = mem_strdup(ctx, resolved) };
	if (geteuid() == 0) {
		ret->meta = meta_new(ctx, st.st_dev, 0);
		return 0;
	}
	if (store_folder_table(ctx, s, resolved, &folder, err) < 0)
		return -1;
	CLEANUP_TALLOC char *table = mem_printf(NULL, "%s/meta", folder);
	if (meta_open(ctx, table, st.st_dev, 0, &ret->meta, err) < 0)
		return -1;
	return rootless_import(ret->meta, resolved, err);
}

/* A layer of the changes; *ret_is_empty when there are none. */
static int make_layer(const void *ctx, struct store *s, const struct image *base, const char *dir, struct descriptor *ret,
		      char **ret_diff_id, bool *ret_is_empty, struct error *err)
{
	struct diff_root was, now;
	struct change *changes;
	struct chain *chain;
	char *id;
	unsigned count;
	if (chain_of_image(ctx, s, base, &chain, err) < 0 || flatten_make_root(ctx, s, chain, &was, err) < 0 ||
	    open_root(ctx, s, dir, &now, err) < 0 || bundle_changes(ctx, &was, &now, &changes, &count, err) < 0)
		return -1;
	*ret_is_empty = count == 0;
	if (count == 0)
		return 0;
	if (snapshot_make(ctx, s, &now, changes, count, SNAPSHOT_COPIES, &id, err) < 0)
		return -1;
	return chain_export_snapshot(ctx, s, id, ret, ret_diff_id, err);
}

int bundle_commit(const void *ctx, struct store *s, const char *dir, const char *name, const struct image_changes *changes,
		  struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct descriptor layer = { .digest = NULL };
	char *digest = NULL, *diff_id = NULL;
	struct image *base;
	bool is_empty;
	if (read_notes(scratch, dir, &digest, err) < 0 || load_base(scratch, s, digest, &base, err) < 0 ||
	    make_layer(scratch, s, base, dir, &layer, &diff_id, &is_empty, err) < 0)
		return -1;
	return store_add_on_top(ctx, s, base, is_empty ? NULL : &layer, diff_id, changes, name, ret, err);
}
