/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the vectors of execve where they are not what the guest gave: pointers of the guest's between texts of ours. */
#include "tracer/vectors.h"

#include <errno.h>
#include <string.h>

#include "tracer/arena.h"
#include "tracer/base/mem.h"
#include "tracer/exec.h"
#include "tracer/memory.h"

enum { ARGUMENTS_MAX = 1 << 20 };

/* A vector of pointers with its NULL, into *ret on the call's plan: how many, 0 when there is none; or -errno. */
static int64_t read_vector(struct call *c, taddr from, char **ret)
{
	size_t width = c->abi == ABI_64 ? 8 : 4, count = 0, room = 1024;
	char *vector = mem_array(c->t->exec, char, room * width);
	for (uint64_t pointer = 1; from && pointer; count++) {
		if (count == ARGUMENTS_MAX)
			return -E2BIG;
		if (count == room) {
			room *= 2;
			vector = mem_grow(c->t->exec, vector, char, room * width);
		}
		pointer = 0;
		if (memory_read(c->t, from + count * width, vector + count * width, width) < 0)
			return -EFAULT;
		memcpy(&pointer, vector + count * width, width);
	}
	*ret = vector;
	return count;
}

int64_t vectors_turn(struct call *c, unsigned n)
{
	size_t width = c->abi == ABI_64 ? 8 : 4;
	char *old;
	int64_t count = read_vector(c, c->argument[n], &old);
	if (count < 3)
		return count < 0 ? count : 0;
	char *vector = call_large_room(c, count * width);
	/* So long a one keeps its order. */
	if (!vector)
		return 0;
	for (int64_t i = 0; i < count - 1; i++)
		memcpy(vector + i * width, old + (count - 2 - i) * width, width);
	memset(vector + (count - 1) * width, 0, width);
	call_set(c, n, arena_address(vector));
	return 0;
}

int64_t vectors_lead(struct call *c, unsigned n, const struct leading *lead)
{
	size_t width = c->abi == ABI_64 ? 8 : 4;
	char *old;
	int64_t count = read_vector(c, c->argument[n], &old);
	if (count < 0)
		return count;
	/* count includes the terminator, unless there is no vector at all */
	size_t kept = count > 1 ? count - 2 : 0;
	char *vector = call_large_room(c, (lead->count + kept + 1) * width);
	if (!vector)
		return -ENOMEM;
	for (unsigned i = 0; i < lead->count; i++) {
		if (!lead->text[i] && count > 1) {
			memcpy(vector + i * width, old, width);
			continue;
		}
		size_t size = lead->text[i] ? strlen(lead->text[i]) + 1 : 1;
		char *text = call_room(c, size);
		if (!text)
			return -E2BIG;
		memcpy(text, lead->text[i] ? lead->text[i] : "", size);
		uint64_t address = arena_address(text);
		memcpy(vector + i * width, &address, width);
	}
	memcpy(vector + lead->count * width, old + width, kept * width);
	memset(vector + (lead->count + kept) * width, 0, width);
	call_set(c, n, arena_address(vector));
	return 0;
}
