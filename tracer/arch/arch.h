/* SPDX-License-Identifier: Apache-2.0 */
/* The seam to an architecture: registers, ABIs, the gate.  One .c a machine implements all of it. */
#ifndef FAKEBUILD_ARCH_H
#define FAKEBUILD_ARCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>

#include "tracer/tracee.h"

struct call;

/* AUDIT_ARCH_* of an ABI, for the filter; SCMP_ARCH_* has the same values. */
extern const uint32_t arch_audit[ABI_COUNT];
/* utsname.machine of an ABI. */
extern const char *const arch_machine[ABI_COUNT];
/* e_machine and EI_CLASS of programs of an ABI. */
extern const uint16_t arch_elf_machine[ABI_COUNT];

/* The number of a call in an ABI; -1 when it has none, or the library that knows them does not know it. */
int arch_call_number(enum abi abi, const char *name);

/*
 * Fill row_data, abi, number, argument[], ip, sp at a seccomp stop, all but row_data at the entry of a call.
 * -ESRCH when the tracee is gone.
 */
int arch_read_call(struct tracee *t, struct call *c, bool is_entry);
/* The same at the stop before the signal of SECCOMP_RET_TRAP, for which the caller knows row_data. */
int arch_read_trapped(struct tracee *t, struct call *c);
/* Make a call here, in our own process, that takes no pointers; the result, or -errno. */
int64_t arch_raw_call(enum abi abi, int64_t number, const uint64_t argument[6]);
/* Skip the call and give this result. */
int arch_answer(struct tracee *t, int64_t result);
/* Execute the call with the changed arguments and come back through the slot's stub. */
int arch_redirect(struct tracee *t, struct call *c, int slot);
/* Execute with changed arguments in the registers alone (no gate yet); undone by arch_restore. */
int arch_set_arguments(struct tracee *t, const struct call *c);
int arch_restore(struct tracee *t, enum abi abi, const uint64_t argument[6]);
/* At an exit stop. */
int arch_read_result(struct tracee *t, int64_t *ret);
int arch_write_result(struct tracee *t, int64_t result);
/*
 * At any stop of a thread that holds a slot: when it still is in the gate put it back to where its own
 * call would have left it.  True when the slot is free afterwards.
 */
bool arch_demote(struct tracee *t, int slot);
enum arch_left {
	ARCH_LEFT,	/* the thread is where its guest may see it, but for stops without a signal and SIGSTOP */
	ARCH_FAULTED,	/* so it is, and the signal was a fault of the fast path's: it must not be delivered */
	ARCH_MUST_STAY, /* something is to be ended first: the signal is delivered for the kernel to keep it until then */
};
/*
 * At a stop, before the signal is delivered (0: there is none): when the thread is in the fast path, put it back to
 * its own system call, before it or, when it has acted, behind it.  Faults are bad pointers of the guest's, which
 * the kernel then answers with EFAULT.
 */
enum arch_left arch_leave_shim(struct tracee *t, int signal);
/* Is the thread in the stub of a slot?  There it faults only when a guest has unmapped it. */
bool arch_is_in_stub(struct tracee *t);
/* At a syscall stop: is the call one of the loader's, which reads its slot? */
bool arch_is_in_loader(struct tracee *t);
/* The flags of the clone, fork or vfork that the thread is in, at its event stop. */
uint64_t arch_clone_flags(struct tracee *t);
/* At the same stop: where clone(2) was told to write the new thread's number, in the parent and in the child.  0 or -errno. */
int arch_clone_words(const struct tracee *t, uint64_t *ret_parent, uint64_t *ret_child);
/* At a syscall stop: is it the exit?  False: the entry, as kernels before 4.8 report it after seccomp. */
bool arch_is_exit(struct tracee *t);
/* At the exec stop: tell the loader its slot. */
int arch_set_loader_slot(struct tracee *t, int slot);
/*
 * At a stop by SIGTRAP: is it the loader's, who is done?  Then the registers are made those of a program
 * that has just been started by execve.
 */
bool arch_finish_loader(struct tracee *t);

/* read, write, exit and sigreturn, which are left in seccomp(2)'s strict mode. */
enum { ARCH_STRICT_CALLS = 4 };
extern const int arch_strict_call[ABI_COUNT][ARCH_STRICT_CALLS];
/* pause(2), for who must sleep until a signal comes. */
extern const int arch_pause_number[ABI_COUNT];
extern const int arch_prctl_number[ABI_COUNT], arch_seccomp_number[ABI_COUNT];
/* get_robust_list(2), as 32-bit programs call it. */
extern const int arch_robust_list_number;
/* Set the number of the call that the tracee is in. */
int arch_set_number(struct tracee *t, int64_t number);
/* At an exit stop: the call is to be made again. */
int arch_rewind(struct tracee *t, int64_t number);
/* A call that a signal has interrupted will be restarted as call `to`, if it is `from` now. */
int arch_swap_restart(struct tracee *t, int64_t from, int64_t to);

/* What PTRACE_GET_SYSCALL_INFO tells (struct ptrace_syscall_info of linux/ptrace.h); its op. */
enum arch_call_info_op { CALL_INFO_NONE, CALL_INFO_ENTRY, CALL_INFO_EXIT, CALL_INFO_SECCOMP };
struct arch_call_info {
	uint8_t op, reserved;
	uint16_t flags;
	uint32_t arch;
	uint64_t ip, sp;
	union {
		struct {
			uint64_t number, argument[6];
			uint32_t filter_data; /* of CALL_INFO_SECCOMP only */
		} entry;
		struct {
			int64_t result;
			uint8_t is_error;
		} exit;
	};
};
/* All of it but filter_data. */
int arch_call_info(struct tracee *t, enum arch_call_info_op op, struct arch_call_info *ret);

/* PTRACE_PEEKUSER and POKEUSER, the latter two with the offsets of a 32-bit tracer. */
int arch_peek_user(struct tracee *t, uint64_t offset, uint64_t *ret);
int arch_peek_user32(struct tracee *t, uint64_t offset, uint64_t *ret);
int arch_poke_user32(struct tracee *t, uint64_t offset, uint32_t value);

#endif
