/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc shows: the guest's own processes, and of them what is the guest's. */
/* covers: getdents getdents64 */
#include "guest.h"

#include <dirent.h>
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static bool is_listed(pid_t pid)
{
	DIR *dir = opendir("/proc");
	bool is = false;
	for (struct dirent *e; dir && (e = readdir(dir));)
		is |= strtol(e->d_name, NULL, 10) == pid;
	if (dir)
		closedir(dir);
	return is;
}

static char *of(pid_t pid, const char *file)
{
	static char name[128];
	snprintf(name, sizeof(name), "/proc/%d/%s", pid, file);
	return name;
}

/* The value of a line "KEY:\tvalue" of status. */
static char *status_of(pid_t pid, const char *key)
{
	static char value[256];
	char *at = file_text(of(pid, "status"));
	size_t length = strlen(key);
	value[0] = '\0';
	for (; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (strncmp(at, key, length) == 0 && at[length] == ':')
			sscanf(at + length + 1, " %255[^\n]", value);
	return value;
}

TEST(listing_has_own_processes_and_nobody_without_a_parent_in_it)
{
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	EQUAL(true, is_listed(getpid()));
	EQUAL(true, is_listed(child));
	DIR *dir = opendir("/proc");
	unsigned others = 0;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		pid_t pid = strtol(e->d_name, NULL, 10);
		if (!pid)
			continue;
		pid_t parent = strtol(status_of(pid, "PPid"), NULL, 10);
		others += parent > 1 && access(of(parent, ""), F_OK) < 0;
	}
	closedir(dir);
	EQUAL(0, others);
	kill(child, SIGKILL);
	/* Dead, but its parent has not waited yet. */
	siginfo_t info;
	WORKS(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	EQUAL(true, is_listed(child));
	TEXT("Z (zombie)", status_of(child, "State"));
	WORKS(waitpid(child, NULL, 0));
	EQUAL(false, is_listed(child));
	FAILS(ENOENT, access(of(child, "stat"), F_OK));
}

TEST(listing_in_small_pieces_is_complete)
{
	/* Room for few records: a piece that held strangers only must not look like the end. */
	char piece[64];
	bool is_seen = false;
	long n;
	int fd = WORKS(open("/proc", O_RDONLY | O_DIRECTORY));
	while ((n = syscall(SYS_getdents64, fd, piece, sizeof(piece))) > 0) {
		for (long at = 0; at < n; at += *(uint16_t *)(piece + at + 16))
			is_seen |= strtol(piece + at + 19, NULL, 10) == getpid();
	}
	close(fd);
	EQUAL(0, n);
	EQUAL(true, is_seen);
}

TEST(status_tells_ids_and_parent_and_no_tracer)
{
	char expected[64];
	CHILD {
		snprintf(expected, sizeof(expected), "%d", getppid());
		TEXT(expected, status_of(getpid(), "PPid"));
		WORKS(setresgid(5, 6, 7));
		WORKS(setresuid(1, 2, 3));
		TEXT("1\t2\t3\t2", status_of(getpid(), "Uid"));
		TEXT("5\t6\t7\t6", status_of(getpid(), "Gid"));
		TEXT("0", status_of(getpid(), "TracerPid"));
		TEXT("R (running)", status_of(getpid(), "State"));
	}
}

TEST(stat_tells_the_parent)
{
	CHILD {
		int pid, parent;
		char state, *text = file_text("/proc/self/stat");
		EQUAL(1, sscanf(text, "%d", &pid));
		EQUAL(getpid(), pid);
		EQUAL(2, sscanf(strrchr(text, ')'), ") %c %d", &state, &parent));
		EQUAL('R', state);
		EQUAL(getppid(), parent);
	}
}

TEST(stopped_shows_as_stopped)
{
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	WORKS(kill(child, SIGSTOP));
	int status;
	WORKS(waitpid(child, &status, WUNTRACED));
	TEXT("T (stopped)", status_of(child, "State"));
	WORKS(kill(child, SIGCONT));
	WORKS(waitpid(child, &status, WCONTINUED));
	usleep(20000);
	TEXT("S (sleeping)", status_of(child, "State"));
	kill(child, SIGKILL);
	WORKS(waitpid(child, &status, 0));
}

TEST(auxv_is_the_programs)
{
	unsigned long pair[2];
	unsigned long entry = 0, phdr = 0, uid = 77, name = 0;
	FILE *f = fopen("/proc/self/auxv", "r");
	while (f && fread(pair, sizeof(pair), 1, f) == 1) {
		entry = pair[0] == AT_ENTRY ? pair[1] : entry;
		phdr = pair[0] == AT_PHDR ? pair[1] : phdr;
		uid = pair[0] == AT_UID ? pair[1] : uid;
		name = pair[0] == AT_EXECFN ? pair[1] : name;
	}
	EQUAL(getauxval(AT_ENTRY), entry);
	EQUAL(getauxval(AT_PHDR), phdr);
	EQUAL(getauxval(AT_EXECFN), name);
	EQUAL(0, uid);
	if (f)
		fclose(f);
}

TEST(maps_name_the_program_by_its_own_path)
{
	char exe[PATH_MAX], expected[PATH_MAX + 2];
	ssize_t n = WORKS(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	exe[n] = '\0';
	snprintf(expected, sizeof(expected), " %s\n", exe);
	char *maps = file_text("/proc/self/maps");
	EQUAL(true, strstr(maps, expected) != NULL);
	EQUAL(true, strstr(maps, "shim") == NULL);
	EQUAL(true, strstr(maps, "arena") == NULL);
	EQUAL(true, strstr(file_text("/proc/self/smaps"), expected) != NULL);
	unsigned long from = 0, to = 0;
	char name[128], *text = file_text("/proc/self/maps"), *line = next_line(&text);
	/* The heap may come first. */
	while (line && !strchr(line, '/'))
		line = next_line(&text);
	EQUAL(2, sscanf(line ? line : "", "%lx-%lx", &from, &to));
	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", from, to);
	n = WORKS(readlink(name, exe, sizeof(exe) - 1));
	exe[n < 0 ? 0 : n] = '\0';
	snprintf(expected, sizeof(expected), " %s\n", exe);
	EQUAL(true, strstr(file_text("/proc/self/maps"), expected) != NULL);
}

TEST(comm_cmdline_and_environ_are_what_was_executed)
{
	char *text = file_text("/proc/self/comm");
	EQUAL(0, strncmp(text, "procfs", 6));
	WORKS(prctl(PR_SET_NAME, "other"));
	TEXT("other\n", file_text("/proc/self/comm"));
	text = file_text("/proc/self/cmdline");
	EQUAL(true, strstr(text, "procfs") != NULL);
	int fd = WORKS(open("/proc/self/comm", O_WRONLY));
	EQUAL(3, write(fd, "new", 3));
	close(fd);
	TEXT("new\n", file_text("/proc/self/comm"));
}

TEST(mounts_show_the_root_and_nothing_outside)
{
	char *text = file_text("/proc/self/mounts");
	EQUAL(true, strstr(text, " / ") != NULL);
	EQUAL(true, strstr(text, " /proc proc ") != NULL);
	text = file_text("/proc/self/mountinfo");
	EQUAL(true, strstr(text, " / / ") != NULL || strstr(text, " / ") != NULL);
	text = file_text("/proc/self/mountstats");
	EQUAL(true, strstr(text, " mounted on /proc with fstype proc\n") != NULL);
}

static bool tells_of_proc(void)
{
	return strstr(file_text("/proc/filesystems"), "\tproc\n") != NULL;
}

TEST(files_of_the_host_are_read_again_and_again_where_they_are)
{
	struct stat st, by_descriptor;
	for (int i = 0; i < 4; i++) {
		EQUAL(true, tells_of_proc());
		int fd = WORKS(open("/proc/filesystems", O_RDONLY | O_CLOEXEC));
		WORKS(fstat(fd, &by_descriptor));
		WORKS(stat("/proc/filesystems", &st));
		EQUAL(S_IFREG | 0444, by_descriptor.st_mode);
		EQUAL(0, by_descriptor.st_uid);
		EQUAL(st.st_ino, by_descriptor.st_ino);
		EQUAL(st.st_dev, by_descriptor.st_dev);
		close(fd);
		FAILS(EEXIST, open("/proc/filesystems", O_WRONLY | O_CREAT | O_EXCL, 0644));
		FAILS(ENOTDIR, open("/proc/filesystems/", O_RDONLY));
		FAILS(ENOTDIR, open("/proc/filesystems/x", O_RDONLY));
		FAILS(ENOTDIR, open("/proc/filesystems", O_RDONLY | O_DIRECTORY));
		EQUAL(true, strtoul(file_text("/proc/uptime"), NULL, 10) > 0);
	}
	put_file("mine", 0644, "mine");
	CHILD {
		WORKS(unshare(CLONE_NEWNS));
		WORKS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
		WORKS(mount("mine", "/proc/filesystems", NULL, MS_BIND, NULL));
		TEXT("mine", file_text("/proc/filesystems"));
		WORKS(umount("/proc/filesystems"));
		EQUAL(true, tells_of_proc());
		WORKS(mount("none", "/proc", "tmpfs", 0, NULL));
		FAILS(ENOENT, open("/proc/filesystems", O_RDONLY));
		put_file("/proc/filesystems", 0644, "other");
		TEXT("other", file_text("/proc/filesystems"));
	}
	EQUAL(true, tells_of_proc());
	WORKS(mkdir("r", 0755));
	WORKS(mkdir("r/proc", 0755));
	WORKS(chroot("r"));
	FAILS(ENOENT, open("/proc/filesystems", O_RDONLY));
}

TEST(ids_are_mapped_to_themselves)
{
	unsigned from, to, count;
	EQUAL(3, sscanf(file_text("/proc/self/uid_map"), "%u %u %u", &from, &to, &count));
	EQUAL(0, from);
	EQUAL(0, to);
	EQUAL(UINT32_MAX, count);
	EQUAL(3, sscanf(file_text("/proc/self/gid_map"), "%u %u %u", &from, &to, &count));
	EQUAL(UINT32_MAX, count);
	int fd = WORKS(open("/proc/self/uid_map", O_WRONLY));
	FAILS(EPERM, write(fd, "0 0 1\n", 6));
	close(fd);
}

TEST(descriptors_of_folders_tell_whose_they_are)
{
	AS(1000, 1001) {
		struct stat st;
		int fd = WORKS(open("/proc/self", O_RDONLY | O_DIRECTORY));
		WORKS(fstat(fd, &st));
		EQUAL(1000, st.st_uid);
		EQUAL(1001, st.st_gid);
	}
}

TEST(memory_and_descriptors_are_not_told_to_who_may_not_trace)
{
	static const char *const kept[] = { "maps", "smaps", "fdinfo", "fdinfo/1", "fd", "environ", "mem" };
	char name[64];
	pid_t parent = getpid();
	AS (1000, 1000) {
		for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
			snprintf(name, sizeof(name), "/proc/%d/%s", parent, kept[i]);
			FAILS(EACCES, open(name, O_RDONLY));
			snprintf(name, sizeof(name), "/proc/%d/task/%d/%s", parent, parent, kept[i]);
			FAILS(EACCES, open(name, O_RDONLY));
		}
		WORKS(open("/proc/self/maps", O_RDONLY));
		WORKS(open("/proc/self/fdinfo/1", O_RDONLY));
		snprintf(name, sizeof(name), "/proc/%d/maps", parent);
		WORKS(access(name, R_OK));
		snprintf(name, sizeof(name), "/proc/%d/cmdline", parent);
		WORKS(open(name, O_RDONLY));
	}
	snprintf(name, sizeof(name), "/proc/%d/maps", parent);
	WORKS(open(name, O_RDONLY));
}
