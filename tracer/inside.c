/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that are looked at for the numbers of processes alone. */
#include "tracer/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/base/mem.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/pids.h"
#include "tracer/watch.h"

#ifndef F_GETOWN_EX
#define F_SETOWN_EX 15
#define F_GETOWN_EX 16
#endif

pid_t inside_shown(const struct tracee *t, pid_t host)
{
	return pids_shown(t->process->pids, host);
}

pid_t inside_host(const struct tracee *t, pid_t number)
{
	return number > 0 ? pids_host(t->process->pids, number) : number;
}

void inside_translate(struct call *c, unsigned n)
{
	int number = call_int(c, n);
	if (number > 0 && c->t->process->pids)
		call_set(c, n, inside_host(c->t, number));
}

int64_t inside_show_result(struct call *c)
{
	return c->result > 0 ? inside_shown(c->t, c->result) : c->result;
}

static int64_t pass_shown(struct call *c)
{
	c->t->at_exit = inside_show_result;
	return CALL_PASS_EXIT;
}

/* ---- who am I, and which group ---- */

int64_t hook_getpid(struct call *c)
{
	return inside_shown(c->t, strcmp(c->row->name, "gettid") == 0 ? c->t->tid : c->t->process->pid);
}

/* getpgid, getsid, getpgrp */
int64_t hook_getpgid(struct call *c)
{
	pid_t of = strcmp(c->row->name, "getpgrp") == 0 ? 0 : inside_host(c->t, call_int(c, 0));
	of = of ? of : c->t->process->pid;
	pid_t is = strcmp(c->row->name, "getsid") == 0 ? getsid(of) : getpgid(of);
	return is < 0 ? -errno : inside_shown(c->t, is);
}

/* setsid, set_tid_address */
int64_t hook_gives_number(struct call *c)
{
	return pass_shown(c);
}

/* One argument, or two, are numbers. */
int64_t hook_takes_number(struct call *c)
{
	const char *name = c->row->name;
	if (strcmp(name, "perf_event_open") == 0) {
		inside_translate(c, 1);
		return CALL_PASS;
	}
	inside_translate(c, 0);
	if (strcmp(name, "setpgid") == 0)
		inside_translate(c, 1);
	return CALL_PASS;
}

int64_t hook_looks_at_process(struct call *c)
{
	const struct tracee *of = call_int(c, 0) ? pids_find(c->t->process->pids, call_int(c, 0)) : c->t;
	if (!of)
		return -ESRCH;
	if (!session.is_plain && !guest_may_access(c->t, of))
		return -EPERM;
	inside_translate(c, 0);
	return CALL_PASS;
}

/* ---- clocks and timers ---- */

/* CPUCLOCK_* of linux/posix-timers.h: the number is above three bits, and turned. */
static void translate_clock(struct call *c)
{
	enum { CLOCK_BITS = 7, OF_DESCRIPTOR = 3 };
	int clock = call_int(c, 0);
	pid_t of = ~(clock >> 3);
	if (clock < 0 && (clock & CLOCK_BITS) != OF_DESCRIPTOR && of > 0)
		call_set(c, 0, ~(uint32_t)inside_host(c->t, of) << 3 | (clock & CLOCK_BITS));
}

int64_t hook_clock(struct call *c)
{
	translate_clock(c);
	return CALL_PASS;
}

int64_t hook_timer_create(struct call *c)
{
	enum { OF_THREAD = 4 /* SIGEV_THREAD_ID */, EVENT_BYTES = 64 };
	const size_t word = c->abi == ABI_32 ? 4 : 8;
	int32_t notify, thread;
	char event[EVENT_BYTES];
	translate_clock(c);
	if (!c->argument[1] || memory_read(c->t, c->argument[1], event, sizeof(event)) < 0)
		return CALL_PASS;
	/* struct sigevent: a value, the signal, how to notify, whom. */
	memcpy(&notify, event + word + 4, sizeof(notify));
	memcpy(&thread, event + word + 8, sizeof(thread));
	char *room = notify & OF_THREAD ? call_room(c, sizeof(event)) : NULL;
	if (!room)
		return CALL_PASS;
	thread = inside_host(c->t, thread);
	memcpy(event + word + 8, &thread, sizeof(thread));
	memcpy(room, event, sizeof(event));
	call_set(c, 1, (uintptr_t)room);
	return CALL_PASS;
}

/* ---- children ---- */

static int64_t has_forked(struct call *c)
{
	c->t->is_forking = false;
	return inside_show_result(c);
}

int64_t inside_fork(struct call *c)
{
	c->t->is_forking = true;
	c->t->at_exit = has_forked;
	return CALL_PASS_EXIT;
}

