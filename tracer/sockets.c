/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the socket calls: their addresses are in addresses.c, credentials of peers are virtual. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/inflight.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/netlink.h"
#include "tracer/path.h"
#include "tracer/ports.h"
#include "tracer/session.h"
#include "tracer/share.h"
#include "tracer/sockets.h"
#include "tracer/watch.h"
#include "tracer/users.h"

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

int64_t hook_become_peer(struct call *c)
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
	if (!socket_read_port(c, c->argument[1], size, &address))
		return CALL_PASS;
	int r = ports_to_bind(c->t, &address, size);
	if (r > 0)
		r = socket_put(c, &address, size, &at);
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
	int r = socket_host_address(o->host, true, &address, &size);
	if (r == BIND_BY_RENAME) {
		c->t->exit_private = ++counter;
		first_name(o->host, counter, first);
		r = socket_host_address(first, true, &address, &size);
	}
	if (r == 0)
		r = socket_put(c, &address, size, &at);
	if (r < 0)
		return r;
	socket_remember(address.sun_path, path);
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
	int r = socket_read_path(c, c->argument[1], c->argument[2], path);
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
	char view[PATH_ROOM];
	CLEANUP_CLOSE int process = syscall(434 /* pidfd_open */, c->t->process->pid, 0);
	CLEANUP_CLOSE int fd = process < 0 ? -1 : (int)syscall(438 /* pidfd_getfd */, process,
							     whose == OF_ACCEPTED ? (int)c->result : call_int(c, 0), 0);
	if (fd < 0 || (whose == OWN ? getsockname(fd, (struct sockaddr *)&address, &size) :
				getpeername(fd, (struct sockaddr *)&address, &size)) < 0)
		return;
	if (address.sun_family != AF_UNIX || address.sun_path[0] != '/')
		return;
	const char *text = socket_shown_path(c, address.sun_path, view);
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
	u.pid = inside_shown(c->t, u.pid);
	u.uid = users_shown(c->t, ID_USER, u.uid);
	u.gid = users_shown(c->t, ID_GROUP, u.gid);
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
