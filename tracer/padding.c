/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the proof that bytes between functions are padding. */
#include "tracer/padding.h"

#include <stdbool.h>
#include <stdlib.h>

#include "tracer/arch/decode.h"
#include "tracer/base/mem.h"

struct search {
	const uint8_t *code;
	size_t size, least;
	struct padding *found;
	size_t found_count;
	size_t *targets; /* of all branches between functions or in them, ascending once all are known */
	size_t target_count;
};

static void add_target(struct search *s, int64_t target)
{
	if (target < 0 || (uint64_t)target >= s->size)
		return;
	if ((s->target_count & (s->target_count - 1)) == 0)
		s->targets = mem_grow(NULL, s->targets, size_t, s->target_count ? s->target_count * 2 : 1024);
	s->targets[s->target_count++] = target;
}

static void add_padding(const void *ctx, struct search *s, size_t at, size_t size)
{
	if ((s->found_count & (s->found_count - 1)) == 0)
		s->found = mem_grow(ctx, s->found, struct padding, s->found_count ? s->found_count * 2 : 64);
	s->found[s->found_count++] = (struct padding){ at, size };
}

static void search_function(const void *ctx, struct search *s, size_t from, size_t to)
{
	struct instruction is;
	size_t at, end = 0; /* behind what goes elsewhere, as long as only filler follows */
	for (at = from; at < to && decode_instruction(CODE_64, s->code + at, to - at, &is); at += is.length) {
		if (is.has_target)
			add_target(s, (int64_t)at + is.target);
		if (is.ends_flow && !is.is_filler)
			end = at + is.length;
		else if (!is.is_filler)
			end = 0;
	}
	if (at == to && end && to - end >= s->least)
		add_padding(ctx, s, end, to - end);
}

static int by_value(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return x < y ? -1 : x > y;
}

static bool is_entered(const struct search *s, const struct padding *p)
{
	size_t low = 0, high = s->target_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->targets[middle] < p->at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->target_count && s->targets[low] < p->at + p->size;
}

struct padding *padding_find(const void *ctx, const uint8_t *code, size_t size, const uint64_t *starts, size_t count,
			     size_t least, size_t *ret_count)
{
	struct search s = { .code = code, .size = size, .least = least };
	for (size_t i = 0; i + 1 < count; i++)
		if (starts[i] < starts[i + 1] && starts[i + 1] <= size)
			search_function(ctx, &s, starts[i], starts[i + 1]);
	if (s.target_count)
		qsort(s.targets, s.target_count, sizeof(*s.targets), by_value);
	size_t kept = 0;
	for (size_t i = 0; i < s.found_count; i++)
		if (!is_entered(&s, &s.found[i]))
			s.found[kept++] = s.found[i];
	talloc_free(s.targets);
	*ret_count = kept;
	return s.found;
}
