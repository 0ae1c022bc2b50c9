/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path: calls that are answered inside the tracee, on a frame of the hub's, from tables that only
 * the tracer writes.  What is not the plain case is left to the tracer (SLOW): a handler may give up at any
 * point before its call has acted, and be interrupted at any point at all.  Here is what only looks; names.c
 * makes and removes, change.c changes what a file is.
 */
#include "tracer/shim/fast.h"

#ifdef __x86_64__
/* What the table makes of what is at this host path (0: of the descriptor); false: ask the tracer. */
static bool show(uint64_t dev, long dir_fd, uint64_t path, struct meta_sight *s)
{
	struct meta_entry entry;
	int found = entry_at(dev, s->ino, dir_fd, path, &entry);
	/* A marked file may have lost its set-id bits to a write, the entry may be of another inode: the table's to mend. */
	if (found < 0 || (found && ((entry.marks & ~(uint32_t)META_MARK_NODES) || !meta_fits(&entry, s->mode, s->nlink))))
		return false;
	struct meta_owner owner = owner_on(dev);
	meta_show(META->flags, &owner, found ? &entry : 0, s);
	return true;
}

static bool show_stat(long dir_fd, uint64_t path, struct kernel_stat *st)
{
	struct meta_sight s = { st->ino, st->nlink, st->rdev, st->mode, st->uid, st->gid };
	if (!show(st->dev, dir_fd, path, &s))
		return false;
	st->ino = s.ino;
	st->nlink = s.nlink;
	st->rdev = s.rdev;
	st->mode = s.mode;
	st->uid = s.uid;
	st->gid = s.gid;
	return true;
}

/* As examine, and then as root sees it. */
static long stat_place(struct shim_frame *f, struct place *p, bool follows, struct kernel_stat *st)
{
	long r = place_examine(f, p, follows, st);
	return r != 0 || show_stat(p->dir_fd, (uint64_t)f->path, st) ? r : 1;
}

