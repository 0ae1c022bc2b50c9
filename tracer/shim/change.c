/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path of calls that change what a file is: mode, owner, times; and of its extended attributes. */
#include "tracer/shim/fast.h"

#ifdef __x86_64__
/* What is to be changed, as the host has it and as it is shown. */
struct own {
	struct kernel_stat st;
	struct place place;
	struct meta_sight shown;
	struct seen seen;
	bool has_entry;
	bool is_shared; /* with a layer: its inode is not touched */
};

/* Can what it becomes be told the tracer, or is it what the host shows?  At a host path, 0: the descriptor. */
static bool find_out(struct own *own, long dir_fd, uint64_t path)
{
	struct kernel_stat *st = &own->st;
	struct meta_owner owner = owner_on(st->dev);
	uint32_t type = st->mode & TYPE, needed = type == TYPE_FILE ? 0600 : 0700;
	const struct meta_entry *entry = &own->seen.entry;
	int found = entry_to_change(st->dev, st->ino, dir_fd, path, &own->seen);
	if (found < 0 || (found && (!meta_is_simple(entry) || !meta_fits(entry, st->mode, st->nlink))) ||
	    (type != TYPE_FILE && type != TYPE_DIRECTORY && type != TYPE_LINK) || (st->mode & SPECIAL_BITS))
		return false;
	own->has_entry = found;
	own->is_shared = meta_looks_shared(META->flags, st->mode, owner.is_root_dev);
	own->shown = (struct meta_sight){ st->ino, st->nlink, st->rdev, st->mode, st->uid, st->gid };
	meta_show(META->flags, &owner, found ? entry : 0, &own->shown);
	/* What the user may not write to the tracer must mend. */
	return own->is_shared || type == TYPE_LINK || (st->mode & needed) == needed;
}

/* A path, or 0 for the descriptor alone. */
static bool find_own(struct shim_frame *f, long dir_fd, uint64_t path, bool follows, struct own *own)
{
	struct place *p = &own->place;
	seen_begin(&own->seen);
	if (path) {
		if (!place_find(f, dir_fd, path, STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, p) || may_be_read_only(p) ||
		    place_examine_born(f, p, follows, &own->st, &own->seen.birth) != 0 || may_be_read_only(p))
			return false;
	} else {
		p->state = state_with(STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, &p->number);
		if (!p->state || look_born(dir_fd, 0, &own->st, &own->seen.birth) < 0)
			return false;
	}
	return path ? find_out(own, p->dir_fd, (uint64_t)f->path) : find_out(own, dir_fd, 0);
}

/* `fd`: when it is not found by a path. */
static enum answer chmod_own(struct shim_frame *f, const struct own *own, bool has_path, long fd, uint32_t mode)
{
	uint32_t type = own->st.mode & TYPE, needed = type == TYPE_FILE ? 0600 : 0700;
	uint32_t wanted = type | (mode & 07777);
	/* That a directory's group is inherited, and who may remove from it, is told with prefixes. */
	if (type == TYPE_LINK || (type == TYPE_DIRECTORY && ((own->shown.mode ^ wanted) & (SETGID | STICKY))))
		return SLOW;
	bool needs_entry = own->has_entry || own->is_shared || (mode & SPECIAL_BITS) || (mode & needed) != needed;
	bool is_owed = (SHARED->flags & SHARED_LEAVES_MODES) && (mode & needed) != needed;
	if (is_owed || (needs_entry && !may_tell(own->st.dev, own->st.ino)))
		return SLOW;
	uint32_t real_mode = (mode & 0777) | needed;
	long r = own->is_shared ? 0 :
		 has_path	? raw(NR_FCHMODAT, own->place.dir_fd, (long)f->path, real_mode, 0) :
				  raw(NR_FCHMOD, fd, real_mode, 0, 0);
	struct meta_entry entry = { .uid = own->shown.uid, .gid = own->shown.gid, .mode = wanted };
	if (r < 0 || (needs_entry && !tell(&own->seen, own->has_entry, own->is_shared ? own->st.mode : type | real_mode, &entry, fd >= 0 ? fd : own->place.dir_fd, fd >= 0 ? 0 : (uint64_t)f->path)))
		return SLOW;
	/* Who gives it an entry at the same time has read another mode, and learns of this when it is left. */
	bool is_told = needs_entry || own->is_shared || (tell_mode_changed() && entry_of(own->st.dev, own->st.ino, &entry) == 0);
	return is_told ? answer(f, 0) : SLOW;
}

