/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the extended attribute calls.  All attributes that the guest sets live in the metadata table, so
 * that they work on every host file system and never touch a shared file; user.* of host files that are
 * bound in are shown as they are.
 */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/share.h"

enum { NAME_ROOM = 256, VALUE_MAX = 65536, LIST_MAX = 65536 };

static unsigned after_path(const struct call *c)
{
	const struct path_argument *p = &c->row->path[0];
	return p->path ? p->path : p->dir_fd;
}

/* The host's own bookkeeping of rootless tools is not the guest's. */
static bool is_hidden(const char *name)
{
	return strncmp(name, "user.", 5) != 0 || strcmp(name, "user.rootlesscontainers") == 0;
}

static int read_name(struct call *c, char name[NAME_ROOM])
{
	int r = memory_read_string(c->t, c->argument[after_path(c)], name, NAME_ROOM);
	if (r == -ENAMETOOLONG || (r == 0 && !*name))
		return -ERANGE;
	return r;
}

static bool starts(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* xattr_permission of fs/xattr.c, and the security modules' part. */
static int may_use(struct call *c, const char *name, bool is_write)
{
	struct object *o = &c->object[0];
	const struct cred *cred = &c->t->cred;
	if (is_write && (o->mount->flags & BINDING_READ_ONLY) && !o->is_fd)
		return -EROFS;
	if (starts(name, "security.")) {
		if (!is_write)
			return 0;
		if (strcmp(name, "security.capability") == 0)
			return cred_has(cred, CAPABILITY_SETFCAP) ? 0 : -EPERM;
		return cred_has(cred, CAPABILITY_SYS_ADMIN) ? 0 : -EPERM;
	}
	if (strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0)
		return is_write ? path_must_own(c->t, o) : 0;
	if (starts(name, "trusted."))
		return cred_has(cred, CAPABILITY_SYS_ADMIN) ? 0 : is_write ? -EPERM : -ENODATA;
	if (!starts(name, "user."))
		return -EOPNOTSUPP;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (!S_ISREG(entry.mode) && !S_ISDIR(entry.mode))
		return is_write ? -EPERM : -ENODATA;
	if (is_write && S_ISDIR(entry.mode) && (entry.mode & S_ISVTX) && path_must_own(c->t, o) < 0)
		return -EPERM;
	return path_permission(c->t, o, is_write ? CRED_WRITE : CRED_READ);
}

static ssize_t host_get(const struct object *o, const char *name, void *value, size_t size)
{
	if (is_hidden(name))
		return -ENODATA;
	const char *host = path_short(o->host);
	ssize_t n = o->is_fd ? getxattr(host, name, value, size) : lgetxattr(host, name, value, size);
	return n >= 0 ? n : errno == EOPNOTSUPP || errno == EPERM ? -ENODATA : -errno;
}

int64_t hook_getxattr(struct call *c)
{
	char name[NAME_ROOM];
	unsigned at = after_path(c);
	size_t size = c->argument[at + 2];
	int r = read_name(c, name);
	if (r == 0)
		r = may_use(c, name, false);
	if (r < 0)
		return r;
	if (size > VALUE_MAX)
		size = VALUE_MAX;
	CLEANUP_TALLOC char *value = mem_array(NULL, char, size);
	struct meta_entry entry;
	const struct object *o = &c->object[0];
	ssize_t n = -ENODATA;
	if (meta_get(session.meta, o->real.st_dev, o->real.st_ino, &entry))
		n = meta_xattr_get(session.meta, &entry, name, value, size);
	if (n == -ENODATA)
		n = host_get(o, name, value, size);
	if (n < 0 || size == 0)
		return n;
	r = memory_write(c->t, c->argument[at + 1], value, n);
	return r < 0 ? r : n;
}

/* posix_acl_update_mode of fs/posix_acl.c: an ACL that says no more than a mode becomes the mode. */
static int set_access_acl(struct object *o, struct meta_entry *entry, const char *acl, size_t size, int flags)
{
	bool is_minimal = true;
	int r = size ? share_acl_to_mode(acl, size, &entry->mode, &is_minimal) : 0;
	if (r < 0)
		return r;
	r = meta_xattr_set(session.meta, entry, "system.posix_acl_access", is_minimal ? NULL : acl, size, flags);
	if (r < 0 && !(is_minimal && r == -ENODATA))
		return r;
	return share_set_mode(o, entry);
}

int64_t hook_setxattr(struct call *c)
{
	char name[NAME_ROOM];
	unsigned at = after_path(c);
	size_t size = c->argument[at + 2];
	int flags = call_int(c, at + 3);
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int r = read_name(c, name);
	if (r < 0)
		return r;
	if (size > VALUE_MAX)
		return -E2BIG;
	CLEANUP_TALLOC char *value = mem_array(NULL, char, size);
	r = memory_read(c->t, c->argument[at + 1], value, size);
	if (r == 0)
		r = may_use(c, name, true);
	if (r < 0)
		return r;
	struct object *o = &c->object[0];
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (strcmp(name, "system.posix_acl_default") == 0 && !S_ISDIR(entry.mode))
		return -EACCES;
	if (starts(name, "system.posix_acl") && S_ISLNK(entry.mode))
		return -EOPNOTSUPP;
	if (strcmp(name, "system.posix_acl_access") == 0)
		return set_access_acl(o, &entry, value, size, flags);
	r = meta_xattr_set(session.meta, &entry, name, value, size, flags);
	if (r == 0)
		meta_set(session.meta, &o->real, &entry);
	return r;
}

int64_t hook_listxattr(struct call *c)
{
	unsigned at = after_path(c);
	size_t size = c->argument[at + 1], used = 0;
	const struct object *o = &c->object[0];
	CLEANUP_TALLOC char *names = mem_array(NULL, char, 2 * LIST_MAX);
	CLEANUP_TALLOC char *host_names = mem_array(NULL, char, LIST_MAX);
	struct meta_entry entry;
	if (meta_get(session.meta, o->real.st_dev, o->real.st_ino, &entry)) {
		ssize_t n = meta_xattr_list(session.meta, &entry, names, LIST_MAX);
		if (n < 0)
			return n;
		/* listxattr(2): trusted.* is for CAP_SYS_ADMIN only. */
		for (ssize_t i = 0; i < n; i += strlen(names + i) + 1) {
			size_t length = strlen(names + i) + 1;
			if (starts(names + i, "trusted.") && !cred_has(&c->t->cred, CAPABILITY_SYS_ADMIN))
				continue;
			memmove(names + used, names + i, length);
			used += length;
		}
	}
	const char *host = path_short(o->host);
	ssize_t n = o->is_fd ? listxattr(host, host_names, LIST_MAX) : llistxattr(host, host_names, LIST_MAX);
	for (ssize_t i = 0; i < n; i += strlen(host_names + i) + 1) {
		size_t length = strlen(host_names + i) + 1;
		bool is_known = is_hidden(host_names + i);
		for (size_t j = 0; j < used && !is_known; j += strlen(names + j) + 1)
			is_known = strcmp(names + j, host_names + i) == 0;
		if (is_known || used + length > 2 * LIST_MAX)
			continue;
		memcpy(names + used, host_names + i, length);
		used += length;
	}
	if (size == 0)
		return used;
	if (used > size)
		return -ERANGE;
	int r = memory_write(c->t, c->argument[at], names, used);
	return r < 0 ? r : (int64_t)used;
}

int64_t hook_removexattr(struct call *c)
{
	char name[NAME_ROOM];
	int r = read_name(c, name);
	if (r == 0)
		r = may_use(c, name, true);
	if (r < 0)
		return r;
	const struct object *o = &c->object[0];
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	r = meta_xattr_set(session.meta, &entry, name, NULL, 0, 0);
	if (r == 0) {
		meta_set(session.meta, &o->real, &entry);
		return 0;
	}
	if (r == -ENODATA && !is_hidden(name) && !meta_is_shared(session.meta, &o->real)) {
		const char *host = path_short(o->host);
		if ((o->is_fd ? removexattr(host, name) : lremovexattr(host, name)) < 0)
			return errno == EOPNOTSUPP ? -ENODATA : -errno;
		return 0;
	}
	return r;
}
