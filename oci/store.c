/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the store's folders, its index and its locks; blobs.c the blobs, images.c what images they make. */
#include "oci/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/json.h"
#include "oci/store_private.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

#define NAME_ANNOTATION "org.opencontainers.image.ref.name"

/* ---- the folders ---- */

static char *default_root(const void *ctx)
{
	const char *own = getenv("FAKEBUILD_ROOT"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (own && *own)
		return mem_strdup(ctx, own);
	if (data && data[0] == '/')
		return mem_printf(ctx, "%s/fakebuild", data);
	return mem_printf(ctx, "%s/.local/share/fakebuild", home && home[0] == '/' ? home : "/tmp");
}

uint64_t store_process_start(int pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_all(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* proc(5): starttime is field 22; the command in field 2 may hold anything but ends at the last ')'. */
	char *at = strrchr(text, ')');
	/* One that nobody has waited for yet is gone all the same. */
	if (at && at[1] && (at[2] == 'Z' || at[2] == 'X'))
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

enum tmp_kind { TMP_EMPTY, TMP_USED };
enum { USED_FOLDERS_MAX = 8 };

static int lock_folder(const char *path, int how)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat opened, there;
	/* Somebody may have taken it for stale in between. */
	if (fd < 0 || flock(fd, how | LOCK_NB) < 0 || fstat(fd, &opened) < 0 || stat(path, &there) < 0 ||
	    opened.st_ino != there.st_ino || opened.st_dev != there.st_dev)
		return -1;
	return io_take_fd(&fd);
}

/*
 * What killed processes left.  Told by its lock: process ids say nothing where other containers have the
 * store too, but a process that is there may not have got as far as its lock.
 */
static struct strlist *find_stale(const void *ctx, struct store *s)
{
	struct strlist *list = strlist_new(ctx);
	CLEANUP_TALLOC char *tmp = mem_printf(NULL, "%s/tmp", s->root);
	DIR *dir = opendir(tmp);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		int pid;
		unsigned long long start;
		if (sscanf(entry->d_name, "%d-%llu-", &pid, &start) == 2 && store_process_start(pid) != start)
			strlist_add(list, mem_printf(list, "%s/%s", tmp, entry->d_name));
	}
	if (dir)
		closedir(dir);
	return list;
}

static void remove_stale(struct store *s)
{
	CLEANUP_TALLOC struct strlist *stale = find_stale(NULL, s);
	if (stale->count == 0 || store_fork(-1) > 0)
		return;
	for (size_t i = 0; i < stale->count; i++) {
		CLEANUP_CLOSE int lock = lock_folder(stale->items[i], LOCK_EX);
		if (lock >= 0)
			io_remove_tree(AT_FDCWD, stale->items[i]);
	}
	_exit(0);
}

pid_t store_fork(int kept_fd)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	setsid();
	for (int fd = 0; fd < 1024; fd++)
		if (fd != kept_fd)
			close(fd);
	return 0;
}

void store_new_id(char id[STORE_ID_ROOM])
{
	unsigned char random[32] = { 0 };
	CLEANUP_CLOSE int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_read_all(fd, random, sizeof(random)) != sizeof(random))
		mem_must(NULL);
	for (unsigned i = 0; i < sizeof(random); i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
}

