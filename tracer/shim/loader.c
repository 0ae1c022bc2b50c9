/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim as loader: the program that execve really starts.  The kernel would look PT_INTERP up on the
 * host, so the shim maps program and interpreter itself, as fs/binfmt_elf.c does, mends the auxiliary
 * vector and jumps.  It keeps the kernel's stack, brk and randomisation.  Freestanding: its only calls
 * go through the gate, and nothing here has been translated by the tracer but the paths in its slot.
 */
#include "tracer/patch.h"
#include "tracer/shim/abi.h"

#ifdef __x86_64__
typedef uint64_t word;
enum {
	NR_OPEN = 2, NR_CLOSE = 3, NR_MMAP = 9, NR_MPROTECT = 10, NR_MUNMAP = 11, NR_PREAD = 17, NR_MADVISE = 28,
	NR_GETPID = 39, NR_KILL = 62, NR_FCNTL = 72, NR_PERSONALITY = 135, NR_PRCTL = 157, LARGE_FILE = 0,
	ELF_CLASS = 2, ELF_MACHINE = 62,
};
#define PIE_BASE 0x555555554000ull /* ELF_ET_DYN_BASE: two thirds of the address space */
#define PIE_RANDOM_PAGES 0xfffffffull /* mmap_rnd_bits is 28 */
#else
typedef uint32_t word;
enum {
	NR_OPEN = 5, NR_CLOSE = 6, NR_MMAP = 192, NR_MPROTECT = 125, NR_MUNMAP = 91, NR_PREAD = 180, NR_MADVISE = 219,
	NR_GETPID = 20, NR_KILL = 37, NR_FCNTL = 55, NR_PERSONALITY = 136, NR_PRCTL = 172, LARGE_FILE = 0100000,
	ELF_CLASS = 1, ELF_MACHINE = 3,
};
#define PIE_BASE 0x56555000u
#define PIE_RANDOM_PAGES 0xffu
#endif

struct elf_header {
	unsigned char ident[16];
	uint16_t type, machine;
	uint32_t version;
	word entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

#ifdef __x86_64__
struct elf_segment {
	uint32_t type, flags;
	word offset, vaddr, paddr, filesz, memsz, align;
};
#else
struct elf_segment {
	uint32_t type;
	word offset, vaddr, paddr, filesz, memsz;
	uint32_t flags;
	word align;
};
#endif

enum { TYPE_EXEC = 2, TYPE_DYN = 3 };
enum { SEGMENT_LOAD = 1, SEGMENT_PHDR = 6, SEGMENT_STACK = 0x6474e551 };
enum { PAGE = 4096, MAX_SEGMENTS = 64, HEAD_BYTES = 1024, PATH_BYTES = 4096 };
enum { READ = 1, WRITE = 2, EXEC = 4, GROWSDOWN = 0x01000000 };
enum { SHARED = 1, PRIVATE = 2, FIXED = 0x10, ANONYMOUS = 0x20 };
enum { CLOEXEC = 02000000, ADDR_NO_RANDOMIZE = 0x0040000 };
enum {
	AUX_EXECFD = 2, AUX_PHDR = 3, AUX_PHENT = 4, AUX_PHNUM = 5, AUX_BASE = 7, AUX_FLAGS = 8, AUX_ENTRY = 9, AUX_UID = 11,
	AUX_EUID = 12, AUX_GID = 13, AUX_EGID = 14, AUX_SECURE = 23, AUX_RANDOM = 25, AUX_EXECFN = 31, AUX_SYSINFO = 32,
};

long shim_raw_call(long number, long a, long b, long c, long d, long e, long f);
void shim_load(word *stack, unsigned slot_number);

struct start {
	word entry, stack, is_watched;
};
#define START ((volatile struct start *)SHIM_START)
/* AT_EXECFN points here: the slot is used again. */
#define GUEST_NAME ((char *)SHIM_GUEST_NAME)
_Static_assert(SHIM_GUEST_NAME + PATH_BYTES <= SHIM_FRAMES, "a name fits");

struct program {
	word entry, base, phdr, phnum;
	int needs_exec_stack;
};

/* After the point of no return there is nobody to give an errno to: the kernel kills, too. */
static void give_up(void)
{
	shim_raw_call(NR_KILL, shim_raw_call(NR_GETPID, 0, 0, 0, 0, 0, 0), 9, 0, 0, 0, 0);
	for (;;)
		;
}

static long must(long result)
{
	if (result < 0 && result > -4096)
		give_up();
	return result;
}

static word map(word address, word size, int protection, int flags, int fd, word offset)
{
#ifndef __x86_64__
	offset /= PAGE; /* mmap2 */
#endif
	return must(shim_raw_call(NR_MMAP, address, size, protection, flags, fd, offset));
}

static void clear(word from, word to)
{
	for (volatile char *p = (char *)from; p < (char *)to; p++)
		*p = 0;
}

static word random_pages(word limit, const unsigned char *seed)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	uint64_t x = low ^ (uint64_t)high << 32;
	for (int i = 0; seed && i < 16; i++)
		x = (x ^ seed[i]) * 0x100000001b3ull;
	x ^= x >> 29;
	return (word)x & limit;
}

