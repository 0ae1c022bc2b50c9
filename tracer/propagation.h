/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mounts are shared, slaves, private: mount_namespaces(7).  It is kept and shown, and what it forbids is
 * refused; a mount does not come up in its peers by itself.
 */
#ifndef FAKEBUILD_PROPAGATION_H
#define FAKEBUILD_PROPAGATION_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/mounts.h"

/* mount(2) of MS_SHARED and its kin at a mount point, with MS_REC for all that is mounted below.  0, -EINVAL. */
int propagation_change(struct mounts *m, const char *guest, uint64_t flags);
/* A bind belongs where belongs what it binds. */
void propagation_clone(struct mount *copy, const struct mount *of);
/* Is what this mount is mounted on shared? */
bool propagation_is_on_shared(const struct mounts *m, const struct mount *of);
/* The group that a mount gets its changes from; 0 when nobody is in it any more. */
unsigned propagation_master(const struct mount *of);

#endif
