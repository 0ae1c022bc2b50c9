/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64, and i386 programs under it: numbers, calls and their arguments.  How threads leave our code is in leave_x86.c,
 * what tracers in the guest see in guest_x86.c.
 */
#include "tracer/arch/arch.h"

#ifdef __x86_64__
#include <errno.h>
#include <linux/audit.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/x86.h"
#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/profile.h"
#include "tracer/call.h"
#include "tracer/guest_ptrace.h"
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

const size_t x86_argument[ABI_COUNT][6] = {
	{ REG(rdi), REG(rsi), REG(rdx), REG(r10), REG(r8), REG(r9) },
	{ REG(rbx), REG(rcx), REG(rdx), REG(rsi), REG(rdi), REG(rbp) },
};

int x86_poke(struct tracee *t, size_t offset, uint64_t value)
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
		memcpy(&c->argument[i], (const char *)r + x86_argument[c->abi][i], 8);
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
	int r = x86_poke(t, REG(orig_rax), (uint64_t)-1);
	return r < 0 ? r : x86_poke(t, REG(rax), result);
}

int arch_set_arguments(struct tracee *t, const struct call *c)
{
	for (unsigned i = 0; i < 6; i++) {
		if (!(c->changed >> i & 1))
			continue;
		int r = x86_poke(t, x86_argument[c->abi][i], c->argument[i]);
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
		r = x86_poke(t, REG(orig_rax), (uint64_t)-1);
	/* Both `syscall` and `int $0x80` are two bytes long. */
	return r < 0 ? r : x86_poke(t, REG(rip), SHIM_STUBS + slot * SHIM_STUB_BYTES + (c->is_trapped ? 0 : 2));
}

int arch_restore(struct tracee *t, enum abi abi, const uint64_t argument[6])
{
	for (unsigned i = 0; i < 6; i++) {
		int r = x86_poke(t, x86_argument[abi][i], argument[i]);
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
	return x86_poke(t, REG(rax), result);
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
	return x86_poke(t, REG(rbx), slot + 1);
}

#endif
