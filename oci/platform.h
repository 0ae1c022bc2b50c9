/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms that images are for. */
#ifndef FAKEBUILD_OCI_PLATFORM_H
#define FAKEBUILD_OCI_PLATFORM_H

#include "tracer/base/error.h"

struct platform {
	char *os, *architecture, *variant; /* variant may be NULL */
};

/* This machine's platform, "linux/amd64". */
const char *platform_default(void);
/* "os/architecture[/variant]" of a complete platform. */
char *platform_format(const void *ctx, const struct platform *p);
/* Parse "os/arch[/variant]", normalised as containerd does (x86_64 is amd64, aarch64 is arm64). */
int platform_parse(const void *ctx, const char *text, struct platform *ret, struct error *err);
/* Does an image for one platform do for another, which is normalised?  0: it does not; larger is better. */
int platform_fit(const struct platform *have, const struct platform *want);

#endif
