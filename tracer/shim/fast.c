/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path: calls that are answered inside the tracee, on a frame of the hub's, from tables that only
 * the tracer writes.  What is not the plain case is left to the tracer (SLOW): a handler may give up at any
 * point before its call has acted, and be interrupted at any point at all.  No lock, no allocation, no
 * library; nothing is written but the frame and what the call's own arguments point to.
 */
#include "tracer/base/meta_format.h"
#include "tracer/core/prefix.h"
#include "tracer/shim/abi.h"
#include "tracer/shim/calls.h"

#ifdef __x86_64__
enum answer { SLOW = 0, ANSWERED = 1 };
enum {
	NR_CLOSE = 3, NR_FSTAT = 5, NR_MMAP = 9, NR_SIGPROCMASK = 14, NR_FCNTL = 72, NR_GETCWD = 79, NR_FCHMOD = 91, NR_FCHOWN = 93,
	NR_LISTXATTR = 194, NR_FLISTXATTR = 196, NR_LLISTXATTR = 195, NR_OPENAT = 257, NR_MKDIRAT = 258, NR_FCHOWNAT = 260,
	NR_NEWFSTATAT = 262, NR_UNLINKAT = 263, NR_RENAMEAT = 264, NR_SYMLINKAT = 266, NR_READLINKAT = 267, NR_FCHMODAT = 268,
	NR_UTIMENSAT = 280, NR_STATX = 332,
};
enum { F_GET_FLAGS = 3, O_PATH_ONLY = 010000000 };
enum { NO_ENTRY = -2, ACCESS = -13, EXISTS = -17, INVALID = -22, LOOP = -40, NO_DATA = -61 };
enum { AT_CWD = -100, AT_NOFOLLOW = 0x100, AT_EFFECTIVE = 0x200, AT_NO_MOUNT = 0x800, AT_EMPTY = 0x1000, AT_SYNC = 0x6000 };
enum { TYPE = 0170000, TYPE_LINK = 0120000, TYPE_DIRECTORY = 0040000, TYPE_FILE = 0100000 };
enum { SPECIAL_BITS = 07000, SETID_BITS = 06000, STICKY = 01000, SETGID = 02000, ANY_WRITE = 0222, ANY_EXECUTE = 0111 };
enum { PATH_LIMIT = 4096, LINKS_MAX = 8, NAME_LIMIT = 255 };

#define SHARED ((const struct shim_shared *)SHIM_SHARED)
#define META ((const struct meta_header *)SHIM_META)

long shim_raw_call(long number, long a, long b, long c, long d, long e, long f);
void shim_act(struct shim_frame *f, long number, long a, long b, long c, long d);
long shim_ask(struct shim_frame *f);
long shim_say_new(uint64_t dev, uint64_t ino);
long shim_say_forget(void);

/* struct stat of x86-64. */
struct kernel_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks, atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, unused[3];
};
_Static_assert(sizeof(struct kernel_stat) == 144, "arch/x86/include/uapi/asm/stat.h");

static inline long raw(long number, long a, long b, long c, long d)
{
	return shim_raw_call(number, a, b, c, d, 0, 0);
}

static enum answer answer(struct shim_frame *f, int64_t result)
{
	f->result = result;
	return ANSWERED;
}

/* Addresses that are no process' own fault there; most bad pointers are such, and the tracer knows the errno. */
static bool may_be_mapped(uint64_t address)
{
	return address >= 0x10000 && address < 0x7ffffffff000;
}

static inline uint32_t state_number(void)
{
	return *(const volatile uint32_t *)SHIM_STATE;
}

/* The state that the process is in, when it has these flags; 0: none. */
static const struct shim_state *state_with(uint32_t flags, uint32_t *ret_number)
{
	uint32_t number = state_number();
	const struct shim_state *s = (const struct shim_state *)SHIM_STATES + number;
	*ret_number = number;
	if (number == 0 || number >= SHIM_STATE_COUNT || (s->flags & flags) != flags)
		return 0;
	/* Tests have some calls fall through for no reason. */
	if (SHARED->random && (__builtin_ia32_rdtsc() >> 4) % SHARED->random == 0)
		return 0;
	return s;
}

/* ---- paths ---- */

struct place {
	const struct shim_state *state;
	uint32_t number; /* of the state: it must be the same when its fields have been read */
	long dir_fd;
	uint32_t name_at; /* in frame->path, of the last component */
	uint32_t flags;   /* enum shim_prefix_flags */
	uint32_t mount;
	bool is_relative; /* to a descriptor or the cwd: nothing is known of that directory */
};

static void copy(char *to, const char *from, uint32_t length)
{
	/* Both have room for whole words. */
	for (uint32_t i = 0; i < length; i += 8)
		__builtin_memcpy(to + i, from + i, 8);
}

/* The directory that a path begins at. */
struct start {
	uint32_t base; /* 0: nothing is known of it */
	uint64_t dev, ino;
};

static bool use_prefix(struct shim_frame *f, const struct start *start, uint32_t hash, uint32_t key_length,
		       const char *key, struct place *p)
{
	const struct shim_prefix *e = (const struct shim_prefix *)SHIM_PREFIXES + prefix_index(start->base, start->ino, hash);
	uint32_t sequence = __atomic_load_n(&e->sequence, __ATOMIC_ACQUIRE);
	uint64_t generation = __atomic_load_n(&META->generation, __ATOMIC_ACQUIRE);
	uint32_t host_length = e->host_length;
	if (!start->base || (sequence & 1) || e->base != start->base || e->hash != hash || e->key_length != key_length ||
	    e->generation != generation || e->dir_ino != start->ino || e->dir_dev != start->dev || key_length + host_length > sizeof(e->text))
		return false;
	for (uint32_t i = 0; i < key_length; i++)
		if (e->text[i] != key[i])
			return false;
	copy(f->path, e->text + key_length, host_length);
	p->flags = e->flags;
	p->mount = e->mount;
	p->name_at = host_length;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&e->sequence, __ATOMIC_RELAXED) == sequence;
}

