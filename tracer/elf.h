/* SPDX-License-Identifier: Apache-2.0 */
/* What execve wants to know of an ELF file, of any machine, class and byte order: elf(5). */
#ifndef FAKEBUILD_ELF_H
#define FAKEBUILD_ELF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum { ELF_READ_AT_ONCE = 1024 };

struct elf {
	unsigned machine; /* EM_* */
	bool is_64, is_big;
	unsigned type;    /* ET_* */
	uint64_t table;   /* offset of the program headers */
	unsigned entries, entry_bytes;
	unsigned begin_bytes; /* of the file's beginning, where nearly all have their program headers, too */
	unsigned char begin[ELF_READ_AT_ONCE];
};

/* Read the head of a file.  -ENOEXEC when it is no ELF, -EIO when it is too short for a head. */
int elf_read(int fd, struct elf *ret);
/*
 * The interpreter that a program asks for, "" when it is static.  -ENOEXEC when it is no program that could
 * be loaded.
 */
int elf_interpreter(int fd, const struct elf *e, char ret[PATH_MAX]);

/*
 * What elf_read said of this file when it was last asked for it by this host path; NULL when it was not, or when the
 * file may have changed since then.  For files that are read again and again: libcs' loaders.
 */
const struct elf *elf_recall(const char *host_path, const struct stat *st);
/* Keep what elf_read has said for elf_recall; `st` is from before it was read. */
void elf_remember(const char *host_path, const struct stat *st, const struct elf *e);

#endif