/* The page protection of a segment's flags, which have the bits in the other order. */
static int protection_of(const struct elf_segment *s)
{
	return (s->flags & 4 ? READ : 0) | (s->flags & 2 ? WRITE : 0) | (s->flags & 1 ? EXEC : 0);
}

/* `text_fd`: of the patched copy that executable segments come from, else fd itself. */
static void map_segment(const struct elf_segment *s, word base, int fd, int text_fd)
{
	word skew = s->vaddr & (PAGE - 1), address = base + s->vaddr - skew;
	word file_end = base + s->vaddr + s->filesz, memory_end = base + s->vaddr + s->memsz;
	word mapped_end = address;
	if (s->filesz) {
		map(address, s->filesz + skew, protection_of(s), PRIVATE | FIXED, s->flags & 1 ? text_fd : fd,
		    s->offset - skew);
		mapped_end = (file_end + PAGE - 1) & ~(word)(PAGE - 1);
		if (s->memsz > s->filesz && (s->flags & 2))
			clear(file_end, mapped_end);
	}
	if (memory_end > mapped_end)
		map(mapped_end, memory_end - mapped_end, protection_of(s), PRIVATE | FIXED | ANONYMOUS, -1, 0);
}

/*
 * Buffers are on the stack, whose pages the program touches anyway: each page of the shim's own would be one more fault
 * for every execve.
 */
static const struct elf_segment *read_segments(int fd, char head[HEAD_BYTES], struct elf_segment room[MAX_SEGMENTS])
{
	long got = must(shim_raw_call(NR_PREAD, fd, (word)head, HEAD_BYTES, 0, 0, 0));
	const struct elf_header *h = (const struct elf_header *)head;
	if (got < (long)sizeof(*h) || h->machine != ELF_MACHINE || h->ident[4] != ELF_CLASS ||
	    h->phnum == 0 || h->phnum > MAX_SEGMENTS || h->phentsize != sizeof(struct elf_segment))
		give_up();
	word bytes = h->phnum * sizeof(struct elf_segment);
	if (h->phoff <= (word)got && bytes <= (word)got - h->phoff && h->phoff % sizeof(word) == 0)
		return (const struct elf_segment *)(head + h->phoff);
	if (shim_raw_call(NR_PREAD, fd, (word)room, bytes, h->phoff, 0, 0) != (long)bytes)
		give_up();
	return room;
}

/* What the segments take, and what belongs in front of them (patch.h). */
struct extent {
	word low, high, align, front;
	const struct elf_segment *first; /* when each begins on the page where the one before ends, else 0 */
};

static word page_of(word address)
{
	return address & ~(word)(PAGE - 1);
}

static struct extent measure(const struct elf_segment *s, const struct elf_segment *end)
{
	struct extent e = { ~(word)0, 0, PAGE, 0, 0 };
	for (; s < end; s++) {
		if (s->type != SEGMENT_LOAD)
			continue;
		if (!e.high)
			e.first = s;
		else if (page_of(s->vaddr) != page_of(e.high + PAGE - 1))
			e.first = 0;
		if (page_of(s->vaddr) < e.low)
			e.low = page_of(s->vaddr);
		if (s->vaddr + s->memsz > e.high)
			e.high = s->vaddr + s->memsz;
		if (s->align > e.align && !(s->align & (s->align - 1)))
			e.align = s->align;
	}
	if (e.high <= e.low)
		give_up();
	return e;
}

/* Somewhere, with nothing there yet. */
static word reserve(word want, const struct extent *e)
{
	word room = e->front + e->high - e->low + (e->align > PAGE ? e->align : 0);
	word at = map(want, room, 0, PRIVATE | ANONYMOUS, -1, 0);
	word aligned = (at + e->front + e->align - 1) & ~(e->align - 1);
	if (aligned - e->front > at)
		shim_raw_call(NR_MUNMAP, at, aligned - e->front - at, 0, 0, 0, 0);
	word end = page_of(aligned + e->high - e->low + PAGE - 1);
	if (at + room > end)
		shim_raw_call(NR_MUNMAP, end, at + room - end, 0, 0, 0, 0);
	return aligned;
}

