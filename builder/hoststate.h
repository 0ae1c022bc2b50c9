/* SPDX-License-Identifier: Apache-2.0 */
/* Where `fakebuild root` keeps what the command has made of the host's files: options --state, --state-dir, --forget. */
#ifndef FAKEBUILD_BUILDER_HOSTSTATE_H
#define FAKEBUILD_BUILDER_HOSTSTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/store.h"
#include "tracer/base/error.h"

struct host_state {
	char *meta_path;       /* NULL: nowhere, it is forgotten */
	uint32_t meta_flags;   /* enum meta_flags */
	unsigned tracer_flags; /* enum tracer_flags */
	char *copies_dir;      /* of --copy-up; NULL: they are forgotten */
	char *pid_path;        /* where the first process' number is told; NULL: nowhere */
};

/*
 * At most one of `file`, `folder` and `forgets`; without any the store keeps it.  A folder is made as RootlessKit makes it,
 * with "lock", which is held (shared, so that several commands may have it) while *ret is allocated, and "child_pid".
 */
int host_state_open(const void *ctx, struct store *store, const char *file, const char *folder, bool forgets,
		    struct host_state **ret, struct error *err);
/* The command has ended. */
void host_state_close(struct host_state *state);

#endif
