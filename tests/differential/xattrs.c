/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps on extended attributes, access control lists among them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/differential/differential.h"

enum { VALUE_ROOM = 512 };

static const char *any_name(void)
{
	static const char *const names[] = {
		"user.one", "user.two", "system.posix_acl_access", "system.posix_acl_default", "security.capability",
		"trusted.one", "security.other", "system.other", "other.one", "user.", "",
	};
	return names[once_in(6) ? below(11) : below(6)];
}

static size_t any_acl(unsigned char *value)
{
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[8];
	size_t count = 0;
	bool is_long = once_in(2), forgets = once_in(30);
#define ADD(tag_, id_) (entry[count].tag = (tag_), entry[count].perm = once_in(60) ? 15 : below(8), \
			entry[count].id = (uint32_t)(id_), count++)
	ADD(1, -1); /* the owner */
	if (is_long && once_in(2))
		ADD(2, 1000 + below(2));
	if (is_long && once_in(2))
		ADD(2, 1002);
	ADD(4, -1); /* the group */
	if (is_long && once_in(2))
		ADD(8, once_in(2) ? 2000 : 1000);
	if (is_long != forgets)
		ADD(16, -1); /* the mask */
	if (!once_in(40))
		ADD(32, -1); /* others */
#undef ADD
	uint32_t version = once_in(60) ? 1 : 2;
	memcpy(value, &version, 4);
	memcpy(value + 4, entry, count * sizeof(*entry));
	return 4 + count * sizeof(*entry);
}

static size_t any_file_capabilities(unsigned char *value)
{
	bool is_v3 = once_in(3);
	uint32_t words[6] = { (is_v3 ? 0x03000000 : 0x02000000) | below(2), below(1024), below(1024), below(512), below(512),
			      once_in(2) ? 0 : 1000 };
	if (once_in(20))
		words[0] = 0x04000000;
	memcpy(value, words, sizeof(words));
	return once_in(30) ? 12 : is_v3 ? 24 : 20;
}

static size_t any_value(const char *name, unsigned char *value)
{
	if (strncmp(name, "system.posix_acl", 16) == 0 && !once_in(20))
		return once_in(20) ? 4 : any_acl(value);
	if (strcmp(name, "security.capability") == 0 && !once_in(20))
		return any_file_capabilities(value);
	size_t size = once_in(4) ? 0 : below(100);
	memset(value, 'a' + (int)below(26), size);
	return size;
}

/* By path, without following, or by descriptor. */
static unsigned begin(const char *verb, const char **ret_path, int *ret_fd, struct times *ret_before)
{
	static const char *const prefix[] = { "", "l", "f" };
	unsigned way = below(3);
	*ret_fd = any_fd();
	*ret_path = any_path_or_program();
	say("%s%s(", prefix[way], verb);
	if (way == 2)
		say("%d", *ret_fd);
	else
		say_path(*ret_path);
	times_of(way == 2 ? *ret_fd : AT_FDCWD, way == 2 ? "" : *ret_path, ret_before);
	return way;
}

static void end(unsigned way, const char *path, int fd, int64_t result, const struct times *before)
{
	struct stat st;
	say(")");
	say_result(result);
	say_times(way == 2 ? fd : AT_FDCWD, way == 2 ? "" : path, before);
	if (way != 2)
		say_state(path);
	else if (fstat(fd, &st) == 0)
		say_stat(&st);
}

static void run_set(void)
{
	unsigned char value[VALUE_ROOM] = { 0 };
	const char *path, *name = any_name();
	int fd, flags = once_in(3) ? (int)below(4) : 0;
	size_t size = any_value(name, value);
	struct times before;
	unsigned way = begin("setxattr", &path, &fd, &before);
	say(", %s, %zu, %d:", name, size, flags);
	for (size_t i = 0; i < size && i < 100; i++)
		say("%02x", value[i]);
	int64_t r = way == 2 ? CALL(SYS_fsetxattr, fd, name, value, size, flags) :
		    way == 1 ? CALL(SYS_lsetxattr, path, name, value, size, flags) :
			       CALL(SYS_setxattr, path, name, value, size, flags);
	end(way, path, fd, r, &before);
}

static void run_get(void)
{
	unsigned char value[VALUE_ROOM];
	const char *path, *name = any_name();
	int fd;
	size_t room = once_in(3) ? below(30) : sizeof(value);
	struct times before;
	unsigned way = begin("getxattr", &path, &fd, &before);
	say(", %s, %zu", name, room);
	int64_t r = way == 2 ? CALL(SYS_fgetxattr, fd, name, value, room) :
		    way == 1 ? CALL(SYS_lgetxattr, path, name, value, room) :
			       CALL(SYS_getxattr, path, name, value, room);
	say(")");
	say_result(r);
	for (int64_t i = 0; i < r && room; i++)
		say("%02x", value[i]);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void run_list(void)
{
	char list[4096];
	const char *path, *names[64];
	int fd;
	size_t room = once_in(3) ? below(30) : sizeof(list), count = 0;
	struct times before;
	unsigned way = begin("listxattr", &path, &fd, &before);
	int64_t r = way == 2 ? CALL(SYS_flistxattr, fd, list, room) :
		    way == 1 ? CALL(SYS_llistxattr, path, list, room) :
			       CALL(SYS_listxattr, path, list, room);
	say(", %zu)", room);
	say_result(r);
	for (int64_t at = 0; at < r && room && count < 64; at += strlen(list + at) + 1)
		names[count++] = list + at;
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++)
		say(" %s", names[i]);
}

static void run_remove(void)
{
	const char *path, *name = any_name();
	int fd;
	struct times before;
	unsigned way = begin("removexattr", &path, &fd, &before);
	say(", %s", name);
	int64_t r = way == 2 ? CALL(SYS_fremovexattr, fd, name) :
		    way == 1 ? CALL(SYS_lremovexattr, path, name) :
			       CALL(SYS_removexattr, path, name);
	end(way, path, fd, r, &before);
}

const struct step xattr_steps[] = {
	{ "setxattr", 36, run_set, false },
	{ "getxattr", 16, run_get, false },
	{ "listxattr", 8, run_list, false },
	{ "removexattr", 8, run_remove, false },
};
const size_t xattr_step_count = sizeof(xattr_steps) / sizeof(*xattr_steps);
