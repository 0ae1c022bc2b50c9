/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim has made, told by itself (check_rename of hooks.h) or found where it was stopped. */
#ifndef FAKEBUILD_FAST_TOLD_H
#define FAKEBUILD_FAST_TOLD_H

#include "tracer/shim/abi.h"
#include "tracer/tracee.h"

/* A thread was taken out of the shim after it had made something (the frame tells, its path is in the tracee). */
void fast_look_at_made(struct tracee *t, const struct shim_frame *made, taddr path);

#endif
