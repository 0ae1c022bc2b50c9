/* SPDX-License-Identifier: Apache-2.0 */
/* How names lead to files: symlinks, dots, lengths; and the calls that tell names. */
/* covers: readlink readlinkat getcwd chdir fchdir chroot inotify_add_watch */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/inotify.h>

static const char *here(void)
{
	static char text[2 * PATH_MAX];
	return syscall(SYS_getcwd, text, sizeof(text)) < 0 ? strerrorname_np(errno) : text;
}

TEST(behind_a_missing_directory_nothing_is_there_until_it_is_made)
{
	char *const none[] = { NULL };
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	for (int i = 0; i < 30; i++) {
		FAILS(ENOENT, open("no/../f", O_RDONLY));
		FAILS(ENOENT, open("no/a/../../f", O_RDONLY | O_NOFOLLOW));
		FAILS(ENOENT, open("d/../no/f/../../f", O_WRONLY));
		FAILS(ENOENT, open("no/f", O_WRONLY | O_CREAT, 0644));
		FAILS(ENOENT, open("no/.", O_RDONLY | O_DIRECTORY));
		FAILS(ENOENT, open("no/d/", O_RDONLY));
		FAILS(ENOENT, access("no/./f", F_OK));
		FAILS(ENOENT, mkdir("no/../e", 0755));
		FAILS(ENOENT, rename("f", "no/f"));
		FAILS(ENOENT, symlink("f", "no/l"));
		FAILS(ENOENT, unlink("no/a/f"));
		FAILS(ENOENT, execve("no/../f", none, none));
		FAILS(ENOENT, execve("no/f", none, none));
		FAILS(ENOENT, execve("not there", none, none));
		FAILS(ENOTDIR, open("f/../f", O_RDONLY));
		FAILS(ENOTDIR, execve("f/f", none, none));
	}
	FAILS(EACCES, execve("f", none, none));
	WORKS(mkdir("no", 0755));
	WORKS(close(WORKS(open("no/../f", O_RDONLY))));
	WORKS(close(WORKS(open("no/f", O_WRONLY | O_CREAT, 0644))));
	WORKS(access("no/./f", F_OK));
	WORKS(unlink("no/f"));
	WORKS(rmdir("no"));
	FAILS(ENOENT, access("no/../f", F_OK));
	WORKS(symlink("d", "no"));
	WORKS(access("no/../f", F_OK));
	FAILS(ENOENT, access("no/f", F_OK));
}

TEST(forty_symlinks_are_followed_and_no_more)
{
	char name[16], target[16];
	put_file("l0", 0644, "end");
	for (unsigned i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		snprintf(target, sizeof(target), "l%u", i - 1);
		WORKS(symlink(target, name));
	}
	TEXT("end", file_text("l40"));
	FAILS(ELOOP, open("l41", O_RDONLY));
	FAILS(ELOOP, access("l41", F_OK));
	WORKS(readlink("l41", name, sizeof(name)));
	/* Through directories they count the same. */
	WORKS(mkdir("d", 0755));
	WORKS(symlink(".", "d/l"));
	put_file("d/f", 0644, "in");
	char path[256] = "d";
	for (unsigned i = 0; i < 40; i++)
		strncat(path, "/l", sizeof(path) - strlen(path) - 1);
	struct stat st;
	char full[300];
	snprintf(full, sizeof(full), "%s/f", path);
	WORKS(stat(full, &st));
	snprintf(full, sizeof(full), "%s/l/f", path);
	FAILS(ELOOP, stat(full, &st));
}

TEST(dots_and_slashes)
{
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/b", 0755));
	put_file("f", 0644, "f");
	WORKS(symlink("a/b", "l"));
	TEXT("f", file_text("a//b/.././../f"));
	TEXT("f", file_text("./f"));
	/* ".." behind a symlink is the target's parent. */
	put_file("a/g", 0644, "g");
	TEXT("g", file_text("l/../g"));
	FAILS(ENOENT, open("l/../f", O_RDONLY));
	FAILS(ENOTDIR, open("f/../f", O_RDONLY));
	FAILS(ENOENT, open("missing/../f", O_RDONLY));
	FAILS(ENOTDIR, open("f/", O_RDONLY));
	FAILS(ENOTDIR, open("f/.", O_RDONLY));
	close(WORKS(open("a/", O_RDONLY)));
	close(WORKS(open("l/", O_RDONLY)));
	struct stat root, above;
	WORKS(stat("/", &root));
	WORKS(stat("/../..", &above));
	EQUAL(root.st_ino, above.st_ino);
}

