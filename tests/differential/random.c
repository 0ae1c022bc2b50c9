/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice of arguments: few names, so that steps meet; some of each kind of bad one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/differential/differential.h"

static uint64_t state;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void random_start(uint64_t seed, uint64_t number)
{
	state = seed * 0x100000001b3ull ^ number << 20;
	next();
}

uint32_t below(uint32_t limit)
{
	return next() % limit;
}

bool once_in(uint32_t n)
{
	return below(n) == 0;
}

static void add(char *path, const char *text)
{
	size_t length = strlen(path);
	snprintf(path + length, PATH_ROOM_BYTES - length, "%s", text);
}

static void add_component(char *path)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	size_t length = strlen(path);
	if (once_in(16))
		add(path, once_in(2) ? ".." : ".");
	else if (once_in(150))
		snprintf(path + length, PATH_ROOM_BYTES - length, "%0255d", 0);
	else if (once_in(300))
		snprintf(path + length, PATH_ROOM_BYTES - length, "%0256d", 0);
	else
		add(path, names[below(sizeof(names) / sizeof(*names))]);
}

/* Where a path starts when it is not the working directory. */
static void add_start(char *path)
{
	static const char *const magic[] = { "cwd", "root", "fd/20", "fd/21", "fd/22" };
	if (settings.has_proc && once_in(12))
		snprintf(path, PATH_ROOM_BYTES, "/proc/self/%s/", magic[below(5)]);
	else
		add(path, once_in(12) ? "/" : once_in(10) ? "//w/" : "/w/");
}

const char *any_path(void)
{
	static char room[4][PATH_ROOM_BYTES];
	static unsigned turn;
	char *path = room[turn++ % 4];
	path[0] = '\0';
	if (once_in(120))
		return path;
	if (once_in(250)) { /* at the limit of a name: PATH_MAX counts the NUL */
		size_t length = 4094 + below(3);
		memset(path, '/', length);
		path[0] = 'a';
		path[length - 1] = 'b';
		path[length] = '\0';
		return path;
	}
	if (once_in(3))
		add_start(path);
	for (unsigned depth = once_in(3) ? 1 : once_in(2) ? 2 : 1 + below(4); depth; depth--) {
		add_component(path);
		if (depth > 1)
			add(path, once_in(30) ? "//" : "/");
	}
	if (once_in(20))
		add(path, once_in(3) ? "/." : "/");
	return path;
}

const char *any_path_or_program(void)
{
	return !once_in(10) ? any_path() : once_in(2) ? "/w/x" : "/w/y";
}

int any_dir_fd(void)
{
	return once_in(3) ? any_fd() : AT_FDCWD;
}

int any_fd(void)
{
	return once_in(60) ? -1 : FIRST_FD + (int)below(FD_COUNT);
}

mode_t any_mode(void)
{
	static const mode_t common[] = { 0755, 0644, 0777, 0666, 0700, 0600, 0, 0111, 0555, 0750, 01777, 02775, 04755,
					 02755, 06777, 07777, 0070, 0007, 04711, 02644 };
	return once_in(3) ? below(010000) : common[below(sizeof(common) / sizeof(*common))];
}

uint32_t any_id(void)
{
	static const uint32_t ids[] = { 0, 1000, 1001, 1002, 2000, (uint32_t)-1, 65534, 70000 };
	return ids[once_in(10) ? below(8) : below(6)];
}

unsigned any_flags(const unsigned *flags, size_t count)
{
	unsigned chosen = 0;
	for (size_t i = 0; i < count; i++)
		if (once_in(3))
			chosen |= flags[i];
	return once_in(100) ? chosen | 0x8000000 : chosen;
}
