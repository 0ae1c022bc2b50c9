/* SPDX-License-Identifier: Apache-2.0 */
/* By which name of the host's a directory is known that a magic link of /proc leads to: of a descriptor, of a lost cwd. */
#ifndef FAKEBUILD_BEHIND_H
#define FAKEBUILD_BEHIND_H

#include <limits.h>

#include "tracer/base/look.h"
#include "tracer/tracee.h"

/* A copy of a descriptor of a process, by its first thread's number; -1 with errno: ENOSYS before Linux 5.6. */
int behind_copy(pid_t pid, int fd);
/*
 * Look at what a descriptor of the tracee is open on, without its link: by a copy of it, which costs half, but is to be closed,
 * and so is for directories only.  False when that cannot be told so (before Linux 5.6; not all threads have one table).
 */
bool behind_look(const struct tracee *t, int fd, struct look *ret);
/* The name that the link shows, into `host`; false when it has none, or has lost it. */
bool behind_read(const char *link, char host[PATH_MAX]);
/*
 * The name that the directory had when it was last remembered, from the mount that it is seen by; NULL: not known.  It may have
 * lost it meanwhile: whoever goes by it looks whether the same directory is there.
 */
const char *behind_recall(const struct look *directory);
void behind_remember(const struct look *directory, const char *host);
/* A directory was moved: where it was there may be a symlink to it now, by which all below would be found at wrong names. */
void behind_forget_all(void);
/* The run is over. */
void behind_close(void);

#endif
