/* SPDX-License-Identifier: Apache-2.0 */
/* How long instructions are and where they branch to: as much decoding as moving a few of them needs. */
#ifndef FAKEBUILD_DECODE_H
#define FAKEBUILD_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instruction {
	unsigned length;  /* bytes */
	bool is_bound;    /* means something else at another address: a branch, or relative to the instruction pointer */
	bool is_syscall;
	bool ends_flow;   /* what is behind it is not executed next: an unconditional branch, a return, a trap */
	bool is_filler;   /* compilers and linkers fill up with it: a nop, or int3 */
	bool has_target;  /* a direct branch or call ... */
	int64_t target;   /* ... to this many bytes from the instruction's start */
	bool sets_number; /* loads a constant into the register of the system call's number */
	uint32_t number;
};

/* Kinds of code, by their system calls: `syscall` and `int $0x80`. */
enum code_kind { CODE_64, CODE_32 };

/*
 * Decode one instruction of at most `room` bytes.  False when it is none, is cut off, or is of a kind that
 * compilers do not make for user programs.  Source: Intel SDM volume 2, appendix A, in 64-bit mode and
 * in 32-bit mode.
 */
bool decode_instruction(enum code_kind kind, const uint8_t *code, size_t room, struct instruction *ret);

#endif
