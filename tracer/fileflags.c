/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns inode flags, by ioctl(2) and by file_getattr(2): immutable and append-only ones are in the metadata table, others, and
 * what else is told with them, the host's.  Other ioctls pass by.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/hooks.h"
#include "tracer/fast.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/namespaces.h"
#include "tracer/netlink.h"
#include "tracer/share.h"

enum { GET_FLAGS_32 = 0x80046601, SET_FLAGS_32 = 0x40046602 };

/* Either form of the flags: FS_IOC_GETFLAGS' and that of FS_IOC_FSGETXATTR, by which of their bits are in the table. */
static const struct form {
	unsigned immutable, append;
} plain = { FS_IMMUTABLE_FL, FS_APPEND_FL }, extended = { FS_XFLAG_IMMUTABLE, FS_XFLAG_APPEND };

static unsigned without_kept(const struct form *f, unsigned flags)
{
	return flags & ~(f->immutable | f->append);
}

static unsigned with_kept(const struct form *f, unsigned flags, const struct object *o)
{
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	return without_kept(f, flags) | (entry.marks & META_MARK_IMMUTABLE ? f->immutable : 0) |
	       (entry.marks & META_MARK_APPEND ? f->append : 0);
}

static uint64_t marks_of(const struct form *f, unsigned flags)
{
	return (flags & f->immutable ? META_MARK_IMMUTABLE : 0u) | (flags & f->append ? META_MARK_APPEND : 0u);
}

/* Both structures begin with the flags. */
static int64_t show_flags(struct call *c)
{
	const uint32_t command = c->argument[1];
	unsigned flags;
	if (c->result != 0 || path_of_fd(c->t, call_int(c, 0), &c->object[0]) < 0 ||
	    memory_read(c->t, c->argument[2], &flags, sizeof(flags)) < 0)
		return c->result;
	flags = with_kept(command == FS_IOC_FSGETXATTR ? &extended : &plain, flags, &c->object[0]);
	memory_write(c->t, c->argument[2], &flags, sizeof(flags));
	return c->result;
}

/* vfs_fileattr_set of fs/file_attr.c, down to what file systems say: may the marks become these?  0 or -errno. */
static int may_mark(const struct call *c, const struct object *o, uint64_t marks)
{
	struct meta_entry entry;
	if (path_must_own(c->t, o) < 0)
		return -EPERM;
	meta_get_or_default(session.meta, &o->real, &entry);
	const bool changes = marks != (entry.marks & META_MARKS_OF_FLAGS);
	return changes && !cred_has(&c->t->cred, CAPABILITY_LINUX_IMMUTABLE) ? -EPERM : 0;
}

static void mark(struct object *o, uint64_t marks)
{
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (marks == (entry.marks & META_MARKS_OF_FLAGS))
		return;
	entry.marks = (entry.marks & ~(uint32_t)META_MARKS_OF_FLAGS) | marks;
	meta_set(session.meta, &o->real, &entry);
	share_touch(o);
	if (!S_ISDIR(o->real.st_mode))
		return;
	/* What is told with prefixes, and what the shim does by a descriptor of a directory. */
	meta_bump_generation(session.meta);
	fast_note_fixed_directory();
}

/* Of a file shared with a layer all others are the layer's. */
static bool is_for_host(const struct object *o, bool differs)
{
	return differs && !meta_is_shared(session.meta, &o->real);
}

static int64_t set_flags(struct call *c)
{
	struct object *o = &c->object[0];
	unsigned wanted, now;
	if (memory_read(c->t, c->argument[2], &wanted, sizeof(wanted)) < 0)
		return -EFAULT;
	CLEANUP_CLOSE int fd = open(o->host, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
		return CALL_PASS;
	if (o->mount->flags & BINDING_READ_ONLY)
		return -EROFS;
	const uint64_t marks = marks_of(&plain, wanted);
	const unsigned rest = without_kept(&plain, wanted);
	int r = may_mark(c, o, marks);
	if (r == 0 && is_for_host(o, rest != without_kept(&plain, now)) && ioctl(fd, FS_IOC_SETFLAGS, &rest) < 0)
		r = -errno;
	if (r == 0)
		mark(o, marks);
	return r;
}

static int64_t set_extended(struct call *c)
{
	struct object *o = &c->object[0];
	struct fsxattr wanted, now;
	if (memory_read(c->t, c->argument[2], &wanted, sizeof(wanted)) < 0)
		return -EFAULT;
	CLEANUP_CLOSE int fd = open(o->host, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &now) < 0)
		return CALL_PASS;
	if (o->mount->flags & BINDING_READ_ONLY)
		return -EROFS;
	const uint64_t marks = marks_of(&extended, wanted.fsx_xflags);
	wanted.fsx_xflags = without_kept(&extended, wanted.fsx_xflags);
	const bool differs = wanted.fsx_xflags != without_kept(&extended, now.fsx_xflags) || wanted.fsx_extsize != now.fsx_extsize ||
			     wanted.fsx_projid != now.fsx_projid || wanted.fsx_cowextsize != now.fsx_cowextsize;
	int r = may_mark(c, o, marks);
	if (r == 0 && is_for_host(o, differs) && ioctl(fd, FS_IOC_FSSETXATTR, &wanted) < 0)
		r = -errno;
	if (r == 0)
		mark(o, marks);
	return r;
}

