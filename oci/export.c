/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns how layers leave the store: snapshots become tars, tars are compressed, each once.  What was made is noted
 * beside what it was made of: the diffID in snapshots/<id>/diff_id, blobs in cache/compressed/<diffID>.<format>.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/chain.h"
#include "oci/json.h"
#include "oci/layer.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { WORKERS_MAX = 4, NOTE_MAX_BYTES = 4096 };

/* ---- media types ---- */

static const struct {
	enum compression compression;
	const char *oci, *docker;
} types[] = {
	{ COMPRESSION_GZIP, MEDIA_OCI_LAYER_GZIP, MEDIA_DOCKER_LAYER_GZIP },
	{ COMPRESSION_ZSTD, MEDIA_OCI_LAYER_ZSTD, MEDIA_DOCKER_LAYER_ZSTD },
	{ COMPRESSION_NONE, MEDIA_OCI_LAYER, MEDIA_DOCKER_LAYER },
};
enum { TYPES = sizeof(types) / sizeof(*types) };

static const char *layer_media_type(enum compression c, bool is_docker)
{
	for (unsigned i = 0; i < TYPES; i++)
		if (types[i].compression == c)
			return is_docker ? types[i].docker : types[i].oci;
	return NULL;
}

/* The row of a media type, or TYPES: one of those that registries may not redistribute. */
static unsigned row_of(const char *media_type)
{
	unsigned i = 0;
	while (i < TYPES && strcmp(types[i].oci, media_type) != 0 && strcmp(types[i].docker, media_type) != 0)
		i++;
	return i;
}

/* What the type of a layer would be by Docker's or OCI's names. */
static const char *layer_media_type_like(const char *media_type, bool is_docker)
{
	unsigned i = row_of(media_type);
	return i == TYPES ? media_type : is_docker ? types[i].docker : types[i].oci;
}

/* ---- notes of what was made ---- */

static char *read_note(const void *ctx, const char *path)
{
	char *text;
	return io_read_file(ctx, AT_FDCWD, path, NOTE_MAX_BYTES, &text, NULL, NULL) < 0 ? NULL : text;
}

/* A snapshot's tar with other times is another one, with a diffID of its own. */
static char *diff_id_path(const void *ctx, struct store *s, const struct chain_layer *l, const struct layer_format *f)
{
	if (!text_starts(l->folder, "snapshots/"))
		return NULL;
	char *path = mem_printf(ctx, "%s/%s/diff_id", store_root(s), l->folder);
	return f->rewrites_times ? mem_append(path, ".%lld", (long long)f->epoch_sec) : path;
}

static char *compressed_path(const void *ctx, struct store *s, const char *diff_id, const struct layer_format *f)
{
	char *path = mem_printf(ctx, "%s/cache/compressed/%s.%s", store_root(s), digest_hex(diff_id),
				compression_name(f->compression));
	return f->level ? mem_append(path, "-%d", f->level) : path;
}

/* The blob that was made of this diffID before, if the store still has it. */
static bool recall(const void *ctx, struct store *s, const char *diff_id, const struct layer_format *f,
		   struct descriptor *ret)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	CLEANUP_TALLOC char *plain = store_blob_path(NULL, s, diff_id);
	struct stat st;
	if (f->compression == COMPRESSION_NONE) {
		if (stat(plain, &st) < 0)
			return false;
		*ret = (struct descriptor){ .digest = mem_strdup(ctx, diff_id), .size_bytes = st.st_size };
		return true;
	}
	char *text = read_note(scratch, compressed_path(scratch, s, diff_id, f));
	if (!text || json_parse(scratch, text, "a note", &root, NULL) < 0)
		return false;
	const char *digest = json_get_string(root, "digest");
	if (!digest || !digest_is_valid(digest) || !store_has_blob(s, digest))
		return false;
	*ret = (struct descriptor){ .digest = mem_strdup(ctx, digest), .size_bytes = json_get_int(root, "size", 0) };
	return true;
}

