/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go writes them. */
#ifndef FAKEBUILD_BUILDER_DURATIONS_H
#define FAKEBUILD_BUILDER_DURATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* "1h2m3.5s" in nanoseconds; false: it does not read so, or does not fit. */
bool duration_parse(const char *text, int64_t *ret_nanoseconds);

#endif
