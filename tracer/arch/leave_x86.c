/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a thread is taken out of our code, stubs and hub, before anybody could see it there: back to its own system call, or
 * behind it.
 */
#include "tracer/arch/arch.h"

#ifdef __x86_64__
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/x86.h"
#include "tracer/arena.h"
#include "tracer/base/io.h"
#include "tracer/call.h"
#include "tracer/fast_told.h"
#include "tracer/memory.h"

bool arch_demote(struct tracee *t, int slot)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return true;
	/* A slot is kept until the next stop: the thread may be elsewhere long since, in the gate's raw calls, too. */
	uint64_t stub = SHIM_STUBS + (uint64_t)slot * SHIM_STUB_BYTES;
	if (r.rip < stub || r.rip >= stub + SHIM_STUB_BYTES)
		return true;
	const struct shim_slot *s = arena_slot(slot);
	/* The fast path of 32-bit programs makes their calls from 64-bit code. */
	enum abi abi = t->process->abi;
	for (unsigned i = 0; i < 6; i++)
		memcpy((char *)&r + x86_argument[abi][i], &s->argument[i], 8);
	/*
	 * Right behind the stub's `syscall`: rax may hold a restart code, which the kernel now applies to
	 * the guest's own instruction.  On the `syscall` itself (a restart was set up): go back to the
	 * guest's.  Further on: the call is done and only registers were being restored.
	 */
	uint64_t in_stub = (r.rip - SHIM_STUBS) % SHIM_STUB_BYTES;
	r.rip = in_stub == 0 ? s->return_ip - 2 : s->return_ip;
	if (abi == ABI_64 && in_stub)
		r.rcx = s->return_ip;
	return ptrace(PTRACE_SETREGS, t->tid, NULL, &r) == 0;
}

/* Whose frame r11 tells of where it is in transit between a lock's address and its frame's. */
static unsigned frame_of(uint64_t r11)
{
	return (r11 >= SHIM_FRAMES ? (r11 - SHIM_FRAMES) / SHIM_FRAME_BYTES :
		r11 >= SHIM_LOCKS  ? (r11 - SHIM_LOCKS) / 4 :
		r11 < 128	   ? r11 / 4 :
				     r11 / SHIM_FRAME_BYTES) %
	       SHIM_FRAME_COUNT;
}

/* Where the hub is how far (the vectors of shim/hub_x86.S and hub_i386.S), the same in all processes. */
enum mark { ENTRY, TRIED, OWNED, INSIDE, BACK, FREED, SLOW, BACK_SLOW, FREED_SLOW, END, RETURN, RESTART, SITE, ADDED, SITE_64,
	    MARKS };

static const uint64_t *marks_of(enum abi abi)
{
	static uint64_t marks[ABI_COUNT][MARKS];
	/* From our copy: the tracee's may no longer be what it was. */
	if (!marks[abi][END] && !arena_read_shim(abi, SHIM_HUB, marks[abi], sizeof(marks[abi])))
		return NULL;
	return marks[abi];
}

static uint64_t mark_of(enum abi abi, enum mark mark)
{
	const uint64_t *marks = marks_of(abi);
	return marks ? marks[mark] : 0;
}

static void free_frame(struct tracee *t, unsigned frame)
{
	static const uint32_t unlocked;
	memory_write(t, SHIM_LOCKS + 4 * frame, &unlocked, sizeof(unlocked));
}

/*
 * 32-bit programs call an entry of ours in the place of the vdso's: what is not answered goes on there, where unwinders
 * know their way.  The kernel has kept what it said; the guest may have put anything else in our memory.
 */
static uint32_t vsyscall_of(struct tracee *t)
{
	enum { AUX_SYSINFO = 32, PAIRS_MAX = 64 };
	uint32_t pair[2] = { 0, 0 };
	char name[32];
	snprintf(name, sizeof(name), "/proc/%d/auxv", t->tid);
	CLEANUP_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < PAIRS_MAX && fd >= 0 && read(fd, pair, sizeof(pair)) == sizeof(pair); i++)
		if (pair[0] == AUX_SYSINFO)
			return pair[1];
	memory_read(t, SHIM_VSYSCALL, &pair[1], sizeof(pair[1]));
	return pair[1];
}

/* The `int $0x80` that a stub called the hub for, from there; 0: that is no stub. */
static uint32_t site_of(struct tracee *t, uint32_t return_address)
{
	uint8_t jump[5];
	uint32_t at = return_address + SHIM_STUB_JUMP;
	int32_t distance;
	if (memory_read(t, at, jump, sizeof(jump)) < 0 || jump[0] != 0xe9)
		return 0;
	memcpy(&distance, jump + 1, sizeof(distance));
	return at + sizeof(jump) + distance;
}

