/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the containers of the store: making, finding, committing and removing them. */
#include "oci/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/base.h"
#include "oci/chain.h"
#include "oci/derive.h"
#include "oci/diff.h"
#include "oci/json.h"
#include "oci/layer.h"
#include "oci/materialize.h"
#include "oci/merge.h"
#include "oci/snapshot.h"
#include "oci/store_private.h"
#include "tracer/base/clock.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { STATE_MAX_BYTES = 1 << 20 };

/* ---- state ---- */

static void set_paths(struct container *c, char *dir)
{
	c->dir = dir;
	c->root = mem_printf(c, "%s/root", dir);
	c->meta_path = mem_printf(c, "%s/meta", dir);
	c->scratch = mem_printf(c, "%s/scratch", dir);
}

static int save_state(const struct container *c, uint64_t start, struct error *err)
{
	CLEANUP_TALLOC struct json *root = json_new_object(NULL);
	json_set_string(root, "id", c->id);
	json_set_optional(root, "name", c->name);
	json_set_optional(root, "image", c->image_name);
	json_set_optional(root, "imageDigest", c->image_digest);
	json_set_optional(root, "command", c->command);
	json_set_optional(root, "created", c->created);
	if (c->words)
		json_set_strings(root, "words", c->words);
	json_set_optional(root, "workingDir", c->working_dir);
	json_set_int(root, "pid", c->pid);
	json_set_int(root, "pidStart", start);
	json_set_int(root, "exitCode", c->exit_code);
	CLEANUP_TALLOC char *text = json_dump_indented(NULL, root);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/state.json", c->dir);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static char *get_optional(const void *ctx, struct json *root, const char *key)
{
	const char *text = json_get_string(root, key);
	return text ? mem_strdup(ctx, text) : NULL;
}

static int load_state(const void *ctx, const char *dir, struct container **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/state.json", dir), *text;
	struct json *root;
	if (io_read_file(scratch, AT_FDCWD, path, STATE_MAX_BYTES, &text, NULL, err) < 0 ||
	    json_parse(scratch, text, path, &root, err) < 0)
		return -1;
	struct container *c = mem_new(ctx, struct container);
	c->lock_fd = -1;
	set_paths(c, mem_strdup(c, dir));
	c->id = get_optional(c, root, "id");
	c->name = get_optional(c, root, "name");
	c->image_name = get_optional(c, root, "image");
	c->image_digest = get_optional(c, root, "imageDigest");
	c->command = get_optional(c, root, "command");
	c->created = get_optional(c, root, "created");
	c->words = json_get_strings(c, root, "words");
	c->working_dir = get_optional(c, root, "workingDir");
	c->pid = json_get_int(root, "pid", 0);
	c->exit_code = json_get_int(root, "exitCode", -1);
	/* The process may be gone, and its number somebody else's. */
	if (c->pid && store_process_start(c->pid) != (uint64_t)json_get_int(root, "pidStart", 0)) {
		c->pid = 0;
		c->exit_code = 128 + SIGKILL;
	}
	if (!c->id) {
		talloc_free(c);
		return error_set(err, 0, "'%s' has no id", path);
	}
	*ret = c;
	return 0;
}

/* While it is held no container gets a name, and none begins to run. */
static int lock_names(const struct store *s, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/cache/containers-lock", s->root);
	int lock = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE);
	return lock < 0 ? error_set(err, -lock, "cannot lock '%s'", path) : lock;
}

int container_set_running(struct store *s, struct container *c, const char *command, struct error *err)
{
	CLEANUP_TALLOC struct container *now = NULL;
	CLEANUP_CLOSE int lock = -1;
	/* Whoever made it has it for himself. */
	if (c->lock_fd < 0) {
		if ((lock = lock_names(s, err)) < 0 || load_state(NULL, c->dir, &now, err) < 0)
			return -1;
		if (now->pid)
			return error_set(err, 0, "container %s is running already", c->name ? c->name : c->id);
	}
	c->command = mem_strdup(c, command);
	c->pid = getpid();
	return save_state(c, store_process_start(c->pid), err);
}

