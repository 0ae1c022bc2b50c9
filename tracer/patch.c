/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the patcher.  A site is patched only when it is proven: a function known by a symbol or by the
 * unwind table leads to it instruction by instruction, and no branch goes between what is moved.
 */
#include "tracer/patch.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/decode.h"
#include "tracer/base/mem.h"
#include "tracer/patch_text.h"
#include "tracer/shim/abi.h"
#include "tracer/shim/calls.h"

enum { PAGE = 4096, MOVED_MAX = 15, LOOK_BACK = 8, SEGMENTS_MAX = 64, SECTIONS_MAX = 4096 };

static void list_add(struct elf *e, struct list *l, uint64_t value)
{
	if ((l->count & (l->count - 1)) == 0)
		l->items = mem_grow(e, l->items, uint64_t, l->count ? l->count * 2 : 16);
	l->items[l->count++] = value;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Is [offset, offset + length) inside the file? */
static bool has(const struct elf *e, uint64_t offset, uint64_t length)
{
	return offset <= e->size && length <= e->size - offset;
}

static bool open_elf_64(struct elf *e)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)e->bytes;
	if (e->size < sizeof(*h) || h->e_machine != EM_X86_64 || h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_phnum > SEGMENTS_MAX || !has(e, h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)) || h->e_phoff % 8)
		return false;
	e->segments = (const Elf64_Phdr *)(e->bytes + h->e_phoff);
	e->segment_count = h->e_phnum;
	if (!h->e_shoff || h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shoff % 8 ||
	    !has(e, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
		return true;
	e->sections = (const Elf64_Shdr *)(e->bytes + h->e_shoff);
	e->section_count = h->e_shnum;
	e->names_index = h->e_shstrndx;
	return true;
}

/* What is looked at of a 32-bit file's heads, as a 64-bit one has it. */
static bool open_elf_32(struct elf *e)
{
	const Elf32_Ehdr *h = (const Elf32_Ehdr *)e->bytes;
	if (e->size < sizeof(*h) || h->e_machine != EM_386 || h->e_phentsize != sizeof(Elf32_Phdr) || h->e_phnum > SEGMENTS_MAX ||
	    !has(e, h->e_phoff, h->e_phnum * sizeof(Elf32_Phdr)) || h->e_phoff % 4)
		return false;
	const Elf32_Phdr *p = (const Elf32_Phdr *)(e->bytes + h->e_phoff);
	Elf64_Phdr *segments = mem_array(e, Elf64_Phdr, h->e_phnum);
	for (unsigned i = 0; i < h->e_phnum; i++)
		segments[i] = (Elf64_Phdr){ .p_type = p[i].p_type, .p_flags = p[i].p_flags, .p_offset = p[i].p_offset,
					    .p_vaddr = p[i].p_vaddr, .p_filesz = p[i].p_filesz, .p_memsz = p[i].p_memsz };
	e->is_32 = true;
	e->segments = segments;
	e->segment_count = h->e_phnum;
	if (!h->e_shoff || h->e_shentsize != sizeof(Elf32_Shdr) || h->e_shoff % 4 || h->e_shnum > SECTIONS_MAX ||
	    !has(e, h->e_shoff, h->e_shnum * sizeof(Elf32_Shdr)))
		return true;
	const Elf32_Shdr *s = (const Elf32_Shdr *)(e->bytes + h->e_shoff);
	Elf64_Shdr *sections = mem_array(e, Elf64_Shdr, h->e_shnum);
	for (unsigned i = 0; i < h->e_shnum; i++)
		sections[i] = (Elf64_Shdr){ .sh_name = s[i].sh_name, .sh_type = s[i].sh_type, .sh_addr = s[i].sh_addr,
					    .sh_offset = s[i].sh_offset, .sh_size = s[i].sh_size };
	e->sections = sections;
	e->section_count = h->e_shnum;
	e->names_index = h->e_shstrndx;
	return true;
}

static bool open_elf(struct elf *e)
{
	if (e->size < EI_NIDENT || memcmp(e->bytes, ELFMAG, SELFMAG) != 0)
		return false;
	return e->bytes[EI_CLASS] == ELFCLASS64 ? open_elf_64(e) : e->bytes[EI_CLASS] == ELFCLASS32 && open_elf_32(e);
}

/* ---- where functions begin ---- */

static void add_symbol(struct elf *e, const uint8_t *at)
{
	const Elf64_Sym *symbol = (const Elf64_Sym *)at;
	const Elf32_Sym *small = (const Elf32_Sym *)at;
	uint64_t value = e->is_32 ? small->st_value : symbol->st_value;
	if (ELF64_ST_TYPE(e->is_32 ? small->st_info : symbol->st_info) == STT_FUNC && value)
		list_add(e, &e->starts, value);
}

static void add_symbols(struct elf *e)
{
	const size_t bytes = e->is_32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
	for (unsigned i = 0; i < e->section_count; i++) {
		const Elf64_Shdr *s = &e->sections[i];
		if ((s->sh_type != SHT_SYMTAB && s->sh_type != SHT_DYNSYM) || s->sh_offset % (e->is_32 ? 4 : 8) ||
		    !has(e, s->sh_offset, s->sh_size))
			continue;
		for (uint64_t n = 0; n < s->sh_size / bytes; n++)
			add_symbol(e, e->bytes + s->sh_offset + n * bytes);
	}
}

/*
 * Is this unwind entry of a signal trampoline?  Its augmentation has an 'S' then, and it begins a byte before the
 * code, so that the return address, which points at the code's first byte, is found in it (gcc's unwind-dw2).
 */
static bool is_of_trampoline(const struct elf *e, uint64_t entry)
{
	uint32_t back;
	if (!has(e, entry, 8))
		return false;
	memcpy(&back, e->bytes + entry + 4, 4);
	uint64_t common = entry + 4 - back;
	if (!has(e, common, 9 + 8))
		return false;
	return memchr(e->bytes + common + 9, 'S', strnlen((const char *)e->bytes + common + 9, 8)) != NULL;
}

/* .eh_frame_hdr with its search table (Linux Standard Base, section 10.6.2), as all linkers write it. */
static void add_unwind_table(struct elf *e, const Elf64_Phdr *p)
{
	enum { COUNT_UDATA4 = 0x03, TABLE_DATAREL_SDATA4 = 0x3b };
	const uint8_t *t = e->bytes + p->p_offset;
	uint32_t count;
	if (p->p_filesz < 12 || !has(e, p->p_offset, p->p_filesz) || t[0] != 1 || t[2] != COUNT_UDATA4 ||
	    t[3] != TABLE_DATAREL_SDATA4)
		return;
	memcpy(&count, t + 8, 4);
	for (uint64_t at = 12; count-- && at + 8 <= p->p_filesz; at += 8) {
		int32_t distance[2]; /* of the function and of its entry */
		memcpy(distance, t + at, 8);
		list_add(e, &e->starts, p->p_vaddr + (int64_t)distance[0] + is_of_trampoline(e, p->p_offset + (int64_t)distance[1]));
	}
}

static bool skip_leb128(const struct elf *e, uint64_t *at)
{
	while (*at < e->size && (e->bytes[*at] & 0x80))
		++*at;
	return ++*at <= e->size;
}

/* Are the functions of this common entry, whose identifier is at `at`, given by pcrel sdata4, as all compilers of this machine do? */
static bool has_plain_pointers(const struct elf *e, uint64_t at)
{
	enum { PCREL_SDATA4 = 0x1b, POINTER_BYTES = 4 };
	if (!has(e, at, 4 + 1 + 8) || e->bytes[at + 4] != 1 || e->bytes[at + 5] != 'z')
		return false;
	const uint8_t *augmentation = e->bytes + at + 6;
	size_t length = strnlen((const char *)augmentation, 7);
	uint64_t field = at + 6 + length + 1;
	/* Alignments of code and data, then the return register, a byte in version 1, then the length of what follows. */
	if (length == 7 || !skip_leb128(e, &field) || !skip_leb128(e, &field) || !has(e, field++, 1) || !skip_leb128(e, &field))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!has(e, field, 1 + POINTER_BYTES))
			return false;
		if (augmentation[i] == 'R')
			return e->bytes[field] == PCREL_SDATA4;
		if (augmentation[i] == 'P' && (e->bytes[field] & 0xf) != 0x3 && (e->bytes[field] & 0xf) != 0xb)
			return false;
		field += augmentation[i] == 'P' ? 1 + POINTER_BYTES : augmentation[i] == 'L' ? 1 : 0;
	}
	return false;
}

