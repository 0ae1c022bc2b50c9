/* SPDX-License-Identifier: Apache-2.0 */
/* The mount calls of descriptors, of Linux 5.2 and later. */
/* covers: open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr open_tree_attr statmount listmount */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>

/* Older headers have neither names nor numbers. */
enum { NR_STATMOUNT = 457, NR_LISTMOUNT };
enum { NR_OPEN_TREE = 428, NR_MOVE_MOUNT, NR_FSOPEN, NR_FSCONFIG, NR_FSMOUNT, NR_FSPICK, NR_SETATTR = 442, NR_TREE_ATTR = 467 };
enum { TREE_CLONE = 1, RECURSIVE = 0x8000, EMPTY = 0x1000, NO_FOLLOW = 0x100 };
enum { F_FOLLOW = 1, F_EMPTY = 4, T_FOLLOW = 0x10, T_EMPTY = 0x40 };
enum { SET_FLAG, SET_STRING, SET_BINARY, SET_PATH, SET_PATH_EMPTY, SET_FD, CREATE, RECONFIGURE };
enum {
	ATTR_READ_ONLY = 1, ATTR_NO_SUID = 2, ATTR_NO_DEV = 4, ATTR_NO_EXEC = 8, ATTR_TIMES = 0x70, ATTR_NO_ATIME = 0x10,
	ATTR_NO_SYMLINKS = 0x200000,
};

struct attributes {
	uint64_t set, clear, propagation, user_namespace;
};

static int open_tree_of(int dir, const char *path, unsigned flags)
{
	return syscall(NR_OPEN_TREE, dir, path, flags);
}
static int move_mount_to(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return syscall(NR_MOVE_MOUNT, from_dir, from, to_dir, to, flags);
}
static int fs_open(const char *type, unsigned flags)
{
	return syscall(NR_FSOPEN, type, flags);
}
static int fs_config(int fd, unsigned command, const char *key, const void *value, int aux)
{
	return syscall(NR_FSCONFIG, fd, command, key, value, aux);
}
static int fs_mount(int fd, unsigned flags, unsigned attributes)
{
	return syscall(NR_FSMOUNT, fd, flags, attributes);
}
static int fs_pick(int dir, const char *path, unsigned flags)
{
	return syscall(NR_FSPICK, dir, path, flags);
}
static int set_attributes(int dir, const char *path, unsigned flags, const struct attributes *a)
{
	return syscall(NR_SETATTR, dir, path, flags, a, sizeof(*a));
}

static void own_mounts(void)
{
	int fd = fs_open("tmpfs", 0);
	if (fd < 0 && errno == ENOSYS)
		SKIP("a kernel before Linux 5.2");
	close(fd);
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* What mountinfo says of a mount point in the working directory, behind it; "" when it is none. */
static const char *mounted_at(const char *name)
{
	char path[PATH_MAX], here[PATH_MAX];
	snprintf(path, sizeof(path), " %.2000s/%s ", getcwd(here, 2000), name);
	char *at = strstr(file_text("/proc/self/mountinfo"), path);
	if (!at)
		return "";
	at += strlen(path);
	*strchrnul(at, '\n') = '\0';
	return at;
}

static int new_tmpfs(void)
{
	int fs = WORKS(fs_open("tmpfs", 1));
	WORKS(fs_config(fs, CREATE, NULL, NULL, 0));
	int fd = WORKS(fs_mount(fs, 1, 0));
	close(fs);
	return fd;
}

TEST(a_tree_is_cloned_and_attached)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0700));
	put_file("a/f", 0640, "text");
	WORKS(chown("a/f", 5, 6));
	int fd = WORKS(open_tree_of(AT_FDCWD, "a", TREE_CLONE | O_CLOEXEC));
	EQUAL(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EQUAL(O_PATH, fcntl(fd, F_GETFL) & O_PATH);
	TEXT("", mounted_at("b"));
	/* It is a tree already. */
	struct stat st, there;
	WORKS(fstat(fd, &st));
	EQUAL(look("a").st_ino, st.st_ino);
	EQUAL(040755, st.st_mode);
	WORKS(fstatat(fd, "f", &there, 0));
	EQUAL(5, there.st_uid);
	FAILS(EBADF, fchmod(fd, 0700));
	char c;
	FAILS(EBADF, read(fd, &c, 1));
	int file = WORKS(openat(fd, "f", O_RDONLY));
	EQUAL(1, read(file, &c, 1));
	EQUAL('t', c);
	close(file);
	close(WORKS(openat(fd, "new", O_WRONLY | O_CREAT, 0600)));
	WORKS(access("a/new", F_OK));
	FAILS(EXDEV, linkat(fd, "f", AT_FDCWD, "a/g", 0));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "b", F_EMPTY));
	EQUAL(1, *mounted_at("b") != '\0');
	TEXT("text", file_text("b/f"));
	EQUAL(0755, mode_of("b"));
	/* The descriptor is of what is mounted now. */
	FAILS(EBUSY, umount("b"));
	close(fd);
	WORKS(umount("b"));
	EQUAL(0700, mode_of("b"));
	FAILS(ENOENT, access("b/f", F_OK));
}

