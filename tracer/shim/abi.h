/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tracer and the shim agree on: addresses, the arena, slots.  Included by freestanding code
 * and by assembly, so it has no includes beyond stdint and no functions.  64-bit and 32-bit tracees see
 * the same layout.
 *
 *   SHIM_MOVES_TO_WRITE  SHIM_MOVES once more, mapped for writing by who removes a directory
 *   SHIM_INBOX   the table's inbox, mapped when there is one: shared, and writable for who may change all files
 *   SHIM_META    the metadata table's file (base/meta_format.h), mapped shared, read-only
 *   SHIM_ARENA   the arena, one file mapped shared: written by the tracer, read-only in tracees
 *   SHIM_SHARED  its second part, the tables that the fast path reads
 *   SHIM_BASE    the shim's own image
 *   SHIM_HUB     where patched call sites go, and behind it the fast path, which is 64-bit code in 32-bit tracees, too
 *   SHIM_GATE    its calls that the seccomp filter allows by address: the raw calls, then one stub a slot
 *   SHIM_FRAMES  the fast path's own memory, private to the process
 */
#ifndef FAKEBUILD_SHIM_ABI_H
#define FAKEBUILD_SHIM_ABI_H

#define SHIM_MOVES_TO_WRITE 0x69fd0000
#define SHIM_MOVES_BYTES 0x1000
#define SHIM_INBOX 0x69fe0000
#define SHIM_INBOX_BYTES 0x11000
/* Who may no longer change all files may write to nothing here. */
#define SHIM_WRITABLE SHIM_MOVES_TO_WRITE
#define SHIM_WRITABLE_BYTES (SHIM_META - SHIM_WRITABLE)
#define SHIM_META 0x6a000000
#define SHIM_META_BYTES 0x4000000 /* a table that outgrows this turns the fast path off */
#define SHIM_ARENA 0x6e000000
#define SHIM_BASE 0x70000000
#define SHIM_IMAGE_BYTES 0x100000
#define SHIM_HUB 0x70010000
#define SHIM_ENTRY (SHIM_HUB + 0x80) /* 32-bit code: what AT_SYSINFO says to 32-bit programs */
#define SHIM_SITE (SHIM_HUB + 0x78) /* u32: where patched call sites of 32-bit programs go */
#define SHIM_STUB_JUMP 5 /* and where its second jump is, from where it calls: the first one is so long */
#define SHIM_CODE_32 0x23 /* the segments of 32-bit and of 64-bit code, for all */
#define SHIM_CODE_64 0x33
#define SHIM_GATE 0x70020000      /* allowed are addresses with (ip & SHIM_GATE_MASK) == SHIM_GATE */
#define SHIM_GATE_MASK 0xfffe0000
#define SHIM_STUBS 0x70021000     /* stub of slot n at SHIM_STUBS + n * SHIM_STUB_BYTES */
#define SHIM_STUB_BYTES 64
#define SHIM_SLOTS 1024
#define SHIM_SLOT_BYTES 16384
#define SHIM_SLOT_HEADER 128

#define SHIM_SHARED 0x6f000000
#define SHIM_MOVES 0x6f00f000  /* struct shim_moves */
#define SHIM_STATES 0x6f010000 /* struct shim_state [SHIM_STATE_COUNT]; the first is never used */
#define SHIM_STATE_COUNT 2048
#define SHIM_FILES 0x6f300000 /* struct shim_file [SHIM_FILE_COUNT] */
#define SHIM_FILE_COUNT 1024
#define SHIM_PREFIXES 0x6f400000 /* struct shim_prefix [SHIM_PREFIX_COUNT] */
#define SHIM_PREFIX_COUNT 8192
#define SHIM_PREFIX_WAYS 2 /* places that one may be in: core/prefix.h */
#define SHIM_ARENA_BYTES (SHIM_PREFIXES + SHIM_PREFIX_COUNT * 512 - SHIM_ARENA)

