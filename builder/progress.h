/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of pulls and pushes: a bar per layer on a terminal, plain lines elsewhere, on standard
 * error. */
#ifndef FAKEBUILD_BUILDER_PROGRESS_H
#define FAKEBUILD_BUILDER_PROGRESS_H

#include <stdbool.h>

#include "oci/transport.h"

/* For the transports' callbacks; hangs on ctx.  is_quiet: nothing is shown. */
const struct progress *progress_begin(const void *ctx, bool is_quiet);
/* The last state is drawn and stays on the screen. */
void progress_end(const struct progress *progress);

#endif
