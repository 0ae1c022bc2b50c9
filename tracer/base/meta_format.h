/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file format of the metadata table, and its reader.  Includes no libc header beyond stdint and
 * makes no call, so that code inside a tracee can read the same mapping.  Writing is meta.h's.
 *
 * One header page, then `capacity` entries, open addressing with linear probing.  A reader that finds
 * `sequence` odd or changed has read while a writer was at work and must read again.
 */
#ifndef FAKEBUILD_BASE_META_FORMAT_H
#define FAKEBUILD_BASE_META_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define META_MAGIC 0x32617465624b4146ull /* "FAKbeta2", little endian */
#define META_MAGIC_1 0x31617465624b4146ull /* had no births and no runs, where now there are it had zeroes; and another inbox */
#define META_HEADER_BYTES 4096
#define META_FIRST_CAPACITY 1024 /* entries; always a power of two */

enum meta_state { META_FREE = 0, META_LIVE = 1, META_TOMBSTONE = 2 };

enum meta_flags {
	/* Regular files without a write bit are hard links into shared layers (DESIGN, section 4). */
	META_SHARED_LAYERS = 1,
	META_COUNTS_NODES = 2, /* the header's `nodes` is kept; tables made before did not */
	META_HAS_INBOX = 4,    /* what is in the inbox (below) is newer than the table */
	/*
	 * Files are what the host has, and the kernel decides who may do what to them; only the invoking user's own ids
	 * show as others (struct meta_owner).  There are no entries.
	 */
	META_PLAIN = 8,
	META_HAS_FLAGS = 16, /* there are or were entries with META_MARKS_OF_FLAGS */
	META_HAS_RUNS = 32,  /* others than we change the files between runs: entries are met (struct meta_entry) */
	/*
	 * Kept without being asked for, of files that people work with: what cannot be told from a later inode of the number
	 * is not kept for later runs, and where the host's file has got another mode since, that is its mode.
	 */
	META_OF_HOST = 64,
	META_HAS_PASSING = 128, /* in a META_OF_HOST table there are entries that are not for later runs */
};

struct meta_header {
	uint64_t magic;
	uint64_t capacity;
	uint64_t live;       /* entries in state META_LIVE */
	uint64_t used;       /* live and tombstones */
	uint64_t xattr_end;  /* where the next record goes in the xattr file */
	uint64_t generation; /* of translated paths: see tracer/path.h */
	uint32_t sequence;   /* odd while an entry changes */
	uint32_t writer;     /* process id of who holds the write lock, 0 nobody */
	uint32_t flags;      /* enum meta_flags */
	uint32_t nodes;      /* live entries that are device nodes */
	uint32_t run;        /* 1 to 65535, of the run that began last; 0 without META_HAS_RUNS */
	uint32_t directories; /* how often one has begun to give something to what is made in it, or to keep names from being removed */
};

/*
 * What the next write into a file takes from it.  While an entry has marks, the host's file has its set-user-ID
 * bit set, and no execute bit, so that it is of no use to anybody: the kernel takes that bit at the very write
 * that would take the guest's, and a file found without it has been written.
 */
enum meta_marks {
	META_MARK_SUID = 1,
	META_MARK_SGID = 2,
	META_MARK_CAPS = 4, /* security.capability */
	META_MARKS_OF_WRITES = META_MARK_SUID | META_MARK_SGID | META_MARK_CAPS,
	/* Of a directory, and another matter: device nodes are in it, or were, which the host lists as files. */
	META_MARK_NODES = 8,
	/* The last name is gone, only descriptors hold the inode: with a name it is another one of the same number. */
	META_MARK_UNNAMED = 16,
	/* chattr(1)'s i and a; the header then has META_HAS_FLAGS. */
	META_MARK_IMMUTABLE = 32,
	META_MARK_APPEND = 64,
	META_MARKS_OF_FLAGS = META_MARK_IMMUTABLE | META_MARK_APPEND,
};

/*
 * What root would see of one inode.  Complete: no field means "as the host has it".
 *
 * Between two runs a file may be removed by somebody who keeps no table, and its number given to another.  So with
 * META_HAS_RUNS an entry holds for a run only once it was met there, that is, found to be of an inode of the same
 * birth.  A table that only we change the files of needs none of this.
 */
struct meta_entry {
	uint64_t dev; /* 0: the device that holds the root directory */
	uint64_t ino;
	uint16_t state; /* enum meta_state */
	uint16_t run;   /* the one that has met or made it last */
	uint32_t uid, gid;
	uint32_t mode;      /* st_mode, file type included */
	uint64_t rdev;      /* st_rdev of a device node, else 0 */
	uint64_t shown_ino; /* st_ino to show when a copy replaced the file, 0: the real one */
	uint64_t xattr;     /* offset of the record in the xattr file, 0: none */
	uint32_t marks;     /* enum meta_marks; of a container's own files, never in a layer's table */
	uint32_t birth;     /* of the inode, meta_birth_of_time or birth_of (base/birth.h); 0: not known */
};