/* .eh_frame itself (Linux Standard Base, section 10.6.1): static programs have no search table, and often no symbols. */
static void add_unwind_entries(struct elf *e, const Elf64_Shdr *s)
{
	uint32_t length, back;
	int32_t distance;
	for (uint64_t at = s->sh_offset, end = at + s->sh_size; at + 12 <= end; at += 4 + length) {
		memcpy(&length, e->bytes + at, 4);
		if (length == 0 || length > end - at - 4)
			return; /* the end, or of 64 bits */
		memcpy(&back, e->bytes + at + 4, 4);
		/* A function's entry tells how far back its common entry begins; 0: it is one itself. */
		if (!back || back > at + 4 - s->sh_offset || !has_plain_pointers(e, at + 8 - back))
			continue;
		memcpy(&distance, e->bytes + at + 8, 4);
		list_add(e, &e->starts, s->sh_addr + (at + 8 - s->sh_offset) + (int64_t)distance + is_of_trampoline(e, at));
	}
}

static void add_unwind_section(struct elf *e)
{
	if (e->names_index >= e->section_count)
		return;
	const Elf64_Shdr *section = e->sections, *names = section + e->names_index;
	static const char name[] = ".eh_frame";
	for (unsigned i = 0; i < e->section_count; i++)
		if (section[i].sh_type != SHT_NOBITS && has(e, section[i].sh_offset, section[i].sh_size) &&
		    has(e, names->sh_offset, names->sh_size) && section[i].sh_name + sizeof(name) <= names->sh_size &&
		    memcmp(e->bytes + names->sh_offset + section[i].sh_name, name, sizeof(name)) == 0)
			add_unwind_entries(e, &section[i]);
}

