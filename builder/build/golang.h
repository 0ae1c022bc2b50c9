/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Go's fmt prints them: BuildKit writes such texts into histories, and keys are compared with them. */
#ifndef FAKEBUILD_BUILDER_GOLANG_H
#define FAKEBUILD_BUILDER_GOLANG_H

#include <stdint.h>

#include "tracer/base/mem.h"

/* %q of a string: strconv.Quote. */
char *golang_quoted(const void *ctx, const char *text);
/* %q of a []string: ["a" "b"]; %v: [a b]. */
char *golang_quoted_list(const void *ctx, const struct strlist *list);
char *golang_list(const void *ctx, const struct strlist *list);
/* time.Duration.String: 1m30s. */
char *golang_duration(const void *ctx, int64_t nsec);

#endif
