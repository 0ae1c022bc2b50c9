/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the socket calls: AF_UNIX addresses are paths, credentials of peers are virtual. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/netlink.h"
#include "tracer/share.h"

enum { ALIASES = 64, CONTROL_MAX = 8192 };

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
	char path[] = "/tmp/fb-XXXXXX";
	session.short_dir = mem_strdup(NULL, mkdtemp(path) ? path : session.run_dir);
	return session.short_dir;
}

/* An address for this host path: itself, or through a symlink to it (or to its directory). */
static int host_address(const char *host, bool is_for_bind, struct sockaddr_un *ret, socklen_t *ret_size)
{
	static unsigned turn;
	char alias[PATH_MAX], target[PATH_ROOM];
	const char *tail = "";
	size_t length = strlen(host);
	ret->sun_family = AF_UNIX;
	if (length >= sizeof(ret->sun_path)) {
		snprintf(alias, sizeof(alias), "%s/%u", short_dir(), turn++ % ALIASES);
		memcpy(target, host, length + 1);
		if (is_for_bind) {
			char *slash = strrchr(target, '/');
			*slash = '\0';
			tail = host + (slash - target);
		}
		unlink(alias);
		if (strlen(alias) + strlen(tail) >= sizeof(ret->sun_path))
			return -ENAMETOOLONG;
		if (symlink(path_short(target), alias) < 0)
			return -errno;
		length = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s%s", alias, tail);
	} else {
		memcpy(ret->sun_path, host, length + 1);
	}
	*ret_size = offsetof(struct sockaddr_un, sun_path) + length + 1;
	return 0;
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

/* Put the translated address of an existing socket into the slot.  1, 0: leave it, -errno. */
static int translate_target(struct call *c, taddr from, uint32_t size, taddr *ret_at, socklen_t *ret_size)
{
	char path[sizeof(struct sockaddr_un) + 1];
	struct sockaddr_un address;
	struct object *o = &c->object[0];
	int r = read_unix_path(c, from, size, path);
	if (r <= 0)
		return r;
	r = path_lookup(c->t, AT_FDCWD, path, LOOKUP_FOLLOW, o);
	if (r == 0)
		r = path_permission(c->t, o, CRED_WRITE);
	if (r == -EROFS)
		r = 0; /* connecting writes nothing to the file system */
	if (r == 0)
		r = host_address(o->host, false, &address, ret_size);
	if (r < 0)
		return r;
	char *room = call_room(c, sizeof(address));
	if (!room)
		return -ENOMEM;
	memcpy(room, &address, *ret_size);
	*ret_at = (uintptr_t)room;
	return 1;
}

int64_t hook_connect(struct call *c)
{
	taddr at;
	socklen_t size;
	int r = translate_target(c, c->argument[1], c->argument[2], &at, &size);
	if (r < 0)
		return r;
	if (r > 0) {
		call_set(c, 1, at);
		call_set(c, 2, size);
	}
	return CALL_PASS;
}

int64_t hook_sendto(struct call *c)
{
	taddr at;
	socklen_t size;
	int r = translate_target(c, c->argument[4], c->argument[5], &at, &size);
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

static int64_t record_bound(struct call *c)
{
	struct object *o = &c->object[0];
	char *path = c->t->exit_text;
	if (c->result == 0 && path && path_lookup(c->t, AT_FDCWD, path, LOOKUP_CREATE | LOOKUP_NAME, o) == 0 &&
	    o->exists) {
		mode_t mode = 0777 & ~c->t->fs->umask;
		/* The kernel has given it the mode too; the invoking user must be able to connect in any case. */
		if (chmod(path_short(o->host), share_real_mode(mode)) == 0)
			share_record_new(c->t, o, mode, 0);
	}
	TALLOC_FREE(c->t->exit_text);
	return c->result;
}

int64_t hook_bind(struct call *c)
{
	char path[sizeof(struct sockaddr_un) + 1];
	struct sockaddr_un address;
	struct object *o = &c->object[0];
	socklen_t size;
	int r = read_unix_path(c, c->argument[1], c->argument[2], path);
	if (r <= 0)
		return r < 0 ? r : CALL_PASS;
	r = path_lookup(c->t, AT_FDCWD, path, LOOKUP_CREATE | LOOKUP_NAME, o);
	if (r < 0)
		return r;
	if (o->exists)
		return -EADDRINUSE;
	if (o->had_trailing_slash)
		return -ENOENT;
	r = path_may_change_parent(c->t, o);
	if (r == 0)
		r = host_address(o->host, true, &address, &size);
	if (r < 0)
		return r;
	char *room = call_room(c, sizeof(address));
	if (!room)
		return -ENOMEM;
	memcpy(room, &address, size);
	call_set(c, 1, (uintptr_t)room);
	call_set(c, 2, size);
	TALLOC_FREE(c->t->exit_text);
	c->t->exit_text = mem_strdup(c->t, path);
	c->t->at_exit = record_bound;
	return CALL_PASS_EXIT;
}

/* An address that the kernel gave back: its path as the guest knows it. */
static void show_address(struct call *c, taddr at, taddr size_at)
{
	struct sockaddr_un address;
	char guest[PATH_ROOM], view[PATH_ROOM], host[PATH_ROOM];
	uint32_t size;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	if (!at || memory_read(c->t, size_at, &size, sizeof(size)) < 0 || size <= head || size > sizeof(address))
		return;
	if (memory_read(c->t, at, &address, size) < 0 || address.sun_family != AF_UNIX ||
	    address.sun_path[0] != '/')
		return;
	snprintf(host, sizeof(host), "%.*s", (int)(size - head), address.sun_path);
	size_t alias = session.short_dir ? strlen(session.short_dir) : 0;
	if (alias && strncmp(host, session.short_dir, alias) == 0 && host[alias] == '/') {
		char link[PATH_MAX], target[PATH_ROOM];
		size_t name = alias + 1 + strcspn(host + alias + 1, "/");
		snprintf(link, sizeof(link), "%.*s", (int)name, host);
		ssize_t n = readlink(link, target, sizeof(target) - 1);
		if (n <= 0)
			return;
		target[n] = '\0';
		char joined[PATH_ROOM];
		if ((size_t)snprintf(joined, sizeof(joined), "%s%s", target, host + name) >= sizeof(joined))
			return;
		memcpy(host, joined, strlen(joined) + 1);
	}
	if (!mounts_to_guest(c->t->mounts, host, guest, sizeof(guest)))
		return;
	path_to_view(c->t, guest, view, sizeof(view));
	size_t length = strlen(view) + 1;
	if (length > sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, view, length);
	uint32_t now = head + length;
	memory_write(c->t, at, &address, now < size ? now : size);
	memory_write(c->t, size_at, &now, sizeof(now));
}

static int64_t show_name(struct call *c)
{
	if (c->result >= 0)
		show_address(c, c->argument[1], c->argument[2]);
	return c->result;
}

int64_t hook_getsockname(struct call *c)
{
	c->t->at_exit = show_name;
	return CALL_PASS_EXIT;
}

static int64_t show_sender(struct call *c)
{
	if (c->result >= 0)
		show_address(c, c->argument[4], c->argument[5]);
	return c->result;
}

int64_t hook_recvfrom(struct call *c)
{
	c->t->at_exit = show_sender;
	return CALL_PASS_EXIT;
}

/* struct msghdr, either width, and where its fields are. */
struct message {
	unsigned char raw[56];
	size_t size;
	taddr name, control;
	uint32_t name_size;
	uint64_t control_size;
};

static int read_message(struct call *c, taddr from, struct message *m)
{
	m->size = c->abi == ABI_64 ? 56 : 28;
	if (memory_read(c->t, from, m->raw, m->size) < 0)
		return -EFAULT;
	m->name = m->control = m->control_size = 0;
	size_t width = c->abi == ABI_64 ? 8 : 4;
	memcpy(&m->name, m->raw, width);
	memcpy(&m->name_size, m->raw + width, 4);
	memcpy(&m->control, m->raw + 4 * width, width);
	memcpy(&m->control_size, m->raw + 5 * width, width);
	return 0;
}

/* SCM_CREDENTIALS: the kernel compares with the sender's real ids, so these are what goes out. */
static int translate_control(struct call *c, struct message *m, size_t width)
{
	if (!m->control || !m->control_size || m->control_size > CONTROL_MAX)
		return 0;
	char *copy = NULL;
	CLEANUP_TALLOC char *control = mem_array(NULL, char, m->control_size);
	if (memory_read(c->t, m->control, control, m->control_size) < 0)
		return -EFAULT;
	size_t head = width + 8;
	for (size_t at = 0; at + head <= m->control_size;) {
		uint64_t length = 0;
		int level, type;
		memcpy(&length, control + at, width);
		memcpy(&level, control + at + width, 4);
		memcpy(&type, control + at + width + 4, 4);
		if (length < head || length > m->control_size - at)
			break;
		if (level == SOL_SOCKET && type == SCM_CREDENTIALS && length >= head + 12) {
			struct ucred u;
			memcpy(&u, control + at + head, sizeof(u));
			const struct cred *mine = &c->t->cred;
			bool is_own = (u.uid == mine->ruid || u.uid == mine->euid || u.uid == mine->suid ||
				       cred_has(mine, CAPABILITY_SETUID)) &&
				      (u.gid == mine->rgid || u.gid == mine->egid || u.gid == mine->sgid ||
				       cred_has(mine, CAPABILITY_SETGID));
			if (!is_own)
				return -EPERM;
			u.uid = session.uid;
			u.gid = session.gid;
			memcpy(control + at + head, &u, sizeof(u));
			copy = control;
		}
		at += (length + width - 1) & ~(uint64_t)(width - 1);
	}
	if (!copy)
		return 0;
	char *room = call_room(c, m->control_size);
	if (!room)
		return -ENOMEM;
	memcpy(room, control, m->control_size);
	uint64_t address = (uintptr_t)room;
	memcpy(m->raw + 4 * width, &address, width);
	return 1;
}

/* A message to the kernel's network, of one part as all programs send it. */
static int pretend_message(struct call *c, struct message *m, size_t width)
{
	taddr vector = 0, at;
	uint64_t count = 0, part[2] = { 0, 0 }, moved;
	memcpy(&vector, m->raw + 2 * width, width);
	memcpy(&count, m->raw + 3 * width, width);
	if (!m->name || count != 1)
		return 0;
	for (unsigned i = 0; i < 2; i++)
		if (memory_read(c->t, vector + i * width, &part[i], width) < 0)
			return -EFAULT;
	int r = netlink_pretend(c, m->name, m->name_size, part[0], part[1], &at);
	if (r <= 0)
		return r;
	char *room = call_room(c, 2 * width);
	if (!room)
		return -ENOMEM;
	memcpy(room, &at, width);
	memcpy(room + width, &part[1], width);
	moved = (uintptr_t)room;
	memcpy(m->raw + 2 * width, &moved, width);
	return 1;
}

int64_t hook_sendmsg(struct call *c)
{
	struct message m;
	size_t width = c->abi == ABI_64 ? 8 : 4;
	taddr at = 0;
	socklen_t size = 0;
	int r = read_message(c, c->argument[1], &m);
	if (r < 0)
		return r;
	int named = m.name ? translate_target(c, m.name, m.name_size, &at, &size) : 0;
	if (named < 0)
		return named;
	if (named > 0) {
		uint64_t address = at;
		memcpy(m.raw, &address, width);
		memcpy(m.raw + width, &size, 4);
	}
	int controlled = translate_control(c, &m, width);
	if (controlled < 0)
		return controlled;
	int pretended = named ? 0 : pretend_message(c, &m, width);
	if (pretended < 0)
		return pretended;
	if (!named && !controlled && !pretended)
		return CALL_PASS;
	char *room = call_room(c, m.size);
	if (!room)
		return -ENOMEM;
	memcpy(room, m.raw, m.size);
	call_set(c, 1, (uintptr_t)room);
	return CALL_PASS;
}

static int64_t show_peer(struct call *c)
{
	struct ucred u;
	uint32_t size;
	if (c->result != 0 || memory_read(c->t, c->argument[4], &size, sizeof(size)) < 0 || size < sizeof(u) ||
	    memory_read(c->t, c->argument[3], &u, sizeof(u)) < 0)
		return c->result;
	const struct tracee *peer = tracee_find(u.pid);
	if (peer && peer->is_known) {
		u.uid = peer->cred.euid;
		u.gid = peer->cred.egid;
	} else if (u.uid == session.uid) {
		u.uid = u.gid = 0;
	}
	memory_write(c->t, c->argument[3], &u, sizeof(u));
	return c->result;
}

int64_t hook_getsockopt(struct call *c)
{
	if (call_int(c, 1) != SOL_SOCKET)
		return CALL_PASS;
	c->t->at_exit = show_peer;
	return CALL_PASS_EXIT;
}

/* ---- socketcall(2), i386: the arguments are in memory ---- */

static int64_t (*const by_number[])(struct call *c) = {
	[1] = hook_socket,	 [2] = hook_bind,      [3] = hook_connect,  [5] = hook_getsockname,
	[6] = hook_getsockname, [7] = hook_getsockname, [11] = hook_sendto, [12] = hook_recvfrom,
	[15] = hook_getsockopt, [16] = hook_sendmsg,	[18] = hook_getsockname,
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
