/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the search for a namespace's processes. */
#include "compat/runc/guests.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { LINK_ROOM = 64 };

static bool namespace_of(const char *pid, char ret[LINK_ROOM])
{
	char path[NAME_MAX + 32];
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	ssize_t n = readlink(path, ret, LINK_ROOM - 1);
	ret[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

int guests_list(const void *ctx, pid_t first, pid_t **ret, size_t *ret_count, struct error *err)
{
	char name[32], wanted[LINK_ROOM], own[LINK_ROOM], found[LINK_ROOM];
	snprintf(name, sizeof(name), "%d", first);
	if (!namespace_of(name, wanted))
		return error_set(err, 0, "container not running");
	pid_t *pids = mem_array(ctx, pid_t, 1);
	size_t count = 0;
	pids[count++] = first;
	bool is_ours = namespace_of("self", own) && strcmp(own, wanted) == 0;
	DIR *dir = is_ours ? NULL : opendir("/proc");
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		uint64_t pid;
		if (!text_to_number(e->d_name, INT32_MAX, &pid) || (pid_t)pid == first || !namespace_of(e->d_name, found) ||
		    strcmp(found, wanted) != 0)
			continue;
		pids = mem_grow(ctx, pids, pid_t, count + 1);
		pids[count++] = (pid_t)pid;
	}
	if (dir)
		closedir(dir);
	*ret = pids;
	*ret_count = count;
	return 0;
}

int guests_kill(pid_t first, int signal_number, struct error *err)
{
	pid_t *pids;
	size_t count;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (guests_list(scratch, first, &pids, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (kill(pids[i], signal_number) < 0 && errno != ESRCH)
			return error_set(err, errno, "cannot send signal %d to process %d", signal_number, pids[i]);
	return 0;
}
