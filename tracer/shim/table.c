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

/* struct statx of Linux 4.11, as far as it is looked at. */
struct statx_part {
	uint32_t mask, unused[6];
	uint16_t mode, pad;
	uint64_t ino;
	uint32_t more[10];
	int64_t seconds;
	uint32_t nanoseconds, rest[41];
};
_Static_assert(sizeof(struct statx_part) == 256, "include/uapi/linux/stat.h");

/* The birth of the inode at this path (0: the descriptor), its number and mode too.  0: not known, and neither are they. */
static uint32_t look_at_birth(long dir_fd, uint64_t path, uint64_t *ret_ino, uint32_t *ret_mode)
{
	enum { WITH_MODE = 3, WITH_NUMBER = 0x100, WITH_BIRTH = 0x800 };
	struct statx_part x;
	x.mask = 0;
	if (!(SHARED->flags & SHARED_TELLS_BIRTHS) ||
	    shim_raw_call(NR_STATX, dir_fd, path ? (long)path : (long)"", AT_NOFOLLOW | (path ? 0 : AT_EMPTY),
			  WITH_MODE | WITH_NUMBER | WITH_BIRTH, (long)&x, 0) < 0 || !(x.mask & WITH_BIRTH))
		return 0;
	*ret_ino = x.ino;
	*ret_mode = x.mode;
	return meta_birth_of_time(x.seconds, x.nanoseconds);
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
	uint32_t real_mode;
	if (found != UNMET)
		return found;
	/* Of these it counts when they were met, and with what mode. */
	if (META->flags & META_OF_HOST)
		return -1;
	return entry->birth && entry->birth == look_at_birth(dir_fd, path, &real_ino, &real_mode) && real_ino == ino ? 1 : -1;
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

/* What the host says of it: a mode that was changed while it had no entry counts. */
static bool is_mode_still(uint32_t real_mode, long dir_fd, uint64_t path, uint32_t *ret_birth)
{
	struct kernel_stat st;
	uint64_t ino;
	uint32_t mode;
	*ret_birth = look_at_birth(dir_fd, path, &ino, &mode);
	if (*ret_birth)
		return mode == real_mode;
	long r = path ? raw(NR_NEWFSTATAT, dir_fd, (long)path, (long)&st, AT_NOFOLLOW) : raw(NR_FSTAT, dir_fd, (long)&st, 0, 0);
	return r == 0 && st.mode == real_mode;
}

bool tell(const struct seen *seen, bool had_entry, uint32_t real_mode, struct meta_entry *entry, long dir_fd, uint64_t path)
{
	struct meta_request wanted, whole;
	entry->ino = seen->ino;
	entry->birth = had_entry ? seen->entry.birth : 0;
	if (!meta_request_of(entry, &wanted) || !meta_leave_request(INBOX, seen->ino, seen->request, wanted))
		return false;
	/* What it was made of may have changed before it was left. */
	bool is_same = seen->request.what || is_still(seen, had_entry);
	if (is_same && !had_entry) {
		is_same = is_mode_still(real_mode, dir_fd, path, &entry->birth);
		/* Who has taken it meanwhile knows it without its birth. */
		if (is_same && entry->birth && meta_request_of(entry, &whole))
			meta_leave_request(INBOX, seen->ino, wanted, whole);
	}
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
	uint32_t real_mode;
	struct meta_entry entry = { .ino = ino, .mode = mode,
				    .birth = mode ? look_at_birth(dir_fd, path, &real_ino, &real_mode) : 0 };
	meta_find_request(INBOX, ino, &old);
	return meta_request_of(&entry, &wanted) && meta_leave_request(INBOX, ino, old, wanted);
}
#endif
