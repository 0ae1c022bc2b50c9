/* SPDX-License-Identifier: Apache-2.0 */
/* Owns /dev of a container. */
#include "compat/runc/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "compat/runc/rootfs.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

/* config-linux.md, "Default Devices" */
static const struct {
	const char *path;
	unsigned major, minor;
} defaults[] = {
	{ "/dev/null", 1, 3 }, { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 }, { "/dev/random", 1, 8 },
	{ "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

/* runtime-linux.md, "Dev symbolic links", and runc's core */
static const struct {
	const char *path, *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" }, { "/dev/stdin", "/proc/self/fd/0" }, { "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" }, { "/dev/core", "/proc/kcore" },
};

static int bind_device(const char *host_path, const char *point, struct error *err)
{
	CLEANUP_CLOSE int fd = open(point, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	/* One that is there may be of any kind; it is only mounted on. */
	if (fd < 0 && access(point, F_OK) < 0)
		return error_set(err, errno, "cannot make '%s'", point);
	if (mount(host_path, point, "bind", MS_BIND, NULL) < 0)
		return error_set(err, errno, "cannot bind '%s' at '%s'", host_path, point);
	return 0;
}

static int make_device(const struct spec *spec, const struct spec_device *d, struct error *err)
{
	struct stat st;
	/* That one is make_ptmx's. */
	if (strcmp(d->path, "/dev/ptmx") == 0)
		return 0;
	CLEANUP_TALLOC char *point = rootfs_resolve(NULL, spec->root, d->path, err);
	if (!point)
		return -1;
	if (lstat(point, &st) == 0 && (st.st_mode & S_IFMT) == (d->mode & S_IFMT) && st.st_rdev == d->device)
		return 0;
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, point);
	*strrchr(parent, '/') = '\0';
	int r = io_mkdir_p(AT_FDCWD, parent, 0755);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", parent);
	if (stat(d->path, &st) == 0 && (st.st_mode & S_IFMT) == (d->mode & S_IFMT) && st.st_rdev == d->device)
		return bind_device(d->path, point, err);
	if (mknod(point, d->mode, d->device) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot make the device '%s'", d->path);
	if (lchown(point, d->uid, d->gid) < 0)
		return error_set(err, errno, "cannot give '%s' to its owner", d->path);
	return 0;
}

/* What is there stays, as runc has it. */
static int make_links(const struct spec *spec, struct error *err)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		CLEANUP_TALLOC char *dev = rootfs_resolve(NULL, spec->root, "/dev", err);
		CLEANUP_TALLOC char *path = dev ? mem_printf(NULL, "%s%s", dev, links[i].path + strlen("/dev")) : NULL;
		if (!path)
			return -1;
		if (strcmp(links[i].target, "/proc/kcore") == 0 && access(links[i].target, F_OK) < 0)
			continue;
		if (symlink(links[i].target, path) < 0 && errno != EEXIST)
			return error_set(err, errno, "cannot make the link '%s'", links[i].path);
	}
	return 0;
}

/* "/dev/ptmx: a bind-mount or symlink of the container's /dev/pts/ptmx", which opens for nobody on most hosts. */
static int make_ptmx(const struct spec *spec, struct error *err)
{
	struct stat st;
	CLEANUP_TALLOC char *dev = rootfs_resolve(NULL, spec->root, "/dev", err);
	if (!dev)
		return -1;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/ptmx", dev);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, errno, "cannot make '/dev/ptmx' anew");
	/* The mode is asked for, as to a guest's root all is open. */
	if (stat("/dev/pts/ptmx", &st) < 0 || (st.st_mode & 0666) == 0666 || access("/dev/ptmx", F_OK) < 0)
		return symlink("pts/ptmx", path) < 0 ? error_set(err, errno, "cannot make '/dev/ptmx'") : 0;
	return bind_device("/dev/ptmx", path, err);
}

/* The value of NAME=VALUE among a mount's options, in this base; or what else it is. */
static unsigned long option_of(const struct strlist *options, const char *name, int base, unsigned long otherwise)
{
	for (size_t i = options->count; i-- > 0;)
		if (text_starts(options->items[i], name))
			return strtoul(options->items[i] + strlen(name), NULL, base);
	return otherwise;
}

int devices_own_terminal(struct json *config, int fd, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *mounts = json_get(config, "mounts");
	for (unsigned i = json_length(mounts); i-- > 0;) {
		struct json *m = json_at(mounts, i);
		const char *type = json_get_string(m, "type");
		if (!type || strcmp(type, "devpts") != 0)
			continue;
		const struct strlist *options = json_get_strings(scratch, m, "options");
		/* devpts: "default is 0600", and the ids of who made it. */
		if (fchmod(fd, option_of(options, "mode=", 8, 0600) & 07777) < 0 ||
		    fchown(fd, option_of(options, "uid=", 10, 0), option_of(options, "gid=", 10, 0)) < 0)
			return error_set(err, errno, "cannot give the terminal its owner and mode");
		return 0;
	}
	return 0;
}

static bool is_dev_bound(const struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (strcmp(spec->mounts[i].destination, "/dev") == 0 && (spec->mounts[i].flags & MS_BIND))
			return true;
	return false;
}

int devices_make(const struct spec *spec, const char *console, struct error *err)
{
	if (is_dev_bound(spec))
		return 0;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		struct spec_device device = {
			.path = defaults[i].path,
			.mode = S_IFCHR | 0666,
			.device = makedev(defaults[i].major, defaults[i].minor),
		};
		if (make_device(spec, &device, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < spec->device_count; i++)
		if (make_device(spec, &spec->devices[i], err) < 0)
			return -1;
	if (make_links(spec, err) < 0 || make_ptmx(spec, err) < 0)
		return -1;
	CLEANUP_TALLOC char *point = console ? rootfs_resolve(NULL, spec->root, "/dev/console", err) : NULL;
	if (!console)
		return 0;
	return point ? bind_device(console, point, err) : -1;
}
