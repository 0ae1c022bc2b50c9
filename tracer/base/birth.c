/* SPDX-License-Identifier: Apache-2.0 */
/* Owns when inodes were born. */
#include "tracer/base/birth.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/look.h"
#include "tracer/base/meta_format.h"

enum kind { UNKNOWN, BY_TIME, BY_GENERATION, OF_COPIES };
enum { DEVICES = 8, DONT_SYNC = 0x4000 /* AT_STATX_DONT_SYNC */ };

static struct {
	dev_t dev;
	enum kind kind;
} known[DEVICES];

static uint32_t by_time(const char *host, bool follows)
{
	struct look_statx x;
	memset(&x, 0, sizeof(x));
	int flags = (follows ? 0 : AT_SYMLINK_NOFOLLOW) | DONT_SYNC;
	if (syscall(SYS_statx, AT_FDCWD, host, flags, LOOK_BIRTH, &x) < 0 || !(x.mask & LOOK_BIRTH))
		return 0;
	/* 0 is what files of an image have that a tool has made. */
	return meta_birth_of_time(x.btime.sec, x.btime.nsec);
}

static uint32_t by_generation(const char *host, bool follows)
{
	struct stat st;
	long generation = 0;
	if (fstatat(AT_FDCWD, host, &st, follows ? 0 : AT_SYMLINK_NOFOLLOW) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return 0;
	CLEANUP_CLOSE int fd = open(host, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW));
	if (fd < 0 || ioctl(fd, FS_IOC_GETVERSION, &generation) < 0)
		return 0;
	/* The kernel writes an int. */
	uint32_t word = (uint32_t)generation << 1;
	return word ? word : 2;
}

static enum kind kind_of(const char *host, bool follows)
{
	/* linux/magic.h: what they show of a file is another inode's once it is written. */
	enum { OVERLAY = 0x794c7630, AUFS = 0x61756673, FUSE = 0x65735546, ECRYPT = 0xf15f };
	struct stat st;
	struct statfs fs;
	/* statfs(2) follows. */
	if ((!follows && (lstat(host, &st) < 0 || S_ISLNK(st.st_mode))) || statfs(host, &fs) < 0)
		return UNKNOWN;
	uint32_t type = fs.f_type;
	if (type == OVERLAY || type == AUFS || type == FUSE || type == ECRYPT)
		return OF_COPIES;
	return by_time(host, follows) ? BY_TIME : by_generation(host, follows) ? BY_GENERATION : UNKNOWN;
}

static enum kind kind_known(dev_t dev)
{
	for (unsigned i = 0; i < DEVICES; i++)
		if (known[i].kind != UNKNOWN && known[i].dev == dev)
			return known[i].kind;
	return UNKNOWN;
}

/* A device is looked at until it is known. */
static enum kind kind_on(const char *host, bool follows, dev_t dev)
{
	static unsigned next;
	enum kind kind = kind_known(dev);
	if (kind != UNKNOWN)
		return kind;
	kind = kind_of(host, follows);
	if (kind != UNKNOWN) {
		known[next % DEVICES].dev = dev;
		known[next++ % DEVICES].kind = kind;
	}
	return kind;
}

uint32_t birth_of(const char *host, bool follows, dev_t dev, bool of_copies)
{
	switch (kind_on(host, follows, dev)) {
	case BY_TIME:
		return by_time(host, follows);
	case BY_GENERATION:
		return by_generation(host, follows);
	case OF_COPIES:
		return of_copies ? by_time(host, follows) : 0;
	case UNKNOWN:
		break;
	}
	return 0;
}

uint32_t birth_if_told(dev_t dev, int64_t seconds, uint32_t nanoseconds)
{
	return kind_known(dev) == BY_TIME ? meta_birth_of_time(seconds, nanoseconds) : 0;
}

bool birth_is_time(const char *host, dev_t dev, bool of_copies)
{
	enum kind kind = kind_on(host, true, dev);
	return kind == BY_TIME || (kind == OF_COPIES && of_copies && by_time(host, true));
}
