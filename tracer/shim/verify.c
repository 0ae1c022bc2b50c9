/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifying mode, for tests: what the fast path has answered is asked of the tracer, too.  Calls that only look,
 * and opens, are made by both; after a call that changes files both look at what has become of them.  When the
 * two differ, not just because somebody has changed it meanwhile, the tracer is told, and ends the run.
 */
#include "tracer/core/stat_i386.h"
#include "tracer/shim/fast.h"

#ifdef __x86_64__
enum kind { LOOKS, OPENS, CHANGES };

/* Arguments are numbered from 1, 0: there is none. */
struct checked {
	uint16_t number;
	uint8_t kind;	   /* enum kind */
	uint8_t out;	   /* what LOOKS fills, so many bytes; 0 bytes: as many as it returns */
	uint16_t out_bytes;
	uint8_t object[2][2]; /* what it is about: a descriptor or a directory's, a path */
	uint8_t flags;	   /* of OPENS */
};

#define LOOK(number, path, out, bytes) { number, LOOKS, out, bytes, { { 0, path } }, 0 }
#define OPEN(number, flags, ...) { number, OPENS, 0, 0, { __VA_ARGS__ }, flags }
#define CHANGE(number, ...) { number, CHANGES, 0, 0, { __VA_ARGS__ }, 0 }
enum { STATX_BYTES = 256, NAMES_BYTES = 6 * 65 };

/*
 * By the numbers of shim/calls.h.  mmap and connect are not here: they say nothing of files that could be compared;
 * nor is getppid: the kernel knows of a parent's end before the tracer does.
 */
