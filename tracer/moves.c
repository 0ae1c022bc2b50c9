/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the tracer's side of struct shim_moves; shim/looked.c is the other one. */
#include "tracer/moves.h"

#include "tracer/fast.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

#define MOVES ((struct shim_moves *)SHIM_MOVES)

void moves_begin(void)
{
	if (!fast_is_on())
		return;
	__atomic_add_fetch(&MOVES->by_tracer, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&MOVES->begun, 1, __ATOMIC_SEQ_CST);
}

void moves_end(void)
{
	if (!fast_is_on())
		return;
	__atomic_add_fetch(&MOVES->ended, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&MOVES->by_tracer, 1, __ATOMIC_SEQ_CST);
}

/* Is a thread of its process at it? */
static int is_moving(struct tracee *t, void *arg)
{
	uint32_t lock[SHIM_FRAME_COUNT], makes;
	bool *ret_is_moving = arg;
	if (!t->is_known || !t->has_shim || memory_read(t, SHIM_LOCKS, lock, sizeof(lock)) < 0)
		return 0;
	for (unsigned i = 0; i < SHIM_FRAME_COUNT && !*ret_is_moving; i++)
		*ret_is_moving = lock[i] && memory_read(t, SHIM_FRAMES + i * SHIM_FRAME_BYTES + SHIM_FRAME_AT + FRAME_MAKES, &makes,
							sizeof(makes)) == 0 && makes == MAKES_MOVE;
	return *ret_is_moving;
}

/* Who was killed at it ends nothing. */
static void end_for_the_dead(void)
{
	bool is_alive = false;
	uint64_t begun = __atomic_load_n(&MOVES->begun, __ATOMIC_SEQ_CST);
	tracee_each(is_moving, &is_alive);
	uint64_t ended = __atomic_load_n(&MOVES->ended, __ATOMIC_SEQ_CST);
	/* Who lives, and had begun by then, has ended. */
	if (!is_alive && __atomic_load_n(&MOVES->begun, __ATOMIC_SEQ_CST) == begun)
		__atomic_add_fetch(&MOVES->ended, begun - ended, __ATOMIC_SEQ_CST);
}

struct moves_since moves_since(void)
{
	enum { OFTEN = 64 };
	static uint64_t last_begun;
	static unsigned seen;
	if (!fast_is_on())
		return (struct moves_since){ 0, true };
	uint64_t ended = __atomic_load_n(&MOVES->ended, __ATOMIC_SEQ_CST), begun = __atomic_load_n(&MOVES->begun, __ATOMIC_SEQ_CST);
	if (begun == ended)
		return (struct moves_since){ begun, true };
	/* That takes a few microseconds where nobody was killed, or stopped. */
	seen = begun == last_begun ? seen + 1 : 0;
	last_begun = begun;
	if (seen % OFTEN == OFTEN - 1)
		end_for_the_dead();
	return (struct moves_since){ begun, false };
}

bool moves_allow(const struct moves_since *since)
{
	return since->is_quiet && (!fast_is_on() || __atomic_load_n(&MOVES->begun, __ATOMIC_SEQ_CST) == since->begun);
}
