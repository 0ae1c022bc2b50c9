/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the bindings that every guest has; volumes.c reads those that a person asks for. */
#include "builder/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tracer/base/io.h"

enum { NETWORK_FILE_MAX_BYTES = 4 << 20 };

enum device_kind {
	DEVICE_HOST,    /* the host's own node, bound */
	DEVICE_FOLDER,  /* the host's folder, bound */
	DEVICE_PRIVATE, /* an empty folder of this guest */
	DEVICE_LINK,    /* a symlink to `target` */
};

/* What Docker puts into /dev, as far as it can be had without mounts. */
static const struct device {
	const char *name;
	enum device_kind kind;
	const char *target;
} devices[] = {
	{ "null", DEVICE_HOST, NULL },
	{ "zero", DEVICE_HOST, NULL },
	{ "full", DEVICE_HOST, NULL },
	{ "random", DEVICE_HOST, NULL },
	{ "urandom", DEVICE_HOST, NULL },
	{ "tty", DEVICE_HOST, NULL },
	{ "pts", DEVICE_FOLDER, NULL },
	{ "shm", DEVICE_PRIVATE, NULL },
	{ "mqueue", DEVICE_PRIVATE, NULL },
	{ "fd", DEVICE_LINK, "/proc/self/fd" },
	{ "stdin", DEVICE_LINK, "/proc/self/fd/0" },
	{ "stdout", DEVICE_LINK, "/proc/self/fd/1" },
	{ "stderr", DEVICE_LINK, "/proc/self/fd/2" },
	{ "core", DEVICE_LINK, "/proc/kcore" },
};

void bindings_add(struct bindings *m, const char *host_path, const char *guest_path, unsigned flags,
		  const char *fs_type)
{
	struct stat st;
	bool is_directory = stat(host_path, &st) == 0 && S_ISDIR(st.st_mode);
	if (m->stubs)
		stubs_make(m->stubs, m->config, guest_path, is_directory);
	size_t count = m->config->binding_count;
	m->items = mem_grow(m, m->items, struct binding, count + 1);
	m->items[count] = (struct binding){
		.host_path = mem_strdup(m, host_path),
		.guest_path = mem_strdup(m, guest_path),
		.flags = flags,
		.fs_type = fs_type,
	};
	m->config->bindings = m->items;
	m->config->binding_count = count + 1;
}

/* What a person binds at a path replaces what we would bind there. */
static bool is_asked_for(const struct volume_list *volumes, const char *guest_path)
{
	for (size_t i = 0; i < volumes->count; i++)
		if (strcmp(volumes->items[i].guest_path, guest_path) == 0)
			return true;
	return false;
}

/* What is there is an earlier run's, and as bindings_clean_dev left it. */
static int or_there(int r)
{
	return r < 0 && errno == EEXIST ? 0 : r;
}

static int make_file(int dir_fd, const char *name, struct error *err)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return or_there(fd) < 0 ? error_set(err, errno, "cannot make the guest's /dev/%s", name) : 0;
}

static int make_device(struct bindings *m, int dev_fd, const struct device *device,
		       struct error *err)
{
	CLEANUP_TALLOC char *host_path = mem_printf(NULL, "/dev/%s", device->name);
	bool is_there = (device->kind != DEVICE_HOST && device->kind != DEVICE_FOLDER) || access(host_path, F_OK) == 0;
	int r = 0;
	/* A host without one (a sandbox, say) gives the guest none either. */
	if (!is_there) {
		unlinkat(dev_fd, device->name, device->kind == DEVICE_FOLDER ? AT_REMOVEDIR : 0);
		return 0;
	}
	switch (device->kind) {
	case DEVICE_HOST:
		if (make_file(dev_fd, device->name, err) < 0)
			return -1;
		bindings_add(m, host_path, host_path, 0, NULL);
		return 0;
	case DEVICE_FOLDER:
		r = or_there(mkdirat(dev_fd, device->name, 0755));
		if (r == 0)
			bindings_add(m, host_path, host_path, 0, "devpts");
		break;
	case DEVICE_PRIVATE:
		r = mkdirat(dev_fd, device->name, 0777);
		if (r == 0)
			r = fchmodat(dev_fd, device->name, 01777, 0);
		r = or_there(r);
		break;
	case DEVICE_LINK:
		r = or_there(symlinkat(device->target, dev_fd, device->name));
		break;
	}
	return r < 0 ? error_set(err, errno, "cannot make the guest's %s", host_path) : 0;
}

