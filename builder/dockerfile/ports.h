/* SPDX-License-Identifier: Apache-2.0 */
/* What EXPOSE exposes: [ip:][host:]first[-last][/protocol]. */
#ifndef FAKEBUILD_BUILDER_PORTS_H
#define FAKEBUILD_BUILDER_PORTS_H

#include <stdbool.h>

#include "tracer/base/error.h"

struct ports {
	unsigned first, last;
	const char *protocol; /* lower case */
	bool has_upper_case, has_host; /* which are legal, and frowned upon */
};
/* Fails with BuildKit's sentence. */
int ports_parse(const char *text, struct ports *ret, struct error *err);

#endif
