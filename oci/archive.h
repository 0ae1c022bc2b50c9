/* SPDX-License-Identifier: Apache-2.0 */
/* Tar archives, read in any compression and written plain.  The only user of libarchive. */
#ifndef FAKEBUILD_OCI_ARCHIVE_H
#define FAKEBUILD_OCI_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci/digest.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

struct archive_xattr {
	char *name;
	char *value; /* value_size bytes */
	size_t value_size;
};

/* One entry.  Read: strings are valid until the next entry. */
struct archive_item {
	char *path;
	char *link_target; /* NULL unless it is a symlink or a hard link */
	bool is_hard_link;
	mode_t mode;       /* with its type; of a hard link only the permissions are there */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	int64_t size_bytes;
	int64_t mtime_sec;
	long mtime_nsec;
	struct archive_xattr *xattrs;
	unsigned xattr_count;
};

struct archive_reader;
/*
 * Read from a descriptor (a pipe will do), decompressing gzip of several members, zstd, xz, bzip2 as the
 * content says.  The descriptor stays the caller's.
 */
int archive_reader_open(const void *ctx, int fd, struct archive_reader **ret, struct error *err);
/* 1 and an entry, 0 at the end, -1.  Unknown entry types are an error. */
int archive_reader_next(struct archive_reader *r, struct archive_item *ret, struct error *err);
/* Bytes of the entry's content; 0 at its end, -1. */
ssize_t archive_reader_read(struct archive_reader *r, void *buffer, size_t size, struct error *err);
/* The rest of the stream is read, and the digest of all decompressed bytes given. */
int archive_reader_finish(struct archive_reader *r, char ret_digest[DIGEST_ROOM], struct error *err);

typedef int (*archive_sink)(void *arg, const void *bytes, size_t size, struct error *err);
/* The sink that writes to a descriptor; arg points to it, an int. */
int archive_sink_fd(void *arg, const void *bytes, size_t size, struct error *err);
/* Decompress a whole stream into `sink`, whatever it holds. */
int archive_decompress(int fd, archive_sink sink, void *arg, struct error *err);

struct archive_writer;
/* Write a tar, in pax form where plain tar cannot say it, to a descriptor or a function. */
int archive_writer_open(const void *ctx, int fd, struct archive_writer **ret, struct error *err);
int archive_writer_open_sink(const void *ctx, archive_sink sink, void *arg, struct archive_writer **ret,
			     struct error *err);
int archive_writer_add(struct archive_writer *w, const struct archive_item *item, struct error *err);
int archive_writer_write(struct archive_writer *w, const void *bytes, size_t size, struct error *err);
int archive_writer_close(struct archive_writer *w, struct error *err);

#endif