static void find_starts(struct elf *e)
{
	add_symbols(e);
	add_unwind_section(e);
	for (unsigned i = 0; i < e->segment_count; i++)
		if (e->segments[i].p_type == PT_GNU_EH_FRAME)
			add_unwind_table(e, &e->segments[i]);
	if (e->starts.count)
		qsort(e->starts.items, e->starts.count, sizeof(*e->starts.items), by_value);
}

/* The last start that is not behind `address`; its index, or the count when there is none. */
static size_t start_before(const struct elf *e, uint64_t address)
{
	size_t low = 0, high = e->starts.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (e->starts.items[middle] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : e->starts.count;
}

/* ---- sites ---- */

#define NUMBER(name, number) number,
static const uint16_t numbers[] = { FAST_CALLS(NUMBER) }, numbers_32[] = { FAST_CALLS_I386(NUMBER) };
#undef NUMBER

uint32_t patch_version(void)
{
	enum { PATCHER = 6 };
	uint32_t hash = PATCHER ^ SHIM_HUB;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		hash = (hash ^ numbers[i]) * 0x01000193u;
	for (size_t i = 0; i < sizeof(numbers_32) / sizeof(*numbers_32); i++)
		hash = (hash ^ numbers_32[i]) * 0x01000193u;
	return hash;
}

static bool is_hot(bool is_32, uint32_t number)
{
	const uint16_t *of = is_32 ? numbers_32 : numbers;
	size_t count = is_32 ? sizeof(numbers_32) / sizeof(*numbers_32) : sizeof(numbers) / sizeof(*numbers);
	for (size_t i = 0; i < count; i++)
		if (of[i] == number)
			return true;
	return false;
}

/* What was decoded last; at[0] is the newest. */
struct past {
	struct {
		size_t offset;
		struct instruction is;
	} at[LOOK_BACK];
	unsigned count;
};

static void remember(struct past *p, size_t offset, const struct instruction *is)
{
	memmove(p->at + 1, p->at, (LOOK_BACK - 1) * sizeof(*p->at));
	p->at[0].offset = offset;
	p->at[0].is = *is;
	if (p->count < LOOK_BACK)
		p->count++;
}

static struct site site_at(bool is_32, size_t call, const struct past *p)
{
	struct site s = { .from = call, .call = call };
	while (call - s.from < JUMP_BYTES && s.pieces < p->count && !p->at[s.pieces].is.is_bound &&
	       !p->at[s.pieces].is.is_syscall)
		s.from = p->at[s.pieces++].offset;
	s.is_short = call - s.from < JUMP_BYTES || call - s.from > MOVED_MAX;
	/* A number that is not known is taken for a hot one: the hub looks at the real one. */
	for (unsigned i = 0; i < p->count && !p->at[i].is.has_target; i++) {
		if (!p->at[i].is.sets_number)
			continue;
		s.is_cold = !is_hot(is_32, p->at[i].is.number);
		break;
	}
	return s;
}

static bool is_entered(const struct list *targets, const struct site *s)
{
	/* Into one instruction nothing can branch; to the syscall itself anything may. */
	for (size_t i = 0; i < targets->count && s->pieces > 1; i++)
		if (targets->items[i] > s->from && targets->items[i] < s->call)
			return true;
	return false;
}

static void patch_site(struct elf *e, struct text *t, const struct site *s, const struct list *targets, struct patch_counts *ret)
{
	if (s->is_cold) {
		ret->cold++;
		return;
	}
	if (s->is_short) {
		ret->no_room++;
		return;
	}
	if (is_entered(targets, s)) {
		ret->unproven++;
		return;
	}
	const uint8_t *stub = stub_write(e, t, s);
	if (!stub) {
		ret->no_room++;
		ret->unplaced++;
		return;
	}
	memset(t->bytes + s->from, 0x90, s->call - s->from);
	stub_put_jump(t->bytes + s->from, stub);
	ret->patched++;
}

/* From a function's start to its end: its sites, once all its branches are known. */
static void patch_function(struct elf *e, struct text *t, size_t from, size_t to, struct patch_counts *ret)
{
	enum { SITES_MAX = 256 };
	struct site sites[SITES_MAX];
	unsigned count = 0;
	struct list targets = { NULL, 0 };
	struct past past = { .count = 0 };
	struct instruction is;
	for (size_t at = from; at < to && decode_instruction(t->is_32 ? CODE_32 : CODE_64, t->bytes + at, to - at, &is); at += is.length) {
		if (is.is_syscall && count < SITES_MAX)
			sites[count++] = site_at(t->is_32, at, &past);
		if (is.has_target)
			list_add(e, &targets, at + is.target);
		remember(&past, at, &is);
	}
	for (unsigned i = 0; i < count; i++)
		patch_site(e, t, &sites[i], &targets, ret);
	talloc_free(targets.items);
}

static void patch_text(struct elf *e, struct text *t, struct patch_counts *ret)
{
	const uint8_t call[] = { t->is_32 ? 0xcd : 0x0f, t->is_32 ? 0x80 : 0x05 };
	size_t done = t->begin;
	for (size_t at = t->begin; at + 2 <= t->end; at++) {
		const uint8_t *found = memchr(t->bytes + at, call[0], t->end - 1 - at);
		if (!found)
			break;
		at = found - t->bytes;
		if (found[1] != call[1] || at < done)
			continue;
		size_t i = start_before(e, t->address + at);
		if (i == e->starts.count || e->starts.items[i] < t->address + t->begin) {
			ret->unproven++;
			continue;
		}
		size_t from = e->starts.items[i] - t->address, to = t->end;
		if (i + 1 < e->starts.count && e->starts.items[i + 1] - t->address < to)
			to = e->starts.items[i + 1] - t->address;
		patch_function(e, t, from, to, ret);
		done = to;
	}
}

static int write_at(int fd, const uint8_t *bytes, size_t size, uint64_t offset)
{
	return pwrite(fd, bytes, size, offset) == (ssize_t)size ? 0 : -EIO;
}

/* `before`: bytes from where the file's first page is to this segment's, when stubs may lie in front of that; -1: they may not. */
static int copy_text(struct elf *e, const Elf64_Phdr *p, int64_t before, int out_fd, struct patch_counts *ret)
{
	size_t skew = p->p_offset % PAGE, lead = before < 0 ? 0 : PATCH_FRONT_BYTES + (size_t)before;
	struct text t = {
		.size = (skew + p->p_filesz + PAGE - 1) / PAGE * PAGE,
		.file_offset = p->p_offset - skew,
		.address = p->p_vaddr - skew,
		.begin = skew,
		.end = skew + p->p_filesz,
		.room = skew + p->p_filesz,
		.is_32 = e->is_32,
	};
	if (p->p_memsz > p->p_filesz)
		t.room = t.size; /* what follows is the program's own memory */
	uint8_t *memory = mem_array(e, uint8_t, lead + t.size);
	t.bytes = memory + lead;
	t.front = before < 0 ? NULL : memory;
	size_t there = e->size - t.file_offset;
	memcpy(t.bytes, e->bytes + t.file_offset, there < t.size ? there : t.size);
	patch_text(e, &t, ret);
	int r = write_at(out_fd, t.bytes, t.size, t.file_offset);
	if (r == 0 && t.front_used) {
		ret->front_at = (e->size + PAGE - 1) / PAGE * PAGE;
		r = write_at(out_fd, t.front, PATCH_FRONT_BYTES, ret->front_at);
	}
	talloc_free(t.padding);
	talloc_free(memory);
	return r;
}

/* How far the segment is from the file's first page in memory; -1: stubs cannot lie in front of that. */
static int64_t distance_from_begin(const struct elf *e, const Elf64_Phdr *segment)
{
	enum { FAR = 64 << 20 };
	uint64_t first = segment->p_vaddr;
	for (unsigned i = 0; i < e->segment_count; i++)
		if (e->segments[i].p_type == PT_LOAD && e->segments[i].p_vaddr < first)
			first = e->segments[i].p_vaddr;
	uint64_t distance = segment->p_vaddr / PAGE * PAGE - first / PAGE * PAGE;
	return ((const Elf64_Ehdr *)e->bytes)->e_type == ET_DYN && distance < FAR && e->size < UINT32_MAX / 2 ? (int64_t)distance : -1;
}

int patch_copy(const uint8_t *elf, size_t size, int out_fd, bool has_front, struct patch_counts *ret)
{
	CLEANUP_TALLOC struct elf *e = mem_new(NULL, struct elf);
	e->bytes = elf;
	e->size = size;
	*ret = (struct patch_counts){ .patched = 0 };
	if (!open_elf(e))
		return -ENOEXEC;
	find_starts(e);
	for (unsigned i = 0; i < e->segment_count; i++) {
		const Elf64_Phdr *p = &e->segments[i];
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || !p->p_filesz || !has(e, p->p_offset, p->p_filesz) ||
		    p->p_offset % PAGE != p->p_vaddr % PAGE)
			continue;
		/* There is one such place. */
		int64_t before = has_front && !ret->front_at ? distance_from_begin(e, p) : -1;
		int r = copy_text(e, p, before, out_fd, ret);
		if (r < 0)
			return r;
	}
	return ret->patched || ftruncate(out_fd, 0) == 0 ? 0 : -errno;
}
