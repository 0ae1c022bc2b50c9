/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim tells the tracer (calls.h).  In 32-bit programs, too, these are 64-bit calls. */
#include "tracer/shim/calls.h"

#ifdef __x86_64__
#define NR_RENAME 82

	.section .hub, "ax", @progbits
	.globl shim_say_new
shim_say_new:	/* long shim_say_new(uint64_t dev, uint64_t ino, uint64_t mode) */
	movl $SHIM_SAYS_NEW, %r10d
	movl $NR_RENAME, %eax
	syscall
	ret
	.globl shim_say_differs
shim_say_differs:	/* long shim_say_differs(const struct shim_difference *d) */
	movl $SHIM_SAYS_DIFFERS, %r10d
	movl $NR_RENAME, %eax
	syscall
	ret
#endif

	.section .note.GNU-stack, "", @progbits
