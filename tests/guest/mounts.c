/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts, namespaces, the host's name. */
/* covers: mount umount umount2 pivot_root unshare setns sethostname setdomainname uname olduname oldolduname */
#include "guest.h"

#include <dirent.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

static const char *host_name(void)
{
	static struct utsname u;
	uname(&u);
	return u.nodename;
}

static bool is_mounted(const char *name)
{
	char path[PATH_MAX], here[PATH_MAX];
	snprintf(path, sizeof(path), " %.2000s/%s ", getcwd(here, 2000), name);
	return strstr(file_text("/proc/self/mountinfo"), path);
}

TEST(a_tmpfs_is_empty_and_goes)
{
	struct statfs fs;
	WORKS(mkdir("m", 0755));
	put_file("m/below", 0644, "below");
	WORKS(mount("none", "m", "tmpfs", 0, "mode=0711"));
	EQUAL(0711, mode_of("m"));
	EQUAL(true, strstr(file_text("/proc/self/mounts"), "/m tmpfs rw,relatime,mode=711") != NULL);
	EQUAL(true, strstr(file_text("/proc/self/mountinfo"), " rw,mode=711") != NULL);
	EQUAL(1, is_mounted("m"));
	FAILS(ENOENT, open("m/below", O_RDONLY));
	put_file("m/f", 0644, "inside");
	TEXT("inside", file_text("m/f"));
	WORKS(mkdir("m/d", 0755));
	FAILS(EXDEV, rename("m/f", "f"));
	FAILS(EXDEV, link("m/f", "f"));
	WORKS(statfs("m", &fs));
	EQUAL(0x01021994, fs.f_type);
	memset(&fs, 0, sizeof(fs));
	int fd = WORKS(open("m/f", O_PATH));
	WORKS(fstatfs(fd, &fs));
	EQUAL(0x01021994, fs.f_type);
	close(fd);
	FAILS(EBUSY, rmdir("m"));
	FAILS(EBUSY, rename("m", "n"));
	WORKS(chdir("m"));
	FAILS(EBUSY, umount("../m"));
	WORKS(chdir(".."));
	WORKS(umount("m"));
	EQUAL(0, is_mounted("m"));
	TEXT("below", file_text("m/below"));
	FAILS(EINVAL, umount("m"));
}

