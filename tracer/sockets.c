/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the socket calls: AF_UNIX addresses are paths, credentials of peers are virtual. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/inflight.h"
#include "tracer/memory.h"
#include "tracer/ports.h"
#include "tracer/netlink.h"
#include "tracer/share.h"
#include "tracer/sockets.h"
#include "tracer/watch.h"

int64_t hook_socket(struct call *c)
{
	int domain = call_int(c, 0), protocol = call_int(c, 2);
	if ((session.config->flags & TRACER_NO_NETWORK) &&
	    (domain == AF_INET || domain == AF_INET6 || domain == AF_PACKET))
		return -EAFNOSUPPORT;
	/* libaudit takes this for a kernel without auditing, which is what an audit socket that may not send is. */
	if (domain == AF_NETLINK && protocol == NETLINK_AUDIT)
		return -EPROTONOSUPPORT;
	return CALL_PASS;
}

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

enum { BIND_BY_RENAME = 1 };

/*
 * An address for this host path: itself, or through a symlink to its directory, or to it.  0, -errno, or
 * BIND_BY_RENAME when the name is too long to be bound so.
 */
static int host_address(const char *host, bool is_for_bind, struct sockaddr_un *ret, socklen_t *ret_size)
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

static void remember_given(const char *host_path, const char *path)
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

/* The path in an address of the guest: 1 when there is one, 0 when it is none of ours, -errno. */
static int read_unix_path(struct call *c, taddr from, uint32_t size, char path[sizeof(struct sockaddr_un)])
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

/* An address of a family that has ports; not 0 when it was read. */
static size_t read_port_address(const struct call *c, taddr from, uint32_t size, struct sockaddr_storage *ret)
{
	if (!from || size < sizeof(struct sockaddr_in) || size > sizeof(*ret))
		return 0;
	return memory_read(c->t, from, ret, size) == 0 ? size : 0;
}

static int put_address(struct call *c, const void *address, socklen_t size, taddr *ret_at)
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
	if (!read_port_address(c, from, size, &address) || !ports_to_reach(&address, size))
		return 0;
	return put_address(c, &address, size, ret_at);
}

int socket_translate(struct call *c, taddr from, uint32_t size, taddr *ret_at, socklen_t *ret_size)
{
	char path[sizeof(struct sockaddr_un) + 1];
	struct sockaddr_un address;
	struct object *o = &c->object[0];
	int r = read_unix_path(c, from, size, path);
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
		r = host_address(o->host, false, &address, ret_size);
	return r < 0 ? r : put_address(c, &address, *ret_size, ret_at);
}

int64_t hook_connect(struct call *c)
{
	taddr at;
	socklen_t size;
	int r = socket_translate(c, c->argument[1], c->argument[2], &at, &size);
	if (r < 0)
		return r;
	if (r > 0) {
		call_set(c, 1, at);
		call_set(c, 2, size);
	}
	process_become_peer(c->t);
	return CALL_PASS;
}

int64_t hook_listen(struct call *c)
{
	process_become_peer(c->t);
	return CALL_PASS;
}

int64_t hook_socketpair(struct call *c)
{
	process_become_peer(c->t);
	return CALL_PASS;
}

int64_t hook_sendto(struct call *c)
{
	taddr at;
	socklen_t size;
	int r = socket_translate(c, c->argument[4], c->argument[5], &at, &size);
	if (r < 0)
		return r;
	if (r > 0) {
		call_set(c, 4, at);
		call_set(c, 5, size);
		return CALL_PASS;
	}
	r = netlink_pretend(c, c->argument[4], c->argument[5], c->argument[1], c->argument[2], &at);
	if (r > 0)
		call_set(c, 1, at);
	return r < 0 ? r : CALL_PASS;
}

/* The name in the same directory that a socket has until it gets its own, too long for an address. */
static void first_name(const char *host, unsigned number, char ret[PATH_ROOM])
{
	snprintf(ret, PATH_ROOM, "%.*s/.fb%u", (int)(strrchr(host, '/') - host), host, number);
}

