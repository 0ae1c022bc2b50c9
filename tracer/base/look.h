/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a path: what stat(2) tells of it, and with that what only statx(2) does, where kernel and file system know. */
#ifndef FAKEBUILD_BASE_LOOK_H
#define FAKEBUILD_BASE_LOOK_H

#include <stdint.h>
#include <sys/stat.h>

/* struct statx of Linux 4.11 and what came later in it. */
struct look_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec;
		int32_t reserved;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount, rest[13];
};
_Static_assert(sizeof(struct look_statx) == 256, "include/uapi/linux/stat.h");

enum { LOOK_BASIC = 0x7ff, LOOK_BIRTH = 0x800, LOOK_MOUNT = 0x1000 }; /* STATX_* */

struct look {
	struct stat st;
	uint32_t birth; /* what birth_of would say, 0: that must be asked */
	uint64_t mount; /* the number of the host's mount (Linux 5.8); 0: not known */
};

/* Look at what fstatat(2) would find, with its flags.  0 or -errno. */
int look_at(int dir_fd, const char *host, int flags, struct look *ret);

#endif
