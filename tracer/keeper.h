/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files without a name, a memfd or what was removed, that tracees can still open: by descriptors of a process of
 * ours that they may look at, as they may not at the tracer.
 */
#ifndef FAKEBUILD_KEEPER_H
#define FAKEBUILD_KEEPER_H

struct kept {
	unsigned users;
	int fd;
	char path[64]; /* a link to the file, to be followed; good while it is kept */
};

/* Keep the file open at `fd`, which stays the caller's.  NULL when the host lets us have no process or descriptor. */
struct kept *keeper_keep(int fd);
/* One user more; NULL is nobody's. */
struct kept *keeper_get(struct kept *kept);
void keeper_put(struct kept *kept);
/* The run ends: nothing can be opened any more. */
void keeper_close(void);

#endif
