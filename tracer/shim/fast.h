/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the fast path share: the kernel's numbers and structures, the tables, and where a path
 * leads.  Freestanding: no lock, no allocation, no library; nothing is written but the frame and what the
 * call's own arguments point to.
 */
#ifndef FAKEBUILD_SHIM_FAST_H
#define FAKEBUILD_SHIM_FAST_H

#include "tracer/base/meta_format.h"
#include "tracer/core/prefix.h"
#include "tracer/shim/abi.h"
#include "tracer/shim/calls.h"

#ifdef __x86_64__
enum answer { SLOW = 0, ANSWERED = 1 };
enum {
	NR_CLOSE = 3, NR_FSTAT = 5, NR_MMAP = 9, NR_SIGPROCMASK = 14, NR_CONNECT = 42, NR_GETPEERNAME = 52, NR_UNAME = 63, NR_FCNTL = 72, NR_GETCWD = 79, NR_FCHMOD = 91, NR_FCHOWN = 93, NR_GETPPID = 110,
	NR_LGETXATTR = 192, NR_FGETXATTR = 193, NR_FLISTXATTR = 196, NR_LLISTXATTR = 195, NR_OPENAT = 257, NR_MKDIRAT = 258, NR_FCHOWNAT = 260,
	NR_NEWFSTATAT = 262, NR_UNLINKAT = 263, NR_RENAMEAT = 264, NR_SYMLINKAT = 266, NR_READLINKAT = 267, NR_FCHMODAT = 268, NR_FACCESSAT = 269,
	NR_UTIMENSAT = 280, NR_DUP3 = 292, NR_RENAMEAT2 = 316, NR_STATX = 332, NR_OPENAT2 = 437,
};
enum { F_GET_FLAGS = 3, O_PATH_ONLY = 010000000 };
enum {
	NO_ENTRY = -2, INTERRUPTED = -4, NO_DEVICE = -6, BAD_DESCRIPTOR = -9, ACCESS = -13, EXISTS = -17, NOT_DIRECTORY = -20, INVALID = -22,
	LOOP = -40, NO_DATA = -61, NOT_SOCKET = -88,
};
enum { AT_CWD = -100, AT_NOFOLLOW = 0x100, AT_EFFECTIVE = 0x200, AT_NO_MOUNT = 0x800, AT_EMPTY = 0x1000, AT_SYNC = 0x6000 };
enum {
	TYPE = 0170000, TYPE_LINK = 0120000, TYPE_DIRECTORY = 0040000, TYPE_FILE = 0100000, TYPE_CHARACTER = 0020000,
	TYPE_BLOCK = 0060000,
};
enum { SPECIAL_BITS = 07000, SETID_BITS = 06000, STICKY = 01000, SETGID = 02000, ANY_WRITE = 0222, ANY_EXECUTE = 0111 };
enum { PATH_LIMIT = 4096, LINKS_MAX = 8, NAME_LIMIT = 255 };

#define SHARED ((const struct shim_shared *)SHIM_SHARED)
#define META ((const struct meta_header *)SHIM_META)

long shim_raw_call(long number, long a, long b, long c, long d, long e, long f);
void shim_act(struct shim_frame *f, long number, long a, long b, long c, long d, long e);
long shim_ask(struct shim_frame *f);
long shim_say_new(uint64_t dev, uint64_t ino, uint64_t mode);
long shim_say_differs(const struct shim_difference *d);
extern int (*const shim_handlers[FAST_NUMBERS])(struct shim_frame *f);

/* struct stat of x86-64. */
struct kernel_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks, atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, unused[3];
};
_Static_assert(sizeof(struct kernel_stat) == 144, "arch/x86/include/uapi/asm/stat.h");

/* struct statx of Linux 4.11, include/uapi/linux/stat.h. */
struct kernel_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t seconds;
		uint32_t nanoseconds, pad;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount, rest[13];
};
_Static_assert(sizeof(struct kernel_statx) == 256, "include/uapi/linux/stat.h");

