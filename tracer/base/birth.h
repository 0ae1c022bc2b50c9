/* SPDX-License-Identifier: Apache-2.0 */
/* What tells an inode from an earlier one of the same number. */
#ifndef FAKEBUILD_BASE_BIRTH_H
#define FAKEBUILD_BASE_BIRTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The birth of the inode at this host path on device `dev`, as struct meta_entry has it: by its time of birth (statx(2), Linux
 * 4.11), or of a file or directory by its generation (FS_IOC_GETVERSION) where the file system knows no times.  0: not known,
 * or the file system shows one inode as another after a copy, as union file systems do.  With `of_copies` these are asked
 * too, and a file of a lower layer is born again when it is written.
 */
uint32_t birth_of(const char *host, bool follows, dev_t dev, bool of_copies);
/* The same by a time of birth that statx(2) has told with something else; 0 too when birth_of has not met the device yet. */
uint32_t birth_if_told(dev_t dev, int64_t seconds, uint32_t nanoseconds);
/* Is it told by the time on this path's file system, which has this device number? */
bool birth_is_time(const char *host, dev_t dev, bool of_copies);

#endif