/* ret: behind the `syscall` (64-bit); is_site: a stub's return address is on the stack (32-bit). */
static void go_to_call(struct tracee *t, struct user_regs_struct *r, uint64_t ret, bool is_site)
{
	uint32_t below = 0;
	if (t->process->abi == ABI_64) {
		r->rip = ret - 2;
		return;
	}
	r->cs = SHIM_CODE_32;
	if (!is_site) {
		r->rip = vsyscall_of(t);
		return;
	}
	memory_read(t, r->rsp, &below, sizeof(below));
	r->rip = site_of(t, below);
	r->rsp = (uint32_t)(r->rsp + sizeof(below));
}

static void go_behind_call(struct tracee *t, struct user_regs_struct *r, uint64_t ret)
{
	uint32_t below;
	if (t->process->abi == ABI_64) {
		r->rip = ret;
		return;
	}
	r->cs = SHIM_CODE_32;
	if (memory_read(t, r->rsp, &below, sizeof(below)) < 0) {
		r->rip = mark_of(ABI_32, RETURN); /* where it faults by itself */
		return;
	}
	r->rip = below;
	r->rsp = (uint32_t)(r->rsp + sizeof(below));
}

/* Behind the `int $0x80` of the vdso, where the kernel restarts a call, and where three registers are on the stack. */
static void go_to_restart(struct tracee *t, struct user_regs_struct *r, uint64_t ret, bool is_site)
{
	static const uint8_t expected[] = { 0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3 }; /* pop %ebp, %edx, %ecx; ret */
	const uint32_t pushed[] = { r->rbp, r->rdx, r->rcx };
	uint8_t code[64];
	if (t->process->abi == ABI_64) {
		r->rip = ret;
		return;
	}
	if (is_site) {
		go_to_call(t, r, ret, true);
		r->rip += 2;
		return;
	}
	uint32_t at = vsyscall_of(t);
	r->cs = SHIM_CODE_32;
	r->rip = mark_of(ABI_32, RESTART);
	const uint8_t *found = memory_read(t, at, code, sizeof(code)) < 0 ? NULL : memmem(code, sizeof(code), expected, sizeof(expected));
	if (!found || memory_write(t, (uint32_t)(r->rsp - sizeof(pushed)), pushed, sizeof(pushed)) < 0)
		return;
	r->rsp = (uint32_t)(r->rsp - sizeof(pushed));
	r->rip = at + (found - code) + 2;
}

static taddr frame_at(unsigned frame)
{
	return SHIM_FRAMES + frame * SHIM_FRAME_BYTES + SHIM_FRAME_AT;
}

/* How far the call of a frame has come. */
struct progress {
	int64_t result;
	bool must_restart, has_acted;
};

static struct progress progress_of(const struct tracee *t, const struct user_regs_struct *r, const struct shim_frame *f)
{
	bool is_in_act_i386 = t->process->abi == ABI_32 && r->rip > SHIM_ACT_I386_CALL && r->rip < SHIM_ACT_I386_END;
	bool is_in_act = is_in_act_i386 || (r->rip > SHIM_ACT_CALL && r->rip < SHIM_ACT_END);
	int64_t result = is_in_act_i386 ? (int32_t)r->rax : is_in_act ? (int64_t)r->rax : f->result;
	bool must_restart = is_in_act && result <= -512 && result >= -516;
	/* What has failed is made once more; but who was interrupted, by file systems that restart nothing, is told so. */
	bool has_acted = (is_in_act || f->phase == PHASE_ACTED) && (result >= 0 || result == -EINTR || must_restart);
	return (struct progress){ result, must_restart, has_acted };
}

/* The registers of a call whose frame is complete: as at its `syscall`, or behind it when it has acted. */
static void leave_frame(struct tracee *t, struct user_regs_struct *r, unsigned frame, struct shim_frame *f)
{
	const struct progress progress = progress_of(t, r, f);
	const bool must_restart = progress.must_restart, has_acted = progress.has_acted;
	f->result = progress.result;
	if (has_acted && f->result >= 0 && f->makes)
		fast_look_at_made(t, f, frame_at(frame) + offsetof(struct shim_frame, path));
	if (t->process->abi == ABI_64) {
		r->rbx = f->rbx;
		r->rbp = f->rbp;
		r->r12 = f->r12;
		r->r13 = f->r13;
		r->r14 = f->r14;
		r->r15 = f->r15;
		r->rcx = f->ret;
	}
	for (unsigned i = 0; i < 6; i++)
		memcpy((char *)r + x86_argument[t->process->abi][i], &f->argument[i], 8);
	r->rsp = f->rsp;
	/* The kernel restarts, or says EINTR, only for a thread that it finds in a system call. */
	r->orig_rax = must_restart ? f->rax : (uint64_t)-1;
	r->rax = has_acted ? (uint64_t)f->result : f->rax;
	if (must_restart)
		go_to_restart(t, r, f->ret, f->rbx);
	else if (has_acted)
		go_behind_call(t, r, f->ret);
	else
		go_to_call(t, r, f->ret, f->rbx);
	free_frame(t, frame);
}

