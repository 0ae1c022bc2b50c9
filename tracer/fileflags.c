/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the ioctls of inode flags: immutable and append-only ones are in the metadata table, others the host's.  Other ioctls pass by. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/hooks.h"
#include "tracer/fast.h"
#include "tracer/memory.h"
#include "tracer/netlink.h"
#include "tracer/share.h"

enum { GET_FLAGS_32 = 0x80046601, SET_FLAGS_32 = 0x40046602 };
#define KEPT ((unsigned)(FS_IMMUTABLE_FL | FS_APPEND_FL))

static int64_t show_flags(struct call *c)
{
	unsigned flags;
	struct meta_entry entry;
	if (c->result != 0 || path_of_fd(c->t, call_int(c, 0), &c->object[0]) < 0 ||
	    memory_read(c->t, c->argument[2], &flags, sizeof(flags)) < 0)
		return c->result;
	meta_get_or_default(session.meta, &c->object[0].real, &entry);
	flags = (flags & ~KEPT) | (entry.marks & META_MARK_IMMUTABLE ? FS_IMMUTABLE_FL : 0u) |
		(entry.marks & META_MARK_APPEND ? FS_APPEND_FL : 0u);
	memory_write(c->t, c->argument[2], &flags, sizeof(flags));
	return c->result;
}

static void mark(struct object *o, struct meta_entry *entry, uint64_t marks)
{
	entry->marks = (entry->marks & ~(uint32_t)META_MARKS_OF_FLAGS) | marks;
	meta_set(session.meta, &o->real, entry);
	share_touch(o);
	if (!S_ISDIR(o->real.st_mode))
		return;
	/* What is told with prefixes, and what the shim does by a descriptor of a directory. */
	meta_bump_generation(session.meta);
	fast_note_fixed_directory();
}

/* vfs_fileattr_set of fs/file_attr.c */
static int64_t set_flags(struct call *c)
{
	struct object *o = &c->object[0];
	unsigned wanted, now;
	struct meta_entry entry;
	if (memory_read(c->t, c->argument[2], &wanted, sizeof(wanted)) < 0)
		return -EFAULT;
	CLEANUP_CLOSE int fd = open(o->host, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
		return CALL_PASS;
	if (o->mount->flags & BINDING_READ_ONLY)
		return -EROFS;
	if (path_must_own(c->t, o) < 0)
		return -EPERM;
	meta_get_or_default(session.meta, &o->real, &entry);
	uint64_t marks = (wanted & FS_IMMUTABLE_FL ? META_MARK_IMMUTABLE : 0u) | (wanted & FS_APPEND_FL ? META_MARK_APPEND : 0u);
	if (marks != (entry.marks & META_MARKS_OF_FLAGS)) {
		if (!cred_has(&c->t->cred, CAPABILITY_LINUX_IMMUTABLE))
			return -EPERM;
		mark(o, &entry, marks);
	}
	/* Of a file shared with a layer they are the layer's. */
	if (((wanted ^ now) & ~KEPT) == 0 || meta_is_shared(session.meta, &o->real))
		return 0;
	unsigned *room = call_room(c, sizeof(*room));
	if (!room)
		return -ENOMEM;
	*room = wanted & ~KEPT;
	call_set(c, 2, (uintptr_t)room);
	return CALL_PASS;
}

int64_t hook_ioctl(struct call *c)
{
	struct object *o = &c->object[0];
	uint32_t command = c->argument[1];
	bool gets = command == FS_IOC_GETFLAGS || command == GET_FLAGS_32;
	if (netlink_pretend_ioctl(c, command))
		return 0;
	if ((!gets && command != FS_IOC_SETFLAGS && command != SET_FLAGS_32) || (meta_header(session.meta)->flags & META_PLAIN))
		return CALL_PASS;
	int r = path_of_fd(c->t, call_int(c, 0), o);
	if (r < 0)
		return r;
	if (o->is_node || path_is_unopened(o) || (!S_ISREG(o->real.st_mode) && !S_ISDIR(o->real.st_mode)))
		return CALL_PASS;
	if (!gets)
		return set_flags(c);
	c->t->at_exit = show_flags;
	return CALL_PASS_EXIT;
}