/* Raw calls: the loader's are at the gate's begin; SHIM_ACT's must not be made twice. */
#define SHIM_RAW_64 (SHIM_GATE + 0x80) /* of 64-bit code */
#define SHIM_ACT (SHIM_GATE + 0x100)
#define SHIM_ACT_CALL (SHIM_ACT + 0x20) /* its `syscall` */
#define SHIM_ACT_END (SHIM_ACT + 0x40)  /* from here on the phase is told in the frame */
#define SHIM_ACT_I386 (SHIM_GATE + 0x180) /* the same of a call that is made as 32-bit programs make it */
#define SHIM_ACT_I386_CALL (SHIM_ACT_I386 + 0x20)
#define SHIM_ACT_I386_END (SHIM_ACT_I386 + 0x40)
#define PHASE_LOOKING 0 /* nothing has happened: the call may begin again at its own `syscall` */
#define PHASE_ACTED 1   /* it is done, the result is in the frame */

/* The process' own: which state it is in, a lock (u32) for each frame, then the frames. */
#define SHIM_STATE 0x70050000
#define SHIM_ANSWERS 0x70050008 /* u64: how many calls were answered; threads may lose some */
#define SHIM_INBOX_USE 0x70050010 /* u32: INBOX_* */
#define INBOX_UNKNOWN 0 /* not mapped */
#define INBOX_READ 1
#define INBOX_WRITE 2
#define SHIM_MOVES_USE 0x70050014 /* u32: is SHIM_MOVES_TO_WRITE mapped? */
#define SHIM_HAS_LOOKED 0x70050018 /* u32: is anything in SHIM_LOOKED? */
#define SHIM_VSYSCALL 0x7005001c /* u32: in 32-bit tracees, what AT_SYSINFO was */
#define SHIM_MAPS_AS_IS 0x70050020 /* u32: is code that the program maps not to be a patched copy? */
#define SHIM_LOCKS 0x70050040
#define SHIM_START 0x70050100 /* where and how the loader leaves */
#define SHIM_GUEST_NAME 0x70050180 /* what AT_EXECFN leads to, of PATH_MAX bytes at most */
#define SHIM_FRAMES 0x70052000
#define SHIM_FRAME_COUNT 32
#define SHIM_FRAME_BYTES 16384 /* 4096 times a lock's; of each: a stack, then at FRAME_AT the frame, then room for paths */
#define SHIM_FRAME_AT 6912
#define SHIM_LOOKED (SHIM_FRAMES + SHIM_FRAME_COUNT * SHIM_FRAME_BYTES) /* struct shim_prefix [SHIM_LOOKED_COUNT] */
#define SHIM_LOOKED_COUNT 256

/* Offsets in struct shim_frame, for the hub. */
#define FRAME_MAKES 0
#define FRAME_PHASE 4
#define FRAME_RAX 8
#define FRAME_RDI 16
#define FRAME_RSI 24
#define FRAME_RDX 32
#define FRAME_R10 40
#define FRAME_R8 48
#define FRAME_R9 56
#define FRAME_RBX 64
#define FRAME_IS_SITE 64 /* of 32-bit programs, whose rbx is an argument */
#define FRAME_RBP 72
#define FRAME_R12 80
#define FRAME_R13 88
#define FRAME_R14 96
#define FRAME_R15 104
#define FRAME_RSP 112
#define FRAME_RET 120
#define FRAME_RESULT 128
#define FRAME_MADE_MODE 144 /* and what it is held by */

#define SHARED_VERIFIES_BIT 64 /* SHARED_VERIFIES, of the first word at SHIM_SHARED */

#ifndef __ASSEMBLER__
#include <stdint.h>

/*
 * One call in flight.  At the seccomp stop the tracer puts translated arguments in `room`, points the
 * changed registers there and the instruction pointer behind the `syscall` of the slot's stub: the call
 * already entered goes on and comes back in the stub, which restores the six argument registers and
 * jumps to return_ip.  Should the kernel restart the call, it steps back two bytes onto the stub's own
 * `syscall`, which the filter allows.
 */
