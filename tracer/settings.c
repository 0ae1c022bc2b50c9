/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the kernel's settings that are a namespace's: what a guest writes to them is told again in that namespace. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/path.h"
#include "tracer/procfs.h"

enum { KIND_IPC = 2, KIND_NETWORK = 5 /* of kinds[] of namespaces.c */ };

static const struct {
	const char *begin;
	unsigned kind;
} settings[] = {
	{ "/proc/sys/net/", KIND_NETWORK },	    { "/proc/sys/kernel/shm", KIND_IPC }, { "/proc/sys/kernel/msg", KIND_IPC },
	{ "/proc/sys/kernel/sem", KIND_IPC }, { "/proc/sys/fs/mqueue/", KIND_IPC },
};

/* The namespace of t's, of its own, that the setting is of; 0: it is the host's. */
static unsigned namespace_of(const struct tracee *t, const struct object *o)
{
	if (!(o->mount->flags & BINDING_PROC) || o->is_fd)
		return 0;
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (text_starts(o->host, settings[i].begin))
			return t->namespaces[settings[i].kind];
	return 0;
}

bool procfs_is_own_setting(const struct tracee *t, const struct object *o)
{
	return namespace_of(t, o) != 0;
}

char *procfs_own_setting(struct tracee *t, const struct object *o, bool is_written)
{
	unsigned number = namespace_of(t, o);
	if (!number)
		return NULL;
	char *path = mem_printf(t, "%s/setting-%u", session.run_dir, number);
	for (const char *at = o->host + strlen("/proc/sys"); *at; at++)
		path = mem_append(path, *at == '/' ? "%%" : "%c", *at);
	/* Each write is a whole value. */
	int fd = open(path, is_written ? O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		TALLOC_FREE(path);
	else
		close(fd);
	return path;
}
