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
	X(getpeername, 52)                                                                         \
	X(execve, 59)                                                                              \
	X(uname, 63)                                                                               \
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
	X(setuid, 105)                                                                             \
	X(setgid, 106)                                                                             \
	X(geteuid, 107)                                                                            \
	X(getegid, 108)                                                                            \
	X(getppid, 110)                                                                            \
	X(setreuid, 113)                                                                           \
	X(setregid, 114)                                                                           \
	X(setresuid, 117)                                                                          \
	X(setresgid, 119)                                                                          \
	X(utime, 132)                                                                              \
	X(statfs, 137)                                                                             \
	X(setxattr, 188)                                                                           \
	X(fsetxattr, 190)                                                                          \
	X(getxattr, 191)                                                                           \
	X(lgetxattr, 192)                                                                          \
	X(fgetxattr, 193)                                                                          \
	X(listxattr, 194)                                                                          \
	X(llistxattr, 195)                                                                         \
	X(flistxattr, 196)                                                                         \
	X(utimes, 235)                                                                             \
	X(openat, 257)                                                                             \
	X(mkdirat, 258)                                                                            \
	X(fchownat, 260)                                                                           \
	X(futimesat, 261)                                                                          \
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

/*
 * The same for 32-bit programs, by their numbers.  What is not told there otherwise than to 64-bit programs has the same
 * arguments in the same order; the rest is converted (shim/i386.c).
 */
#define FAST_CALLS_I386(X)                                                                         \
	X(fast_open, 5)                                                                            \
	X(fast_creat, 8)                                                                           \
	X(fast_unlink, 10)                                                                         \
	X(fast_execve, 11)                                                                         \
	X(fast_chmod, 15)                                                                          \
	X(i386_getuid, 24)                                                                         \
	X(fast_utime, 30)                                                                          \
	X(fast_access, 33)                                                                         \
	X(fast_rename, 38)                                                                         \
	X(fast_mkdir, 39)                                                                          \
	X(fast_rmdir, 40)                                                                          \
	X(i386_getgid, 47)                                                                         \
	X(i386_geteuid, 49)                                                                        \
	X(i386_getegid, 50)                                                                        \
	X(fast_getppid, 64)                                                                        \
	X(fast_symlink, 83)                                                                        \
	X(fast_readlink, 85)                                                                       \
	X(fast_fchmod, 94)                                                                         \
	X(fast_getcwd, 183)                                                                        \
	X(i386_stat64, 195)                                                                        \
	X(i386_lstat64, 196)                                                                       \
	X(i386_fstat64, 197)                                                                       \
	X(fast_lchown, 198)                                                                        \
	X(fast_getuid, 199)                                                                        \
	X(fast_getgid, 200)                                                                        \
	X(fast_geteuid, 201)                                                                       \
	X(fast_getegid, 202)                                                                       \
	X(fast_setreuid, 203)                                                                      \
	X(fast_setregid, 204)                                                                      \
	X(fast_fchown, 207)                                                                        \
	X(fast_setresuid, 208)                                                                     \
	X(fast_setresgid, 210)                                                                     \
	X(fast_chown, 212)                                                                         \
	X(fast_setuid, 213)                                                                        \
	X(fast_setgid, 214)                                                                        \
	X(fast_setxattr, 226)                                                                      \
	X(fast_fsetxattr, 228)                                                                     \
	X(fast_getxattr, 229)                                                                      \
	X(fast_lgetxattr, 230)                                                                     \
	X(fast_fgetxattr, 231)                                                                     \
	X(fast_listxattr, 232)                                                                     \
	X(fast_llistxattr, 233)                                                                    \
	X(fast_flistxattr, 234)                                                                    \
	X(fast_utimes, 271)                                                                        \
	X(fast_openat, 295)                                                                        \
	X(fast_mkdirat, 296)                                                                       \
	X(fast_fchownat, 298)                                                                      \
	X(fast_futimesat, 299)                                                                     \
	X(i386_fstatat64, 300)                                                                     \
	X(fast_unlinkat, 301)                                                                      \
	X(fast_renameat, 302)                                                                      \
	X(fast_symlinkat, 304)                                                                     \
	X(fast_readlinkat, 305)                                                                    \
	X(fast_fchmodat, 306)                                                                      \
	X(fast_faccessat, 307)                                                                     \
	X(i386_utimensat, 320)                                                                     \
	X(fast_renameat2, 353)                                                                     \
	X(fast_connect, 362)                                                                       \
	X(fast_getpeername, 368)                                                                   \
	X(fast_statx, 383)                                                                         \
	X(i386_utimensat_time64, 412)                                                              \
	X(fast_faccessat2, 439)                                                                    \
	X(fast_fchmodat2, 452)

#define FAST_NUMBERS 453 /* one more than the largest */

/*
 * What the shim tells the tracer it tells as a rename(2) from the hub with one of these in the fourth register: a number that
 * no kernel has would be answered by a filter that is around all of us (Docker's default), before ours is asked.
 * (dev, ino) is a new inode, what the metadata table says of it is of one that had the number before.  Its mode is the
 * third argument, when it is not what the host shows; it is root's.
 */
#define SHIM_SAYS_NEW 0x3fbd0001
/* The tracer answers a call otherwise than the shim (shim/verify.c): a struct shim_difference. */
#define SHIM_SAYS_DIFFERS 0x3fbd0003

#endif