/* A birth is 31 bits of what tells it, and the lowest says what that is. */
enum { META_BIRTH_IS_TIME = 1 };

static inline uint32_t meta_birth_of_time(int64_t seconds, uint32_t nanoseconds)
{
	uint64_t x = ((uint64_t)seconds * 1000000000u + nanoseconds) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(x >> 32) | META_BIRTH_IS_TIME;
}

/* Can inodes of these births be the same one?  So it is when one is not known, or told by something else. */
static inline bool meta_is_same_birth(uint32_t a, uint32_t b)
{
	return !a || !b || ((a ^ b) & META_BIRTH_IS_TIME) || a == b;
}

/* May the entry be believed as it is?  Else it must be met first. */
static inline bool meta_is_met(const struct meta_header *header, const struct meta_entry *entry)
{
	return !(header->flags & META_HAS_RUNS) || entry->run == header->run;
}

/*
 * The inbox: a small file beside the table, "<table>.inbox", in which processes that may change anybody's files leave what
 * a file is from now on; who writes the table empties it.  So it is looked at before the table.  A request is whole
 * or not there: its sixteen bytes change at once.  One that is in nobody's interest does no harm: it says what root
 * may say, and only of the device of the root directory.  What does not fit is not asked for.
 */
#define META_INBOX_SETS 1024 /* by the inode's number, whose lower ten bits a request needs not have therefore */
#define META_INBOX_WAYS 4
#define META_INBOX_NUMBER_BITS 47
#define META_INBOX_ID_BITS 22

/*
 *   what    META_MARK_UNNAMED: 1 bit, number >> 10: 37 bits, enum meta_request_kind: 2 bits, mode: 12 bits, birth: its lower 12 bits
 *   owner   birth: its upper 20 bits, gid: 22 bits, uid: 22 bits
 */
struct meta_request {
	uint64_t what; /* 0: no request */
	uint64_t owner;
} __attribute__((aligned(16)));

#define META_REQUEST_UNNAMED (UINT64_C(1) << 63)
enum meta_request_kind { META_REQUEST_NO_ENTRY = 0, META_REQUEST_FILE = 1, META_REQUEST_DIRECTORY = 2, META_REQUEST_LINK = 3 };

/*
 * `modes`: how often a mode was changed on the host of a file without an entry.  Who changes one counts that before he looks
 * whether the file has got an entry, or stores one; and who leaves the first request of a file counts before he looks
 * at it, and again when it is left: when nothing has come between, its mode is the one that it had.
 */
struct meta_inbox {
	struct meta_request request[META_INBOX_SETS][META_INBOX_WAYS];
	uint64_t modes;
	uint64_t pad[511];
};

static inline uint64_t meta_hash(uint64_t dev, uint64_t ino)
{
	uint64_t x = ino * 0x9e3779b97f4a7c15ull ^ dev * 0xc2b2ae3d27d4eb4full;
	return x ^ x >> 29;
}

/*
 * The live entry of (dev, ino), or 0.  `dev` is already 0 for the root's device; `capacity` as it was when the mapping
 * was last known to be as long: the header's may be more by now.
 */
static inline const struct meta_entry *meta_lookup(const struct meta_header *header, uint64_t capacity, uint64_t dev,
						   uint64_t ino)
{
	const struct meta_entry *entries =
		(const struct meta_entry *)((const char *)header + META_HEADER_BYTES);
	uint64_t mask = capacity - 1;
	for (uint64_t i = meta_hash(dev, ino) & mask, n = 0; n <= mask; i = (i + 1) & mask, n++) {
		const struct meta_entry *entry = entries + i;
		if (entry->state == META_FREE)
			return 0;
		if (entry->ino == ino && entry->dev == dev && entry->state == META_LIVE)
			return entry;
	}
	return 0;
}

/*
 * Is the entry of this very inode?  The number may be another's by now, when the first was removed by somebody who
 * keeps no table.
 */
static inline bool meta_fits(const struct meta_entry *entry, uint32_t real_mode, uint64_t real_nlink)
{
	enum { TYPE = 0170000, TYPE_FILE = 0100000, TYPE_CHARACTER = 0020000, TYPE_BLOCK = 0060000 };
	uint32_t real = real_mode & TYPE, shown = entry->mode & TYPE;
	if ((entry->marks & META_MARK_UNNAMED) && real_nlink)
		return false;
	return real == shown || (real == TYPE_FILE && (shown == TYPE_CHARACTER || shown == TYPE_BLOCK));
}

