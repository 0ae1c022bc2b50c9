/* SPDX-License-Identifier: Apache-2.0 */
/* Shared mounts, slaves, and what comes and goes with others: mount_namespaces(7). */
/* covers: mount umount umount2 unshare move_mount open_tree */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* A namespace of our own, where nothing is shared, with a shared tmpfs at m that has these folders. */
static void begin(void)
{
	static const char *const names[] = { "m", "n", "k" }, *const folders[] = { "m/d", "m/e", "m/d/x" };
	WORKS(unshare(CLONE_NEWNS));
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		WORKS(mkdir(names[i], 0755));
	WORKS(mount("none", "m", "tmpfs", 0, NULL));
	WORKS(mount(NULL, "m", NULL, MS_SHARED, NULL));
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		WORKS(mkdir(folders[i], 0755));
}

static int bind_at(const char *from, const char *to)
{
	return mount(from, to, NULL, MS_BIND, NULL);
}

static int change_to(const char *name, unsigned long type)
{
	return mount(NULL, name, NULL, type, NULL);
}

/* A tmpfs with a file in it. */
static void mount_with_file(const char *name, const char *content)
{
	char file[64];
	WORKS(mount("none", name, "tmpfs", 0, NULL));
	snprintf(file, sizeof(file), "%s/f", name);
	put_file(file, 0644, content);
}

static const char *file_in(const char *name)
{
	char file[64];
	snprintf(file, sizeof(file), "%s/f", name);
	return access(file, F_OK) < 0 ? "none" : file_text(file);
}

/* The tagged fields of the last mount at a path in a process' mountinfo, "gone" when there is none. */
static const char *tags_in(pid_t pid, const char *path)
{
	static char text[4][128];
	static unsigned turn;
	char name[64], blank[PATH_MAX + 3];
	char *to = text[turn++ % 4];
	snprintf(name, sizeof(name), "/proc/%d/mountinfo", pid);
	snprintf(blank, sizeof(blank), " %s ", path);
	snprintf(to, sizeof(*text), "gone");
	for (char *at = file_text(name), *line; (line = next_line(&at));) {
		char *point = strstr(line, blank), *end = point ? strstr(point, " - ") : NULL;
		char *tags = end ? strchr(point + strlen(blank), ' ') : NULL;
		if (tags)
			snprintf(to, sizeof(*text), "%.*s", (int)(end - tags), tags);
	}
	return to;
}

static const char *tags_of(const char *name)
{
	char here[2000], path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", getcwd(here, sizeof(here)), name);
	return tags_in(getpid(), path);
}

/* The number behind "shared:" and its kin; 0: none. */
static unsigned group_in(const char *tags, const char *tag)
{
	const char *at = strstr(tags, tag);
	return at ? strtoul(at + strlen(tag), NULL, 10) : 0;
}

static int times_mounted(const char *name)
{
	char here[2000], path[PATH_MAX];
	int times = 0;
	snprintf(path, sizeof(path), " %s/%s ", getcwd(here, sizeof(here)), name);
	for (char *at = file_text("/proc/self/mountinfo"), *line; (line = next_line(&at));)
		times += strstr(line, path) != NULL;
	return times;
}

TEST(a_mount_comes_up_in_its_peers_and_goes_with_them)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(bind_at("m/d", "k"));
	mount_with_file("m/d", "one");
	TEXT("one", file_in("n/d"));
	TEXT("one", file_in("k"));
	TEXT(tags_of("m/d"), tags_of("n/d"));
	EQUAL(true, group_in(tags_of("m/d"), "shared:") != 0);
	EQUAL(true, group_in(tags_of("m/d"), "shared:") != group_in(tags_of("m"), "shared:"));
	WORKS(umount("n/d"));
	TEXT("none", file_in("m/d"));
	TEXT("gone", tags_of("m/d"));
	TEXT("none", file_in("k"));
	/* What a mount shows from further below on has the place only when it lies there. */
	mount_with_file("k/x", "two");
	TEXT("two", file_in("m/d/x"));
	TEXT("two", file_in("n/d/x"));
	mount_with_file("n/e", "three");
	TEXT("three", file_in("m/e"));
	TEXT("gone", tags_of("k/e"));
	WORKS(umount("m/d/x"));
	TEXT("gone", tags_of("k/x"));
	WORKS(umount("m/e"));
	TEXT("gone", tags_of("n/e"));
}

