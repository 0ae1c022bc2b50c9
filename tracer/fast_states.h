/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process is and where, as the shim reads it (struct shim_state of shim/abi.h): processes of the same
 * credentials in the same place have one state together.
 */
#ifndef FAKEBUILD_FAST_STATES_H
#define FAKEBUILD_FAST_STATES_H

#include "tracer/tracee.h"

/* For fast_open and fast_close. */
void fast_states_open(const struct tracee *first);
void fast_states_close(void);

/*
 * The state of a program with these credentials in this place, 0 when there is none or the fast path is off.
 * The caller has a reference to it, which fast_put gives back.
 */
uint32_t fast_state(const struct cred *cred, const struct fs *fs, const struct mounts *mounts);
void fast_put(uint32_t state);
uint32_t fast_get(uint32_t state);
/* What of a state's flags these credentials alone decide: STATE_LOOKS_AS_ROOT, STATE_MAKES_AS_ROOT, STATE_IS_PLAIN. */
uint32_t fast_rights(const struct cred *c);

/* The tracee's identity, root, cwd or mounts have changed: tell its process. */
void fast_update(struct tracee *t);
/* A mount table or the place of directories has changed: tell all. */
void fast_update_all(void);
/* Some process left a memory that it shared (vfork), by exec or exit: the others may go on. */
void fast_memory_left(struct mm *mm);
/* The memory of a new process is a copy, perhaps of one whose other threads were in the shim. */
void fast_forked(struct tracee *child);
/* Another task can change the tracee's root and cwd from now on. */
void fast_place_shared(struct tracee *t);
/* From now on the process' calls all come to the tracer, until its next exec. */
void fast_disable(struct tracee *t);
/*
 * The tracee may no longer change all files, but write where who may leaves word of it (SHIM_WRITABLE); it now forgets
 * that it can.  It has to unmap that.
 */
bool fast_must_unmap(struct tracee *t, const struct cred *before);

#endif
