/* SPDX-License-Identifier: Apache-2.0 */
/* Reads ELF heads field by field: those of foreign machines have neither our sizes nor our byte order. */
#include "tracer/elf.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { ENTRIES_MAX = 64 };

static uint64_t read_number(const unsigned char *at, unsigned size, bool is_big)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[is_big ? i : size - 1 - i];
	return value;
}

#define FIELD(e, type, at, member)                                                                    \
	((e)->is_64 ? read_number((at) + offsetof(Elf64_##type, member),                              \
				  sizeof(((Elf64_##type *)0)->member), (e)->is_big) :                 \
		      read_number((at) + offsetof(Elf32_##type, member),                              \
				  sizeof(((Elf32_##type *)0)->member), (e)->is_big))

int elf_read(int fd, struct elf *ret)
{
	unsigned char head[sizeof(Elf64_Ehdr)];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	if (n < (ssize_t)sizeof(Elf32_Ehdr))
		return -EIO;
	struct elf e = { .is_64 = head[EI_CLASS] == ELFCLASS64, .is_big = head[EI_DATA] == ELFDATA2MSB };
	if (memcmp(head, ELFMAG, SELFMAG) != 0 || (!e.is_64 && head[EI_CLASS] != ELFCLASS32) ||
	    (!e.is_big && head[EI_DATA] != ELFDATA2LSB))
		return -ENOEXEC;
	if (e.is_64 && n < (ssize_t)sizeof(Elf64_Ehdr))
		return -EIO;
	e.type = FIELD(&e, Ehdr, head, e_type);
	e.machine = FIELD(&e, Ehdr, head, e_machine);
	e.table = FIELD(&e, Ehdr, head, e_phoff);
	e.entries = FIELD(&e, Ehdr, head, e_phnum);
	e.entry_bytes = FIELD(&e, Ehdr, head, e_phentsize);
	*ret = e;
	return 0;
}

int elf_interpreter(int fd, const struct elf *e, char ret[PATH_MAX])
{
	unsigned char table[ENTRIES_MAX * sizeof(Elf64_Phdr)];
	const unsigned bytes = e->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if ((e->type != ET_EXEC && e->type != ET_DYN) || e->entries == 0 || e->entries > ENTRIES_MAX ||
	    e->entry_bytes != bytes)
		return -ENOEXEC;
	ssize_t size = e->entries * bytes;
	if (pread(fd, table, size, e->table) != size)
		return -ENOEXEC;
	ret[0] = '\0';
	for (const unsigned char *at = table; at < table + size; at += bytes) {
		if (FIELD(e, Phdr, at, p_type) != PT_INTERP)
			continue;
		uint64_t length = FIELD(e, Phdr, at, p_filesz);
		if (length < 2 || length > PATH_MAX ||
		    pread(fd, ret, length, FIELD(e, Phdr, at, p_offset)) != (ssize_t)length || ret[length - 1])
			return -ENOEXEC;
		return 0;
	}
	return 0;
}