/* A file that is bound where the path leads. */
static bool find_bound(struct shim_frame *f, const struct start *start, uint32_t hash, uint32_t length, struct place *p)
{
	if (!use_prefix(f, start, hash, length, f->link, p) || !(p->flags & PREFIX_FILE) ||
	    state_number() != p->number)
		return false;
	f->path[p->name_at] = '\0';
	p->dir_fd = AT_CWD;
	p->is_relative = false;
	return true;
}

static struct start start_of(const struct place *p, bool is_absolute, long dir_fd, bool has_directory)
{
	struct start start = { 0, 0, 0 };
	struct kernel_stat st;
	if (is_absolute) {
		start.base = p->state->root_base;
	} else if (dir_fd == AT_CWD) {
		start.base = p->state->flags & STATE_HAS_CWD ? p->state->cwd_base : 0;
	} else if (has_directory && raw(NR_FSTAT, dir_fd, (long)&st, 0, 0) == 0 && st.dev != SHARED->proc_dev) {
		start.base = p->state->root_base;
		start.dev = st.dev;
		start.ino = st.ino;
	}
	return start;
}

/* Put the host path of `text` (relative to dir_fd) into frame->path; it is copied to frame->link first. */
static bool find_text(struct shim_frame *f, long dir_fd, const char *text, struct place *p)
{
	bool is_absolute = *text == '/';
	while (*text == '/')
		text++;
	uint32_t hash = PREFIX_HASH_START, dir_hash = hash, name_hash = hash, length = 0, dir_length = 0;
	for (char byte; (byte = text[length]); length++) {
		if (length == PATH_LIMIT - 1)
			return false;
		f->link[length] = byte;
		hash = prefix_hash_step(hash, byte);
		name_hash = prefix_hash_step(name_hash, byte);
		if (byte == '/') {
			dir_length = length + 1;
			dir_hash = hash;
			name_hash = PREFIX_HASH_START;
		}
	}
	uint32_t name_length = length - dir_length;
	const char *name = f->link + dir_length;
	f->link[length] = '\0';
	struct start start = start_of(p, is_absolute, dir_fd, dir_length != 0);
	if (name_length == 0 || name_length > NAME_LIMIT || prefix_is_dot(name, name_length))
		return false;
	if (prefix_is_mount_name(SHARED->mount_names, name_hash))
		return find_bound(f, &start, hash, length, p);
	p->is_relative = !is_absolute && dir_length == 0;
	if (p->is_relative) {
		if (dir_fd == AT_CWD && !(p->state->flags & STATE_HAS_CWD))
			return false;
		p->dir_fd = dir_fd;
		p->flags = 0;
		p->name_at = 0;
	} else {
		if (!use_prefix(f, &start, dir_hash, dir_length, f->link, p) || (p->flags & PREFIX_FILE))
			return false;
		p->dir_fd = AT_CWD;
	}
	if (state_number() != p->number)
		return false;
	copy(f->path + p->name_at, name, name_length + 1);
	return true;
}

static bool find(struct shim_frame *f, long dir_fd, uint64_t address, uint32_t flags, struct place *p)
{
	p->state = state_with(flags, &p->number);
	return p->state && may_be_mapped(address) && find_text(f, (int)dir_fd, (const char *)address, p);
}

/* Could the place be below /proc, where links and files are not what they look like? */
static bool may_be_proc(const struct place *p)
{
	return p->is_relative && p->dir_fd != AT_CWD && (SHARED->flags & SHARED_PROC_DESCRIPTORS);
}

static bool may_be_read_only(const struct place *p)
{
	return p->is_relative ? SHARED->flags & SHARED_READ_ONLY_TREES : p->flags & PREFIX_READ_ONLY;
}

/* What the table has of it: 1 an entry, 0 none, -1: ask the tracer. */
static int entry_of(uint64_t dev, uint64_t ino, struct meta_entry *ret)
{
	if (dev == SHARED->proc_dev)
		return -1;
	return meta_try_read(META, SHIM_META_BYTES, dev == SHARED->root_dev ? 0 : dev, ino, ret);
}

/*
 * The place is a symlink (this one): go where it leads, when that is in the same directory or absolute.
 * fs.protected_symlinks is about links of others than root.
 */
static bool follow(struct shim_frame *f, struct place *p, const struct kernel_stat *st)
{
	struct meta_entry entry;
	if (entry_of(st->dev, st->ino, &entry) != 0)
		return false;
	long n = raw(NR_READLINKAT, p->dir_fd, (long)f->path, (long)f->link, PATH_LIMIT);
	if (n <= 0 || n >= PATH_LIMIT - 1)
		return false;
	f->link[n] = '\0';
	if (f->link[0] == '/')
		return find_text(f, AT_CWD, f->link, p);
	uint32_t hash = PREFIX_HASH_START;
	for (long i = 0; i < n; i++) {
		if (f->link[i] == '/')
			return false;
		hash = prefix_hash_step(hash, f->link[i]);
	}
	if (n > NAME_LIMIT || prefix_is_dot(f->link, n) || prefix_is_mount_name(SHARED->mount_names, hash))
		return false;
	copy(f->path + p->name_at, f->link, n + 1);
	return true;
}