#ifndef SHIM_I386
enum { STAT_BYTES = sizeof(struct kernel_stat), LOOK_FSTAT = NR_FSTAT, LOOK_FSTATAT = NR_NEWFSTATAT };
static const struct checked all_checked[] = {
	LOOK(4, 1, 2, STAT_BYTES), LOOK(5, 0, 2, STAT_BYTES), LOOK(6, 1, 2, STAT_BYTES), LOOK(262, 2, 3, STAT_BYTES),
	LOOK(332, 2, 5, STATX_BYTES),
	LOOK(21, 1, 0, 0), LOOK(269, 2, 0, 0), LOOK(439, 2, 0, 0),
	LOOK(89, 1, 2, 0), LOOK(267, 2, 3, 0), LOOK(79, 0, 1, 0), LOOK(137, 1, 0, 0), LOOK(59, 1, 0, 0),
	LOOK(102, 0, 0, 0), LOOK(104, 0, 0, 0), LOOK(107, 0, 0, 0), LOOK(108, 0, 0, 0),
	LOOK(105, 0, 0, 0), LOOK(106, 0, 0, 0), LOOK(113, 0, 0, 0), LOOK(114, 0, 0, 0), LOOK(117, 0, 0, 0), LOOK(119, 0, 0, 0),
	LOOK(63, 0, 1, NAMES_BYTES), LOOK(52, 0, 0, 0),
	LOOK(191, 1, 0, 0), LOOK(192, 1, 0, 0), LOOK(193, 0, 0, 0), LOOK(194, 1, 0, 0), LOOK(195, 1, 0, 0), LOOK(196, 0, 0, 0),
	OPEN(2, 2, { 0, 1 }), OPEN(257, 3, { 1, 2 }), OPEN(85, 0, { 0, 1 }),
	CHANGE(82, { 0, 1 }, { 0, 2 }), CHANGE(264, { 1, 2 }, { 3, 4 }), CHANGE(316, { 1, 2 }, { 3, 4 }),
	CHANGE(83, { 0, 1 }), CHANGE(258, { 1, 2 }), CHANGE(84, { 0, 1 }), CHANGE(87, { 0, 1 }), CHANGE(263, { 1, 2 }),
	CHANGE(88, { 0, 2 }), CHANGE(266, { 2, 3 }),
	CHANGE(90, { 0, 1 }), CHANGE(91, { 1, 0 }), CHANGE(268, { 1, 2 }), CHANGE(452, { 1, 2 }),
	CHANGE(92, { 0, 1 }), CHANGE(93, { 1, 0 }), CHANGE(94, { 0, 1 }), CHANGE(260, { 1, 2 }),
	CHANGE(188, { 0, 1 }), CHANGE(190, { 1, 0 }),
	CHANGE(132, { 0, 1 }), CHANGE(235, { 0, 1 }), CHANGE(261, { 1, 2 }), CHANGE(280, { 1, 2 }),
};
#else
enum { STAT_BYTES = sizeof(struct stat64_i386), LOOK_FSTAT = 197, LOOK_FSTATAT = 300 };
static const struct checked all_checked[] = {
	LOOK(195, 1, 2, STAT_BYTES), LOOK(197, 0, 2, STAT_BYTES), LOOK(196, 1, 2, STAT_BYTES), LOOK(300, 2, 3, STAT_BYTES),
	LOOK(383, 2, 5, STATX_BYTES),
	LOOK(33, 1, 0, 0), LOOK(307, 2, 0, 0), LOOK(439, 2, 0, 0),
	LOOK(85, 1, 2, 0), LOOK(305, 2, 3, 0), LOOK(183, 0, 1, 0), LOOK(11, 1, 0, 0),
	LOOK(24, 0, 0, 0), LOOK(47, 0, 0, 0), LOOK(49, 0, 0, 0), LOOK(50, 0, 0, 0),
	LOOK(199, 0, 0, 0), LOOK(200, 0, 0, 0), LOOK(201, 0, 0, 0), LOOK(202, 0, 0, 0),
	LOOK(213, 0, 0, 0), LOOK(214, 0, 0, 0), LOOK(203, 0, 0, 0), LOOK(204, 0, 0, 0), LOOK(208, 0, 0, 0), LOOK(210, 0, 0, 0), LOOK(368, 0, 0, 0),
	LOOK(229, 1, 0, 0), LOOK(230, 1, 0, 0), LOOK(231, 0, 0, 0), LOOK(232, 1, 0, 0), LOOK(233, 1, 0, 0), LOOK(234, 0, 0, 0),
	OPEN(5, 2, { 0, 1 }), OPEN(295, 3, { 1, 2 }), OPEN(8, 0, { 0, 1 }),
	CHANGE(38, { 0, 1 }, { 0, 2 }), CHANGE(302, { 1, 2 }, { 3, 4 }), CHANGE(353, { 1, 2 }, { 3, 4 }),
	CHANGE(39, { 0, 1 }), CHANGE(296, { 1, 2 }), CHANGE(40, { 0, 1 }), CHANGE(10, { 0, 1 }), CHANGE(301, { 1, 2 }),
	CHANGE(83, { 0, 2 }), CHANGE(304, { 2, 3 }),
	CHANGE(15, { 0, 1 }), CHANGE(94, { 1, 0 }), CHANGE(306, { 1, 2 }), CHANGE(452, { 1, 2 }),
	CHANGE(212, { 0, 1 }), CHANGE(207, { 1, 0 }), CHANGE(198, { 0, 1 }), CHANGE(298, { 1, 2 }),
	CHANGE(226, { 0, 1 }), CHANGE(228, { 1, 0 }),
	CHANGE(30, { 0, 1 }), CHANGE(271, { 0, 1 }), CHANGE(299, { 1, 2 }), CHANGE(320, { 1, 2 }), CHANGE(412, { 1, 2 }),
};
#endif

static const struct checked *checked_of(uint64_t number)
{
	for (uint32_t i = 0; i < sizeof(all_checked) / sizeof(*all_checked); i++)
		if (all_checked[i].number == number)
			return &all_checked[i];
	return 0;
}

/* What one side has said. */
struct said {
	int64_t result;
	uint64_t hash;
	uint64_t head[32];
};
enum { TRIES = 4 };

