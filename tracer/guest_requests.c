/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the requests of ptrace(2) that look at a stopped thread or change it: memory, registers, signals.
 * Those that let it go on are in guest_ptrace.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/guest_ptrace.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/users.h"

enum { REGSET_MAX = 16384 };

static long raw(int request, const struct ptraced *p, uint64_t address, void *to)
{
	return ptrace(request, p->tid, (void *)address, to) < 0 ? -errno : 0;
}

static int64_t put_word(const struct call *c, uint64_t word)
{
	return memory_write(c->t, c->argument[3], &word, c->abi == ABI_32 ? 4 : 8);
}

/* PEEKTEXT, PEEKDATA; the kernel's own call, unlike the library's, leaves the word in memory. */
static int64_t peek(struct call *c, struct ptraced *p)
{
	errno = 0;
	long word = ptrace(PTRACE_PEEKDATA, p->tid, (void *)c->argument[2], NULL);
	return errno ? -errno : put_word(c, word);
}

static int64_t poke(struct call *c, struct ptraced *p)
{
	if (c->abi == ABI_64)
		return raw(PTRACE_POKEDATA, p, c->argument[2], (void *)c->argument[3]);
	uint32_t small = c->argument[3];
	return memory_write(p->t, c->argument[2], &small, sizeof(small)) < 0 ? -EIO : 0;
}

static int64_t peek_user(struct call *c, struct ptraced *p)
{
	uint64_t word;
	int r = c->abi == ABI_32 ? arch_peek_user32(p->t, c->argument[2], &word) :
				   arch_peek_user(p->t, c->argument[2], &word);
	return r < 0 ? r : put_word(c, word);
}

static int64_t poke_user(struct call *c, struct ptraced *p)
{
	return c->abi == ABI_32 ? arch_poke_user32(p->t, c->argument[2], c->argument[3]) :
				  raw(PTRACE_POKEUSER, p, c->argument[2], (void *)c->argument[3]);
}

/* The kernel gives and takes a set of registers in `size` bytes. */
static int64_t regset(struct call *c, struct ptraced *p, bool is_set, unsigned type, taddr at, size_t *size)
{
	static char room[REGSET_MAX];
	if (*size > sizeof(room))
		*size = sizeof(room);
	struct iovec v = { room, *size };
	if (is_set && memory_read(c->t, at, room, *size) < 0)
		return -EFAULT;
	if (ptrace(is_set ? PTRACE_SETREGSET : PTRACE_GETREGSET, p->tid, (void *)(uintptr_t)type, &v) < 0)
		return -errno;
	*size = v.iov_len;
	return is_set ? 0 : memory_write(c->t, at, room, v.iov_len);
}

static int64_t any_regset(struct call *c, struct ptraced *p)
{
	size_t width = c->abi == ABI_32 ? 4 : 8;
	uint64_t base = 0, length = 0;
	if (memory_read(c->t, c->argument[3], &base, width) < 0 ||
	    memory_read(c->t, c->argument[3] + width, &length, width) < 0)
		return -EFAULT;
	size_t size = length;
	int64_t r = regset(c, p, call_int(c, 0) == PTRACE_SETREGSET, c->argument[2], base, &size);
	length = size;
	return r < 0 ? r : memory_write(c->t, c->argument[3] + width, &length, width);
}

/* GETREGS and its kin are register sets of old; their layout is the tracee's, as in a set. */
static int64_t old_registers(struct call *c, struct ptraced *p)
{
	static const struct {
		int request;
		bool is_set;
		unsigned type;
		size_t size[ABI_COUNT];
	} kind[] = {
		{ PTRACE_GETREGS, false, 1 /* NT_PRSTATUS */, { 216, 68 } },
		{ PTRACE_SETREGS, true, 1, { 216, 68 } },
		{ PTRACE_GETFPREGS, false, 2 /* NT_PRFPREG */, { 512, 108 } },
		{ PTRACE_SETFPREGS, true, 2, { 512, 108 } },
		{ PTRACE_GETFPXREGS, false, 0x46e62b7f /* NT_PRXFPREG */, { 512, 512 } },
		{ PTRACE_SETFPXREGS, true, 0x46e62b7f, { 512, 512 } },
	};
	size_t i = 0;
	while (kind[i].request != call_int(c, 0))
		i++;
	/* A 64-bit tracer gets the wide registers of a 32-bit program, which no set has. */
	if (c->abi == ABI_64 && kind[i].type == 1) {
		char wide[256];
		if (kind[i].is_set && memory_read(c->t, c->argument[3], wide, kind[i].size[ABI_64]) < 0)
			return -EFAULT;
		if (ptrace(kind[i].request, p->tid, NULL, wide) < 0)
			return -errno;
		return kind[i].is_set ? 0 : memory_write(c->t, c->argument[3], wide, kind[i].size[ABI_64]);
	}
	size_t size = kind[i].size[c->abi];
	return regset(c, p, kind[i].is_set, kind[i].type, c->argument[3], &size);
}

