/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of device nodes that the guest has made: really they are open on the host's device of that number, and
 * what is done by them to the file itself is meant for the guest's node.  Such a descriptor has O_NOFOLLOW
 * among its flags, which the kernel keeps and nothing looks at; which node of several with one number it is open on is told
 * by copies of the first descriptors of each (kcmp(2), pidfd_getfd(2), since Linux 5.6).
 */
#ifndef FAKEBUILD_NODES_H
#define FAKEBUILD_NODES_H

#include "tracer/path.h"

/*
 * The tracee's call is about to open `device` of the host in place of the node `o`, of this number: with O_NOFOLLOW,
 * unless that would not lead there; and is nodes_opened to know the descriptor?
 */
enum nodes_opening { NODES_UNKNOWN, NODES_MARKED, NODES_COPIED };
enum nodes_opening nodes_opening(const struct object *o, dev_t rdev, const char *device);
/* So it is open, as this descriptor of the tracee's. */
void nodes_opened(const struct tracee *t, int fd);
/* An object that a magic link below /proc/PID/fd has led to becomes the node when there is one behind it. */
void nodes_settle(const struct tracee *t, struct object *o);
/* As readlink(2) of such a link: the host path of the node; -1 when it is no node's, as host paths are. */
ssize_t nodes_readlink(const char *link, char *target, size_t room);
/* The run ends. */
void nodes_close(void);

#endif