/* The real stat of the place, or of what it leads to.  0, -ENOENT; 1: ask the tracer. */
static long examine(struct shim_frame *f, struct place *p, bool follows, struct kernel_stat *st)
{
	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		long r = raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)st, AT_NOFOLLOW);
		if (r < 0)
			return r == NO_ENTRY ? r : 1;
		if (!follows || (st->mode & TYPE) != TYPE_LINK)
			return st->dev == SHARED->proc_dev ? 1 : 0;
		if (!follow(f, p, st))
			return 1;
	}
	return 1;
}

/* ---- stat and its kin ---- */

/* What the table makes of it; false: ask the tracer. */
static bool show(uint64_t dev, struct meta_sight *s)
{
	struct meta_entry entry;
	int found = entry_of(dev, s->ino, &entry);
	/* A marked file may have lost its set-id bits to a write, the entry may be of another inode: the table's to mend. */
	if (found < 0 || (found && ((entry.marks & ~(uint64_t)META_MARK_NODES) || !meta_fits(&entry, s->mode, s->nlink))))
		return false;
	struct meta_owner owner = { SHARED->uid, SHARED->gid, dev == SHARED->root_dev };
	meta_show(META->flags, &owner, found ? &entry : 0, s);
	return true;
}

static bool show_stat(struct kernel_stat *st)
{
	struct meta_sight s = { st->ino, st->nlink, st->rdev, st->mode, st->uid, st->gid };
	if (!show(st->dev, &s))
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
	long r = examine(f, p, follows, st);
	return r != 0 || show_stat(st) ? r : 1;
}

static enum answer stat_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, bool follows)
{
	struct place p;
	if (!may_be_mapped(to) || !find(f, dir_fd, path, STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	long r = stat_place(f, &p, follows, (struct kernel_stat *)to);
	return r == 1 ? SLOW : answer(f, r);
}

static enum answer stat_descriptor(struct shim_frame *f, long fd, uint64_t to)
{
	uint32_t number;
	if (!may_be_mapped(to) || !state_with(STATE_MAKES_AS_ROOT, &number) || raw(NR_FSTAT, fd, to, 0, 0) < 0 ||
	    !show_stat((struct kernel_stat *)to))
		return SLOW;
	return answer(f, 0);
}

static int fast_stat(struct shim_frame *f)
{
	return stat_path(f, AT_CWD, f->argument[0], f->argument[1], true);
}

static int fast_lstat(struct shim_frame *f)
{
	return stat_path(f, AT_CWD, f->argument[0], f->argument[1], false);
}

static int fast_fstat(struct shim_frame *f)
{
	return stat_descriptor(f, (int)f->argument[0], f->argument[1]);
}

/* "" with AT_EMPTY_PATH: the descriptor itself. */
static bool is_descriptor(struct shim_frame *f, uint64_t path, uint32_t flags)
{
	return (flags & AT_EMPTY) && (int)f->argument[0] >= 0 && may_be_mapped(path) && !*(const char *)path;
}

static int fast_newfstatat(struct shim_frame *f)
{
	uint32_t flags = f->argument[3];
	if (flags & ~(uint32_t)(AT_NOFOLLOW | AT_NO_MOUNT | AT_EMPTY))
		return SLOW;
	if (is_descriptor(f, f->argument[1], flags))
		return stat_descriptor(f, (int)f->argument[0], f->argument[2]);
	return stat_path(f, f->argument[0], f->argument[1], f->argument[2], !(flags & AT_NOFOLLOW));
}

/* The head of struct statx, include/uapi/linux/stat.h. */
struct kernel_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	uint64_t times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
};
enum { STATX_BASIC = 0x7ff };

/* new_encode_dev of the kernel, widened as glibc's makedev. */
static uint64_t device(uint64_t major, uint64_t minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~UINT64_C(0xff)) << 12 | (major & ~UINT64_C(0xfff)) << 32;
}

static bool show_statx(struct kernel_statx *x)
{
	struct meta_sight s = { x->ino, x->nlink, device(x->rdev_major, x->rdev_minor), x->mode, x->uid, x->gid };
	if (!show(device(x->dev_major, x->dev_minor), &s))
		return false;
	x->ino = s.ino;
	x->nlink = s.nlink;
	x->mode = s.mode;
	x->uid = s.uid;
	x->gid = s.gid;
	x->rdev_major = (s.rdev >> 8 & 0xfff) | (s.rdev >> 32 & ~UINT64_C(0xfff));
	x->rdev_minor = (s.rdev & 0xff) | (s.rdev >> 12 & ~UINT64_C(0xff));
	return true;
}

