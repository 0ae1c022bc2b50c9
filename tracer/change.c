/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that change what a file is: mode, owner, times, length; and the umask. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/fast.h"
#include "tracer/fast_prefixes.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/share.h"
#include "tracer/through.h"
#include "tracer/users.h"

static bool is_read_only(const struct object *o)
{
	return !o->is_fd && (o->mount->flags & BINDING_READ_ONLY);
}

int64_t hook_chmod(struct call *c)
{
	struct object *o = &c->object[0];
	mode_t mode = c->argument[call_after_path(c)] & 07777;
	if (is_read_only(o))
		return -EROFS;
	if (o->is_magic && c->row->path[0].path && strncmp(c->text[0], SHIM_OWN_DESCRIPTORS, strlen(SHIM_OWN_DESCRIPTORS)) == 0)
		fast_tell_descriptors(c->t);
	if (path_flags(&o->real))
		return -EPERM;
	/* notify_change of fs/attr.c: what a symlink allows is nobody's to change. */
	if (S_ISLNK(o->real.st_mode))
		return -EOPNOTSUPP;
	int r = path_must_own(c->t, o);
	if (r < 0)
		return r;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	/* chmod(2): the set-group-ID bit needs membership or CAP_FSETID. */
	if (!cred_in_group(&c->t->cred, entry.gid) && !cred_has_over(&c->t->cred, entry.uid, entry.gid, CAPABILITY_FSETID))
		mode &= ~(mode_t)S_ISGID;
	entry.mode = (entry.mode & S_IFMT) | mode;
	return share_set_mode(c->t, o, &entry);
}

/* chown_ok and chgrp_ok of fs/attr.c */
static bool may_chown(const struct cred *cred, const struct meta_entry *entry, uint32_t uid, uint32_t gid)
{
	bool is_owner = cred->fsuid == entry->uid;
	if (cred_has_over(cred, entry->uid, entry->gid, CAPABILITY_CHOWN))
		return true;
	if (uid != (uint32_t)-1 && !(is_owner && uid == entry->uid))
		return false;
	return gid == (uint32_t)-1 || (is_owner && (gid == entry->gid || cred_in_group(cred, gid)));
}

/* chown_common of fs/open.c: set-id bits go, whoever asks and whatever for. */
static uint32_t mode_after_chown(const struct cred *cred, const struct meta_entry *entry, uint32_t gid)
{
	uint32_t mode = entry->mode;
	if (S_ISDIR(mode))
		return mode;
	bool has_fsetid = cred_has_over(cred, entry->uid, entry->gid, CAPABILITY_FSETID);
	mode &= ~(uint32_t)S_ISUID;
	if ((mode & S_IXGRP) || (!cred_in_group(cred, entry->gid) && !has_fsetid))
		mode &= ~(uint32_t)S_ISGID;
	/* setattr_prepare: that was a change of mode, which looks at the group that will be. */
	if (mode != entry->mode && gid != (uint32_t)-1 && !cred_in_group(cred, gid) && !has_fsetid)
		mode &= ~(uint32_t)S_ISGID;
	return mode;
}

/*
 * A file without an entry may get another mode from a process of root's own meanwhile (shim/change.c): that one looks for an
 * entry then, and here its mode is looked at when it has one.
 */
static void store_owner_first(struct object *o, struct meta_entry *entry)
{
	struct meta_entry other;
	struct stat now;
	if (session.writes_through || !fast_is_on() || meta_get(session.meta, o->real.st_dev, o->real.st_ino, &other))
		return;
	share_store(o, entry);
	if (fstatat(AT_FDCWD, path_short(o->host), &now, o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW) < 0 || now.st_mode == o->real.st_mode)
		return;
	o->real = now;
	meta_default(session.meta, &now, &other);
	entry->mode = other.mode;
}