TEST(slaves_take_and_do_not_give)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(change_to("n", MS_SLAVE));
	EQUAL(group_in(tags_of("m"), "shared:"), group_in(tags_of("n"), "master:"));
	mount_with_file("m/d", "master's");
	TEXT("master's", file_in("n/d"));
	EQUAL(group_in(tags_of("m/d"), "shared:"), group_in(tags_of("n/d"), "master:"));
	EQUAL(0, group_in(tags_of("n/d"), "shared:"));
	mount_with_file("n/e", "slave's");
	TEXT("none", file_in("m/e"));
	TEXT("", tags_of("n/e"));
	WORKS(umount("n/d"));
	TEXT("master's", file_in("m/d"));
	WORKS(umount("m/d"));
	/* A slave that is shared gives to its own peers. */
	WORKS(umount("n/e"));
	WORKS(change_to("n", MS_SHARED));
	WORKS(bind_at("n", "k"));
	TEXT(tags_of("n"), tags_of("k"));
	mount_with_file("m/d", "all's");
	TEXT("all's", file_in("n/d"));
	TEXT("all's", file_in("k/d"));
	TEXT(tags_of("n/d"), tags_of("k/d"));
	EQUAL(group_in(tags_of("m/d"), "shared:"), group_in(tags_of("k/d"), "master:"));
	EQUAL(true, group_in(tags_of("k/d"), "shared:") != 0);
	mount_with_file("k/e", "theirs");
	TEXT("theirs", file_in("n/e"));
	TEXT("none", file_in("m/e"));
	WORKS(umount("m/d"));
	TEXT("gone", tags_of("n/d"));
	TEXT("gone", tags_of("k/d"));
	TEXT("theirs", file_in("k/e"));
	/* Private ones do neither. */
	WORKS(change_to("n", MS_PRIVATE));
	mount_with_file("m/d", "no more");
	TEXT("none", file_in("n/d"));
	TEXT("no more", file_in("k/d"));
}

TEST(slaves_of_a_group_that_ends_are_those_of_its_master)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(change_to("n", MS_SLAVE));
	WORKS(change_to("n", MS_SHARED));
	WORKS(bind_at("n", "k"));
	WORKS(change_to("k", MS_SLAVE));
	EQUAL(group_in(tags_of("n"), "shared:"), group_in(tags_of("k"), "master:"));
	WORKS(umount("n"));
	EQUAL(group_in(tags_of("m"), "shared:"), group_in(tags_of("k"), "master:"));
	mount_with_file("m/d", "still");
	TEXT("still", file_in("k/d"));
}

TEST(the_group_in_between_is_told_when_its_own_is_out_of_sight)
{
	char name[16];
	int ends[2];
	begin();
	WORKS(pipe(ends));
	WORKS(mkdir("r", 0755));
	WORKS(mkdir("r/m", 0755));
	WORKS(mkdir("r/k", 0755));
	WORKS(bind_at("m", "r/m"));
	WORKS(bind_at("m", "n"));
	WORKS(change_to("n", MS_SLAVE));
	WORKS(change_to("n", MS_SHARED));
	WORKS(bind_at("n", "r/k"));
	WORKS(change_to("r/k", MS_SLAVE));
	EQUAL(0, group_in(tags_of("r/k"), "propagate_from:"));
	pid_t child = WORKS(fork());
	if (!child) {
		WORKS(chroot("r"));
		WORKS(write(ends[1], "", 1));
		pause();
		_exit(0);
	}
	EQUAL(1, read(ends[0], name, 1));
	const char *tags = tags_in(child, "/k");
	EQUAL(group_in(tags_of("n"), "shared:"), group_in(tags, "master:"));
	EQUAL(group_in(tags_of("m"), "shared:"), group_in(tags, "propagate_from:"));
	kill(child, SIGKILL);
	WORKS(waitpid(child, NULL, 0));
}

/* One step of a child that waits for each. */
struct turns {
	int to_child[2], to_parent[2];
};

static void tell(int fd)
{
	WORKS(write(fd, "", 1));
}

static void await(int fd)
{
	char byte;
	EQUAL(1, read(fd, &byte, 1));
}

