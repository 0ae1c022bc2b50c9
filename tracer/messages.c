/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns messages: the address, and the credentials among the ancillary data, of sendmsg, recvmsg and the
 * calls that take several.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "tracer/base/mem.h"
#include "tracer/hooks.h"
#include "tracer/inflight.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/netlink.h"
#include "tracer/pids.h"
#include "tracer/sockets.h"
#include "tracer/namespaces.h"
#include "tracer/users.h"

enum { CONTROL_MAX = 8192 };

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

/* What the process names itself from now on; NULL: what it is. */
static void set_claim(struct tracee *t, const struct ucred *claim)
{
	struct process *p = t->process;
	struct ucred is = { p->pid, t->cred.ruid, t->cred.rgid }, was = p->has_claim ? p->claim : is;
	const struct ucred *now = claim ? claim : &is;
	if (was.pid != now->pid || was.uid != now->uid || was.gid != now->gid)
		inflight_settle(p, &was);
	p->has_claim = claim != NULL;
	p->claim = *now;
}

/* SCM_CREDENTIALS: the kernel compares with the sender's real ids, so these are what goes out. */
static int translate_control(struct call *c, struct message *m, size_t width)
{
	if (!m->control || !m->control_size || m->control_size > CONTROL_MAX) {
		if (c->t->process->has_claim)
			set_claim(c->t, NULL);
		return 0;
	}
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
			u.pid = inside_host(c->t, u.pid);
			u.uid = users_named(c->t, ID_USER, u.uid);
			u.gid = users_named(c->t, ID_GROUP, u.gid);
			if (u.uid == ID_NONE || u.gid == ID_NONE)
				return -EINVAL;
			const struct cred *mine = &c->t->cred;
			bool is_own = (u.uid == mine->ruid || u.uid == mine->euid || u.uid == mine->suid ||
				       cred_has_own(mine, CAPABILITY_SETUID)) &&
				      (u.gid == mine->rgid || u.gid == mine->egid || u.gid == mine->sgid ||
				       cred_has_own(mine, CAPABILITY_SETGID));
			bool is_own_pid = u.pid == c->t->process->pid || namespaces_has(c->t, CLONE_NEWPID, CAPABILITY_SYS_ADMIN);
			if (!is_own || !is_own_pid)
				return -EPERM;
			/* scm_check_creds of net/core/scm.c */
			if (u.pid == PIDS_NOBODY)
				return -ESRCH;
			/* The receiver is to see the claim (show_control), the kernel the truth. */
			set_claim(c->t, &u);
			u.pid = c->t->process->pid;
			u.uid = session.uid;
			u.gid = session.gid;
			memcpy(control + at + head, &u, sizeof(u));
			copy = control;
		}
		at += (length + width - 1) & ~(uint64_t)(width - 1);
	}
	if (!copy && c->t->process->has_claim)
		set_claim(c->t, NULL);
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

/* What of a message is put in other words: 1 when something was, 0, -errno. */
static int translate_message(struct call *c, struct message *m, size_t width)
{
	taddr at = 0;
	socklen_t size = 0;
	int named = m->name ? socket_translate(c, m->name, m->name_size, &at, &size) : 0;
	if (named < 0)
		return named;
	if (named > 0) {
		uint64_t address = at;
		memcpy(m->raw, &address, width);
		memcpy(m->raw + width, &size, 4);
	}
	int controlled = translate_control(c, m, width);
	if (controlled < 0)
		return controlled;
	int pretended = named ? 0 : pretend_message(c, m, width);
	return pretended < 0 ? pretended : named || controlled || pretended;
}

int64_t hook_sendmsg(struct call *c)
{
	struct message m;
	int r = read_message(c, c->argument[1], &m);
	if (r == 0)
		r = translate_message(c, &m, c->abi == ABI_64 ? 8 : 4);
	if (r <= 0)
		return r < 0 ? r : CALL_PASS;
	char *room = call_room(c, m.size);
	if (!room)
		return -ENOMEM;
	memcpy(room, m.raw, m.size);
	call_set(c, 1, (uintptr_t)room);
	return CALL_PASS;
}

/* struct mmsghdr: a message and a length. */
static size_t vector_step(const struct call *c)
{
	return c->abi == ABI_64 ? 64 : 32;
}

/* The kernel writes lengths into the vector, so the guest's own is used and put back: what was in it. */
struct put_back {
	uint32_t count;
	struct {
		taddr at;
		unsigned char raw[56];
	} was[64];
};

static int64_t put_back(struct call *c)
{
	const struct put_back *p = (const struct put_back *)(uintptr_t)c->t->exit_private;
	for (unsigned i = 0; i < p->count; i++)
		memory_write(c->t, p->was[i].at, p->was[i].raw, c->abi == ABI_64 ? 56 : 28);
	return c->result;
}

