/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the open calls: creation by the tracer, link breaking, devices, and sending the tracee to the file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/cgroups.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/fast.h"
#include "tracer/fast_prefixes.h"
#include "tracer/hooks.h"
#include "tracer/listing.h"
#include "tracer/memory.h"
#include "tracer/namespaces.h"
#include "tracer/nodes.h"
#include "tracer/plain.h"
#include "tracer/procfs.h"
#include "tracer/share.h"
#include "tracer/through.h"
#include "tracer/watch.h"

#define O_PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

/* VALID_OPEN_FLAGS of include/linux/fcntl.h, as bits of the kernel: O_LARGEFILE is 0 here. */
#define VALID_FLAGS                                                                                       \
	((uint64_t)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |  \
		    FASYNC | O_DIRECT | 0100000 | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | \
		    TMPFILE_BIT))

/* linux/openat2.h */
struct open_how_v0 {
	uint64_t flags, mode, resolve;
};
enum { RESOLVE_XDEV = 1, RESOLVE_MAGIC = 2, RESOLVE_SYMLINK = 4, RESOLVE_BELOW = 8, RESOLVE_ROOT = 16, RESOLVE_CACHE = 32 };

struct opening {
	int dir_fd;
	unsigned path_argument;
	uint64_t flags;
	mode_t mode;
	unsigned lookup; /* added to what the flags say */
	bool is_put_off; /* another call is made first, then this one comes again */
	uint64_t dropped; /* flags that are not the kernel's matter any more */
	uint64_t added;   /* and those that the guest has not set */
	dev_t node;       /* the number of the guest's device node that a device of the host's is opened for; 0: none */
};

/* build_open_flags of fs/open.c: what is refused before a path is looked at. */
static int check_flags(uint64_t flags)
{
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return -EINVAL;
	/* "\004\002\006\006"[flags & O_ACCMODE]: all but O_RDONLY write. */
	if ((flags & TMPFILE_BIT) && (!(flags & O_DIRECTORY) || (flags & O_ACCMODE) == O_RDONLY))
		return -EINVAL;
	return 0;
}

/* A device made by mknod works when it is one that everybody may use; others are not there. */
static const char *host_device(const struct meta_entry *entry)
{
	static const struct {
		unsigned major, minor;
		const char *path;
	} device[] = {
		{ 1, 3, "/dev/null" }, { 1, 5, "/dev/zero" }, { 1, 7, "/dev/full" }, { 1, 8, "/dev/random" },
		{ 1, 9, "/dev/urandom" }, { 5, 0, "/dev/tty" }, { 5, 2, "/dev/ptmx" },
	};
	for (size_t i = 0; S_ISCHR(entry->mode) && i < sizeof(device) / sizeof(*device); i++)
		if (major(entry->rdev) == device[i].major && minor(entry->rdev) == device[i].minor)
			return device[i].path;
	return NULL;
}

static int create(struct call *c, struct opening *op)
{
	struct object *o = &c->object[0];
	if (path_is_nowhere(o))
		return -ENOENT;
	int r = path_may_change_parent(c->t, o);
	if (r < 0)
		return r;
	/* lookup_open of fs/namei.c, for kernfs */
	if (cgroups_has(o))
		return -EACCES;
	/* The kernel makes it, as whose it is. */
	if (session.is_plain)
		return 0;
	mode_t real = share_real_mode(op->mode & ~c->t->fs->umask & 0777);
	int fd = open(path_short(o->host), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, real);
	if (fd < 0)
		return -errno;
	close(fd);
	/* What has just been made is neither in the way nor to be cut. */
	op->dropped |= (session.writes_through ? O_CREAT : 0) | O_EXCL | O_TRUNC;
	return share_record_new(c->t, o, op->mode & 07777, 0);
}

/* A real device node in the guest's root. */
static int open_own_node(const struct object *o, struct opening *op, const char **ret_instead)
{
	struct meta_entry entry = { .mode = o->real.st_mode, .rdev = o->real.st_rdev };
	*ret_instead = host_device(&entry);
	/* Whoever is about to set its owner by descriptor means the node itself. */
	if (entry.rdev == makedev(1, 3) && (op->flags & O_NOFOLLOW))
		*ret_instead = NULL;
	else if (!*ret_instead)
		return -ENXIO;
	op->node = *ret_instead ? entry.rdev : 0;
	return 0;
}

