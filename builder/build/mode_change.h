/* SPDX-License-Identifier: Apache-2.0 */
/* What --chmod says: octal, or symbolic as BSD's chmod(1), without a umask (tonistiigi/dchapes-mode). */
#ifndef FAKEBUILD_BUILDER_MODE_CHANGE_H
#define FAKEBUILD_BUILDER_MODE_CHANGE_H

#include <sys/types.h>

#include "tracer/base/error.h"

struct mode_change;
/*
 * "755", "u=rw,go+rX", "g=u".  Fails for anything else, and for numbers above 07777.
 */
int mode_change_parse(const void *ctx, const char *text, struct mode_change **ret, struct error *err);
/* The mode, its type kept, after the change. */
mode_t mode_change_apply(const struct mode_change *change, mode_t mode);
/* The number of an octal one; -1: it is symbolic. */
int mode_change_octal(const struct mode_change *change);

#endif
