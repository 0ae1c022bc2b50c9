/* SPDX-License-Identifier: Apache-2.0 */
/* The gate for x86-64 and i386: entry, the raw system call, and one stub a slot.  See abi.h. */
#include "tracer/shim/abi.h"
#include "tracer/shim/calls.h"

	.section .text
	.globl _start
_start:
	/* The tracer put the slot's number plus one into rbx (ebx) at the exec stop. */
#ifdef __x86_64__
	movq %rsp, %rdi
	movl %ebx, %esi
	andq $-16, %rsp
	call shim_load
	/* At SHIM_START is a struct start of loader.c. */
	movq SHIM_START, %rax
	movq SHIM_START + 8, %rsp
	testl $1, SHIM_START + 16
	jz 1f
	int3	/* the tracer takes over: it lets a tracer in the guest see the program's first state */
1:
	xorl %eax, %eax
	xorl %ebx, %ebx
	xorl %ecx, %ecx
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %edi, %edi
	xorl %ebp, %ebp
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	jmp *SHIM_START
#else
	movl %esp, %eax
	andl $-16, %esp
	subl $8, %esp
	pushl %ebx
	pushl %eax
	call shim_load
	movl SHIM_START, %eax
	movl SHIM_START + 4, %esp
	testl $1, SHIM_START + 8
	jz 1f
	int3
1:
	xorl %eax, %eax
	xorl %ebx, %ebx
	xorl %ecx, %ecx
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %edi, %edi
	xorl %ebp, %ebp
	jmp *SHIM_START
#endif

	.section .gate, "ax", @progbits
#ifndef __x86_64__
	.globl shim_raw_call
shim_raw_call:	/* long shim_raw_call(long number, long a, long b, long c, long d, long e, long f) */
	pushl %ebp
	pushl %edi
	pushl %esi
	pushl %ebx
	movl 20(%esp), %eax
	movl 24(%esp), %ebx
	movl 28(%esp), %ecx
	movl 32(%esp), %edx
	movl 36(%esp), %esi
	movl 40(%esp), %edi
	movl 44(%esp), %ebp
	int $0x80
	popl %ebx
	popl %esi
	popl %edi
	popl %ebp
	ret
	/* From here on to the stubs for the fast path (hub_i386.S), which is 64-bit code here, too. */
	.code64
#define shim_raw_call shim_raw_call_64
#endif
	.org SHIM_RAW_64 - SHIM_GATE
	.globl shim_raw_call
shim_raw_call:	/* long shim_raw_call(long number, long a, long b, long c, long d, long e, long f) */
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	movq 8(%rsp), %r9
	syscall
	ret
	/*
	 * void shim_act(struct shim_frame *f, long number, long a, long b, long c, long d, long e): a call that must
	 * not be made twice.  From the `syscall` on until the phase is written, the result is in rax.
	 */
	.org SHIM_ACT - SHIM_GATE
	.globl shim_act
shim_act:
	movq %rdi, %r11
	pushq %r11
	movq %rsi, %rax
	movq %rdx, %rdi
	movq %rcx, %rsi
	movq %r8, %rdx
	movq %r9, %r10
	movq 16(%rsp), %r8
	.org SHIM_ACT_CALL - SHIM_GATE, 0x90
	syscall
	popq %r11
	movq %rax, FRAME_RESULT(%r11)
	movl $PHASE_ACTED, FRAME_PHASE(%r11)
	.org SHIM_ACT_END - SHIM_GATE, 0x90
	ret
#ifndef __x86_64__
	/* shim_act_i386: the same by `int $0x80`, which on old kernels leaves no r8 to r11. */
	.org SHIM_ACT_I386 - SHIM_GATE
	pushq %rbx
	pushq %rdi
	movl %esi, %eax
	movl %edx, %ebx
	movl %r8d, %edx
	movl %r9d, %esi
	.org SHIM_ACT_I386_CALL - SHIM_GATE, 0x90
	int $0x80
	popq %rdi
	popq %rbx
	movslq %eax, %rax
	movq %rax, FRAME_RESULT(%rdi)
	movl $PHASE_ACTED, FRAME_PHASE(%rdi)
	.org SHIM_ACT_I386_END - SHIM_GATE, 0x90
	ret
	.code32
	/*
	 * A stub's call may have been made by the fast path's 64-bit code: addresses are encoded so that 64-bit code
	 * does not take them as relative.
	 */
	.macro load_register number, from
	.byte 0x8b, 0x04 | \number << 3, 0x25
	.long \from
	.endm
#endif
	.org SHIM_STUBS - SHIM_GATE
	.set slot, SHIM_ARENA
	.rept SHIM_SLOTS
1:
#ifdef __x86_64__
	syscall
	movq slot, %rdi
	movq slot + 8, %rsi
	movq slot + 16, %rdx
	movq slot + 24, %r10
	movq slot + 32, %r8
	movq slot + 40, %r9
	movq slot + 48, %rcx
	jmp *%rcx
#else
	int $0x80
	load_register 3, slot /* ebx */
	load_register 1, slot + 8 /* ecx */
	load_register 2, slot + 16 /* edx */
	load_register 6, slot + 24 /* esi */
	load_register 7, slot + 32 /* edi */
	load_register 5, slot + 40 /* ebp */
	.byte 0xff, 0x24, 0x25 /* jmp *(slot + 48) */
	.long slot + 48
#endif
	.org 1b + SHIM_STUB_BYTES - (SHIM_STUBS - SHIM_GATE) + (SHIM_STUBS - SHIM_GATE)
	.set slot, slot + SHIM_SLOT_BYTES
	.endr

	.section .own, "aw", @nobits
	.skip SHIM_LOOKED - SHIM_STATE + SHIM_LOOKED_COUNT * 512

#ifndef __x86_64__
	.section .hub, "ax", @progbits
	.incbin SHIM_FAST_I386
#endif

	.section .note.GNU-stack, "", @progbits
