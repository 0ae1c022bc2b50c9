/* SPDX-License-Identifier: Apache-2.0 */
/* What both hubs (hub_x86.S, hub_i386.S) do with frames and their locks, in 64-bit code; only r11 is theirs. */
	/* Claim one: to hub_owned with r11 at its lock, or on, when all are taken. */
	.macro claim_frame
	movl $SHIM_LOCKS, %r11d
1:	lock btsl $0, (%r11)
hub_tried: /* it is ours when the carry flag is clear */
	jnc hub_owned
	addl $4, %r11d
	cmpl $(SHIM_LOCKS + SHIM_FRAME_COUNT * 4), %r11d
	jb 1b
	.endm

	/* r11: from the lock to its frame, and from the frame to its lock, which is free then. */
	.macro frame_of_lock
	movl hub_frames - SHIM_LOCKS(%r11), %r11d
	.endm
	.macro free_frame
	subl $(SHIM_FRAMES + SHIM_FRAME_AT), %r11d
	shrl $12, %r11d
	addl $SHIM_LOCKS, %r11d
	movl $0, (%r11)
	.endm

	/* The frame of each lock. */
	.macro table_of_frames
	.align 4
hub_frames:
	.set frame, SHIM_FRAMES + SHIM_FRAME_AT
	.rept SHIM_FRAME_COUNT
	.long frame
	.set frame, frame + SHIM_FRAME_BYTES
	.endr
	.endm