static int make_folders(struct store *s, struct error *err)
{
	static const char *const folder[] = { "blobs/sha256", "layers",	   "snapshots", "containers",
					      "cache/partial", "tmp" };
	int r = io_mkdir_p(AT_FDCWD, s->root, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot make the store '%s' (--root or $FAKEBUILD_ROOT choose another place)", s->root);
	for (size_t i = 0; i < sizeof(folder) / sizeof(*folder); i++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", s->root, folder[i]);
		r = io_mkdir_p(AT_FDCWD, path, 0700);
		if (r < 0)
			return error_set(err, -r, "cannot make the store's '%s'", path);
	}
	if (access(s->root, W_OK | X_OK) < 0)
		return error_set(err, errno, "the store '%s' is not writable", s->root);
	return 0;
}

static char *path_in(const void *ctx, const struct store *s, const char *name)
{
	return mem_printf(ctx, "%s/%s", s->root, name);
}

static int write_once(struct store *s, const char *name, const char *text, struct error *err)
{
	CLEANUP_TALLOC char *path = path_in(NULL, s, name);
	if (access(path, F_OK) == 0)
		return 0;
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static int close_store(struct store *s)
{
	if (s->hold_fd >= 0)
		close(s->hold_fd);
	return 0;
}

int store_hold(struct store *s, struct error *err)
{
	if (s->hold_fd >= 0)
		return 0;
	CLEANUP_TALLOC char *path = path_in(NULL, s, "cache/in-use");
	s->hold_fd = io_lock(AT_FDCWD, path, IO_LOCK_SHARED);
	return s->hold_fd < 0 ? error_set(err, -s->hold_fd, "cannot lock the store '%s'", s->root) : 0;
}

void store_let_go(struct store *s)
{
	if (s->hold_fd >= 0)
		close(s->hold_fd);
	s->hold_fd = -1;
}

int store_open(const void *ctx, const char *root, struct store **ret, struct error *err)
{
	struct store *s = mem_new(ctx, struct store);
	s->hold_fd = -1;
	/* Modes in the store are ours to say, whatever the user's mask. */
	umask(0);
	talloc_set_destructor(s, close_store);
	s->root = root ? mem_strdup(s, root) : default_root(s);
	if (make_folders(s, err) < 0)
		goto failed;
	char *absolute = realpath(s->root, NULL);
	if (!absolute) {
		error_set(err, errno, "cannot resolve the store '%s'", s->root);
		goto failed;
	}
	s->root = mem_strdup(s, absolute);
	free(absolute);
	if (store_hold(s, err) < 0 ||
	    write_once(s, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err) < 0 ||
	    write_once(s, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}", err) < 0)
		goto failed;
	remove_stale(s);
	*ret = s;
	return 0;
failed:
	talloc_free(s);
	return -1;
}

const char *store_root(const struct store *s)
{
	return s->root;
}

/* An empty folder, or one that was given back. */
static int make_folder(struct store *s, const char *path, enum tmp_kind kind)
{
	for (unsigned i = 0; kind == TMP_USED && i < USED_FOLDERS_MAX; i++) {
		CLEANUP_TALLOC char *used = mem_printf(NULL, "%s/cache/runs/%u", s->root, i);
		if (rename(used, path) == 0)
			return 0;
	}
	return mkdir(path, 0700);
}

void store_give_back(struct store *s, const char *path)
{
	CLEANUP_TALLOC char *folder = path_in(NULL, s, "cache/runs");
	if (io_mkdir_p(AT_FDCWD, folder, 0700) == 0) {
		for (unsigned i = 0; i < USED_FOLDERS_MAX; i++) {
			CLEANUP_TALLOC char *used = mem_printf(NULL, "%s/%u", folder, i);
			if (rename(path, used) == 0)
				return;
		}
	}
	io_remove_tree(AT_FDCWD, path);
}

static int make_tmp(const void *ctx, struct store *s, enum tmp_kind kind, char **ret_path, int *ret_lock, struct error *err)
{
	static unsigned counter;
	CLEANUP_TALLOC char *path = NULL;
	int fd = -1;
	for (unsigned attempt = 0; fd < 0 && attempt < 8; attempt++) {
		talloc_free(path);
		path = mem_printf(ctx, "%s/tmp/%d-%llu-%u", s->root, (int)getpid(),
				  (unsigned long long)store_process_start(getpid()),
				  __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED));
		if (make_folder(s, path, kind) < 0)
			return error_set(err, errno, "cannot make '%s'", path);
		fd = lock_folder(path, LOCK_SH);
	}
	if (fd < 0)
		return error_set(err, errno, "cannot lock '%s'", path);
	/* For as long as the path is allocated. */
	io_held_set(io_held_new(path), fd);
	*ret_path = path;
	*ret_lock = fd;
	path = NULL;
	return 0;
}

int store_make_locked_tmp(const void *ctx, struct store *s, char **ret_path, int *ret_lock, struct error *err)
{
	return make_tmp(ctx, s, TMP_EMPTY, ret_path, ret_lock, err);
}

int store_make_tmp(const void *ctx, struct store *s, char **ret_path, struct error *err)
{
	int lock;
	return make_tmp(ctx, s, TMP_EMPTY, ret_path, &lock, err);
}

int store_take_tmp(const void *ctx, struct store *s, char **ret_path, struct error *err)
{
	int lock;
	return make_tmp(ctx, s, TMP_USED, ret_path, &lock, err);
}

struct guard {
	int fd; /* closed when all who could use the folder are gone */
	pid_t pid;
};

static int end_guard(struct guard *g)
{
	close(g->fd);
	waitpid(g->pid, NULL, 0);
	return 0;
}

int store_make_guarded_tmp(const void *ctx, struct store *s, char **ret_path, struct error *err)
{
	CLEANUP_TALLOC char *path = NULL;
	int ends[2];
	char none;
	if (store_make_tmp(NULL, s, &path, err) < 0) {
		path = NULL;
		return -1;
	}
	if (pipe2(ends, O_CLOEXEC) < 0) {
		error_set(err, errno, "cannot make a pipe");
		rmdir(path);
		return -1;
	}
	pid_t pid = store_fork(ends[0]);
	if (pid == 0) {
		while (read(ends[0], &none, 1) < 0 && errno == EINTR)
			;
		io_remove_tree(AT_FDCWD, path);
		_exit(0);
	}
	int number = errno;
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		rmdir(path);
		return error_set(err, number, "cannot start a process");
	}
	struct guard *g = mem_new(path, struct guard);
	*g = (struct guard){ ends[1], pid };
	talloc_set_destructor(g, end_guard);
	*ret_path = talloc_steal(ctx, path);
	path = NULL;
	return 0;
}

/* ---- the index ---- */

static int load_index(const void *ctx, struct store *s, struct json **ret, struct error *err)
{
	CLEANUP_TALLOC char *path = path_in(NULL, s, "index.json");
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text;
	if (io_read_file(scratch, AT_FDCWD, path, 64u << 20, &text, NULL, err) < 0 ||
	    json_parse(ctx, text, path, ret, err) < 0)
		return -1;
	if (!json_holds_array(json_get(*ret, "manifests")))
		return error_set(err, 0, "'%s' has no list of manifests", path);
	return 0;
}

static int save_index(struct store *s, const struct json *index, struct error *err)
{
	CLEANUP_TALLOC char *path = path_in(NULL, s, "index.json");
	CLEANUP_TALLOC char *text = json_dump(NULL, index);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static int lock_index(struct store *s, struct error *err)
{
	CLEANUP_TALLOC char *path = path_in(NULL, s, "cache/index-lock");
	int fd = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE);
	return fd < 0 ? error_set(err, -fd, "cannot lock the store's index") : fd;
}

static const char *name_of(struct json *entry)
{
	return json_get_string(json_get(entry, "annotations"), NAME_ANNOTATION);
}

/* The list without the entries of this name, and without untagged ones of this digest. */
static struct json *without(const void *ctx, struct json *list, const char *name, const char *digest,
			    bool *ret_existed)
{
	struct json *kept = json_new_array(ctx);
	*ret_existed = false;
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *entry = json_at(list, i);
		const char *its_name = name_of(entry), *its_digest = json_get_string(entry, "digest");
		if (its_name && name && strcmp(its_name, name) == 0)
			*ret_existed = true;
		else if (!its_name && digest && its_digest && strcmp(its_digest, digest) == 0)
			*ret_existed |= !name;
		else
			json_append(kept, entry);
	}
	return kept;
}

