/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the names of directories behind magic links, and a small cache of them: to have the kernel write out a name takes
 * longer than all else of a lookup by descriptor.
 */
#include "tracer/behind.h"

#include <string.h>
#include <unistd.h>

enum { NAMES = 128, NAME_ROOM = 480 };

static struct known {
	dev_t dev;
	ino_t ino;
	uint64_t mount; /* 0: nothing is known */
	char host[NAME_ROOM];
} known[NAMES];

static struct known *place_of(const struct look *directory)
{
	return &known[(directory->st.st_ino ^ directory->st.st_dev) % NAMES];
}

bool behind_read(const char *link, char host[PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	struct stat st;
	ssize_t n = readlink(link, host, PATH_MAX - 1);
	if (n <= 0 || host[0] != '/')
		return false;
	host[n] = '\0';
	/* A name may end like that. */
	return !((size_t)n > tail && strcmp(host + n - tail, deleted) == 0 && lstat(host, &st) < 0);
}

const char *behind_recall(const struct look *directory)
{
	const struct known *k = place_of(directory);
	bool is_it = k->mount && k->mount == directory->mount && k->ino == directory->st.st_ino && k->dev == directory->st.st_dev;
	return is_it ? k->host : NULL;
}

void behind_remember(const struct look *directory, const char *host)
{
	struct known *k = place_of(directory);
	size_t length = strlen(host);
	if (!directory->mount || length >= NAME_ROOM)
		return;
	k->dev = directory->st.st_dev;
	k->ino = directory->st.st_ino;
	k->mount = directory->mount;
	memcpy(k->host, host, length + 1);
}

void behind_forget_all(void)
{
	for (unsigned i = 0; i < NAMES; i++)
		known[i].mount = 0;
}