TEST(a_namespace_has_peers_of_what_was_shared)
{
	struct turns t;
	begin();
	WORKS(pipe(t.to_child));
	WORKS(pipe(t.to_parent));
	pid_t child = WORKS(fork());
	if (!child) {
		WORKS(unshare(CLONE_NEWNS));
		tell(t.to_parent[1]);
		await(t.to_child[0]);
		TEXT("parent's", file_in("m/d"));
		mount_with_file("m/e", "child's");
		tell(t.to_parent[1]);
		await(t.to_child[0]);
		TEXT("gone", tags_of("m/d"));
		/* As containers do: changes come in, none go out. */
		WORKS(change_to("/", MS_REC | MS_SLAVE));
		WORKS(umount("m/e"));
		mount_with_file("m/d/x", "kept");
		tell(t.to_parent[1]);
		await(t.to_child[0]);
		TEXT("later", file_in("m/e"));
		EQUAL(true, group_in(tags_of("m/e"), "master:") != 0);
		WORKS(change_to("/", MS_REC | MS_PRIVATE));
		tell(t.to_parent[1]);
		await(t.to_child[0]);
		TEXT("later", file_in("m/e"));
		TEXT("kept", file_in("m/d/x"));
		_exit(0);
	}
	await(t.to_parent[0]);
	mount_with_file("m/d", "parent's");
	tell(t.to_child[1]);
	await(t.to_parent[0]);
	TEXT("child's", file_in("m/e"));
	WORKS(umount("m/d"));
	tell(t.to_child[1]);
	await(t.to_parent[0]);
	TEXT("child's", file_in("m/e"));
	TEXT("none", file_in("m/d/x"));
	WORKS(umount("m/e"));
	mount_with_file("m/e", "later");
	tell(t.to_child[1]);
	await(t.to_parent[0]);
	WORKS(umount("m/e"));
	tell(t.to_child[1]);
	int status = -1;
	WORKS(waitpid(child, &status, 0));
	EQUAL(0, status);
}

TEST(what_comes_to_a_place_that_is_taken_comes_below)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(change_to("n", MS_SLAVE));
	mount_with_file("n/d", "above");
	mount_with_file("m/d", "below");
	TEXT("above", file_in("n/d"));
	EQUAL(2, times_mounted("n/d"));
	WORKS(umount("n/d"));
	TEXT("below", file_in("n/d"));
	WORKS(umount("n/d"));
	TEXT("none", file_in("n/d"));
	/* It goes from there, too. */
	WORKS(umount("m/d"));
	mount_with_file("n/d", "above");
	mount_with_file("m/d", "below");
	WORKS(umount("m/d"));
	TEXT("above", file_in("n/d"));
	EQUAL(1, times_mounted("n/d"));
	WORKS(umount("n/d"));
	TEXT("none", file_in("n/d"));
}

TEST(what_is_covered_gets_it_nevertheless)
{
	begin();
	WORKS(bind_at("m", "n"));
	mount_with_file("n", "cover");
	/* That was mounted on the peer, so that it is on both. */
	TEXT("cover", file_in("m"));
	WORKS(umount("m"));
	TEXT("none", file_in("n"));
	WORKS(change_to("n", MS_SLAVE));
	mount_with_file("n", "cover");
	mount_with_file("m/d", "inside");
	TEXT("cover", file_in("n"));
	FAILS(ENOENT, access("n/d", F_OK));
	EQUAL(1, times_mounted("n/d"));
	WORKS(umount("n"));
	TEXT("inside", file_in("n/d"));
}

TEST(who_uses_a_copy_holds_the_mount)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(mount("none", "m/d", "tmpfs", 0, NULL));
	WORKS(chdir("n/d"));
	FAILS(EBUSY, umount("../../m/d"));
	WORKS(umount2("../../m/d", MNT_DETACH));
	put_file("f", 0644, "nowhere");
	TEXT("nowhere", file_text("f"));
	FAILS(EINVAL, umount2(".", MNT_DETACH));
}

TEST(a_copy_with_something_on_it_stays)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(change_to("n", MS_SLAVE));
	mount_with_file("m/d", "first");
	WORKS(mkdir("m/d/y", 0755));
	mount_with_file("n/d/y", "second");
	WORKS(umount("m/d"));
	TEXT("gone", tags_of("m/d"));
	TEXT("first", file_in("n/d"));
	TEXT("second", file_in("n/d/y"));
	WORKS(umount("n/d/y"));
	WORKS(umount("n/d"));
	/* A whole tree goes as a whole. */
	mount_with_file("m/d", "first");
	WORKS(mkdir("m/d/y", 0755));
	mount_with_file("m/d/y", "second");
	TEXT("second", file_in("n/d/y"));
	FAILS(EBUSY, umount("m/d"));
	WORKS(umount2("m/d", MNT_DETACH));
	TEXT("gone", tags_of("n/d"));
	TEXT("gone", tags_of("n/d/y"));
}