static int fast_statx(struct shim_frame *f)
{
	uint32_t flags = f->argument[2], mask = f->argument[3], number;
	struct kernel_statx *x = (struct kernel_statx *)f->argument[4];
	struct place p;
	if ((flags & ~(uint32_t)(AT_NOFOLLOW | AT_NO_MOUNT | AT_EMPTY | AT_SYNC)) || (mask & 0x80000000u) ||
	    !may_be_mapped(f->argument[4]))
		return SLOW;
	if (is_descriptor(f, f->argument[1], flags)) {
		if (!state_with(STATE_MAKES_AS_ROOT, &number) ||
		    shim_raw_call(NR_STATX, (int)f->argument[0], f->argument[1], flags, mask, (long)x, 0) < 0 || !show_statx(x))
			return SLOW;
		return answer(f, 0);
	}
	if (!find(f, f->argument[0], f->argument[1], STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		long r = shim_raw_call(NR_STATX, p.dir_fd, (long)f->path, flags | AT_NOFOLLOW, mask, (long)x, 0);
		if (r < 0)
			return r == NO_ENTRY ? answer(f, r) : SLOW;
		if ((flags & AT_NOFOLLOW) || (x->mode & TYPE) != TYPE_LINK)
			return show_statx(x) ? answer(f, 0) : SLOW;
		struct kernel_stat link = { .dev = device(x->dev_major, x->dev_minor), .ino = x->ino };
		if (!follow(f, &p, &link))
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
	    !find(f, dir_fd, path, STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	if ((mode & MAY_WRITE) && may_be_read_only(&p))
		return SLOW;
	long r = stat_place(f, &p, !(flags & AT_NOFOLLOW), &st);
	if (r != 0)
		return r == 1 ? SLOW : answer(f, r);
	/* Executing needs an execute bit for somebody, even for root. */
	bool is_refused = (mode & MAY_EXECUTE) && (st.mode & TYPE) != TYPE_DIRECTORY && !(st.mode & 0111);
	/* A link may have led to another file system. */
	if (p.flags & PREFIX_READ_ONLY && (mode & MAY_WRITE))
		return SLOW;
	return answer(f, is_refused ? ACCESS : 0);
}

static int fast_access(struct shim_frame *f)
{
	return access_path(f, AT_CWD, f->argument[0], f->argument[1], 0);
}

static int fast_faccessat(struct shim_frame *f)
{
	return access_path(f, f->argument[0], f->argument[1], f->argument[2], 0);
}

static int fast_faccessat2(struct shim_frame *f)
{
	return access_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

static enum answer readlink_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, long size)
{
	struct place p;
	if ((int)size <= 0 || !may_be_mapped(to) || !find(f, dir_fd, path, STATE_LOOKS_AS_ROOT, &p) || may_be_proc(&p))
		return SLOW;
	long n = raw(NR_READLINKAT, p.dir_fd, (long)f->path, to, (int)size);
	return n >= 0 || n == NO_ENTRY || n == INVALID ? answer(f, n) : SLOW;
}

static int fast_readlink(struct shim_frame *f)
{
	return readlink_path(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2]);
}

static int fast_readlinkat(struct shim_frame *f)
{
	return readlink_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

static int fast_getcwd(struct shim_frame *f)
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

/* ---- opening and making ---- */

/* An open file that is not what it looks like: of /proc, or the empty file that stands for a device, or with such in it. */
static bool is_special(long fd)
{
	struct kernel_stat st;
	struct meta_entry entry;
	if (raw(NR_FSTAT, fd, (long)&st, 0, 0) < 0)
		return true;
	int found = entry_of(st.dev, st.ino, &entry);
	return found < 0 || (found && ((entry.marks & META_MARK_NODES) ||
				       ((st.mode & TYPE) == TYPE_FILE && (entry.mode & TYPE) != TYPE_FILE)));
}

/* The flags of the directory that the place is in, as the tracer knows them of a prefix. */
static uint32_t directory_flags(const struct place *p)
{
	struct kernel_stat st;
	struct meta_entry entry;
	if (!p->is_relative)
		return p->flags;
	long r = p->dir_fd == AT_CWD ? raw(NR_NEWFSTATAT, AT_CWD, (long)".", (long)&st, 0) :
				       raw(NR_FSTAT, p->dir_fd, (long)&st, 0, 0);
	int found = r < 0 ? -1 : entry_of(st.dev, st.ino, &entry);
	if (found < 0)
		return PREFIX_READ_ONLY;
	uint32_t mode = found ? entry.mode : st.mode;
	return (SHARED->flags & SHARED_READ_ONLY_TREES ? PREFIX_READ_ONLY : 0u) | (mode & STICKY ? PREFIX_STICKY : 0u) |
	       (!(mode & SETGID) && !(found && entry.xattr) ? PREFIX_PLAIN : 0u);
}

/* Is what is made in such a directory root's, of just the mode that is asked for? */
static bool makes_plainly(uint32_t flags)
{
	return (flags & (PREFIX_PLAIN | PREFIX_READ_ONLY | PREFIX_FILE)) == PREFIX_PLAIN;
}

/* A new inode may have the number of one that the table still knows. */
static void look_at_made(struct shim_frame *f, long r, const struct kernel_stat *st)
{
	struct meta_entry entry;
	if (r == 0 && entry_of(st->dev, st->ino, &entry) != 0)
		shim_say_new(st->dev, st->ino);
	f->makes = MAKES_NOTHING;
}

static void look_at_descriptor(struct shim_frame *f)
{
	struct kernel_stat st;
	if (META->live)
		look_at_made(f, raw(NR_FSTAT, f->result, (long)&st, 0, 0), &st);
}

static void look_at_name(struct shim_frame *f, const struct place *p)
{
	struct kernel_stat st;
	if (META->live)
		look_at_made(f, raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&st, AT_NOFOLLOW), &st);
}

enum {
	O_WRITE = 1, O_ACCESS = 3, O_CREATE = 0100, O_EXCLUSIVE = 0200, O_NO_TERMINAL = 0400, O_TRUNCATE = 01000,
	O_APPENDING = 02000, O_NON_BLOCKING = 04000, O_SYNC_DATA = 010000, O_LARGE = 0100000, O_DIRECTORY = 0200000,
	O_NO_FOLLOW = 0400000, O_CLOSE_ON_EXEC = 02000000, O_SYNC_ALL = 04010000,
};

/* After a call that has failed nothing has happened. */
static int64_t failure(struct shim_frame *f)
{
	f->phase = PHASE_LOOKING;
	f->makes = MAKES_NOTHING;
	return f->result;
}

/* Open for reading what is there. */
static enum answer open_to_read(struct shim_frame *f, struct place *p, uint32_t flags)
{
	struct kernel_stat st;
	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		shim_act(f, NR_OPENAT, p->dir_fd, (long)f->path, flags | O_NO_FOLLOW, 0);
		if (f->result >= 0) {
			bool must_look = META->nodes || !(META->flags & META_COUNTS_NODES) || may_be_proc(p);
			if (!must_look || !is_special(f->result))
				return ANSWERED;
			raw(NR_CLOSE, f->result, 0, 0, 0);
			failure(f);
			return SLOW;
		}
		int64_t result = failure(f);
		if (result == NO_ENTRY)
			return answer(f, result);
		if (result != LOOP || (flags & O_NO_FOLLOW) ||
		    raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&st, AT_NOFOLLOW) < 0 || !follow(f, p, &st))
			return SLOW;
	}
	return SLOW;
}