/* The rules for a file that is there. */
static int64_t check_existing(struct call *c, struct opening *op, const char **ret_instead)
{
	struct object *o = &c->object[0];
	unsigned access_mode = op->flags & O_ACCMODE;
	if (session.is_plain)
		return plain_may_open(o, access_mode != O_RDONLY || (op->flags & O_TRUNC));
	/* do_open and may_open of fs/namei.c */
	if ((op->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if ((op->flags & O_CREAT) && S_ISDIR(o->real.st_mode))
		return -EISDIR;
	int r = op->flags & O_CREAT ? path_may_open_in_sticky(c->t, o) : 0;
	if (r < 0)
		return r;
	if ((op->flags & O_DIRECTORY) && !S_ISDIR(o->real.st_mode))
		return -ENOTDIR;
	if (S_ISLNK(o->real.st_mode))
		return 0; /* O_NOFOLLOW: ELOOP, or a descriptor with O_PATH; the kernel knows */
	unsigned mask = access_mode == O_RDONLY ? CRED_READ :
			access_mode == O_WRONLY ? CRED_WRITE :
						  CRED_READ | CRED_WRITE;
	if (op->flags & O_TRUNC)
		mask |= CRED_WRITE;
	if (S_ISDIR(o->real.st_mode) && (mask & CRED_WRITE))
		return -EISDIR;
	r = path_permission(c->t, o, mask);
	if (r == 0 && (o->mount->flags & BINDING_PROC) && !o->is_fd && procfs_refuses(o->host, c->t, true))
		r = -EACCES;
	if (r < 0)
		return r;
	/* may_open of fs/namei.c */
	bool may_lose = (access_mode != O_RDONLY && !(op->flags & O_APPEND)) || (op->flags & O_TRUNC);
	if (may_lose && (path_flags(&o->real) & META_MARK_APPEND))
		return -EPERM;
	/* open(2): O_NOATIME is the owner's or CAP_FOWNER's. */
	if ((op->flags & O_NOATIME) && path_must_own(c->t, o) < 0)
		return -EPERM;
	/* The kernel would ask again, as whom the tracee really is, whether it may be in a sticky directory. */
	op->dropped |= session.writes_through ? O_CREAT : 0;
	/* devpts(5): the node of an instance that was mounted without ptmxmode= is for nobody, the host's other one for all. */
	if (S_ISCHR(o->real.st_mode) && o->real.st_rdev == makedev(5, 2) && !(o->real.st_mode & 0777))
		*ret_instead = "/dev/ptmx";
	bool is_device = S_ISCHR(o->real.st_mode) || S_ISBLK(o->real.st_mode);
	if (is_device && (o->mount->flags & MOUNT_NO_DEVICES) && !o->is_fd)
		return -EACCES;
	if (through_is_own_node(o))
		return open_own_node(o, op, ret_instead);
	struct meta_entry entry;
	if (S_ISREG(o->real.st_mode) && meta_get(session.meta, o->real.st_dev, o->real.st_ino, &entry) &&
	    !S_ISREG(entry.mode)) {
		/* may_open of fs/namei.c */
		if ((S_ISCHR(entry.mode) || S_ISBLK(entry.mode)) && (o->mount->flags & MOUNT_NO_DEVICES))
			return -EACCES;
		*ret_instead = host_device(&entry);
		/*
		 * Package managers open what they have just made, without following and for reading, to set
		 * owner and mode by descriptor: that must be the node.  Its empty file reads as null does.
		 */
		bool wants_node = access_mode == O_RDONLY && (op->flags & O_NOFOLLOW);
		if (wants_node && (!*ret_instead || entry.rdev == makedev(1, 3)))
			*ret_instead = NULL;
		else if (!*ret_instead)
			return -ENXIO;
		op->node = *ret_instead ? entry.rdev : 0;
		return 0;
	}
	if (mask & CRED_WRITE) {
		if (share_is_running(o))
			return -ETXTBSY;
		r = share_make_private(o, !(op->flags & O_TRUNC));
		return r < 0 ? r : share_mark(c->t, o);
	}
	if (o->real.st_uid == session.uid && !(o->real.st_mode & 0400))
		path_repair(o->host);
	if (S_ISDIR(o->real.st_mode) && o->real.st_uid == session.uid && (o->real.st_mode & 0500) != 0500)
		path_repair(o->host);
	return 0;
}

/* An O_TMPFILE: its directory is in the name that the kernel shows for it, "DIR/#INODE (deleted)". */
static int64_t record_unnamed(struct call *c)
{
	struct object *o = &c->object[0], *named = &c->object[1];
	struct stat parent;
	if (c->result < 0 || path_of_fd(c->t, (int)c->result, o) < 0)
		return c->result;
	struct meta_entry entry;
	meta_begin_inode(session.meta, &o->real);
	meta_default(session.meta, &o->real, &entry);
	entry.mode = S_IFREG | (c->t->exit_private & 07777);
	ssize_t n = readlink(o->host, named->host, sizeof(named->host) - 1);
	named->host[n < 0 ? 0 : n] = '\0';
	named->has_parent = false;
	if (n > 0)
		share_init_owner(c->t, named, &entry, &parent);
	/* Whatever the umask left of the mode, the invoking user can always work on it. */
	share_set_mode(c->t, o, &entry);
	meta_unname(session.meta, &o->real);
	return c->result;
}

static int64_t note_node(struct call *c)
{
	if (c->result >= 0)
		nodes_opened(c->t, (int)c->result);
	return c->result;
}

/*
 * Runtimes execute a descriptor of themselves that they have opened through a read-only bind, which they then unmount:
 * what /proc/self/exe is on must tell them that it is the one (statfs_of of stat.c).
 */
static void note_path(struct process *p, const struct object *o)
{
	bool is_noted = o->real.st_ino == p->read_only_ino && o->real.st_dev == p->read_only_dev;
	if (o->mount->flags & BINDING_READ_ONLY) {
		p->read_only_dev = o->real.st_dev;
		p->read_only_ino = o->real.st_ino;
	} else if (is_noted) {
		p->read_only_ino = 0;
	}
}

/* Looks up, creates, checks; leaves the path argument translated.  CALL_PASS, CALL_PASS_EXIT, -errno. */
static int64_t open_common(struct call *c, struct opening *op)
{
	struct object *o = &c->object[0];
	char *text = c->text[0];
	int r = check_flags(op->flags);
	if (r < 0)
		return r;
	r = memory_read_string(c->t, c->argument[op->path_argument], text, PATH_MAX);
	if (r < 0)
		return r;
	bool creates = (op->flags & O_CREAT) && !(op->flags & O_PATH);
	bool follows = !(op->flags & O_NOFOLLOW) && !(creates && (op->flags & O_EXCL));
	r = path_lookup(c->t, op->dir_fd, text,
			op->lookup | (follows ? LOOKUP_FOLLOW : 0) | (creates ? LOOKUP_CREATE : 0), o);
	if (r < 0)
		return r;
	CLEANUP_TALLOC char *setting = NULL;
	const char *instead = NULL;
	int64_t result = CALL_PASS;
	if ((op->flags & TMPFILE_BIT) && !(op->flags & O_PATH) && !session.is_plain) {
		r = S_ISDIR(o->real.st_mode) ? path_permission(c->t, o, CRED_WRITE | CRED_EXECUTE) : -ENOTDIR;
		if (r < 0)
			return r;
		c->t->exit_private = op->mode;
		op->mode |= 0600;
		c->t->at_exit = record_unnamed;
		result = CALL_PASS_EXIT;
	} else if (!o->exists) {
		r = create(c, op);
		if (r < 0)
			return r;
	} else if (!(op->flags & O_PATH)) {
		int64_t checked = check_existing(c, op, &instead);
		if (checked < 0)
			return checked;
		if (S_ISREG(o->real.st_mode) && cgroups_has(o)) {
			cgroups_opening(o);
			if ((op->flags & O_ACCMODE) != O_RDONLY && !c->t->has_control) {
				op->is_put_off = true;
				return watch_begin(c, WATCH_WRITES);
			}
			if (!instead && (op->flags & O_ACCMODE) == O_RDONLY)
				instead = c->t->remove_later = cgroups_members_inside(c->t, o);
			op->dropped |= O_TRUNC | O_CREAT;
		} else if (cgroups_is_hosts_list(c->t, o)) {
			if ((op->flags & O_ACCMODE) != O_RDONLY && !c->t->has_control) {
				op->is_put_off = true;
				return watch_begin(c, WATCH_WRITES);
			}
			if (!instead && (op->flags & O_ACCMODE) == O_RDONLY)
				instead = c->t->remove_later = cgroups_members_inside(c->t, o);
		}
		if (S_ISDIR(o->real.st_mode) && !c->t->is_watched && listing_is_changed(c->t, o)) {
			op->is_put_off = true;
			return watch_begin(c, WATCH_CALLS);
		}
		if (!instead && (o->mount->flags & BINDING_PROC) && !o->is_fd && S_ISREG(o->real.st_mode)) {
			bool is_write = (op->flags & O_ACCMODE) != O_RDONLY;
			r = is_write ? procfs_takes_writes(c->t, o) : 0;
			if (r < 0)
				return r;
			if (r && !c->t->has_control) {
				op->is_put_off = true;
				return watch_begin(c, WATCH_WRITES);
			}
			op->dropped |= r ? O_TRUNC | O_CREAT : 0;
			setting = procfs_own_setting(c->t, o, is_write);
			c->t->remove_later = setting ? NULL : procfs_generate(c->t, o, is_write);
			instead = setting ? setting : c->t->remove_later;
			if (!instead && procfs_is_hosts(text, o))
				fast_tell_proc_file(c->t, text);
		}
	}
	if ((op->flags & O_PATH) && o->exists && !o->is_fd && S_ISREG(o->real.st_mode))
		note_path(c->t->process, o);
	/* Whose the file is to the guest has been looked at. */
	if (instead || (o->exists && o->real.st_uid != session.uid && !session.is_plain))
		op->dropped |= O_NOATIME;
	if ((o->mount->flags & BINDING_PROC) && o->exists && S_ISDIR(o->real.st_mode))
		fast_note_proc_directory();
	CLEANUP_TALLOC char *stand_in = NULL;
	const char *rest;
	const struct tracee *of = o->exists && o->is_fd ? procfs_subject(o->host, &rest) : NULL;
	if (of && text_starts(rest, "ns/"))
		instead = stand_in = namespaces_file(NULL, of, rest + 3);
	if (op->node) {
		enum nodes_opening known = nodes_opening(o, op->node, instead);
		op->added = known == NODES_UNKNOWN ? 0 : O_NOFOLLOW;
		if (known == NODES_COPIED) {
			c->t->at_exit = note_node;
			result = CALL_PASS_EXIT;
		}
	}
	if (instead || !o->is_plain) {
		r = call_set_path(c, op->path_argument, instead ? instead : o->host);
		if (r < 0)
			return r;
	}
	return result;
}

/*
 * Go on without O_CREAT, which creat(2) cannot be told.  Of a regular file only, and of devices that are there at once: that
 * wait is not interrupted, so that nothing is made again under the other number.
 */
static void become_open(struct call *c, bool is_device, uint64_t flags)
{
	if ((!is_device && !S_ISREG(c->object[0].real.st_mode)) || arch_set_number(c->t, arch_call_number(c->abi, "open")) < 0)
		return;
	call_set(c, 1, flags);
	call_set(c, 2, 0);
}

int64_t hook_open(struct call *c)
{
	bool has_dir = strcmp(c->row->name, "openat") == 0, is_creat = strcmp(c->row->name, "creat") == 0;
	unsigned at = has_dir;
	struct opening op = {
		.dir_fd = has_dir ? call_int(c, 0) : AT_FDCWD,
		.path_argument = at,
		.flags = is_creat ? O_CREAT | O_WRONLY | O_TRUNC : (uint32_t)c->argument[at + 1],
		.mode = c->argument[at + (is_creat ? 1 : 2)] & 07777,
	};
	uint64_t flags = op.flags;
	mode_t mode = op.mode;
	/* O_PATH beats everything else (build_open_how). */
	if (op.flags & O_PATH)
		op.flags &= O_PATH_FLAGS;
	int64_t r = open_common(c, &op);
	if ((r != CALL_PASS && r != CALL_PASS_EXIT) || op.is_put_off)
		return r;
	/* Cutting a file that was just made would take its set-id bits, as a write does (share_mark). */
	const bool has_marks = (op.dropped & O_EXCL) && (mode & (S_ISUID | S_ISGID));
	if (is_creat && ((session.writes_through && c->t->cred.fsuid) || op.added || has_marks))
		become_open(c, op.added, (flags & ~op.dropped) | op.added);
	else if (((flags & op.dropped) || op.added) && !is_creat)
		call_set(c, at + 1, (flags & ~op.dropped) | op.added);
	if (op.mode != mode)
		call_set(c, at + 2, op.mode);
	return r;
}

/* build_open_flags of fs/open.c: unlike open(2) it takes nothing that it does not know. */
static bool is_how_known(const struct open_how_v0 *how)
{
	const uint64_t resolve = RESOLVE_XDEV | RESOLVE_MAGIC | RESOLVE_SYMLINK | RESOLVE_BELOW | RESOLVE_ROOT |
				 RESOLVE_CACHE;
	bool creates = how->flags & (O_CREAT | TMPFILE_BIT);
	return !(how->flags & ~VALID_FLAGS) && !(how->resolve & ~resolve) &&
	       (how->resolve & (RESOLVE_BELOW | RESOLVE_ROOT)) != (RESOLVE_BELOW | RESOLVE_ROOT) &&
	       !(how->mode & ~(creates ? UINT64_C(07777) : 0)) &&
	       !((how->flags & O_PATH) && (how->flags & ~(uint64_t)O_PATH_FLAGS));
}

/* copy_struct_from_user: a newer and larger structure will do when what is behind is zero. */
static int read_how(const struct call *c, struct open_how_v0 *ret)
{
	uint64_t size = c->argument[3];
	char more[256];
	if (size < sizeof(*ret))
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	if (memory_read(c->t, c->argument[2], ret, sizeof(*ret)) < 0)
		return -EFAULT;
	for (uint64_t at = sizeof(*ret); at < size; at += sizeof(more)) {
		size_t part = size - at < sizeof(more) ? size - at : sizeof(more);
		if (memory_read(c->t, c->argument[2] + at, more, part) < 0)
			return -EFAULT;
		for (size_t i = 0; i < part; i++)
			if (more[i])
				return -E2BIG;
	}
	return is_how_known(ret) ? 0 : -EINVAL;
}

int64_t hook_openat2(struct call *c)
{
	struct open_how_v0 how, *changed;
	int read = read_how(c, &how);
	if (read < 0)
		return read;
	/* openat2(2): a caller of RESOLVE_CACHED must be ready for EAGAIN. */
	if (how.resolve & RESOLVE_CACHE)
		return -EAGAIN;
	struct opening op = {
		.dir_fd = call_int(c, 0),
		.path_argument = 1,
		.flags = how.flags,
		.mode = how.mode,
		.lookup = (how.resolve & RESOLVE_XDEV ? LOOKUP_NO_XDEV : 0) |
			  (how.resolve & RESOLVE_MAGIC ? LOOKUP_NO_MAGIC : 0) |
			  (how.resolve & RESOLVE_SYMLINK ? LOOKUP_NO_SYMLINKS : 0) |
			  (how.resolve & RESOLVE_BELOW ? LOOKUP_BENEATH : 0) |
			  (how.resolve & RESOLVE_ROOT ? LOOKUP_IN_ROOT : 0),
	};
	int64_t r = open_common(c, &op);
	if ((r != CALL_PASS && r != CALL_PASS_EXIT) || op.is_put_off)
		return r;
	changed = call_room(c, sizeof(*changed));
	if (!changed)
		return -ENOMEM;
	/* The path is resolved already; its host form would not pass the guest's restrictions. */
	*changed = how;
	changed->resolve = 0;
	changed->flags = (changed->flags & ~op.dropped) | op.added;
	changed->mode = changed->flags & (O_CREAT | TMPFILE_BIT) ? op.mode : 0;
	call_set(c, 2, (uintptr_t)changed);
	call_set(c, 3, sizeof(*changed));
	return r;
}
