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
	/* rax: struct start of loader.c */
	movq 8(%rax), %rsp
	movq 16(%rax), %rcx
	movq (%rax), %rax
	movq %rax, start_address(%rip)
	testl %ecx, %ecx
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
	jmp *start_address(%rip)
#else
	movl %esp, %eax
	andl $-16, %esp
	subl $8, %esp
	pushl %ebx
	pushl %eax
	call shim_load
	movl 4(%eax), %esp
	movl 8(%eax), %ecx
	movl (%eax), %eax
	movl %eax, start_address
	testl %ecx, %ecx
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
	jmp *start_address
#endif

#ifdef __x86_64__
	/*
	 * The hub: a patched site comes here with rcx behind its `syscall` and all else as the call wants
	 * it.  Only r11 is free; no stack is the guest's to be touched.  The tracer knows from the instruction
	 * pointer alone what to put back when a signal comes (arch_leave_shim): the vector tells it where.
	 */
	.section .hub, "ax", @progbits
hub_vector:
	.quad hub_entry, hub_owned, hub_inside, hub_back, hub_freed, hub_slow, hub_back_slow, hub_freed_slow, hub_end
	.org 128
hub_entry:
	cmpl $0, SHIM_STATE
	je hub_plain
	cmpl $FAST_NUMBERS, %eax
	jae hub_plain
	movl %eax, %r11d
	cmpq $0, shim_handlers(, %r11, 8)
	je hub_plain
	movl $SHIM_LOCKS, %r11d
1:	lock btsl $0, (%r11)
	jnc hub_owned
	addl $4, %r11d
	cmpl $(SHIM_LOCKS + SHIM_FRAME_COUNT * 4), %r11d
	jb 1b
hub_plain:
	leaq -2(%rcx), %r11
	jmp *%r11
hub_owned: /* r11: a lock, then its frame */
	movl hub_frames - SHIM_LOCKS(%r11), %r11d
	movq %rax, FRAME_RAX(%r11)
	movq %rdi, FRAME_RDI(%r11)
	movq %rsi, FRAME_RSI(%r11)
	movq %rdx, FRAME_RDX(%r11)
	movq %r10, FRAME_R10(%r11)
	movq %r8, FRAME_R8(%r11)
	movq %r9, FRAME_R9(%r11)
	movq %rbx, FRAME_RBX(%r11)
	movq %rbp, FRAME_RBP(%r11)
	movq %r12, FRAME_R12(%r11)
	movq %r13, FRAME_R13(%r11)
	movq %r14, FRAME_R14(%r11)
	movq %r15, FRAME_R15(%r11)
	movq %rsp, FRAME_RSP(%r11)
	movq %rcx, FRAME_RET(%r11)
	movq $0, FRAME_MAKES(%r11) /* and PHASE_LOOKING */
	movq $0, FRAME_MADE_MODE(%r11)
	movq %r11, %rsp
hub_inside:
	movq %r11, %rdi
	movl %eax, %eax
	testb $SHARED_VERIFIES_BIT, SHIM_SHARED
	jnz hub_verify
	call *shim_handlers(, %rax, 8)
hub_answered:
	/* rsp is the frame again; rax: was it answered? */
	movq %rsp, %r11
	testl %eax, %eax
	movq FRAME_RDI(%r11), %rdi
	movq FRAME_RSI(%r11), %rsi
	movq FRAME_RDX(%r11), %rdx
	movq FRAME_R10(%r11), %r10
	movq FRAME_R8(%r11), %r8
	movq FRAME_R9(%r11), %r9
	movq FRAME_RET(%r11), %rcx
	jz hub_slow
	incq SHIM_ANSWERS
	movq FRAME_RESULT(%r11), %rax
	movq FRAME_RSP(%r11), %rsp
hub_back: /* r11: the frame, then its lock; all else is the guest's again */
	subl $(SHIM_FRAMES + SHIM_FRAME_AT), %r11d
	shrl $12, %r11d
	addl $SHIM_LOCKS, %r11d
	movl $0, (%r11)