TEST(a_path_has_4095_bytes)
{
	char path[5000] = "";
	struct stat st;
	put_file("f", 0644, "");
	for (unsigned i = 0; i < 2047; i++)
		memcpy(path + 2 * i, "./", 2);
	path[4094] = 'f';
	path[4095] = '\0';
	WORKS(stat(path, &st));
	path[4094] = '/';
	path[4095] = 'f';
	path[4096] = '\0';
	FAILS(ENAMETOOLONG, stat(path, &st));
	FAILS(ENAMETOOLONG, open(path, O_RDONLY));
	FAILS(ENAMETOOLONG, chdir(path));
}

TEST(directories_may_be_deeper_than_a_path_is_long)
{
	char name[256];
	memset(name, 'd', 250);
	name[250] = '\0';
	for (unsigned i = 0; i < 30; i++) {
		WORKS(mkdir(name, 0755));
		WORKS(chdir(name));
	}
	put_file("f", 0640, "deep");
	TEXT("deep", file_text("f"));
	WORKS(chown("f", 5, 6));
	EQUAL(5, look("f").st_uid);
	TEXT("ENAMETOOLONG", here());
	int fd = WORKS(open(".", O_RDONLY));
	WORKS(unlinkat(fd, "f", 0));
	for (unsigned i = 0; i < 30; i++) {
		WORKS(chdir(".."));
		WORKS(rmdir(name));
	}
}

TEST(readlink_cuts_and_errors)
{
	char text[16] = "xxxxxxxx";
	put_file("f", 0644, "");
	WORKS(symlink("abcdef", "l"));
	EQUAL(6, readlink("l", text, sizeof(text)));
	EQUAL(0, memcmp(text, "abcdefxx", 8));
	EQUAL(3, readlink("l", text + 8, 3));
	FAILS(EINVAL, readlink("l", text, 0));
	FAILS(EINVAL, readlink("f", text, sizeof(text)));
	FAILS(EINVAL, readlink(".", text, sizeof(text)));
	FAILS(ENOENT, readlink("missing", text, sizeof(text)));
	FAILS(ENOENT, readlink("", text, sizeof(text)));
	FAILS(ENOENT, readlink("l/", text, sizeof(text)));
	FAILS(ENOTDIR, readlink("f/x", text, sizeof(text)));
	FAILS(EFAULT, syscall(SYS_readlink, bad, text, sizeof(text)));
	FAILS(EFAULT, syscall(SYS_readlink, "l", bad, sizeof(text)));
	FAILS(EBADF, readlinkat(77, "l", text, sizeof(text)));
	int fd = WORKS(open("l", O_PATH | O_NOFOLLOW)), directory = WORKS(open(".", O_RDONLY));
	EQUAL(6, readlinkat(fd, "", text, sizeof(text)));
	EQUAL(6, readlinkat(directory, "l", text, sizeof(text)));
	FAILS(ENOENT, readlinkat(directory, "", text, sizeof(text)));
	FAILS(ENOTDIR, readlinkat(fd, "x", text, sizeof(text)));
}

TEST(getcwd_tells_where_chdir_led)
{
	char start[PATH_MAX], small[4];
	snprintf(start, sizeof(start), "%.4000s", here());
	size_t length = strlen(start);
	WORKS(mkdir("a", 0755));
	WORKS(mkdir("a/b", 0755));
	WORKS(symlink("a/b", "l"));
	put_file("f", 0644, "");
	WORKS(chdir("l"));
	TEXT("/a/b", here() + length);
	WORKS(chdir(".."));
	TEXT("/a", here() + length);
	WORKS(chdir("."));
	int fd = WORKS(open("..", O_RDONLY)), path = WORKS(open("b", O_PATH));
	WORKS(fchdir(path));
	TEXT("/a/b", here() + length);
	WORKS(fchdir(fd));
	TEXT(start, here());
	FAILS(ENOTDIR, chdir("f"));
	FAILS(ENOENT, chdir("missing"));
	FAILS(ENOENT, chdir(""));
	FAILS(EFAULT, chdir(bad));
	FAILS(EBADF, fchdir(77));
	fd = WORKS(open("f", O_RDONLY));
	FAILS(ENOTDIR, fchdir(fd));
	TEXT(start, here());
	FAILS(ERANGE, syscall(SYS_getcwd, small, sizeof(small)));
	FAILS(EFAULT, syscall(SYS_getcwd, bad, PATH_MAX));
	EQUAL(length + 1, syscall(SYS_getcwd, start, sizeof(start)));
	WORKS(chdir("a/b"));
	WORKS(rmdir("../b"));
	TEXT("ENOENT", here());
	FAILS(ENOENT, open("x", O_CREAT | O_WRONLY, 0644));
	WORKS(chdir(".."));
	TEXT("/a", here() + length);
}

