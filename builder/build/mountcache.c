/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns RUN --mount=type=cache: cache/mounts/<hash of the id>/{data,meta}, who may have it when, and what root saw of
 * its files when it was last used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/build/mounts_private.h"
#include "tracer/base/io.h"

enum { PRIVATE_CACHES = 1000 };

static char *cache_folder(const void *ctx, const struct work *w, const struct run_mount *in)
{
	char digest[DIGEST_ROOM];
	/* An id is any text: it never is a path (CVE-2024-9675). */
	struct cache_key *k = cache_key_begin(NULL, "cache-mount/1");
	const char *id = in->id ? in->id : in->target;
	CLEANUP_TALLOC char *clean = work_join_path(NULL, "/", id);
	cache_key_text(k, *id == '/' ? clean : clean + 1);
	cache_key_end(k, digest);
	return mem_printf(ctx, "%s/cache/mounts/%s", store_root(w->b->store), digest_hex(digest));
}

/* `sharing`: one at a time, a folder for each at a time, or all together. */
static int lock_cache(struct open_mount *o, const char *folder, enum mount_sharing sharing, struct error *err)
{
	for (unsigned i = 0; i < PRIVATE_CACHES; i++) {
		CLEANUP_TALLOC char *path = i ? mem_printf(NULL, "%s.%u", folder, i) : mem_strdup(NULL, folder);
		CLEANUP_TALLOC char *lock = mem_printf(NULL, "%s.lock", path);
		int r = io_mkdir_p(AT_FDCWD, path, 0700);
		if (r < 0)
			return error_set(err, -r, "cannot make '%s'", path);
		enum io_lock how = sharing == SHARING_SHARED  ? IO_LOCK_SHARED :
				   sharing == SHARING_LOCKED ? IO_LOCK_EXCLUSIVE :
							       IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING;
		o->lock = io_lock(AT_FDCWD, lock, how);
		if (o->lock >= 0) {
			o->cache = mem_strdup(NULL, path);
			return 0;
		}
		if (sharing != SHARING_PRIVATE)
			return error_set(err, -o->lock, "cannot lock '%s'", lock);
	}
	return error_set(err, 0, "too many private cache mounts of one id are in use");
}

/* Builds that share a cache read and write its table in turn. */
static int lock_cache_table(const char *cache)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/meta.lock", cache);
	return io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE);
}

static int open_cache_table(const void *ctx, const char *cache, bool is_new, struct meta **ret, struct error *err)
{
	struct stat st;
	CLEANUP_TALLOC char *table = mem_printf(NULL, "%s/meta", cache);
	CLEANUP_TALLOC char *attributes = mem_printf(NULL, "%s/meta.xattr", cache);
	if (stat(cache, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", cache);
	if (is_new) {
		unlink(table);
		unlink(attributes);
	}
	return meta_open(ctx, table, st.st_dev, META_SHARED_LAYERS, ret, err);
}

/* Of table `from`, what `known` (may be NULL) lacks goes into `to`. */
struct difference {
	struct meta *from, *known, *to;
};

static int add_unknown(const struct meta_entry *entry, void *arg)
{
	struct difference *d = arg;
	struct meta_entry there;
	if (!d->known || !meta_get(d->known, entry->dev, entry->ino, &there))
		mounts_put_copy(d->to, d->from, entry);
	return 0;
}

/* What a cache has at first: nothing, or what `from` and `source` name. */
static int fill_cache(struct run_mounts *m, const struct run_mount *in, const char *data, struct error *err)
{
	struct other *from;
	struct workspace *workspace;
	struct workspace_root root;
	if (!in->from) {
		if (mkdir(data, 0755) < 0)
			return error_set(err, errno, "cannot make '%s'", data);
		return mounts_show_as(m, data, in, 0755, err);
	}
	if (work_other(m->w, in->from, &from, err) < 0 ||
	    mounts_copy_source(m, m->w, from, in->source, &workspace, err) < 0 ||
	    workspace_make_root(workspace, &root, err) < 0)
		return -1;
	CLEANUP_TALLOC char *copied = mem_printf(NULL, "%s/m", root.root);
	mounts_import_table(m, workspace_meta(workspace));
	int r = rename(copied, data);
	int number = errno;
	talloc_free(workspace);
	return r < 0 ? error_set(err, number, "cannot make '%s'", data) : 0;
}

int mounts_open_cache(struct run_mounts *m, const struct run_mount *in, struct error *err)
{
	CLEANUP_TALLOC char *folder = cache_folder(NULL, m->w, in);
	struct open_mount *o = mounts_new_open(m);
	CLEANUP_TALLOC struct meta *table = NULL;
	struct stat st;
	if (lock_cache(o, folder, in->sharing, err) < 0)
		return -1;
	talloc_steal(m, o->cache);
	char *data = mem_printf(m, "%s/data", o->cache);
	CLEANUP_CLOSE int lock = lock_cache_table(o->cache);
	if (lock < 0)
		return error_set(err, -lock, "cannot lock the table of '%s'", o->cache);
	if (open_cache_table(NULL, o->cache, false, &table, err) < 0)
		return -1;
	if (stat(o->cache, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", o->cache);
	o->known = meta_new(m, st.st_dev, META_SHARED_LAYERS);
	struct difference all = { table, NULL, o->known };
	meta_each(table, add_unknown, &all);
	if (access(data, F_OK) == 0)
		mounts_import_table(m, table);
	else if (fill_cache(m, in, data, err) < 0)
		return -1;
	utimensat(AT_FDCWD, o->cache, NULL, 0);
	mounts_bind_path(m, data, in, in->is_read_only);
	return 0;
}

void mounts_close_cache(struct run_mounts *m, struct open_mount *o)
{
	CLEANUP_TALLOC struct meta *table = NULL, *old = NULL;
	CLEANUP_TALLOC char *data = mem_printf(NULL, "%s/data", o->cache);
	CLEANUP_CLOSE int lock = lock_cache_table(o->cache);
	struct error ignored = ERROR_INIT;
	struct stat st;
	/* One whose table could not be read, or cannot be had alone, keeps it as it is. */
	if (!o->known || lock < 0)
		return;
	if (stat(o->cache, &st) == 0 && open_cache_table(NULL, o->cache, false, &old, &ignored) == 0) {
		m->others = meta_new(m, st.st_dev, META_SHARED_LAYERS);
		struct difference added = { old, o->known, m->others };
		meta_each(old, add_unknown, &added);
	}
	if (open_cache_table(NULL, o->cache, true, &table, &ignored) == 0)
		mounts_forget_tree(m, AT_FDCWD, data, table);
	TALLOC_FREE(m->others);
}
