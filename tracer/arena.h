/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of slots (tracer/shim/abi.h) and the shim's files in the run's private directory. */
#ifndef FAKEBUILD_ARENA_H
#define FAKEBUILD_ARENA_H

#include "tracer/base/error.h"
#include "tracer/shim/abi.h"
#include "tracer/tracee.h"

/*
 * Write shim64 and shim32 into run_dir, where those of an earlier run serve again, and arena, and map that at SHIM_ARENA.  Fails when
 * the files cannot be made or the directory forbids executing.
 */
int arena_open(const char *run_dir, struct error *err);
/* The arena is removed, the shims stay. */
void arena_close(void);
/* A new descriptor of the arena, for reading; -1. */
int arena_descriptor(void);
/* Its host path. */
const char *arena_path(void);
/* Host path of the loader for this ABI; NULL when this build has none. */
const char *arena_shim_path(enum abi abi);
/* What the shim of this ABI has at an address, whatever has become of that in a tracee.  False: nothing. */
bool arena_read_shim(enum abi abi, taddr address, void *to, size_t size);
/* Claim the lowest free slot; -1 when all are in use. */
int arena_claim(void);
/* Claim `count` slots that follow each other; the first, or -1. */
int arena_claim_run(unsigned count);
void arena_release(int slot);
struct shim_slot *arena_slot(int slot);
/* Where tracees see a pointer into a slot. */
taddr arena_address(const void *in_slot);

#endif
