/* SPDX-License-Identifier: Apache-2.0 */
/* Owns port specifications: BuildKit's dockerfile2llb/convert_expose.go. */
#include "builder/dockerfile/ports.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { PORT_MAX = 65535 };

static bool read_number(const char *text, unsigned *ret)
{
	uint64_t number;
	if (!text_to_number(text + (*text == '+'), PORT_MAX, &number))
		return false;
	*ret = (unsigned)number;
	return true;
}

/* "8000-9000"; takes the text apart. */
static bool read_range(char *text, unsigned *ret_first, unsigned *ret_last)
{
	char *last = strchr(text, '-');
	if (last)
		*last++ = '\0';
	if (!read_number(text, ret_first) || !read_number(last ? last : text, ret_last))
		return false;
	return *ret_first <= *ret_last;
}

static bool is_address(char *text)
{
	struct in6_addr address;
	size_t size = strlen(text);
	if (*text == '[') {
		if (size < 2 || text[size - 1] != ']')
			return false;
		text[size - 1] = '\0';
		text++;
	}
	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* "/udp" behind the port; takes it away. */
static int read_protocol(const char *text, char *port, struct ports *ret, struct error *err)
{
	static const char *const known[] = { "tcp", "udp", "sctp" };
	const char *name = "tcp";
	char *slash = strchr(port, '/');
	if (slash)
		*slash = '\0';
	if (slash && slash[1])
		name = slash + 1;
	if (!*port)
		return error_set(err, 0, "invalid port: \"%s\": no port specified", text);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcasecmp(name, known[i]) == 0) {
			ret->protocol = known[i];
			ret->has_upper_case = strcmp(name, known[i]) != 0;
			return 0;
		}
	}
	return error_set(err, 0, "invalid port: \"%s\": invalid proto: %s", text, name);
}

int ports_parse(const char *text, struct ports *ret, struct error *err)
{
	struct ports ports = { 0 };
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, text);
	char *port = strrchr(copy, ':'), *host = NULL, *address = NULL;
	unsigned host_first, host_last;
	if (port) {
		*port++ = '\0';
		host = strrchr(copy, ':');
		if (host) {
			*host++ = '\0';
			address = copy;
		} else {
			host = copy;
		}
	} else {
		port = copy;
	}
	if (read_protocol(text, port, &ports, err) < 0)
		return -1;
	ports.has_host = (host && *host) || (address && *address);
	if (address && *address && !is_address(address))
		return error_set(err, 0, "invalid IP address: %s", address);
	CLEANUP_TALLOC char *range = mem_strdup(NULL, port);
	if (!read_range(range, &ports.first, &ports.last))
		return error_set(err, 0, "invalid containerPort: %s", port);
	if (host && *host) {
		CLEANUP_TALLOC char *host_range = mem_strdup(NULL, host);
		if (!read_range(host_range, &host_first, &host_last))
			return error_set(err, 0, "invalid hostPort: %s", host);
		if (ports.last != ports.first && ports.last - ports.first != host_last - host_first)
			return error_set(err, 0, "invalid ranges specified for container and host Ports: %s and %s", port,
					 host);
	}
	*ret = ports;
	return 0;
}
