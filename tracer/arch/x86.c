/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64, and i386 programs under it. */
#include "tracer/arch/arch.h"

#ifdef __x86_64__
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/audit.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/user.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/profile.h"
#include "tracer/call.h"
#include "tracer/guest_ptrace.h"
#include "tracer/fast.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

const uint32_t arch_audit[ABI_COUNT] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };
const char *const arch_machine[ABI_COUNT] = { "x86_64", "i686" };
const uint16_t arch_elf_machine[ABI_COUNT] = { 62, 3 };

/*
 * Since Linux 4.3 and 5.1 i386 has calls of its own for what socketcall(2) and ipc(2) do, too; libseccomp gives
 * pseudo numbers for these.  arch/x86/entry/syscalls/syscall_32.tbl.
 */
static const struct {
	const char *name;
	int number;
} not_multiplexed[] = {
	{ "recvmmsg", 337 },   { "sendmmsg", 345 },   { "socket", 359 },      { "socketpair", 360 },
	{ "bind", 361 },       { "connect", 362 },    { "listen", 363 },      { "accept4", 364 },
	{ "getsockopt", 365 }, { "setsockopt", 366 }, { "getsockname", 367 }, { "getpeername", 368 },
	{ "sendto", 369 },     { "sendmsg", 370 },    { "recvfrom", 371 },    { "recvmsg", 372 },
	{ "shutdown", 373 },   { "semget", 393 },     { "semctl", 394 },      { "shmget", 395 },
	{ "shmctl", 396 },     { "shmat", 397 },      { "shmdt", 398 },       { "msgget", 399 },
	{ "msgsnd", 400 },     { "msgrcv", 401 },     { "msgctl", 402 },
};

int arch_call_number(enum abi abi, const char *name)
{
	int number = profile_call_number(arch_audit[abi], name);
	for (size_t i = 0; number < -1 && abi == ABI_32 && i < sizeof(not_multiplexed) / sizeof(*not_multiplexed); i++)
		if (strcmp(name, not_multiplexed[i].name) == 0)
			return not_multiplexed[i].number;
	return number < 0 ? -1 : number;
}

#define REG(name) offsetof(struct user, regs.name)
static const size_t argument_register[ABI_COUNT][6] = {
	{ REG(rdi), REG(rsi), REG(rdx), REG(r10), REG(r8), REG(r9) },
	{ REG(rbx), REG(rcx), REG(rdx), REG(rsi), REG(rdi), REG(rbp) },
};

static int poke(struct tracee *t, size_t offset, uint64_t value)
{
	return ptrace(PTRACE_POKEUSER, t->tid, (void *)offset, (void *)value) < 0 ? -errno : 0;
}

/* struct ptrace_syscall_info of Linux 5.3, as far as it is read. */
struct syscall_info {
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t ip, sp;
	uint64_t number, argument[6];
	uint32_t ret_data;
};

static bool has_no_syscall_info;

static void take_registers(struct call *c, const struct user_regs_struct *r)
{
	c->number = r->orig_rax;
	for (unsigned i = 0; i < 6; i++)
		memcpy(&c->argument[i], (const char *)r + argument_register[c->abi][i], 8);
	if (c->abi == ABI_32)
		for (unsigned i = 0; i < 6; i++)
			c->argument[i] &= 0xffffffff;
	c->ip = r->rip;
	c->sp = r->rsp;
}

int arch_read_call(struct tracee *t, struct call *c, bool is_entry)
{
	if (!has_no_syscall_info) {
		struct syscall_info info;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info), &info) > 0) {
			c->row_data = info.ret_data;
			c->abi = info.arch == arch_audit[ABI_32] ? ABI_32 : ABI_64;
			c->number = info.number;
			memcpy(c->argument, info.argument, sizeof(c->argument));
			c->ip = info.ip;
			c->sp = info.sp;
			return 0;
		}
		if (errno != EIO)
			return -errno;
		has_no_syscall_info = true;
	}
	struct user_regs_struct r;
	unsigned long message;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0 || ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &message) < 0)
		return -errno;
	c->row_data = message;
	c->abi = (is_entry || message & GUEST_TRACE ? r.cs == 0x23 : message & 0x8000) ? ABI_32 : ABI_64;
	take_registers(c, &r);
	return 0;
}

int arch_read_trapped(struct tracee *t, struct call *c)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return -errno;
	c->abi = c->row_data & 0x8000 ? ABI_32 : ABI_64;
	take_registers(c, &r);
	return 0;
}

int64_t arch_raw_call(enum abi abi, int64_t number, const uint64_t argument[6])
{
	if (abi == ABI_64) {
		int64_t result = syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
		return result < 0 ? -errno : result;
	}
	int64_t r = number;
	/* Kernels before 4.4 leave no upper registers as they were. */
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(argument[0]), "c"(argument[1]), "d"(argument[2]), "S"(argument[3]),
			 "D"(argument[4]) : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int32_t)r;
}