int container_set_created(struct container *c, const char *command, struct error *err)
{
	enum { SHOWN = 12 };
	if (!c->name)
		c->name = mem_strndup(c, c->id, SHOWN);
	c->command = mem_strdup(c, command);
	c->pid = 0;
	return save_state(c, 0, err);
}

int container_set_exited(struct store *s, struct container *c, int exit_code, struct error *err)
{
	CLEANUP_TALLOC struct container *now = NULL;
	CLEANUP_CLOSE int lock = -1;
	c->pid = 0;
	c->exit_code = exit_code;
	/* One without a name is removed now, and no disk need be waited for. */
	if (!c->name)
		return 0;
	/* It may have been renamed meanwhile. */
	if ((lock = lock_names(s, err)) < 0 || load_state(NULL, c->dir, &now, err) < 0)
		return -1;
	now->pid = 0;
	now->exit_code = exit_code;
	return save_state(now, 0, err);
}

/* ---- finding ---- */

static int by_created(const void *a, const void *b)
{
	const struct container *x = *(struct container *const *)a, *y = *(struct container *const *)b;
	return strcmp(y->created ? y->created : "", x->created ? x->created : "");
}

int container_list(const void *ctx, struct store *s, struct container ***ret, unsigned *ret_count,
		   struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/containers", s->root);
	DIR *dir = opendir(path);
	if (!dir)
		return error_set(err, errno, "cannot open '%s'", path);
	struct container **list = mem_array(ctx, struct container *, 1);
	unsigned count = 0;
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		if (strlen(entry->d_name) != 64)
			continue;
		CLEANUP_TALLOC char *one = mem_printf(NULL, "%s/%s", path, entry->d_name);
		list = mem_grow(ctx, list, struct container *, count + 1);
		/* One that is being removed right now is no container any more. */
		if (load_state(list, one, &list[count], NULL) == 0)
			count++;
	}
	closedir(dir);
	qsort(list, count, sizeof(*list), by_created);
	*ret = list;
	*ret_count = count;
	return 0;
}

