/* SPDX-License-Identifier: Apache-2.0 */
/* The shims as bytes inside the tracer; written out into a run's private directory. */
	.section .rodata
	.globl shim64_bytes, shim64_end, shim32_bytes, shim32_end
	.balign 16
shim64_bytes:
	.incbin SHIM64
shim64_end:
	.balign 16
shim32_bytes:
	.incbin SHIM32
shim32_end:
	.section .note.GNU-stack, "", @progbits
