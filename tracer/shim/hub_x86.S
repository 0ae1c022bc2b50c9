/* SPDX-License-Identifier: Apache-2.0 */
/* Where the patched call sites of 64-bit programs come to, and go on. */
#include "tracer/shim/abi.h"
#include "tracer/shim/calls.h"
#include "tracer/shim/hub.h"

#ifdef __x86_64__
	/*
	 * The hub: a patched site comes here with rcx behind its `syscall` and all else as the call wants
	 * it.  Only r11 is free; no stack is the guest's to be touched.  The tracer knows from the instruction
	 * pointer alone what to put back when a signal comes (arch_leave_shim): the vector tells it where.
	 */
	.section .hub, "ax", @progbits
hub_vector:
	.quad hub_entry, hub_tried, hub_owned, hub_inside, hub_back, hub_freed, hub_slow, hub_back_slow, hub_freed_slow, hub_end
	.org 128
hub_entry:
	cmpl $0, SHIM_STATE
	je hub_plain
	cmpl $FAST_NUMBERS, %eax
	jae hub_plain
	movl %eax, %r11d
	cmpq $0, shim_handlers(, %r11, 8)
	je hub_plain
	claim_frame
hub_plain:
	leaq -2(%rcx), %r11
	jmp *%r11
hub_owned: /* r11: a lock, then its frame */
	frame_of_lock
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
	free_frame
hub_freed:
	jmp *%rcx
hub_slow:
	movq FRAME_RAX(%r11), %rax
	movq FRAME_RSP(%r11), %rsp
hub_back_slow:
	free_frame
hub_freed_slow:
	leaq -2(%rcx), %r11
	jmp *%r11
hub_end:
	/* Back behind a call is where all is put right when a signal comes: rsp tells of the frame. */
hub_verify:
	call shim_verify
	jmp hub_answered
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

	.section .rodata
	table_of_frames
#endif

	.section .note.GNU-stack, "", @progbits
