/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer's side of the fast path: whether it is used, and what all processes are to know of the run
 * (struct shim_shared of shim/abi.h).  Who and where each is: fast_states.h; paths: fast_prefixes.h.
 */
#ifndef FAKEBUILD_FAST_H
#define FAKEBUILD_FAST_H

#include "tracer/shim/abi.h"
#include "tracer/tracee.h"

/* After the arena is open and the first tracee has its mounts: is the fast path used in this run? */
void fast_open(struct tracee *first);
void fast_close(void);
bool fast_is_on(void);

/* An entry of the table has changed in a stop: when that comes often processes should be able to tell it by themselves. */
void fast_note_entry(void);
/* In a directory names may not be changed: what is done by descriptors of directories is the tracer's from now on. */
void fast_note_fixed_directory(void);
/* A directory of /proc is or was open. */
void fast_note_proc_directory(void);
/* A device node of the guest's (nodes.h) is about to be opened: what a descriptor of a device shows is not its own. */
void fast_note_node(void);
/* A pid namespace is there, in which not all parents exist. */
void fast_note_pids(void);
/* A process has, or is about to have, another name of the host than the others or than before. */
void fast_note_names(void);
/* A descriptor of a tree (trees.h) is about to be made. */
void fast_note_tree(void);

#endif
