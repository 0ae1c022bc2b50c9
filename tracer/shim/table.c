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

int entry_of(uint64_t dev, uint64_t ino, struct meta_entry *ret)
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
	return meta_try_read(META, SHIM_META_BYTES, is_root_dev ? 0 : dev, ino, ret);
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

bool tell(uint64_t ino, uint32_t mode, uint32_t uid, uint32_t gid)
{
	return meta_leave_request(INBOX, (struct meta_request){ ino << 16 | (mode & 0177777), (uint64_t)gid << 32 | uid });
}
#endif