int container_find(const void *ctx, struct store *s, const char *name_or_id, struct container **ret,
		   struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct container **list, *found = NULL;
	unsigned count;
	if (container_list(scratch, s, &list, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if ((list[i]->name && strcmp(list[i]->name, name_or_id) == 0) || strcmp(list[i]->id, name_or_id) == 0) {
			*ret = talloc_steal(ctx, list[i]);
			return 0;
		}
	}
	for (unsigned i = 0; i < count && *name_or_id; i++) {
		if (!text_starts(list[i]->id, name_or_id))
			continue;
		if (found)
			return error_set(err, 0, "'%s' is the beginning of several container ids", name_or_id);
		found = list[i];
	}
	*ret = found ? talloc_steal(ctx, found) : NULL;
	return 0;
}

/* ---- making ---- */

static bool is_valid_name(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(name);
	return n >= 2 && n <= 200 && strchr(first, name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static int check_name(const char *name, struct error *err)
{
	return is_valid_name(name) ? 0 :
				     error_set(err, 0, "'%s' is not a container name: want 2 to 200 letters, digits, '_', '.', '-'"
					       ", the first of which is a letter or a digit", name);
}

static int check_is_free(struct store *s, const char *name, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct container *other;
	if (container_find(scratch, s, name, &other, err) < 0)
		return -1;
	return other ? error_set(err, 0, "the name '%s' is taken by container %.12s", name, other->id) : 0;
}

int container_rename(struct store *s, struct container *c, const char *name, struct error *err)
{
	CLEANUP_TALLOC struct container *now = NULL;
	CLEANUP_CLOSE int lock = -1;
	if (check_name(name, err) < 0 || (lock = lock_names(s, err)) < 0 || check_is_free(s, name, err) < 0 ||
	    load_state(NULL, c->dir, &now, err) < 0)
		return -1;
	now->name = mem_strdup(now, name);
	return save_state(now, now->pid ? store_process_start(now->pid) : 0, err);
}

static int unhold(struct container *c)
{
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	return 0;
}

/* Kept in the folder, so that the lock is there before anybody else can see the container. */
static int hold(struct container *c, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/lock", c->dir);
	c->lock_fd = io_lock(AT_FDCWD, path, IO_LOCK_SHARED);
	return c->lock_fd < 0 ? error_set(err, -c->lock_fd, "cannot lock '%s'", c->dir) : 0;
}

bool container_is_left_over(const struct container *c)
{
	if (c->name || c->pid)
		return false;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/lock", c->dir);
	CLEANUP_CLOSE int fd = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING);
	return fd >= 0;
}

int container_remove_left_overs(struct store *s, bool is_dry_run, unsigned *ret_count, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct container **containers;
	unsigned count, removed = 0;
	if (container_list(scratch, s, &containers, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (!container_is_left_over(containers[i]))
			continue;
		removed++;
		if (!is_dry_run && container_remove(s, containers[i], err) < 0)
			return -1;
	}
	*ret_count = removed;
	return 0;
}

/* Everything but the last rename, in c->dir below tmp/. */
static int build(struct store *s, const struct image *image, struct container *c, struct error *err)
{
	CLEANUP_TALLOC struct merged *merged = NULL;
	CLEANUP_TALLOC struct meta *meta = NULL;
	struct stat st;
	for (unsigned i = 0; i < image->layer_count; i++)
		if (layer_unpack_blob(NULL, s, &image->layers[i], image->diff_ids[i], err) < 0)
			return -1;
	if (merge_image(NULL, s, image, &merged, err) < 0)
		return -1;
	if (mkdir(c->root, 0755) < 0 || mkdir(c->scratch, 0700) < 0 || stat(c->root, &st) < 0)
		return error_set(err, errno, "cannot make '%s'", c->root);
	if (meta_open(NULL, c->meta_path, st.st_dev, META_SHARED_LAYERS, &meta, err) < 0 ||
	    materialize(merged, c->root, meta, err) < 0)
		return -1;
	CLEANUP_TALLOC char *base = mem_printf(NULL, "%s/base", c->dir);
	return base_write(base, merged->tree, err);
}

int container_create(const void *ctx, struct store *s, const struct image *image, const char *image_name,
		     const char *name, struct container **ret, struct error *err)
{
	char id[STORE_ID_ROOM], *tmp;
	if (name && check_name(name, err) < 0)
		return -1;
	struct container *c = mem_new(ctx, struct container);
	CLEANUP_CLOSE int lock = -1;
	c->lock_fd = -1;
	talloc_set_destructor(c, unhold);
	if (store_make_tmp(c, s, &tmp, err) < 0) {
		talloc_free(c);
		return -1;
	}
	set_paths(c, tmp);
	store_new_id(id);
	c->id = mem_strdup(c, id);
	c->name = name ? mem_strdup(c, name) : NULL;
	c->image_name = image_name ? mem_strdup(c, image_name) : NULL;
	c->image_digest = mem_strdup(c, image->manifest.digest);
	c->created = clock_text(c);
	c->exit_code = -1;
	/* Made for this process: should it die before it runs anything, nobody needs it. */
	c->pid = getpid();
	if (hold(c, err) < 0 || build(s, image, c, err) < 0 || save_state(c, store_process_start(c->pid), err) < 0)
		goto failed;
	char *final = mem_printf(c, "%s/containers/%s", s->root, id);
	if (name) {
		lock = lock_names(s, err);
		if (lock < 0 || check_is_free(s, name, err) < 0)
			goto failed;
	}
	if (rename(tmp, final) < 0) {
		error_set(err, errno, "cannot put container %s into the store", id);
		goto failed;
	}
	set_paths(c, final);
	*ret = c;
	return 0;
failed:
	io_remove_tree(AT_FDCWD, tmp);
	talloc_free(c);
	return -1;
}

int container_remove(struct store *s, struct container *c, struct error *err)
{
	char *tmp;
	int lock;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (store_make_locked_tmp(scratch, s, &tmp, &lock, err) < 0)
		return -1;
	char *gone = mem_printf(scratch, "%s/c", tmp);
	if (rename(c->dir, gone) < 0) {
		error_set(err, errno, "cannot remove container %.12s", c->id);
		rmdir(tmp);
		return -1;
	}
	/* It is gone for everybody; the work of removing its files need not be waited for. */
	pid_t pid = store_fork(lock);
	if (pid > 0)
		return 0;
	io_remove_tree(AT_FDCWD, tmp);
	if (pid == 0)
		_exit(0);
	return 0;
}

/* ---- what came of it ---- */

int container_open_meta(const void *ctx, const struct container *c, struct meta **ret, struct error *err)
{
	struct stat st;
	if (stat(c->root, &st) < 0)
		return error_set(err, errno, "cannot open container %.12s", c->id);
	return meta_open(ctx, c->meta_path, st.st_dev, META_SHARED_LAYERS, ret, err);
}

int container_diff(const void *ctx, const struct container *c, struct change **ret, unsigned *ret_count,
		   struct error *err)
{
	CLEANUP_TALLOC struct meta *meta = NULL;
	if (container_open_meta(NULL, c, &meta, err) < 0)
		return -1;
	return diff_container(ctx, c, meta, ret, ret_count, err);
}

/* The layer of its changes: snapshot, its plain tar as a blob, descriptor, diffID; no change: *ret_is_empty. */
static int container_make_layer(const void *ctx, struct store *s, const struct container *c, struct descriptor *ret,
				char **ret_diff_id, bool *ret_is_empty, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct diff_root root = { .root = c->root };
	struct change *changes;
	char *id;
	unsigned count;
	if (container_open_meta(scratch, c, &root.meta, err) < 0 ||
	    diff_container(scratch, c, root.meta, &changes, &count, err) < 0)
		return -1;
	*ret_is_empty = count == 0;
	if (count == 0)
		return 0;
	/* It may go on running, and go on being compared with what it was made from. */
	if (snapshot_make(scratch, s, &root, changes, count, SNAPSHOT_COPIES, &id, err) < 0)
		return -1;
	return chain_export_snapshot(ctx, s, id, ret, ret_diff_id, err);
}

int container_commit(const void *ctx, struct store *s, const struct container *c, const char *name,
		     const struct image_changes *changes, struct image **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct descriptor layer;
	char *diff_id = NULL;
	bool is_empty;
	struct image *base;
	if (store_hold(s, err) < 0)
		return -1;
	if (store_find_image(scratch, s, c->image_digest, &base, err) < 0)
		return -1;
	if (!base) {
		struct descriptor manifest = { .digest = c->image_digest };
		if (store_load_image(scratch, s, &manifest, &base, err) < 0)
			return error_wrap(err, "the image that container %.12s was made from is gone", c->id);
	}
	if (container_make_layer(scratch, s, c, &layer, &diff_id, &is_empty, err) < 0)
		return -1;
	return store_add_on_top(ctx, s, base, is_empty ? NULL : &layer, diff_id, changes, name, ret, err);
}

int container_export(const struct container *c, int fd, struct error *err)
{
	CLEANUP_TALLOC struct meta *meta = NULL;
	CLEANUP_TALLOC struct change *changes = NULL;
	unsigned count;
	if (container_open_meta(NULL, c, &meta, err) < 0 || diff_everything(NULL, c, &changes, &count, err) < 0)
		return -1;
	return diff_write(c, meta, changes, count, archive_sink_fd, &fd, err);
}
