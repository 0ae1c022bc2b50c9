/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata table as the shim sees it: its inbox, which is mapped when it is first needed, and then the table. */
#include "tracer/shim/fast.h"

#ifdef __x86_64__
_Static_assert(sizeof(struct meta_inbox) == SHIM_INBOX_BYTES, "the inbox has its place");

#define INBOX ((struct meta_inbox *)SHIM_INBOX)
#define INBOX_USE ((volatile uint32_t *)SHIM_INBOX_USE)

/* For writing when the process may change all files.  Begun, it must be ended: a descriptor is open. */
static void map_inbox(void)
{
	enum { READ = 1, WRITE = 2, MAP_SHARED = 1, MAP_FIXED = 0x10, READ_WRITE = 2, CLOSE_ON_EXEC = 02000000 };
	struct shim_frame *f = own_frame();
	uint64_t old;
	uint32_t number;
	bool writes = state_with(STATE_MAKES_AS_ROOT, &number);
	if (!SHARED->inbox_path[0] || !hold(f, &old))
		return;
	long fd = raw(NR_OPENAT, AT_CWD, (long)SHARED->inbox_path, CLOSE_ON_EXEC | (writes ? READ_WRITE : 0), 0);
	long at = fd < 0 ? fd : shim_raw_call(NR_MMAP, SHIM_INBOX, SHIM_INBOX_BYTES, writes ? READ | WRITE : READ,
					      MAP_SHARED | MAP_FIXED, fd, 0);
	if (fd >= 0)
		raw(NR_CLOSE, fd, 0, 0, 0);
	if (at == SHIM_INBOX)
		*INBOX_USE = writes ? INBOX_WRITE : INBOX_READ;
	release(f, old);
}

static bool statx_born(long dir_fd, uint64_t path, struct kernel_statx *x)
{
	enum { TYPE_TO_GID = 0x1f, WITH_NUMBER = 0x100, WITH_BIRTH = 0x800 };
	x->mask = 0;
	return (SHARED->flags & SHARED_TELLS_BIRTHS) &&
	       shim_raw_call(NR_STATX, dir_fd, path ? (long)path : (long)"", AT_NOFOLLOW | (path ? 0 : AT_EMPTY),
			     TYPE_TO_GID | WITH_NUMBER | WITH_BIRTH, (long)x, 0) == 0 && (x->mask & WITH_BIRTH);
}

static uint32_t birth_of(const struct kernel_statx *x)
{
	return meta_birth_of_time(x->btime.seconds, x->btime.nanoseconds);
}

/* The birth of the inode at this path (0: the descriptor), and its number.  0: not known, and neither is that. */
static uint32_t look_at_birth(long dir_fd, uint64_t path, uint64_t *ret_ino)
{
	struct kernel_statx x;
	if (!statx_born(dir_fd, path, &x))
		return 0;
	*ret_ino = x.ino;
	return birth_of(&x);
}

long look_born(long dir_fd, uint64_t path, struct kernel_stat *st, uint32_t *ret_birth)
{
	struct kernel_statx x;
	*ret_birth = 0;
	if (!statx_born(dir_fd, path, &x))
		return path ? raw(NR_NEWFSTATAT, dir_fd, (long)path, (long)st, AT_NOFOLLOW) : raw(NR_FSTAT, dir_fd, (long)st, 0, 0);
	st->dev = device(x.dev_major, x.dev_minor);
	st->ino = x.ino;
	st->nlink = x.nlink;
	st->mode = x.mode;
	st->uid = x.uid;
	st->gid = x.gid;
	st->rdev = device(x.rdev_major, x.rdev_minor);
	*ret_birth = birth_of(&x);
	return 0;
}

enum { UNMET = 2 };

/* As entry_of, but UNMET: *ret has an entry that may be an earlier inode's. */
static int find_entry(uint64_t dev, uint64_t ino, struct meta_entry *ret)
{
	if (dev == SHARED->proc_dev)
		return -1;
	bool is_root_dev = dev == SHARED->root_dev;
	if (is_root_dev && (META->flags & META_HAS_INBOX)) {
		if (*INBOX_USE == INBOX_UNKNOWN)
			map_inbox();
		if (*INBOX_USE == INBOX_UNKNOWN)
			return -1;
		int asked = meta_ask_inbox(INBOX, ino, ret);
		if (asked >= 0)
			return asked;
	}
	int found = meta_try_read(META, SHIM_META_BYTES, is_root_dev ? 0 : dev, ino, ret);
	return found == 1 && !meta_is_met(META, ret) ? UNMET : found;
}

/* The tracer would ask no more, but tell everybody. */
static int meet(int found, uint64_t ino, long dir_fd, uint64_t path, const struct meta_entry *entry)
{
	uint64_t real_ino;
	if (found != UNMET)
		return found;
	/* Of these it counts when they were met, and with what mode. */
	if (META->flags & META_OF_HOST)
		return -1;
	return entry->birth && entry->birth == look_at_birth(dir_fd, path, &real_ino) && real_ino == ino ? 1 : -1;
}

int entry_of(uint64_t dev, uint64_t ino, struct meta_entry *ret)
{
	int found = find_entry(dev, ino, ret);
	return found == UNMET ? -1 : found;
}

int entry_at(uint64_t dev, uint64_t ino, long dir_fd, uint64_t path, struct meta_entry *ret)
{
	return meet(find_entry(dev, ino, ret), ino, dir_fd, path, ret);
}