TEST(a_clone_has_what_is_mounted_below_when_asked)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/m", 0755));
	WORKS(mkdir("b", 0755));
	WORKS(mkdir("c", 0755));
	WORKS(mount("none", "a/m", "tmpfs", 0, NULL));
	put_file("a/m/f", 0644, "x");
	int plain = WORKS(open_tree_of(AT_FDCWD, "a", TREE_CLONE)), all = WORKS(open_tree_of(AT_FDCWD, "a", TREE_CLONE | RECURSIVE));
	FAILS(ENOENT, faccessat(plain, "m/f", F_OK, 0));
	WORKS(faccessat(all, "m/f", F_OK, 0));
	int folder = open("a", O_RDONLY | O_DIRECTORY);
	WORKS(faccessat(folder, "m/f", F_OK, 0));
	FAILS(ENOENT, faccessat(plain, "m/f", F_OK, 0));
	WORKS(umount("a/m"));
	FAILS(ENOENT, faccessat(folder, "m/f", F_OK, 0));
	WORKS(faccessat(all, "m/f", F_OK, 0));
	WORKS(faccessat(all, "m/../m/./f", F_OK, 0));
	WORKS(faccessat(all, "../m/f", F_OK, 0));
	WORKS(move_mount_to(all, "", AT_FDCWD, "b", F_EMPTY));
	WORKS(move_mount_to(plain, "", AT_FDCWD, "c", F_EMPTY));
	TEXT("x", file_text("b/m/f"));
	WORKS(faccessat(all, "m/f", F_OK, 0));
	FAILS(ENOENT, access("c/m/f", F_OK));
	/* What is attached moves on by the same descriptor. */
	WORKS(mkdir("d", 0755));
	WORKS(move_mount_to(all, "", AT_FDCWD, "d", F_EMPTY));
	TEXT("x", file_text("d/m/f"));
	TEXT("", mounted_at("b"));
	EQUAL(1, *mounted_at("d/m") != '\0');
}

TEST(a_tree_survives_copies_of_its_descriptor)
{
	own_mounts();
	int ends[2];
	WORKS(mkdir("to", 0755));
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	CHILD {
		int fd = new_tmpfs(), copy = WORKS(dup(fd));
		close(fd);
		close(WORKS(openat(copy, "made", O_WRONLY | O_CREAT, 0644)));
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(int))];
		} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
		memcpy(CMSG_DATA(&control.head), &copy, sizeof(copy));
		char byte = 0;
		struct iovec part = { .iov_base = &byte, .iov_len = 1 };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room) };
		WORKS(sendmsg(ends[0], &m, 0));
	}
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room) };
	WORKS(recvmsg(ends[1], &m, 0));
	int fd;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	WORKS(faccessat(fd, "made", F_OK, 0));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "to", F_EMPTY));
	WORKS(access("to/made", F_OK));
}

TEST(files_are_trees_too)
{
	own_mounts();
	put_file("a", 0644, "a");
	put_file("b", 0600, "b");
	WORKS(mkdir("d", 0755));
	int fd = WORKS(open_tree_of(AT_FDCWD, "a", TREE_CLONE));
	struct stat st;
	WORKS(fstat(fd, &st));
	EQUAL(0100644, st.st_mode);
	FAILS(EINVAL, move_mount_to(fd, "", AT_FDCWD, "d", F_EMPTY));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "b", F_EMPTY));
	TEXT("a", file_text("b"));
	close(fd);
	WORKS(umount("b"));
	TEXT("b", file_text("b"));
}

