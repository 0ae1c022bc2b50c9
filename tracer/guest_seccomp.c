/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns seccomp(2) of guests.  Their filters are installed for real, behind ours: the kernel takes the
 * stricter of both answers.  Calls from the shim's gate are let through by a few instructions in front, so
 * that a filter sees what the guest calls, and not what becomes of it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/mem.h"
#include "tracer/fast_states.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/shim/calls.h"

enum { FLAG_TSYNC = 1, FLAG_LISTENER = 8, FLAGS_KNOWN = 0x3f };
enum { ACTION_MASK = 0x7fff0000, ACTION_OF_TRACE = 0x7ff00000, ACTION_TO_PASS = 0x7fff0000 };

#define FIELD(name) offsetof(struct seccomp_data, name)
/* From the gate: allowed.  Then the state in which the kernel starts a program. */
static const struct sock_filter prefix[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(instruction_pointer)),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SHIM_GATE_MASK),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SHIM_GATE, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(instruction_pointer) + 4),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0x7fff0000 /* SECCOMP_RET_ALLOW */),
	BPF_STMT(BPF_LD | BPF_IMM, 0),
};
enum { PREFIX = sizeof(prefix) / sizeof(*prefix), PROGRAM_MAX = BPF_MAXINSNS - PREFIX };

/* seccomp(2), SECCOMP_SET_MODE_STRICT: read, write, _exit, sigreturn; all else comes to us, who kill. */
static unsigned strict_program(struct sock_filter *ret)
{
	unsigned n = 0;
	ret[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch));
	for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
		ret[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch_audit[abi], 0, 7);
		ret[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr));
		for (unsigned i = 0; i < ARCH_STRICT_CALLS; i++)
			ret[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch_strict_call[abi][i],
								ARCH_STRICT_CALLS - i, 0);
		ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ACTION_OF_TRACE | 0x7fff);
		ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x7fff0000);
	}
	ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ACTION_OF_TRACE | 0x7fff);
	return n;
}

/* struct sock_fprog of the guest: where the program is, and how long. */
static int read_head(struct call *c, taddr at, uint16_t *ret_length, taddr *ret_program)
{
	uint64_t program = 0;
	size_t width = c->abi == ABI_32 ? 4 : 8;
	if (memory_read(c->t, at, ret_length, sizeof(*ret_length)) < 0 ||
	    memory_read(c->t, at + width, &program, width) < 0)
		return -EFAULT;
	*ret_program = program;
	if (!*ret_length || *ret_length > BPF_MAXINSNS)
		return -EINVAL;
	/* seccomp_prepare_filter of kernel/seccomp.c */
	return c->t->cred.no_new_privs || cred_has_own(&c->t->cred, CAPABILITY_SYS_ADMIN) ? 0 : -EACCES;
}

/* Put prefix and program where the guest's argument can point to. */
static int64_t place(struct call *c, struct sock_filter *program, uint16_t length, unsigned argument)
{
	size_t bytes = length * sizeof(*program);
	uint16_t whole = PREFIX + length;
	char *room = call_large_room(c, sizeof(struct sock_fprog) + sizeof(prefix) + bytes);
	if (!room)
		return -ENOMEM;
	uint64_t address = arena_address(room + sizeof(struct sock_fprog));
	memset(room, 0, sizeof(struct sock_fprog));
	memcpy(room, &whole, sizeof(whole));
	memcpy(room + (c->abi == ABI_32 ? 4 : 8), &address, c->abi == ABI_32 ? 4 : 8);
	memcpy(room + sizeof(struct sock_fprog), prefix, sizeof(prefix));
	memcpy(room + sizeof(struct sock_fprog) + sizeof(prefix), program, bytes);
	call_set(c, argument, arena_address(room));
	return 0;
}

/*
 * Does the program let this call pass, whatever its arguments are?  Where that cannot be said from the number and
 * the architecture alone, it does not: seccomp_is_const_allow of kernel/seccomp.c.
 */
static bool lets_pass(const struct sock_filter *program, unsigned length, enum abi abi, int number)
{
	uint32_t value = 0;
	for (unsigned at = 0; at < length; at++) {
		const struct sock_filter *s = &program[at];
		bool is_true;
		switch (s->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (s->k != FIELD(nr) && s->k != FIELD(arch))
				return false;
			value = s->k == FIELD(nr) ? (uint32_t)number : arch_audit[abi];
			continue;
		case BPF_RET | BPF_K:
			return s->k == ACTION_TO_PASS;
		case BPF_JMP | BPF_JA:
			at += s->k;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			value &= s->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			is_true = value == s->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			is_true = value >= s->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			is_true = value > s->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			is_true = value & s->k;
			break;
		default:
			return false;
		}
		at += is_true ? s->jt : s->jf;
	}
	return false;
}

/*
 * May the fast path go on?  Its calls come from the gate, so that the filter does not see them.  Profiles that are older
 * than fchmodat2 (Linux 6.6) refuse it unmeant, and allow what it does under another name.
 */
