/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the stubs of patched sites.  Of 64-bit code: [what was there] lea end(%rip),%rcx; jmp *SHIM_HUB.
 * Of 32-bit code: [what was there] call *SHIM_SITE; jmp end; jmp call.
 */
#include "tracer/patch_text.h"

#include <string.h>

#include "tracer/base/mem.h"
#include "tracer/shim/abi.h"

enum { ADDRESS_BYTES = 7, LEAVE_BYTES = 7, CALL_BYTES = 6 };

static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

/* An instruction of these first bytes, and the distance from its end to `to`. */
static uint8_t *put_distance(uint8_t *at, const void *opcode, size_t size, const uint8_t *to)
{
	int32_t distance = (int32_t)(to - (at + size + sizeof(distance)));
	return put(put(at, opcode, size), &distance, sizeof(distance));
}

uint8_t *stub_put_jump(uint8_t *at, const uint8_t *to)
{
	return put_distance(at, "\xe9", 1, to);
}

static uint8_t *put_address(uint8_t *at, const struct text *t, const struct site *s)
{
	return put_distance(at, "\x48\x8d\x0d", 3, t->bytes + s->call + 2);
}

static uint8_t *put_leave(uint8_t *at)
{
	uint32_t hub = SHIM_HUB;
	return put(put(at, "\xff\x24\x25", 3), &hub, sizeof(hub));
}

static uint8_t *put_tail_32(uint8_t *at, const struct text *t, const struct site *s)
{
	uint32_t site = SHIM_SITE;
	at = put(put(at, "\xff\x15", 2), &site, sizeof(site));
	return stub_put_jump(stub_put_jump(at, t->bytes + s->call + 2), t->bytes + s->call);
}

static size_t stub_bytes(const struct text *t, const struct site *s)
{
	return s->call - s->from + (t->is_32 ? CALL_BYTES + 2 * JUMP_BYTES : ADDRESS_BYTES + LEAVE_BYTES);
}

/* Padding of so many bytes, the smallest there is; NULL: there is none. */
static uint8_t *take_padding(struct text *t, size_t bytes)
{
	struct padding *best = NULL;
	for (size_t i = 0; i < t->padding_count; i++)
		if (t->padding[i].size >= bytes && (!best || t->padding[i].size < best->size))
			best = &t->padding[i];
	if (!best)
		return NULL;
	uint8_t *at = t->bytes + best->at;
	best->at += bytes;
	best->size -= bytes;
	return at;
}

static void find_padding(struct elf *e, struct text *t)
{
	size_t count = 0;
	uint64_t *starts = mem_array(NULL, uint64_t, e->starts.count + 1);
	for (size_t i = 0; i < e->starts.count; i++)
		if (e->starts.items[i] >= t->address + t->begin && e->starts.items[i] < t->address + t->end)
			starts[count++] = e->starts.items[i] - t->address;
	/* In the file, not in the copy: that has jumps by now. */
	size_t least = ADDRESS_BYTES + JUMP_BYTES;
	t->padding = padding_find(e, e->bytes + t->file_offset, t->end, starts, count, least, &t->padding_count);
	t->has_looked = true;
	talloc_free(starts);
}

static uint8_t *put_stub(uint8_t *at, const struct text *t, const struct site *s)
{
	at = put(at, t->bytes + s->from, s->call - s->from);
	return t->is_32 ? put_tail_32(at, t, s) : put_leave(put_address(at, t, s));
}

/* Most padding is too short for a stub: it goes into two pieces, and all of these share one that leaves. */
static const uint8_t *stub_in_pieces(struct text *t, const struct site *s)
{
	size_t moved = s->call - s->from;
	if (!t->leave) {
		uint8_t *leave = take_padding(t, LEAVE_BYTES);
		if (!leave)
			return NULL;
		put_leave(leave);
		t->leave = leave;
	}
	uint8_t *second = take_padding(t, ADDRESS_BYTES + JUMP_BYTES), *first = second ? take_padding(t, moved + JUMP_BYTES) : NULL;
	if (!first)
		return NULL;
	stub_put_jump(put_address(second, t, s), t->leave);
	stub_put_jump(put(first, t->bytes + s->from, moved), second);
	return first;
}

static const uint8_t *stub_in_padding(struct elf *e, struct text *t, const struct site *s)
{
	if (!t->has_looked)
		find_padding(e, t);
	uint8_t *stub = take_padding(t, stub_bytes(t, s));
	if (!stub)
		return stub_in_pieces(t, s);
	put_stub(stub, t, s);
	return stub;
}

static const uint8_t *stub_in_front(struct text *t, const struct site *s)
{
	if (!t->front || t->front_used + stub_bytes(t, s) > PATCH_FRONT_BYTES)
		return NULL;
	uint8_t *stub = t->front + t->front_used;
	t->front_used = put_stub(stub, t, s) - t->front;
	return stub;
}

const uint8_t *stub_write(struct elf *e, struct text *t, const struct site *s)
{
	uint8_t *stub = t->bytes + t->room;
	if (t->room + stub_bytes(t, s) > t->size) {
		const uint8_t *elsewhere = t->is_32 ? NULL : stub_in_padding(e, t, s);
		return elsewhere ? elsewhere : stub_in_front(t, s);
	}
	t->room = put_stub(stub, t, s) - t->bytes;
	return stub;
}