enum answer stat_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, bool follows)
{
	struct place p;
	if (!may_be_mapped(to) || !place_find_any(f, dir_fd, path, STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	long r = stat_place(f, &p, follows, (struct kernel_stat *)to);
	return r == 1 ? SLOW : answer(f, r);
}

enum answer stat_descriptor(struct shim_frame *f, long fd, uint64_t to)
{
	uint32_t number;
	struct kernel_stat *st = (struct kernel_stat *)to;
	if (!may_be_mapped(to) || !state_with(STATE_MAKES_AS_ROOT, &number) || raw(NR_FSTAT, fd, to, 0, 0) < 0 ||
	    may_be_node(st->mode) || !show_stat(fd, 0, st))
		return SLOW;
	return answer(f, 0);
}

int fast_stat(struct shim_frame *f)
{
	return stat_path(f, AT_CWD, f->argument[0], f->argument[1], true);
}

int fast_lstat(struct shim_frame *f)
{
	return stat_path(f, AT_CWD, f->argument[0], f->argument[1], false);
}

int fast_fstat(struct shim_frame *f)
{
	return stat_descriptor(f, (int)f->argument[0], f->argument[1]);
}

/* "" with AT_EMPTY_PATH: the descriptor itself. */
static bool is_descriptor(struct shim_frame *f, uint64_t path, uint32_t flags)
{
	return (flags & AT_EMPTY) && (int)f->argument[0] >= 0 && may_be_mapped(path) && !*(const char *)path;
}

enum answer stat_at(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, uint32_t flags)
{
	if (flags & ~(uint32_t)(AT_NOFOLLOW | AT_NO_MOUNT | AT_EMPTY))
		return SLOW;
	if (is_descriptor(f, path, flags))
		return stat_descriptor(f, (int)dir_fd, to);
	return stat_path(f, dir_fd, path, to, !(flags & AT_NOFOLLOW));
}

int fast_newfstatat(struct shim_frame *f)
{
	return stat_at(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

enum { STATX_BASIC = 0x7ff, STATX_MOUNT_IDS = 0x5000, STATX_IS_MOUNT_ROOT = 0x2000 };

static bool show_statx(long dir_fd, uint64_t path, struct kernel_statx *x)
{
	struct meta_sight s = { x->ino, x->nlink, device(x->rdev_major, x->rdev_minor), x->mode, x->uid, x->gid };
	/* Which mounts there are is the tracer's to say. */
	if ((x->attributes & STATX_IS_MOUNT_ROOT) || !show(device(x->dev_major, x->dev_minor), dir_fd, path, &s))
		return false;
	x->mask &= ~(uint32_t)STATX_MOUNT_IDS;
	x->mount = 0;
	x->ino = s.ino;
	x->nlink = s.nlink;
	x->mode = s.mode;
	x->uid = s.uid;
	x->gid = s.gid;
	x->rdev_major = (s.rdev >> 8 & 0xfff) | (s.rdev >> 32 & ~UINT64_C(0xfff));
	x->rdev_minor = (s.rdev & 0xff) | (s.rdev >> 12 & ~UINT64_C(0xff));
	return true;
}

int fast_statx(struct shim_frame *f)
{
	uint32_t flags = f->argument[2], mask = f->argument[3], number;
	struct kernel_statx *x = (struct kernel_statx *)f->argument[4];
	struct place p;
	if ((flags & ~(uint32_t)(AT_NOFOLLOW | AT_NO_MOUNT | AT_EMPTY | AT_SYNC)) || (mask & (0x80000000u | STATX_MOUNT_IDS)) ||
	    !may_be_mapped(f->argument[4]))
		return SLOW;
	if (is_descriptor(f, f->argument[1], flags)) {
		if (!state_with(STATE_MAKES_AS_ROOT, &number) ||
		    shim_raw_call(NR_STATX, (int)f->argument[0], f->argument[1], flags, mask, (long)x, 0) < 0 || may_be_node(x->mode) ||
		    !show_statx((int)f->argument[0], 0, x))
			return SLOW;
		return answer(f, 0);
	}
	if (!place_find(f, f->argument[0], f->argument[1], STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		/* A file that is a mount of the guest's says that it is one. */
		if ((p.flags & PREFIX_FILE) && !p.is_relative)
			return SLOW;
		long r = shim_raw_call(NR_STATX, p.dir_fd, (long)f->path, flags | AT_NOFOLLOW, mask, (long)x, 0);
		if (may_have_moved(&p))
			return SLOW;
		if (r < 0)
			return r == NO_ENTRY ? answer(f, r) : SLOW;
		if ((flags & AT_NOFOLLOW) || (x->mode & TYPE) != TYPE_LINK)
			return show_statx(p.dir_fd, (uint64_t)f->path, x) ? answer(f, 0) : SLOW;
		struct kernel_stat link = { .dev = device(x->dev_major, x->dev_minor), .ino = x->ino, .uid = x->uid };
		if (!place_follow(f, &p, &link) || p.must_be_directory)
			return SLOW;
	}
	return SLOW;
}

static enum answer access_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t mode, uint32_t flags)
{
	enum { MAY_EXECUTE = 1, MAY_WRITE = 2 };
	struct place p;
	struct kernel_stat st;
	if ((mode & ~7u) || (flags & ~(uint32_t)(AT_NOFOLLOW | AT_EFFECTIVE)) ||
	    !place_find_any(f, dir_fd, path, STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	if ((mode & MAY_WRITE) && may_be_read_only(&p))
		return SLOW;
	long r = stat_place(f, &p, !(flags & AT_NOFOLLOW), &st);
	if (r != 0)
		return r == 1 ? SLOW : answer(f, r);
	if ((p.state->flags & STATE_IS_PLAIN) && mode) {
		/* The kernel knows; why not, the tracer will say. */
		bool may = (st.mode & TYPE) != TYPE_LINK && raw(NR_FACCESSAT, p.dir_fd, (long)f->path, mode, 0) == 0;
		return may && !(p.flags & PREFIX_READ_ONLY) ? answer(f, 0) : SLOW;
	}
	/* Executing needs an execute bit for somebody, even for root. */
	bool is_refused = (mode & MAY_EXECUTE) && (st.mode & TYPE) != TYPE_DIRECTORY && !(st.mode & 0111);
	/* A link may have led to another file system. */
	if (p.flags & PREFIX_READ_ONLY && (mode & MAY_WRITE))
		return SLOW;
	return answer(f, is_refused ? ACCESS : 0);
}

int fast_access(struct shim_frame *f)
{
	return access_path(f, AT_CWD, f->argument[0], f->argument[1], 0);
}

int fast_faccessat(struct shim_frame *f)
{
	return access_path(f, f->argument[0], f->argument[1], f->argument[2], 0);
}

int fast_faccessat2(struct shim_frame *f)
{
	return access_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

static enum answer readlink_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, long size)
{
	struct place p;
	if ((int)size <= 0 || !may_be_mapped(to) || !place_find(f, dir_fd, path, STATE_LOOKS_AS_ROOT, &p) || may_be_proc(&p))
		return SLOW;
	long n = raw(NR_READLINKAT, p.dir_fd, (long)f->path, to, (int)size);
	return (n >= 0 || n == NO_ENTRY || n == INVALID) && !may_have_moved(&p) ? answer(f, n) : SLOW;
}

int fast_readlink(struct shim_frame *f)
{
	return readlink_path(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2]);
}

int fast_readlinkat(struct shim_frame *f)
{
	return readlink_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

/* Of what is not there. */
static enum answer miss(struct shim_frame *f)
{
	struct place p;
	struct kernel_stat st;
	return place_find(f, AT_CWD, f->argument[0], STATE_LOOKS_AS_ROOT, &p) && place_examine(f, &p, true, &st) == NO_ENTRY ?
		       answer(f, NO_ENTRY) :
		       SLOW;
}

/* Who looks for a program in $PATH may try to run it in each directory. */
int fast_execve(struct shim_frame *f)
{
	return miss(f);
}

/* Programs with libselinux look at their start whether its file systems are there. */
int fast_statfs(struct shim_frame *f)
{
	return miss(f);
}

/*
 * A socket by a name that nobody has: libcs look for a daemon's at each name or id.  The kernel says what it says to another
 * name that nobody has.
 */
int fast_connect(struct shim_frame *f)
{
	enum { FAMILY_UNIX = 1, PATH_MAX_UNIX = 108, HEAD = 2 };
	static const struct {
		uint16_t family;
		char path[30];
	} nobody = { FAMILY_UNIX, "/proc/self/fakebuild/nobody" };
	struct place p;
	struct kernel_stat st;
	char path[PATH_MAX_UNIX + 8];
	uint64_t from = f->argument[1], size = f->argument[2];
	if (!may_be_mapped(from) || size < HEAD + 1 || size > HEAD + PATH_MAX_UNIX || *(const uint16_t *)from != FAMILY_UNIX)
		return SLOW;
	for (uint32_t i = 0; i < size - HEAD; i++)
		path[i] = ((const char *)from)[HEAD + i];
	path[size - HEAD] = '\0';
	/* No name, or one that is no file's. */
	if (!path[0] || !place_find(f, AT_CWD, (uint64_t)path, STATE_LOOKS_AS_ROOT, &p) ||
	    place_examine(f, &p, true, &st) != NO_ENTRY)
		return SLOW;
	return raw(NR_CONNECT, (int)f->argument[0], (long)&nobody, sizeof(nobody), 0) == NO_ENTRY ? answer(f, NO_ENTRY) : SLOW;
}

/* Of what is no socket: shells ask whether they were started by a daemon. */
int fast_getpeername(struct shim_frame *f)
{
	uint32_t number;
	if (!state_with(0, &number))
		return SLOW;
	long r = raw(NR_GETPEERNAME, (int)f->argument[0], 0, 0, 0);
	return r == NOT_SOCKET || r == BAD_DESCRIPTOR ? answer(f, r) : SLOW;
}

int fast_getcwd(struct shim_frame *f)
{
	uint32_t number;
	const struct shim_state *s = state_with(STATE_HAS_CWD, &number);
	if (!s || !may_be_mapped(f->argument[0]))
		return SLOW;
	/* The directory may have been removed: only the kernel knows. */
	long n = raw(NR_GETCWD, (long)f->link, PATH_LIMIT, 0, 0);
	uint32_t length = s->cwd_view_length;
	if (n != s->cwd_host_length + 1 || f->argument[1] < length + 1u)
		return SLOW;
	for (long i = 0; i < n - 1; i++)
		if (f->link[i] != s->cwd_host[i])
			return SLOW;
	copy(f->link, s->cwd_view, length);
	if (state_number() != number)
		return SLOW;
	char *to = (char *)f->argument[0];
	for (uint32_t i = 0; i < length; i++)
		to[i] = f->link[i];
	to[length] = '\0';
	return answer(f, length + 1);
}

/* ---- mapping code ---- */

static const struct shim_file *find_file(const struct kernel_stat *st)
{
	const struct shim_file *files = (const struct shim_file *)SHIM_FILES;
	for (uint32_t n = 0, i = st->ino; n < SHIM_FILE_COUNT; n++, i++) {
		const struct shim_file *e = files + i % SHIM_FILE_COUNT;
		if (__atomic_load_n(&e->kind, __ATOMIC_ACQUIRE) == FILE_UNKNOWN)
			return 0;
		if (e->ino == st->ino && e->dev == st->dev && e->size == (uint64_t)st->size && e->mtime == st->mtime &&
		    e->mtime_nsec == st->mtime_nsec &&
		    (e->is_shared ? !(st->mode & 0222) : e->ctime == st->ctime && e->ctime_nsec == st->ctime_nsec))
			return e;
	}
	return 0;
}

/* mmap of a file's code: from its patched copy, when it has one. */
static long map_code(struct shim_frame *f)
{
	enum { CLOSE_ON_EXEC = 02000000 };
	struct kernel_stat st;
	long fd = (int)f->argument[4], copy_fd = -1;
	if (raw(NR_FSTAT, fd, (long)&st, 0, 0) < 0)
		return raw(NR_FSTAT, fd, (long)&st, 0, 0);
	const struct shim_file *e = find_file(&st);
	if (!e && shim_ask(f) == 0)
		e = find_file(&st);
	if (e && e->kind == FILE_COPIED && e->text_offset == f->argument[5])
		copy_fd = raw(NR_OPENAT, AT_CWD, (long)e->copy, CLOSE_ON_EXEC, 0);
	long at = shim_raw_call(NR_MMAP, f->argument[0], f->argument[1], f->argument[2], f->argument[3],
				copy_fd >= 0 ? copy_fd : fd, f->argument[5]);
	if (copy_fd >= 0)
		raw(NR_CLOSE, copy_fd, 0, 0, 0);
	return at;
}

int fast_mmap(struct shim_frame *f)
{
	enum { PROTECTION_EXEC = 4, PRIVATE = 2, ANONYMOUS = 0x20 };
	uint64_t old;
	if (!(f->argument[2] & PROTECTION_EXEC) || (f->argument[3] & ANONYMOUS) || !(f->argument[3] & PRIVATE) ||
	    (int)f->argument[4] < 0 || *(const volatile uint32_t *)SHIM_MAPS_AS_IS)
		return SLOW;
	/* Begun, it must be ended: a second descriptor is open, and a mapping cannot be made twice. */
	if (!hold(f, &old))
		return SLOW;
	f->result = map_code(f);
	f->phase = PHASE_ACTED;
	release(f, old);
	return ANSWERED;
}

/* ---- identity ---- */

static enum answer identity(struct shim_frame *f, unsigned which)
{
	uint32_t number;
	const struct shim_state *s = state_with(0, &number);
	if (!s)
		return SLOW;
	uint32_t id = which == 0 ? s->ruid : which == 1 ? s->euid : which == 2 ? s->rgid : s->egid;
	return state_number() == number ? answer(f, id) : SLOW;
}

int fast_getuid(struct shim_frame *f)
{
	return identity(f, 0);
}

int fast_geteuid(struct shim_frame *f)
{
	return identity(f, 1);
}

int fast_getgid(struct shim_frame *f)
{
	return identity(f, 2);
}

int fast_getegid(struct shim_frame *f)
{
	return identity(f, 3);
}

/* Whose ids are all the same asks for that one: nothing changes. */
static enum answer keep_ids(struct shim_frame *f, bool is_group, uint32_t count)
{
	enum { UNCHANGED = 0xffffffffu };
	uint32_t number;
	const struct shim_state *s = state_with(STATE_HAS_ONE_ID, &number);
	if (!s)
		return SLOW;
	uint32_t id = is_group ? s->rgid : s->ruid;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t wanted = f->argument[i];
		if (wanted != id && !(wanted == UNCHANGED && count > 1))
			return SLOW;
	}
	return state_number() == number ? answer(f, 0) : SLOW;
}

int fast_setuid(struct shim_frame *f)
{
	return keep_ids(f, false, 1);
}

int fast_setgid(struct shim_frame *f)
{
	return keep_ids(f, true, 1);
}

int fast_setreuid(struct shim_frame *f)
{
	return keep_ids(f, false, 2);
}

int fast_setregid(struct shim_frame *f)
{
	return keep_ids(f, true, 2);
}

int fast_setresuid(struct shim_frame *f)
{
	return keep_ids(f, false, 3);
}

int fast_setresgid(struct shim_frame *f)
{
	return keep_ids(f, true, 3);
}

int fast_getppid(struct shim_frame *f)
{
	uint32_t number;
	if (!(SHARED->flags & SHARED_KNOWS_PARENTS) || !state_with(0, &number))
		return SLOW;
	long parent = raw(NR_GETPPID, 0, 0, 0, 0);
	return parent > 0 && parent != SHARED->tracer ? answer(f, parent) : SLOW;
}

#ifndef SHIM_I386
enum { NAME_FIELD = 65 }; /* __NEW_UTS_LEN and a NUL, include/uapi/linux/utsname.h */

static void put_name(char *names, uint32_t field, const char *name)
{
	for (uint32_t i = 0; i < NAME_FIELD && name[0]; i++)
		names[field * NAME_FIELD + i] = name[i];
}

int fast_uname(struct shim_frame *f)
{
	/* struct new_utsname has six. */
	enum { HOST = 1, DOMAIN = 5, FIELDS = 6 };
	uint32_t number;
	if (!(SHARED->flags & SHARED_KNOWS_NAMES) || !state_with(0, &number) || !may_be_mapped(f->argument[0]) ||
	    raw(NR_UNAME, (long)f->link, 0, 0, 0) < 0)
		return SLOW;
	put_name(f->link, HOST, SHARED->host_name);
	put_name(f->link, DOMAIN, SHARED->domain_name);
	for (uint32_t i = 0; i < FIELDS * NAME_FIELD; i++)
		((char *)f->argument[0])[i] = f->link[i];
	return answer(f, 0);
}

int (*const shim_handlers[FAST_NUMBERS])(struct shim_frame *f) = {
#define HANDLER(name, number) [number] = fast_##name,
	FAST_CALLS(HANDLER)
#undef HANDLER
};
#endif
#endif
