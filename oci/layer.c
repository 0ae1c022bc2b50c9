/* SPDX-License-Identifier: Apache-2.0 */
/* Owns layers in the store: a worker thread that unpacks, checking, and the rename that makes it visible. */
#include "oci/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/archive.h"
#include "oci/store_private.h"
#include "oci/unpack.h"
#include "tracer/base/io.h"

/* A thread that unpacks what is written to `feed`. */
struct job {
	pthread_t thread;
	bool is_running;
	int feed, drain; /* a socket pair: closing one end is seen at the other */
	char *dir;
	char diff_id[DIGEST_ROOM];
	int result;
	struct error error;
};

static char *layer_path(const void *ctx, const struct store *s, const char *diff_id)
{
	return mem_printf(ctx, "%s/layers/%s", s->root, digest_hex(diff_id));
}

bool layer_exists(const struct store *s, const char *diff_id)
{
	CLEANUP_TALLOC char *path = layer_path(NULL, s, diff_id);
	return access(path, F_OK) == 0;
}

static void *run_job(void *arg)
{
	struct job *job = arg;
	job->result = unpack_layer(job->drain, job->dir, job->diff_id, &job->error);
	/* Should we end early, the writer must not wait for us. */
	close(job->drain);
	job->drain = -1;
	return NULL;
}

static int stop_job(struct job *job)
{
	if (job->feed >= 0)
		close(job->feed);
	job->feed = -1;
	if (job->is_running)
		pthread_join(job->thread, NULL);
	job->is_running = false;
	if (job->drain >= 0)
		close(job->drain);
	job->drain = -1;
	if (job->dir)
		io_remove_tree(AT_FDCWD, job->dir);
	return 0;
}

static int start_job(const void *ctx, struct store *s, struct job **ret, struct error *err)
{
	struct job *job = mem_new(ctx, struct job);
	int pair[2], room = 1 << 20;
	job->feed = job->drain = -1;
	talloc_set_destructor(job, stop_job);
	if (store_make_tmp(job, s, &job->dir, err) < 0)
		goto failed;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		error_set(err, errno, "cannot make a socket pair");
		goto failed;
	}
	job->feed = pair[0];
	job->drain = pair[1];
	setsockopt(job->feed, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	int r = pthread_create(&job->thread, NULL, run_job, job);
	if (r != 0) {
		error_set(err, r, "cannot start a thread");
		goto failed;
	}
	job->is_running = true;
	*ret = job;
	return 0;
failed:
	talloc_free(job);
	return -1;
}

/* A job that ended early has its reason in its error; the rest of the bytes is still wanted by the blob. */
static void feed_job(struct job *job, const void *bytes, size_t size)
{
	while (size && job->feed >= 0) {
		ssize_t n = send(job->feed, bytes, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(job->feed);
			job->feed = -1;
			return;
		}
		bytes = (const char *)bytes + n;
		size -= n;
	}
}

static int finish_job(struct job *job, struct error *err)
{
	if (job->feed >= 0)
		close(job->feed);
	job->feed = -1;
	pthread_join(job->thread, NULL);
	job->is_running = false;
	if (job->result < 0) {
		*err = job->error;
		return -1;
	}
	return 0;
}

/* Make it visible.  Somebody else's equal layer is as good. */
static int install(struct store *s, struct job *job, struct error *err)
{
	CLEANUP_TALLOC char *path = layer_path(NULL, s, job->diff_id);
	int r = rename(job->dir, path);
	/* A link to a snapshot that is gone stands for nothing. */
	if (r < 0 && errno == ENOTDIR && !layer_exists(s, job->diff_id) && unlink(path) == 0)
		r = rename(job->dir, path);
	if (r == 0) {
		TALLOC_FREE(job->dir);
		return 0;
	}
	return errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR ? 0 : error_set(err, errno, "cannot put layer %s into the store",
								      job->diff_id);
}

/* ---- a layer that arrives ---- */

struct layer_ingest {
	struct store *store;
	struct blob_writer *blob;
	struct job *job;
	char *digest, *diff_id;
	int64_t size_bytes, have_bytes;
};

static int feed_file(struct job *job, const char *path, struct error *err)
{
	static const size_t chunk = 1 << 18;
	CLEANUP_TALLOC char *buffer = mem_array(NULL, char, chunk);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	for (;;) {
		ssize_t n = io_read_all(fd, buffer, chunk);
		if (n < 0)
			return error_set(err, -n, "cannot read '%s'", path);
		feed_job(job, buffer, n);
		if ((size_t)n < chunk)
			return 0;
	}
}

