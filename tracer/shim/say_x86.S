/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim tells the tracer: calls that no kernel has.  In 32-bit programs, too, they are 64-bit calls. */
#include "tracer/shim/calls.h"

#ifdef __x86_64__
	.section .hub, "ax", @progbits
	.globl shim_say_new
shim_say_new:	/* long shim_say_new(uint64_t dev, uint64_t ino, uint64_t mode) */
	movl $SHIM_CALL_IS_NEW, %eax
	syscall
	ret
	.globl shim_say_differs
shim_say_differs:	/* long shim_say_differs(const struct shim_frame *f, uint64_t at, int64_t own, int64_t theirs, uint64_t after, uint64_t path) */
	movl $SHIM_CALL_DIFFERS, %eax
	movq %rcx, %r10
	syscall
	ret
#endif

	.section .note.GNU-stack, "", @progbits