static bool is_narrow(const struct sock_filter *program, unsigned length, enum abi abi)
{
	enum { FCHMODAT2 = 452 };
#define CALL(name, number) number,
	static const int calls[] = { FAST_CALLS(CALL) 0 }, calls_i386[] = { FAST_CALLS_I386(CALL) 0 };
#undef CALL
	for (const int *call = abi == ABI_32 ? calls_i386 : calls; *call; call++)
		if (*call != FCHMODAT2 && !lets_pass(program, length, abi, *call))
			return true;
	return false;
}

/* What is to be known at the call's exit. */
enum { EXIT_MODE = 0xff, EXIT_FLAGS_SHIFT = 8, EXIT_FLAGS = 0xff, EXIT_NARROW_SHIFT = 16 };

struct marking {
	const struct process *process;
	unsigned mode, narrow; /* see tracee.h */
	enum abi abi;
};

static void mark(struct tracee *t, const struct marking *m)
{
	t->seccomp_mode = m->mode;
	t->seccomp_filters += m->mode == SECCOMP_FILTER_MODE;
	t->narrow_filters |= m->narrow;
	if (m->narrow >> m->abi & 1)
		fast_disable(t);
}

static int mark_thread(struct tracee *t, void *arg)
{
	const struct marking *m = arg;
	if (t->process == m->process)
		mark(t, m);
	return 0;
}

static int64_t is_set(struct call *c)
{
	uint64_t known = c->t->exit_private;
	struct marking m = { c->t->process, known & EXIT_MODE, known >> EXIT_NARROW_SHIFT, c->abi };
	if (c->result != 0)
		return c->result;
	if (c->t->exit_private >> EXIT_FLAGS_SHIFT & FLAG_TSYNC)
		tracee_each(mark_thread, &m);
	else
		mark(c->t, &m);
	return 0;
}

int64_t guest_set_seccomp(struct call *c, unsigned mode, unsigned flags, taddr at, unsigned argument)
{
	struct tracee *t = c->t;
	uint16_t length;
	taddr from;
	if (t->seccomp_mode && (mode == SECCOMP_STRICT_MODE || t->seccomp_mode == SECCOMP_STRICT_MODE))
		return -EINVAL;
	CLEANUP_TALLOC struct sock_filter *program = mem_array(NULL, struct sock_filter, BPF_MAXINSNS);
	if (mode == SECCOMP_STRICT_MODE) {
		length = strict_program(program);
	} else {
		int r = read_head(c, at, &length, &from);
		if (r == 0 && length > PROGRAM_MAX)
			r = -ENOMEM; /* all filters of a task together have a limit, too */
		if (r == 0)
			r = memory_read(t, from, program, length * sizeof(*program));
		if (r < 0)
			return r;
	}
	/* A stop for a tracer is marked, so that it is not taken for one of ours. */
	for (unsigned i = 0; i < length && mode == SECCOMP_FILTER_MODE; i++)
		if (program[i].code == (BPF_RET | BPF_K) && (program[i].k & ACTION_MASK) == ACTION_OF_TRACE)
			program[i].k = ACTION_OF_TRACE | GUEST_TRACE | (program[i].k & (GUEST_TRACE - 1));
	int64_t r = place(c, program, length, argument);
	if (r < 0)
		return r;
	t->exit_private = mode | (uint64_t)(flags & EXIT_FLAGS) << EXIT_FLAGS_SHIFT;
	for (enum abi abi = 0; abi < ABI_COUNT; abi++)
		t->exit_private |= (uint64_t)is_narrow(program, length, abi) << (EXIT_NARROW_SHIFT + abi);
	t->at_exit = is_set;
	return CALL_PASS_EXIT;
}

bool guest_filter_stops(struct call *c)
{
	struct ptraced *p = c->t->ptraced;
	if (p && p->is_filter_shown) {
		p->is_filter_shown = false;
		return false;
	}
	if (p && guest_stop_at_event(c->t, PTRACE_EVENT_SECCOMP, c->row_data & (GUEST_TRACE - 1))) {
		p->is_filter_shown = p->must_serve = true;
		return true;
	}
	/* seccomp(2): "If there is no tracer present, the system call is not executed and returns [...] ENOSYS." */
	if (p) {
		p->is_answered = true;
		p->number = c->number;
	}
	arch_answer(c->t, -ENOSYS);
	guest_resume(c->t, 0);
	return true;
}

int64_t hook_seccomp(struct call *c)
{
	enum { SET_STRICT = 0, SET_FILTER = 1, ACTION_AVAILABLE = 2, NOTIF_SIZES = 3 };
	unsigned flags = c->argument[1];
	switch (call_int(c, 0)) {
	case SET_STRICT:
		if (flags || c->argument[2])
			return -EINVAL;
		call_set(c, 0, SET_FILTER);
		return guest_set_seccomp(c, SECCOMP_STRICT_MODE, 0, 0, 2);
	case SET_FILTER:
		if (flags & ~(unsigned)FLAGS_KNOWN)
			return -EINVAL;
		/* As if somebody had one already: there can be one only. */
		if (flags & FLAG_LISTENER)
			return -EBUSY;
		return guest_set_seccomp(c, SECCOMP_FILTER_MODE, flags, c->argument[2], 2);
	case ACTION_AVAILABLE:
	case NOTIF_SIZES:
		return CALL_PASS;
	}
	return -EINVAL;
}