static enum answer chmod_file(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t mode)
{
	struct own own;
	return find_own(f, dir_fd, path, true, &own) ? chmod_own(f, &own, path, path ? -1 : dir_fd, mode) : SLOW;
}

int fast_chmod(struct shim_frame *f)
{
	struct own own;
	/* fchmodat(3) without following is done so by glibc, before there was fchmodat2(2). */
	long fd = place_descriptor(f, f->argument[0], &own.place);
	if (fd >= 0) {
		seen_begin(&own.seen);
		return state_with(STATE_MAKES_AS_ROOT, &own.place.number) &&
				       look_born(fd, 0, &own.st, &own.seen.birth) == 0 && find_out(&own, fd, 0) ?
			       chmod_own(f, &own, true, fd, f->argument[1]) :
			       SLOW;
	}
	return f->argument[0] ? chmod_file(f, AT_CWD, f->argument[0], f->argument[1]) : SLOW;
}

int fast_fchmod(struct shim_frame *f)
{
	return chmod_file(f, (int)f->argument[0], 0, f->argument[1]);
}

int fast_fchmodat(struct shim_frame *f)
{
	return f->argument[1] ? chmod_file(f, f->argument[0], f->argument[1], f->argument[2]) : SLOW;
}

int fast_fchmodat2(struct shim_frame *f)
{
	return (uint32_t)f->argument[3] ? SLOW : fast_fchmodat(f);
}

/* The inode gets a new ctime, and its new owners are told when they are not those that it shows. */
static enum answer chown_file(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t uid, uint32_t gid, bool follows)
{
	enum { SAME = 0xffffffffu };
	struct own own;
	if (!find_own(f, dir_fd, path, follows, &own))
		return SLOW;
	const struct meta_sight *shown = &own.shown;
	uint32_t new_uid = uid == SAME ? shown->uid : uid, new_gid = gid == SAME ? shown->gid : gid;
	bool is_change = new_uid != shown->uid || new_gid != shown->gid;
	/* chown(2): set-id bits go, but a directory's. */
	if (((shown->mode & SETID_BITS) && (shown->mode & TYPE) != TYPE_DIRECTORY) ||
	    (is_change && !may_tell(own.st.dev, own.st.ino)) || (META->flags & META_PLAIN))
		return SLOW;
	long r = own.is_shared ? 0 :
		 path	       ? shim_raw_call(NR_FCHOWNAT, own.place.dir_fd, (long)f->path, -1, -1, AT_NOFOLLOW, 0) :
				 raw(NR_FCHOWN, dir_fd, -1, -1, 0);
	struct meta_entry entry = { .uid = new_uid, .gid = new_gid, .mode = shown->mode };
	if (r < 0 || (is_change && !tell(&own.seen, own.has_entry, own.st.mode, &entry, path ? own.place.dir_fd : dir_fd, path ? (uint64_t)f->path : 0)))
		return SLOW;
	return answer(f, 0);
}

int fast_chown(struct shim_frame *f)
{
	return f->argument[0] ? chown_file(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2], true) : SLOW;
}

int fast_lchown(struct shim_frame *f)
{
	return f->argument[0] ? chown_file(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2], false) : SLOW;
}

int fast_fchown(struct shim_frame *f)
{
	return chown_file(f, (int)f->argument[0], 0, f->argument[1], f->argument[2], false);
}

int fast_fchownat(struct shim_frame *f)
{
	uint32_t flags = f->argument[4];
	if ((flags & ~(uint32_t)AT_NOFOLLOW) || !f->argument[1])
		return SLOW;
	return chown_file(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3], !(flags & AT_NOFOLLOW));
}

/* Of what a descriptor is open on the kernel knows all that is to be known of times, unless some must not be changed. */
static bool may_touch_unseen(void)
{
	uint32_t number;
	return !(META->flags & (META_SHARED_LAYERS | META_HAS_FLAGS)) &&
	       !(SHARED->flags & (SHARED_READ_ONLY_TREES | SHARED_HAS_NODES | SHARED_WRITES_THROUGH)) &&
	       (META->flags & META_COUNTS_NODES) && !META->nodes && state_with(STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, &number);
}

