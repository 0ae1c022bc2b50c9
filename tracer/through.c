/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what the host's own files are given of what the guest makes of them; share.c says when. */
#include "tracer/through.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/rootless.h"

enum { NAMES_MAX = 65536, VALUE_MAX = 65536 };

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct set[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	if (syscall(SYS_capget, &header, set) < 0)
		return 0;
	return set[0].effective | (uint64_t)set[1].effective << 32;
}

void through_open(const struct tracer_config *config)
{
	/* Without one of these, files that were given away would be out of reach.  Others are tried where they are needed. */
	const uint64_t needed = UINT64_C(1) << CAPABILITY_CHOWN | UINT64_C(1) << CAPABILITY_DAC_OVERRIDE |
				UINT64_C(1) << CAPABILITY_FOWNER | UINT64_C(1) << CAPABILITY_FSETID;
	/* What tracees make by themselves is 0:0. */
	bool is_root = getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0;
	uint64_t effective = effective_capabilities();
	session.writes_through = (config->flags & TRACER_WRITE_THROUGH) && is_root && !session.is_plain &&
				 !meta_has_shared_layers(config->meta) && (effective & needed) == needed;
	session.has_fsetid = effective >> CAPABILITY_FSETID & 1;
	session.keeps_rootless = (config->flags & TRACER_ROOTLESS_XATTRS) && !session.is_plain;
}

/* ---- attributes ---- */

bool through_hides(const char *name)
{
	if (strcmp(name, ROOTLESS_XATTR) == 0)
		return true;
	return !session.writes_through && strncmp(name, "user.", 5) != 0;
}

static ssize_t host_get(const char *host, bool follows, const char *name, void *value, size_t size)
{
	if (through_hides(name))
		return -ENODATA;
	ssize_t n = follows ? getxattr(host, name, value, size) : lgetxattr(host, name, value, size);
	return n >= 0 ? n : errno == EOPNOTSUPP || errno == EPERM ? -ENODATA : -errno;
}

ssize_t through_xattr_get(const char *host, bool follows, const struct meta_entry *entry, const char *name, void *value,
			  size_t size)
{
	ssize_t n = entry->xattr ? meta_xattr_get(session.meta, entry, name, value, size) : -ENODATA;
	return n == -ENODATA ? host_get(host, follows, name, value, size) : n;
}

int through_xattr_remove(const struct object *o, struct meta_entry *entry, const char *name)
{
	int r = entry->xattr ? meta_xattr_set(session.meta, entry, name, NULL, 0, 0) : -ENODATA;
	if (through_hides(name) || meta_is_shared(session.meta, &o->real))
		return r;
	const char *host = path_short(o->host);
	if ((o->is_fd ? removexattr(host, name) : lremovexattr(host, name)) == 0)
		return 0;
	/* The table's was the only one. */
	return r == 0 ? 0 : errno == EOPNOTSUPP ? -ENODATA : -errno;
}

static bool give_xattr(const struct object *o, const struct meta_entry *entry, const char *name, char *value)
{
	if (through_hides(name))
		return false;
	ssize_t n = meta_xattr_get(session.meta, entry, name, value, VALUE_MAX);
	const char *host = path_short(o->host);
	return n >= 0 && (o->is_fd ? setxattr(host, name, value, n, 0) : lsetxattr(host, name, value, n, 0)) == 0;
}

static void give_xattrs(const struct object *o, struct meta_entry *entry)
{
	if (!entry->xattr)
		return;
	CLEANUP_TALLOC char *names = mem_array(NULL, char, NAMES_MAX), *value = mem_array(NULL, char, VALUE_MAX);
	const struct meta_entry had = *entry;
	ssize_t n = meta_xattr_list(session.meta, &had, names, NAMES_MAX);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1)
		if (give_xattr(o, &had, names + at, value))
			meta_xattr_set(session.meta, entry, names + at, NULL, 0, 0);
}

/* ---- owner and mode ---- */

/* The host's devices, shown to the guest, are not made the guest's by what it makes of them. */
static bool is_hosts_own(const struct object *o)
{
	bool is_device = S_ISCHR(o->real.st_mode) || S_ISBLK(o->real.st_mode);
	return (!o->is_fd && (o->mount->flags & BINDING_PROC)) || (is_device && o->real.st_dev != session.root_dev);
}

/* True: its mode was left as it is there, which somebody else may be changing. */
static bool give_owner_and_mode(struct object *o, const struct meta_entry *entry)
{
	const char *host = path_short(o->host);
	const mode_t set_ids = S_ISUID | S_ISGID, was = o->real.st_mode & 07777;
	mode_t mode = entry->mode & 07777;
	bool is_given = false;
	if (entry->uid != o->real.st_uid || entry->gid != o->real.st_gid) {
		is_given = fchownat(AT_FDCWD, host, entry->uid, entry->gid, o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
		/* Set-id bits are for this owner only. */
		if (!is_given && !S_ISDIR(o->real.st_mode))
			mode &= ~set_ids;
	}
	if (is_given && mode == was && !(was & set_ids))
		return true;
	/* Last, as chown(2) takes them.  What is refused is seen by what the file then is. */
	int r = S_ISLNK(o->real.st_mode) ? 0 : chmod(host, mode);
	(void)r;
	return false;
}

void through_give(struct object *o, struct meta_entry *entry)
{
	struct stat st;
	if (meta_is_shared(session.meta, &o->real) || is_hosts_own(o))
		return;
	bool is_left = session.writes_through && give_owner_and_mode(o, entry);
	if (session.writes_through || session.keeps_rootless)
		give_xattrs(o, entry);
	const char *host = path_short(o->host);
	if (session.keeps_rootless && (S_ISREG(o->real.st_mode) || S_ISDIR(o->real.st_mode)))
		rootless_set(host, o->is_fd, entry->uid, entry->gid);
	if (session.writes_through && fstatat(AT_FDCWD, host, &st, o->is_fd ? 0 : AT_SYMLINK_NOFOLLOW) == 0) {
		o->real = st;
		if (is_left && !S_ISLNK(st.st_mode))
			entry->mode = (entry->mode & ~(mode_t)07777) | (st.st_mode & 07777);
	}
}

/* ---- device nodes ---- */

int through_make_node(const char *host, mode_t type, mode_t mode, dev_t rdev)
{
	if (session.writes_through && mknod(host, type | mode, rdev) == 0)
		return 0;
	int fd = open(host, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

bool through_is_own_node(const struct object *o)
{
	return session.writes_through && (S_ISCHR(o->real.st_mode) || S_ISBLK(o->real.st_mode)) &&
	       o->real.st_dev == session.root_dev && strcmp(session.config->root, "/") != 0;
}
