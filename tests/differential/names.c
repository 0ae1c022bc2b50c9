/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps that make, open, link, rename and remove names, and move the actor among them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/differential.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
enum { NR_OPENAT2 = 437, TMPFILE_BIT = 020000000 };

/* What became of the name's directory, and of the name. */
static void parent_times(const char *path, struct times *ret)
{
	char parent[PATH_ROOM_BYTES];
	ret->is_there = false;
	snprintf(parent, sizeof(parent), "%s", path);
	char *slash = strrchr(parent, '/');
	if (slash && !slash[1])
		return;
	if (slash)
		slash[1] = '\0';
	times_of(AT_FDCWD, slash ? parent : ".", ret);
}

static void say_parent_times(const char *path, const struct times *before)
{
	char parent[PATH_ROOM_BYTES];
	if (!before->is_there)
		return;
	snprintf(parent, sizeof(parent), "%s", path);
	char *slash = strrchr(parent, '/');
	if (slash)
		slash[1] = '\0';
	say(" parent");
	say_times(AT_FDCWD, slash ? parent : ".", before);
}

struct naming {
	const char *path;
	int dir_fd;
	struct times parent;
};

static struct naming begin(const char *name)
{
	struct naming n = { .dir_fd = any_dir_fd() };
	n.path = any_path();
	say("%s(", name);
	say_fd(n.dir_fd);
	say(", ");
	say_path(n.path);
	n.parent.is_there = false;
	if (n.dir_fd == AT_FDCWD || n.path[0] == '/')
		parent_times(n.path, &n.parent);
	return n;
}

static void say_outcome(int64_t result, const struct naming *n)
{
	say(")");
	say_result(result);
	if (n->dir_fd != AT_FDCWD && n->path[0] != '/')
		return;
	say_parent_times(n->path, &n->parent);
	say_state(n->path);
}

/* ---- making ---- */

static void run_mkdir(void)
{
	mode_t mode = any_mode();
	struct naming n = begin("mkdirat");
	say(", %o", mode);
	say_outcome(CALL(SYS_mkdirat, n.dir_fd, n.path, mode), &n);
}

static void run_mknod(void)
{
	static const mode_t types[] = { S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, 0, S_IFDIR, S_IFLNK, 0150000 };
	/*
	 * The oracle's devices are real: null, zero, full, and numbers that nobody serves (experimental, devices.txt).
	 * Nothing else may ever be here.
	 */
	static const struct {
		mode_t type;
		unsigned major, minor;
	} devices[] = { { S_IFCHR, 1, 3 }, { S_IFCHR, 1, 5 }, { S_IFCHR, 1, 7 }, { S_IFCHR, 0, 0 },
			{ S_IFCHR, 60, 300 }, { S_IFBLK, 61, 77 } };
	mode_t type = types[once_in(8) ? below(COUNT(types)) : below(5)];
	unsigned device = 0;
	if (type == S_IFCHR || type == S_IFBLK) {
		unsigned which = below(COUNT(devices));
		type = devices[which].type;
		device = makedev(devices[which].major, devices[which].minor);
	}
	mode_t mode = any_mode() | type;
	struct naming n = begin("mknodat");
	say(", %o, %x", mode, device);
	say_outcome(CALL(SYS_mknodat, n.dir_fd, n.path, mode, device), &n);
}

static void run_symlink(void)
{
	char target[PATH_ROOM_BYTES];
	snprintf(target, sizeof(target), "%s", any_path());
	struct naming n = begin("symlinkat");
	say(", ");
	say_path(target);
	say_outcome(CALL(SYS_symlinkat, target, n.dir_fd, n.path), &n);
}

static void run_bind(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct naming n = begin("bind");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%.*s", (int)sizeof(name.sun_path) - 1, n.path);
	n.dir_fd = AT_FDCWD;
	int64_t r = -1;
	if (!*n.path || strlen(n.path) >= sizeof(name.sun_path))
		errno = 0;
	else
		r = bind(fd, (struct sockaddr *)&name, sizeof(name));
	say_outcome(r, &n);
	close(fd);
}

/* ---- opening ---- */

/*
 * Devices are left closed: fakebuild opens the host's for them, whose owner and mode are its own, or the node
 * itself for those who only want to change it.
 */