TEST(one_is_where_the_tree_is)
{
	char path[PATH_MAX], link[64];
	own_mounts();
	WORKS(mkdir("to", 0755));
	int fd = new_tmpfs();
	WORKS(mkdirat(fd, "sub", 0755));
	CHILD {
		WORKS(fchdir(fd));
		WORKS(syscall(SYS_getcwd, path, sizeof(path)));
		TEXT("(unreachable)/", path);
		WORKS(chdir("sub"));
		WORKS(syscall(SYS_getcwd, path, sizeof(path)));
		TEXT("(unreachable)/sub", path);
		put_file("f", 0644, "x");
		WORKS(access("../sub/f", F_OK));
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = WORKS(readlink(link, path, sizeof(path) - 1));
	path[n < 0 ? 0 : n] = '\0';
	TEXT("/", path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d/sub/f", fd);
	TEXT("x", file_text(link));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int dir = WORKS(open(link, O_RDONLY | O_DIRECTORY));
	WORKS(faccessat(dir, "sub/f", F_OK, 0));
	close(dir);
	WORKS(move_mount_to(fd, "", AT_FDCWD, "to", F_EMPTY));
	n = WORKS(readlink(link, path, sizeof(path) - 1));
	path[n < 0 ? 0 : n] = '\0';
	TEXT("/to", strrchr(path, '/'));
}

TEST(open_tree_without_a_clone_opens_what_is_there)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	WORKS(symlink("a", "l"));
	put_file("a/f", 0644, "x");
	int fd = WORKS(open_tree_of(AT_FDCWD, "a", 0));
	EQUAL(0, fcntl(fd, F_GETFD));
	WORKS(faccessat(fd, "f", F_OK, 0));
	FAILS(EINVAL, move_mount_to(fd, "", AT_FDCWD, "b", F_EMPTY));
	close(fd);
	struct stat st;
	fd = WORKS(open_tree_of(AT_FDCWD, "l", 0));
	WORKS(fstat(fd, &st));
	EQUAL(1, S_ISDIR(st.st_mode));
	close(fd);
	fd = WORKS(open_tree_of(AT_FDCWD, "l", NO_FOLLOW));
	WORKS(fstat(fd, &st));
	EQUAL(1, S_ISLNK(st.st_mode));
	close(fd);
	WORKS(mount("none", "a", "tmpfs", 0, NULL));
	fd = WORKS(open_tree_of(AT_FDCWD, "a", 0));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "b", F_EMPTY));
	TEXT("", mounted_at("a"));
	EQUAL(1, *mounted_at("b") != '\0');
	close(fd);
	/* Of two that show the same it is the one that was opened. */
	WORKS(mkdir("c", 0755));
	WORKS(mount("b", "c", NULL, MS_BIND, NULL));
	struct attributes read_only = { .set = ATTR_READ_ONLY };
	fd = WORKS(open_tree_of(AT_FDCWD, "b", 0));
	WORKS(set_attributes(fd, "", EMPTY, &read_only));
	FAILS(EROFS, openat(fd, "f", O_WRONLY | O_CREAT, 0644));
	FAILS(EROFS, open("b/f", O_WRONLY | O_CREAT, 0644));
	close(WORKS(open("c/f", O_WRONLY | O_CREAT, 0644)));
	FAILS(EBUSY, umount("b"));
	close(fd);
	WORKS(umount("c"));
	WORKS(move_mount_to(AT_FDCWD, "b", AT_FDCWD, "a", 0));
	EQUAL(1, *mounted_at("a") != '\0');
	AS (1000, 1000)
		close(WORKS(open_tree_of(AT_FDCWD, "a", 0)));
}

TEST(open_tree_refuses)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	FAILS(EINVAL, open_tree_of(AT_FDCWD, "a", 2));
	FAILS(EINVAL, open_tree_of(AT_FDCWD, "a", RECURSIVE));
	FAILS(ENOENT, open_tree_of(AT_FDCWD, "missing", TREE_CLONE));
	FAILS(ENOENT, open_tree_of(AT_FDCWD, "", TREE_CLONE));
	FAILS(EBADF, open_tree_of(77, "a", TREE_CLONE));
	FAILS(EFAULT, open_tree_of(AT_FDCWD, bad, TREE_CLONE));
	WORKS(mount("none", "a", "tmpfs", 0, NULL));
	WORKS(mount(NULL, "a", NULL, MS_UNBINDABLE, NULL));
	FAILS(EINVAL, open_tree_of(AT_FDCWD, "a", TREE_CLONE));
	AS (1000, 1000) {
		FAILS(EPERM, open_tree_of(AT_FDCWD, "missing", TREE_CLONE));
		FAILS(EINVAL, open_tree_of(AT_FDCWD, "missing", TREE_CLONE | 2));
	}
}

TEST(move_mount_refuses)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	put_file("f", 0644, "");
	int fd = new_tmpfs();
	FAILS(EINVAL, move_mount_to(fd, "", AT_FDCWD, "a", 0x1000));
	FAILS(ENOENT, move_mount_to(fd, "", AT_FDCWD, "a", 0));
	FAILS(ENOENT, move_mount_to(fd, "", AT_FDCWD, "missing", F_EMPTY));
	FAILS(EINVAL, move_mount_to(fd, "", AT_FDCWD, "f", F_EMPTY));
	FAILS(EINVAL, move_mount_to(AT_FDCWD, "a", AT_FDCWD, "b", 0));
	FAILS(ENOENT, move_mount_to(AT_FDCWD, "missing", AT_FDCWD, "b", 0));
	FAILS(EBADF, move_mount_to(77, "", AT_FDCWD, "b", F_EMPTY));
	WORKS(mkdirat(fd, "sub", 0755));
	FAILS(EINVAL, move_mount_to(fd, "sub", AT_FDCWD, "b", 0));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "a", F_EMPTY));
	FAILS(ELOOP, move_mount_to(fd, "", AT_FDCWD, "a/sub", F_EMPTY));
	int to = WORKS(open("b", O_PATH));
	WORKS(move_mount_to(fd, "", to, "", F_EMPTY | T_EMPTY));
	EQUAL(1, *mounted_at("b") != '\0');
	/* A mount on a shared one stays. */
	WORKS(mount(NULL, "b", NULL, MS_SHARED, NULL));
	WORKS(mount("none", "b/sub", "tmpfs", 0, NULL));
	FAILS(EINVAL, move_mount_to(AT_FDCWD, "b/sub", AT_FDCWD, "a", 0));
	AS (1000, 1000)
		FAILS(EPERM, move_mount_to(fd, "", AT_FDCWD, "missing", F_EMPTY | 0x1000));
}

