/* SPDX-License-Identifier: Apache-2.0 */
/* What execve wants to know of an ELF file, of any machine, class and byte order: elf(5). */
#ifndef FAKEBUILD_ELF_H
#define FAKEBUILD_ELF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct elf {
	unsigned machine; /* EM_* */
	bool is_64, is_big;
	unsigned type;    /* ET_* */
	uint64_t table;   /* offset of the program headers */
	unsigned entries, entry_bytes;
};

/* Read the head of a file.  -ENOEXEC when it is no ELF, -EIO when it is too short for a head. */
int elf_read(int fd, struct elf *ret);
/*
 * The interpreter that a program asks for, "" when it is static.  -ENOEXEC when it is no program that could
 * be loaded.
 */
int elf_interpreter(int fd, const struct elf *e, char ret[PATH_MAX]);

#endif
