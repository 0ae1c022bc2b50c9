/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the blobs: put, get, and writing in pieces that a later attempt can take up again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/store_private.h"
#include "tracer/base/io.h"

char *store_blob_path(const void *ctx, const struct store *s, const char *digest)
{
	return mem_printf(ctx, "%s/blobs/sha256/%s", s->root, digest_hex(digest));
}

bool store_has_blob(const struct store *s, const char *digest)
{
	CLEANUP_TALLOC char *path = store_blob_path(NULL, s, digest);
	return access(path, F_OK) == 0;
}

int store_put_blob(struct store *s, const void *bytes, size_t size, char ret_digest[DIGEST_ROOM],
		   struct error *err)
{
	char digest[DIGEST_ROOM];
	digest_of(bytes, size, digest);
	CLEANUP_TALLOC char *path = store_blob_path(NULL, s, digest);
	if (access(path, F_OK) < 0 && io_write_file(AT_FDCWD, path, bytes, size, 0600, err) < 0)
		return -1;
	memcpy(ret_digest, digest, DIGEST_ROOM);
	return 0;
}

int store_put_document(const void *ctx, struct store *s, const char *text, const char *media_type,
		       struct descriptor *ret, struct error *err)
{
	char digest[DIGEST_ROOM];
	if (store_put_blob(s, text, strlen(text), digest, err) < 0)
		return -1;
	*ret = (struct descriptor){ .media_type = mem_strdup(ctx, media_type), .digest = mem_strdup(ctx, digest),
				    .size_bytes = strlen(text) };
	return 0;
}

int store_get_blob(const void *ctx, const struct store *s, const char *digest, size_t max_bytes, char **ret_text,
		   size_t *ret_size, struct error *err)
{
	char actual[DIGEST_ROOM], *text;
	size_t size;
	if (!digest_is_valid(digest))
		return error_set(err, 0, "'%s' is not a digest", digest);
	CLEANUP_TALLOC char *path = store_blob_path(NULL, s, digest);
	if (io_read_file(ctx, AT_FDCWD, path, max_bytes, &text, &size, err) < 0)
		return -1;
	digest_of(text, size, actual);
	if (strcmp(actual, digest) != 0) {
		talloc_free(text);
		return error_set(err, 0, "the store is damaged: blob %s has the digest %s", digest, actual);
	}
	*ret_text = text;
	if (ret_size)
		*ret_size = size;
	return 0;
}

struct blob_writer {
	struct store *store;
	struct digest_state *hash;
	char *path, *expected; /* expected NULL: not known before */
	int fd;
	int64_t size_bytes;
	bool is_complete; /* another process finished it while we waited */
};

static int close_writer(struct blob_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->path && !w->expected)
		unlink(w->path);
	return 0;
}

/* Hash what an earlier attempt left, and go on behind it. */
static int take_up(struct blob_writer *w, struct error *err)
{
	static const size_t chunk = 1 << 20;
	CLEANUP_TALLOC char *buffer = mem_array(NULL, char, chunk);
	for (;;) {
		ssize_t n = io_read_all(w->fd, buffer, chunk);
		if (n < 0)
			return error_set(err, -n, "cannot read '%s'", w->path);
		digest_update(w->hash, buffer, n);
		w->size_bytes += n;
		if ((size_t)n < chunk)
			return 0;
	}
}

