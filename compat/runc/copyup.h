/* SPDX-License-Identifier: Apache-2.0 */
/* The mount option "tmpcopyup": a tmpfs that begins with what is in the directory that it covers. */
#ifndef FAKEBUILD_COMPAT_RUNC_COPYUP_H
#define FAKEBUILD_COMPAT_RUNC_COPYUP_H

/* Copy what is in the directory `from` into `to`, with owners, modes and times.  0 or -errno. */
int copyup(const char *from, const char *to);

#endif
