/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups, for who may make them: the group at the spec's cgroupsPath in each hierarchy, with the limits of its
 * resources.  Who may not has none, and nothing here fails for it.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_CGROUP_H
#define FAKEBUILD_COMPAT_RUNC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "oci/json.h"
#include "tracer/base/error.h"

/*
 * Make the groups of this config.json, and put the process into them.  Fails when a limit that was asked for is refused by
 * a group that could be made.
 */
int cgroup_enter(struct json *config, pid_t pid, struct error *err);
/*
 * Put another process into them, or into groups below them: `below` lists "[CONTROLLER,...:]PATH", as of `exec --cgroup`;
 * NULL: none.  Fails when one of these is not there, or refuses.
 */
int cgroup_join(struct json *config, const struct strlist *below, pid_t pid, struct error *err);
/* Set these resources (config-linux.md, "Control groups") anew: `update`.  Fails when there is no group. */
int cgroup_update(struct json *config, struct json *resources, struct error *err);
bool cgroup_exists(struct json *config);
/* Remove the groups; their processes have ended. */
void cgroup_remove(struct json *config);
/* What a container sees of its groups: a folder of each hierarchy, or of the only one of version 2, without a name. */
struct cgroup_view {
	const char *name, *folder;
};
struct cgroup_views {
	struct cgroup_view *items;
	size_t count;
};
/* On ctx; none when it has no groups.  Goes by the host's mounts, so that no guest can ask. */
struct cgroup_views *cgroup_views(const void *ctx, struct json *config);

#endif