struct shim_slot {
	uint64_t argument[6]; /* as the guest had them */
	uint64_t return_ip;
	uint64_t reserved[9];
	char room[SHIM_SLOT_BYTES - SHIM_SLOT_HEADER];
};

/* In slot->room when the shim starts as the loader of a new program. */
struct shim_exec {
	uint32_t uid, euid, gid, egid, secure;
	uint32_t program; /* offsets into room of NUL-terminated host paths; interpreter 0: none */
	uint32_t interpreter;
	uint32_t guest_name; /* for AT_EXECFN */
	uint32_t is_watched; /* the loader ends with a breakpoint: a guest traces this one */
	uint32_t state;        /* the process' state at its start, 0: no fast path */
	uint32_t program_text; /* patched copies to map executable segments from, 0: none */
	uint32_t interpreter_text;
	uint32_t program_front, interpreter_front; /* where in the copies what belongs in front of them begins (patch.h), 0: there is none */
	uint32_t emulated; /* a host path to hand to the program as AT_EXECFD; 0: none */
	char comm[16];
};

/* What the verifying mode tells. */
struct shim_difference {
	uint64_t frame;	     /* address of the struct shim_frame */
	int64_t at;	     /* which byte of the answer; -1: the result */
	int64_t own, theirs; /* there */
	uint64_t after;	     /* the number of the call that has changed something before, or the frame's */
	uint64_t path;	     /* address of the call's; 0: it has none */
};

/* A call that came through the hub. */
enum shim_makes {
	MAKES_NOTHING, MAKES_FILE_AT_RESULT, MAKES_NAME_AT_PATH,
	MAKES_MOVE, /* nothing, but has begun and not ended it (struct shim_moves) */
	MAKES_UNSEEN_AT_RESULT, /* a descriptor, which is handed over only when it was looked at: signals wait for that */
};
struct shim_frame {
	uint32_t makes; /* enum shim_makes: what it has made when it has acted, and nobody has looked at yet */
	uint32_t phase; /* PHASE_* */
	uint64_t rax;   /* the call's number */
	uint64_t argument[6];
	uint64_t rbx; /* of 32-bit programs: is it from a patched site? */
	uint64_t rbp, r12, r13, r14, r15, rsp;
	uint64_t ret; /* behind the `syscall` */
	int64_t result;
	int64_t made_at; /* directory descriptor that path is relative to */
	uint32_t made_mode; /* st_mode of what it makes, when that is not what the host shows; 0: it is */
	uint32_t held;      /* so many times (fast.h, hold): begun, it must be ended */
	uint64_t mask; /* of signals, when the tracer has blocked all of them: the shim sets it again */
	uint32_t is_blocked, pad;
	uint64_t reserved[11];
	char path[4608], link[4096 + 256];
};

/*
 * What the fast path must know of a process.  States are not changed while a process is in them: another
 * cwd or identity is another state, whose number the tracer writes into the process' memory.
 */
enum shim_state_flags {
	STATE_LOOKS_AS_ROOT = 1, /* no directory and no file is forbidden to it */
	STATE_MAKES_AS_ROOT = 2, /* what it makes is root's, and it may change all */
	STATE_IS_PLAIN = 8,      /* of a META_PLAIN table: neither is so, but the kernel itself decides */
	STATE_HAS_CWD = 4,       /* cwd is on no special file system and its names are complete */
	STATE_IS_ALONE = 32,     /* no other task has its root and cwd: none leaves it while this one is in the shim */
	STATE_IS_AT_ROOT = 16,   /* that, and cwd is the root */
	STATE_NO_MOUNTS = 128,   /* nothing is mounted below cwd */
	STATE_HAS_ONE_ID = 64,   /* of users and one of groups: real, effective, saved and of the file system; and no other thread */
};
struct shim_state {
	uint32_t flags;
	uint32_t ruid, euid, rgid, egid;
	uint32_t umask;
	uint32_t root_base, cwd_base; /* keys of prefixes that begin at the root, at the cwd; 0: none */
	uint16_t cwd_host_length, cwd_view_length;
	char cwd_host[448]; /* as the kernel says it */
	char cwd_view[1024 - 484]; /* as the process sees it; no NUL is counted in the lengths */
};

