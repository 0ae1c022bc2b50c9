/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how files are looked at, by statx(2) where there is one. */
#include "tracer/base/look.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/birth.h"
#include "tracer/base/compat.h"

static int look_by_stat(int dir_fd, const char *host, int flags, struct look *ret)
{
	ret->birth = 0;
	ret->mount = 0;
	return fstatat(dir_fd, host, &ret->st, flags) < 0 ? -errno : 0;
}

int look_at(int dir_fd, const char *host, int flags, struct look *ret)
{
	static bool has_no_statx;
	struct look_statx x;
	if (has_no_statx)
		return look_by_stat(dir_fd, host, flags, ret);
	if (syscall(SYS_statx, dir_fd, host, AT_NO_AUTOMOUNT | flags, LOOK_BASIC | LOOK_BIRTH | LOOK_MOUNT, &x) < 0) {
		/* Before Linux 4.11, and behind a filter that has not heard of it. */
		if (errno != ENOSYS && errno != EPERM)
			return -errno;
		has_no_statx = true;
		return look_by_stat(dir_fd, host, flags, ret);
	}
	ret->st = (struct stat){
		.st_dev = makedev(x.dev_major, x.dev_minor), .st_ino = x.ino, .st_mode = x.mode, .st_nlink = x.nlink,
		.st_uid = x.uid, .st_gid = x.gid, .st_rdev = makedev(x.rdev_major, x.rdev_minor), .st_size = x.size,
		.st_blksize = x.blksize, .st_blocks = x.blocks,
		.st_atim = { x.atime.sec, x.atime.nsec }, .st_mtim = { x.mtime.sec, x.mtime.nsec },
		.st_ctim = { x.ctime.sec, x.ctime.nsec },
	};
	ret->birth = x.mask & LOOK_BIRTH ? birth_if_told(ret->st.st_dev, x.btime.sec, x.btime.nsec) : 0;
	ret->mount = x.mask & LOOK_MOUNT ? x.mount : 0;
	return 0;
}
