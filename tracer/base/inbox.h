/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata table's inbox as a file (its format and its use are in meta_format.h): opening it, and knowing who
 * else has it open.  Only meta.c includes this.
 */
#ifndef FAKEBUILD_BASE_INBOX_H
#define FAKEBUILD_BASE_INBOX_H

#include "tracer/base/meta_format.h"

struct inbox;

/*
 * Map the inbox at `path`, made when it is missing and `is_made`.  NULL: there is none, or it cannot be had.
 * *ret_is_alone: nobody else has it open, and who comes waits until inbox_share.
 */
struct inbox *inbox_open(const void *ctx, const char *path, bool is_made, bool *ret_is_alone);
void inbox_share(struct inbox *in);
/* Is nobody else here any more?  Who comes waits until this is freed. */
bool inbox_claim(struct inbox *in);
/* Has somebody removed the file, who was alone? */
bool inbox_is_removed(const struct inbox *in);
struct meta_inbox *inbox_requests(const struct inbox *in);

#endif