TEST(a_file_system_is_made_in_steps)
{
	char byte;
	struct stat st;
	own_mounts();
	WORKS(mkdir("m", 0755));
	int fs = WORKS(fs_open("tmpfs", 1));
	EQUAL(FD_CLOEXEC, fcntl(fs, F_GETFD));
	WORKS(fs_config(fs, SET_STRING, "source", "mine", 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "source", "again", 0));
	WORKS(fs_config(fs, SET_STRING, "mode", "0711", 0));
	WORKS(fs_config(fs, SET_STRING, "uid", "5", 0));
	WORKS(fs_config(fs, SET_STRING, "size", "8m", 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "mode", "no", 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "nonsense", "x", 0));
	FAILS(EINVAL, fs_config(fs, SET_FLAG, "nonsense", NULL, 0));
	WORKS(fs_config(fs, SET_FLAG, "rw", NULL, 0));
	FAILS(EINVAL, fs_mount(fs, 0, 0));
	WORKS(fs_config(fs, CREATE, NULL, NULL, 0));
	FAILS(EBUSY, fs_config(fs, CREATE, NULL, NULL, 0));
	FAILS(EBUSY, fs_config(fs, SET_STRING, "mode", "0700", 0));
	int fd = WORKS(fs_mount(fs, 1, ATTR_NO_EXEC | ATTR_NO_DEV | ATTR_NO_ATIME));
	EQUAL(FD_CLOEXEC, fcntl(fd, F_GETFD));
	WORKS(fstat(fd, &st));
	EQUAL(040711, st.st_mode);
	EQUAL(5, st.st_uid);
	EQUAL(-1, read(fd, &byte, 1));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "m", F_EMPTY));
	EQUAL(0, strncmp(mounted_at("m"), "rw,nodev,noexec,noatime - tmpfs mine rw", 39));
	FAILS(EBUSY, fs_mount(fs, 0, 0));
	copy_self("m/program", 0755);
	FAILS(EACCES, execl("m/program", "m/program", NULL));
	close(fd);
	close(fs);
	WORKS(umount("m"));
}

static const char *message_of(int fs)
{
	static char text[4096];
	ssize_t n = read(fs, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

TEST(the_context_tells_nothing_but_failures)
{
	char text[4096];
	own_mounts();
	int fs = WORKS(fs_open("tmpfs", 0));
	EQUAL(0, fcntl(fs, F_GETFD));
	FAILS(ENODATA, read(fs, text, sizeof(text)));
	EQUAL(-1, write(fs, text, 1));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "nonsense", "x", 0));
	FAILS(EINVAL, fs_config(fs, SET_FLAG, "more", NULL, 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "mode", "no", 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "inode64", "1", 0));
	FAILS(EMSGSIZE, read(fs, text, 5));
	TEXT("e tmpfs: Unknown parameter 'nonsense'\n", message_of(fs));
	TEXT("e tmpfs: Unknown parameter 'more'\n", message_of(fs));
	TEXT("e tmpfs: Bad value for 'mode'\n", message_of(fs));
	TEXT("e tmpfs: Unexpected value for 'inode64'\n", message_of(fs));
	FAILS(ENODATA, read(fs, text, sizeof(text)));
	for (unsigned i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "k%u", i);
		FAILS(EINVAL, fs_config(fs, SET_STRING, text, "x", 0));
	}
	TEXT("e tmpfs: Unknown parameter 'k2'\n", message_of(fs));
	CHILD
		WORKS(fs_config(fs, SET_STRING, "mode", "0700", 0));
	int copy = WORKS(dup(fs));
	close(fs);
	WORKS(fs_config(copy, CREATE, NULL, NULL, 0));
	/* What has the number afterwards is what it is. */
	int again = WORKS(open("/dev/zero", O_RDONLY));
	EQUAL(fs, again);
	EQUAL(3, read(again, text, 3));
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", copy);
	ssize_t n = WORKS(readlink(link, text, sizeof(text) - 1));
	text[n < 0 ? 0 : n] = '\0';
	TEXT("anon_inode:[fscontext]", text);
}

TEST(read_only_file_systems)
{
	own_mounts();
	WORKS(mkdir("m", 0755));
	int fs = WORKS(fs_open("tmpfs", 0));
	WORKS(fs_config(fs, SET_FLAG, "ro", NULL, 0));
	WORKS(fs_config(fs, CREATE, NULL, NULL, 0));
	int fd = WORKS(fs_mount(fs, 0, 0));
	FAILS(EROFS, openat(fd, "f", O_WRONLY | O_CREAT, 0644));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "m", F_EMPTY));
	FAILS(EROFS, open("m/f", O_WRONLY | O_CREAT, 0644));
	int picked = WORKS(fs_pick(AT_FDCWD, "m", 0));
	WORKS(fs_config(picked, SET_FLAG, "rw", NULL, 0));
	FAILS(EBUSY, fs_config(picked, CREATE, NULL, NULL, 0));
	WORKS(fs_config(picked, RECONFIGURE, NULL, NULL, 0));
	close(WORKS(open("m/f", O_WRONLY | O_CREAT, 0644)));
	WORKS(fs_config(picked, SET_FLAG, "ro", NULL, 0));
	WORKS(fs_config(picked, RECONFIGURE, NULL, NULL, 0));
	FAILS(EROFS, open("m/g", O_WRONLY | O_CREAT, 0644));
}