void inside_tell_child(const struct tracee *parent, const struct tracee *child, uint64_t clone_flags)
{
	taddr in_parent = 0, in_child = 0;
	if (!(clone_flags & (CLONE_PARENT_SETTID | CLONE_CHILD_SETTID)) || arch_clone_words(parent, &in_parent, &in_child) < 0)
		return;
	pid_t number = inside_shown(parent, child->tid);
	if ((clone_flags & CLONE_PARENT_SETTID) && parent->process->pids)
		memory_write(parent, in_parent, &number, sizeof(number));
	number = inside_shown(child, child->tid);
	if (clone_flags & CLONE_CHILD_SETTID)
		memory_write(child, in_child, &number, sizeof(number));
}

/* struct robust_list_head of linux/futex.h: a list of locks, where in each the word is, and one that is being taken or left. */
struct robust_head {
	uint64_t next, pending;
	int64_t offset;
};

/* The kernel keeps another list for 32-bit programs, which only a call of theirs is told. */
static taddr robust_list_of(const struct tracee *t)
{
	static struct {
		uint32_t at, size;
	} *low;
	void *at = NULL;
	size_t size;
	if (t->process->abi == ABI_64)
		return syscall(SYS_get_robust_list, t->tid, &at, &size) < 0 ? 0 : (uintptr_t)at;
	if (!low) {
		low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		low = low == MAP_FAILED ? NULL : low;
	}
	const uint64_t arguments[6] = { t->tid, (uintptr_t)low, (uintptr_t)low + 4 };
	return low && arch_raw_call(ABI_32, arch_robust_list_number, arguments) == 0 ? low->at : 0;
}

static bool read_robust_head(const struct tracee *t, taddr at, struct robust_head *ret)
{
	uint64_t wide[3];
	uint32_t narrow[3];
	if (t->process->abi == ABI_64) {
		if (memory_read(t, at, wide, sizeof(wide)) < 0)
			return false;
		*ret = (struct robust_head){ wide[0], wide[2], wide[1] };
		return true;
	}
	if (memory_read(t, at, narrow, sizeof(narrow)) < 0)
		return false;
	*ret = (struct robust_head){ narrow[0], narrow[2], (int32_t)narrow[1] };
	return true;
}

void inside_mend_futexes(const struct tracee *t)
{
	enum { ENTRIES_MAX = 2048 /* ROBUST_LIST_LIMIT */ };
	struct robust_head head;
	taddr at = t->process->pids ? robust_list_of(t) : 0;
	if (!at || !read_robust_head(t, at, &head))
		return;
	uint64_t entry = head.next;
	for (unsigned i = 0; i < ENTRIES_MAX; i++) {
		uint32_t word;
		bool is_last = (entry & ~UINT64_C(1)) == at;
		if (is_last)
			entry = head.pending;
		taddr lock = (entry & ~UINT64_C(1)) + head.offset;
		if (entry && memory_read(t, lock, &word, sizeof(word)) == 0 &&
		    (pid_t)(word & FUTEX_TID_MASK) == inside_shown(t, t->tid)) {
			/* Somebody may come to wait for it meanwhile: the kernel wakes as if there were one. */
			word = (word & ~(uint32_t)FUTEX_TID_MASK) | FUTEX_WAITERS | (uint32_t)t->tid;
			memory_write(t, lock, &word, sizeof(word));
		}
		uint64_t next = 0;
		if (is_last || memory_read(t, entry & ~UINT64_C(1), &next, t->process->abi == ABI_64 ? 8 : 4) < 0)
			return;
		entry = next;
	}
}

/* ---- owners of files and locks ---- */

/* F_GETOWN gives a group as a number below 0; its only failure is EBADF. */
static int64_t show_owner(struct call *c)
{
	if (c->result >= 0 || c->result == -EBADF)
		return inside_show_result(c);
	return -inside_shown(c->t, -c->result);
}

static void show_word(const struct call *c, taddr at)
{
	int32_t number;
	if (memory_read(c->t, at, &number, sizeof(number)) < 0)
		return;
	number = number < 0 ? number : inside_shown(c->t, number);
	memory_write(c->t, at, &number, sizeof(number));
}

/* struct f_owner_ex: a kind, a number. */
static int64_t show_owner_ex(struct call *c)
{
	if (c->result == 0)
		show_word(c, c->argument[2] + 4);
	return c->result;
}

/* struct flock: two short numbers, begin and length, who. */
static int64_t show_lock(struct call *c)
{
	if (c->result == 0)
		show_word(c, c->argument[2] + (c->abi == ABI_64 ? 24 : call_int(c, 1) == F_GETLK ? 12 : 20));
	return c->result;
}

static int64_t set_owner(struct call *c)
{
	int owner;
	int r = process_to_own(c, call_int(c, 2), &owner);
	if (r == 0)
		call_set(c, 2, (uint64_t)(int64_t)owner);
	return r < 0 ? r : CALL_PASS;
}

