/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls on files of guests that are the invoking user. */
#include "tracer/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/hooks.h"
#include "tracer/share.h"

static bool is_read_only(const struct object *o)
{
	return !o->is_fd && (o->mount->flags & BINDING_READ_ONLY);
}

int64_t plain_change(struct call *c)
{
	return is_read_only(&c->object[0]) ? -EROFS : call_redirect(c);
}

int64_t plain_make(struct call *c)
{
	const struct object *o = &c->object[0];
	/* may_create of fs/namei.c: what translation has taken from the path, the kernel no longer sees. */
	if (o->is_dot || o->exists)
		return -EEXIST;
	if (is_read_only(o))
		return -EROFS;
	return o->had_trailing_slash && c->row->hook != hook_mkdir ? -ENOENT : call_redirect(c);
}

int64_t plain_chown(struct call *c)
{
	const struct path_argument *p = &c->row->path[0];
	unsigned at = p->path ? p->path : p->dir_fd;
	struct meta_owner owner;
	meta_owner_of(session.meta, &owner);
	if (call_id(c, at) == owner.shown_uid)
		call_set(c, at, owner.uid);
	if (call_id(c, at + 1) == owner.shown_gid)
		call_set(c, at + 1, owner.gid);
	return plain_change(c);
}

int64_t plain_truncate(struct call *c)
{
	return share_is_running(&c->object[0]) ? -ETXTBSY : plain_change(c);
}

int plain_may_open(const struct object *o, bool is_for_writing)
{
	bool is_file = S_ISREG(o->real.st_mode) || S_ISDIR(o->real.st_mode);
	if (is_for_writing && is_file && is_read_only(o))
		return -EROFS;
	/* The kernel runs the shim, and does not know of what that has loaded. */
	return is_for_writing && share_is_running(o) ? -ETXTBSY : 0;
}

int plain_permission(const struct object *o, unsigned mask)
{
	if (faccessat(AT_FDCWD, path_short(o->host), mask, 0) < 0)
		return -errno;
	return plain_may_open(o, mask & CRED_WRITE) == -EROFS ? -EROFS : 0;
}
