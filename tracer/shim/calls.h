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
	X(connect, 42)                                                                             \
	X(getcwd, 79)                                                                              \
	X(rename, 82)                                                                              \
	X(mkdir, 83)                                                                               \
	X(rmdir, 84)                                                                               \
	X(creat, 85)                                                                               \
	X(unlink, 87)                                                                              \
	X(symlink, 88)                                                                             \
	X(readlink, 89)                                                                            \
	X(chmod, 90)                                                                               \
	X(fchmod, 91)                                                                              \
	X(chown, 92)                                                                               \
	X(fchown, 93)                                                                              \
	X(lchown, 94)                                                                              \
	X(getuid, 102)                                                                             \
	X(getgid, 104)                                                                             \
	X(geteuid, 107)                                                                            \
	X(getegid, 108)                                                                            \
	X(setxattr, 188)                                                                           \
	X(fsetxattr, 190)                                                                          \
	X(getxattr, 191)                                                                           \
	X(lgetxattr, 192)                                                                          \
	X(fgetxattr, 193)                                                                          \
	X(listxattr, 194)                                                                          \
	X(llistxattr, 195)                                                                         \
	X(flistxattr, 196)                                                                         \
	X(openat, 257)                                                                             \
	X(mkdirat, 258)                                                                            \
	X(fchownat, 260)                                                                           \
	X(newfstatat, 262)                                                                         \
	X(unlinkat, 263)                                                                           \
	X(renameat, 264)                                                                           \
	X(symlinkat, 266)                                                                          \
	X(readlinkat, 267)                                                                         \
	X(fchmodat, 268)                                                                           \
	X(faccessat, 269)                                                                          \
	X(utimensat, 280)                                                                          \
	X(renameat2, 316)                                                                          \
	X(statx, 332)                                                                              \
	X(faccessat2, 439)                                                                         \
	X(fchmodat2, 452)

#define FAST_NUMBERS 453 /* one more than the largest */

/*
 * The shim's own call, which no kernel has: (dev, ino) is a new inode, what the metadata table says of it is of
 * one that had the number before.  Its mode is the third argument, when it is not what the host shows; it is root's.
 */
#define SHIM_CALL_IS_NEW 0x3fbd0001
/* So has no kernel this: prefixes may rest on what has just been removed. */
#define SHIM_CALL_FORGET 0x3fbd0002
/* Nor this: the tracer answers a call otherwise than the shim (shim/verify.c). */
#define SHIM_CALL_DIFFERS 0x3fbd0003

#endif
