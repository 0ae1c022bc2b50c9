/* SPDX-License-Identifier: Apache-2.0 */
/* From PRoot's bindings to the tracer's. */
#ifndef FAKEBUILD_COMPAT_PROOT_BINDINGS_H
#define FAKEBUILD_COMPAT_PROOT_BINDINGS_H

#include "compat/proot/options.h"

/*
 * Fill config->bindings, on ctx, for config's root and private folder: parents before what lies below them, the last
 * of one place on top, folders where the root has none for a binding to be in, and /proc as the guest's own.
 * What the host has not is left out, with a warning when it was asked for.
 */
void proot_bindings_make(const void *ctx, const struct proot_options *o, struct tracer_config *config);

#endif
