/* SPDX-License-Identifier: Apache-2.0 */
/* The members of `process` (config.md, "Process"). */
#ifndef FAKEBUILD_COMPAT_RUNC_SPEC_PROCESS_H
#define FAKEBUILD_COMPAT_RUNC_SPEC_PROCESS_H

#include "compat/runc/spec_members.h"

/* Fills a struct spec_process. */
extern const struct member_shape spec_process_shape;

#endif
