/* SPDX-License-Identifier: Apache-2.0 */
/* Owns socketcall(2) of i386: the arguments of the calls of sockets.c and messages.c are in memory. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tracer/hooks.h"
#include "tracer/inflight.h"
#include "tracer/memory.h"

/* Of who comes this way all messages are looked at already. */
static int64_t note_setsockopt(struct call *c)
{
	if (call_int(c, 1) == SOL_SOCKET && call_int(c, 2) == SO_PASSCRED)
		inflight_begin(c->t->process);
	return CALL_PASS;
}

static int64_t (*const by_number[])(struct call *c) = {
	[1] = hook_socket, [2] = hook_bind, [3] = hook_connect, [4] = hook_become_peer, [5] = hook_accept, [6] = hook_getsockname,
	[7] = hook_getpeername, [8] = hook_become_peer, [11] = hook_sendto, [12] = hook_recvfrom, [14] = note_setsockopt,
	[15] = hook_getsockopt, [16] = hook_sendmsg, [17] = hook_recvmsg, [18] = hook_accept, [19] = hook_recvmmsg,
	[20] = hook_sendmmsg,
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
