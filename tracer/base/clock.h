/* SPDX-License-Identifier: Apache-2.0 */
/* What time it is, as it is measured and as it is told. */
#ifndef FAKEBUILD_BASE_CLOCK_H
#define FAKEBUILD_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC: only differences mean something. */
int64_t clock_msec(void);
/* Now as RFC 3339 has it, "2006-01-02T15:04:05.000000000Z"; on ctx. */
char *clock_text(const void *ctx);

#endif