static bool is_device(int dir_fd, const char *path)
{
	struct stat st;
	return fstatat(dir_fd, path, &st, 0) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

/* Keep the new descriptor at one of the fixed numbers. */
static void keep(int fd)
{
	int number = FIRST_FD + (int)below(FD_COUNT);
	struct stat st;
	if (fd < 0)
		return;
	/* Not seen before: in a root of openat2's. */
	if (fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && !(fcntl(fd, F_GETFL) & O_PATH)) {
		close(fd);
		return;
	}
	say_stat(&st);
	dup2(fd, number);
	close(fd);
	say(" -> %d", number);
}

static unsigned any_open_flags(void)
{
	static const unsigned kinds[] = { O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW, O_DIRECTORY, O_NOATIME };
	unsigned flags = below(3) | O_NONBLOCK | O_CLOEXEC;
	if (once_in(4))
		flags |= O_CREAT;
	if (once_in(5))
		flags |= O_TRUNC;
	if (once_in(8))
		flags |= O_PATH;
	if (once_in(12))
		flags |= O_TMPFILE;
	if (once_in(60))
		flags |= 3;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (once_in(7))
			flags |= kinds[i];
	return flags;
}

static void run_open(void)
{
	unsigned flags = any_open_flags();
	mode_t mode = any_mode();
	struct naming n = begin("openat");
	say(", %#o, %o", flags, mode);
	if (is_device(n.dir_fd, n.path))
		return;
	int fd = CALL(SYS_openat, n.dir_fd, n.path, flags, mode);
	say(")");
	say_result(fd < 0 ? fd : 0);
	if (n.dir_fd == AT_FDCWD || n.path[0] == '/')
		say_parent_times(n.path, &n.parent);
	keep(fd);
}

static void run_openat2(void)
{
	static const unsigned kinds[] = { 1, 2, 4, 8, 16 };
	struct {
		uint64_t flags, mode, resolve;
	} how = { any_open_flags(), 0, any_flags(kinds, COUNT(kinds)) };
	if (once_in(2))
		how.resolve = once_in(2) ? 8 : 16;
	if ((how.flags & (O_CREAT | TMPFILE_BIT)) || once_in(20))
		how.mode = any_mode();
	if ((how.flags & O_PATH) && !once_in(10))
		how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct naming n = begin("openat2");
	say(", %#llo, %llo, %#llx)", (unsigned long long)how.flags, (unsigned long long)how.mode,
	    (unsigned long long)how.resolve);
	if (is_device(n.dir_fd, n.path))
		return;
	int fd = CALL(NR_OPENAT2, n.dir_fd, n.path, &how, sizeof(how));
	say_result(fd < 0 ? fd : 0);
	keep(fd);
}

static void run_close(void)
{
	int fd = any_fd();
	say("close(%d)", fd);
	say_result(close(fd));
}

static void run_list(void)
{
	int fd = any_fd();
	char buffer[16384], *names[1024];
	size_t count = 0;
	struct stat here, top;
	say("getdents64(%d)", fd);
	/* What is at the top is the set-up's affair. */
	if (fstat(fd, &here) == 0 && stat("/", &top) == 0 && here.st_ino == top.st_ino)
		return;
	lseek(fd, 0, SEEK_SET);
	for (;;) {
		int64_t n = CALL(SYS_getdents64, fd, buffer, sizeof(buffer));
		if (n <= 0) {
			say_result(n);
			break;
		}
		for (int64_t at = 0; at < n && count < COUNT(names);) {
			struct dirent64 *e = (struct dirent64 *)(buffer + at);
			size_t size = strlen(e->d_name) + 8;
			snprintf(names[count++] = malloc(size), size, "%.255s:%u", e->d_name, e->d_type);
			at += e->d_reclen;
		}
	}
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j && strcmp(names[j - 1], names[j]) > 0; j--) {
			char *moved = names[j];
			names[j] = names[j - 1];
			names[j - 1] = moved;
		}
	for (size_t i = 0; i < count; i++) {
		say(" ");
		say_path(names[i]);
		free(names[i]);
	}
}

/* ---- linking, renaming, removing ---- */

static bool may_search_all(void)
{
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
	uint32_t words[6] = { 0 };
	return syscall(SYS_capget, &header, words) == 0 && (words[0] & 4 /* CAP_DAC_READ_SEARCH */);
}