enum answer utimens_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t times, uint32_t flags)
{
	struct own own;
	if (!path && !flags && dir_fd != AT_CWD && may_touch_unseen() && raw(NR_UTIMENSAT, dir_fd, 0, times, 0) == 0)
		return answer(f, 0);
	if ((flags & ~(uint32_t)AT_NOFOLLOW) || (!path && (flags || dir_fd == AT_CWD)) ||
	    !find_own(f, dir_fd, path, !flags, &own) || own.is_shared)
		return SLOW;
	/* A container's symlinks may be a layer's own. */
	if ((own.st.mode & TYPE) == TYPE_LINK && (META->flags & META_SHARED_LAYERS))
		return SLOW;
	long r = path ? raw(NR_UTIMENSAT, own.place.dir_fd, (long)f->path, times, AT_NOFOLLOW) :
			raw(NR_UTIMENSAT, dir_fd, 0, times, 0);
	return r == 0 ? answer(f, 0) : SLOW;
}

int fast_utimensat(struct shim_frame *f)
{
	return utimens_path(f, (int)f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

/* Of words of so many bytes: seconds, and microseconds when it `has_parts`. */
static enum answer set_old_times(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t from, bool has_parts)
{
	enum { WORD = OLD_TIME_BYTES, PARTS_OF_A_SECOND = 1000000 };
	struct {
		int64_t seconds, nanoseconds;
	} times[2];
	if (from && !may_be_mapped(from))
		return SLOW;
	for (uint32_t i = 0; from && i < 2; i++) {
		uint64_t at = from + i * (has_parts ? 2 : 1) * WORD, next = at + WORD;
		int64_t part = !has_parts ? 0 : WORD == 4 ? *(const int32_t *)next : *(const int64_t *)next;
		if (part < 0 || part >= PARTS_OF_A_SECOND)
			return SLOW;
		times[i].seconds = WORD == 4 ? *(const int32_t *)at : *(const int64_t *)at;
		times[i].nanoseconds = part * 1000;
	}
	return utimens_path(f, dir_fd, path, from ? (uint64_t)times : 0, 0);
}

int fast_utime(struct shim_frame *f)
{
	return set_old_times(f, AT_CWD, f->argument[0], f->argument[1], false);
}

int fast_utimes(struct shim_frame *f)
{
	return set_old_times(f, AT_CWD, f->argument[0], f->argument[1], true);
}

int fast_futimesat(struct shim_frame *f)
{
	return set_old_times(f, (int)f->argument[0], f->argument[1], f->argument[2], true);
}

/* ---- attributes that are not there ---- */

static bool is_text(const char *text, const char *expected, bool is_prefix)
{
	for (; *expected; text++, expected++)
		if (*text != *expected)
			return false;
	return is_prefix ? *text : !*text;
}

/* A file, no symlink, of whom no attribute is in the table. */
static bool has_no_attributes(struct shim_frame *f, long fd, uint64_t path, bool follows, struct place *p)
{
	struct kernel_stat st;
	struct meta_entry entry;
	if (path) {
		if (!place_find(f, AT_CWD, path, STATE_LOOKS_AS_ROOT, p) || place_examine(f, p, follows, &st) != 0)
			return false;
	} else {
		/* One of O_PATH will not do. */
		long flags = raw(NR_FCNTL, fd, F_GET_FLAGS, 0, 0);
		if (!state_with(STATE_LOOKS_AS_ROOT, &p->number) || flags < 0 || (flags & O_PATH_ONLY) ||
		    raw(NR_FSTAT, fd, (long)&st, 0, 0) < 0 || may_be_node(st.mode))
			return false;
	}
	int found = path ? entry_at(st.dev, st.ino, p->dir_fd, (uint64_t)f->path, &entry) : entry_at(st.dev, st.ino, fd, 0, &entry);
	return (st.mode & TYPE) != TYPE_LINK && found >= 0 && !(found && entry.xattr);
}

/* The attributes that programs ask for out of habit are kept in the table alone. */
static enum answer get_attribute(struct shim_frame *f, long fd, uint64_t path, bool follows)
{
	char name[64];
	struct place p;
	if (!may_be_mapped(f->argument[1]))
		return SLOW;
	uint32_t i = 0;
	while (i < sizeof(name) - 1 && (name[i] = ((const char *)f->argument[1])[i]))
		i++;
	name[sizeof(name) - 1] = '\0';
	if (i == sizeof(name) - 1 || !(is_text(name, "security.", true) || is_text(name, "system.posix_acl_access", false) ||
				       is_text(name, "system.posix_acl_default", false)))
		return SLOW;
	if (!has_no_attributes(f, fd, path, follows, &p))
		return SLOW;
	if (!(META->flags & META_PLAIN) && !(SHARED->flags & SHARED_WRITES_THROUGH))
		return answer(f, NO_DATA);
	/* There they are the host's. */
	if (path && p.dir_fd != AT_CWD)
		return SLOW;
	long r = path ? raw(NR_LGETXATTR, (long)f->path, f->argument[1], f->argument[2], f->argument[3]) :
			raw(NR_FGETXATTR, fd, f->argument[1], f->argument[2], f->argument[3]);
	return r == NO_DATA ? answer(f, NO_DATA) : SLOW;
}

/* An access ACL that is a mode: cp sets such. */
static enum answer set_attribute(struct shim_frame *f, long fd, uint64_t path)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[3];
	} acl;
	static const uint16_t tags[] = { 1, 4, 0x20 }; /* owner, group, others */
	uint32_t mode = 0;
	/* A file that has a list really is left one by chmod(2). */
	if ((META->flags & META_PLAIN) || (SHARED->flags & SHARED_WRITES_THROUGH) || !may_be_mapped(f->argument[1]) ||
	    !is_text((const char *)f->argument[1], "system.posix_acl_access", false) ||
	    f->argument[3] != sizeof(acl) || f->argument[4] || !may_be_mapped(f->argument[2]))
		return SLOW;
	__builtin_memcpy(&acl, (const void *)f->argument[2], sizeof(acl));
	for (unsigned i = 0; i < 3; i++) {
		if (acl.entry[i].tag != tags[i] || acl.entry[i].perm > 7)
			return SLOW;
		mode = mode << 3 | acl.entry[i].perm;
	}
	/* posix_acl_update_mode: set-id and sticky bits stay. */
	struct own own;
	return acl.version == 2 && find_own(f, fd, path, true, &own) ?
		       chmod_own(f, &own, path, path ? -1 : fd, mode | (own.shown.mode & SPECIAL_BITS)) :
		       SLOW;
}

