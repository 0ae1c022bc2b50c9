/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of mounts as mount_setattr(2) and fsmount(2) have them. */
#ifndef FAKEBUILD_MOUNTATTR_H
#define FAKEBUILD_MOUNTATTR_H

#include <stdint.h>

/* MOUNT_ATTR_* of a new mount as flags of struct mount.  0, -EINVAL. */
int mount_attributes(uint64_t attributes, unsigned *ret_flags);

#endif