/* chown_common of fs/open.c: ids of the caller's namespace, -1 for none; false: one is nobody's. */
static bool name_ids(const struct tracee *t, uint32_t *uid, uint32_t *gid)
{
	const uint32_t wanted_uid = *uid, wanted_gid = *gid;
	*uid = wanted_uid == ID_NONE ? ID_NONE : users_named(t, ID_USER, wanted_uid);
	*gid = wanted_gid == ID_NONE ? ID_NONE : users_named(t, ID_GROUP, wanted_gid);
	return (*uid == ID_NONE) == (wanted_uid == ID_NONE) && (*gid == ID_NONE) == (wanted_gid == ID_NONE);
}

int64_t hook_chown(struct call *c)
{
	struct object *o = &c->object[0];
	const struct cred *cred = &c->t->cred;
	uint32_t uid = call_id(c, call_after_path(c)), gid = call_id(c, call_after_path(c) + 1);
	if (is_read_only(o))
		return -EROFS;
	if (!name_ids(c->t, &uid, &gid))
		return -EINVAL;
	if (path_flags(&o->real))
		return -EPERM;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (!may_chown(cred, &entry, uid, gid))
		return -EPERM;
	uint32_t mode = mode_after_chown(cred, &entry, gid);
	/* A change of mode is the owner's, even this one. */
	if (mode != entry.mode && path_must_own(c->t, o) < 0)
		return -EPERM;
	entry.mode = mode;
	/* cap_inode_need_killpriv of security/commoncap.c: not empty ones */
	if (!S_ISDIR(mode) && through_xattr_get(path_short(o->host), o->is_fd, &entry, "security.capability", NULL, 0) > 0)
		through_xattr_remove(o, &entry, "security.capability");
	if (uid != (uint32_t)-1)
		entry.uid = uid;
	if (gid != (uint32_t)-1)
		entry.gid = gid;
	store_owner_first(o, &entry);
	if (!S_ISLNK(o->real.st_mode))
		return share_set_mode(c->t, o, &entry);
	share_store(o, &entry);
	share_touch(o);
	return 0;
}

static int64_t length_argument(const struct call *c)
{
	if (c->abi == ABI_64)
		return c->argument[1];
	return strcmp(c->row->name, "truncate64") == 0 ? (int64_t)(c->argument[1] | c->argument[2] << 32) :
							 (int32_t)c->argument[1];
}

int check_truncate(const struct call *c)
{
	return length_argument(c) < 0 ? -EINVAL : 0;
}

int64_t hook_truncate(struct call *c)
{
	struct object *o = &c->object[0];
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	/* vfs_truncate of fs/open.c */
	if (S_ISDIR(entry.mode))
		return -EISDIR;
	if (!S_ISREG(entry.mode))
		return -EINVAL;
	if (is_read_only(o))
		return -EROFS;
	int64_t length = length_argument(c);
	int r = path_permission(c->t, o, CRED_WRITE);
	if (r == 0 && path_flags(&o->real))
		r = -EPERM;
	if (r == 0 && share_is_running(o))
		r = -ETXTBSY;
	if (r == 0)
		r = share_make_private(o, length != 0);
	if (r == 0)
		r = share_mark(c->t, o);
	/* By the caller himself: he may have a limit of the size of files, and a handler for its signal. */
	return r < 0 ? r : call_redirect(c);
}