int fast_setxattr(struct shim_frame *f)
{
	return f->argument[0] ? set_attribute(f, AT_CWD, f->argument[0]) : SLOW;
}

int fast_fsetxattr(struct shim_frame *f)
{
	return set_attribute(f, (int)f->argument[0], 0);
}

int fast_getxattr(struct shim_frame *f)
{
	return f->argument[0] ? get_attribute(f, -1, f->argument[0], true) : SLOW;
}

int fast_lgetxattr(struct shim_frame *f)
{
	return f->argument[0] ? get_attribute(f, -1, f->argument[0], false) : SLOW;
}

int fast_fgetxattr(struct shim_frame *f)
{
	return get_attribute(f, (int)f->argument[0], 0, false);
}

/* None in the table and none of the host's. */
static enum answer list_attributes(struct shim_frame *f, long fd, uint64_t path, bool follows)
{
	struct place p;
	/* The kernel lists trusted.* only for capabilities that the tracee has given up. */
	if (!has_no_attributes(f, fd, path, follows, &p) || (path && p.dir_fd != AT_CWD) || (SHARED->flags & SHARED_WRITES_THROUGH))
		return SLOW;
	long r = path ? raw(NR_LLISTXATTR, (long)f->path, 0, 0, 0) : raw(NR_FLISTXATTR, fd, 0, 0, 0);
	return r == 0 ? answer(f, 0) : SLOW;
}

int fast_listxattr(struct shim_frame *f)
{
	return f->argument[0] ? list_attributes(f, -1, f->argument[0], true) : SLOW;
}

int fast_llistxattr(struct shim_frame *f)
{
	return f->argument[0] ? list_attributes(f, -1, f->argument[0], false) : SLOW;
}

int fast_flistxattr(struct shim_frame *f)
{
	return list_attributes(f, (int)f->argument[0], 0, false);
}
#endif