static int change_directory(void *arg)
{
	return chdir(arg) < 0;
}

TEST(who_shares_the_directory_moves_along)
{
	static char stack[65536] __attribute__((aligned(16)));
	char start[PATH_MAX];
	int status = -1;
	snprintf(start, sizeof(start), "%.4000s", here());
	size_t length = strlen(start);
	WORKS(mkdir("d", 0755));
	pid_t child = WORKS(clone(change_directory, stack + sizeof(stack), CLONE_FS | SIGCHLD, (char *)"d"));
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	TEXT("/d", here() + length);
	child = WORKS(clone(change_directory, stack + sizeof(stack), SIGCHLD, (char *)".."));
	WORKS(waitpid(child, &status, 0));
	TEXT("/d", here() + length);
	child = vfork();
	if (child == 0)
		_exit(chdir("..") < 0);
	WORKS(waitpid(child, &status, 0));
	TEXT("/d", here() + length);
	WORKS(unshare(CLONE_FS));
	TEXT("/d", here() + length);
}

/* vfork(2): the memory is the parent's, the directory is not. */
TEST(where_a_child_in_its_parents_memory_goes_its_parent_does_not)
{
	struct stat here_, there, st;
	WORKS(mkdir("here", 0755));
	WORKS(mkdir("here/d", 0755));
	WORKS(mkdir("there", 0755));
	WORKS(mkdir("there/d", 0755));
	WORKS(close(WORKS(open("here/d/f", O_WRONLY | O_CREAT, 0644))));
	WORKS(close(WORKS(open("there/d/f", O_WRONLY | O_CREAT, 0644))));
	WORKS(stat("here/d/f", &here_));
	WORKS(stat("there/d/f", &there));
	WORKS(chdir("here"));
	pid_t child = vfork();
	if (child == 0) {
		if (chdir("../there") < 0)
			_exit(1);
		/* Twice, so that the way is known. */
		for (volatile int i = 0; i < 2; i++)
			if (stat("d/../d/f", &st) < 0 || st.st_ino != there.st_ino)
				_exit(2);
		_exit(0);
	}
	int status = -1;
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
	WORKS(stat("d/../d/f", &st));
	EQUAL(here_.st_ino, st.st_ino);
}

static void *change_in_thread(void *arg)
{
	WORKS(chdir("d"));
	umask(0123);
	WORKS(unshare(CLONE_FS));
	WORKS(chdir(".."));
	umask(0);
	return arg;
}

TEST(threads_share_directory_and_umask)
{
	char start[PATH_MAX];
	pthread_t thread;
	snprintf(start, sizeof(start), "%.4000s", here());
	WORKS(mkdir("d", 0755));
	EQUAL(0, pthread_create(&thread, NULL, change_in_thread, NULL));
	pthread_join(thread, NULL);
	TEXT("/d", here() + strlen(start));
	EQUAL(0123, umask(022));
}

static void *leave_in_thread(void *directory)
{
	return chdir(directory) < 0 ? directory : NULL;
}

static int lost_names(const char *name, int looks)
{
	struct stat st;
	int lost = 0;
	while (looks-- > 0)
		lost += stat(name, &st) < 0 || !S_ISREG(st.st_mode);
	return lost;
}