/* The file may have been renamed away by who held the lock before us: then open anew. */
static int open_partial(struct blob_writer *w, struct error *err)
{
	for (;;) {
		w->fd = open(w->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (w->fd < 0)
			return error_set(err, errno, "cannot create '%s'", w->path);
		while (flock(w->fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return error_set(err, errno, "cannot lock '%s'", w->path);
		struct stat held, named;
		if (fstat(w->fd, &held) == 0 && stat(w->path, &named) == 0 && held.st_ino == named.st_ino)
			return 0;
		close(w->fd);
		w->fd = -1;
		if (w->expected && store_has_blob(w->store, w->expected))
			return 0;
	}
}

int blob_writer_open(const void *ctx, struct store *s, const char *digest, struct blob_writer **ret,
		     int64_t *ret_have_bytes, struct error *err)
{
	static unsigned counter;
	struct blob_writer *w = mem_new(ctx, struct blob_writer);
	w->store = s;
	w->fd = -1;
	w->hash = digest_begin(w);
	talloc_set_destructor(w, close_writer);
	if (digest) {
		w->expected = mem_strdup(w, digest);
		w->path = mem_printf(w, "%s/cache/partial/%s", s->root, digest_hex(digest));
	} else {
		w->path = mem_printf(w, "%s/cache/partial/new-%d-%u", s->root, (int)getpid(),
				     __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED));
	}
	if (open_partial(w, err) < 0)
		goto failed;
	/* Process numbers repeat, in containers soon: a killed process of our number may have left this. */
	if (!digest && ftruncate(w->fd, 0) < 0) {
		error_set(err, errno, "cannot write '%s'", w->path);
		goto failed;
	}
	if (digest && store_has_blob(s, digest)) {
		struct stat st;
		CLEANUP_TALLOC char *path = store_blob_path(NULL, s, digest);
		if (stat(path, &st) == 0)
			w->size_bytes = st.st_size;
		if (w->fd >= 0)
			unlink(w->path);
		w->is_complete = true;
	} else if (take_up(w, err) < 0) {
		goto failed;
	}
	*ret_have_bytes = w->size_bytes;
	*ret = w;
	return 0;
failed:
	talloc_free(w);
	return -1;
}

int blob_writer_write(struct blob_writer *w, const void *bytes, size_t size, struct error *err)
{
	if (w->is_complete)
		return error_set(err, 0, "blob %s is complete already", w->expected);
	int r = io_write_all(w->fd, bytes, size);
	if (r < 0)
		return error_set(err, -r, "cannot write '%s'", w->path);
	digest_update(w->hash, bytes, size);
	w->size_bytes += size;
	return 0;
}

int blob_writer_restart(struct blob_writer *w, struct error *err)
{
	if (w->is_complete)
		return error_set(err, 0, "blob %s is complete already", w->expected);
	if (ftruncate(w->fd, 0) < 0 || lseek(w->fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot write '%s'", w->path);
	talloc_free(w->hash);
	w->hash = digest_begin(w);
	w->size_bytes = 0;
	return 0;
}

int blob_writer_commit(struct blob_writer *w, int64_t size_bytes, char ret_digest[DIGEST_ROOM],
		       struct error *err)
{
	char actual[DIGEST_ROOM];
	if (w->is_complete) {
		memcpy(ret_digest, w->expected, DIGEST_ROOM);
		return 0;
	}
	if (size_bytes >= 0 && w->size_bytes < size_bytes)
		return error_set(err, 0, "blob %s is truncated: %lld of %lld bytes", w->expected ? w->expected : "",
				 (long long)w->size_bytes, (long long)size_bytes);
	digest_end(w->hash, actual);
	if ((w->expected && strcmp(actual, w->expected) != 0) || (size_bytes >= 0 && w->size_bytes != size_bytes)) {
		unlink(w->path);
		return error_set(err, 0, "digest mismatch: wanted %s of %lld bytes, got %s of %lld bytes",
				 w->expected ? w->expected : "any", (long long)size_bytes, actual,
				 (long long)w->size_bytes);
	}
	CLEANUP_TALLOC char *final = store_blob_path(NULL, w->store, actual);
	if (fsync(w->fd) < 0 || rename(w->path, final) < 0)
		return error_set(err, errno, "cannot put blob %s into the store", actual);
	close(w->fd);
	w->fd = -1;
	w->path = NULL;
	memcpy(ret_digest, actual, DIGEST_ROOM);
	return 0;
}