/* Open for writing what is there: a file of the container's own that nothing is lost by writing to. */
static enum answer open_to_write(struct shim_frame *f, struct place *p, uint32_t flags)
{
	struct kernel_stat st;
	struct meta_entry entry;
	if (may_be_read_only(p) || may_be_proc(p))
		return SLOW;
	long r = examine(f, p, !(flags & O_NO_FOLLOW), &st);
	if (r == NO_ENTRY && !(flags & O_CREATE))
		return answer(f, r);
	if (r != 0 || may_be_read_only(p))
		return SLOW;
	if ((st.mode & TYPE) == TYPE_FILE) {
		int found = entry_of(st.dev, st.ino, &entry);
		if (found < 0 || !(st.mode & ANY_WRITE) || (st.mode & (ANY_EXECUTE | SPECIAL_BITS)) ||
		    (found && ((entry.mode & TYPE) != TYPE_FILE || (entry.mode & SETID_BITS) || entry.xattr || entry.marks)))
			return SLOW;
	} else if (!(p->flags & PREFIX_FILE) || p->is_relative) {
		return SLOW;
	}
	shim_act(f, NR_OPENAT, p->dir_fd, (long)f->path, (flags & ~(uint32_t)(O_CREATE | O_EXCLUSIVE)) | O_NO_FOLLOW, 0);
	if (f->result >= 0)
		return ANSWERED;
	failure(f);
	return SLOW;
}

static enum answer open_to_make(struct shim_frame *f, struct place *p, uint32_t flags, uint32_t mode)
{
	if (p->flags & PREFIX_FILE && !p->is_relative)
		return flags & O_EXCLUSIVE ? answer(f, EXISTS) : open_to_write(f, p, flags);
	uint32_t directory = directory_flags(p);
	if (!makes_plainly(directory) || may_be_proc(p) || (mode & SPECIAL_BITS) ||
	    (mode & ~p->state->umask & 0600) != 0600)
		return SLOW;
	f->makes = MAKES_FILE_AT_RESULT;
	shim_act(f, NR_OPENAT, p->dir_fd, (long)f->path, flags | O_EXCLUSIVE | O_NO_FOLLOW, mode);
	if (f->result >= 0) {
		look_at_descriptor(f);
		return ANSWERED;
	}
	int64_t result = failure(f);
	if (result == NO_ENTRY || (result == EXISTS && (flags & O_EXCLUSIVE)))
		return answer(f, result);
	/* fs.protected_regular and its like are about sticky directories. */
	if (result != EXISTS || (directory & PREFIX_STICKY))
		return SLOW;
	return flags & (O_ACCESS | O_TRUNCATE) ? open_to_write(f, p, flags) : SLOW;
}

static enum answer open_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t flags, uint32_t mode)
{
	static const uint32_t reading = O_NO_TERMINAL | O_NON_BLOCKING | O_LARGE | O_DIRECTORY | O_NO_FOLLOW | O_CLOSE_ON_EXEC;
	static const uint32_t writing = O_ACCESS | O_CREATE | O_EXCLUSIVE | O_TRUNCATE | O_APPENDING | O_SYNC_ALL;
	struct place p;
	if ((flags & ~(reading | writing)) || (flags & O_ACCESS) == O_ACCESS ||
	    ((flags & O_DIRECTORY) && (flags & writing)))
		return SLOW;
	bool writes = flags & (O_ACCESS | O_CREATE | O_TRUNCATE);
	if (!find(f, dir_fd, path, writes ? STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT : STATE_LOOKS_AS_ROOT, &p))
		return SLOW;
	if (flags & O_CREATE)
		return open_to_make(f, &p, flags, mode & 07777);
	return writes ? open_to_write(f, &p, flags) : open_to_read(f, &p, flags);
}

static int fast_open(struct shim_frame *f)
{
	return open_path(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2]);
}

static int fast_creat(struct shim_frame *f)
{
	return open_path(f, AT_CWD, f->argument[0], O_CREATE | O_WRITE | O_TRUNCATE, f->argument[1]);
}

