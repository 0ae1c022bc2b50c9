/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deterministic gzip on all processors: one member, independent blocks of a fixed size joined by sync
 * flushes, no time and no name in the header.  The same bytes give the same output on any machine.
 */
#ifndef FAKEBUILD_OCI_GZIP_H
#define FAKEBUILD_OCI_GZIP_H

#include <stddef.h>

#include "oci/archive.h"

struct gzip_stream;
/* What is written comes out of `sink`, in order, from the thread that writes. */
struct gzip_stream *gzip_begin(const void *ctx, archive_sink sink, void *arg);
int gzip_write(struct gzip_stream *s, const void *bytes, size_t size, struct error *err);
int gzip_end(struct gzip_stream *s, struct error *err);

#endif
