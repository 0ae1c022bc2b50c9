/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the search for the other container, and what of its folder is c's, too. */
#include "compat/runc/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/runc/spec_names.h"
#include "compat/runc/supervisor.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

/* Those that a session has; real ones are joined by network.c and clocks.c.  Mounts are last: paths are the host's until then. */
static const struct kind {
	unsigned flag;
	const char *file;
} kinds[] = { { CLONE_NEWPID, "pid" }, { CLONE_NEWUTS, "uts" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWNS, "mnt" } };
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* The path of linux.namespaces for this kind; NULL: none. */
static const char *path_of(const struct runc_container *c, const struct kind *kind)
{
	struct json *list = json_get(json_get(c->config, "linux"), "namespaces");
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *one = json_at(list, i);
		const char *file, *path = json_get_string(one, "path"), *type = json_get_string(one, "type");
		if (type && spec_namespace_flag(type, &file) == (long)kind->flag)
			return path && path[0] ? path : NULL;
	}
	return NULL;
}

/* Whose namespace that path names: "/proc/PID/ns/uts"; 0: something else. */
static pid_t pid_of(const char *path)
{
	int pid = 0, end = 0;
	return path && sscanf(path, "/proc/%d/ns/%n", &pid, &end) == 1 && end ? pid : 0;
}

/* The container beside c whose first process this is, on ctx. */
static struct runc_container *container_of(const void *ctx, const struct runc_container *c, pid_t pid)
{
	struct strlist *ids;
	CLEANUP_TALLOC char *root = mem_strndup(NULL, c->dir, strrchr(c->dir, '/') - c->dir);
	if (state_ids(ctx, root, &ids, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < ids->count; i++) {
		struct runc_container *other;
		if (strcmp(ids->items[i], c->id) == 0 || state_read(ctx, root, ids->items[i], &other, NULL) < 0)
			continue;
		if (other->pid == pid && other->supervisor && state_status(other) != STATUS_STOPPED)
			return other;
		talloc_free(other);
	}
	return NULL;
}

static int find_other(const void *ctx, const struct runc_container *c, struct runc_container **ret, struct error *err)
{
	*ret = NULL;
	for (size_t i = 0; i < KINDS; i++) {
		pid_t pid = pid_of(path_of(c, &kinds[i]));
		struct runc_container *other = pid ? container_of(ctx, c, pid) : NULL;
		if (other && *ret && strcmp((*ret)->id, other->id) != 0 && (*ret)->supervisor != other->supervisor)
			return error_set(err, 0, "namespaces of the containers '%s' and '%s' cannot be joined both", (*ret)->id, other->id);
		*ret = other ? other : *ret;
	}
	return 0;
}

/* The same file by another name: the session goes on when the other's folder is gone. */
static int take(const struct runc_container *c, const struct runc_container *other, const char *name, struct error *err)
{
	CLEANUP_TALLOC char *from = mem_printf(NULL, "%s/%s", other->dir, name);
	CLEANUP_TALLOC char *to = mem_printf(NULL, "%s/%s", c->dir, name);
	if (link(from, to) < 0)
		return error_set(err, errno, "cannot link '%s' to '%s'", from, to);
	return 0;
}

int shared_begin(struct runc_container *c, const struct spec *spec, bool *ret_is_shared, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct runc_container *other;
	if (find_other(scratch, c, &other, err) < 0)
		return -1;
	*ret_is_shared = other != NULL;
	if (!other)
		return 0;
	/* Owners of other users' files are in a table, which is kept by the root's path. */
	if (geteuid() != 0 && strcmp(other->root, spec->root) != 0)
		return error_set(err, 0, "namespaces of the container '%s' can be joined by real root, or with the same root.path",
				 other->id);
	if (take(c, other, CONTAINER_SESSION, err) < 0 || take(c, other, SUPERVISOR_LOCK, err) < 0 ||
	    take(c, other, SUPERVISOR_RUN, err) < 0)
		return -1;
	c->supervisor = other->supervisor;
	return 0;
}

pid_t shared_pids_of(const struct runc_container *c)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	pid_t pid = pid_of(path_of(c, &kinds[0]));
	return pid && container_of(scratch, c, pid) ? pid : 0;
}

int shared_join(const struct runc_container *c, unsigned *ret_joined, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	int fds[KINDS], r = 0;
	*ret_joined = 0;
	for (size_t i = 0; i < KINDS; i++) {
		const char *path = path_of(c, &kinds[i]);
		pid_t pid = pid_of(path);
		/* Who is born into one of processes does not join it. */
		bool is_to_do = pid && kinds[i].flag != CLONE_NEWPID && container_of(scratch, c, pid);
		fds[i] = is_to_do ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		if (is_to_do && fds[i] < 0)
			r = error_set(err, errno, "cannot open the namespace '%s'", path);
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (r == 0 && fds[i] >= 0 && setns(fds[i], (int)kinds[i].flag) < 0)
			r = error_set(err, errno, "cannot join the %s namespace '%s'", kinds[i].file, path_of(c, &kinds[i]));
		*ret_joined |= fds[i] >= 0 ? kinds[i].flag : 0u;
		io_cleanup_close(&fds[i]);
	}
	return r;
}

bool shared_is_used(const struct runc_container *c)
{
	struct stat st;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" CONTAINER_SESSION, c->dir);
	return lstat(path, &st) == 0 && st.st_nlink > 1;
}
