/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces granted in name only: what is done in them. */
#ifndef FAKEBUILD_NETLINK_H
#define FAKEBUILD_NETLINK_H

#include "tracer/call.h"

/*
 * A message of `size` bytes is about to be sent to this address: when it would change the network of a namespace
 * that the tracee believes its own, put one that the kernel acknowledges without doing anything into the
 * slot.  1 and *ret_at, 0: send it as it is, -errno.
 */
int netlink_pretend(struct call *c, taddr address, size_t address_size, taddr message, size_t size, taddr *ret_at);
/* Would this ioctl change a network device of such a namespace?  Then it has done so. */
bool netlink_pretend_ioctl(const struct call *c, uint32_t command);

#endif
