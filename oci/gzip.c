/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns gzip: one member, blocks joined by sync flushes, no time and no name in the header.  The only user of
 * zlib's deflate.
 */
#include <string.h>
#include <zlib.h>

#include "oci/compress.h"
#include "oci/library.h"

enum { BLOCK = 1 << 20 };

#define FUNCTIONS(F) F(deflateInit2_) F(deflate) F(deflateEnd) F(crc32) F(crc32_combine)
static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };
static struct library library = { "zlib", { "libz.so.1" }, symbols, &lib, NULL, false };

static size_t room(size_t in_size)
{
	return in_size + in_size / 8 + 1024;
}

static void compress_block(struct compress_block *b)
{
	z_stream z;
	library_must(&library);
	memset(&z, 0, sizeof(z));
	/* What the macro deflateInit2 calls. */
	if (lib.deflateInit2_(&z, b->level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, sizeof(z)) != Z_OK)
		mem_must(NULL);
	z.next_in = b->in;
	z.avail_in = b->in_size;
	z.next_out = b->out;
	z.avail_out = b->out_room;
	lib.deflate(&z, b->is_last ? Z_FINISH : Z_SYNC_FLUSH);
	b->out_size = b->out_room - z.avail_out;
	lib.deflateEnd(&z);
	b->check = lib.crc32(0, b->in, b->in_size);
}

static size_t begin(unsigned char *ret)
{
	static const unsigned char header[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff };
	memcpy(ret, header, sizeof(header));
	return sizeof(header);
}

static size_t end(unsigned char *ret, unsigned long check, uint64_t total_bytes)
{
	for (unsigned i = 0; i < 4; i++) {
		ret[i] = check >> 8 * i;
		ret[4 + i] = total_bytes >> 8 * i;
	}
	return 8;
}

static unsigned long join(unsigned long check, unsigned long next, size_t next_size)
{
	return lib.crc32_combine(check, next, next_size);
}

const struct codec codec_gzip = {
	.name = "gzip", .block_bytes = BLOCK, .default_level = 6, .max_level = 9,
	.room = room, .compress = compress_block, .begin = begin, .end = end, .join = join,
};
