/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tracer and the shim agree on: addresses, the arena, slots.  Included by freestanding code
 * and by assembly, so it has no includes beyond stdint and no functions.  64-bit and 32-bit tracees see
 * the same layout.
 *
 *   SHIM_ARENA   the arena, one file mapped shared: written by the tracer, read-only in tracees
 *   SHIM_BASE    the shim's own image
 *   SHIM_GATE    its calls that the seccomp filter allows by address: the raw call, then one stub a slot
 */
#ifndef FAKEBUILD_SHIM_ABI_H
#define FAKEBUILD_SHIM_ABI_H

#define SHIM_ARENA 0x6e000000
#define SHIM_BASE 0x70000000
#define SHIM_IMAGE_BYTES 0x44000  /* the last of it is the loader's bss at 0x70040000 */
#define SHIM_GATE 0x70020000      /* allowed are addresses with (ip & SHIM_GATE_MASK) == SHIM_GATE */
#define SHIM_GATE_MASK 0xfffe0000
#define SHIM_STUBS 0x70021000     /* stub of slot n at SHIM_STUBS + n * SHIM_STUB_BYTES */
#define SHIM_STUB_BYTES 64
#define SHIM_SLOTS 1024
#define SHIM_SLOT_BYTES 16384
#define SHIM_ARENA_BYTES (SHIM_SLOTS * SHIM_SLOT_BYTES)
#define SHIM_SLOT_HEADER 128

#ifndef __ASSEMBLER__
#include <stdint.h>

/*
 * One call in flight.  At the seccomp stop the tracer puts translated arguments in `room`, points the
 * changed registers there and the instruction pointer behind the `syscall` of the slot's stub: the call
 * already entered goes on and comes back in the stub, which restores the six argument registers and
 * jumps to return_ip.  Should the kernel restart the call, it steps back two bytes onto the stub's own
 * `syscall`, which the filter allows.
 */
struct shim_slot {
	uint64_t argument[6]; /* as the guest had them */
	uint64_t return_ip;
	uint64_t reserved[9];
	char room[SHIM_SLOT_BYTES - SHIM_SLOT_HEADER];
};

/* In slot->room when the shim starts as the loader of a new program. */
struct shim_exec {
	uint32_t uid, euid, gid, egid, secure;
	uint32_t program; /* offsets into room of NUL-terminated host paths; interpreter 0: none */
	uint32_t interpreter;
	uint32_t guest_name; /* for AT_EXECFN */
	uint32_t is_watched; /* the loader ends with a breakpoint: a guest traces this one */
	char comm[16];
};

_Static_assert(sizeof(struct shim_slot) == SHIM_SLOT_BYTES, "slot layout");
_Static_assert(SHIM_STUBS + SHIM_SLOTS * SHIM_STUB_BYTES <= SHIM_GATE + 0x20000, "stubs fit the gate");
#endif

#endif