/* new_encode_dev of the kernel, widened as glibc's makedev. */
static inline uint64_t device(uint64_t major, uint64_t minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~UINT64_C(0xff)) << 12 | (major & ~UINT64_C(0xfff)) << 32;
}

static inline long raw(long number, long a, long b, long c, long d)
{
	return shim_raw_call(number, a, b, c, d, 0, 0);
}

/*
 * What is begun must be ended: no signal comes, and a thread that is stopped without one is left where it is.  False: no.
 * Once may be in another.
 */
static inline bool hold(struct shim_frame *f, uint64_t *ret_mask)
{
	enum { SET_MASK = 2 };
	uint64_t all = ~UINT64_C(0);
	f->held++;
	if (raw(NR_SIGPROCMASK, SET_MASK, (long)&all, (long)ret_mask, 8) == 0)
		return true;
	f->held--;
	return false;
}

static inline void release(struct shim_frame *f, uint64_t mask)
{
	enum { SET_MASK = 2 };
	/* Held until the mask is what it was: whom SIGSTOP meets in between is not put back with all blocked. */
	raw(NR_SIGPROCMASK, SET_MASK, (long)&mask, 0, 8);
	f->held--;
}

/* What MAKES_UNSEEN_AT_RESULT has made is no longer so, or is closed: signals that have waited for that may come. */
static inline void let_signals_come(struct shim_frame *f)
{
	f->makes = MAKES_NOTHING;
	__asm__ volatile("" : : : "memory");
	if (!f->is_blocked)
		return;
	f->is_blocked = 0;
	release(f, f->mask);
}

/* The frame on whose stack we are. */
static inline struct shim_frame *own_frame(void)
{
	uint64_t at = ((uint64_t)__builtin_frame_address(0) - SHIM_FRAMES) / SHIM_FRAME_BYTES;
	return (struct shim_frame *)(SHIM_FRAMES + at * SHIM_FRAME_BYTES + SHIM_FRAME_AT);
}

static inline enum answer answer(struct shim_frame *f, int64_t result)
{
	if (result == NO_ENTRY && (SHARED->flags & SHARED_SEARCHES_ALL))
		return SLOW;
	f->result = result;
	return ANSWERED;
}

/* Addresses that are no process' own fault there; most bad pointers are such, and the tracer knows the errno. */
static inline bool may_be_mapped(uint64_t address)
{
	return address >= 0x10000 && address < 0x7ffffffff000;
}

static inline uint32_t state_number(void)
{
	return *(const volatile uint32_t *)SHIM_STATE;
}

/* Both have room for whole words. */
static inline void copy(char *to, const char *from, uint32_t length)
{
	for (uint32_t i = 0; i < length; i += 8)
		__builtin_memcpy(to + i, from + i, 8);
}

/* The state that the process is in, when it has these flags; 0: none. */
const struct shim_state *state_with(uint32_t flags, uint32_t *ret_number);

/* Where a path leads: its host path is in the frame. */
struct place {
	const struct shim_state *state;
	uint32_t number; /* of the state: it must be the same when its fields have been read */
	long dir_fd;
	uint32_t name_at; /* in frame->path, of the last component */
	uint32_t flags;   /* enum shim_prefix_flags */
	uint32_t mount;
	uint32_t directories; /* of the prefix that was found last */
	struct shim_moves moves; /* before it was looked for */
	bool is_relative; /* to a descriptor or the cwd */
	bool has_flags;   /* false: nothing is known of the directory */
	bool must_be_directory; /* the path ends in a slash, which is not in frame->path; that it does follows a symlink */
	bool is_dot;	    /* or in a dot, which is, and nothing but it when it is the cwd */
};

/* The directory that a path begins at. */
struct start {
	uint32_t base; /* 0: nothing is known of it */
	uint64_t dev, ino;
};