/* The part of a stat that the table changes: in as the host has it, out as root sees it. */
struct meta_sight {
	uint64_t ino, nlink, rdev;
	uint32_t mode, uid, gid;
};

/* Whose table it is, and where. */
struct meta_owner {
	uint32_t uid, gid; /* of the invoking user */
	uint32_t shown_uid, shown_gid; /* as what they show in a META_PLAIN table */
	bool is_root_dev;  /* the inode is on the device of the root directory */
};

/* Is this real file a hard link into a shared layer? */
static inline bool meta_looks_shared(uint32_t table_flags, uint32_t real_mode, bool is_root_dev)
{
	return (table_flags & META_SHARED_LAYERS) && (real_mode & 0170000) == 0100000 && !(real_mode & 0222) &&
	       is_root_dev;
}

/* Change a sight by its entry; without one (0) to the default: the invoking user's files are root's, but META_PLAIN. */
static inline void meta_show(uint32_t table_flags, const struct meta_owner *owner, const struct meta_entry *entry,
			     struct meta_sight *s)
{
	bool is_shared = meta_looks_shared(table_flags, s->mode, owner->is_root_dev);
	if (table_flags & META_PLAIN) {
		s->uid = s->uid == owner->uid ? owner->shown_uid : s->uid;
		s->gid = s->gid == owner->gid ? owner->shown_gid : s->gid;
		return;
	}
	if (entry) {
		s->uid = entry->uid;
		s->gid = entry->gid;
		s->mode = entry->mode;
		s->rdev = entry->rdev;
		s->ino = entry->shown_ino ? entry->shown_ino : s->ino;
	} else {
		/* A real root has files of other groups; in a container's tree the group is what the folder it is in made it. */
		bool is_own = s->uid == owner->uid && (owner->uid || (table_flags & META_SHARED_LAYERS));
		s->gid = s->gid == owner->gid || is_own ? 0 : s->gid;
		s->uid = s->uid == owner->uid ? 0 : s->uid;
		/* A shared file lost its write bits to sharing; an owner's write bit is what nearly all had. */
		s->mode |= is_shared ? 0200 : 0;
	}
	if (is_shared)
		s->nlink = 1;
}

/* Nothing else is to be said of it: so a request can replace it. */
static inline bool meta_is_simple(const struct meta_entry *entry)
{
	/* A device may have the number 0: so have whiteouts. */
	uint32_t type = entry->mode & 0170000;
	return (type == 0100000 || type == 0040000 || type == 0120000) && !entry->rdev && !entry->shown_ino && !entry->xattr &&
	       !entry->marks;
}

/* A request as it was at one moment. */
static inline struct meta_request meta_read_request(const struct meta_request *at)
{
	for (;;) {
		struct meta_request r = { __atomic_load_n(&at->what, __ATOMIC_ACQUIRE), __atomic_load_n(&at->owner, __ATOMIC_ACQUIRE) };
		if (__atomic_load_n(&at->what, __ATOMIC_ACQUIRE) == r.what && __atomic_load_n(&at->owner, __ATOMIC_ACQUIRE) == r.owner)
			return r;
	}
}

/* The request that makes this entry, simple but for META_MARK_UNNAMED; mode 0: that there is none.  False: it does not fit. */
static inline bool meta_request_of(const struct meta_entry *entry, struct meta_request *ret)
{
	uint32_t type = entry->mode & 0170000;
	uint64_t kind = type == 0100000 ? META_REQUEST_FILE :
			type == 0040000 ? META_REQUEST_DIRECTORY :
			type == 0120000 ? META_REQUEST_LINK :
					  META_REQUEST_NO_ENTRY;
	/* One of the number 0 without a mode would be no request. */
	uint64_t mode = kind == META_REQUEST_NO_ENTRY ? 1 : entry->mode & 07777;
	ret->what = (entry->marks & META_MARK_UNNAMED ? META_REQUEST_UNNAMED : 0) | (entry->ino / META_INBOX_SETS) << 26 | kind << 24 | mode << 12 | (entry->birth & 0xfff);
	ret->owner = (uint64_t)(entry->birth >> 12) << 44 | (uint64_t)entry->gid << META_INBOX_ID_BITS | entry->uid;
	return !(entry->ino >> META_INBOX_NUMBER_BITS) && !(entry->uid >> META_INBOX_ID_BITS) && !(entry->gid >> META_INBOX_ID_BITS) &&
	       (kind != META_REQUEST_NO_ENTRY || !entry->mode);
}

static inline bool meta_is_request_of(const struct meta_request *r, uint64_t ino)
{
	return r->what && (r->what & ~META_REQUEST_UNNAMED) >> 26 == ino / META_INBOX_SETS;
}

