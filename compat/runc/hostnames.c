/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the look into another container's session. */
#include "compat/runc/hostnames.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/tracer.h"

/* The path of linux.namespaces for this kind; NULL: none. */
static const char *path_of(struct json *config, const char *kind)
{
	struct json *list = json_get(json_get(config, "linux"), "namespaces");
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *one = json_at(list, i);
		const char *type = json_get_string(one, "type");
		if (type && strcmp(type, kind) == 0)
			return json_get_string(one, "path");
	}
	return NULL;
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

/* As a guest of that session. */
static void tell_names(const struct runc_container *other, const char *path, int to)
{
	struct utsname names;
	struct hostnames told = { "", "" };
	CLEANUP_TALLOC char *session = mem_printf(NULL, "%s/" CONTAINER_SESSION, other->dir);
	if (tracer_join(session, NULL) < 0)
		_exit(1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWUTS) < 0 || uname(&names) < 0)
		_exit(1);
	snprintf(told.host, sizeof(told.host), "%.*s", HOSTNAME_ROOM - 1, names.nodename);
	snprintf(told.domain, sizeof(told.domain), "%.*s", HOSTNAME_ROOM - 1, names.domainname);
	_exit(io_write_all(to, &told, sizeof(told)) < 0);
}

void hostnames_read(const struct runc_container *c, struct hostnames *ret)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *path = path_of(c->config, "uts");
	struct hostnames told;
	int pid_of_path = 0, ends[2];
	*ret = (struct hostnames){ "", "" };
	if (!path || sscanf(path, "/proc/%d/ns/uts", &pid_of_path) != 1)
		return;
	const struct runc_container *other = container_of(scratch, c, pid_of_path);
	if (!other || pipe2(ends, O_CLOEXEC) < 0)
		return;
	CLEANUP_CLOSE int in = ends[0], out = ends[1];
	pid_t pid = fork();
	if (pid == 0)
		tell_names(other, path, out);
	close(io_take_fd(&out));
	if (pid > 0 && io_read_all(in, &told, sizeof(told)) == sizeof(told))
		*ret = told;
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
