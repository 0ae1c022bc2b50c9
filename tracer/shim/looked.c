/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that the process has looked at itself: a table like that of prefixes (shim/abi.h), but of its own memory, so
 * that what is in it leads nobody else anywhere.  It holds until any directory loses its name: who is about to take one
 * away says so before, and when it is done (struct shim_moves).
 */
#include "tracer/shim/fast.h"

#ifdef __x86_64__
#define LOOKED ((struct shim_prefix *)SHIM_LOOKED)
#define HAS_LOOKED ((volatile uint32_t *)SHIM_HAS_LOOKED)
#define MOVES ((const struct shim_moves *)SHIM_MOVES)
#define MOVES_TO_WRITE ((struct shim_moves *)SHIM_MOVES_TO_WRITE)
#define MOVES_USE ((volatile uint32_t *)SHIM_MOVES_USE)

static struct shim_prefix *looked_set(const struct start *start, uint32_t hash)
{
	return LOOKED + prefix_set(start->base, start->ino, hash) % SHIM_LOOKED_COUNT;
}

bool looked_find(struct shim_frame *f, const struct start *start, uint32_t hash, uint32_t key_length, struct place *p)
{
	const struct shim_prefix *set = looked_set(start, hash);
	if (!*HAS_LOOKED || !start->base)
		return false;
	uint64_t moves = __atomic_load_n(&MOVES->begun, __ATOMIC_ACQUIRE);
	for (uint32_t way = 0; way < SHIM_PREFIX_WAYS; way++) {
		if (!prefix_use(f, set + way, start, hash, key_length, moves, p) ||
		    ((p->flags & PREFIX_RELATIVE) && !(p->state->flags & STATE_IS_ALONE)) ||
		    ((p->flags & PREFIX_FROM_ROOT) && !(p->state->flags & STATE_IS_AT_ROOT)))
			continue;
		p->is_relative = p->flags & PREFIX_RELATIVE;
		if (!p->is_relative)
			p->dir_fd = AT_CWD;
		/* Generations tell that they change only of what the tracer knows of. */
		p->has_flags = p->directories == __atomic_load_n(&META->directories, __ATOMIC_ACQUIRE);
		p->flags &= PREFIX_READ_ONLY | PREFIX_NO_MOUNTS | (p->has_flags ? PREFIX_PLAIN | PREFIX_STICKY : 0u);
		return true;
	}
	return false;
}

struct looking looked_begin(void)
{
	struct looking now = { __atomic_load_n(&META->generation, __ATOMIC_ACQUIRE), 0,
			       __atomic_load_n(&META->directories, __ATOMIC_ACQUIRE), false };
	uint64_t ended = __atomic_load_n(&MOVES->ended, __ATOMIC_ACQUIRE);
	now.moves = __atomic_load_n(&MOVES->begun, __ATOMIC_ACQUIRE);
	now.holds = now.moves == ended;
	return now;
}

void looked_add(const struct shim_frame *f, const struct looking *since, const struct start *start, uint32_t hash,
		uint32_t key_length, const struct place *p)
{
	struct shim_prefix *set = looked_set(start, hash), *e = set;
	uint32_t flags = p->is_relative ? PREFIX_RELATIVE : f->path[0] != '/' ? PREFIX_FROM_ROOT : 0;
	/* Another thread may have changed meanwhile what it was looked at from. */
	if (flags && !(p->state->flags & STATE_IS_ALONE))
		return;
	if (!since->holds || !start->base || key_length + p->name_at + 8 > sizeof(e->text))
		return;
	bool is_current = e->base && e->moves == since->moves && e->generation == since->generation;
	e += is_current && (__builtin_ia32_rdtsc() >> 5 & 1);
	/* Another thread's, or that of one that a signal has taken away from it. */
	uint32_t sequence = __atomic_load_n(&e->sequence, __ATOMIC_RELAXED);
	if ((sequence & 1) ||
	    !__atomic_compare_exchange_n(&e->sequence, &sequence, sequence + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	e->base = start->base;
	e->hash = hash;
	e->key_length = key_length;
	e->host_length = p->name_at;
	e->generation = since->generation;
	e->moves = since->moves;
	e->flags = flags | (p->flags & (PREFIX_READ_ONLY | PREFIX_NO_MOUNTS | PREFIX_PLAIN | PREFIX_STICKY));
	e->directories = since->directories;
	e->root_length = 0;
	e->mount = p->is_relative ? 0 : p->mount;
	e->dir_dev = start->dev;
	e->dir_ino = start->ino;
	copy(e->text, f->link, key_length);
	copy(e->text + key_length, f->path, p->name_at);
	__atomic_store_n(&e->sequence, sequence + 2, __ATOMIC_RELEASE);
	*HAS_LOOKED = 1;
}

/* Begun, it must be ended: a descriptor is open. */
static bool map_moves(void)
{
	enum { READ = 1, WRITE = 2, MAP_SHARED = 1, MAP_FIXED = 0x10, READ_WRITE = 2, CLOSE_ON_EXEC = 02000000 };
	long fd = raw(NR_OPENAT, AT_CWD, (long)SHARED->arena_path, CLOSE_ON_EXEC | READ_WRITE, 0);
	long at = fd < 0 ? fd : shim_raw_call(NR_MMAP, SHIM_MOVES_TO_WRITE, SHIM_MOVES_BYTES, READ | WRITE, MAP_SHARED | MAP_FIXED, fd,
					      SHIM_MOVES - SHIM_ARENA);
	if (fd >= 0)
		raw(NR_CLOSE, fd, 0, 0, 0);
	*MOVES_USE = at == SHIM_MOVES_TO_WRITE;
	return *MOVES_USE;
}

/* No prefix rests on it, and nobody is there. */
static bool is_unused(const struct kernel_stat *st)
{
	return !prefix_has_inode(SHARED->walked, sizeof(SHARED->walked) / 8, st->dev, st->ino) &&
	       !prefix_has_inode(SHARED->places, sizeof(SHARED->places) / 8, st->dev, st->ino);
}

/* Is it still what is at the place, when `begun` was so before it was looked for? */
static bool is_there(const struct shim_frame *f, const struct place *p, const struct kernel_stat *st, uint64_t begun)
{
	struct kernel_stat now;
	if (begun == p->moves.begun)
		return true;
	return raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&now, AT_NOFOLLOW) == 0 && now.dev == st->dev && now.ino == st->ino;
}

bool move_begin(struct shim_frame *f, const struct place *p, const struct kernel_stat *st, uint64_t *ret_mask)
{
	if (!is_unused(st) || !hold(f, ret_mask))
		return false;
	if (*MOVES_USE || map_moves()) {
		f->makes = MAKES_MOVE;
		uint64_t begun = __atomic_fetch_add(&MOVES_TO_WRITE->begun, 1, __ATOMIC_SEQ_CST);
		/* Who walks over it from now on sees that, and remembers nothing. */
		if (is_unused(st) && is_there(f, p, st, begun))
			return true;
		move_end(f, *ret_mask);
		return false;
	}
	release(f, *ret_mask);
	return false;
}

void move_end(struct shim_frame *f, uint64_t mask)
{
	__atomic_add_fetch(&MOVES_TO_WRITE->ended, 1, __ATOMIC_SEQ_CST);
	f->makes = MAKES_NOTHING;
	release(f, mask);
}
#endif