int64_t hook_sendmmsg(struct call *c)
{
	unsigned count = c->argument[2];
	struct put_back *p = NULL;
	for (unsigned i = 0; i < count && i < 1024 /* UIO_MAXIOV */; i++) {
		struct message m;
		unsigned char was[sizeof(m.raw)];
		taddr at = c->argument[1] + i * vector_step(c);
		int r = read_message(c, at, &m);
		if (r == 0) {
			memcpy(was, m.raw, sizeof(was));
			r = translate_message(c, &m, c->abi == ABI_64 ? 8 : 4);
		}
		if (r > 0 && !p) {
			p = call_room(c, sizeof(*p));
			if (p)
				p->count = 0;
		}
		bool has_room = r <= 0 || (p && p->count < sizeof(p->was) / sizeof(*p->was));
		if (r < 0 || !has_room) {
			/* Those before are sent; it is for them that this one is told of the next time. */
			if (i == 0)
				return r < 0 ? r : -ENOMEM;
			call_set(c, 2, i);
			break;
		}
		if (r > 0) {
			p->was[p->count].at = at;
			memcpy(p->was[p->count++].raw, was, sizeof(was));
			if (memory_write(c->t, at, m.raw, m.size) < 0)
				return -EFAULT;
		}
	}
	if (!p)
		return CALL_PASS;
	c->t->exit_private = (uintptr_t)p;
	c->t->at_exit = put_back;
	return CALL_PASS_EXIT;
}

/* ---- receiving ---- */

struct received {
	uint32_t room; /* for its address */
	uint64_t size;
	int flags; /* of the call */
};

/* SCM_CREDENTIALS of a sender of the guest's are its own; the invoking user's are root's. */
static void show_control(struct call *c, const struct message *m, size_t width, const struct received *received)
{
	if (!m->control || !m->control_size || m->control_size > CONTROL_MAX)
		return;
	CLEANUP_TALLOC char *control = mem_array(NULL, char, m->control_size);
	if (memory_read(c->t, m->control, control, m->control_size) < 0)
		return;
	size_t head = width + 8;
	for (size_t at = 0; at + head <= m->control_size;) {
		uint64_t length = 0;
		int level, type;
		struct ucred u;
		memcpy(&length, control + at, width);
		memcpy(&level, control + at + width, 4);
		memcpy(&type, control + at + width + 4, 4);
		if (length < head || length > m->control_size - at)
			return;
		if (level == SOL_SOCKET && type == SCM_CREDENTIALS && length >= head + sizeof(u)) {
			memcpy(&u, control + at + head, sizeof(u));
			struct shown_ids sender;
			bool is_settled = inflight_take(c->t, call_int(c, 0), received->size, received->flags, &u);
			if (!is_settled && process_ids_of(u.pid, &sender))
				u = sender.message;
			else if (!is_settled && u.uid == session.uid)
				u.uid = u.gid = 0;
			u.pid = inside_shown(c->t, u.pid);
			u.uid = users_shown(c->t, ID_USER, u.uid);
			u.gid = users_shown(c->t, ID_GROUP, u.gid);
			memory_write(c->t, m->control + at + head, &u, sizeof(u));
		}
		at += (length + width - 1) & ~(uint64_t)(width - 1);
	}
}

static void show_message(struct call *c, taddr at, const struct received *received)
{
	struct message m;
	size_t width = c->abi == ABI_64 ? 8 : 4;
	if (read_message(c, at, &m) < 0)
		return;
	socket_show(c, m.name, at + width, received->room);
	show_control(c, &m, width, received);
}

static int64_t show_received(struct call *c)
{
	const struct received received = { c->t->exit_private, c->result, call_int(c, 2) };
	if (c->result >= 0)
		show_message(c, c->argument[1], &received);
	return c->result;
}

int64_t hook_recvmsg(struct call *c)
{
	struct message m;
	c->t->exit_private = read_message(c, c->argument[1], &m) == 0 ? m.name_size : 0;
	c->t->at_exit = show_received;
	return CALL_PASS_EXIT;
}

static int64_t show_all_received(struct call *c)
{
	for (int64_t i = 0; i < c->result; i++) {
		taddr at = c->argument[1] + i * vector_step(c);
		struct received received = { sizeof(struct sockaddr_storage), 0, call_int(c, 3) };
		memory_read(c->t, at + (c->abi == ABI_64 ? 56 : 28), &received.size, sizeof(uint32_t));
		show_message(c, at, &received);
	}
	return c->result;
}

int64_t hook_recvmmsg(struct call *c)
{
	c->t->at_exit = show_all_received;
	return CALL_PASS_EXIT;
}
