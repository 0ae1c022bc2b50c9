/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what runs in a container. */
#ifndef FAKEBUILD_BUILDER_LIFE_H
#define FAKEBUILD_BUILDER_LIFE_H

#include "builder/command.h"
#include "oci/container.h"

/* Kill the fakebuild that runs it, and with that all in it; returns when it is gone. */
void life_kill(struct invocation *inv, const struct container *c);

#endif
