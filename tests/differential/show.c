/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what the tester says: one line a step, without what may differ between two runs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/differential.h"

static char line[1 << 16];
static size_t used;

const char *error_name(int error)
{
#define NAME(code) { code, #code }
	static const struct {
		int number;
		const char *name;
	} names[] = {
		NAME(E2BIG), NAME(EACCES), NAME(EAGAIN), NAME(EBADF), NAME(EBUSY), NAME(ECHILD), NAME(EEXIST), NAME(EFAULT),
		NAME(EFBIG), NAME(EINTR), NAME(EINVAL), NAME(EIO), NAME(EISDIR), NAME(ELOOP), NAME(EMFILE), NAME(EMLINK),
		NAME(ENAMETOOLONG), NAME(ENFILE), NAME(ENODATA), NAME(ENODEV), NAME(ENOENT), NAME(ENOEXEC), NAME(ENOMEM),
		NAME(ENOSPC), NAME(ENOSYS), NAME(ENOTBLK), NAME(ENOTDIR), NAME(ENOTEMPTY), NAME(ENOTTY), NAME(ENXIO),
		NAME(EOPNOTSUPP), NAME(EOVERFLOW), NAME(EPERM), NAME(EPIPE), NAME(ERANGE), NAME(EROFS), NAME(ESPIPE),
		NAME(ESRCH), NAME(ESTALE), NAME(ETXTBSY), NAME(EXDEV), NAME(EADDRINUSE), NAME(EDESTADDRREQ),
	};
#undef NAME
	static char other[16];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == error)
			return names[i].name;
	snprintf(other, sizeof(other), "E%d", error);
	return other;
}

void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int n = vsnprintf(line + used, sizeof(line) - used, format, list);
	va_end(list);
	if (n > 0)
		used = used + n < sizeof(line) ? used + n : sizeof(line) - 1;
}

void say_end(void)
{
	line[used < sizeof(line) - 1 ? used++ : used - 1] = '\n';
	for (size_t at = 0; at < used;) {
		ssize_t n = write(STDOUT_FILENO, line + at, used - at);
		if (n <= 0)
			_exit(99);
		at += n;
	}
	used = 0;
}

/* Long names by their length. */
void say_path(const char *path)
{
	char text[PATH_ROOM_BYTES] = "";
	for (const char *at = path; *at;) {
		size_t run = 1;
		while (at[run] == *at)
			run++;
		size_t length = strlen(text);
		if (run > 8)
			snprintf(text + length, sizeof(text) - length, "{%c*%zu}", *at, run);
		else
			snprintf(text + length, sizeof(text) - length, "%.*s", (int)run, at);
		at += run;
	}
	say("\"%s\"", text);
}

void say_fd(int fd)
{
	if (fd == AT_FDCWD)
		say("cwd");
	else
		say("%d", fd);
}

void say_result(int64_t result)
{
	int error = errno;
	if (result >= 0)
		say(" = %lld", (long long)result);
	else
		say(" = -1 %s", error_name(error));
}

static void say_time(const char *name, struct timespec t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t.tv_sec > now.tv_sec - 86400 && t.tv_sec < now.tv_sec + 86400)
		say(" %s=now", name);
	else
		say(" %s=%lld.%09ld", name, (long long)t.tv_sec, t.tv_nsec);
}

void say_stat(const struct stat *st)
{
	say(" {%06o %u:%u n%lu", st->st_mode, st->st_uid, st->st_gid, (unsigned long)st->st_nlink);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		say(" %u,%u", major(st->st_rdev), minor(st->st_rdev));
	/* How large a directory is, is its file system's affair. */
	if (!S_ISDIR(st->st_mode))
		say(" s%lld", (long long)st->st_size);
	say_time("m", st->st_mtim);
	say("}");
}

void say_state(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		say("; now %s", error_name(errno));
	else {
		say("; now");
		say_stat(&st);
	}
}

void times_of(int dir_fd, const char *path, struct times *ret)
{
	struct stat st;
	int saved = errno;
	ret->is_there = settings.has_times && fstatat(dir_fd, path, &st, *path ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) == 0;
	if (ret->is_there) {
		ret->changed = st.st_ctim;
		ret->modified = st.st_mtim;
	}
	errno = saved;
}