static int fast_openat(struct shim_frame *f)
{
	return open_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

/* What may be changed of the names in the place's directory. */
static bool find_to_change(struct shim_frame *f, long dir_fd, uint64_t path, struct place *p)
{
	return find(f, dir_fd, path, STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, p) && !(p->flags & PREFIX_FILE) &&
	       !may_be_proc(p) && !may_be_read_only(p);
}

/* The act is done: whether it worked, and what it made. */
static enum answer made_name(struct shim_frame *f, const struct place *p)
{
	if (f->result == 0) {
		look_at_name(f, p);
		return ANSWERED;
	}
	int64_t result = failure(f);
	return result == EXISTS || result == NO_ENTRY ? answer(f, result) : SLOW;
}

static enum answer mkdir_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t mode)
{
	struct place p;
	if ((mode & SPECIAL_BITS) || !find_to_change(f, dir_fd, path, &p) || (mode & ~p.state->umask & 0700) != 0700 ||
	    !makes_plainly(directory_flags(&p)))
		return SLOW;
	f->made_at = p.dir_fd;
	f->makes = MAKES_NAME_AT_PATH;
	shim_act(f, NR_MKDIRAT, p.dir_fd, (long)f->path, mode & 0777, 0);
	return made_name(f, &p);
}

static int fast_mkdir(struct shim_frame *f)
{
	return mkdir_path(f, AT_CWD, f->argument[0], f->argument[1]);
}

static int fast_mkdirat(struct shim_frame *f)
{
	return mkdir_path(f, f->argument[0], f->argument[1], f->argument[2]);
}

static enum answer symlink_path(struct shim_frame *f, uint64_t target, long dir_fd, uint64_t path)
{
	struct place p;
	if (!may_be_mapped(target) || !*(const char *)target || !find_to_change(f, dir_fd, path, &p) ||
	    !makes_plainly(directory_flags(&p)))
		return SLOW;
	f->made_at = p.dir_fd;
	f->makes = MAKES_NAME_AT_PATH;
	shim_act(f, NR_SYMLINKAT, target, p.dir_fd, (long)f->path, 0);
	return made_name(f, &p);
}

static int fast_symlink(struct shim_frame *f)
{
	return symlink_path(f, f->argument[0], AT_CWD, f->argument[1]);
}

static int fast_symlinkat(struct shim_frame *f)
{
	return symlink_path(f, f->argument[0], f->argument[1], f->argument[2]);
}

static bool is_walked(const struct kernel_stat *st)
{
	return prefix_has_inode(SHARED->walked, sizeof(SHARED->walked) / 8, st->dev, st->ino);
}

/* A directory or symlink that no prefix rests on, and where nobody is. */
static bool is_unused(const struct kernel_stat *st)
{
	return !is_walked(st) && !prefix_has_inode(SHARED->places, sizeof(SHARED->places) / 8, st->dev, st->ino);
}

/* Neither a directory nor a symlink, on which translated prefixes may rest. */
static bool is_leaf(const struct kernel_stat *st)
{
	return (st->mode & TYPE) != TYPE_DIRECTORY && (st->mode & TYPE) != TYPE_LINK;
}

