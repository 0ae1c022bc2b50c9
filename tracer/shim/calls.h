/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that the shim answers inside the tracee (shim/fast.c), by their x86-64 numbers: one list for
 * its dispatch table and for the patcher, which leaves the sites of all other calls alone.
 */
#ifndef FAKEBUILD_SHIM_CALLS_H
#define FAKEBUILD_SHIM_CALLS_H

#define FAST_CALLS(X)                                                                              \
	X(open, 2)                                                                                 \
	X(stat, 4)                                                                                 \
	X(fstat, 5)                                                                                \
	X(lstat, 6)                                                                                \
	X(mmap, 9)                                                                                 \
	X(access, 21)                                                                              \
	X(getcwd, 79)                                                                              \
	X(readlink, 89)                                                                            \
	X(getuid, 102)                                                                             \
	X(getgid, 104)                                                                             \
	X(geteuid, 107)                                                                            \
	X(getegid, 108)                                                                            \
	X(openat, 257)                                                                             \
	X(newfstatat, 262)                                                                         \
	X(readlinkat, 267)                                                                         \
	X(faccessat, 269)                                                                          \
	X(statx, 332)                                                                              \
	X(faccessat2, 439)

#define FAST_NUMBERS 440 /* one more than the largest */

#endif