static void hear(const struct shim_frame *f, const struct checked *c, int64_t result, struct said *ret)
{
	uint32_t bytes = result < 0 || !c->out ? 0 : c->out_bytes ? c->out_bytes : (uint32_t)result;
	const uint8_t *from = c->out ? (const uint8_t *)f->argument[c->out - 1] : 0;
#ifdef SHIM_I386
	result = (int32_t)result;
#endif
	ret->result = result;
	ret->hash = 0xcbf29ce484222325u;
	for (uint32_t i = 0; i < 32; i++)
		ret->head[i] = 0;
	for (uint32_t i = 0; i < bytes; i++) {
		ret->hash = (ret->hash ^ from[i]) * 0x100000001b3u;
		if (i < sizeof(ret->head))
			((uint8_t *)ret->head)[i] = from[i];
	}
}

static bool is_same(const struct said *a, const struct said *b)
{
	return a->result == b->result && a->hash == b->hash;
}

/* Ends the run.  `after`: the number of the call that has changed something before, or the frame's. */
static void tell_difference(const struct shim_frame *f, const struct said *own, const struct said *theirs, uint64_t after)
{
	enum { RESULT = -1 };
	const struct checked *c = checked_of(f->rax);
	uint64_t path = c && c->object[0][1] ? f->argument[c->object[0][1] - 1] : 0;
	struct shim_difference d = { (uint64_t)f, RESULT, own->result, theirs->result, after, path };
	if (own->result == theirs->result) {
		uint32_t i = 0;
		while (i < 31 && own->head[i] == theirs->head[i])
			i++;
		d.at = 8 * i;
		d.own = (int64_t)own->head[i];
		d.theirs = (int64_t)theirs->head[i];
	}
	shim_say_differs(&d);
}

/* The frame's call has been answered.  False: leave it to the tracer. */
static bool check_look(struct shim_frame *f, const struct checked *c, uint64_t after)
{
	struct said own, theirs;
	hear(f, c, f->result, &own);
	for (uint32_t tries = 0; tries < TRIES; tries++) {
		f->result = shim_ask(f);
		hear(f, c, f->result, &theirs);
		if (is_same(&own, &theirs))
			return true;
		/* Somebody may have changed it between the two. */
		if (shim_handlers[f->rax](f) != ANSWERED)
			return false;
		hear(f, c, f->result, &own);
		if (is_same(&own, &theirs))
			return true;
	}
	tell_difference(f, &own, &theirs, after);
	return true;
}

/* By a loop: for an initializer, compilers call memset, which is not there. */
static void say_nothing(struct said *said)
{
	said->result = said->hash = 0;
	for (uint32_t i = 0; i < sizeof(said->head) / sizeof(*said->head); i++)
		said->head[i] = 0;
}

/* Open it again by the tracer: is that the same?  Both are open then; what may block is not opened twice. */
static bool check_open(struct shim_frame *f)
{
	enum { TOO_MANY = -24, TOO_MANY_OF_ALL = -23, GET_FLAGS = 3 };
	struct kernel_stat st, other;
	struct said own, theirs;
	say_nothing(&own);
	say_nothing(&theirs);
	st.dev = st.ino = other.dev = other.ino = 0;
	for (uint32_t tries = 0; tries < TRIES; tries++) {
		own.result = f->result;
		if (own.result >= 0 && (raw(NR_FSTAT, own.result, (long)&st, 0, 0) < 0 ||
					((st.mode & TYPE) != TYPE_FILE && (st.mode & TYPE) != TYPE_DIRECTORY)))
			return true;
		theirs.result = shim_ask(f);
		if (theirs.result == TOO_MANY || theirs.result == TOO_MANY_OF_ALL)
			return true;
		if (own.result >= 0 && theirs.result >= 0) {
			raw(NR_FSTAT, theirs.result, (long)&other, 0, 0);
			own.head[0] = st.dev;
			own.head[1] = st.ino;
			own.head[2] = raw(NR_FCNTL, own.result, GET_FLAGS, 0, 0);
			theirs.head[0] = other.dev;
			theirs.head[1] = other.ino;
			theirs.head[2] = raw(NR_FCNTL, theirs.result, GET_FLAGS, 0, 0);
		}
		if (theirs.result >= 0)
			raw(NR_CLOSE, theirs.result, 0, 0, 0);
		if (own.result < 0 || theirs.result < 0 ? own.result == theirs.result :
							  own.head[0] == theirs.head[0] && own.head[1] == theirs.head[1] &&
								  own.head[2] == theirs.head[2])
			return true;
		if (own.result >= 0)
			raw(NR_CLOSE, own.result, 0, 0, 0);
		f->phase = PHASE_LOOKING;
		if (shim_handlers[f->rax](f) != ANSWERED)
			return false;
	}
	/* Two descriptors are never the same number. */
	if (own.result >= 0 && theirs.result >= 0)
		own.result = theirs.result = 0;
	tell_difference(f, &own, &theirs, f->rax);
	return true;
}