TEST(proc_is_a_file_system_too)
{
	own_mounts();
	WORKS(mkdir("p", 0755));
	int fs = WORKS(fs_open("proc", 0));
	WORKS(fs_config(fs, CREATE, NULL, NULL, 0));
	int fd = WORKS(fs_mount(fs, 0, ATTR_NO_SUID));
	char path[64];
	ssize_t n = WORKS(readlinkat(fd, "self", path, sizeof(path) - 1));
	path[n < 0 ? 0 : n] = '\0';
	EQUAL(getpid(), strtol(path, NULL, 10));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "p", F_EMPTY));
	EQUAL(0, strncmp("Name:", file_text("p/self/status"), 5));
}

TEST(fsconfig_refuses)
{
	own_mounts();
	int fs = WORKS(fs_open("tmpfs", 0)), other = open("/", O_RDONLY);
	FAILS(EINVAL, fs_config(-1, CREATE, NULL, NULL, 0));
	FAILS(EBADF, fs_config(77, CREATE, NULL, NULL, 0));
	FAILS(EINVAL, fs_config(other, CREATE, NULL, NULL, 0));
	FAILS(EINVAL, fs_config(fs, CREATE, "x", NULL, 0));
	FAILS(EINVAL, fs_config(fs, CREATE, NULL, NULL, 1));
	FAILS(EINVAL, fs_config(fs, SET_FLAG, NULL, NULL, 0));
	FAILS(EINVAL, fs_config(fs, SET_FLAG, "ro", "x", 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "mode", NULL, 0));
	FAILS(EINVAL, fs_config(fs, SET_STRING, "mode", "0700", 1));
	FAILS(EINVAL, fs_config(fs, SET_BINARY, "x", "x", 0));
	FAILS(EINVAL, fs_config(fs, SET_FD, "x", NULL, -1));
	FAILS(EINVAL, fs_config(fs, SET_PATH, "x", "x", -1));
	FAILS(EFAULT, fs_config(fs, SET_STRING, bad, "x", 0));
	FAILS(EOPNOTSUPP, fs_config(fs, 99, NULL, NULL, 0));
	FAILS(EBUSY, fs_config(fs, RECONFIGURE, NULL, NULL, 0));
	FAILS(EINVAL, fs_open("tmpfs", 2));
	FAILS(ENODEV, fs_open("no-such-type", 0));
	FAILS(EFAULT, fs_open(bad, 0));
	FAILS(EINVAL, fs_mount(fs, 2, 0));
	FAILS(EINVAL, fs_mount(fs, 0, 0x100000));
	FAILS(EINVAL, fs_mount(fs, 0, ATTR_TIMES));
	FAILS(EBADF, fs_mount(77, 0, 0));
	FAILS(EINVAL, fs_mount(other, 0, 0));
	FAILS(EINVAL, fs_pick(AT_FDCWD, "/", 0x10));
	FAILS(ENOENT, fs_pick(AT_FDCWD, "missing", 0));
	WORKS(mkdir("d", 0755));
	FAILS(EINVAL, fs_pick(AT_FDCWD, "d", 0));
	AS (1000, 1000) {
		FAILS(EPERM, fs_open("no-such-type", 2));
		FAILS(EPERM, fs_mount(77, 2, 0));
		FAILS(EPERM, fs_pick(AT_FDCWD, "missing", 0x10));
		FAILS(EPERM, fs_config(fs, CREATE, NULL, NULL, 0));
	}
}

