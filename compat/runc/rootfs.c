/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the mounts of a container and the change of roots; devices.c has /dev. */
#include "compat/runc/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "compat/runc/devices.h"
#include "compat/runc/copyup.h"
#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { LINKS_MAX = 40 }; /* MAXSYMLINKS of the kernel */
enum { NOSYMFOLLOW = 256 /* MS_NOSYMFOLLOW of linux/mount.h */ };
enum { CGROUP2_MAGIC = 0x63677270 /* CGROUP2_SUPER_MAGIC of linux/magic.h, since 4.5 */ };

/* ---- paths ---- */

/* Take the last component off; false when there is none. */
static bool go_up(char *resolved, size_t root_length)
{
	char *slash = strrchr(resolved + root_length, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

char *rootfs_resolve(const void *ctx, const char *root, const char *path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	size_t root_length = strcmp(root, "/") == 0 ? 0 : strlen(root);
	char *resolved = mem_strndup(ctx, root, root_length);
	const char *rest = mem_strdup(scratch, path);
	char target[PATH_MAX];
	unsigned links = 0;
	while (*(rest += strspn(rest, "/"))) {
		size_t length = strcspn(rest, "/");
		const char *name = mem_strndup(scratch, rest, length);
		rest += length;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			/* At the root ".." is the root; a symlink that counts on more means the host's tree. */
			if (!go_up(resolved, root_length) && links > 0) {
				talloc_free(resolved);
				error_set(err, 0, "'%s' leads out of the root '%s' by a symlink", path, root);
				return NULL;
			}
			continue;
		}
		resolved = mem_append(resolved, "/%s", name);
		ssize_t n = readlink(resolved, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (++links > LINKS_MAX) {
			talloc_free(resolved);
			error_set(err, ELOOP, "cannot look up '%s' in '%s'", path, root);
			return NULL;
		}
		go_up(resolved, root_length);
		if (target[0] == '/')
			resolved[root_length] = '\0';
		rest = mem_printf(scratch, "%s/%s", target, rest);
	}
	return *resolved ? resolved : mem_strdup(ctx, "/");
}

/* A mount needs something to be mounted on, of the same kind. */
static int make_point(const char *point, bool is_directory, struct error *err)
{
	struct stat st;
	if (stat(point, &st) == 0)
		return 0;
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, point);
	char *slash = strrchr(parent, '/');
	if (slash && slash > parent)
		*slash = '\0';
	int r = io_mkdir_p(AT_FDCWD, is_directory ? point : parent, 0755);
	if (r == 0 && !is_directory) {
		CLEANUP_CLOSE int fd = open(point, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0755);
		r = fd < 0 ? -errno : 0;
	}
	return r < 0 ? error_set(err, -r, "cannot make the mount point '%s'", point) : 0;
}

/* ---- mounts ---- */

static int set_attributes(const char *point, const struct spec_mount *m)
{
	struct {
		uint64_t set, cleared, propagation, user_namespace;
	} attributes = { 0, 0, 0, 0 };
	static const struct {
		unsigned long flag;
		uint64_t attribute; /* MOUNT_ATTR_* of linux/mount.h */
	} rows[] = { { MS_RDONLY, 1 }, { MS_NOSUID, 2 }, { MS_NODEV, 4 }, { MS_NOEXEC, 8 }, { MS_NOATIME, 0x10 },
		     { MS_STRICTATIME, 0x20 }, { MS_NODIRATIME, 0x80 }, { NOSYMFOLLOW, 0x200000 } };
	enum { SYS_MOUNT_SETATTR = 442, RECURSIVE = AT_RECURSIVE, ALL_TIMES = 0x70 };
	const unsigned long times = MS_NOATIME | MS_STRICTATIME | MS_RELATIME;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		attributes.set |= m->recursive_flags & rows[i].flag ? rows[i].attribute : 0;
		attributes.cleared |= m->recursive_cleared & rows[i].flag ? rows[i].attribute : 0;
	}
	/* mount_setattr(2): of the access times all are cleared, or none; relatime is what is left then. */
	if ((m->recursive_flags | m->recursive_cleared) & times)
		attributes.cleared |= ALL_TIMES;
	return syscall(SYS_MOUNT_SETATTR, AT_FDCWD, point, RECURSIVE, &attributes, sizeof(attributes)) < 0 ? -errno : 0;
}

static int bind(const struct spec_mount *m, const char *point, struct error *err)
{
	const unsigned long own = MS_BIND | MS_REC;
	if (mount(m->source, point, "bind", MS_BIND | (m->flags & MS_REC), NULL) < 0)
		return error_set(err, errno, "cannot bind '%s' at '%s'", m->source, m->destination);
	if ((m->flags & ~own) && mount(NULL, point, NULL, m->flags | MS_REMOUNT | MS_BIND, NULL) < 0)
		return error_set(err, errno, "cannot set the options of the bind at '%s'", m->destination);
	return 0;
}