static int64_t set_owner_ex(struct call *c)
{
	enum { OF_PROCESS_ID = 1, OF_GROUP = 2 };
	int32_t owner[2];
	char *room = call_room(c, sizeof(owner));
	if (!room)
		return -ENOMEM;
	if (memory_read(c->t, c->argument[2], owner, sizeof(owner)) < 0)
		return -EFAULT;
	bool is_group = owner[0] == OF_GROUP && owner[1] > 0;
	int r = owner[0] < 0 || owner[0] > OF_GROUP ? -EINVAL : owner[1] < 0 ? -ESRCH : process_to_own(c, is_group ? -owner[1] : owner[1], &owner[1]);
	if (r < 0)
		return r;
	if (is_group && owner[1] > 0)
		owner[0] = OF_PROCESS_ID;
	owner[1] = owner[1] < 0 ? -owner[1] : owner[1];
	memcpy(room, owner, sizeof(owner));
	call_set(c, 2, (uintptr_t)room);
	return CALL_PASS;
}

int64_t hook_fcntl(struct call *c)
{
	enum { GETLK_WIDE = 12, GETLK_OF_FILE = 36 }; /* F_GETLK64 of i386, F_OFD_GETLK */
	switch (call_int(c, 1)) {
	case F_SETOWN:
		return set_owner(c);
	case F_SETOWN_EX:
		return set_owner_ex(c);
	case F_GETOWN:
		c->t->at_exit = show_owner;
		break;
	case F_GETOWN_EX:
		c->t->at_exit = show_owner_ex;
		break;
	case F_GETLK: case GETLK_WIDE: case GETLK_OF_FILE:
		c->t->at_exit = show_lock;
		break;
	default:
		return CALL_PASS;
	}
	if (!c->t->process->pids)
		c->t->at_exit = NULL;
	return c->t->at_exit ? CALL_PASS_EXIT : CALL_PASS;
}

static int64_t show_pointed(struct call *c)
{
	if (c->result == 0)
		show_word(c, c->argument[2]);
	return c->result;
}

/* struct pidfd_info of linux/pidfd.h */
static int64_t show_pidfd_info(struct call *c)
{
	for (unsigned at = 16; at <= 24 && c->result == 0; at += 4)
		show_word(c, c->argument[2] + at);
	return c->result;
}

bool inside_sets_owner(struct call *c, uint32_t command, int64_t *ret)
{
	enum { FIOSETOWN_NUMBER = 0x8901, SIOCSPGRP_NUMBER = 0x8902 };
	int32_t number;
	if (command != FIOSETOWN_NUMBER && command != SIOCSPGRP_NUMBER)
		return false;
	char *room = call_room(c, sizeof(number));
	int r = !room ? -ENOMEM : memory_read(c->t, c->argument[2], &number, sizeof(number));
	if (r == 0)
		r = process_to_own(c, number, &number);
	if (r == 0) {
		memcpy(room, &number, sizeof(number));
		call_set(c, 2, (uintptr_t)room);
	}
	*ret = r < 0 ? r : CALL_PASS;
	return true;
}

const uint32_t inside_ioctls[] = {
	0x540f /* TIOCGPGRP */, 0x5410 /* TIOCSPGRP */, 0x5429 /* TIOCGSID */, 0x8901 /* FIOSETOWN */, 0x8902 /* SIOCSPGRP */,
	0x8903 /* FIOGETOWN */, 0x8904 /* SIOCGPGRP */, 0xc040ff0b /* PIDFD_GET_INFO, of 64 bytes and more */, 0xc048ff0b,
	0xc050ff0b, 0xc058ff0b, 0,
};

bool inside_ioctl(struct call *c, uint32_t command, int64_t *ret)
{
	int32_t number;
	*ret = CALL_PASS_EXIT;
	switch (command) {
	case 0x5410: {
		*ret = CALL_PASS;
		char *room = memory_read(c->t, c->argument[2], &number, sizeof(number)) < 0 ? NULL : call_room(c, sizeof(number));
		if (!room)
			return true;
		number = inside_host(c->t, number);
		memcpy(room, &number, sizeof(number));
		call_set(c, 2, (uintptr_t)room);
		return true;
	}
	case 0x540f: case 0x5429: case 0x8903: case 0x8904:
		c->t->at_exit = show_pointed;
		return true;
	case 0xc040ff0b: case 0xc048ff0b: case 0xc050ff0b: case 0xc058ff0b:
		c->t->at_exit = show_pidfd_info;
		return true;
	}
	return false;
}

/* ---- signals ---- */

