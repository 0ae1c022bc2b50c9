/* SPDX-License-Identifier: Apache-2.0 */
/* The patcher: on programs made here of a few instructions, and on the libc that the test runs with. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/arch/decode.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/patch.h"
#include "tracer/shim/abi.h"

enum { TEXT = 0x1000, FILE_BYTES = 0x3000, ADDRESS = 0x400000, JUMP = 0xe9 };

enum { APART = 16 };

/* A program with this code at TEXT, a page of it at most, and symbols of functions where it begins and each 16 bytes on. */
static uint8_t *program(const uint8_t *code, size_t size, size_t text_bytes, unsigned symbols)
{
	uint8_t *file = mem_array(NULL, uint8_t, FILE_BYTES);
	Elf64_Ehdr *h = (Elf64_Ehdr *)file;
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_EXEC;
	h->e_machine = EM_X86_64;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(Elf64_Phdr);
	h->e_phnum = 1;
	Elf64_Phdr *p = (Elf64_Phdr *)(file + h->e_phoff);
	*p = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = TEXT, .p_vaddr = ADDRESS,
			   .p_filesz = text_bytes, .p_memsz = text_bytes };
	memset(file + TEXT, 0xcc, text_bytes);
	memcpy(file + TEXT, code, size);
	if (!symbols)
		return file;
	Elf64_Sym *symbol = (Elf64_Sym *)(file + 0x2000);
	for (unsigned i = 0; i < symbols; i++)
		symbol[i] = (Elf64_Sym){ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_value = ADDRESS + APART * i };
	Elf64_Shdr *s = (Elf64_Shdr *)(file + 0x2100);
	*s = (Elf64_Shdr){ .sh_type = SHT_SYMTAB, .sh_offset = 0x2000, .sh_size = symbols * sizeof(*symbol) };
	h->e_shoff = 0x2100;
	h->e_shentsize = sizeof(*s);
	h->e_shnum = 1;
	return file;
}

/* No symbol, but a section .eh_frame, which says of one function that it begins at TEXT; its pointers are of this encoding. */
static uint8_t *stripped_program(const uint8_t *code, size_t size, size_t text_bytes, uint8_t encoding)
{
	enum { NAMES = 0x2200, UNWIND = 0x2300, FUNCTION = UNWIND + 24 };
	static const uint8_t common[24] = { 20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1 };
	uint8_t *file = program(code, size, text_bytes, 1);
	int32_t function[5] = { 16, FUNCTION + 4 - UNWIND, TEXT - (FUNCTION + 8), (int32_t)text_bytes, 0 };
	memcpy(file + UNWIND, common, sizeof(common));
	file[UNWIND + 16] = encoding;
	memcpy(file + FUNCTION, function, sizeof(function));
	memcpy(file + NAMES, "\0.eh_frame", 11);
	Elf64_Shdr *s = (Elf64_Shdr *)(file + 0x2100);
	s[0] = (Elf64_Shdr){ .sh_type = SHT_PROGBITS, .sh_name = 1, .sh_offset = UNWIND, .sh_addr = ADDRESS + UNWIND - TEXT,
			     .sh_size = FUNCTION + sizeof(function) - UNWIND };
	s[1] = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = NAMES, .sh_size = 11 };
	((Elf64_Ehdr *)file)->e_shnum = 2;
	((Elf64_Ehdr *)file)->e_shstrndx = 1;
	return file;
}

/* The same of i386. */
static uint8_t *program_of_i386(const uint8_t *code, size_t size, size_t text_bytes)
{
	uint8_t *file = mem_array(NULL, uint8_t, FILE_BYTES);
	Elf32_Ehdr *h = (Elf32_Ehdr *)file;
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS32;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_EXEC;
	h->e_machine = EM_386;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(Elf32_Phdr);
	h->e_phnum = 1;
	*(Elf32_Phdr *)(file + h->e_phoff) = (Elf32_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = TEXT,
							   .p_vaddr = ADDRESS, .p_filesz = text_bytes, .p_memsz = text_bytes };
	memset(file + TEXT, 0xcc, text_bytes);
	memcpy(file + TEXT, code, size);
	*(Elf32_Sym *)(file + 0x2000) = (Elf32_Sym){ .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), .st_value = ADDRESS };
	h->e_shoff = 0x2100;
	h->e_shentsize = sizeof(Elf32_Shdr);
	h->e_shnum = 1;
	*(Elf32_Shdr *)(file + h->e_shoff) = (Elf32_Shdr){ .sh_type = SHT_SYMTAB, .sh_offset = 0x2000, .sh_size = sizeof(Elf32_Sym) };
	return file;
}