/*
 * Most hosts mount devpts with ptmxmode=000, where /dev/pts/ptmx opens for nobody; /dev/ptmx is
 * then the host's node.
 */
static int make_ptmx(struct bindings *m, int dev_fd, struct error *err)
{
	if (access("/dev/pts/ptmx", R_OK | W_OK) == 0) {
		/* What an earlier run had may be the file. */
		unlinkat(dev_fd, "ptmx", 0);
		return symlinkat("pts/ptmx", dev_fd, "ptmx") < 0 ?
			       error_set(err, errno, "cannot make the guest's /dev/ptmx") :
			       0;
	}
	if (access("/dev/ptmx", F_OK) < 0)
		return 0;
	if (make_file(dev_fd, "ptmx", err) < 0)
		return -1;
	bindings_add(m, "/dev/ptmx", "/dev/ptmx", 0, NULL);
	return 0;
}

static int add_dev(struct bindings *m, const char *console, struct error *err)
{
	CLEANUP_TALLOC char *dev = mem_printf(NULL, "%s/dev", m->config->run_dir);
	if (or_there(mkdir(dev, 0755)) < 0)
		return error_set(err, errno, "cannot create '%s'", dev);
	CLEANUP_CLOSE int dev_fd = open(dev, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dev_fd < 0)
		return error_set(err, errno, "cannot open '%s'", dev);
	bindings_add(m, dev, "/dev", 0, "tmpfs");
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (make_device(m, dev_fd, &devices[i], err) < 0)
			return -1;
	if (make_ptmx(m, dev_fd, err) < 0)
		return -1;
	if (console) {
		if (make_file(dev_fd, "console", err) < 0)
			return -1;
		bindings_add(m, console, "/dev/console", 0, "devpts");
	}
	return 0;
}

static const struct device *find_device(const char *name)
{
	static const struct device ptmx = { "ptmx", DEVICE_HOST, NULL };
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (strcmp(devices[i].name, name) == 0)
			return &devices[i];
	return strcmp(name, ptmx.name) == 0 ? &ptmx : NULL;
}

/* A folder with that mode and no attributes but a security module's? */
static bool is_new_folder(int fd, mode_t mode)
{
	struct stat st;
	char attributes[1024];
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_mode != (S_IFDIR | mode) || st.st_uid != getuid())
		return false;
	ssize_t size = flistxattr(fd, attributes, sizeof(attributes));
	for (const char *name = attributes; size > 0 && name < attributes + size; name += strlen(name) + 1)
		if (strncmp(name, "security.", 9) != 0)
			return false;
	return size >= 0 || errno == ENOTSUP;
}