/* The entry that a request in this set makes of its inode; false: none. */
static inline bool meta_take_request(unsigned set, const struct meta_request *r, struct meta_entry *ret)
{
	static const uint32_t types[] = { 0, 0100000, 0040000, 0120000 };
	const uint32_t id_mask = (1u << META_INBOX_ID_BITS) - 1;
	*ret = (struct meta_entry){ .ino = ((r->what & ~META_REQUEST_UNNAMED) >> 26) * META_INBOX_SETS + set, .state = META_LIVE, .uid = r->owner & id_mask,
				    .gid = r->owner >> META_INBOX_ID_BITS & id_mask,
				    .mode = types[r->what >> 24 & 3] | (r->what >> 12 & 07777),
				    .marks = r->what & META_REQUEST_UNNAMED ? META_MARK_UNNAMED : 0,
				    .birth = (uint32_t)(r->owner >> 44) << 12 | (r->what & 0xfff) };
	return (r->what >> 24 & 3) != META_REQUEST_NO_ENTRY;
}

/* The request of an inode of the root's device: false when there is none. */
static inline bool meta_find_request(const struct meta_inbox *inbox, uint64_t ino, struct meta_request *ret)
{
	const struct meta_request *set = inbox->request[ino % META_INBOX_SETS];
	for (unsigned way = 0; way < META_INBOX_WAYS; way++) {
		struct meta_request glance = { __atomic_load_n(&set[way].what, __ATOMIC_ACQUIRE), 0 };
		if (!meta_is_request_of(&glance, ino))
			continue;
		*ret = meta_read_request(&set[way]);
		if (meta_is_request_of(ret, ino))
			return true;
	}
	return false;
}

/* What the inbox says of an inode of the root's device: 1 an entry, 0 that it has none, -1 nothing. */
static inline int meta_ask_inbox(const struct meta_inbox *inbox, uint64_t ino, struct meta_entry *ret)
{
	struct meta_request r;
	return meta_find_request(inbox, ino, &r) ? meta_take_request(ino % META_INBOX_SETS, &r, ret) : -1;
}

#ifdef __x86_64__
static inline bool meta_swap_request(struct meta_request *at, struct meta_request from, struct meta_request to)
{
	bool is_swapped;
	__asm__ volatile("lock cmpxchg16b %1\n\tsetz %0"
			 : "=q"(is_swapped), "+m"(*at), "+a"(from.what), "+d"(from.owner)
			 : "b"(to.what), "c"(to.owner)
			 : "cc", "memory");
	return is_swapped;
}

/*
 * Leave a request in the place of the one that was seen, {0, 0}: of none.  False: there is no room, or somebody else has
 * left one for this inode since.
 */
static inline bool meta_leave_request(struct meta_inbox *inbox, uint64_t ino, struct meta_request seen, struct meta_request wanted)
{
	static const struct meta_request none;
	struct meta_request *set = inbox->request[ino % META_INBOX_SETS], other;
	for (unsigned way = 0; seen.what && way < META_INBOX_WAYS; way++)
		if (meta_swap_request(&set[way], seen, wanted))
			return true;
	for (unsigned way = 0; !seen.what && way < META_INBOX_WAYS; way++) {
		if (set[way].what || !meta_swap_request(&set[way], none, wanted))
			continue;
		/* Two that leave the first of an inode at once see each other, and one at least withdraws. */
		for (unsigned i = 0; i < META_INBOX_WAYS; i++) {
			other.what = i == way ? 0 : __atomic_load_n(&set[i].what, __ATOMIC_ACQUIRE);
			if (meta_is_request_of(&other, ino))
				return !meta_swap_request(&set[way], wanted, none);
		}
		return true;
	}
	return false;
}
#endif

/*
 * Read the entry of (dev, ino) without a lock, in one try: 1 found, 0 none, -1 a writer was at work.
 * `limit_bytes` is how much of the table's file is mapped.
 */
static inline int meta_try_read(const struct meta_header *header, uint64_t limit_bytes, uint64_t dev, uint64_t ino,
				struct meta_entry *ret)
{
	if (!__atomic_load_n(&header->live, __ATOMIC_RELAXED))
		return 0;
	uint32_t before = __atomic_load_n(&header->sequence, __ATOMIC_ACQUIRE);
	uint64_t capacity = __atomic_load_n(&header->capacity, __ATOMIC_ACQUIRE);
	if ((before & 1) || META_HEADER_BYTES + capacity * sizeof(*ret) > limit_bytes)
		return -1;
	const struct meta_entry *found = meta_lookup(header, capacity, dev, ino);
	if (found)
		*ret = *found;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&header->sequence, __ATOMIC_RELAXED) != before ? -1 : found != 0;
}

#endif
