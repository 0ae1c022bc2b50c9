/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which high port stands for which privileged one. */
#include "tracer/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/namespaces.h"

enum { PRIVILEGED = 1024, DISTANCE = 8000 /* 80 becomes 8080, 22 becomes 8022 */ };

static uint16_t high[PRIVILEGED]; /* 0: not mapped */
static bool has_any;
/* Those that config names, and with TRACER_ANY_PORT those that were bound. */
static struct port_pair *pairs;
static size_t pair_count;

void ports_reset(void)
{
	memset(high, 0, sizeof(high));
	TALLOC_FREE(pairs);
	pair_count = session.config->port_count;
	pairs = mem_array(NULL, struct port_pair, pair_count);
	for (size_t i = 0; i < pair_count; i++)
		pairs[i] = session.config->ports[i];
	has_any = pair_count > 0;
}

static struct port_pair *find_pair(unsigned guest)
{
	for (size_t i = 0; i < pair_count; i++)
		if (pairs[i].guest == guest)
			return &pairs[i];
	return NULL;
}

/* ip(7), /proc/sys/net/ipv4/ip_unprivileged_port_start */
static unsigned first_free_port(void)
{
	static int first = -1;
	if (first >= 0)
		return first;
	char text[16] = "";
	CLEANUP_CLOSE int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
	first = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? (int)strtol(text, NULL, 10) : PRIVILEGED;
	return first;
}

/* Where the port is in an address, in network order; NULL when it has none. */
static in_port_t *port_of(struct sockaddr_storage *a, size_t size)
{
	struct sockaddr_in *four = (struct sockaddr_in *)a;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)a;
	if (a->ss_family == AF_INET && size >= sizeof(*four))
		return &four->sin_port;
	/* SIN6_LEN_RFC2133: without the scope */
	return a->ss_family == AF_INET6 && size >= 24 ? &six->sin6_port : NULL;
}

/* Can this address be bound on this machine, by TCP and by UDP? */
static bool can_bind(struct sockaddr_storage *a, uint16_t port)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct sockaddr_storage copy = *a;
	socklen_t size = a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	*port_of(&copy, size) = htons(port);
	bool can = true;
	for (unsigned i = 0; i < 2 && can; i++) {
		CLEANUP_CLOSE int fd = socket(a->ss_family, types[i] | SOCK_CLOEXEC, 0);
		can = fd >= 0 && bind(fd, (struct sockaddr *)&copy, size) == 0;
	}
	return can;
}

/* A port that the kernel chooses is the guest's port from now on; NULL: there is none. */
static struct port_pair *add_pair(unsigned guest)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t size = sizeof(any);
	CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, size) < 0 || getsockname(fd, (struct sockaddr *)&any, &size) < 0)
		return NULL;
	pairs = mem_grow(NULL, pairs, struct port_pair, pair_count + 1);
	pairs[pair_count] = (struct port_pair){ guest, ntohs(any.sin_port) };
	has_any = true;
	return &pairs[pair_count++];
}

static uint16_t choose(uint16_t port)
{
	struct sockaddr_storage any;
	memset(&any, 0, sizeof(any));
	any.ss_family = AF_INET;
	for (unsigned candidate = port + DISTANCE; candidate < 65536; candidate += PRIVILEGED)
		if (can_bind(&any, candidate))
			return candidate;
	return 0;
}

int ports_to_bind(const struct tracee *t, struct sockaddr_storage *a, size_t size)
{
	in_port_t *port = port_of(a, size);
	if (!port)
		return 0;
	unsigned wanted = ntohs(*port);
	struct port_pair *pair = find_pair(wanted);
	if (!pair && wanted && (session.config->flags & TRACER_ANY_PORT))
		pair = add_pair(wanted);
	if (pair) {
		*port = htons(pair->host);
		return 1;
	}
	if (!wanted || wanted >= PRIVILEGED)
		return 0;
	if (!namespaces_has(t, CLONE_NEWNET, CAPABILITY_NET_BIND_SERVICE))
		return wanted < first_free_port() ? -EACCES : 0;
	if (wanted >= first_free_port())
		return 0;
	if (!high[wanted])
		high[wanted] = choose(wanted);
	if (!high[wanted])
		return 0; /* the kernel says EACCES */
	has_any = true;
	*port = htons(high[wanted]);
	return 1;
}

bool ports_to_reach(struct sockaddr_storage *a, size_t size)
{
	in_port_t *port = has_any ? port_of(a, size) : NULL;
	unsigned wanted = port ? ntohs(*port) : 0;
	const struct port_pair *pair = wanted ? find_pair(wanted) : NULL;
	if (pair && can_bind(a, 0)) {
		*port = htons(pair->host);
		return true;
	}
	/* It is on this machine when it can be bound to here. */
	if (!wanted || wanted >= PRIVILEGED || !high[wanted] || !can_bind(a, 0))
		return false;
	*port = htons(high[wanted]);
	return true;
}

bool ports_to_show(struct sockaddr_storage *a, size_t size)
{
	in_port_t *port = has_any ? port_of(a, size) : NULL;
	if (!port)
		return false;
	for (size_t i = 0; i < pair_count; i++) {
		if (pairs[i].host == ntohs(*port)) {
			*port = htons(pairs[i].guest);
			return true;
		}
	}
	for (unsigned i = 1; i < PRIVILEGED; i++) {
		if (high[i] && high[i] == ntohs(*port)) {
			*port = htons(i);
			return true;
		}
	}
	return false;
}