TEST(attributes_are_set_and_cleared)
{
	own_mounts();
	WORKS(mkdir("m", 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	WORKS(mkdir("m/sub", 0755));
	WORKS(mount("none", "m/sub", "tmpfs", 0, NULL));
	struct attributes a = { .set = ATTR_READ_ONLY | ATTR_NO_SUID };
	WORKS(set_attributes(AT_FDCWD, "m", 0, &a));
	FAILS(EROFS, open("m/f", O_WRONLY | O_CREAT, 0644));
	close(WORKS(open("m/sub/f", O_WRONLY | O_CREAT, 0644)));
	EQUAL(0, strncmp(mounted_at("m"), "ro,nosuid,relatime ", 19));
	WORKS(set_attributes(AT_FDCWD, "m", RECURSIVE, &a));
	FAILS(EROFS, open("m/sub/g", O_WRONLY | O_CREAT, 0644));
	a = (struct attributes){ .clear = ATTR_READ_ONLY };
	WORKS(set_attributes(AT_FDCWD, "m", RECURSIVE, &a));
	close(WORKS(open("m/sub/g", O_WRONLY | O_CREAT, 0644)));
	EQUAL(0, strncmp(mounted_at("m"), "rw,nosuid,relatime ", 19));
	a = (struct attributes){ .clear = ATTR_TIMES, .set = ATTR_NO_ATIME, .propagation = MS_SHARED };
	WORKS(set_attributes(AT_FDCWD, "m", 0, &a));
	EQUAL(0, strncmp(mounted_at("m"), "rw,nosuid,noatime shared:", 25));
	WORKS(symlink("sub", "m/l"));
	WORKS(access("m/l", F_OK));
	a = (struct attributes){ .set = ATTR_NO_SYMLINKS };
	WORKS(set_attributes(AT_FDCWD, "m", 0, &a));
	FAILS(ELOOP, access("m/l", F_OK));
	FAILS(ELOOP, access("m/l/f", F_OK));
	WORKS(faccessat(AT_FDCWD, "m/l", F_OK, NO_FOLLOW));
	/* On a tree of nobody's yet. */
	WORKS(mkdir("n", 0755));
	WORKS(mkdir("source", 0755));
	int fd = WORKS(open_tree_of(AT_FDCWD, "source", TREE_CLONE));
	a = (struct attributes){ .set = ATTR_READ_ONLY };
	WORKS(set_attributes(fd, "", EMPTY, &a));
	FAILS(EROFS, openat(fd, "f", O_WRONLY | O_CREAT, 0644));
	close(WORKS(open("source/f", O_WRONLY | O_CREAT, 0644)));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "n", F_EMPTY));
	FAILS(EROFS, open("n/g", O_WRONLY | O_CREAT, 0644));
}

TEST(mount_setattr_refuses)
{
	own_mounts();
	WORKS(mkdir("m", 0755));
	WORKS(mkdir("d", 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	struct attributes a = { .set = ATTR_READ_ONLY };
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 1, &a));
	FAILS(EINVAL, set_attributes(AT_FDCWD, "d", 0, &a));
	FAILS(ENOENT, set_attributes(AT_FDCWD, "missing", 0, &a));
	FAILS(EINVAL, syscall(NR_SETATTR, AT_FDCWD, "m", 0, &a, 8));
	FAILS(E2BIG, syscall(NR_SETATTR, AT_FDCWD, "m", 0, &a, 100000));
	FAILS(EFAULT, set_attributes(AT_FDCWD, "m", 0, bad));
	struct {
		struct attributes known;
		uint64_t more;
	} larger = { .known = a, .more = 1 };
	FAILS(E2BIG, syscall(NR_SETATTR, AT_FDCWD, "m", 0, &larger, sizeof(larger)));
	larger.more = 0;
	WORKS(syscall(NR_SETATTR, AT_FDCWD, "m", 0, &larger, sizeof(larger)));
	a = (struct attributes){ 0 };
	WORKS(set_attributes(AT_FDCWD, "missing", 0, &a));
	a.set = 0x40000000;
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a.set = ATTR_NO_ATIME;
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a = (struct attributes){ .clear = ATTR_NO_ATIME };
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a = (struct attributes){ .propagation = MS_SHARED | MS_PRIVATE };
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a = (struct attributes){ .propagation = MS_RDONLY };
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	/* MOUNT_ATTR_IDMAP: by a user namespace, but not the first. */
	a = (struct attributes){ .set = 0x100000, .user_namespace = 77 };
	FAILS(EBADF, set_attributes(AT_FDCWD, "m", 0, &a));
	a.user_namespace = UINT64_C(1) << 31;
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a.user_namespace = WORKS(open("m", O_RDONLY));
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a.user_namespace = WORKS(open("/proc/self/ns/mnt", O_RDONLY));
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a.user_namespace = WORKS(open("/proc/self/ns/user", O_RDONLY));
	FAILS(EPERM, set_attributes(AT_FDCWD, "m", 0, &a));
	a = (struct attributes){ .clear = 0x100000, .user_namespace = a.user_namespace };
	FAILS(EINVAL, set_attributes(AT_FDCWD, "m", 0, &a));
	a = (struct attributes){ .set = ATTR_READ_ONLY };
	AS (1000, 1000) {
		FAILS(EPERM, set_attributes(AT_FDCWD, "missing", 0, &a));
		FAILS(EPERM, set_attributes(AT_FDCWD, "missing", 0, bad));
		FAILS(EINVAL, set_attributes(AT_FDCWD, "missing", 1, &a));
	}
}

TEST(a_clone_is_made_with_attributes)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	struct attributes a = { .set = ATTR_READ_ONLY };
	int fd = syscall(NR_TREE_ATTR, AT_FDCWD, "a", TREE_CLONE, &a, sizeof(a));
	if (fd < 0 && errno == ENOSYS)
		SKIP("a kernel before Linux 6.15");
	WORKS(fd);
	FAILS(EROFS, openat(fd, "f", O_WRONLY | O_CREAT, 0644));
	WORKS(move_mount_to(fd, "", AT_FDCWD, "b", F_EMPTY));
	FAILS(EROFS, open("b/f", O_WRONLY | O_CREAT, 0644));
	close(WORKS(open("a/f", O_WRONLY | O_CREAT, 0644)));
	FAILS(EINVAL, syscall(NR_TREE_ATTR, AT_FDCWD, "a", TREE_CLONE, NULL, sizeof(a)));
	FAILS(EINVAL, syscall(NR_TREE_ATTR, AT_FDCWD, "a", TREE_CLONE, &a, 8));
	FAILS(EINVAL, syscall(NR_TREE_ATTR, AT_FDCWD, "a", 0, &a, sizeof(a)));
	close(WORKS(syscall(NR_TREE_ATTR, AT_FDCWD, "a", TREE_CLONE, NULL, 0)));
}

