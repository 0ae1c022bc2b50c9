/* SPDX-License-Identifier: Apache-2.0 */
/* What an execve that is under way will change when the kernel says it worked. */
#ifndef FAKEBUILD_EXEC_H
#define FAKEBUILD_EXEC_H

#include "tracer/tracee.h"

struct exec_plan {
	struct cred cred;
	enum abi abi;
	char *exe; /* guest path of the ELF program */
	char *exe_host;
	struct kept *exe_kept; /* keeper.h */
	dev_t exe_dev;
	ino_t exe_ino;
	bool is_emulated; /* foreign.h */
	bool is_read_only; /* by a descriptor that was opened through a read-only mount */
	bool is_readable; /* to who starts it: else it may not be dumped */
	uint32_t state; /* that its shim begins in; a reference (fast_states.h) */
};

/* At the exec event: the new program is the tracee's. */
void exec_commit(struct tracee *t);

#endif
