/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the threads that compress; the formats are gzip.c's and zstd.c's. */
#include "oci/compress.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 16, EDGE_BYTES = 16 };

static size_t same_room(size_t in_size)
{
	return in_size;
}

static void copy_block(struct compress_block *b)
{
	memcpy(b->out, b->in, b->in_size);
	b->out_size = b->in_size;
}

static const struct codec codec_none = {
	.name = "uncompressed", .block_bytes = 1 << 20, .room = same_room, .compress = copy_block,
};

static const struct codec *const codecs[] = {
	[COMPRESSION_GZIP] = &codec_gzip,
	[COMPRESSION_ZSTD] = &codec_zstd,
	[COMPRESSION_NONE] = &codec_none,
};

const char *compression_name(enum compression c)
{
	return codecs[c]->name;
}

int compression_parse(const char *name, enum compression *ret, struct error *err)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
		if (strcmp(codecs[i]->name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return error_set(err, 0, "'%s' is no compression of layers: want gzip, zstd or uncompressed", name);
}

int compression_check_level(enum compression c, int level, struct error *err)
{
	if (level >= 0 && level <= codecs[c]->max_level)
		return 0;
	return error_set(err, 0, "compression level %d: %s has 1 to %d, and 0 for the default", level, codecs[c]->name,
			 codecs[c]->max_level);
}

struct compressor {
	const struct codec *codec;
	archive_sink sink;
	void *arg;
	struct compress_block block[THREADS_MAX];
	unsigned threads, full; /* blocks that wait for their turn */
	unsigned long check;
	uint64_t total_bytes;
	bool has_begun;
	int level;
};

struct compressor *compressor_begin(const void *ctx, enum compression how, int level, archive_sink sink, void *arg)
{
	struct compressor *c = mem_new(ctx, struct compressor);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	c->codec = codecs[how];
	c->sink = sink;
	c->arg = arg;
	c->level = level > 0 ? level : c->codec->default_level;
	c->threads = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : processors;
	return c;
}

static void *run_block(void *arg)
{
	struct compress_block *b = arg;
	b->codec->compress(b);
	return NULL;
}

/* Compress `count` blocks at once, and write them in order. */
static int flush_blocks(struct compressor *c, unsigned count, struct error *err)
{
	pthread_t thread[THREADS_MAX];
	bool is_running[THREADS_MAX] = { false };
	int r = 0;
	for (unsigned i = 1; i < count; i++) {
		is_running[i] = pthread_create(&thread[i], NULL, run_block, &c->block[i]) == 0;
		if (!is_running[i])
			run_block(&c->block[i]);
	}
	if (count)
		run_block(&c->block[0]);
	for (unsigned i = 0; i < count; i++) {
		struct compress_block *b = &c->block[i];
		if (is_running[i])
			pthread_join(thread[i], NULL);
		if (r == 0)
			r = c->sink(c->arg, b->out, b->out_size, err);
		if (c->codec->join)
			c->check = c->codec->join(c->check, b->check, b->in_size);
		b->in_size = 0;
	}
	c->full = 0;
	return r;
}

/* Small layers are many: memory for a block when it is needed. */
static struct compress_block *open_block(struct compressor *c)
{
	struct compress_block *b = &c->block[c->full];
	if (!b->in) {
		b->codec = c->codec;
		b->level = c->level;
		b->out_room = c->codec->room(c->codec->block_bytes);
		b->in = mem_array(c, unsigned char, c->codec->block_bytes);
		b->out = mem_array(c, unsigned char, b->out_room);
	}
	return b;
}

static int begin(struct compressor *c, struct error *err)
{
	unsigned char edge[EDGE_BYTES];
	size_t n = c->has_begun || !c->codec->begin ? 0 : c->codec->begin(edge);
	c->has_begun = true;
	return n ? c->sink(c->arg, edge, n, err) : 0;
}

int compressor_write(void *compressor, const void *bytes, size_t size, struct error *err)
{
	struct compressor *c = compressor;
	const unsigned char *from = bytes;
	c->total_bytes += size;
	if (begin(c, err) < 0)
		return -1;
	while (size) {
		struct compress_block *b = open_block(c);
		size_t n = c->codec->block_bytes - b->in_size < size ? c->codec->block_bytes - b->in_size : size;
		memcpy(b->in + b->in_size, from, n);
		b->in_size += n;
		from += n;
		size -= n;
		if (b->in_size == c->codec->block_bytes && ++c->full == c->threads &&
		    flush_blocks(c, c->full, err) < 0)
			return -1;
	}
	return 0;
}

int compressor_end(struct compressor *c, struct error *err)
{
	unsigned char edge[EDGE_BYTES];
	if (begin(c, err) < 0)
		return -1;
	open_block(c)->is_last = true;
	if (flush_blocks(c, c->full + 1, err) < 0)
		return -1;
	size_t n = c->codec->end ? c->codec->end(edge, c->check, c->total_bytes) : 0;
	return n ? c->sink(c->arg, edge, n, err) : 0;
}