static int change_index(struct store *s, const char *name, const struct descriptor *add, const char *digest,
			bool *ret_existed, struct error *err)
{
	CLEANUP_CLOSE int lock = lock_index(s, err);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *index;
	if (lock < 0 || load_index(scratch, s, &index, err) < 0)
		return -1;
	struct json *list = without(scratch, json_get(index, "manifests"), name, digest, ret_existed);
	if (add) {
		struct json *entry = descriptor_json(scratch, add);
		if (name) {
			struct json *annotations = json_new_object(scratch);
			json_set_string(annotations, NAME_ANNOTATION, name);
			json_set(entry, "annotations", annotations);
		}
		json_append(list, entry);
	}
	json_set(index, "manifests", list);
	return save_index(s, index, err);
}

int store_tag(struct store *s, const char *name, const struct descriptor *manifest, struct error *err)
{
	bool existed;
	return change_index(s, name, manifest, manifest->digest, &existed, err);
}

int store_untag(struct store *s, const char *name, bool *ret_existed, struct error *err)
{
	bool is_digest = digest_is_valid(name);
	return change_index(s, is_digest ? NULL : name, NULL, is_digest ? name : NULL, ret_existed, err);
}

static int by_name(const void *a, const void *b)
{
	const struct stored_image *x = a, *y = b;
	if (!x->name || !y->name)
		return !x->name - !y->name;
	return strcmp(x->name, y->name);
}

int store_list_images(const void *ctx, struct store *s, struct stored_image **ret, unsigned *ret_count,
		      struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *index;
	if (load_index(scratch, s, &index, err) < 0)
		return -1;
	struct json *list = json_get(index, "manifests");
	struct stored_image *images = mem_array(ctx, struct stored_image, json_length(list));
	unsigned count = 0;
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *entry = json_at(list, i);
		const char *digest = json_get_string(entry, "digest"), *type = json_get_string(entry, "mediaType");
		if (!digest || !digest_is_valid(digest))
			continue;
		struct stored_image *image = &images[count++];
		image->name = name_of(entry) ? mem_strdup(images, name_of(entry)) : NULL;
		image->manifest.digest = mem_strdup(images, digest);
		image->manifest.media_type = mem_strdup(images, type ? type : MEDIA_OCI_MANIFEST);
		image->manifest.size_bytes = json_get_int(entry, "size", 0);
	}
	qsort(images, count, sizeof(*images), by_name);
	*ret = images;
	*ret_count = count;
	return 0;
}
