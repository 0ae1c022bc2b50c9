/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups, for who may make them: the group at the spec's cgroupsPath, or else of the container's name below our own, in
 * each hierarchy, with the limits of its resources.  Who may not has none, and nothing here fails for it.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "compat/runc/state.h"
#include "oci/json.h"
#include "tracer/base/error.h"

/*
 * Before anything is made: where the groups are to be, which c->groups keeps.  Fails when a group is there already that is frozen or has processes, and for limits that are of
 * another version of control groups.
 */
int cgroup_choose(struct runc_container *c, struct error *err);
/*
 * Make the groups of this container, and put the process into them.  Fails when a limit that was asked for is refused by
 * a group that could be made.
 */
int cgroup_enter(const struct runc_container *c, pid_t pid, struct error *err);
/*
 * Put another process into them, or into groups below them: `below` lists "[CONTROLLER,...:]PATH", as of `exec --cgroup`;
 * NULL: none.  Fails when one of these is not there, or refuses.
 */
int cgroup_join(const struct runc_container *c, const struct strlist *below, pid_t pid, struct error *err);
/* Set these resources (config-linux.md, "Control groups") anew: `update`.  Fails when there is no group. */
int cgroup_update(const struct runc_container *c, struct json *resources, struct error *err);
bool cgroup_exists(const struct runc_container *c);
/* Remove the groups; their processes have ended. */
void cgroup_remove(const struct runc_container *c);
/* What a container sees of its groups: a folder of each hierarchy, or of the only one of version 2, without a name. */
struct cgroup_view {
	const char *name, *folder;
};
struct cgroup_views {
	struct cgroup_view *items;
	size_t count;
};
/* On ctx; none when it has no groups.  Goes by the host's mounts, so that no guest can ask. */
struct cgroup_views *cgroup_views(const void *ctx, const struct runc_container *c);

#endif
