/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which pseudo-terminals are the guest's; which of them a devpts lists is listing.c's. */
#include "tracer/terminals.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/tracee.h"

/* linux/major.h: UNIX98_PTY_SLAVE_MAJOR, and how many of them tty_nr may have */
enum { FIRST_MAJOR = 136, MAJORS = 8, MINORS = 256 };
static const char folder[] = "/dev/pts";

bool terminals_are_in(const struct mount *m, const char *host)
{
	return strcmp(m->fs_type, "devpts") == 0 && strcmp(host, folder) == 0;
}

struct search {
	const void *ctx;
	struct terminals *found;
};

static bool has(const struct terminals *t, unsigned number)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->numbers[i] == number)
			return true;
	return false;
}

static void add(struct search *s, unsigned number)
{
	struct terminals *t = s->found;
	if (has(t, number))
		return;
	t->numbers = mem_grow(s->ctx, t->numbers, unsigned, t->count + 1);
	t->numbers[t->count++] = number;
}

/* pty_show_fdinfo of drivers/tty/pty.c: the number of a master's terminal. */
static void add_master(struct search *s, pid_t pid, const char *fd)
{
	char name[64], line[128];
	unsigned number;
	bool is_told = false;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%.20s", pid, fd);
	FILE *file = fopen(name, "re");
	while (file && !is_told && fgets(line, sizeof(line), file)) {
		is_told = sscanf(line, "tty-index: %u", &number) == 1;
		if (is_told)
			add(s, number);
	}
	if (!file)
		return;
	fclose(file);
	s->found->are_told &= is_told;
}

/* proc(5): the seventh field of stat. */
static void add_controlling(struct search *s, pid_t pid)
{
	char name[64], text[512];
	int number = 0;
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	FILE *file = fopen(name, "re");
	if (!file)
		return;
	const char *at = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	if (at && sscanf(at, ") %*c %*d %*d %*d %d", &number) == 1 && number > 0) {
		unsigned above = major((unsigned)number) - FIRST_MAJOR;
		if (above < MAJORS)
			add(s, above * MINORS + minor((unsigned)number));
	}
	fclose(file);
}

static int add_those_of(struct tracee *t, void *arg)
{
	struct search *s = arg;
	char name[64], target[PATH_MAX];
	if (!t->is_known || !t->process || t->tid != t->process->pid)
		return 0;
	add_controlling(s, t->tid);
	snprintf(name, sizeof(name), "/proc/%d/fd", t->tid);
	DIR *dir = opendir(name);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		const char *slash = strrchr(target, '/');
		if (!slash || strncmp(target, "/dev/", 5) != 0)
			continue;
		if (strcmp(slash, "/ptmx") == 0)
			add_master(s, t->tid, e->d_name);
		else if (strncmp(target, folder, sizeof(folder) - 1) == 0 && slash[1] >= '0' && slash[1] <= '9')
			add(s, strtoul(slash + 1, NULL, 10));
	}
	if (dir)
		closedir(dir);
	return 0;
}

struct terminals terminals_of_guest(const void *ctx)
{
	struct terminals found = { .are_told = true };
	struct search s = { ctx, &found };
	tracee_each(add_those_of, &s);
	return found;
}

bool terminals_have(const struct terminals *t, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	return !t->are_told || *end || end == name || has(t, number);
}