ROLE(where_am_i)
{
	char path[PATH_MAX];
	struct statfs fs;
	int fd = open("/proc/self/exe", O_RDONLY);
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const unsigned read_only = 1; /* ST_RDONLY */
	bool is_read_only = fstatfs(fd, &fs) == 0 && (fs.f_flags & read_only) && statfs("/proc/self/exe", &fs) == 0 &&
			    (fs.f_flags & read_only);
	printf("%.*s %d", (int)n, path, is_read_only);
	return 0;
}

/* As runtimes do, so that nobody in a container writes into them. */
TEST(a_program_runs_from_a_read_only_tree)
{
	own_mounts();
	copy_self("program", 0755);
	int fd = WORKS(open_tree_of(AT_FDCWD, "program", TREE_CLONE));
	struct attributes a = { .set = ATTR_READ_ONLY };
	WORKS(set_attributes(fd, "", EMPTY, &a));
	int ends[2];
	char text[64] = "";
	WORKS(pipe(ends));
	CHILD {
		char name[] = "program", role[] = "@where_am_i ", *const argv[] = { name, role, NULL };
		dup2(ends[1], 1);
		syscall(SYS_execveat, fd, "", argv, NULL, EMPTY);
	}
	close(ends[1]);
	WORKS(read(ends[0], text, sizeof(text) - 1));
	TEXT("/ 1", text);
}

TEST(a_tree_moves_into_another_namespace)
{
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	put_file("a/f", 0644, "x");
	int fd = WORKS(open_tree_of(AT_FDCWD, "a", TREE_CLONE));
	CHILD {
		WORKS(unshare(CLONE_NEWNS));
		WORKS(move_mount_to(fd, "", AT_FDCWD, "b", F_EMPTY));
		TEXT("x", file_text("b/f"));
	}
	FAILS(ENOENT, access("b/f", F_OK));
}

/* struct mnt_id_req of Linux 6.8 */
struct mount_request {
	uint32_t size, spare;
	uint64_t id, parameter;
};
/* The head of struct statmount, of 512 bytes, and room for strings behind. */
struct mount_state {
	uint32_t size, options;
	uint64_t mask;
	uint32_t major, minor;
	uint64_t magic;
	uint32_t super_flags, fs_type;
	uint64_t id, parent_id;
	uint32_t old_id, old_parent_id;
	uint64_t attributes, propagation, peers, master, from;
	uint32_t root, point;
	uint64_t unused[50];
	char text[4096];
};
enum { STATE_BYTES = 512, ABOUT_SUPER = 1, ABOUT_MOUNT = 2, ABOUT_ROOT = 8, ABOUT_POINT = 0x10, ABOUT_TYPE = 0x20 };
#define FIRST_ID (UINT64_C(1) << 31)
#define ALL_MOUNTS UINT64_MAX

static long stat_mount(uint64_t id, uint64_t what, void *to, size_t size)
{
	struct mount_request request = { sizeof(request), 0, id, what };
	return syscall(NR_STATMOUNT, &request, to, size, 0);
}

static long list_mounts(uint64_t id, uint64_t last, uint64_t *to, size_t room, unsigned flags)
{
	struct mount_request request = { sizeof(request), 0, id, last };
	return syscall(NR_LISTMOUNT, &request, to, room, flags);
}

/* STATX_MNT_ID_UNIQUE, STATX_MNT_ID; and is it the root of its mount? */
static uint64_t mount_of(const char *path, unsigned which, bool *ret_is_root)
{
	uint64_t words[32] = { 0 }; /* struct statx */
	WORKS(syscall(SYS_statx, AT_FDCWD, path, 0, which, words));
	*ret_is_root = words[1] & 0x2000;
	return words[18];
}

static void own_new_mounts(void)
{
	own_mounts();
	if (list_mounts(ALL_MOUNTS, 0, NULL, 0, 0) < 0 && errno == ENOSYS)
		SKIP("a kernel before Linux 6.8");
}

