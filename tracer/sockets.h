/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses between guest and kernel, for the socket calls (sockets.c) and for messages (messages.c). */
#ifndef FAKEBUILD_SOCKETS_H
#define FAKEBUILD_SOCKETS_H

#include <sys/socket.h>

#include "tracer/call.h"

/*
 * An address of the guest's to connect or send to: put its translation into the slot.  1 when there is one,
 * 0 when the kernel knows what the guest means, -errno.
 */
int socket_translate(struct call *c, taddr from, uint32_t size, taddr *ret_at, socklen_t *ret_size);
/* An address that the kernel left at `at`, in `room` bytes, and its size at `size_at`: as the guest knows it. */
void socket_show(struct call *c, taddr at, taddr size_at, uint32_t room);

#endif