/*
 * A descriptor that nobody has looked at is not handed over, but looked at first: all signals are blocked until then, and
 * this one is kept by the kernel (ptrace_signal of kernel/signal.c) when it is delivered.  Before Linux 3.11 nobody can
 * block them for another, and it is handed over as it is.
 */
static bool hold_until_seen(struct tracee *t, unsigned frame, struct shim_frame *f)
{
	const uint64_t all = ~UINT64_C(0);
	const size_t first = offsetof(struct shim_frame, held), bytes = offsetof(struct shim_frame, pad) - first;
	if (ptrace(PTRACE_GETSIGMASK, t->tid, (void *)sizeof(f->mask), &f->mask) < 0)
		return false;
	f->held++;
	f->is_blocked = 1;
	return memory_write(t, frame_at(frame) + first, (const char *)f + first, bytes) == 0 &&
	       ptrace(PTRACE_SETSIGMASK, t->tid, (void *)sizeof(all), &all) == 0;
}

static bool is_fault(struct tracee *t, int signal)
{
	siginfo_t info;
	return (signal == SIGSEGV || signal == SIGBUS) && ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) == 0 && info.si_code > 0;
}

/* The thread is in the shim, on a frame of it: is it to stay there? */
static bool leave_on_frame(struct tracee *t, struct user_regs_struct *r, int signal, enum arch_left *ret_stays)
{
	unsigned frame = (r->rsp - SHIM_FRAMES) / SHIM_FRAME_BYTES;
	struct shim_frame f;
	if (memory_read(t, frame_at(frame), &f, offsetof(struct shim_frame, reserved)) < 0)
		return true;
	const struct progress progress = progress_of(t, r, &f);
	bool is_unseen = f.makes == MAKES_UNSEEN_AT_RESULT && progress.has_acted && progress.result >= 0;
	bool is_stopped = !signal || signal == SIGSTOP;
	*ret_stays = ARCH_LEFT;
	/* Begun, it is to be ended, whatever stops it; meanwhile all signals that can be are blocked. */
	if (is_stopped && (f.held || is_unseen))
		return false;
	if (is_unseen && !t->ptraced && !is_fault(t, signal) && hold_until_seen(t, frame, &f)) {
		*ret_stays = ARCH_MUST_STAY;
		return false;
	}
	leave_frame(t, r, frame, &f);
	return true;
}

/* The same of a patched site of a 32-bit program: its stub calls through SHIM_SITE. */
static bool leave_lost_site(struct tracee *t, struct user_regs_struct *r)
{
	static const uint8_t call_through[] = { 0xff, 0x15, SHIM_SITE & 0xff, SHIM_SITE >> 8 & 0xff, SHIM_SITE >> 16 & 0xff, SHIM_SITE >> 24 };
	uint8_t at[sizeof(call_through)];
	uint32_t entry, below;
	if (memory_read(t, r->rip, at, sizeof(at)) == 0 && memcmp(at, call_through, sizeof(at)) == 0)
		r->rip = site_of(t, r->rip + sizeof(at));
	else if (memory_read(t, SHIM_SITE, &entry, sizeof(entry)) == 0 && entry == r->rip &&
		 memory_read(t, r->rsp, &below, sizeof(below)) == 0 &&
		 memory_read(t, below - sizeof(at), at, sizeof(at)) == 0 && memcmp(at, call_through, sizeof(at)) == 0)
		go_to_call(t, r, 0, true);
	else
		return false;
	r->orig_rax = (uint64_t)-1;
	return ptrace(PTRACE_SETREGS, t->tid, NULL, r) == 0;
}

/*
 * A guest may unmap the hub, or map something else there.  Then the stub of a patched site faults, or what it jumped to:
 * with rcx behind the site's `syscall`, from where all is as it would have been.
 */
