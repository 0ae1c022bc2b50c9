/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns zstd: a frame a block, which readers join (RFC 8878, section 3).  What libzstd's own threads give depends
 * on how it was built.  Its only user.
 */
#include <zstd.h>

#include "oci/compress.h"
#include "oci/library.h"

enum { BLOCK = 4 << 20 };

#define FUNCTIONS(F) F(ZSTD_compressBound) F(ZSTD_compress) F(ZSTD_isError)
static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };
static struct library library = { "libzstd", { "libzstd.so.1" }, symbols, &lib, NULL, false };

static size_t room(size_t in_size)
{
	library_must(&library);
	return lib.ZSTD_compressBound(in_size);
}

static void compress_block(struct compress_block *b)
{
	/* No content makes an empty frame, at the end of a stream whose last block was full, too. */
	b->out_size = lib.ZSTD_compress(b->out, b->out_room, b->in, b->in_size, b->level);
	if (lib.ZSTD_isError(b->out_size))
		mem_must(NULL);
}

const struct codec codec_zstd = {
	.name = "zstd", .block_bytes = BLOCK, .default_level = 3, .max_level = 22,
	.room = room, .compress = compress_block,
};
