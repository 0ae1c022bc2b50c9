/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where the bindings of a run are in the guest, and what of the host they show. */
#include "tracer/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/cgroups.h"
#include "tracer/mounts.h"
#include "tracer/path.h"

/* realpath(3), which looks at each folder on the way: most bindings come from the same few, looked at once. */
static struct {
	char *typed, *real;
} last_folder;

void bind_reset(void)
{
	free(last_folder.typed);
	free(last_folder.real);
	memset(&last_folder, 0, sizeof(last_folder));
}

static char *real_path(const char *host_path)
{
	const char *slash = strrchr(host_path, '/'), *name = slash ? slash + 1 : "";
	size_t length = name - host_path;
	char *path, target;
	if (host_path[0] != '/' || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return realpath(host_path, NULL);
	if (!last_folder.typed || strncmp(last_folder.typed, host_path, length) != 0 || last_folder.typed[length]) {
		bind_reset();
		last_folder.typed = strndup(host_path, length);
		last_folder.real = last_folder.typed ? realpath(last_folder.typed, NULL) : NULL;
	}
	if (!last_folder.real || asprintf(&path, "%s/%s", strcmp(last_folder.real, "/") ? last_folder.real : "", name) < 0)
		return realpath(host_path, NULL);
	if (readlink(path, &target, 1) < 0 && errno == EINVAL)
		return path;
	free(path);
	return realpath(host_path, NULL);
}

int bind_config(const struct tracer_config *config, size_t from, struct tracee *t, struct error *err)
{
	static struct object o;
	for (size_t i = from; i < config->binding_count; i++) {
		const struct binding *b = &config->bindings[i];
		const unsigned follow = b->flags & BINDING_AT_LINK ? 0 : LOOKUP_FOLLOW;
		int r = path_lookup(t, AT_FDCWD, b->guest_path, follow | LOOKUP_CREATE, &o);
		/* debootstrap, when it may not mount, leaves a link /proc that leads to itself. */
		if (r < 0 && r != -ENOENT && r != -ELOOP)
			return error_set(err, -r, "cannot bind '%s' at '%s'", b->host_path, b->guest_path);
		/* What is bound is what a symlink on the host leads to, as for mount(8). */
		CLEANUP_FREE char *host = b->flags & BINDING_OF_LINK ? strdup(b->host_path) : real_path(b->host_path);
		if (!host)
			return error_set(err, errno, "cannot bind '%s'", b->host_path);
		/* A point whose parents are missing as well still works, by its name. */
		struct mount *m = mounts_add(t->mounts, r < 0 ? b->guest_path : o.guest, host,
					     b->flags & (BINDING_READ_ONLY | BINDING_PROC | BINDING_CGROUP), b->fs_type, NULL);
		if (!b->fs_type)
			m->root_at = MOUNT_ROOT_OF_HOST;
		if ((b->flags & BINDING_CGROUP) && !cgroups_is_open()) {
			cgroups_open(host);
			session.has_guest_files = true;
		}
	}
	mounts_sort(t->mounts);
	return 0;
}

struct mounts *bind_again(struct mounts *known)
{
	for (size_t i = 0; i < known->count; i++) {
		if (!(known->list[i]->flags & BINDING_CGROUP) || cgroups_is_open())
			continue;
		cgroups_open(known->list[i]->host);
		session.has_guest_files = true;
	}
	return known;
}