static struct shim_frame *claim_frame(void)
{
	uint32_t *locks = (uint32_t *)SHIM_LOCKS;
	for (uint32_t i = 0; i < SHIM_FRAME_COUNT; i++)
		if (!__atomic_exchange_n(&locks[i], 1, __ATOMIC_ACQUIRE))
			return (struct shim_frame *)(SHIM_FRAMES + (uint64_t)i * SHIM_FRAME_BYTES + SHIM_FRAME_AT);
	return 0;
}

static void free_frame(const struct shim_frame *f)
{
	uint32_t *locks = (uint32_t *)SHIM_LOCKS;
	__atomic_store_n(&locks[((uint64_t)f - SHIM_FRAMES) / SHIM_FRAME_BYTES], 0, __ATOMIC_RELEASE);
}

static void look_at(struct shim_frame *g, uint64_t number, uint64_t dir_fd, uint64_t path, uint64_t flags, uint64_t after)
{
	struct kernel_stat st;
	g->phase = PHASE_LOOKING;
	g->makes = MAKES_NOTHING;
	g->rax = number;
	g->argument[0] = dir_fd;
	g->argument[1] = number == LOOK_FSTAT ? (uint64_t)&st : path;
	g->argument[2] = (uint64_t)&st;
	g->argument[3] = flags;
	if (shim_handlers[number](g) == ANSWERED)
		check_look(g, checked_of(number), after);
}

/* What has become of the objects of a call that has been answered. */
static void check_change(struct shim_frame *f, const struct checked *c)
{
	struct shim_frame *g = claim_frame();
	for (uint32_t i = 0; g && i < 2; i++) {
		uint8_t dir = c->object[i][0], path = c->object[i][1];
		uint64_t dir_fd = dir ? f->argument[dir - 1] : (uint64_t)AT_CWD, text = path ? f->argument[path - 1] : 0;
		if (!dir && !path)
			break;
		if (!text) {
			look_at(g, LOOK_FSTAT, dir_fd, 0, 0, f->rax);
			continue;
		}
		look_at(g, LOOK_FSTATAT, dir_fd, text, AT_NOFOLLOW, f->rax);
		look_at(g, LOOK_FSTATAT, dir_fd, text, 0, f->rax);
	}
	if (g)
		free_frame(g);
}

int shim_verify(struct shim_frame *f)
{
	enum { O_CREATE = 0100, O_EXCLUSIVE = 0200 };
	uint64_t old;
	if (shim_handlers[f->rax](f) != ANSWERED)
		return SLOW;
	const struct checked *c = checked_of(f->rax);
	if (!c)
		return ANSWERED;
	if (c->kind == LOOKS)
		return check_look(f, c, f->rax) ? ANSWERED : SLOW;
	/* What it has done is not to be forgotten. */
	f->phase = PHASE_ACTED;
	if (!hold(f, &old))
		return ANSWERED;
	uint32_t flags = c->flags ? f->argument[c->flags - 1] : 0;
	bool is_answered = c->kind != OPENS || (flags & (O_CREATE | O_EXCLUSIVE)) == (O_CREATE | O_EXCLUSIVE) || check_open(f);
	if (is_answered) {
		f->phase = PHASE_ACTED;
		check_change(f, c);
	}
	release(f, old);
	return is_answered ? ANSWERED : SLOW;
}
#endif