static bool leave_lost_hub(struct tracee *t)
{
	static const uint8_t jump_through[] = { 0xff, 0x24, 0x25, SHIM_HUB & 0xff, SHIM_HUB >> 8 & 0xff, SHIM_HUB >> 16 & 0xff, SHIM_HUB >> 24 };
	static const uint8_t system_call[] = { 0x0f, 0x05 };
	uint8_t at[sizeof(jump_through)], behind[sizeof(system_call)];
	uint64_t entry;
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return false;
	if (t->process->abi == ABI_32)
		return leave_lost_site(t, &r);
	bool is_at_jump = memory_read(t, r.rip, at, sizeof(at)) == 0 && memcmp(at, jump_through, sizeof(at)) == 0;
	bool has_jumped = memory_read(t, SHIM_HUB, &entry, sizeof(entry)) == 0 && entry == r.rip;
	if ((!is_at_jump && !has_jumped) || memory_read(t, r.rcx - sizeof(behind), behind, sizeof(behind)) < 0 ||
	    memcmp(behind, system_call, sizeof(behind)) != 0)
		return false;
	r.rip = r.rcx - sizeof(behind);
	r.orig_rax = (uint64_t)-1;
	return ptrace(PTRACE_SETREGS, t->tid, NULL, &r) == 0;
}

bool arch_is_in_stub(struct tracee *t)
{
	errno = 0;
	uint64_t ip = ptrace(PTRACE_PEEKUSER, t->tid, (void *)REG(rip), NULL);
	return !errno && ip >= SHIM_STUBS && ip < SHIM_STUBS + SHIM_SLOTS * SHIM_STUB_BYTES;
}

/* Out of the 32-bit code before and behind the hub's. */
static void leave_entry(struct tracee *t, struct user_regs_struct *r, const uint64_t *mark)
{
	uint32_t below;
	if (r->rip == mark[RETURN]) {
		go_behind_call(t, r, 0);
		return;
	}
	if (r->rip == mark[ADDED] && memory_read(t, r->rsp, &below, sizeof(below)) == 0) {
		below -= SHIM_STUB_JUMP;
		memory_write(t, r->rsp, &below, sizeof(below));
	}
	go_to_call(t, r, 0, r->rip >= mark[SITE]);
}

enum arch_left arch_leave_shim(struct tracee *t, int signal)
{
	enum { CARRY = 1 }; /* of eflags */
	struct user_regs_struct r;
	errno = 0;
	uint64_t ip = ptrace(PTRACE_PEEKUSER, t->tid, (void *)REG(rip), NULL);
	if (errno)
		return ARCH_LEFT;
	if (ip < SHIM_BASE || ip >= SHIM_BASE + SHIM_IMAGE_BYTES || (ip >= SHIM_STUBS && ip < SHIM_STATE))
		return signal == SIGSEGV && leave_lost_hub(t) ? ARCH_FAULTED : ARCH_LEFT;
	enum abi abi = t->process->abi;
	const uint64_t *mark = marks_of(abi);
	if (!mark || ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return ARCH_LEFT;
	bool is_site = ip == mark[SITE_64] || (ip != mark[ENTRY] && (uint32_t)r.r10);
	if (abi == ABI_32 && ip >= SHIM_ENTRY && ip < mark[ENTRY]) {
		leave_entry(t, &r, mark);
	} else if (ip >= mark[ENTRY] && ip < mark[OWNED]) {
		if (ip == mark[TRIED] && !(r.eflags & CARRY))
			free_frame(t, frame_of(r.r11));
		go_to_call(t, &r, r.rcx, is_site);
	} else if (ip >= mark[OWNED] && ip < mark[INSIDE]) {
		free_frame(t, frame_of(r.r11));
		go_to_call(t, &r, r.rcx, is_site);
	} else if (ip >= mark[BACK] && ip < mark[SLOW]) {
		if (ip < mark[FREED])
			free_frame(t, frame_of(r.r11));
		go_behind_call(t, &r, r.rcx);
	} else if (ip >= mark[BACK_SLOW] && ip < mark[END]) {
		if (ip < mark[FREED_SLOW])
			free_frame(t, frame_of(r.r11));
		go_to_call(t, &r, r.rcx, is_site);
	} else if (r.rsp >= SHIM_FRAMES && r.rsp < SHIM_FRAMES + SHIM_FRAME_COUNT * SHIM_FRAME_BYTES) {
		enum arch_left stays;
		if (!leave_on_frame(t, &r, signal, &stays))
			return stays;
	} else {
		return ARCH_LEFT; /* the loader */
	}
	const bool has_faulted = is_fault(t, signal);
	ptrace(PTRACE_SETREGS, t->tid, NULL, &r);
	return has_faulted ? ARCH_FAULTED : ARCH_LEFT;
}

bool arch_is_in_loader(struct tracee *t)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return false;
	/* The fast path, whose calls come from the gate too, has stacks of its own. */
	bool is_in_frame = r.rsp >= SHIM_FRAMES && r.rsp < SHIM_FRAMES + SHIM_FRAME_COUNT * SHIM_FRAME_BYTES;
	return r.rip >= SHIM_BASE && r.rip < SHIM_STUBS && !is_in_frame;
}
#endif