#define SHIM_OWN_DESCRIPTORS "/proc/self/fd/"

/* A directory part of a path, verbatim, and the host directory that it leads to. */
enum shim_prefix_flags {
	PREFIX_READ_ONLY = 1,
	PREFIX_PLAIN = 2, /* what is made in the directory inherits nothing from it */
	PREFIX_FILE = 4,  /* no directory: a file that is bound there, and the key is its whole path */
	PREFIX_STICKY = 8,
	PREFIX_DESCRIPTORS = 16, /* SHIM_OWN_DESCRIPTORS: no name in it is looked up here */
	/* Of SHIM_LOOKED: the host path is from where the typed one begins; is from the root, where the process is. */
	PREFIX_RELATIVE = 32,
	PREFIX_FROM_ROOT = 64,
	PREFIX_NO_MOUNTS = 128, /* nothing is mounted below the directory: whose name mounts elsewhere have is none */
};
struct shim_prefix {
	uint32_t sequence; /* odd while it changes */
	uint32_t base, hash; /* base: of a state; for paths from a descriptor the root's */
	uint16_t key_length, host_length;
	uint64_t generation; /* the metadata table's, for which it holds */
	uint16_t flags;
	uint16_t root_length; /* so much of the host path is the root's: who is there needs only the rest; 0: it is not below */
	uint32_t mount; /* tells the mounts of a table apart */
	uint64_t dir_dev, dir_ino; /* of the descriptor's directory, 0: the path is from the root or the cwd */
	uint64_t moves; /* of SHIM_LOOKED: shim_moves.begun, for which it holds; else 0 */
	uint32_t directories; /* of SHIM_LOOKED: the metadata table's, for which the flags hold */
	uint32_t pad;
	char text[512 - 64]; /* key, then host path, which ends in '/' */
};

/*
 * How often a directory was about to lose its name, and how often that was over.  They differ while one is: nobody then
 * notes what he sees.  Who may change all files may write here; that none has gone is all that he can say.
 */
struct shim_moves {
	uint64_t begun, ended;
	uint64_t by_tracer; /* odd while it is the tracer's, until prefixes that rest on the directory are void */
};

/* What is known of files that were mapped executable. */
enum shim_file_kind { FILE_UNKNOWN, FILE_PLAIN, FILE_COPIED };
struct shim_file {
	uint64_t dev, ino, size;
	int64_t mtime, mtime_nsec, ctime, ctime_nsec;
	uint32_t kind;
	uint32_t is_shared; /* with a layer: nobody may write to it, and ctime says nothing */
	uint64_t text_offset; /* only a mapping that begins here is made from the copy */
	char copy[256 - 72];
};