void inside_show_siginfo(struct call *c, taddr at)
{
	/* siginfo_t begins with the signal, an error, a code; then, in a union, a number and a user. */
	int32_t head[3];
	if (memory_read(c->t, at, head, sizeof(head)) < 0)
		return;
	bool has_sender = head[2] == SI_USER || head[2] == SI_TKILL || head[2] == SI_QUEUE || head[2] == SI_MESGQ ||
			  (head[0] == SIGCHLD && head[2] > 0);
	if (has_sender)
		show_word(c, at + (c->abi == ABI_64 ? 16 : 12));
}

int inside_translate_siginfo(struct call *c, unsigned n)
{
	enum { SIGINFO_BYTES = 128 };
	const size_t at = c->abi == ABI_64 ? 16 : 12;
	char info[SIGINFO_BYTES];
	int32_t code, number;
	if (!c->t->process->pids || !c->argument[n] || memory_read(c->t, c->argument[n], info, sizeof(info)) < 0)
		return 0;
	memcpy(&code, info + 8, sizeof(code));
	memcpy(&number, info + at, sizeof(number));
	if (code != SI_QUEUE && code != SI_MESGQ)
		return 0;
	char *room = call_room(c, sizeof(info));
	if (!room)
		return -ENOMEM;
	number = inside_host(c->t, number);
	memcpy(info + at, &number, sizeof(number));
	memcpy(room, info, sizeof(info));
	call_set(c, n, (uintptr_t)room);
	return 0;
}

static int64_t show_taken_signal(struct call *c)
{
	if (c->result > 0 && c->argument[1])
		inside_show_siginfo(c, c->argument[1]);
	return c->result;
}

int64_t hook_sigtimedwait(struct call *c)
{
	c->t->at_exit = show_taken_signal;
	return CALL_PASS_EXIT;
}

/* The buffers of a read. */
struct buffers {
	struct iovec *list;
	size_t count;
};

/* Bytes at an offset of what was read, from or to there; they may lie in several buffers. */
static bool copy_read(struct call *c, const struct buffers *b, uint64_t at, void *bytes, size_t size, bool is_write)
{
	char *next = bytes;
	for (size_t i = 0; i < b->count && size > 0; i++) {
		if (at >= b->list[i].iov_len) {
			at -= b->list[i].iov_len;
			continue;
		}
		size_t part = b->list[i].iov_len - at < size ? b->list[i].iov_len - at : size;
		taddr there = (uintptr_t)b->list[i].iov_base + at;
		if ((is_write ? memory_write(c->t, there, next, part) : memory_read(c->t, there, next, part)) < 0)
			return false;
		next += part;
		size -= part;
		at = 0;
	}
	return size == 0;
}

/* struct signalfd_siginfo: the signal, an error, a code, a number. */
static int64_t show_signals(struct call *c, const struct buffers *b)
{
	enum { RECORD = 128 };
	int32_t head[4];
	for (int64_t at = 0; at + RECORD <= c->result && copy_read(c, b, at, head, sizeof(head), false); at += RECORD) {
		if (head[2] != SI_USER && head[2] != SI_TKILL && head[2] != SI_QUEUE && head[2] != SI_MESGQ && (head[0] != SIGCHLD || head[2] <= 0))
			continue;
		head[3] = head[3] < 0 ? head[3] : inside_shown(c->t, head[3]);
		copy_read(c, b, at, head, sizeof(head), true);
	}
	return c->result;
}

static int64_t show_signals_read(struct call *c)
{
	struct iovec one = { (void *)(uintptr_t)c->argument[1], c->argument[2] };
	return show_signals(c, &(struct buffers){ &one, 1 });
}

static int64_t show_signals_read_in_parts(struct call *c)
{
	struct buffers b = { NULL, c->result > 0 && c->argument[2] <= UIO_MAXIOV ? c->argument[2] : 0 };
	CLEANUP_TALLOC struct iovec *list = mem_array(NULL, struct iovec, b.count);
	if (memory_read_vector(c->t, c->argument[1], list, b.count) < 0)
		b.count = 0;
	b.list = list;
	return show_signals(c, &b);
}

static bool is_signalfd(const struct call *c)
{
	char link[64], text[64];
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->t->tid, call_int(c, 0));
	ssize_t n = readlink(link, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return strcmp(text, "anon_inode:[signalfd]") == 0;
}

int64_t inside_read(struct call *c)
{
	if (!is_signalfd(c))
		return CALL_PASS;
	c->t->at_exit = show_signals_read;
	return CALL_PASS_EXIT;
}

int64_t hook_readv(struct call *c)
{
	if (!is_signalfd(c))
		return CALL_PASS;
	c->t->at_exit = show_signals_read_in_parts;
	return CALL_PASS_EXIT;
}

/* Its reads are looked at from now on. */
int64_t hook_signalfd(struct call *c)
{
	return c->t->has_signals ? CALL_PASS : watch_begin(c, WATCH_READS);
}