TEST(absolute_names_are_found_whoever_changes_the_directory)
{
	/* The moment at which it could go wrong is short, and is there once a task that shares the directory. */
	enum { ROUNDS = 60 };
	static char stack[65536] __attribute__((aligned(16)));
	char directory[PATH_MAX], name[PATH_MAX + 8];
	int status, lost = 0;
	put_file("f", 0644, "");
	snprintf(directory, sizeof(directory), "%s", here());
	snprintf(name, sizeof(name), "%s/f", directory);
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t thread;
		void *failed;
		WORKS(chdir("/"));
		EQUAL(0, pthread_create(&thread, NULL, leave_in_thread, directory));
		while (pthread_tryjoin_np(thread, &failed) != 0)
			lost += lost_names(name, 20);
		EQUAL(1, failed == NULL);
	}
	EQUAL(0, lost);
	WORKS(chdir("/"));
	pid_t child = WORKS(clone(change_directory, stack + sizeof(stack), CLONE_FS | SIGCHLD, directory));
	while (waitpid(child, &status, WNOHANG) == 0)
		lost += lost_names(name, 20);
	EQUAL(0, status);
	EQUAL(0, lost);
	WORKS(chdir(directory));
	EQUAL(0, lost_names("f", 20));
}

TEST(descriptors_tell_the_name_that_their_file_has_now)
{
	char name[64], told[PATH_MAX + 64] = "", expected[PATH_MAX + 16];
	WORKS(mkdir("d", 0755));
	put_file("d/f", 0644, "");
	int fd = WORKS(open("d/f", O_RDONLY));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	WORKS(rename("d", "e"));
	WORKS(rename("e/f", "g"));
	WORKS(readlink(name, told, sizeof(told) - 1));
	snprintf(expected, sizeof(expected), "%s/g", here());
	TEXT(expected, told);
}

TEST(chdir_needs_search_permission)
{
	WORKS(mkdir("d", 0700));
	int fd = WORKS(open("d", O_RDONLY));
	AS (1000, 1000) {
		FAILS(EACCES, chdir("d"));
		FAILS(EACCES, fchdir(fd));
	}
}

TEST(a_root_that_has_been_removed_is_searched_by_who_may)
{
	WORKS(mkdir("r", 0700));
	WORKS(chmod("r", 0704));
	int above = open(".", O_RDONLY | O_DIRECTORY);
	CHILD {
		WORKS(chroot("r"));
		WORKS(unlinkat(above, "r", AT_REMOVEDIR));
		FAILS(ENOENT, access("/x", F_OK));
		FAILS(ENOENT, open("/x", O_RDONLY));
		AS (1000, 1000) {
			FAILS(EACCES, access("/x", F_OK));
			FAILS(EACCES, open("/x", O_RDONLY));
		}
	}
	close(above);
}

/* What a process sees whose root is this directory, without a name. */
static void is_an_empty_root(const struct stat *was)
{
	char entries[1024];
	struct stat st = { 0 };
	WORKS(stat("/", &st));
	EQUAL(was->st_ino, st.st_ino);
	EQUAL(was->st_uid, st.st_uid);
	EQUAL(was->st_mode, st.st_mode);
	EQUAL(0, st.st_nlink);
	WORKS(stat("/./..", &st));
	EQUAL(was->st_ino, st.st_ino);
	int fd = WORKS(open("/", O_RDONLY | O_DIRECTORY));
	FAILS(ENOENT, syscall(SYS_getdents64, fd, entries, sizeof(entries)));
	WORKS(fstat(fd, &st));
	EQUAL(was->st_ino, st.st_ino);
	FAILS(ENOENT, stat("/x", &st));
	FAILS(ENOENT, mkdir("/x", 0755));
	FAILS(ENOENT, open("/x", O_WRONLY | O_CREAT, 0644));
	WORKS(chmod("/", 0711));
	WORKS(chdir("/"));
	FAILS(ENOENT, syscall(SYS_getcwd, entries, sizeof(entries)));
	WORKS(stat("..", &st));
	EQUAL(was->st_ino, st.st_ino);
	EQUAL(S_IFDIR | 0711, st.st_mode);
	WORKS(chroot("/"));
	WORKS(chroot("."));
	WORKS(fchdir(fd));
	CHILD {
		WORKS(stat("/..", &st));
		EQUAL(was->st_ino, st.st_ino);
	}
}