static bool is_same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

void say_times(int dir_fd, const char *path, const struct times *before)
{
	struct times now;
	times_of(dir_fd, path, &now);
	if (before->is_there && now.is_there)
		say(" %s%s", is_same(before->changed, now.changed) ? "-" : "C",
		    is_same(before->modified, now.modified) ? "-" : "M");
}

/* ---- the tree at the end ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void say_attributes(const char *path)
{
	char list[8192], value[8192], *names[256];
	size_t count = 0;
	ssize_t n = llistxattr(path, list, sizeof(list));
	for (ssize_t at = 0; at < n && count < 256; at += strlen(list + at) + 1)
		names[count++] = list + at;
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++) {
		ssize_t size = lgetxattr(path, names[i], value, sizeof(value));
		say(" %s=", names[i]);
		if (size < 0)
			say("%s", error_name(errno));
		for (ssize_t j = 0; j < size; j++)
			say("%02x", (unsigned char)value[j]);
	}
}

static void say_entry(const char *path)
{
	struct stat st;
	say("tree ");
	say_path(path);
	if (lstat(path, &st) < 0) {
		say(" %s", error_name(errno));
		say_end();
		return;
	}
	say_stat(&st);
	if (S_ISLNK(st.st_mode)) {
		char target[PATH_ROOM_BYTES];
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		say(" -> ");
		say_path(target);
	}
	say_attributes(path);
	say_end();
}

/* By changes of directory, as paths may be longer than a call takes. */
static void say_below(const char *shown)
{
	DIR *dir = opendir(".");
	char *names[1024];
	size_t count = 0;
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir)) && count < 1024;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			names[count++] = strdup(e->d_name);
	closedir(dir);
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++) {
		struct stat st;
		size_t room = strlen(shown) + strlen(names[i]) + 2;
		char *path = malloc(room);
		snprintf(path, room, "%s/%s", shown, names[i]);
		say("%s: ", shown);
		say_entry(names[i]);
		if (lstat(names[i], &st) == 0 && S_ISDIR(st.st_mode) && chdir(names[i]) == 0) {
			say_below(path);
			if (chdir("..") < 0)
				_exit(98);
		}
		free(path);
		free(names[i]);
	}
}

void say_tree(const char *root)
{
	struct stat st;
	say_entry(root);
	if (lstat(root, &st) == 0 && S_ISDIR(st.st_mode) && chdir(root) == 0)
		say_below(root);
}

/* ---- identity ---- */

void say_identity(bool has_started)
{
	uint32_t r, e, s, groups[256];
	if (syscall(SYS_getresuid, &r, &e, &s) == 0)
		say(" uid %u,%u,%u,%ld", r, e, s, syscall(SYS_setfsuid, -1));
	if (syscall(SYS_getresgid, &r, &e, &s) == 0)
		say(" gid %u,%u,%u,%ld", r, e, s, syscall(SYS_setfsgid, -1));
	long n = syscall(SYS_getgroups, 256, groups);
	say(" groups");
	for (long i = 0; i < n; i++)
		say(" %u", groups[i]);
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
	uint32_t words[6] = { 0 };
	syscall(SYS_capget, &header, words);
	say(" caps e%08x%08x p%08x%08x i%08x%08x", words[3], words[0], words[4], words[1], words[5], words[2]);
	uint64_t ambient = 0, bounding = 0;
	for (int i = 0; i < 64; i++) {
		if (prctl(47 /* PR_CAP_AMBIENT */, 1 /* IS_SET */, i, 0, 0) == 1)
			ambient |= UINT64_C(1) << i;
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			bounding |= UINT64_C(1) << i;
	}
	say(" a%llx b%llx secure %d keep %d", (unsigned long long)ambient, (unsigned long long)bounding,
	    prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS));
	say(" nnp %d dump %d", prctl(39 /* PR_GET_NO_NEW_PRIVS */, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE));
	if (has_started)
		say(" at_secure %lu auxv %lu,%lu,%lu,%lu", getauxval(AT_SECURE), getauxval(AT_UID), getauxval(AT_EUID),
		    getauxval(AT_GID), getauxval(AT_EGID));
}