TEST(a_tree_of_mounts_comes_up_as_a_tree)
{
	begin();
	WORKS(bind_at("m", "n"));
	WORKS(change_to("n", MS_SLAVE));
	WORKS(mount("none", "k", "tmpfs", 0, NULL));
	WORKS(mkdir("k/a", 0755));
	WORKS(mkdir("k/b", 0755));
	mount_with_file("k/a", "in a");
	mount_with_file("k/b", "in b");
	WORKS(change_to("k/b", MS_UNBINDABLE));
	WORKS(mount("k", "m/d", NULL, MS_BIND | MS_REC, NULL));
	TEXT("in a", file_in("m/d/a"));
	TEXT("in a", file_in("n/d/a"));
	TEXT("gone", tags_of("m/d/b"));
	TEXT("gone", tags_of("n/d/b"));
	TEXT("", tags_of("k/a"));
	EQUAL(group_in(tags_of("m/d/a"), "shared:"), group_in(tags_of("n/d/a"), "master:"));
	WORKS(umount2("m/d", MNT_DETACH));
	TEXT("gone", tags_of("n/d/a"));
	TEXT("in a", file_in("k/a"));
}

TEST(what_moves_to_a_shared_mount_is_shared)
{
	begin();
	WORKS(bind_at("m", "n"));
	mount_with_file("k", "moved");
	WORKS(mkdir("k/a", 0755));
	mount_with_file("k/a", "too");
	WORKS(change_to("k/a", MS_UNBINDABLE));
	FAILS(EINVAL, mount("k", "m/d", NULL, MS_MOVE, NULL));
	WORKS(change_to("k/a", MS_PRIVATE));
	WORKS(mount("k", "m/d", NULL, MS_MOVE, NULL));
	TEXT("moved", file_in("n/d"));
	TEXT("too", file_in("n/d/a"));
	TEXT("gone", tags_of("k"));
	TEXT(tags_of("m/d"), tags_of("n/d"));
	EQUAL(true, group_in(tags_of("n/d/a"), "shared:") != 0);
	FAILS(EINVAL, mount("m/d", "k", NULL, MS_MOVE, NULL));
}

TEST(a_tree_of_a_descriptor_comes_up_when_it_is_attached)
{
	begin();
	WORKS(bind_at("m", "n"));
	mount_with_file("k", "cloned");
	int fd = syscall(428 /* open_tree */, AT_FDCWD, "k", 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
	if (fd < 0 && errno == ENOSYS)
		SKIP("no open_tree before Linux 5.2");
	WORKS(fd);
	TEXT("none", file_in("n/d"));
	WORKS(syscall(429 /* move_mount */, fd, "", AT_FDCWD, "m/d", 4 /* MOVE_MOUNT_F_EMPTY_PATH */));
	TEXT("cloned", file_in("m/d"));
	TEXT("cloned", file_in("n/d"));
	TEXT(tags_of("m/d"), tags_of("n/d"));
}

TEST(a_recursive_change_reaches_what_is_covered)
{
	begin();
	mount_with_file("m/d", "below");
	mount_with_file("m/d", "above");
	WORKS(change_to("m", MS_REC | MS_PRIVATE));
	WORKS(umount("m/d"));
	TEXT("", tags_of("m/d"));
	TEXT("below", file_in("m/d"));
}

TEST(a_recursive_bind_brings_what_is_covered)
{
	begin();
	mount_with_file("m/d", "below");
	mount_with_file("m/d", "above");
	mount_with_file("m/e", "beside");
	WORKS(mount("m", "n", NULL, MS_BIND | MS_REC, NULL));
	TEXT("above", file_in("n/d"));
	EQUAL(2, times_mounted("n/d"));
	TEXT("beside", file_in("n/e"));
	WORKS(change_to("n", MS_REC | MS_PRIVATE));
	WORKS(umount("n/d"));
	TEXT("below", file_in("n/d"));
	TEXT("above", file_in("m/d"));
}