static int out_file(void)
{
	char path[] = "/tmp/fakebuild-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

/* Patch it; ret_text gets what the copy has at TEXT. */
static struct patch_counts patch(const uint8_t *code, size_t size, size_t text_bytes, unsigned symbols,
				 uint8_t ret_text[0x1000])
{
	struct patch_counts counts;
	CLEANUP_TALLOC uint8_t *file = program(code, size, text_bytes, symbols);
	CLEANUP_CLOSE int fd = out_file();
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), 0);
	memset(ret_text, 0, 0x1000);
	ssize_t n = pread(fd, ret_text, 0x1000, TEXT);
	assert_int_equal(n, counts.patched ? 0x1000 : 0);
	return counts;
}

#define CODE(name, ...) static const uint8_t name[] = { __VA_ARGS__ }
CODE(open_call, 0xb8, 0x01, 0x01, 0, 0, 0x0f, 0x05, 0xc3); /* mov $257,%eax; syscall; ret */

static void a_mov_before_the_call_becomes_a_jump(void **state)
{
	(void)state;
	uint8_t text[0x1000];
	struct patch_counts counts = patch(open_call, sizeof(open_call), 64, 1, text);
	assert_int_equal(counts.patched, 1);
	assert_int_equal(text[0], JUMP);
	assert_memory_equal(text + 5, open_call + 5, 3); /* the call stays */
	int32_t distance;
	memcpy(&distance, text + 1, 4);
	const uint8_t *stub = text + 5 + distance;
	assert_ptr_equal(stub, text + 64);
	assert_memory_equal(stub, open_call, 5);
	assert_memory_equal(stub + 5, "\x48\x8d\x0d", 3); /* lea */
	memcpy(&distance, stub + 8, 4);
	assert_ptr_equal(stub + 12 + distance, text + 7); /* behind the call */
	uint32_t hub = SHIM_HUB;
	assert_memory_equal(stub + 12, "\xff\x24\x25", 3);
	assert_memory_equal(stub + 15, &hub, 4);
}

static void other_instructions_are_moved_together(void **state)
{
	(void)state;
	CODE(code, 0x48, 0x89, 0xdf, 0x48, 0x89, 0xce, 0x0f, 0x05, 0xc3); /* mov %rbx,%rdi; mov %rcx,%rsi; syscall */
	uint8_t text[0x1000];
	assert_int_equal(patch(code, sizeof(code), 64, 1, text).patched, 1);
	assert_int_equal(text[0], JUMP);
	assert_memory_equal(text + 64, code, 6);
}

/* Three functions that end with padding, and a fourth; the segment fills its page. */
#define NOPS_15 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x40, 0
#define RETURN_AND_PAD 0xc3, NOPS_15
#define OPEN_AND_PAD 0xb8, 0x01, 0x01, 0, 0, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
CODE(padded, OPEN_AND_PAD, RETURN_AND_PAD, RETURN_AND_PAD, RETURN_AND_PAD, 0xc3);

static const uint8_t *behind_jump(const uint8_t *at)
{
	int32_t distance;
	assert_int_equal(*at, JUMP);
	memcpy(&distance, at + 1, 4);
	return at + 5 + distance;
}

static void without_room_behind_the_segment_stubs_are_pieces_in_padding(void **state)
{
	(void)state;
	uint8_t text[0x1000];
	int32_t distance;
	uint32_t hub = SHIM_HUB;
	assert_int_equal(patch(padded, sizeof(padded), 0x1000, 5, text).patched, 1);
	const uint8_t *first = behind_jump(text), *second = behind_jump(first + 5), *leave = behind_jump(second + 7);
	assert_memory_equal(first, open_call, 5);
	assert_memory_equal(second, "\x48\x8d\x0d", 3);
	memcpy(&distance, second + 3, 4);
	assert_ptr_equal(second + 7 + distance, text + 7);
	assert_memory_equal(leave, "\xff\x24\x25", 3);
	assert_memory_equal(leave + 3, &hub, 4);
	/* What is executed is as it was. */
	assert_memory_equal(text + 5, padded + 5, 3);
	for (size_t i = APART; i <= 4 * APART; i += APART)
		assert_int_equal(text[i], 0xc3);
}