hub_freed:
	jmp *%rcx
hub_slow:
	movq FRAME_RAX(%r11), %rax
	movq FRAME_RSP(%r11), %rsp
hub_back_slow:
	subl $(SHIM_FRAMES + SHIM_FRAME_AT), %r11d
	shrl $12, %r11d
	addl $SHIM_LOCKS, %r11d
	movl $0, (%r11)
hub_freed_slow:
	leaq -2(%rcx), %r11
	jmp *%r11
hub_end:
	/* Back behind a call is where all is put right when a signal comes: rsp tells of the frame. */
hub_verify:
	call shim_verify
	jmp hub_answered
	.globl shim_say_new
shim_say_new:	/* long shim_say_new(uint64_t dev, uint64_t ino, uint64_t mode) */
	movl $SHIM_CALL_IS_NEW, %eax
	syscall
	ret
	.globl shim_say_forget
shim_say_forget:	/* long shim_say_forget(void) */
	movl $SHIM_CALL_FORGET, %eax
	syscall
	ret
	.globl shim_say_differs
shim_say_differs:	/* long shim_say_differs(const struct shim_frame *f, uint64_t at, int64_t own, int64_t theirs, uint64_t after, uint64_t path) */
	movl $SHIM_CALL_DIFFERS, %eax
	movq %rcx, %r10
	syscall
	ret
	.globl shim_ask
shim_ask:	/* long shim_ask(struct shim_frame *f): the frame's call, to the tracer and not to the kernel */
	movq FRAME_RAX(%rdi), %rax
	movq FRAME_RSI(%rdi), %rsi
	movq FRAME_RDX(%rdi), %rdx
	movq FRAME_R10(%rdi), %r10
	movq FRAME_R8(%rdi), %r8
	movq FRAME_R9(%rdi), %r9
	movq FRAME_RDI(%rdi), %rdi
	syscall
	ret
#endif

#ifdef __x86_64__
	.section .rodata
	/* The frame of each lock. */
	.align 4
hub_frames:
	.set frame, SHIM_FRAMES + SHIM_FRAME_AT
	.rept SHIM_FRAME_COUNT
	.long frame
	.set frame, frame + SHIM_FRAME_BYTES
	.endr
#endif

	.section .gate, "ax", @progbits
	.globl shim_raw_call
shim_raw_call:	/* long shim_raw_call(long number, long a, long b, long c, long d, long e, long f) */
#ifdef __x86_64__
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	movq 8(%rsp), %r9
	syscall
	ret
#else
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
#endif
#ifdef __x86_64__
	/*
	 * void shim_act(struct shim_frame *f, long number, long a, long b, long c, long d): a call that must
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
	.org SHIM_ACT_CALL - SHIM_GATE, 0x90
	syscall
	popq %r11
	movq %rax, FRAME_RESULT(%r11)
	movl $PHASE_ACTED, FRAME_PHASE(%r11)
	.org SHIM_ACT_END - SHIM_GATE, 0x90
	ret
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
	movl slot, %ebx
	movl slot + 8, %ecx
	movl slot + 16, %edx
	movl slot + 24, %esi
	movl slot + 32, %edi
	movl slot + 40, %ebp
	jmp *(slot + 48)
#endif
	.org 1b + SHIM_STUB_BYTES - (SHIM_STUBS - SHIM_GATE) + (SHIM_STUBS - SHIM_GATE)
	.set slot, slot + SHIM_SLOT_BYTES
	.endr

	.section .bss
start_address:
	.quad 0

	.section .frames, "aw", @nobits
	.globl shim_state_number
shim_state_number:
	.skip SHIM_FRAMES - SHIM_STATE + SHIM_FRAME_COUNT * SHIM_FRAME_BYTES

	.section .note.GNU-stack, "", @progbits
