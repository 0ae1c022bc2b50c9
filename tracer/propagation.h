/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mounts are shared, slaves, private, and what comes and goes with others therefore: mount_namespaces(7).  A group of
 * peers is a number; its master, the group that it gets its changes from, never changes, but by the end of that group.
 */
#ifndef FAKEBUILD_PROPAGATION_H
#define FAKEBUILD_PROPAGATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/mounts.h"

/* mount(2) of MS_SHARED and its kin at a mount point, with MS_REC for all that is mounted below.  0, -EINVAL. */
int propagation_change(struct mounts *m, const char *guest, uint64_t flags);
/* A bind belongs where belongs what it binds. */
void propagation_clone(struct mount *copy, const struct mount *of);
/* Is what this mount is mounted on shared? */
bool propagation_is_on_shared(const struct mounts *m, const struct mount *of);
/* The tree that begins here has been mounted: on a shared mount it becomes shared, and comes up in its peers and slaves. */
void propagation_attached(struct mounts *m, struct mount *top);
/*
 * A copy of a table for who has less rights: its mounts become slaves, and are locked together (copy_mnt_ns, lock_mnt_tree).
 */
void propagation_made_less(struct mounts *m, const struct user_namespace *owner);
/* Is anything of the tree unbindable?  Then it is not to be moved to a shared mount. */
bool propagation_has_unbindable(const struct mounts *m, const struct mount *top);

/* A mount, of whatever namespace. */
struct mount_place {
	struct mounts *mounts;
	struct mount *mount;
};
/*
 * The mounts elsewhere that go when the tree that begins here is unmounted, or with `is_alone` only its root, on ctx: all but
 * those on which something is mounted that stays.
 */
size_t propagation_of_umount(const void *ctx, struct mounts *m, const struct mount *top, bool is_alone, struct mount_place **ret);
/* The group that a mount gets its changes from; 0 when nobody is in it any more, nor in those above. */
unsigned propagation_master(const struct mount *of);
/* mountinfo's propagate_from of a slave: the next group above that has a mount in `m` below guest path `root`; 0: none. */
unsigned propagation_from(const struct mounts *m, const struct mount *of, const char *root);

#endif