enum shim_shared_flags {
	SHARED_READ_ONLY_TREES = 1, /* some directory tree gives EROFS */
	SHARED_PROC_DESCRIPTORS = 2, /* some process has had a directory of /proc open */
	SHARED_LEAVES_MODES = 4, /* the tracer must know whom the host gives more than his mode (modes.h) */
	SHARED_GIVES = 8, /* what files become their inodes are given by the tracer (through.h): it is not told in the inbox */
	SHARED_WRITES_THROUGH = 16, /* all that, attributes too, and the guest's root has device nodes */
	SHARED_HAS_OPENAT2 = 128, /* since Linux 5.6 */
	SHARED_VERIFIES = 64, /* for tests: what is answered here is asked of the tracer, too (shim/verify.c) */
	SHARED_TELLS_BIRTHS = 256, /* what is told in the inbox comes with the inode's time of birth */
	SHARED_HAS_NODES = 512, /* some descriptors of the host's devices stand for nodes of the guest's (nodes.h) */
	SHARED_KNOWS_PARENTS = 1024, /* who is not the tracer's child is a guest's, to whom that exists */
	SHARED_KNOWS_NAMES = 2048, /* of the host and its domain, which are the same to all */
	SHARED_SEARCHES_ALL = 32, /* real root looks even into what stands for a tree of mounts (trees.h), and finds nothing there */
};
/* Laid out the same for the loader of 32-bit programs, to which eight bytes need be at no multiple of eight. */
struct shim_shared {
	uint32_t flags;
	uint32_t uid, gid, shown_uid, shown_gid; /* who invoked us (struct meta_owner) */
	uint32_t random;   /* 0, or one call in so many falls through: for tests */
	uint32_t tracer;   /* our process, which orphans come to */
	uint32_t pad;
	uint64_t root_dev, proc_dev;
	char table_path[1024], inbox_path[1024]; /* host paths; empty: it cannot be told */
	char arena_path[1024];
	char host_name[68], domain_name[68]; /* of struct utsname; empty: as the kernel has it */
	uint64_t mount_names[256]; /* a Bloom filter of the last components of mount points */
	uint64_t walked[2048];     /* of inodes that prefixes rest on (core/prefix.h): directories and symlinks */
	uint64_t places[1024];     /* of directories that processes are in */
	uint64_t prefix_sets[SHIM_PREFIX_COUNT / SHIM_PREFIX_WAYS / 64]; /* bits: in which there are any, so that few pages are looked at */
};

_Static_assert(sizeof(struct shim_slot) == SHIM_SLOT_BYTES, "slot layout");
_Static_assert(SHIM_STUBS + SHIM_SLOTS * SHIM_STUB_BYTES <= SHIM_GATE + 0x20000, "stubs fit the gate");
_Static_assert(SHIM_ARENA + SHIM_SLOTS * SHIM_SLOT_BYTES <= SHIM_SHARED, "slots end before the tables");
_Static_assert(__builtin_offsetof(struct shim_shared, table_path) == 48 && sizeof(struct shim_shared) == 30392, "one layout for all");
_Static_assert(sizeof(struct shim_shared) <= SHIM_MOVES - SHIM_SHARED, "shared tables fit");
_Static_assert(SHIM_MOVES + SHIM_MOVES_BYTES <= SHIM_STATES && SHIM_MOVES % SHIM_MOVES_BYTES == 0, "moves have a page");
_Static_assert(sizeof(struct shim_state) == 1024, "state layout");
_Static_assert(SHIM_STATES + SHIM_STATE_COUNT * sizeof(struct shim_state) <= SHIM_FILES, "states fit");
_Static_assert(sizeof(struct shim_file) == 256, "file layout");
_Static_assert(SHIM_FILES + SHIM_FILE_COUNT * sizeof(struct shim_file) <= SHIM_PREFIXES, "files fit");
_Static_assert(sizeof(struct shim_prefix) == 512, "prefix layout");
_Static_assert(SHIM_ARENA + SHIM_ARENA_BYTES <= SHIM_BASE, "tables end before the shim");
_Static_assert(__builtin_offsetof(struct shim_frame, result) == FRAME_RESULT, "frame layout");
_Static_assert(__builtin_offsetof(struct shim_frame, made_mode) == FRAME_MADE_MODE, "frame layout");
_Static_assert(SHARED_VERIFIES == SHARED_VERIFIES_BIT && __builtin_offsetof(struct shim_shared, flags) == 0, "the hub reads it");
_Static_assert(SHIM_FRAME_AT + sizeof(struct shim_frame) <= SHIM_FRAME_BYTES, "frames fit");
_Static_assert(SHIM_LOOKED + SHIM_LOOKED_COUNT * sizeof(struct shim_prefix) <= SHIM_BASE + SHIM_IMAGE_BYTES, "image size");
#endif

#endif
