/* SPDX-License-Identifier: Apache-2.0 */
/* What stat64(2) and its kin tell 32-bit programs, filled in by the tracer and by the shim. */
#ifndef FAKEBUILD_STAT_I386_H
#define FAKEBUILD_STAT_I386_H

#include <stdint.h>

struct stat64_i386 {
	uint64_t dev;
	uint32_t pad0, short_ino, mode, nlink, uid, gid;
	uint64_t rdev;
	uint32_t pad3;
	int64_t size;
	uint32_t blksize;
	uint64_t blocks;
	uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
	uint64_t ino;
} __attribute__((packed));
_Static_assert(sizeof(struct stat64_i386) == 96, "arch/x86/include/uapi/asm/stat.h");

#endif
