/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns host paths as they are used: such as are too long for a call, and files that root may look at by nature, but the
 * invoking user may not.
 */
#include "tracer/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/look.h"
#include "tracer/modes.h"
#include "tracer/mounts.h"

const char *path_short(const char *host)
{
	static unsigned turn;
	static char name[2][PATH_MAX];
	size_t length = strlen(host);
	if (length < PATH_MAX)
		return host;
	/*
	 * The kernel limits a string, not a walk: each alias is a symlink for a head of the path that
	 * itself fits, and the alias' target may start with an alias.
	 */
	char *alias = name[turn++ % 2];
	char head[PATH_ROOM], joined[PATH_ROOM + PATH_MAX];
	const char *rest = host;
	char base[PATH_MAX] = "";
	for (unsigned part = 0; strlen(base) + strlen(rest) >= PATH_MAX - 1; part++) {
		size_t cut = PATH_MAX - 256 - strlen(base) - 1;
		while (cut > 1 && rest[cut] != '/')
			cut--;
		memcpy(head, rest, cut);
		head[cut] = '\0';
		snprintf(joined, sizeof(joined), "%s%s", base, head);
		snprintf(base, sizeof(base), "%.3000s/long-%u-%u", session.run_dir, turn % 64, part);
		unlink(base);
		if (symlink(joined, base) < 0)
			return host;
		rest += cut;
	}
	/* The loop's condition is that it fits. */
	size_t head_length = strlen(base);
	memcpy(alias, base, head_length);
	memcpy(alias + head_length, rest, strlen(rest) + 1);
	return alias;
}

/* The kernel's own file systems are the host's, also where real root could change them. */
static bool is_of_kernel(const char *host)
{
	return mounts_is_below(host, "/proc") || mounts_is_below(host, "/sys");
}

bool path_repair(const char *host)
{
	bool changed = false;
	char part[PATH_ROOM];
	size_t length = strlen(host);
	if (length >= sizeof(part) || session.is_plain || session.writes_through || is_of_kernel(host))
		return false;
	memcpy(part, host, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char saved = part[i];
		part[i] = '\0';
		struct stat st;
		if (lstat(path_short(part), &st) == 0 && st.st_uid == session.uid && !S_ISLNK(st.st_mode)) {
			mode_t need = S_ISDIR(st.st_mode) ? 0700 : saved ? 0 : 0600;
			if ((st.st_mode & need) != need && !meta_is_shared(session.meta, &st)) {
				struct meta_entry entry;
				meta_get_or_default(session.meta, &st, &entry);
				if (chmod(path_short(part), (st.st_mode & 0777) | need) == 0) {
					meta_put(session.meta, &entry);
					modes_owe(part);
					changed = true;
				}
			}
		}
		part[i] = saved;
	}
	return changed;
}

int path_lstat(const char *host, struct stat *ret)
{
	if (lstat(path_short(host), ret) < 0 && !(errno == EACCES && path_repair(host) && lstat(path_short(host), ret) == 0))
		return -errno;
	meta_meet(session.meta, path_short(host), false, ret, 0);
	return 0;
}

int path_examine(struct object *o)
{
	struct look look;
	const char *host = path_short(o->host);
	int flags = o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW, r = look_at(AT_FDCWD, host, flags, &look);
	if (r == -EACCES && !o->is_fd && path_repair(o->host))
		r = look_at(AT_FDCWD, host, flags, &look);
	if (r < 0)
		return r;
	meta_meet(session.meta, host, o->is_fd, &look.st, look.birth);
	o->real = look.st;
	o->birth = look.birth;
	return 0;
}