int layer_ingest_open(const void *ctx, struct store *s, const struct descriptor *layer, const char *diff_id,
		      struct layer_ingest **ret, int64_t *ret_have_bytes, struct error *err)
{
	struct layer_ingest *in = mem_new(ctx, struct layer_ingest);
	in->store = s;
	in->digest = mem_strdup(in, layer->digest);
	in->diff_id = mem_strdup(in, diff_id);
	in->size_bytes = layer->size_bytes;
	if (blob_writer_open(in, s, layer->digest, &in->blob, &in->have_bytes, err) < 0)
		goto failed;
	if (!layer_exists(s, diff_id)) {
		if (start_job(in, s, &in->job, err) < 0)
			goto failed;
		CLEANUP_TALLOC char *path =
			store_has_blob(s, layer->digest) ?
				store_blob_path(NULL, s, layer->digest) :
				mem_printf(NULL, "%s/cache/partial/%s", s->root, digest_hex(layer->digest));
		if (in->have_bytes && feed_file(in->job, path, err) < 0)
			goto failed;
	}
	*ret_have_bytes = in->have_bytes;
	*ret = in;
	return 0;
failed:
	talloc_free(in);
	return -1;
}

int layer_ingest_write(struct layer_ingest *in, const void *bytes, size_t size, struct error *err)
{
	if (blob_writer_write(in->blob, bytes, size, err) < 0)
		return -1;
	if (in->job)
		feed_job(in->job, bytes, size);
	return 0;
}

int layer_ingest_restart(struct layer_ingest *in, struct error *err)
{
	if (blob_writer_restart(in->blob, err) < 0)
		return -1;
	if (!in->job)
		return 0;
	TALLOC_FREE(in->job);
	return start_job(in, in->store, &in->job, err);
}

int layer_ingest_finish(struct layer_ingest *in, struct error *err)
{
	char digest[DIGEST_ROOM];
	/* The blob first: bytes that are not what was asked for explain all that comes after. */
	if (blob_writer_commit(in->blob, in->size_bytes, digest, err) < 0)
		return -1;
	if (!in->job)
		return 0;
	if (finish_job(in->job, err) < 0)
		return error_wrap(err, "layer %s", in->digest);
	if (strcmp(in->job->diff_id, in->diff_id) != 0)
		return error_set(err, 0, "layer %s: digest mismatch: it unpacks to %s, the image says %s", in->digest,
				 in->job->diff_id, in->diff_id);
	return install(in->store, in->job, err);
}

int layer_unpack_blob(const void *ctx, struct store *s, const struct descriptor *layer, const char *diff_id,
		      struct error *err)
{
	CLEANUP_TALLOC struct layer_ingest *in = NULL;
	int64_t have;
	(void)ctx;
	if (layer_exists(s, diff_id))
		return 0;
	if (!store_has_blob(s, layer->digest))
		return error_set(err, 0, "the store lacks layer %s", layer->digest);
	if (layer_ingest_open(NULL, s, layer, diff_id, &in, &have, err) < 0)
		return -1;
	return layer_ingest_finish(in, err);
}

/* ---- making a layer of a tar ---- */

struct import {
	struct blob_writer *blob;
	struct job *job;
};

static int write_tar(void *arg, const void *bytes, size_t size, struct error *err)
{
	struct import *m = arg;
	feed_job(m->job, bytes, size);
	return blob_writer_write(m->blob, bytes, size, err);
}

int layer_import(const void *ctx, struct store *s, int tar_fd, struct descriptor *ret, char **ret_diff_id,
		 struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct import m;
	char digest[DIGEST_ROOM];
	struct stat st;
	int64_t have;
	if (blob_writer_open(scratch, s, NULL, &m.blob, &have, err) < 0 || start_job(scratch, s, &m.job, err) < 0 ||
	    archive_decompress(tar_fd, write_tar, &m, err) < 0 || finish_job(m.job, err) < 0 ||
	    blob_writer_commit(m.blob, -1, digest, err) < 0 || install(s, m.job, err) < 0)
		return -1;
	char *path = store_blob_path(scratch, s, digest);
	if (stat(path, &st) < 0)
		return error_set(err, errno, "cannot examine '%s'", path);
	*ret = (struct descriptor){ .media_type = mem_strdup(ctx, MEDIA_OCI_LAYER),
				    .digest = mem_strdup(ctx, digest), .size_bytes = st.st_size };
	*ret_diff_id = mem_strdup(ctx, digest);
	return 0;
}
