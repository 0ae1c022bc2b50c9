/* SPDX-License-Identifier: Apache-2.0 */
/* Owns compression of layers; only user of zlib's deflate. */
#include "oci/gzip.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 20, THREADS_MAX = 16, LEVEL = 6 };

struct block {
	unsigned char *in, *out;
	size_t in_size, out_size, out_room;
	unsigned long crc;
	bool is_last;
};

struct gzip_stream {
	archive_sink sink;
	void *arg;
	struct block block[THREADS_MAX];
	unsigned threads, full; /* blocks that wait for their turn */
	unsigned long crc;
	uint64_t total_bytes;
	bool has_header;
};

static void *compress_block(void *arg)
{
	struct block *b = arg;
	z_stream z;
	memset(&z, 0, sizeof(z));
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		mem_must(NULL);
	z.next_in = b->in;
	z.avail_in = b->in_size;
	z.next_out = b->out;
	z.avail_out = b->out_room;
	deflate(&z, b->is_last ? Z_FINISH : Z_SYNC_FLUSH);
	b->out_size = b->out_room - z.avail_out;
	deflateEnd(&z);
	b->crc = crc32(0, b->in, b->in_size);
	return NULL;
}

struct gzip_stream *gzip_begin(const void *ctx, archive_sink sink, void *arg)
{
	struct gzip_stream *s = mem_new(ctx, struct gzip_stream);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	s->sink = sink;
	s->arg = arg;
	s->threads = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : processors;
	for (unsigned i = 0; i < s->threads; i++) {
		struct block *b = &s->block[i];
		b->out_room = BLOCK + BLOCK / 8 + 1024;
		b->in = mem_array(s, unsigned char, BLOCK);
		b->out = mem_array(s, unsigned char, b->out_room);
	}
	return s;
}

static int flush_blocks(struct gzip_stream *s, unsigned count, struct error *err)
{
	static const unsigned char header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff };
	pthread_t thread[THREADS_MAX];
	bool is_running[THREADS_MAX] = { false };
	if (!s->has_header && s->sink(s->arg, header, sizeof(header), err) < 0)
		return -1;
	s->has_header = true;
	for (unsigned i = 1; i < count; i++) {
		is_running[i] = pthread_create(&thread[i], NULL, compress_block, &s->block[i]) == 0;
		if (!is_running[i])
			compress_block(&s->block[i]);
	}
	if (count)
		compress_block(&s->block[0]);
	int r = 0;
	for (unsigned i = 0; i < count; i++) {
		struct block *b = &s->block[i];
		if (is_running[i])
			pthread_join(thread[i], NULL);
		if (r == 0)
			r = s->sink(s->arg, b->out, b->out_size, err);
		s->crc = crc32_combine(s->crc, b->crc, b->in_size);
		b->in_size = 0;
	}
	s->full = 0;
	return r;
}

int gzip_write(struct gzip_stream *s, const void *bytes, size_t size, struct error *err)
{
	const unsigned char *from = bytes;
	s->total_bytes += size;
	while (size) {
		struct block *b = &s->block[s->full];
		size_t n = BLOCK - b->in_size < size ? BLOCK - b->in_size : size;
		memcpy(b->in + b->in_size, from, n);
		b->in_size += n;
		from += n;
		size -= n;
		if (b->in_size == BLOCK && ++s->full == s->threads && flush_blocks(s, s->full, err) < 0)
			return -1;
	}
	return 0;
}

int gzip_end(struct gzip_stream *s, struct error *err)
{
	s->block[s->full].is_last = true;
	if (flush_blocks(s, s->full + 1, err) < 0)
		return -1;
	unsigned char trailer[8];
	for (unsigned i = 0; i < 4; i++) {
		trailer[i] = s->crc >> 8 * i;
		trailer[4 + i] = s->total_bytes >> 8 * i;
	}
	return s->sink(s->arg, trailer, sizeof(trailer), err);
}
