/* SPDX-License-Identifier: Apache-2.0 */
/* What programs run on: "linux/arm64/v8" taken apart, aliases resolved, as containerd's platforms does it. */
#ifndef FAKEBUILD_BUILDER_MACHINES_H
#define FAKEBUILD_BUILDER_MACHINES_H

#include <stdbool.h>

struct machine {
	char *os, *architecture, *variant; /* variant "" when there is none */
	char *text;                        /* joined by slashes */
};
/* On ctx; NULL when it is no platform. */
struct machine *machine_parse(const void *ctx, const char *text);
/* This machine's. */
struct machine *machine_of_host(const void *ctx);

#endif
