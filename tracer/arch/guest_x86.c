/* SPDX-License-Identifier: Apache-2.0 */
/* What tracers in the guest see of registers and calls, and change. */
#include "tracer/arch/arch.h"

#ifdef __x86_64__
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "tracer/arch/x86.h"
#include "tracer/call.h"
#include "tracer/shim/abi.h"

const int arch_strict_call[ABI_COUNT][ARCH_STRICT_CALLS] = { { 0, 1, 60, 15 }, { 3, 4, 1, 119 } };
const int arch_pause_number[ABI_COUNT] = { 34, 29 };
const int arch_robust_list_number = 312;
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
	return x86_poke(t, REG(orig_rax), number);
}

int arch_rewind(struct tracee *t, int64_t number)
{
	errno = 0;
	long ip = ptrace(PTRACE_PEEKUSER, t->tid, (void *)REG(rip), NULL);
	int r = errno ? -errno : x86_poke(t, REG(rip), ip - 2);
	return r < 0 ? r : x86_poke(t, REG(rax), number);
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

int arch_call_info(struct tracee *t, enum arch_call_info_op op, struct arch_call_info *ret)
{
	struct user_regs_struct r;
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) < 0)
		return -errno;
	enum abi abi = r.cs == 0x23 ? ABI_32 : ABI_64;
	memset(ret, 0, sizeof(*ret));
	ret->op = op;
	ret->arch = arch_audit[abi];
	ret->ip = r.rip;
	ret->sp = r.rsp;
	if (op == CALL_INFO_ENTRY || op == CALL_INFO_SECCOMP) {
		ret->entry.number = r.orig_rax;
		for (unsigned i = 0; i < 6; i++)
			memcpy(&ret->entry.argument[i], (const char *)&r + x86_argument[abi][i],
			       abi == ABI_64 ? 8 : 4);
	} else if (op == CALL_INFO_EXIT) {
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
	return at < 0 ? 0 : x86_poke(t, at, is_signed ? (uint64_t)(int32_t)value : value);
}
#endif
