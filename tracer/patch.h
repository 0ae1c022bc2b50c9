/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patcher: a copy of an ELF file whose system calls go to the shim first (DESIGN 3.1, the fast path).
 * It works on files alone, so that it can be tested without any process.
 *
 * At a site `syscall` stays where it is; the instructions before it, five bytes or more, become a jump to a
 * stub, which has them, loads rcx with the address behind the `syscall` and jumps to the shim's hub.
 * rcx and r11 are what a system call destroys anyway, so a stub needs no stack.  The slow path is a jump
 * to that very `syscall`.  In 32-bit code, where no register is free, the stub calls the hub, and has
 * behind that the jump back and the jump to the site's `int $0x80`.  Stubs lie between the end of an executable segment and the end of its page,
 * and when that is full, in pieces, in the padding between functions (padding.h).  Who maps the whole file himself may
 * have more in front of it: code that was made small has no padding.
 */
#ifndef FAKEBUILD_PATCH_H
#define FAKEBUILD_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct patch_counts {
	unsigned patched;
	unsigned unproven; /* no known function leads there instruction by instruction, or a branch does */
	unsigned no_room;  /* too few bytes before the call, or no room for a stub */
	unsigned unplaced; /* those of no_room that lack a stub */
	unsigned cold;     /* of calls that the shim does not answer */
	unsigned front_at; /* PATCH_FRONT_BYTES of the copy from here on belong right in front of the file's first page; 0: none do */
};
enum { PATCH_FRONT_BYTES = 2 * 4096 };

/* Tells copies apart that this patcher would make otherwise: another one, or of other calls. */
uint32_t patch_version(void);

/*
 * Write to out_fd, an empty file, the executable segments of `elf` (size bytes) with their sites patched;
 * all else is a hole: only executable mappings are made from it.  `has_front`: stubs may lie in front of it, when it can be
 * loaded anywhere.  0, with nothing written when
 * ret->patched is 0; -ENOEXEC when it is no program or library for this machine; or -errno.
 */
int patch_copy(const uint8_t *elf, size_t size, int out_fd, bool has_front, struct patch_counts *ret);

#endif