/* Is this entry what make_device makes? */
static bool is_as_made(int dev_fd, const char *name, const struct stat *st)
{
	const struct device *device = find_device(name);
	if (!device)
		return false;
	if (device->kind == DEVICE_HOST)
		return st->st_mode == (S_IFREG | 0666) && st->st_size == 0 && st->st_nlink == 1;
	if (device->kind == DEVICE_LINK) {
		char target[64];
		ssize_t n = readlinkat(dev_fd, name, target, sizeof(target));
		return n == (ssize_t)strlen(device->target) && memcmp(target, device->target, n) == 0;
	}
	CLEANUP_CLOSE int fd = openat(dev_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	return is_new_folder(fd, device->kind == DEVICE_PRIVATE ? 01777 : 0755) && io_list_names(fd, names) == 0 &&
	       names->count == 0;
}

bool bindings_clean_dev(const char *run_dir, struct meta *meta)
{
	CLEANUP_TALLOC char *dev = mem_printf(NULL, "%s/dev", run_dir);
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	CLEANUP_CLOSE int dev_fd = open(dev, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (dev_fd < 0 || io_list_names(dev_fd, names) < 0)
		return false;
	bool is_clean = is_new_folder(dev_fd, 0755);
	if (fstat(dev_fd, &st) == 0)
		meta_drop(meta, st.st_dev, st.st_ino);
	/* All of them, also when they are to go: their numbers come again. */
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		if (fstatat(dev_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			meta_drop(meta, st.st_dev, st.st_ino);
		/* Only a run with a terminal has it. */
		bool is_console = strcmp(name, "console") == 0 && unlinkat(dev_fd, name, 0) == 0;
		is_clean = is_clean && (is_console || is_as_made(dev_fd, name, &st));
	}
	return is_clean;
}

int bindings_add_system(struct bindings *m, const struct volume_list *volumes, const char *console,
			struct error *err)
{
	if (!is_asked_for(volumes, "/proc"))
		bindings_add(m, "/proc", "/proc", BINDING_PROC, "proc");
	if (!is_asked_for(volumes, "/sys"))
		bindings_add(m, "/sys", "/sys", BINDING_READ_ONLY, "sysfs");
	return is_asked_for(volumes, "/dev") ? 0 : add_dev(m, console, err);
}

/* It lasts no longer than the run: nothing waits for the disk.  An earlier run's is mostly the same. */
static int write_generated(const char *host_path, const char *text)
{
	CLEANUP_TALLOC char *old = NULL;
	size_t size;
	if (io_read_file(NULL, AT_FDCWD, host_path, NETWORK_FILE_MAX_BYTES, &old, &size, NULL) == 0 &&
	    size == strlen(text) && memcmp(old, text, size) == 0)
		return 0;
	unlink(host_path);
	CLEANUP_CLOSE int fd = open(host_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
}

static int add_generated(struct bindings *m, const struct volume_list *volumes,
			 const char *guest_path, const char *text, struct error *err)
{
	if (is_asked_for(volumes, guest_path))
		return 0;
	CLEANUP_TALLOC char *host_path =
		mem_printf(NULL, "%s%s", m->config->run_dir, strrchr(guest_path, '/'));
	int r = write_generated(host_path, text);
	if (r < 0)
		return error_set(err, -r, "cannot write '%s'", host_path);
	bindings_add(m, host_path, guest_path, BINDING_READ_ONLY, NULL);
	return 0;
}

bool bindings_leave(const char *name)
{
	return strcmp(name, "resolv.conf") == 0 || strcmp(name, "hosts") == 0 || strcmp(name, "hostname") == 0;
}

/* The host's own file; the guest shares its network, so the host's names and servers are right. */
static char *host_file(const void *ctx, const char *host_path, const char *otherwise)
{
	char *text;
	if (io_read_file(ctx, AT_FDCWD, host_path, NETWORK_FILE_MAX_BYTES, &text, NULL, NULL) == 0)
		return text;
	return mem_strdup(ctx, otherwise);
}

int bindings_add_network(struct bindings *m, const struct volume_list *volumes,
			 const char *hostname, const struct strlist *add_hosts, bool is_build,
			 struct error *err)
{
	static const char plain_hosts[] = "127.0.0.1\tlocalhost\n"
					  "::1\tlocalhost ip6-localhost ip6-loopback\n";
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char own[256] = "localhost";
	gethostname(own, sizeof(own) - 1);
	char *hosts = is_build ? mem_printf(scratch, "127.0.0.1\tlocalhost%s%s\n%s", hostname ? " " : "",
					    hostname ? hostname : "", strchr(plain_hosts, '\n') + 1) :
				 host_file(scratch, "/etc/hosts", plain_hosts);
	if (*hosts && hosts[strlen(hosts) - 1] != '\n')
		hosts = mem_append(hosts, "\n");
	/* A name that nobody resolves makes sudo and Java wait or complain. */
	if (!is_build && hostname && strcmp(hostname, own) != 0)
		hosts = mem_append(hosts, "127.0.1.1\t%s\n", hostname);
	for (size_t i = 0; add_hosts && i < add_hosts->count; i++) {
		const char *entry = add_hosts->items[i];
		size_t name = strcspn(entry, ":=");
		if (name == 0 || entry[name] == '\0' || entry[name + 1] == '\0')
			return error_set(err, 0, "invalid --add-host '%s': NAME:IP is wanted",
					 entry);
		const char *address = entry + name + 1;
		hosts = mem_append(hosts, "%s\t%.*s\n",
				   strcmp(address, "host-gateway") == 0 ? "127.0.0.1" : address,
				   (int)name, entry);
	}
	char *name_line = mem_printf(scratch, "%s\n", hostname ? hostname : own);
	char *resolv = host_file(scratch, "/etc/resolv.conf", "");
	if (add_generated(m, volumes, "/etc/resolv.conf", resolv, err) < 0 ||
	    add_generated(m, volumes, "/etc/hosts", hosts, err) < 0)
		return -1;
	return is_build ? 0 : add_generated(m, volumes, "/etc/hostname", name_line, err);
}

void bindings_add_volumes(struct bindings *m, const struct volume_list *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		const struct volume *v = &volumes->items[i];
		bindings_add(m, v->host_path, v->guest_path, v->flags,
			     v->is_tmpfs ? "tmpfs" : NULL);
	}
}
