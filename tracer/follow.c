/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where the tracer runs, and where a stopped tracee is woken up. */
#include "tracer/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/tracee.h"

enum { PATIENCE = 2, LOOKS_A_CENSUS = 4, CENSUS_MAX = 16, PINS_MAX = 16, TICK_USEC = 4000 };

struct pin {
	pid_t tid; /* 0: free */
	bool is_fresh; /* it has stopped since the last tick */
	cpu_set_t affinity; /* that it has as the guest knows it */
};

static struct {
	int load; /* /proc/loadavg; -1: off */
	cpu_set_t allowed, here;
	bool is_settled;   /* we stay on `here` */
	bool has_pinned;   /* somebody, once */
	bool is_alone;     /* by the last look, no other tracee runs */
	unsigned crowded;  /* how many looks in turn found others running */
	unsigned alone;
	struct timespec looked_at;
	unsigned looks_left; /* for which the last census holds */
	bool was_alone;
	pid_t shown; /* not to be pinned at its next resume; 0: nobody */
	bool has_handler;
	struct sigaction old;
} follow = { .load = -1 };

/* Read by the tick, which comes at any time. */
static struct pin pins[PINS_MAX];
static volatile sig_atomic_t is_changing, has_timer;

void follow_open(void)
{
	memset(&follow, 0, sizeof(follow));
	memset(pins, 0, sizeof(pins));
	follow.load = -1;
	if (sched_getaffinity(0, sizeof(follow.allowed), &follow.allowed) == 0 && CPU_COUNT(&follow.allowed) > 1)
		follow.load = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

/* ---- pins ---- */

static struct pin *pin_of(pid_t tid)
{
	for (struct pin *p = pins; p < pins + PINS_MAX; p++)
		if (p->tid == tid)
			return p;
	return NULL;
}

static void loosen(struct pin *p)
{
	sched_setaffinity(p->tid, sizeof(p->affinity), &p->affinity);
	p->tid = 0;
}

static void set_timer(long usec)
{
	const struct itimerval every = { { 0, usec }, { 0, usec } };
	has_timer = usec != 0;
	setitimer(ITIMER_REAL, &every, NULL);
}

/* Who has run since the last tick without a stop may run elsewhere, too. */
static void tick(int signal)
{
	int saved = errno;
	bool is_any = is_changing;
	(void)signal;
	for (struct pin *p = pins; p < pins + PINS_MAX && !is_changing; p++) {
		if (p->tid && !p->is_fresh)
			loosen(p);
		p->is_fresh = false;
		is_any |= p->tid != 0;
	}
	if (!is_any)
		set_timer(0);
	errno = saved;
}

static void begin_change(void)
{
	is_changing = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void end_change(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	is_changing = false;
}

static void add_pin(pid_t tid, const cpu_set_t *affinity)
{
	if (!follow.has_handler) {
		struct sigaction act = { .sa_handler = tick, .sa_flags = SA_RESTART };
		follow.has_handler = sigaction(SIGALRM, &act, &follow.old) == 0;
	}
	begin_change();
	struct pin *p = pin_of(0);
	if (p && sched_setaffinity(tid, sizeof(follow.here), &follow.here) == 0)
		*p = (struct pin){ tid, true, *affinity };
	end_change();
	follow.has_pinned = true;
	if (!has_timer)
		set_timer(TICK_USEC);
}

static void drop_pin(pid_t tid, bool is_loosened)
{
	begin_change();
	struct pin *p = pin_of(tid);
	if (p && is_loosened)
		loosen(p);
	else if (p)
		p->tid = 0;
	end_change();
}

void follow_forget(pid_t tid)
{
	if (follow.has_pinned)
		drop_pin(tid, false);
}

void follow_renamed(pid_t old_tid, pid_t tid)
{
	follow_forget(tid);
	begin_change();
	struct pin *p = pin_of(old_tid);
	if (p)
		p->tid = tid;
	end_change();
}

void follow_show(pid_t tid)
{
	follow.shown = tid;
	if (follow.has_pinned)
		drop_pin(tid, true);
}

void follow_born(pid_t child, pid_t parent)
{
	cpu_set_t own, inherited;
	if (!follow.has_pinned || follow.load < 0)
		return;
	begin_change();
	const struct pin *from = pin_of(parent);
	struct pin *p = from ? pin_of(0) : NULL;
	if (p)
		*p = (struct pin){ child, true, from->affinity };
	end_change();
	/* The parent may have been pinned when it made the child, and no more. */
	if (!p && sched_getaffinity(child, sizeof(own), &own) == 0 && CPU_COUNT(&own) == 1) {
		follow_show(parent);
		follow.shown = 0;
		if (sched_getaffinity(parent, sizeof(inherited), &inherited) == 0 && !CPU_EQUAL(&own, &inherited))
			sched_setaffinity(child, sizeof(inherited), &inherited);
	}
}

/* ---- the tracer ---- */

void follow_leave(void)
{
	if (follow.load >= 0 && follow.is_settled)
		sched_setaffinity(0, sizeof(follow.allowed), &follow.allowed);
	follow.is_settled = false;
}

static void unsettle(void)
{
	follow_leave();
	begin_change();
	for (struct pin *p = pins; p < pins + PINS_MAX; p++)
		if (p->tid)
			loosen(p);
	end_change();
}

void follow_close(void)
{
	unsettle();
	if (has_timer)
		set_timer(0);
	if (follow.has_handler)
		sigaction(SIGALRM, &follow.old, NULL);
	follow.has_handler = false;
	if (follow.load >= 0)
		close(follow.load);
	follow.load = -1;
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

/* Does no other tracee run, and does a processor sleep?  Where all are busy, pinned tasks only wait in one queue. */
static bool is_alone(pid_t tid)
{
	unsigned long count = running();
	if (count <= 1)
		return true;
	if (count > (unsigned long)CPU_COUNT(&follow.allowed))
		return false;
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
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&follow.here);
	CPU_SET(cpu, &follow.here);
	follow.is_settled = sched_setaffinity(0, sizeof(follow.here), &follow.here) == 0;
}

/* Once a tick of the kernel's clock, at most. */
static void look(pid_t tid)
{
	struct timespec now;
	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) < 0 ||
	    (now.tv_sec == follow.looked_at.tv_sec && now.tv_nsec == follow.looked_at.tv_nsec))
		return;
	follow.looked_at = now;
	follow.is_alone = is_alone(tid);
	follow.crowded = follow.is_alone ? 0 : follow.crowded + 1;
	follow.alone = follow.is_alone ? follow.alone + 1 : 0;
	if (follow.crowded == PATIENCE)
		unsettle();
	if (!follow.is_settled && follow.alone >= PATIENCE)
		settle();
}

void follow_resume(pid_t tid)
{
	cpu_set_t affinity, both;
	bool is_shown = follow.shown == tid;
	if (follow.load < 0)
		return;
	follow.shown = 0;
	look(tid);
	struct pin *p = follow.has_pinned ? pin_of(tid) : NULL;
	if (!follow.is_settled || !follow.is_alone) {
		if (p)
			drop_pin(tid, true);
	} else if (p) {
		p->is_fresh = true;
	} else if (!is_shown && sched_getaffinity(tid, sizeof(affinity), &affinity) == 0) {
		CPU_AND(&both, &affinity, &follow.here);
		if (CPU_COUNT(&both) == 1 && CPU_COUNT(&affinity) > 1)
			add_pin(tid, &affinity);
	}
}