TEST(mounts_are_listed_and_described)
{
	uint64_t list[200], unique, old, below, parent;
	char here[PATH_MAX], point[PATH_MAX + 16];
	struct mount_state s;
	bool is_root;
	own_new_mounts();
	WORKS(getcwd(here, sizeof(here)) ? 0 : -1);
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	parent = mount_of("a", 0x4000, &is_root);
	EQUAL(0, is_root);
	WORKS(mount("none", "a", "tmpfs", MS_NOSUID | MS_NOEXEC, NULL));
	WORKS(mkdir("a/c", 0755));
	WORKS(mount("b", "a/c", NULL, MS_BIND, NULL));
	unique = mount_of("a", 0x4000, &is_root);
	EQUAL(1, is_root);
	EQUAL(1, unique > FIRST_ID && unique != parent);
	old = mount_of("a", 0x1000, &is_root);
	below = mount_of("a/c", 0x4000, &is_root);
	EQUAL(1, is_root);
	snprintf(point, sizeof(point), "%llu ", (unsigned long long)old);
	EQUAL(1, strstr(file_text("/proc/self/mountinfo"), point) != NULL);
	memset(&s, 0xff, sizeof(s));
	WORKS(stat_mount(unique, ABOUT_SUPER | ABOUT_MOUNT | ABOUT_ROOT | ABOUT_POINT | ABOUT_TYPE, &s, sizeof(s)));
	EQUAL(ABOUT_SUPER | ABOUT_MOUNT | ABOUT_ROOT | ABOUT_POINT | ABOUT_TYPE, s.mask);
	EQUAL(unique, s.id);
	EQUAL(old, s.old_id);
	EQUAL(parent, s.parent_id);
	EQUAL(0x01021994, s.magic);
	EQUAL(ATTR_NO_SUID | ATTR_NO_EXEC, s.attributes & ~ATTR_TIMES);
	EQUAL(MS_PRIVATE, s.propagation);
	snprintf(point, sizeof(point), "%s/a", here);
	TEXT(point, s.text + s.point);
	TEXT("/", s.text + s.root);
	TEXT("tmpfs", s.text + s.fs_type);
	EQUAL(STATE_BYTES + 1 + strlen(point) + 1 + 2 + 6, s.size);
	/* All, from a place in the list on, and what is mounted on one. */
	long all = WORKS(list_mounts(ALL_MOUNTS, 0, list, 200, 0)), found = 0;
	for (long i = 0; i < all; i++) {
		found += list[i] == unique || list[i] == below;
		EQUAL(1, i == 0 || list[i] > list[i - 1]);
	}
	EQUAL(2, found);
	uint64_t first = list[0], last = list[all - 1], second = list[1];
	EQUAL(1, list_mounts(ALL_MOUNTS, first, list, 1, 0));
	EQUAL(second, list[0]);
	EQUAL(1, list_mounts(unique, 0, list, 200, 0));
	EQUAL(below, list[0]);
	EQUAL(0, list_mounts(below, 0, list, 200, 0));
	if (list_mounts(ALL_MOUNTS, 0, list, 1, 1) == 1)
		EQUAL(last, list[0]);
	WORKS(umount("a/c"));
	FAILS(ENOENT, stat_mount(below, ABOUT_MOUNT, &s, sizeof(s)));
	EQUAL(0, list_mounts(unique, 0, list, 200, 0));
}

TEST(statmount_and_listmount_refuse)
{
	uint64_t list[8];
	struct mount_state s;
	bool is_root;
	own_new_mounts();
	uint64_t id = mount_of("/proc", 0x4000, &is_root);
	struct mount_request small = { 16, 0, id, ABOUT_MOUNT };
	FAILS(EINVAL, stat_mount(1, ABOUT_MOUNT, &s, sizeof(s)));
	FAILS(ENOENT, stat_mount(UINT64_C(1) << 60, ABOUT_MOUNT, &s, sizeof(s)));
	FAILS(EINVAL, syscall(NR_STATMOUNT, &small, &s, sizeof(s), 0));
	small.size = 5000;
	FAILS(E2BIG, syscall(NR_STATMOUNT, &small, &s, sizeof(s), 0));
	small.size = sizeof(small);
	FAILS(EINVAL, syscall(NR_STATMOUNT, &small, &s, sizeof(s), 1));
	FAILS(EFAULT, syscall(NR_STATMOUNT, bad, &s, sizeof(s), 0));
	/* What is too small for the head gets a part of it, but strings must fit. */
	s.old_id = 7;
	WORKS(stat_mount(id, ABOUT_MOUNT, &s, 56));
	EQUAL(7, s.old_id);
	WORKS(stat_mount(id, ABOUT_MOUNT, &s, 0));
	FAILS(EOVERFLOW, stat_mount(id, ABOUT_TYPE, &s, STATE_BYTES));
	FAILS(EOVERFLOW, stat_mount(id, ABOUT_TYPE, &s, STATE_BYTES + 5));
	WORKS(stat_mount(id, ABOUT_TYPE, &s, STATE_BYTES + 6));
	FAILS(EFAULT, stat_mount(id, ABOUT_MOUNT, bad, sizeof(s)));
	FAILS(EINVAL, list_mounts(1, 0, list, 8, 0));
	FAILS(EINVAL, list_mounts(ALL_MOUNTS, 1, list, 8, 0));
	FAILS(ENOENT, list_mounts(UINT64_C(1) << 60, 0, list, 8, 0));
	FAILS(EINVAL, list_mounts(ALL_MOUNTS, 0, list, 8, 2));
	FAILS(EOVERFLOW, list_mounts(ALL_MOUNTS, 0, list, 1000001, 0));
	EQUAL(0, list_mounts(ALL_MOUNTS, 0, list, 0, 0));
}
