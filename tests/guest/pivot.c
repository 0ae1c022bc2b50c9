/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts on mounts: what covers what, what moves along, and pivot_root as sandboxes do it. */
/* covers: pivot_root */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>

static int pivot_root(const char *new_root, const char *put_old)
{
	return syscall(SYS_pivot_root, new_root, put_old);
}

static void own_mounts(void)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static void mount_tmpfs(const char *at)
{
	WORKS(mount("tmpfs", at, "tmpfs", 0, NULL));
}

TEST(a_tmpfs_has_the_owner_and_mode_it_is_given)
{
	own_mounts();
	WORKS(mkdir("d", 0700));
	WORKS(mount("x", "d", "tmpfs", MS_NOSUID, "mode=0750,size=1m,uid=5,gid=6"));
	EQUAL(040750, look("d").st_mode);
	EQUAL(5, look("d").st_uid);
	EQUAL(6, look("d").st_gid);
	WORKS(umount("d"));
	EQUAL(0700, mode_of("d"));
	mount_tmpfs("d");
	EQUAL(01777, mode_of("d"));
	FAILS(EINVAL, mount("x", "d", "tmpfs", 0, "mode=no"));
}

TEST(a_mount_covers_what_is_mounted_below)
{
	own_mounts();
	WORKS(mkdir("d", 0755));
	mount_tmpfs("d");
	WORKS(mkdir("d/e", 0755));
	mount_tmpfs("d/e");
	put_file("d/e/deep", 0644, "");
	mount_tmpfs("d");
	FAILS(ENOENT, access("d/e", F_OK));
	WORKS(mkdir("d/e", 0755));
	FAILS(ENOENT, access("d/e/deep", F_OK));
	FAILS(EINVAL, umount("d/e"));
	WORKS(umount("d"));
	WORKS(access("d/e/deep", F_OK));
	FAILS(EBUSY, umount("d"));
	WORKS(umount2("d", MNT_DETACH));
	FAILS(ENOENT, access("d/e", F_OK));
	FAILS(EINVAL, umount("d"));
}

TEST(a_recursive_bind_brings_mounts_along)
{
	own_mounts();
	WORKS(mkdir("from", 0755));
	WORKS(mkdir("plain", 0755));
	WORKS(mkdir("all", 0755));
	mount_tmpfs("from");
	WORKS(mkdir("from/sub", 0755));
	mount_tmpfs("from/sub");
	put_file("from/sub/f", 0644, "");
	WORKS(mount("from", "plain", NULL, MS_BIND, NULL));
	WORKS(mount("from", "all", NULL, MS_BIND | MS_REC, NULL));
	FAILS(ENOENT, access("plain/sub/f", F_OK));
	WORKS(access("all/sub/f", F_OK));
	WORKS(umount("all/sub"));
	FAILS(ENOENT, access("all/sub/f", F_OK));
	WORKS(access("from/sub/f", F_OK));
}

TEST(mounts_are_made_by_descriptors)
{
	char from[64], to[64];
	own_mounts();
	WORKS(mkdir("from", 0755));
	WORKS(mkdir("to", 0755));
	put_file("from/f", 0644, "x");
	put_file("g", 0644, "y");
	snprintf(from, sizeof(from), "/proc/self/fd/%ld", WORKS(open("from", O_PATH)));
	snprintf(to, sizeof(to), "/proc/self/fd/%ld", WORKS(open("to", O_PATH)));
	WORKS(mount(from, to, NULL, MS_BIND, NULL));
	TEXT("x", file_text("to/f"));
	snprintf(from, sizeof(from), "/proc/self/fd/%ld", WORKS(open("g", O_PATH)));
	int fd = WORKS(open("to/f", O_PATH));
	snprintf(to, sizeof(to), "/proc/self/fd/%d", fd);
	WORKS(mount(from, to, NULL, MS_BIND, NULL));
	WORKS(close(fd));
	TEXT("y", file_text("to/f"));
	TEXT("x", file_text("from/f"));
	WORKS(umount("to/f"));
	WORKS(umount("to"));
	FAILS(ENOENT, access("to/f", F_OK));
}

