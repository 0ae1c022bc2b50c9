/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path of 32-bit programs: by their numbers of calls the same answers as 64-bit programs get, and what is
 * told otherwise there converted.  It is 64-bit code, and its own calls are (hub_i386.S).
 */
#include "tracer/core/stat_i386.h"
#include "tracer/shim/fast.h"

#define CONVERTED(name) static int name(struct shim_frame *f)

static enum answer tell_stat64(const struct shim_frame *f, const struct kernel_stat *st, uint64_t to)
{
	struct stat64_i386 *s = (struct stat64_i386 *)to;
	if (f->result != 0)
		return ANSWERED;
	s->dev = st->dev;
	s->pad0 = s->pad3 = 0;
	s->short_ino = st->ino;
	s->mode = st->mode;
	s->nlink = st->nlink;
	s->uid = st->uid;
	s->gid = st->gid;
	s->rdev = st->rdev;
	s->size = st->size;
	s->blksize = st->blksize;
	s->blocks = st->blocks;
	s->atime = st->atime;
	s->atime_nsec = st->atime_nsec;
	s->mtime = st->mtime;
	s->mtime_nsec = st->mtime_nsec;
	s->ctime = st->ctime;
	s->ctime_nsec = st->ctime_nsec;
	s->ino = st->ino;
	return ANSWERED;
}

CONVERTED(i386_stat64)
{
	struct kernel_stat st;
	uint64_t to = f->argument[1];
	return may_be_mapped(to) && stat_path(f, AT_CWD, f->argument[0], (uint64_t)&st, true) ? tell_stat64(f, &st, to) : SLOW;
}

CONVERTED(i386_lstat64)
{
	struct kernel_stat st;
	uint64_t to = f->argument[1];
	return may_be_mapped(to) && stat_path(f, AT_CWD, f->argument[0], (uint64_t)&st, false) ? tell_stat64(f, &st, to) : SLOW;
}

CONVERTED(i386_fstat64)
{
	struct kernel_stat st;
	uint64_t to = f->argument[1];
	return may_be_mapped(to) && stat_descriptor(f, (int)f->argument[0], (uint64_t)&st) ? tell_stat64(f, &st, to) : SLOW;
}

CONVERTED(i386_fstatat64)
{
	struct kernel_stat st;
	uint64_t to = f->argument[2];
	return may_be_mapped(to) && stat_at(f, f->argument[0], f->argument[1], (uint64_t)&st, f->argument[3]) ?
		       tell_stat64(f, &st, to) :
		       SLOW;
}

enum { I386_OPENAT = 295, O_LARGE = 0100000, O_CLOSE_ON_EXEC = 02000000 };
void shim_act_i386(struct shim_frame *f, long number, long a, long b, long c, long d);

/* A large file is not opened without it, and fcntl(2) tells of it. */
static bool is_for_large_files(uint32_t flags)
{
	return flags & (O_LARGE | O_PATH_ONLY);
}

bool i386_act_open(struct shim_frame *f, long dir_fd, uint32_t flags, uint32_t mode)
{
	if (is_for_large_files(flags))
		return false;
	shim_act_i386(f, I386_OPENAT, dir_fd, (long)f->path, flags, mode);
	return true;
}

/* What is open by O_PATH is opened anew, in its place; not what may wait for somebody: a signal would find nobody. */
static long open_anew(struct shim_frame *f, long fd, uint32_t flags)
{
	enum { DEVICES_OF_MEMORY = 1 };
	char name[sizeof(SHIM_OWN_DESCRIPTORS) + 12] = SHIM_OWN_DESCRIPTORS;
	uint32_t at = sizeof(SHIM_OWN_DESCRIPTORS) - 1, place = 1;
	struct kernel_stat st;
	if (raw(NR_FSTAT, fd, (long)&st, 0, 0) < 0)
		return INVALID;
	bool is_memory = (st.mode & TYPE) == TYPE_CHARACTER && st.rdev >> 8 == DEVICES_OF_MEMORY;
	if ((st.mode & TYPE) != TYPE_FILE && (st.mode & TYPE) != TYPE_DIRECTORY && !is_memory)
		return INVALID;
	while (place <= fd / 10)
		place *= 10;
	for (; place; place /= 10)
		name[at++] = '0' + fd / place % 10;
	name[at] = '\0';
	shim_act_i386(f, I386_OPENAT, AT_CWD, (long)name, flags, 0);
	if (f->result < 0)
		return INVALID;
	/* The lowest number is the one that it is to have. */
	long made = f->result, r = raw(NR_DUP3, made, fd, flags & O_CLOSE_ON_EXEC, 0);
	raw(NR_CLOSE, made, 0, 0, 0);
	return r;
}

bool i386_act_open_unfollowed(struct shim_frame *f, long dir_fd, uint32_t flags)
{
	enum { NO_SYMLINKS = 4, O_DIRECTORY = 0200000 };
	uint64_t how[3] = { O_PATH_ONLY | O_CLOSE_ON_EXEC | (flags & O_DIRECTORY), 0, NO_SYMLINKS }, old;
	if (is_for_large_files(flags))
		return false;
	f->result = INVALID;
	if (!hold(f, &old))
		return true;
	long fd = raw(NR_OPENAT2, dir_fd, (long)f->path, (long)how, sizeof(how));
	long r = fd < 0 ? fd : open_anew(f, fd, flags);
	if (r < 0 && fd >= 0)
		raw(NR_CLOSE, fd, 0, 0, 0);
	f->result = r;
	f->phase = PHASE_ACTED;
	release(f, old);
	return true;
}

/* Of struct old_timespec32 and, when they are wide, struct __kernel_timespec, whose other half of the nanoseconds is padding. */
static enum answer set_times(struct shim_frame *f, bool is_wide)
{
	struct {
		int64_t seconds, nanoseconds;
	} times[2];
	uint64_t from = f->argument[2];
	if (from && !may_be_mapped(from))
		return SLOW;
	for (uint32_t i = 0; from && i < 2; i++) {
		times[i].seconds = is_wide ? ((const int64_t *)from)[2 * i] : ((const int32_t *)from)[2 * i];
		times[i].nanoseconds = is_wide ? (int64_t)((const uint32_t *)from)[4 * i + 2] : ((const int32_t *)from)[2 * i + 1];
	}
	return utimens_path(f, (int)f->argument[0], f->argument[1], from ? (uint64_t)times : 0, f->argument[3]);
}

CONVERTED(i386_utimensat)
{
	return set_times(f, false);
}

CONVERTED(i386_utimensat_time64)
{
	return set_times(f, true);
}

/* getuid(2): what has no room in 16 bits is told as what a sysctl says. */
static enum answer short_identity(struct shim_frame *f, int (*whole)(struct shim_frame *))
{
	return whole(f) && f->result <= 0xffff ? ANSWERED : SLOW;
}

CONVERTED(i386_getuid)
{
	return short_identity(f, fast_getuid);
}

CONVERTED(i386_geteuid)
{
	return short_identity(f, fast_geteuid);
}

CONVERTED(i386_getgid)
{
	return short_identity(f, fast_getgid);
}

CONVERTED(i386_getegid)
{
	return short_identity(f, fast_getegid);
}

int (*const shim_handlers[FAST_NUMBERS])(struct shim_frame *f) = {
#define HANDLER(handler, number) [number] = handler,
	FAST_CALLS_I386(HANDLER)
#undef HANDLER
};
