/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the limits of the build cache, and the counting of room. */
#include "oci/prune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "oci/container.h"
#include "oci/json.h"
#include "oci/store_private.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { RECORD_MAX_BYTES = 1 << 20 };

/* A record of a step, a cache mount, or a file that saves work. */
struct kept {
	char *path;
	char *snapshot; /* of a step; NULL: a mount, or an alias */
	bool is_step, is_mount;
	int64_t used_sec;
	uint64_t bytes;
};

struct cache {
	struct kept *items;
	size_t count, room;
};

uint64_t store_tree_bytes(int dir_fd, const char *name, bool has_shares)
{
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	uint64_t bytes = (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode))
		return st.st_nlink <= 1 ? bytes : has_shares ? bytes / st.st_nlink : 0;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			bytes += store_tree_bytes(fd, entry->d_name, has_shares);
	if (dir)
		closedir(dir);
	return bytes;
}

static struct kept *add(struct cache *c, const char *folder, const char *name)
{
	struct stat st;
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 256;
		c->items = mem_grow(c, c->items, struct kept, c->room);
	}
	struct kept *k = &c->items[c->count++];
	*k = (struct kept){ .path = mem_printf(c, "%s/%s", folder, name) };
	if (lstat(k->path, &st) == 0)
		k->used_sec = st.st_mtim.tv_sec;
	return k;
}

static void read_step(struct cache *c, struct kept *k)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text;
	struct json *root;
	struct error ignored = ERROR_INIT;
	if (io_read_file(scratch, AT_FDCWD, k->path, RECORD_MAX_BYTES, &text, NULL, NULL) < 0 ||
	    json_parse(scratch, text, k->path, &root, &ignored) < 0)
		return;
	const char *snapshot = json_get_string(root, "snapshot");
	k->snapshot = snapshot ? mem_strdup(c, snapshot) : NULL;
	k->bytes = json_get_int(root, "bytes", 0);
}

static struct cache *read_cache(const void *ctx, const struct store *s)
{
	struct cache *c = mem_new(ctx, struct cache);
	/* The last two are digests of contexts' files, and what ADD got from URLs. */
	static const char *const folders[] = { "cache/steps", "cache/mounts", "cache/context", "cache/web" };
	for (int i = 0; i < 4; i++) {
		char *path = mem_printf(c, "%s/%s", s->root, folders[i]);
		DIR *dir = opendir(path);
		const struct dirent *entry;
		while (dir && (entry = readdir(dir))) {
			if (entry->d_name[0] == '.' || text_ends(entry->d_name, ".lock"))
				continue;
			struct kept *k = add(c, path, entry->d_name);
			k->is_step = i == 0;
			k->is_mount = i == 1;
			if (k->is_step)
				read_step(c, k);
			else
				k->bytes = store_tree_bytes(AT_FDCWD, k->path, true);
		}
		if (dir)
			closedir(dir);
	}
	return c;
}

static int by_use(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	return x->used_sec < y->used_sec ? -1 : x->used_sec > y->used_sec;
}

int store_prune_cache(struct store *s, const struct prune_limits *limits, bool is_dry_run, struct prune_result *ret,
		      struct error *err)
{
	CLEANUP_TALLOC struct cache *c = NULL;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/cache/in-use", s->root);
	int64_t now = time(NULL);
	uint64_t total = 0;
	struct prune_result result = { 0, 0, 0 };
	store_let_go(s);
	CLEANUP_CLOSE int lock = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING);
	if (lock < 0)
		return error_set(err, 0, "the store '%s' is being changed by another fakebuild: try again later", s->root);
	c = read_cache(NULL, s);
	if (c->count)
		qsort(c->items, c->count, sizeof(*c->items), by_use);
	for (size_t i = 0; i < c->count; i++)
		total += c->items[i].bytes;
	for (size_t i = 0; i < c->count; i++) {
		const struct kept *k = &c->items[i];
		bool is_old = limits->unused_sec >= 0 && now - k->used_sec > limits->unused_sec;
		bool is_too_much = limits->keep_bytes >= 0 && total > (uint64_t)limits->keep_bytes;
		if (!limits->removes_all && !is_old && !is_too_much)
			continue;
		total -= k->bytes;
		/* Of a step nothing is freed yet: its snapshot may be an image's, too. */
		result.bytes += k->is_step ? 0 : k->bytes;
		result.mounts += k->is_mount;
		result.steps += k->snapshot != NULL;
		int r = is_dry_run ? 0 : io_remove_tree(AT_FDCWD, k->path);
		if (r < 0)
			return error_set(err, -r, "cannot remove '%s'", k->path);
	}
	*ret = result;
	return 0;
}

/* ---- counting ---- */

static uint64_t folder_bytes(const struct store *s, const char *name)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", s->root, name);
	return store_tree_bytes(AT_FDCWD, path, true);
}

static unsigned count_entries(const struct store *s, const char *name)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", s->root, name);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned count = 0;
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static bool uses(struct container *const *containers, unsigned count, const char *digest)
{
	for (unsigned i = 0; i < count; i++)
		if (containers[i]->image_digest && strcmp(containers[i]->image_digest, digest) == 0)
			return true;
	return false;
}

int store_usage(struct store *s, struct store_usage *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct store_usage u = { .images = { 0, 0, 0, 0 } };
	struct stored_image *images;
	struct container **containers;
	struct gc_result unneeded;
	struct error busy = ERROR_INIT;
	if (store_list_images(scratch, s, &images, &u.images.total, err) < 0 ||
	    container_list(scratch, s, &containers, &u.containers.total, err) < 0)
		return -1;
	for (unsigned i = 0; i < u.images.total; i++)
		u.images.active += uses(containers, u.containers.total, images[i].manifest.digest);
	for (unsigned i = 0; i < u.containers.total; i++) {
		uint64_t bytes = store_tree_bytes(AT_FDCWD, containers[i]->dir, true);
		u.containers.active += containers[i]->pid != 0;
		u.containers.bytes += bytes;
		u.containers.reclaimable_bytes += containers[i]->pid ? 0 : bytes;
	}
	const struct cache *c = read_cache(scratch, s);
	for (size_t i = 0; i < c->count; i++) {
		u.build_cache.total += c->items[i].snapshot || c->items[i].is_mount;
		u.build_cache.bytes += c->items[i].bytes;
	}
	u.build_cache.reclaimable_bytes = u.build_cache.bytes;
	u.images.bytes = folder_bytes(s, "blobs") + folder_bytes(s, "layers") + folder_bytes(s, "snapshots");
	/* Somebody who uses the store may need what nobody names yet. */
	if (store_gc(s, true, &unneeded, &busy) == 0)
		u.images.reclaimable_bytes = unneeded.bytes;
	u.volumes.total = count_entries(s, "volumes");
	u.volumes.bytes = u.volumes.reclaimable_bytes = folder_bytes(s, "volumes");
	*ret = u;
	return 0;
}