/* What is to be written into before it is read-only. */
static bool is_read_only_later(const struct spec_mount *m)
{
	return (m->flags & MS_RDONLY) && !(m->flags & MS_BIND) && (strcmp(m->destination, "/dev") == 0 || m->copies_up);
}

static int mount_type(const struct spec_mount *m, const char *point, bool is_new, const char *scratch, struct error *err)
{
	struct stat st;
	unsigned long flags = is_read_only_later(m) ? m->flags & ~(unsigned long)MS_RDONLY : m->flags;
	const char *source = m->source ? m->source : m->type, *type = m->type;
	struct statfs groups;
	/* As runc has it where all controllers are version 2's. */
	if (strcmp(type, "cgroup") == 0 && statfs("/sys/fs/cgroup", &groups) == 0 && groups.f_type == CGROUP2_MAGIC)
		type = "cgroup2";
	CLEANUP_TALLOC char *data = mem_strdup(NULL, m->data ? m->data : "");
	/* runc: a tmpfs has the mode of what it covers, unless options say another, or there was nothing. */
	if (strcmp(m->type, "tmpfs") == 0 && !is_new && stat(point, &st) == 0) {
		char *all = mem_printf(NULL, "mode=%04o%s%s", st.st_mode & 07777, *data ? "," : "", data);
		talloc_free(data);
		data = all;
	}
	if (mount(source, m->copies_up ? scratch : point, type, flags, data) < 0)
		return error_set(err, errno, "cannot mount a file system of type '%s' at '%s'", m->type, m->destination);
	if (!m->copies_up)
		return 0;
	int r = copyup(point, scratch);
	if (r < 0)
		return error_set(err, -r, "cannot copy '%s' to the tmpfs over it", m->destination);
	if (mount(scratch, point, NULL, MS_MOVE, NULL) < 0)
		return error_set(err, errno, "cannot move a tmpfs to '%s'", m->destination);
	return 0;
}

static int bind_group(const struct cgroup_view *view, const char *point, unsigned long flags)
{
	if (mount(view->folder, point, "bind", MS_BIND, NULL) < 0)
		return -errno;
	return mount(NULL, point, NULL, flags | MS_REMOUNT | MS_BIND, NULL) < 0 ? -errno : 0;
}

/* Version 1's "cpu,cpuacct" is known by both names. */
static void link_controllers(const char *point, const char *name)
{
	CLEANUP_TALLOC char *names = mem_strdup(NULL, name);
	char *save = NULL;
	for (char *one = strchr(name, ',') ? strtok_r(names, ",", &save) : NULL; one; one = strtok_r(NULL, ",", &save)) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", point, one);
		if (symlink(name, path) < 0)
			return;
	}
}

/* The container's own groups only, as in a namespace of them. */
static int mount_groups(const struct spec_mount *m, const char *point, const struct cgroup_views *groups,
			struct error *err)
{
	int r = 0;
	if (!*groups->items[0].name)
		r = bind_group(&groups->items[0], point, m->flags);
	else if (mount("tmpfs", point, "tmpfs", m->flags & ~(unsigned long)MS_RDONLY, "mode=755") < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < groups->count && *groups->items[i].name; i++) {
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", point, groups->items[i].name);
		r = mkdir(path, 0755) < 0 ? -errno : bind_group(&groups->items[i], path, m->flags);
		link_controllers(point, groups->items[i].name);
	}
	if (r == 0 && (m->flags & MS_RDONLY) && mount(NULL, point, NULL, m->flags | MS_REMOUNT | MS_BIND, NULL) < 0)
		r = -errno;
	return r < 0 ? error_set(err, -r, "cannot show the control groups at '%s'", m->destination) : 0;
}

/* A destination that names the root itself is one in it, as runc has it for old callers. */
static const char *in_root(const struct spec *spec, const char *destination)
{
	size_t length = strlen(spec->root);
	return length > 1 && strncmp(destination, spec->root, length) == 0 && destination[length] == '/' ? destination + length :
													   destination;
}