static void what_may_be_executed_is_no_padding(void **state)
{
	(void)state;
	CODE(falls_through, OPEN_AND_PAD, 0x50, NOPS_15, 0x50, NOPS_15, 0x50, NOPS_15, 0xc3);
	CODE(other_bytes, OPEN_AND_PAD, 0xc3, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0xf3, 0x90, 0x90, 0x90,
	     RETURN_AND_PAD, RETURN_AND_PAD, 0xc3);
	/* The fourth function jumps into the padding of the third. */
	CODE(is_entered, OPEN_AND_PAD, RETURN_AND_PAD, RETURN_AND_PAD, 0xeb, 0xf8, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x66, 0x90, 0x90, 0xc3);
	uint8_t text[0x1000];
	assert_int_equal(patch(falls_through, sizeof(falls_through), 0x1000, 5, text).no_room, 1);
	assert_int_equal(patch(other_bytes, sizeof(other_bytes), 0x1000, 5, text).no_room, 1);
	assert_int_equal(patch(is_entered, sizeof(is_entered), 0x1000, 5, text).no_room, 1);
	/* Padding goes up to the next function, not up to the end. */
	assert_int_equal(patch(padded, sizeof(padded), 0x1000, 1, text).no_room, 1);
}

static void what_can_be_loaded_anywhere_may_have_stubs_in_front(void **state)
{
	(void)state;
	uint8_t text[0x1000], front[PATCH_FRONT_BYTES];
	struct patch_counts counts;
	int32_t distance;
	CLEANUP_TALLOC uint8_t *file = program(open_call, sizeof(open_call), 0x1000, 1);
	CLEANUP_CLOSE int fd = out_file();
	CLEANUP_CLOSE int other_fd = out_file();
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, true, &counts), 0);
	assert_int_equal(counts.unplaced, 1);
	assert_int_equal(counts.front_at, 0);
	((Elf64_Ehdr *)file)->e_type = ET_DYN;
	assert_int_equal(patch_copy(file, FILE_BYTES, other_fd, true, &counts), 0);
	assert_int_equal(counts.patched, 1);
	assert_int_equal(counts.front_at, FILE_BYTES);
	assert_int_equal(pread(other_fd, text, sizeof(text), TEXT), sizeof(text));
	assert_int_equal(pread(other_fd, front, sizeof(front), counts.front_at), sizeof(front));
	assert_int_equal(text[0], JUMP);
	memcpy(&distance, text + 1, 4);
	assert_int_equal(5 + distance, -PATCH_FRONT_BYTES);
	assert_memory_equal(front, open_call, 5);
	memcpy(&distance, front + 8, 4);
	assert_int_equal(-PATCH_FRONT_BYTES + 12 + distance, 7); /* behind the call */
}

static void calls_that_nobody_answers_are_left_alone(void **state)
{
	(void)state;
	CODE(write_call, 0xb8, 0x01, 0, 0, 0, 0x0f, 0x05, 0xc3);
	CODE(sigreturn, 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05);
	uint8_t text[0x1000];
	assert_int_equal(patch(write_call, sizeof(write_call), 64, 1, text).cold, 1);
	assert_int_equal(patch(sigreturn, sizeof(sigreturn), 64, 1, text).cold, 1);
}

static void a_branch_between_forbids(void **state)
{
	(void)state;
	/* xor %eax,%eax; mov %rbx,%rdi; syscall; jne to the mov; what is moved is xor and mov */
	CODE(code, 0x31, 0xc0, 0x48, 0x89, 0xdf, 0x0f, 0x05, 0x75, 0xf9, 0xc3);
	/* the same to the syscall itself is none */
	CODE(to_call, 0x31, 0xc0, 0x48, 0x89, 0xdf, 0x0f, 0x05, 0x75, 0xfc, 0xc3);
	uint8_t text[0x1000];
	assert_int_equal(patch(code, sizeof(code), 64, 1, text).unproven, 1);
	assert_int_equal(patch(to_call, sizeof(to_call), 64, 1, text).patched, 1);
}

static int32_t distance_at(const uint8_t *text)
{
	int32_t distance;
	memcpy(&distance, text, sizeof(distance));
	return distance;
}

