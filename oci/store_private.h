/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share; for store.c, images.c, blobs.c, gc.c, hosttable.c, layer.c and container.c only. */
#ifndef FAKEBUILD_OCI_STORE_PRIVATE_H
#define FAKEBUILD_OCI_STORE_PRIVATE_H

#include <sys/types.h>

#include "oci/store.h"

struct store {
	char *root;  /* absolute, without symlinks */
	int hold_fd; /* shared lock against store_gc, -1: let go */
};

enum { STORE_ID_ROOM = 65 }; /* 64 hex digits and NUL */
/* A new random id, of a container or a snapshot. */
void store_new_id(char id[STORE_ID_ROOM]);
/* store_make_tmp, and the descriptor that holds its lock, closed with the path. */
int store_make_locked_tmp(const void *ctx, struct store *s, char **ret_path, int *ret_lock, struct error *err);
/* A process that works on behind the user's back, with no descriptor open but this one (-1: none); as fork(2). */
pid_t store_fork(int kept_fd);
/* When the process started, in clock ticks since boot; 0: there is none.  With the pid it is unique. */
uint64_t store_process_start(int pid);
/*
 * What the tree has on the disk.  A file of several names counts by its share, for layers and roots have it together;
 * without shares not at all: removing one name frees nothing.
 */
uint64_t store_tree_bytes(int dir_fd, const char *name, bool has_shares);

/* What store_gc does about the tables of store_host_table; counts in *result. */
void store_sweep_hosts(struct store *s, bool is_dry_run, struct gc_result *result);

#endif