static int mount_one(const struct spec *spec, const struct spec_mount *m, const struct rootfs_given *given,
		     struct error *err)
{
	struct stat st;
	bool is_bind = m->flags & MS_BIND, is_directory = true;
	if (is_bind) {
		if (!m->source || stat(m->source, &st) < 0)
			return error_set(err, m->source ? errno : 0, "cannot bind '%s' at '%s'",
					 m->source ? m->source : "nothing", m->destination);
		is_directory = S_ISDIR(st.st_mode);
	}
	const char *destination = in_root(spec, m->destination);
	CLEANUP_TALLOC char *point = rootfs_resolve(NULL, spec->root, destination, err);
	if (!point)
		return -1;
	/* A symlink there is nothing that an image has for good reason; runc's words. */
	if (!is_bind && (strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0)) {
		CLEANUP_TALLOC char *plain = mem_printf(NULL, "%s/%s", spec->root, destination);
		text_clean_path(plain);
		if (strcmp(plain, point) != 0)
			return error_set(err, 0, "filesystem \"%s\" must be mounted on ordinary directory, which '%s' is not",
					 m->type, m->destination);
	}
	bool is_new = access(point, F_OK) < 0;
	if (make_point(point, is_directory, err) < 0)
		return -1;
	bool is_group = !is_bind && text_starts(m->type, "cgroup") && given->groups->count > 0;
	if ((is_bind	? bind(m, point, err) :
	     is_group	? mount_groups(m, point, given->groups, err) :
			  mount_type(m, point, is_new, given->scratch, err)) < 0)
		return -1;
	if (m->propagation && mount(NULL, point, NULL, m->propagation, NULL) < 0)
		return error_set(err, errno, "cannot set the propagation of '%s'", m->destination);
	if (m->recursive_flags || m->recursive_cleared) {
		int r = set_attributes(point, m);
		if (r < 0)
			return error_set(err, -r, "cannot set the recursive options of '%s'", m->destination);
	}
	return 0;
}

int rootfs_prepare(const struct spec *spec, const struct rootfs_given *given, struct error *err)
{
	/* pivot_root(2): neither the root nor its parent may be shared, and it must be a mount point. */
	if (mount(NULL, "/", NULL, spec->rootfs_propagation ? spec->rootfs_propagation : MS_SLAVE | MS_REC, NULL) < 0 ||
	    mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "cannot set the propagation of '/'");
	if (mount(spec->root, spec->root, "bind", MS_BIND | MS_REC, NULL) < 0)
		return error_set(err, errno, "cannot bind '%s' to itself", spec->root);
	for (size_t i = 0; i < spec->mount_count; i++)
		if (mount_one(spec, &spec->mounts[i], given, err) < 0)
			return -1;
	return devices_make(spec, given->console, err);
}

int rootfs_enter(const struct spec *spec, struct error *err)
{
	CLEANUP_CLOSE int old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old_root < 0 || chdir(spec->root) < 0)
		return error_set(err, errno, "cannot enter '%s'", spec->root);
	/* pivot_root(2), "pivot_root(".", ".")": the old root is then mounted over the new one */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_set(err, errno, "cannot make '%s' the root directory", spec->root);
	if (fchdir(old_root) < 0 || umount2(".", MNT_DETACH) < 0)
		return error_set(err, errno, "cannot leave the host's root directory");
	if (chdir("/") < 0)
		return error_set(err, errno, "cannot enter the container's root directory");
	if (spec->rootfs_propagation && mount(NULL, "/", NULL, spec->rootfs_propagation, NULL) < 0)
		return error_set(err, errno, "cannot set the propagation of the container's root");
	return 0;
}

/* ---- inside ---- */

static bool is_missing(int number)
{
	return number == ENOENT || number == ENOTDIR;
}

static int make_read_only(const char *path, struct error *err)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return is_missing(errno) ? 0 : error_set(err, errno, "cannot make '%s' read-only", path);
	if (mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_REC, NULL) < 0)
		return error_set(err, errno, "cannot make '%s' read-only", path);
	return 0;
}

static int mask(const char *path, struct error *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return is_missing(errno) ? 0 : error_set(err, errno, "cannot mask '%s'", path);
	int r = S_ISDIR(st.st_mode) ? mount("tmpfs", path, "tmpfs", MS_RDONLY, "") :
				      mount("/dev/null", path, NULL, MS_BIND, NULL);
	return r < 0 ? error_set(err, errno, "cannot mask '%s'", path) : 0;
}

int rootfs_finish(const struct spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		if (is_read_only_later(m) && mount(NULL, m->destination, NULL, m->flags | MS_REMOUNT | MS_BIND, NULL) < 0)
			return error_set(err, errno, "cannot make '%s' read-only", m->destination);
	}
	if (spec->is_root_read_only && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		return error_set(err, errno, "cannot make the root read-only");
	for (size_t i = 0; spec->read_only_paths && i < spec->read_only_paths->count; i++)
		if (make_read_only(spec->read_only_paths->items[i], err) < 0)
			return -1;
	for (size_t i = 0; spec->masked_paths && i < spec->masked_paths->count; i++)
		if (mask(spec->masked_paths->items[i], err) < 0)
			return -1;
	return 0;
}