static void a_stub_of_i386_calls_the_hub_and_leads_to_the_call(void **state)
{
	(void)state;
	/* xchg %eax,%ebx; mov $295,%eax; int $0x80; ret; mov $4,%eax; int $0x80; ret */
	CODE(code, 0x93, 0xb8, 0x27, 1, 0, 0, 0xcd, 0x80, 0xc3, 0xb8, 4, 0, 0, 0, 0xcd, 0x80, 0xc3);
	enum { OPENAT = 1, CALL = 6, STUB = 0x40 };
	struct patch_counts counts;
	uint8_t text[0x1000];
	uint32_t site;
	CLEANUP_TALLOC uint8_t *file = program_of_i386(code, sizeof(code), STUB);
	CLEANUP_CLOSE int fd = out_file();
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.patched, 1);
	assert_int_equal(counts.cold, 1);
	assert_int_equal(pread(fd, text, sizeof(text), TEXT), sizeof(text));
	assert_int_equal(text[0], code[0]);
	assert_int_equal(text[OPENAT], JUMP);
	assert_int_equal(distance_at(text + OPENAT + 1), STUB - CALL);
	assert_memory_equal(text + CALL, code + CALL, sizeof(code) - CALL);
	/* What was there; call *SHIM_SITE; jmp behind; jmp to the call, where the hub expects them. */
	assert_memory_equal(text + STUB, code + OPENAT, 5);
	assert_memory_equal(text + STUB + 5, "\xff\x15", 2);
	memcpy(&site, text + STUB + 7, sizeof(site));
	assert_int_equal(site, SHIM_SITE);
	assert_int_equal(text[STUB + 11], JUMP);
	assert_int_equal(distance_at(text + STUB + 12), CALL + 2 - (STUB + 16));
	assert_int_equal(text[STUB + 11 + SHIM_STUB_JUMP], JUMP);
	assert_int_equal(distance_at(text + STUB + 17), CALL - (STUB + 21));
	/* No room behind the segment: there is none. */
	CLEANUP_TALLOC uint8_t *full = program_of_i386(code, sizeof(code), 0x1000 - 16);
	assert_int_equal(patch_copy(full, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.no_room, 1);
}

static void what_depends_on_its_place_is_not_moved(void **state)
{
	(void)state;
	CODE(code, 0x48, 0x8d, 0x3d, 1, 0, 0, 0, 0x0f, 0x05, 0xc3); /* lea 1(%rip),%rdi; syscall */
	uint8_t text[0x1000];
	assert_int_equal(patch(code, sizeof(code), 64, 1, text).no_room, 1);
}

static void no_function_no_proof(void **state)
{
	(void)state;
	uint8_t text[0x1000];
	assert_int_equal(patch(open_call, sizeof(open_call), 64, 0, text).unproven, 1);
}

static void the_unwind_section_is_enough_proof(void **state)
{
	(void)state;
	struct patch_counts counts;
	CLEANUP_CLOSE int fd = out_file();
	CLEANUP_TALLOC uint8_t *file = stripped_program(open_call, sizeof(open_call), 64, 0x1b);
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.patched, 1);
	/* Absolute pointers are not understood. */
	CLEANUP_TALLOC uint8_t *other = stripped_program(open_call, sizeof(open_call), 64, 0x03);
	assert_int_equal(patch_copy(other, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.unproven, 1);
	/* Lengths that lead out of the section, and common entries that lie before it. */
	((int32_t *)(file + 0x2300 + 24))[1] = 0x7000;
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.unproven, 1);
	((int32_t *)(file + 0x2300))[0] = 0x7fffffff;
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.unproven, 1);
}

/* Programs of others, when they are there: how many of their sites go to the shim. */
static void known_programs_are_patched(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		unsigned at_least;
	} known[] = {
		{ "/bin/busybox", 40 },				/* static, without symbols */
		{ "/usr/lib/x86_64-linux-musl/libc.so", 80 },	/* __syscall_cp_asm, too */
		{ "/usr/sbin/runc", 5 },				/* Go: Syscall6 */
		{ "/usr/lib32/ld-linux.so.2", 10 },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		char *bytes;
		size_t size;
		struct patch_counts counts;
		if (io_read_file(NULL, AT_FDCWD, known[i].path, 128 << 20, &bytes, &size, NULL) < 0)
			continue;
		CLEANUP_CLOSE int fd = out_file();
		assert_int_equal(patch_copy((const uint8_t *)bytes, size, fd, false, &counts), 0);
		if (counts.patched < known[i].at_least)
			fail_msg("%s: %u sites patched, not %u", known[i].path, counts.patched, known[i].at_least);
		talloc_free(bytes);
	}
}