int64_t hook_ioctl(struct call *c)
{
	struct object *o = &c->object[0];
	const uint32_t command = c->argument[1];
	const bool gets = command == FS_IOC_GETFLAGS || command == GET_FLAGS_32 || command == FS_IOC_FSGETXATTR;
	const bool sets = command == FS_IOC_SETFLAGS || command == SET_FLAGS_32 || command == FS_IOC_FSSETXATTR;
	int64_t result;
	if (netlink_pretend_ioctl(c, command))
		return 0;
	if (namespaces_ioctl(c, command, &result) || inside_sets_owner(c, command, &result))
		return result;
	if (c->t->process->pids && inside_ioctl(c, command, &result))
		return result;
	if ((!gets && !sets) || (meta_header(session.meta)->flags & META_PLAIN))
		return CALL_PASS;
	int r = path_of_fd(c->t, call_int(c, 0), o);
	if (r < 0)
		return r;
	if (o->is_node || path_is_unopened(o) || (!S_ISREG(o->real.st_mode) && !S_ISDIR(o->real.st_mode)))
		return CALL_PASS;
	if (sets)
		return command == FS_IOC_FSSETXATTR ? set_extended(c) : set_flags(c);
	c->t->at_exit = show_flags;
	return CALL_PASS_EXIT;
}

/* ---- file_getattr(2), file_setattr(2) of Linux 6.17 ---- */

enum { GET_ATTRIBUTES = 468, SET_ATTRIBUTES = 469, ATTRIBUTES_ROOM = 4096 /* PAGE_SIZE */ };
#define KEPT ((uint64_t)(FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND))

/* struct file_attr of include/uapi/linux/fs.h: FILE_ATTR_SIZE_VER0 */
struct attributes {
	uint64_t flags;
	uint32_t extent_size, extents, project, copied_extent_size;
};

static bool is_there(void)
{
	static int is = -1;
	const unsigned no_flag = 1;
	if (is < 0)
		is = syscall(GET_ATTRIBUTES, -1, "", NULL, 0, no_flag) < 0 && errno == EINVAL;
	return is;
}

static int check_arguments(const struct call *c)
{
	const uint64_t size = c->argument[3];
	if (!is_there())
		return -ENOSYS;
	if (c->argument[4] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) & UINT32_MAX)
		return -EINVAL;
	return size > ATTRIBUTES_ROOM ? -E2BIG : size < sizeof(struct attributes) ? -EINVAL : 0;
}

int check_file_getattr(const struct call *c)
{
	return check_arguments(c);
}

/* copy_struct_from_user, and what of the flags no kernel knows: the host's says so before it looks for a file. */
static int read_attributes(const struct call *c, struct attributes *ret)
{
	char room[ATTRIBUTES_ROOM];
	const size_t size = c->argument[3];
	if (memory_read(c->t, c->argument[2], room, size) < 0)
		return -EFAULT;
	for (size_t i = sizeof(*ret); i < size; i++)
		if (room[i])
			return -E2BIG;
	memcpy(ret, room, sizeof(*ret));
	return syscall(SET_ATTRIBUTES, -1, "none", ret, sizeof(*ret), 0) < 0 && errno == EINVAL ? -EINVAL : 0;
}

int check_file_setattr(const struct call *c)
{
	struct attributes unused;
	int r = check_arguments(c);
	return r < 0 ? r : read_attributes(c, &unused);
}

static int flags_for_host(const struct object *o)
{
	return o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW;
}

/* As the host has them; a device node that is a file there has none.  A descriptor alone is to be one that can be read by. */
static int look_at_attributes(const struct call *c, const struct object *o, struct attributes *ret)
{
	struct stat st;
	if (!c->text[0][0] && o->is_fd && path_is_unopened(o))
		return -EBADF;
	path_shown(c->t, o, &st);
	if ((st.st_mode & S_IFMT) != (o->real.st_mode & S_IFMT))
		return -EOPNOTSUPP;
	return syscall(GET_ATTRIBUTES, AT_FDCWD, path_short(o->host), ret, sizeof(*ret), flags_for_host(o)) < 0 ? -errno : 0;
}

int64_t hook_file_getattr(struct call *c)
{
	const struct object *o = &c->object[0];
	union {
		struct attributes a;
		char bytes[ATTRIBUTES_ROOM];
	} told;
	memset(&told, 0, sizeof(told));
	int r = look_at_attributes(c, o, &told.a);
	if (r < 0)
		return r;
	told.a.flags = (told.a.flags & ~KEPT) | with_kept(&extended, 0, o);
	return memory_write(c->t, c->argument[2], &told, c->argument[3]);
}

int64_t hook_file_setattr(struct call *c)
{
	struct object *o = &c->object[0];
	struct attributes wanted, now;
	int r = read_attributes(c, &wanted);
	if (r == 0)
		r = look_at_attributes(c, o, &now);
	if ((r == 0 || r == -EOPNOTSUPP) && o->mount->flags & BINDING_READ_ONLY)
		r = -EROFS;
	const uint64_t marks = marks_of(&extended, wanted.flags);
	if (r == 0)
		r = may_mark(c, o, marks);
	if (r < 0)
		return r;
	wanted.flags &= ~KEPT;
	const bool differs = wanted.flags != (now.flags & ~KEPT) || wanted.extent_size != now.extent_size ||
			     wanted.project != now.project || wanted.copied_extent_size != now.copied_extent_size;
	if (is_for_host(o, differs) &&
	    syscall(SET_ATTRIBUTES, AT_FDCWD, path_short(o->host), &wanted, sizeof(wanted), flags_for_host(o)) < 0)
		return -errno;
	mark(o, marks);
	return 0;
}