int arch_answer(struct tracee *t, int64_t result)
{
	int r = poke(t, REG(orig_rax), (uint64_t)-1);
	return r < 0 ? r : poke(t, REG(rax), result);
}

int arch_set_arguments(struct tracee *t, const struct call *c)
{
	for (unsigned i = 0; i < 6; i++) {
		if (!(c->changed >> i & 1))
			continue;
		int r = poke(t, argument_register[c->abi][i], c->argument[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int arch_redirect(struct tracee *t, struct call *c, int slot)
{
	struct shim_slot *s = arena_slot(slot);
	memcpy(s->argument, c->original, sizeof(s->argument));
	s->return_ip = c->ip;
	int r = arch_set_arguments(t, c);
	/* The trap has rolled the call back: the stub makes it, and this one is not to be restarted. */
	if (r == 0 && c->is_trapped)
		r = poke(t, REG(orig_rax), (uint64_t)-1);
	/* Both `syscall` and `int $0x80` are two bytes long. */
	return r < 0 ? r : poke(t, REG(rip), SHIM_STUBS + slot * SHIM_STUB_BYTES + (c->is_trapped ? 0 : 2));
}

int arch_restore(struct tracee *t, enum abi abi, const uint64_t argument[6])
{
	for (unsigned i = 0; i < 6; i++) {
		int r = poke(t, argument_register[abi][i], argument[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int arch_read_result(struct tracee *t, int64_t *ret)
{
	errno = 0;
	long value = ptrace(PTRACE_PEEKUSER, t->tid, (void *)REG(rax), NULL);
	if (errno)
		return -errno;
	*ret = value;
	return 0;
}

int arch_write_result(struct tracee *t, int64_t result)
{
	return poke(t, REG(rax), result);
}

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
		memcpy((char *)&r + argument_register[abi][i], &s->argument[i], 8);
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
		memcpy((char *)r + argument_register[t->process->abi][i], &f->argument[i], 8);
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

uint64_t arch_clone_flags(struct tracee *t)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return 0;
	/* int $0x80 from 64-bit code is rare enough to be taken for the program's own ABI. */
	bool is_32 = r.cs == 0x23;
	uint64_t flags = 0;
	switch (r.orig_rax) {
	case 435: /* clone3 */
		return memory_read(t, is_32 ? (uint32_t)r.rbx : r.rdi, &flags, sizeof(flags)) < 0 ? 0 : flags;
	case 56:
		return is_32 ? 0 : r.rdi;
	case 58:
		return is_32 ? 0 : CLONE_VFORK | CLONE_VM;
	case 190:
		return is_32 ? CLONE_VFORK | CLONE_VM : 0;
	case 120:
		return is_32 ? (uint32_t)r.rbx : 0;
	}
	return 0;
}

int arch_clone_words(const struct tracee *t, uint64_t *ret_parent, uint64_t *ret_child)
{
	enum { CHILD_AT = 16, PARENT_AT = 24 /* in struct clone_args */ };
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return -errno;
	bool is_32 = r.cs == 0x23;
	if (r.orig_rax == 435) {
		taddr at = is_32 ? (uint32_t)r.rbx : r.rdi;
		int failed = memory_read(t, at + CHILD_AT, ret_child, 8);
		return failed ? failed : memory_read(t, at + PARENT_AT, ret_parent, 8);
	}
	*ret_parent = is_32 ? (uint32_t)r.rdx : r.rdx;
	*ret_child = is_32 ? (uint32_t)r.rdi : r.r10;
	return 0;
}

bool arch_is_exit(struct tracee *t)
{
	struct syscall_info info;
	if (!has_no_syscall_info && ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info), &info) > 0)
		return info.op == 2 /* PTRACE_SYSCALL_INFO_EXIT */;
	int shown = guest_is_at_exit(t);
	if (shown >= 0)
		return shown;
	/* At the entry rax is -ENOSYS; the calls that have exit hooks do not return that. */
	int64_t result = 0;
	return arch_read_result(t, &result) < 0 || result != -ENOSYS;
}

int arch_set_loader_slot(struct tracee *t, int slot)
{
	return poke(t, REG(rbx), slot + 1);
}

/* ---- for tracers in the guest ---- */

const int arch_strict_call[ABI_COUNT][ARCH_STRICT_CALLS] = { { 0, 1, 60, 15 }, { 3, 4, 1, 119 } };
const int arch_pause_number[ABI_COUNT] = { 34, 29 };
const int arch_prctl_number[ABI_COUNT] = { 157, 172 }, arch_seccomp_number[ABI_COUNT] = { 317, 354 };

bool arch_finish_loader(struct tracee *t)
{
	struct user_regs_struct r, fresh;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0 || r.rip < SHIM_BASE || r.rip >= SHIM_GATE)
		return false;
	/* The entry is in rax (shim/gate_x86.S); all else is as ELF_PLAT_INIT leaves it. */
	bool is_32 = r.cs == 0x23;
	memset(&fresh, 0, sizeof(fresh));
	fresh.rip = is_32 ? (uint32_t)r.rax : r.rax;
	fresh.rsp = r.rsp;
	fresh.cs = r.cs;
	fresh.ss = r.ss;
	fresh.ds = r.ds;
	fresh.es = r.es;
	fresh.fs = r.fs;
	fresh.gs = r.gs;
	fresh.eflags = 0x202;
	fresh.orig_rax = is_32 ? 11 : 59; /* execve */
	return ptrace(PTRACE_SETREGS, t->tid, NULL, &fresh) == 0;
}

int arch_set_number(struct tracee *t, int64_t number)
{
	return poke(t, REG(orig_rax), number);
}

int arch_rewind(struct tracee *t, int64_t number)
{
	errno = 0;
	long ip = ptrace(PTRACE_PEEKUSER, t->tid, (void *)REG(rip), NULL);
	int r = errno ? -errno : poke(t, REG(rip), ip - 2);
	return r < 0 ? r : poke(t, REG(rax), number);
}

int arch_swap_restart(struct tracee *t, int64_t from, int64_t to)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return -errno;
	bool is_restart = (int64_t)r.rax <= -512 && (int64_t)r.rax >= -516;
	if ((int64_t)r.orig_rax != from || !is_restart)
		return 0;
	r.orig_rax = to;
	r.rax = -512; /* ERESTARTSYS */
	return ptrace(PTRACE_SETREGS, t->tid, NULL, &r) < 0 ? -errno : 0;
}

int arch_call_info(struct tracee *t, bool is_entry, bool is_exit, struct arch_call_info *ret)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return -errno;
	enum abi abi = r.cs == 0x23 ? ABI_32 : ABI_64;
	memset(ret, 0, sizeof(*ret));
	ret->op = is_entry ? 1 : is_exit ? 2 : 0;
	ret->arch = arch_audit[abi];
	ret->ip = r.rip;
	ret->sp = r.rsp;
	if (is_entry) {
		ret->entry.number = r.orig_rax;
		for (unsigned i = 0; i < 6; i++)
			memcpy(&ret->entry.argument[i], (const char *)&r + argument_register[abi][i],
			       abi == ABI_64 ? 8 : 4);
	} else if (is_exit) {
		ret->exit.result = abi == ABI_64 ? (int64_t)r.rax : (int32_t)r.rax;
		ret->exit.is_error = ret->exit.result < 0 && ret->exit.result > -4096;
	}
	return 0;
}

int arch_peek_user(struct tracee *t, uint64_t offset, uint64_t *ret)
{
	errno = 0;
	long word = ptrace(PTRACE_PEEKUSER, t->tid, (void *)offset, NULL);
	if (errno)
		return -errno;
	*ret = word;
	return 0;
}

/* The registers of i386's struct user, and its debug registers at 252. */
static int64_t wide_offset(uint64_t offset)
{
	static const size_t registers[] = {
		REG(rbx), REG(rcx), REG(rdx), REG(rsi), REG(rdi), REG(rbp), REG(rax), REG(ds), REG(es),
		REG(fs), REG(gs), REG(orig_rax), REG(rip), REG(cs), REG(eflags), REG(rsp), REG(ss),
	};
	enum { COUNT = sizeof(registers) / sizeof(*registers), DEBUG_AT = 252, USER_BYTES = 284 };
	if ((offset & 3) || offset >= USER_BYTES)
		return -EIO;
	if (offset >= DEBUG_AT)
		return offsetof(struct user, u_debugreg) + (offset - DEBUG_AT) * 2;
	return offset / 4 < COUNT ? (int64_t)registers[offset / 4] : -1;
}

int arch_peek_user32(struct tracee *t, uint64_t offset, uint64_t *ret)
{
	int64_t at = wide_offset(offset);
	if (at == -EIO)
		return -EIO;
	*ret = 0;
	return at < 0 ? 0 : arch_peek_user(t, at, ret);
}

int arch_poke_user32(struct tracee *t, uint64_t offset, uint32_t value)
{
	int64_t at = wide_offset(offset);
	if (at == -EIO)
		return -EIO;
	/* A number or a result below zero is so in the wide register, too. */
	bool is_signed = at == REG(orig_rax) || at == REG(rax);
	return at < 0 ? 0 : poke(t, at, is_signed ? (uint64_t)(int32_t)value : value);
}
#endif