static int64_t set_times(struct call *c, const struct timespec times[2])
{
	struct object *o = &c->object[0];
	if (is_read_only(o))
		return -EROFS;
	bool is_now = !times || (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW);
	/* may_setattr of fs/attr.c: what only grows may be touched. */
	if (path_flags(&o->real) & (is_now ? META_MARK_IMMUTABLE : META_MARKS_OF_FLAGS))
		return -EPERM;
	if (path_must_own(c->t, o) < 0) {
		if (!is_now)
			return -EPERM;
		int r = path_permission(c->t, o, CRED_WRITE);
		if (r < 0)
			return r;
	}
	int r = share_make_private(o, true);
	if (r < 0)
		return r;
	if (utimensat(AT_FDCWD, path_short(o->host), times, o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* A device of the host's stands for the guest's own: root could set its times. */
	return errno == EPERM && o->real.st_uid != session.uid && !S_ISREG(o->real.st_mode) ? 0 : -errno;
}

static int read_timespecs(const struct call *c, struct timespec times[2])
{
	taddr from = c->argument[2];
	if (c->abi == ABI_32 && strcmp(c->row->name, "utimensat") == 0) {
		int32_t small[4];
		if (memory_read(c->t, from, small, sizeof(small)) < 0)
			return -EFAULT;
		for (int i = 0; i < 2; i++)
			times[i] = (struct timespec){ small[2 * i], small[2 * i + 1] };
		return 0;
	}
	if (memory_read(c->t, from, times, 2 * sizeof(*times)) < 0)
		return -EFAULT;
	/* get_timespec64 of kernel/time/time.c: the other half is padding there. */
	for (int i = 0; i < 2 && c->abi == ABI_32; i++)
		times[i].tv_nsec &= 0xffffffff;
	return 0;
}

/* sys_utimensat and do_utimes of fs/utimes.c */
int check_utimensat(const struct call *c)
{
	struct timespec times[2];
	if (c->argument[2]) {
		int r = read_timespecs(c, times);
		if (r < 0)
			return r;
		if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
			return CHECK_DONE;
	}
	return !c->argument[1] && call_int(c, 0) != AT_FDCWD && call_int(c, 3) ? -EINVAL : 0;
}

int64_t hook_utimensat(struct call *c)
{
	struct timespec times[2];
	if (!c->argument[2])
		return set_times(c, NULL);
	int r = read_timespecs(c, times);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		if (times[i].tv_nsec != UTIME_NOW && times[i].tv_nsec != UTIME_OMIT &&
		    (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000))
			return -EINVAL;
	return set_times(c, times);
}

static int read_timevals(const struct call *c, struct timespec times[2])
{
	taddr from = c->argument[call_after_path(c)];
	int64_t value[4];
	if (c->abi == ABI_32) {
		int32_t small[4];
		if (memory_read(c->t, from, small, sizeof(small)) < 0)
			return -EFAULT;
		for (int i = 0; i < 4; i++)
			value[i] = small[i];
	} else if (memory_read(c->t, from, value, sizeof(value)) < 0) {
		return -EFAULT;
	}
	if (value[1] < 0 || value[1] >= 1000000 || value[3] < 0 || value[3] >= 1000000)
		return -EINVAL;
	times[0] = (struct timespec){ value[0], value[1] * 1000 };
	times[1] = (struct timespec){ value[2], value[3] * 1000 };
	return 0;
}

int check_utimes(const struct call *c)
{
	struct timespec times[2];
	return c->argument[call_after_path(c)] ? read_timevals(c, times) : 0;
}

int64_t hook_utimes(struct call *c)
{
	struct timespec times[2];
	if (!c->argument[call_after_path(c)])
		return set_times(c, NULL);
	int r = read_timevals(c, times);
	return r < 0 ? r : set_times(c, times);
}

int64_t hook_utime(struct call *c)
{
	int64_t value[2];
	if (!c->argument[1])
		return set_times(c, NULL);
	if (c->abi == ABI_32) {
		int32_t small[2];
		if (memory_read(c->t, c->argument[1], small, sizeof(small)) < 0)
			return -EFAULT;
		value[0] = small[0];
		value[1] = small[1];
	} else if (memory_read(c->t, c->argument[1], value, sizeof(value)) < 0) {
		return -EFAULT;
	}
	struct timespec times[2] = { { value[0], 0 }, { value[1], 0 } };
	return set_times(c, times);
}

int64_t hook_umask(struct call *c)
{
	/* The kernel keeps it as well: files that the tracee itself makes obey it. */
	c->t->fs->umask = c->argument[0] & 0777;
	return CALL_PASS;
}
