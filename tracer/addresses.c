/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns addresses of sockets between guest and kernel: AF_UNIX ones are paths, which may be too long for one there, those
 * with ports go through ports.c.
 */
#include "tracer/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/memory.h"
#include "tracer/ports.h"
#include "tracer/session.h"

/* A directory whose names are short, for addresses of 107 bytes. */
static const char *short_dir(void)
{
	if (session.short_dir)
		return session.short_dir;
	/* Any of them may be missing or read-only in a container. */
	static const char *const places[] = { "/tmp", "/dev/shm", "/var/tmp" };
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char path[32];
		snprintf(path, sizeof(path), "%s/fb-XXXXXX", places[i]);
		if (mkdtemp(path))
			return session.short_dir = mem_strdup(NULL, path);
	}
	return session.short_dir = mem_strdup(NULL, session.run_dir);
}

static uint64_t hash_of(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;
	while (*text)
		h = (h ^ (unsigned char)*text++) * 0x100000001b3ull;
	return h ^ h >> 32;
}

/* A short name for a host path: a symlink, the same one for as long as the run lasts. */
static int make_alias(const char *host, char ret[PATH_MAX])
{
	char target[PATH_ROOM];
	for (uint64_t h = hash_of(host);; h++) {
		snprintf(ret, PATH_MAX, "%s/%08x", short_dir(), (unsigned)h);
		if (symlink(path_short(host), ret) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
		ssize_t n = readlink(ret, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, host) == 0)
			return 0;
	}
}

int socket_host_address(const char *host, bool is_for_bind, struct sockaddr_un *ret, socklen_t *ret_size)
{
	char alias[PATH_MAX], parent[PATH_ROOM];
	size_t length = strlen(host);
	ret->sun_family = AF_UNIX;
	if (length < sizeof(ret->sun_path)) {
		memcpy(ret->sun_path, host, length + 1);
	} else {
		const char *tail = strrchr(host, '/');
		snprintf(parent, sizeof(parent), "%.*s", (int)(tail - host), host);
		int r = make_alias(parent, alias);
		if (r == 0 && strlen(alias) + strlen(tail) >= sizeof(ret->sun_path)) {
			/* By another name, which record_bound changes. */
			if (is_for_bind)
				return BIND_BY_RENAME;
			tail = "";
			r = make_alias(host, alias);
		}
		if (r < 0)
			return r;
		length = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s%s", alias, tail);
	}
	*ret_size = offsetof(struct sockaddr_un, sun_path) + length + 1;
	return 0;
}

/* What the guest gave as the path of a socket: it is told so again, however it got there. */
enum { GIVEN = 1024 };
static struct {
	uint64_t host; /* hash of the address that the kernel has */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
} given[GIVEN];

void socket_remember(const char *host_path, const char *path)
{
	uint64_t h = hash_of(host_path);
	given[h % GIVEN].host = h;
	snprintf(given[h % GIVEN].path, sizeof(given->path), "%.108s", path);
}

static const char *find_given(const char *host_path)
{
	uint64_t h = hash_of(host_path);
	return given[h % GIVEN].host == h ? given[h % GIVEN].path : NULL;
}

int socket_read_path(struct call *c, taddr from, uint32_t size, char path[sizeof(struct sockaddr_un)])
{
	struct sockaddr_un address;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	if (size <= head || size > sizeof(address))
		return 0;
	if (memory_read(c->t, from, &address, size) < 0)
		return -EFAULT;
	if (address.sun_family != AF_UNIX || !address.sun_path[0])
		return 0;
	memcpy(path, address.sun_path, size - head);
	path[size - head] = '\0';
	return 1;
}

size_t socket_read_port(const struct call *c, taddr from, uint32_t size, struct sockaddr_storage *ret)
{
	if (!from || size < sizeof(struct sockaddr_in) || size > sizeof(*ret))
		return 0;
	return memory_read(c->t, from, ret, size) == 0 ? size : 0;
}

int socket_put(struct call *c, const void *address, socklen_t size, taddr *ret_at)
{
	char *room = call_room(c, size);
	if (!room)
		return -ENOMEM;
	memcpy(room, address, size);
	*ret_at = (uintptr_t)room;
	return 1;
}

static int translate_port(struct call *c, taddr from, uint32_t size, taddr *ret_at, socklen_t *ret_size)
{
	struct sockaddr_storage address;
	*ret_size = size;
	if (!socket_read_port(c, from, size, &address) || !ports_to_reach(&address, size))
		return 0;
	return socket_put(c, &address, size, ret_at);
}

int socket_translate(struct call *c, taddr from, uint32_t size, taddr *ret_at, socklen_t *ret_size)
{
	char path[sizeof(struct sockaddr_un) + 1];
	struct sockaddr_un address;
	struct object *o = &c->object[0];
	int r = socket_read_path(c, from, size, path);
	if (r == 0)
		return translate_port(c, from, size, ret_at, ret_size);
	if (r < 0)
		return r;
	r = path_lookup(c->t, AT_FDCWD, path, LOOKUP_FOLLOW, o);
	if (r == 0)
		r = path_permission(c->t, o, CRED_WRITE);
	if (r == -EROFS)
		r = 0; /* connecting writes nothing to the file system */
	if (r == 0 && o->is_plain)
		return 0;
	if (r == 0)
		r = socket_host_address(o->host, false, &address, ret_size);
	return r < 0 ? r : socket_put(c, &address, *ret_size, ret_at);
}

const char *socket_shown_path(const struct call *c, const char *host, char view[PATH_ROOM])
{
	char guest[PATH_ROOM];
	const char *text = find_given(host);
	if (text || !mounts_to_guest(c->t->mounts, host, guest, sizeof(guest)))
		return text;
	path_to_view(c->t, guest, view, PATH_ROOM);
	return view;
}

void socket_show(struct call *c, taddr at, taddr size_at, uint32_t room)
{
	struct sockaddr_un address;
	char view[PATH_ROOM], host[PATH_ROOM];
	uint32_t size;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_storage port;
	/* What did not fit is not there to be looked at. */
	if (!at || memory_read(c->t, size_at, &size, sizeof(size)) < 0 || size <= head || size > room)
		return;
	if (socket_read_port(c, at, size, &port) && ports_to_show(&port, size))
		memory_write(c->t, at, &port, size);
	if (size > sizeof(address) || memory_read(c->t, at, &address, size) < 0 || address.sun_family != AF_UNIX ||
	    address.sun_path[0] != '/')
		return;
	snprintf(host, sizeof(host), "%.*s", (int)(size - head), address.sun_path);
	const char *text = socket_shown_path(c, host, view);
	size_t length = text ? strlen(text) + 1 : 0;
	if (!text || length > sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, text, length);
	uint32_t now = head + length;
	memory_write(c->t, at, &address, now < room ? now : room);
	memory_write(c->t, size_at, &now, sizeof(now));
}
