/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the network namespaces that are granted in name only: the network stays the host's, and configuring it
 * succeeds without effect, which is all that a sandbox wants of its loopback interface.
 */
#include "tracer/netlink.h"

#include <errno.h>
#include <sched.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "tracer/memory.h"
#include "tracer/namespaces.h"

enum { MESSAGE_MAX = 4096, TYPE_FIRST = 16, TYPE_END = 120, KIND_GET = 2 };

/* linux/rtnetlink.h: types come in fours, NEW, DEL, GET, SET, from RTM_BASE on. */
static bool is_change(uint16_t type)
{
	return type >= TYPE_FIRST && type < TYPE_END && (type & 3) != KIND_GET;
}

int netlink_pretend(struct call *c, taddr address, size_t address_size, taddr message, size_t size, taddr *ret_at)
{
	struct nlmsghdr head;
	uint16_t family;
	if (!c->t->has_own_network || !address || address_size < sizeof(family) || size < sizeof(head) ||
	    size > MESSAGE_MAX || !namespaces_has(c->t, CLONE_NEWNET, CAPABILITY_NET_ADMIN))
		return 0;
	if (memory_read(c->t, address, &family, sizeof(family)) < 0)
		return -EFAULT;
	if (family != AF_NETLINK)
		return 0;
	char *room = call_room(c, size);
	if (!room || memory_read(c->t, message, room, size) < 0)
		return room ? -EFAULT : -ENOMEM;
	memcpy(&head, room, sizeof(head));
	if (!is_change(head.nlmsg_type))
		return 0;
	/* netlink_rcv_skb of net/netlink/af_netlink.c: what is below NLMSG_MIN_TYPE is acknowledged, and that is all. */
	head.nlmsg_type = NLMSG_NOOP;
	memcpy(room, &head, sizeof(head));
	*ret_at = (uintptr_t)room;
	return 1;
}

/* linux/sockios.h: SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFBRDADDR, SIOCSIFNETMASK, SIOCSIFMTU, SIOCSIFHWADDR, SIOCSIFTXQLEN. */
bool netlink_pretend_ioctl(const struct call *c, uint32_t command)
{
	static const uint16_t changes[] = { 0x8914, 0x8916, 0x891a, 0x891c, 0x8922, 0x8924, 0x8943 };
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		if (command == changes[i])
			return c->t->has_own_network && namespaces_has(c->t, CLONE_NEWNET, CAPABILITY_NET_ADMIN);
	return false;
}