static enum answer remove_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t flags)
{
	enum { REMOVE_DIRECTORY = 0x200 };
	struct meta_entry entry;
	struct place p;
	struct kernel_stat st;
	if (!find_to_change(f, dir_fd, path, &p))
		return SLOW;
	long r = examine(f, &p, false, &st);
	if (r == NO_ENTRY)
		return answer(f, r);
	bool is_directory = (st.mode & TYPE) == TYPE_DIRECTORY;
	/* What has an entry leaves word there that its name is gone. */
	if (r != 0 || is_directory != !!(flags & REMOVE_DIRECTORY) || (!is_leaf(&st) && !is_unused(&st)) ||
	    entry_of(st.dev, st.ino, &entry) != 0)
		return SLOW;
	f->makes = is_leaf(&st) ? MAKES_NOTHING : MAKES_PREFIXES_VOID;
	shim_act(f, NR_UNLINKAT, p.dir_fd, (long)f->path, flags, 0);
	if (f->result == 0) {
		/* The tracer may have walked over it meanwhile: it says so before it looks. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (f->makes && is_walked(&st))
			shim_say_forget();
		f->makes = MAKES_NOTHING;
		return ANSWERED;
	}
	int64_t result = failure(f);
	return result == NO_ENTRY ? answer(f, result) : SLOW;
}

static int fast_unlink(struct shim_frame *f)
{
	return remove_path(f, AT_CWD, f->argument[0], 0);
}

static int fast_rmdir(struct shim_frame *f)
{
	return remove_path(f, AT_CWD, f->argument[0], 0x200);
}

static int fast_unlinkat(struct shim_frame *f)
{
	uint32_t flags = f->argument[2];
	return flags & ~0x200u ? SLOW : remove_path(f, f->argument[0], f->argument[1], flags);
}

static enum answer rename_path(struct shim_frame *f, long from_fd, uint64_t from, long to_fd, uint64_t to)
{
	enum { SHORT = 1024 };
	char old[SHORT + 8];
	struct place p, q;
	struct kernel_stat st;
	struct meta_entry entry;
	if (!find_to_change(f, from_fd, from, &p) || examine(f, &p, false, &st) != 0 || !is_leaf(&st) ||
	    entry_of(st.dev, st.ino, &entry) < 0)
		return SLOW;
	/* A device's directory is known for it. */
	if (META->nodes && (st.mode & TYPE) == TYPE_FILE && entry_of(st.dev, st.ino, &entry) == 1 &&
	    (entry.mode & TYPE) != TYPE_FILE)
		return SLOW;
	uint32_t length = 0;
	while (length < SHORT && f->path[length])
		length++;
	if (length == SHORT)
		return SLOW;
	copy(old, f->path, length + 1);
	if (!find_to_change(f, to_fd, to, &q))
		return SLOW;
	bool is_same_mount = p.is_relative ? q.is_relative && p.dir_fd == q.dir_fd : !q.is_relative && p.mount == q.mount;
	long r = examine(f, &q, false, &st);
	if (!is_same_mount || r == 1 || (r == 0 && (!is_leaf(&st) || entry_of(st.dev, st.ino, &entry) != 0)))
		return SLOW;
	shim_act(f, NR_RENAMEAT, p.dir_fd, (long)old, q.dir_fd, (long)f->path);
	if (f->result == 0)
		return ANSWERED;
	failure(f);
	return SLOW;
}

static int fast_rename(struct shim_frame *f)
{
	return rename_path(f, AT_CWD, f->argument[0], AT_CWD, f->argument[1]);
}

static int fast_renameat(struct shim_frame *f)
{
	return rename_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

static int fast_renameat2(struct shim_frame *f)
{
	return (uint32_t)f->argument[4] ? SLOW : fast_renameat(f);
}

/* ---- what a file is ---- */

/*
 * A path (0: the descriptor alone) of something without an entry, that the container need not copy before it is
 * changed.  Fills *st; ret_at and ret_path are for the real call.
 */
static bool find_own(struct shim_frame *f, long dir_fd, uint64_t path, bool follows, struct kernel_stat *st,
		     struct place *p)
{
	struct meta_entry entry;
	if (path) {
		if (!find(f, dir_fd, path, STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, p) || may_be_read_only(p) ||
		    examine(f, p, follows, st) != 0 || may_be_read_only(p))
			return false;
	} else {
		p->state = state_with(STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, &p->number);
		if (!p->state || raw(NR_FSTAT, dir_fd, (long)st, 0, 0) < 0)
			return false;
	}
	bool is_file = (st->mode & TYPE) == TYPE_FILE;
	return entry_of(st->dev, st->ino, &entry) == 0 && !(st->mode & SPECIAL_BITS) && (!is_file || (st->mode & ANY_WRITE)) &&
	       (is_file || (st->mode & TYPE) == TYPE_DIRECTORY || (st->mode & TYPE) == TYPE_LINK);
}

static enum answer chmod_file(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t mode)
{
	struct kernel_stat st;
	struct place p;
	if ((mode & SPECIAL_BITS) || (mode & 0600) != 0600 || !find_own(f, dir_fd, path, true, &st, &p))
		return SLOW;
	bool is_directory = (st.mode & TYPE) == TYPE_DIRECTORY && (mode & 0700) == 0700;
	if ((st.mode & TYPE) != TYPE_FILE && !is_directory)
		return SLOW;
	long r = path ? raw(NR_FCHMODAT, p.dir_fd, (long)f->path, mode & 0777, 0) : raw(NR_FCHMOD, dir_fd, mode & 0777, 0, 0);
	return r == 0 ? answer(f, 0) : SLOW;
}

static int fast_chmod(struct shim_frame *f)
{
	return f->argument[0] ? chmod_file(f, AT_CWD, f->argument[0], f->argument[1]) : SLOW;
}

static int fast_fchmod(struct shim_frame *f)
{
	return chmod_file(f, (int)f->argument[0], 0, f->argument[1]);
}

static int fast_fchmodat(struct shim_frame *f)
{
	return f->argument[1] ? chmod_file(f, f->argument[0], f->argument[1], f->argument[2]) : SLOW;
}

static int fast_fchmodat2(struct shim_frame *f)
{
	return (uint32_t)f->argument[3] ? SLOW : fast_fchmodat(f);
}

/* chown to what it is already: a new ctime. */
static enum answer chown_file(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t uid, uint32_t gid, bool follows)
{
	enum { SAME = 0xffffffffu };
	struct kernel_stat st;
	struct place p;
	if (!find_own(f, dir_fd, path, follows, &st, &p))
		return SLOW;
	struct meta_sight s = { st.ino, st.nlink, st.rdev, st.mode, st.uid, st.gid };
	struct meta_owner owner = { SHARED->uid, SHARED->gid, st.dev == SHARED->root_dev };
	meta_show(META->flags, &owner, 0, &s);
	if ((uid != SAME && uid != s.uid) || (gid != SAME && gid != s.gid))
		return SLOW;
	long r = path ? shim_raw_call(NR_FCHOWNAT, p.dir_fd, (long)f->path, -1, -1, AT_NOFOLLOW, 0) :
			raw(NR_FCHOWN, dir_fd, -1, -1, 0);
	return r == 0 ? answer(f, 0) : SLOW;
}

static int fast_chown(struct shim_frame *f)
{
	return f->argument[0] ? chown_file(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2], true) : SLOW;
}

static int fast_lchown(struct shim_frame *f)
{
	return f->argument[0] ? chown_file(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2], false) : SLOW;
}

static int fast_fchown(struct shim_frame *f)
{
	return chown_file(f, (int)f->argument[0], 0, f->argument[1], f->argument[2], false);
}

static int fast_fchownat(struct shim_frame *f)
{
	uint32_t flags = f->argument[4];
	if ((flags & ~(uint32_t)AT_NOFOLLOW) || !f->argument[1])
		return SLOW;
	return chown_file(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3], !(flags & AT_NOFOLLOW));
}

