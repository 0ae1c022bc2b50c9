/* SPDX-License-Identifier: Apache-2.0 */
/* The shims as bytes inside the tracer; written out into a run's private directory. */
	.section .rodata
	.globl shim64_bytes, shim64_end, shim32_bytes, shim32_end, shim64_sum, shim32_sum
	.balign 16
shim64_bytes:
	.incbin SHIM64
shim64_end:
	.balign 16
shim32_bytes:
	.incbin SHIM32
shim32_end:
	/* Of their bytes: what tells one version from another. */
	.balign 4
shim64_sum:
	.long SHIM64_SUM
shim32_sum:
	.long SHIM32_SUM
	.section .note.GNU-stack, "", @progbits
