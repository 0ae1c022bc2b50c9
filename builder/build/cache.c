/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the records of finished steps; what goes into a key is the steps' own (stage.c, runstep.c). */
#include "builder/build/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/json.h"
#include "tracer/base/io.h"

enum { RECORD_MAX_BYTES = 1 << 20 };

struct cache_key {
	struct digest_state *state;
};

struct cache_key *cache_key_begin(const void *ctx, const char *what)
{
	struct cache_key *k = mem_new(ctx, struct cache_key);
	k->state = digest_begin(k);
	cache_key_text(k, what);
	return k;
}

void cache_key_text(struct cache_key *k, const char *text)
{
	char head[32];
	int n = text ? snprintf(head, sizeof(head), "%zu:", strlen(text)) : snprintf(head, sizeof(head), "-:");
	digest_update(k->state, head, n);
	if (text)
		digest_update(k->state, text, strlen(text));
}

void cache_key_number(struct cache_key *k, int64_t number)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, number);
	cache_key_text(k, text);
}

void cache_key_list(struct cache_key *k, const struct strlist *list)
{
	cache_key_number(k, list ? (int64_t)list->count : -1);
	for (size_t i = 0; list && i < list->count; i++)
		cache_key_text(k, list->items[i]);
}

void cache_key_end(struct cache_key *k, char ret[DIGEST_ROOM])
{
	digest_end(k->state, ret);
	talloc_free(k);
}

static char *record_path(const void *ctx, struct store *s, const char *key)
{
	return mem_printf(ctx, "%s/cache/steps/%s", store_root(s), digest_hex(key));
}

static struct json *read_record(const void *ctx, struct store *s, const char *key)
{
	CLEANUP_TALLOC char *path = record_path(NULL, s, key), *text = NULL;
	struct json *root;
	struct error ignored = ERROR_INIT;
	if (io_read_file(path, AT_FDCWD, path, RECORD_MAX_BYTES, &text, NULL, NULL) < 0) {
		text = NULL;
		return NULL;
	}
	text = talloc_steal(NULL, text);
	/* A record that cannot be read is none: the step is made again. */
	return json_parse(ctx, text, path, &root, &ignored) < 0 ? NULL : root;
}

static int write_record(struct store *s, const char *key, const struct json *root, struct error *err)
{
	CLEANUP_TALLOC char *path = record_path(NULL, s, key), *text = json_dump(NULL, root);
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "%s/cache/steps", store_root(s));
	int r = io_mkdir_p(AT_FDCWD, folder, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", folder);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static char *copy_text(const void *ctx, const char *text)
{
	return mem_strdup(ctx, text ? text : "");
}

int cache_find(const void *ctx, struct store *s, const char *key, struct cache_record **ret, struct error *err)
{
	CLEANUP_TALLOC struct json *root = read_record(NULL, s, key);
	CLEANUP_TALLOC char *path = record_path(NULL, s, key);
	const char *snapshot = json_get_string(root, "snapshot");
	(void)err;
	*ret = NULL;
	if (!snapshot || strlen(snapshot) != 64 || strspn(snapshot, "0123456789abcdef") != 64)
		return 0;
	CLEANUP_TALLOC char *tree = mem_printf(NULL, "%s/snapshots/%s/tree", store_root(s), snapshot);
	if (access(tree, R_OK) < 0)
		return 0;
	struct cache_record *record = mem_new(ctx, struct cache_record);
	record->snapshot = mem_strdup(record, snapshot);
	record->created = copy_text(record, json_get_string(root, "created"));
	record->description = copy_text(record, json_get_string(root, "description"));
	record->bytes = json_get_int(root, "bytes", 0);
	utimensat(AT_FDCWD, path, NULL, 0);
	*ret = record;
	return 0;
}

int cache_put(struct store *s, const char *key, const struct cache_record *record, struct error *err)
{
	CLEANUP_TALLOC struct json *root = json_new_object(NULL);
	json_set_string(root, "snapshot", record->snapshot);
	json_set_string(root, "created", record->created);
	json_set_string(root, "description", record->description);
	json_set_int(root, "bytes", record->bytes);
	return write_record(s, key, root, err);
}

bool cache_find_alias(struct store *s, const char *key, char ret[DIGEST_ROOM])
{
	CLEANUP_TALLOC struct json *root = read_record(NULL, s, key);
	CLEANUP_TALLOC char *path = record_path(NULL, s, key);
	const char *other = json_get_string(root, "alias");
	if (!other || !digest_is_valid(other))
		return false;
	utimensat(AT_FDCWD, path, NULL, 0);
	memcpy(ret, other, strlen(other) + 1);
	return true;
}

int cache_put_alias(struct store *s, const char *key, const char *other, struct error *err)
{
	CLEANUP_TALLOC struct json *root = json_new_object(NULL);
	json_set_string(root, "alias", other);
	return write_record(s, key, root, err);
}

int cache_lock(struct store *s, const char *key, struct error *err)
{
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "%s/cache/locks", store_root(s));
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%.2s", folder, digest_hex(key));
	int r = io_mkdir_p(AT_FDCWD, folder, 0700);
	int fd = r < 0 ? r : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, r < 0 ? -r : errno, "cannot lock '%s'", path);
	/* One byte a key: the file is small however many keys there were.  The lock goes with the descriptor. */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	unsigned char number[6] = { 0 };
	for (unsigned i = 0; i < sizeof(number); i++)
		sscanf(digest_hex(key) + 2 + 2 * i, "%2hhx", &number[i]);
	memcpy(&lock.l_start, number, sizeof(number));
	if (fcntl(fd, F_SETLKW, &lock) < 0) {
		int number_of_error = errno;
		close(fd);
		return error_set(err, number_of_error, "cannot lock '%s'", path);
	}
	return fd;
}