/* A program with an interpreter goes to ELF_ET_DYN_BASE. */
static word program_place(const struct extent *e, const unsigned char *seed)
{
	int persona = shim_raw_call(NR_PERSONALITY, 0xffffffff, 0, 0, 0, 0, 0);
	word want = PIE_BASE;
	if (!(persona & ADDR_NO_RANDOMIZE))
		want += random_pages(PIE_RANDOM_PAGES, seed) * PAGE;
	want &= ~(e->align - 1);
#ifdef __x86_64__
	/* There is nothing yet within terabytes: neither brk, which is behind the shim, nor mappings, wherever they begin. */
	return want;
#else
	return reserve(want, e);
#endif
}

/* `front_at`: what of the patched copy belongs right in front of the file begins there; 0: nothing. */
static void load(const char *path, const char *text_path, uint32_t front_at, int is_program, int has_interpreter,
		 const unsigned char *seed, struct program *ret)
{
	char head[HEAD_BYTES] __attribute__((aligned(16)));
	struct elf_segment room[MAX_SEGMENTS];
	int fd = must(shim_raw_call(NR_OPEN, (word)path, CLOEXEC, 0, 0, 0, 0));
	const struct elf_segment *table = read_segments(fd, head, room);
	const struct elf_header *h = (const struct elf_header *)head;
	struct extent e = measure(table, table + h->phnum);
	const struct elf_segment *mapped = 0;
	long text_fd = text_path ? shim_raw_call(NR_OPEN, (word)text_path, CLOEXEC, 0, 0, 0, 0) : -1;
	e.front = front_at && text_fd >= 0 ? PATCH_FRONT_BYTES : 0;
	word base = 0;
	if (h->type == TYPE_DYN && is_program && has_interpreter) {
		base = program_place(&e, seed) - e.low;
	} else if (h->type == TYPE_DYN && !e.front && e.first && e.align == PAGE && e.first->filesz == e.first->memsz &&
		   !(e.first->flags & 1)) {
		/* Its first segment's mapping keeps the place of all, as the kernel's and libc's own do. */
		mapped = e.first;
		base = map(0, e.high - e.low, protection_of(mapped), PRIVATE, fd, page_of(mapped->offset)) - e.low;
	} else if (h->type == TYPE_DYN) {
		base = reserve(0, &e) - e.low;
	}
	if (e.front)
		map(base + e.low - e.front, e.front, READ | EXEC, PRIVATE | FIXED, text_fd, front_at);
	ret->phdr = 0;
	for (const struct elf_segment *s = table; s < table + h->phnum; s++) {
		if (s->type == SEGMENT_STACK && is_program)
			ret->needs_exec_stack = s->flags & 1;
		if (s->type != SEGMENT_LOAD)
			continue;
		if (h->phoff >= s->offset && h->phoff < s->offset + s->filesz)
			ret->phdr = base + h->phoff - s->offset + s->vaddr;
		if (s->memsz && s != mapped)
			map_segment(s, base, fd, text_fd < 0 ? fd : text_fd);
	}
	shim_raw_call(NR_CLOSE, fd, 0, 0, 0, 0, 0);
	if (text_fd >= 0)
		shim_raw_call(NR_CLOSE, text_fd, 0, 0, 0, 0, 0);
	ret->entry = base + h->entry;
	ret->base = base;
	ret->phnum = h->phnum;
}

/* The arena lies beside the file that was executed, whose path is not needed any more. */
static void map_arena(char *path)
{
	static const char name[] = "arena";
	unsigned slash = 0;
	for (unsigned n = 0; path[n]; n++)
		if (path[n] == '/')
			slash = n;
	for (unsigned i = 0; i < sizeof(name); i++)
		path[slash + 1 + i] = name[i];
	int fd = must(shim_raw_call(NR_OPEN, (word)path, CLOEXEC, 0, 0, 0, 0));
	map(SHIM_ARENA, SHIM_ARENA_BYTES, READ, SHARED | FIXED, fd, 0);
	/* Nothing is ahead in the file that reading ahead could find, but pages to fill with zeros. */
	shim_raw_call(NR_MADVISE, SHIM_ARENA, SHIM_ARENA_BYTES, 1 /* MADV_RANDOM */, 0, 0, 0);
	shim_raw_call(NR_CLOSE, fd, 0, 0, 0, 0, 0);
}