static void run_link(void)
{
	static const unsigned known[] = { AT_SYMLINK_FOLLOW, AT_EMPTY_PATH };
	char link[64];
	int from_fd = any_dir_fd();
	const char *from = any_path_or_program();
	unsigned flags = any_flags(known, COUNT(known));
	/* Who may not search everything may link a descriptor that he opened by the credentials he has (6.10). */
	if (from_fd != AT_FDCWD && !may_search_all())
		flags &= ~(unsigned)AT_EMPTY_PATH;
	if (once_in(6)) { /* linkat(2): the way to name a temporary file */
		snprintf(link, sizeof(link), "/proc/self/fd/%d", any_fd());
		flags = settings.has_proc ? AT_SYMLINK_FOLLOW : flags;
		from = settings.has_proc ? link : "";
	}
	struct times before;
	times_of(from_fd, from, &before);
	struct naming n = begin("linkat");
	say(" <- ");
	say_fd(from_fd);
	say(", ");
	say_path(from);
	say(", %#x", flags);
	int64_t r = CALL(SYS_linkat, from_fd, from, n.dir_fd, n.path, flags);
	say_outcome(r, &n);
	say_times(from_fd, from, &before);
}

static void run_unlink(void)
{
	unsigned flags = once_in(3) ? AT_REMOVEDIR : once_in(50) ? 1 : 0;
	struct naming n = begin("unlinkat");
	say(", %#x", flags);
	say_outcome(CALL(SYS_unlinkat, n.dir_fd, n.path, flags), &n);
}

static void run_rename(void)
{
	char from[PATH_ROOM_BYTES];
	int from_fd = any_dir_fd();
	snprintf(from, sizeof(from), "%s", any_path());
	unsigned flags = once_in(3) ? 1u << below(3) : once_in(40) ? below(16) : 0;
	struct naming n = begin("renameat2");
	struct times before = { .is_there = false };
	struct stat target;
	if ((flags & 4) && fstatat(n.dir_fd, n.path, &target, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(target.st_mode))
		flags &= ~4u;
	if (from_fd == AT_FDCWD)
		parent_times(from, &before);
	say(" <- ");
	say_fd(from_fd);
	say(", ");
	say_path(from);
	say(", %#x", flags);
	int64_t r = CALL(SYS_renameat2, from_fd, from, n.dir_fd, n.path, flags);
	/* ext4 makes the whiteout first, and takes it away when the rename then fails: its directory has new times. */
	if (r < 0 && (flags & 4))
		n.parent.is_there = before.is_there = false;
	say_outcome(r, &n);
	say_parent_times(from, &before);
	if (from_fd == AT_FDCWD)
		say_state(from);
}

/* ---- where the actor is ---- */

static void say_place(int64_t result)
{
	char here[PATH_ROOM_BYTES];
	say(")");
	say_result(result);
	long n = CALL(SYS_getcwd, here, sizeof(here));
	if (n > 0)
		say_path(here);
	else
		say_result(n);
}

static void run_chdir(void)
{
	const char *path = any_path();
	say("chdir(");
	say_path(path);
	say_place(CALL(SYS_chdir, path));
}

static void run_fchdir(void)
{
	int fd = any_fd();
	say("fchdir(%d", fd);
	say_place(CALL(SYS_fchdir, fd));
}

static void run_chroot(void)
{
	if (!settings.has_chroot)
		return;
	const char *path = any_path();
	say("chroot(");
	say_path(path);
	say_place(CALL(SYS_chroot, path));
}

static void run_getcwd(void)
{
	char here[PATH_ROOM_BYTES];
	size_t room = below(8);
	say("getcwd(%zu", room);
	long n = CALL(SYS_getcwd, here, room);
	say_result(n);
	say_place(0);
}

static void run_umask(void)
{
	mode_t mask = any_mode();
	say("umask(%o)", mask);
	say_result(CALL(SYS_umask, mask));
}

/* A process that shares the directory and the mask with its parent changes them for both. */
static void run_share(void)
{
	const char *path = any_path();
	say("clone(CLONE_FS, chdir ");
	say_path(path);
	pid_t pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		CALL(SYS_umask, 027);
		_exit(CALL(SYS_chdir, path) < 0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	say_place(status);
	say_result(CALL(SYS_umask, 022));
}

const struct step name_steps[] = {
	{ "mkdirat", 36, run_mkdir, false },     { "mknodat", 24, run_mknod, false },
	{ "symlinkat", 16, run_symlink, false }, { "bind", 5, run_bind, false },
	{ "openat", 70, run_open, false },       { "openat2", 14, run_openat2, true },
	{ "close", 4, run_close, false },        { "getdents64", 8, run_list, false },
	{ "linkat", 24, run_link, false },       { "unlinkat", 20, run_unlink, false },
	{ "renameat2", 36, run_rename, false },  { "chdir", 12, run_chdir, false },
	{ "fchdir", 6, run_fchdir, false },      { "chroot", 2, run_chroot, false },
	{ "getcwd", 3, run_getcwd, false },      { "umask", 8, run_umask, false },
	{ "share", 2, run_share, false },
};
const size_t name_step_count = COUNT(name_steps);