/* exit_private: the number of its first name, when the socket has one. */
static int64_t record_bound(struct call *c)
{
	struct object *o = &c->object[0];
	char *path = c->t->exit_text, first[PATH_ROOM];
	int r = path ? path_lookup(c->t, AT_FDCWD, path, LOOKUP_CREATE | LOOKUP_NAME, o) : -ENOENT;
	if (c->result == 0 && r == 0 && !o->exists && c->t->exit_private) {
		first_name(o->host, c->t->exit_private, first);
		o->exists = rename(path_short(first), path_short(o->host)) == 0;
	}
	if (c->result == 0 && r == 0 && o->exists) {
		mode_t mode = 0777 & ~c->t->fs->umask;
		/* The kernel has given it the mode too; the invoking user must be able to connect in any case. */
		if (chmod(path_short(o->host), share_real_mode(mode)) == 0)
			share_record_new(c->t, o, mode, 0);
	}
	TALLOC_FREE(c->t->exit_text);
	return c->result;
}

static int64_t bind_port(struct call *c)
{
	struct sockaddr_storage address;
	uint32_t size = c->argument[2];
	taddr at;
	if (!read_port_address(c, c->argument[1], size, &address))
		return CALL_PASS;
	int r = ports_to_bind(c->t, &address, size);
	if (r > 0)
		r = put_address(c, &address, size, &at);
	if (r > 0)
		call_set(c, 1, at);
	return r < 0 ? r : CALL_PASS;
}

/* Bind to the host path of the object, or as near to it as an address can name. */
static int bind_elsewhere(struct call *c, const char *path)
{
	static unsigned counter;
	struct sockaddr_un address;
	char first[PATH_ROOM];
	socklen_t size;
	taddr at = 0;
	const struct object *o = &c->object[0];
	int r = host_address(o->host, true, &address, &size);
	if (r == BIND_BY_RENAME) {
		c->t->exit_private = ++counter;
		first_name(o->host, counter, first);
		r = host_address(first, true, &address, &size);
	}
	if (r == 0)
		r = put_address(c, &address, size, &at);
	if (r < 0)
		return r;
	remember_given(address.sun_path, path);
	call_set(c, 1, at);
	call_set(c, 2, size);
	return 0;
}

/* Who takes datagrams is told the senders' names, by recvmsg too, which is looked at from then on. */
static bool takes_datagrams(const struct tracee *t, int fd)
{
	char link[64], name[64], line[256];
	unsigned long wanted, inode;
	unsigned type = 0;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->tid, fd);
	ssize_t n = readlink(link, name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = '\0';
	if (sscanf(name, "socket:[%lu]", &wanted) != 1)
		return false;
	FILE *in = fopen("/proc/net/unix", "re");
	bool is = false;
	while (in && !is && fgets(line, sizeof(line), in))
		is = sscanf(line, "%*x: %*x %*x %*x %x %*x %lu", &type, &inode) == 2 && inode == wanted &&
		     type == SOCK_DGRAM;
	if (in)
		fclose(in);
	return is;
}

int64_t hook_bind(struct call *c)
{
	char path[sizeof(struct sockaddr_un) + 1];
	struct object *o = &c->object[0];
	int r = read_unix_path(c, c->argument[1], c->argument[2], path);
	if (r == 0)
		return bind_port(c);
	if (r < 0)
		return r;
	if (!c->t->is_watched && c->row->hook == hook_bind && takes_datagrams(c->t, call_int(c, 0)))
		return watch_begin(c, WATCH_CALLS);
	r = path_lookup(c->t, AT_FDCWD, path, LOOKUP_CREATE | LOOKUP_NAME, o);
	if (r < 0)
		return r;
	if (o->exists || o->is_dot)
		return -EADDRINUSE;
	if (o->had_trailing_slash || path_is_nowhere(o))
		return -ENOENT;
	r = path_may_change_parent(c->t, o);
	c->t->exit_private = 0;
	if (r == 0 && !o->is_plain)
		r = bind_elsewhere(c, path);
	if (r < 0)
		return r;
	TALLOC_FREE(c->t->exit_text);
	c->t->exit_text = mem_strdup(c->t, path);
	c->t->at_exit = record_bound;
	return CALL_PASS_EXIT;
}