TEST(a_moved_mount_takes_along_mounts_and_processes)
{
	char cwd[PATH_MAX];
	own_mounts();
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	mount_tmpfs("a");
	WORKS(mkdir("a/sub", 0755));
	mount_tmpfs("a/sub");
	put_file("a/sub/f", 0644, "");
	WORKS(chdir("a/sub"));
	WORKS(mount("../../a", "../../b", NULL, MS_MOVE, NULL));
	WORKS(getcwd(cwd, sizeof(cwd)) != NULL ? 0 : -1);
	TEXT("/b/sub", strlen(cwd) > 6 ? cwd + strlen(cwd) - 6 : cwd);
	WORKS(access("f", F_OK));
	WORKS(access("../../b/sub/f", F_OK));
	FAILS(ENOENT, access("../../a/sub", F_OK));
	FAILS(EINVAL, mount("../../a", "../../b", NULL, MS_MOVE, NULL));
	FAILS(ELOOP, mount("../../b", "../../b/sub", NULL, MS_MOVE, NULL));
}

TEST(pivot_root_refuses)
{
	own_mounts();
	WORKS(mkdir("d", 0755));
	WORKS(mkdir("other", 0755));
	FAILS(EBUSY, pivot_root("d", "d"));
	FAILS(ENOENT, pivot_root("missing", "d"));
	put_file("f", 0644, "");
	FAILS(ENOTDIR, pivot_root("f", "d"));
	mount_tmpfs("d");
	WORKS(mkdir("d/sub", 0755));
	mount_tmpfs("other");
	FAILS(EINVAL, pivot_root("d", "other"));
	FAILS(EINVAL, pivot_root("d/sub", "d/sub"));
	AS (1000, 1000)
		FAILS(EPERM, pivot_root("d", "d/sub"));
}

TEST(the_old_root_shows_with_its_mounts)
{
	char cwd[PATH_MAX];
	own_mounts();
	WORKS(mkdir("new", 0755));
	mount_tmpfs("new");
	WORKS(mkdir("new/old", 0755));
	put_file("new/f", 0644, "new");
	WORKS(pivot_root("new", "new/old"));
	TEXT("new", file_text("/f"));
	WORKS(access("/old/proc/self/status", F_OK));
	FAILS(ENOENT, access("/proc", F_OK));
	WORKS(chdir("/old"));
	WORKS(chdir(".."));
	WORKS(getcwd(cwd, sizeof(cwd)) != NULL ? 0 : -1);
	TEXT("/", cwd);
	int fd = WORKS(open("/f", O_RDONLY));
	char link[64], target[PATH_MAX] = "";
	snprintf(link, sizeof(link), "/old/proc/self/fd/%d", fd);
	WORKS(readlink(link, target, sizeof(target) - 1));
	TEXT("/f", target);
	FAILS(EBUSY, umount("/old"));
	WORKS(umount2("/old", MNT_DETACH));
	FAILS(ENOENT, access("/old/proc", F_OK));
}

TEST(processes_of_the_namespace_change_their_root)
{
	int go[2];
	own_mounts();
	WORKS(pipe(go));
	WORKS(mkdir("new", 0755));
	mount_tmpfs("new");
	WORKS(mkdir("new/old", 0755));
	put_file("new/f", 0644, "");
	pid_t child = fork();
	if (child == 0) {
		char c;
		if (chdir("/") < 0 || read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(access("/f", F_OK) == 0 && access("f", F_OK) == 0 ? 0 : 2);
	}
	usleep(100000);
	WORKS(pivot_root("new", "new/old"));
	WORKS(write(go[1], "x", 1));
	int status = -1;
	waitpid(child, &status, 0);
	EQUAL(0, status);
}

TEST(a_root_can_be_thrown_away_by_descriptor)
{
	own_mounts();
	WORKS(mkdir("new", 0755));
	mount_tmpfs("new");
	put_file("new/f", 0644, "");
	int old = WORKS(open("/", O_RDONLY | O_DIRECTORY));
	WORKS(chdir("new"));
	WORKS(pivot_root(".", "."));
	WORKS(fchdir(old));
	WORKS(umount2(".", MNT_DETACH));
	WORKS(chdir("/"));
	WORKS(access("f", F_OK));
	FAILS(ENOENT, access("/proc", F_OK));
}