static void a_full_page_has_no_room(void **state)
{
	(void)state;
	uint8_t text[0x1000];
	assert_int_equal(patch(open_call, sizeof(open_call), 0x1000 - 18, 1, text).no_room, 1);
	assert_int_equal(patch(open_call, sizeof(open_call), 0x1000 - 19, 1, text).patched, 1);
}

static void what_is_no_program_is_refused(void **state)
{
	(void)state;
	struct patch_counts counts;
	CLEANUP_CLOSE int fd = out_file();
	CLEANUP_TALLOC uint8_t *file = program(open_call, sizeof(open_call), 64, 1);
	assert_int_equal(patch_copy((const uint8_t *)"#!/bin/sh\n", 10, fd, false, &counts), -ENOEXEC);
	file[EI_CLASS] = ELFCLASS32;
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), -ENOEXEC);
	file[EI_CLASS] = ELFCLASS64;
	/* Tables that lead out of the file. */
	Elf64_Phdr *p = (Elf64_Phdr *)(file + sizeof(Elf64_Ehdr));
	p->p_offset = TEXT;
	p->p_filesz = FILE_BYTES;
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), 0);
	assert_int_equal(counts.patched, 0);
	((Elf64_Ehdr *)file)->e_phoff = UINT64_MAX - 8;
	assert_int_equal(patch_copy(file, FILE_BYTES, fd, false, &counts), -ENOEXEC);
}

/* In the libc of this test: where the copy differs there is a jump before a call, or the page's end. */
static void a_libc_is_patched_at_its_calls_only(void **state)
{
	(void)state;
	const char *path = NULL;
	char line[512], name[256] = "";
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && !path && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%*s %*s %*s %*s %*s %255[^\n]", name) == 1 && strstr(name, "/libc.so"))
			path = name;
	if (maps)
		fclose(maps);
	char *bytes;
	size_t size;
	if (!path || io_read_file(NULL, AT_FDCWD, path, 64 << 20, &bytes, &size, NULL) < 0) {
		skip();
		return;
	}
	struct patch_counts counts;
	CLEANUP_CLOSE int fd = out_file();
	assert_int_equal(patch_copy((const uint8_t *)bytes, size, fd, false, &counts), 0);
	assert_true(counts.patched >= 10);
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)bytes;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(bytes + h->e_phoff);
	while (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
		p++;
	CLEANUP_TALLOC uint8_t *copy = mem_array(NULL, uint8_t, p->p_filesz);
	assert_int_equal(pread(fd, copy, p->p_filesz, p->p_offset), p->p_filesz);
	const uint8_t *original = (const uint8_t *)bytes + p->p_offset;
	unsigned jumps = 0;
	for (size_t at = 0; at < p->p_filesz; at++) {
		if (copy[at] == original[at])
			continue;
		assert_int_equal(copy[at], JUMP);
		jumps++;
		while (memcmp(original + at, "\x0f\x05", 2) != 0)
			at++;
		assert_memory_equal(copy + at, "\x0f\x05", 2);
	}
	assert_int_equal(jumps, counts.patched);

	/* As libcs are whose segment fills its last page: there is as much room. */
	struct patch_counts full;
	CLEANUP_CLOSE int other_fd = out_file();
	Elf64_Phdr *segment = (Elf64_Phdr *)((char *)bytes + ((const char *)p - bytes));
	segment->p_filesz = segment->p_memsz = (p->p_filesz + 0xfff) & ~0xfffull;
	assert_int_equal(patch_copy((const uint8_t *)bytes, size, other_fd, false, &full), 0);
	assert_int_equal(full.patched, counts.patched);
	talloc_free(bytes);
}

