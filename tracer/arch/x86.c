/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64, and i386 programs under it. */
#include "tracer/arch/arch.h"

#ifdef __x86_64__
#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <string.h>
#include <sys/user.h>

#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/call.h"
#include "tracer/memory.h"

const uint32_t arch_audit[ABI_COUNT] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };
const char *const arch_machine[ABI_COUNT] = { "x86_64", "i686" };
const uint16_t arch_elf_machine[ABI_COUNT] = { 62, 3 };

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

int arch_read_call(struct tracee *t, struct call *c)
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
	c->abi = message & 0x8000 ? ABI_32 : ABI_64;
	c->number = r.orig_rax;
	for (unsigned i = 0; i < 6; i++)
		memcpy(&c->argument[i], (const char *)&r + argument_register[c->abi][i], 8);
	if (c->abi == ABI_32)
		for (unsigned i = 0; i < 6; i++)
			c->argument[i] &= 0xffffffff;
	c->ip = r.rip;
	c->sp = r.rsp;
	return 0;
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
	/* Both `syscall` and `int $0x80` are two bytes long. */
	return r < 0 ? r : poke(t, REG(rip), SHIM_STUBS + slot * SHIM_STUB_BYTES + 2);
}

int arch_restore(struct tracee *t, const uint64_t argument[6])
{
	for (unsigned i = 0; i < 6; i++) {
		int r = poke(t, argument_register[ABI_64][i], argument[i]);
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
	if ((r.rip & SHIM_GATE_MASK) != SHIM_GATE || r.rip >> 32)
		return true;
	const struct shim_slot *s = arena_slot(slot);
	enum abi abi = r.cs == 0x23 ? ABI_32 : ABI_64;
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
	case 120:
		return is_32 ? (uint32_t)r.rbx : 0;
	}
	return 0;
}

bool arch_is_exit(struct tracee *t)
{
	struct syscall_info info;
	if (!has_no_syscall_info && ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info), &info) > 0)
		return info.op == 2 /* PTRACE_SYSCALL_INFO_EXIT */;
	/* At the entry rax is -ENOSYS; the calls that have exit hooks do not return that. */
	int64_t result = 0;
	return arch_read_result(t, &result) < 0 || result != -ENOSYS;
}

int arch_set_loader_slot(struct tracee *t, int slot)
{
	return poke(t, REG(rbx), slot + 1);
}
#endif