int entry_to_change(uint64_t dev, uint64_t ino, long dir_fd, uint64_t path, struct seen *seen)
{
	seen->request = (struct meta_request){ 0, 0 };
	seen->ino = ino;
	/* Only the device of the root has an inbox. */
	if (dev != SHARED->root_dev || !(META->flags & META_HAS_INBOX))
		return entry_at(dev, ino, dir_fd, path, &seen->entry);
	if (*INBOX_USE == INBOX_UNKNOWN)
		map_inbox();
	if (*INBOX_USE == INBOX_UNKNOWN)
		return -1;
	if (meta_find_request(INBOX, ino, &seen->request))
		return meta_take_request(ino % META_INBOX_SETS, &seen->request, &seen->entry);
	return entry_at(dev, ino, dir_fd, path, &seen->entry);
}

bool may_tell(uint64_t dev, uint64_t ino)
{
	if (dev != SHARED->root_dev || ino >> META_INBOX_NUMBER_BITS || !(META->flags & META_HAS_INBOX) ||
	    (SHARED->flags & SHARED_GIVES))
		return false;
	if (*INBOX_USE != INBOX_WRITE)
		map_inbox();
	return *INBOX_USE == INBOX_WRITE;
}

/* What the table says of it still. */
static bool is_still(const struct seen *seen, bool had_entry)
{
	struct meta_entry now = { .ino = 0 };
	int found = meta_try_read(META, SHIM_META_BYTES, 0, seen->ino, &now);
	return found == had_entry && (!found || (now.uid == seen->entry.uid && now.gid == seen->entry.gid &&
						 now.mode == seen->entry.mode && now.birth == seen->entry.birth && meta_is_simple(&now)));
}

/* Has its mode on the host been that one since it was looked at?  A mode that was changed while it had no entry counts. */
static bool is_mode_still(const struct seen *seen, uint32_t real_mode, long dir_fd, uint64_t path)
{
	struct kernel_stat st;
	uint32_t birth;
	if (seen->modes != SEEN_UNCOUNTED && __atomic_load_n(&INBOX->modes, __ATOMIC_ACQUIRE) == seen->modes)
		return true;
	return look_born(dir_fd, path, &st, &birth) == 0 && st.mode == real_mode && birth == seen->birth;
}

void seen_begin(struct seen *seen)
{
	bool is_mapped = (META->flags & META_HAS_INBOX) && *INBOX_USE != INBOX_UNKNOWN;
	seen->modes = is_mapped ? __atomic_load_n(&INBOX->modes, __ATOMIC_ACQUIRE) : SEEN_UNCOUNTED;
	seen->birth = 0;
}

bool tell_mode_changed(void)
{
	/* Where there is no inbox yet, who leaves something in it looks later than now. */
	if (!(META->flags & META_HAS_INBOX))
		return true;
	if (*INBOX_USE != INBOX_WRITE)
		map_inbox();
	if (*INBOX_USE != INBOX_WRITE)
		return false;
	__atomic_add_fetch(&INBOX->modes, 1, __ATOMIC_SEQ_CST);
	return true;
}

bool tell(const struct seen *seen, bool had_entry, uint32_t real_mode, struct meta_entry *entry, long dir_fd, uint64_t path)
{
	struct meta_request wanted;
	entry->ino = seen->ino;
	entry->birth = had_entry ? seen->entry.birth : seen->birth;
	if (!meta_request_of(entry, &wanted) || !meta_leave_request(INBOX, seen->ino, seen->request, wanted))
		return false;
	/* What it was made of may have changed before it was left. */
	bool is_same = (seen->request.what || is_still(seen, had_entry)) &&
		       (had_entry || is_mode_still(seen, real_mode, dir_fd, path));
	return is_same || !meta_leave_request(INBOX, seen->ino, wanted, seen->request);
}

bool tell_leaving(struct seen *seen)
{
	static const struct meta_request none;
	struct meta_request wanted;
	if (seen->request.what)
		return true;
	seen->entry.ino = seen->ino;
	if (!meta_request_of(&seen->entry, &wanted) || !meta_leave_request(INBOX, seen->ino, none, wanted))
		return false;
	if (!is_still(seen, true)) {
		meta_leave_request(INBOX, seen->ino, wanted, none);
		return false;
	}
	seen->request = wanted;
	return true;
}

/*
 * Said when it is so: while it has a name it would lose its entry for this.  Who makes an inode of the number meanwhile says
 * what that is, in the place of what is in the inbox; and when nothing is said, each who makes one of the number looks
 * for an entry.
 */
void tell_unnamed(const struct seen *seen)
{
	struct meta_entry entry = seen->entry;
	struct meta_request wanted;
	entry.ino = seen->ino;
	entry.marks = META_MARK_UNNAMED;
	if (meta_request_of(&entry, &wanted))
		meta_leave_request(INBOX, seen->ino, seen->request, wanted);
}

bool tell_made(uint64_t ino, uint32_t mode, long dir_fd, uint64_t path)
{
	struct meta_request wanted, old = { 0, 0 };
	uint64_t real_ino;
	struct meta_entry entry = { .ino = ino, .mode = mode, .birth = mode ? look_at_birth(dir_fd, path, &real_ino) : 0 };
	meta_find_request(INBOX, ino, &old);
	return meta_request_of(&entry, &wanted) && meta_leave_request(INBOX, ino, old, wanted);
}
#endif
