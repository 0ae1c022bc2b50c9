/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of layers on all processors: independent blocks of a fixed size, so that the same bytes give the
 * same output on any machine.
 */
#ifndef FAKEBUILD_OCI_COMPRESS_H
#define FAKEBUILD_OCI_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "oci/archive.h"

enum compression { COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_NONE };
/* "gzip", "zstd", "uncompressed", as --output has them. */
const char *compression_name(enum compression c);
int compression_parse(const char *name, enum compression *ret, struct error *err);
/* Is this a level that the format has?  0 is its default. */
int compression_check_level(enum compression c, int level, struct error *err);

struct compressor;
/* What is written comes out of `sink`, in order, from the thread that writes. */
struct compressor *compressor_begin(const void *ctx, enum compression c, int level, archive_sink sink, void *arg);
/* An archive_sink. */
int compressor_write(void *compressor, const void *bytes, size_t size, struct error *err);
int compressor_end(struct compressor *c, struct error *err);

/* One format: a row of compress.c. */
struct codec;
struct compress_block {
	const struct codec *codec;
	unsigned char *in, *out;
	size_t in_size, out_size, out_room;
	unsigned long check; /* the format's own sum over `in` */
	int level;
	bool is_last;
};
struct codec {
	const char *name;
	size_t block_bytes;
	int default_level, max_level;
	size_t (*room)(size_t in_size);
	void (*compress)(struct compress_block *b);
	/* Bytes before the first block and after the last (at most 16); NULL: none. */
	size_t (*begin)(unsigned char *ret);
	size_t (*end)(unsigned char *ret, unsigned long check, uint64_t total_bytes);
	unsigned long (*join)(unsigned long check, unsigned long next, size_t next_size);
};
extern const struct codec codec_gzip, codec_zstd;

#endif