TEST(options_of_a_file_system_are_shown)
{
	WORKS(mkdir("m", 0755));
	WORKS(mkdir("n", 0755));
	WORKS(mount("none", "m", "tmpfs", 0, "mode=1777,uid=5,size=65537,nr_inodes=2k"));
	EQUAL(true, strstr(file_text("/proc/self/mounts"), "/m tmpfs rw,relatime,size=68k,nr_inodes=2048,uid=5") != NULL);
	WORKS(mount("m", "n", NULL, MS_BIND, NULL));
	EQUAL(true, strstr(file_text("/proc/self/mounts"), "/n tmpfs rw,relatime,size=68k,nr_inodes=2048,uid=5") != NULL);
	WORKS(umount("n"));
	WORKS(umount("m"));
	WORKS(mount("devpts", "m", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5"));
	EQUAL(true, strstr(file_text("/proc/self/mounts"), "/m devpts rw,relatime,gid=5,mode=620,ptmxmode=666") != NULL);
	WORKS(umount("m"));
}

static unsigned names_in(const char *name, const char *wanted)
{
	unsigned count = 0;
	DIR *dir = opendir(name);
	for (const struct dirent *e; dir && (e = readdir(dir));)
		count += strcmp(e->d_name, wanted) == 0;
	if (dir)
		closedir(dir);
	return count;
}

TEST(a_devpts_lists_the_terminals_that_are_open)
{
	char number[16];
	unsigned index;
	WORKS(mkdir("m", 0755));
	WORKS(mount("devpts", "m", "devpts", 0, "newinstance,ptmxmode=0666"));
	EQUAL(1, names_in("m", "ptmx"));
	EQUAL(1, names_in("m", ".."));
	int master = WORKS(open("m/ptmx", O_RDWR | O_NOCTTY));
	WORKS(ioctl(master, TIOCGPTN, &index));
	snprintf(number, sizeof(number), "%u", index);
	EQUAL(1, names_in("m", number));
	CHILD
		EQUAL(1, names_in("m", number));
	close(master);
	EQUAL(0, names_in("m", number));
	WORKS(umount("m"));
}

TEST(a_tmpfs_is_busy_while_its_files_are_open)
{
	struct stat st;
	WORKS(mkdir("m", 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	int fd = WORKS(open("m/f", O_RDWR | O_CREAT, 0644));
	FAILS(EBUSY, umount("m"));
	WORKS(unlink("m/f"));
	FAILS(EBUSY, umount("m"));
	WORKS(ftruncate(fd, 4096));
	char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	FAILS(EBUSY, umount("m"));
	WORKS(munmap(page, 4096));
	/* Of another process, and a directory. */
	int ends[2];
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		WORKS(open("m", O_RDONLY | O_DIRECTORY));
		close(ends[1]);
		for (;;)
			pause();
	}
	char go;
	close(ends[1]);
	EQUAL(0, read(ends[0], &go, 1));
	FAILS(EBUSY, umount("m"));
	kill(child, SIGKILL);
	WORKS(waitpid(child, NULL, 0));
	WORKS(umount("m"));
	/* A lazy one goes, and what is open stays. */
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	fd = WORKS(open("m/f", O_RDWR | O_CREAT, 0644));
	WORKS(umount2("m", MNT_DETACH));
	EQUAL(2, write(fd, "ab", 2));
	WORKS(fstat(fd, &st));
	EQUAL(2, st.st_size);
	EQUAL(0, is_mounted("m"));
}

TEST(mounts_cover_each_other)
{
	WORKS(mkdir("m", 0755));
	WORKS(mount("a", "m", "tmpfs", 0, NULL));
	put_file("m/a", 0644, "");
	WORKS(mount("b", "m", "tmpfs", 0, NULL));
	put_file("m/b", 0644, "");
	FAILS(ENOENT, open("m/a", O_RDONLY));
	WORKS(umount("m"));
	close(WORKS(open("m/a", O_RDONLY)));
	WORKS(umount("m"));
	FAILS(ENOENT, open("m/a", O_RDONLY));
}

TEST(binds_show_the_same_files)
{
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0700));
	put_file("a/f", 0640, "text");
	WORKS(chown("a/f", 5, 6));
	WORKS(mount("a", "b", NULL, MS_BIND, NULL));
	TEXT("text", file_text("b/f"));
	EQUAL(5, look("b/f").st_uid);
	EQUAL(look("a/f").st_ino, look("b/f").st_ino);
	EQUAL(0755, mode_of("b"));
	put_file("b/new", 0600, "new");
	TEXT("new", file_text("a/new"));
	FAILS(EXDEV, rename("b/f", "a/g"));
	char path[PATH_MAX];
	WORKS(chdir("b"));
	WORKS(getcwd(path, sizeof(path)) ? 0 : -1);
	TEXT("/b", strrchr(path, '/'));
	WORKS(chdir(".."));
	WORKS(umount2("b", MNT_DETACH));
	EQUAL(0700, mode_of("b"));
	/* of files too */
	put_file("target", 0600, "");
	WORKS(mount("a/f", "target", "ignored", MS_BIND, NULL));
	TEXT("text", file_text("target"));
	FAILS(EBUSY, unlink("target"));
	WORKS(umount("target"));
	FAILS(ENOTDIR, mount("a", "target", NULL, MS_BIND, NULL));
	FAILS(ENOTDIR, mount("target", "a", NULL, MS_BIND, NULL));
}

/* The fourth field of mountinfo of what is mounted there last; "" when nothing is. */
static const char *root_shown(const char *name)
{
	static char root[PATH_MAX];
	char path[PATH_MAX], here[PATH_MAX], *found = NULL;
	snprintf(path, sizeof(path), " %.2000s/%s ", getcwd(here, 2000), name);
	for (char *at = file_text("/proc/self/mountinfo"); (at = strstr(at, path)); at++)
		found = at;
	if (!found)
		return "";
	*found = '\0';
	while (found[-1] != ' ')
		found--;
	snprintf(root, sizeof(root), "%s", found);
	return root;
}

TEST(fdinfo_tells_the_number_that_mountinfo_has_for_the_mount)
{
	char number[32];
	WORKS(mkdir("m", 0755));
	int above = WORKS(open("m", O_RDONLY));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	int fd = WORKS(open("m/f", O_WRONLY | O_CREAT | O_NONBLOCK, 0644)), root = WORKS(open("m", O_PATH));
	EQUAL(3, write(fd, "abc", 3));
	long id = fdinfo_number(fd, "mnt_id:");
	EQUAL(id, fdinfo_number(root, "mnt_id:"));
	EQUAL(1, id != fdinfo_number(above, "mnt_id:"));
	EQUAL(fdinfo_number(WORKS(open(".", O_RDONLY)), "mnt_id:"), fdinfo_number(above, "mnt_id:"));
	EQUAL(3, fdinfo_number(fd, "pos:"));
	snprintf(number, sizeof(number), "\n%ld ", id);
	char *line = strstr(file_text("/proc/self/mountinfo"), number);
	EQUAL(1, line != NULL);
	if (line)
		line[1 + strcspn(line + 1, "\n")] = '\0';
	EQUAL(1, line && strstr(line, "/m rw,relatime ") != NULL);
	char name[64], other[64];
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	snprintf(other, sizeof(other), "/proc/%d/task/%d/fdinfo/%d", getpid(), getpid(), fd);
	char text[1024];
	snprintf(text, sizeof(text), "%s", file_text(name));
	TEXT(text, file_text(other));
	close(fd);
	FAILS(ENOENT, open(name, O_RDONLY));
	close(root);
	WORKS(umount("m"));
}

TEST(mountinfo_tells_what_of_its_file_system_a_mount_shows)
{
	for (unsigned i = 0; i < 4; i++)
		WORKS(mkdir((const char *[]){ "m", "n", "o", "a b" }[i], 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	TEXT("/", root_shown("m"));
	WORKS(mkdir("m/d", 0755));
	WORKS(mkdir("m/d/e f", 0755));
	WORKS(mkdir("m/d/g", 0755));
	WORKS(mount("none", "m/d/g", "tmpfs", 0, NULL));
	WORKS(mount("m/d", "n", NULL, MS_BIND | MS_REC, NULL));
	TEXT("/d", root_shown("n"));
	TEXT("/", root_shown("n/g"));
	WORKS(mount("n", "o", NULL, MS_BIND, NULL));
	TEXT("/d", root_shown("o"));
	WORKS(mount("o/e f", "a b", NULL, MS_BIND, NULL));
	TEXT("/d/e\\040f", root_shown("a\\040b"));
	WORKS(umount("a b"));
	/* of what all lies in */
	WORKS(mount("a b", "a b", NULL, MS_BIND, NULL));
	TEXT("/a\\040b", strrchr(root_shown("a\\040b"), '/'));
	WORKS(umount("a b"));
	WORKS(umount("o"));
	WORKS(umount("n/g"));
	WORKS(umount("n"));
	WORKS(umount("m/d/g"));
	WORKS(umount("m"));
}

TEST(recursive_binds_bring_what_is_below)
{
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/m", 0755));
	WORKS(mkdir("b", 0755));
	WORKS(mkdir("c", 0755));
	WORKS(mount("none", "a/m", "tmpfs", 0, NULL));
	put_file("a/m/f", 0644, "x");
	WORKS(mount("a", "b", NULL, MS_BIND, NULL));
	FAILS(ENOENT, open("b/m/f", O_RDONLY));
	WORKS(mount("a", "c", NULL, MS_BIND | MS_REC, NULL));
	TEXT("x", file_text("c/m/f"));
	FAILS(EBUSY, umount("c"));
	WORKS(umount2("c", MNT_DETACH));
	FAILS(ENOENT, open("c/m/f", O_RDONLY));
	TEXT("x", file_text("a/m/f"));
	WORKS(umount("b"));
	/* and may be moved */
	WORKS(mount("a/m", "c", NULL, MS_MOVE, NULL));
	TEXT("x", file_text("c/f"));
	FAILS(ENOENT, open("a/m/f", O_RDONLY));
	FAILS(EINVAL, mount("a", "b", NULL, MS_MOVE, NULL));
	WORKS(umount("c"));
}

TEST(a_read_only_bind_is_erofs)
{
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	put_file("a/f", 0666, "x");
	WORKS(mkdir("a/d", 0755));
	WORKS(mount("a", "b", NULL, MS_BIND, NULL));
	WORKS(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	FAILS(EROFS, open("b/f", O_WRONLY));
	FAILS(EROFS, open("b/new", O_CREAT | O_WRONLY, 0644));
	FAILS(EROFS, mkdir("b/new", 0755));
	FAILS(EROFS, unlink("b/f"));
	FAILS(EROFS, rmdir("b/d"));
	FAILS(EROFS, rename("b/f", "b/g"));
	FAILS(EROFS, symlink("x", "b/l"));
	FAILS(EROFS, link("b/f", "b/g"));
	FAILS(EROFS, mknod("b/p", S_IFIFO | 0600, 0));
	FAILS(EROFS, chmod("b/f", 0600));
	FAILS(EROFS, chown("b/f", 1, 1));
	FAILS(EROFS, truncate("b/f", 0));
	FAILS(EROFS, utimensat(AT_FDCWD, "b/f", NULL, 0));
	FAILS(EROFS, access("b/f", W_OK));
	FAILS(EEXIST, mkdir("b/d", 0755));
	TEXT("x", file_text("b/f"));
	close(WORKS(open("a/f", O_WRONLY)));
	struct statfs fs;
	WORKS(statfs("b", &fs));
	EQUAL(1, fs.f_flags & 1);
	WORKS(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL));
	close(WORKS(open("b/f", O_WRONLY)));
	WORKS(umount("b"));
}

TEST(what_is_mounted_read_only_on_a_name_keeps_the_name)
{
	WORKS(mkdir("d", 0755));
	put_file("f", 0644, "under");
	put_file("over", 0644, "over");
	WORKS(mount("none", "d", "tmpfs", MS_RDONLY, NULL));
	WORKS(mount("over", "f", NULL, MS_BIND, NULL));
	WORKS(mount(NULL, "f", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	FAILS(EBUSY, rmdir("d"));
	FAILS(EBUSY, unlink("f"));
	FAILS(EBUSY, rename("f", "g"));
	FAILS(EBUSY, rename("d", "g"));
	FAILS(EROFS, open("f", O_WRONLY));
	WORKS(umount("f"));
	WORKS(umount("d"));
	WORKS(rmdir("d"));
	WORKS(unlink("f"));
}

TEST(what_is_mounted_on_a_read_only_mount_stays)
{
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/d", 0755));
	put_file("a/f", 0644, "under");
	put_file("a/g", 0644, "");
	put_file("over", 0644, "over");
	WORKS(mount("a", "a", NULL, MS_BIND, NULL));
	WORKS(mount("over", "a/f", NULL, MS_BIND, NULL));
	WORKS(mount("none", "a/d", "tmpfs", 0, NULL));
	FAILS(EBUSY, unlink("a/f"));
	FAILS(EBUSY, rmdir("a/d"));
	FAILS(EBUSY, rename("a/f", "a/h"));
	WORKS(mount(NULL, "a", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	FAILS(EROFS, unlink("a/f"));
	FAILS(EROFS, rmdir("a/d"));
	FAILS(EROFS, rename("a/f", "a/h"));
	FAILS(EROFS, rename("a/none", "a/h"));
	FAILS(EROFS, unlink("a/none"));
	FAILS(EROFS, rmdir("a/none"));
	FAILS(EROFS, unlinkat(AT_FDCWD, "a/none", AT_REMOVEDIR));
	FAILS(EROFS, unlink("a/g/"));
	FAILS(ENOENT, rmdir("a/none/none"));
	FAILS(ENOTDIR, unlink("a/g/none"));
	FAILS(EINVAL, rmdir("a/."));
	FAILS(EISDIR, unlink("a/."));
	FAILS(ENOENT, unlink("none"));
	FAILS(ENOENT, rmdir("none"));
	FAILS(ENOENT, unlink("none/"));
	FAILS(EXDEV, rename("over", "a/f"));
	WORKS(umount("a/f"));
	WORKS(umount("a/d"));
	WORKS(umount("a"));
}

TEST(proc_may_be_mounted_anywhere)
{
	char expected[16], self[16] = "";
	WORKS(mkdir("p", 0755));
	WORKS(mount("proc", "p", "proc", 0, NULL));
	snprintf(expected, sizeof(expected), "%d", getpid());
	WORKS(readlink("p/self", self, sizeof(self) - 1));
	TEXT(expected, self);
	EQUAL(1, strstr(file_text("p/self/status"), "Uid:\t0\t0\t0\t0\n") != NULL);
	WORKS(umount("p"));
}

TEST(namespaces_that_cannot_be_made_are_refused)
{
	FAILS(EINVAL, unshare(-1));
	FAILS(EINVAL, syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	FAILS(EINVAL, syscall(SYS_clone, CLONE_SYSVSEM | CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0));
	AS (1000, 1000) {
		FAILS(EINVAL, syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
		FAILS(EPERM, syscall(SYS_clone, CLONE_SYSVSEM | CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0));
		FAILS(EPERM, syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	}
}

TEST(mount_errors)
{
	WORKS(mkdir("m", 0755));
	put_file("f", 0644, "");
	FAILS(ENODEV, mount("none", "m", "nosuchfs", 0, NULL));
	FAILS(ENOENT, mount("none", "missing", "tmpfs", 0, NULL));
	FAILS(ENOENT, mount("missing", "m", NULL, MS_BIND, NULL));
	FAILS(ENOTDIR, mount("none", "f", "tmpfs", 0, NULL));
	FAILS(EFAULT, mount("none", bad, "tmpfs", 0, NULL));
	FAILS(EFAULT, mount("none", "m", bad, 0, NULL));
	FAILS(EINVAL, mount("none", "m", NULL, 0, NULL));
	FAILS(EINVAL, mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	FAILS(EINVAL, mount(NULL, "m", NULL, MS_PRIVATE, NULL));
	FAILS(EINVAL, umount("m"));
	FAILS(EINVAL, umount2("m", 0x100));
	FAILS(ENOENT, umount("missing"));
	WORKS(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL));
	AS (1000, 1000) {
		FAILS(EPERM, mount("none", "m", "tmpfs", 0, NULL));
		FAILS(EPERM, umount("m"));
		FAILS(EPERM, unshare(CLONE_NEWNS));
		FAILS(EPERM, syscall(SYS_pivot_root, "m", "m"));
		FAILS(EPERM, sethostname("x", 1));
		FAILS(EPERM, setdomainname("x", 1));
	}
}

/* The same name in other directories is no mount's, until it is. */
TEST(the_name_of_a_mount_is_plain_elsewhere)
{
	char here[2000], name[PATH_MAX];
	struct stat st;
	WORKS(getcwd(here, sizeof(here)) ? 0 : -1);
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/m", 0755));
	WORKS(mkdir("b", 0755));
	WORKS(mkdir("b/m", 0755));
	WORKS(mkdir("b/m/d", 0755));
	put_file("b/m/f", 0644, "plain");
	put_file("b/m/d/f", 0644, "below");
	WORKS(mount("none", "a/m", "tmpfs", 0, NULL));
	put_file("a/m/f", 0644, "mounted");
	snprintf(name, sizeof(name), "%s/b/m/f", here);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			TEXT("plain", file_text("b/m/f"));
			TEXT("plain", file_text(name));
			TEXT("below", file_text("b/m/d/f"));
			TEXT("mounted", file_text("a/m/f"));
			TEXT("mounted", file_text("b/../a/m/f"));
			WORKS(stat("b/m", &st));
			WORKS(stat("b/m/.", &st));
			FAILS(EEXIST, mkdir("b/m", 0755));
			FAILS(ENOENT, stat("b/d/m", &st));
		}
		WORKS(mount("a/m", "b/m", NULL, MS_BIND, NULL));
		TEXT("mounted", file_text("b/m/f"));
		TEXT("mounted", file_text(name));
		FAILS(EBUSY, rmdir("b/m"));
		FAILS(ENOENT, stat("b/m/d", &st));
		WORKS(umount("b/m"));
	}
	WORKS(chdir("b"));
	for (int i = 0; i < 4; i++) {
		TEXT("plain", file_text("m/f"));
		WORKS(stat("m", &st));
	}
	CHILD {
		TEXT("plain", file_text("m/f"));
		WORKS(mount("../a/m", "m", NULL, MS_BIND, NULL));
		TEXT("mounted", file_text("m/f"));
	}
	TEXT("mounted", file_text("m/f"));
	WORKS(umount("m"));
	WORKS(rename("m", "n"));
	FAILS(ENOENT, stat("m/f", &st));
	WORKS(mkdir("m", 0755));
	WORKS(rmdir("m"));
	WORKS(umount("../a/m"));
}

TEST(a_mount_namespace_has_its_own_mounts)
{
	WORKS(mkdir("m", 0755));
	int ends[2];
	WORKS(pipe(ends));
	CHILD {
		WORKS(unshare(CLONE_NEWNS));
		WORKS(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL));
		WORKS(mount("none", "m", "tmpfs", 0, NULL));
		put_file("m/f", 0644, "");
		CHILD
			close(WORKS(open("m/f", O_RDONLY)));
	}
	FAILS(ENOENT, open("m/f", O_RDONLY));
	FAILS(EINVAL, umount("m"));
	EQUAL(0, is_mounted("m"));
}

TEST(pivot_root_changes_the_root)
{
	CHILD {
		WORKS(unshare(CLONE_NEWNS));
		WORKS(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL));
		WORKS(mkdir("new", 0755));
		FAILS(EBUSY, syscall(SYS_pivot_root, "new", "new"));
		WORKS(mount("new", "new", NULL, MS_BIND, NULL));
		WORKS(mkdir("new/old", 0755));
		put_file("new/f", 0644, "inside");
		put_file("f", 0644, "outside");
		char path[PATH_MAX], old[2 * PATH_MAX];
		WORKS(getcwd(path, sizeof(path)) ? 0 : -1);
		WORKS(mkdir("elsewhere", 0755));
		FAILS(EBUSY, syscall(SYS_pivot_root, "new", "elsewhere"));
		FAILS(ENOENT, syscall(SYS_pivot_root, "missing", "new/old"));
		FAILS(ENOTDIR, syscall(SYS_pivot_root, "f", "new/old"));
		WORKS(syscall(SYS_pivot_root, "new", "new/old"));
		WORKS(chdir("/"));
		TEXT("inside", file_text("/f"));
		snprintf(old, sizeof(old), "/old%s/f", path);
		TEXT("outside", file_text(old));
		WORKS(umount2("/old", MNT_DETACH));
		FAILS(ENOENT, open(old, O_RDONLY));
		TEXT("inside", file_text("/../f"));
	}
}

TEST(machines_of_32_bits_are_a_personality)
{
	struct utsname u;
	WORKS(personality(PER_LINUX32));
	WORKS(uname(&u));
	TEXT("i686", u.machine);
	EQUAL(0, u.machine[5]);
	CHILD {
		WORKS(uname(&u));
		TEXT("i686", u.machine);
	}
}

TEST(a_name_of_the_host_is_that_of_its_namespace)
{
	char before[80];
	struct utsname whole;
	for (int i = 0; i < 3; i++)
		snprintf(before, sizeof(before), "%s", host_name());
	WORKS(unshare(CLONE_NEWUTS));
	TEXT(before, host_name());
	CHILD {
		WORKS(unshare(CLONE_NEWUTS));
		WORKS(sethostname("inner", 5));
		TEXT("inner", host_name());
	}
	TEXT(before, host_name());
	CHILD
		WORKS(sethostname("shared", 6));
	TEXT("shared", host_name());
	WORKS(uname(&whole));
	TEXT("Linux", whole.sysname);
	FAILS(EFAULT, uname(bad));
}

TEST(host_and_domain_names)
{
	char long_name[80];
	WORKS(unshare(CLONE_NEWUTS));
	WORKS(sethostname("guests-name", 11));
	TEXT("guests-name", host_name());
	WORKS(sethostname("other", 3));
	TEXT("oth", host_name());
	struct utsname u;
	WORKS(setdomainname("example.org", 11));
	WORKS(uname(&u));
	TEXT("example.org", u.domainname);
	TEXT("Linux", u.sysname);
#ifdef __i386__
	char old[5 * 65], oldest[5 * 9];
	WORKS(syscall(SYS_olduname, old));
	TEXT("oth", old + 65);
	WORKS(syscall(SYS_oldolduname, oldest));
	TEXT("oth", oldest + 9);
	FAILS(EFAULT, syscall(SYS_oldolduname, bad));
#else
	TEXT("x86_64", u.machine);
#endif
	FAILS(EFAULT, uname(bad));
	memset(long_name, 'n', sizeof(long_name));
	WORKS(sethostname(long_name, 64));
	EQUAL(64, strlen(host_name()));
	FAILS(EINVAL, sethostname(long_name, 65));
	FAILS(EINVAL, syscall(SYS_sethostname, long_name, -1));
	FAILS(EINVAL, setdomainname(long_name, 65));
	FAILS(EFAULT, sethostname(bad, 5));
	char *release = file_text("/proc/sys/kernel/osrelease");
	TEXT(u.release, next_line(&release));
}

TEST(a_uts_namespace_has_its_own_name)
{
	WORKS(unshare(CLONE_NEWUTS));
	WORKS(sethostname("outer", 5));
	CHILD {
		WORKS(unshare(CLONE_NEWUTS));
		TEXT("outer", host_name());
		WORKS(sethostname("inner", 5));
		TEXT("inner", host_name());
		TEXT("inner\n", file_text("/proc/sys/kernel/hostname"));
	}
	TEXT("outer", host_name());
	TEXT("outer\n", file_text("/proc/sys/kernel/hostname"));
}

TEST(unshare_and_setns)
{
	WORKS(unshare(0));
	WORKS(unshare(CLONE_FILES));
	WORKS(unshare(CLONE_FS));
	WORKS(unshare(CLONE_NEWIPC));
	FAILS(EINVAL, unshare(1));
	int fd = WORKS(open("/proc/self/ns/uts", O_RDONLY));
	WORKS(setns(fd, 0));
	WORKS(setns(fd, CLONE_NEWUTS));
	FAILS(EINVAL, setns(fd, CLONE_NEWNET));
	FAILS(EBADF, setns(77, 0));
	int file = WORKS(open("/proc/self/status", O_RDONLY));
	FAILS(EINVAL, setns(file, 0));
	AS (1000, 1000)
		FAILS(EPERM, setns(fd, 0));
}

static char *namespace_of(pid_t pid, const char *kind)
{
	static char text[4][64];
	static unsigned turn;
	char name[64], *to = text[turn++ % 4];
	snprintf(name, sizeof(name), "/proc/%d/ns/%s", pid, kind);
	ssize_t n = readlink(name, to, 63);
	to[n < 0 ? 0 : n] = '\0';
	return to;
}

TEST(namespaces_have_numbers_and_are_joined_by_descriptor)
{
	pid_t parent = getpid();
	WORKS(mkdir("d", 0755));
	int ends[2], back = WORKS(open("/proc/self/ns/mnt", O_RDONLY));
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		WORKS(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC));
		EQUAL(true, strcmp(namespace_of(parent, "mnt"), namespace_of(getpid(), "mnt")) != 0);
		EQUAL(true, strcmp(namespace_of(parent, "ipc"), namespace_of(getpid(), "ipc")) != 0);
		TEXT(namespace_of(parent, "net"), namespace_of(getpid(), "net"));
		WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
		WORKS(mount("none", "d", "tmpfs", 0, NULL));
		put_file("d/inside", 0644, "");
		WORKS(sethostname("inside", 6));
		close(ends[1]);
		for (;;)
			pause();
	}
	char go, name[64], here[PATH_MAX];
	close(ends[1]);
	EQUAL(0, read(ends[0], &go, 1));
	WORKS((long)getcwd(here, sizeof(here)));
	CHILD {
		snprintf(name, sizeof(name), "/proc/%d/ns/uts", child);
		int fd = WORKS(open(name, O_RDONLY));
		WORKS(setns(fd, 0));
		char host[65] = "";
		WORKS(gethostname(host, sizeof(host)));
		TEXT("inside", host);
		/* The oracle's root is a chroot, which setns leaves. */
		if (guest_is_native())
			_exit(0);
		snprintf(name, sizeof(name), "/proc/%d/ns/mnt", child);
		fd = WORKS(open(name, O_RDONLY));
		FAILS(ENOENT, access("d/inside", F_OK));
		FAILS(EINVAL, setns(fd, CLONE_NEWUTS));
		WORKS(setns(fd, CLONE_NEWNS));
		WORKS(chdir(here));
		WORKS(access("d/inside", F_OK));
		TEXT(namespace_of(child, "mnt"), namespace_of(getpid(), "mnt"));
		WORKS(setns(back, 0));
		WORKS(chdir(here));
		FAILS(ENOENT, access("d/inside", F_OK));
		TEXT(namespace_of(parent, "mnt"), namespace_of(getpid(), "mnt"));
	}
	kill(child, SIGKILL);
	WORKS(waitpid(child, NULL, 0));
}

/* The tagged fields of a mount in mountinfo, groups' numbers as '#'. */
static const char *propagation_of(const char *name)
{
	static char text[128];
	char path[PATH_MAX], here[PATH_MAX];
	snprintf(path, sizeof(path), " %.2000s/%s ", getcwd(here, 2000), name);
	char *at = strstr(file_text("/proc/self/mountinfo"), path), *end = at ? strstr(at, " - ") : NULL;
	at = end ? strchr(at + strlen(path), ' ') : NULL;
	size_t used = 0;
	for (; at && at < end && used < sizeof(text) - 1; at++)
		if (strchr("0123456789", *at) == NULL)
			text[used++] = *at;
		else if (strchr("0123456789", at[1]) == NULL)
			text[used++] = '#';
	text[used] = '\0';
	return text;
}

static int change_to(const char *name, unsigned long type)
{
	return mount(NULL, name, NULL, type, NULL);
}

TEST(propagation_is_kept_and_shown)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("m", 0755));
	WORKS(mkdir("n", 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	TEXT("", propagation_of("m"));
	FAILS(EINVAL, change_to("m", MS_SHARED | MS_PRIVATE));
	FAILS(EINVAL, change_to("m", MS_SHARED | MS_RDONLY));
	FAILS(EINVAL, change_to("n", MS_SHARED));
	WORKS(change_to("m", MS_SLAVE));
	TEXT("", propagation_of("m"));
	WORKS(change_to("m", MS_SHARED));
	TEXT(" shared:#", propagation_of("m"));
	/* Alone in its group, it has nobody to be a slave of. */
	WORKS(change_to("m", MS_SLAVE));
	TEXT("", propagation_of("m"));
	WORKS(change_to("m", MS_SHARED));
	WORKS(mount("m", "n", NULL, MS_BIND, NULL));
	TEXT(" shared:#", propagation_of("n"));
	WORKS(change_to("n", MS_SLAVE));
	TEXT(" master:#", propagation_of("n"));
	WORKS(change_to("n", MS_SHARED));
	TEXT(" shared:# master:#", propagation_of("n"));
	WORKS(change_to("n", MS_PRIVATE));
	TEXT("", propagation_of("n"));
	WORKS(umount("n"));
	/* What is mounted on a shared one is shared, and stays where it is. */
	WORKS(mkdir("m/d", 0755));
	WORKS(mount("none", "m/d", "tmpfs", 0, NULL));
	TEXT(" shared:#", propagation_of("m/d"));
	FAILS(EINVAL, mount("m/d", "n", NULL, MS_MOVE, NULL));
	WORKS(change_to("m", MS_REC | MS_UNBINDABLE));
	TEXT(" unbindable", propagation_of("m"));
	TEXT(" unbindable", propagation_of("m/d"));
	FAILS(EINVAL, mount("m", "n", NULL, MS_BIND, NULL));
	/* Another namespace has peers of what is shared. */
	WORKS(change_to("m", MS_SHARED));
	CHILD {
		WORKS(unshare(CLONE_NEWNS));
		TEXT(" shared:#", propagation_of("m"));
		WORKS(change_to("m", MS_SLAVE));
		TEXT(" master:#", propagation_of("m"));
	}
	WORKS(change_to("m", MS_REC | MS_PRIVATE));
	TEXT("", propagation_of("m/d"));
}

TEST(a_shared_mount_is_no_new_root)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("r", 0755));
	WORKS(mount("none", "r", "tmpfs", 0, NULL));
	WORKS(mkdir("r/old", 0755));
	WORKS(change_to("r", MS_SHARED));
	FAILS(EINVAL, syscall(SYS_pivot_root, "r", "r/old"));
	WORKS(change_to("r", MS_PRIVATE));
	CHILD
		WORKS(syscall(SYS_pivot_root, "r", "r/old"));
}

TEST(mount_options_count_and_show)
{
	struct statfs s;
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("d", 0755));
	WORKS(mount("none", "d", "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, NULL));
	copy_self("d/program", 0755);
	FAILS(EACCES, execl("d/program", "program", "@nothing", NULL));
	FAILS(EACCES, access("d/program", X_OK));
	WORKS(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
	FAILS(EACCES, open("d/null", O_RDONLY));
	WORKS(statfs("d", &s));
	EQUAL(ST_NOEXEC | ST_NOSUID | ST_NODEV, s.f_flags & (ST_NOEXEC | ST_NOSUID | ST_NODEV | ST_RDONLY));
	EQUAL(true, strstr(file_text("/proc/self/mountinfo"), "/d rw,nosuid,nodev,noexec,relatime ") != NULL);
	WORKS(mount(NULL, "d", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOATIME, NULL));
	EQUAL(true, strstr(file_text("/proc/self/mountinfo"), "/d ro,noatime ") != NULL);
	WORKS(access("d/program", X_OK));
	FAILS(EROFS, open("d/new", O_WRONLY | O_CREAT, 0600));
}

TEST(a_bind_may_come_with_propagation_flags)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("b", 0755));
	put_file("a/f", 0644, "bound");
	WORKS(mount("a", "b", NULL, MS_BIND | MS_REC | MS_PRIVATE, NULL));
	TEXT("bound", file_text("b/f"));
	EQUAL(1, is_mounted("b"));
	WORKS(mount("none", "b", NULL, MS_REMOUNT | MS_BIND | MS_PRIVATE | MS_RDONLY, NULL));
	FAILS(EROFS, open("b/f", O_WRONLY));
}

TEST(who_was_in_what_is_unmounted_is_in_no_mount_of_the_table)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	WORKS(mkdir("m", 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	WORKS(chdir("m"));
	put_file("f", 0644, "inside");
	WORKS(umount2(".", MNT_DETACH));
	FAILS(EINVAL, umount2(".", MNT_DETACH));
	TEXT("inside", file_text("f"));
}

/* Prints whether its program lies on a read-only mount. */
ROLE(tells_read_only)
{
	struct statfs fs = { .f_flags = 0 };
	int fd = open("/proc/self/exe", O_RDONLY);
	int r = fstatfs(fd, &fs);
	printf("%d %d\n", r, (fs.f_flags & ST_RDONLY) != 0);
	return 0;
}

static char *told_by(int fd)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return output_of((char *[]){ link, (char *)"@tells_read_only", NULL });
}

/* As runc and crun do it, so that no container can write to them. */
TEST(a_program_started_by_a_descriptor_is_where_that_was_opened)
{
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	copy_self("program", 0755);
	put_file("point", 0644, "");
	WORKS(mount("program", "point", NULL, MS_BIND, NULL));
	WORKS(mount("", "point", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	int fixed = WORKS(open("point", O_PATH)), plain = WORKS(open("/proc/self/exe", O_PATH));
	WORKS(umount2("point", MNT_DETACH));
	TEXT("0 1\n", told_by(fixed));
	TEXT("0 0\n", told_by(plain));
}

TEST(a_namespace_is_kept_by_a_bind_of_its_file)
{
	char text[64], link[64];
	struct statfs fs;
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	put_file("first", 0444, "");
	put_file("kept", 0444, "");
	WORKS(mount("/proc/self/ns/net", "first", "none", MS_BIND, NULL));
	ssize_t n = WORKS(readlink("/proc/self/ns/net", link, sizeof(link) - 1));
	link[n] = '\0';
	pid_t child = fork();
	if (child == 0) {
		WORKS(unshare(CLONE_NEWNET));
		WORKS(mount("/proc/thread-self/ns/net", "kept", "none", MS_BIND, NULL));
		_exit(0);
	}
	waitpid(child, NULL, 0);
	WORKS(statfs("kept", &fs));
	EQUAL(0x6e736673, fs.f_type);
	int kept = WORKS(open("kept", O_RDONLY)), first = WORKS(open("first", O_RDONLY));
	WORKS(fstatfs(kept, &fs));
	EQUAL(0x6e736673, fs.f_type);
	WORKS(setns(kept, CLONE_NEWNET));
	n = WORKS(readlink("/proc/self/ns/net", text, sizeof(text) - 1));
	text[n] = '\0';
	EQUAL(1, strcmp(text, link) != 0);
	WORKS(setns(first, 0));
	n = WORKS(readlink("/proc/self/ns/net", text, sizeof(text) - 1));
	text[n] = '\0';
	TEXT(link, text);
	close(kept);
	WORKS(umount2("kept", MNT_DETACH));
	WORKS(unlink("kept"));
}