/* The program that an emulator is to run, by a descriptor that is not 0: that says that there is none. */
static word open_emulated(const char *path)
{
	long fd = must(shim_raw_call(NR_OPEN, (word)path, CLOEXEC, 0, 0, 0, 0));
	if (fd > 2)
		return fd;
	long above = must(shim_raw_call(NR_FCNTL, fd, 1030 /* F_DUPFD_CLOEXEC */, 3, 0, 0, 0));
	shim_raw_call(NR_CLOSE, fd, 0, 0, 0, 0, 0);
	return above;
}

/* What the fast path needs besides; without the metadata table it stays off. */
static int start_fast_path(uint32_t state)
{
	const struct shim_shared *shared = (const struct shim_shared *)(word)SHIM_SHARED;
	long fd = state ? shim_raw_call(NR_OPEN, (word)shared->table_path, CLOEXEC | LARGE_FILE, 0, 0, 0, 0) : -1;
	if (fd < 0)
		return 0;
	map(SHIM_META, SHIM_META_BYTES, READ, SHARED | FIXED, fd, 0);
	shim_raw_call(NR_CLOSE, fd, 0, 0, 0, 0, 0);
	*(volatile uint32_t *)SHIM_STATE = state;
	return 1;
}

void shim_load(word *stack, unsigned slot_number)
{
	word *aux = stack + 1 + stack[0] + 1;
	while (*aux)
		aux++;
	aux++;
	char *executed = 0;
	const unsigned char *seed = 0;
	for (word *a = aux; a[0]; a += 2) {
		if (a[0] == AUX_EXECFN)
			executed = (char *)a[1];
		if (a[0] == AUX_RANDOM)
			seed = (const unsigned char *)a[1];
	}
	/* Started by hand, not by the tracer: there is no slot. */
	if (!executed || slot_number == 0 || slot_number > SHIM_SLOTS)
		give_up();
	map_arena(executed);
	const struct shim_slot *slot = (const struct shim_slot *)(word)SHIM_ARENA + (slot_number - 1);
	const struct shim_exec *info = (const struct shim_exec *)slot->room;
	const char *name = slot->room + info->guest_name;
	for (unsigned i = 0; i + 1 < PATH_BYTES && name[i]; i++)
		GUEST_NAME[i] = name[i];

	struct program program = { 0 }, interpreter = { 0 };
	load(slot->room + info->program, info->program_text ? slot->room + info->program_text : 0, info->program_front, 1,
	     info->interpreter != 0, seed, &program);
	if (info->interpreter)
		load(slot->room + info->interpreter,
		     info->interpreter_text ? slot->room + info->interpreter_text : 0, info->interpreter_front, 0, 0, seed,
		     &interpreter);
	/*
	 * Who is loaded at a fixed place and by nobody's ld.so has no libraries.  What he maps he may mean to read and
	 * to translate, as valgrind does, who finds no code where ours lies.
	 */
	*(volatile uint32_t *)SHIM_MAPS_AS_IS = !info->interpreter && program.base == 0;
	int is_fast = start_fast_path(info->state);
	if (program.needs_exec_stack)
		shim_raw_call(NR_MPROTECT, (word)stack & ~(word)(PAGE - 1), PAGE,
			      READ | WRITE | EXEC | GROWSDOWN, 0, 0, 0);
	for (word *a = aux; a[0]; a += 2) {
		switch (a[0]) {
		case AUX_PHDR: a[1] = program.phdr; break;
		case AUX_PHENT: a[1] = sizeof(struct elf_segment); break;
		case AUX_PHNUM: a[1] = program.phnum; break;
		case AUX_BASE: a[1] = interpreter.base; break;
		case AUX_ENTRY: a[1] = program.entry; break;
		case AUX_UID: a[1] = info->uid; break;
		case AUX_EUID: a[1] = info->euid; break;
		case AUX_GID: a[1] = info->gid; break;
		case AUX_EGID: a[1] = info->egid; break;
		case AUX_SECURE: a[1] = info->secure; break;
		case AUX_FLAGS: /* nothing is in it: its place can be had */
			if (!info->emulated)
				break;
			a[0] = AUX_EXECFD;
			a[1] = open_emulated(slot->room + info->emulated);
			break;
		case AUX_EXECFN: a[1] = (word)GUEST_NAME; break;
		case AUX_SYSINFO: /* of i386 alone: where libcs call, to make system calls */
			if (!is_fast)
				break;
			*(volatile uint32_t *)SHIM_VSYSCALL = a[1];
			a[1] = SHIM_ENTRY;
			break;
		}
	}
	shim_raw_call(NR_PRCTL, 15 /* PR_SET_NAME */, (word)info->comm, 0, 0, 0, 0);
	START->entry = info->interpreter ? interpreter.entry : program.entry;
	START->stack = (word)stack;
	START->is_watched = info->is_watched;
}
