/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filter, derived from the rows. */
#ifndef FAKEBUILD_FILTER_H
#define FAKEBUILD_FILTER_H

#include <linux/filter.h>

#include "tracer/base/error.h"
#include "tracer/call.h"
#include "tracer/watch.h"

/* The program for all ABIs; on ctx.  Its RET_TRACE data is the row's number, bit 15 set for ABI_32. */
struct sock_fprog *filter_make(const void *ctx, struct error *err);
/* The program of the rows that are watched so (watch.h); it allows all else. */
struct sock_fprog *filter_make_later(const void *ctx, enum watch watch);
/* The number of a row's call in an ABI; -1 when it has none. */
int filter_number(enum abi abi, unsigned row);
/*
 * The row of a call that the filter would send to us, with these arguments; NULL when it lets it through.
 * For calls that a guest's own filter has sent.
 */
const struct row *filter_find_row(const struct call *c);
/* Is this the row of the call's number? */
bool filter_is_row_of(const struct call *c, const struct row *row);
/*
 * Leave real root what a guest of his keeps of his capabilities: those over files, which passed calls need, and over
 * its own sockets.  All else is the tracer's to do, or nobody's.
 */
void filter_drop_capabilities(void);
/*
 * Put it on this thread, without speculation mitigations where the kernel lets choose, after real root has given up
 * all but the capabilities over files and sockets.  0 or -errno.
 */
int filter_install(const struct sock_fprog *program);

#endif