static int fast_utimensat(struct shim_frame *f)
{
	struct kernel_stat st;
	struct place p;
	uint32_t flags = f->argument[3];
	long dir_fd = (int)f->argument[0], times = f->argument[2];
	if ((flags & ~(uint32_t)AT_NOFOLLOW) || (!f->argument[1] && (flags || dir_fd == AT_CWD)) ||
	    !find_own(f, dir_fd, f->argument[1], !flags, &st, &p))
		return SLOW;
	/* A container's symlinks may be a layer's own. */
	if ((st.mode & TYPE) == TYPE_LINK && (META->flags & META_SHARED_LAYERS))
		return SLOW;
	long r = f->argument[1] ? raw(NR_UTIMENSAT, p.dir_fd, (long)f->path, times, AT_NOFOLLOW) :
				  raw(NR_UTIMENSAT, dir_fd, 0, times, 0);
	return r == 0 ? answer(f, 0) : SLOW;
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
		if (!find(f, AT_CWD, path, STATE_LOOKS_AS_ROOT, p) || examine(f, p, follows, &st) != 0)
			return false;
	} else {
		/* One of O_PATH will not do. */
		long flags = raw(NR_FCNTL, fd, F_GET_FLAGS, 0, 0);
		if (!state_with(STATE_LOOKS_AS_ROOT, &p->number) || flags < 0 || (flags & O_PATH_ONLY) ||
		    raw(NR_FSTAT, fd, (long)&st, 0, 0) < 0)
			return false;
	}
	int found = entry_of(st.dev, st.ino, &entry);
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
	return has_no_attributes(f, fd, path, follows, &p) ? answer(f, NO_DATA) : SLOW;
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
	if (!may_be_mapped(f->argument[1]) || !is_text((const char *)f->argument[1], "system.posix_acl_access", false) ||
	    f->argument[3] != sizeof(acl) || f->argument[4] || !may_be_mapped(f->argument[2]))
		return SLOW;
	__builtin_memcpy(&acl, (const void *)f->argument[2], sizeof(acl));
	for (unsigned i = 0; i < 3; i++) {
		if (acl.entry[i].tag != tags[i] || acl.entry[i].perm > 7)
			return SLOW;
		mode = mode << 3 | acl.entry[i].perm;
	}
	return acl.version == 2 ? chmod_file(f, fd, path, mode) : SLOW;
}

static int fast_setxattr(struct shim_frame *f)
{
	return f->argument[0] ? set_attribute(f, AT_CWD, f->argument[0]) : SLOW;
}

static int fast_fsetxattr(struct shim_frame *f)
{
	return set_attribute(f, (int)f->argument[0], 0);
}

static int fast_getxattr(struct shim_frame *f)
{
	return f->argument[0] ? get_attribute(f, -1, f->argument[0], true) : SLOW;
}

static int fast_lgetxattr(struct shim_frame *f)
{
	return f->argument[0] ? get_attribute(f, -1, f->argument[0], false) : SLOW;
}

static int fast_fgetxattr(struct shim_frame *f)
{
	return get_attribute(f, (int)f->argument[0], 0, false);
}

/* None in the table and none of the host's. */
static enum answer list_attributes(struct shim_frame *f, long fd, uint64_t path, bool follows)
{
	struct place p;
	if (!has_no_attributes(f, fd, path, follows, &p) || (path && p.dir_fd != AT_CWD))
		return SLOW;
	long r = path ? raw(NR_LLISTXATTR, (long)f->path, 0, 0, 0) : raw(NR_FLISTXATTR, fd, 0, 0, 0);
	return r == 0 ? answer(f, 0) : SLOW;
}

static int fast_listxattr(struct shim_frame *f)
{
	return f->argument[0] ? list_attributes(f, -1, f->argument[0], true) : SLOW;
}

static int fast_llistxattr(struct shim_frame *f)
{
	return f->argument[0] ? list_attributes(f, -1, f->argument[0], false) : SLOW;
}

static int fast_flistxattr(struct shim_frame *f)
{
	return list_attributes(f, (int)f->argument[0], 0, false);
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

static int fast_mmap(struct shim_frame *f)
{
	enum { PROTECTION_EXEC = 4, PRIVATE = 2, ANONYMOUS = 0x20, SET_MASK = 2 };
	uint64_t all = ~UINT64_C(0), old;
	if (!(f->argument[2] & PROTECTION_EXEC) || (f->argument[3] & ANONYMOUS) || !(f->argument[3] & PRIVATE) ||
	    (int)f->argument[4] < 0)
		return SLOW;
	/* Begun, it must be ended: a second descriptor is open, and a mapping cannot be made twice. */
	if (raw(NR_SIGPROCMASK, SET_MASK, (long)&all, (long)&old, 8) < 0)
		return SLOW;
	f->result = map_code(f);
	f->phase = PHASE_ACTED;
	raw(NR_SIGPROCMASK, SET_MASK, (long)&old, 0, 8);
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

static int fast_getuid(struct shim_frame *f)
{
	return identity(f, 0);
}

static int fast_geteuid(struct shim_frame *f)
{
	return identity(f, 1);
}

static int fast_getgid(struct shim_frame *f)
{
	return identity(f, 2);
}

static int fast_getegid(struct shim_frame *f)
{
	return identity(f, 3);
}

int (*const shim_handlers[FAST_NUMBERS])(struct shim_frame *f) = {
#define HANDLER(name, number) [number] = fast_##name,
	FAST_CALLS(HANDLER)
#undef HANDLER
};
#endif
