/* SPDX-License-Identifier: Apache-2.0 */
/* The gate for x86-64 and i386: entry, the raw system call, and one stub a slot.  See abi.h. */
#include "tracer/shim/abi.h"

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

	.section .note.GNU-stack, "", @progbits