static int remember(struct store *s, const char *diff_id, const struct layer_format *f, const struct descriptor *blob,
		    struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (f->compression == COMPRESSION_NONE)
		return 0;
	char *folder = mem_printf(scratch, "%s/cache/compressed", store_root(s));
	int r = io_mkdir_p(AT_FDCWD, folder, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", folder);
	struct json *root = json_new_object(scratch);
	json_set_string(root, "mediaType", layer_media_type(f->compression, false));
	json_set_string(root, "digest", blob->digest);
	json_set_int(root, "size", blob->size_bytes);
	char *text = json_dump(scratch, root);
	return io_write_file(AT_FDCWD, compressed_path(scratch, s, diff_id, f), text, strlen(text), 0600, err);
}

int layer_remember_blob(struct store *s, const char *diff_id, const struct descriptor *blob, struct error *err)
{
	unsigned row = row_of(blob->media_type);
	struct layer_format f = { .compression = row < TYPES ? types[row].compression : COMPRESSION_NONE };
	return remember(s, diff_id, &f, blob, err);
}

/* Any blob that holds the layer's tar, plain or compressed by default levels, on ctx; NULL: the store has none. */
static char *find_tar(const void *ctx, struct store *s, const struct chain_layer *l, const char *diff_id)
{
	struct descriptor blob;
	for (unsigned i = 0; diff_id && i < TYPES; i++) {
		struct layer_format f = { .compression = types[TYPES - 1 - i].compression };
		if (recall(ctx, s, diff_id, &f, &blob))
			return blob.digest;
	}
	return l->blob.digest && store_has_blob(s, l->blob.digest) ? mem_strdup(ctx, l->blob.digest) : NULL;
}

/* The snapshot is the layer of this diffID, too, unless it was unpacked or made by somebody already. */
static int link_snapshot(struct store *s, const char *folder, const char *diff_id, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/layers/%s", store_root(s), digest_hex(diff_id));
	CLEANUP_TALLOC char *target = mem_printf(NULL, "../%s", folder);
	struct stat st;
	if (layer_exists(s, diff_id))
		return 0;
	/* One to a snapshot that is gone stands for nothing. */
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		unlink(path);
	if (symlink(target, path) == 0 || errno == EEXIST)
		return 0;
	return error_set(err, errno, "cannot put layer %s into the store", diff_id);
}

/* ---- making ---- */

/* The bytes of a tar on their way: hashed, and compressed into a blob. */
struct making {
	struct digest_state *hash;
	struct compressor *compressor;
	struct blob_writer *blob;
};

static int write_blob(void *arg, const void *bytes, size_t size, struct error *err)
{
	return blob_writer_write(((struct making *)arg)->blob, bytes, size, err);
}

static int write_tar(void *arg, const void *bytes, size_t size, struct error *err)
{
	struct making *m = arg;
	digest_update(m->hash, bytes, size);
	return compressor_write(m->compressor, bytes, size, err);
}

/* The tar that the diffID is of: as a blob, plain or compressed, else from the folder. */
static int read_tar(struct store *s, const struct chain_layer *l, const char *diff_id, const struct layer_format *f,
		    struct making *m, struct error *err)
{
	CLEANUP_TALLOC char *digest = find_tar(NULL, s, l, diff_id);
	if (!digest) {
		/* What was unpacked is not what the tar said, byte by byte. */
		if (text_starts(l->folder, "layers/"))
			return error_set(err, 0, "the store lacks layer %s", l->blob.digest ? l->blob.digest : diff_id);
		return layer_write_tar(s, l->folder, f, write_tar, m, err);
	}
	CLEANUP_TALLOC char *path = store_blob_path(NULL, s, digest);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot open '%s'", path) : archive_decompress(fd, write_tar, m, err);
}

static int make_blob(const void *ctx, struct store *s, const struct chain_layer *l, const char *known_diff_id,
		     const struct layer_format *f, struct descriptor *ret, char ret_diff_id[DIGEST_ROOM],
		     struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct making m = { .hash = digest_begin(scratch) };
	char digest[DIGEST_ROOM];
	int64_t have;
	struct stat st;
	if (blob_writer_open(scratch, s, NULL, &m.blob, &have, err) < 0)
		return -1;
	m.compressor = compressor_begin(scratch, f->compression, f->level, write_blob, &m);
	if (read_tar(s, l, known_diff_id, f, &m, err) < 0 || compressor_end(m.compressor, err) < 0)
		return -1;
	digest_end(m.hash, ret_diff_id);
	if (known_diff_id && strcmp(known_diff_id, ret_diff_id) != 0)
		return error_set(err, 0, "the store is damaged: '%s' is %s, and was %s", l->folder, ret_diff_id,
				 known_diff_id);
	if (blob_writer_commit(m.blob, -1, digest, err) < 0)
		return -1;
	char *path = store_blob_path(scratch, s, digest);
	if (stat(path, &st) < 0)
		return error_set(err, errno, "cannot examine '%s'", path);
	*ret = (struct descriptor){ .digest = mem_strdup(ctx, digest), .size_bytes = st.st_size };
	return 0;
}

/* May the layer leave as its manifest has it? */
static bool stays(const struct chain_layer *l, const struct layer_format *f)
{
	unsigned row = l->blob.digest ? row_of(l->blob.media_type) : 0;
	if (!l->blob.digest || row == TYPES || types[row].compression == f->compression)
		return l->blob.digest != NULL;
	/* A plain one was made here, or loaded, and is to be compressed; compressed ones are left alone. */
	return !f->is_forced && types[row].compression != COMPRESSION_NONE;
}

static int export_layer(const void *ctx, struct store *s, const struct chain_layer *l, const struct layer_format *f,
			struct descriptor *ret, char **ret_diff_id, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *note = diff_id_path(scratch, s, l, f), made[DIGEST_ROOM];
	char *diff_id = note ? read_note(scratch, note) : l->diff_id;
	if (diff_id && !digest_is_valid(diff_id))
		diff_id = NULL;
	if (stays(l, f)) {
		*ret = (struct descriptor){
			.media_type = mem_strdup(ctx, layer_media_type_like(l->blob.media_type, f->is_docker)),
			.digest = mem_strdup(ctx, l->blob.digest), .size_bytes = l->blob.size_bytes,
		};
		*ret_diff_id = mem_strdup(ctx, l->diff_id);
		return 0;
	}
	if (!diff_id || !recall(ctx, s, diff_id, f, ret)) {
		if (make_blob(ctx, s, l, diff_id, f, ret, made, err) < 0)
			return error_wrap(err, "cannot export a layer");
		if (note && !diff_id && io_write_file(AT_FDCWD, note, made, strlen(made), 0600, err) < 0)
			return -1;
		diff_id = made;
		if (remember(s, diff_id, f, ret, err) < 0)
			return -1;
	}
	if (note && !f->rewrites_times && link_snapshot(s, l->folder, diff_id, err) < 0)
		return -1;
	ret->media_type = mem_strdup(ctx, layer_media_type(f->compression, f->is_docker));
	*ret_diff_id = mem_strdup(ctx, diff_id);
	return 0;
}

/* ---- several at a time ---- */

struct work {
	struct store *store;
	const struct chain *chain;
	const struct layer_format *format;
	/* One context a layer: threads share no talloc tree. */
	void **owners;
	struct descriptor *layers;
	char **diff_ids;
	pthread_mutex_t lock; /* of what follows */
	unsigned next;
	int result;
	struct error error;
};

static bool is_same_layer(const struct chain *chain, unsigned i, unsigned j)
{
	return strcmp(chain->layers[i].folder, chain->layers[j].folder) == 0;
}

static void *export_layers(void *arg)
{
	struct work *w = arg;
	for (;;) {
		struct error error = ERROR_INIT;
		pthread_mutex_lock(&w->lock);
		unsigned n = w->result < 0 ? w->chain->count : w->next++;
		pthread_mutex_unlock(&w->lock);
		if (n >= w->chain->count)
			return NULL;
		unsigned first = 0;
		while (!is_same_layer(w->chain, first, n))
			first++;
		/* One that is in the chain twice is done once. */
		if (first < n || export_layer(w->owners[n], w->store, &w->chain->layers[n], w->format, &w->layers[n],
					      &w->diff_ids[n], &error) == 0)
			continue;
		pthread_mutex_lock(&w->lock);
		if (w->result == 0)
			w->error = error;
		w->result = -1;
		pthread_mutex_unlock(&w->lock);
	}
}

static void run_workers(struct work *w)
{
	pthread_t thread[WORKERS_MAX];
	unsigned started = 0;
	pthread_mutex_init(&w->lock, NULL);
	while (started < WORKERS_MAX && started + 1 < w->chain->count &&
	       pthread_create(&thread[started], NULL, export_layers, w) == 0)
		started++;
	export_layers(w);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	pthread_mutex_destroy(&w->lock);
}

int chain_export(const void *ctx, struct store *s, struct chain *chain, const struct layer_format *format,
		 struct descriptor **ret_layers, char ***ret_diff_ids, struct error *err)
{
	struct work w = { .store = s, .chain = chain, .format = format, .error = ERROR_INIT };
	if (compression_check_level(format->compression, format->level, err) < 0)
		return -1;
	struct descriptor *layers = w.layers = mem_array(ctx, struct descriptor, chain->count);
	w.diff_ids = mem_array(layers, char *, chain->count);
	w.owners = mem_array(layers, void *, chain->count);
	for (unsigned i = 0; i < chain->count; i++)
		w.owners[i] = mem_must(talloc_new(NULL));
	run_workers(&w);
	for (unsigned i = 0; i < chain->count; i++) {
		unsigned first = 0;
		while (!is_same_layer(chain, first, i))
			first++;
		talloc_steal(layers, w.owners[i]);
		layers[i] = layers[first];
		w.diff_ids[i] = w.diff_ids[first];
		if (w.result == 0 && !chain->layers[i].diff_id && !format->rewrites_times)
			chain->layers[i].diff_id = mem_strdup(chain, w.diff_ids[i]);
	}
	if (w.result < 0) {
		*err = w.error;
		talloc_free(layers);
		return -1;
	}
	*ret_layers = layers;
	*ret_diff_ids = w.diff_ids;
	return 0;
}

int chain_export_snapshot(const void *ctx, struct store *s, const char *snapshot_id, struct descriptor *ret,
			  char **ret_diff_id, struct error *err)
{
	static const struct layer_format plain = { .compression = COMPRESSION_NONE };
	CLEANUP_TALLOC struct chain *chain = mem_new(NULL, struct chain);
	struct descriptor *layers;
	char **diff_ids;
	chain_push(chain, snapshot_id);
	if (chain_export(chain, s, chain, &plain, &layers, &diff_ids, err) < 0)
		return -1;
	*ret = (struct descriptor){ .media_type = mem_strdup(ctx, layers->media_type),
				    .digest = mem_strdup(ctx, layers->digest), .size_bytes = layers->size_bytes };
	*ret_diff_id = mem_strdup(ctx, diff_ids[0]);
	return 0;
}