/*
 * Put the host directory of the entry into frame->path, when it is of the first `key_length` bytes of frame->link, and
 * holds: `moves` as the entry has them.
 */
bool prefix_use(struct shim_frame *f, const struct shim_prefix *e, const struct start *start, uint32_t hash,
		uint32_t key_length, uint64_t moves, struct place *p);

/* ---- looked.c ---- */

/* So, of a directory that the process has looked at itself. */
bool looked_find(struct shim_frame *f, const struct start *start, uint32_t hash, uint32_t key_length, struct place *p);
/* Before the first look: for what the looks will hold. */
struct looking {
	uint64_t generation, moves;
	uint32_t directories;
	bool holds;
};
struct looking looked_begin(void);
/* The first key_length bytes of frame->link lead to the directory in the first p->name_at bytes of frame->path. */
void looked_add(const struct shim_frame *f, const struct looking *since, const struct start *start, uint32_t hash,
		uint32_t key_length, const struct place *p);
/*
 * A directory or a symlink, which is at this place and was found to be *st, is about to lose its name; no signal comes until
 * that is over.  False: it is the tracer's to take, for walks have gone over it, or somebody is there.
 */
bool move_begin(struct shim_frame *f, const struct place *p, const struct kernel_stat *st, uint64_t *ret_mask);
void move_end(struct shim_frame *f, uint64_t mask);

/* ---- place.c ---- */

/* Translate the path for a process with these state flags into frame->path.  False: ask the tracer. */
bool place_find_any(struct shim_frame *f, long dir_fd, uint64_t address, uint32_t flags, struct place *p);
/* So, but for the caller a path that ends in a slash is the tracer's. */
bool place_find(struct shim_frame *f, long dir_fd, uint64_t address, uint32_t flags, struct place *p);
/* The place is a symlink (this one): go where it leads.  False: ask the tracer. */
bool place_follow(struct shim_frame *f, struct place *p, const struct kernel_stat *st);
/* The real stat of the place, or of what it leads to; of a directory when it must be one.  0, -ENOENT; 1: ask the tracer. */
long place_examine(struct shim_frame *f, struct place *p, bool follows, struct kernel_stat *st);
/* The same, and the inode's birth (0: not known), as look_born has them. */
long place_examine_born(struct shim_frame *f, struct place *p, bool follows, struct kernel_stat *st, uint32_t *ret_birth);
/* The flags of the directory that the place is in. */
uint32_t place_directory_flags(struct shim_frame *f, const struct place *p);

/* The path is of a descriptor of the process' own: which, and its name for the kernel in frame->path.  -1: it is not. */
long place_descriptor(struct shim_frame *f, uint64_t address, struct place *p);

/* What the table has of an inode: 1 an entry, 0 none, -1: ask the tracer.  Here that, too, when nobody has met it. */
int entry_of(uint64_t dev, uint64_t ino, struct meta_entry *ret);
/* The same, of the inode that is at this host path (0: the descriptor itself): one that was not met is met here. */
int entry_at(uint64_t dev, uint64_t ino, long dir_fd, uint64_t path, struct meta_entry *ret);
/*
 * What is at this host path (0: the descriptor itself), without sizes and times, and its birth where that is told in the
 * inbox and known, else 0.  0 or -errno.
 */
long look_born(long dir_fd, uint64_t path, struct kernel_stat *st, uint32_t *ret_birth);
/* The same, of one that is to be changed: and where that was found. */
struct seen {
	uint64_t ino;
	uint64_t modes; /* seen_begin: of the inbox, or SEEN_UNCOUNTED */
	uint32_t birth; /* of one that has no entry, look_born */
	struct meta_request request; /* {0, 0}: it was the table that said so */
	struct meta_entry entry;
};
#define SEEN_UNCOUNTED UINT64_MAX
/* Before it is looked at. */
void seen_begin(struct seen *seen);
int entry_to_change(uint64_t dev, uint64_t ino, long dir_fd, uint64_t path, struct seen *seen);
/* May the process say what the inode is, and does the tracer listen? */
bool may_tell(uint64_t dev, uint64_t ino);
/*
 * Say that it is *entry from now on, of which owner and mode are set; it is at this host path (0: the descriptor itself),
 * and has this mode there.
 * False: there is no room, or somebody else has said something since it was seen.
 */
