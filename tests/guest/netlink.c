/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox does in a network namespace of its own: give the loopback interface its address and set it up. */
#include "guest.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

static char *without_newline(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static int new_network(void)
{
	WORKS(unshare(CLONE_NEWNET));
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	WORKS(fd);
	return fd;
}

/* The error in the kernel's acknowledgement of request number `seq`. */
static int answer(int fd, uint32_t seq)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[4096];
	} reply;
	ssize_t n = recv(fd, &reply, sizeof(reply), 0);
	if (n < (ssize_t)sizeof(reply.head) || reply.head.nlmsg_type != NLMSG_ERROR || reply.head.nlmsg_seq != seq)
		return 1;
	return reply.error.error;
}

TEST(the_loopback_interface_gets_an_address)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg address;
		struct rtattr attribute;
		uint32_t value;
	} request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWADDR, .nlmsg_seq = 7,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
		.address = { .ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_index = 1 },
		.attribute = { .rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL },
		.value = htonl(0x7f000002),
	};
	int fd = new_network();
	WORKS(sendto(fd, &request, sizeof(request), 0, (const void *)&kernel, sizeof(kernel)));
	EQUAL(0, answer(fd, 7));
	EQUAL(RTM_NEWADDR, request.head.nlmsg_type);
}

TEST(an_interface_is_set_up)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK, .nlmsg_seq = 8,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
	};
	struct iovec part = { &request, sizeof(request) };
	struct msghdr message = { .msg_name = (void *)&kernel, .msg_namelen = sizeof(kernel), .msg_iov = &part,
				  .msg_iovlen = 1 };
	int fd = new_network();
	EQUAL(sizeof(request), sendmsg(fd, &message, 0));
	EQUAL(0, answer(fd, 8));
}

TEST(what_is_asked_is_answered)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK, .nlmsg_seq = 9,
			  .nlmsg_flags = NLM_F_REQUEST },
		.link = { .ifi_index = 1 },
	};
	struct nlmsghdr reply[256];
	int fd = new_network();
	WORKS(sendto(fd, &request, sizeof(request), 0, (const void *)&kernel, sizeof(kernel)));
	WORKS(recv(fd, reply, sizeof(reply), 0));
	EQUAL(RTM_NEWLINK, reply[0].nlmsg_type);
}

TEST(an_interface_is_set_up_by_ioctl)
{
	struct ifreq request = { .ifr_name = "lo" };
	close(new_network());
	int fd = WORKS(socket(AF_INET, SOCK_DGRAM, 0));
	WORKS(ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	WORKS(ioctl(fd, SIOCSIFFLAGS, &request));
	WORKS(ioctl(fd, SIOCGIFFLAGS, &request));
	EQUAL(IFF_UP, request.ifr_flags & IFF_UP);
}

TEST(settings_are_the_networks_own)
{
	static const char name[] = "/proc/sys/net/ipv4/ping_group_range";
	char before[64];
	snprintf(before, sizeof(before), "%s", file_text(name));
	CHILD {
		close(new_network());
		int fd = WORKS(open(name, O_WRONLY | O_TRUNC));
		EQUAL(3, write(fd, "7\t8", 3));
		close(fd);
		TEXT("7\t8", without_newline(file_text(name)));
		CHILD TEXT("7\t8", without_newline(file_text(name)));
	}
	TEXT(before, file_text(name));
}