TEST(a_root_that_has_been_removed_is_an_empty_directory)
{
	WORKS(mkdir("r", 0755));
	WORKS(mkdir("s", 0755));
	WORKS(chown("r", 5, 6));
	WORKS(chmod("r", 02750));
	struct stat was = look("r");
	int above = open(".", O_RDONLY | O_DIRECTORY);
	CHILD {
		WORKS(chroot("r"));
		WORKS(unlinkat(above, "r", AT_REMOVEDIR));
		is_an_empty_root(&was);
	}
	was = look("s");
	WORKS(mkdir("t", 0755));
	CHILD {
		WORKS(chroot("s"));
		WORKS(renameat(above, "t", above, "s"));
		is_an_empty_root(&was);
	}
	was = look("s");
	CHILD {
		WORKS(chdir("s"));
		WORKS(unlinkat(above, "s", AT_REMOVEDIR));
		WORKS(chroot("."));
		is_an_empty_root(&was);
		WORKS(fchdir(above));
		WORKS(access("../..", F_OK));
		FAILS(ENOENT, access("/proc", F_OK));
		WORKS(chroot("."));
		EQUAL(look("/").st_ino, look(".").st_ino);
	}
	close(above);
}

TEST(chroot_confines_names)
{
	char start[PATH_MAX];
	snprintf(start, sizeof(start), "%.4000s", here());
	WORKS(mkdir("r", 0755));
	WORKS(mkdir("r/d", 0755));
	put_file("r/f", 0644, "inside");
	put_file("f", 0644, "outside");
	WORKS(symlink("/f", "r/d/absolute"));
	WORKS(symlink("../../../f", "r/d/relative"));
	put_file("file", 0644, "");
	FAILS(ENOTDIR, chroot("file"));
	FAILS(ENOENT, chroot("missing"));
	FAILS(EFAULT, chroot(bad));
	AS (1000, 1000)
		FAILS(EPERM, chroot("r"));
	int out = WORKS(open(".", O_RDONLY));
	CHILD {
		WORKS(chroot("r"));
		/* The cwd stays where it was: outside. */
		TEXT("outside", file_text("f"));
		EQUAL(0, strncmp("(unreachable)", here(), 13));
		WORKS(chdir("/"));
		TEXT("/", here());
		TEXT("inside", file_text("/f"));
		TEXT("inside", file_text("../../f"));
		TEXT("inside", file_text("d/absolute"));
		TEXT("inside", file_text("d/relative"));
		WORKS(chdir("d"));
		TEXT("/d", here());
		/* A descriptor leads out. */
		WORKS(fchdir(out));
		TEXT("outside", file_text("f"));
		FAILS(ENOENT, open(start, O_RDONLY));
		/* and from there ".." all the way up */
		for (unsigned i = 0; i < 50; i++)
			WORKS(chdir(".."));
		WORKS(chroot("."));
		TEXT("/", here());
	}
	TEXT("outside", file_text("f"));
	CHILD {
		WORKS(chroot("r"));
		WORKS(chdir("/"));
		WORKS(chroot("d"));
		WORKS(chdir("/"));
		TEXT("/", here());
		FAILS(ENOENT, open("/f", O_RDONLY));
		FAILS(ENOENT, open("absolute", O_RDONLY));
		TEXT("inside", (fchdir(out), file_text("r/f")));
	}
}

TEST(watches_are_on_the_guests_file)
{
	char block[4096] __attribute__((aligned(8)));
	WORKS(mkdir("d", 0755));
	put_file("d/f", 0644, "");
	int fd = WORKS(inotify_init1(IN_NONBLOCK));
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%.4000s/d", here());
	int watch = WORKS(inotify_add_watch(fd, path, IN_CREATE | IN_DELETE));
	put_file("d/new", 0644, "");
	long n = WORKS(read(fd, block, sizeof(block)));
	struct inotify_event *event = (void *)block;
	EQUAL(1, n >= (long)sizeof(*event));
	EQUAL(watch, event->wd);
	EQUAL(IN_CREATE, event->mask);
	TEXT("new", event->name);
	FAILS(ENOENT, inotify_add_watch(fd, "missing", IN_CREATE));
	FAILS(EBADF, inotify_add_watch(77, "d", IN_CREATE));
	FAILS(EINVAL, inotify_add_watch(fd, "d", 0));
	FAILS(EINVAL, inotify_add_watch(0 + WORKS(open("d", O_RDONLY)), "d", IN_CREATE));
	FAILS(EFAULT, inotify_add_watch(fd, bad, IN_CREATE));
	put_file("secret", 0600, "");
	AS (1000, 1000)
		FAILS(EACCES, inotify_add_watch(fd, "secret", IN_MODIFY));
}
