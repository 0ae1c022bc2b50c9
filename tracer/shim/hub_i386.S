/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the calls of 32-bit programs come to, and go on.  What AT_SYSINFO says to their libcs is shim_entry; patched
 * `int $0x80` (patch.h) call shim_site.  All is as the call wants it, and a return address is on the stack, which is the
 * guest's; flags are free, as in any `asm` on i386.  A call that the fast path answers goes on as 64-bit code: there r8 to
 * r15 are free, and each address is below 4 GiB.  The tracer knows from the instruction pointer what to put back when a
 * signal comes, and in which kind of code (arch_leave_shim): no signal finds a thread in 64-bit code, whose registers its
 * frame has no room for.
 */
#include "tracer/shim/abi.h"
#include "tracer/shim/calls.h"
#include "tracer/shim/hub.h"

	.section .hub, "ax", @progbits
hub_vector:
	.quad hub_entry, hub_tried, hub_owned, hub_inside, hub_back, hub_freed, hub_slow, hub_back_slow, hub_freed_slow, hub_end
	.quad hub_return, hub_restart, shim_site, hub_added, hub_site
	.org SHIM_SITE - SHIM_HUB
	.long shim_site
	.org SHIM_ENTRY - SHIM_HUB
	.code32
	.macro look_up as, plain
	cmpl $0, SHIM_STATE
	je \plain
	cmpl $FAST_NUMBERS, %eax
	jae \plain
	cmpl $0, shim_handlers(, %eax, 8)
	je \plain
	ljmp $SHIM_CODE_64, $\as
	.endm
shim_entry:
	look_up hub_entry, hub_plain
hub_plain:
	jmp *SHIM_VSYSCALL
shim_site:
	look_up hub_site, hub_plain_site
hub_plain_site: /* to the second jump where the stub is called from, and so to the site's own `int $0x80` */
	addl $SHIM_STUB_JUMP, (%esp)
hub_added:
	ret
hub_return:
	ret
	.code64
hub_entry: /* r10: is it from a site? */
	xorl %r10d, %r10d
	jmp 2f
hub_site:
	movl $1, %r10d
2:
	/* What the upper halves are is undefined. */
	movl %eax, %eax
	movl %ebx, %ebx
	movl %ecx, %ecx
	movl %edx, %edx
	movl %esi, %esi
	movl %edi, %edi
	movl %ebp, %ebp
	movl %esp, %esp
	claim_frame
	jmp hub_freed_slow
hub_owned: /* r11: a lock, then its frame */
	frame_of_lock
	movq %rax, FRAME_RAX(%r11)
	movq %rbx, FRAME_RDI(%r11)
	movq %rcx, FRAME_RSI(%r11)
	movq %rdx, FRAME_RDX(%r11)
	movq %rsi, FRAME_R10(%r11)
	movq %rdi, FRAME_R8(%r11)
	movq %rbp, FRAME_R9(%r11)
	movq %rsp, FRAME_RSP(%r11)
	movq %r10, FRAME_IS_SITE(%r11)
	movq $0, FRAME_MAKES(%r11) /* and PHASE_LOOKING */
	movq $0, FRAME_MADE_MODE(%r11)
	movq %r11, %rsp
hub_inside:
	movq %r11, %rdi
	testb $SHARED_VERIFIES_BIT, SHIM_SHARED
	jnz hub_verify
	call *shim_handlers(, %rax, 8)
hub_answered:
	/* rsp is the frame again; rax: was it answered? */
	movq %rsp, %r11
	testl %eax, %eax
	movl FRAME_RDI(%r11), %ebx
	movl FRAME_RSI(%r11), %ecx
	movl FRAME_RDX(%r11), %edx
	movl FRAME_R10(%r11), %esi
	movl FRAME_R8(%r11), %edi
	movl FRAME_R9(%r11), %ebp
	movl FRAME_IS_SITE(%r11), %r10d
	jz hub_slow
	incq SHIM_ANSWERS
	movl FRAME_RESULT(%r11), %eax
	movl FRAME_RSP(%r11), %esp
hub_back: /* r11: the frame, then its lock; all else is the guest's again */
	free_frame
hub_freed:
	ljmp *to_return
hub_slow:
	movl FRAME_RAX(%r11), %eax
	movl FRAME_RSP(%r11), %esp
hub_back_slow:
	free_frame
hub_freed_slow:
	testl %r10d, %r10d
	jnz 1f
	ljmp *to_plain
1:	ljmp *to_plain_site
hub_end:
	/* Back behind a call is where all is put right when a signal comes: rsp tells of the frame. */
hub_verify:
	call shim_verify
	jmp hub_answered
	.globl shim_ask
shim_ask:	/* long shim_ask(struct shim_frame *f): the frame's call, to the tracer and not to the kernel, of the guest's own ABI */
	pushq %rbx
	pushq %rbp
	movl FRAME_RAX(%rdi), %eax
	movl FRAME_RDI(%rdi), %ebx
	movl FRAME_RSI(%rdi), %ecx
	movl FRAME_RDX(%rdi), %edx
	movl FRAME_R10(%rdi), %esi
	movl FRAME_R9(%rdi), %ebp
	movl FRAME_R8(%rdi), %edi
	int $0x80
	movslq %eax, %rax
	popq %rbp
	popq %rbx
	ret
	.code32
	/* Where a thread stands whose call is to be restarted, when nothing like it is found in the vdso. */
	int $0x80
hub_restart:
	ret

	.section .rodata
	.align 4
to_plain:
	.long hub_plain
	.word SHIM_CODE_32
	.align 4
to_plain_site:
	.long hub_plain_site
	.word SHIM_CODE_32
	.align 4
to_return:
	.long hub_return
	.word SHIM_CODE_32
	table_of_frames

	.section .note.GNU-stack, "", @progbits
