/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer's side of the fast path: it fills the tables that the shim reads (shim/abi.h), and takes
 * threads out of the shim before anybody could see them there.
 */
#ifndef FAKEBUILD_FAST_H
#define FAKEBUILD_FAST_H

#include "tracer/path.h"
#include "tracer/shim/abi.h"

/* After the arena is open and the first tracee has its mounts: is the fast path used in this run? */
void fast_open(struct tracee *first);
void fast_close(void);
bool fast_is_on(void);

/*
 * The state (struct shim_state) of a program with these credentials in this place, 0 when there is none or
 * the fast path is off.  The caller has a reference to it, which fast_put gives back.
 */
uint32_t fast_state(const struct cred *cred, const struct fs *fs, const struct mounts *mounts);
void fast_put(uint32_t state);
uint32_t fast_get(uint32_t state);

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
 * A directory part, as typed, led here from the root, from the cwd, or from the directory whose host path is
 * `start`; or a whole path led to a file that is bound there.
 */
enum fast_start { FROM_ROOT, FROM_CWD, FROM_DESCRIPTOR };
void fast_publish(const struct tracee *t, enum fast_start from, const char *start, const char *typed, size_t length,
		  const struct object *at);
/* A walk that may be published goes through this inode; NULL: all prefixes are void. */
void fast_walked(const struct stat *st);
/* A thread was taken out of the shim after it had made something (the frame tells, its path is in the tracee). */
void fast_look_at_made(struct tracee *t, const struct shim_frame *made, taddr path);
/* The path, as typed, is SHIM_OWN_DESCRIPTORS and the number of a descriptor of the tracee's own. */
void fast_tell_descriptors(const struct tracee *t);
/* The path, as typed, is of a file that is to be opened as the host has it (procfs_is_hosts). */
void fast_tell_proc_file(const struct tracee *t, const char *path);
/* An entry of the table has changed in a stop: when that comes often processes should be able to tell it by themselves. */
void fast_note_entry(void);
/*
 * The tracee may no longer change all files, but write where who may leaves word of it (SHIM_WRITABLE); it now forgets
 * that it can.  It has to unmap that.
 */
bool fast_must_unmap(struct tracee *t, const struct cred *before);
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