static int64_t get_message(struct call *c, struct ptraced *p)
{
	const int event = p->code >> 8;
	bool is_number = event >= PTRACE_EVENT_FORK && event <= PTRACE_EVENT_VFORK_DONE;
	return put_word(c, is_number ? (unsigned long)inside_shown(c->t, p->message) : p->message);
}

/* What the stop's signal tells; a stop of ours has one as the kernel would have made it. */
static int siginfo_of(struct ptraced *p, siginfo_t *ret)
{
	if (p->stop == PTRACED_SIGNAL)
		return raw(PTRACE_GETSIGINFO, p, 0, ret);
	if (p->stop == PTRACED_GROUP && !p->is_seized)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	bool is_plain = p->stop == PTRACED_TRAP;
	ret->si_signo = is_plain ? p->code & 0x7f : SIGTRAP;
	ret->si_code = is_plain ? SI_USER : p->code;
	ret->si_pid = inside_shown(p->t, is_plain ? p->t->process->pid : p->tid);
	ret->si_uid = p->t->cred.ruid;
	return 0;
}

static int64_t get_siginfo(struct call *c, struct ptraced *p)
{
	siginfo_t info;
	int r = siginfo_of(p, &info);
	if (r < 0)
		return r;
	/* Else as its signal has told it. */
	if (p->stop != PTRACED_SIGNAL)
		info.si_uid = users_shown(c->t, ID_USER, info.si_uid);
	if (c->abi == ABI_64)
		return memory_write(c->t, c->argument[3], &info, sizeof(info));
	/* The first three numbers are the same; then pid, uid and value, or an address, move up. */
	uint32_t narrow[32] = { info.si_signo, info.si_errno, info.si_code };
	bool is_fault = info.si_code > 0 && info.si_signo != SIGCHLD && info.si_signo != SIGTRAP;
	narrow[3] = is_fault ? (uint32_t)(uintptr_t)info.si_addr : (uint32_t)info.si_pid;
	narrow[4] = is_fault ? 0 : info.si_uid;
	narrow[5] = is_fault ? 0 : (uint32_t)info.si_status;
	return memory_write(c->t, c->argument[3], narrow, sizeof(narrow));
}

static int64_t set_siginfo(struct call *c, struct ptraced *p)
{
	siginfo_t info;
	if (p->stop != PTRACED_SIGNAL)
		return p->stop == PTRACED_GROUP ? -EINVAL : 0;
	if (memory_read(c->t, c->argument[3], &info, sizeof(info)) < 0)
		return -EFAULT;
	return raw(PTRACE_SETSIGINFO, p, 0, &info);
}

static int64_t signal_mask(struct call *c, struct ptraced *p)
{
	uint64_t mask;
	bool is_set = call_int(c, 0) == PTRACE_SETSIGMASK;
	if (c->argument[2] != sizeof(mask))
		return -EINVAL;
	if (is_set && memory_read(c->t, c->argument[3], &mask, sizeof(mask)) < 0)
		return -EFAULT;
	int r = raw(call_int(c, 0), p, sizeof(mask), &mask);
	return r < 0 || is_set ? r : memory_write(c->t, c->argument[3], &mask, sizeof(mask));
}

static int64_t peek_siginfo(struct call *c, struct ptraced *p)
{
	struct {
		uint64_t offset;
		uint32_t flags;
		int32_t count;
	} ask;
	siginfo_t info;
	if (c->abi == ABI_32)
		return -EIO;
	if (memory_read(c->t, c->argument[2], &ask, sizeof(ask)) < 0)
		return -EFAULT;
	int32_t count = ask.count, n = 0;
	if (count < 0 || (ask.flags & ~1u))
		return -EINVAL;
	for (ask.count = 1; n < count; n++, ask.offset++) {
		long got = ptrace(PTRACE_PEEKSIGINFO, p->tid, &ask, &info);
		if (got < 0)
			return n ? n : -errno;
		if (got == 0)
			break;
		if (memory_write(c->t, c->argument[3] + n * sizeof(info), &info, sizeof(info)) < 0)
			return n ? n : -EFAULT;
	}
	return n;
}