/* An address that the kernel gave back: its path as the guest knows it. */
void socket_show(struct call *c, taddr at, taddr size_at, uint32_t room)
{
	struct sockaddr_un address;
	char guest[PATH_ROOM], view[PATH_ROOM], host[PATH_ROOM];
	uint32_t size;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_storage port;
	/* What did not fit is not there to be looked at. */
	if (!at || memory_read(c->t, size_at, &size, sizeof(size)) < 0 || size <= head || size > room)
		return;
	if (read_port_address(c, at, size, &port) && ports_to_show(&port, size))
		memory_write(c->t, at, &port, size);
	if (size > sizeof(address) || memory_read(c->t, at, &address, size) < 0 || address.sun_family != AF_UNIX ||
	    address.sun_path[0] != '/')
		return;
	snprintf(host, sizeof(host), "%.*s", (int)(size - head), address.sun_path);
	const char *text = find_given(host);
	if (!text) {
		if (!mounts_to_guest(c->t->mounts, host, guest, sizeof(guest)))
			return;
		path_to_view(c->t, guest, view, sizeof(view));
		text = view;
	}
	size_t length = strlen(text) + 1;
	if (length > sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, text, length);
	uint32_t now = head + length;
	memory_write(c->t, at, &address, now < room ? now : room);
	memory_write(c->t, size_at, &now, sizeof(now));
}

/* How much the guest has room for, before the kernel says there how much it needed. */
static uint32_t room_at(const struct call *c, taddr size_at)
{
	uint32_t room = 0;
	return memory_read(c->t, size_at, &room, sizeof(room)) < 0 ? 0 : room;
}

/*
 * A name did not fit, and what the kernel has cut is the host's: ask again for all of it, by a descriptor of ours for
 * the socket (pidfd_getfd(2), Linux 5.6).
 */
enum whose { OWN, PEERS, OF_ACCEPTED };

static void show_cut(struct call *c, uint32_t room, enum whose whose)
{
	struct sockaddr_un address = { .sun_family = AF_UNSPEC };
	socklen_t size = sizeof(address) - 1;
	char guest[PATH_ROOM], view[PATH_ROOM];
	CLEANUP_CLOSE int process = syscall(434 /* pidfd_open */, c->t->process->pid, 0);
	CLEANUP_CLOSE int fd = process < 0 ? -1 : (int)syscall(438 /* pidfd_getfd */, process,
							     whose == OF_ACCEPTED ? (int)c->result : call_int(c, 0), 0);
	if (fd < 0 || (whose == OWN ? getsockname(fd, (struct sockaddr *)&address, &size) :
				getpeername(fd, (struct sockaddr *)&address, &size)) < 0)
		return;
	if (address.sun_family != AF_UNIX || address.sun_path[0] != '/')
		return;
	const char *text = find_given(address.sun_path);
	if (!text && mounts_to_guest(c->t->mounts, address.sun_path, guest, sizeof(guest))) {
		path_to_view(c->t, guest, view, sizeof(view));
		text = view;
	}
	if (!text || strlen(text) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, text, strlen(text) + 1);
	size = offsetof(struct sockaddr_un, sun_path) + strlen(text) + 1;
	memory_write(c->t, c->argument[1], &address, size < room ? size : room);
	memory_write(c->t, c->argument[2], &size, sizeof(size));
}

static int64_t show_name(struct call *c)
{
	/* exit_private: the room, and above whose name it is. */
	uint32_t room = c->t->exit_private, size;
	if (c->result < 0)
		return c->result;
	if (memory_read(c->t, c->argument[2], &size, sizeof(size)) == 0 && size > room)
		show_cut(c, room, c->t->exit_private >> 32);
	else
		socket_show(c, c->argument[1], c->argument[2], room);
	return c->result;
}

static int64_t wait_for_name(struct call *c, enum whose whose)
{
	c->t->exit_private = (uint64_t)whose << 32 | room_at(c, c->argument[2]);
	c->t->at_exit = show_name;
	return CALL_PASS_EXIT;
}

int64_t hook_getsockname(struct call *c)
{
	return wait_for_name(c, OWN);
}

int64_t hook_getpeername(struct call *c)
{
	return wait_for_name(c, PEERS);
}

int64_t hook_accept(struct call *c)
{
	return wait_for_name(c, OF_ACCEPTED);
}

static int64_t show_sender(struct call *c)
{
	if (c->result >= 0)
		socket_show(c, c->argument[4], c->argument[5], c->t->exit_private);
	return c->result;
}

int64_t hook_recvfrom(struct call *c)
{
	c->t->exit_private = room_at(c, c->argument[5]);
	c->t->at_exit = show_sender;
	return CALL_PASS_EXIT;
}

/* cred_to_ucred of net/core/sock.c: the effective ids when it connected, listened or made the pair. */
static int64_t show_peer(struct call *c)
{
	struct ucred u;
	uint32_t size;
	if (c->result != 0 || memory_read(c->t, c->argument[4], &size, sizeof(size)) < 0 || size < sizeof(u) ||
	    memory_read(c->t, c->argument[3], &u, sizeof(u)) < 0)
		return c->result;
	struct shown_ids of;
	if (process_ids_of(u.pid, &of)) {
		u.uid = of.peer.uid;
		u.gid = of.peer.gid;
	} else if (u.uid == session.uid) {
		u.uid = u.gid = 0;
	}
	memory_write(c->t, c->argument[3], &u, sizeof(u));
	return c->result;
}

