/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where the tracer runs, and where a stopped tracee is woken up. */
#include "tracer/follow.h"

#include <fcntl.h>
#include <sched.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/tracee.h"

enum { CALLS_A_LOOK = 8, PATIENCE = 4, LOOKS_A_CENSUS = 32, CENSUS_MAX = 16 };

static struct {
	int load; /* /proc/loadavg; -1: off */
	cpu_set_t allowed, here;
	bool is_settled;   /* we stay on `here` */
	unsigned crowded;  /* how many looks in turn found others running */
	unsigned alone;
	unsigned calls;
	unsigned looks_left; /* for which the last census holds */
	bool was_alone;
	bool has_brought;
	cpu_set_t brought_from;
} follow = { .load = -1 };

void follow_open(void)
{
	memset(&follow, 0, sizeof(follow));
	follow.load = -1;
	if (sched_getaffinity(0, sizeof(follow.allowed), &follow.allowed) == 0 && CPU_COUNT(&follow.allowed) > 1)
		follow.load = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

void follow_close(void)
{
	follow_leave();
	if (follow.load >= 0)
		close(follow.load);
	follow.load = -1;
}

void follow_leave(void)
{
	if (follow.load >= 0 && follow.is_settled)
		sched_setaffinity(0, sizeof(follow.allowed), &follow.allowed);
	follow.is_settled = false;
}

/* How many tasks of the machine run or wait for a processor, we among them. */
static unsigned long running(void)
{
	char text[64];
	ssize_t n = pread(follow.load, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	const char *at = text;
	for (int word = 0; word < 3 && at; word++)
		at = strchr(at + (word > 0), ' ');
	return at ? strtoul(at, NULL, 10) : ULONG_MAX;
}

static int is_running(struct tracee *t, void *arg)
{
	const pid_t *except = arg;
	char path[64], text[128];
	if (t->tid == *except)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", t->tid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	const char *state = strrchr(text, ')');
	return state && strncmp(state, ") R", 3) == 0;
}

/* Does no other tracee run?  Other users' tasks do not count: a tracee that waits behind one would do so anywhere. */
static bool is_alone(pid_t tid)
{
	if (running() <= 1)
		return true;
	if (follow.looks_left) {
		follow.looks_left--;
		return follow.was_alone;
	}
	follow.looks_left = LOOKS_A_CENSUS;
	follow.was_alone = tracee_count() <= CENSUS_MAX && tracee_each(is_running, &tid) == 0;
	return follow.was_alone;
}

static void settle(void)
{
	int cpu = sched_getcpu();
	if (cpu < 0)
		return;
	CPU_ZERO(&follow.here);
	CPU_SET(cpu, &follow.here);
	follow.is_settled = sched_setaffinity(0, sizeof(follow.here), &follow.here) == 0;
}

void follow_before(pid_t tid, bool is_likely_elsewhere)
{
	follow.has_brought = false;
	if (follow.load < 0 || (!is_likely_elsewhere && ++follow.calls % CALLS_A_LOOK))
		return;
	if (!is_alone(tid)) {
		follow.alone = 0;
		if (++follow.crowded == PATIENCE)
			follow_leave();
		return;
	}
	follow.crowded = 0;
	if (!follow.is_settled && ++follow.alone >= PATIENCE)
		settle();
	if (!follow.is_settled || sched_getaffinity(tid, sizeof(follow.brought_from), &follow.brought_from) < 0)
		return;
	cpu_set_t both;
	CPU_AND(&both, &follow.brought_from, &follow.here);
	follow.has_brought = CPU_COUNT(&both) == 1 && CPU_COUNT(&follow.brought_from) > 1 &&
			     sched_setaffinity(tid, sizeof(follow.here), &follow.here) == 0;
}

void follow_behind(pid_t tid)
{
	/* We still run: it has had no moment to see where it had to be. */
	if (follow.has_brought)
		sched_setaffinity(tid, sizeof(follow.brought_from), &follow.brought_from);
	follow.has_brought = false;
}