static int64_t syscall_info(struct call *c, struct ptraced *p)
{
	static const size_t size_of[] = {
		[CALL_INFO_NONE] = 24, [CALL_INFO_ENTRY] = 80, [CALL_INFO_EXIT] = 33, [CALL_INFO_SECCOMP] = 84,
	};
	enum arch_call_info_op op = p->stop == PTRACED_ENTRY ? CALL_INFO_ENTRY : p->stop == PTRACED_EXIT ? CALL_INFO_EXIT :
				    p->stop == PTRACED_EVENT && p->is_filter_shown ? CALL_INFO_SECCOMP : CALL_INFO_NONE;
	struct arch_call_info info;
	int r = arch_call_info(p->t, op, &info);
	if (r < 0)
		return r;
	if (op == CALL_INFO_SECCOMP)
		info.entry.filter_data = p->message;
	size_t room = c->argument[2], size = size_of[op];
	r = memory_write(c->t, c->argument[3], &info, room < size ? room : size);
	return r < 0 ? r : (int64_t)size;
}

/* Requests whose answer the kernel has and that hold nothing of ours: `data` is a word, or memory of 16 bytes. */
static int64_t thread_area(struct call *c, struct ptraced *p)
{
	char area[16];
	bool is_set = call_int(c, 0) == PTRACE_SET_THREAD_AREA;
	if (is_set && memory_read(c->t, c->argument[3], area, sizeof(area)) < 0)
		return -EFAULT;
	int r = raw(call_int(c, 0), p, c->argument[2], area);
	return r < 0 || is_set ? r : memory_write(c->t, c->argument[3], area, sizeof(area));
}

static int64_t arch_prctl_of(struct call *c, struct ptraced *p)
{
	enum { SET_GS = 0x1001, SET_FS = 0x1002 };
	unsigned long value = c->argument[2];
	unsigned code = c->argument[3];
	bool is_set = code == SET_GS || code == SET_FS;
	int r = raw(PTRACE_ARCH_PRCTL, p, is_set ? value : (uintptr_t)&value, (void *)(uintptr_t)code);
	return r < 0 || is_set ? r : memory_write(c->t, c->argument[2], &value, sizeof(value));
}

static int64_t rseq_configuration(struct call *c, struct ptraced *p)
{
	char config[24];
	if (c->argument[2] != sizeof(config))
		return -EINVAL;
	long r = ptrace(PTRACE_GET_RSEQ_CONFIGURATION, p->tid, (void *)sizeof(config), config);
	if (r < 0)
		return -errno;
	return memory_write(c->t, c->argument[3], config, sizeof(config)) < 0 ? -EFAULT : r;
}

/* A filter would be seen with what is ours in front of it: as for a task in another mode. */
static int64_t no_filter(struct call *c, struct ptraced *p)
{
	(void)p;
	return cred_has(&c->t->cred, CAPABILITY_SYS_ADMIN) ? -EINVAL : -EACCES;
}

static const struct {
	int number;
	guest_request serve;
} requests[] = {
	{ PTRACE_PEEKTEXT, peek },
	{ PTRACE_PEEKDATA, peek },
	{ PTRACE_PEEKUSER, peek_user },
	{ PTRACE_POKETEXT, poke },
	{ PTRACE_POKEDATA, poke },
	{ PTRACE_POKEUSER, poke_user },
	{ PTRACE_GETREGS, old_registers },
	{ PTRACE_SETREGS, old_registers },
	{ PTRACE_GETFPREGS, old_registers },
	{ PTRACE_SETFPREGS, old_registers },
	{ PTRACE_GETFPXREGS, old_registers },
	{ PTRACE_SETFPXREGS, old_registers },
	{ PTRACE_GETREGSET, any_regset },
	{ PTRACE_SETREGSET, any_regset },
	{ PTRACE_GET_THREAD_AREA, thread_area },
	{ PTRACE_SET_THREAD_AREA, thread_area },
	{ PTRACE_ARCH_PRCTL, arch_prctl_of },
	{ PTRACE_GETEVENTMSG, get_message },
	{ PTRACE_GETSIGINFO, get_siginfo },
	{ PTRACE_SETSIGINFO, set_siginfo },
	{ PTRACE_PEEKSIGINFO, peek_siginfo },
	{ PTRACE_GETSIGMASK, signal_mask },
	{ PTRACE_SETSIGMASK, signal_mask },
	{ PTRACE_SECCOMP_GET_FILTER, no_filter },
	{ PTRACE_SECCOMP_GET_METADATA, no_filter },
	{ PTRACE_GET_SYSCALL_INFO, syscall_info },
	{ PTRACE_GET_RSEQ_CONFIGURATION, rseq_configuration },
};

guest_request guest_find_request(int number)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (requests[i].number == number)
			return requests[i].serve;
	return NULL;
}