int64_t hook_getsockopt(struct call *c)
{
	enum { PEER_GROUPS = 59 /* SO_PEERGROUPS, 4.13 */ };
	if (call_int(c, 1) != SOL_SOCKET)
		return CALL_PASS;
	/* The kernel knows the invoking user's; as on one before it had that, programs ask the group database. */
	if (call_int(c, 2) == PEER_GROUPS)
		return -ENOPROTOOPT;
	if (call_int(c, 2) != SO_PEERCRED)
		return CALL_PASS;
	c->t->at_exit = show_peer;
	return CALL_PASS_EXIT;
}

int64_t hook_setsockopt(struct call *c)
{
	/* Credentials come with messages from now on: those are looked at (messages.c). */
	bool wants = call_int(c, 1) == SOL_SOCKET && call_int(c, 2) == SO_PASSCRED;
	if (wants)
		inflight_begin(c->t->process);
	return wants && !c->t->is_watched ? watch_begin(c, WATCH_CALLS) : CALL_PASS;
}

/* ---- socketcall(2), i386: the arguments are in memory ---- */

/* Of who comes this way all messages are looked at already. */
static int64_t note_setsockopt(struct call *c)
{
	if (call_int(c, 1) == SOL_SOCKET && call_int(c, 2) == SO_PASSCRED)
		inflight_begin(c->t->process);
	return CALL_PASS;
}

static int64_t (*const by_number[])(struct call *c) = {
	[1] = hook_socket, [4] = hook_listen, [8] = hook_socketpair,	 [2] = hook_bind,      [3] = hook_connect,  [5] = hook_accept,
	[6] = hook_getsockname, [7] = hook_getpeername, [11] = hook_sendto, [12] = hook_recvfrom,
	[14] = note_setsockopt, [15] = hook_getsockopt, [16] = hook_sendmsg,	[17] = hook_recvmsg, [18] = hook_accept,
	[19] = hook_recvmmsg,	 [20] = hook_sendmmsg,
};

static int read_vector(struct call *c, taddr from, unsigned number, uint32_t vector[6])
{
	static const unsigned char count[] = { 0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4 };
	memset(vector, 0, 6 * sizeof(*vector));
	if (number >= sizeof(count))
		return -EINVAL;
	return memory_read(c->t, from, vector, count[number] * sizeof(*vector));
}

static int64_t socketcall_exit(struct call *c)
{
	uint32_t vector[6];
	exit_hook inner = c->t->exit_inner;
	if (read_vector(c, c->argument[1], c->argument[0], vector) == 0)
		for (unsigned i = 0; i < 6; i++)
			c->argument[i] = vector[i];
	return inner ? inner(c) : c->result;
}

int64_t hook_socketcall(struct call *c)
{
	unsigned number = c->argument[0];
	uint32_t vector[6];
	uint64_t saved[6];
	int r = read_vector(c, c->argument[1], number, vector);
	if (r < 0)
		return r;
	if (number >= sizeof(by_number) / sizeof(*by_number) || !by_number[number])
		return CALL_PASS;
	if ((number == 5 || number == 18) && !vector[1])
		return CALL_PASS;
	if (number == 15 && vector[2] != SO_PEERCRED)
		return CALL_PASS;
	memcpy(saved, c->argument, sizeof(saved));
	for (unsigned i = 0; i < 6; i++)
		c->argument[i] = vector[i];
	int64_t result = by_number[number](c);
	for (unsigned i = 0; i < 6; i++)
		vector[i] = c->argument[i];
	memcpy(c->argument, saved, sizeof(saved));
	bool has_changed = c->changed;
	c->changed = 0;
	if (result == CALL_PASS_EXIT) {
		c->t->exit_inner = c->t->at_exit;
		c->t->at_exit = socketcall_exit;
	}
	if (has_changed && (result == CALL_PASS || result == CALL_PASS_EXIT)) {
		char *room = call_room(c, sizeof(vector));
		if (!room)
			return -ENOMEM;
		memcpy(room, vector, sizeof(vector));
		call_set(c, 1, (uintptr_t)room);
	}
	return result;
}