bool tell(const struct seen *seen, bool had_entry, uint32_t real_mode, struct meta_entry *entry, long dir_fd, uint64_t path);
/* The mode of a file without an entry has just been changed on the host.  False: nobody can be told. */
bool tell_mode_changed(void);
/* The same, root's, of one that has just been made; mode 0: it has no entry. */
bool tell_made(uint64_t ino, uint32_t mode, long dir_fd, uint64_t path);
/* An inode's last name is about to go: what is known of it goes into the inbox, so that it can be told there. */
bool tell_leaving(struct seen *seen);
/* It is gone. */
void tell_unnamed(const struct seen *seen);

/* A descriptor of what has this mode may be of a device node of the guest's. */
static inline bool may_be_node(uint32_t mode)
{
	return (mode & TYPE) == TYPE_CHARACTER && (SHARED->flags & SHARED_HAS_NODES);
}

/* May a directory on the way have lost its name since, and a link have got it?  Then what was found there says nothing. */
static inline bool may_have_moved(const struct place *p)
{
	const struct shim_moves *now = (const struct shim_moves *)SHIM_MOVES;
	return __atomic_load_n(&now->begun, __ATOMIC_ACQUIRE) != p->moves.begun ||
	       __atomic_load_n(&now->by_tracer, __ATOMIC_ACQUIRE) != p->moves.by_tracer;
}

static inline struct meta_owner owner_on(uint64_t dev)
{
	return (struct meta_owner){ SHARED->uid, SHARED->gid, SHARED->shown_uid, SHARED->shown_gid, dev == SHARED->root_dev };
}

/* Could the place be below /proc, where links and files are not what they look like? */
static inline bool may_be_proc(const struct place *p)
{
	return p->is_relative && p->dir_fd != AT_CWD && (SHARED->flags & SHARED_PROC_DESCRIPTORS);
}

static inline bool may_be_read_only(const struct place *p)
{
	return p->is_relative ? SHARED->flags & SHARED_READ_ONLY_TREES : p->flags & PREFIX_READ_ONLY;
}

/* Of a word in what utime(2), utimes(2) and futimesat(2) are given. */
#ifdef SHIM_I386
enum { OLD_TIME_BYTES = 4 };
#else
enum { OLD_TIME_BYTES = 8 };
#endif

#define HANDLER(name, number) int fast_##name(struct shim_frame *f);
FAST_CALLS(HANDLER)
#undef HANDLER

/*
 * Open without O_LARGEFILE, which a 64-bit call has always, when those are the flags: frame->path as it is, and frame->path
 * when it is no symlink.  False: they have it, or there is no such call.
 */
#ifdef SHIM_I386
bool i386_act_open(struct shim_frame *f, long dir_fd, uint32_t flags, uint32_t mode);
bool i386_act_open_unfollowed(struct shim_frame *f, long dir_fd, uint32_t flags);
#else
#define i386_act_open(f, dir_fd, flags, mode) false
#define i386_act_open_unfollowed(f, dir_fd, flags) false
#endif

/* What of them takes other arguments in 32-bit programs. */
enum answer stat_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, bool follows);
enum answer stat_at(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t to, uint32_t flags);
enum answer stat_descriptor(struct shim_frame *f, long fd, uint64_t to);
enum answer utimens_path(struct shim_frame *f, long dir_fd, uint64_t path, uint64_t times, uint32_t flags);
#endif

#endif
