/* SPDX-License-Identifier: Apache-2.0 */
/* The members of `mounts`: the options, above all. */
#ifndef FAKEBUILD_COMPAT_RUNC_SPEC_MOUNT_H
#define FAKEBUILD_COMPAT_RUNC_SPEC_MOUNT_H

#include "compat/runc/spec_members.h"

/* Fills a struct spec_mount. */
extern const struct member_shape spec_mount_shape;

#endif
