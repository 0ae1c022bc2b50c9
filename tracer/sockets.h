/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses between guest and kernel (addresses.c), for the socket calls (sockets.c) and for messages (messages.c). */
#ifndef FAKEBUILD_SOCKETS_H
#define FAKEBUILD_SOCKETS_H

#include <sys/socket.h>
#include <sys/un.h>

#include "tracer/call.h"
#include "tracer/path.h"

/*
 * An address of the guest's to connect or send to: put its translation into the slot.  1 when there is one,
 * 0 when the kernel knows what the guest means, -errno.
 */
int socket_translate(struct call *c, taddr from, uint32_t size, taddr *ret_at, socklen_t *ret_size);
/* An address that the kernel left at `at`, in `room` bytes, and its size at `size_at`: as the guest knows it. */
void socket_show(struct call *c, taddr at, taddr size_at, uint32_t room);
/* The path by which the guest knows a socket at this path of the host's, perhaps in `view`; NULL: by none. */
const char *socket_shown_path(const struct call *c, const char *host, char view[PATH_ROOM]);

/* The path in an address of the guest: 1 when there is one, 0 when it is none of ours, -errno. */
int socket_read_path(struct call *c, taddr from, uint32_t size, char path[sizeof(struct sockaddr_un)]);
/* An address of a family that has ports; not 0 when it was read. */
size_t socket_read_port(const struct call *c, taddr from, uint32_t size, struct sockaddr_storage *ret);
/* Put an address where the tracee's kernel finds it: 1 or -ENOMEM. */
int socket_put(struct call *c, const void *address, socklen_t size, taddr *ret_at);
/*
 * An address for this host path: itself, or through a symlink to its directory, or to it.  0, -errno, or
 * BIND_BY_RENAME when the name is too long to be bound so.
 */
enum { BIND_BY_RENAME = 1 };
int socket_host_address(const char *host, bool is_for_bind, struct sockaddr_un *ret, socklen_t *ret_size);
/* What the guest gave as the path of the socket that the kernel has at this one: it is told so again, however it got there. */
void socket_remember(const char *host_path, const char *path);

#endif