static void instructions_have_their_length(void **state)
{
	(void)state;
	static const struct {
		uint8_t length, code[15];
	} known[] = {
		{ 1, { 0x90 } },
		{ 2, { 0x0f, 0x05 } },
		{ 3, { 0x48, 0x89, 0xe5 } },
		{ 4, { 0xf3, 0x0f, 0x1e, 0xfa } },
		{ 5, { 0xb8, 1, 0, 0, 0 } },
		{ 5, { 0x4c, 0x89, 0x5c, 0x24, 0x08 } },
		{ 6, { 0x0f, 0x84, 0, 0, 0, 0 } },
		{ 7, { 0x48, 0x8b, 0x05, 0, 0, 0, 0 } },
		{ 8, { 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0 } },
		{ 9, { 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0 } },
		{ 10, { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 } },
		{ 4, { 0xc5, 0xfd, 0x6f, 0x06 } },
		{ 6, { 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x00 } },
		{ 6, { 0xf7, 0x04, 0x24, 1, 0, 0 } }, /* cut off: test $imm32,(%rsp) has seven bytes */
	};
	struct instruction is;
	for (size_t i = 0; i + 1 < sizeof(known) / sizeof(*known); i++) {
		assert_true(decode_instruction(CODE_64, known[i].code, 15, &is));
		assert_int_equal(is.length, known[i].length);
		assert_false(decode_instruction(CODE_64, known[i].code, known[i].length - 1, &is));
	}
	assert_false(decode_instruction(CODE_64, known[13].code, 6, &is));
	assert_true(decode_instruction(CODE_64, (const uint8_t *)"\xeb\xfe", 2, &is));
	assert_true(is.has_target && is.is_bound);
	assert_int_equal(is.target, 0);
}

static void instructions_of_i386_have_theirs(void **state)
{
	(void)state;
	static const struct {
		unsigned length;
		uint8_t code[15];
	} known[] = {
		{ 1, { 0x40 } },				/* inc %eax, no prefix */
		{ 2, { 0xcd, 0x80 } },
		{ 2, { 0xc5, 0x06 } },				/* lds (%esi),%eax */
		{ 4, { 0xc5, 0xfd, 0x6f, 0x06 } },		/* vmovdqa (%esi),%ymm0 */
		{ 5, { 0xa1, 0, 0, 0, 0 } },			/* mov 0,%eax */
		{ 6, { 0x8b, 0x1d, 0, 0, 0, 0 } },		/* mov 0,%ebx: of any place */
		{ 7, { 0x65, 0xff, 0x15, 0x10, 0, 0, 0 } },	/* call *%gs:16 */
		{ 5, { 0xe8, 0, 0, 0, 0 } },
	};
	struct instruction is;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		assert_true(decode_instruction(CODE_32, known[i].code, 15, &is));
		assert_int_equal(is.length, known[i].length);
		assert_false(decode_instruction(CODE_32, known[i].code, known[i].length - 1, &is));
		assert_true(decode_instruction(CODE_32, known[i].code, known[i].length, &is));
		assert_int_equal(is.is_syscall, known[i].code[0] == 0xcd);
		assert_int_equal(is.is_bound, known[i].code[0] == 0xe8);
	}
	assert_false(decode_instruction(CODE_32, (const uint8_t *)"\x67\x8b\x07", 3, &is)); /* addresses of 16 bits */
	assert_false(decode_instruction(CODE_64, (const uint8_t *)"\x8f\xe8\x78\xc2\xf6\x10", 6, &is)); /* XOP */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mov_before_the_call_becomes_a_jump),
		cmocka_unit_test(other_instructions_are_moved_together),
		cmocka_unit_test(without_room_behind_the_segment_stubs_are_pieces_in_padding),
		cmocka_unit_test(what_may_be_executed_is_no_padding),
		cmocka_unit_test(what_can_be_loaded_anywhere_may_have_stubs_in_front),
		cmocka_unit_test(calls_that_nobody_answers_are_left_alone),
		cmocka_unit_test(a_branch_between_forbids),
		cmocka_unit_test(a_stub_of_i386_calls_the_hub_and_leads_to_the_call),
		cmocka_unit_test(what_depends_on_its_place_is_not_moved),
		cmocka_unit_test(no_function_no_proof),
		cmocka_unit_test(the_unwind_section_is_enough_proof),
		cmocka_unit_test(known_programs_are_patched),
		cmocka_unit_test(a_full_page_has_no_room),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(a_libc_is_patched_at_its_calls_only),
		cmocka_unit_test(instructions_have_their_length),
		cmocka_unit_test(instructions_of_i386_have_theirs),
	};
	return cmocka_run_group_tests_name("patch", tests, NULL, NULL);
}
